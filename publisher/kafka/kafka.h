/*
 * A publisher's change events in Kafka's topics.
 *
 * exactly_once   change events and checkpoint in one Kafka transaction, which holds whole source
 *                transactions; whoever reads with isolation.level=read_committed sees each event
 *                once and in order. Of two publishers with one transactional.id the older one is
 *                fenced off.
 * at_least_once  an idempotent producer; about every second a checkpoint follows when all before it
 *                has arrived. After a crash the events since then come again.
 *
 * The checkpoint (publisher/kafka/checkpoint.h) is read back from Kafka at the start; the catalog
 * has a copy, for what is held in the store, and for when the topic is gone.
 *
 * Back-pressure: a queue that is full makes the publisher wait, and so read no further. What fails
 * for all records (no broker, no right, no topic) is tried again from the checkpoint until it
 * works. A record that Kafka does not take goes to the dead-letter topic, or stops the publisher.
 */
#pragma once
#include "publisher/kafka/settings.h"
#include "publisher/kafka/topics.h"
#include "publisher/output.h"

struct kafka_options {
    const struct kafka_settings *settings; /* outlive the output */
    bool                         exactly_once;
    uint64_t                     batch_bytes; /* of a Kafka transaction, about */
    uint32_t                     batch_ms;
    const char                  *topic_prefix;
    const char                  *checkpoint_topic;  /* "": binrelay.PREFIX.NAME.checkpoint */
    const char                  *dead_letter_topic; /* "": stop */
    struct topics_options        topics;            /* without the settings */
};

/* The options' texts are copied. */
MUST_CHECK int kafka_output_new(const struct output_host *host, const struct kafka_options *o,
                                struct output **out, struct err *e);
