#include "relay/operator/control.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "protocol/base/own.h"
#include "relay/operator/control_answer.h"
#include "relay/log.h"

enum { REQUEST_TIMEOUT_S = 10, ANSWER_TIMEOUT_S = 30, BACKLOG = 16 };

struct control_client {
    struct control *control;
    int             fd; /* -1: the slot is free */
    pthread_t       thread;
    _Atomic(bool)   over; /* the thread is about to end */
};

struct control {
    struct control_context context;
    char                   path[sizeof((struct sockaddr_un *)0)->sun_path];
    int                    listen_fd;
    int                    stop_fd; /* stays readable once it is written */
    pthread_t              thread;
    bool                   started;
    struct control_client  clients[CONTROL_CLIENTS_MAX]; /* of the accepting thread */
};

/* ---- one client ---------------------------------------------------------------------------- */

static int send_all(int fd, struct slice bytes, struct err *e)
{
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_sys(e, "answer the operator's command");
        bytes.ptr += n;
        bytes.len -= (size_t)n;
    }
    return 0;
}

static int put_line(void *arg, struct slice line, struct err *e)
{
    return send_all(*(const int *)arg, line, e);
}

/* One line, without its end. */
static int read_request(int fd, char line[CONTROL_LINE_BYTES], struct err *e)
{
    size_t have = 0;

    while (have < CONTROL_LINE_BYTES) {
        ssize_t n = recv(fd, line + have, CONTROL_LINE_BYTES - have, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, E_PROTOCOL,
                           "a request is a line of at most %d bytes, sent within %d s",
                           CONTROL_LINE_BYTES, REQUEST_TIMEOUT_S);
        char *end = memchr(line + have, '\n', (size_t)n);
        have += (size_t)n;
        if (end != NULL) {
            *end = '\0';
            return 0;
        }
    }
    return err_set(e, E_LIMIT, "the request is longer than %d bytes", CONTROL_LINE_BYTES);
}

static void wake_fd(void *arg)
{
    uint64_t one = 1;
    (void)!write(*(const int *)arg, &one, sizeof one);
}

/* Until the client closes, or all ends. */
static int follow_end(struct control *c, struct store *s, int fd, int wake, struct err *e)
{
    struct buf line;
    store_pos  told = 0;
    int        rc = 0;

    buf_init(&line, CONTROL_LINE_BYTES);
    for (bool first = true; rc == 0; first = false) {
        store_pos end = store_published(s);
        if (first || end > told) {
            buf_clear(&line);
            control_answer_published(s, end, &line);
            rc = send_all(fd, buf_slice(&line), e);
            told = end;
            continue;
        }
        struct pollfd p[3] = { { .fd = wake, .events = POLLIN },
                               { .fd = fd, .events = POLLIN | POLLRDHUP },
                               { .fd = c->stop_fd, .events = POLLIN } };
        uint64_t      count;
        if (poll(p, 3, -1) < 0 && errno != EINTR)
            rc = err_sys(e, "wait for the published end");
        if (p[1].revents != 0 || p[2].revents != 0)
            break;
        (void)!read(wake, &count, sizeof count);
    }
    buf_done(&line);
    return rc;
}

static int answer_follow(struct control *c, struct store *s, int fd, struct err *e)
{
    OWN_FD int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (wake < 0)
        return err_sys(e, "make an eventfd");
    struct store_watch watch = { .wake = wake_fd, .arg = &wake };
    store_watch(s, &watch);
    int rc = follow_end(c, s, fd, wake, e);
    store_unwatch(s, &watch);
    return rc;
}

static void answer_error(int fd, const struct err *why)
{
    struct buf line;
    struct err ignored;

    buf_init(&line, CONTROL_LINE_BYTES);
    control_answer_error(why, &line);
    (void)send_all(fd, buf_slice(&line), &ignored);
    buf_done(&line);
}

static int answer(struct control *c, char *line, int *fd, struct err *e)
{
    struct control_request r;
    struct channel        *channel;

    TRY(control_parse(&c->context, line, &r, e));
    if (strcmp(r.words, "follow") != 0)
        return control_answer(&c->context, &r, put_line, fd, e);
    TRY(control_channel(&c->context, &r, &channel, e));
    return answer_follow(c, channel_store(channel), *fd, e);
}

static void *client_main(void *arg)
{
    struct control_client *k = arg;
    struct control        *c = k->control;
    char                   line[CONTROL_LINE_BYTES];
    struct err             e = { 0 };

    int rc = read_request(k->fd, line, &e);
    if (rc == 0)
        rc = answer(c, line, &k->fd, &e);
    if (rc != 0)
        answer_error(k->fd, &e);
    (void)shutdown(k->fd, SHUT_RDWR);
    k->over = true;
    return NULL;
}

