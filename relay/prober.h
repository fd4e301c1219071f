/*
 * The thread that looks at all servers a channel may follow, every few seconds, and calls for a
 * failover when the configuration says so.
 *
 * Owned by the channel: prober_run() is the thread's body, prober_stop() ends it; all else may be
 * called from any thread. A channel with one source has nobody to go to: there the server is looked
 * at only when somebody asks.
 */
#pragma once
#include "relay/upstream/health.h"

struct prober;

struct prober_options {
    struct sources   *sources;
    struct store     *store;
    struct channel   *channel;
    struct landmarks *landmarks; /* kept up to date for all but the active one */
    /* Follow this one from now on; E_LIMIT: a switch is under way already. From the thread. */
    int (*fail_over)(void *arg, const struct config_source *to, bool catch_up, struct err *e);
    void *arg;
};
/* Everything in the options must outlive it. */
MUST_CHECK int prober_new(const struct prober_options *o, struct prober **out, struct err *e);
void           prober_free(struct prober *p); /* accepts NULL */

void prober_run(struct prober *p);
void prober_stop(struct prober *p);

/* Sources or policy have changed: look now. */
void prober_wake(struct prober *p);

/* What is known of each source, in the order of the configuration; waits for a first look, for some
   seconds at most, where there was none lately. `h` is borrowed for the call. */
void prober_each(struct prober *p,
                 void (*each)(void *arg, const struct config_source *source,
                              const struct health *h),
                 void *arg);
/* The same without waiting and without having anybody look: as of the last round, if there was one.
 */
void prober_each_known(struct prober *p,
                       void (*each)(void *arg, const struct config_source *source,
                                    const struct health *h),
                       void *arg);
