#include "publisher/kafka/kafka_core.h"
#include <string.h>
#include "publisher/kafka/adopt.h"
#include "publisher/kafka/checkpoint.h"
#include "publisher/kafka/consumer.h"

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
static bool is_wanted(const struct search *f, const struct consumer_record *r)
{
    if (f->key == NULL)
        return r->key.len > 0 && adopt_is_key(r->key, f->connector);
    return r->key.len == f->key->len && memcmp(r->key.ptr, f->key->ptr, f->key->len) == 0;
}

static void take_record(struct search *f, const struct consumer_record *r)
{
    if (!is_wanted(f, r))
        return;
    buf_clear(f->value);
    f->found = r->value.len > 0; /* else it was deleted */
    if (f->found)
        buf_put(f->value, r->value);
}

/* Up to the end of what is committed. */
static int read_to_end(struct kafka *k, struct consumer *c, struct search *f, struct err *e)
{
    enum consumer_step     step = CONSUMER_NOTHING;
    struct consumer_record r;
    unsigned               slices = 0;

    while (step != CONSUMER_AT_END) {
        if (consumer_next(c, KAFKA_SLICE_MS, &r, &step, e) != 0) {
            k->base.again = true;
            return err_note(e, "%s", f->what);
        }
        if (step == CONSUMER_RECORD)
            take_record(f, &r);
        else if (step == CONSUMER_NOTHING)
            TRY(kafka_wait(k, ++slices > PATIENT_SLICES ? f->what : "", 1, e));
    }
    return buf_check(f->value, f->what, e);
}

static int search(struct kafka *k, int32_t partitions, struct search *f, struct err *e)
{
    struct consumer_options o = { .settings = k->options.settings,
                                  .topic = f->topic,
                                  .from = CONSUMER_OLDEST };

    for (; o.partition < partitions; o.partition++) {
        struct consumer *c = NULL;
        TRY(consumer_new(&o, &c, e));
        int result = read_to_end(k, c, f, e);
        consumer_free(c);
        TRY(result);
    }
    return 0;
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
