/*
 * The newest events of a store, read and framed once for all consumers that stand at its end.
 *
 *   file   ... begin ............................ end = published
 *              packets as they go out, one behind the other
 *
 * A consumer that waits for more takes its part of them as it is: only the packets' sequence bytes
 * differ from one to the next, and they are put in place before each use. Whoever is further
 * behind, or needs something made for it alone (a file's head, a place told after a gap), reads for
 * itself with a struct dump.
 *
 * Owned by one loop, used by its thread. Memory: TAIL_BYTES and as much for the events' places,
 * nothing before the first use. A place that can't be read is nobody's error here: the consumer
 * that comes to it by itself is told.
 */
#pragma once
#include "protocol/gtid.h"
#include "storage/store.h"

enum { TAIL_BYTES = 256 * 1024 };

struct tail;

struct tail_want {
    store_pos              from; /* where a transaction begins */
    const struct gtid_set *have; /* of a MySQL GTID dump: what it must not get; or NULL */
};

struct tail_run {
    struct slice bytes; /* valid until the next call */
    store_pos    end;
    uint8_t      last_type; /* of the last event; 0: there is none */
};

/* Without `annotations` for those who want no ANNOTATE_ROWS events. */
MUST_CHECK int tail_new(struct store *s, bool annotations, struct tail **out, struct err *e);
void           tail_free(struct tail *t); /* accepts NULL */

/* All from there up to the published end, numbered from *sequence on, which it moves. False when
   it has to be read: nothing has changed then. */
bool tail_take(struct tail *t, const struct tail_want *want, uint8_t *sequence,
               struct tail_run *out);
/* Once in a while: when nobody took anything since the last time, lets go of memory and file, which
   may be one that retention has deleted. */
void tail_rest(struct tail *t);
