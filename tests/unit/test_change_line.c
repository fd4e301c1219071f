#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tools/binrelay/change_line.h"

static struct change_event change(const char *key, const char *value)
{
    return (struct change_event){ .topic = slice_of_text(CHANGE_LINE_PREFIX ".shop.orders"),
                                  .key = slice_of_text(key),
                                  .value = slice_of_text(value) };
}

static void check_text(const char *key, const char *value, const char *expected)
{
    struct err          e = { 0 };
    struct buf          out;
    struct change_event ev = change(key, value);
    buf_init(&out, 100000);
    if (change_line_put_text(&ev, &out, &e) != 0)
        fail_msg("%s", e.text);
    assert_string_equal(buf_text(&out), expected);
    buf_done(&out);
}

#define SOURCE "\"source\":{\"ts_ms\":1700000000123}"

static void an_insert_shows_the_new_row(void **state)
{
    (void)state;
    check_text("{\"id\":1}",
               "{\"before\":null,\"after\":{\"id\":1,\"item\":\"a b\",\"n\":null}," SOURCE
               ",\"op\":\"c\"}",
               "2023-11-14 22:13:20Z  insert     shop.orders  id=1 item=\"a b\" n=null\n");
}

static void an_update_shows_the_key_and_what_differs(void **state)
{
    (void)state;
    check_text(
        "{\"id\":1}",
        "{\"before\":{\"id\":1,\"n\":5,\"m\":null},\"after\":{\"id\":1,\"n\":6,\"m\":null}," SOURCE
        ",\"op\":\"u\"}",
        "2023-11-14 22:13:20Z  update     shop.orders  id=1  n: 5 -> 6\n");
}

static void a_delete_shows_the_old_row_and_a_tombstone_the_key(void **state)
{
    (void)state;
    check_text("{\"id\":1}",
               "{\"before\":{\"id\":1,\"n\":5},\"after\":null," SOURCE ",\"op\":\"d\"}",
               "2023-11-14 22:13:20Z  delete     shop.orders  id=1 n=5\n");
    check_text("{\"id\":1}", "", "                      tombstone  shop.orders  id=1\n");
}

static void a_table_without_a_key_is_shown_too(void **state)
{
    (void)state;
    check_text("", "{\"before\":{\"n\":5},\"after\":{\"n\":6}," SOURCE ",\"op\":\"u\"}",
               "2023-11-14 22:13:20Z  update     shop.orders   n: 5 -> 6\n");
}

static void no_control_character_of_a_row_reaches_the_terminal(void **state)
{
    (void)state;
    check_text("", "{\"before\":null,\"after\":{\"n\":\"\\u001b[2J\x7f\"}," SOURCE ",\"op\":\"c\"}",
               "2023-11-14 22:13:20Z  insert     shop.orders  n=\"\\u001b[2J?\"\n");
}

static void json_is_what_a_publisher_writes(void **state)
{
    (void)state;
    struct buf          out;
    struct change_event ev = change("{\"id\":1}", ""), keyless = change("", "{\"op\":\"c\"}");
    buf_init(&out, 100000);
    change_line_put_json(&ev, &out);
    change_line_put_json(&keyless, &out);
    assert_string_equal(
        buf_text(&out),
        "{\"topic\":\"binrelay.shop.orders\",\"key\":{\"id\":1},\"value\":null}\n"
        "{\"topic\":\"binrelay.shop.orders\",\"key\":null,\"value\":{\"op\":\"c\"}}\n");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_insert_shows_the_new_row),
        cmocka_unit_test(an_update_shows_the_key_and_what_differs),
        cmocka_unit_test(a_delete_shows_the_old_row_and_a_tombstone_the_key),
        cmocka_unit_test(a_table_without_a_key_is_shown_too),
        cmocka_unit_test(no_control_character_of_a_row_reaches_the_terminal),
        cmocka_unit_test(json_is_what_a_publisher_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
