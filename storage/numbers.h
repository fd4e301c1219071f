/*
 * A store in numbers, for those who watch it: what is held, what was done since it was opened, and
 * how many bytes lie between two places. Any thread; each call takes the store's mutex once.
 */
#pragma once
#include "storage/store.h"

struct store_numbers {
    uint32_t files;
    uint64_t bytes;                      /* of all relay files, as far as they are published */
    int64_t  oldest_s;                   /* first event of the oldest file; 0: not known */
    int64_t  newest_s;                   /* last event of the newest one; 0: not known */
    uint64_t syncs, sync_us;             /* done, and the time they took together */
    uint64_t purged_files, purged_bytes; /* forgotten */
    uint64_t index_opens;                /* sidecars that were looked into */
    uint64_t index_rebuilds;             /* because they were missing or damaged */
};
void store_numbers(struct store *s, struct store_numbers *out);

/* Sizes of all files as of one moment. */
struct store_sizes {
    uint32_t  first;  /* ordinal */
    size_t    count;  /* of files; 0: the store is empty */
    uint64_t *before; /* count + 1 of them: bytes of all files in front of each, and of all */
};
MUST_CHECK int store_sizes(struct store *s, struct store_sizes *out, struct err *e);
void           store_sizes_done(struct store_sizes *z); /* accepts a zeroed one */
/* Bytes from one place to a later one; 0 for one that is not later. What lies in front of the first
   file is not counted. */
uint64_t store_sizes_between(const struct store_sizes *z, store_pos from, store_pos to);
bool     store_sizes_hold(const struct store_sizes *z, store_pos at);
