/* What SHOW GRANTS says of the relay's account, as servers write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "relay/upstream/advice.h"

static void rights_are_read_as_servers_write_them(void **state)
{
    (void)state;
    static const struct {
        const char          *line;
        struct advice_rights expected;
    } cases[] = {
        { "GRANT USAGE ON *.* TO `r`@`%`", { false, false, false } },
        { "GRANT REPLICATION SLAVE ON *.* TO `r`@`%`", { true, false, false } },
        { "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'r'@'%'", { true, true, false } },
        { "GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `r`@`%`",
          { true, true, true } },
        { "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO `r`@`%` IDENTIFIED BY PASSWORD '*A'",
          { true, true, false } },
        { "GRANT REPLICATION SLAVE ADMIN, BINLOG MONITOR ON *.* TO `r`@`%`",
          { false, true, false } },
        { "GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION", { true, true, true } },
        { "GRANT ALL PRIVILEGES ON `d`.* TO 'r'@'%'", { false, false, true } },
        { "GRANT SELECT (`a`) ON `d`.`t` TO 'r'@'%'", { false, false, true } },
        { "GRANT `readers`@`%` TO `r`@`%`", { true, true, true } },
        { "nonsense", { false, false, false } },
        { "", { false, false, false } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct advice_rights r = { 0 };
        advice_read_grant(cases[i].line, &r);
        assert_int_equal(r.follow, cases[i].expected.follow);
        assert_int_equal(r.look, cases[i].expected.look);
        assert_int_equal(r.read, cases[i].expected.read);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rights_are_read_as_servers_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
