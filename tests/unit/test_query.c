#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "protocol/handshake.h"
#include "relay/upstream/binlogs.h"
#include "relay/sql/query.h"
#include "relay/sql/variables.h"

/* ---- a store that says what the test wants ---- */

#define UUID "f718ee6f-e587-11f1-ae02-02fc00000001"

static struct {
    const char *executed, *purged;
    size_t      files;
    bool        broken;
} held;

bool binlogs_next(struct store *s, uint32_t *ordinal, struct binlogs_file *out)
{
    (void)s;
    if (*ordinal == held.files)
        return false;
    ++*ordinal;
    (void)snprintf(out->name, sizeof out->name, "binlog.%06u", *ordinal);
    out->size = 1000 + *ordinal;
    return true;
}

bool binlogs_end(struct store *s, struct binlogs_file *out)
{
    (void)s;
    if (held.files == 0)
        return false;
    (void)snprintf(out->name, sizeof out->name, "binlog.%06zu", held.files);
    out->size = 5000000000;
    return true;
}

static int take(const char *text, struct gtids *out, struct err *e)
{
    if (held.broken)
        return err_set(e, E_CORRUPT, "the index is damaged");
    return gtids_parse(out, slice_of_text(text), e);
}

bool binlogs_end_at(struct store *s, store_pos end, struct binlogs_file *out)
{
    if (!binlogs_end(s, out))
        return false;
    out->size = store_pos_offset(end);
    return true;
}

int binlogs_executed_at(struct store *s, store_pos end, struct gtids *out, struct err *e)
{
    (void)end;
    return binlogs_executed(s, out, e);
}

int binlogs_executed(struct store *s, struct gtids *out, struct err *e)
{
    (void)s;
    return take(held.executed, out, e);
}

int binlogs_purged(struct store *s, struct gtids *out, struct err *e)
{
    (void)s;
    return take(held.purged, out, e);
}

int binlogs_gtids_at(struct store *s, const char *file, uint64_t position, struct gtids *out,
                     struct err *e)
{
    (void)s;
    if (held.broken)
        return err_set(e, E_CORRUPT, "the index is damaged");
    if (strcmp(file, "binlog.000001") != 0)
        return err_set(e, E_PURGED, "no such file");
    if (position == 17)
        return err_set(e, E_PROTOCOL, "inside an event");
    return gtids_parse(out, slice_of_text("0-33110-6"), e);
}

/* ---- sources ---- */

static const struct server_facts mysql97 = {
    .known = true,
    .family = FAMILY_MYSQL,
    .version = "9.7.4-2",
    .version_number = 90704,
    .version_comment = "Percona Server",
    .server_id = 99,
    .server_uuid = "source-uuid",
    .binlog_checksum = "CRC32",
    .binlog_format = "ROW",
    .binlog_row_image = "FULL",
    .binlog_row_metadata = "MINIMAL",
    .gtid_mode = "ON",
    .log_bin_basename = "binlog",
};
static const struct server_facts mysql80 = {
    .known = true,
    .family = FAMILY_MYSQL,
    .version = "8.0.33",
    .version_number = 80033,
    .version_comment = "MySQL Community Server - GPL",
    .binlog_checksum = "CRC32",
    .binlog_format = "ROW",
    .binlog_row_image = "FULL",
    .binlog_row_metadata = "FULL",
    .gtid_mode = "OFF",
    .log_bin_basename = "binlog",
};
static const struct server_facts mysql57 = {
    .known = true,
    .family = FAMILY_MYSQL,
    .version = "5.7.22-log",
    .version_number = 50722,
    .binlog_checksum = "NONE",
    .binlog_format = "MIXED",
    .binlog_row_image = "FULL",
    .gtid_mode = "ON",
    .log_bin_basename = "mysql-bin",
};
static const struct server_facts mysql55 = {
    .known = true,
    .family = FAMILY_MYSQL,
    .version = "5.5.34-log",
    .version_number = 50534,
    .binlog_format = "STATEMENT",
    .log_bin_basename = "mysql-bin",
};
static const struct server_facts maria1011 = {
    .known = true,
    .family = FAMILY_MARIADB,
    .version = "10.11.19-MariaDB-log",
    .version_number = 101119,
    .version_comment = "Debian 12",
    .binlog_checksum = "CRC32",
    .binlog_format = "MIXED",
    .binlog_row_image = "FULL",
    .binlog_row_metadata = "NO_LOG",
    .gtid_domain_id = 7,
    .log_bin_basename = "binlog",
};
static const struct server_facts maria102 = {
    .known = true,
    .family = FAMILY_MARIADB,
    .version = "10.2.11-MariaDB-log",
    .version_number = 100211,
    .binlog_checksum = "CRC32",
    .binlog_format = "ROW",
    .binlog_row_image = "FULL",
    .log_bin_basename = "binlog",
};

