/*
 * What a publisher says about Kafka under names that are not ours: `kafka.NAME` of librdkafka, and
 * `topic.creation.default.NAME` of Kafka's topics.
 *
 * Owned by the configuration; only read afterwards, so any thread may. Names and values are
 * librdkafka's to judge (kafka_settings_check), and a value that may be a secret is never part of a
 * sentence. Source: librdkafka, CONFIGURATION.md; Kafka Connect, "topic.creation.default".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "protocol/base/err.h"

enum {
    KAFKA_SETTINGS_MAX = 200,
    KAFKA_NAME_BYTES_MAX = 249,
    KAFKA_TRANSACTION_TIMEOUT_MS = 300000, /* where none is given */
};

struct kafka_setting {
    char *name; /* without its prefix */
    char *value;
    bool  of_topics;
};

struct kafka_settings {
    struct kafka_setting *items;
    size_t                count;
};

void kafka_settings_done(struct kafka_settings *s); /* accepts a zeroed one */
/* `name` with its prefix. E_PURGED: it has none of them. E_CONFIG: given twice, or unknown. */
MUST_CHECK int kafka_settings_add(struct kafka_settings *s, const char *name, const char *value,
                                  struct err *e);
MUST_CHECK int kafka_settings_copy(const struct kafka_settings *from, struct kafka_settings *to,
                                   struct err *e);
/* NULL: not given. */
const char *kafka_settings_get(const struct kafka_settings *s, const char *name);
bool        kafka_settings_equal(const struct kafka_settings *a, const struct kafka_settings *b);
/* Whether one of them is a password or a key. */
bool kafka_settings_have_secret(const struct kafka_settings *s);

/* What a producer needs that a person did not say; as a person would have to. */
struct kafka_producing {
    const char *transactional_id; /* NULL: idempotent, without transactions */
    bool        one_by_one;       /* each record in a request of its own */
};

/* Whether librdkafka takes all of them for a producer; connects to nothing. E_CONFIG. */
MUST_CHECK int kafka_settings_check(const struct kafka_settings  *s,
                                    const struct kafka_producing *how, struct err *e);

/* ---- between the files of this folder ------------------------------------------------------- */

typedef struct rd_kafka_conf_s rd_kafka_conf_t;
/* A configuration of librdkafka, the caller's. `how` NULL: for a consumer that reads what is
   committed. */
MUST_CHECK int kafka_settings_conf(const struct kafka_settings  *s,
                                   const struct kafka_producing *how, rd_kafka_conf_t **out,
                                   struct err *e);
