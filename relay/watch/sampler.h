/*
 * The thread that takes the samples for the page's charts, one every HISTORY_PERIOD_S. It asks what
 * a scrape of /metrics asks, so that the threads that move bytes do not notice. Owned by the HTTP
 * endpoint.
 */
#pragma once
#include "relay/watch/history.h"

struct sampler;

/* Takes the first sample at once. Both must outlive it. */
MUST_CHECK int sampler_start(const struct overview_of *of, struct history *history,
                             struct sampler **out, struct err *e);
void           sampler_stop(struct sampler *s); /* accepts NULL */
