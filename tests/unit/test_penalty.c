/* Failed logins are answered later and later, within a table of fixed size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "relay/downstream/meter.h"
#include "relay/downstream/penalty.h"

static struct penalty *make(void)
{
    struct penalty *p = NULL;
    struct err      e = { 0 };
    assert_int_equal(penalty_new(&p, &e), 0);
    return p;
}

static void each_failure_costs_more_up_to_a_bound(void **state)
{
    (void)state;
    static const uint32_t expected[] = { 0, 250, 500, 1000, 2000, 4000, 8000, 8000 };
    struct penalty       *p = make();
    struct penalty_counts n;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_int_equal(penalty_failed_ms(p, "10.0.0.1"), expected[i]);
        penalty_over(p, "10.0.0.1");
    }
    assert_int_equal(penalty_failed_ms(p, "10.0.0.2"), 0); /* others are not held for it */
    penalty_counts(p, &n);
    assert_int_equal(n.failed, sizeof expected / sizeof expected[0] + 1);
    assert_int_equal(n.addresses, 1);
    penalty_free(p);
}

static void too_many_that_wait_block_their_address_until_one_is_over(void **state)
{
    (void)state;
    struct penalty       *p = make();
    struct penalty_counts n;
    assert_int_equal(penalty_failed_ms(p, "fd00::1"), 0);
    for (int i = 0; i < PENALTY_WAITING_MAX; i++) {
        assert_int_equal(penalty_blocked_ms(p, "fd00::1"), 0);
        assert_true(penalty_failed_ms(p, "fd00::1") > 0);
    }
    assert_true(penalty_blocked_ms(p, "fd00::1") > 0);
    assert_true(penalty_blocked_ms(p, "fd00::2:3") > 0); /* the same customer's */
    assert_int_equal(penalty_blocked_ms(p, "fd00:0:0:1::1"), 0);
    assert_int_equal(penalty_blocked_ms(p, "10.0.0.1"), 0);
    penalty_over(p, "fd00::1");
    assert_int_equal(penalty_blocked_ms(p, "fd00::1"), 0);
    penalty_counts(p, &n);
    assert_int_equal(n.blocked, 2);
    penalty_free(p);
}

static void a_crowd_does_not_push_out_the_worst(void **state)
{
    (void)state;
    struct penalty *p = make();
    char            host[64];
    for (int i = 0; i < 8; i++)
        if (penalty_failed_ms(p, "10.0.0.1") > 0)
            penalty_over(p, "10.0.0.1");
    for (int i = 0; i < 100000; i++) {
        (void)snprintf(host, sizeof host, "11.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        if (penalty_failed_ms(p, host) > 0)
            penalty_over(p, host);
    }
    assert_int_equal(penalty_failed_ms(p, "10.0.0.1"), PENALTY_MOST_MS);
    penalty_free(p);
}

static void streams_of_a_user_share_its_bandwidth(void **state)
{
    (void)state;
    struct meter  m = { 0 };
    const int64_t s = 1000 * 1000 * 1000;
    int64_t       now = 100 * s;
    assert_int_equal(meter_charge(&m, 1000000, 0, now), 0); /* no limit */
    assert_int_equal(meter_charge(&m, 1250, 1000, now), s); /* after what a late timer may lose */
    assert_int_equal(meter_charge(&m, 500, 1000, now), 3 * s / 2);
    assert_int_equal(meter_charge(&m, 500, 1000, now + 2 * s), s / 4);
    assert_int_equal(meter_portion(0, 4096), 4096);
    assert_int_equal(meter_portion(8000, 4096), 1000);
    assert_int_equal(meter_portion(1 << 30, 4096), 4096);
    assert_int_equal(meter_portion(1024, 4096), 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failure_costs_more_up_to_a_bound),
        cmocka_unit_test(too_many_that_wait_block_their_address_until_one_is_over),
        cmocka_unit_test(a_crowd_does_not_push_out_the_worst),
        cmocka_unit_test(streams_of_a_user_share_its_bandwidth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
