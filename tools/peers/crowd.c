/*
 * Many consumers in one thread: follows a server by any number of streams, and another one by a
 * single stream, both from the same place, and tells how much later each transaction came by the
 * many. Says "attached" when all stream, and prints one JSON object when each stream has had as
 * many transactions as asked for, or the time is over.
 *
 * What is measured is how late things come, not how late they are read: the thread goes before all
 * others where it may (real consumers are on machines of their own), and rests between two looks,
 * so that it takes little of the processors and whoever sends seldom has to wake it. Both kinds of
 * stream are looked at by the same rhythm.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include "protocol/client.h"
#include "protocol/command.h"
#include "protocol/event.h"
#include "protocol/packet.h"

enum {
    READ_BYTES = 256 * 1024,
    EVENTS = 1024,
    REST_US = 500, /* between two looks */
    SLOT_US = 10,  /* of the histogram; the last slot holds all that is later */
    SLOTS = 1000 * 1000,
    SERVER_ID_DEFAULT = 3000000001,
    HEAD_BYTES = PACKET_HEADER_BYTES + 1 + EVENT_HEADER_BYTES,
};

struct stream {
    struct client *client; /* NULL: a bare one */
    int            fd;
    uint64_t       skip; /* of the current packet, still to come */
    uint8_t        head[HEAD_BYTES];
    size_t         head_len;
    bool           goes_on; /* the next packet continues an event */
    uint32_t       transactions;
};

struct crowd {
    struct client_options at;
    uint32_t              direct_port;
    bool                  bare; /* the many say nothing: what they connect to just sends */
    const char           *file;
    uint64_t              position;
    uint32_t              server_id;
    uint32_t              count;   /* streams */
    uint32_t              wanted;  /* transactions of each */
    uint32_t              limit_s; /* from "attached" on */
    struct stream        *streams; /* the first one is the direct one */
    uint32_t              done;
    uint64_t             *direct_us; /* when each transaction came there */
    uint32_t             *histogram;
    uint64_t              samples;
    bool                  goes_first;
};

static uint64_t now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- what comes ---- */

static void note_transaction(struct crowd *c, struct stream *s, uint64_t at_us)
{
    uint32_t number = s->transactions++;

    if (number >= c->wanted)
        return;
    if (s->transactions == c->wanted)
        c->done++;
    if (s == c->streams) {
        c->direct_us[number] = at_us;
        return;
    }
    /* One that came here first has no delay. */
    uint64_t direct = number < c->streams->transactions ? c->direct_us[number] : at_us;
    uint64_t slot = at_us > direct ? (at_us - direct) / SLOT_US : 0;
    c->histogram[slot < SLOTS ? slot : SLOTS - 1]++;
    c->samples++;
}

/* The front of a packet: all that is looked at, or the whole of a short one. */
static int take_head(struct crowd *c, struct stream *s, const uint8_t *head, uint64_t at_us,
                     struct err *e)
{
    uint32_t       payload_bytes = packet_payload_bytes(head);
    const uint8_t *payload = head + PACKET_HEADER_BYTES;
    bool           continues = s->goes_on;

    s->goes_on = payload_bytes == PACKET_PAYLOAD_MAX;
    s->skip = PACKET_HEADER_BYTES + (uint64_t)payload_bytes;
    if (continues)
        return 0;
    if (payload_bytes > 0 && payload[0] != 0)
        return err_set(e, E_REFUSED, "a server ended a stream (%u)", payload[0]);
    if (s->skip >= HEAD_BYTES && payload[1 + 4] == EVENT_XID)
        note_transaction(c, s, at_us);
    return 0;
}

/* A head of which not all is there yet. */
static int gather_head(struct crowd *c, struct stream *s, struct slice *bytes, uint64_t at_us,
                       struct err *e)
{
    while (bytes->len > 0) {
        s->head[s->head_len++] = *bytes->ptr++;
        bytes->len--;
        size_t whole = s->head_len >= PACKET_HEADER_BYTES
                           ? PACKET_HEADER_BYTES + packet_payload_bytes(s->head)
                           : HEAD_BYTES;
        if (s->head_len < HEAD_BYTES && s->head_len < whole)
            continue;
        TRY(take_head(c, s, s->head, at_us, e));
        s->skip -= s->head_len;
        s->head_len = 0;
        break;
    }
    return 0;
}

