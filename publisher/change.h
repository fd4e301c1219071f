/*
 * A change event as it goes to a sink: one record of Kafka, without its offset.
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/bytes.h"
#include "protocol/base/err.h"
#include "storage/pos.h"

struct schema;

struct change_header {
    struct slice name;
    struct slice text; /* as SimpleHeaderConverter writes it */
};

enum { CHANGE_HEADERS_MAX = 8, CHANGE_ANY_PARTITION = -1 };

struct change_event { /* views, valid during the call */
    struct slice                topic;
    struct slice                key;       /* empty: no key */
    struct slice                value;     /* empty: tombstone */
    int32_t                     partition; /* CHANGE_ANY_PARTITION: the producer's choice */
    const struct change_header *headers;
    uint32_t                    header_count;
    store_pos                   pos; /* of the binlog event */
    uint32_t                    row; /* in it */
    bool                        is_heartbeat;
    const struct schema        *key_schema, *value_schema; /* of Avro; NULL: JSON, or no bytes */
};

typedef int change_sink(void *arg, const struct change_event *ev, struct err *e);
