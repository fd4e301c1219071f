#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tools/binrelay/answer.h"

static const char sample[] = "{\"name\":\"a\",\"big\":18446744073709551615,\"minus\":-3,"
                             "\"yes\":true,\"none\":null,\"list\":[1,{\"x\":\"y\"}]}";

static void members_read_as_what_they_are(void **state)
{
    (void)state;
    struct err          e = { 0 };
    struct json_object *a = NULL;
    assert_int_equal(answer_parse(slice_of_text(sample), &a, &e), 0);
    assert_string_equal(answer_text(a, "name"), "a");
    assert_true(answer_uint(a, "big") == UINT64_MAX);
    assert_int_equal(answer_int(a, "minus"), -3);
    assert_true(answer_flag(a, "yes"));
    struct json_object *list = answer_member(a, "list");
    assert_int_equal(answer_count(list), 2);
    assert_string_equal(answer_text(answer_item(list, 1), "x"), "y");
    answer_free(a);
}

static void what_is_missing_or_of_another_kind_reads_as_nothing(void **state)
{
    (void)state;
    struct err          e = { 0 };
    struct json_object *a = NULL;
    assert_int_equal(answer_parse(slice_of_text(sample), &a, &e), 0);
    assert_false(answer_has(a, "none"));
    assert_false(answer_has(a, "absent"));
    assert_string_equal(answer_text(a, "big"), "");
    assert_int_equal(answer_int(a, "name"), 0);
    assert_false(answer_flag(a, "name"));
    assert_int_equal(answer_count(a), 0);
    assert_null(answer_item(answer_member(a, "list"), 2));
    assert_null(answer_member(answer_member(a, "absent"), "deeper"));
    answer_free(a);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof sample - 1; len++) {
        struct err          e = { 0 };
        struct json_object *a = NULL;
        struct slice        cut = { (const uint8_t *)sample, len };
        assert_int_equal(answer_parse(cut, &a, &e), -1);
        assert_int_equal(e.kind, E_PROTOCOL);
        assert_null(a);
    }
}

static void no_flipped_byte_does_harm(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof sample - 1; at++) {
        for (int bit = 0; bit < 8; bit++) {
            char                text[sizeof sample];
            struct err          e = { 0 };
            struct json_object *a = NULL;
            memcpy(text, sample, sizeof sample);
            text[at] = (char)(text[at] ^ (1 << bit));
            if (answer_parse((struct slice){ (const uint8_t *)text, sizeof sample - 1 }, &a, &e) ==
                0)
                (void)answer_text(a, "name");
            answer_free(a);
        }
    }
}

static void nesting_has_a_bound(void **state)
{
    (void)state;
    struct err          e = { 0 };
    struct json_object *a = NULL;
    char                deep[1000];
    memset(deep, '[', sizeof deep);
    assert_int_equal(answer_parse((struct slice){ (const uint8_t *)deep, sizeof deep }, &a, &e),
                     -1);
}

static void put_name(void *arg, const char *name, struct json_object *value)
{
    struct buf *out = arg;
    buf_printf(out, "%s=", name);
    answer_put(value, out);
    buf_put_u8(out, ';');
}

static void members_come_in_their_order(void **state)
{
    (void)state;
    struct err          e = { 0 };
    struct json_object *a = NULL;
    struct buf          out;
    buf_init(&out, 1000);
    assert_int_equal(answer_parse(slice_of_text("{\"b\":1,\"a\":null,\"c\":\"x/y\"}"), &a, &e), 0);
    answer_each(a, put_name, &out);
    assert_string_equal(buf_text(&out), "b=1;a=null;c=\"x/y\";");
    buf_done(&out);
    answer_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_read_as_what_they_are),
        cmocka_unit_test(what_is_missing_or_of_another_kind_reads_as_nothing),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(no_flipped_byte_does_harm),
        cmocka_unit_test(nesting_has_a_bound),
        cmocka_unit_test(members_come_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
