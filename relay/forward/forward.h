/*
 * A session's own connection to the active source: commands go there as they came, responses come
 * back in pieces.
 *
 *   CONNECTING -> IDLE <-> BUSY            any -> LOST
 *
 * Nothing here blocks: forward_turn() does what can be done at once, forward_watch() says what has
 * to happen on the socket before it is worth calling again, and `wake` is called (from another
 * thread) when a connection or a KILL is ready. Memory is the command that is being sent and
 * FORWARD_BLOCK_BYTES. Owned by one session, used by its loop's thread.
 */
#pragma once
#include "relay/forward/pool.h"
#include "relay/forward/response.h"

enum { FORWARD_BLOCK_BYTES = 64 * 1024 };

struct forward;

/* Begins to connect; `pool` outlives it. */
MUST_CHECK int forward_open(struct pool *pool, const struct pool_login *login,
                            struct pool_wake wake, struct forward **out, struct err *e);
/* A statement that is under way is killed. Accepts NULL. */
void forward_close(struct forward *f);

/* A command as the client sent it, without packet headers. Only when the one before is over; may be
   called while the connection is still being made. The response's packets get the numbers from
   *sequence on; add_status: as in relay/forward/response.h. */
MUST_CHECK int forward_send(struct forward *f, struct slice payload, enum response_kind kind,
                            uint16_t add_status, struct err *e);
/* The same for the first packet of a command that is longer than PACKET_PAYLOAD_MAX; its other
   packets follow, framed and in pieces of any size, as far as forward_takes_rest(). The response
   may be over before all of it was given: then the connection is of no use any more. */
MUST_CHECK int forward_begin(struct forward *f, struct slice payload, enum response_kind kind,
                             struct err *e);
bool           forward_takes_rest(const struct forward *f);
MUST_CHECK int forward_add(struct forward *f, struct slice packets, bool last, struct err *e);
bool           forward_busy(const struct forward *f); /* a command is not over */

enum forward_step {
    FORWARD_BLOCKED, /* see forward_watch() */
    FORWARD_FULL,    /* `to` has as much as it should */
    FORWARD_OVER,    /* the response has ended, see forward_response() */
};

/* Moves bytes both ways. E_REFUSED: what the source said to the login or a setting; E_LIMIT;
 * otherwise the source can't be reached or the connection has ended. After an error the connection
 * is gone for good: what went into `to` before it is whole packets, unless forward_mid_packet(). */
MUST_CHECK int forward_turn(struct forward *f, struct buf *to, uint8_t *sequence,
                            enum forward_step *step, struct err *e);
bool           forward_mid_packet(const struct forward *f);
bool           forward_answered(const struct forward *f); /* a byte of this response has come */

/* The last response: its errors and flags. */
const struct response *forward_response(const struct forward *f);
/* Flags of the last OK or EOF that the connection has sent. */
uint16_t forward_status(const struct forward *f);

/* What to wait for on which socket (POLLIN, POLLOUT); -1: nothing. While idle: its end. */
int forward_watch(const struct forward *f, short *events);
/* While idle: has the source closed it, or said something unasked for? */
bool forward_is_lost(struct forward *f);

bool forward_was_connected(const struct forward *f); /* else it never held anything */
/* There is no connection yet, so that nothing was sent. */
bool forward_is_connecting(const struct forward *f);
/* KILL QUERY of what is under way. The next command waits until it is done. */
void forward_kill(struct forward *f);