static int take_bytes(struct crowd *c, struct stream *s, struct slice bytes, struct err *e)
{
    uint64_t at_us = now_us();

    while (bytes.len > 0) {
        size_t n = s->skip < bytes.len ? (size_t)s->skip : bytes.len;
        s->skip -= n;
        bytes.ptr += n;
        bytes.len -= n;
        if (s->skip > 0 || bytes.len == 0)
            break;
        if (s->head_len > 0 || bytes.len < HEAD_BYTES)
            TRY(gather_head(c, s, &bytes, at_us, e));
        else
            TRY(take_head(c, s, bytes.ptr, at_us, e));
    }
    return 0;
}

/* ---- streams ---- */

static int attach(struct crowd *c, struct stream *s, uint32_t number, uint32_t port, struct err *e)
{
    struct client_options at = c->at;
    uint16_t              flags = 0;

    at.port = port;
    TRY(client_connect(&at, &s->client, e));
    TRY(client_query(s->client, "SET @master_binlog_checksum = @@global.binlog_checksum", NULL,
                     NULL, e));
    if (strstr(client_server_version(s->client), "MariaDB") != NULL) {
        TRY(client_query(s->client, "SET @mariadb_slave_capability = 4", NULL, NULL, e));
        flags = DUMP_ANNOTATE_ROWS;
    }
    TRY(client_dump(s->client, c->file, c->position, flags, c->server_id + number, e));
    s->fd = client_fd(s->client);
    return 0;
}

static int attach_bare(const struct crowd *c, struct stream *s, struct err *e)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)c->at.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || connect(s->fd, (const struct sockaddr *)&at, sizeof at) != 0)
        return err_sys(e, "connect to port %u", c->at.port);
    return 0;
}

static int watch(struct crowd *c, uint32_t number, int epoll, struct err *e)
{
    struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u32 = number };
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->streams[number].fd, &ev) != 0)
        return err_sys(e, "watch a stream");
    return 0;
}

/* All that is there: no more is told of it. */
static int read_stream(struct crowd *c, struct stream *s, struct err *e)
{
    static uint8_t room[READ_BYTES];

    for (;;) {
        ssize_t got = recv(s->fd, room, sizeof room, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return 0;
        if (got < 0)
            return err_sys(e, "receive");
        if (got == 0)
            return err_set(e, E_IO, "a server closed a stream");
        TRY(take_bytes(c, s, (struct slice){ room, (size_t)got }, e));
        if ((size_t)got < sizeof room)
            return 0;
    }
}

static int follow(struct crowd *c, int epoll, struct err *e)
{
    static const struct timespec rest = { .tv_nsec = REST_US * 1000L };
    uint64_t                     end_us = now_us() + (uint64_t)c->limit_s * 1000000;

    while (c->done <= c->count && now_us() < end_us) {
        struct epoll_event events[EVENTS];
        int                n = epoll_wait(epoll, events, EVENTS, 1000);
        if (n < 0 && errno != EINTR)
            return err_sys(e, "wait for streams");
        if (n > 0) /* by the direct one all are measured */
            TRY(read_stream(c, c->streams, e));
        for (int i = 0; i < n; i++)
            if (events[i].data.u32 != 0)
                TRY(read_stream(c, &c->streams[events[i].data.u32], e));
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, NULL);
    }
    return 0;
}

static int run(struct crowd *c, struct err *e)
{
    static const struct sched_param first = { .sched_priority = 1 };
    int                             epoll = epoll_create1(EPOLL_CLOEXEC);

    c->streams = calloc(c->count + 1, sizeof *c->streams);
    c->direct_us = calloc(c->wanted, sizeof *c->direct_us);
    c->histogram = calloc(SLOTS, sizeof *c->histogram);
    if (epoll < 0 || c->streams == NULL || c->direct_us == NULL || c->histogram == NULL)
        return err_set(e, E_NOMEM, "no memory for %u streams", c->count);
    for (uint32_t i = 0; i <= c->count; i++) {
        struct stream *s = &c->streams[i];
        TRY(i > 0 && c->bare ? attach_bare(c, s, e)
                             : attach(c, s, i, i == 0 ? c->direct_port : c->at.port, e));
        TRY(watch(c, i, epoll, e));
    }
    c->goes_first = sched_setscheduler(0, SCHED_FIFO, &first) == 0;
    (void)printf("attached\n");
    (void)fflush(stdout);
    return follow(c, epoll, e);
}

