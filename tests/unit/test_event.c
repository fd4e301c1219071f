#include "tests/unit/binlog_file.h"
#include <string.h>
#include "protocol/checksum.h"

static const char *const mysql_file = "tests/golden/binlog/mysql-9.7-gtid.binlog";
static const char *const mariadb_file = "tests/golden/binlog/mariadb-10.11-gtid.binlog";

/* Heartbeat, server 1, no checksum, "m.000001" at 4. */
static const uint8_t heartbeat[27] = {
    0, 0, 0, 0, 27, 1,   0,   0,   0,   27,  0,   0,   0,   4,
    0, 0, 0, 0, 0,  'm', '.', '0', '0', '0', '0', '0', '1',
};
static const struct slice heartbeat_slice = { heartbeat, sizeof heartbeat };

static struct slice buf_whole(const struct buf *b)
{
    assert_int_equal(b->failed, BUF_FINE);
    return buf_slice(b);
}

static void a_whole_event_parses(void **state)
{
    (void)state;
    struct err   e = { 0 };
    struct event ev;
    assert_int_equal(event_parse(heartbeat_slice, false, &ev, &e), 0);
    assert_int_equal(ev.type, EVENT_HEARTBEAT);
    assert_int_equal(ev.server_id, 1);
    assert_int_equal(ev.length, 27);
    assert_int_equal(ev.source_end, 4);
    assert_int_equal(ev.flags, 0);
    assert_int_equal(ev.body.len, 8);
    assert_memory_equal(ev.body.ptr, "m.000001", 8);
}

static void every_truncation_is_refused_and_writes_nothing(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof heartbeat; len++) {
        struct err   e = { 0 };
        struct event ev = { .type = 99 };
        assert_int_equal(event_parse((struct slice){ heartbeat, len }, false, &ev, &e), -1);
        assert_int_equal(e.kind, E_PROTOCOL);
        assert_int_equal(ev.type, 99);
    }
}

static void a_head_and_the_rest_are_the_whole_event(void **state)
{
    (void)state;
    for (size_t len = EVENT_HEADER_BYTES; len <= sizeof heartbeat; len++) {
        struct err   e = { 0 };
        struct event ev, at_once;
        assert_int_equal(event_parse_head((struct slice){ heartbeat, len }, false, &ev, &e), 0);
        assert_int_equal(
            event_complete(&ev, (struct slice){ heartbeat, sizeof heartbeat - 1 }, false, &e), -1);
        assert_int_equal(e.kind, E_PROTOCOL);
        assert_int_equal(event_complete(&ev, heartbeat_slice, false, &e), 0);
        assert_int_equal(event_parse(heartbeat_slice, false, &at_once, &e), 0);
        assert_true(slice_equal(ev.whole, at_once.whole));
        assert_true(slice_equal(ev.body, at_once.body));
        assert_int_equal(ev.length, at_once.length);
    }
}

static void a_head_is_enough_for_the_header_fields(void **state)
{
    (void)state;
    for (size_t len = EVENT_HEADER_BYTES; len < sizeof heartbeat; len++) {
        struct err   e = { 0 };
        struct event ev;
        assert_int_equal(event_parse_head((struct slice){ heartbeat, len }, true, &ev, &e), 0);
        assert_int_equal(ev.length, 27);
        assert_int_equal(ev.whole.len, len);
        /* The last four bytes are the checksum, whether they have come or not. */
        assert_int_equal(ev.body.len, len - 19 < 4 ? len - 19 : 4);
    }
}

static void a_head_ends_where_the_event_does(void **state)
{
    (void)state;
    uint8_t      block[sizeof heartbeat + 10] = { 0 };
    struct err   e = { 0 };
    struct event ev;
    memcpy(block, heartbeat, sizeof heartbeat);
    assert_int_equal(event_parse_head((struct slice){ block, sizeof block }, false, &ev, &e), 0);
    assert_int_equal(ev.whole.len, 27);
    assert_int_equal(ev.body.len, 8);
}

