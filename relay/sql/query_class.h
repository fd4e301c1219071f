/*
 * Who does what a statement asks for: the relay, the active source, or nobody.
 *
 * The first words decide, by the table in query.c; where they don't tell, the statement is looked
 * at further. Whatever is not known for sure to leave the source as it is, is refused: unknown
 * words, comments that one server executes and another one skips, more than one statement. How
 * quotes end depends on the session's sql_mode, so a statement counts as the worst of its readings.
 * What a stored function does is not seen here: the relay's account at the source decides it.
 *
 * Any thread; linear in the statement's size, which only the packet bounds.
 */
#pragma once
#include "relay/sql/code_mask.h"
#include "relay/sql/query.h"

enum query_class {
    QUERY_ANSWERED,  /* query_answer() */
    QUERY_FORWARDED, /* runs on the source; needs RIGHT_FORWARD */
    /* Runs on the source for a user who has RIGHT_FORWARD and the right `needs`; 0: for nobody. For
       all others query_answer() says why not. */
    QUERY_REFUSED,
};

/* What a statement means for the session's own connection to the source. */
enum query_tie {
    QUERY_TIE_NONE,
    /* Answered, and a setting of the session (SET, USE): where there is a connection it has to be
       sent there too, and one that is opened later begins with query_session_each(). */
    QUERY_TIE_SESSION,
    /* Answered while there is no connection, else forwarded: COMMIT, UNLOCK TABLES. */
    QUERY_TIE_TRANSACTION,
    /* Answered with the end of the relay's binlog or its GTIDs. Inside a lock or a transaction at
       the source it is the place there that is asked for, in the relay's coordinates. */
    QUERY_TIE_END,
    /* About the statement before: goes where that one went. */
    QUERY_TIE_LAST,
};

struct query_verdict {
    enum query_class what;
    enum query_tie   tie;
    unsigned         needs; /* of enum right; where refused */
};

/*
 * A statement that is too long to be held is not read as one: its first word decides, and a word
 * anywhere in it that could be one which needs a right that the user lacks stops it, but for those
 * that are in a text or a comment however a server may read it (code_mask.h). For piece after piece
 * of the statement, from its beginning.
 */
enum { QUERY_SCAN_BYTES = 64 }; /* longest such word, or more */
struct query_scan {
    unsigned         rights; /* of the user; ~0: all, nothing is found */
    struct code_mask mask;
    uint8_t          kept[2 * QUERY_SCAN_BYTES];
    size_t           kept_bytes; /* the end of what was scanned */
};
/* May one that begins so go to the source for a user with these rights? */
bool query_may_be_long(struct slice head, unsigned rights);
/* The first word that stops it; NULL: none so far. */
const char *query_scan(struct query_scan *s, struct slice piece);

/* `env` needs facts and session; the session is not changed. */
void query_classify(const struct query_env *env, struct slice sql, struct query_verdict *out);
