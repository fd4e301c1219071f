#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tools/binrelay/gtid_range.h"

static void check(const char *before, const char *after, const char *expected)
{
    struct err e = { 0 };
    struct buf out;
    buf_init(&out, 10000);
    if (gtid_range_put(before, after, &out, &e) != 0)
        fail_msg("%s", e.text);
    assert_string_equal(buf_text(&out), expected);
    buf_done(&out);
}

static void what_a_mysql_file_adds_is_a_set(void **state)
{
    (void)state;
    check("f718ee6f-e587-11f1-ae02-02fc00000001:1-5", "f718ee6f-e587-11f1-ae02-02fc00000001:1-9",
          "f718ee6f-e587-11f1-ae02-02fc00000001:6-9");
}

static void what_a_mariadb_file_adds_is_the_first_and_last_of_each_domain(void **state)
{
    (void)state;
    check("0-1-5,1-7-3", "0-1-120,1-7-3,2-1-1", "0-1-6..0-1-120,2-1-1");
    check("", "0-1-2", "0-1-1..0-1-2");
    check("0-1-5", "0-2-9", "..0-2-9");
}

static void a_file_without_transactions_adds_nothing(void **state)
{
    (void)state;
    check("", "", "-");
    check("0-1-5", "0-1-5", "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_mysql_file_adds_is_a_set),
        cmocka_unit_test(what_a_mariadb_file_adds_is_the_first_and_last_of_each_domain),
        cmocka_unit_test(a_file_without_transactions_adds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
