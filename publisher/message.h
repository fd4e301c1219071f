/*
 * Records that are no rows: transactions, heartbeats, schema changes.
 *
 * Owned by one converter; one thread. Keys and values are appended to the caller's buffers, whose
 * failure is checked by their owner. Source: Debezium documentation ("Transaction metadata",
 * "Heartbeat", "Schema change topic") and recorded output of the connectors.
 */
#pragma once
#include "publisher/encode/encoding.h"
#include "publisher/envelope.h"

struct messages;
MUST_CHECK int messages_new(const struct encoding *of_keys, const struct encoding *of_values,
                            struct schema *const source[2], struct messages **out, struct err *e);
void           messages_free(struct messages *m); /* accepts NULL */

/* What they are written with. */
enum message_kind { MESSAGE_TRANSACTION, MESSAGE_HEARTBEAT, MESSAGE_SCHEMA_CHANGE };
void messages_schemas(const struct messages *m, enum message_kind kind, enum format_family family,
                      struct schema **key, struct schema **value);

struct message_collection {
    const char *name; /* DATABASE.TABLE */
    uint64_t    events;
};
struct message_transaction {
    const char                      *id;
    bool                             is_end;
    uint64_t                         events; /* of an end, as all below */
    const struct message_collection *collections;
    uint32_t                         collection_count;
    int64_t                          time_ms;
};
MUST_CHECK int messages_put_transaction(const struct messages            *m,
                                        const struct message_transaction *t, struct buf *key,
                                        struct buf *value, struct err *e);

MUST_CHECK int messages_put_heartbeat(const struct messages *m, const char *prefix, int64_t time_ms,
                                      struct buf *key, struct buf *value, struct err *e);

struct message_schema_change {
    enum format_family family;
    struct slice       source; /* written by this encoding already */
    int64_t            time_ms;
    const char        *database;
    struct slice       ddl;
    struct slice       changes; /* JSON array, see definition_put_change */
};
MUST_CHECK int messages_put_schema_change(const struct messages              *m,
                                          const struct message_schema_change *c, struct buf *key,
                                          struct buf *value, struct err *e);
