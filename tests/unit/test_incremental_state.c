#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "publisher/snapshot/incremental_state.h"

static void a_state_comes_back_as_it_was_kept(void **state)
{
    (void)state;
    struct incremental_state s, again;
    struct incremental_wish  t = { .database = "shop", .table = "o\"r\nd", .id = "7" };
    const char              *key[CHUNK_KEYS_MAX] = { "5", "_utf8mb4 x'C3A9'" };
    struct err               e = { 0 };
    struct buf               first, second;

    incremental_state_init(&s);
    assert_int_equal(incremental_state_add(&s, &t, &e), 0);
    t.condition = "a > 'x'";
    t.surrogate = "n";
    assert_int_equal(incremental_state_add(&s, &t, &e), 0);
    assert_int_equal(incremental_state_set_key(s.behind, key, &e), 0);
    s.paused = true;
    s.rows = 12;
    assert_int_equal(incremental_state_order(&s, slice_of_text("x"), slice_of_text("log"),
                                             slice_of_text("{\"message\":\"\"}"), &e),
                     0);
    buf_init(&first, INCREMENTAL_STATE_BYTES_MAX);
    buf_init(&second, INCREMENTAL_STATE_BYTES_MAX);
    incremental_state_put(&s, &first);
    assert_null(memchr(first.ptr, '\n', first.len));
    assert_int_equal(incremental_state_read(buf_slice(&first), &again, &e), 0);
    incremental_state_put(&again, &second);
    assert_string_equal(buf_text(&first), buf_text(&second));
    assert_string_equal(again.behind[1], key[1]);
    assert_null(again.behind[2]);
    assert_null(again.upto[0]);
    assert_null(again.tables[0].condition);
    assert_string_equal(again.orders[0].data, "{\"message\":\"\"}");
    incremental_state_forget_order(&again);
    assert_int_equal(again.order_count, 0);
    assert_string_equal(again.tables[1].condition, "a > 'x'");
    buf_done(&first);
    buf_done(&second);
    incremental_state_done(&s);
    incremental_state_done(&again);
}

static void the_next_table_begins_at_its_first_row(void **state)
{
    (void)state;
    struct incremental_state s;
    struct incremental_wish  t = { .database = "shop", .table = "a", .id = "" };
    const char              *key[CHUNK_KEYS_MAX] = { "5" };
    struct err               e = { 0 };

    incremental_state_init(&s);
    assert_int_equal(incremental_state_add(&s, &t, &e), 0);
    t.table = "b";
    assert_int_equal(incremental_state_add(&s, &t, &e), 0);
    t.table = "c";
    assert_int_equal(incremental_state_add(&s, &t, &e), 0);
    assert_int_equal(incremental_state_set_key(s.behind, key, &e), 0);
    s.rows = 4;
    incremental_state_drop(&s, 1);
    assert_string_equal(s.behind[0], "5");
    assert_int_equal(s.rows, 4);
    incremental_state_drop(&s, 0);
    assert_string_equal(s.tables[0].table, "c");
    assert_null(s.behind[0]);
    assert_int_equal(s.rows, 0);
    incremental_state_done(&s);
}

static void what_is_no_state_is_refused(void **state)
{
    (void)state;
    struct incremental_state s;
    struct err               e = { 0 };

    assert_int_equal(incremental_state_read(slice_of_text("{"), &s, &e), -1);
    assert_int_equal(incremental_state_read(slice_of_text("[]"), &s, &e), -1);
    assert_int_equal(incremental_state_read(slice_of_text("{\"tables\":[{}]}"), &s, &e), -1);
    assert_int_equal(incremental_state_read(slice_of_text("{}"), &s, &e), 0);
    assert_int_equal(s.count, 0);
    incremental_state_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_comes_back_as_it_was_kept),
        cmocka_unit_test(the_next_table_begins_at_its_first_row),
        cmocka_unit_test(what_is_no_state_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
