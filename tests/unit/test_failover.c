/* When the relay goes over to another source by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "relay/failover.h"

static const struct sources_policy automatic = { .failover = FAILOVER_AUTO,
                                                 .after_s = 10,
                                                 .fence_s = 600 };

static void it_is_confirmed_after_the_configured_time_and_not_before(void **state)
{
    (void)state;
    struct failover f = { 0 };

    assert_int_equal(failover_look(&f, &automatic, true, 0, 5000), FAILOVER_WAIT);
    assert_int_equal(failover_look(&f, &automatic, true, 0, 14999), FAILOVER_WAIT);
    assert_int_equal(failover_look(&f, &automatic, true, 0, 15000), FAILOVER_CONFIRM);
    /* One answer, and the time begins anew. */
    failover_forget(&f);
    assert_int_equal(failover_look(&f, &automatic, true, 0, 16000), FAILOVER_WAIT);
    assert_int_equal(failover_look(&f, &automatic, false, 0, 20000), FAILOVER_WAIT);
    assert_int_equal(failover_look(&f, &automatic, true, 0, 27000), FAILOVER_WAIT);
    assert_int_equal(failover_look(&f, &automatic, true, 0, 37000), FAILOVER_CONFIRM);
}

static void the_time_counts_from_the_last_byte_that_came(void **state)
{
    (void)state;
    struct failover f = { 0 };

    assert_int_equal(failover_look(&f, &automatic, true, 9000, 50000), FAILOVER_WAIT);
    assert_int_equal(failover_look(&f, &automatic, true, 9900, 50900), FAILOVER_WAIT);
    assert_int_equal(failover_look(&f, &automatic, true, 10000, 51000), FAILOVER_CONFIRM);
    failover_forget(&f);
    assert_int_equal(failover_look(&f, &automatic, true, 15000, 60000), FAILOVER_CONFIRM);
}

static void nothing_is_done_where_a_person_decides(void **state)
{
    (void)state;
    struct failover       f = { 0 };
    struct sources_policy manual = automatic;

    manual.failover = FAILOVER_MANUAL;
    assert_int_equal(failover_look(&f, &manual, true, 0, 1), FAILOVER_WAIT);
    assert_int_equal(failover_look(&f, &manual, true, 0, 1000000), FAILOVER_WAIT);
    /* What was so under another policy does not count. */
    assert_int_equal(failover_look(&f, &automatic, true, 0, 1000001), FAILOVER_WAIT);
}

static void a_switch_fences_off_the_next_one(void **state)
{
    (void)state;
    struct sources_change last = { 0 };

    assert_int_equal(failover_fenced_until(&automatic, &last, 1000), 0);
    last.at_s = 1000;
    assert_int_equal(failover_fenced_until(&automatic, &last, 1001), 1600);
    assert_int_equal(failover_fenced_until(&automatic, &last, 1599), 1600);
    assert_int_equal(failover_fenced_until(&automatic, &last, 1600), 0);
}

static void only_a_fit_primary_or_the_most_advanced_replica_is_taken(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 32; bits++) {
        struct failover_candidate c = { .fit = bits & 1,
                                        .writable = bits & 2,
                                        .highest = bits & 4,
                                        .behind = bits & 8,
                                        .curable = bits & 16 };
        bool                      good = c.fit && (c.writable || c.highest);
        if (c.behind && !c.curable)
            good = false;
        assert_int_equal(failover_accepts(&c), good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_confirmed_after_the_configured_time_and_not_before),
        cmocka_unit_test(the_time_counts_from_the_last_byte_that_came),
        cmocka_unit_test(nothing_is_done_where_a_person_decides),
        cmocka_unit_test(a_switch_fences_off_the_next_one),
        cmocka_unit_test(only_a_fit_primary_or_the_most_advanced_replica_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
