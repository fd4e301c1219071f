#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "protocol/value.h"

#define BYTES(...)                                                                                 \
    (struct slice)                                                                                 \
    {                                                                                              \
        (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })                 \
    }

static struct value decode(uint8_t type, uint16_t meta, bool is_unsigned, struct slice bytes)
{
    struct table_map_column col = { .type = type, .meta = meta, .is_unsigned = is_unsigned };
    struct cursor           c = cursor_over(bytes);
    struct value            v = { .kind = VALUE_ABSENT };
    struct err              e = { 0 };

    if (value_decode(&col, &c, &v, &e) != 0)
        fail_msg("%s", e.text);
    assert_int_equal(c.left, 0);
    /* Every shorter input is refused. */
    for (size_t n = 0; n < bytes.len; n++) {
        struct value none;
        c = cursor_over((struct slice){ bytes.ptr, n });
        assert_int_equal(value_decode(&col, &c, &none, &e), -1);
        assert_int_equal(e.kind, E_PROTOCOL);
    }
    return v;
}

static void integers_have_the_columns_sign(void **state)
{
    (void)state;
    assert_int_equal(decode(FIELD_TINY, 0, false, BYTES(0xff)).number, -1);
    assert_int_equal(decode(FIELD_TINY, 0, true, BYTES(0xff)).natural, 255);
    assert_int_equal(decode(FIELD_SHORT, 0, false, BYTES(0x00, 0x80)).number, -32768);
    assert_int_equal(decode(FIELD_INT24, 0, false, BYTES(0xff, 0xff, 0xff)).number, -1);
    assert_int_equal(decode(FIELD_INT24, 0, true, BYTES(0xff, 0xff, 0xff)).natural, 0xffffff);
    assert_int_equal(decode(FIELD_LONG, 0, false, BYTES(0, 0, 0, 0x80)).number, INT32_MIN);
    assert_int_equal(decode(FIELD_LONGLONG, 0, false, BYTES(0, 0, 0, 0, 0, 0, 0, 0x80)).number,
                     INT64_MIN);
    assert_int_equal(decode(FIELD_YEAR, 0, true, BYTES(124)).number, 2024);
}

static void check_decimal(uint8_t precision, uint8_t scale, struct slice raw, struct slice integer)
{
    uint8_t      got[DECIMAL_INTEGER_BYTES];
    size_t       length = 0;
    struct err   e = { 0 };
    struct value v = decode(FIELD_NEWDECIMAL, (uint16_t)(precision << 8 | scale), false, raw);

    assert_int_equal(v.kind, VALUE_DECIMAL);
    assert_int_equal(value_decimal_integer(&v.decimal, got, &length, &e), 0);
    assert_int_equal(length, integer.len);
    assert_memory_equal(got, integer.ptr, integer.len);
}

static void decimals_are_twos_complement_as_short_as_it_gets(void **state)
{
    (void)state;
    check_decimal(4, 2, BYTES(0x80, 0x00), BYTES(0));
    check_decimal(4, 2, BYTES(0x81, 0x19), BYTES(125));        /* 1.25 */
    check_decimal(4, 2, BYTES(0x7e, 0xe6), BYTES(0x83));       /* -1.25 */
    check_decimal(3, 0, BYTES(0x80, 0x80), BYTES(0x00, 0x80)); /* 128 needs a sign byte */
    check_decimal(3, 0, BYTES(0x7f, 0x7f), BYTES(0x80));       /* -128 does not */
    check_decimal(1, 1, BYTES(0x85), BYTES(5));
    /* 1234567890.1234, in the manual's chapter on the format */
    check_decimal(14, 4, BYTES(0x81, 0x0d, 0xfb, 0x38, 0xd2, 0x04, 0xd2),
                  BYTES(0x0b, 0x3a, 0x73, 0xce, 0x2f, 0xf2));
    check_decimal(14, 4, BYTES(0x7e, 0xf2, 0x04, 0xc7, 0x2d, 0xfb, 0x2d),
                  BYTES(0xf4, 0xc5, 0x8c, 0x31, 0xd0, 0x0e));
}

