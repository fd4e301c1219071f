#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "relay/sql/query_class.h"

static const struct server_facts mysql97 = {
    .known = true,
    .family = FAMILY_MYSQL,
    .version = "9.7.4",
    .version_number = 90704,
    .binlog_checksum = "CRC32",
    .gtid_mode = "ON",
};
static const struct server_facts mysql55 = {
    .known = true,
    .family = FAMILY_MYSQL,
    .version = "5.5.34-log",
    .version_number = 50534,
};
static const struct server_facts maria1011 = {
    .known = true,
    .family = FAMILY_MARIADB,
    .version = "10.11.19-MariaDB",
    .version_number = 101119,
    .binlog_checksum = "CRC32",
};

/* "answered", "forwarded", "refused: write|admin|nobody", with what ties it to a connection. */
static void classify(const struct server_facts *facts, const char *sql, char out[64])
{
    static const char *const ties[] = { "", " session", " transaction", " end", " last" };
    struct query_session     session;
    struct query_env         env = { .facts = facts, .user = "u", .session = &session };
    struct query_verdict     v;
    const char              *needs;

    query_session_init(&session);
    query_classify(&env, slice_of_text(sql), &v);
    needs = v.needs == RIGHT_WRITE ? "write" : v.needs == RIGHT_ADMIN ? "admin" : "nobody";
    (void)snprintf(out, 64, "%s%s%s",
                   v.what == QUERY_ANSWERED    ? "answered"
                   : v.what == QUERY_FORWARDED ? "forwarded"
                                               : "refused: ",
                   v.what == QUERY_REFUSED ? needs : "", ties[v.tie]);
    query_session_done(&session);
}

struct one {
    const char *verdict, *sql;
};

static void check(const struct server_facts *facts, const struct one *list, size_t count)
{
    char is[64];
    for (size_t i = 0; i < count; i++) {
        classify(facts, list[i].sql, is);
        if (strcmp(is, list[i].verdict) != 0)
            fail_msg("%s\n  is     %s\n  wanted %s", list[i].sql, is, list[i].verdict);
    }
}
#define CHECK(facts, ...)                                                                          \
    do {                                                                                           \
        static const struct one list[] = { __VA_ARGS__ };                                          \
        check(&(facts), list, sizeof list / sizeof list[0]);                                       \
    } while (0)

