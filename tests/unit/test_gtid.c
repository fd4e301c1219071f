#include "tests/unit/binlog_file.h"
#include <string.h>
#include "protocol/gtid.h"
#include "protocol/varlen.h"

static const char *const statements_file = "tests/golden/binlog/mysql-9.7-statements.binlog";
static const char *const tagged_file = "tests/golden/binlog/mysql-9.7-tagged.binlog";
static const char *const anonymous_file = "tests/golden/binlog/mysql-9.7-anonymous-nocrc.binlog";
static const char *const mariadb_file = "tests/golden/binlog/mariadb-10.11-statements.binlog";

static const struct format of_mysql = { .family = FAMILY_MYSQL };
static const struct format of_mariadb = { .family = FAMILY_MARIADB };

/* What a file has: its format description is read, the next event is behind it. */
static struct format read_format(struct binlog_file *f)
{
    struct event  ev;
    struct format format;
    struct err    e = { 0 };
    assert_true(binlog_file_next(f, true, &ev));
    if (format_parse(ev.whole, &format, &e) != 0)
        fail_msg("%s", e.text);
    return format;
}

static bool is_gtid(const struct event *ev)
{
    return ev->type == EVENT_GTID || ev->type == EVENT_ANONYMOUS_GTID ||
           ev->type == EVENT_GTID_TAGGED || ev->type == EVENT_MARIADB_GTID;
}

static bool next_gtid(struct binlog_file *f, const struct format *format, struct gtid_event *out,
                      uint64_t *start)
{
    struct event ev;
    struct err   e = { 0 };
    do {
        *start = (uint64_t)(f->at.at - f->bytes.ptr);
        if (!binlog_file_next(f, format->has_crc, &ev))
            return false;
    } while (!is_gtid(&ev));
    if (gtid_parse_event(format, &ev, out, &e) != 0)
        fail_msg("%s", e.text);
    return true;
}

static void assert_gtid(const struct gtid *g, const char *expected)
{
    char text[GTID_TEXT_BYTES];
    gtid_format(g, text);
    assert_string_equal(text, expected);
}

static void the_transactions_of_a_real_mysql_file_are_named_and_measured(void **state)
{
    (void)state;
    struct binlog_file f = binlog_file_read(statements_file);
    struct format      format = read_format(&f);
    struct gtid_event  g;
    uint64_t           start = 0;
    uint64_t           end = 158; /* of PREVIOUS_GTIDS */
    int64_t            n = 0;
    char               expected[GTID_TEXT_BYTES];
    while (next_gtid(&f, &format, &g, &start)) {
        n++;
        (void)snprintf(expected, sizeof expected, "fd189116-e59d-11f1-bb15-02fc00000001:%d",
                       (int)n);
        assert_gtid(&g.gtid, expected);
        assert_int_equal(g.sequence_number, n);
        assert_true(g.last_committed >= 0 && g.last_committed < n);
        assert_int_equal(start, end); /* each is exactly as long as the one before said */
        end = start + g.transaction_length;
        assert_true(g.immediate_commit_us / 1000000 >= 1700000000);
        assert_true(g.immediate_commit_us == g.original_commit_us);
        assert_false(g.standalone);
    }
    assert_int_equal(n, 26);
    binlog_file_done(&f);
}

static void anonymous_transactions_have_lengths_but_no_names(void **state)
{
    (void)state;
    struct binlog_file f = binlog_file_read(anonymous_file);
    struct format      format = read_format(&f);
    struct gtid_event  g;
    uint64_t           start = 0;
    uint64_t           end = 154;
    unsigned           n = 0;
    assert_false(format.has_crc);
    while (next_gtid(&f, &format, &g, &start)) {
        n++;
        assert_int_equal(g.gtid.kind, GTID_NONE);
        assert_gtid(&g.gtid, "");
        assert_int_equal(start, end);
        end = start + g.transaction_length;
    }
    assert_int_equal(n, 7);
    binlog_file_done(&f);
}

