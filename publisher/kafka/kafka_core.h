/* The Kafka output's parts, between the files kafka*.c of this folder; no one else's. */
#pragma once
#include "publisher/kafka/kafka.h"
#include "publisher/kafka/producer.h"

enum { KAFKA_SLICE_MS = 1000, KAFKA_CHECKPOINT_MS = 1000 };

struct refused {
    struct record_id id;
    bool             is_skipped; /* else it goes to the dead-letter topic */
    char             why[128];
};

struct kafka {
    struct output        base;
    struct output_host   host;
    struct kafka_options options;
    char                *transactional_id, *checkpoint_topic, *dead_letter_topic;
    struct producer     *producer; /* between find() and shut() */
    struct topics       *topics;
    rd_kafka_topic_t    *checkpoints;

    struct record_id last;     /* put */
    bool             in_txn;   /* a Kafka transaction is open */
    bool             is_dirty; /* records were put behind the last boundary */
    uint64_t         batch_bytes;
    int64_t          batch_begun_ms;

    struct output_place place;            /* the last boundary */
    struct buf          state;            /* as it was found */
    uint64_t            written_serial;   /* of the state in Kafka */
    store_pos           written, arrived; /* checkpoint's places */
    uint64_t            arrived_events;
    int64_t             checkpoint_ms, catalog_ms;
    store_pos           catalogued;
    unsigned            late_slices; /* waited for what was put to arrive */
    struct buf          key, value;  /* of a checkpoint */
    bool                is_pending;  /* it waits for what was put before it */
    store_pos           pending;
    uint64_t            pending_events, pending_serial;

    /* What was found out about records survives shut(). */
    struct refused  *refused;
    size_t           refused_count;
    struct record_id stuck;
    store_pos        careful_until; /* 0: not one by one */
};

/* ---- kafka_fail.c: what a failure means ---- */
/* From the report of a record that did not arrive, or else of the code. Always -1. */
int kafka_fail(struct kafka *k, rd_kafka_resp_err_t code, const char *what, struct err *e);
/* The same for librdkafka's error, which it destroys. */
int kafka_fail_error(struct kafka *k, rd_kafka_error_t *error, const char *what, struct err *e);
/* A record that can't be put; 0: it goes to the dead-letter topic. */
int kafka_refuse(struct kafka *k, const struct record_id *id, const char *topic, const char *why,
                 struct err *e);

/* ---- kafka_refused.c: records that are not put when they come again ---- */
const struct refused *kafka_find_refused(const struct kafka *k, const struct record_id *id);
int kafka_remember_refused(struct kafka *k, const struct record_id *id, bool is_skipped,
                           const char *why, struct err *e);
int kafka_forget_refused(struct kafka *k, store_pos before, struct err *e);
int kafka_recall_skipped(struct kafka *k, struct err *e); /* what a person said before a restart */
int kafka_skip(struct kafka *k, struct err *e);           /* the one that it is stuck at */

/* ---- kafka_put.c: records ---- */
int kafka_put(struct kafka *k, const struct change_event *ev, struct err *e);
/* Waits where the queue is full. */
int kafka_put_record(struct kafka *k, const struct producer_record *r, struct err *e);

/* ---- kafka_find.c: the beginning ---- */
int kafka_begin(struct kafka *k, struct err *e);
/* 1: *at is the checkpoint's place; 0: there is none. */
int kafka_read_checkpoint(struct kafka *k, struct output_place *at, struct err *e);

int kafka_read_offset(struct kafka *k, const char *topic, const char *connector,
                      struct adopt_offset *out, struct err *e);

/* Waits once, saying what librdkafka said, or else `why`. */
int kafka_wait(struct kafka *k, const char *why, int64_t ms, struct err *e);
