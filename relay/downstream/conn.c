#include "relay/downstream/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    /* The largest packet, and what was read behind it. */
    IN_MAX_BYTES = PACKET_HEADER_BYTES + PACKET_PAYLOAD_MAX + 128 * 1024,
    IN_KEEP_BYTES = 64 * 1024,
    OUT_KEEP_BYTES = 512 * 1024,
};

void conn_init(struct conn *c, int fd)
{
    *c = (struct conn){ .fd = fd };
    buf_init(&c->in, IN_MAX_BYTES);
    buf_init(&c->out, CONN_OUT_MAX_BYTES);
}

void conn_done(struct conn *c)
{
    tls_free(c->tls);
    c->tls = NULL;
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    buf_done(&c->in);
    buf_done(&c->out);
    free(c->stretches);
    c->stretches = NULL;
}

/* ---- raw bytes, either way ---------------------------------------------------------------------
 */

static int raw_read(struct conn *c, uint8_t *into, size_t size, size_t *got, enum conn_state *state,
                    struct err *e)
{
    c->read_wants_write = false;
    if (c->tls != NULL) {
        enum tls_result result = TLS_CLOSED;
        TRY(tls_read(c->tls, into, size, got, &result, e));
        c->read_wants_write = result == TLS_WANTS_WRITE;
        *state = result == TLS_DONE     ? CONN_MOVED
                 : result == TLS_CLOSED ? CONN_CLOSED
                                        : CONN_BLOCKED;
        return 0;
    }
    ssize_t n = recv(c->fd, into, size, MSG_DONTWAIT);
    *got = n > 0 ? (size_t)n : 0;
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return err_sys(e, "receive");
    *state = n > 0 ? CONN_MOVED : n == 0 ? CONN_CLOSED : CONN_BLOCKED;
    return 0;
}

/* What the system said to so many bytes in the clear: where it takes fewer there is no room, and it
   need not be asked again to know that. */
static int sent(ssize_t n, size_t wanted, size_t *put, enum conn_state *state, struct err *e)
{
    *put = n > 0 ? (size_t)n : 0;
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return err_sys(e, "send");
    *state = *put == wanted ? CONN_MOVED : CONN_BLOCKED;
    return 0;
}

