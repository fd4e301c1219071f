#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "storage/place.h"

static struct place parsed(const char *text)
{
    struct err   e = { 0 };
    struct place p;
    if (place_parse(text, &p, &e) != 0)
        fail_msg("%s", e.text);
    return p;
}

static void files_positions_and_sources_are_told_apart(void **state)
{
    (void)state;
    struct place p = parsed("mysql-bin.000003:1234");
    assert_false(p.is_gtid);
    assert_string_equal(p.file, "mysql-bin.000003");
    assert_int_equal(p.position, 1234);
    p = parsed("b:binlog.000017:18446744073709551615");
    assert_string_equal(p.file, "b:binlog.000017");
    assert_true(p.position == UINT64_MAX);
}

static void one_gtid_of_either_family_is_a_place(void **state)
{
    (void)state;
    struct place p = parsed("0-33110-7");
    assert_true(p.is_gtid);
    assert_int_equal(p.gtid.kind, GTID_MARIADB);
    assert_int_equal(p.gtid.server_id, 33110);
    assert_int_equal(p.gtid.number, 7);
    p = parsed("f718ee6f-e587-11f1-ae02-02fc00000001:42");
    assert_true(p.is_gtid);
    assert_int_equal(p.gtid.kind, GTID_MYSQL);
    assert_int_equal(p.gtid.number, 42);
    assert_int_equal(p.gtid.uuid[0], 0xf7);
}

static void anything_else_is_refused_with_what_to_write(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        ":",
        "binlog.000001",
        "binlog.000001:",
        ":4",
        "binlog.000001:-4",
        "a:b:4x",
        "a: 4",
        "binlog.000001:18446744073709551616",
        "f718ee6f-e587-11f1-ae02-02fc00000001:1-5",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct err   e = { 0 };
        struct place p;
        assert_int_equal(place_parse(wrong[i], &p, &e), -1);
        assert_int_equal(e.kind, E_CONFIG);
        assert_non_null(strstr(e.text, "FILE:POSITION"));
    }
}

static void a_name_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'a', sizeof text);
    memcpy(text + sizeof text - 3, ":4", 3);
    struct err   e = { 0 };
    struct place p;
    assert_int_equal(place_parse(text, &p, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_positions_and_sources_are_told_apart),
        cmocka_unit_test(one_gtid_of_either_family_is_a_place),
        cmocka_unit_test(anything_else_is_refused_with_what_to_write),
        cmocka_unit_test(a_name_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
