/*
 * From binlog events to change events: follows transactions, keeps the table maps, decodes rows,
 * builds Debezium's envelope, and hands each change event to a sink. Used by the publishers and by
 * `binrelay tail` and `events`.
 *
 * Owned by one publisher or tool; one thread. Memory: the table maps and definitions in use and the
 * buffers of one row.
 *
 * insert gives c; update u, or where the key changes d and a tombstone of the old key and c of the
 * new; delete d and a tombstone; TRUNCATE t where skipped.operations lets it; DDL a schema change.
 * Statements (binlog_format other than ROW) give nothing. `source.ts_*` is the original commit's
 * time of MySQL's GTID events, before 8.0 their second, else the second of the event; `source.pos`
 * where the event begins, for a compressed transaction where its payload event begins.
 *
 * Where Debezium stops or loses changes, this goes on, unless strict.compatibility is set: row
 * images other than FULL (a column that is not in an image is taken from the other one; one that
 * neither has is its default in an inserted row, else null), and updates of parts of JSON documents
 * (the whole document afterwards is made from the row's other image).
 * Source of the output's shape: Debezium documentation (MySQL and MariaDB connectors) and recorded
 * output of the connectors.
 */
#pragma once
#include "publisher/change.h"
#include "publisher/tables/definition.h"
#include "publisher/options.h"
#include "storage/catalog.h"
#include "storage/reader.h"

/* Who knows the numbers of Avro schemas: told each topic's once, before the first record that is
   written with it. Not called for JSON. */
struct convert_registrar {
    int (*find)(void *arg, struct slice topic, bool is_key, const struct schema *root, uint32_t *id,
                struct err *e);
    void *arg;
};

struct convert_options {
    const struct options *options; /* copied */
    bool remember;                 /* put fetched definitions into the catalog; else only read it */
    bool counts_only;              /* values are left empty */
    /* event.processing.failure.handling.mode = warn: a row is left out. May be NULL. */
    void (*warn)(void *arg, const struct err *why);
    void                    *warn_arg;
    struct convert_registrar registrar; /* needed for Avro */
};

struct convert;
/* `catalog` and `fetch` may be NULL: then tables that the stream does not describe can't be
   converted. */
MUST_CHECK int convert_new(const struct convert_options *o, struct catalog *catalog,
                           definition_fetch *fetch, void *fetch_arg, change_sink *sink,
                           void *sink_arg, struct convert **out, struct err *e);
void           convert_free(struct convert *c);

/* Whether a table is published; what the source said of it when reading begins at `at` (takes `d`
   over). */
bool           convert_wants(const struct convert *c, const char *database, const char *table);
MUST_CHECK int convert_learn(struct convert *c, struct definition *d, store_pos at, struct err *e);

/* One event, in order, beginning at a transaction's start. `file` and `pos` say where it is
   (source.file, source.pos); `between` tells whether the place behind it lies between transactions
   (a checkpoint may be put there). */
MUST_CHECK int convert_event(struct convert *c, const struct format *f,
                             const struct store_file *file, store_pos pos, const struct event *ev,
                             bool *between, struct err *e);

/* A heartbeat for the place `at` between two transactions, by the caller's clock: while events pass
   the converter makes them itself, by theirs. */
MUST_CHECK int convert_beat(struct convert *c, store_pos at, struct err *e);
