#include "tests/unit/query_client.h"

static void a_mysql_9_replica_gets_what_a_9_source_answers(void **state)
{
    (void)state;
    RUN(mysql97, { "SET NAMES utf8mb4", "OK" },
        { "SELECT UNIX_TIMESTAMP()", "UNIX_TIMESTAMP()[8] / *" },
        { "SELECT @@GLOBAL.SERVER_ID", "@@GLOBAL.SERVER_ID[8] / 33097" },
        { "SET @master_heartbeat_period = 2000000000, @source_heartbeat_period = 2000000000",
          "OK" },
        { "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = "
          "@@global.binlog_checksum",
          "OK" },
        { "SELECT @source_binlog_checksum", "@source_binlog_checksum[251] / CRC32" },
        { "SELECT @@GLOBAL.GTID_MODE", "@@GLOBAL.GTID_MODE[253] / ON" },
        { "SELECT @@GLOBAL.SERVER_UUID", "@@GLOBAL.SERVER_UUID[253] / " UUID },
        { "SET @slave_uuid = '9e12', @replica_uuid = '9e12'", "OK" },
        { "SELECT @slave_uuid", "@slave_uuid[251] / 9e12" },
        { "SELECT @@global.rpl_semi_sync_source_enabled",
          "@@global.rpl_semi_sync_source_enabled[8] / 1" },
        { "SET @rpl_semi_sync_replica = 1", "OK" },
        { "SELECT @rpl_semi_sync_replica", "@rpl_semi_sync_replica[8] / 1" });
}

static void a_mysql_9_replica_at_a_mariadb_or_5_5_source_gets_error_1193(void **state)
{
    (void)state;
    RUN(maria1011, { "SELECT @@GLOBAL.GTID_MODE", UNKNOWN("GTID_MODE") },
        { "SELECT @@GLOBAL.SERVER_UUID", UNKNOWN("SERVER_UUID") },
        { "SELECT @@global.gtid_executed", UNKNOWN("gtid_executed") },
        { "SELECT @@global.gtid_purged", UNKNOWN("gtid_purged") });
    RUN(mysql55, { "SELECT @@GLOBAL.GTID_MODE", UNKNOWN("GTID_MODE") },
        { "SET @master_binlog_checksum= @@global.binlog_checksum", UNKNOWN("binlog_checksum") },
        { "SELECT @master_binlog_checksum", "@master_binlog_checksum[251] / NULL" });
}

static void mysql_5_replicas_get_what_their_sources_answer(void **state)
{
    (void)state;
    RUN(mysql57, { "SELECT UNIX_TIMESTAMP()", "UNIX_TIMESTAMP()[8] / *" },
        { "SELECT @@GLOBAL.SERVER_ID", "@@GLOBAL.SERVER_ID[8] / 33097" },
        { "SHOW VARIABLES LIKE 'SERVER_ID'", "Variable_name[253]|Value[253] / server_id|33097" },
        { "SET @master_heartbeat_period= 1000000000", "OK" },
        { "SET @master_binlog_checksum= @@global.binlog_checksum", "OK" },
        { "SELECT @master_binlog_checksum", "@master_binlog_checksum[250] / NONE" },
        { "SHOW VARIABLES LIKE 'SERVER_UUID'",
          "Variable_name[253]|Value[253] / server_uuid|" UUID },
        { "SELECT @@GLOBAL.GTID_MODE", "@@GLOBAL.GTID_MODE[253] / ON" });
    RUN(mysql55,
        { "SHOW VARIABLES LIKE 'SERVER_ID'", "Variable_name[253]|Value[253] / server_id|33097" },
        { "SHOW VARIABLES LIKE 'SERVER_UUID'", "Variable_name[253]|Value[253]" });
}