static void a_length_below_the_least_possible_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[sizeof heartbeat];
    memcpy(bytes, heartbeat, sizeof bytes);
    for (uint8_t length = 0; length < 24; length++) {
        struct err   e = { 0 };
        struct event ev;
        bytes[9] = length;
        struct slice s = { bytes, sizeof bytes };
        assert_int_equal(event_parse_head(s, false, &ev, &e), length < 19 ? -1 : 0);
        assert_int_equal(event_parse_head(s, true, &ev, &e), length < 23 ? -1 : 0);
    }
}

static void a_body_shorter_than_its_type_demands_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[sizeof heartbeat];
    memcpy(bytes, heartbeat, sizeof bytes);
    struct err   e = { 0 };
    struct event ev;
    struct slice s = { bytes, sizeof bytes };
    bytes[4] = EVENT_XID;
    assert_int_equal(event_parse(s, false, &ev, &e), 0);
    assert_int_equal(event_parse(s, true, &ev, &e), -1);
    bytes[4] = EVENT_QUERY;
    assert_int_equal(event_parse(s, false, &ev, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    assert_non_null(strstr(e.text, "Query"));
}

static void unknown_types_pass(void **state)
{
    (void)state;
    uint8_t bytes[sizeof heartbeat];
    memcpy(bytes, heartbeat, sizeof bytes);
    for (unsigned type = 169; type < 256; type++) {
        struct err   e = { 0 };
        struct event ev;
        bytes[4] = (uint8_t)type;
        assert_int_equal(event_parse((struct slice){ bytes, sizeof bytes }, false, &ev, &e), 0);
        assert_string_equal(event_name(ev.type), "unknown");
    }
    assert_string_equal(event_name(EVENT_QUERY), "Query");
}

static void the_events_of_a_real_file_add_up(const char *path)
{
    struct binlog_file f = binlog_file_read(path);
    struct event       ev;
    struct err         e = { 0 };
    uint64_t           end = BINLOG_MAGIC_BYTES;
    unsigned           count = 0;
    while (binlog_file_next(&f, true, &ev)) {
        end += ev.length;
        count++;
        assert_int_equal(ev.source_end, end);
        assert_int_equal(event_verify(ev.whole, &e), 0);
        assert_string_not_equal(event_name(ev.type), "unknown");
        assert_false(event_is_artificial(&ev));
    }
    assert_int_equal(end, f.bytes.len);
    assert_true(count > 20);
    binlog_file_done(&f);
}

static void real_files_of_both_families_add_up(void **state)
{
    (void)state;
    the_events_of_a_real_file_add_up(mysql_file);
    the_events_of_a_real_file_add_up(mariadb_file);
}

static void one_flipped_bit_anywhere_fails_the_checksum(void **state)
{
    (void)state;
    struct binlog_file f = binlog_file_read(mysql_file);
    struct event       ev;
    struct err         e = { 0 };
    uint8_t            copy[4096];
    while (binlog_file_next(&f, true, &ev)) {
        assert_true(ev.whole.len <= sizeof copy);
        memcpy(copy, ev.whole.ptr, ev.whole.len);
        for (size_t i = 0; i < ev.whole.len; i++) {
            /* IN_USE of a format description is the one bit that does not count. */
            if (ev.type == EVENT_FORMAT_DESCRIPTION && i == 17)
                continue;
            copy[i] ^= 1;
            assert_int_equal(event_verify((struct slice){ copy, ev.whole.len }, &e), -1);
            assert_int_equal(e.kind, E_CORRUPT);
            copy[i] ^= 1;
        }
        for (size_t len = 0; len < ev.whole.len; len++)
            assert_int_equal(event_verify((struct slice){ copy, len }, &e), -1);
    }
    binlog_file_done(&f);
}

static void a_file_in_use_has_the_checksum_of_a_closed_one(void **state)
{
    (void)state;
    struct binlog_file f = binlog_file_read(mariadb_file);
    struct event       ev;
    struct err         e = { 0 };
    uint8_t            copy[512];
    assert_true(binlog_file_next(&f, true, &ev));
    memcpy(copy, ev.whole.ptr, ev.whole.len);
    copy[17] |= EVENT_FLAG_IN_USE;
    assert_int_equal(event_verify((struct slice){ copy, ev.whole.len }, &e), 0);
    binlog_file_done(&f);
}

/* A ROTATE to 4 with the given name, no checksum. */
static int rotate_with_name(const void *name, size_t len, struct event_rotate *out, struct err *e)
{
    uint8_t      bytes[EVENT_HEADER_BYTES + 8 + 300] = { 0 };
    struct event ev;
    size_t       size = EVENT_HEADER_BYTES + 8 + len;
    bytes[4] = EVENT_ROTATE;
    bytes[9] = (uint8_t)size;
    bytes[10] = (uint8_t)(size >> 8);
    bytes[19] = 4;
    memcpy(bytes + EVENT_HEADER_BYTES + 8, name, len);
    TRY(event_parse((struct slice){ bytes, size }, false, &ev, e));
    return event_parse_rotate(&ev, out, e);
}

static void a_rotate_names_a_bare_file(void **state)
{
    (void)state;
    struct err          e = { 0 };
    struct event_rotate r = { 0 };
    char                longest[EVENT_FILE_NAME_BYTES + 1];
    memset(longest, 'n', sizeof longest);

    assert_int_equal(rotate_with_name("mysql-bin.000638", 16, &r, &e), 0);
    assert_string_equal(r.file, "mysql-bin.000638");
    assert_int_equal(r.position, 4);
    assert_int_equal(rotate_with_name(longest, EVENT_FILE_NAME_BYTES, &r, &e), 0);
    assert_int_equal(strlen(r.file), EVENT_FILE_NAME_BYTES);
    assert_int_equal(rotate_with_name(longest, EVENT_FILE_NAME_BYTES + 1, &r, &e), -1);
    static const char *const refused[] = { "", ".", "..", "/etc/passwd", "../x", "a/b", "a\nb" };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(rotate_with_name(refused[i], strlen(refused[i]), &r, &e), -1);
        assert_int_equal(e.kind, E_PROTOCOL);
    }
    assert_int_equal(rotate_with_name("a\0b", 3, &r, &e), -1);
}

