#include "publisher/kafka/consumer.h"
#include <assert.h>
#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdlib.h>

struct consumer {
    rd_kafka_t         *rk;
    rd_kafka_topic_t   *topic;
    rd_kafka_queue_t   *queue;
    rd_kafka_message_t *message; /* what the caller looks at */
    int32_t             partition;
    bool                reads, has_group;
    atomic_bool         stopped;
    void (*wake)(void *arg);
    void *wake_arg;
};

/* ---- made ---------------------------------------------------------------------------------- */

static int put(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *e)
{
    char why[256] = "";

    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return 0;
    return err_set(e, E_CONFIG, "kafka.%s: %s", name, why);
}

static int set_up(const struct consumer_options *o, rd_kafka_conf_t *conf, struct err *e)
{
    TRY(put(conf, "queued.max.messages.kbytes", "4096", e));
    TRY(put(conf, "enable.auto.commit", "false", e));
    /* Also for an offset that the topic has no more: nothing that is there is left out. */
    TRY(put(conf, "auto.offset.reset", o->from == CONSUMER_NEWEST ? "latest" : "earliest", e));
    return o->group != NULL ? put(conf, "group.id", o->group, e) : 0;
}

static int connect_to(struct consumer *c, const struct consumer_options *o, struct err *e)
{
    rd_kafka_conf_t *conf = NULL;
    char             why[256] = "";

    TRY(kafka_settings_conf(o->settings, NULL, &conf, e));
    if (set_up(o, conf, e) != 0) {
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    c->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (c->rk != NULL)
        return 0;
    rd_kafka_conf_destroy(conf);
    return err_set(e, E_CONFIG, "librdkafka can't read with the kafka settings: %s", why);
}

static void on_something(rd_kafka_t *rk, void *arg)
{
    struct consumer *c = arg;

    (void)rk;
    c->wake(c->wake_arg);
}

static int64_t start_of(const struct consumer_options *o)
{
    if (o->from >= 0)
        return o->from;
    if (o->group != NULL)
        return RD_KAFKA_OFFSET_STORED;
    return o->from == CONSUMER_NEWEST ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
}

static int begin(struct consumer *c, const struct consumer_options *o, struct err *e)
{
    TRY(connect_to(c, o, e));
    c->queue = rd_kafka_queue_new(c->rk);
    c->topic = rd_kafka_topic_new(c->rk, o->topic, NULL);
    if (c->topic == NULL)
        return err_set(e, E_CONFIG, "topic '%s': %s", o->topic,
                       rd_kafka_err2str(rd_kafka_last_error()));
    if (o->wake != NULL)
        rd_kafka_queue_cb_event_enable(c->queue, on_something, c);
    if (rd_kafka_consume_start_queue(c->topic, o->partition, start_of(o), c->queue) != 0)
        return err_set(e, E_CONFIG, "read topic '%s': %s", o->topic,
                       rd_kafka_err2str(rd_kafka_last_error()));
    c->reads = true;
    return 0;
}

int consumer_new(const struct consumer_options *o, struct consumer **out, struct err *e)
{
    struct consumer *c = calloc(1, sizeof *c);

    assert(o->from >= CONSUMER_OLDEST);
    if (c == NULL)
        return err_set(e, E_NOMEM, "no memory for a consumer");
    c->partition = o->partition;
    c->has_group = o->group != NULL;
    c->wake = o->wake;
    c->wake_arg = o->wake_arg;
    if (begin(c, o, e) != 0) {
        consumer_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

static void forget_message(struct consumer *c)
{
    if (c->message != NULL)
        rd_kafka_message_destroy(c->message);
    c->message = NULL;
}

void consumer_free(struct consumer *c)
{
    if (c == NULL)
        return;
    forget_message(c);
    if (c->queue != NULL)
        rd_kafka_queue_cb_event_enable(c->queue, NULL, NULL);
    if (c->reads)
        (void)rd_kafka_consume_stop(c->topic, c->partition);
    if (c->topic != NULL)
        rd_kafka_topic_destroy(c->topic);
    if (c->queue != NULL)
        rd_kafka_queue_destroy(c->queue);
    if (c->rk != NULL)
        rd_kafka_destroy(c->rk);
    free(c);
}

/* ---- read ---------------------------------------------------------------------------------- */

static struct slice slice_over(const void *bytes, size_t len)
{
    return (struct slice){ bytes != NULL ? bytes : "", len };
}

static int take(struct consumer *c, struct consumer_record *out, enum consumer_step *step,
                struct err *e)
{
    const rd_kafka_message_t *m = c->message;

    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        *step = CONSUMER_AT_END;
        return 0;
    }
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bool is_right = m->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                        m->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
        return err_set(e, is_right ? E_AUTH : E_IO, "read topic '%s': %s",
                       rd_kafka_topic_name(c->topic), rd_kafka_err2str(m->err));
    }
    *out = (struct consumer_record){
        .offset = m->offset,
        .timestamp_ms = rd_kafka_message_timestamp(m, NULL),
        .key = slice_over(m->key, m->key_len),
        .value = slice_over(m->payload, m->len),
        .has_key = m->key != NULL,
        .has_value = m->payload != NULL,
    };
    *step = CONSUMER_RECORD;
    return 0;
}

static int check_stopped(const struct consumer *c, struct err *e)
{
    return atomic_load(&c->stopped) ? err_set(e, E_STOPPED, "stopped while a topic was read") : 0;
}

int consumer_next(struct consumer *c, int64_t ms, struct consumer_record *out,
                  enum consumer_step *step, struct err *e)
{
    forget_message(c);
    TRY(check_stopped(c, e));
    c->message = rd_kafka_consume_queue(c->queue, (int)ms);
    TRY(check_stopped(c, e));
    if (c->message != NULL)
        return take(c, out, step, e);
    *step = CONSUMER_NOTHING;
    return 0;
}

void consumer_stop(struct consumer *c)
{
    atomic_store(&c->stopped, true);
    rd_kafka_queue_yield(c->queue);
}

int consumer_commit(struct consumer *c, int64_t next, struct err *e)
{
    assert(c->has_group);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, rd_kafka_topic_name(c->topic), c->partition)->offset =
        next;
    rd_kafka_resp_err_t code = rd_kafka_commit(c->rk, list, 0);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? 0
               : err_set(e, E_IO, "commit how far topic '%s' was read: %s",
                         rd_kafka_topic_name(c->topic), rd_kafka_err2str(code));
}
