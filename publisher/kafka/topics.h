/*
 * The topics that a publisher writes to: made when they are missing, or required to be there.
 *
 * Owned by one output; one thread. Asks the broker at the first record of each topic; waits through
 * the publisher, so that a stop is not held up. What the broker can't do now fails with *again set.
 * Source: Kafka's protocol (CreateTopics, Metadata) through librdkafka's admin API.
 */
#pragma once
#include "publisher/kafka/producer.h"
#include "publisher/output.h"

struct topics_options {
    bool                         create;      /* missing ones; else it is an error */
    uint32_t                     partitions;  /* 0: as the broker likes */
    uint32_t                     replication; /* 0: as the broker likes */
    const struct kafka_settings *settings;    /* of the new ones; outlive the topics */
};

struct topics;
MUST_CHECK int topics_new(struct producer *p, const struct output_host *host,
                          const struct topics_options *o, struct topics **out, struct err *e);
void           topics_free(struct topics *t); /* accepts NULL; before the producer */

/* Lives as long as the topics. *again tells, when it fails, that it may succeed later. */
MUST_CHECK int topics_find(struct topics *t, struct slice name, rd_kafka_topic_t **out, bool *again,
                           struct err *e);
/* How many it has; E_CONFIG when there is no such topic. */
MUST_CHECK int topics_partitions(struct topics *t, const char *name, int32_t *out, bool *again,
                                 struct err *e);
/* When records do not arrive: fails, with *again, if one of the topics found before is gone. What
   can't be asked now is not told. */
MUST_CHECK int topics_check(struct topics *t, bool *again, struct err *e);
/* One partition, and only the newest record of each key stays; made where it may be. */
MUST_CHECK int topics_find_compacted(struct topics *t, const char *name, rd_kafka_topic_t **out,
                                     bool *again, struct err *e);