static void only_made_up_events_are_artificial(void **state)
{
    (void)state;
    assert_true(event_is_artificial(&(struct event){ .type = EVENT_ROTATE }));
    assert_true(event_is_artificial(
        &(struct event){ .type = EVENT_MARIADB_GTID_LIST, .flags = EVENT_FLAG_ARTIFICIAL }));
    /* MariaDB 11.4 writes log_pos 0 inside transactions: that alone says nothing. */
    assert_false(event_is_artificial(
        &(struct event){ .type = EVENT_ROTATE, .timestamp_s = 1700000000, .source_end = 0 }));
    assert_false(event_is_artificial(&(struct event){ .type = EVENT_XID }));
}

static void the_queries_of_a_real_file_have_their_texts(void **state)
{
    (void)state;
    struct binlog_file f = binlog_file_read(mysql_file);
    struct event       ev;
    struct event_query q;
    struct err         e = { 0 };
    unsigned           begins = 0;
    unsigned           creates = 0;
    while (binlog_file_next(&f, true, &ev)) {
        if (ev.type != EVENT_QUERY) {
            assert_int_equal(event_parse_query(&ev, &q, &e), -1);
            continue;
        }
        assert_int_equal(event_parse_query(&ev, &q, &e), 0);
        assert_true(q.thread_id > 0);
        begins += slice_equal(q.text, slice_of_text("BEGIN"));
        if (slice_equal(q.text, slice_of_text("CREATE TABLE g.zz_end (id INT PRIMARY KEY)"))) {
            creates++;
            assert_int_equal(q.database.len, 0); /* the session had chosen none */
            assert_true(q.status_vars.len > 20);
        }
    }
    assert_true(begins > 2);
    assert_int_equal(creates, 1);
    binlog_file_done(&f);
}

static void a_cut_query_gives_an_error_or_a_prefix(void **state)
{
    (void)state;
    struct binlog_file f = binlog_file_read(mariadb_file);
    struct event       ev;
    struct err         e = { 0 };
    while (binlog_file_next(&f, true, &ev)) {
        struct event_query q;
        struct event_query all;
        if (ev.type != EVENT_QUERY)
            continue;
        assert_int_equal(event_parse_query(&ev, &all, &e), 0);
        for (size_t len = EVENT_HEADER_BYTES; len < ev.whole.len; len++) {
            struct event head;
            assert_int_equal(event_parse_head((struct slice){ ev.whole.ptr, len }, true, &head, &e),
                             0);
            if (event_parse_query(&head, &q, &e) == 0) {
                assert_true(q.text.len <= all.text.len);
                assert_ptr_equal(q.text.ptr, all.text.ptr);
            } else {
                assert_int_equal(e.kind, E_PROTOCOL);
            }
        }
    }
    binlog_file_done(&f);
}

