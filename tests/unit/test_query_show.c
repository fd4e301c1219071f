#include "tests/unit/query_client.h"

static void status_statements_exist_where_the_version_has_them(void **state)
{
    (void)state;
    RUN(mysql97, { "SHOW MASTER STATUS", NEAR("MySQL", "MASTER STATUS") },
        { "SHOW MASTER LOGS", NEAR("MySQL", "MASTER LOGS") },
        { "SHOW BINLOG STATUS", NEAR("MySQL", "STATUS") });
    RUN(mysql80, { "SHOW BINARY LOG STATUS", NEAR("MySQL", "LOG STATUS") },
        { "SHOW MASTER STATUS", "File[253]|Position[8]|*" },
        { "SHOW MASTER LOGS", "Log_name[253]|File_size[8]|Encrypted[253] / *" });
    RUN(mysql55,
        { "SHOW MASTER STATUS", "File[253]|Position[8]|Binlog_Do_DB[253]|"
                                "Binlog_Ignore_DB[253] / binlog.000002|5000000000||" },
        { "SHOW BINARY LOGS",
          "Log_name[253]|File_size[8] / binlog.000001|1001 / binlog.000002|1002" });
    RUN(maria1011, { "SHOW BINARY LOG STATUS", NEAR("MariaDB", "LOG STATUS") },
        { "SHOW BINLOG STATUS", "File[253]|Position[8]|*" },
        { "SHOW MASTER STATUS;", "File[253]|Position[8]|*" },
        { "SHOW BINARY LOGS ;", "Log_name[253]|File_size[8] / *" });
    RUN(maria102, { "SHOW BINLOG STATUS", NEAR("MariaDB", "STATUS") });
}

static void an_empty_relay_shows_no_files(void **state)
{
    (void)state;
    struct client c;
    begin(&c, &maria1011);
    held.files = 0;
    assert_answer(&c, "SHOW MASTER STATUS",
                  "File[253]|Position[8]|Binlog_Do_DB[253]|Binlog_Ignore_DB[253]");
    assert_answer(&c, "SHOW BINARY LOGS", "Log_name[253]|File_size[8]");
    done(&c);
}

static void all_variables_are_shown_in_order(void **state)
{
    (void)state;
    const struct server_facts *all[] = { &mysql97, &mysql55, &maria1011 };
    for (size_t i = 0; i < 3; i++) {
        struct variable_walk walk = { 0 };
        size_t               rows = 0;
        const char          *last = "";
        struct variable      v, found;
        struct client        c;
        begin(&c, all[i]);
        while (variable_next(&walk, &c.env, &v)) {
            assert_true(strcmp(last, v.name) < 0);
            assert_true(variable_find(slice_of_text(v.name), &c.env, &found));
            assert_string_equal(found.name, v.name);
            last = v.name;
            rows++;
        }
        assert_true(rows > 40);
        const char *shown = ask(&c, "SHOW VARIABLES");
        for (const char *at = shown; (at = strstr(at, " / ")) != NULL; at += 3)
            rows--;
        assert_int_equal(rows, 0);
        assert_non_null(strstr(shown, " / read_only|ON / "));
        assert_null(strstr(ask(&c, "SHOW GLOBAL VARIABLES"), "pseudo_thread_id"));
        done(&c);
    }
    struct client   c;
    struct variable none;
    begin(&c, &mysql97);
    assert_false(variable_find(slice_empty(), &c.env, &none));
    assert_false(variable_find(slice_of_text("server_i"), &c.env, &none));
    assert_false(variable_find(slice_of_text("server_idx"), &c.env, &none));
    done(&c);
}

/* Up to the row, a column's value by its name. */
static void assert_column(const char *shown, const char *name, const char *value)
{
    const char *rows = strstr(shown, " / ");
    const char *at = shown;
    const char *row;
    size_t      n = strlen(name);

    assert_non_null(rows);
    row = rows + 3;
    while (strncmp(at, name, n) != 0 || at[n] != '[') {
        at = strchr(at, '|');
        row = strchr(row, '|');
        if (at == NULL || row == NULL || at > rows)
            fail_msg("no column %s in %s", name, shown);
        at++, row++;
    }
    if (strncmp(row, value, strlen(value)) != 0 || strchr("|", row[strlen(value)]) == NULL)
        fail_msg("%s is %.30s, not %s", name, row, value);
}