static void a_mariadb_replica_gets_what_its_source_answers(void **state)
{
    (void)state;
    RUN(maria1011, { "SET NAMES latin1", "OK" },
        { "SELECT UNIX_TIMESTAMP()", "UNIX_TIMESTAMP()[8] / *" },
        { "SHOW VARIABLES LIKE 'SERVER_ID'", "Variable_name[253]|Value[253] / server_id|33097" },
        { "SET @master_heartbeat_period= 1000000000", "OK" },
        { "SET @master_binlog_checksum= @@global.binlog_checksum", "OK" },
        { "SELECT @master_binlog_checksum", "@master_binlog_checksum[251] / CRC32" },
        { "SET @mariadb_slave_capability=4", "OK" },
        { "SELECT @@GLOBAL.gtid_domain_id", "@@GLOBAL.gtid_domain_id[8] / 7" },
        { "SET @slave_connect_state='0-33110-5'", "OK" }, { "SET @slave_gtid_strict_mode=0", "OK" },
        { "SET @slave_gtid_ignore_duplicates=0", "OK" },
        { "SELECT binlog_gtid_pos('binlog.000001',325)",
          "binlog_gtid_pos('binlog.000001',325)[251] / 0-33110-6" },
        { "SELECT binlog_gtid_pos('',4)", "binlog_gtid_pos('',4)[251] / " },
        { "SELECT binlog_gtid_pos('binlog.000009',4)",
          "binlog_gtid_pos('binlog.000009',4)[251] / NULL" },
        { "SELECT binlog_gtid_pos('binlog.000001',17)",
          "binlog_gtid_pos('binlog.000001',17)[251] / NULL" },
        { "SHOW VARIABLES LIKE 'rpl_semi_sync_master_enabled'",
          "Variable_name[253]|Value[253] / rpl_semi_sync_master_enabled|ON" },
        { "SET @rpl_semi_sync_slave= 1", "OK" }, { "KILL 12", "OK" },
        { "SELECT @slave_connect_state", "@slave_connect_state[251] / 0-33110-5" });
    RUN(mysql97,
        { "SELECT binlog_gtid_pos('binlog.000001',325)", "ERR 1046 3D000 No database selected" });
}

static void binlog_readers_of_both_families_get_their_answers(void **state)
{
    (void)state;
    RUN(mysql80, { "SELECT VERSION()", "VERSION()[253] / 8.0.33" },
        { "SET @master_binlog_checksum = 'NONE', @source_binlog_checksum = 'NONE'", "OK" },
        { "SELECT @source_binlog_checksum", "@source_binlog_checksum[251] / NONE" });
    RUN(maria102, { "SELECT VERSION()", "VERSION()[253] / 10.2.11-MariaDB-log" },
        { "SET @master_binlog_checksum='NONE'", "OK" }, { "SET @mariadb_slave_capability=4", "OK" },
        { "SET @slave_connect_state='0-33110-7'", "OK" });
}

static void go_mysql_canal_and_python_get_their_answers(void **state)
{
    (void)state;
    RUN(mysql97,
        { "SHOW GLOBAL VARIABLES LIKE 'BINLOG_CHECKSUM'",
          "Variable_name[253]|Value[253] / binlog_checksum|CRC32" },
        { "SET @master_heartbeat_period = 60000000000, @source_heartbeat_period = 60000000000",
          "OK" },
        { "SHOW VARIABLES WHERE Variable_name IN ('rpl_semi_sync_master_enabled', "
          "'rpl_semi_sync_source_enabled')",
          "Variable_name[253]|Value[253] / rpl_semi_sync_master_enabled|ON / "
          "rpl_semi_sync_source_enabled|ON" },
        { "SET @rpl_semi_sync_slave = 1, @rpl_semi_sync_replica = 1;", "OK" },
        { "SHOW GLOBAL VARIABLES LIKE 'binlog_format';",
          "Variable_name[253]|Value[253] / binlog_format|ROW" },
        { "SET AUTOCOMMIT = 0", "OK" },
        { "SHOW VARIABLES LIKE 'BINLOG_ROW_METADATA';",
          "Variable_name[253]|Value[253] / binlog_row_metadata|MINIMAL" },
        { "show full columns from `t`.`a`", "ERR 1235 42000 This is a binrelay*" });
    RUN(mysql57, { "SHOW BINARY LOG STATUS", NEAR("MySQL", "LOG STATUS") },
        { "SHOW VARIABLES LIKE 'BINLOG_ROW_METADATA'", "Variable_name[253]|Value[253]" });
}

