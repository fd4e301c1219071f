#include "publisher/kafka/kafka.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "publisher/kafka/checkpoint.h"
#include "publisher/kafka/kafka_core.h"
#include "storage/locate.h"

enum { ABORT_MS = 2000, FLUSH_MS = 100, CHECK_SLICES = 5 };

static struct kafka *kafka_of(struct output *o)
{
    return (struct kafka *)o; /* its first member */
}

/* ---- the beginning ------------------------------------------------------------------------- */

/* The topic was deleted, or is another Kafka's: the catalog remembers about where it was. */
static int find_in_catalog(struct kafka *k, struct output_place *at, struct err *e)
{
    struct catalog_checkpoint c;
    int found = catalog_get_checkpoint(store_catalog(k->host.store), k->host.name, &c, e);

    buf_clear(&k->state);
    if (found > 0)
        found =
            catalog_get_checkpoint_state(store_catalog(k->host.store), k->host.name, &k->state, e);
    if (found > 0)
        *at = (struct output_place){ .next = c.next,
                                     .events = c.events,
                                     .state = buf_text(&k->state) };
    return found;
}

static int find(struct output *o, struct output_place *at, struct err *e)
{
    struct kafka *k = kafka_of(o);

    TRY(kafka_begin(k, e));
    int found = kafka_read_checkpoint(k, at, e);
    return found == 0 ? find_in_catalog(k, at, e) : found;
}

static int keep(struct kafka *k, store_pos next, uint64_t events, bool now, struct err *e)
{
    struct catalog_checkpoint c = { .next = next, .events = events, .state = k->place.state };
    int64_t                   ms = output_now_ms();

    k->base.kept = next;
    if (next == k->catalogued || (!now && ms - k->catalog_ms < KAFKA_CHECKPOINT_MS))
        return 0;
    TRY(catalog_put_checkpoint(store_catalog(k->host.store), k->host.name, &c, e));
    k->catalogued = next;
    k->catalog_ms = ms;
    return 0;
}

static int open_at(struct output *o, const struct output_place *at, bool is_found, struct err *e)
{
    struct kafka *k = kafka_of(o);

    (void)is_found;
    k->place = *at;
    k->written = k->arrived = at->next;
    k->written_serial = at->state_serial;
    k->checkpoint_ms = k->catalog_ms = output_now_ms();
    k->catalogued = 0;
    return keep(k, at->next, at->events, true, e);
}

/* ---- checkpoints --------------------------------------------------------------------------- */

static int make_checkpoint(struct kafka *k, struct err *e)
{
    buf_clear(&k->key);
    buf_clear(&k->value);
    TRY(checkpoint_put_key(&k->host, &k->key, e));
    return checkpoint_put_value(&k->host, &k->place, &k->value, e);
}

static int put_checkpoint(struct kafka *k, struct err *e)
{
    struct producer_record r = { .topic = k->checkpoints,
                                 .partition = 0,
                                 .key = buf_slice(&k->key),
                                 .value = buf_slice(&k->value),
                                 .has_key = true,
                                 .has_value = true,
                                 .id = { .pos = k->place.next } };

    return kafka_put_record(k, &r, e);
}

/* ---- exactly once -------------------------------------------------------------------------- */

/* What was refused is behind us, and so is the slow way to find out which records those are. */
static int leave_care(struct kafka *k, store_pos kept, struct err *e)
{
    if (k->refused_count > 0)
        TRY(kafka_forget_refused(k, kept, e));
    if (k->careful_until == 0 || kept < k->careful_until)
        return 0;
    k->careful_until = 0;
    k->base.again = k->base.at_once = true;
    return err_set(e, E_IO, "all records are taken again");
}

/* librdkafka tries for long to reach a topic that is gone. */
static int wait_late(struct kafka *k, const char *why, int64_t ms, struct err *e)
{
    if (++k->late_slices % CHECK_SLICES == 0)
        TRY(topics_check(k->topics, &k->base.again, e));
    return kafka_wait(k, why, ms, e);
}

static int commit_txn(struct kafka *k, struct err *e)
{
    rd_kafka_error_t *error;

    k->late_slices = 0;
    while ((error = rd_kafka_commit_transaction(producer_handle(k->producer), KAFKA_SLICE_MS)) !=
           NULL) {
        if (!rd_kafka_error_is_retriable(error))
            return kafka_fail_error(k, error, "commit to Kafka", e);
        rd_kafka_error_destroy(error);
        TRY(wait_late(k, "no broker has confirmed a commit yet", 1, e));
    }
    k->in_txn = false;
    return 0;
}

