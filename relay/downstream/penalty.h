/*
 * Failed logins, by the address they came from: each one is answered later than the one before, and
 * an address that has too many of them waiting may not try at all until some are answered. So a
 * guesser gets a few tries in each PENALTY_MOST_MS, however many connections it opens.
 *
 * One table of fixed size: where addresses crowd, those that failed least are forgotten first. IPv6
 * addresses count by their first 64 bits, which is what one customer has. Time forgives one failure
 * in each PENALTY_FORGIVE_MS. Shared by all loops; any thread.
 */
#pragma once
#include <stdint.h>
#include "protocol/base/err.h"

enum {
    PENALTY_FREE = 1,       /* failures that are answered at once */
    PENALTY_FIRST_MS = 250, /* the next one; then twice as long each time */
    PENALTY_MOST_MS = 8000,
    PENALTY_WAITING_MAX = 4, /* of one address */
    PENALTY_FORGIVE_MS = 30 * 1000,
};

struct penalty;

MUST_CHECK int penalty_new(struct penalty **out, struct err *e);
void           penalty_free(struct penalty *p); /* accepts NULL */

/* How long this address must not try to log in, in milliseconds; 0: it may. Counts what is turned
   away. `host` as text, without a port. */
uint32_t penalty_blocked_ms(struct penalty *p, const char *host);
/* A login failed: how long to wait before the answer. Unless that is 0, penalty_over() must follow
   when the answer went out or the client is gone. */
uint32_t penalty_failed_ms(struct penalty *p, const char *host);
void     penalty_over(struct penalty *p, const char *host);

struct penalty_counts {
    uint64_t failed;    /* logins since the start */
    uint64_t blocked;   /* connections turned away since the start */
    uint32_t addresses; /* that are answered late now */
};
void penalty_counts(struct penalty *p, struct penalty_counts *out);
