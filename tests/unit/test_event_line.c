#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tools/binrelay/event_line.h"

static const struct store_file file = { .ordinal = 1, .name = "binlog.000001" };
static const struct format     mysql = { .server_version = "9.7.4", .has_crc = false };

/* An event without a checksum, around the given body. */
static struct event event_of(struct buf *room, uint8_t type, struct slice body)
{
    struct err   e = { 0 };
    struct event ev;
    buf_clear(room);
    buf_put_le(room, 1700000000, 4);
    buf_put_u8(room, type);
    buf_put_le(room, 7, 4);
    buf_put_le(room, EVENT_HEADER_BYTES + body.len, 4);
    buf_put_le(room, 0, 4);
    buf_put_le(room, 0, 2);
    buf_put(room, body);
    if (event_parse(buf_slice(room), false, &ev, &e) != 0)
        fail_msg("%s", e.text);
    return ev;
}

static void check_line(const struct event *ev, bool as_json, const char *expected)
{
    struct buf out;
    buf_init(&out, 100000);
    event_line_put(&mysql, &file, store_pos_at(1, 157), ev, as_json, &out);
    assert_string_equal(buf_text(&out), expected);
    buf_done(&out);
}

static void query_put(struct buf *body, const char *database, const char *text)
{
    buf_clear(body);
    buf_put_le(body, 1, 4); /* thread */
    buf_put_le(body, 0, 4); /* seconds it took */
    buf_put_u8(body, (uint8_t)strlen(database));
    buf_put_le(body, 0, 2); /* error */
    buf_put_le(body, 0, 2); /* status variables */
    buf_put(body, (struct slice){ (const uint8_t *)database, strlen(database) + 1 });
    buf_put_text(body, text);
}

static void a_line_has_place_time_type_size_and_detail(void **state)
{
    (void)state;
    struct buf room, body;
    buf_init(&room, 10000);
    buf_init(&body, 10000);
    query_put(&body, "shop", "CREATE TABLE t\n(id INT)");
    struct event ev = event_of(&room, EVENT_QUERY, buf_slice(&body));
    check_line(&ev, false,
               "binlog.000001:157        2023-11-14 22:13:20Z Query                   60 B  "
               "in shop: CREATE TABLE t (id INT)\n");
    check_line(
        &ev, true,
        "{\"file\":\"binlog.000001\",\"offset\":157,\"time_s\":1700000000,\"type\":\"Query\","
        "\"type_number\":2,\"server_id\":7,\"bytes\":60,"
        "\"detail\":\"in shop: CREATE TABLE t (id INT)\"}\n");
    buf_done(&room);
    buf_done(&body);
}

static void a_long_statement_is_cut_between_characters(void **state)
{
    (void)state;
    struct buf room, body, out;
    char       text[2 * EVENT_LINE_TEXT_BYTES + 1];
    buf_init(&room, 10000);
    buf_init(&body, 10000);
    buf_init(&out, 10000);
    /* Two bytes each; the cut would fall into the middle of one. */
    text[0] = 'x';
    for (size_t i = 1; i + 1 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    text[sizeof text - 2] = text[sizeof text - 1] = '\0';
    query_put(&body, "", text);
    struct event ev = event_of(&room, EVENT_QUERY, buf_slice(&body));
    event_line_put(&mysql, &file, store_pos_at(1, 4), &ev, false, &out);
    const char *end = strstr(buf_text(&out), "...\n");
    assert_non_null(end);
    assert_memory_equal(end - 2, "\xc3\xa4", 2);
    buf_done(&room);
    buf_done(&body);
    buf_done(&out);
}

static void no_control_character_of_a_statement_reaches_the_terminal(void **state)
{
    (void)state;
    struct buf room, body, out;
    buf_init(&room, 10000);
    buf_init(&body, 10000);
    buf_init(&out, 10000);
    query_put(&body, "d\033b", "SELECT '\033[2J\r\x7f'");
    struct event ev = event_of(&room, EVENT_QUERY, buf_slice(&body));
    event_line_put(&mysql, &file, store_pos_at(1, 4), &ev, false, &out);
    for (const char *c = buf_text(&out); *c != '\n'; c++)
        assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
    buf_done(&room);
    buf_done(&body);
    buf_done(&out);
}

static void an_event_that_does_not_parse_is_shown_without_detail(void **state)
{
    (void)state;
    static const uint8_t types[] = { EVENT_QUERY,        EVENT_GTID,
                                     EVENT_TABLE_MAP,    EVENT_ROTATE,
                                     EVENT_MARIADB_GTID, EVENT_PREVIOUS_GTIDS,
                                     EVENT_XID,          250 };
    uint8_t              body[60];
    struct buf           room, out;
    buf_init(&room, 10000);
    buf_init(&out, 10000);
    memset(body, 0xff, sizeof body);
    for (size_t i = 0; i < sizeof types; i++) {
        struct event ev = event_of(&room, types[i], (struct slice){ body, sizeof body });
        buf_clear(&out);
        event_line_put(&mysql, &file, store_pos_at(1, 4), &ev, false, &out);
        assert_int_equal(out.failed, BUF_FINE);
        assert_int_equal(out.ptr[out.len - 1], '\n');
        assert_ptr_equal(memchr(out.ptr, '\n', out.len), out.ptr + out.len - 1);
    }
    buf_done(&room);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_place_time_type_size_and_detail),
        cmocka_unit_test(a_long_statement_is_cut_between_characters),
        cmocka_unit_test(no_control_character_of_a_statement_reaches_the_terminal),
        cmocka_unit_test(an_event_that_does_not_parse_is_shown_without_detail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