/* Everything up to the boundary, and that it is. */
static int commit(struct kafka *k, struct err *e)
{
    if (!k->in_txn) {
        rd_kafka_error_t *error = rd_kafka_begin_transaction(producer_handle(k->producer));
        if (error != NULL)
            return kafka_fail_error(k, error, "begin a transaction in Kafka", e);
        k->in_txn = true;
        k->batch_begun_ms = output_now_ms();
    }
    TRY(make_checkpoint(k, e));
    TRY(put_checkpoint(k, e));
    TRY(commit_txn(k, e));
    k->written = k->place.next;
    k->written_serial = k->place.state_serial;
    k->checkpoint_ms = output_now_ms();
    TRY(keep(k, k->place.next, k->place.events, false, e));
    return leave_care(k, k->place.next, e);
}

static bool is_batch_full(const struct kafka *k)
{
    return k->batch_bytes >= k->options.batch_bytes || k->careful_until != 0 ||
           output_now_ms() - k->batch_begun_ms >= k->options.batch_ms;
}

static bool is_written(const struct kafka *k)
{
    return k->place.next == k->written && k->place.state_serial == k->written_serial;
}

static bool is_checkpoint_due(const struct kafka *k)
{
    return !is_written(k) && output_now_ms() - k->checkpoint_ms >= KAFKA_CHECKPOINT_MS;
}

static int rest_exactly(struct kafka *k, bool *idle, int64_t *due_ms, struct err *e)
{
    assert(!k->is_dirty); /* what is published ends with a transaction */
    if (k->in_txn || is_checkpoint_due(k))
        TRY(commit(k, e));
    *idle = true;
    *due_ms = -1;
    if (!is_written(k))
        *due_ms = k->checkpoint_ms + KAFKA_CHECKPOINT_MS - output_now_ms();
    else if (k->written != k->catalogued)
        *due_ms = k->catalog_ms + KAFKA_CHECKPOINT_MS - output_now_ms();
    if (*due_ms == -1 || *due_ms > 0)
        return 0;
    *due_ms = 1;
    return keep(k, k->written, k->place.events, false, e);
}

/* ---- at least once ------------------------------------------------------------------------- */

/* Asked after it was seen that all arrived: a failure is noted first. */
static int check_failed(struct kafka *k, struct err *e)
{
    return producer_failed(k->producer, NULL) ? kafka_fail(k, RD_KAFKA_RESP_ERR__FAIL, "publish", e)
                                              : 0;
}

/* A checkpoint is made at a boundary, written when all before it has arrived, and counts when it
   has arrived itself. */
static int advance(struct kafka *k, struct err *e)
{
    if (k->is_pending && producer_old_arrived(k->producer)) {
        TRY(check_failed(k, e));
        TRY(put_checkpoint(k, e));
        k->is_pending = false;
        k->written = k->pending;
        k->written_serial = k->pending_serial;
        TRY(keep(k, k->arrived, k->arrived_events, false, e));
        TRY(leave_care(k, k->arrived, e));
        k->arrived = k->pending;
        k->arrived_events = k->pending_events;
        k->checkpoint_ms = output_now_ms();
    }
    if (k->is_pending || !is_checkpoint_due(k) || !producer_turn(k->producer))
        return 0;
    TRY(make_checkpoint(k, e));
    k->is_pending = true;
    k->pending = k->place.next;
    k->pending_serial = k->place.state_serial;
    k->pending_events = k->place.events;
    return 0;
}

static int rest_at_least(struct kafka *k, bool *idle, int64_t *due_ms, struct err *e)
{
    *idle = false;
    *due_ms = 0;
    (void)rd_kafka_flush(producer_handle(k->producer), FLUSH_MS);
    TRY(check_failed(k, e));
    if (producer_on_their_way(k->producer) > 0)
        return wait_late(k, "", KAFKA_SLICE_MS, e);
    k->late_slices = 0;
    TRY(advance(k, e));
    if (producer_on_their_way(k->producer) > 0 || k->is_pending)
        return 0;
    *idle = true;
    *due_ms = -1;
    if (!is_written(k)) {
        *due_ms = k->checkpoint_ms + KAFKA_CHECKPOINT_MS - output_now_ms();
        *due_ms = *due_ms > 0 ? *due_ms : 1;
        return 0;
    }
    TRY(keep(k, k->written, k->place.events, true, e));
    return leave_care(k, k->written, e);
}

static int finish_at_least(struct kafka *k, struct err *e)
{
    while (producer_on_their_way(k->producer) > 0) {
        (void)rd_kafka_flush(producer_handle(k->producer), KAFKA_SLICE_MS);
        TRY(check_failed(k, e));
        if (producer_on_their_way(k->producer) > 0)
            TRY(kafka_wait(k, "", 1, e));
    }
    return check_failed(k, e);
}

/* ---- as an output -------------------------------------------------------------------------- */

static int put(struct output *o, const struct change_event *ev, struct err *e)
{
    return kafka_put(kafka_of(o), ev, e);
}

