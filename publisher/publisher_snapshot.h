/*
 * A publisher's consistent snapshot: all rows of its tables as they are at one place of the stream,
 * written where the stream reaches that place.
 *
 *   decided: begin() -> the stream goes on to its end -> a view is opened (view.h) -> the stream
 *   goes on to the view's place -> schema changes and rows are written -> the stream goes on
 *
 * Without a checkpoint the stream begins at the view's place, so that the rows come first. A
 * snapshot that was interrupted goes on in a new view, with the tables that were not finished: the
 * stream comes first up to that view's place, and so no row is written in an older state after a
 * newer one. A table that can't be read in its view any more, since it was altered, is read in the
 * next view in the same way.
 *
 * All in the publisher's thread; the rows are read by others (crew.h).
 */
#pragma once
#include "publisher/snapshot/plan.h"
#include "publisher/output.h"

struct publisher;
struct crew_batch;

struct publisher_snapshot {
    struct publisher_source source;
    bool                    is_wanted; /* and not done yet */
    bool                    with_rows; /* else schema changes alone */
    bool                    is_first;  /* nothing was written of it yet */
    bool                    has_begun; /* since the start of the process */
    bool                    is_over;   /* snapshot.mode = initial_only, and done */
    bool                    is_open;   /* the view */
    int                     interrupt_fd;
    store_pos               target; /* of the view; 0: not received yet */
    int64_t                 opened_ms;
    struct snapshot_view    view;
    struct snapshot_plan    plan;
    char                   *database, *table; /* up to it all tables are done; NULL: none */
    char                  **again; /* DATABASE and TABLE by turns: are done, but not these */
    uint32_t                again_count;
    struct patterns        *chosen; /* snapshot.include.collection.list */
    /* The last row of a table, in both forms, until it is known which. */
    bool       holds;
    uint32_t   held_table;
    struct buf held_topic, held_key, held_value, held_last;
    uint32_t   rows; /* put from this view */
};

MUST_CHECK int publisher_snapshot_init(struct publisher *p, const struct publisher_source *source,
                                       struct err *e);
void           publisher_snapshot_done(struct publisher *p);
/* Makes whoever waits for a server stop waiting; from any thread. */
void publisher_snapshot_interrupt(struct publisher *p);

/* With the checkpoint's place and state, if one was found: decides what is to be done. Without one
   the place becomes that of a view, once the store has something. */
MUST_CHECK int publisher_snapshot_begin(struct publisher *p, bool is_found, struct err *e);
/* Between two transactions: does what is due here. */
MUST_CHECK int publisher_snapshot_step(struct publisher *p, struct err *e);
/* All that is published was written: opens the view that is wanted. *waits: for what the view is
   ahead of the stream. */
MUST_CHECK int publisher_snapshot_rest(struct publisher *p, bool *waits, struct err *e);
/* One life of the publisher is over. */
void publisher_snapshot_end(struct publisher *p);
