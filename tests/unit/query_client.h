/*
 * What the tests of statements share: a store that says what the test wants, sources of every
 * family and version, and a session that is asked and whose answers are shown as text.
 * Each test includes it once.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "protocol/handshake.h"
#include "relay/upstream/binlogs.h"
#include "relay/sql/query.h"
#include "relay/sql/variables.h"

/* ---- a store that says what the test wants ---- */

#define UUID "f718ee6f-e587-11f1-ae02-02fc00000001"

static struct {
    const char *executed, *purged;
    size_t      files;
    bool        broken;
} held;

bool binlogs_next(struct store *s, uint32_t *ordinal, struct binlogs_file *out)
{
    (void)s;
    if (*ordinal == held.files)
        return false;
    ++*ordinal;
    (void)snprintf(out->name, sizeof out->name, "binlog.%06u", *ordinal);
    out->size = 1000 + *ordinal;
    return true;
}

bool binlogs_next_of(struct store *s, const char *source, uint32_t *ordinal,
                     struct binlogs_file *out)
{
    return source[0] != '\0' && binlogs_next(s, ordinal, out);
}

int binlogs_map(struct store *s, const char *place, struct buf *out, struct err *e)
{
    (void)s;
    if (strcmp(place, "b:binlog.000017:4711") != 0)
        return err_set(e, E_PURGED, "no relay file was copied from '%s'", place);
    buf_put_text(out, "binlog.000002:4711");
    return 0;
}

bool binlogs_end(struct store *s, struct binlogs_file *out)
{
    (void)s;
    if (held.files == 0)
        return false;
    (void)snprintf(out->name, sizeof out->name, "binlog.%06zu", held.files);
    (void)snprintf(out->source_file, sizeof out->source_file, "mysql-bin.%06zu", held.files + 9);
    out->size = 5000000000;
    return true;
}

static inline int take(const char *text, struct gtids *out, struct err *e)
{
    if (held.broken)
        return err_set(e, E_CORRUPT, "the index is damaged");
    return gtids_parse(out, slice_of_text(text), e);
}

bool binlogs_end_at(struct store *s, store_pos end, struct binlogs_file *out)
{
    if (!binlogs_end(s, out))
        return false;
    out->size = store_pos_offset(end);
    return true;
}

int binlogs_executed_at(struct store *s, store_pos end, struct gtids *out, struct err *e)
{
    (void)end;
    return binlogs_executed(s, out, e);
}

int binlogs_executed(struct store *s, struct gtids *out, struct err *e)
{
    (void)s;
    return take(held.executed, out, e);
}

int binlogs_purged(struct store *s, struct gtids *out, struct err *e)
{
    (void)s;
    return take(held.purged, out, e);
}

int binlogs_gtids_at(struct store *s, const char *file, uint64_t position, struct gtids *out,
                     struct err *e)
{
    (void)s;
    if (held.broken)
        return err_set(e, E_CORRUPT, "the index is damaged");
    if (strcmp(file, "binlog.000001") != 0)
        return err_set(e, E_PURGED, "no such file");
    if (position == 17)
        return err_set(e, E_PROTOCOL, "inside an event");
    return gtids_parse(out, slice_of_text("0-33110-6"), e);
}

/* ---- sources ---- */

static const struct server_facts mysql97 = {
    .known = true,
    .family = FAMILY_MYSQL,
    .version = "9.7.4-2",
    .version_number = 90704,
    .version_comment = "Percona Server",
    .server_id = 99,
    .server_uuid = "source-uuid",
    .binlog_checksum = "CRC32",
    .binlog_format = "ROW",
    .binlog_row_image = "FULL",
    .binlog_row_metadata = "MINIMAL",
    .gtid_mode = "ON",
    .log_bin_basename = "binlog",
};
static const struct server_facts mysql80 = {
    .known = true,
    .family = FAMILY_MYSQL,
    .version = "8.0.33",
    .version_number = 80033,
    .version_comment = "MySQL Community Server - GPL",
    .binlog_checksum = "CRC32",
    .binlog_format = "ROW",
    .binlog_row_image = "FULL",
    .binlog_row_metadata = "FULL",
    .gtid_mode = "OFF",
    .log_bin_basename = "binlog",
};
static const struct server_facts mysql57 = {
    .known = true,
    .family = FAMILY_MYSQL,
    .version = "5.7.22-log",
    .version_number = 50722,
    .binlog_checksum = "NONE",
    .binlog_format = "MIXED",
    .binlog_row_image = "FULL",
    .gtid_mode = "ON",
    .log_bin_basename = "mysql-bin",
};
static const struct server_facts mysql55 = {
    .known = true,
    .family = FAMILY_MYSQL,
    .version = "5.5.34-log",
    .version_number = 50534,
    .binlog_format = "STATEMENT",
    .log_bin_basename = "mysql-bin",
};
static const struct server_facts maria1011 = {
    .known = true,
    .family = FAMILY_MARIADB,
    .version = "10.11.19-MariaDB-log",
    .version_number = 101119,
    .version_comment = "Debian 12",
    .binlog_checksum = "CRC32",
    .binlog_format = "MIXED",
    .binlog_row_image = "FULL",
    .binlog_row_metadata = "NO_LOG",
    .gtid_domain_id = 7,
    .log_bin_basename = "binlog",
};
static const struct server_facts maria102 = {
    .known = true,
    .family = FAMILY_MARIADB,
    .version = "10.2.11-MariaDB-log",
    .version_number = 100211,
    .binlog_checksum = "CRC32",
    .binlog_format = "ROW",
    .binlog_row_image = "FULL",
    .log_bin_basename = "binlog",
};