/* CONN_BLOCKED may come with a part that was taken. */
static int raw_write(struct conn *c, struct slice bytes, size_t *put, enum conn_state *state,
                     struct err *e)
{
    c->write_wants_read = false;
    if (c->tls != NULL) {
        enum tls_result result = TLS_CLOSED;
        TRY(tls_write(c->tls, bytes, put, &result, e));
        c->write_wants_read = result == TLS_WANTS_READ;
        *state = result == TLS_DONE     ? CONN_MOVED
                 : result == TLS_CLOSED ? CONN_CLOSED
                                        : CONN_BLOCKED;
        return 0;
    }
    ssize_t n = send(c->fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent(n, bytes.len, put, state, e);
}

/* ---- packets in --------------------------------------------------------------------------------
 */

/* Handed-out packets make room; a buffer that one large packet needed is given back. */
static void make_room(struct conn *c)
{
    size_t left = c->in.len - c->taken;
    if (left == 0 && c->in.size > IN_KEEP_BYTES) {
        buf_done(&c->in);
        buf_init(&c->in, IN_MAX_BYTES);
    } else if (c->taken > 0) {
        memmove(c->in.ptr, c->in.ptr + c->taken, left);
        c->in.len = left;
    }
    c->taken = 0;
}

/* Bytes that the packet under way still lacks. */
static size_t missing(const struct conn *c)
{
    size_t have = c->in.len - c->taken;
    if (have < PACKET_HEADER_BYTES)
        return PACKET_HEADER_BYTES - have;
    size_t whole = PACKET_HEADER_BYTES + packet_payload_bytes(c->in.ptr + c->taken);
    return have < whole ? whole - have : 0;
}

int conn_receive(struct conn *c, bool exact, enum conn_state *state, struct err *e)
{
    make_room(c);
    size_t want = exact ? missing(c) : CONN_READ_BYTES;
    if (want > CONN_READ_BYTES)
        want = CONN_READ_BYTES;
    if (want == 0) {
        *state = CONN_MOVED;
        return 0;
    }
    size_t   before = c->in.len, got = 0;
    uint8_t *into = buf_extend(&c->in, want);
    if (into == NULL)
        return buf_check(&c->in, "received bytes", e);
    int result = raw_read(c, into, want, &got, state, e);
    c->in.len = before + (result == 0 ? got : 0);
    return result;
}

int conn_packet(struct conn *c, size_t most, bool *have, struct slice *payload, uint8_t *sequence,
                struct err *e)
{
    *have = false;
    if (c->in.len - c->taken < PACKET_HEADER_BYTES)
        return 0;
    const uint8_t *header = c->in.ptr + c->taken;
    uint32_t       n = packet_payload_bytes(header);
    if (n > most)
        return err_set(e, E_LIMIT, "packet of %u bytes, at most %zu are taken", n, most);
    if (missing(c) > 0)
        return 0;
    *sequence = header[3];
    *payload = (struct slice){ header + PACKET_HEADER_BYTES, n };
    *have = true;
    c->taken += PACKET_HEADER_BYTES + n;
    return 0;
}

struct slice conn_unread(const struct conn *c)
{
    return (struct slice){ c->in.ptr + c->taken, c->in.len - c->taken };
}

void conn_take(struct conn *c, size_t bytes)
{
    assert(bytes <= c->in.len - c->taken);
    c->taken += bytes;
}

int conn_discard(struct conn *c, enum conn_state *state, struct err *e)
{
    uint8_t bin[CONN_READ_BYTES];
    size_t  got = 0;
    c->in.len = c->taken = 0;
    return raw_read(c, bin, sizeof bin, &got, state, e);
}

/* ---- bytes out ---------------------------------------------------------------------------------
 */

/* In the order in which they go out. */
struct parts {
    size_t       gone; /* of what is added next */
    size_t       count;
    struct iovec list[2 * STRETCHES_MAX + 1];
};

static void add_part(struct parts *p, const uint8_t *from, size_t bytes)
{
    size_t gone = p->gone < bytes ? p->gone : bytes;
    p->gone -= gone;
    if (bytes > gone) /* what is only read is not constant to the system's call */
        p->list[p->count++] = (struct iovec){ (void *)(uintptr_t)(from + gone), bytes - gone };
}

/* In the clear: what waits of the buffer and of the stretches, in one call. */
static int write_parts(struct conn *c, size_t *put, enum conn_state *state, struct err *e)
{
    struct parts parts;
    size_t       at = 0;

    parts.gone = c->sent;
    parts.count = 0;
    for (size_t i = 0; i < c->stretches->count; i++) {
        const struct stretch *s = &c->stretches->list[i];
        add_part(&parts, c->out.ptr + at, s->at - at);
        add_part(&parts, s->bytes.ptr, s->bytes.len);
        at = s->at;
    }
    add_part(&parts, c->out.ptr + at, c->out.len - at);
    struct msghdr message = { .msg_iov = parts.list, .msg_iovlen = parts.count };
    ssize_t       n = sendmsg(c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent(n, conn_waiting(c), put, state, e);
}

static int write_waiting(struct conn *c, size_t *put, enum conn_state *state, struct err *e)
{
    if (c->stretches != NULL && c->stretches->count > 0)
        return write_parts(c, put, state, e);
    return raw_write(c, (struct slice){ c->out.ptr + c->sent, conn_waiting(c) }, put, state, e);
}

int conn_send(struct conn *c, size_t *moved, enum conn_state *state, struct err *e)
{
    *state = CONN_MOVED;
    while (conn_waiting(c) > 0) {
        size_t put = 0;
        TRY(write_waiting(c, &put, state, e));
        c->sent += put;
        *moved += put;
        if (*state != CONN_MOVED)
            return 0;
    }
    c->sent = 0;
    buf_clear(&c->out);
    if (c->stretches != NULL)
        stretches_clear(c->stretches);
    if (c->out.size > OUT_KEEP_BYTES)
        conn_rest(c);
    return 0;
}

int conn_send_these(struct conn *c, struct slice bytes, size_t *moved, enum conn_state *state,
                    struct err *e)
{
    assert(conn_waiting(c) == 0);
    *state = CONN_MOVED;
    while (bytes.len > 0) {
        size_t put = 0;
        TRY(raw_write(c, bytes, &put, state, e));
        bytes.ptr += put;
        bytes.len -= put;
        *moved += put;
        if (*state != CONN_MOVED)
            break;
    }
    buf_put(&c->out, bytes);
    return buf_check(&c->out, "bytes to be sent", e);
}

struct stretches *conn_stretches(struct conn *c)
{
    assert(conn_waiting(c) == 0);
    if (c->tls != NULL) /* encrypts what lies in one piece */
        return NULL;
    if (c->stretches == NULL)
        c->stretches = malloc(sizeof *c->stretches);
    if (c->stretches != NULL)
        stretches_clear(c->stretches);
    return c->stretches;
}

void conn_rest(struct conn *c)
{
    assert(conn_waiting(c) == 0);
    buf_done(&c->out);
    free(c->stretches);
    c->stretches = NULL;
    c->sent = 0;
    if (c->in.len == c->taken) {
        buf_done(&c->in);
        buf_init(&c->in, IN_MAX_BYTES);
        c->taken = 0;
    }
}

void conn_end(struct conn *c)
{
    if (c->tls == NULL)
        (void)shutdown(c->fd, SHUT_WR);
}

/* ---- TLS ---------------------------------------------------------------------------------------
 */

int conn_begin_tls(struct conn *c, const struct tls_config *config, struct err *e)
{
    if (c->in.len != c->taken)
        return err_set(e, E_PROTOCOL, "bytes between SSL request and TLS handshake");
    return tls_new(config, c->fd, &c->tls, e);
}

int conn_accept(struct conn *c, enum conn_state *state, struct err *e)
{
    enum tls_result result = TLS_CLOSED;
    TRY(tls_accept(c->tls, &result, e));
    c->read_wants_write = result == TLS_WANTS_WRITE;
    *state = result == TLS_DONE ? CONN_MOVED : result == TLS_CLOSED ? CONN_CLOSED : CONN_BLOCKED;
    return 0;
}
