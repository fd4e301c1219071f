#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "protocol/query_context.h"

#define SLICE(bytes) ((struct slice){ (bytes), sizeof(bytes) })

static void what_is_told_is_read(void **state)
{
    (void)state;
    /* flags2, sql_mode, catalog, auto_increment, charset, time zone, microseconds, databases,
       require_primary_key */
    static const uint8_t vars[] = {
        0,   0,   0,  0,    4,    1,    0x20, 0, 0,   0, 0,   0,   0, 0,  6, 3, 's',
        't', 'd', 3,  2,    0,    10,   0,    4, 33,  0, 45,  0,   8, 0,  5, 3, 'U',
        'T', 'C', 13, 0x40, 0x42, 0x0f, 12,   2, 'a', 0, 'b', 'c', 0, 19, 1,
    };
    struct query_context q;
    struct err           e = { 0 };

    assert_int_equal(query_context_read(SLICE(vars), &q, &e), 0);
    assert_true(q.has_flags2 && q.flags2 == QUERY_NO_FOREIGN_KEY_CHECKS);
    assert_true(q.has_sql_mode && q.sql_mode == 0x20);
    assert_true(q.has_auto_increment);
    assert_int_equal(q.auto_increment_step, 2);
    assert_int_equal(q.auto_increment_offset, 10);
    assert_int_equal(q.client, 33);
    assert_int_equal(q.connection, 45);
    assert_int_equal(q.server, 8);
    assert_true(q.has_time_zone && slice_equal(q.time_zone, slice_of_text("UTC")));
    assert_int_equal(q.microseconds, 1000000);
    assert_true(q.has_require_primary_key && q.require_primary_key);
    assert_false(q.has_table_encryption);
}

static void nothing_told_is_nothing(void **state)
{
    (void)state;
    struct query_context q;
    struct err           e = { 0 };

    assert_int_equal(query_context_read(slice_empty(), &q, &e), 0);
    assert_false(q.has_flags2 || q.has_sql_mode || q.has_charset || q.has_time_zone);
    assert_int_equal(q.time_zone.len, 0);
}

static void what_nobody_knows_ends_the_list(void **state)
{
    (void)state;
    static const uint8_t vars[] = { 7, 5, 0, 99, 1, 1, 1 };
    struct query_context q;
    struct err           e = { 0 };

    assert_int_equal(query_context_read(SLICE(vars), &q, &e), 0);
    assert_int_equal(q.lc_time_names, 5);
}

static void what_is_cut_off_is_refused(void **state)
{
    (void)state;
    static const uint8_t vars[] = { 0, 0, 0, 0 };
    struct query_context q;
    struct err           e = { 0 };

    assert_int_equal(query_context_read(SLICE(vars), &q, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_is_read),
        cmocka_unit_test(nothing_told_is_nothing),
        cmocka_unit_test(what_nobody_knows_ends_the_list),
        cmocka_unit_test(what_is_cut_off_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
