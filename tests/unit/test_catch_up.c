/* The statements by which a server gets from the relay what it lacks, for each version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "relay/upstream/catch_up.h"

static char user[] = "o'neil";

static void assert_statements(enum format_family family, uint32_t version, const char *gtids,
                              const char *expected)
{
    struct server_facts        facts = { .family = family, .version_number = version };
    const struct config_source source = { .relay_user = user };
    struct catch_up            c = { .source = &source,
                                     .facts = &facts,
                                     .host = "relay",
                                     .port = 3307,
                                     .gtids = gtids,
                                     .from_file = "b.000001",
                                     .from = 4711,
                                     .to_file = "b.000002",
                                     .to = 500 };
    struct buf                 text;

    buf_init(&text, 4096);
    catch_up_put_statements(&c, &text);
    assert_string_equal(buf_text(&text), expected);
    buf_done(&text);
}

static void old_servers_get_it_by_position(void **state)
{
    (void)state;
    assert_statements(FAMILY_MYSQL, 50562, NULL,
                      "STOP SLAVE;\n"
                      "CHANGE MASTER TO MASTER_HOST = 'relay', MASTER_PORT = 3307, "
                      "MASTER_USER = 'o''neil', MASTER_PASSWORD = '...', MASTER_CONNECT_RETRY = 1, "
                      "MASTER_SSL = 0, MASTER_LOG_FILE = 'b.000001', MASTER_LOG_POS = 4711;\n"
                      "START SLAVE;\nSELECT MASTER_POS_WAIT('b.000002', 500);\n"
                      "STOP SLAVE;\nRESET SLAVE ALL;\n");
    assert_statements(FAMILY_MARIADB, 101119, NULL,
                      "STOP SLAVE;\n"
                      "CHANGE MASTER TO MASTER_HOST = 'relay', MASTER_PORT = 3307, "
                      "MASTER_USER = 'o''neil', MASTER_PASSWORD = '...', MASTER_CONNECT_RETRY = 1, "
                      "MASTER_SSL = 0, MASTER_USE_GTID = no, MASTER_LOG_FILE = 'b.000001', "
                      "MASTER_LOG_POS = 4711;\n"
                      "START SLAVE;\nSELECT MASTER_POS_WAIT('b.000002', 500);\n"
                      "STOP SLAVE;\nRESET SLAVE ALL;\n");
}

static void mysql_gets_it_by_gtid_in_its_own_words(void **state)
{
    (void)state;
    assert_statements(FAMILY_MYSQL, 50744, "u:1-5",
                      "STOP SLAVE;\n"
                      "CHANGE MASTER TO MASTER_HOST = 'relay', MASTER_PORT = 3307, "
                      "MASTER_USER = 'o''neil', MASTER_PASSWORD = '...', MASTER_CONNECT_RETRY = 1, "
                      "MASTER_SSL = 0, MASTER_AUTO_POSITION = 1;\n"
                      "START SLAVE;\nSELECT WAIT_FOR_EXECUTED_GTID_SET('u:1-5');\n"
                      "STOP SLAVE;\nRESET SLAVE ALL;\n");
    assert_statements(FAMILY_MYSQL, 90704, "u:1-5",
                      "STOP REPLICA;\n"
                      "CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'relay', SOURCE_PORT = 3307, "
                      "SOURCE_USER = 'o''neil', SOURCE_PASSWORD = '...', SOURCE_CONNECT_RETRY = 1, "
                      "SOURCE_SSL = 0, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_AUTO_POSITION = 1;\n"
                      "START REPLICA;\nSELECT WAIT_FOR_EXECUTED_GTID_SET('u:1-5');\n"
                      "STOP REPLICA;\nRESET REPLICA ALL;\n");
}

static void mariadb_counts_what_it_wrote_itself(void **state)
{
    (void)state;
    assert_statements(FAMILY_MARIADB, 110804, "0-1-5",
                      "STOP SLAVE;\n"
                      "SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_current_pos;\n"
                      "CHANGE MASTER TO MASTER_HOST = 'relay', MASTER_PORT = 3307, "
                      "MASTER_USER = 'o''neil', MASTER_PASSWORD = '...', MASTER_CONNECT_RETRY = 1, "
                      "MASTER_SSL = 0, MASTER_SSL_VERIFY_SERVER_CERT = 0, "
                      "MASTER_USE_GTID = slave_pos;\n"
                      "START SLAVE;\nSELECT MASTER_GTID_WAIT('0-1-5');\n"
                      "STOP SLAVE;\nRESET SLAVE ALL;\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_servers_get_it_by_position),
        cmocka_unit_test(mysql_gets_it_by_gtid_in_its_own_words),
        cmocka_unit_test(mariadb_counts_what_it_wrote_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
