#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "publisher/fields/number.h"

static void check_double(double value, const char *text)
{
    struct buf b;
    buf_init(&b, 1000);
    number_put_double(&b, value);
    assert_string_equal(buf_text(&b), text);
    buf_done(&b);
}

static void check_float(float value, const char *text)
{
    struct buf b;
    buf_init(&b, 1000);
    number_put_float(&b, value);
    assert_string_equal(buf_text(&b), text);
    buf_done(&b);
}

static void numbers_have_a_fraction_and_an_exponent_only_when_far_from_one(void **state)
{
    (void)state;
    check_double(0.0, "0.0");
    check_double(-0.0, "-0.0");
    check_double(1, "1.0");
    check_double(-1.5, "-1.5");
    check_double(100, "100.0");
    check_double(0.001, "0.001");
    check_double(0.00123, "0.00123");
    check_double(0.0009, "9.0E-4");
    check_double(9999999, "9999999.0");
    check_double(10000000, "1.0E7");
    check_double(1234567.891, "1234567.891");
    check_double(123456789, "1.23456789E8");
    check_double(1e100, "1.0E100");
}

/* Seen with Java 17, which does not always find the shortest one. */
static void the_text_is_that_of_java_before_19(void **state)
{
    (void)state;
    check_double(0.1, "0.1");
    check_double(0.30000000000000004, "0.30000000000000004");
    check_double(2e23, "1.9999999999999998E23");
    check_double(8.41e21, "8.409999999999999E21");
    check_double(0.002, "0.002");
    check_double(DBL_MAX, "1.7976931348623157E308");
    check_double(DBL_MIN, "2.2250738585072014E-308");
    check_double(4.9e-324, "4.9E-324");
    check_double(3.533e-321, "3.533E-321");
    check_double(9007199254740993.0, "9.007199254740992E15");
    check_float(0.1f, "0.1");
    check_float(3e10f, "3.0000001E10");
    check_float(8.41e21f, "8.41E21");
    check_float(0x1p83f, "9.6714065E24");
    check_float(3.4e38f, "3.4E38");
    check_float(FLT_MAX, "3.4028235E38");
    check_float(1.4e-45f, "1.4E-45");
    check_float(16777216.0f, "1.6777216E7");
    check_float(3.14159f, "3.14159");
}

static void every_text_reads_back_as_its_number(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252ull;
    for (int i = 0; i < 20000; i++) {
        double     d = 0;
        float      f = 0;
        struct buf b;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(&d, &x, sizeof d);
        memcpy(&f, &x, sizeof f);
        buf_init(&b, 1000);
        if (isfinite(d)) {
            number_put_double(&b, d);
            assert_true(strtod(buf_text(&b), NULL) == d);
        }
        buf_clear(&b);
        if (isfinite(f)) {
            number_put_float(&b, f);
            assert_true(strtof(buf_text(&b), NULL) == f);
        }
        buf_done(&b);
    }
}

static void bytes_become_base64_with_padding(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
    } cases[] = { { "", "" },
                  { "f", "Zg==" },
                  { "fo", "Zm8=" },
                  { "foo", "Zm9v" },
                  { "foob", "Zm9vYg==" },
                  { "fooba", "Zm9vYmE=" },
                  { "foobar", "Zm9vYmFy" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b;
        buf_init(&b, 1000);
        number_put_base64(&b, slice_of_text(cases[i].bytes));
        assert_string_equal(buf_text(&b), cases[i].text);
        buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_a_fraction_and_an_exponent_only_when_far_from_one),
        cmocka_unit_test(the_text_is_that_of_java_before_19),
        cmocka_unit_test(every_text_reads_back_as_its_number),
        cmocka_unit_test(bytes_become_base64_with_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
