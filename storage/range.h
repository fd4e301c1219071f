/*
 * A stretch of the store between two moments: whole transactions, as a consumer would get them that
 * begins at the one and ends at the other.
 *
 * Any thread. Reads sidecars, and of files the stretches between two of their entries.
 */
#pragma once
#include "storage/moment.h"
#include "storage/store.h"

struct range {
    /* Between transactions, begin <= end. A file that begin or end only touch with what no
       transaction is in belongs to neither side: begin is the start of a file where nothing but its
       head is before it, end is the end of one where nothing is behind it. */
    store_pos    begin, end;
    bool         from_first; /* the begin that was asked for is older than what is held */
    struct gtids without;    /* what a consumer that has these would not get; empty as a rule */
};

/*
 * E_CONFIG when `to` is before `from`; E_PROTOCOL for a position inside a transaction, with the
 * nearest places that would do; E_PURGED for what is not held. Fills *out on success only;
 * range_done() it.
 */
MUST_CHECK int range_locate(struct store *s, const struct moment *from, const struct moment *to,
                            struct range *out, struct err *e);
void           range_done(struct range *r); /* accepts a zeroed one */

/* Bytes between the two. */
MUST_CHECK int range_bytes(struct store *s, const struct range *r, uint64_t *out, struct err *e);
/* Does it leave out none of a file's transactions from here on? */
MUST_CHECK int range_takes_all(struct store *s, const struct range *r, uint32_t ordinal, bool *out,
                               struct err *e);

/* Where the first transaction of a file at or behind `from` begins, an offset between transactions;
   `end`, up to which it looks, when there is none. */
MUST_CHECK int range_first_transaction(struct store *s, const struct store_file *f, uint64_t from,
                                       uint64_t end, uint64_t *out, struct err *e);
