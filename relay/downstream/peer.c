#include "relay/downstream/peer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "relay/log.h"

static const double ns_per_s = 1e9;

/* An answer that nobody takes any more of is given up after this. */
static const double flush_s = 30;

static void link_in(struct peer_link **first, struct peer_link *link)
{
    if (link->back != NULL)
        return;
    link->next = *first;
    link->back = first;
    if (link->next != NULL)
        link->next->back = &link->next;
    *first = link;
}

static void link_out(struct peer_link *link)
{
    if (link->back == NULL)
        return;
    *link->back = link->next;
    if (link->next != NULL)
        link->next->back = link->back;
    link->next = NULL;
    link->back = NULL;
}

/* ---- a turn ------------------------------------------------------------------------------------
 */

enum turn { GO_ON, PAUSE }; /* PAUSE: nothing more until the next event */

/* One timer for as long as it takes: a consumer that is only slow blocks all the time. */
static void note_blocked(struct peer *p, bool blocked)
{
    uint32_t limit_ms = atomic_load(&p->session.gate->write_ms);

    if (blocked && !p->blocked)
        p->blocked_at = ev_now(loop_ev(p->loop));
    p->blocked = blocked;
    if (blocked && limit_ms > 0 && !ev_is_active(&p->stuck)) {
        ev_timer_set(&p->stuck, (double)limit_ms / 1000, 0);
        ev_timer_start(loop_ev(p->loop), &p->stuck);
    }
}

static int flush_out(struct peer *p, size_t *moved, enum turn *turn, struct err *e)
{
    enum conn_state state;
    size_t          before = *moved;
    TRY(conn_send(&p->conn, moved, &state, e));
    if (*moved > before)
        p->last_sent = ev_now(loop_ev(p->loop));
    if (state == CONN_CLOSED)
        p->session.state = GONE;
    note_blocked(p, state == CONN_BLOCKED);
    *turn = state == CONN_MOVED ? GO_ON : PAUSE;
    return 0;
}

static int begin_tls(struct peer *p, enum turn *turn, struct err *e)
{
    enum conn_state state;
    if (p->conn.tls == NULL)
        TRY(conn_begin_tls(&p->conn, p->session.gate->tls, e));
    TRY(conn_accept(&p->conn, &state, e));
    if (state == CONN_CLOSED)
        p->session.state = GONE;
    else if (state == CONN_MOVED) {
        struct tls_peer peer;
        p->session.tls_version = tls_version(p->conn.tls);
        p->session.tls_cipher = tls_cipher(p->conn.tls);
        tls_peer(p->conn.tls, &peer);
        session_secured(&p->session, &peer);
    }
    *turn = state == CONN_BLOCKED ? PAUSE : GO_ON;
    return 0;
}

/* The next packet to the session, or the next bytes to the packet. */
static int take_packet(struct peer *p, enum turn *turn, struct err *e)
{
    struct session *s = &p->session;
    struct slice    payload;
    uint8_t         sequence = 0;
    bool            have = false;
    TRY(conn_packet(&p->conn, session_packet_max(s), &have, &payload, &sequence, e));
    if (have) {
        bool login = session_logging_in(s);
        p->last_sent = ev_now(loop_ev(p->loop));
        session_on_packet(s, sequence, payload);
        if (login && payload.len > 0) /* there may be a password in it */
            explicit_bzero(p->conn.in.ptr + p->conn.taken - payload.len, payload.len);
        *turn = GO_ON;
        return 0;
    }
    enum conn_state state;
    bool            exact = session_logging_in(s) && !s->secure;
    TRY(conn_receive(&p->conn, exact, &state, e));
    if (state == CONN_CLOSED)
        s->state = GONE;
    *turn = state == CONN_BLOCKED ? PAUSE : GO_ON;
    return 0;
}

/* What goes out next. At the end the peer waits in its loop's list. */
static void stream(struct peer *p, enum turn *turn)
{
    enum dump_step step;
    if (ev_is_active(&p->rest)) {
        *turn = PAUSE;
        return;
    }
    session_stream(&p->session, conn_stretches(&p->conn), &step);
    if (p->session.pay_ns > 0) {
        ev_timer_set(&p->rest, (double)p->session.pay_ns / ns_per_s, 0);
        ev_timer_start(loop_ev(p->loop), &p->rest);
    }
    *turn = GO_ON;
    if (conn_waiting(&p->conn) > 0 || p->session.state != STREAMING) {
        link_out(&p->waiting);
        return;
    }
    *turn = PAUSE;
    if (step == DUMP_AT_END) {
        link_in(loop_waiting(p->loop, session_channel_index(&p->session)), &p->waiting);
        conn_rest(&p->conn);
        return;
    }
    p->again = true;
    ev_tstamp silence = ev_now(loop_ev(p->loop)) - p->last_sent;
    if (p->session.heartbeat_ns > 0 && silence * ns_per_s >= (double)p->session.heartbeat_ns)
        session_heartbeat(&p->session);
}

