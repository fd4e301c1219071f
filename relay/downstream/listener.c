#include "relay/downstream/listener.h"

#include <errno.h>
#include <ev.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "protocol/base/own.h"
#include "relay/log.h"

enum {
    SOCKETS_MAX = 8,
    BACKLOG = 512,
    ACCEPTS_PER_TURN = 64,
    /* A consumer that vanished without a word is noticed after two minutes. */
    KEEPALIVE_IDLE_S = 60,
    KEEPALIVE_INTERVAL_S = 10,
    KEEPALIVE_COUNT = 6,
};
static const double pause_s = 0.5;

struct listener {
    struct ev_loop *loop; /* NULL: not attached */
    size_t          count;
    int             fds[SOCKETS_MAX];
    ev_io           io[SOCKETS_MAX];
    ev_timer        pause;
    void (*accepted)(void *arg, int fd, const char address[ROSTER_ADDRESS_BYTES]);
    void *arg;
};

static void set_int(int fd, int level, int option, int value)
{
    /* An option that the system does not know only makes things slower. */
    (void)setsockopt(fd, level, option, &value, sizeof value);
}

static int open_socket(const struct addrinfo *a, int *out, struct err *e)
{
    if (handover_take(a->ai_addr, a->ai_addrlen, out))
        return 0;
    OWN_FD int fd =
        socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return err_sys(e, "make a socket");
    set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (a->ai_family == AF_INET6)
        set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0)
        return err_sys(e, "bind");
    if (listen(fd, BACKLOG) != 0)
        return err_sys(e, "listen");
    *out = take_fd(&fd);
    return 0;
}

int listener_open(const char *address, uint16_t port, struct listener **out, struct err *e)
{
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                    .ai_socktype = SOCK_STREAM };
    struct addrinfo      *found = NULL;
    char                  service[8];
    struct err            why = { 0 };

    (void)snprintf(service, sizeof service, "%u", port);
    int result = getaddrinfo(strcmp(address, "*") == 0 ? NULL : address, service, &hints, &found);
    if (result != 0)
        return err_set(e, E_CONFIG, "address '%s': %s", address, gai_strerror(result));
    struct listener *l = calloc(1, sizeof *l);
    for (const struct addrinfo *a = found; l != NULL && a != NULL && l->count < SOCKETS_MAX;
         a = a->ai_next)
        if (open_socket(a, &l->fds[l->count], &why) == 0)
            l->count++;
    freeaddrinfo(found);
    if (l == NULL)
        return err_set(e, E_NOMEM, "no memory for a listener");
    if (l->count == 0) {
        free(l);
        return err_set(e, E_CONFIG, "can't listen on '%s' port %u: %s", address, port, why.text);
    }
    *out = l;
    return 0;
}

void listener_close(struct listener *l)
{
    if (l == NULL)
        return;
    listener_detach(l);
    for (size_t i = 0; i < l->count; i++)
        (void)close(l->fds[i]);
    free(l);
}

int listener_keep(const struct listener *l, struct handover *h, struct err *e)
{
    for (size_t i = 0; i < l->count; i++)
        TRY(handover_keep(h, l->fds[i], e));
    return 0;
}

uint16_t listener_port(const struct listener *l)
{
    union {
        struct sockaddr         any;
        struct sockaddr_in      v4;
        struct sockaddr_in6     v6;
        struct sockaddr_storage room;
    } a = { .room = { 0 } };
    socklen_t size = sizeof a;
    if (getsockname(l->fds[0], &a.any, &size) != 0)
        return 0;
    return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

static void describe(const struct sockaddr *a, socklen_t size, char into[ROSTER_ADDRESS_BYTES])
{
    char host[ROSTER_ADDRESS_BYTES - 8], service[8];
    if (getnameinfo(a, size, host, sizeof host, service, sizeof service,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        (void)snprintf(into, ROSTER_ADDRESS_BYTES, "%s:%s", host, service);
    else
        (void)snprintf(into, ROSTER_ADDRESS_BYTES, "unknown:0");
}

static void tune(int fd)
{
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
}

static void watch_all(struct listener *l, bool on)
{
    for (size_t i = 0; i < l->count; i++) {
        if (on)
            ev_io_start(l->loop, &l->io[i]);
        else
            ev_io_stop(l->loop, &l->io[i]);
    }
}

static void on_ready(struct ev_loop *loop, ev_io *io, int revents)
{
    struct listener *l = io->data;
    (void)revents;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage a = { 0 };
        socklen_t               size = sizeof a;
        char                    address[ROSTER_ADDRESS_BYTES];
        int fd = accept4(io->fd, (struct sockaddr *)&a, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            tune(fd);
            describe((const struct sockaddr *)&a, size, address);
            l->accepted(l->arg, fd, address);
            continue;
        }
        /* Out of descriptors or memory: the socket stays ready, so asking again at once would spin.
         */
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_write(LOG_WARNING, "serve", "can't accept connections now: %s", strerror(errno));
            watch_all(l, false);
            ev_timer_set(&l->pause, pause_s, 0);
            ev_timer_start(loop, &l->pause);
        }
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

static void on_pause_over(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct listener *l = timer->data;
    (void)loop;
    (void)revents;
    watch_all(l, true);
}

void listener_attach(struct listener *l, struct ev_loop *loop,
                     void (*accepted)(void *arg, int fd, const char address[ROSTER_ADDRESS_BYTES]),
                     void *arg)
{
    l->loop = loop;
    l->accepted = accepted;
    l->arg = arg;
    for (size_t i = 0; i < l->count; i++) {
        ev_io_init(&l->io[i], on_ready, l->fds[i], EV_READ);
        l->io[i].data = l;
    }
    ev_timer_init(&l->pause, on_pause_over, 0, 0);
    l->pause.data = l;
    watch_all(l, true);
}

void listener_detach(struct listener *l)
{
    if (l->loop == NULL)
        return;
    watch_all(l, false);
    ev_timer_stop(l->loop, &l->pause);
    l->loop = NULL;
}
