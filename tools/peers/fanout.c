/*
 * What a relay could not do without: one stream from a server, sent on as it comes to many
 * connections, with nothing looked at, stored or synced on the way. Shows what the machine's own
 * network costs, as a measure for what is added to it.
 *
 * Prints "listening PORT", takes as many connections as asked for (they say nothing), and sends
 * until it is killed. Its threads do as a relay's loops: round and round, to each of their
 * connections all that is there, and asleep when there is nothing new.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include "protocol/client.h"
#include "protocol/command.h"

enum { SERVER_ID_DEFAULT = 2900000001, THREADS_MAX = 64 };
static const size_t all_bytes = 1ull << 30; /* as much as may ever come; untouched pages are free */

struct fanout {
    struct client_options from;
    const char           *file;
    uint64_t              position;
    uint32_t              server_id;
    uint32_t              streams, threads;
    int                  *sockets;
    size_t               *sent; /* to each */
    uint8_t              *bytes;
    _Atomic(size_t)       end;
    pthread_mutex_t       mutex; /* of the waiting */
    pthread_cond_t        more;
};

/* What one thread sends to. */
struct share {
    struct fanout *all;
    int           *sockets;
    size_t        *sent;
    uint32_t       count;
};

/* True when each has all that there was. */
static bool go_round(struct share *s)
{
    bool idle = true;
    for (uint32_t i = 0; i < s->count; i++) {
        size_t end = atomic_load_explicit(&s->all->end, memory_order_acquire);
        if (s->sent[i] == end || s->sockets[i] < 0)
            continue;
        ssize_t put = send(s->sockets[i], s->all->bytes + s->sent[i], end - s->sent[i],
                           MSG_DONTWAIT | MSG_NOSIGNAL);
        s->sent[i] += put > 0 ? (size_t)put : 0;
        if (put < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
            s->sockets[i] = -1; /* it went away */
        idle = false;
    }
    return idle;
}

static void *send_on(void *arg)
{
    struct share  *s = arg;
    struct fanout *f = s->all;
    size_t         seen = 0;

    for (;;) {
        if (!go_round(s))
            continue;
        (void)pthread_mutex_lock(&f->mutex);
        while (atomic_load(&f->end) == seen)
            (void)pthread_cond_wait(&f->more, &f->mutex);
        seen = atomic_load(&f->end);
        (void)pthread_mutex_unlock(&f->mutex);
    }
    return NULL;
}

static int take_connections(struct fanout *f, struct err *e)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          length = sizeof at;
    int                on = 1;
    int                listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (listener < 0 || bind(listener, (const struct sockaddr *)&at, sizeof at) != 0 ||
        listen(listener, SOMAXCONN) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &length) != 0)
        return err_sys(e, "listen");
    (void)printf("listening %u\n", ntohs(at.sin_port));
    (void)fflush(stdout);
    for (uint32_t i = 0; i < f->streams; i++) {
        f->sockets[i] = accept(listener, NULL, NULL);
        if (f->sockets[i] < 0 ||
            setsockopt(f->sockets[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
            return err_sys(e, "accept");
    }
    return 0;
}

static int begin_threads(struct fanout *f, struct err *e)
{
    static struct share shares[THREADS_MAX];
    uint32_t            first = 0;

    for (uint32_t i = 0; i < f->threads; i++) {
        uint32_t  next = f->streams * (i + 1) / f->threads;
        pthread_t thread;
        shares[i] = (struct share){ f, f->sockets + first, f->sent + first, next - first };
        first = next;
        if (pthread_create(&thread, NULL, send_on, &shares[i]) != 0)
            return err_set(e, E_IO, "can't start a thread");
    }
    return 0;
}

static int receive(struct fanout *f, struct client *c, struct err *e)
{
    for (size_t end = 0; end < all_bytes;) {
        size_t got = 0;
        TRY(client_read(c, f->bytes + end, all_bytes - end, 600 * 1000, &got, e));
        end += got;
        (void)pthread_mutex_lock(&f->mutex);
        atomic_store_explicit(&f->end, end, memory_order_release);
        (void)pthread_cond_broadcast(&f->more);
        (void)pthread_mutex_unlock(&f->mutex);
    }
    return err_set(e, E_LIMIT, "more came than was thought of");
}

static int run(struct fanout *f, struct err *e)
{
    struct client *c = NULL;
    uint16_t       flags = 0;

    f->sockets = calloc((size_t)f->streams + 1, sizeof *f->sockets);
    f->sent = calloc((size_t)f->streams + 1, sizeof *f->sent);
    f->bytes = mmap(NULL, all_bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (f->sockets == NULL || f->sent == NULL || f->bytes == MAP_FAILED)
        return err_set(e, E_NOMEM, "no memory for %u streams", f->streams);
    TRY(take_connections(f, e));
    TRY(begin_threads(f, e));
    TRY(client_connect(&f->from, &c, e));
    TRY(client_query(c, "SET @master_binlog_checksum = @@global.binlog_checksum", NULL, NULL, e));
    if (strstr(client_server_version(c), "MariaDB") != NULL) {
        TRY(client_query(c, "SET @mariadb_slave_capability = 4", NULL, NULL, e));
        flags = DUMP_ANNOTATE_ROWS;
    }
    TRY(client_dump(c, f->file, f->position, flags, f->server_id, e));
    return receive(f, c, e);
}

static int read_options(int argc, char **argv, struct fanout *f)
{
    static const struct option options[] = {
        { "user", 1, NULL, 'u' },      { "password", 1, NULL, 'p' },
        { "host", 1, NULL, 'h' },      { "port", 1, NULL, 'P' },
        { "file", 1, NULL, 'f' },      { "position", 1, NULL, 'o' },
        { "streams", 1, NULL, 'n' },   { "threads", 1, NULL, 't' },
        { "server-id", 1, NULL, 's' }, { 0 },
    };
    for (int letter; (letter = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        uint64_t number = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;
        if (letter == 'u')
            f->from.user = optarg;
        else if (letter == 'p')
            f->from.password = optarg;
        else if (letter == 'h')
            f->from.host = optarg;
        else if (letter == 'P')
            f->from.port = (uint32_t)number;
        else if (letter == 'f')
            f->file = optarg;
        else if (letter == 'o')
            f->position = number;
        else if (letter == 'n')
            f->streams = (uint32_t)number;
        else if (letter == 't')
            f->threads = (uint32_t)number;
        else if (letter == 's')
            f->server_id = (uint32_t)number;
        else
            return -1;
    }
    bool enough = f->from.user != NULL && f->from.port != 0 && f->file != NULL && f->streams != 0 &&
                  f->threads >= 1 && f->threads <= THREADS_MAX;
    return enough && optind == argc ? 0 : -1;
}

int main(int argc, char **argv)
{
    static struct fanout f = { .from = { .host = "127.0.0.1",
                                         .password = "",
                                         .connect_timeout_s = 30,
                                         .read_timeout_s = 600 },
                               .position = 4,
                               .server_id = SERVER_ID_DEFAULT,
                               .threads = 2,
                               .mutex = PTHREAD_MUTEX_INITIALIZER,
                               .more = PTHREAD_COND_INITIALIZER };
    struct err           e = { 0 };
    struct rlimit        files;

    if (read_options(argc, argv, &f) != 0) {
        (void)fprintf(stderr,
                      "usage: fanout --user U [--password P] [--host H] --port N --file FILE "
                      "[--position N] --streams N [--threads N] [--server-id N]\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)run(&f, &e);
    (void)fprintf(stderr, "fanout: %s\n", e.text);
    return 1;
}
