/*
 * The parts of Debezium's envelope that are no columns: the source block and the transaction block.
 *
 * Any thread; failure of a buffer is checked by its owner. Source: Debezium documentation (MySQL
 * and MariaDB connectors, "Data change events") and recorded output of the versions named below.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/format.h"
#include "publisher/encode/encoding.h"

/* The version of the format that is written, told in `source.version`. */
#define ENVELOPE_VERSION_MYSQL   "3.6.1.Final"
#define ENVELOPE_VERSION_MARIADB "3.5.0.Final"

/* What `source.snapshot` says: a change of the stream, or which row of a snapshot. */
enum snapshot_mark {
    SNAPSHOT_FALSE,
    SNAPSHOT_TRUE,
    SNAPSHOT_FIRST,
    SNAPSHOT_FIRST_IN_TABLE,
    SNAPSHOT_LAST_IN_TABLE,
    SNAPSHOT_LAST,
    SNAPSHOT_INCREMENTAL
};

struct envelope_source {
    enum format_family family;
    const char        *prefix;    /* topic.prefix */
    const char        *database;  /* "": none */
    const char        *table;     /* NULL: null */
    int64_t            time_us;   /* of the change, since 1970 */
    uint32_t           server_id; /* where the change was made */
    const char        *gtid;      /* "": null */
    const char        *file;
    uint64_t           position; /* where the event begins */
    bool               has_thread;
    uint32_t           thread_id;
    struct slice       query; /* empty: null */
    enum snapshot_mark snapshot;
};

const char *envelope_connector(enum format_family family); /* "mysql", "mariadb" */

/* NULL and *e on E_NOMEM. */
struct schema *envelope_source_schema(enum format_family family, struct err *e);
struct schema *envelope_transaction_schema(struct err *e);

/* The block up to its row's number, which is the same for all rows of an event; the number and the
   tail follow. */
MUST_CHECK int envelope_put_source_head(const struct encoding *n, const struct schema *schema,
                                        const struct envelope_source *s, struct buf *out,
                                        struct err *e);
MUST_CHECK int envelope_put_row(const struct encoding *n, const struct schema *schema, uint32_t row,
                                struct buf *out, struct err *e);
MUST_CHECK int envelope_put_source_tail(const struct encoding *n, const struct schema *schema,
                                        const struct envelope_source *s, struct buf *out,
                                        struct err *e);