static void what_streaming_needs_is_answered_by_the_relay(void **state)
{
    (void)state;
    CHECK(mysql97, { "answered", "SELECT UNIX_TIMESTAMP()" },
          { "answered", "SELECT @@GLOBAL.SERVER_ID" },
          { "answered session", "SET @master_heartbeat_period = 1, @source_heartbeat_period = 1" },
          { "answered", "SELECT GTID_SUBTRACT('', '')" }, { "answered", "SELECT 1" },
          { "answered", "SELECT @@GLOBAL.rpl_semi_sync_source_enabled" },
          { "answered end", "SELECT @@global.gtid_purged" },
          { "answered end", "SHOW BINARY LOG STATUS" }, { "answered", "SHOW BINARY LOGS" },
          { "answered", "show global variables like 'binlog_checksum'" },
          { "answered end", "SHOW GLOBAL VARIABLES LIKE 'gtid_executed'" },
          { "answered", "SHOW VARIABLES" }, { "answered", "KILL 12" },
          { "answered session", "SET NAMES utf8mb4" }, { "answered session", "SET autocommit=0" },
          { "answered session", "USE `g`" }, { "answered transaction", "COMMIT" },
          { "answered transaction", "ROLLBACK" }, { "answered transaction", "UNLOCK TABLES" },
          { "answered last", "SHOW WARNINGS" },
          { "answered session", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ" },
          { "answered", "" }, { "answered", " ; " });
    CHECK(maria1011, { "answered end", "SHOW GLOBAL VARIABLES LIKE 'GTID_BINLOG_POS'" },
          { "answered", "SELECT binlog_gtid_pos('',4)" },
          { "answered", "SET STATEMENT max_statement_time=600 FOR SELECT version()" },
          { "answered end", "SET STATEMENT max_statement_time=600 FOR SHOW MASTER STATUS" },
          { "answered session", "set sql_mode=CONCAT(@@sql_mode,',STRICT_TRANS_TABLES'),"
                                "session_track_system_variables = "
                                "CONCAT(@@global.session_track_system_variables,',tx_isolation'),"
                                "time_zone='+00:00',NAMES utf8mb4" });
}

static void what_a_server_of_this_version_does_not_know_is_no_question_for_it(void **state)
{
    (void)state;
    CHECK(mysql55, { "answered", "SELECT @@GLOBAL.GTID_MODE" },
          { "answered session", "SET @master_binlog_checksum= @@global.binlog_checksum" },
          { "answered", "SHOW BINARY LOG STATUS" }, { "answered", "SELECT GTID_SUBSET('','')" });
    CHECK(mysql97, { "answered", "SHOW MASTER STATUS" },
          { "answered", "SELECT binlog_gtid_pos('',4)" },
          { "answered", "SELECT @@session.server_id" });
}

static void what_speaks_of_data_is_forwarded(void **state)
{
    (void)state;
    CHECK(mysql97, { "forwarded", "SELECT `id`, `v` FROM `g`.`t1`" },
          { "forwarded", "select * from t where v = 'it\\'s' for update" },
          { "forwarded", "SELECT * FROM t LOCK IN SHARE MODE" },
          { "forwarded", "SELECT COUNT(*) INTO @n FROM t" }, { "forwarded", "(SELECT 1)" },
          { "forwarded", "((SELECT 1) UNION (SELECT 2))" }, { "forwarded", "SELECT f(1)" },
          { "forwarded", "SELECT @@tmpdir" }, { "forwarded", "SELECT 1 + 1" },
          { "forwarded", "SHOW CREATE TABLE `g`.`t1`" }, { "forwarded", "SHOW DATABASES" },
          { "forwarded", "SHOW FULL TABLES IN `g` where Table_Type = 'BASE TABLE'" },
          { "forwarded", "SHOW ENGINES" }, { "forwarded", "DESC t" },
          { "forwarded", "EXPLAIN DELETE FROM t" }, { "forwarded", "EXPLAIN ANALYZE SELECT 1" },
          { "forwarded", "EXPLAIN ANALYZE WITH x AS (SELECT 1) SELECT * FROM x" },
          { "forwarded", "WITH RECURSIVE x (n) AS (SELECT 1), y AS (TABLE x) SELECT * FROM y" },
          { "forwarded", "TABLE t" }, { "forwarded", "VALUES ROW(1)" },
          { "forwarded", "HANDLER t OPEN" }, { "forwarded", "DO SLEEP(1)" },
          { "forwarded", "CHECKSUM TABLE t" }, { "forwarded", "BEGIN" },
          { "forwarded", "START TRANSACTION WITH CONSISTENT SNAPSHOT" },
          { "forwarded", "START TRANSACTION /*!40100 WITH CONSISTENT SNAPSHOT */" },
          { "forwarded", "SELECT /*!40001 SQL_NO_CACHE */ * FROM `t`" },
          { "forwarded", "SAVEPOINT sp" }, { "forwarded", "ROLLBACK TO SAVEPOINT sp" },
          { "forwarded", "RELEASE SAVEPOINT sp" }, { "forwarded", "XA RECOVER" },
          { "forwarded", "FLUSH TABLES WITH READ LOCK" }, { "forwarded", "FLUSH TABLES" },
          { "forwarded", "FLUSH /*!40101 LOCAL */ TABLES WITH READ LOCK" },
          { "forwarded", "FLUSH /*!40101 LOCAL */ TABLES" },
          { "forwarded", "FLUSH /*!40101 LOCAL */ TABLES WITH READ LOCK" },
          { "forwarded", "FLUSH NO_WRITE_TO_BINLOG TABLES `a`, `b` WITH READ LOCK" },
          { "forwarded", "LOCK TABLES t READ, u AS v READ LOCAL" },
          { "forwarded", "LOCK INSTANCE FOR BACKUP" },
          { "forwarded", "PREPARE s FROM 'SELECT * FROM t'" }, { "forwarded", "EXECUTE s" },
          { "forwarded", "SET @n = (SELECT COUNT(*) FROM t)" },
          { "forwarded", "SELECT SQL_CALC_FOUND_ROWS /*+ MAX_EXECUTION_TIME(1000) */ * FROM t" });
    CHECK(maria1011, { "forwarded", "SET STATEMENT max_statement_time=600 FOR SELECT * FROM t" },
          { "forwarded", "ANALYZE FORMAT=JSON SELECT * FROM t" },
          { "forwarded", "BACKUP STAGE START" }, { "forwarded", "EXECUTE IMMEDIATE 'SELECT 1'" });
}

static void what_writes_needs_the_right_to(void **state)
{
    (void)state;
    CHECK(mysql97, { "refused: write", "INSERT INTO t VALUES (1)" },
          { "refused: write", "/* c */ -- x\n# y\n update t set v = 1" },
          { "refused: write", "CALL p()" },
          { "refused: write", "LOAD DATA INFILE 'x' INTO TABLE t" },
          { "refused: write", "DROP TABLE t" }, { "refused: write", "ANALYZE TABLE t" },
          { "refused: write", "WITH x AS (SELECT 1) DELETE FROM t" },
          { "refused: write", "EXPLAIN ANALYZE DELETE FROM t" },
          { "refused: write", "XA COMMIT 'a'" }, { "refused: write", "LOCK TABLES t WRITE" },
          { "refused: write", "PREPARE s FROM 'DELETE FROM t'" },
          { "forwarded", "PREPARE s FROM 'SELECT @@version'" },
          { "forwarded", "PREPARE s FROM 'SHOW VARIABLES'" },
          { "refused: nobody", "PREPARE s FROM 'SHOW BINARY LOGS'" },
          { "refused: nobody", "PREPARE s FROM 'SELECT @@gtid_executed'" },
          { "refused: write", "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END" },
          { "refused: write", "/*!50000 DROP TABLE t */" });
    CHECK(maria1011, { "refused: write", "SELECT NEXTVAL(s)" },
          { "refused: write", "SELECT NEXT VALUE FOR s" },
          { "refused: write", "ANALYZE DELETE FROM t" },
          { "refused: write", "SET STATEMENT max_statement_time=1 FOR DELETE FROM t" },
          { "refused: write", "EXECUTE IMMEDIATE 'DELETE FROM t'" });
}

static void what_administers_needs_the_right_to(void **state)
{
    (void)state;
    CHECK(mysql97, { "refused: admin", "SET GLOBAL read_only = 0" },
          { "refused: admin", "SET PERSIST read_only = 0" },
          { "refused: admin", "SET @@global.read_only = 0" },
          { "refused: admin", "SET @@persist.read_only = 0" },
          { "refused: admin", "SET @n = (SELECT 1), GLOBAL read_only = 0" },
          { "refused: admin", "SET @n = (SELECT 1), @@`global`.read_only = 0" },
          { "answered", "SET @n = (SELECT 1), PASSWORD = 'x'" },
          { "refused: admin", "SET @n = (SELECT 1), RESOURCE GROUP x" },
          { "refused: admin", "SET hot.key_buffer_size = 1, @n = (SELECT 1)" },
          { "refused: admin", "SET sql_log_bin = 0" }, { "answered", "SET PASSWORD = 'x'" },
          { "answered", "SET password := 'x'" }, { "refused: admin", "SET PASSWORD FOR x = 'x'" },
          { "refused: admin", "SET ROLE x" }, { "refused: admin", "FLUSH LOGS" },
          { "refused: admin", "FLUSH TABLES t" }, { "refused: admin", "GRANT ALL ON *.* TO x" },
          { "refused: admin", "CREATE USER x" }, { "refused: admin", "SELECT 1 INTO OUTFILE '/x'" },
          { "refused: admin", "SELECT v FROM t INTO DUMPFILE '/x'" },
          { "refused: admin", "TABLE t INTO OUTFILE '/x'" },
          { "refused: admin", "SELECT LOAD_FILE('/etc/passwd')" },
          { "refused: admin", "SELECT group_replication_set_as_primary('x')" },
          { "refused: admin", "PREPARE s FROM @text" }, { "refused: admin", "nonsense" },
          { "refused: admin", "BEGIN NOT ATOMIC DELETE FROM t; END" },
          { "refused: nobody", "RESET MASTER" }, { "refused: nobody", "PURGE BINARY LOGS TO 'x'" },
          { "refused: nobody", "START REPLICA" }, { "refused: nobody", "SHUTDOWN" });
}

/* Each of these is one harmless statement to some servers, and another one to others. */
static void what_servers_read_differently_is_refused(void **state)
{
    (void)state;
    CHECK(
        mysql97, { "refused: admin", "/*!99999 SELECT 1 FROM */ DELETE FROM t" },
        { "refused: admin", "/*!99999*/ SELECT 1 FROM t" },
        { "refused: admin", "/*!99999 SELECT */ /*!40000 DELETE FROM t WHERE 1 IN (*/ SELECT 1 "
                            "/*!40000 ) */" },
        { "refused: admin", "SELECT 1 /*!99999 ' */ INTO OUTFILE '/x' -- ' */" },
        { "refused: admin", "SELECT * FROM t /*!99999 # */ INTO OUTFILE '/x'\n*/" },
        { "refused: admin", "SELECT 1 INTO /*!99999 x */ OUTFILE '/x'" },
        { "refused: admin", "SELECT /*+ BKA(`*/`) */ v FROM t INTO OUTFILE '/x' /* ` */" },
        { "refused: admin", "SELECT 'a\\' INTO OUTFILE '/x' -- '" },
        { "refused: admin", "SELECT v, \"a\\\" FROM t INTO OUTFILE '/x' -- \"" },
        { "refused: admin", "START /*!99999 TRANSACTION */ SLAVE" },
        { "refused: admin", "XA /*!99999 RECOVER */ COMMIT 'x'" },
        { "refused: admin", "FLUSH /*!99999 LOCAL TABLES */ LOGS" },
        { "refused: admin", "SET a=1 /*!99999 , b=( */ , GLOBAL read_only=0 /*!99999 ) */" },
        { "refused: admin", "WITH /*!99999 x AS (SELECT 1) SELECT 1 */ y AS (SELECT 1) DELETE t" },
        { "refused: admin", "EXPLAIN ANALYZE /*!99999 SELECT 1 FROM */ DELETE FROM t" },
        { "refused: admin", "PREPARE s FROM 'SELECT 1 \\'x'" });
}

static void several_statements_at_once_are_a_syntax_error(void **state)
{
    (void)state;
    CHECK(mysql97, { "answered", "SELECT * FROM t; DROP TABLE t" },
          { "answered", "COMMIT; DROP TABLE t" }, { "answered", "SET autocommit=0; SET @a=1" },
          { "forwarded", "SELECT ';' FROM t ; " });
}

static const char *scan_in_pieces(const char *sql, size_t size, unsigned rights)
{
    struct query_scan scan = { .rights = rights };
    const char       *found = NULL;

    for (size_t at = 0; found == NULL && at < strlen(sql); at += size) {
        size_t left = strlen(sql) - at;
        found = query_scan(&scan,
                           (struct slice){ (const uint8_t *)sql + at, left < size ? left : size });
    }
    return found;
}

static void a_long_statement_is_stopped_by_words_wherever_they_are_cut(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *found;
        unsigned    rights;
    } cases[] = {
        { "INSERT INTO t SELECT LOAD_FILE('x')", "load_file", RIGHT_WRITE },
        { "INSERT INTO t SELECT LOAD_FILE('x')", NULL, RIGHT_WRITE | RIGHT_ADMIN },
        { "SELECT 1 INTO/*!50000OUTFILE*/ 'x'", "outfile", RIGHT_FORWARD },
        { "SELECT 1 FROM t INTO `x`,\tdumpfile", "dumpfile", RIGHT_FORWARD },
        { "SELECT asynchronous_connection_failover_reset()", "asynchronous_connection_failover_",
          RIGHT_FORWARD },
        { "SELECT s.x, NEXT VALUE FOR s", "next", RIGHT_FORWARD },
        { "SELECT s.x, NEXT VALUE FOR s", NULL, RIGHT_FORWARD | RIGHT_WRITE },
        { "SELECT 'a text of more than sixty-four bytes, which is what is kept of it', NEXTVAL(s)",
          "nextval", RIGHT_FORWARD },
        { "SELECT my_load_file, an_outfile, xnext FROM t", NULL, RIGHT_FORWARD },
        /* In texts and comments. */
        { "INSERT INTO t VALUES ('next, an OUTFILE', 'it''s next', 'c:\\\\next\\\\', 'next\n')",
          NULL, RIGHT_FORWARD },
        { "SELECT 1 -- next\n + 2 # next\n + /* next */ 3 /**/ - /*/ next */ 4", NULL,
          RIGHT_FORWARD },
        { "SELECT '-- ' , '#', '/*', '`', '\"', 1", NULL, RIGHT_FORWARD },
        /* Behind them. */
        { "SELECT 'it''s', '\\\\', '' INTO OUTFILE 'x'", "outfile", RIGHT_FORWARD },
        { "SELECT 1 --next", "next", RIGHT_FORWARD },
        { "SELECT 1 --\nINTO OUTFILE 'x'", "outfile", RIGHT_FORWARD },
        { "SELECT 1 -- x\nINTO OUTFILE 'x'", "outfile", RIGHT_FORWARD },
        { "SELECT 1 /* ' */ INTO OUTFILE 'x' -- '", "outfile", RIGHT_FORWARD },
        { "SELECT 1 # '\n INTO OUTFILE 'x' -- '", "outfile", RIGHT_FORWARD },
        /* Where it depends on the server, or on its settings. */
        { "SELECT 'a\\' INTO OUTFILE 'x' -- '", "outfile", RIGHT_FORWARD },
        { "SELECT 'a\\'', 1 INTO OUTFILE ''", "outfile", RIGHT_FORWARD },
        { "SELECT \"a\\\" INTO OUTFILE 'x' -- \"", "outfile", RIGHT_FORWARD },
        { "SELECT \"a\\\", ' INTO OUTFILE 'x' -- \"", "outfile", RIGHT_FORWARD },
        { "SELECT `load_file`('x')", "load_file", RIGHT_FORWARD },
        { "SELECT \"load_file\"('x')", "load_file", RIGHT_FORWARD },
        { "SELECT /*!99999 ' */ 1 INTO OUTFILE 'x' -- '", "outfile", RIGHT_FORWARD },
        { "SELECT /*M!99999 ' */ 1 INTO OUTFILE 'x' -- '", "outfile", RIGHT_FORWARD },
        { "SELECT /*!50000 1 INTO OUTFILE 'x' */", "outfile", RIGHT_FORWARD },
        { "SELECT /*+ BKA(`*/`) */ 1 INTO OUTFILE 'x' /* ` */", "outfile", RIGHT_FORWARD },
        { "SELECT 1 --\001 '\n INTO OUTFILE 'x' -- '", "outfile", RIGHT_FORWARD },
        { "SELECT '\x83\\' INTO OUTFILE 'x' -- '", "outfile", RIGHT_FORWARD },
        { "SELECT `\x83`, 'x' INTO OUTFILE 'x'", "outfile", RIGHT_FORWARD },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t size = 1; size <= strlen(cases[i].sql); size++) {
            const char *found = scan_in_pieces(cases[i].sql, size, cases[i].rights);
            if (cases[i].found == NULL)
                assert_null(found);
            else if (found == NULL || strncmp(found, cases[i].found, strlen("next")) != 0)
                fail_msg("%s in pieces of %zu: %s", cases[i].sql, size, found);
        }
    }
}

