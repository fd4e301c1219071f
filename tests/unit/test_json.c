#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "protocol/base/json.h"

static void assert_text_becomes(struct slice text, const char *expected)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    struct json j = json_into(&b);
    json_text_slice(&j, text);
    assert_string_equal(buf_text(&b), expected);
    buf_done(&b);
}
#define BECOMES(text, expected)                                                                    \
    assert_text_becomes((struct slice){ (const uint8_t *)(text), sizeof(text) - 1 }, expected)

static void separators_are_kept_right(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    struct json j = json_into(&b);
    json_open_object(&j);
    json_name(&j, "a");
    json_int(&j, -1);
    json_name(&j, "b");
    json_open_array(&j);
    json_null(&j);
    json_bool(&j, true);
    json_open_object(&j);
    json_close_object(&j);
    json_open_array(&j);
    json_close_array(&j);
    json_bool(&j, false);
    json_close_array(&j);
    json_name_slice(&j, slice_of_text("c"));
    json_raw(&j, slice_of_text("1.0E10"));
    json_name(&j, "d");
    json_text(&j, "x");
    json_close_object(&j);
    assert_string_equal(buf_text(&b),
                        "{\"a\":-1,\"b\":[null,true,{},[],false],\"c\":1.0E10,\"d\":\"x\"}");
    buf_done(&b);
}

static void integers_of_both_kinds_are_written_whole(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    struct json j = json_into(&b);
    json_open_array(&j);
    json_int(&j, INT64_MIN);
    json_int(&j, INT64_MAX);
    json_uint(&j, 0);
    json_uint(&j, (uint64_t)INT64_MAX + 1);
    json_uint(&j, UINT64_MAX);
    json_close_array(&j);
    assert_string_equal(buf_text(&b), "[-9223372036854775808,9223372036854775807,0,"
                                      "9223372036854775808,18446744073709551615]");
    buf_done(&b);
}

static void texts_are_escaped_as_jackson_does(void **state)
{
    (void)state;
    BECOMES("", "\"\"");
    BECOMES("plain / 'text' \x7f", "\"plain / 'text' \x7f\"");
    BECOMES("\"\\", "\"\\\"\\\\\"");
    BECOMES("\b\t\n\f\r", "\"\\b\\t\\n\\f\\r\"");
    BECOMES("\0\x01\x0b\x1f", "\"\\u0000\\u0001\\u000B\\u001F\"");
    BECOMES("a\nb\nc", "\"a\\nb\\nc\"");
}

static void valid_utf8_stays_but_for_pairs_of_surrogates(void **state)
{
    (void)state;
    BECOMES("\xc2\x80 \xdf\xbf", "\"\xc2\x80 \xdf\xbf\"");
    BECOMES("\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf",
            "\"\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf\"");
    BECOMES("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf", "\"\\uD800\\uDC00 \\uDBFF\\uDFFF\"");
}

#define BAD "\xef\xbf\xbd" /* U+FFFD */

/* What `new String(bytes, UTF_8)` of Java 17 gave for each. */
static void broken_utf8_is_replaced_as_java_does(void **state)
{
    (void)state;
    BECOMES("a\xff"
            "b",
            "\"a" BAD "b\"");
    BECOMES("\x80", "\"" BAD "\"");
    BECOMES("\xc0\xaf", "\"" BAD BAD "\"");                 /* overlong */
    BECOMES("\xe0\x80\xaf", "\"" BAD BAD BAD "\"");         /* overlong */
    BECOMES("\xed\xa0\x80", "\"" BAD "\"");                 /* a surrogate */
    BECOMES("\xed\xa0", "\"" BAD "\"");                     /* cut */
    BECOMES("\xf5\x80\x80\x80", "\"" BAD BAD BAD BAD "\""); /* above U+10FFFF */
    BECOMES("\xf4\x90\x80\x80"
            "A",
            "\"" BAD BAD BAD BAD "A\""); /* above U+10FFFF */
    BECOMES("\xc3(", "\"" BAD "(\"");
    BECOMES("\xe2\x82"
            "a",
            "\"" BAD "a\"");
    BECOMES("\xf0\x90\x80"
            "a",
            "\"" BAD "a\"");
    BECOMES("\xf0\xe2\x82\xac", "\"" BAD "\xe2\x82\xac\"");
    BECOMES("\xe2\x82\x82\xe2", "\"\xe2\x82\x82" BAD "\"");
    /* A sequence cut by the end must not take what is behind it. */
    static const uint8_t cut[] = { 'a', 0xe2, 0x82, 0xac };
    assert_text_becomes((struct slice){ cut, 2 }, "\"a" BAD "\"");
    assert_text_becomes((struct slice){ cut, 3 }, "\"a" BAD "\"");
    assert_text_becomes((struct slice){ cut, 4 }, "\"a\xe2\x82\xac\"");
}

static void a_bound_stops_it_like_any_buffer(void **state)
{
    (void)state;
    struct buf b;
    struct err e = { 0 };
    buf_init(&b, 8);
    struct json j = json_into(&b);
    json_text(&j, "0123456789");
    assert_int_equal(buf_check(&b, "json", &e), -1);
    assert_int_equal(e.kind, E_LIMIT);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separators_are_kept_right),
        cmocka_unit_test(integers_of_both_kinds_are_written_whole),
        cmocka_unit_test(texts_are_escaped_as_jackson_does),
        cmocka_unit_test(valid_utf8_stays_but_for_pairs_of_surrogates),
        cmocka_unit_test(broken_utf8_is_replaced_as_java_does),
        cmocka_unit_test(a_bound_stops_it_like_any_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
