#include "tests/unit/binlog_file.h"
#include <string.h>
#include "protocol/gtid.h"

static struct gtid_state state_of(const char *text)
{
    struct gtid_state s = { 0 };
    struct err        e = { 0 };
    if (gtid_state_parse(&s, slice_of_text(text), &e) != 0)
        fail_msg("%s: %s", text, e.text);
    return s;
}

static void assert_text(const struct gtid_state *s, const char *expected)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    gtid_state_put_text(s, &b);
    assert_string_equal(buf_text(&b), expected);
    buf_done(&b);
    for (size_t i = 1; i < s->count; i++)
        assert_true(s->entries[i - 1].domain < s->entries[i].domain);
}

static void text_comes_back_in_order(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "", "" },
        { "  ", "" },
        { "0-1-5", "0-1-5" },
        { "2-1-7,0-1-5,1-9-9", "0-1-5,1-9-9,2-1-7" },
        { " 0-1-5 ,\n1-2-7 ", "0-1-5,1-2-7" },
        { "4294967295-4294967295-18446744073709551615",
          "4294967295-4294967295-18446744073709551615" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gtid_state s = state_of(cases[i][0]);
        assert_text(&s, cases[i][1]);
        gtid_state_done(&s);
    }
}

static void what_is_no_state_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "x",
        "0",
        "0-1",
        "0-1-",
        "0-1-5,",
        ",0-1-5",
        "0-1-5;1-1-1",
        "0-1-5-6",
        "-1-2-3",
        "0--1-5",
        "0- 1-5",
        "0-1-5,0-2-6", /* a domain twice */
        "4294967296-1-1",
        "0-4294967296-1",
        "0-1-18446744073709551616",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct gtid_state s = state_of("7-7-7");
        struct err        e = { 0 };
        if (gtid_state_parse(&s, slice_of_text(refused[i]), &e) == 0)
            fail_msg("taken: %s", refused[i]);
        assert_int_equal(e.kind, E_PROTOCOL);
        assert_text(&s, "7-7-7");
        gtid_state_done(&s);
    }
}

static void a_domain_has_its_latest_gtid(void **state)
{
    (void)state;
    struct gtid_state s = { 0 };
    struct gtid_state copy = { 0 };
    struct err        e = { 0 };
    struct gtid       g = { .kind = GTID_MARIADB, .domain = 3, .server_id = 1, .number = 10 };
    assert_null(gtid_state_get(&s, 3));
    assert_int_equal(gtid_state_set(&s, &g, &e), 0);
    g.number = 4; /* a later one may have a lower number: another server went on */
    g.server_id = 2;
    assert_int_equal(gtid_state_set(&s, &g, &e), 0);
    assert_text(&s, "3-2-4");
    g.domain = 1;
    assert_int_equal(gtid_state_set(&s, &g, &e), 0);
    assert_text(&s, "1-2-4,3-2-4");
    assert_int_equal(gtid_state_get(&s, 3)->server_id, 2);
    assert_null(gtid_state_get(&s, 2));
    assert_int_equal(gtid_state_copy(&copy, &s, &e), 0);
    gtid_state_done(&s);
    assert_text(&copy, "1-2-4,3-2-4");
    gtid_state_done(&copy);
}

static void the_last_entry_of_a_domain_in_a_list_counts(void **state)
{
    (void)state;
    struct gtid_state    s = { 0 };
    struct err           e = { 0 };
    static const uint8_t body[] = {
        3, 0, 0, 0x10,                                     /* flags stand above the count */
        7, 0, 0, 0,    5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, /* */
        7, 0, 0, 0,    9, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, /* */
        0, 0, 0, 0,    5, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,
    };
    assert_int_equal(gtid_state_decode(&s, (struct slice){ body, sizeof body }, &e), 0);
    assert_text(&s, "0-5-3,7-9-2");
    for (size_t len = 0; len < sizeof body; len++) {
        assert_int_equal(gtid_state_decode(&s, (struct slice){ body, len }, &e), -1);
        assert_int_equal(e.kind, E_PROTOCOL);
    }
    assert_text(&s, "0-5-3,7-9-2");
    gtid_state_done(&s);
}

static void a_list_body_is_what_a_server_writes(void **state)
{
    (void)state;
    struct binlog_file f = binlog_file_read("tests/golden/binlog/mariadb-10.11-gtid.binlog");
    struct event       ev;
    struct err         e = { 0 };
    struct gtid_state  s = { 0 };
    struct buf         b;
    buf_init(&b, 4096);
    do
        assert_true(binlog_file_next(&f, true, &ev));
    while (ev.type != EVENT_MARIADB_GTID_LIST);
    assert_int_equal(gtid_state_decode(&s, ev.body, &e), 0);
    assert_text(&s, "0-61-173");
    gtid_state_put_list_body(&s, &b);
    assert_true(slice_equal(buf_slice(&b), ev.body));
    binlog_file_done(&f);

    f = binlog_file_read("tests/golden/binlog/mariadb-10.11-statements.binlog");
    do
        assert_true(binlog_file_next(&f, true, &ev));
    while (ev.type != EVENT_MARIADB_GTID_LIST);
    gtid_state_done(&s);
    buf_clear(&b);
    gtid_state_put_list_body(&s, &b); /* the empty one is filled up */
    assert_true(slice_equal(buf_slice(&b), ev.body));
    binlog_file_done(&f);
    buf_done(&b);
}

