#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "protocol/base/bytes.h"

static const uint8_t      eight[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88 };
static const struct slice eight_slice = { eight, sizeof eight };

static void integers_of_every_width_are_read(void **state)
{
    (void)state;
    static const uint64_t little[] = { 0,
                                       0x01,
                                       0x0201,
                                       0x030201,
                                       0x04030201,
                                       0x0504030201,
                                       0x060504030201,
                                       0x07060504030201,
                                       0x8807060504030201 };
    static const uint64_t big[] = { 0,
                                    0x01,
                                    0x0102,
                                    0x010203,
                                    0x01020304,
                                    0x0102030405,
                                    0x010203040506,
                                    0x01020304050607,
                                    0x0102030405060788 };
    for (size_t n = 1; n <= 8; n++) {
        struct cursor c = cursor_over(eight_slice);
        assert_true(cursor_le(&c, n) == little[n]);
        assert_int_equal(c.left, 8 - n);
        c = cursor_over(eight_slice);
        assert_true(cursor_be(&c, n) == big[n]);
        assert_int_equal(c.left, 8 - n);
    }
    struct cursor c = cursor_over(eight_slice);
    assert_int_equal(cursor_u8(&c), 0x01);
    assert_int_equal(cursor_u16(&c), 0x0302);
    assert_int_equal(cursor_u24(&c), 0x060504);
    c = cursor_over(eight_slice);
    assert_int_equal(cursor_u32(&c), 0x04030201);
    c = cursor_over(eight_slice);
    assert_true(cursor_u48(&c) == 0x060504030201);
    c = cursor_over(eight_slice);
    assert_true(cursor_u64(&c) == 0x8807060504030201);
    assert_false(c.failed);
}

static void failure_is_sticky_and_reads_zero(void **state)
{
    (void)state;
    for (size_t have = 0; have < 8; have++) {
        struct cursor c = cursor_over((struct slice){ eight, have });
        assert_int_equal(cursor_u64(&c), 0);
        assert_true(c.failed);
        assert_int_equal(cursor_u8(&c), 0); /* although there was a byte */
        assert_null(cursor_take(&c, 1));
        assert_int_equal(cursor_rest(&c).len, 0);
        assert_true(c.failed);
    }
}

static void slices_never_reach_past_the_end(void **state)
{
    (void)state;
    struct cursor c = cursor_over(eight_slice);
    struct slice  s = cursor_slice(&c, 3);
    assert_ptr_equal(s.ptr, eight);
    assert_int_equal(s.len, 3);
    s = cursor_slice(&c, SIZE_MAX);
    assert_int_equal(s.len, 0);
    assert_non_null(s.ptr);
    assert_true(c.failed);

    c = cursor_over(eight_slice);
    cursor_skip(&c, 6);
    s = cursor_rest(&c);
    assert_int_equal(s.len, 2);
    assert_ptr_equal(s.ptr, eight + 6);
    assert_int_equal(cursor_rest(&c).len, 0);
    assert_false(c.failed); /* an empty rest is a rest */
}

static void a_text_ends_at_its_zero_byte(void **state)
{
    (void)state;
    struct cursor c = cursor_over((struct slice){ (const uint8_t *)"ab\0\0c", 5 });
    assert_true(slice_equal(cursor_until_zero(&c), slice_of_text("ab")));
    assert_int_equal(cursor_until_zero(&c).len, 0);
    assert_false(c.failed);
    assert_int_equal(cursor_until_zero(&c).len, 0); /* "c" has none */
    assert_true(c.failed);
    c = cursor_over(slice_empty());
    (void)cursor_until_zero(&c);
    assert_true(c.failed);
}

static void length_encoded_integers_of_every_form_are_read(void **state)
{
    (void)state;
    static const struct {
        uint8_t  bytes[9];
        size_t   len;
        uint64_t value;
    } cases[] = {
        { { 0 }, 1, 0 },
        { { 250 }, 1, 250 },
        { { 0xfc, 0x34, 0x12 }, 3, 0x1234 },
        { { 0xfd, 0x56, 0x34, 0x12 }, 4, 0x123456 },
        { { 0xfe, 8, 7, 6, 5, 4, 3, 2, 1 }, 9, 0x0102030405060708 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cursor c = cursor_over((struct slice){ cases[i].bytes, cases[i].len });
        assert_true(cursor_lenenc(&c) == cases[i].value);
        assert_false(c.failed);
        for (size_t cut = 0; cut < cases[i].len; cut++) {
            c = cursor_over((struct slice){ cases[i].bytes, cut });
            assert_int_equal(cursor_lenenc(&c), 0);
            assert_true(c.failed);
        }
    }
    static const uint8_t refused[] = { 0xfb, 0xff };
    for (size_t i = 0; i < sizeof refused; i++) {
        uint8_t       bytes[9] = { refused[i], 1, 1, 1, 1, 1, 1, 1, 1 };
        struct cursor c = cursor_over((struct slice){ bytes, sizeof bytes });
        assert_int_equal(cursor_lenenc(&c), 0);
        assert_true(c.failed);
    }
}

static void a_length_beyond_the_end_gives_nothing(void **state)
{
    (void)state;
    struct cursor c = cursor_over((struct slice){ (const uint8_t *)"\3abcd", 5 });
    assert_true(slice_equal(cursor_lenenc_slice(&c), slice_of_text("abc")));
    assert_int_equal(c.left, 1);
    c = cursor_over((struct slice){ (const uint8_t *)"\5abcd", 5 });
    assert_int_equal(cursor_lenenc_slice(&c).len, 0);
    assert_true(c.failed);
    uint8_t huge[9] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    c = cursor_over((struct slice){ huge, sizeof huge });
    assert_int_equal(cursor_lenenc_slice(&c).len, 0);
    assert_true(c.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_every_width_are_read),
        cmocka_unit_test(failure_is_sticky_and_reads_zero),
        cmocka_unit_test(slices_never_reach_past_the_end),
        cmocka_unit_test(a_text_ends_at_its_zero_byte),
        cmocka_unit_test(length_encoded_integers_of_every_form_are_read),
        cmocka_unit_test(a_length_beyond_the_end_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
