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
        cmocka_unit_test(wrong_expressions_get_the_servers_errors),
        cmocka_unit_test(too_many_columns_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
