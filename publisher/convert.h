/*
 * From binlog events to change events: follows transactions, keeps the table maps, decodes rows,
 * builds Debezium's envelope, and hands each change event to a sink. Used by the publishers and by
 * `binrelay tail`.
 *
 * Owned by one publisher or tool; one thread. Memory: the table maps and definitions in use and the
 * buffers of one row. Source of the output's shape: Debezium documentation (MySQL and MariaDB
 * connectors) and recorded output of the connectors.
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
};

struct convert;
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