static void tagged_transactions_are_named_and_measured(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "fd189116-e59d-11f1-bb15-02fc00000001:blue:1",
        "fd189116-e59d-11f1-bb15-02fc00000001:blue:2",
        "fd189116-e59d-11f1-bb15-02fc00000001:blue:3",
        "fd189116-e59d-11f1-bb15-02fc00000001:a_tag_that_is_just_as_long_as_32:1",
        "fd189116-e59d-11f1-bb15-02fc00000001:red:500",
        "11111111-2222-3333-4444-555555555555:900000000000",
        "fd189116-e59d-11f1-bb15-02fc00000001:27",
    };
    struct binlog_file f = binlog_file_read(tagged_file);
    struct format      format = read_format(&f);
    struct gtid_event  g;
    uint64_t           start = 0;
    uint64_t           end = 198;
    unsigned           n = 0;
    while (next_gtid(&f, &format, &g, &start)) {
        assert_true(n < sizeof expected / sizeof expected[0]);
        assert_gtid(&g.gtid, expected[n]);
        n++;
        assert_int_equal(g.sequence_number, n);
        assert_int_equal(start, end);
        end = start + g.transaction_length;
        assert_true(g.immediate_commit_us / 1000000 >= 1700000000);
        assert_true(g.original_commit_us == g.immediate_commit_us);
    }
    assert_int_equal(n, sizeof expected / sizeof expected[0]);
    binlog_file_done(&f);
}

static void the_groups_of_a_real_mariadb_file_are_named_and_told_apart(void **state)
{
    (void)state;
    struct binlog_file f = binlog_file_read(mariadb_file);
    struct format      format = read_format(&f);
    struct gtid_event  g;
    uint64_t           start = 0;
    uint64_t           n = 0;
    unsigned           ddl = 0;
    unsigned           standalone = 0;
    unsigned           prepared = 0;
    while (next_gtid(&f, &format, &g, &start)) {
        n++;
        assert_int_equal(g.gtid.kind, GTID_MARIADB);
        assert_int_equal(g.gtid.number, n);
        assert_int_equal(g.gtid.domain, 0);
        ddl += g.is_ddl;
        standalone += g.standalone;
        prepared += g.is_xa_prepare;
    }
    assert_int_equal(n, 29);
    assert_int_equal(ddl, 10);        /* CREATE TABLE ... SELECT among them, */
    assert_int_equal(standalone, 11); /* but not here; here XA COMMIT and XA ROLLBACK */
    assert_int_equal(prepared, 2);
    binlog_file_done(&f);
}

static void the_thread_of_a_newer_mariadb_is_read(void **state)
{
    (void)state;
    struct binlog_file f = binlog_file_read("tests/golden/binlog/mariadb-11.8-statements.binlog");
    struct format      format = read_format(&f);
    struct gtid_event  g;
    uint64_t           start = 0;
    assert_true(next_gtid(&f, &format, &g, &start));
    assert_gtid(&g.gtid, "0-25893-1");
    assert_int_equal(g.thread_id, 5);
    assert_true(g.standalone);
    binlog_file_done(&f);
}

static int parse_body(const struct format *f, uint8_t type, const void *body, size_t len,
                      struct gtid_event *out, struct err *e)
{
    struct event ev = { .type = type, .server_id = 5, .body = { body, len } };
    return gtid_parse_event(f, &ev, out, e);
}

/* flags, UUID, number 7, clock 3/4 */
#define UUID_AND_CLOCK                                                                             \
    1, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,   \
        0x01, 7, 0, 0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0

