#include "tests/unit/query_client.h"

static void times_are_now(void **state)
{
    (void)state;
    struct client c;
    begin(&c, &mysql97);
    time_t      before = time(NULL);
    const char *answer = ask(&c, "SELECT UNIX_TIMESTAMP()");
    long        said = strtol(strstr(answer, " / ") + 3, NULL, 10);
    assert_in_range(said, before, time(NULL));
    answer = ask(&c, "SELECT NOW(), CURRENT_TIMESTAMP, UTC_TIMESTAMP()");
    assert_non_null(strstr(answer, "NOW()[12]|CURRENT_TIMESTAMP[12]|UTC_TIMESTAMP()[12] / 2"));
    done(&c);
}

static void sets_of_several_servers_have_a_line_each(void **state)
{
    (void)state;
    struct client c;
    begin(&c, &mysql97);
    held.executed = UUID ":1-3,ffffffff-e587-11f1-ae02-02fc00000001:9";
    assert_answer(&c, "SELECT @@gtid_executed",
                  "@@gtid_executed[253] / " UUID ":1-3,\nffffffff-e587-11f1-ae02-02fc00000001:9");
    done(&c);
}

static void gtid_functions_compute(void **state)
{
    (void)state;
    RUN(mysql97,
        { "SELECT BINRELAY_MAP('b:binlog.000017:4711') AS m", "m[251] / binlog.000002:4711" },
        { "SELECT BINRELAY_MAP(NULL) AS m", "m[251] / NULL" },
        { "SELECT BINRELAY_MAP('c:binlog.000001:4')",
          "ERR 1105 HY000 binrelay: no relay file was copied from 'c:binlog.000001:4'" });
    RUN(mysql97, { "SELECT GTID_SUBSET('" UUID ":1-3', @@global.gtid_executed) AS s", "s[8] / 1" },
        { "SELECT GTID_SUBSET('" UUID ":1-400', @@global.gtid_executed) AS s", "s[8] / 0" },
        { "SELECT GTID_SUBTRACT(@@global.gtid_executed, '" UUID ":1-300') s",
          "s[253] / " UUID ":301-368" },
        { "SELECT GTID_SUBSET('x', '')", "ERR 1772 HY000 Malformed GTID set specification 'x'." },
        { "SELECT GTID_SUBTRACT(NULL, '')", "GTID_SUBTRACT(NULL, '')[251] / NULL" },
        { "SELECT GTID_SUBSET('')",
          "ERR 1582 42000 Incorrect parameter count in the call to native function "
          "'GTID_SUBSET'" });
    RUN(mysql55,
        { "SELECT GTID_SUBSET('', '')", "ERR 1305 42000 FUNCTION GTID_SUBSET does not exist" });
    RUN(maria102, { "SET @x = 'a'", "OK" }, { "SELECT @x, @y", "@x[250]|@y[251] / a|NULL" });
    RUN(maria1011,
        { "SELECT GTID_SUBSET('', '')", "ERR 1305 42000 FUNCTION GTID_SUBSET does not exist" },
        { "USE d", "OK" },
        { "SELECT GTID_SUBSET('', '')", "ERR 1305 42000 FUNCTION d.GTID_SUBSET does not exist" },
        { "SELECT @@gtid_current_pos, @@gtid_slave_pos, @@gtid_binlog_pos",
          "@@gtid_current_pos[253]|@@gtid_slave_pos[253]|@@gtid_binlog_pos[253] / "
          "7-33110-6|7-33110-6|7-33110-6" });
}

/* A session can wait; this one, asked without, can't: its time is over at once. */
static void waiting_functions_say_what_is_published(void **state)
{
    (void)state;
    RUN(mysql97, { "SELECT WAIT_FOR_EXECUTED_GTID_SET('" UUID ":1-368') w", "w[8] / 0" },
        { "SELECT WAIT_FOR_EXECUTED_GTID_SET('" UUID ":369', 600) w", "w[8] / 1" },
        { "SELECT WAIT_FOR_EXECUTED_GTID_SET(NULL)",
          "ERR 1772 HY000 Malformed GTID set specification 'NULL'." },
        { "SELECT WAIT_FOR_EXECUTED_GTID_SET('', -1)",
          "ERR 1210 HY000 Incorrect arguments to WAIT_FOR_EXECUTED_GTID_SET." },
        { "SELECT WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS('')", "ERR 1046 3D000 No database selected" },
        { "SELECT SOURCE_POS_WAIT('mysql-bin.000011', 5000000000) p", "p[8] / 0" },
        { "SELECT SOURCE_POS_WAIT('mysql-bin.000010', 99000000000) p", "p[8] / 0" },
        { "SELECT SOURCE_POS_WAIT('mysql-bin.000011', 5000000001) p", "p[8] / -1" },
        { "SELECT SOURCE_POS_WAIT('binlog.000003', 4) p", "p[8] / -1" },
        { "SELECT SOURCE_POS_WAIT('mysql-bin.00001x', 4) p", "p[8] / NULL" },
        { "SELECT SOURCE_POS_WAIT('other.000001', 4) p", "p[8] / NULL" },
        { "SELECT SOURCE_POS_WAIT('binlog.000001', 4, 1, 'channel') p", "p[8] / NULL" },
        { "SELECT MASTER_POS_WAIT('binlog.000001', 4) p", "p[8] / 0" },
        { "DO SOURCE_POS_WAIT('binlog.000001', 4), 1", "OK" });
    RUN(maria1011, { "SELECT MASTER_GTID_WAIT('7-33110-6') w", "w[3] / 0" },
        { "SELECT MASTER_GTID_WAIT('7-1-7,8-1-1', 0.5) w", "w[3] / -1" },
        { "SELECT MASTER_GTID_WAIT('7-') w", "ERR 1941 HY000 Could not parse GTID list" },
        { "SELECT MASTER_GTID_WAIT(NULL) w", "w[3] / NULL" });
}

