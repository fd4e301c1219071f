#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "publisher/adopt.h"
#include "publisher/kafka/adopt.h"
#include "publisher/kafka/checkpoint.h"

static struct slice text(const char *s)
{
    return (struct slice){ (const uint8_t *)s, strlen(s) };
}

static void see(struct adopt *a, uint8_t type, const struct gtid *g)
{
    const struct event ev = { .type = type };
    adopt_event(a, &ev, store_pos_at(1, 1000), g);
}

static bool has(const struct adopt *a, uint32_t row)
{
    const struct change_event ev = { .row = row };
    return adopt_has(a, &ev);
}

/* As MySQL's connector counts: BEGIN, TABLE_MAP, rows, TABLE_MAP are four. */
static void rows_that_the_connector_published_are_left_out(void **state)
{
    (void)state;
    const struct gtid none = { .kind = GTID_NONE };
    struct adopt      a = { .is_on = true, .events = 4, .rows = 2 };

    see(&a, EVENT_ANONYMOUS_GTID, &none);
    see(&a, EVENT_QUERY, &none);
    assert_true(has(&a, 0));
    see(&a, EVENT_TABLE_MAP, &none);
    see(&a, EVENT_WRITE_ROWS, &none);
    assert_true(has(&a, 5));
    see(&a, EVENT_TABLE_MAP, &none);
    see(&a, EVENT_UPDATE_ROWS, &none);
    assert_true(has(&a, 1));
    assert_false(has(&a, 2));
    see(&a, EVENT_WRITE_ROWS, &none);
    assert_false(has(&a, 0));
    adopt_boundary(&a);
    see(&a, EVENT_QUERY, &none);
    assert_false(has(&a, 0));
}

/* As MariaDB's does: the GTID is the begin, and annotations were not sent. */
static void annotations_do_not_count_and_held_transactions_are_left_out(void **state)
{
    (void)state;
    struct err        e = { 0 };
    struct adopt      a = { .is_on = true, .events = 2, .rows = 1 };
    const struct gtid held = { .kind = GTID_MARIADB, .number = 5, .server_id = 1 };
    const struct gtid next = { .kind = GTID_MARIADB, .number = 6, .server_id = 1 };

    assert_int_equal(gtids_parse(&a.held, text("0-1-5"), &e), 0);
    see(&a, EVENT_MARIADB_GTID, &held);
    see(&a, EVENT_WRITE_ROWS_V1, &held);
    assert_true(has(&a, 9));
    adopt_boundary(&a);
    see(&a, EVENT_MARIADB_GTID, &next);
    see(&a, EVENT_MARIADB_ANNOTATE_ROWS, &next);
    see(&a, EVENT_TABLE_MAP, &next);
    see(&a, EVENT_WRITE_ROWS_V1, &next);
    assert_true(has(&a, 0));
    assert_false(has(&a, 1));
    adopt_done(&a);
}

static void an_offset_is_read_and_what_is_none_is_refused(void **state)
{
    (void)state;
    struct err          e = { 0 };
    struct adopt_offset o;
    static const char  *bad[] = { "",
                                  "{}",
                                  "[]",
                                  "{\"file\":\"a\"}",
                                  "{\"file\":7,\"pos\":4}",
                                  "{\"file\":\"a\",\"pos\":4,\"snapshot\":\"INITIAL\"}" };

    assert_int_equal(adopt_parse(text("{\"ts_sec\":1,\"file\":\"b.000002\",\"pos\":905,\"gtids\":"
                                      "\"0-1-3\",\"row\":2,\"event\":4}"),
                                 &o, &e),
                     0);
    assert_string_equal(o.file, "b.000002");
    assert_string_equal(o.gtids, "0-1-3");
    assert_int_equal(o.position, 905);
    assert_int_equal(o.events, 4);
    assert_int_equal(o.rows, 2);
    adopt_offset_done(&o);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(adopt_parse(text(bad[i]), &o, &e), -1);
    assert_true(adopt_is_key(text("[\"shop\",{\"server\":\"shop\"}]"), "shop"));
    assert_false(adopt_is_key(text("[\"shop2\",{\"server\":\"shop\"}]"), "shop"));
    assert_false(adopt_is_key(text("\"shop\""), "shop"));
}

static void a_checkpoint_is_read_and_what_is_none_is_refused(void **state)
{
    (void)state;
    struct err         e = { 0 };
    struct checkpoint  c;
    static const char *bad[] = { "", "7", "{}", "{\"relay\":\"u\",\"file\":\"f\",\"gtids\":\"\"}",
                                 "{\"relay\":\"u\",\"file\":\"f\",\"gtids\":\"\",\"offset\":-1,"
                                 "\"events\":1}" };

    assert_int_equal(checkpoint_parse(text("{\"relay\":\"u\",\"file\":\"f\",\"offset\":157,"
                                           "\"gtids\":\"\",\"events\":12}"),
                                      &c, &e),
                     0);
    assert_int_equal(c.offset, 157);
    assert_int_equal(c.events, 12);
    assert_null(c.state);
    checkpoint_done(&c);
    assert_int_equal(checkpoint_parse(text("{\"relay\":\"u\",\"file\":\"f\",\"offset\":157,"
                                           "\"gtids\":\"\",\"events\":12,"
                                           "\"state\":\"{\\\"at\\\":7}\\nmore\"}"),
                                      &c, &e),
                     0);
    assert_string_equal(c.state, "{\"at\":7}\nmore");
    checkpoint_done(&c);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(checkpoint_parse(text(bad[i]), &c, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_the_connector_published_are_left_out),
        cmocka_unit_test(annotations_do_not_count_and_held_transactions_are_left_out),
        cmocka_unit_test(an_offset_is_read_and_what_is_none_is_refused),
        cmocka_unit_test(a_checkpoint_is_read_and_what_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