static void every_version_of_the_gtid_event_is_read_as_far_as_it_goes(void **state)
{
    (void)state;
    static const uint8_t newest[] = { UUID_AND_CLOCK,
                                      1,
                                      2,
                                      3,
                                      4,
                                      5,
                                      6,
                                      0x80 /* another time follows */,
                                      9,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      0xfd,
                                      0x10,
                                      0x20,
                                      0x30,
                                      0x83,
                                      0x38,
                                      0x01,
                                      0x80,
                                      0x82,
                                      0x38,
                                      0x01,
                                      0x00 };
    struct gtid_event    g;
    struct err           e = { 0 };

    assert_int_equal(parse_body(&of_mysql, EVENT_GTID, newest, sizeof newest, &g, &e), 0);
    assert_gtid(&g.gtid, "11223344-5566-7788-99aa-bbccddeeff01:7");
    assert_int_equal(g.last_committed, 3);
    assert_int_equal(g.sequence_number, 4);
    assert_true(g.immediate_commit_us == 0x060504030201u);
    assert_int_equal(g.original_commit_us, 9);
    assert_int_equal(g.transaction_length, 0x302010);

    /* 5.6: no clock */
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID, newest, 25, &g, &e), 0);
    assert_gtid(&g.gtid, "11223344-5566-7788-99aa-bbccddeeff01:7");
    assert_int_equal(g.sequence_number, 0);
    /* 5.7: no times */
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID, newest, 42, &g, &e), 0);
    assert_int_equal(g.sequence_number, 4);
    assert_int_equal(g.immediate_commit_us, 0);
    assert_int_equal(g.transaction_length, 0);
    /* 8.0.1: no length */
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID, newest, 56, &g, &e), 0);
    assert_int_equal(g.original_commit_us, 9);
    assert_int_equal(g.transaction_length, 0);
    /* 8.0.2: no server versions */
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID, newest, 60, &g, &e), 0);
    assert_int_equal(g.transaction_length, 0x302010);
    /* Cut inside the second time, or the length. */
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID, newest, 50, &g, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID, newest, 58, &g, &e), -1);
}

static void numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    uint8_t           body[] = { UUID_AND_CLOCK };
    struct gtid_event g = { .thread_id = 77 };
    struct err        e = { 0 };
    body[17] = 0;
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID, body, sizeof body, &g, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    assert_int_equal(parse_body(&of_mysql, EVENT_ANONYMOUS_GTID, body, sizeof body, &g, &e), 0);
    memset(body + 17, 0xff, 7);
    body[24] = 0x7f; /* one past the last */
    g.thread_id = 77;
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID, body, sizeof body, &g, &e), -1);
    assert_int_equal(g.thread_id, 77); /* nothing was written */
    body[17] = 0xfe;
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID, body, sizeof body, &g, &e), 0);
    assert_gtid(&g.gtid, "11223344-5566-7788-99aa-bbccddeeff01:9223372036854775806");
}

