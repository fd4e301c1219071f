/*
 * Reads chunks of tables for an incremental snapshot, in a thread of its own, over a connection of
 * its own: the stream goes on meanwhile.
 *
 * What makes a chunk safe to publish among the stream's changes:
 *
 *   stream    ....S.................H.....      S: what the stream has published when it asks
 *   chunk          wait  [view]  ask             H: where the chunk's rows may be published
 *
 * Everything up to S is in the view, and nothing that is in the view is behind H. So a row that the
 * stream publishes between S and H is left out of the chunk, and all others are at H as they are in
 * the view. S is the low watermark, H the high one; both are read, nothing is written.
 *
 * That all up to S is in the view has to be waited for: a server gives a transaction to its
 * replicas when it is in the binlog, and lets others see its rows a moment later (with semi-sync:
 * perhaps seconds later).
 *   MariaDB: START TRANSACTION WITH CONSISTENT SNAPSHOT tells its own place in the binlog
 *   (binlog_snapshot_file, _position); the view is opened again until that is not before S. H is
 *   that place.
 *   MySQL with GTIDs: gtid_executed grows after the commit, so it is waited for until S is in it.
 *   MySQL without GTIDs: rows whose transaction is in the binlog, but not to be seen yet, differ
 *   from what READ UNCOMMITTED shows. The chunk is read once more in that way, until all of its
 *   rows are equal in both.
 * H of MySQL is the end of the binlog, asked for behind the view.
 *
 * Owned by one publisher; all functions are for its thread. Bounds: one
 * order at a time, chunk_order.bytes_max for its rows (or one row that is larger).
 */
#pragma once
#include "protocol/select.h"
#include "publisher/snapshot/chunk.h"

struct chunk_source { /* who answers, as the stream knows it; "" and 0: not known */
    char     uuid[64];
    uint32_t server_id;
};

struct chunk_order {
    const struct chunk *chunk; /* lives until the answer is there; NULL: a list of all base tables
                                  (database, table, rows as the server guesses) */
    bool                wants_last_key; /* of the table: the chunk ends there at the latest */
    size_t              bytes_max;
    struct chunk_source source;    /* who the stream follows */
    char                file[512]; /* S, in that server's own binlog */
    uint64_t            offset;
    const char         *gtids; /* S as a set, copied; NULL: not known */
};

struct chunk_answer {
    int result; /* -1: `why`; E_REFUSED with the server's number in why.sys; another kind that
                   passes by itself was waited for a while already */
    bool       is_elsewhere; /* another server answers than the stream comes from */
    struct err why;
    struct buf rows; /* each value: its length + 1 in 8 bytes (0: NULL), then the bytes */
    uint32_t   row_count;
    uint32_t   columns;              /* of a row, without those of the key */
    bool       is_cut;               /* more rows than were held were there */
    char      *last[CHUNK_KEYS_MAX]; /* key of the last row that is held; NULL: no row */
    char      *upto[CHUNK_KEYS_MAX]; /* of the table's last row, where that was asked for */
    char       file[512]; /* H; also when the server refused, if it could still be asked */
    uint64_t   offset;
    int64_t    took_ms;
    uint32_t   repeats; /* how often the view was opened in vain */
};

struct chunk_limits {
    uint32_t threads_running; /* the source is left alone while more of its threads run; 0: never */
    uint64_t rows_per_s;      /* 0: no limit */
};

struct chunk_reader_options {
    /* A connection to the source that the stream follows, prepared for reading rows. */
    int (*open)(void *arg, int interrupt_fd, struct select **out, struct err *e);
    void *arg;
    void (*wake)(void *arg); /* an answer is there, or what it waits for has changed */
    void               *wake_arg;
    struct chunk_limits limits;
};

struct chunk_reader;
MUST_CHECK int chunk_reader_new(const struct chunk_reader_options *o, struct chunk_reader **out,
                                struct err *e);
/* Ends a running question, too. */
void chunk_reader_free(struct chunk_reader *r); /* accepts NULL */

/* One order at a time. E_NOMEM. */
MUST_CHECK int chunk_reader_ask(struct chunk_reader *r, const struct chunk_order *o, struct err *e);
bool           chunk_reader_is_busy(struct chunk_reader *r);
/* The answer, once it is there; NULL before. It lives until the next order. */
const struct chunk_answer *chunk_reader_answer(struct chunk_reader *r);
/* The answer was taken. */
void chunk_reader_done(struct chunk_reader *r);
/* What it waits for, as a sentence; "": nothing. */
void chunk_reader_waits(struct chunk_reader *r, char *into, size_t size);
