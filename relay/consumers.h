/*
 * Who was streamed from a channel, and what each of them may still come back for: rows of the
 * catalog that outlive connections and the daemon.
 *
 * A consumer is told apart by the UUID that a replica names, else by its user and server_id. Who
 * reads to the end and goes (without waiting for more, or without a server_id) is none.
 *
 * While it is connected it needs what was not sent yet. When it went away, or the daemon ended, it
 * may come back for more: `held` is where it asked to begin, since it has all before that, and then
 * follows what was sent by a good minute, since what was sent may not be safe on its side yet
 * (Kafka Connect stores offsets every minute). A row is written when a consumer comes or goes
 * and when its held file changes; an older row holds only more.
 *
 * Any thread. consumers_save() and consumers_forget() write to the disk, so they are not for loops.
 */
#pragma once
#include <stdatomic.h>
#include "storage/catalog.h"

/* Above CONSUMERS_MANY those that have been away for longest are forgotten. */
enum {
    CONSUMERS_MAX = 4096,
    CONSUMERS_MANY = 3072,
    CONSUMER_LAG_SAMPLES = 6,
    CONSUMER_SAMPLE_S = 10
};

struct consumers;
struct consumer;

struct consumer_who {
    const char *user, *uuid /* "": none */, *address;
    uint32_t    server_id;
};

/* `wake` is called when there is something to save; it must only wake somebody. `now` gives Unix
   time. `catalog` must outlive it. */
MUST_CHECK int consumers_new(struct catalog *catalog, void (*wake)(void *arg), void *arg,
                             int64_t (*now)(void), struct consumers **out, struct err *e);
void           consumers_free(struct consumers *c); /* accepts NULL */

/* A stream begins; `at` is where, and what is sent from now on, until consumers_leave(). NULL when
   it can't be remembered: there are too many that are connected, or no memory. */
struct consumer *consumers_come(struct consumers *c, const struct consumer_who *who,
                                const _Atomic(store_pos) *at);
/* `x` may be NULL. */
void consumers_leave(struct consumers *c, struct consumer *x, const _Atomic(store_pos) *at);

/* The row of one that was streamed before; false: it never was. */
bool consumers_recall(struct consumers *c, const struct consumer_who *who,
                      struct catalog_consumer *out);

struct consumer_info {
    struct catalog_consumer row; /* up to date */
    bool                    connected;
    store_pos               needs; /* everything from here on */
};
/* A snapshot, by name. */
MUST_CHECK int consumers_each(struct consumers *c,
                              void (*each)(void *arg, const struct consumer_info *x), void *arg,
                              struct err *e);

/* Nothing before this place is there any more. Who is connected did not need it. */
void consumers_purged(struct consumers *c, store_pos before);

/* Moves on what is held, and writes what changed. What could not be written is tried next time. */
MUST_CHECK int consumers_save(struct consumers *c, struct err *e);
/* E_CONFIG when there is none of this name, or it is connected. */
MUST_CHECK int consumers_forget(struct consumers *c, const char *name, struct err *e);

/* Remembers how loudly something was said of a consumer, 0 for nothing; true when that is louder
   than what was said before. */
bool consumers_louder(struct consumers *c, const char *name, int level);
