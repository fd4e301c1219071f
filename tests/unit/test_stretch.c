/* Large events go to the socket out of the block that they were read into: what arrives is byte for
   byte what a stream that copies everything sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "relay/downstream/conn.h"
#include "relay/downstream/dump.h"
#include "tests/sim/fixture.h"

static const struct binlog_style mysql = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };
static const struct binlog_style maria = { .family = FAMILY_MARIADB, .crc = true, .gtids = true };

enum { ALL_MAX_BYTES = 64 * 1024 * 1024, TAKEN_MAX_BYTES = 1024 * 1024, SMALL_BYTES = 16 * 1024 };

struct scene {
    struct fixture f;
    struct binlog  one, two;
};

/* Two files with transactions of these sizes, over and over. */
static void scene_begin(struct scene *s, const struct binlog_style *style, const size_t *sizes,
                        size_t count, unsigned times)
{
    fixture_begin(&s->f, NULL);
    binlog_begin(&s->one, style);
    binlog_format(&s->one);
    binlog_head(&s->one, "");
    for (size_t i = 0; i < times * count; i++)
        binlog_transaction(&s->one, sizes[i % count]);
    binlog_rotate(&s->one, "bin.000002");
    fixture_file(&s->f, "bin.000001", &s->one);
    binlog_begin_next(&s->two, &s->one);
    binlog_format(&s->two);
    binlog_head(&s->two, binlog_gtids(&s->one));
    for (size_t i = count; i > 0; i--)
        binlog_transaction(&s->two, sizes[i - 1]);
    fixture_file(&s->f, "bin.000002", &s->two);
}

static void scene_done(struct scene *s)
{
    fixture_done(&s->f);
    binlog_done(&s->one);
    binlog_done(&s->two);
}

static struct dump *open_dump(struct scene *s, enum dump_kind kind, const char *held, bool semi)
{
    bool                is_maria = s->one.style.family == FAMILY_MARIADB;
    struct dump        *d = NULL;
    struct err          e = { 0 };
    struct dump_request r = {
        .kind = kind,
        .family = s->one.style.family,
        .version_number = is_maria ? 101119 : 90704,
        .server_id = 4711,
        .checksum = DUMP_CHECKSUM_CRC32,
        .annotate = true,
        .capability = is_maria ? 4 : -1,
        .semi_sync = semi,
        .file = "",
        .position = 4,
        .source_uuid = "",
    };
    if (held != NULL)
        assert_int_equal(gtid_set_parse(&r.have, slice_of_text(held), &e), 0);
    if (dump_open(s->f.store, &r, &d, &e) != 0)
        fail_msg("%s", e.text);
    return d;
}

/* All there is, copied. */
static void copy_all(struct dump *d, struct buf *into)
{
    static uint8_t window[DUMP_OUT_BYTES];
    struct err     e = { 0 };
    enum dump_step step = DUMP_FULL;
    uint8_t        sequence = 1;
    while (step == DUMP_FULL || step == DUMP_YIELD) {
        size_t filled = 0;
        if (dump_fill(d, window, sizeof window, &filled, &sequence, &step, &e) != 0)
            fail_msg("%s", e.text);
        buf_put(into, (struct slice){ window, filled });
    }
    assert_int_equal(into->failed, BUF_FINE);
}

/* The client takes what there is, at most so many bytes at a time. */
static void client_takes(int fd, size_t most, struct buf *into)
{
    static uint8_t bytes[TAKEN_MAX_BYTES];
    ssize_t        n = recv(fd, bytes, most < sizeof bytes ? most : sizeof bytes, MSG_DONTWAIT);
    if (n > 0)
        buf_put(into, (struct slice){ bytes, (size_t)n });
}

struct way {
    size_t room, block; /* of the sender */
    int    socket;      /* its buffer */
    size_t taken;       /* by the client at a time */
};

/* All there is, through a connection; how much of it was not copied. */
static size_t send_all(struct dump *d, const struct way *way, struct buf *into)
{
    int             ends[2];
    struct conn     c;
    struct err      e = { 0 };
    enum dump_step  step = DUMP_FULL;
    enum conn_state state;
    uint8_t         sequence = 1;
    size_t          pointed = 0, moved = 0, before = into->len;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    (void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &way->socket, sizeof way->socket);
    conn_init(&c, ends[0]);
    while (step == DUMP_FULL || step == DUMP_YIELD) {
        (void)dump_room(d, way->block);
        struct stretches *stretches = conn_stretches(&c);
        assert_non_null(stretches);
        dump_point(d, stretches);
        uint8_t *room = buf_extend(&c.out, way->room);
        assert_non_null(room);
        size_t filled = 0;
        if (dump_fill(d, room, way->room, &filled, &sequence, &step, &e) != 0)
            fail_msg("%s", e.text);
        c.out.len = filled;
        pointed += stretches->total;
        while (conn_waiting(&c) > 0) {
            assert_int_equal(conn_send(&c, &moved, &state, &e), 0);
            client_takes(ends[1], way->taken, into);
        }
    }
    conn_rest(&c);
    conn_done(&c);
    for (size_t had = into->len + 1; had != into->len;) {
        had = into->len;
        client_takes(ends[1], way->taken, into);
    }
    assert_int_equal(moved, into->len - before);
    assert_int_equal(into->failed, BUF_FINE);
    (void)close(ends[1]);
    return pointed;
}

