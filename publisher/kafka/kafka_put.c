#include "publisher/kafka/kafka_core.h"
#include <stdio.h>
#include <string.h>
#include "protocol/base/json.h"

enum { RECORD_OVERHEAD = 64, LETTER_BYTES_MAX = 1 << 20, LETTER_KEY_BYTES_MAX = 64 << 10 };

int kafka_wait(struct kafka *k, const char *why, int64_t ms, struct err *e)
{
    char trouble[ERR_TEXT_BYTES];

    producer_trouble(k->producer, trouble);
    return k->host.wait(k->host.arg, trouble[0] != 0 ? trouble : why, ms, e);
}

/* Waits where the queue is full; other codes are the caller's. */
static int put_waiting(struct kafka *k, const struct producer_record *r, rd_kafka_resp_err_t *code,
                       struct err *e)
{
    while ((*code = producer_put(k->producer, r)) == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        if (producer_failed(k->producer, NULL))
            return kafka_fail(k, RD_KAFKA_RESP_ERR__FAIL, "publish", e);
        TRY(kafka_wait(k, "", KAFKA_SLICE_MS, e));
    }
    return 0;
}

int kafka_put_record(struct kafka *k, const struct producer_record *r, struct err *e)
{
    rd_kafka_resp_err_t code;

    TRY(put_waiting(k, r, &code, e));
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : kafka_fail(k, code, "publish", e);
}

static int begin_txn(struct kafka *k, struct err *e)
{
    if (!k->options.exactly_once || k->in_txn)
        return 0;
    rd_kafka_error_t *error = rd_kafka_begin_transaction(producer_handle(k->producer));
    if (error != NULL)
        return kafka_fail_error(k, error, "begin a transaction in Kafka", e);
    k->in_txn = true;
    k->batch_bytes = 0;
    k->batch_begun_ms = output_now_ms();
    return 0;
}

static void put_member(struct json *j, const char *name, const char *text)
{
    json_name(j, name);
    json_text(j, text);
}

/* Where the event is and why it is not in its topic; the event itself is still in the store. */
static int put_letter(struct kafka *k, const struct change_event *ev, const struct record_id *id,
                      const char *why, struct err *e)
{
    struct store_file      file;
    struct producer_record r = { .partition = CHANGE_ANY_PARTITION, .id = *id, .has_value = true };
    struct buf             text;
    struct json            j = json_into(&text);
    int                    result;

    TRY(store_file_by_ordinal(k->host.store, store_pos_ordinal(id->pos), &file, e));
    TRY(topics_find(k->topics, slice_of_text(k->dead_letter_topic), &r.topic, &k->base.again, e));
    buf_init(&text, LETTER_BYTES_MAX);
    json_open_object(&j);
    put_member(&j, "publisher", k->host.name);
    json_name(&j, "topic");
    json_text_slice(&j, ev->topic);
    put_member(&j, "reason", why);
    put_member(&j, "file", file.name);
    json_name(&j, "offset");
    json_uint(&j, store_pos_offset(id->pos));
    json_name(&j, "row");
    json_uint(&j, id->row);
    json_name(&j, "key_bytes");
    json_uint(&j, ev->key.len);
    json_name(&j, "value_bytes");
    json_uint(&j, ev->value.len);
    json_close_object(&j);
    r.has_key = ev->key.len > 0 && ev->key.len <= LETTER_KEY_BYTES_MAX;
    r.key = ev->key;
    r.value = buf_slice(&text);
    r.headers = ev->headers;
    r.header_count = ev->header_count;
    result = buf_check(&text, "a dead letter", e);
    if (result == 0)
        result = kafka_put_record(k, &r, e);
    buf_done(&text);
    return result;
}

static struct record_id next_id(struct kafka *k, const struct change_event *ev)
{
    bool same = k->last.pos == ev->pos && k->last.row == ev->row;

    k->last = (struct record_id){ ev->pos, ev->row, same ? k->last.nth + 1 : 0 };
    return k->last;
}

static int put_event(struct kafka *k, const struct change_event *ev, const struct record_id *id,
                     struct err *e)
{
    struct producer_record r = { .partition = ev->partition == CHANGE_ANY_PARTITION
                                                  ? RD_KAFKA_PARTITION_UA
                                                  : ev->partition,
                                 .key = ev->key,
                                 .value = ev->value,
                                 .has_key = ev->key.len > 0,
                                 .has_value = ev->value.len > 0,
                                 .headers = ev->headers,
                                 .header_count = ev->header_count,
                                 .id = *id };
    rd_kafka_resp_err_t    code;
    char                   topic[PRODUCER_TOPIC_BYTES];

    TRY(topics_find(k->topics, ev->topic, &r.topic, &k->base.again, e));
    TRY(put_waiting(k, &r, &code, e));
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        (void)snprintf(topic, sizeof topic, "%.*s", (int)ev->topic.len,
                       (const char *)ev->topic.ptr);
        const char *why = "it is larger than kafka.message.max.bytes";
        /* What is before it may have been refused, too. */
        if (k->careful_until != 0)
            (void)rd_kafka_flush(producer_handle(k->producer), KAFKA_SLICE_MS);
        if (producer_failed(k->producer, NULL))
            return kafka_fail(k, code, "publish", e);
        TRY(kafka_refuse(k, id, topic, why, e));
        return put_letter(k, ev, id, why, e);
    }
    k->batch_bytes += ev->key.len + ev->value.len + RECORD_OVERHEAD;
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : kafka_fail(k, code, "publish", e);
}

int kafka_put(struct kafka *k, const struct change_event *ev, struct err *e)
{
    struct record_id      id = next_id(k, ev);
    const struct refused *known = k->refused_count > 0 ? kafka_find_refused(k, &id) : NULL;

    if (producer_failed(k->producer, NULL))
        return kafka_fail(k, RD_KAFKA_RESP_ERR__FAIL, "publish", e);
    k->is_dirty = true;
    if (known != NULL && known->is_skipped)
        return 0;
    TRY(begin_txn(k, e));
    return known != NULL ? put_letter(k, ev, &id, known->why, e) : put_event(k, ev, &id, e);
}
