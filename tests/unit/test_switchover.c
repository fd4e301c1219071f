/* Where a server that lacks some of what is held can begin to get it by file and position. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "relay/switchover.h"

static int first(const char *places, const char *end_file, uint64_t end, char file[64],
                 uint64_t *offset)
{
    struct err e = { 0 };
    int rc = switchover_first_lacking(slice_of_text(places), end_file, end, file, 64, offset, &e);
    if (rc != 0)
        assert_int_equal(e.kind, E_REFUSED);
    return rc;
}

static void what_is_lacking_to_the_end_begins_at_its_first_place(void **state)
{
    (void)state;
    char     file[64];
    uint64_t offset;

    assert_int_equal(first("b.000007:500-900", "b.000007", 900, file, &offset), 0);
    assert_string_equal(file, "b.000007");
    assert_int_equal(offset, 500);
    assert_int_equal(first("b.000007:500-900,b.000007:900-950", "b.000007", 950, file, &offset), 0);
    assert_int_equal(offset, 500);
    assert_int_equal(first("b.000006:700-800,b.000007:157-950", "b.000007", 950, file, &offset), 0);
    assert_string_equal(file, "b.000006");
    assert_int_equal(offset, 700);
    /* The last file has nothing but its head yet. */
    assert_int_equal(first("b.000006:700-800", "b.000007", 157, file, &offset), 0);
}

static void what_it_has_in_between_would_be_executed_twice(void **state)
{
    (void)state;
    char     file[64];
    uint64_t offset;

    assert_int_equal(first("b.000007:500-900,b.000007:910-950", "b.000007", 950, file, &offset),
                     -1);
    assert_int_equal(first("b.000007:500-900", "b.000007", 950, file, &offset), -1);
    assert_int_equal(first("b.000006:500-900", "b.000007", 9500, file, &offset), -1);
    /* A list that was cut off does not tell. */
    assert_int_equal(first("b.000007:500-900,...", "b.000007", 900, file, &offset), -1);
}

static void nonsense_is_no_place(void **state)
{
    (void)state;
    static const char *const texts[] = { "",      "b.000007", "b:5", ":5-9",
                                         "b:9-5", "b:5-9x",   ",",   "b:-9" };
    char                     file[64];
    uint64_t                 offset;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(first(texts[i], "b", 9, file, &offset), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_lacking_to_the_end_begins_at_its_first_place),
        cmocka_unit_test(what_it_has_in_between_would_be_executed_twice),
        cmocka_unit_test(nonsense_is_no_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
