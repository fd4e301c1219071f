#include "relay/forward/forward.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include "relay/log.h"

/* A command that waits to be sent; bounded by the largest packet that a session takes. */
enum { COMMAND_BYTES_MAX = 64 * 1024 * 1024, OUT_TARGET_BYTES = 256 * 1024 };

struct forward {
    struct pool     *pool;
    struct pool_wake wake;
    struct errand   *connecting; /* NULL: done */
    struct errand   *killing;    /* NULL: none */
    struct client   *client;
    bool             met; /* it was connected once */

    struct buf command; /* framed */
    size_t     sent;
    bool       unfinished; /* more of it will come */
    short      wants;      /* of the socket, to go on */

    bool            busy;
    bool            began; /* a byte of the response has come */
    struct response response;
    uint16_t        status; /* of the last response that told */
    uint32_t        capabilities;
    uint16_t        hide_status; /* what the client did not ask for itself */
    uint8_t        *block;       /* while busy */
    size_t          at, len;
};

int forward_open(struct pool *pool, const struct pool_login *login, struct pool_wake wake,
                 struct forward **out, struct err *e)
{
    struct forward *f = calloc(1, sizeof *f);

    if (f == NULL)
        return err_set(e, E_NOMEM, "no memory for forwarding");
    f->pool = pool;
    f->wake = wake;
    f->capabilities = login->guise.capabilities;
    f->hide_status = login->read_only ? STATUS_IN_READ_ONLY_TRANSACTION : 0;
    f->status = 0;
    buf_init(&f->command, COMMAND_BYTES_MAX);
    if (pool_connect(pool, login, wake, &f->connecting, e) != 0) {
        free(f);
        return -1;
    }
    *out = f;
    return 0;
}

/* Nobody is left to wait for the KILL: it goes on by itself. */
static void kill_and_forget(struct forward *f)
{
    struct errand *r;
    struct err     e = { 0 };

    if (pool_kill(f->pool, client_thread_id(f->client), false, f->wake, &r, &e) == 0)
        errand_drop(r);
    else
        log_err("forward", "a statement goes on at the source", &e);
}

static void drop_client(struct forward *f, bool cut)
{
    if (f->client != NULL && cut)
        client_cut(f->client);
    pool_close(f->pool, f->client);
    f->client = NULL;
    free(f->block);
    f->block = NULL;
}

void forward_close(struct forward *f)
{
    if (f == NULL)
        return;
    errand_drop(f->connecting);
    errand_drop(f->killing);
    if (f->client != NULL && f->busy)
        kill_and_forget(f);
    drop_client(f, f->busy);
    buf_done(&f->command);
    free(f);
}

bool forward_busy(const struct forward *f)
{
    return f->busy;
}

bool forward_answered(const struct forward *f)
{
    return f->began;
}

bool forward_mid_packet(const struct forward *f)
{
    return f->response.packet_left > 0 || f->response.continues;
}

const struct response *forward_response(const struct forward *f)
{
    return &f->response;
}

uint16_t forward_status(const struct forward *f)
{
    return f->status;
}

static void expect_response(struct forward *f, enum response_kind kind, uint16_t add_status)
{
    response_begin(&f->response, kind, f->capabilities, f->status, add_status);
    f->response.hide_status = f->hide_status;
    f->busy = true;
    f->began = false;
    f->at = f->len = 0;
    f->unfinished = false;
    f->wants = POLLOUT;
}

int forward_send(struct forward *f, struct slice payload, enum response_kind kind,
                 uint16_t add_status, struct err *e)
{
    uint8_t       sequence = 0;
    struct packet p;

    assert(!f->busy);
    buf_clear(&f->command);
    f->sent = 0;
    p = packet_begin(&f->command);
    buf_put(&f->command, payload);
    packet_end(&p, &sequence);
    TRY(buf_check(&f->command, "the statement", e));
    expect_response(f, kind, add_status);
    return 0;
}

int forward_begin(struct forward *f, struct slice payload, enum response_kind kind, struct err *e)
{
    uint8_t header[PACKET_HEADER_BYTES];

    assert(!f->busy && payload.len == PACKET_PAYLOAD_MAX);
    buf_clear(&f->command);
    f->sent = 0;
    packet_header(header, PACKET_PAYLOAD_MAX, 0);
    buf_put(&f->command, (struct slice){ header, sizeof header });
    buf_put(&f->command, payload);
    TRY(buf_check(&f->command, "the statement", e));
    expect_response(f, kind, 0);
    f->unfinished = true;
    return 0;
}

bool forward_takes_rest(const struct forward *f)
{
    /* What TLS has half written must stay where it is. */
    return f->unfinished && f->command.len == 0;
}

int forward_add(struct forward *f, struct slice packets, bool last, struct err *e)
{
    assert(f->unfinished);
    buf_put(&f->command, packets);
    TRY(buf_check(&f->command, "the statement", e));
    f->unfinished = !last;
    f->wants = POLLOUT;
    return 0;
}

/* ---- a turn -----------------------------------------------------------------------------------
 */

