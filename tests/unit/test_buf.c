#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "protocol/base/buf.h"

static void assert_content(const struct buf *b, const void *bytes, size_t len)
{
    assert_int_equal(b->len, len);
    assert_memory_equal(buf_slice(b).ptr, bytes, len);
}

static void what_is_put_stands_in_order(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    buf_put_u8(&b, 7);
    buf_put_le(&b, 0x010203, 3);
    buf_put_text(&b, "ab");
    buf_put(&b, (struct slice){ (const uint8_t *)"c\0d", 3 });
    buf_put_lenenc_slice(&b, slice_of_text("xyz"));
    assert_content(&b,
                   "\x07\x03\x02\x01"
                   "abc\0d\3xyz",
                   13);
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    buf_done(&b);
}

static void lenenc_takes_the_shortest_form(void **state)
{
    (void)state;
    static const struct {
        uint64_t    value;
        const char *bytes;
        size_t      len;
    } cases[] = {
        { 0, "\x00", 1 },
        { 250, "\xfa", 1 },
        { 251, "\xfc\xfb\x00", 3 },
        { 0xffff, "\xfc\xff\xff", 3 },
        { 0x10000, "\xfd\x00\x00\x01", 4 },
        { 0xffffff, "\xfd\xff\xff\xff", 4 },
        { 0x1000000, "\xfe\x00\x00\x00\x01\x00\x00\x00\x00", 9 },
        { UINT64_MAX, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff", 9 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf b;
        buf_init(&b, 100);
        buf_put_lenenc(&b, cases[i].value);
        assert_content(&b, cases[i].bytes, cases[i].len);
        struct cursor c = cursor_over(buf_slice(&b));
        assert_true(cursor_lenenc(&c) == cases[i].value);
        assert_int_equal(c.left, 0);
        buf_done(&b);
    }
}

static void decimals_are_those_of_printf(void **state)
{
    (void)state;
    static const int64_t values[] = { 0,     1,  -1,  9,         10,        -10,
                                      12345, 99, 100, INT64_MAX, INT64_MIN, INT32_MIN };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct buf b;
        struct buf printed;
        buf_init(&b, 100);
        buf_init(&printed, 100);
        buf_put_decimal(&b, values[i]);
        buf_printf(&printed, "%lld", (long long)values[i]);
        assert_string_equal(buf_text(&b), buf_text(&printed));
        buf_done(&b);
        buf_done(&printed);
    }
}

static void it_grows_to_its_bound_and_not_past_it(void **state)
{
    (void)state;
    static const size_t bounds[] = { 0, 1, 255, 256, 257, 1000, 70000 };
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        struct buf b;
        struct err e = { 0 };
        buf_init(&b, bounds[i]);
        for (size_t n = 0; n < bounds[i]; n++)
            buf_put_u8(&b, (uint8_t)n);
        assert_int_equal(buf_check(&b, "it", &e), 0);
        assert_int_equal(b.len, bounds[i]);
        for (size_t n = 0; n < bounds[i]; n++)
            assert_int_equal(b.ptr[n], (uint8_t)n);
        buf_put_u8(&b, 1);
        assert_int_equal(buf_check(&b, "it", &e), -1);
        assert_int_equal(e.kind, E_LIMIT);
        assert_int_equal(b.len, bounds[i]);
        buf_done(&b);
    }
}

static void failure_is_sticky_until_cleared(void **state)
{
    (void)state;
    struct buf b;
    struct err e = { 0 };
    buf_init(&b, 4);
    buf_put_text(&b, "abc");
    buf_put_text(&b, "de");
    buf_put_u8(&b, 'f'); /* it would fit, but the message is broken already */
    assert_int_equal(buf_check(&b, "message", &e), -1);
    assert_non_null(strstr(e.text, "message"));
    assert_string_equal(buf_text(&b), "abc");
    assert_null(buf_extend(&b, 1));
    buf_clear(&b);
    buf_put_text(&b, "de");
    assert_int_equal(buf_check(&b, "message", &e), 0);
    assert_string_equal(buf_text(&b), "de");
    buf_done(&b);
}

static void sizes_near_the_largest_do_not_wrap(void **state)
{
    (void)state;
    struct buf b;
    struct err e = { 0 };
    buf_init(&b, 1 << 20);
    buf_put_u8(&b, 1);
    assert_null(buf_extend(&b, SIZE_MAX));
    assert_int_equal(buf_check(&b, "it", &e), -1);
    buf_clear(&b);
    buf_put_u8(&b, 1);
    assert_null(buf_extend(&b, SIZE_MAX - 1));
    assert_int_equal(b.len, 1);
    buf_done(&b);
}

static void printf_needs_room_for_its_text_and_the_zero_byte_only(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 6);
    buf_printf(&b, "%s-%d", "ab", 12);
    assert_string_equal(buf_text(&b), "ab-12");
    assert_int_equal(b.len, 5);
    buf_done(&b);
}

static void an_empty_one_is_an_empty_slice_and_text(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_int_equal(buf_slice(&b).len, 0);
    assert_non_null(buf_slice(&b).ptr);
    assert_string_equal(buf_text(&b), "");
    buf_put(&b, slice_empty());
    assert_int_equal(b.len, 0);
    assert_int_equal(b.failed, BUF_FINE);
    buf_done(&b);
    buf_done(&(struct buf){ 0 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_stands_in_order),
        cmocka_unit_test(lenenc_takes_the_shortest_form),
        cmocka_unit_test(decimals_are_those_of_printf),
        cmocka_unit_test(it_grows_to_its_bound_and_not_past_it),
        cmocka_unit_test(failure_is_sticky_until_cleared),
        cmocka_unit_test(sizes_near_the_largest_do_not_wrap),
        cmocka_unit_test(printf_needs_room_for_its_text_and_the_zero_byte_only),
        cmocka_unit_test(an_empty_one_is_an_empty_slice_and_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
