#include "publisher/kafka/settings.h"
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

enum { SENTENCE_BYTES = 256 };

static const char client_prefix[] = "kafka.", topic_prefix[] = "topic.creation.default.";

static void setting_done(struct kafka_setting *t)
{
    if (t->value != NULL)
        explicit_bzero(t->value, strlen(t->value));
    free(t->name);
    free(t->value);
}

void kafka_settings_done(struct kafka_settings *s)
{
    for (size_t i = 0; i < s->count; i++)
        setting_done(&s->items[i]);
    free(s->items);
    *s = (struct kafka_settings){ .items = NULL };
}

static const struct kafka_setting *find(const struct kafka_settings *s, const char *name,
                                        bool of_topics)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i].of_topics == of_topics && strcmp(s->items[i].name, name) == 0)
            return &s->items[i];
    return NULL;
}

const char *kafka_settings_get(const struct kafka_settings *s, const char *name)
{
    const struct kafka_setting *t = find(s, name, false);
    return t != NULL ? t->value : NULL;
}

static bool is_secret(const char *name)
{
    static const char *const parts[] = { "password", "secret", ".pem", "oauthbearer.config",
                                         "jaas" };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(name, parts[i]) != NULL)
            return true;
    return false;
}

bool kafka_settings_have_secret(const struct kafka_settings *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (is_secret(s->items[i].name))
            return true;
    return false;
}

/* The relay decides these itself: another value would break what it promises. */
static const struct {
    const char *name, *why;
} ours[] = {
    { "enable.idempotence", "publishing is always idempotent" },
    { "acks", "what is published is always on all replicas (see min.insync.replicas)" },
    { "request.required.acks", "what is published is always on all replicas" },
    { "delivery.report.only.error", "the relay needs every report" },
    { "log.queue", "it is set by the relay" },
    { "enable.gapless.guarantee", "what fails is published again from the last checkpoint" },
    { "isolation.level", "it is set by the relay" },
    { "enable.partition.eof", "it is set by the relay" },
};

static int take_client_name(const char *name, const char *value, struct err *e)
{
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(ours[i].name, name) == 0)
            return err_set(e, E_CONFIG, "kafka.%s can't be set: %s", name, ours[i].why);
    rd_kafka_conf_t    *probe = rd_kafka_conf_new();
    char                why[SENTENCE_BYTES] = "";
    rd_kafka_conf_res_t result = rd_kafka_conf_set(probe, name, value, why, sizeof why);
    rd_kafka_conf_destroy(probe);
    if (result == RD_KAFKA_CONF_UNKNOWN)
        return err_set(e, E_CONFIG, "librdkafka %s has no setting '%s' (kafka.%s)",
                       rd_kafka_version_str(), name, name);
    if (result != RD_KAFKA_CONF_OK && is_secret(name))
        return err_set(e, E_CONFIG, "kafka.%s: librdkafka does not take this value", name);
    return result == RD_KAFKA_CONF_OK ? 0 : err_set(e, E_CONFIG, "kafka.%s: %s", name, why);
}

static int append(struct kafka_settings *s, const char *name, const char *value, bool of_topics,
                  struct err *e)
{
    struct kafka_setting *grown = NULL;

    if (s->count < KAFKA_SETTINGS_MAX)
        grown = realloc(s->items, (s->count + 1) * sizeof *grown);
    if (grown == NULL)
        return err_set(e, E_LIMIT, "too many settings of Kafka");
    s->items = grown;
    struct kafka_setting t = { strdup(name), strdup(value), of_topics };
    if (t.name == NULL || t.value == NULL) {
        setting_done(&t);
        return err_set(e, E_NOMEM, "no memory for settings of Kafka");
    }
    s->items[s->count++] = t;
    return 0;
}

int kafka_settings_add(struct kafka_settings *s, const char *name, const char *value, struct err *e)
{
    bool of_topics = strncmp(name, topic_prefix, sizeof topic_prefix - 1) == 0;

    if (!of_topics && strncmp(name, client_prefix, sizeof client_prefix - 1) != 0)
        return err_set(e, E_PURGED, "'%s' is no setting of Kafka", name);
    const char *own = name + (of_topics ? sizeof topic_prefix : sizeof client_prefix) - 1;
    if (*own == 0)
        return err_set(e, E_CONFIG, "'%s' lacks the setting's name", name);
    if (find(s, own, of_topics) != NULL)
        return err_set(e, E_CONFIG, "'%s' stands there already", name);
    if (!of_topics)
        TRY(take_client_name(own, value, e));
    return append(s, own, value, of_topics, e);
}

