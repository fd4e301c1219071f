#include "tests/sim/source/sim_source.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "protocol/checksum.h"
#include "protocol/client.h"
#include "protocol/packet.h"
#include "relay/log.h"
#include "relay/upstream/acks.h"
#include "tests/sim/sim_disk.h"

static struct sim_source *source;

struct client {
    struct buf stream; /* made and not read yet, from `at` on */
    size_t     at;
    uint64_t   left; /* bytes until the cut */
    uint8_t    sequence;
    bool       dumping, marked, announced;
    size_t     file; /* of the history; its event `event` is sent next */
    size_t     event;
    uint64_t   from; /* in the first file: where the dump was asked to begin */
};

void sim_source_use(struct sim_source *s)
{
    source = s;
}

static uint64_t below(uint64_t n)
{
    return sim_random(source->random) % n;
}

static int cut(struct err *e)
{
    source->cuts++;
    return err_set(e, E_IO, "the simulated connection was cut");
}

/* The relay's log would be read by nobody. */
void log_set_level(enum log_level most)
{
    (void)most;
}

void log_write(enum log_level level, const char *area, const char *fmt, ...)
{
    (void)level;
    (void)area;
    (void)fmt;
}

void log_err(const char *area, const char *what, const struct err *e)
{
    (void)area;
    (void)what;
    (void)e;
}

/* ---- connection and questions --------------------------------------------------------------- */

int client_connect(const struct client_options *o, struct client **out, struct err *e)
{
    (void)o;
    TRY(source->turn(source->arg, e));
    if (!source->hasty && below(8) == 0)
        return cut(e);
    struct client *c = calloc(1, sizeof *c);
    assert(c != NULL);
    buf_init(&c->stream, (size_t)1 << 28);
    /* Some die early, most at any byte of what is to come, some never. */
    static const uint64_t lives[] = { 100, 3000, 100000, 1000000, UINT64_MAX };
    uint64_t              life = source->hasty ? UINT64_MAX : lives[below(5)];
    c->left = life == UINT64_MAX ? life : below(life);
    source->connections++;
    *out = c;
    return 0;
}

void client_close(struct client *c)
{
    if (c != NULL)
        buf_done(&c->stream);
    free(c);
}

const char *client_address(const struct client *c)
{
    (void)c;
    return "simulated:3306";
}

const char *client_server_version(const struct client *c)
{
    (void)c;
    return source->history->source.version;
}

int client_query(struct client *c, const char *sql,
                 int (*row)(void *arg, uint32_t columns, const char *const *values,
                            const unsigned long *lengths, struct err *e),
                 void *arg, struct err *e)
{
    const struct history *h = source->history;

    (void)c;
    if (!source->hasty && below(60) == 0)
        return cut(e);
    if (strcmp(sql, "SHOW BINARY LOGS") == 0) {
        for (size_t i = 0; i < h->count; i++) {
            char size[32];
            (void)snprintf(size, sizeof size, "%zu", h->files[i].sent.bytes.len);
            const char         *values[] = { h->files[i].name, size };
            const unsigned long lengths[] = { strlen(values[0]), strlen(size) };
            TRY(row(arg, 2, values, lengths, e));
        }
    } else if (source->semi_sync && strncmp(sql, "SHOW GLOBAL VARIABLES", 21) == 0) {
        const char         *values[] = { "rpl_semi_sync_source_enabled", "ON" };
        const unsigned long lengths[] = { strlen(values[0]), 2 };
        TRY(row(arg, 2, values, lengths, e));
    } else if (strstr(sql, "@rpl_semi_sync_replica = 1") != NULL) {
        c->marked = true;
    }
    return 0;
}

int client_query_text(struct client *c, const char *sql, char *into, size_t size, struct err *e)
{
    const struct store_source *s = &source->history->source;
    const struct {
        const char *sql, *answer;
    } answers[] = {
        { "SELECT @@GLOBAL.version", s->version }, { "SELECT VERSION()", s->version },
        { "SELECT @@GLOBAL.server_id", "1" },      { "SELECT @@GLOBAL.server_uuid", s->uuid },
        { "SELECT @@GLOBAL.log_bin", "1" },        { "SELECT @@GLOBAL.binlog_format", "ROW" },
    };

    TRY(client_query(c, sql, NULL, NULL, e));
    into[0] = 0;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        if (strcmp(sql, answers[i].sql) == 0)
            (void)snprintf(into, size, "%s", answers[i].answer);
    return 0;
}

int client_quote(struct client *c, struct slice text, struct buf *into, struct err *e)
{
    (void)c;
    buf_put(into, text);
    return buf_check(into, "a quoted text", e);
}

int client_register(struct client *c, uint32_t server_id, const char *host, uint16_t port,
                    struct err *e)
{
    (void)server_id;
    (void)host;
    (void)port;
    return client_query(c, "REGISTER", NULL, NULL, e);
}

bool client_is_compressed(const struct client *c)
{
    (void)c;
    return false;
}

void client_wake_on(struct client *c, int event_fd)
{
    (void)c;
    (void)event_fd;
}

int client_write(struct client *c, struct slice bytes, struct err *e)
{
    struct cursor cur = cursor_over(bytes);
    char          name[256];

    (void)c;
    cursor_skip(&cur, PACKET_HEADER_BYTES);
    uint8_t      marker = cursor_u8(&cur);
    uint64_t     offset = cursor_u64(&cur);
    struct slice file = cursor_rest(&cur);
    assert(!cur.failed && marker == ACKS_MARKER && file.len < sizeof name);
    memcpy(name, file.ptr, file.len);
    name[file.len] = 0;
    source->acks++;
    source->acked(source->arg, name, offset);
    if (!source->hasty && below(50) == 0)
        return cut(e);
    return 0;
}

