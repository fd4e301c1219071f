/*
 * From binlog events to change events: follows transactions, keeps the table maps, decodes rows,
 * builds Debezium's envelope, and hands each change event to a sink. Used by the publishers and by
 * `binrelay tail`.
 *
 * Owned by one publisher or tool; one thread. Memory: the table maps and definitions in use and the
 * buffers of one row.
 *
 * insert gives c; update u, or where the key changes d and a tombstone of the old key and c of the
 * new; delete d and a tombstone. TRUNCATE and statements (binlog_format other than ROW) give
 * nothing. `source.ts_*` is the original commit's time of MySQL's GTID events, else the second of
 * the rows event; `source.pos` where the rows event begins, for a compressed transaction where its
 * payload event begins. Row images other than FULL: a column that is not in an image is written as
 * null (key columns are taken from the other image). NULL in a column with a default is written as
 * null; Kafka Connect's JsonConverter would write the default, which the binlog does not tell.
 * Source of the output's shape: Debezium documentation (MySQL and MariaDB connectors) and recorded
 * output of the connectors.
 */
#pragma once
#include "publisher/definition.h"
#include "storage/catalog.h"
#include "storage/reader.h"

struct change_event { /* views, valid during the call */
    struct slice topic;
    struct slice key;   /* JSON; empty: no key */
    struct slice value; /* JSON; empty: tombstone */
    store_pos    pos;   /* of the binlog event */
    uint32_t     row;   /* in it */
};

typedef int change_sink(void *arg, const struct change_event *ev, struct err *e);

struct convert_options { /* texts are copied */
    const char *topic_prefix;
    const char
        *database_include; /* Debezium's database.include.list; NULL or "": all but the system's */
    const char *table_include; /* Debezium's table.include.list */
    bool        tombstones;    /* tombstones.on.delete */
    bool        remember;      /* put fetched definitions into the catalog; else only read it */
};

struct convert;
/* `catalog` and `fetch` may be NULL: then tables that the stream does not describe can't be
   converted. */
MUST_CHECK int convert_new(const struct convert_options *o, struct catalog *catalog,
                           definition_fetch *fetch, void *fetch_arg, change_sink *sink,
                           void *sink_arg, struct convert **out, struct err *e);
void           convert_free(struct convert *c);

/* One event, in order, beginning at a transaction's start. `file` and `pos` say where it is
   (source.file, source.pos); `between` tells whether the place behind it lies between transactions
   (a checkpoint may be put there). */
MUST_CHECK int convert_event(struct convert *c, const struct format *f,
                             const struct store_file *file, store_pos pos, const struct event *ev,
                             bool *between, struct err *e);