static void the_bound_holds(void **state)
{
    (void)state;
    struct gtid_state s = { 0 };
    struct err        e = { 0 };
    struct gtid       g = { .kind = GTID_MARIADB, .number = 1 };
    for (g.domain = GTID_DOMAINS_MAX; g.domain > 0; g.domain--)
        assert_int_equal(gtid_state_set(&s, &g, &e), 0);
    assert_int_equal(gtid_state_set(&s, &g, &e), -1);
    assert_int_equal(e.kind, E_LIMIT);
    g.domain = 5;
    assert_int_equal(gtid_state_set(&s, &g, &e), 0);
    assert_int_equal(s.count, GTID_DOMAINS_MAX);
    gtid_state_done(&s);
}

static void assert_gtids(const char *text, const char *expected, bool is_mysql)
{
    struct gtids g = { 0 };
    struct gtids copy = { 0 };
    struct err   e = { 0 };
    struct buf   b;
    buf_init(&b, 4096);
    assert_int_equal(gtids_parse(&g, slice_of_text(text), &e), 0);
    assert_int_equal(gtids_copy(&copy, &g, &e), 0);
    gtids_done(&g);
    gtids_put_text(&copy, &b);
    assert_string_equal(buf_text(&b), expected);
    assert_int_equal(gtids_is_empty(&copy), expected[0] == 0);
    assert_int_equal(gtid_set_is_empty(&copy.set), !is_mysql);
    buf_done(&b);
    gtids_done(&copy);
}

static void a_place_is_told_by_its_text(void **state)
{
    (void)state;
    assert_gtids("", "", false);
    assert_gtids("1-2-3,0-1-2", "0-1-2,1-2-3", false);
    assert_gtids("11111111-2222-3333-4444-555555555555:1-3",
                 "11111111-2222-3333-4444-555555555555:1-3", true);
    struct gtids g = { 0 };
    struct err   e = { 0 };
    assert_int_equal(gtids_parse(&g, slice_of_text("1-2-3"), &e), 0);
    assert_int_equal(gtids_parse(&g, slice_of_text("1-2-3:4"), &e), -1);
    assert_int_equal(gtids_parse(&g, slice_of_text("11111111-2222"), &e), -1);
    assert_int_equal(g.state.count, 1);
    gtids_done(&g);
}

static void transactions_of_either_family_are_added(void **state)
{
    (void)state;
    struct gtids g = { 0 };
    struct err   e = { 0 };
    assert_int_equal(gtids_add(&g, &(struct gtid){ .kind = GTID_NONE }, &e), 0);
    assert_true(gtids_is_empty(&g));
    assert_int_equal(gtids_add(&g, &(struct gtid){ .kind = GTID_MYSQL, .number = 3 }, &e), 0);
    assert_int_equal(g.set.intervals, 1);
    assert_int_equal(gtids_add(&g, &(struct gtid){ .kind = GTID_MARIADB, .number = 3 }, &e), 0);
    assert_int_equal(g.state.count, 1);
    gtids_done(&g);
    assert_true(gtids_is_empty(&g));
}

static void an_event_that_tells_no_place_changes_nothing(void **state)
{
    (void)state;
    struct gtids g = { 0 };
    struct err   e = { 0 };
    struct event query = { .type = EVENT_QUERY, .body = slice_empty() };
    struct event broken = { .type = EVENT_PREVIOUS_GTIDS, .body = slice_empty() };
    assert_int_equal(gtids_parse(&g, slice_of_text("1-2-3"), &e), 0);
    assert_int_equal(gtids_take_event(&g, &query, &e), 0);
    assert_int_equal(gtids_take_event(&g, &broken, &e), -1);
    assert_int_equal(g.state.count, 1);
    gtids_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_comes_back_in_order),
        cmocka_unit_test(what_is_no_state_is_refused_and_changes_nothing),
        cmocka_unit_test(a_domain_has_its_latest_gtid),
        cmocka_unit_test(the_last_entry_of_a_domain_in_a_list_counts),
        cmocka_unit_test(a_list_body_is_what_a_server_writes),
        cmocka_unit_test(the_bound_holds),
        cmocka_unit_test(a_place_is_told_by_its_text),
        cmocka_unit_test(transactions_of_either_family_are_added),
        cmocka_unit_test(an_event_that_tells_no_place_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