/* What the client sends meanwhile waits for its turn, up to this; beyond it its end is not noticed
   before it takes bytes again. */
enum { WAITING_BYTES_MAX = 64 * 1024 };

static int look_for_end(struct peer *p, struct err *e)
{
    enum conn_state state;
    if (conn_unread(&p->conn).len >= WAITING_BYTES_MAX)
        return 0;
    TRY(conn_receive(&p->conn, false, &state, e));
    if (state == CONN_CLOSED)
        p->session.state = GONE;
    return 0;
}

static void forward(struct peer *p, enum turn *turn)
{
    enum forward_step step;
    session_forward(&p->session, &step);
    bool moves = conn_waiting(&p->conn) > 0 || p->session.state != FORWARDING;
    *turn = moves || step == FORWARD_FULL ? GO_ON : PAUSE;
}

/* A command that is longer than a packet goes on to the source as it comes; no more is read from
   the client than the source takes. */
static int pass_rest(struct peer *p, enum turn *turn, struct err *e)
{
    struct session *s = &p->session;
    enum conn_state state = CONN_BLOCKED;

    forward(p, turn);
    if (s->state != FORWARDING)
        return 0;
    size_t taken = session_take_rest(s, conn_unread(&p->conn));
    conn_take(&p->conn, taken);
    if (conn_unread(&p->conn).len < WAITING_BYTES_MAX)
        TRY(conn_receive(&p->conn, false, &state, e));
    if (state == CONN_CLOSED)
        s->state = GONE;
    if (taken > 0 || state == CONN_MOVED)
        *turn = GO_ON;
    return 0;
}

/* The client has to wait, whatever it sends. */
static int read_over(struct peer *p, enum turn *turn, struct err *e)
{
    enum conn_state state;
    TRY(conn_discard(&p->conn, &state, e));
    if (state == CONN_CLOSED)
        p->session.state = GONE;
    *turn = state == CONN_BLOCKED ? PAUSE : GO_ON;
    return 0;
}

/* The answer is out: says so to the client and reads over what it still sends, since closing with
   unread bytes would destroy the answer on its way. */
static int close_down(struct peer *p, enum turn *turn, struct err *e)
{
    if (!p->ended)
        conn_end(&p->conn);
    p->ended = true;
    TRY(read_over(p, turn, e));
    /* When the relay ends, it does not wait for clients that are slow to close. What they were sent
       reaches them all the same, since nothing of theirs is left unread. */
    if (*turn == PAUSE && p->session.ends_soon)
        p->session.state = GONE;
    return 0;
}

static int step(struct peer *p, bool *readable, size_t *moved, enum turn *turn, struct err *e)
{
    if (conn_waiting(&p->conn) > 0) {
        TRY(flush_out(p, moved, turn, e));
        if (*turn == PAUSE && p->session.state == STREAMING && *readable)
            *turn = GO_ON; /* a consumer that reads nothing may still say goodbye */
        else
            return 0;
    }
    switch (p->session.state) {
    case AWAIT_TLS:
        return begin_tls(p, turn, e);
    case STREAMING:
        if (*readable) {
            TRY(take_packet(p, turn, e));
            *readable = *turn == GO_ON;
            *turn = GO_ON;
        } else {
            stream(p, turn);
        }
        return 0;
    case SLOWED:
        return read_over(p, turn, e);
    case FORWARDING:
    case AWAIT_PLACE:
    case AWAIT_RISE:
        *turn = GO_ON;
        if (session_lacks_rest(&p->session))
            return pass_rest(p, turn, e);
        if (*readable) {
            *readable = false;
            return look_for_end(p, e);
        }
        if (p->session.state == FORWARDING) {
            forward(p, turn);
        } else {
            link_in(loop_waiting(p->loop, session_channel_index(&p->session)), &p->waiting);
            *turn = PAUSE;
        }
        return 0;
    case CLOSING:
        return close_down(p, turn, e);
    case AWAIT_HANDSHAKE:
    case AWAIT_AUTH:
    case AWAIT_COMMAND:
        return take_packet(p, turn, e);
    case GONE:
    case SESSION_STATES:
        break;
    }
    *turn = PAUSE;
    return 0;
}