static void a_family_has_only_its_own_gtid_events(void **state)
{
    (void)state;
    static const uint8_t mysql[] = { UUID_AND_CLOCK };
    static const uint8_t mariadb[19] = { 1 };
    struct gtid_event    g;
    struct err           e = { 0 };
    assert_int_equal(parse_body(&of_mariadb, EVENT_GTID, mysql, sizeof mysql, &g, &e), -1);
    assert_int_equal(parse_body(&of_mysql, EVENT_MARIADB_GTID, mariadb, 19, &g, &e), -1);
    assert_int_equal(parse_body(&of_mariadb, EVENT_MARIADB_GTID, mariadb, 19, &g, &e), 0);
    assert_gtid(&g.gtid, "0-5-1");
    assert_int_equal(parse_body(&of_mysql, EVENT_QUERY, mysql, sizeof mysql, &g, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
}

static void mariadb_flags_move_the_fields_behind_them(void **state)
{
    (void)state;
    struct gtid_event g;
    struct err        e = { 0 };

    /* group commit (8 bytes), not stand-alone, then the extra flag of a thread id */
    static const uint8_t commit[] = { 9, 0, 0, 0, 0, 0, 0, 0, 3,    0,    0,    0, 0x0e,
                                      1, 2, 3, 4, 5, 6, 7, 8, 0x10, 0xd2, 0x04, 0, 0 };
    assert_int_equal(parse_body(&of_mariadb, EVENT_MARIADB_GTID, commit, sizeof commit, &g, &e), 0);
    assert_gtid(&g.gtid, "3-5-9");
    assert_false(g.standalone);
    assert_int_equal(g.thread_id, 1234);

    /* completed XA "gt"/"b", two engines, ALTER's number, thread id */
    static const uint8_t xa[] = { 9,    0, 0, 0, 0, 0, 0, 0,   3,    0,    0,    0,
                                  0x81, 1, 0, 0, 0, 2, 1, 'g', 't',  'b',  0x15, 7,
                                  1,    2, 3, 4, 5, 6, 7, 8,   0xd2, 0x04, 0,    0 };
    assert_int_equal(parse_body(&of_mariadb, EVENT_MARIADB_GTID, xa, sizeof xa, &g, &e), 0);
    assert_true(g.standalone);
    assert_false(g.is_xa_prepare);
    assert_int_equal(g.thread_id, 1234);
    for (size_t len = 13; len < sizeof xa; len++) {
        int rc = parse_body(&of_mariadb, EVENT_MARIADB_GTID, xa, len, &g, &e);
        assert_int_equal(rc, len == 22 ? 0 : -1); /* there it may end: no extra flags */
    }

    /* the padding of older servers */
    static const uint8_t padded[19] = { 9, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0x29 };
    assert_int_equal(parse_body(&of_mariadb, EVENT_MARIADB_GTID, padded, 19, &g, &e), 0);
    assert_true(g.standalone);
    assert_true(g.is_ddl);
    assert_int_equal(g.thread_id, 0);
}

/* The first tagged event of the real file: a good body to break. */
static size_t tagged_body(uint8_t into[256])
{
    struct binlog_file f = binlog_file_read(tagged_file);
    struct event       ev;
    do
        assert_true(binlog_file_next(&f, true, &ev));
    while (ev.type != EVENT_GTID_TAGGED);
    size_t len = ev.body.len;
    assert_true(len < 256);
    memcpy(into, ev.body.ptr, len);
    binlog_file_done(&f);
    return len;
}

static void a_tagged_event_survives_no_cut_and_no_wrong_size(void **state)
{
    (void)state;
    uint8_t           body[256];
    size_t            len = tagged_body(body);
    struct gtid_event g;
    struct err        e = { 0 };
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID_TAGGED, body, len, &g, &e), 0);
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(parse_body(&of_mysql, EVENT_GTID_TAGGED, body, cut, &g, &e), -1);
        assert_int_equal(e.kind, E_PROTOCOL);
    }
    body[0] = 4; /* version 2 */
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID_TAGGED, body, len, &g, &e), -1);
    body[0] = 2;
    body[1] = 4; /* a size that ends before its own end */
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID_TAGGED, body, len, &g, &e), -1);
}

static void a_tagged_event_of_a_newer_server_is_read_unless_it_forbids_it(void **state)
{
    (void)state;
    uint8_t           body[256];
    size_t            len = tagged_body(body);
    struct gtid_event g;
    struct err        e = { 0 };
    body[len++] = 12 << 1; /* a field that nobody told us about */
    body[len++] = 99;
    body[1] = (uint8_t)(len << 1);
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID_TAGGED, body, len, &g, &e), 0);
    assert_gtid(&g.gtid, "fd189116-e59d-11f1-bb15-02fc00000001:blue:1");
    body[2] = 12 << 1; /* and that must be understood */
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID_TAGGED, body, len, &g, &e), -1);
    assert_non_null(strstr(e.text, "newer"));
}

static void a_tagged_event_with_a_bad_tag_is_refused(void **state)
{
    (void)state;
    uint8_t           body[256];
    size_t            len = tagged_body(body);
    struct gtid_event g;
    struct err        e = { 0 };
    uint8_t          *tag = memmem(body, len, "blue", 4);
    assert_non_null(tag);
    memcpy(tag, "b/ue", 4);
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID_TAGGED, body, len, &g, &e), -1);
    memcpy(tag, "BLUE", 4);
    assert_int_equal(parse_body(&of_mysql, EVENT_GTID_TAGGED, body, len, &g, &e), 0);
    assert_string_equal(g.gtid.tag, "blue");
}