/* ---- one session ---- */

struct client {
    struct query_session session;
    struct query_env     env;
    struct buf           out;
    struct buf           shown; /* the last answer for people */
    uint8_t              sequence;
    struct reply         reply;
    uint32_t             killed;
};

static inline enum query_kill kill_it(void *arg, uint32_t thread_id, bool query)
{
    (void)query;
    struct client *c = arg;
    if (thread_id == 12) {
        c->killed = thread_id;
        return QUERY_KILL_DONE;
    }
    return thread_id == 13 ? QUERY_KILL_DENIED : QUERY_KILL_UNKNOWN;
}

/* A source that is followed, and sessions: the client's own, a replica's, one that logs in. */
static struct channel_status followed = {
    .state = CHANNEL_FOLLOWING,
    .address = "db.example:3307",
    .user = "relay",
    .source_file = "mysql-bin.000012",
    .source_offset = 5000000700,
    .caught_up = true,
};

static inline void say_status(void *arg, struct channel_status *out)
{
    (void)arg;
    *out = followed;
}

static inline int give_peers(void *arg, query_each_peer *each, void *each_arg, struct err *e)
{
    (void)arg, (void)e;
    int64_t                 now = (int64_t)time(NULL);
    const struct query_peer peers[] = {
        { .id = 42, .user = "repl", .address = "127.0.0.1:40000", .since_s = now },
        { .id = 43,
          .user = "repl",
          .address = "127.0.0.1:40001",
          .since_s = now,
          .streaming = true,
          .at_end = true,
          .command = "Binlog Dump GTID",
          .registered = true,
          .server_id = 77,
          .replica_uuid = UUID,
          .replica_host = "replica.example",
          .replica_port = 3306 },
        { .id = 44, .user = "", .address = "127.0.0.1:40002", .since_s = now },
    };
    for (size_t i = 0; i < 3; i++)
        each(each_arg, &peers[i]);
    return 0;
}

static inline void begin(struct client *c, const struct server_facts *facts)
{
    *c = (struct client){ .sequence = 1 };
    held.executed = facts->family == FAMILY_MARIADB ? "7-33110-6" : UUID ":1-368";
    held.purged = facts->family == FAMILY_MARIADB ? "" : UUID ":1-5";
    held.files = 2;
    held.broken = false;
    query_session_init(&c->session);
    buf_init(&c->out, 1 << 20);
    buf_init(&c->shown, 1 << 20);
    c->env = (struct query_env){ .facts = facts,
                                 .relay_server_id = 33097,
                                 .relay_uuid = UUID,
                                 .thread_id = 42,
                                 .user = "repl",
                                 .host = "127.0.0.1",
                                 .session = &c->session,
                                 .kill = kill_it,
                                 .kill_arg = c,
                                 .each_peer = give_peers,
                                 .status = say_status,
                                 .started_s = (int64_t)time(NULL) - 5,
                                 .tls_version = "TLSv1.3" };
    c->reply = (struct reply){ .out = &c->out, .sequence = &c->sequence };
}

static inline void done(struct client *c)
{
    query_session_done(&c->session);
    buf_done(&c->out);
    buf_done(&c->shown);
}

/* ---- answers as text: "OK", "ERR number state text" or "name[type]|... / value|... / ..." ---- */

static inline struct slice next_packet(struct cursor *c, uint8_t *sequence)
{
    uint32_t n = cursor_u24(c);
    assert_int_equal(cursor_u8(c), *sequence);
    ++*sequence;
    struct slice payload = cursor_slice(c, n);
    assert_false(c->failed);
    return payload;
}

