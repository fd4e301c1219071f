#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "storage/name.h"

static void an_older_file_of_the_series_has_a_smaller_number(void **state)
{
    (void)state;
    assert_true(name_is_before("binlog.000009", "binlog.000010"));
    assert_true(name_is_before("binlog.000010", "binlog.000010"));
    assert_true(name_is_before("binlog.999999", "binlog.1000000"));
    assert_false(name_is_before("binlog.000011", "binlog.000010"));
    assert_false(name_is_before("binlog.1000000", "binlog.999999"));
}

static void files_of_other_stems_are_never_older(void **state)
{
    (void)state;
    assert_false(name_is_before("binlog.000001", "mysql-bin.000002"));
    assert_false(name_is_before("binlo2.000001", "binlog.000002"));
    assert_false(name_is_before("a.b.000001", "a.000002"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_file_of_the_series_has_a_smaller_number),
        cmocka_unit_test(files_of_other_stems_are_never_older),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