static void variable_length_integers_are_those_of_the_documentation(void **state)
{
    (void)state;
    static const struct {
        uint8_t  bytes[9];
        size_t   len;
        uint64_t value;
        int64_t  as_signed;
    } cases[] = {
        { { 0 }, 1, 0, 0 },
        { { 2 }, 1, 1, -1 },
        { { 0xfe }, 1, 127, -64 },
        { { 0x01, 0x02 }, 2, 128, 64 },
        { { 0xfb, 0xff, 0x07 }, 3, 65535, -32768 },
        { { 0xf3, 0xff, 0x0f }, 3, 131070, 65535 },
        { { 0xeb, 0xff, 0x0f }, 3, 131069, -65535 },
        { { 0xfb, 0xff, 0x0f }, 3, 131071, -65536 },
        { { 0x7f, 1, 2, 3, 4, 5, 6, 7 }, 8, 0x07060504030201, -0x03830282018101 },
        { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 9, UINT64_MAX, INT64_MIN },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cursor c = cursor_over((struct slice){ cases[i].bytes, cases[i].len });
        struct cursor d = c;
        assert_true(cursor_varlen(&c) == cases[i].value);
        assert_true(cursor_varlen_signed(&d) == cases[i].as_signed);
        assert_int_equal(c.left, 0);
        assert_false(c.failed);
        for (size_t cut = 0; cut < cases[i].len; cut++) {
            c = cursor_over((struct slice){ cases[i].bytes, cut });
            (void)cursor_varlen(&c);
            assert_true(c.failed);
        }
    }
}

static void the_longest_gtid_fits_its_text(void **state)
{
    (void)state;
    struct gtid g = { .kind = GTID_MYSQL, .number = UINT64_MAX };
    char        text[GTID_TEXT_BYTES + 1];
    memset(g.uuid, 0xab, sizeof g.uuid);
    memset(g.tag, 't', GTID_TAG_BYTES);
    text[GTID_TEXT_BYTES] = 'x';
    gtid_format(&g, text);
    assert_int_equal(strlen(text), GTID_TEXT_BYTES - 1);
    assert_int_equal(text[GTID_TEXT_BYTES], 'x');
    g = (struct gtid){
        .kind = GTID_MARIADB, .domain = UINT32_MAX, .server_id = UINT32_MAX, .number = UINT64_MAX
    };
    assert_gtid(&g, "4294967295-4294967295-18446744073709551615");
}

static void one_gtid_is_read_from_its_text_and_nothing_else_is_taken_for_one(void **state)
{
    (void)state;
    static const char *const good[] = { "0-33110-5", "4294967295-1-18446744073709551615",
                                        "3e11fa47-71ca-11e1-9e33-c80aa9429562:23",
                                        "3e11fa47-71ca-11e1-9e33-c80aa9429562:tag:1" };
    static const char *const bad[] = { "",
                                       "binlog.000001:4",
                                       "0-1-5,1-1-5",
                                       "0-1",
                                       "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-2",
                                       "3e11fa47-71ca-11e1-9e33-c80aa9429562:1:3",
                                       "3e11fa47-71ca-11e1-9e33-c80aa9429562" };
    struct gtid              g;
    char                     text[GTID_TEXT_BYTES];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(gtid_parse(slice_of_text(good[i]), &g));
        gtid_format(&g, text);
        assert_string_equal(text, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(gtid_parse(slice_of_text(bad[i]), &g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_gtid_is_read_from_its_text_and_nothing_else_is_taken_for_one),
        cmocka_unit_test(the_transactions_of_a_real_mysql_file_are_named_and_measured),
        cmocka_unit_test(anonymous_transactions_have_lengths_but_no_names),
        cmocka_unit_test(tagged_transactions_are_named_and_measured),
        cmocka_unit_test(the_groups_of_a_real_mariadb_file_are_named_and_told_apart),
        cmocka_unit_test(the_thread_of_a_newer_mariadb_is_read),
        cmocka_unit_test(every_version_of_the_gtid_event_is_read_as_far_as_it_goes),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(a_family_has_only_its_own_gtid_events),
        cmocka_unit_test(mariadb_flags_move_the_fields_behind_them),
        cmocka_unit_test(a_tagged_event_survives_no_cut_and_no_wrong_size),
        cmocka_unit_test(a_tagged_event_of_a_newer_server_is_read_unless_it_forbids_it),
        cmocka_unit_test(a_tagged_event_with_a_bad_tag_is_refused),
        cmocka_unit_test(variable_length_integers_are_those_of_the_documentation),
        cmocka_unit_test(the_longest_gtid_fits_its_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
