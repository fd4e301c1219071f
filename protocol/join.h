/*
 * Where another server's binlog joins what is held, found by fingerprints where there are no GTIDs:
 * which of its transactions are held, and which held ones it lacks.
 *
 *   held      ... a b c d e f            oldest first; the newest that is held is the last
 *   theirs    ... b c e d f x y          the other server's; d and e by a parallel replica
 *                 = = = = = new
 *
 * Equal transactions can't be told apart and need not be: what counts is how many there are of them
 * on each side. That can be told where all of them are in sight. What stands in front of a list was
 * not looked at, and may hold more of those that it begins with; but a fingerprint covers the
 * second of its origin, so all of a later second than those are in the list, whatever their order.
 * Where the numbers of others matter nothing is guessed.
 *
 * Pure: no I/O, any thread. Memory: some 40 bytes for each transaction. Time: one pass and a table.
 */
#pragma once
#include "protocol/fingerprint.h"

enum {
    JOIN_REORDER_MAX = 1024, /* so far from its place a parallel replica may log a transaction */
    JOIN_SIDE_MAX = 1 << 24  /* most transactions of one side */
};

struct join_side {
    const struct fingerprint *prints;
    const uint32_t           *seconds; /* of their origin */
    size_t                    count;
    bool                      whole; /* nothing was ever in front of the first one */
};

struct join {
    size_t
        first_new; /* theirs[first_new] is the first that is not held; their count: none is new */
    size_t held_after_first_new; /* of those behind it, held ones: they were logged in another order
                                    or others were written in between (errant transactions) */
    size_t lacking;              /* held transactions that they do not have */
    size_t first_lacking;        /* in `held`; its count when there is none */
};

enum join_found {
    JOIN_FOUND,
    JOIN_NONE,     /* nothing in common: look at older binlogs, or it is another database */
    JOIN_AMBIGUOUS /* something in common, but of what is in sight it can't be told: look at older
                      binlogs */
};

/* is_held[i] becomes whether theirs[i] is held already, is_lacking[i] whether they lack held[i];
   these make sense, and *out is written, only with JOIN_FOUND. -1 only when memory runs out. */
MUST_CHECK int join_find(const struct join_side *held, const struct join_side *theirs,
                         bool *is_held, bool *is_lacking, enum join_found *found, struct join *out,
                         struct err *e);