static void the_relay_is_shown_as_a_replica_of_its_source(void **state)
{
    (void)state;
    struct client c;
    begin(&c, &mysql97);
    const char *shown = ask(&c, "SHOW REPLICA STATUS");
    assert_column(shown, "Replica_IO_State", "Waiting for source to send event");
    assert_column(shown, "Source_Host", "db.example");
    assert_column(shown, "Source_Port", "3307");
    assert_column(shown, "Source_Log_File", "mysql-bin.000012");
    assert_column(shown, "Read_Source_Log_Pos", "5000000700");
    assert_column(shown, "Relay_Log_File", "binlog.000002");
    assert_column(shown, "Relay_Source_Log_File", "mysql-bin.000011");
    assert_column(shown, "Exec_Source_Log_Pos", "5000000000");
    assert_column(shown, "Replica_IO_Running", "Yes");
    assert_column(shown, "Seconds_Behind_Source", "0");
    assert_column(shown, "Source_UUID", "source-uuid");
    assert_column(shown, "Retrieved_Gtid_Set", UUID ":6-368");
    assert_column(shown, "Executed_Gtid_Set", UUID ":1-368");
    assert_answer(&c, "SHOW SLAVE STATUS", NEAR("MySQL", "SLAVE STATUS"));
    assert_answer(&c, "SHOW REPLICA STATUS FOR CHANNEL 'x'",
                  "ERR 3074 HY000 Replica channel 'x' does not exist.");
    done(&c);

    followed.state = CHANNEL_WAITING;
    (void)snprintf(followed.problem, sizeof followed.problem, "nobody there");
    begin(&c, &mysql55);
    shown = ask(&c, "SHOW SLAVE STATUS");
    assert_column(shown, "Slave_IO_Running", "Connecting");
    assert_column(shown, "Seconds_Behind_Master", "NULL");
    assert_column(shown, "Last_IO_Errno", "2003");
    assert_column(shown, "Last_IO_Error", "nobody there");
    done(&c);
    followed.state = CHANNEL_FOLLOWING;
    followed.problem[0] = '\0';
}

static void consumers_and_sessions_are_listed(void **state)
{
    (void)state;
    RUN(mysql97,
        { "SHOW REPLICAS", "Server_Id[3]|Host[253]|Port[3]|Source_Id[3]|Replica_UUID[253] / "
                           "77|replica.example|3306|33097|" UUID },
        { "USE d", "OK" },
        { "SHOW PROCESSLIST",
          "Id[8]|User[253]|Host[253]|db[253]|Command[253]|Time[3]|State[253]|Info[253] / "
          "42|repl|127.0.0.1:40000|d|Query|0|init|SHOW PROCESSLIST / "
          "43|repl|127.0.0.1:40001|NULL|Binlog Dump GTID|0|Source has sent all binlog to replica; "
          "waiting for more updates|NULL / "
          "44|unauthenticated user|127.0.0.1:40002|NULL|Connect|0||NULL" });
    RUN(mysql55, { "SHOW SLAVE HOSTS", "Server_id[3]|Host[253]|Port[3]|Master_id[3] / "
                                       "77|replica.example|3306|33097" });
}

static void status_of_the_relay_is_its_own_and_all_else_the_sources(void **state)
{
    (void)state;
    RUN(mysql97,
        { "SHOW SESSION STATUS LIKE 'Ssl_version'",
          "Variable_name[253]|Value[253] / Ssl_version|TLSv1.3" },
        { "SHOW STATUS LIKE 'uptime'", "Variable_name[253]|Value[253] / Uptime|5" },
        { "SHOW STATUS LIKE 'Threads_connected'",
          "Variable_name[253]|Value[253] / Threads_connected|3" },
        { "SHOW STATUS LIKE 'Innodb%'", "ERR 1235 42000 *" },
        { "SHOW STATUS", "ERR 1235 42000 *" });
}

static void values_of_the_session_are_those_it_set(void **state)
{
    (void)state;
    RUN(mysql97,
        { "SET sql_mode=CONCAT(@@sql_mode,',ANSI'), time_zone='+00:00', NAMES latin1", "OK" },
        { "SELECT @@sql_mode, @@time_zone, @@character_set_results",
          "@@sql_mode[253]|@@time_zone[253]|@@character_set_results[253] / ,ANSI|+00:00|latin1" },
        { "SELECT @@global.time_zone", "@@global.time_zone[253] / SYSTEM" },
        { "SHOW VARIABLES LIKE 'time_zone'", "Variable_name[253]|Value[253] / time_zone|+00:00" },
        { "SET time_zone = DEFAULT", "OK" }, { "SELECT @@time_zone", "@@time_zone[253] / SYSTEM" },
        { "SET NAMES gbk", "ERR 1115 42000 Unknown character set: 'gbk'" });
}

