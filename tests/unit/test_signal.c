#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "publisher/snapshot/signal.h"

static int read_it(const char *type, const char *data, struct signal *s, struct err *e)
{
    return signal_read(slice_of_text("ad-hoc-1"), slice_of_text(type), slice_of_text(data), s, e);
}

static void a_snapshot_is_asked_for_as_debezium_documents_it(void **state)
{
    (void)state;
    struct signal s;
    struct err    e = { 0 };

    assert_int_equal(
        read_it("execute-snapshot",
                "{\"data-collections\": [\"shop.orders\", \"shop\\\\.i.*\"], \"type\": "
                "\"INCREMENTAL\", \"additional-conditions\": [{\"data-collection\": "
                "\"shop.orders\", \"filter\": \"id > 7\"}], \"surrogate-key\": \"n\"}",
                &s, &e),
        0);
    assert_int_equal(s.kind, SIGNAL_EXECUTE);
    assert_string_equal(s.id, "ad-hoc-1");
    assert_false(s.is_blocking);
    assert_int_equal(s.collection_count, 2);
    assert_string_equal(s.collections[1], "shop\\.i.*");
    assert_int_equal(s.condition_count, 1);
    assert_string_equal(s.conditions[0].filter, "id > 7");
    assert_string_equal(s.surrogate, "n");
    signal_done(&s);
    assert_int_equal(read_it("execute-snapshot",
                             "{\"data-collections\":[\"a.b\"],\"type\":\"blocking\"}", &s, &e),
                     0);
    assert_true(s.is_blocking);
    assert_null(s.surrogate);
    signal_done(&s);
}

static void orders_need_no_data(void **state)
{
    (void)state;
    struct signal s;
    struct err    e = { 0 };

    assert_int_equal(read_it("pause-snapshot", "", &s, &e), 0);
    assert_int_equal(s.kind, SIGNAL_PAUSE);
    signal_done(&s);
    assert_int_equal(read_it("stop-snapshot", "{\"data-collections\":[\"a.b\"]}", &s, &e), 0);
    assert_int_equal(s.kind, SIGNAL_STOP);
    assert_int_equal(s.collection_count, 1);
    signal_done(&s);
    assert_int_equal(read_it("log", "{\"message\": \"here {}\"}", &s, &e), 0);
    assert_string_equal(s.message, "here {}");
    signal_done(&s);
    assert_int_equal(read_it("snapshot-window-open", "{", &s, &e), 0);
    assert_int_equal(s.kind, SIGNAL_OTHER);
    signal_done(&s);
}

static void what_is_wrong_with_a_signal_is_said(void **state)
{
    (void)state;
    struct signal s;
    struct err    e = { 0 };

    assert_int_equal(read_it("execute-snapshot", "", &s, &e), -1);
    assert_int_equal(read_it("execute-snapshot", "{}", &s, &e), -1);
    assert_non_null(strstr(e.text, "which tables"));
    assert_int_equal(read_it("execute-snapshot", "[1]", &s, &e), -1);
    assert_non_null(strstr(e.text, "no JSON object"));
    assert_int_equal(read_it("execute-snapshot", "{\"data-collections\":[1]}", &s, &e), -1);
    assert_int_equal(
        read_it("execute-snapshot", "{\"data-collections\":[\"a\"],\"type\":\"x\"}", &s, &e), -1);
    assert_int_equal(read_it("execute-snapshot",
                             "{\"data-collections\":[\"a\"],\"additional-conditions\":[{}]}", &s,
                             &e),
                     -1);
}

static void a_record_of_the_topic_holds_all_three(void **state)
{
    (void)state;
    struct signal s;
    struct err    e = { 0 };

    assert_int_equal(
        signal_read_record(slice_of_text("{\"id\":\"x\",\"type\":\"execute-snapshot\",\"data\":{"
                                         "\"data-collections\":[\"a.b\"]}}"),
                           &s, &e),
        0);
    assert_string_equal(s.id, "x");
    assert_string_equal(s.collections[0], "a.b");
    signal_done(&s);
    assert_int_equal(signal_read_record(slice_of_text("{\"id\":\"x\"}"), &s, &e), -1);
    assert_int_equal(signal_read_record(slice_of_text(""), &s, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_is_asked_for_as_debezium_documents_it),
        cmocka_unit_test(orders_need_no_data),
        cmocka_unit_test(what_is_wrong_with_a_signal_is_said),
        cmocka_unit_test(a_record_of_the_topic_holds_all_three),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
