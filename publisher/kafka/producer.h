/*
 * One producer of librdkafka: records on their way, and what became of them.
 *
 * Owned by one output. All functions are called from its thread; reports come in librdkafka's
 * background thread, which counts and wakes. Memory: librdkafka's queue
 * (kafka.queue.buffering.max.kbytes) and 32 bytes for each record in it.
 * Source: librdkafka, INTRODUCTION.md, "Transactional producer", "Idempotent producer".
 */
#pragma once
#include <librdkafka/rdkafka.h>
#include "publisher/change.h"
#include "publisher/kafka/settings.h"

/* Which record of the stream: several may come of one row. */
struct record_id {
    store_pos pos;
    uint32_t  row;
    uint32_t  nth; /* among those of the row */
};

struct producer;

enum { PRODUCER_TOPIC_BYTES = 250 };

struct producer_options {
    const struct kafka_settings *settings;
    struct kafka_producing       how;
    void (*wake)(void *arg); /* there is room again, all arrived, or something failed */
    void *wake_arg;
};
MUST_CHECK int producer_new(const struct producer_options *o, struct producer **out, struct err *e);
void           producer_free(struct producer *p); /* accepts NULL; what is on its way is lost */

rd_kafka_t *producer_handle(struct producer *p);

/* The first record that could not be delivered for good. */
struct producer_failure {
    rd_kafka_resp_err_t code; /* RD_KAFKA_RESP_ERR_NO_ERROR: none failed */
    struct record_id    id;
    char                topic[PRODUCER_TOPIC_BYTES];
    char                text[ERR_TEXT_BYTES];
};
bool producer_failed(struct producer *p, struct producer_failure *out);
/* What librdkafka last said of a trouble that it goes on with; "" when records arrive. */
void producer_trouble(struct producer *p, char into[ERR_TEXT_BYTES]);

struct producer_record {
    rd_kafka_topic_t           *topic;
    int32_t                     partition; /* CHANGE_ANY_PARTITION */
    struct slice                key, value;
    bool                        has_key, has_value;
    const struct change_header *headers;
    uint32_t                    header_count;
    struct record_id            id;
};
/* The bytes are copied. RD_KAFKA_RESP_ERR__QUEUE_FULL: wait for wake() and try again. */
rd_kafka_resp_err_t producer_put(struct producer *p, const struct producer_record *r);

/* Two generations, so that it is known when all before some record has arrived: begins a new one,
   which is possible when the one before it has arrived whole. */
bool   producer_turn(struct producer *p);
bool   producer_old_arrived(struct producer *p);
size_t producer_on_their_way(struct producer *p);
