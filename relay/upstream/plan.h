/*
 * How another server's binlog joins what is held: from which of its files on it is copied, what of
 * them is held already, and what either side lacks of the other.
 *
 * plan_make() asks the server and reads the store; it changes nothing on either side, and what
 * follows another source meanwhile is not disturbed. Any thread; a plan is plain data of its owner.
 *
 *   held      ... a b c d e f            by the relay, from its former source
 *   theirs    ... b c e d f x y          lacking: held, not there; new: there, not held
 *                 = = = = = n n
 */
#pragma once
#include "relay/channel.h"
#include "relay/upstream/landmark.h"
#include "relay/upstream/skip.h"

enum plan_method {
    PLAN_GTID,
    PLAN_CONTENT, /* by what transactions contain, see protocol/fingerprint.h */
    PLAN_CHOSEN,  /* a person said where */
};
const char *plan_method_name(enum plan_method m); /* "gtid", "content", "chosen": of the catalog */

enum { PLAN_NAMED_BYTES_MAX = 64 * 1024 }; /* of each list of names below; then it ends with ... */

struct plan {
    enum plan_method    method;
    struct server_facts facts;              /* of the candidate */
    char                address[300];       /* that answered */
    char        file[STORE_NAME_BYTES + 1]; /* its file that is copied first, from its start */
    struct skip skip;                       /* of it and those behind it */

    /* The first transaction that is not held, or the end of its binlog; "" when it was not looked
       for (PLAN_GTID of MySQL without `count`). */
    char     first_new_file[STORE_NAME_BYTES + 1];
    uint64_t first_new_at;
    bool     counted;                             /* the next four are known */
    uint64_t skipped_transactions, skipped_bytes; /* of `file` and those behind it */
    uint64_t new_transactions, new_bytes;
    uint64_t lacking_transactions, errant_transactions, lost_transactions;

    bool same_server; /* the one that the held binlogs come from last: it lost data */
    bool reset;       /* and it began its binlogs anew: nothing in them was ever held */

    /* Texts: GTIDs, or places. Empty: none. */
    struct buf lacking; /* the relay gave these out, the candidate has not got them; without GTIDs
                           FILE:FROM-TO of relay files, separated by commas */
    struct buf errant;  /* only with `lacking`: new ones, written on while it lacked those */
    struct buf lost;    /* the candidate has deleted these binlogs, and they are not held */
};

struct plan_question {
    const struct config_source *source;
    struct store               *store;
    const char                 *relay_uuid;
    struct landmarks           *landmarks; /* NULL: none are known */
    const char                 *at; /* FILE:POSITION of the candidate, chosen by a person: all
                                       before it is held. NULL or "": find it */
    bool count;        /* reads as far as it takes to fill in all numbers: for people */
    int  interrupt_fd; /* ends it with E_STOPPED when readable; 0: none */
    /* Told now and then, from the same thread; may be NULL. -1 ends it. */
    int (*progress)(void *arg, const char *file, uint64_t offset, uint64_t bytes, struct err *e);
    void *arg;
};

/*
 * E_CONFIG with a sentence when the place can't be told, which lists what was found and how to
 * choose; E_IO, E_AUTH, E_REFUSED as of any source. *out is filled on success only, plan_free()
 * gives back what it holds.
 */
MUST_CHECK int plan_make(const struct plan_question *q, struct plan *out, struct err *e);
void           plan_free(struct plan *p); /* accepts a zeroed one */

/*
 * May it be done? Names GTIDs or places and says what to do otherwise:
 *   E_PURGED   the candidate has deleted what is not held (whatever the policy)
 *   E_REFUSED  it is behind: it lacks what was given out, and may still get it (failover buffer)
 *   E_FORK     it lacks what was given out and went another way since
 * FORK_KEEP lets the last two pass.
 */
MUST_CHECK int plan_check(const struct plan *p, enum fork_policy policy, struct err *e);
