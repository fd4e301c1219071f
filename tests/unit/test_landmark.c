/* What tells that all in front of a place of another server's binlog is held. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "relay/upstream/landmark.h"

#define A "11111111-1111-1111-1111-111111111111"
#define B "22222222-2222-2222-2222-222222222222"

static bool is_held(const char *in_front, const char *held_text)
{
    struct landmark m = { .file = "b.000001", .at = 5000 };
    struct gtids    held = { 0 };
    struct err      e = { 0 };
    bool            held_all = false;

    buf_init(&m.gtids, 1000);
    buf_put_text(&m.gtids, in_front);
    assert_int_equal(gtids_parse(&held, slice_of_text(held_text), &e), 0);
    assert_int_equal(landmark_is_held(&m, &held, NULL, &held_all, &e), 0);
    gtids_done(&held);
    landmark_done(&m);
    return held_all;
}

static void each_gtid_in_front_has_to_be_held(void **state)
{
    (void)state;
    assert_true(is_held(A ":1-5", A ":1-5"));
    assert_true(is_held(A ":1-5,\n" B ":7", A ":1-50," B ":1-9"));
    assert_false(is_held(A ":1-6", A ":1-5"));
    assert_false(is_held(A ":1-5," B ":1", A ":1-5"));
}

/* MySQL tells those of sessions that are about to commit behind the others, here put together. */
static void one_that_is_about_to_commit_has_to_be_held_too(void **state)
{
    (void)state;
    assert_false(is_held(A ":1-5," A ":6", A ":1-5"));
    assert_true(is_held(A ":1-5," A ":6", A ":1-6"));
}

static void of_mariadb_the_domain_has_to_have_got_as_far(void **state)
{
    (void)state;
    assert_true(is_held("0-1-5", "0-1-5"));
    assert_true(is_held("0-1-5,3-1-2", "0-1-9,3-1-2"));
    assert_false(is_held("0-1-6", "0-1-5"));
    assert_false(is_held("0-1-5,3-1-2", "0-1-5"));
    assert_false(is_held("0-1-5,0-2-6", "0-1-5"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_gtid_in_front_has_to_be_held),
        cmocka_unit_test(one_that_is_about_to_commit_has_to_be_held_too),
        cmocka_unit_test(of_mariadb_the_domain_has_to_have_got_as_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
