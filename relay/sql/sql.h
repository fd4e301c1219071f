/*
 * Just enough of SQL to recognise statements: tokens, patterns of words, LIKE, refusals.
 *
 * A reader is a view into the statement's text and is copied freely to look ahead. Nothing here
 * allocates but sql_put_text(); work is linear in the text. Source: MySQL manual, "Lexical
 * Structure", "Comments".
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/format.h"
#include "protocol/reply.h"

enum sql_kind {
    SQL_END,
    SQL_WORD,     /* name or keyword, bare */
    SQL_NAME,     /* `name` */
    SQL_TEXT,     /* 'text' or "text" */
    SQL_NUMBER,   /* 12 or 1.5, without a sign */
    SQL_USER,     /* @name: body is the name */
    SQL_VARIABLE, /* @@name, @@scope.name: body is what follows the @@ */
    SQL_SIGN,     /* any other character */
    SQL_BAD,      /* an open quote or comment, a zero byte */
};

struct sql_token {
    enum sql_kind kind;
    struct slice  whole; /* as written */
    struct slice  body;  /* without quotes and @; escapes still in it */
};

struct sql {
    struct sql_token now;      /* not consumed yet */
    const uint8_t   *last_end; /* where the token before `now` ended */
    const uint8_t   *at, *end;
    bool             in_version_comment; /* `now` is inside one that servers execute */
    unsigned         version_comments;   /* of those: so far, with the one that `now` is in */
    unsigned         last_comments;      /* the same at the token before */
    /* A comment so far may end elsewhere for a server than it does for us: nothing that was read
       behind it is sure. */
    bool wild;
    /* Escapes in '...' and "..." that this reader does not know (see sql_quotes). */
    bool plain_single, plain_double;
};

/* Whether a backslash escapes depends on a server's sql_mode: NO_BACKSLASH_ESCAPES takes that from
   both quotes, ANSI_QUOTES from the double one. */
enum sql_quotes { SQL_ESCAPES, SQL_ESCAPES_IN_SINGLE, SQL_NO_ESCAPES, SQL_QUOTES };

struct sql sql_over(struct slice text); /* stands on the first token */
struct sql sql_over_as(struct slice text, enum sql_quotes quotes);
void       sql_step(struct sql *s);

/* Steps over `now` when it is this word (case does not matter) or this character. */
bool sql_take_word(struct sql *s, const char *word);
bool sql_take_sign(struct sql *s, char sign);
/*
 * Words one after the other, e.g. "SHOW [GLOBAL|SESSION] VARIABLES": A|B is either, [A] or [A|B]
 * may be absent. Steps over all of them, or over nothing.
 */
bool sql_match(struct sql *s, const char *pattern);
/* The end of the statement, a ';' allowed before it. */
bool sql_at_end(const struct sql *s);

/* Is the token this name, bare or quoted? */
bool sql_is_name(const struct sql_token *t, const char *name);
/* A text token's content, escapes resolved. */
void sql_put_text(const struct sql_token *t, struct buf *out);
bool sql_equal(struct slice a, const char *b); /* ASCII case does not matter */
/* LIKE with % and _ and backslash, as SHOW uses it: ASCII case does not matter. */
bool sql_like(struct slice pattern, struct slice text);

/* ---- why a statement is refused ---- */
struct sql_refusal {
    uint16_t number;
    char     state[6];
    char     text[REPLY_ERROR_BYTES + 1];
};
/* Returns -1. */
int sql_refuse(struct sql_refusal *r, uint16_t number, const char *state, const char *fmt, ...)
    PRINTF_ARGS(4, 5);
/* 1064 with the server's text, pointing at where the reader stands. Returns -1. */
int sql_refuse_syntax(struct sql_refusal *r, const struct sql *s, enum format_family family);
