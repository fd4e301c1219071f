#include "publisher/kafka/kafka_core.h"
#include <string.h>
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

/* ---- the checkpoint, read back --------------------------------------------------------------- */

/* Is it ours? Another publisher may have been told to use the same topic. */
static bool is_own(const rd_kafka_message_t *m, const struct buf *key)
{
    return m->key_len == key->len && memcmp(m->key, key->ptr, key->len) == 0 && m->len > 0;
}

/* Up to the end of what is committed. 1: found. */
static int read_all(struct kafka *k, rd_kafka_topic_t *topic, const struct buf *key,
                    struct buf *value, struct err *e)
{
    bool     found = false;
    unsigned slices = 0;

    for (;;) {
        rd_kafka_message_t *m = rd_kafka_consume(topic, 0, KAFKA_SLICE_MS);
        if (m == NULL) {
            bool is_late = ++slices > PATIENT_SLICES;
            TRY(kafka_wait(k, is_late ? "the checkpoint can't be read" : "", 1, e));
            continue;
        }
        rd_kafka_resp_err_t code = m->err;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && is_own(m, key)) {
            buf_clear(value);
            buf_put(value, (struct slice){ m->payload, m->len });
            found = true;
        }
        rd_kafka_message_destroy(m);
        if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            return found ? 1 : 0;
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return kafka_fail(k, code, "read the checkpoint", e);
    }
}

static int read_topic(struct kafka *k, rd_kafka_t *rk, const struct buf *key, struct buf *value,
                      struct err *e)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, k->checkpoint_topic, NULL);
    int               result;

    if (topic == NULL || rd_kafka_consume_start(topic, 0, RD_KAFKA_OFFSET_BEGINNING) != 0) {
        result = kafka_fail(k, rd_kafka_last_error(), "read the checkpoint", e);
    } else {
        result = read_all(k, topic, key, value, e);
        (void)rd_kafka_consume_stop(topic, 0);
    }
    if (topic != NULL)
        rd_kafka_topic_destroy(topic);
    return result;
}

static int with_consumer(struct kafka *k, const struct buf *key, struct buf *value, struct err *e)
{
    rd_kafka_conf_t *conf = NULL;
    char             why[256] = "";

    TRY(kafka_settings_conf(k->options.settings, NULL, &conf, e));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return err_set(e, E_CONFIG, "librdkafka can't read with the kafka settings: %s", why);
    }
    int result = read_topic(k, rk, key, value, e);
    rd_kafka_destroy(rk);
    return result;
}

static int take(struct kafka *k, const struct buf *value, struct output_place *at, struct err *e)
{
    struct checkpoint c;

    TRY(checkpoint_parse(buf_slice(value), &c, e));
    struct output_place found = { .events = c.events };
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
    int result = checkpoint_put_key(&k->host, &key, e);
    if (result == 0)
        result = with_consumer(k, &key, &value, e);
    if (result > 0)
        result = take(k, &value, at, e);
    buf_done(&key);
    buf_done(&value);
    return result;
}
