/*
 * One consumer's byte stream, in the clear or through TLS, over a non-blocking socket.
 *
 *   in    0 ........ taken ........ len            taken: packets handed out
 *   out   0 ........ sent ......... len            sent: given to the socket
 *           gone           waiting
 *
 * In the clear `out` may have stretches beside it, bytes that lie elsewhere: `sent` counts both.
 *
 * Owned by one peer, used by its loop's thread. `in` never grows past the largest packet allowed
 * now and CONN_READ_BYTES, and only as bytes really come; `out` is bounded by CONN_OUT_MAX_BYTES
 * and filled by whoever answers.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/packet.h"
#include "relay/downstream/stretch.h"
#include "relay/downstream/tls.h"

enum {
    CONN_READ_BYTES = 16 * 1024,
    CONN_OUT_MAX_BYTES = 16 * 1024 * 1024,
};

struct conn {
    int         fd;  /* -1 when closed */
    struct tls *tls; /* NULL in the clear */
    struct buf  in;
    size_t      taken;
    struct buf  out;
    size_t      sent;

    struct stretches *stretches;        /* NULL before they are asked for */
    bool              read_wants_write; /* TLS has something of its own to send first */
    bool              write_wants_read;
};

void conn_init(struct conn *c, int fd); /* takes the socket over */
void conn_done(struct conn *c);

static inline size_t conn_waiting(const struct conn *c)
{
    size_t all = c->out.len + (c->stretches != NULL ? c->stretches->total : 0);
    assert(c->sent <= all);
    return all - c->sent;
}

enum conn_state { CONN_MOVED, CONN_BLOCKED, CONN_CLOSED };

/* One read. With `exact`, not a byte behind the packet that is under way: what follows an SSL
   request belongs to TLS. */
MUST_CHECK int conn_receive(struct conn *c, bool exact, enum conn_state *state, struct err *e);
/* The next whole packet, if it is there; valid until the next conn_receive(). E_LIMIT when its
   header announces more than `most` bytes. */
MUST_CHECK int conn_packet(struct conn *c, size_t most, bool *have, struct slice *payload,
                           uint8_t *sequence, struct err *e);
/* What was read and not taken yet, whole packets or not; and takes of it. */
struct slice conn_unread(const struct conn *c);
void         conn_take(struct conn *c, size_t bytes);
/* Reads and forgets. */
MUST_CHECK int conn_discard(struct conn *c, enum conn_state *state, struct err *e);
/* Sends what waits; CONN_MOVED when all is gone. *moved is added to. */
MUST_CHECK int conn_send(struct conn *c, size_t *moved, enum conn_state *state, struct err *e);
/* The same for bytes that lie elsewhere, when nothing waits: what the socket does not take at once
   is copied, and waits. */
MUST_CHECK int conn_send_these(struct conn *c, struct slice bytes, size_t *moved,
                               enum conn_state *state, struct err *e);
/* Where bytes that go out with those of `out` may be listed, when nothing waits. NULL: they must be
   copied. */
struct stretches *conn_stretches(struct conn *c);
/* Nothing is to be sent for a while: gives the memory of `out` back. A thousand consumers that wait
   for the next transaction should not hold a thousand buffers. */
void conn_rest(struct conn *c);
/* No more bytes from us; the peer may still send. */
void conn_end(struct conn *c);

/* From now on through TLS; then conn_accept() until it is CONN_MOVED. */
MUST_CHECK int conn_begin_tls(struct conn *c, const struct tls_config *config, struct err *e);
MUST_CHECK int conn_accept(struct conn *c, enum conn_state *state, struct err *e);
