/*
 * Debezium's envelope around a row: before, after, source, transaction, op, ts_*.
 *
 * Any thread; failure is the buffer's. Source: Debezium documentation (MySQL and MariaDB
 * connectors, "Data change events") and recorded output of the versions named below.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/format.h"

/* The version of the format that is written, told in `source.version`. */
#define ENVELOPE_VERSION_MYSQL   "3.6.1.Final"
#define ENVELOPE_VERSION_MARIADB "3.5.0.Final"

struct envelope_source {
    enum format_family family;
    struct slice       name_json;                 /* topic prefix, quoted */
    struct slice       database_json, table_json; /* quoted */
    int64_t            time_us;                   /* of the change, since 1970 */
    uint32_t           server_id;                 /* where the change was made */
    const char        *gtid;                      /* "": null */
    const char        *file;
    uint64_t           position; /* where the rows event begins */
    bool               has_thread;
    uint32_t           thread_id;
};

/* `{"version":...,"row":` : the same for all rows of an event; the row's number and the tail
   follow. */
void envelope_put_source_head(struct buf *out, const struct envelope_source *s);
void envelope_put_source_tail(struct buf *out, const struct envelope_source *s);

/* `,"transaction":null,"op":"c","ts_ms":...}` with one look at the clock: the end of an envelope.
 */
void envelope_put_end(struct buf *out, char op);