static void a_wait_is_told_and_ends(void **state)
{
    (void)state;
    struct client     c;
    struct query_wait w = { 0 };
    const char       *sql = "SELECT WAIT_FOR_EXECUTED_GTID_SET('" UUID ":369', 1.5) w";

    begin(&c, &mysql97);
    c.env.wait = &w;
    query_answer(&c.env, slice_of_text(sql), &c.reply);
    assert_true(w.waits && c.out.len == 0);
    assert_int_equal(w.timeout_ns, 1500000000);
    query_answer(&c.env, slice_of_text("SELECT WAIT_FOR_EXECUTED_GTID_SET('" UUID ":369')"),
                 &c.reply);
    assert_true(w.waits && w.timeout_ns == INT64_MAX);
    held.executed = UUID ":1-369";
    assert_answer(&c, sql, "w[8] / 0");
    assert_false(w.waits);
    held.executed = UUID ":1-368";
    w.over = true;
    assert_answer(&c, sql, "w[8] / 1");
    assert_false(w.waits);
    done(&c);
}

static void wrong_expressions_get_the_servers_errors(void **state)
{
    (void)state;
    RUN(mysql97, { "SELECT", NEAR("MySQL", "") }, { "SELECT ,", NEAR("MySQL", ",") },
        { "SELECT 1 +", NEAR("MySQL", "+") }, { "SELECT @@nothing", UNKNOWN("nothing") },
        { "SELECT @@foo.server_id", UNKNOWN("foo.server_id") }, { "SELECT @@", NEAR("MySQL", "") },
        { "SELECT @@session.server_id",
          "ERR 1238 HY000 Variable 'server_id' is a GLOBAL variable" },
        { "SELECT @@global.pseudo_thread_id",
          "ERR 1238 HY000 Variable 'pseudo_thread_id' is a SESSION variable" },
        { "SELECT nothing", "ERR 1054 42S22 Unknown column 'nothing' in 'field list'" },
        { "SELECT nothing()", "ERR 1046 3D000 No database selected" },
        { "SELECT 1 LIMIT", NEAR("MySQL", "") },
        { "SELECT 1; SELECT 2", NEAR("MySQL", "; SELECT 2") },
        { "SELECT 'open", NEAR("MySQL", "'open") },
        { "SELECT ((((((((((1))))))))))", "ERR 1064 42000 *" },
        { "SELECT id, v FROM g.t1", "ERR 1235 42000 This is a binrelay*" },
        { "SELECT 1 FROM DUAL", "1[8] / 1" },
        { "SELECT (1), -2, +3, 1.5", "(1)[8]|-2[8]|+3[8]|1.5[246] / 1|-2|3|1.5" },
        { "SELECT 1 LIMIT 1 OFFSET 1", "1[8]" },
        { "SELECT TRUE, false", "TRUE[8]|false[8] / 1|0" });
}

static void too_many_columns_are_refused(void **state)
{
    (void)state;
    struct client c;
    struct buf    sql;
    begin(&c, &mysql97);
    buf_init(&sql, 1 << 16);
    buf_put_text(&sql, "SELECT 1");
    for (int i = 1; i < QUERY_COLUMNS_MAX; i++)
        buf_put_text(&sql, ",1");
    assert_memory_equal(ask_bytes(&c, buf_slice(&sql)), "1[8]|1[8]", 9);
    buf_put_text(&sql, ",1");
    assert_string_equal(ask_bytes(&c, buf_slice(&sql)), "ERR 1117 HY000 Too many columns");
    buf_done(&sql);
    done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_now),
        cmocka_unit_test(sets_of_several_servers_have_a_line_each),
        cmocka_unit_test(gtid_functions_compute),
        cmocka_unit_test(waiting_functions_say_what_is_published),
        cmocka_unit_test(a_wait_is_told_and_ends),
        cmocka_unit_test(wrong_expressions_get_the_servers_errors),
        cmocka_unit_test(too_many_columns_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