/* ---- accepting ----------------------------------------------------------------------------- */

static void client_end(struct control_client *k)
{
    (void)pthread_join(k->thread, NULL);
    (void)close(k->fd);
    k->fd = -1;
}

static struct control_client *free_slot(struct control *c)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (c->clients[i].fd >= 0 && c->clients[i].over)
            client_end(&c->clients[i]);
        if (c->clients[i].fd < 0)
            return &c->clients[i];
    }
    return NULL;
}

static void client_begin(struct control *c, int fd)
{
    struct timeval in = { .tv_sec = REQUEST_TIMEOUT_S }, out = { .tv_sec = ANSWER_TIMEOUT_S };
    struct control_client *k = free_slot(c);
    struct err             e;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &in, sizeof in);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &out, sizeof out);
    if (k != NULL) {
        k->control = c;
        k->fd = fd;
        k->over = false;
        if (pthread_create(&k->thread, NULL, client_main, k) == 0)
            return;
        k->fd = -1;
    }
    (void)err_set(&e, E_LIMIT, "too many operator's commands at once (%d are possible)",
                  CONTROL_CLIENTS_MAX);
    answer_error(fd, &e);
    (void)close(fd);
}

static void *control_main(void *arg)
{
    struct control *c = arg;
    struct pollfd   p[2] = { { .fd = c->listen_fd, .events = POLLIN },
                             { .fd = c->stop_fd, .events = POLLIN } };

    for (;;) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            break;
        if (p[1].revents != 0)
            break;
        int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            client_begin(c, fd);
        else if (errno == EMFILE || errno == ENFILE)
            (void)poll(&p[1], 1, 1000); /* a descriptor may come free; no busy loop until then */
    }
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (c->clients[i].fd >= 0) {
            (void)shutdown(c->clients[i].fd, SHUT_RDWR);
            client_end(&c->clients[i]);
        }
    return NULL;
}

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- life ---------------------------------------------------------------------------------- */

static int control_listen(struct control *c, struct err *e)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };

    memcpy(name.sun_path, c->path, sizeof name.sun_path);
    c->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->listen_fd < 0)
        return err_sys(e, "make the control socket");
    /* Left by a daemon that was killed; a living one would hold the folder's lock. */
    (void)unlink(c->path);
    /* Before bind(), so that there is no moment at which others may connect. */
    if (fchmod(c->listen_fd, S_IRUSR | S_IWUSR) != 0 ||
        bind(c->listen_fd, (struct sockaddr *)&name, sizeof name) != 0 ||
        listen(c->listen_fd, BACKLOG) != 0)
        return err_sys(e, "listen on '%s'", c->path);
    return 0;
}

static int control_open(struct control *c, struct err *e)
{
    int n = snprintf(c->path, sizeof c->path, "%s/control.sock", c->context.config->relay.data);

    if (n < 0 || (size_t)n >= sizeof c->path) {
        c->path[0] = '\0';
        return err_set(e, E_CONFIG,
                       "the data folder's name is too long for the control socket in it: "
                       "'%s/control.sock' may have %zu bytes",
                       c->context.config->relay.data, sizeof c->path - 1);
    }
    c->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->stop_fd < 0)
        return err_sys(e, "make an eventfd");
    TRY(control_listen(c, e));
    errno = pthread_create(&c->thread, NULL, control_main, c);
    if (errno != 0)
        return err_sys(e, "start a thread");
    (void)pthread_setname_np(c->thread, "control");
    c->started = true;
    return 0;
}

int control_start(const struct config *config, struct channels *channels, struct serve *serve,
                  struct retention *retention, struct reload *reload, struct control **out,
                  struct err *e)
{
    struct control *c = calloc(1, sizeof *c);

    if (c == NULL)
        return err_set(e, E_NOMEM, "no memory for the control socket");
    c->context = (struct control_context){ .config = config,
                                           .channels = channels,
                                           .serve = serve,
                                           .retention = retention,
                                           .reload = reload,
                                           .started_ms = now_ms() };
    c->listen_fd = c->stop_fd = -1;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        c->clients[i].fd = -1;
    if (control_open(c, e) != 0) {
        control_stop(c);
        return -1;
    }
    *out = c;
    return 0;
}

const struct control_context *control_context(const struct control *c)
{
    return &c->context;
}

void control_stop(struct control *c)
{
    if (c == NULL)
        return;
    if (c->started) {
        wake_fd(&c->stop_fd);
        (void)pthread_join(c->thread, NULL);
    }
    if (c->listen_fd >= 0) {
        (void)close(c->listen_fd);
        (void)unlink(c->path);
    }
    if (c->stop_fd >= 0)
        (void)close(c->stop_fd);
    free(c);
}
