/* Lists of addresses of one server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "relay/upstream/address.h"

static void addresses_come_in_order_with_their_ports(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        const char *expected[4]; /* HOST PORT */
    } cases[] = {
        { "db1", { "db1 3306" } },
        { "db1:3307", { "db1 3307" } },
        { "db1, db2:3308 ,10.0.0.3", { "db1 3306", "db2 3308", "10.0.0.3 3306" } },
        { "[::1]:3309,[fe80::1%eth0]", { "::1 3309", "fe80::1%eth0 3306" } },
        { "::1", { "::1 3306" } },
        { "2001:db8::5,db", { "2001:db8::5 3306", "db 3306" } },
        { "", { NULL } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char    *list = cases[i].list;
        struct address a;
        struct err     e = { 0 };
        size_t         n = 0;
        char           text[300];
        while (address_next(&list, 3306, &a, &e) == 1) {
            (void)snprintf(text, sizeof text, "%s %u", a.host, a.port);
            assert_string_equal(text, cases[i].expected[n]);
            n++;
        }
        assert_int_equal(e.kind, E_OK);
        assert_true(n == 4 || cases[i].expected[n] == NULL);
    }
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const lists[] = { ",",      "a,,b",    " ",        ":3306", "a:",
                                         "a:0",    "a:65536", "a:33o6",   "[::1",  "[::1]x",
                                         "[::1]:", "[]",      "a:999999", "a, " };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const char    *list = lists[i];
        struct address a;
        struct err     e = { 0 };
        int            rc;
        while ((rc = address_next(&list, 3306, &a, &e)) == 1)
            continue;
        assert_int_equal(rc, -1);
        assert_int_equal(e.kind, E_CONFIG);
    }
    char long_name[400];
    memset(long_name, 'a', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    const char    *list = long_name;
    struct address a;
    struct err     e = { 0 };
    assert_int_equal(address_next(&list, 3306, &a, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_come_in_order_with_their_ports),
        cmocka_unit_test(what_is_no_address_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