static void compare(struct scene *s, enum dump_kind kind, const char *held, bool semi)
{
    static const struct way ways[] = {
        { DUMP_OUT_BYTES, DUMP_BLOCK_BYTES, TAKEN_MAX_BYTES, TAKEN_MAX_BYTES },
        { DUMP_OUT_BYTES, DUMP_BLOCK_BYTES, 4096, 3001 }, /* the socket takes a part at most */
        { SMALL_BYTES, SMALL_BYTES, 65536, 70000 },
        { 64, SMALL_BYTES, 65536, 70000 }, /* room for one header, and little more */
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct buf copied, sent;
        buf_init(&copied, ALL_MAX_BYTES);
        buf_init(&sent, ALL_MAX_BYTES);
        struct dump *d = open_dump(s, kind, held, semi);
        copy_all(d, &copied);
        dump_close(d);
        d = open_dump(s, kind, held, semi);
        assert_true(send_all(d, &ways[i], &sent) > 0);
        assert_int_equal(dump_pos(d), store_published(s->f.store));
        dump_close(d);
        assert_int_equal(sent.len, copied.len);
        assert_memory_equal(sent.ptr, copied.ptr, copied.len);
        buf_done(&copied);
        buf_done(&sent);
    }
}

/* Around the size from which on events are not copied, that of a block, and more than one. */
static const size_t sizes[] = {
    10,
    STRETCH_MIN_BYTES - 100,
    STRETCH_MIN_BYTES,
    5,
    8000,
    8000,
    8000,
    16384,
    100,
    40000,
    300000,
    600000,
};

static void what_is_not_copied_arrives_the_same(void **state)
{
    (void)state;
    const struct binlog_style *styles[] = { &mysql, &maria };
    for (int i = 0; i < 2; i++) {
        struct scene s;
        scene_begin(&s, styles[i], sizes, sizeof sizes / sizeof sizes[0], 2);
        compare(&s, DUMP_BY_POSITION, NULL, false);
        scene_done(&s);
    }
}

static void what_is_skipped_moves_nothing_that_is_under_way(void **state)
{
    (void)state;
    struct scene s;
    char         held[128];
    scene_begin(&s, &mysql, sizes, sizeof sizes / sizeof sizes[0], 2);
    (void)snprintf(held, sizeof held, "%s:2-3:7:11-14:20-30", binlog_uuid);
    compare(&s, DUMP_BY_GTID_SET, held, false);
    scene_done(&s);
}

static void a_semi_synchronous_replica_gets_its_bytes_in_front(void **state)
{
    (void)state;
    struct scene s;
    scene_begin(&s, &mysql, sizes, sizeof sizes / sizeof sizes[0], 1);
    compare(&s, DUMP_BY_POSITION, NULL, true);
    scene_done(&s);
}

static void more_than_a_list_holds_is_copied(void **state)
{
    (void)state;
    static const size_t many[] = { STRETCH_MIN_BYTES };
    struct scene        s;
    scene_begin(&s, &mysql, many, 1, 3 * STRETCHES_MAX);
    compare(&s, DUMP_BY_POSITION, NULL, false);
    scene_done(&s);
}

static void an_event_of_several_packets_is_not_copied_either(void **state)
{
    (void)state;
    static const size_t huge[] = { PACKET_PAYLOAD_MAX - 1 - 35, 100 };
    struct scene        s;
    scene_begin(&s, &mysql, huge, 2, 1);
    compare(&s, DUMP_BY_POSITION, NULL, false);
    scene_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_copied_arrives_the_same),
        cmocka_unit_test(what_is_skipped_moves_nothing_that_is_under_way),
        cmocka_unit_test(a_semi_synchronous_replica_gets_its_bytes_in_front),
        cmocka_unit_test(more_than_a_list_holds_is_copied),
        cmocka_unit_test(an_event_of_several_packets_is_not_copied_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