static void a_compressed_query_has_no_text(void **state)
{
    (void)state;
    /* thread 7, 0 s, database of 1 byte, no error, no status, "d", zero, compressed bytes */
    static const uint8_t body[] = { 7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 'd', 0, 1, 5, 9, 9 };
    struct event ev = { .type = EVENT_MARIADB_QUERY_COMPRESSED, .body = { body, sizeof body } };
    struct event_query q;
    struct err         e = { 0 };
    assert_int_equal(event_parse_query(&ev, &q, &e), 0);
    assert_int_equal(q.thread_id, 7);
    assert_int_equal(q.database.len, 1);
    assert_int_equal(q.text.len, 0);
}

/* Sent by MySQL 9.7.4 with checksums: how a stream begins, and the heartbeats of both kinds. */
static void what_is_put_is_what_a_server_sends_byte_for_byte(void **state)
{
    (void)state;
    static const uint8_t rotate[] = { 0x00, 0x00, 0x00, 0x00, 0x04, 0xb9, 0x58, 0x00, 0x00,
                                      0x2c, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20,
                                      0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                      0x62, 0x69, 0x6e, 0x6c, 0x6f, 0x67, 0x2e, 0x30, 0x30,
                                      0x30, 0x30, 0x30, 0x31, 0x74, 0x67, 0xcd, 0x2a };
    static const uint8_t v1[] = { 0x00, 0x00, 0x00, 0x00, 0x1b, 0xb9, 0x58, 0x00, 0x00,
                                  0x24, 0x00, 0x00, 0x00, 0x9e, 0x00, 0x00, 0x00, 0x00,
                                  0x00, 0x62, 0x69, 0x6e, 0x6c, 0x6f, 0x67, 0x2e, 0x30,
                                  0x30, 0x30, 0x30, 0x30, 0x31, 0x44, 0x13, 0x6f, 0xd2 };
    static const uint8_t v2[] = { 0x00, 0x00, 0x00, 0x00, 0x29, 0x57, 0x76, 0x00, 0x00, 0x2a, 0x00,
                                  0x00, 0x00, 0x9e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x0d, 0x62,
                                  0x69, 0x6e, 0x6c, 0x6f, 0x67, 0x2e, 0x30, 0x30, 0x30, 0x30, 0x30,
                                  0x31, 0x02, 0x01, 0x9e, 0x00, 0x24, 0x59, 0x81, 0xef };
    /* and by MariaDB 10.11.19 */
    static const uint8_t mariadb[] = { 0x00, 0x00, 0x00, 0x00, 0x1b, 0xb4, 0x4a, 0x00, 0x00,
                                       0x24, 0x00, 0x00, 0x00, 0x45, 0x01, 0x00, 0x00, 0x00,
                                       0x00, 0x62, 0x69, 0x6e, 0x6c, 0x6f, 0x67, 0x2e, 0x30,
                                       0x30, 0x30, 0x30, 0x30, 0x31, 0x62, 0x87, 0xc6, 0x21 };
    static const uint8_t list[] = { 0x00, 0x00, 0x00, 0x00, 0xa3, 0xf9, 0x4c, 0x00, 0x00,
                                    0x2b, 0x00, 0x00, 0x00, 0x4a, 0x02, 0x00, 0x00, 0x20,
                                    0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                    0xf9, 0x4c, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00,
                                    0x00, 0x00, 0x00, 0x79, 0x66, 0x2c, 0x16 };
    struct buf           b;
    buf_init(&b, 4096);
    event_put_rotate(&b, 22713, "binlog.000001", 4, true);
    assert_true(slice_equal(buf_whole(&b), (struct slice){ rotate, sizeof rotate }));
    buf_clear(&b);
    event_put_heartbeat(&b, 22713, "binlog.000001", 0x9e, true);
    assert_true(slice_equal(buf_whole(&b), (struct slice){ v1, sizeof v1 }));
    buf_clear(&b);
    event_put_heartbeat_v2(&b, 30295, "binlog.000001", 0x9e, true);
    assert_true(slice_equal(buf_whole(&b), (struct slice){ v2, sizeof v2 }));
    buf_clear(&b);
    event_put_heartbeat_mariadb(&b, 19124, "binlog.000001", 0x145, true);
    assert_true(slice_equal(buf_whole(&b), (struct slice){ mariadb, sizeof mariadb }));
    buf_clear(&b);
    event_put_gtid_list(&b, 19705, 0x24a, (struct slice){ list + 19, 24 - 4 }, true);
    assert_true(slice_equal(buf_whole(&b), (struct slice){ list, sizeof list }));
    buf_done(&b);
}

