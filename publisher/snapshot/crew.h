/*
 * Threads that read a snapshot's tables and turn the rows into records, each over a connection of
 * its own on the same view; and the queue in which the records wait for the publisher.
 *
 *   crew_new -> crew_take ... crew_give_back ... -> crew_free
 *
 * A table is read by one thread, so its records come in the order in which the server gives the
 * rows. Memory: CREW_BATCH_BYTES for each batch and twice as many batches as threads, or the
 * largest record. Owned by the publisher's thread.
 */
#pragma once
#include "publisher/convert_read.h"
#include "publisher/snapshot/plan.h"

enum { CREW_BATCH_BYTES = 256 * 1024 };

struct crew_record {
    uint32_t key_bytes;
    uint64_t value_bytes;
};

enum crew_news {
    CREW_ROWS,
    CREW_TABLE_DONE,    /* with the last rows */
    CREW_TABLE_GONE,    /* it was dropped */
    CREW_TABLE_CHANGED, /* it can't be read in this view any more */
};

/* Keys and values one behind the other. The last row of a table comes twice: as its last one, and
   as the last one of all (`has_last`). */
struct crew_batch {
    uint32_t            table; /* in the plan */
    enum crew_news      news;
    bool                has_last;
    struct buf          topic, bytes;
    struct crew_record *records;
    uint32_t            count, size;
    uint64_t            rows;
    char                why[ERR_TEXT_BYTES]; /* of GONE and CHANGED */
    struct crew_batch  *next;
};

struct crew_options {
    struct snapshot_view       *view; /* its connections, one for each thread */
    const struct snapshot_plan *plan;
    const struct options       *options;
    struct convert_registrar    registrar;   /* called by any of the threads, one at a time */
    struct emit_place           place;       /* of all rows, but for time and mark */
    uint32_t                    first_table; /* whose first row is the first one of all */
    void (*wake)(void *arg);                 /* there is news; from any thread */
    void *wake_arg;
};

struct crew;
MUST_CHECK int crew_new(const struct crew_options *o, struct crew **out, struct err *e);
/* Ends the threads, which the caller has interrupted. Accepts NULL. */
void crew_free(struct crew *c);
/* 1: *out; 0: none yet; 2: all tables were read and taken; -1: what a thread failed by. */
int  crew_take(struct crew *c, struct crew_batch **out, struct err *e);
void crew_give_back(struct crew *c, struct crew_batch *b);