static void what_the_source_told_is_told_again(void **state)
{
    (void)state;
    static const char       told[] = "gTcharacter_set_server=latin1\n"
                                     "gTcollation_server=latin1_swedish_ci\n"
                                     "gNmax_connections=151\n"
                                     "gDlong_query_time=10.000000\n"
                                     "gFread_only=OFF\n"
                                     "gFskip_networking=ON\n"
                                     "gTslow_query_log_file=a\\nb\\\\c\n"
                                     "sNlast_insert_id=0\n";
    struct remembered_list *list = NULL;
    struct err              e = { 0 };
    struct client           c;
    struct buf              again;

    assert_int_equal(remembered_parse(slice_of_text(told), &list, &e), 0);
    begin(&c, &mysql97);
    c.env.variables = list;
    assert_answer(&c, "SELECT @@character_set_server, @@max_connections, @@global.long_query_time",
                  "@@character_set_server[253]|@@max_connections[8]|@@global.long_query_time[5] / "
                  "latin1|151|10.000000");
    assert_answer(&c, "SELECT @@skip_networking, @@read_only", /* the relay's own is its own */
                  "@@skip_networking[8]|@@read_only[8] / 1|1");
    assert_answer(&c, "SHOW GLOBAL VARIABLES LIKE 'su%'",
                  "Variable_name[253]|Value[253] / super_read_only|ON");
    assert_answer(&c, "SHOW VARIABLES LIKE 'slow%'",
                  "Variable_name[253]|Value[253] / slow_query_log_file|a\nb\\c");
    assert_answer(&c, "SELECT @@sql_mode", UNKNOWN("sql_mode")); /* it has none */
    assert_null(strstr(ask(&c, "SHOW GLOBAL VARIABLES"), "last_insert_id"));
    assert_non_null(strstr(ask(&c, "SHOW VARIABLES"), "last_insert_id|0"));
    done(&c);

    buf_init(&again, 4096);
    remembered_put(list, &again);
    assert_int_equal(again.len, strlen(told));
    buf_done(&again);
    remembered_release(list);
    assert_int_equal(remembered_parse(slice_of_text("gXa=b\n"), &list, &e), -1);
    assert_int_equal(remembered_parse(slice_of_text("gTa=b"), &list, &e), -1);
    assert_int_equal(remembered_parse(slice_of_text("gTab\n"), &list, &e), -1);
}

static void list_statement(void *arg, const char *sql)
{
    struct buf *all = arg;
    buf_printf(all, "%s; ", sql);
}

static void a_later_connection_begins_with_what_the_session_set(void **state)
{
    (void)state;
    struct client c;
    struct buf    all;
    begin(&c, &mysql97);
    buf_init(&all, 4096);
    assert_answer(&c, "SET autocommit=0, @a := 'x'", "OK");
    assert_answer(&c, "/*!40101 SET NAMES utf8mb4 COLLATE utf8mb4_bin */", "OK");
    assert_answer(&c, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "OK");
    assert_answer(&c, "SET @@session.net_write_timeout = 5, autocommit=1", "OK");
    assert_answer(&c, "SET net_write_timeout=600", "OK");
    assert_answer(&c, "USE `a``b`", "OK");
    query_session_each(&c.session, list_statement, &all);
    assert_string_equal(buf_text(&all),
                        "USE `a``b`; SET @a := 'x'; SET NAMES utf8mb4 COLLATE utf8mb4_bin; "
                        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; "
                        "SET autocommit=1; SET net_write_timeout=600; ");
    buf_done(&all);
    done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_statements_exist_where_the_version_has_them),
        cmocka_unit_test(an_empty_relay_shows_no_files),
        cmocka_unit_test(all_variables_are_shown_in_order),
        cmocka_unit_test(the_relay_is_shown_as_a_replica_of_its_source),
        cmocka_unit_test(consumers_and_sessions_are_listed),
        cmocka_unit_test(status_of_the_relay_is_its_own_and_all_else_the_sources),
        cmocka_unit_test(values_of_the_session_are_those_it_set),
        cmocka_unit_test(what_the_source_told_is_told_again),
        cmocka_unit_test(a_later_connection_begins_with_what_the_session_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
