#include "tests/unit/query_client.h"

static void the_session_reads_what_the_consumer_set(void **state)
{
    (void)state;
    struct client c;
    uint64_t      n = 0;
    begin(&c, &maria1011);
    assert_null(query_variable(&c.session, "slave_uuid"));
    assert_answer(&c,
                  "SET @Slave_UUID = 'u', @source_heartbeat_period=5000000000, "
                  "@`mariadb_slave_capability` := 4, @n = NULL",
                  "OK");
    assert_string_equal(query_variable(&c.session, "slave_uuid"), "u");
    assert_string_equal(query_variable(&c.session, "MARIADB_SLAVE_CAPABILITY"), "4");
    assert_null(query_variable(&c.session, "n"));
    assert_true(query_variable_number(&c.session, "source_heartbeat_period",
                                      "master_heartbeat_period", &n));
    assert_true(n == 5000000000);
    assert_false(query_variable_number(&c.session, "slave_uuid", "replica_uuid", &n));
    assert_string_equal(query_variable_either(&c.session, "replica_uuid", "slave_uuid"), "u");
    assert_answer(&c, "SET @slave_uuid = NULL", "OK");
    assert_null(query_variable(&c.session, "slave_uuid"));
    query_session_reset(&c.session);
    assert_null(query_variable(&c.session, "source_heartbeat_period"));
    assert_int_equal(c.session.variable_bytes, 0);
    done(&c);
}

static void a_refused_list_sets_nothing(void **state)
{
    (void)state;
    RUN(mysql97, { "SET @a = 1, @b = @@nothing", UNKNOWN("nothing") },
        { "SELECT @a", "@a[253] / NULL" }, { "SET @a = 1, @b", NEAR("MySQL", "") },
        { "SET autocommit=0, nothing=1", UNKNOWN("nothing") },
        { "SELECT @@autocommit, @@global.autocommit",
          "@@autocommit[8]|@@global.autocommit[8] / 1|1" },
        { "SET autocommit=2", "ERR 1231 42000 Variable 'autocommit' can't be set to the value of "
                              "'2'" },
        { "SET autocommit=OFF", "OK" },
        { "SELECT @@autocommit, @@global.autocommit",
          "@@autocommit[8]|@@global.autocommit[8] / 0|1" });
}

static void settings_of_the_session_are_taken_and_global_ones_refused(void **state)
{
    (void)state;
    RUN(mysql97, { "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "OK" },
        { "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "OK" },
        { "SET net_write_timeout=600", "OK" }, { "SET @@session.sql_mode = 'ANSI'", "OK" },
        { "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_bin', @a = 1", "OK" },
        { "SET CHARACTER SET utf8", "OK" }, { "/*!40101 SET NAMES utf8 */", "OK" },
        { "SET SESSION server_id = 5",
          "ERR 1229 HY000 Variable 'server_id' is a GLOBAL variable and should be set with SET "
          "GLOBAL" },
        { "SET GLOBAL server_id = 5", "ERR 1227 42000 Access denied*" },
        { "SET @@global.read_only = 0", "ERR 1227 42000 Access denied*" },
        { "SET PASSWORD = 'x'", "ERR 1227 42000 Access denied*" },
        { "SET net_write_timeout", NEAR("MySQL", "") }, { "SET", NEAR("MySQL", "") },
        { "SET net_write_timeout=", NEAR("MySQL", "") });
}

static void user_variables_are_bounded(void **state)
{
    (void)state;
    struct client c;
    char          sql[QUERY_SQL_BYTES];
    begin(&c, &mysql97);
    for (int i = 0; i < QUERY_VARIABLES_MAX; i++) {
        (void)snprintf(sql, sizeof sql, "SET @v%d = 'x'", i);
        assert_answer(&c, sql, "OK");
    }
    assert_answer(&c, "SET @one_more = 1",
                  "ERR 1105 HY000 binrelay: a session has at most 32 user variables");
    (void)snprintf(sql, sizeof sql, "SET @v0 = '%060000d'", 0);
    assert_answer(&c, sql, "OK");
    assert_answer(&c, sql, "OK"); /* replaced, not added */
    (void)snprintf(sql, sizeof sql, "SET @v1 = '%06000d'", 0);
    assert_answer(&c, sql, "ERR 1105 HY000 binrelay: the user variables of a session have at *");
    assert_string_equal(query_variable(&c.session, "v1"), "x");
    (void)snprintf(sql, sizeof sql, "SET @%065d = 1", 0);
    assert_answer(&c, sql, "ERR 1105 HY000 binrelay: the name of a user variable has *");
    done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_session_reads_what_the_consumer_set),
        cmocka_unit_test(a_refused_list_sets_nothing),
        cmocka_unit_test(settings_of_the_session_are_taken_and_global_ones_refused),
        cmocka_unit_test(user_variables_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
