/*
 * How far an incremental snapshot is: which tables are left and behind which key the next chunk
 * begins. Kept together with the publisher's checkpoint, as a line of JSON.
 *
 * Owned by one publisher; one thread. Bounds: INCREMENTAL_STATE_BYTES_MAX as text.
 */
#pragma once
#include "protocol/base/buf.h"
#include "publisher/snapshot/chunk.h"

enum { INCREMENTAL_STATE_BYTES_MAX = 1000 << 10 };

struct incremental_table { /* own memory */
    char    *database, *table;
    char    *condition, *surrogate; /* NULL: none */
    char    *id;                    /* of the signal that asked for it */
    uint64_t guessed;               /* rows, as the server guesses; 0: it does not */
};

struct incremental_order {  /* own memory */
    char *id, *type, *data; /* of a signal, as it came */
};

struct incremental_wish { /* the same, borrowed */
    const char *database, *table, *condition, *surrogate, *id;
    uint64_t    guessed;
};

struct incremental_state {
    struct incremental_table *tables; /* the first one is being read */
    size_t                    count;
    struct incremental_order *orders; /* of the stream, not taken up yet */
    size_t                    order_count;
    bool                      paused;
    bool                      is_writing; /* rows are behind the checkpoint that holds this */
    char    *behind[CHUNK_KEYS_MAX], *upto[CHUNK_KEYS_MAX]; /* literals, see chunk.h; NULL: none */
    uint64_t rows;                                          /* published of the first table */
};

void incremental_state_init(struct incremental_state *s);
void incremental_state_done(struct incremental_state *s);
/* Texts are copied; all but the names and the id may be NULL. */
MUST_CHECK int incremental_state_add(struct incremental_state *s, const struct incremental_wish *w,
                                     struct err *e);
MUST_CHECK int incremental_state_order(struct incremental_state *s, struct slice id,
                                       struct slice type, struct slice data, struct err *e);
void           incremental_state_forget_order(struct incremental_state *s); /* the first one */
/* The next table becomes the first one, from its beginning. */
void           incremental_state_drop(struct incremental_state *s, size_t index);
MUST_CHECK int incremental_state_set_key(char *into[CHUNK_KEYS_MAX], const char *const *literals,
                                         struct err *e);
void           incremental_state_restart(struct incremental_state *s); /* of the first table */

void           incremental_state_put(const struct incremental_state *s, struct buf *out);
MUST_CHECK int incremental_state_read(struct slice text, struct incremental_state *out,
                                      struct err *e);
