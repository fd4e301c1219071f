#include "tools/binrelay/target.h"
#include <stdlib.h>
#include "protocol/handshake.h"
#include "protocol/packet.h"

enum {
    COM_QUERY = 3,
    REPLY_OK = 0x00,
    REPLY_FILE = 0xfb,
    REPLY_EOF = 0xfe,
    REPLY_ERROR = 0xff,
    EOF_BYTES_MAX = 9, /* a row may begin with the same byte */
    MORE_RESULTS = 0x0008,
    CAP_LOCAL_FILES = 1 << 7,
    READ_BYTES = 64 * 1024,
    PACKET_BYTES_MAX = 1 << 30,
    LOAD_PIECE_BYTES = 64 * 1024,
    WAIT_MS = 3600 * 1000,
    ANSWER_BYTES = 64 * 1024,
    UTF8MB4 = 45,
};

struct target {
    struct client      *asks;   /* the library's, for questions */
    struct client      *client; /* its packets are ours */
    struct target_facts facts;
    struct slice        load;
    uint8_t             sequence;
    struct buf          out, in; /* `in` holds what has come and is not read yet, from in_at on */
    size_t              in_at;
};

static const struct client_guise guise = { .capabilities = CAP_FOUND_ROWS | CAP_LONG_FLAG |
                                                           CAP_LOCAL_FILES | CAP_TRANSACTIONS |
                                                           CAP_MULTI_STATEMENTS | CAP_MULTI_RESULTS,
                                           .charset = UTF8MB4 };

/* ---- beginning ---- */

static int ask_number(struct target *t, const char *sql, uint64_t *out, struct err *e)
{
    char  text[64];
    char *end = NULL;

    TRY(client_query_text(t->asks, sql, text, sizeof text, e));
    *out = strtoull(text, &end, 10);
    return 0;
}

static int ask_gtids(struct target *t, struct err *e)
{
    struct target_facts *f = &t->facts;
    char                 mode[32];
    char                *text = NULL;

    if (f->family == FAMILY_MARIADB) { /* kept nowhere but in its binlog */
        uint64_t log_bin = 0;
        TRY(ask_number(t, "SELECT @@GLOBAL.log_bin", &log_bin, e));
        f->takes_gtids = log_bin != 0;
    }
    if (f->family == FAMILY_MYSQL && f->version_number >= 50600) {
        TRY(client_query_text(t->asks, "SELECT @@GLOBAL.gtid_mode", mode, sizeof mode, e));
        f->takes_gtids = strcmp(mode, "OFF") != 0;
    }
    if (!f->takes_gtids)
        return 0;
    text = malloc(ANSWER_BYTES);
    if (text == NULL)
        return err_set(e, E_NOMEM, "no memory for the target's GTIDs");
    int result = client_query_text(t->asks,
                                   f->family == FAMILY_MYSQL ? "SELECT @@GLOBAL.gtid_executed"
                                                             : "SELECT @@GLOBAL.gtid_binlog_pos",
                                   text, ANSWER_BYTES, e);
    if (result == 0)
        result = gtids_parse(&f->executed, slice_of_text(text), e);
    free(text);
    return result;
}

static int learn(struct target *t, struct err *e)
{
    struct target_facts *f = &t->facts;

    TRY(client_query_text(t->asks, "SELECT VERSION()", f->version, sizeof f->version, e));
    f->version_number = format_version_number(f->version);
    f->family = strstr(f->version, "MariaDB") != NULL ? FAMILY_MARIADB : FAMILY_MYSQL;
    TRY(ask_number(t, "SELECT @@max_allowed_packet", &f->packet_bytes, e));
    return ask_gtids(t, e);
}

int target_open(const struct client_options *o, struct target **out, struct err *e)
{
    struct client_options dressed = *o;
    struct target        *t = calloc(1, sizeof *t);

    if (t == NULL)
        return err_set(e, E_NOMEM, "no memory for a connection");
    buf_init(&t->out, PACKET_BYTES_MAX);
    buf_init(&t->in, PACKET_BYTES_MAX);
    dressed.guise = &guise;
    if (client_connect(o, &t->asks, e) != 0 || learn(t, e) != 0 ||
        client_connect(&dressed, &t->client, e) != 0 || client_detach(t->client, e) != 0) {
        target_close(t);
        return -1;
    }
    *out = t;
    return 0;
}

void target_close(struct target *t)
{
    if (t == NULL)
        return;
    if (t->client != NULL && client_fd(t->client) >= 0)
        client_cut(t->client);
    client_close(t->client);
    client_close(t->asks);
    gtids_done(&t->facts.executed);
    buf_done(&t->out);
    buf_done(&t->in);
    free(t);
}

const struct target_facts *target_facts(const struct target *t)
{
    return &t->facts;
}

const char *target_address(const struct target *t)
{
    return client_address(t->asks);
}

int target_ask(struct target *t, const char *sql, char *into, size_t size, struct err *e)
{
    return client_query_text(t->asks, sql, into, size, e);
}

/* ---- sending ---- */

