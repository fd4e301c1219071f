/*
 * Forgetting the oldest relay files: whole ones, oldest first, the index before the data.
 *
 * What is to go is written down in the catalog before the first file is removed, so that a purge
 * which was cut off is finished when the store is opened again. GTIDs of purged transactions stay
 * known: they are what store_gtids_before() says of the first file that is left. A reader inside a
 * purged file may read it to its end; whoever asks for a place in it afterwards gets E_PURGED. The
 * file in progress always stays. Any thread; one purge at a time.
 */
#pragma once
#include "storage/store.h"

/* What makes a file go; 0 is no limit. Any one is enough. */
struct purge_limits {
    uint64_t keep_bytes;   /* oldest files go while all together are more than this */
    uint64_t free_bytes;   /* ... while the disk has less room than this */
    int64_t  keep_since_s; /* files whose last event is older than this (Unix time) */
    uint32_t keep_ordinal; /* files before this one */
};

/* What a consumer still needs is kept, whatever the limits say, until it is behind by more than it
   is allowed: the smallest of the ordinals that are passed in here. 0: nobody holds anything. */
struct purge_plan {
    uint32_t keep_from; /* the first file to stay */
    uint32_t files;     /* how many go */
    uint64_t bytes;     /* of them */
    bool     held;      /* more would go, but for the hold */
};
MUST_CHECK int purge_plan(struct store *s, const struct purge_limits *limits, uint32_t hold,
                          struct purge_plan *out, struct err *e);
/* Removes the files before the plan's keep_from. */
MUST_CHECK int purge_run(struct store *s, const struct purge_plan *plan, struct err *e);
/* Finishes what an earlier one began; used at opening. */
MUST_CHECK int purge_finish(struct store *s, struct err *e);