static void the_java_connector_and_debezium_get_their_answers(void **state)
{
    (void)state;
    RUN(mysql97,
        { "show binary log status",
          "File[253]|Position[8]|Binlog_Do_DB[253]|Binlog_Ignore_DB[253]|Executed_Gtid_Set[253]"
          " / binlog.000002|5000000000|||" UUID ":1-368" },
        { "show global variables like 'binlog_checksum'",
          "Variable_name[253]|Value[253] / binlog_checksum|CRC32" },
        { "set @master_binlog_checksum= @@global.binlog_checksum", "OK" },
        { "select @@server_id", "@@server_id[8] / 33097" },
        { "set @master_heartbeat_period=48000000000", "OK" },
        { "/* mysql-connector-j-9.1.0 (Revision: x) */SELECT  @@session.auto_increment_increment "
          "AS auto_increment_increment, @@character_set_client AS character_set_client, "
          "@@performance_schema AS performance_schema, @@sql_mode AS sql_mode, "
          "@@transaction_isolation AS transaction_isolation",
          "auto_increment_increment[8]|character_set_client[253]|performance_schema[8]|"
          "sql_mode[253]|transaction_isolation[253] / 1|utf8mb4|0||REPEATABLE-READ" },
        { "SET autocommit=1", "OK" }, { "SET autocommit=0", "OK" }, { "COMMIT", "OK" },
        { "SELECT version()", "version()[253] / 9.7.4-2" }, { "ROLLBACK", "OK" },
        { "SELECT 1", "1[8] / 1" },
        { "SELECT GTID_SUBTRACT('" UUID ":1-372', '" UUID ":1-368')",
          "GTID_SUBTRACT('" UUID ":1-372', '" UUID ":1-368')[253] / " UUID ":369-372" },
        { "SELECT @@global.gtid_purged", "@@global.gtid_purged[253] / " UUID ":1-5" },
        { "SELECT GTID_SUBTRACT('" UUID ":369-372', '')",
          "GTID_SUBTRACT('" UUID ":369-372', '')[253] / " UUID ":369-372" },
        { "SHOW GLOBAL VARIABLES LIKE 'GTID_MODE'",
          "Variable_name[253]|Value[253] / gtid_mode|ON" },
        { "SHOW VARIABLES WHERE Variable_name = 'sql_mode'",
          "Variable_name[253]|Value[253] / sql_mode|" },
        { "SHOW VARIABLES WHERE Variable_name IN ('character_set_server','collation_server')",
          "Variable_name[253]|Value[253] / character_set_server|utf8mb4 / "
          "collation_server|utf8mb4_general_ci" },
        { "SHOW BINARY LOGS", "Log_name[253]|File_size[8]|Encrypted[253] / binlog.000001|1001|No "
                              "/ binlog.000002|1002|No" });
    RUN(maria1011,
        { "set sql_mode=CONCAT(@@sql_mode,',STRICT_TRANS_TABLES'),session_track_system_variables "
          "= CONCAT(@@global.session_track_system_variables,',tx_isolation'),"
          "time_zone='+00:00',NAMES utf8mb4",
          "OK" },
        { "SET STATEMENT max_statement_time=600 FOR SELECT 1", "1[3] / 1" },
        { "SET STATEMENT max_statement_time=600 FOR SHOW MASTER STATUS",
          "File[253]|Position[8]|Binlog_Do_DB[253]|Binlog_Ignore_DB[253] / "
          "binlog.000002|5000000000||" },
        { "SET STATEMENT max_statement_time=600 FOR SHOW GLOBAL VARIABLES LIKE 'GTID_BINLOG_POS'",
          "Variable_name[253]|Value[253] / gtid_binlog_pos|7-33110-6" },
        { "SET STATEMENT max_statement_time=600 FOR SET SESSION lock_wait_timeout=10", "OK" },
        { "SET STATEMENT a=1 FOR SELECT 1", UNKNOWN("a") },
        { "SET STATEMENT max_statement_time=1 FOR SET STATEMENT max_statement_time=1 FOR SELECT 1",
          "ERR 1064 42000 *" });
}