int target_send(struct target *t, struct slice sql, struct slice load, struct err *e)
{
    t->load = load;
    t->sequence = 0;
    buf_clear(&t->out);
    struct packet p = packet_begin(&t->out);
    buf_put_u8(&t->out, COM_QUERY);
    buf_put(&t->out, sql);
    packet_end(&p, &t->sequence);
    TRY(buf_check(&t->out, "a packet", e));
    return client_write(t->client, buf_slice(&t->out), e);
}

/* What LOAD DATA LOCAL asks for, whatever it calls it; the empty packet ends it. */
static int send_load(struct target *t, struct err *e)
{
    struct slice left = t->load;

    do {
        size_t n = left.len < LOAD_PIECE_BYTES ? left.len : LOAD_PIECE_BYTES;
        buf_clear(&t->out);
        struct packet p = packet_begin(&t->out);
        buf_put(&t->out, (struct slice){ left.ptr, n });
        packet_end(&p, &t->sequence);
        TRY(buf_check(&t->out, "a packet", e));
        TRY(client_write(t->client, buf_slice(&t->out), e));
        left.ptr += n;
        left.len -= n;
        if (n == 0)
            break;
    } while (true);
    return 0;
}

/* ---- answers ---- */

static int read_more(struct target *t, struct err *e)
{
    size_t got = 0;

    if (t->in_at > 0) {
        memmove(t->in.ptr, t->in.ptr + t->in_at, t->in.len - t->in_at);
        t->in.len -= t->in_at;
        t->in_at = 0;
    }
    uint8_t *into = buf_extend(&t->in, READ_BYTES);
    TRY(buf_check(&t->in, "an answer", e));
    t->in.len -= READ_BYTES;
    while (got == 0)
        TRY(client_read(t->client, into, READ_BYTES, WAIT_MS, &got, e));
    t->in.len += got;
    return 0;
}

/* The next packet's payload (of a row beyond 16 MiB: a part); valid until the next call. */
static int next_packet(struct target *t, struct slice *out, struct err *e)
{
    for (;;) {
        size_t have = t->in.len - t->in_at;
        if (have >= PACKET_HEADER_BYTES) {
            const uint8_t *head = t->in.ptr + t->in_at;
            size_t         bytes = packet_payload_bytes(head);
            if (have - PACKET_HEADER_BYTES >= bytes) {
                t->sequence = (uint8_t)(head[3] + 1);
                *out = (struct slice){ head + PACKET_HEADER_BYTES, bytes };
                t->in_at += PACKET_HEADER_BYTES + bytes;
                return 0;
            }
        }
        TRY(read_more(t, e));
    }
}

static int server_error(const struct target *t, struct slice packet, struct err *e)
{
    struct cursor c = cursor_over(packet);

    cursor_skip(&c, 1);
    uint16_t number = cursor_u16(&c);
    if (c.left > 0 && *c.at == '#')
        cursor_skip(&c, 6);
    (void)err_set(e, E_REFUSED, "%s: %.*s (%u)", target_address(t), (int)c.left, (const char *)c.at,
                  number);
    e->sys = number;
    return -1;
}

static bool is_eof(struct slice packet)
{
    return packet.len > 0 && packet.len < EOF_BYTES_MAX && packet.ptr[0] == REPLY_EOF;
}

/* Rows that nobody asked for: of a function that was called for what it changes. */
static int pass_rows(struct target *t, bool *more, struct err *e)
{
    struct slice packet = slice_empty();

    for (int ends = 0; ends < 2;) {
        TRY(next_packet(t, &packet, e));
        if (packet.len > 0 && packet.ptr[0] == REPLY_ERROR)
            return server_error(t, packet, e);
        ends += is_eof(packet);
    }
    struct cursor c = cursor_over(packet);
    cursor_skip(&c, 3);
    *more = (cursor_u16(&c) & MORE_RESULTS) != 0;
    return 0;
}

static int one_result(struct target *t, bool *more, struct err *e)
{
    struct slice packet;

    for (;;) {
        TRY(next_packet(t, &packet, e));
        if (packet.len == 0)
            return err_set(e, E_PROTOCOL, "%s sent an empty answer", target_address(t));
        if (packet.ptr[0] != REPLY_FILE)
            break;
        TRY(send_load(t, e));
    }
    if (packet.ptr[0] == REPLY_ERROR)
        return server_error(t, packet, e);
    if (packet.ptr[0] != REPLY_OK)
        return pass_rows(t, more, e);
    struct cursor c = cursor_over(packet);
    cursor_skip(&c, 1);
    (void)cursor_lenenc(&c);
    (void)cursor_lenenc(&c);
    *more = (cursor_u16(&c) & MORE_RESULTS) != 0;
    return 0;
}

int target_wait(struct target *t, uint32_t statements, uint32_t *done, struct err *e)
{
    bool more = false;

    /* Servers forget to say behind a BINLOG that more is to come. */
    *done = 0;
    while (more || *done < statements) {
        TRY(one_result(t, &more, e));
        ++*done;
    }
    return 0;
}

int target_do(struct target *t, const char *sql, struct err *e)
{
    uint32_t done;

    TRY(target_send(t, slice_of_text(sql), slice_empty(), e));
    if (target_wait(t, 1, &done, e) == 0)
        return 0;
    int number = e->sys;
    (void)err_note(e, "%.120s", sql);
    e->sys = number;
    return -1;
}
