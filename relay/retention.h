/*
 * What is kept and for how long: a thread for each channel, that forgets the oldest relay files by
 * the configured limits, but none that a consumer (connected or away) or a publisher still needs,
 * unless that one is further behind than it may be; and that saves where the consumers are.
 *
 * Made, started and stopped by main, after the channels and the listeners were made and before they
 * are freed; freed after the listeners were stopped.
 */
#pragma once
#include "relay/channels.h"
#include "relay/config/config.h"
#include "storage/purge.h"

struct serve;
struct retention;

MUST_CHECK int retention_new(struct channels *channels, struct serve *serve, struct retention **out,
                             struct err *e);
MUST_CHECK int retention_start(struct retention *r, struct err *e);
void           retention_stop(struct retention *r); /* accepts NULL */
void           retention_free(struct retention *r); /* accepts NULL */

/* Now, everything of one channel before this relay file that nobody holds; only the plan where
   `dry`. Any thread. */
MUST_CHECK int retention_purge(struct retention *r, size_t channel, uint32_t keep_ordinal, bool dry,
                               struct purge_plan *out, struct err *e);
