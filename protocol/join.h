/*
 * Where another server's binlog joins what is held, found by fingerprints where there are no GTIDs:
 * which of its transactions are held, and which held ones it lacks.
 *
 *   held      ... a b c d e f            oldest first; the newest that is held is the last
 *   theirs    ... b c e d f x y          the other server's; d and e by a parallel replica
 *                 = = = = = new
 *
 * Equal transactions can't be told apart and need not be: what counts is how many there are of them
 * behind a place that both have in common. That place (the anchor) is a transaction whose
 * fingerprint stands once on each side; a fingerprint covers the second of its origin, so one
 * second that is whole on both sides is enough to know that. Without one nothing is guessed.
 *
 * What stands in front of a list was not looked at, and may hold one more of a transaction that
 * stands once in it. So the second of the anchor has to be a later one than those that the list
 * begins with.
 *
 * Pure: no I/O, any thread. Memory: some 40 bytes for each transaction. Time: one pass and a table.
 */
#pragma once
#include "protocol/fingerprint.h"

enum {
    JOIN_REORDER_MAX = 1024, /* around the anchor a parallel replica may have changed the order of
                                so many transactions */
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
    size_t anchor_held, anchor_theirs;
};

enum join_found {
    JOIN_FOUND,
    JOIN_NONE,     /* nothing in common: look at older binlogs, or it is another database */
    JOIN_AMBIGUOUS /* something in common, but nothing that surely stands once on each side */
};

/* is_held[i] becomes whether theirs[i] is held already, is_lacking[i] whether they lack held[i];
   these and *out are written only with JOIN_FOUND. -1 only when memory runs out. */
MUST_CHECK int join_find(const struct join_side *held, const struct join_side *theirs,
                         bool *is_held, bool *is_lacking, enum join_found *found, struct join *out,
                         struct err *e);
