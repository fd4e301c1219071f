/*
 * Lags of the last hour, for the page's charts: a sample of each source, consumer and publisher
 * every HISTORY_PERIOD_S, in rings in memory. Of more than HISTORY_SERIES of them those that came
 * first are kept; one that was not there for an hour goes. Any thread.
 */
#pragma once
#include "relay/watch/overview.h"

enum { HISTORY_PERIOD_S = 10, HISTORY_SAMPLES = 360, HISTORY_SERIES = 512 };

struct history;
enum history_of { HISTORY_SOURCE, HISTORY_CONSUMER, HISTORY_PUBLISHER };

MUST_CHECK int history_new(struct history **out, struct err *e);
void           history_free(struct history *h); /* accepts NULL */

/* One sample of everything there is. */
void history_take(struct history *h, const struct overview *o);

/* The samples of one, in seconds, oldest first; NAN: not known then. Returns how many; 0: nothing
   is known of it. */
size_t history_get(struct history *h, enum history_of of, const char *channel, const char *name,
                   float out[HISTORY_SAMPLES]);
