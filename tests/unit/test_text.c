#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tools/binrelay/text.h"

static void sizes_have_a_unit_that_keeps_them_short(void **state)
{
    (void)state;
    char t[TEXT_BYTES];
    assert_string_equal(text_of_bytes(0, t), "0 B");
    assert_string_equal(text_of_bytes(1023, t), "1023 B");
    assert_string_equal(text_of_bytes(1024, t), "1.0 KiB");
    assert_string_equal(text_of_bytes(1536, t), "1.5 KiB");
    assert_string_equal(text_of_bytes(1024 * 1024 - 1, t), "1.0 MiB");
    assert_string_equal(text_of_bytes(UINT64_C(5) << 40, t), "5.0 TiB");
    assert_string_equal(text_of_bytes(UINT64_MAX, t), "16.0 EiB");
}

static void spans_have_two_units_at_most(void **state)
{
    (void)state;
    char t[TEXT_BYTES];
    assert_string_equal(text_of_span(-3, t), "0 s");
    assert_string_equal(text_of_span(59, t), "59 s");
    assert_string_equal(text_of_span(125, t), "2 min 5 s");
    assert_string_equal(text_of_span(3600, t), "1 h 0 min");
    assert_string_equal(text_of_span(90000, t), "1 d 1 h");
}

static void times_are_utc_and_unknown_ones_a_dash(void **state)
{
    (void)state;
    char t[TEXT_BYTES];
    assert_string_equal(text_of_time(0, t), "-");
    assert_string_equal(text_of_time(1700000000, t), "2023-11-14 22:13:20Z");
    assert_string_equal(text_of_time(INT64_MAX, t), "-");
}

static void counts_agree_with_their_noun(void **state)
{
    (void)state;
    char t[TEXT_BYTES];
    assert_string_equal(text_of_count(1, "file", t), "1 file");
    assert_string_equal(text_of_count(0, "file", t), "0 files");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_a_unit_that_keeps_them_short),
        cmocka_unit_test(spans_have_two_units_at_most),
        cmocka_unit_test(times_are_utc_and_unknown_ones_a_dash),
        cmocka_unit_test(counts_agree_with_their_noun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