static int run(struct peer *p, bool readable, struct err *e)
{
    enum turn turn = GO_ON;
    size_t    moved = 0;
    if (p->again)
        p->blocked = false;
    p->again = false;
    for (int i = 0; turn == GO_ON && p->session.state != GONE; i++) {
        TRY(step(p, &readable, &moved, &turn, e));
        if (turn == GO_ON && (moved >= TURN_BYTES || i >= TURN_PACKETS)) {
            p->again = true;
            break;
        }
    }
    /* It goes on as soon as the socket has room: that, too, may never come. */
    if (p->again && p->session.state == STREAMING)
        note_blocked(p, true);
    return 0;
}

/* ---- events ------------------------------------------------------------------------------------
 */

static void watch_source(struct peer *p)
{
    short events = 0;
    int   fd = session_forward_watch(&p->session, &events);
    if (fd < 0 || conn_waiting(&p->conn) > 0)
        return; /* the client has to take what it was given before more is fetched */
    ev_io_set(&p->source, fd,
              ((events & POLLIN) != 0 ? EV_READ : 0) | ((events & POLLOUT) != 0 ? EV_WRITE : 0));
    ev_io_start(loop_ev(p->loop), &p->source);
}

static void watch(struct peer *p)
{
    struct ev_loop *ev = loop_ev(p->loop);
    bool            full = conn_unread(&p->conn).len >= WAITING_BYTES_MAX &&
                (p->session.state == FORWARDING || p->session.state == AWAIT_PLACE ||
                 p->session.state == AWAIT_RISE);
    watch_source(p);
    bool out = conn_waiting(&p->conn) > 0;
    int  events = 0;
    if ((!out && !full) || p->session.state == STREAMING || p->conn.write_wants_read)
        events |= EV_READ;
    if ((out && !p->conn.write_wants_read) || p->again || p->conn.read_wants_write)
        events |= EV_WRITE;
    if (ev_is_active(&p->io) && (p->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(ev, &p->io);
    ev_io_set(&p->io, p->conn.fd, events);
    ev_io_start(ev, &p->io);
}

static void set_timer(struct peer *p, double after_s)
{
    struct ev_loop *ev = loop_ev(p->loop);
    ev_timer_stop(ev, &p->timer);
    if (after_s > 0) {
        ev_timer_set(&p->timer, after_s, 0);
        ev_timer_start(ev, &p->timer);
    }
}

/* A state's time begins when it is entered; the login states share theirs. */
static void schedule(struct peer *p)
{
    const struct session *s = &p->session;
    enum session_state    timed = session_logging_in(s) ? AWAIT_HANDSHAKE : s->state;
    if (timed == p->timed && !p->session.times_anew)
        return;
    p->timed = timed;
    p->session.times_anew = false;
    p->last_sent = ev_now(loop_ev(p->loop));
    set_timer(p, s->state == STREAMING ? (double)s->heartbeat_ns / ns_per_s
                                       : (double)session_wait_ms(s) / 1000);
}

static void turn(struct peer *p, bool readable)
{
    struct err e = { 0 };
    /* Its socket may be closed and its number used again before the turn is over. */
    ev_io_stop(loop_ev(p->loop), &p->source);
    if (run(p, readable, &e) != 0) {
        session_on_error(&p->session, &e);
        /* The refusal goes out if it can; a second failure is the end. */
        if (p->session.state != GONE && run(p, false, &e) != 0)
            p->session.state = GONE;
    }
    if (p->session.state == GONE) {
        peer_free(p);
        return;
    }
    schedule(p);
    watch(p);
}

static void on_io(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)loop;
    turn(io->data, (revents & EV_READ) != 0);
}

static void on_source(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)loop;
    (void)revents;
    turn(io->data, false);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct peer    *p = timer->data;
    struct session *s = &p->session;
    ev_tstamp       silence = ev_now(loop) - p->last_sent;
    double          limit = s->state == STREAMING ? (double)s->heartbeat_ns / ns_per_s
                                                  : (double)session_wait_ms(s) / 1000;
    (void)revents;
    /* Where bytes moved in the meantime the limit counts from them. */
    bool counts_on = s->state == STREAMING || s->state == AWAIT_COMMAND;
    if (counts_on && silence < limit) {
        set_timer(p, limit - silence);
        return;
    }
    if (s->state == CLOSING && conn_waiting(&p->conn) > 0 && silence < flush_s) {
        set_timer(p, limit);
        return;
    }
    if (s->state != STREAMING) {
        session_on_timeout(s);
        turn(p, false);
        return;
    }
    set_timer(p, limit);
    if (p->waiting.back == NULL)
        return; /* not silent but slow: its bytes are still on their way */
    session_heartbeat(s);
    turn(p, false);
}

