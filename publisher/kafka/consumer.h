/*
 * Reads one partition of a topic, what is committed of it, as it grows.
 *
 * Owned by one thread, but consumer_stop() is for all. Nothing blocks unless it is told how long; a
 * broker that is away is waited for by librdkafka, nothing comes meanwhile. Memory: about 4 MiB of
 * records that were fetched ahead, or one record if that is larger.
 * Source: librdkafka, INTRODUCTION.md, "Simple Consumer (legacy)", and rdkafka.h.
 */
#pragma once
#include "protocol/base/bytes.h"
#include "publisher/kafka/settings.h"

enum { CONSUMER_OLDEST = -2, CONSUMER_NEWEST = -1 };

struct consumer_options {
    const struct kafka_settings *settings; /* not needed afterwards */
    const char                  *topic;
    int32_t                      partition;
    int64_t     from;  /* the next offset to read, CONSUMER_OLDEST or CONSUMER_NEWEST */
    const char *group; /* NULL: none. Else what it has committed goes before OLDEST or NEWEST */
    /* From librdkafka's thread, when there is something again after consumer_next() gave nothing.
       May be NULL. */
    void (*wake)(void *arg);
    void *wake_arg;
};

struct consumer;
/* E_CONFIG for settings that librdkafka does not take. Whether the topic is there is told later. */
MUST_CHECK int consumer_new(const struct consumer_options *o, struct consumer **out, struct err *e);
void           consumer_free(struct consumer *c); /* accepts NULL */

struct consumer_record { /* views, valid until the next call */
    int64_t      offset;
    int64_t      timestamp_ms; /* since 1970; -1: not known */
    struct slice key, value;
    bool         has_key, has_value;
};

enum consumer_step {
    CONSUMER_NOTHING, /* yet */
    CONSUMER_RECORD,
    CONSUMER_AT_END /* all that was there has been read */
};
/*
 * Waits up to `ms`, 0: not at all, -1: for as long as it takes. E_STOPPED after consumer_stop().
 * E_IO, E_AUTH: there is no such topic, or no right to read it; call again, it goes on by itself.
 */
MUST_CHECK int consumer_next(struct consumer *c, int64_t ms, struct consumer_record *out,
                             enum consumer_step *step, struct err *e);
/* From any thread: whoever waits returns at once, and so does everybody from now on. */
void consumer_stop(struct consumer *c);
/* The group's place, the next offset to read. Blocks until the broker has answered, some seconds.
 */
MUST_CHECK int consumer_commit(struct consumer *c, int64_t next, struct err *e);
