#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "relay/forward/statement.h"

static void assert_all(bool (*asks)(struct slice), bool expected, const char *const *texts)
{
    for (; *texts != NULL; texts++) {
        if (asks(slice_of_text(*texts)) != expected)
            fail_msg("%s", *texts);
    }
}

static void what_a_new_connection_would_lack_is_seen(void **state)
{
    (void)state;
    static const char *const nothing[] = { "select * from t",
                                           "SHOW TABLES",
                                           "/* x */ Select 1",
                                           "start transaction",
                                           "commit",
                                           "SET STATEMENT max_statement_time=1 FOR SELECT 1",
                                           "INSERT INTO t VALUES (1)",
                                           NULL };
    static const char *const something[] = { "FLUSH TABLES WITH READ LOCK",
                                             "LOCK TABLES t READ",
                                             "SELECT GET_LOCK('a', 1)",
                                             "SELECT 1 INTO @a",
                                             "SELECT @a := 1",
                                             "PREPARE p FROM 'x'",
                                             "SET @@x = 1",
                                             "CREATE TEMPORARY TABLE t (a INT)",
                                             "SET STATEMENT a=1 FOR LOCK TABLES t READ",
                                             "BACKUP STAGE START",
                                             "",
                                             NULL };
    assert_all(statement_leaves_something, true, something);
    assert_all(statement_leaves_something, false, nothing);
}

static void the_read_only_mode_stays(void **state)
{
    (void)state;
    static const char *const lifts[] = {
        "START TRANSACTION READ WRITE",
        "set session transaction read write",
        "SET SESSION TRANSACTION READ /*!99999 ONLY, READ */ WRITE",
        "SET tx_read_only = 0",
        "SET @@session.transaction_read_only=OFF",
        "SET @@`transaction_read_only` = 0",
        "PREPARE p FROM 'START TRANSACTION READ WRITE'",
        "SET STATEMENT a=1 FOR SET tx_read_only=0",
        "EXECUTE IMMEDIATE 'PREPARE p FROM \"SET tx_read_only = 0\"'",
        NULL
    };
    static const char *const stays[] = {
        "START TRANSACTION READ ONLY", "SELECT @@tx_read_only",
        "SET autocommit = 0",          "START TRANSACTION WITH CONSISTENT SNAPSHOT",
        "PREPARE p FROM 'SELECT 1'",   NULL
    };
    assert_all(statement_lifts_read_only, true, lifts);
    assert_all(statement_lifts_read_only, false, stays);
}

static void settings_are_told_from_what_is_the_relays(void **state)
{
    (void)state;
    static const char *const settings[] = {
        "SELECT @@sql_mode, @@time_zone", "SELECT 1",
        "SHOW VARIABLES WHERE Variable_name IN ('character_set_server')",
        "SHOW SESSION VARIABLES LIKE 'sql_mode'", NULL
    };
    static const char *const relays[] = { "SELECT @@server_id",
                                          "SELECT @@global.gtid_executed",
                                          "SHOW VARIABLES",
                                          "SHOW GLOBAL VARIABLES LIKE 'GTID_MODE'",
                                          "SELECT CONNECTION_ID()",
                                          "SELECT CURRENT_USER()",
                                          "SHOW VARIABLES LIKE 'log_bin'",
                                          "SHOW BINARY LOGS",
                                          NULL };
    assert_all(statement_asks_settings, true, settings);
    assert_all(statement_asks_settings, false, relays);
}

static void a_snapshots_place_is_asked_for_by_name(void **state)
{
    (void)state;
    static const char *const asks[] = { "SHOW STATUS LIKE 'binlog_snapshot_%'",
                                        "show session status like 'Binlog_snapshot_file'", NULL };
    static const char *const others[] = { "SHOW STATUS LIKE 'Threads%'", "SHOW TABLES",
                                          "SELECT 'binlog_snapshot_file'", NULL };
    assert_all(statement_asks_snapshot, true, asks);
    assert_all(statement_asks_snapshot, false, others);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_new_connection_would_lack_is_seen),
        cmocka_unit_test(the_read_only_mode_stays),
        cmocka_unit_test(settings_are_told_from_what_is_the_relays),
        cmocka_unit_test(a_snapshots_place_is_asked_for_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