static inline void show_column(struct slice packet, struct buf *out)
{
    struct cursor c = cursor_over(packet);
    for (int i = 0; i < 4; i++)
        (void)cursor_lenenc_slice(&c);
    struct slice name = cursor_lenenc_slice(&c);
    (void)cursor_lenenc_slice(&c);
    cursor_skip(&c, 1 + 2 + 4);
    buf_printf(out, "%.*s[%u]", (int)name.len, (const char *)name.ptr, cursor_u8(&c));
    cursor_skip(&c, 5);
    assert_true(!c.failed && c.left == 0);
}

static inline void show_row(struct slice packet, uint64_t columns, struct buf *out)
{
    struct cursor c = cursor_over(packet);
    buf_put_text(out, " / ");
    for (uint64_t i = 0; i < columns; i++) {
        if (i > 0)
            buf_put_text(out, "|");
        if (c.left > 0 && *c.at == 0xfb) {
            cursor_skip(&c, 1);
            buf_put_text(out, "NULL");
        } else {
            buf_put(out, cursor_lenenc_slice(&c));
        }
    }
    assert_true(!c.failed && c.left == 0);
}

static inline void show_result(struct cursor *c, uint64_t columns, bool eof_packets,
                               uint8_t sequence, struct buf *out)
{
    for (uint64_t i = 0; i < columns; i++) {
        buf_put_text(out, i > 0 ? "|" : "");
        show_column(next_packet(c, &sequence), out);
    }
    if (eof_packets)
        assert_int_equal(next_packet(c, &sequence).ptr[0], 0xfe);
    for (;;) {
        struct slice p = next_packet(c, &sequence);
        if (p.len > 0 && p.ptr[0] == 0xfe && p.len < 9) {
            assert_int_equal(p.len, eof_packets ? 5 : 7);
            break;
        }
        show_row(p, columns, out);
    }
}

static inline const char *ask_bytes(struct client *c, struct slice sql)
{
    uint8_t sequence = 1;
    buf_clear(&c->out);
    buf_clear(&c->shown);
    c->sequence = 1;
    query_answer(&c->env, sql, &c->reply);
    assert_int_equal(c->out.failed, BUF_FINE);

    struct cursor at = cursor_over(buf_slice(&c->out));
    struct slice  first = next_packet(&at, &sequence);
    if (first.ptr[0] == 0) {
        buf_put_text(&c->shown, "OK");
        assert_int_equal(first.ptr[3], c->session.autocommit ? 2 : 0);
    } else if (first.ptr[0] == 0xff) {
        buf_printf(&c->shown, "ERR %u %.5s %.*s", first.ptr[1] | first.ptr[2] << 8, first.ptr + 4,
                   (int)first.len - 9, first.ptr + 9);
    } else {
        struct cursor count = cursor_over(first);
        show_result(&at, cursor_lenenc(&count), (c->reply.capabilities & CAP_DEPRECATE_EOF) == 0,
                    sequence, &c->shown);
    }
    assert_int_equal(at.left, 0); /* one complete answer, no more */
    return buf_text(&c->shown);
}

static inline const char *ask(struct client *c, const char *sql)
{
    return ask_bytes(c, slice_of_text(sql));
}

struct exchange {
    const char *sql, *answer; /* an answer that ends in '*' is compared up to there */
};

static inline void assert_answer(struct client *c, const char *sql, const char *wanted)
{
    const char *is = ask(c, sql);
    size_t      n = strlen(wanted);
    bool        prefix = n > 0 && wanted[n - 1] == '*';
    if (prefix ? strncmp(is, wanted, n - 1) != 0 : strcmp(is, wanted) != 0)
        fail_msg("%s\n  is     %s\n  wanted %s", sql, is, wanted);
}

static inline void run(const struct server_facts *facts, const struct exchange *list, size_t count)
{
    for (int eof = 0; eof < 2; eof++) {
        struct client c;
        begin(&c, facts);
        c.reply.capabilities = eof ? 0 : CAP_DEPRECATE_EOF;
        for (size_t i = 0; i < count; i++)
            assert_answer(&c, list[i].sql, list[i].answer);
        done(&c);
    }
}
#define RUN(facts, ...)                                                                            \
    do {                                                                                           \
        static const struct exchange list[] = { __VA_ARGS__ };                                     \
        run(&(facts), list, sizeof list / sizeof list[0]);                                         \
    } while (0)

#define NEAR(server, text)                                                                         \
    "ERR 1064 42000 You have an error in your SQL syntax; check the manual that corresponds to "   \
    "your " server " server version for the right syntax to use near '" text "' at line 1"
#define UNKNOWN(name) "ERR 1193 HY000 Unknown system variable '" name "'"
