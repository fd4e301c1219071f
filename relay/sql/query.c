#include "relay/sql/query.h"
#include "relay/sql/query_parts.h"

struct expr query_expr(struct query *q)
{
    return (struct expr){ .env = q->env, .sql = &q->sql, .values = &q->values, .no = &q->no };
}

int query_refuse_syntax(struct query *q)
{
    return sql_refuse_syntax(&q->no, &q->sql, q->env->facts->family);
}

int query_expect_end(struct query *q)
{
    return sql_at_end(&q->sql) ? 0 : query_refuse_syntax(q);
}

/* ---- small statements ---- */

static int answer_ok(struct query *q, const char *text)
{
    (void)text;
    TRY(query_expect_end(q));
    reply_ok(q->reply);
    return 0;
}

static int use_database(struct query *q, const char *text)
{
    (void)text;
    struct sql_token t = q->sql.now;
    struct err       e = { 0 };

    if (t.kind != SQL_WORD && t.kind != SQL_NAME)
        return query_refuse_syntax(q);
    sql_step(&q->sql);
    TRY(query_expect_end(q));
    if (t.kind == SQL_NAME)
        sql_put_text(&t, &q->values);
    else
        buf_put(&q->values, t.body);
    if (buf_check(&q->values, "the statement", &e) != 0)
        return expr_refuse_err(&q->no, &e);
    if (query_set_database(q->env->session, buf_slice(&q->values)) != 0)
        return sql_refuse(&q->no, 1102, "42000", "Incorrect database name");
    reply_ok(q->reply);
    return 0;
}

static int kill_thread(struct query *q, const char *text)
{
    (void)text;
    struct expr        x = query_expr(q);
    struct value       v;
    uint64_t           id = 0;
    enum query_kill    done = QUERY_KILL_UNKNOWN;
    unsigned long long shown;

    TRY(expr_read(&x, &v));
    TRY(query_expect_end(q));
    bool number = expr_number(&x, &v, &id); /* anything else is no thread's id */
    if (number && id <= UINT32_MAX)
        done = q->env->kill(q->env->kill_arg, (uint32_t)id);
    shown = id;
    if (done == QUERY_KILL_UNKNOWN)
        return sql_refuse(&q->no, 1094, "HY000", "Unknown thread id: %llu", shown);
    if (done == QUERY_KILL_DENIED)
        return sql_refuse(&q->no, 1095, "HY000", "You are not owner of thread %llu", shown);
    reply_ok(q->reply);
    return 0;
}

/* ---- refusals that say what to do ---- */

static int refuse_write(struct query *q, const char *text)
{
    (void)text;
    return sql_refuse(&q->no, 1290, "HY000",
                      "This is a binrelay: it holds binlogs and no tables, so it cannot execute "
                      "this statement; send it to the source");
}

static int refuse_table(struct query *q, const char *text)
{
    (void)text;
    return sql_refuse(&q->no, 1235, "42000",
                      "This is a binrelay: it holds binlogs and no tables; ask the source");
}

static int refuse_with(struct query *q, const char *text)
{
    return sql_refuse(&q->no, 1235, "42000", "This is a binrelay: %s", text);
}

static int refuse_admin(struct query *q, const char *text)
{
    return sql_refuse(&q->no, 1227, "42000", "Access denied: this is a binrelay, %s", text);
}

/* A statement that servers of this family and version do not have, answered as they do. `text` is
 * the number of words that they still understand. */
static int refuse_unknown_to_server(struct query *q, const char *text)
{
    for (char n = '0'; n < text[0]; n++)
        sql_step(&q->sql);
    return query_refuse_syntax(q);
}

/* ---- the table ---- */

#define EVER           UINT32_MAX
#define NEVER          EVER, EVER
#define ALL            0, EVER
#define FROM(version)  version, EVER
#define UNTIL(version) 0, version

