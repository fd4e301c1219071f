/*
 * Gathers, event by event, what goes into a sidecar: the writer feeds it what it appends, and
 * whoever makes a sidecar again feeds it what the file holds, so both come to the same entries.
 *
 * Owned by one thread. Feeding costs a few additions for most events; memory is the GTIDs since the
 * last checkpoint and the entries that were not taken yet.
 */
#pragma once
#include "protocol/txn.h"
#include "storage/hole.h"
#include "storage/sidecar.h"

enum { INDEXER_DISTANCE_BYTES = 256 * 1024 };

struct indexer_mark { /* an entry in `ready`, and the place that must be published before it */
    uint64_t offset;
    size_t   end;
};

struct indexer {
    uint32_t              distance;
    uint64_t              checkpoint_at; /* offset of the last checkpoint */
    uint64_t              closed_at;     /* where the last transaction ended */
    struct sidecar_counts span;          /* since the checkpoint */
    uint64_t              open_events;   /* of a transaction that has not ended */
    uint64_t              loose_events;  /* since the last transaction's end: not yet in span */
    struct sidecar_counts totals;        /* of the file, up to the last checkpoint */
    struct gtids          span_gtids;
    struct gtids          fresh;    /* since indexer_take_fresh() */
    struct gtid           run;      /* consecutive GTIDs, not yet in the two above: the first ... */
    uint64_t              run_last; /* ... and the last */
    struct gtids          inherited; /* held before this file; until its head came */
    bool                  begins_epoch;
    bool                  has_before;
    struct buf            before; /* text, once has_before */
    struct buf            ready;  /* encoded entries */
    struct indexer_mark  *marks;
    size_t                mark_count, mark_size, marks_done;
    size_t                ready_done; /* bytes of `ready` that were taken */
};

/* `distance` 0: INDEXER_DISTANCE_BYTES. */
void indexer_init(struct indexer *ix, uint32_t distance);
void indexer_done(struct indexer *ix); /* accepts a zeroed one */
/* At a file's start: what is held before it, and whether it is the first of its epoch. */
MUST_CHECK int indexer_inherit(struct indexer *ix, const struct gtids *held, bool begins_epoch,
                               struct err *e);
/* Back to the start of a (new) file; keeps `fresh`. */
void indexer_reset(struct indexer *ix);
/* Goes on behind a checkpoint read from a sidecar. */
void indexer_resume(struct indexer *ix, const struct sidecar_entry *checkpoint);

MUST_CHECK int indexer_close_txn(struct indexer *ix, const struct gtid *g, uint32_t commit_s,
                                 uint64_t end, struct err *e);
MUST_CHECK int indexer_take_head_event(struct indexer *ix, const struct event *ev, uint64_t end,
                                       struct err *e);
MUST_CHECK int indexer_pass_hole(struct indexer *ix, uint64_t end, struct err *e);

static inline bool indexer_is_head_event(const struct event *ev)
{
    return ev->type == EVENT_PREVIOUS_GTIDS || ev->type == EVENT_MARIADB_GTID_LIST;
}

/* Each event in order; `end` is the offset behind it. */
static inline int indexer_feed(struct indexer *ix, const struct event *ev, enum txn_place place,
                               const struct txn *txn, uint64_t end, struct err *e)
{
    ix->open_events++;
    if (place != TXN_OUTSIDE && place != TXN_CLOSED)
        return 0;
    ix->loose_events += ix->open_events;
    ix->open_events = 0;
    if (place == TXN_CLOSED)
        return indexer_close_txn(ix, &txn->current.gtid, ev->timestamp_s, end, e);
    if (indexer_is_head_event(ev))
        return indexer_take_head_event(ix, ev, end, e);
    if (hole_is_left_out(ev))
        return indexer_pass_hole(ix, end, e);
    return 0;
}

/* A last checkpoint, if there were transactions since the last one, and FOOTER. `size` is the
   file's, `gtids` are those behind it, as text. */
MUST_CHECK int indexer_finish(struct indexer *ix, uint64_t size, struct slice gtids, struct err *e);

/* The entries, not taken yet, that tell only of what is before `published`; in the order in which
   they go to the sidecar. */
struct slice indexer_ready(struct indexer *ix, uint64_t published);
void         indexer_taken(struct indexer *ix, size_t bytes);

/* Moves the GTIDs that came since the last call into *out (which must be empty). */
MUST_CHECK int indexer_take_fresh(struct indexer *ix, struct gtids *out, struct err *e);

/*
 * into = what is held behind the head of a file that says `said`, `into` being held before it. A
 * MySQL server's set is united with it, since of what another server left to us it knows nothing.
 * A MariaDB server's state replaces it, as domains may have been deleted; but of another server's
 * file, or one that is behind what is held (a hole), the greater number of each domain counts.
 */
MUST_CHECK int gtids_pass_head(struct gtids *into, const struct gtids *said, bool begins_epoch,
                               struct err *e);
/* into = what holds both: sets united, states overwritten by the later one. */
MUST_CHECK int gtids_unite(struct gtids *into, const struct gtids *more, struct err *e);
MUST_CHECK int gtids_unite_text(struct gtids *into, struct slice text, struct err *e);