static void only_rows_in_and_out_may_be_long(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        unsigned    rights;
        bool        may;
    } cases[] = {
        { "SELECT 'x", RIGHT_FORWARD, true },
        { "SELECT 'x", RIGHT_WRITE, false },
        { " /* y */ insert INTO t VALUES ('x", RIGHT_FORWARD | RIGHT_WRITE, true },
        { "INSERT INTO t VALUES ('x", RIGHT_FORWARD, false },
        { "INSERT INTO t VALUES ('x", RIGHT_FORWARD | RIGHT_ADMIN, false },
        { "/*!50000 INSERT */ INTO t", RIGHT_FORWARD | RIGHT_WRITE, false },
        { "/*!99999 */ SELECT 'x", RIGHT_FORWARD, false },
        { "SET @a = 'x", ~0U, false },
        { "PREPARE p FROM 'x", ~0U, false },
        { "LOAD DATA", ~0U, false },
        { "", ~0U, false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (query_may_be_long(slice_of_text(cases[i].sql), cases[i].rights) != cases[i].may)
            fail_msg("%s", cases[i].sql);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_statement_is_stopped_by_words_wherever_they_are_cut),
        cmocka_unit_test(only_rows_in_and_out_may_be_long),
        cmocka_unit_test(what_streaming_needs_is_answered_by_the_relay),
        cmocka_unit_test(what_a_server_of_this_version_does_not_know_is_no_question_for_it),
        cmocka_unit_test(what_speaks_of_data_is_forwarded),
        cmocka_unit_test(what_writes_needs_the_right_to),
        cmocka_unit_test(what_administers_needs_the_right_to),
        cmocka_unit_test(what_servers_read_differently_is_refused),
        cmocka_unit_test(several_statements_at_once_are_a_syntax_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
