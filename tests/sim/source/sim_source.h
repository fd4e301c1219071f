/*
 * A simulated source in the place of protocol/client.c: answers what a replica asks, sends a
 * history's binlogs from wherever it is asked to, stops for breath anywhere, cuts the connection
 * at any byte, and marks transactions for semi-synchronous acknowledgements. One at a time.
 *
 * Linked into the programs that name it in the Makefile, since it defines client_*().
 */
#pragma once
#include "tests/sim/history.h"

struct sim_source {
    const struct history *history;
    uint64_t             *random;
    bool                  semi_sync; /* it has the plugin */
    bool                  hasty;     /* no cuts any more: let it come to an end */
    /* Called in turn with the relay's reading; -1 with an error is what the reading then says. */
    int (*turn)(void *arg, struct err *e);
    /* All was sent and the relay waits: -1 to end its waiting. */
    int (*idle)(void *arg, struct err *e);
    void (*acked)(void *arg, const char *file, uint64_t offset);
    void *arg;
    /* counted */
    unsigned connections, cuts, resent, acks;
};

void sim_source_use(struct sim_source *s);