static void command_line_clients_can_connect(void **state)
{
    (void)state;
    RUN(maria1011, { "select @@version_comment limit 1", "@@version_comment[253] / Debian 12" },
        { "select USER()", "USER()[253] / repl@127.0.0.1" },
        { "SELECT DATABASE()", "DATABASE()[253] / NULL" }, { "USE `test`", "OK" },
        { "SELECT DATABASE(), USER() LIMIT 1",
          "DATABASE()[253]|USER()[253] / test|repl@127.0.0.1" },
        { "show databases", "ERR 1235 42000 This is a binrelay: it holds binlogs and no tables; "
                            "ask the source" },
        { "SELECT CONNECTION_ID()", "CONNECTION_ID()[3] / 42" },
        { "SHOW WARNINGS", "Level[253]|Code[3]|Message[253] / Error|1235|*" },
        { "SHOW WARNINGS LIMIT 1, 10", "Level[253]|Code[3]|Message[253]" },
        { "SELECT CURRENT_USER", "CURRENT_USER[253] / repl@127.0.0.1" },
        { "select @@version_comment, @@version, 'a''b', 'c' d, 5 AS `e f`, NULL LIMIT 0",
          "@@version_comment[253]|@@version[253]|a'b[253]|d[253]|e f[3]|NULL[6]" });
}

static void a_statement_past_the_bound_is_refused_unread(void **state)
{
    (void)state;
    struct client c;
    struct buf    sql;
    begin(&c, &mysql97);
    buf_init(&sql, 1 << 20);
    buf_put_text(&sql, "SELECT 1");
    while (sql.len < QUERY_SQL_BYTES)
        buf_put_u8(&sql, ' ');
    assert_string_equal(ask_bytes(&c, buf_slice(&sql)), "1[8] / 1");
    buf_put_u8(&sql, ' ');
    assert_memory_equal(ask_bytes(&c, buf_slice(&sql)), "ERR 1153 08S01", 14);
    buf_done(&sql);
    done(&c);
}

static void trouble_of_the_store_is_an_error_not_half_an_answer(void **state)
{
    (void)state;
    struct client c;
    begin(&c, &mysql97);
    held.broken = true;
    static const char *const asks[] = { "SELECT 1, @@gtid_executed", "SHOW BINARY LOG STATUS",
                                        "SHOW VARIABLES LIKE 'gtid%'" };
    for (size_t i = 0; i < 3; i++)
        assert_answer(&c, asks[i], "ERR 1105 HY000 binrelay: the index is damaged");
    done(&c);
}

static void an_answer_that_does_not_fit_is_an_error(void **state)
{
    (void)state;
    struct client c;
    begin(&c, &mysql97);
    c.out.bound = 300;
    assert_answer(&c, "SHOW VARIABLES", "ERR 1105 HY000 binrelay: the answer has more than*");
    assert_answer(&c, "SELECT 1", "1[8] / 1");
    done(&c);
}

static void kill_reaches_sessions_by_their_thread_id(void **state)
{
    (void)state;
    struct client c;
    begin(&c, &maria1011);
    assert_answer(&c, "KILL CONNECTION 12", "OK");
    assert_int_equal(c.killed, 12);
    assert_answer(&c, "KILL SOFT QUERY 12", "OK");
    assert_answer(&c, "KILL 13", "ERR 1095 HY000 You are not owner of thread 13");
    assert_answer(&c, "KILL 99", "ERR 1094 HY000 Unknown thread id: 99");
    assert_answer(&c, "KILL 4294967308", "ERR 1094 HY000 Unknown thread id: 4294967308");
    assert_answer(&c, "KILL", NEAR("MariaDB", ""));
    assert_answer(&c, "KILL 'x'", "ERR 1094 HY000 Unknown thread id: 0");
    assert_answer(&c, "KILL 12 13", NEAR("MariaDB", "13"));
    done(&c);
}

