/*
 * Debezium's signals: what a person asks of a publisher, whether by a row in the signalling table,
 * a record in the signal topic, or `binrelay snapshot`.
 *
 * Owned by who read it; plain data. Source: Debezium documentation, "Sending signals to a Debezium
 * connector".
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/bytes.h"
#include "protocol/base/err.h"

enum { SIGNAL_BYTES_MAX = 4 << 20, SIGNAL_COLLECTIONS_MAX = 100000 };

enum signal_kind {
    SIGNAL_OTHER, /* of a type that nobody here knows */
    SIGNAL_EXECUTE,
    SIGNAL_PAUSE,
    SIGNAL_RESUME,
    SIGNAL_STOP,
    SIGNAL_LOG,
};

struct signal_condition {
    char *collection; /* regular expression of DATABASE.TABLE */
    char *filter;     /* SQL */
};

struct signal {
    enum signal_kind         kind;
    char                    *id;
    bool                     is_blocking;
    char                   **collections; /* regular expressions of DATABASE.TABLE */
    size_t                   collection_count;
    struct signal_condition *conditions;
    size_t                   condition_count;
    char                    *surrogate; /* NULL: the table's key */
    char                    *message;   /* of SIGNAL_LOG; NULL: none */
};

/* `data` may be empty where the type needs none. E_PROTOCOL says what is wrong with it. */
MUST_CHECK int signal_read(struct slice id, struct slice type, struct slice data,
                           struct signal *out, struct err *e);
/* The value of a record in the signal topic: {"id":...,"type":...,"data":{...}}. */
MUST_CHECK int signal_read_record(struct slice value, struct signal *out, struct err *e);
void           signal_done(struct signal *s); /* accepts a zeroed one */
