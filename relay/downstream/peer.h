/*
 * A session on its connection in its loop: moves bytes between the two as the socket allows, and
 * keeps the session's time limits and heartbeats.
 *
 * A turn does all that can be done without waiting, up to TURN_BYTES or TURN_PACKETS, so that one
 * busy consumer does not starve the others. Loop's thread only. A peer frees itself when its
 * session is over: after any of these calls it may be gone.
 */
#pragma once
#include <ev.h>
#include "relay/downstream/conn.h"
#include "relay/downstream/loop.h"
#include "relay/downstream/session.h"

enum { TURN_BYTES = 1024 * 1024, TURN_PACKETS = 64 };

struct peer {
    struct loop       *loop;
    struct conn        conn;
    struct session     session;
    ev_io              io;
    ev_io              source; /* the session's own connection, while it is waited for */
    ev_timer           timer;
    ev_timer           rest;  /* until the stream has paid for what it was given */
    enum session_state timed; /* the state that the timer was set for */
    ev_timer           stuck; /* while bytes wait that the client does not take */
    ev_tstamp          blocked_at;
    bool               blocked;
    ev_tstamp          last_sent; /* or, in AWAIT_COMMAND, last received */
    bool               again;     /* there is more to do that no socket event will tell */
    bool               ended;     /* nothing more goes out */
    struct peer_link   all, waiting;
};

/* Takes the socket over. */
void peer_new(struct loop *l, int fd, struct session_gate *gate,
              const char address[ROSTER_ADDRESS_BYTES]);
/* More was published. */
void peer_on_published(struct peer *p);
/* Looks at what was left in its roster entry. */
void peer_on_end(struct peer *p);
/* The users were read anew. */
void peer_on_reload(struct peer *p);
/* The relay stops, see session_finish(). */
void peer_finish(struct peer *p);
/* Closes without a word. */
void peer_free(struct peer *p);