static void what_a_relay_can_not_do_is_refused_with_advice(void **state)
{
    (void)state;
    RUN(mysql97, { "INSERT INTO t VALUES (1)", "ERR 1290 HY000 This is a binrelay*" },
        { "drop table t", "ERR 1290 HY000 This is a binrelay*" },
        { "FLUSH TABLES WITH READ LOCK", "ERR 1227 42000 Access denied: this is a binrelay*" },
        { "RESET MASTER", "ERR 1227 42000 Access denied: this is a binrelay*" },
        { "GRANT ALL ON *.* TO x", "ERR 1227 42000 *" }, { "", "ERR 1065 42000 Query was empty" },
        { " ; ", "ERR 1065 42000 Query was empty" }, { "nonsense", NEAR("MySQL", "nonsense") },
        { "COMMIT; DROP TABLE t", NEAR("MySQL", "; DROP TABLE t") },
        { "BEGIN NOT ATOMIC x", "ERR 1227 42000 Access denied*" },
        { "START TRANSACTION WITH CONSISTENT SNAPSHOT", "OK" }, { "BEGIN", "OK" },
        { "ROLLBACK", "OK" });
}

static void before_the_source_was_ever_reached_every_answer_says_so(void **state)
{
    (void)state;
    static const struct server_facts unknown = { .known = false };
    RUN(unknown, { "SELECT UNIX_TIMESTAMP()", "ERR 1053 08S01 This binrelay has not reached*" });
}

static void no_cut_or_changed_statement_does_harm(void **state)
{
    (void)state;
    static const char *const statements[] = {
        "SET @a = @@global.binlog_checksum, @b = 'x''y', NAMES utf8, autocommit = 1",
        "/*!40101 SELECT @@global.gtid_executed AS `a``b`, GTID_SUBSET('" UUID
        ":1', '') x */ LIMIT 1",
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('a', 'b') OR Variable_name LIKE 'c%'",
        "KILL CONNECTION 12",
        "SHOW BINARY LOG STATUS",
    };
    struct client c;
    begin(&c, &mysql97);
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        size_t n = strlen(statements[i]);
        for (size_t cut = 0; cut <= n; cut++) {
            char *exact = malloc(cut + 1); /* the byte behind it is not part of the statement */
            assert_non_null(exact);
            memcpy(exact, statements[i], cut);
            exact[cut] = '\'';
            (void)ask_bytes(&c, (struct slice){ (const uint8_t *)exact, cut });
            for (size_t k = 0; cut == n && k < n * 8; k++) {
                exact[k / 8] = (char)(exact[k / 8] ^ (1 << (k % 8)));
                (void)ask_bytes(&c, (struct slice){ (const uint8_t *)exact, cut });
                exact[k / 8] = (char)(exact[k / 8] ^ (1 << (k % 8)));
            }
            free(exact);
        }
    }
    done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mysql_9_replica_gets_what_a_9_source_answers),
        cmocka_unit_test(a_mysql_9_replica_at_a_mariadb_or_5_5_source_gets_error_1193),
        cmocka_unit_test(mysql_5_replicas_get_what_their_sources_answer),
        cmocka_unit_test(a_mariadb_replica_gets_what_its_source_answers),
        cmocka_unit_test(binlog_readers_of_both_families_get_their_answers),
        cmocka_unit_test(go_mysql_canal_and_python_get_their_answers),
        cmocka_unit_test(the_java_connector_and_debezium_get_their_answers),
        cmocka_unit_test(command_line_clients_can_connect),
        cmocka_unit_test(a_statement_past_the_bound_is_refused_unread),
        cmocka_unit_test(trouble_of_the_store_is_an_error_not_half_an_answer),
        cmocka_unit_test(an_answer_that_does_not_fit_is_an_error),
        cmocka_unit_test(kill_reaches_sessions_by_their_thread_id),
        cmocka_unit_test(what_a_relay_can_not_do_is_refused_with_advice),
        cmocka_unit_test(before_the_source_was_ever_reached_every_answer_says_so),
        cmocka_unit_test(no_cut_or_changed_statement_does_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
