/*
 * What `binrelay top` shows: two looks at the running daemon, and what went on between them.
 *
 * Owned by the command; one thread.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "tools/binrelay/folder.h"

struct json_object;

struct top_sample {
    int64_t              at_us; /* CLOCK_MONOTONIC */
    struct json_object  *status;
    struct json_object **consumers;
    size_t               consumer_count;
};
MUST_CHECK int top_sample_take(const struct folder *at, struct top_sample *out, struct err *e);
void           top_sample_done(struct top_sample *s); /* accepts a zeroed one */

/* What rose by how much each second from `before` to `now`; -1: not known, since it was not there
   before, or began anew. */
struct top_pair {
    const struct top_sample *before /* NULL: none yet */, *now;
};
double top_seconds(const struct top_pair *p); /* between them; 0 without the first one */
double top_source_rate(const struct top_pair *p, struct json_object *channel, const char *counter);
double top_publisher_rate(const struct top_pair *p, struct json_object *channel,
                          struct json_object *publisher);
/* Bytes sent to it. */
double top_consumer_rate(const struct top_pair *p, struct json_object *consumer);
