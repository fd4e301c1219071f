/*
 * A thread with a libev loop that runs the sessions it was given.
 *
 * Made, started, stopped and freed by main. loop_give(), loop_wake_ends() and loop_load() from any
 * thread; what belongs to peers (loop_ev and below) from the loop's own thread alone.
 */
#pragma once
#include "relay/downstream/session.h"

struct ev_loop;
struct loop;
struct peer;
struct tail;

MUST_CHECK int loop_new(const struct session_world *world, struct loop **out, struct err *e);
/* Not running: before loop_start() or after loop_stop(). */
void           loop_free(struct loop *l);
MUST_CHECK int loop_start(struct loop *l, struct err *e);
/* What the loop's thread does first when it is asked to end, before sessions end. Before
   loop_start(). */
void loop_on_end(struct loop *l, void (*ending)(void *arg), void *arg);
/* Asks it to end; streams go on to a good place to be cut off, for a second at most. */
void loop_end_soon(struct loop *l);
/* The same, and waits for its end. Fine for one that was not started. */
void loop_stop(struct loop *l);

/* Hands over a socket that came in by `gate`; it is closed when there is no memory for it. */
void loop_give(struct loop *l, int fd, struct session_gate *gate,
               const char address[ROSTER_ADDRESS_BYTES]);
/* A word was left in the roster entry of one of its sessions. */
void loop_wake_ends(void *loop);
/* The users were read anew: every session looks at its own. */
void loop_wake_reload(struct loop *l);
/* Whether it goes round, within this time: for who watches the daemon. Between loop_start() and
   loop_stop(). */
bool loop_answers(struct loop *l, unsigned wait_ms);
/* Sessions it has or will have. */
unsigned loop_load(const struct loop *l);

struct ev_loop             *loop_ev(struct loop *l);
const struct session_world *loop_world(const struct loop *l);

/* Lists of peers: all of a loop's, and those that wait for more to be published in a channel. */
struct peer_link {
    struct peer      *peer;
    struct peer_link *next, **back; /* back: what points here; NULL in no list */
};
struct peer_link **loop_peers(struct loop *l);
struct peer_link **loop_waiting(struct loop *l, size_t channel);
/* What those who wait share, without and with annotations; NULL for a channel without a store. */
struct tail *const *loop_tails(struct loop *l, size_t channel);
void                loop_peer_left(struct loop *l);