/* ---- the dump ------------------------------------------------------------------------------- */

static void put_packet(struct client *c, struct slice event, bool ends_transaction)
{
    bool   wants = c->marked && ends_transaction;
    size_t n = 1 + (c->marked ? 2u : 0u) + event.len;

    assert(n < PACKET_PAYLOAD_MAX);
    buf_put_le(&c->stream, n, 3);
    buf_put_u8(&c->stream, c->sequence++);
    buf_put_u8(&c->stream, 0);
    if (c->marked) {
        buf_put_u8(&c->stream, ACKS_MARKER);
        buf_put_u8(&c->stream, wants ? 1 : 0);
    }
    buf_put(&c->stream, event);
    if (wants)
        c->sequence = 1;
}

/* An event that is in no file. */
static void put_made_up(struct client *c, uint8_t type, uint32_t log_pos, uint16_t flags,
                        struct slice body)
{
    bool       crc = source->history->files[0].sent.style.crc;
    struct buf b;

    buf_init(&b, 4096);
    buf_put_le(&b, 0, 4);
    buf_put_u8(&b, type);
    buf_put_le(&b, 1, 4);
    buf_put_le(&b, EVENT_HEADER_BYTES + body.len + (crc ? EVENT_CRC_BYTES : 0), 4);
    buf_put_le(&b, log_pos, 4);
    buf_put_le(&b, flags, 2);
    buf_put(&b, body);
    if (crc)
        buf_put_le(&b, checksum_crc32(0, buf_slice(&b)), 4);
    put_packet(c, buf_slice(&b), false);
    buf_done(&b);
}

static void put_fake_rotate(struct client *c, uint64_t position)
{
    struct buf body;
    buf_init(&body, 512);
    buf_put_le(&body, position, 8);
    buf_put_text(&body, source->history->files[c->file].name);
    put_made_up(c, EVENT_ROTATE, 0, EVENT_FLAG_ARTIFICIAL, buf_slice(&body));
    buf_done(&body);
}

static void put_heartbeat(struct client *c)
{
    const struct history_file *f = &source->history->files[c->file];
    uint64_t                   at = c->event == 0 ? BINLOG_MAGIC_BYTES : f->sent.ends[c->event - 1];
    put_made_up(c, EVENT_HEARTBEAT, (uint32_t)at, 0, slice_of_text(f->name));
}

int client_dump(struct client *c, const char *file, uint64_t position, uint16_t flags,
                uint32_t server_id, struct err *e)
{
    const struct history *h = source->history;

    (void)flags;
    (void)server_id;
    if (!source->hasty && below(60) == 0)
        return cut(e);
    c->dumping = true;
    c->sequence = 1;
    c->from = position;
    c->file = history_find(h, file);
    assert(c->file < h->count); /* the relay asks for what it was sent */
    const struct binlog *b = &h->files[c->file].sent;
    while (position > BINLOG_MAGIC_BYTES && c->event < b->count && b->ends[c->event] < position)
        c->event++;
    if (position > BINLOG_MAGIC_BYTES) {
        assert(c->event < b->count && b->ends[c->event] == position);
        c->event++;
        source->resent++;
    }
    put_fake_rotate(c, position);
    if (position > BINLOG_MAGIC_BYTES) {
        struct buf again;
        buf_init(&again, 4096);
        format_put_resent(&again, binlog_slice(b, 0), true, true);
        put_packet(c, buf_slice(&again), false);
        buf_done(&again);
    }
    return 0;
}

static bool ends_transaction(const struct binlog *b, size_t event)
{
    for (size_t i = 0; i < b->txn_count && b->txn_ends[i] <= b->ends[event]; i++)
        if (b->txn_ends[i] == b->ends[event])
            return true;
    return false;
}

/* The next few events; false when all was sent. */
static bool make_more(struct client *c)
{
    const struct history *h = source->history;

    for (uint64_t n = 1 + below(20); n > 0; n--) {
        const struct binlog *b = &h->files[c->file].sent;
        if (c->event == b->count) {
            if (c->file + 1 == h->count)
                return false;
            c->file++;
            c->event = 0;
            put_fake_rotate(c, BINLOG_MAGIC_BYTES);
            continue;
        }
        put_packet(c, binlog_slice(b, c->event), ends_transaction(b, c->event));
        c->event++;
    }
    return true;
}

int client_read(struct client *c, uint8_t *into, size_t size, uint32_t wait_ms, size_t *got,
                struct err *e)
{
    assert(c->dumping);
    *got = 0;
    TRY(source->turn(source->arg, e));
    if (wait_ms == 0 && below(4) == 0)
        return 0; /* nothing more at the moment */
    if (c->at == c->stream.len) {
        buf_clear(&c->stream);
        c->at = 0;
        if (wait_ms > 0 && below(10) == 0)
            put_heartbeat(c);
        else if (!make_more(c)) {
            if (wait_ms == 0)
                return 0;
            TRY(source->idle(source->arg, e));
            if (c->marked)
                return 0; /* woken: more is safe */
            put_heartbeat(c);
        }
    }
    static const size_t pieces[] = { 1, 20, 700, 9000, 1000000 };
    size_t              n = 1 + below(pieces[below(5)]);
    size_t              have = c->stream.len - c->at;
    n = n < have ? n : have;
    n = n < size ? n : size;
    n = n < c->left ? n : (size_t)c->left;
    if (n == 0)
        return cut(e);
    memcpy(into, c->stream.ptr + c->at, n);
    c->at += n;
    c->left -= c->left == UINT64_MAX ? 0 : n;
    *got = n;
    return 0;
}
