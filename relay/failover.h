/*
 * When the relay goes over to another source by itself, and to which one: the decision alone.
 *
 *   the active one answers -> nothing -> does not, for failover_after -> asked once more -> choose
 *
 * Pure; owned by the prober's thread.
 */
#pragma once
#include "relay/sources.h"

struct failover {
    int64_t down_since_ms; /* by the monotonic clock; 0: it answers */
};

enum failover_step {
    FAILOVER_WAIT,    /* nothing is to be done */
    FAILOVER_CONFIRM, /* try once more to reach the active one, over a new connection */
};

/* `down`: nothing is received from the active source, and it can't be reached either; silent_ms:
   for how long nothing has been received, 0 when that is not known. */
enum failover_step failover_look(struct failover *f, const struct sources_policy *policy, bool down,
                                 int64_t silent_ms, int64_t now_ms);
/* The active one answered when it was tried once more. */
void failover_forget(struct failover *f);

/* No further change by itself until then; 0: one may be made now. */
int64_t failover_fenced_until(const struct sources_policy *policy,
                              const struct sources_change *last, int64_t now_s);

struct failover_candidate {
    bool fit;      /* it answers, and nothing speaks against following it */
    bool writable; /* somebody has made it the primary */
    bool highest;  /* no other one that answers has executed more */
    bool behind;   /* it lacks what the relay holds ... */
    bool curable;  /* ... and may be told to fetch that from the relay */
};
/* Is it one to go to? Candidates are asked in the order of the configuration. */
bool failover_accepts(const struct failover_candidate *c);