#define USE_STATUS "ask the operator's command: binrelay status"

/* The first row that fits and exists decides, so special shapes stand before general ones. */
static const struct statement {
    const char    *pattern;
    uint32_t       mysql_from, mysql_until; /* version_number, the latter excluded */
    uint32_t       mariadb_from, mariadb_until;
    query_handler *answer;
    const char    *text;
} statements[] = {
    /* clang-format off */
    { "SELECT",                              ALL,          ALL,   query_select, NULL },
    { "SET",                                 ALL,          ALL,   query_set, NULL },
    { "SHOW GLOBAL VARIABLES",               ALL,          ALL,   query_show_variables, "global" },
    { "SHOW [SESSION|LOCAL] VARIABLES",      ALL,          ALL,   query_show_variables, NULL },
    { "SHOW BINARY LOG STATUS",              FROM(80200),  NEVER, query_show_end, NULL },
    { "SHOW MASTER STATUS",                  UNTIL(80400), ALL,   query_show_end, NULL },
    { "SHOW BINLOG STATUS",                  NEVER, FROM(100502), query_show_end, NULL },
    { "SHOW BINARY LOGS",                    ALL,          ALL,   query_show_files, NULL },
    { "SHOW MASTER LOGS",                    UNTIL(80400), ALL,   query_show_files, NULL },
    { "SHOW BINARY LOG STATUS",              ALL,          ALL,   refuse_unknown_to_server, "2" },
    { "SHOW MASTER STATUS|LOGS",             ALL,          ALL,   refuse_unknown_to_server, "1" },
    { "SHOW BINLOG STATUS",                  ALL,          ALL,   refuse_unknown_to_server, "2" },
    { "SHOW WARNINGS|ERRORS",                ALL,          ALL,   query_show_nothing, NULL },
    { "KILL [HARD|SOFT] [CONNECTION|QUERY]", ALL,          ALL,   kill_thread, NULL },
    { "USE",                                 ALL,          ALL,   use_database, NULL },
    /* There is nothing that a transaction could hold or undo. */
    { "BEGIN [WORK]",                        ALL,          ALL,   answer_ok, NULL },
    { "START TRANSACTION [WITH] [CONSISTENT] [SNAPSHOT] [READ] [ONLY|WRITE]",
                                             ALL,          ALL,   answer_ok, NULL },
    { "COMMIT|ROLLBACK [WORK] [AND] [NO] [CHAIN] [NO] [RELEASE]",
                                             ALL,          ALL,   answer_ok, NULL },

    { "SHOW ALL SLAVES|REPLICAS STATUS",     ALL,          ALL,   refuse_with, USE_STATUS },
    { "SHOW SLAVE|REPLICA STATUS",           ALL,          ALL,   refuse_with, USE_STATUS },
    { "SHOW SLAVE HOSTS",                    ALL,          ALL,   refuse_with, USE_STATUS },
    { "SHOW REPLICA HOSTS",                  ALL,          ALL,   refuse_with, USE_STATUS },
    { "SHOW REPLICAS",                       ALL,          ALL,   refuse_with, USE_STATUS },
    { "SHOW [FULL] PROCESSLIST",             ALL,          ALL,   refuse_with, USE_STATUS },
    { "SHOW [GLOBAL|SESSION|LOCAL] STATUS",  ALL,          ALL,   refuse_with, USE_STATUS },
    { "SHOW BINLOG|RELAYLOG EVENTS",         ALL,          ALL,   refuse_with,
      "read its files with mysqlbinlog --read-from-remote-server, or with binrelay tail" },
    { "SHOW GRANTS",                         ALL,          ALL,   refuse_with,
      "its users are in its configuration file" },
    { "SHOW",                                ALL,          ALL,   refuse_table, NULL },
    { "DESC|DESCRIBE|EXPLAIN|TABLE|WITH|VALUES|HANDLER|CHECKSUM|CHECK", ALL, ALL, refuse_table, NULL },
    { "INSERT|UPDATE|DELETE|REPLACE|LOAD|CALL|DO|TRUNCATE|IMPORT",      ALL, ALL, refuse_write, NULL },
    { "CREATE|ALTER|DROP|RENAME|ANALYZE|OPTIMIZE|REPAIR|XA|BINLOG",     ALL, ALL, refuse_write, NULL },
    { "PREPARE|EXECUTE|DEALLOCATE",          ALL,          ALL,   refuse_with,
      "it takes plain statements only" },
    { "GRANT|REVOKE",                        ALL,          ALL,   refuse_admin,
      "its users are in its configuration file" },
    { "FLUSH|LOCK|UNLOCK",                   ALL,          ALL,   refuse_admin,
      "it holds no tables to lock or flush; ask the source" },
    { "PURGE|RESET",                         ALL,          ALL,   refuse_admin,
      "consumers can't remove its binlogs" },
    { "CHANGE|START|STOP",                   ALL,          ALL,   refuse_admin,
      "its source is set in its configuration file" },
    { "SHUTDOWN|RESTART|INSTALL|UNINSTALL",  ALL,          ALL,   refuse_admin,
      "it is stopped and started by the machine it runs on" },
    /* clang-format on */
};

