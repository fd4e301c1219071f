/*
 * A publisher's options under Debezium's names, as values.
 *
 * Owned by whoever made them; only read afterwards, so any thread may. Source: Debezium
 * documentation, "Connector properties" of the MySQL and MariaDB connectors; Kafka Connect,
 * JsonConverterConfig.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "protocol/base/err.h"
#include "publisher/option_keys.h"

enum option_decimals { DECIMALS_PRECISE, DECIMALS_DOUBLE, DECIMALS_STRING };
enum option_times {
    TIMES_ADAPTIVE_MICROSECONDS,
    TIMES_ADAPTIVE,
    TIMES_CONNECT,
    TIMES_ISOSTRING,
    TIMES_MICROSECONDS,
    TIMES_NANOSECONDS
};
enum option_binaries { BINARIES_BYTES, BINARIES_BASE64, BINARIES_BASE64_URL, BINARIES_HEX };
enum option_bigints { BIGINTS_LONG, BIGINTS_PRECISE };
enum option_adjustment { ADJUSTMENT_NONE, ADJUSTMENT_AVRO, ADJUSTMENT_AVRO_UNICODE };
enum option_failures { FAILURES_WARN, FAILURES_SKIP, FAILURES_FAIL };
enum option_converter { CONVERTER_JSON, CONVERTER_AVRO };
enum option_subject { SUBJECT_TOPIC, SUBJECT_RECORD, SUBJECT_TOPIC_RECORD };
enum option_decimal_format { DECIMAL_FORMAT_BASE64, DECIMAL_FORMAT_NUMERIC };
enum option_snapshots {
    SNAPSHOTS_NONE,
    SNAPSHOTS_INITIAL,
    SNAPSHOTS_INITIAL_ONLY,
    SNAPSHOTS_NO_DATA,
    SNAPSHOTS_WHEN_NEEDED,
    SNAPSHOTS_RECOVERY,
    SNAPSHOTS_ALWAYS
};
enum option_locking { LOCKING_MINIMAL, LOCKING_EXTENDED, LOCKING_NONE };
/* One bit an operation. */
enum option_operations { OPERATION_C = 1, OPERATION_U = 2, OPERATION_D = 4, OPERATION_T = 8 };

#define OPTION_C_TEXT                               char *
#define OPTION_C_LIST                               char *
#define OPTION_C_FLAG                               bool
#define OPTION_C_MILLIS                             uint64_t
#define OPTION_C_COUNT                              uint64_t
#define OPTION_C_OPERATIONS                         unsigned
#define OPTION_C_DECIMALS                           enum option_decimals
#define OPTION_C_SNAPSHOTS                          enum option_snapshots
#define OPTION_C_LOCKING                            enum option_locking
#define OPTION_C_TIMES                              enum option_times
#define OPTION_C_BINARIES                           enum option_binaries
#define OPTION_C_BIGINTS                            enum option_bigints
#define OPTION_C_ADJUSTMENT                         enum option_adjustment
#define OPTION_C_FAILURES                           enum option_failures
#define OPTION_C_DECIMAL_FORMAT                     enum option_decimal_format
#define OPTION_C_CONVERTER                          enum option_converter
#define OPTION_C_SUBJECT                            enum option_subject
#define OPTION_FIELD(field, name, kind, dflt, help) OPTION_C_##kind field;

/* One option whose name has a part of its own, e.g. column.truncate.to.20.chars. */
enum option_rule_kind { RULE_MASK, RULE_TRUNCATE, RULE_HASH, RULE_HASH_V2 };
struct option_rule {
    enum option_rule_kind kind;
    uint32_t              length;    /* of MASK and TRUNCATE, in UTF-16 units */
    char                 *algorithm; /* of HASH, as Java calls it */
    char                 *salt;
    char                 *columns; /* regular expressions of DATABASE.TABLE.COLUMN */
};

struct options {
    PUBLISHER_OPTIONS(OPTION_FIELD)
    struct option_rule *rules; /* in the order they were given */
    size_t              rule_count;
};

/* All defaults; topic.prefix is NULL until it is set. */
MUST_CHECK int options_init(struct options *o, struct err *e);
void           options_done(struct options *o); /* accepts a zeroed one */
MUST_CHECK int options_copy(const struct options *from, struct options *to, struct err *e);

/* E_CONFIG says what is allowed; E_PURGED: there is no option of that name. */
MUST_CHECK int options_set(struct options *o, const char *name, const char *value, struct err *e);
/* The same, but a list that was given before is gone on with. */
MUST_CHECK int options_add(struct options *o, const char *name, const char *value, struct err *e);
/* What fits together? E_CONFIG when not. */
MUST_CHECK int options_check(const struct options *o, struct err *e);

/* The table as data, for the configuration and the manual. */
struct option_key {
    const char *name;
    const char *dflt; /* NULL: must be given */
    const char *help;
    const char *allowed; /* what values look like */
    bool        is_list; /* several values are joined by commas */
};
extern const struct option_key option_keys[];
extern const size_t            option_key_count;
/* The options with a part of their own in their names, as the manual shows them. */
extern const struct option_key option_patterns[];
extern const size_t            option_pattern_count;
