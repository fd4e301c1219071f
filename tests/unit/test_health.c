/* How a server's GTIDs compare with what the relay holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "relay/upstream/health.h"

#define A "aaaaaaaa-0000-0000-0000-000000000001"
#define B "bbbbbbbb-0000-0000-0000-000000000002"

static enum health_standing compare(const char *held, const char *executed, const char *purged,
                                    struct health *h)
{
    struct gtids g[3] = { { { 0 }, { 0 } } };
    const char  *texts[3] = { held, executed, purged };
    struct err   e = { 0 };

    *h = (struct health){ 0 };
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(gtids_parse(&g[i], slice_of_text(texts[i]), &e), 0);
    assert_int_equal(health_compare(&g[0], &g[1], &g[2], h, &e), 0);
    for (size_t i = 0; i < 3; i++)
        gtids_done(&g[i]);
    return h->standing;
}

static void sets_say_who_lacks_what(void **state)
{
    (void)state;
    struct health h;

    assert_int_equal(compare(A ":1-10", A ":1-10", "", &h), HEALTH_EVEN);
    assert_int_equal(compare(A ":1-10", A ":1-12," B ":1", "", &h), HEALTH_EVEN);
    assert_int_equal(h.more, 3);
    assert_int_equal(compare(A ":1-10", A ":1-4:7-9," B ":1", "", &h), HEALTH_BEHIND);
    assert_int_equal(h.lacking, 3);
    assert_int_equal(h.more, 1);
    /* It has deleted what the relay has not got: following it would lose that. */
    assert_int_equal(compare(A ":1-10", A ":1-20", A ":1-12", &h), HEALTH_PURGED);
    assert_int_equal(compare(A ":1-10", A ":1-20", A ":1-10", &h), HEALTH_EVEN);
}

static void states_say_who_lacks_what(void **state)
{
    (void)state;
    struct health h;

    assert_int_equal(compare("0-1-10", "0-1-10", "", &h), HEALTH_EVEN);
    assert_int_equal(compare("0-1-10", "0-2-12,1-2-3", "", &h), HEALTH_EVEN);
    assert_int_equal(h.more, 5);
    assert_int_equal(compare("0-1-10,1-1-4", "0-1-7", "", &h), HEALTH_BEHIND);
    assert_int_equal(h.lacking, 7);
}

static void without_gtids_nothing_is_said(void **state)
{
    (void)state;
    struct health h;

    assert_int_equal(compare("", A ":1-10", "", &h), HEALTH_UNKNOWN);
    assert_int_equal(compare(A ":1-10", "", "", &h), HEALTH_UNKNOWN);
    assert_int_equal(compare("0-1-10", A ":1-3", "", &h), HEALTH_UNKNOWN);
    assert_int_equal(compare("", "", "", &h), HEALTH_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_say_who_lacks_what),
        cmocka_unit_test(states_say_who_lacks_what),
        cmocka_unit_test(without_gtids_nothing_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