static void put_rotate_is_what_a_server_sends_first(void **state)
{
    (void)state;
    for (int crc = 0; crc <= 1; crc++) {
        struct buf          b;
        struct err          e = { 0 };
        struct event        ev;
        struct event_rotate r;
        buf_init(&b, 4096);
        buf_put_text(&b, "packet"); /* events are appended to what is there */
        event_put_rotate(&b, 42, "binlog.000007", 0x123456789abcu, crc != 0);
        struct slice all = buf_whole(&b);
        struct slice whole = { all.ptr + 6, all.len - 6 };
        assert_int_equal(event_parse(whole, crc != 0, &ev, &e), 0);
        assert_int_equal(ev.type, EVENT_ROTATE);
        assert_int_equal(ev.server_id, 42);
        assert_int_equal(ev.timestamp_s, 0);
        assert_int_equal(ev.source_end, 0);
        assert_int_equal(ev.flags, 0x20);
        assert_int_equal(event_verify(whole, &e), crc != 0 ? 0 : -1);
        assert_int_equal(event_parse_rotate(&ev, &r, &e), 0);
        assert_string_equal(r.file, "binlog.000007");
        assert_true(r.position == 0x123456789abcu);
        buf_done(&b);
    }
}

static void heartbeats_have_their_fields(void **state)
{
    (void)state;
    struct buf   b;
    struct err   e = { 0 };
    struct event ev;
    buf_init(&b, 4096);

    event_put_heartbeat(&b, 1, "m.000001", 4, false);
    assert_true(slice_equal(buf_whole(&b), heartbeat_slice));

    /* Recorded from MySQL 9.7: binlog.000001 at 0x45b. */
    static const uint8_t v2_body[] = { 1,   13,  'b', 'i', 'n', 'l', 'o',  'g',  '.',  '0', '0',
                                       '0', '0', '0', '1', 2,   3,   0xfc, 0x5b, 0x04, 0 };
    buf_clear(&b);
    event_put_heartbeat_v2(&b, 1, "binlog.000001", 0x45b, true);
    assert_int_equal(event_parse(buf_whole(&b), true, &ev, &e), 0);
    assert_int_equal(event_verify(buf_whole(&b), &e), 0);
    assert_int_equal(ev.type, EVENT_HEARTBEAT_V2);
    assert_true(slice_equal(ev.body, (struct slice){ v2_body, sizeof v2_body }));
    buf_done(&b);
}

static void heartbeat_v2_positions_of_any_size_fit_their_length(void **state)
{
    (void)state;
    static const uint64_t positions[] = { 4,        250,       251,        0xffff,     0x10000,
                                          0xffffff, 0x1000000, 0xffffffff, 1ull << 32, UINT64_MAX };
    for (size_t i = 0; i < sizeof positions / sizeof positions[0]; i++) {
        struct buf   b;
        struct err   e = { 0 };
        struct event ev;
        buf_init(&b, 4096);
        event_put_heartbeat_v2(&b, 1, "f", positions[i], false);
        assert_int_equal(event_parse(buf_whole(&b), false, &ev, &e), 0);
        struct cursor c = cursor_over(ev.body);
        assert_int_equal(cursor_u8(&c), 1);
        assert_int_equal(cursor_lenenc_slice(&c).len, 1);
        assert_int_equal(cursor_u8(&c), 2);
        struct cursor value = cursor_over(cursor_lenenc_slice(&c));
        assert_true(cursor_lenenc(&value) == positions[i]);
        assert_int_equal(value.left, 0);
        assert_false(value.failed);
        assert_int_equal(cursor_u8(&c), 0);
        assert_int_equal(c.left, 0);
        buf_done(&b);
    }
}

