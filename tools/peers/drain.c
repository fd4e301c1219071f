/*
 * A reader that takes a whole binlog dump, looks at every packet and event header, and forgets
 * them: what a stream costs at least on the receiving side. Prints one JSON object when the stream
 * ends, which it does at the last event that the server has (a non-blocking dump).
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include "protocol/client.h"
#include "protocol/command.h"
#include "protocol/event.h"
#include "protocol/packet.h"

enum {
    READ_BYTES = 1024 * 1024,
    WAIT_MS = 60 * 1000,
    SERVER_ID_DEFAULT = 4000000001,
    /* what has to be seen of a packet: its header, the status byte, an event's header */
    HEAD_BYTES = PACKET_HEADER_BYTES + 1 + EVENT_HEADER_BYTES,
};

struct drain {
    uint8_t *buf;
    size_t   len;     /* filled */
    uint64_t skip;    /* of the current packet, still to come */
    bool     goes_on; /* the next packet continues an event */
    bool     ended;
    uint64_t bytes, events, packets;
};

struct want {
    struct client_options at;
    const char           *file;
    uint64_t              position;
    uint32_t              server_id;
};

/* What a server says in place of an event. */
static int take_end(struct drain *d, struct slice payload, struct err *e)
{
    struct cursor c = cursor_over(payload);
    uint8_t       status = cursor_u8(&c);
    if (status == 0xfe) {
        d->ended = true;
        return 0;
    }
    uint16_t     number = cursor_u16(&c);
    struct slice text = cursor_rest(&c);
    return err_set(e, E_REFUSED, "the server ended the dump with error %u: %.*s", number,
                   (int)text.len, (const char *)text.ptr);
}

/* One packet's head, of which `have` bytes are there; the rest of it is skipped. */
static int take_packet(struct drain *d, const uint8_t *at, size_t have, struct err *e)
{
    uint32_t     payload_bytes = packet_payload_bytes(at);
    size_t       shown = have - PACKET_HEADER_BYTES;
    struct slice payload = { at + PACKET_HEADER_BYTES,
                             shown < payload_bytes ? shown : payload_bytes };
    bool         continues = d->goes_on;

    d->packets++;
    d->goes_on = payload_bytes == PACKET_PAYLOAD_MAX;
    if (continues)
        return 0;
    if (payload.len < 1 || payload.ptr[0] != 0)
        return take_end(d, payload, e);
    struct event ev;
    struct slice head = { payload.ptr + 1, payload.len - 1 };
    TRY(event_parse_head(head, false, &ev, e));
    d->events++;
    d->bytes += ev.length;
    return 0;
}

/* All that lies in the buffer; keeps the front of a packet whose head is not there yet. */
static int take_bytes(struct drain *d, struct err *e)
{
    size_t at = 0;
    while (at < d->len && !d->ended) {
        size_t left = d->len - at;
        if (d->skip > 0) {
            size_t n = d->skip < left ? (size_t)d->skip : left;
            d->skip -= n;
            at += n;
            continue;
        }
        if (left < PACKET_HEADER_BYTES)
            break;
        uint64_t whole = PACKET_HEADER_BYTES + (uint64_t)packet_payload_bytes(d->buf + at);
        if (left < HEAD_BYTES && left < whole)
            break;
        TRY(take_packet(d, d->buf + at, left, e));
        d->skip = whole;
    }
    d->len -= at;
    memmove(d->buf, d->buf + at, d->len);
    return 0;
}

static int drain_stream(struct client *c, struct drain *d, struct err *e)
{
    while (!d->ended) {
        size_t got = 0;
        TRY(client_read(c, d->buf + d->len, READ_BYTES - d->len, WAIT_MS, &got, e));
        if (got == 0)
            return err_set(e, E_IO, "nothing came for %d s", WAIT_MS / 1000);
        d->len += got;
        TRY(take_bytes(d, e));
    }
    return 0;
}

static int drain_dump(struct client *c, const struct want *w, struct drain *d, struct err *e)
{
    bool     mariadb = strstr(client_server_version(c), "MariaDB") != NULL;
    uint16_t flags = DUMP_NON_BLOCK;

    TRY(client_query(c, "SET @master_binlog_checksum = @@global.binlog_checksum", NULL, NULL, e));
    if (mariadb) {
        TRY(client_query(c, "SET @mariadb_slave_capability = 4", NULL, NULL, e));
        flags |= DUMP_ANNOTATE_ROWS;
    }
    TRY(client_dump(c, w->file, w->position, flags, w->server_id, e));
    return drain_stream(c, d, e);
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: drain --user U [--password P] [--host H] --port N --file FILE "
                          "[--position N] [--server-id N] [--tls]\n");
    return 2;
}

static int read_options(int argc, char **argv, struct want *w)
{
    static const struct option options[] = {
        { "user", 1, NULL, 'u' },      { "password", 1, NULL, 'p' }, { "host", 1, NULL, 'h' },
        { "port", 1, NULL, 'P' },      { "file", 1, NULL, 'f' },     { "position", 1, NULL, 'o' },
        { "server-id", 1, NULL, 's' }, { "tls", 0, NULL, 't' },      { 0 },
    };
    for (int letter; (letter = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (letter) {
        case 'u':
            w->at.user = optarg;
            break;
        case 'p':
            w->at.password = optarg;
            break;
        case 'h':
            w->at.host = optarg;
            break;
        case 'P':
            w->at.port = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'f':
            w->file = optarg;
            break;
        case 'o':
            w->position = strtoull(optarg, NULL, 10);
            break;
        case 's':
            w->server_id = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 't':
            w->at.tls = CLIENT_TLS_REQUIRED;
            break;
        default:
            return -1;
        }
    }
    return w->at.user != NULL && w->at.port != 0 && w->file != NULL && optind == argc ? 0 : -1;
}

static uint8_t room[READ_BYTES];

int main(int argc, char **argv)
{
    struct want    w = { .at = { .host = "127.0.0.1",
                                 .password = "",
                                 .connect_timeout_s = 10,
                                 .read_timeout_s = 60 },
                         .position = BINLOG_MAGIC_BYTES,
                         .server_id = SERVER_ID_DEFAULT };
    struct drain   d = { .buf = room };
    struct client *c = NULL;
    struct err     e = { 0 };
    struct rusage  used;

    if (read_options(argc, argv, &w) != 0)
        return usage();
    double begin = now_s();
    if (client_connect(&w.at, &c, &e) != 0 || drain_dump(c, &w, &d, &e) != 0) {
        (void)fprintf(stderr, "drain: %s\n", e.text);
        return 1;
    }
    double seconds = now_s() - begin;
    client_close(c);
    (void)getrusage(RUSAGE_SELF, &used);
    (void)printf("{\"bytes\":%" PRIu64 ",\"events\":%" PRIu64 ",\"packets\":%" PRIu64
                 ",\"seconds\":%.4f,\"user_s\":%.4f,\"system_s\":%.4f}\n",
                 d.bytes, d.events, d.packets, seconds, seconds_of(used.ru_utime),
                 seconds_of(used.ru_stime));
    return 0;
}
