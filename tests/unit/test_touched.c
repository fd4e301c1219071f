#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "publisher/snapshot/touched.h"

static void a_key_is_found_again_by_its_bytes_alone(void **state)
{
    (void)state;
    struct touched t;

    touched_init(&t, 1 << 20);
    assert_false(touched_has(&t, slice_of_text("a")));
    touched_add(&t, slice_of_text("a"));
    touched_add(&t, slice_of_text(""));
    touched_add(&t, slice_of_text("a"));
    assert_int_equal(t.count, 2);
    assert_true(touched_has(&t, slice_of_text("a")));
    assert_true(touched_has(&t, slice_of_text("")));
    assert_false(touched_has(&t, slice_of_text("A")));
    touched_clear(&t);
    assert_false(touched_has(&t, slice_of_text("a")));
    touched_done(&t);
}

static void many_keys_are_all_found(void **state)
{
    (void)state;
    enum { KEYS = 20000 };
    struct touched t;
    char           key[32];

    touched_init(&t, 64 << 20);
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(key, sizeof key, "{\"id\":%d}", i * 2);
        touched_add(&t, slice_of_text(key));
    }
    assert_int_equal(t.count, KEYS);
    for (int i = 0; i < 2 * KEYS; i++) {
        (void)snprintf(key, sizeof key, "{\"id\":%d}", i);
        assert_int_equal(touched_has(&t, slice_of_text(key)), i % 2 == 0);
    }
    assert_false(t.is_over);
    touched_done(&t);
}

static void that_more_was_touched_than_is_kept_is_known(void **state)
{
    (void)state;
    struct touched t;

    touched_init(&t, 64);
    for (int i = 0; i < 3; i++)
        touched_add(&t, slice_of_text("0123456789"));
    assert_false(t.is_over);
    for (char c = 'a'; c < 'g'; c++)
        touched_add(&t, (struct slice){ (const uint8_t *)&c, 1 });
    assert_true(t.is_over);
    assert_true(touched_has(&t, slice_of_text("0123456789")));
    touched_clear(&t);
    assert_false(t.is_over);
    touched_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_found_again_by_its_bytes_alone),
        cmocka_unit_test(many_keys_are_all_found),
        cmocka_unit_test(that_more_was_touched_than_is_kept_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
