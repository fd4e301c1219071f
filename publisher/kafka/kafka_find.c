#include "publisher/kafka/kafka_core.h"
#include <string.h>
#include "publisher/kafka/adopt.h"
#include "publisher/kafka/checkpoint.h"

enum { PATIENT_SLICES = 4 }; /* a broker that has just started takes its time */

static void wake(void *arg)
{
    struct kafka *k = arg;
    k->host.wake(k->host.arg);
}

/* Ends what a producer of the same name has left open, and fences it off. */
static int init_transactions(struct kafka *k, struct err *e)
{
    rd_kafka_error_t *error;
    unsigned          slices = 0;

    while ((error = rd_kafka_init_transactions(producer_handle(k->producer), KAFKA_SLICE_MS)) !=
           NULL) {
        if (!rd_kafka_error_is_retriable(error))
            return kafka_fail_error(k, error, "begin to publish to Kafka", e);
        char why[ERR_TEXT_BYTES];
        (void)snprintf(why, sizeof why, "%s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        TRY(kafka_wait(k, ++slices > PATIENT_SLICES ? why : "", 1, e));
    }
    return 0;
}

int kafka_begin(struct kafka *k, struct err *e)
{
    struct producer_options o = {
        .settings = k->options.settings,
        .how = { .transactional_id = k->options.exactly_once ? k->transactional_id : NULL,
                 .one_by_one = k->careful_until != 0 },
        .wake = wake,
        .wake_arg = k,
    };

    TRY(producer_new(&o, &k->producer, e));
    TRY(topics_new(k->producer, &k->host, &k->options.topics, &k->topics, e));
    if (k->options.exactly_once)
        TRY(init_transactions(k, e));
    return topics_find_compacted(k->topics, k->checkpoint_topic, &k->checkpoints, &k->base.again,
                                 e);
}

/* ---- records, read back --------------------------------------------------------------- */

/* Which record is looked for, in which topic; the newest one counts. */
struct search {
    const char *topic;
    const char *what;
    struct buf *key;       /* the whole key, or NULL: */
    const char *connector; /* a connector's offset */
    struct buf *value;     /* what was found */
    bool        found;
};

/* Another publisher may have been told to use the same topic. */
static bool is_wanted(const struct search *f, const rd_kafka_message_t *m)
{
    if (f->key == NULL)
        return m->key_len > 0 && adopt_is_key((struct slice){ m->key, m->key_len }, f->connector);
    return m->key_len == f->key->len && memcmp(m->key, f->key->ptr, f->key->len) == 0;
}

static void take_record(struct search *f, const rd_kafka_message_t *m)
{
    if (!is_wanted(f, m))
        return;
    buf_clear(f->value);
    f->found = m->len > 0; /* else it was deleted */
    if (f->found)
        buf_put(f->value, (struct slice){ m->payload, m->len });
}

/* Up to the end of what is committed. */
static int read_partition(struct kafka *k, rd_kafka_topic_t *topic, int32_t partition,
                          struct search *f, struct err *e)
{
    unsigned slices = 0;

    for (;;) {
        rd_kafka_message_t *m = rd_kafka_consume(topic, partition, KAFKA_SLICE_MS);
        if (m == NULL) {
            bool is_late = ++slices > PATIENT_SLICES;
            TRY(kafka_wait(k, is_late ? f->what : "", 1, e));
            continue;
        }
        rd_kafka_resp_err_t code = m->err;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            take_record(f, m);
        rd_kafka_message_destroy(m);
        if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            return 0;
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return kafka_fail(k, code, f->what, e);
    }
}

static int read_topic(struct kafka *k, rd_kafka_t *rk, int32_t partitions, struct search *f,
                      struct err *e)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, f->topic, NULL);
    int               result = 0;

    if (topic == NULL)
        return kafka_fail(k, rd_kafka_last_error(), f->what, e);
    for (int32_t i = 0; result == 0 && i < partitions; i++) {
        if (rd_kafka_consume_start(topic, i, RD_KAFKA_OFFSET_BEGINNING) != 0) {
            result = kafka_fail(k, rd_kafka_last_error(), f->what, e);
        } else {
            result = read_partition(k, topic, i, f, e);
            (void)rd_kafka_consume_stop(topic, i);
        }
    }
    rd_kafka_topic_destroy(topic);
    return result;
}

static int search(struct kafka *k, int32_t partitions, struct search *f, struct err *e)
{
    rd_kafka_conf_t *conf = NULL;
    char             why[256] = "";

    TRY(kafka_settings_conf(k->options.settings, NULL, &conf, e));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return err_set(e, E_CONFIG, "librdkafka can't read with the kafka settings: %s", why);
    }
    int result = read_topic(k, rk, partitions, f, e);
    rd_kafka_destroy(rk);
    return result;
}

/* ---- a connector's offset -------------------------------------------------------------------- */

int kafka_read_offset(struct kafka *k, const char *topic, const char *connector,
                      struct adopt_offset *out, struct err *e)
{
    struct buf    value;
    struct search f = { .topic = topic,
                        .what = "the connector's offset can't be read",
                        .connector = connector,
                        .value = &value };
    int32_t       partitions = 0;

    TRY(topics_partitions(k->topics, topic, &partitions, &k->base.again, e));
    buf_init(&value, CHECKPOINT_BYTES_MAX);
    int result = search(k, partitions, &f, e);
    if (result == 0 && !f.found)
        result =
            err_set(e, E_CONFIG, "topic '%s' holds no offset of connector '%s'", topic, connector);
    if (result == 0)
        result = adopt_parse(buf_slice(&value), out, e);
    buf_done(&value);
    return result;
}

/* ---- our own checkpoint ---------------------------------------------------------------------- */

static int take(struct kafka *k, const struct buf *value, struct output_place *at, struct err *e)
{
    struct checkpoint c;

    TRY(checkpoint_parse(buf_slice(value), &c, e));
    buf_clear(&k->state);
    buf_put_text(&k->state, c.state != NULL ? c.state : "");
    struct output_place found = { .events = c.events, .state = buf_text(&k->state) };
    int                 result = checkpoint_locate(&c, k->host.store, &found.next, e);
    checkpoint_done(&c);
    if (result != 0)
        return err_note(e, "go on from the checkpoint in topic '%s'", k->checkpoint_topic);
    *at = found;
    return 1;
}

int kafka_read_checkpoint(struct kafka *k, struct output_place *at, struct err *e)
{
    struct buf key, value;

    buf_init(&key, CHECKPOINT_BYTES_MAX);
    buf_init(&value, CHECKPOINT_BYTES_MAX);
    struct search f = { .topic = k->checkpoint_topic,
                        .what = "the checkpoint can't be read",
                        .key = &key,
                        .value = &value };
    int           result = checkpoint_put_key(&k->host, &key, e);
    if (result == 0)
        result = search(k, 1, &f, e);
    if (result == 0 && f.found)
        result = take(k, &value, at, e);
    buf_done(&key);
    buf_done(&value);
    return result;
}