static void a_mariadb_heartbeat_above_4_gib_carries_the_position_before_the_name(void **state)
{
    (void)state;
    struct buf   b;
    struct err   e = { 0 };
    struct event ev;
    buf_init(&b, 4096);
    event_put_heartbeat_mariadb(&b, 1, "m.000001", 0xffffffffu, true);
    assert_int_equal(event_parse(buf_whole(&b), true, &ev, &e), 0);
    assert_int_equal(ev.source_end, 0xffffffffu);
    assert_int_equal(ev.body.len, 8);

    buf_clear(&b);
    event_put_heartbeat_mariadb(&b, 1, "m.000001", 0x100000004u, true);
    assert_int_equal(event_parse(buf_whole(&b), true, &ev, &e), 0);
    assert_int_equal(event_verify(buf_whole(&b), &e), 0);
    assert_int_equal(ev.source_end, 0);
    struct cursor c = cursor_over(ev.body);
    assert_true(cursor_u64(&c) == 0x100000004u);
    assert_true(slice_equal(cursor_rest(&c), slice_of_text("m.000001")));
    buf_done(&b);
}

static void an_artificial_gtid_list_carries_its_place(void **state)
{
    (void)state;
    static const uint8_t body[] = { 0, 0, 0, 0 };
    struct buf           b;
    struct err           e = { 0 };
    struct event         ev;
    buf_init(&b, 4096);
    event_put_gtid_list(&b, 9, 285, (struct slice){ body, sizeof body }, true);
    assert_int_equal(event_parse(buf_whole(&b), true, &ev, &e), 0);
    assert_int_equal(ev.type, EVENT_MARIADB_GTID_LIST);
    assert_int_equal(ev.source_end, 285);
    assert_true(event_is_artificial(&ev));
    buf_done(&b);
}

static void a_full_buffer_fails_and_keeps_its_bound(void **state)
{
    (void)state;
    struct buf b;
    struct err e = { 0 };
    for (size_t bound = 0; bound < 40; bound++) {
        buf_init(&b, bound);
        event_put_rotate(&b, 1, "binlog.000001", 4, true);
        assert_int_equal(buf_check(&b, "event", &e), -1);
        assert_true(b.len <= bound);
        buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_event_parses),
        cmocka_unit_test(every_truncation_is_refused_and_writes_nothing),
        cmocka_unit_test(a_head_and_the_rest_are_the_whole_event),
        cmocka_unit_test(a_head_is_enough_for_the_header_fields),
        cmocka_unit_test(a_head_ends_where_the_event_does),
        cmocka_unit_test(a_length_below_the_least_possible_is_refused),
        cmocka_unit_test(a_body_shorter_than_its_type_demands_is_refused),
        cmocka_unit_test(unknown_types_pass),
        cmocka_unit_test(real_files_of_both_families_add_up),
        cmocka_unit_test(one_flipped_bit_anywhere_fails_the_checksum),
        cmocka_unit_test(a_file_in_use_has_the_checksum_of_a_closed_one),
        cmocka_unit_test(a_rotate_names_a_bare_file),
        cmocka_unit_test(only_made_up_events_are_artificial),
        cmocka_unit_test(the_queries_of_a_real_file_have_their_texts),
        cmocka_unit_test(a_cut_query_gives_an_error_or_a_prefix),
        cmocka_unit_test(a_compressed_query_has_no_text),
        cmocka_unit_test(what_is_put_is_what_a_server_sends_byte_for_byte),
        cmocka_unit_test(put_rotate_is_what_a_server_sends_first),
        cmocka_unit_test(heartbeats_have_their_fields),
        cmocka_unit_test(heartbeat_v2_positions_of_any_size_fit_their_length),
        cmocka_unit_test(a_mariadb_heartbeat_above_4_gib_carries_the_position_before_the_name),
        cmocka_unit_test(an_artificial_gtid_list_carries_its_place),
        cmocka_unit_test(a_full_buffer_fails_and_keeps_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