/* ---- one session ---- */

struct client {
    struct query_session session;
    struct query_env     env;
    struct buf           out;
    struct buf           shown; /* the last answer for people */
    uint8_t              sequence;
    struct reply         reply;
    uint32_t             killed;
};

static enum query_kill kill_it(void *arg, uint32_t thread_id)
{
    struct client *c = arg;
    if (thread_id == 12) {
        c->killed = thread_id;
        return QUERY_KILL_DONE;
    }
    return thread_id == 13 ? QUERY_KILL_DENIED : QUERY_KILL_UNKNOWN;
}

static void begin(struct client *c, const struct server_facts *facts)
{
    *c = (struct client){ .sequence = 1 };
    held.executed = facts->family == FAMILY_MARIADB ? "7-33110-6" : UUID ":1-368";
    held.purged = facts->family == FAMILY_MARIADB ? "" : UUID ":1-5";
    held.files = 2;
    held.broken = false;
    query_session_init(&c->session);
    buf_init(&c->out, 1 << 20);
    buf_init(&c->shown, 1 << 20);
    c->env = (struct query_env){ .facts = facts,
                                 .relay_server_id = 33097,
                                 .relay_uuid = UUID,
                                 .thread_id = 42,
                                 .user = "repl",
                                 .host = "127.0.0.1",
                                 .session = &c->session,
                                 .kill = kill_it,
                                 .kill_arg = c };
    c->reply = (struct reply){ .out = &c->out, .sequence = &c->sequence };
}

static void done(struct client *c)
{
    query_session_done(&c->session);
    buf_done(&c->out);
    buf_done(&c->shown);
}

/* ---- answers as text: "OK", "ERR number state text" or "name[type]|... / value|... / ..." ---- */

static struct slice next_packet(struct cursor *c, uint8_t *sequence)
{
    uint32_t n = cursor_u24(c);
    assert_int_equal(cursor_u8(c), *sequence);
    ++*sequence;
    struct slice payload = cursor_slice(c, n);
    assert_false(c->failed);
    return payload;
}

static void show_column(struct slice packet, struct buf *out)
{
    struct cursor c = cursor_over(packet);
    for (int i = 0; i < 4; i++)
        (void)cursor_lenenc_slice(&c);
    struct slice name = cursor_lenenc_slice(&c);
    (void)cursor_lenenc_slice(&c);
    cursor_skip(&c, 1 + 2 + 4);
    buf_printf(out, "%.*s[%u]", (int)name.len, (const char *)name.ptr, cursor_u8(&c));
    cursor_skip(&c, 5);
    assert_true(!c.failed && c.left == 0);
}

static void show_row(struct slice packet, uint64_t columns, struct buf *out)
{
    struct cursor c = cursor_over(packet);
    buf_put_text(out, " / ");
    for (uint64_t i = 0; i < columns; i++) {
        if (i > 0)
            buf_put_text(out, "|");
        if (c.left > 0 && *c.at == 0xfb) {
            cursor_skip(&c, 1);
            buf_put_text(out, "NULL");
        } else {
            buf_put(out, cursor_lenenc_slice(&c));
        }
    }
    assert_true(!c.failed && c.left == 0);
}

static void show_result(struct cursor *c, uint64_t columns, bool eof_packets, uint8_t sequence,
                        struct buf *out)
{
    for (uint64_t i = 0; i < columns; i++) {
        buf_put_text(out, i > 0 ? "|" : "");
        show_column(next_packet(c, &sequence), out);
    }
    if (eof_packets)
        assert_int_equal(next_packet(c, &sequence).ptr[0], 0xfe);
    for (;;) {
        struct slice p = next_packet(c, &sequence);
        if (p.len > 0 && p.ptr[0] == 0xfe && p.len < 9) {
            assert_int_equal(p.len, eof_packets ? 5 : 7);
            break;
        }
        show_row(p, columns, out);
    }
}

static const char *ask_bytes(struct client *c, struct slice sql)
{
    uint8_t sequence = 1;
    buf_clear(&c->out);
    buf_clear(&c->shown);
    c->sequence = 1;
    query_answer(&c->env, sql, &c->reply);
    assert_int_equal(c->out.failed, BUF_FINE);

    struct cursor at = cursor_over(buf_slice(&c->out));
    struct slice  first = next_packet(&at, &sequence);
    if (first.ptr[0] == 0) {
        buf_put_text(&c->shown, "OK");
        assert_int_equal(first.ptr[3], c->session.autocommit ? 2 : 0);
    } else if (first.ptr[0] == 0xff) {
        buf_printf(&c->shown, "ERR %u %.5s %.*s", first.ptr[1] | first.ptr[2] << 8, first.ptr + 4,
                   (int)first.len - 9, first.ptr + 9);
    } else {
        struct cursor count = cursor_over(first);
        show_result(&at, cursor_lenenc(&count), (c->reply.capabilities & CAP_DEPRECATE_EOF) == 0,
                    sequence, &c->shown);
    }
    assert_int_equal(at.left, 0); /* one complete answer, no more */
    return buf_text(&c->shown);
}

