/*
 * The catalog: small rows that outlive the process, in SQLite (catalog.db in the data folder):
 * format version, files and epochs, publishers' checkpoints, consumers, table definitions. Events
 * never go there, and the rows of files can be made again from the files and their sidecars.
 *
 * Every call is one durable transaction (synchronous=FULL, WAL). Any thread: calls are serialised
 * inside. A catalog of an older format version is brought up when it is opened for writing; read
 * only, what it has no table for fails when it is asked for. A newer one is refused. Both E_CONFIG.
 */
#pragma once
#include "storage/store.h"

struct catalog;

/* E_PURGED when it is opened `readonly` and there is none. */
MUST_CHECK int catalog_open(const char *folder, bool readonly, struct catalog **out, struct err *e);
void           catalog_close(struct catalog *c);

/* After a write that failed: from now on it can't come back by a kill, as what was written before a
   sync failed does. To be called before anything changes that it told of. */
MUST_CHECK int catalog_settle(struct catalog *c, struct err *e);

/* ---- files and epochs: used by the store ---- */
MUST_CHECK int catalog_put_file(struct catalog *c, const struct store_file *f, struct err *e);
/* Several at once: all or none. */
MUST_CHECK int catalog_put_files(struct catalog *c, const struct store_file *files, size_t count,
                                 struct err *e);
MUST_CHECK int catalog_each_file(struct catalog *c,
                                 int (*each)(void *arg, const struct store_file *f, struct err *e),
                                 void *arg, struct err *e); /* ascending by ordinal */
/* Removes the rows of all files before this ordinal. */
/* With them go the table definitions that newer ones replaced before that file. */
MUST_CHECK int catalog_forget_files(struct catalog *c, uint32_t before, struct err *e);
MUST_CHECK int catalog_put_start(struct catalog *c, store_pos start, struct err *e);
MUST_CHECK int catalog_get_start(struct catalog *c, store_pos *out, struct err *e); /* 0: none */

/*
 * ---- epochs: runs of files copied from one source, and how each was joined to what was held ----
 *
 * A row is written before the first file of its epoch begins, so it may be there without a file:
 * then the newest file is of an older epoch, or its ordinal is not that of the row. An epoch
 * without a row was begun by a version of this program that wrote none.
 */
enum { CATALOG_METHOD_BYTES = 16 };
struct catalog_epoch {
    uint32_t            epoch;
    uint32_t            ordinal;                           /* of its first relay file ... */
    char                source_file[STORE_NAME_BYTES + 1]; /* ... the image of this one */
    struct store_source source;
    int64_t             begun_s;
    char                method[CATALOG_METHOD_BYTES]; /* "first", "gtid", "content", "chosen" */
    bool forked; /* it was begun although the source lacks what consumers were given */
    /* Borrowed; from catalog_each_epoch() they are valid during the call. Never NULL. */
    const char *skipped; /* what of the source's binlog is held already: relay/upstream/skip.h */
    const char *lacking; /* held, not at the source: GTIDs, or places FILE:FROM-TO of relay files */
    const char *errant;  /* of the source alone, from before it was joined: GTIDs or its places */
    const char *lost;    /* purged at the source, not held: GTIDs */
};
/* The name of the [source] that is followed is a value of this name, see catalog_get_value(). */
#define CATALOG_ACTIVE_SOURCE "source.active"
/* The row and, in the same transaction, its source as the active one. */
MUST_CHECK int catalog_put_epoch(struct catalog *c, const struct catalog_epoch *x, struct err *e);
MUST_CHECK int catalog_each_epoch(struct catalog *c,
                                  int (*each)(void *arg, const struct catalog_epoch *x,
                                              struct err *e),
                                  void *arg, struct err *e); /* ascending */
/* Rows of later epochs, which never began. */
MUST_CHECK int catalog_forget_epochs(struct catalog *c, uint32_t after, struct err *e);

/* ---- publishers' checkpoints ---- */
struct catalog_checkpoint {
    store_pos next;       /* the transaction to begin with */
    uint64_t  sink_bytes; /* size of the output at that moment (file sink) */
    uint64_t  events;     /* written so far */
    /* What else the publisher wants to find again, put together with the place: borrowed by
       catalog_put_checkpoint(), where NULL is ""; not filled by catalog_get_checkpoint(). */
    const char *state;
};
MUST_CHECK int catalog_put_checkpoint(struct catalog *c, const char *publisher,
                                      const struct catalog_checkpoint *p, struct err *e);
/* 1 when found, 0 when none, -1 on errors. */
int catalog_get_checkpoint(struct catalog *c, const char *publisher, struct catalog_checkpoint *out,
                           struct err *e);
/* Its state alone, appended to `out`. The same results. */
int catalog_get_checkpoint_state(struct catalog *c, const char *publisher, struct buf *out,
                                 struct err *e);

/* ---- consumers: who was streamed, and what it may still need ---- */
enum { CATALOG_CONSUMER_NAME_BYTES = 128, CATALOG_CONSUMER_TEXT_BYTES = 96 };
struct catalog_consumer {
    char      name[CATALOG_CONSUMER_NAME_BYTES];
    char      user[CATALOG_CONSUMER_TEXT_BYTES];
    char      uuid[UUID_TEXT_BYTES + 1]; /* "": it told none */
    char      address[CATALOG_CONSUMER_TEXT_BYTES];
    uint32_t  server_id;
    store_pos place;  /* sent so far */
    store_pos held;   /* it may come back for what is behind this */
    int64_t   seen_s; /* connected at that time, Unix time */
};
/* All or none. */
MUST_CHECK int catalog_put_consumers(struct catalog *c, const struct catalog_consumer *consumers,
                                     size_t count, struct err *e);
MUST_CHECK int catalog_each_consumer(struct catalog *c,
                                     int (*each)(void *arg, const struct catalog_consumer *x,
                                                 struct err *e),
                                     void *arg, struct err *e); /* ascending by name */
MUST_CHECK int catalog_forget_consumer(struct catalog *c, const char *name, struct err *e);

/* ---- small named values (the relay's own server_uuid, what the source said of itself) ---- */
MUST_CHECK int catalog_put_value(struct catalog *c, const char *name, const char *value,
                                 struct err *e);
/* 1 found (text in *out), 0 none, -1 on errors. */
int catalog_get_value(struct catalog *c, const char *name, struct buf *out, struct err *e);

/* ---- table definitions by place (JSON text made by publisher/schema) ---- */
MUST_CHECK int catalog_put_definition(struct catalog *c, const char *database, const char *table,
                                      store_pos since, const char *json, struct err *e);
/* The newest at or before `at`: 1 found (text in *out), 0 none. */
int catalog_get_definition(struct catalog *c, const char *database, const char *table, store_pos at,
                           struct buf *out, struct err *e);

/* The store's own catalog, for the publishers of its channel. */
struct catalog *store_catalog(struct store *s);