static bool exists(const struct statement *s, const struct server_facts *f)
{
    bool mariadb = f->family == FAMILY_MARIADB;
    return f->version_number >= (mariadb ? s->mariadb_from : s->mysql_from) &&
           f->version_number < (mariadb ? s->mariadb_until : s->mysql_until);
}

int query_dispatch(struct query *q)
{
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        const struct statement *s = &statements[i];
        struct sql              look = q->sql;
        if (!exists(s, q->env->facts) || !sql_match(&look, s->pattern))
            continue;
        if (s->answer != refuse_unknown_to_server)
            q->sql = look;
        return s->answer(q, s->text);
    }
    return query_refuse_syntax(q);
}

static int answer(struct query *q, struct slice text)
{
    if (!q->env->facts->known)
        return sql_refuse(&q->no, 1053, "08S01",
                          "This binrelay has not reached its source yet; try again later");
    if (text.len > QUERY_SQL_BYTES)
        return sql_refuse(&q->no, 1153, "08S01", "This binrelay takes statements of up to %d bytes",
                          QUERY_SQL_BYTES);
    q->sql = sql_over(text);
    if (sql_at_end(&q->sql))
        return sql_refuse(&q->no, 1065, "42000", "Query was empty");
    return query_dispatch(q);
}

static void put_refusal(const struct query *q, size_t at, uint8_t sequence)
{
    /* A result may have been begun before what went wrong: it is taken back. */
    struct reply *r = q->reply;
    if (r->out->len > at)
        r->out->len = at;
    *r->sequence = sequence;
    reply_error(r, q->no.number, q->no.state, "%s", q->no.text);
}

void query_answer(const struct query_env *env, struct slice sql, struct reply *r)
{
    struct query q = { .env = env, .reply = r };
    size_t       at = r->out->len;
    uint8_t      sequence = *r->sequence;

    assert(env->session != NULL && env->kill != NULL);
    if (r->out->failed != BUF_FINE)
        return;
    r->status = env->session->autocommit ? STATUS_AUTOCOMMIT : 0;
    buf_init(&q.values, QUERY_VALUES_BYTES);
    int rc = answer(&q, sql);
    if (rc == 0 && r->out->failed == BUF_OVER_BOUND)
        rc = sql_refuse(&q.no, 1105, "HY000",
                        "binrelay: the answer has more than the bound of %zu bytes", r->out->bound);
    if (rc != 0) {
        if (r->out->failed == BUF_OVER_BOUND)
            r->out->failed = BUF_FINE;
        put_refusal(&q, at, sequence);
    }
    buf_done(&q.values);
}
