#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "publisher/fields/document.h"

static int put(const uint8_t *bytes, size_t n, struct buf *out)
{
    /* A copy of exactly this size, so that a sanitizer sees a read behind it. */
    struct err e = { 0 };
    uint8_t   *copy = malloc(n > 0 ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    buf_clear(out);
    int result = document_put_text((struct slice){ copy, n }, out, &e);
    assert_int_equal(e.kind, result == 0 ? E_OK : E_PROTOCOL);
    free(copy);
    return result;
}

static void check(const uint8_t *bytes, size_t n, const char *text)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(put(bytes, n, &out), 0);
    assert_string_equal(buf_text(&out), text);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(put(bytes, cut, &out), -1);
    for (size_t flip = 0; flip < n; flip++) {
        uint8_t changed[256];
        assert_true(n <= sizeof changed);
        memcpy(changed, bytes, n);
        changed[flip] ^= 0xff;
        (void)put(changed, n, &out);
    }
    buf_done(&out);
}
#define CHECK(text, ...)                                                                           \
    check((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }), text)

static void scalars_come_as_json(void **state)
{
    (void)state;
    CHECK("null", 4, 0);
    CHECK("true", 4, 1);
    CHECK("false", 4, 2);
    CHECK("-2", 5, 0xfe, 0xff);
    CHECK("65534", 6, 0xfe, 0xff);
    CHECK("-1", 7, 0xff, 0xff, 0xff, 0xff);
    CHECK("18446744073709551615", 0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    CHECK("1.5", 0x0b, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f);
    CHECK("10000000", 0x0b, 0, 0, 0, 0, 0xd0, 0x12, 0x63, 0x41);
    CHECK("\"a\\\"\\n\\u0001\"", 0x0c, 4, 'a', '"', '\n', 1);
}

static void objects_and_arrays_keep_their_order(void **state)
{
    (void)state;
    CHECK("{}", 0, 0, 0, 4, 0);
    CHECK("[]", 2, 0, 0, 4, 0);
    CHECK("{\"a\":1,\"b\":\"xy\"}", 0, 2, 0, 23, 0, 18, 0, 1, 0, 19, 0, 1, 0, 5, 1, 0, 0x0c, 20, 0,
          'a', 'b', 2, 'x', 'y');
    CHECK("[true,[-1]]", 2, 2, 0, 17, 0, 4, 1, 0, 2, 10, 0, 1, 0, 7, 0, 5, 0xff, 0xff);
}

static void sql_values_inside_come_as_texts(void **state)
{
    (void)state;
    CHECK("12.340", 0x0f, 246, 7, 5, 3, 0x8c, 0x01, 0x54, 0, 0);
    CHECK("\"YWI=\"", 0x0f, 254, 2, 'a', 'b');
}

static void levels_have_a_bound(void **state)
{
    (void)state;
    enum { LEVELS = 1000, BYTES = 7 };
    static uint8_t nested[1 + LEVELS * BYTES + 4];
    struct buf     out;

    nested[0] = 2;
    for (size_t i = 0; i < LEVELS; i++) {
        size_t  left = sizeof nested - 1 - i * BYTES;
        uint8_t level[BYTES] = { 1, 0, (uint8_t)left, (uint8_t)(left >> 8), 2, BYTES, 0 };
        memcpy(nested + 1 + i * BYTES, level, BYTES);
    }
    nested[sizeof nested - 2] = 4;
    buf_init(&out, 1 << 20);
    assert_int_equal(put(nested, sizeof nested, &out), -1);
    buf_done(&out);
}

/* Every level names the next one twice: 2^40 values in a few hundred bytes. */
static void parts_that_lie_in_one_another_are_refused(void **state)
{
    (void)state;
    enum { LEVELS = 40, BYTES = 10 };
    static uint8_t bomb[1 + LEVELS * BYTES + 4];
    struct buf     out;

    bomb[0] = 2;
    for (size_t i = 0; i < LEVELS; i++) {
        size_t  left = sizeof bomb - 1 - i * BYTES;
        uint8_t level[BYTES] = {
            2, 0, (uint8_t)left, (uint8_t)(left >> 8), 2, BYTES, 0, 2, BYTES, 0
        };
        memcpy(bomb + 1 + i * BYTES, level, BYTES);
    }
    bomb[sizeof bomb - 2] = 4;
    buf_init(&out, 1 << 30);
    assert_int_equal(put(bomb, sizeof bomb, &out), -1);
    assert_true(out.len < 10000);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_come_as_json),
        cmocka_unit_test(objects_and_arrays_keep_their_order),
        cmocka_unit_test(sql_values_inside_come_as_texts),
        cmocka_unit_test(levels_have_a_bound),
        cmocka_unit_test(parts_that_lie_in_one_another_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