static const char *ask(struct client *c, const char *sql)
{
    return ask_bytes(c, slice_of_text(sql));
}

struct exchange {
    const char *sql, *answer; /* an answer that ends in '*' is compared up to there */
};

static void assert_answer(struct client *c, const char *sql, const char *wanted)
{
    const char *is = ask(c, sql);
    size_t      n = strlen(wanted);
    bool        prefix = n > 0 && wanted[n - 1] == '*';
    if (prefix ? strncmp(is, wanted, n - 1) != 0 : strcmp(is, wanted) != 0)
        fail_msg("%s\n  is     %s\n  wanted %s", sql, is, wanted);
}

static void run(const struct server_facts *facts, const struct exchange *list, size_t count)
{
    for (int eof = 0; eof < 2; eof++) {
        struct client c;
        begin(&c, facts);
        c.reply.capabilities = eof ? 0 : CAP_DEPRECATE_EOF;
        for (size_t i = 0; i < count; i++)
            assert_answer(&c, list[i].sql, list[i].answer);
        done(&c);
    }
}
#define RUN(facts, ...)                                                                            \
    do {                                                                                           \
        static const struct exchange list[] = { __VA_ARGS__ };                                     \
        run(&(facts), list, sizeof list / sizeof list[0]);                                         \
    } while (0)

#define NEAR(server, text)                                                                         \
    "ERR 1064 42000 You have an error in your SQL syntax; check the manual that corresponds to "   \
    "your " server " server version for the right syntax to use near '" text "' at line 1"
#define UNKNOWN(name) "ERR 1193 HY000 Unknown system variable '" name "'"

/* ---- the recorded handshakes ---- */

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

/* ---- statuses by family and version ---- */

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

/* ---- expressions ---- */

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

/* ---- settings ---- */

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

/* ---- the rest ---- */

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
        { "SHOW REPLICA STATUS", "ERR 1235 42000 This is a binrelay: ask the operator's command: "
                                 "binrelay status" },
        { "SHOW BINLOG EVENTS", "ERR 1235 42000 This is a binrelay: read its files with *" },
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

static void all_variables_are_shown_in_order(void **state)
{
    (void)state;
    const struct server_facts *all[] = { &mysql97, &mysql55, &maria1011 };
    for (size_t i = 0; i < 3; i++) {
        size_t                 index = 0;
        size_t                 rows = 0;
        const char            *last = "";
        const struct variable *v;
        struct client          c;
        begin(&c, all[i]);
        while ((v = variable_next(&index, all[i])) != NULL) {
            assert_true(strcmp(last, v->name) < 0);
            assert_ptr_equal(variable_find(slice_of_text(v->name), all[i]), v);
            last = v->name;
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
    assert_null(variable_find(slice_empty(), &mysql97));
    assert_null(variable_find(slice_of_text("server_i"), &mysql97));
    assert_null(variable_find(slice_of_text("server_idx"), &mysql97));
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
        cmocka_unit_test(times_are_now),
        cmocka_unit_test(status_statements_exist_where_the_version_has_them),
        cmocka_unit_test(an_empty_relay_shows_no_files),
        cmocka_unit_test(sets_of_several_servers_have_a_line_each),
        cmocka_unit_test(gtid_functions_compute),
        cmocka_unit_test(wrong_expressions_get_the_servers_errors),
        cmocka_unit_test(too_many_columns_are_refused),
        cmocka_unit_test(a_statement_past_the_bound_is_refused_unread),
        cmocka_unit_test(trouble_of_the_store_is_an_error_not_half_an_answer),
        cmocka_unit_test(an_answer_that_does_not_fit_is_an_error),
        cmocka_unit_test(the_session_reads_what_the_consumer_set),
        cmocka_unit_test(a_refused_list_sets_nothing),
        cmocka_unit_test(settings_of_the_session_are_taken_and_global_ones_refused),
        cmocka_unit_test(user_variables_are_bounded),
        cmocka_unit_test(kill_reaches_sessions_by_their_thread_id),
        cmocka_unit_test(what_a_relay_can_not_do_is_refused_with_advice),
        cmocka_unit_test(before_the_source_was_ever_reached_every_answer_says_so),
        cmocka_unit_test(all_variables_are_shown_in_order),
        cmocka_unit_test(no_cut_or_changed_statement_does_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
