/* An incremental snapshot's parts, between the files incremental*.c; no one else's. */
#pragma once
#include <pthread.h>
#include "publisher/convert_read.h"
#include "publisher/snapshot/incremental.h"
#include "publisher/snapshot/incremental_state.h"
#include "publisher/publisher_core.h"
#include "publisher/snapshot/row.h"
#include "publisher/snapshot/touched.h"
#include "storage/reader.h"

enum incremental_phase {
    INCREMENTAL_REST,    /* nothing was asked of the source */
    INCREMENTAL_LISTING, /* which tables there are, for the first request */
    INCREMENTAL_READING, /* a chunk */
    INCREMENTAL_HOLDING, /* it is there; the stream has not passed H */
};

struct incremental_request {
    struct incremental_request *next;
    struct signal               signal;
    bool                        waits;        /* somebody does, and frees it */
    bool                        is_kept;      /* it is the state\'s first order */
    bool                        is_withdrawn; /* nobody waits any more, and nothing is to be done */
    bool                        done;
    int                         result;
    struct err                  why;
};

/* The table that is being read, as the stream knows it. */
struct incremental_source {
    struct definition   *definition; /* NULL: none is open */
    struct shape        *shape;
    struct snapshot_row *row;
    struct slice        *texts; /* of one row */
    struct chunk_key     key;
    struct buf           columns, json; /* SQL of all columns; the definition as text */
};

struct incremental {
    struct publisher         *p;
    struct publisher_source   source;
    struct chunk_reader      *reader; /* NULL: nothing was read yet */
    struct incremental_state  state;
    enum incremental_phase    phase;
    struct incremental_source open;
    struct chunk              chunk;
    uint32_t                  rows; /* of the next chunk, at most */
    uint32_t                  epoch;
    struct touched            touched;
    bool                      is_late;    /* to be tried again soon, whatever the stream does */
    bool                      is_dirty;   /* the state has a signal that is not kept yet */
    bool                      is_changed; /* the chunk is not good any more */
    uint32_t                  refused;    /* times in a row, for the same table */
    struct encoding           plain;
    struct buf                key_text, gtids;

    pthread_mutex_t             mutex; /* of what is below */
    pthread_cond_t              taken;
    struct incremental_request *first, **last;
    struct snapshot_progress    progress;
};

/* ---- incremental_request.c ---- */
/* The stream's signals become requests. */
MUST_CHECK int incremental_take_orders(struct incremental *i, struct err *e);
/* Takes up what was asked for, as far as that goes now. */
MUST_CHECK int incremental_take_requests(struct incremental *i, struct reader *r, struct err *e);
MUST_CHECK int incremental_take_list(struct incremental *i, struct reader *r,
                                     const struct chunk_answer *a, struct err *e);

/* ---- incremental.c ---- */
MUST_CHECK int incremental_ask(struct incremental *i, const struct chunk *c, bool wants_last_key,
                               struct reader *r, struct err *e);
/* What the stream knows of a table, or else the source: *out is to be freed. E_PURGED: nobody
   knows it. */
MUST_CHECK int incremental_define(struct incremental *i, const char *database, const char *table,
                                  store_pos at, struct definition **out, struct err *e);
/* The state changed: it is kept, with what was put, before anything else is put. */
MUST_CHECK int incremental_keep(struct incremental *i, struct reader *r, struct err *e);
/* What is put from now on up to incremental_keep() does not come again by itself. */
MUST_CHECK int incremental_begin_writing(struct incremental *i, struct reader *r, struct err *e);
void           incremental_close_table(struct incremental *i);
void           incremental_tell(struct incremental *i);