int kafka_settings_copy(const struct kafka_settings *from, struct kafka_settings *to, struct err *e)
{
    struct kafka_settings made = { .items = NULL };

    for (size_t i = 0; i < from->count; i++) {
        const struct kafka_setting *t = &from->items[i];
        if (append(&made, t->name, t->value, t->of_topics, e) != 0) {
            kafka_settings_done(&made);
            return -1;
        }
    }
    *to = made;
    return 0;
}

bool kafka_settings_equal(const struct kafka_settings *a, const struct kafka_settings *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct kafka_setting *t = &a->items[i], *o = find(b, t->name, t->of_topics);
        if (o == NULL || strcmp(t->value, o->value) != 0)
            return false;
    }
    return true;
}

/* ---- for librdkafka ------------------------------------------------------------------------ */

static int put(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *e)
{
    char why[SENTENCE_BYTES] = "";

    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return 0;
    return is_secret(name) ? err_set(e, E_CONFIG, "kafka.%s: librdkafka does not take it", name)
                           : err_set(e, E_CONFIG, "kafka.%s: %s", name, why);
}

/* In front of a person's own; librdkafka's defaults where nothing stands here. */
static const struct {
    const char *name, *value;
    bool        transactional, plain;
} defaults[] = {
    { "client.id", "binrelay", true, true },
    /* As Java's producers choose, and so Debezium in Kafka Connect. */
    { "partitioner", "murmur2_random", true, true },
    { "enable.idempotence", "true", true, true },
    { "acks", "all", true, true },
    /* A record waits for its broker for ever; a transaction begins again when it took too long
       (KAFKA_TRANSACTION_TIMEOUT_MS). */
    { "message.timeout.ms", "0", false, true },
    { "transaction.timeout.ms", "300000", true, false },
    /* Enough for brokers far away; more only makes memory cold. */
    { "queue.buffering.max.kbytes", "16384", true, true },
    { "queue.buffering.max.messages", "50000", true, true },
    { "reconnect.backoff.max.ms", "5000", true, true },
    /* Topics are made before they are written to: one that is missing was deleted. */
    { "topic.metadata.propagation.max.ms", "10000", true, true },
    { "log.connection.close", "false", true, true },
};

static int put_producing(rd_kafka_conf_t *conf, const struct kafka_producing *how, struct err *e)
{
    bool transactional = how->transactional_id != NULL;

    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (transactional ? defaults[i].transactional : defaults[i].plain)
            TRY(put(conf, defaults[i].name, defaults[i].value, e));
    return transactional ? put(conf, "transactional.id", how->transactional_id, e) : 0;
}

static int put_consuming(rd_kafka_conf_t *conf, struct err *e)
{
    TRY(put(conf, "isolation.level", "read_committed", e));
    TRY(put(conf, "enable.partition.eof", "true", e));
    return put(conf, "check.crcs", "true", e);
}

/* librdkafka's own default goes to standard error; who wants its lines asks for them. */
static void log_nothing(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    (void)level;
    (void)facility;
    (void)text;
}

static int fill(rd_kafka_conf_t *conf, const struct kafka_settings *s,
                const struct kafka_producing *how, struct err *e)
{
    if (kafka_settings_get(s, "debug") == NULL && kafka_settings_get(s, "log_level") == NULL)
        rd_kafka_conf_set_log_cb(conf, log_nothing);
    if (how != NULL)
        TRY(put_producing(conf, how, e));
    for (size_t i = 0; i < s->count; i++)
        if (!s->items[i].of_topics &&
            !(how == NULL && strcmp(s->items[i].name, "transactional.id") == 0) &&
            !(how != NULL && how->transactional_id == NULL &&
              strcmp(s->items[i].name, "transactional.id") == 0))
            TRY(put(conf, s->items[i].name, s->items[i].value, e));
    if (how != NULL && how->one_by_one)
        TRY(put(conf, "batch.num.messages", "1", e));
    return how == NULL ? put_consuming(conf, e) : 0;
}

int kafka_settings_conf(const struct kafka_settings *s, const struct kafka_producing *how,
                        rd_kafka_conf_t **out, struct err *e)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    if (conf == NULL)
        return err_set(e, E_NOMEM, "no memory for settings of Kafka");
    if (fill(conf, s, how, e) != 0) {
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    *out = conf;
    return 0;
}

int kafka_settings_check(const struct kafka_settings *s, const struct kafka_producing *how,
                         struct err *e)
{
    rd_kafka_conf_t *conf = NULL;
    char             why[SENTENCE_BYTES] = "";

    TRY(kafka_settings_conf(s, how, &conf, e));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return err_set(e, E_CONFIG, "librdkafka does not take the kafka settings: %s", why);
    }
    rd_kafka_destroy(rk);
    return 0;
}