static void the_largest_decimal_fits(void **state)
{
    (void)state;
    /* 65 nines: 99, then seven groups of nine. */
    uint8_t raw[29] = { 0x80 | 99 };
    uint8_t got[DECIMAL_INTEGER_BYTES];
    size_t  length = 0;
    for (size_t i = 1; i < sizeof raw; i += 4)
        memcpy(raw + i, (const uint8_t[]){ 0x3b, 0x9a, 0xc9, 0xff }, 4);
    struct err   e = { 0 };
    struct value v = decode(FIELD_NEWDECIMAL, 65 << 8, false, (struct slice){ raw, sizeof raw });
    assert_int_equal(value_decimal_integer(&v.decimal, got, &length, &e), 0);
    /* 10^65 - 1 */
    static const uint8_t nines[27] = { 0xf3, 0x16, 0x27, 0x1c, 0x7f, 0xc3, 0x90, 0x8a, 0x8b,
                                       0xef, 0x46, 0x4e, 0x39, 0x45, 0xef, 0x7a, 0x25, 0x36,
                                       0x09, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    assert_int_equal(length, 28);
    assert_int_equal(got[0], 0);
    assert_memory_equal(got + 1, nines, sizeof nines);
}

static void a_decimal_with_more_than_nine_digits_in_a_group_is_refused(void **state)
{
    (void)state;
    uint8_t      got[DECIMAL_INTEGER_BYTES];
    size_t       length = 0;
    struct err   e = { 0 };
    struct value v = decode(FIELD_NEWDECIMAL, 9 << 8, false, BYTES(0xff, 0xff, 0xff, 0xff));
    assert_int_equal(value_decimal_integer(&v.decimal, got, &length, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
}

static void check_time(uint8_t digits, struct slice raw, int64_t us)
{
    struct value v = decode(FIELD_TIME2, digits, false, raw);
    assert_int_equal(v.kind, VALUE_TIME);
    assert_int_equal(v.number, us);
}

static void times_may_be_negative_and_longer_than_a_day(void **state)
{
    (void)state;
    check_time(0, BYTES(0x80, 0x00, 0x00), 0);
    check_time(0, BYTES(0x80, 0x00, 0x01), 1000000);
    check_time(0, BYTES(0x7f, 0xff, 0xff), -1000000);
    check_time(0, BYTES(0xb4, 0x6e, 0xfb), 3020399000000);  /* 838:59:59 */
    check_time(0, BYTES(0x4b, 0x91, 0x05), -3020399000000); /* -838:59:59 */
    check_time(1, BYTES(0x7f, 0xff, 0xff, 0xf6), -100000);
    check_time(2, BYTES(0x7f, 0xff, 0xfe, 0xf6), -1100000);
    check_time(3, BYTES(0x7f, 0xef, 0x7c, 0xff, 0xd8), -3723004000); /* -01:02:03.004 */
    check_time(6, BYTES(0x7f, 0xef, 0x7c, 0xff, 0xff, 0xfc), -3723000004);
    /* before MySQL 5.6 */
    assert_int_equal(decode(FIELD_TIME, 0, false, BYTES(0xdb, 0x27, 0x00)).number, 3723000000);
    assert_int_equal(decode(FIELD_TIME, 0, false, BYTES(0xff, 0xff, 0xff)).number, -1000000);
}

static void check_date(struct value v, int year, int month, int day, int hour, int minute,
                       int second, uint32_t micro)
{
    assert_int_equal(v.time.year, year);
    assert_int_equal(v.time.month, month);
    assert_int_equal(v.time.day, day);
    assert_int_equal(v.time.hour, hour);
    assert_int_equal(v.time.minute, minute);
    assert_int_equal(v.time.second, second);
    assert_int_equal(v.time.microsecond, micro);
}

static void dates_come_as_their_fields(void **state)
{
    (void)state;
    check_date(decode(FIELD_DATE, 0, false, BYTES(0x5d, 0xd0, 0x0f)), 2024, 2, 29, 0, 0, 0, 0);
    check_date(decode(FIELD_DATE, 0, false, BYTES(0, 0, 0)), 0, 0, 0, 0, 0, 0, 0);
    check_date(decode(FIELD_DATETIME2, 0, false, BYTES(0x99, 0xb2, 0xba, 0xd3, 0x8f)), 2024, 2, 29,
               13, 14, 15, 0);
    check_date(decode(FIELD_DATETIME2, 1, false, BYTES(0x99, 0xb2, 0xba, 0xd3, 0x8f, 0x3c)), 2024,
               2, 29, 13, 14, 15, 600000);
    check_date(
        decode(FIELD_DATETIME2, 6, false, BYTES(0x99, 0xb2, 0xba, 0xd3, 0x8f, 0x0a, 0x5b, 0xf5)),
        2024, 2, 29, 13, 14, 15, 678901);
    check_date(decode(FIELD_DATETIME2, 0, false, BYTES(0x80, 0, 0, 0, 0)), 0, 0, 0, 0, 0, 0, 0);
    /* 20240229131415, before MySQL 5.6 */
    check_date(
        decode(FIELD_DATETIME, 0, false, BYTES(0x97, 0xe4, 0xaa, 0x8b, 0x68, 0x12, 0x00, 0x00)),
        2024, 2, 29, 13, 14, 15, 0);
    struct value v = decode(FIELD_TIMESTAMP2, 3, false, BYTES(0x65, 0xe0, 0x83, 0x27, 0x1a, 0x7c));
    assert_int_equal(v.timestamp.seconds, 0x65e08327);
    assert_int_equal(v.timestamp.microsecond, 678000);
}

static void texts_are_as_long_as_they_say(void **state)
{
    (void)state;
    struct value v = decode(FIELD_VARCHAR, 255, false, BYTES(3, 'a', 'b', 'c'));
    assert_memory_equal(v.bytes.ptr, "abc", 3);
    v = decode(FIELD_VARCHAR, 256, false, BYTES(2, 0, 'a', 'b'));
    assert_int_equal(v.bytes.len, 2);
    v = decode(FIELD_BLOB, 4, false, BYTES(1, 0, 0, 0, 'x'));
    assert_int_equal(v.bytes.len, 1);
    assert_int_equal(decode(FIELD_ENUM, 2, false, BYTES(1, 2)).natural, 0x0201);
    assert_int_equal(decode(FIELD_SET, 8, false, BYTES(1, 0, 0, 0, 0, 0, 0, 0x80)).natural,
                     0x8000000000000001ull);
    assert_int_equal(decode(FIELD_BIT, 20, false, BYTES(0x0f, 0x0f, 0x0f)).bytes.len, 3);
}

static void a_length_beyond_the_row_is_refused(void **state)
{
    (void)state;
    struct table_map_column col = { .type = FIELD_BLOB, .meta = 4 };
    struct cursor           c = cursor_over(BYTES(0xff, 0xff, 0xff, 0xff, 1, 2, 3));
    struct value            v;
    struct err              e = { 0 };
    assert_int_equal(value_decode(&col, &c, &v, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_have_the_columns_sign),
        cmocka_unit_test(decimals_are_twos_complement_as_short_as_it_gets),
        cmocka_unit_test(the_largest_decimal_fits),
        cmocka_unit_test(a_decimal_with_more_than_nine_digits_in_a_group_is_refused),
        cmocka_unit_test(times_may_be_negative_and_longer_than_a_day),
        cmocka_unit_test(dates_come_as_their_fields),
        cmocka_unit_test(texts_are_as_long_as_they_say),
        cmocka_unit_test(a_length_beyond_the_row_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
