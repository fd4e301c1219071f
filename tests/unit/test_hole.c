#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "storage/hole.h"

static void a_hole_is_a_whole_event_of_the_length_asked_for(void **state)
{
    (void)state;
    for (int crc = 0; crc < 2; crc++) {
        uint32_t lengths[] = { crc ? 23 : 19, hole_start_encryption_bytes(crc != 0), 5000 };
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            struct err   e = { 0 };
            struct event ev;
            struct buf   b;
            buf_init(&b, 8192);
            hole_put(&b, lengths[i], 70000, crc != 0);
            assert_int_equal(buf_check(&b, "a hole", &e), 0);
            assert_int_equal(event_parse(buf_slice(&b), crc != 0, &ev, &e), 0);
            assert_int_equal(ev.length, lengths[i]);
            assert_int_equal(ev.source_end, 70000);
            assert_true(hole_is(&ev));
            if (crc)
                assert_int_equal(event_verify(buf_slice(&b), &e), 0);
            buf_done(&b);
        }
    }
}

static void the_size_of_start_encryption_is_mariadbs(void **state)
{
    (void)state;
    assert_int_equal(hole_start_encryption_bytes(true), 40);
    assert_int_equal(hole_start_encryption_bytes(false), 36);
}

static void an_ignorable_event_of_a_server_is_no_hole(void **state)
{
    (void)state;
    struct event ev = { .type = EVENT_IGNORABLE, .flags = EVENT_FLAG_IGNORABLE, .server_id = 1 };
    assert_false(hole_is(&ev));
    ev.server_id = 0;
    assert_true(hole_is(&ev));
    ev.timestamp_s = 1;
    assert_false(hole_is(&ev));
    ev.timestamp_s = 0;
    ev.type = EVENT_ROWS_QUERY;
    assert_false(hole_is(&ev));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hole_is_a_whole_event_of_the_length_asked_for),
        cmocka_unit_test(the_size_of_start_encryption_is_mariadbs),
        cmocka_unit_test(an_ignorable_event_of_a_server_is_no_hole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
