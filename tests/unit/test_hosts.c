/* Host ranges of users. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "protocol/hosts.h"

static const struct {
    const char *list, *address;
    bool        allowed;
} cases[] = {
    { "", "10.1.2.3", true },
    { "%", "::1", true },
    { "%", "unknown", true },
    { "10.1.2.3", "10.1.2.3", true },
    { "10.1.2.3", "10.1.2.30", false },
    { "10.1.2.%", "10.1.2.30", true },
    { "10.1.2.%", "10.1.20.3", false },
    { "10.%.3", "10.1.2.3", true },
    { "10.%.3", "10.1.2.33", false },
    { "10.1.2._", "10.1.2.3", true },
    { "10.1.2._", "10.1.2.33", false },
    { "10.0.0.0/8", "10.255.0.1", true },
    { "10.0.0.0/8", "11.0.0.1", false },
    { "10.1.2.0/255.255.255.0", "10.1.2.77", true },
    { "10.1.2.0/255.255.255.0", "10.1.3.77", false },
    { "10.1.2.128/25", "10.1.2.127", false },
    { "10.1.2.128/25", "10.1.2.128", true },
    { "0.0.0.0/0", "10.1.2.3", true },
    { "0.0.0.0/0", "::1", false },
    { "fd00::/8", "fd12::1", true },
    { "fd00::/8", "fe80::1", false },
    { "::1", "0:0:0:0:0:0:0:1", true },
    { "10.0.0.0/8", "::ffff:10.1.2.3", true },
    { "10.1.%", "::ffff:10.1.2.3", true },
    { "localhost", "127.9.9.9", true },
    { "localhost", "::1", true },
    { "localhost", "128.0.0.1", false },
    { "192.168.1.1, 10.0.0.0/8 ,\t127.0.0.1", "127.0.0.1", true },
    { "192.168.1.1, 10.0.0.0/8 ,\t127.0.0.1", "127.0.0.2", false },
    { "10.0.0.0/8", "unknown", false },
};

static void addresses_are_in_the_ranges_they_are_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = { 0 };
        assert_int_equal(hosts_check(cases[i].list, &e), 0);
        if (hosts_allow(cases[i].list, cases[i].address) != cases[i].allowed)
            fail_msg("'%s' and %s", cases[i].list, cases[i].address);
    }
}

static void what_is_no_range_is_refused_and_lets_nobody_in(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "db.example.com",
        "%.example.com",
        "10.0.0.0/33",
        "10.0.0.0/255.0.255.0",
        "10.0.0.0/",
        "fd00::/129",
        "10.0.0",
        "10.0.0.1,,",
        "/8",
        "10.0.0.1 10.0.0.2",
        "10.0.0.1.............................................................................",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct err e = { 0 };
        assert_int_equal(hosts_check(wrong[i], &e), -1);
        assert_int_equal(e.kind, E_CONFIG);
        assert_false(hosts_allow(wrong[i], "10.9.9.9"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_in_the_ranges_they_are_in),
        cmocka_unit_test(what_is_no_range_is_refused_and_lets_nobody_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