/* ---- what is told ---- */

static double quantile_ms(const struct crowd *c, double part)
{
    uint64_t below = 0;
    uint64_t wanted = (uint64_t)((double)c->samples * part);

    for (uint32_t i = 0; i < SLOTS; i++) {
        below += c->histogram[i];
        if (below > wanted)
            return (double)i * SLOT_US / 1000;
    }
    return 0;
}

static void tell(const struct crowd *c)
{
    struct rusage used;
    uint32_t      behind = 0;

    for (uint32_t i = 1; i <= c->count; i++)
        behind += c->streams[i].transactions < c->wanted;
    (void)getrusage(RUSAGE_SELF, &used);
    (void)printf("{\"streams\":%u,\"behind\":%u,\"median_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f,"
                 "\"cpu_s\":%.2f,\"goes_first\":%s}\n",
                 c->count, behind, quantile_ms(c, 0.5), quantile_ms(c, 0.99),
                 quantile_ms(c, 0.999999),
                 (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                     (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
                 c->goes_first ? "true" : "false");
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: crowd --user U [--password P] [--host H] --port N --direct PORT "
                          "--file FILE --position N --streams N --transactions N [--seconds N] "
                          "[--server-id N] [--bare]\n");
    return 2;
}

static int read_options(int argc, char **argv, struct crowd *c)
{
    static const struct option options[] = {
        { "user", 1, NULL, 'u' },
        { "password", 1, NULL, 'p' },
        { "host", 1, NULL, 'h' },
        { "port", 1, NULL, 'P' },
        { "direct", 1, NULL, 'd' },
        { "file", 1, NULL, 'f' },
        { "position", 1, NULL, 'o' },
        { "streams", 1, NULL, 'n' },
        { "seconds", 1, NULL, 'l' },
        { "transactions", 1, NULL, 't' },
        { "server-id", 1, NULL, 's' },
        { "bare", 0, NULL, 'b' },
        { 0 },
    };
    for (int letter; (letter = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        uint64_t number = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;
        if (letter == 'u')
            c->at.user = optarg;
        else if (letter == 'p')
            c->at.password = optarg;
        else if (letter == 'h')
            c->at.host = optarg;
        else if (letter == 'P')
            c->at.port = (uint32_t)number;
        else if (letter == 'd')
            c->direct_port = (uint32_t)number;
        else if (letter == 'f')
            c->file = optarg;
        else if (letter == 'o')
            c->position = number;
        else if (letter == 'n')
            c->count = (uint32_t)number;
        else if (letter == 'l')
            c->limit_s = (uint32_t)number;
        else if (letter == 't')
            c->wanted = (uint32_t)number;
        else if (letter == 's')
            c->server_id = (uint32_t)number;
        else if (letter == 'b')
            c->bare = true;
        else
            return -1;
    }
    bool enough = c->at.user != NULL && c->at.port != 0 && c->direct_port != 0 && c->file != NULL &&
                  c->position >= BINLOG_MAGIC_BYTES && c->count != 0 && c->wanted != 0;
    return enough && optind == argc ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct crowd  c = { .at = { .host = "127.0.0.1",
                                .password = "",
                                .connect_timeout_s = 30,
                                .read_timeout_s = 60 },
                        .server_id = SERVER_ID_DEFAULT,
                        .limit_s = 120 };
    struct err    e = { 0 };
    struct rlimit files;

    if (read_options(argc, argv, &c) != 0)
        return usage();
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (run(&c, &e) != 0) {
        (void)fprintf(stderr, "crowd: %s\n", e.text);
        return 1;
    }
    tell(&c);
    return 0;
}