static void on_rested(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    turn(timer->data, false);
}

void peer_on_reload(struct peer *p)
{
    session_on_reload(&p->session);
    turn(p, false);
}

static void on_stuck(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct peer *p = timer->data;
    ev_tstamp    since = p->last_sent > p->blocked_at ? p->last_sent : p->blocked_at;
    ev_tstamp    limit = (double)atomic_load(&p->session.gate->write_ms) / 1000;

    (void)revents;
    if (!p->blocked || p->session.state == CLOSING)
        return; /* the next time that it blocks starts it again; an end has a limit of its own */
    if (ev_now(loop) - since < limit) {
        ev_timer_set(timer, limit - (ev_now(loop) - since), 0);
        ev_timer_start(loop, timer);
        return;
    }
    session_on_stuck(&p->session);
    turn(p, false);
}

/* The usual end of a wait: what is new lies there for all, and the socket takes it. True: it waits
   again. */
static bool pass_on(struct peer *p, struct err *e)
{
    size_t             channel = session_channel_index(&p->session);
    enum conn_state    state;
    struct slice       bytes;
    size_t             moved = 0;
    struct peer_link **waiting = loop_waiting(p->loop, channel);

    if (p->session.state != STREAMING || p->again || conn_waiting(&p->conn) > 0 ||
        ev_is_active(&p->rest) || !session_tail(&p->session, loop_tails(p->loop, channel), &bytes))
        return false;
    if (conn_send_these(&p->conn, bytes, &moved, &state, e) != 0)
        return false;
    if (moved > 0)
        p->last_sent = ev_now(loop_ev(p->loop));
    if (conn_waiting(&p->conn) > 0)
        return false;
    link_in(waiting, &p->waiting);
    return true;
}

void peer_on_published(struct peer *p)
{
    struct err e = { 0 };
    link_out(&p->waiting);
    if (pass_on(p, &e))
        return;
    if (e.kind != E_OK)
        session_on_error(&p->session, &e);
    session_on_published(&p->session);
    turn(p, false);
}

void peer_on_end(struct peer *p)
{
    bool ends = atomic_load(&p->session.entry.end) != ROSTER_STAYS;
    session_on_cancel(&p->session);
    bool news = p->session.state == FORWARDING || p->session.state == GONE;
    if (!ends && !news && conn_waiting(&p->conn) == 0)
        return;
    if (ends)
        session_on_end(&p->session);
    turn(p, false);
}

void peer_finish(struct peer *p)
{
    ev_timer_stop(loop_ev(p->loop), &p->rest);
    session_finish(&p->session);
    turn(p, false);
}

/* ---- life --------------------------------------------------------------------------------------
 */

void peer_new(struct loop *l, int fd, struct session_gate *gate,
              const char address[ROSTER_ADDRESS_BYTES])
{
    struct peer *p = calloc(1, sizeof *p);
    if (p == NULL) {
        log_write(LOG_WARNING, "serve", "refused %s: no memory", address);
        (void)close(fd);
        loop_peer_left(l);
        return;
    }
    p->loop = l;
    p->timed = SESSION_STATES;
    conn_init(&p->conn, fd);
    memcpy(p->session.entry.address, address, sizeof p->session.entry.address);
    p->session.entry.wake = loop_wake_ends;
    p->session.entry.arg = l;
    session_init(&p->session, loop_world(l), gate, &p->conn.out);
    ev_io_init(&p->io, on_io, fd, EV_READ);
    ev_timer_init(&p->timer, on_timer, 0, 0);
    ev_timer_init(&p->rest, on_rested, 0, 0);
    ev_timer_init(&p->stuck, on_stuck, 0, 0);
    ev_io_init(&p->source, on_source, -1, 0);
    p->io.data = p->source.data = p->timer.data = p->rest.data = p->stuck.data = p;
    p->all.peer = p->waiting.peer = p;
    link_in(loop_peers(l), &p->all);
    session_greet(&p->session);
    turn(p, false);
}

void peer_free(struct peer *p)
{
    struct ev_loop *ev = loop_ev(p->loop);
    ev_io_stop(ev, &p->io);
    ev_io_stop(ev, &p->source);
    ev_timer_stop(ev, &p->timer);
    ev_timer_stop(ev, &p->rest);
    ev_timer_stop(ev, &p->stuck);
    link_out(&p->all);
    link_out(&p->waiting);
    session_done(&p->session);
    conn_done(&p->conn);
    loop_peer_left(p->loop);
    free(p);
}