/* False: not yet. */
static int take_errands(struct forward *f, bool *ready, struct err *e)
{
    *ready = false;
    if (f->connecting != NULL) {
        if (!errand_done(f->connecting))
            return 0;
        struct errand *r = f->connecting;
        f->connecting = NULL;
        TRY(errand_take(r, &f->client, e));
        f->met = true;
    }
    if (f->client == NULL)
        return err_set(e, E_IO, "the connection to the source has ended");
    if (f->killing != NULL && f->sent == 0 && f->command.len > 0) {
        if (!errand_done(f->killing))
            return 0;
        struct client *none;
        struct err     why = { 0 };
        if (errand_take(f->killing, &none, &why) != 0)
            log_err("forward", "KILL QUERY at the source", &why);
        f->killing = NULL;
    }
    *ready = true;
    return 0;
}

static int send_command(struct forward *f, struct err *e)
{
    while (f->sent < f->command.len) {
        struct slice rest = { f->command.ptr + f->sent, f->command.len - f->sent };
        size_t       put = 0;
        TRY(client_write_some(f->client, rest, &put, &f->wants, e));
        if (put == 0)
            return 0;
        f->sent += put;
    }
    if (f->command.size > 0) {
        buf_done(&f->command);
        buf_init(&f->command, COMMAND_BYTES_MAX);
        f->sent = 0;
    }
    f->wants = POLLIN;
    return 0;
}

/* What the socket has, behind what the last turn left. */
static int receive(struct forward *f, size_t *got, struct err *e)
{
    if (f->block == NULL && (f->block = malloc(FORWARD_BLOCK_BYTES)) == NULL)
        return err_set(e, E_NOMEM, "no memory for forwarding");
    if (f->at > 0) {
        memmove(f->block, f->block + f->at, f->len - f->at);
        f->len -= f->at;
        f->at = 0;
    }
    assert(f->len < FORWARD_BLOCK_BYTES);
    TRY(client_read_some(f->client, f->block + f->len, FORWARD_BLOCK_BYTES - f->len, got, &f->wants,
                         e));
    f->len += *got;
    f->began = f->began || *got > 0;
    return 0;
}

static int pass(struct forward *f, struct buf *to, uint8_t *sequence, struct err *e)
{
    struct slice in = { f->block + f->at, f->len - f->at };

    TRY(response_pass(&f->response, &in, to, OUT_TARGET_BYTES, sequence, e));
    f->at = f->len - in.len;
    if (f->response.answered)
        f->status = f->response.status;
    return 0;
}

static void finish(struct forward *f)
{
    f->busy = false;
    free(f->block);
    f->block = NULL;
    f->wants = POLLIN;
}

static int move(struct forward *f, struct buf *to, uint8_t *sequence, enum forward_step *step,
                struct err *e)
{
    bool ready;

    *step = FORWARD_BLOCKED;
    TRY(take_errands(f, &ready, e));
    if (!ready)
        return 0;
    TRY(send_command(f, e));
    if (f->command.len > f->sent)
        return 0;
    if (f->unfinished) {
        /* A source that says something already has refused it. */
        size_t early = 0;
        TRY(receive(f, &early, e));
        if (early == 0)
            return 0;
    }
    for (;;) {
        size_t got = 0;
        if (f->at < f->len)
            TRY(pass(f, to, sequence, e));
        if (f->response.over) {
            if (f->at < f->len)
                return err_set(e, E_PROTOCOL, "the source says more than it was asked");
            finish(f);
            *step = FORWARD_OVER;
            return 0;
        }
        if (to->len >= OUT_TARGET_BYTES) {
            *step = FORWARD_FULL;
            return 0;
        }
        TRY(receive(f, &got, e));
        if (got == 0)
            return 0;
    }
}

int forward_turn(struct forward *f, struct buf *to, uint8_t *sequence, enum forward_step *step,
                 struct err *e)
{
    assert(f->busy);
    if (move(f, to, sequence, step, e) == 0)
        return 0;
    drop_client(f, true);
    f->busy = false;
    return -1;
}

/* ---- waiting ----------------------------------------------------------------------------------
 */

int forward_watch(const struct forward *f, short *events)
{
    bool held = f->killing != NULL && f->command.len > 0 && f->sent == 0;
    if (f->client == NULL || held)
        return -1;
    *events = f->wants;
    return client_fd(f->client);
}

bool forward_is_lost(struct forward *f)
{
    uint8_t    bin[1];
    size_t     got = 0;
    struct err ignored = { 0 };

    if (f->client == NULL)
        return f->connecting == NULL;
    assert(!f->busy);
    /* A server says nothing unasked but goodbye. */
    if (client_read_some(f->client, bin, sizeof bin, &got, &f->wants, &ignored) == 0 && got == 0)
        return false;
    drop_client(f, true);
    return true;
}

bool forward_was_connected(const struct forward *f)
{
    return f->met;
}

bool forward_is_connecting(const struct forward *f)
{
    return f->connecting != NULL;
}

void forward_kill(struct forward *f)
{
    struct err e = { 0 };

    if (!f->busy || f->client == NULL || f->killing != NULL)
        return;
    if (pool_kill(f->pool, client_thread_id(f->client), true, f->wake, &f->killing, &e) != 0)
        log_err("forward", "can't kill a statement at the source", &e);
}