static int boundary(struct output *o, const struct output_place *at, struct err *e)
{
    struct kafka *k = kafka_of(o);

    k->place = *at;
    k->is_dirty = false;
    if (!k->options.exactly_once)
        return advance(k, e);
    return (k->in_txn && is_batch_full(k)) || is_checkpoint_due(k) ? commit(k, e) : 0;
}

static int rest(struct output *o, bool *idle, int64_t *due_ms, struct err *e)
{
    struct kafka *k = kafka_of(o);

    return k->options.exactly_once ? rest_exactly(k, idle, due_ms, e)
                                   : rest_at_least(k, idle, due_ms, e);
}

/* Half a source transaction is left to the next start. */
static int finish(struct output *o, struct err *e)
{
    struct kafka *k = kafka_of(o);

    if (k->is_dirty)
        return 0;
    if (k->options.exactly_once) {
        if (k->in_txn || !is_written(k))
            TRY(commit(k, e));
    } else {
        TRY(finish_at_least(k, e));
        if (!is_written(k)) {
            TRY(make_checkpoint(k, e));
            TRY(put_checkpoint(k, e));
            TRY(finish_at_least(k, e));
            k->written = k->place.next;
            k->written_serial = k->place.state_serial;
        }
    }
    return keep(k, k->place.next, k->place.events, true, e);
}

static void shut(struct output *o)
{
    struct kafka *k = kafka_of(o);

    /* So that readers need not wait for its end. */
    if (k->in_txn) {
        rd_kafka_error_t *error =
            rd_kafka_abort_transaction(producer_handle(k->producer), ABORT_MS);
        if (error != NULL)
            rd_kafka_error_destroy(error);
    }
    topics_free(k->topics);
    producer_free(k->producer);
    k->topics = NULL;
    k->producer = NULL;
    k->checkpoints = NULL;
    k->in_txn = k->is_dirty = k->is_pending = false;
    k->last = (struct record_id){ 0 };
    buf_clear(&k->key);
    buf_clear(&k->value);
}

static void free_it(struct output *o)
{
    struct kafka *k = kafka_of(o);

    if (k == NULL)
        return;
    if (k->producer != NULL)
        shut(o);
    buf_done(&k->key);
    buf_done(&k->value);
    buf_done(&k->state);
    free(k->transactional_id);
    free(k->checkpoint_topic);
    free(k->dead_letter_topic);
    free(k->refused);
    free(k);
}

static int skip(struct output *o, struct err *e)
{
    return kafka_skip(kafka_of(o), e);
}

static int adopt(struct output *o, const char *topic, const char *connector,
                 struct adopt_offset *out, struct err *e)
{
    return kafka_read_offset(kafka_of(o), topic, connector, out, e);
}

static const struct output_kind kafka_kind = {
    .wants_gtids = true,
    .find = find,
    .open = open_at,
    .put = put,
    .boundary = boundary,
    .rest = rest,
    .finish = finish,
    .shut = shut,
    .free = free_it,
    .skip = skip,
    .adopt = adopt,
};

static int name(struct kafka *k, const struct kafka_options *o, struct err *e)
{
    const char *id = kafka_settings_get(o->settings, "transactional.id");

    if (id != NULL)
        k->transactional_id = strdup(id);
    else if (asprintf(&k->transactional_id, "binrelay.%s.%s", o->topic_prefix, k->host.name) < 0)
        k->transactional_id = NULL;
    if (*o->checkpoint_topic != 0)
        k->checkpoint_topic = strdup(o->checkpoint_topic);
    else if (asprintf(&k->checkpoint_topic, "binrelay.%s.%s.checkpoint", o->topic_prefix,
                      k->host.name) < 0)
        k->checkpoint_topic = NULL;
    if (*o->dead_letter_topic != 0)
        k->dead_letter_topic = strdup(o->dead_letter_topic);
    if (k->transactional_id == NULL || k->checkpoint_topic == NULL ||
        (*o->dead_letter_topic != 0 && k->dead_letter_topic == NULL))
        return err_set(e, E_NOMEM, "no memory for a Kafka output");
    return 0;
}

int kafka_output_new(const struct output_host *host, const struct kafka_options *o,
                     struct output **out, struct err *e)
{
    struct kafka *k = calloc(1, sizeof *k);

    if (k == NULL)
        return err_set(e, E_NOMEM, "no memory for a Kafka output");
    k->base.kind = &kafka_kind;
    k->host = *host;
    k->options = *o;
    k->options.topics.settings = o->settings;
    buf_init(&k->state, OUTPUT_STATE_BYTES_MAX);
    buf_init(&k->key, CHECKPOINT_BYTES_MAX);
    buf_init(&k->value, CHECKPOINT_BYTES_MAX);
    if (name(k, o, e) != 0 || kafka_recall_skipped(k, e) != 0) {
        free_it(&k->base);
        return -1;
    }
    *out = &k->base;
    return 0;
}
