#include "relay/sql/query.h"
#include <stdio.h>
#include <string.h>
#include "relay/sql/query_parts.h"

struct expr query_expr(struct query *q)
{
    return (struct expr){
        .env = q->env, .sql = &q->sql, .values = &q->values, .no = &q->no, .notes = &q->notes
    };
}

int query_refuse_syntax(struct query *q)
{
    return sql_refuse_syntax(&q->no, &q->sql, q->env->facts->family);
}

int query_expect_end(struct query *q)
{
    return sql_at_end(&q->sql) ? 0 : query_refuse_syntax(q);
}

static int read_limit_number(struct query *q, uint64_t *out)
{
    struct expr  x = query_expr(q);
    struct value v;
    bool         parameter = q->sql.now.kind == SQL_SIGN && q->sql.now.body.ptr[0] == '?';

    if (q->sql.now.kind != SQL_NUMBER && !parameter)
        return query_refuse_syntax(q);
    TRY(expr_read(&x, &v));
    if (parameter && q->env->parameters->unknown) {
        *out = 0;
        return 0;
    }
    return expr_number(&x, &v, out) ? 0 : query_refuse_syntax(q);
}

int query_read_limit(struct query *q, uint64_t *offset, uint64_t *rows)
{
    if (!sql_take_word(&q->sql, "LIMIT"))
        return 0;
    TRY(read_limit_number(q, rows));
    if (sql_take_sign(&q->sql, ',')) {
        *offset = *rows;
        return read_limit_number(q, rows);
    }
    return sql_take_word(&q->sql, "OFFSET") ? read_limit_number(q, offset) : 0;
}

static void note_warning(struct query_session *s, bool is_error, uint16_t number, const char *text)
{
    if (s->warning_count == QUERY_WARNINGS_MAX)
        return;
    struct query_warning *w = &s->warnings[s->warning_count++];
    w->is_error = is_error;
    w->number = number;
    (void)snprintf(w->text, sizeof w->text, "%s", text);
}

void query_warn(struct query *q, uint16_t number, const char *text)
{
    if (q->notes.dry)
        return;
    if (q->reply->warnings == 0)
        q->env->session->warning_count = 0;
    note_warning(q->env->session, false, number, text);
    q->reply->warnings = (uint16_t)q->env->session->warning_count;
}

/* ---- small statements ---- */

static int answer_ok(struct query *q, const char *text)
{
    (void)text;
    TRY(query_expect_end(q));
    reply_ok(q->reply);
    return 0;
}

/* Without a connection to the source there is nothing that a transaction could hold. */
static int start_transaction(struct query *q, const char *text)
{
    (void)sql_match(&q->sql, "[WITH] [CONSISTENT] [SNAPSHOT] [READ] [ONLY|WRITE]");
    return answer_ok(q, text);
}

static int end_transaction(struct query *q, const char *text)
{
    (void)sql_match(&q->sql, "[WORK] [AND] [NO] [CHAIN] [NO] [RELEASE]");
    return answer_ok(q, text);
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

/* `text`: KILL QUERY. */
static int kill_thread(struct query *q, const char *text)
{
    struct expr        x = query_expr(q);
    struct value       v;
    uint64_t           id = 0;
    enum query_kill    done = QUERY_KILL_UNKNOWN;
    unsigned long long shown;

    TRY(expr_read(&x, &v));
    TRY(query_expect_end(q));
    bool number = expr_number(&x, &v, &id); /* anything else is no thread's id */
    if (number && id <= UINT32_MAX)
        done = q->env->kill(q->env->kill_arg, (uint32_t)id, text != NULL);
    shown = id;
    if (done == QUERY_KILL_UNKNOWN)
        return sql_refuse(&q->no, 1094, "HY000", "Unknown thread id: %llu", shown);
    if (done == QUERY_KILL_DENIED)
        return sql_refuse(&q->no, 1095, "HY000", "You are not owner of thread %llu", shown);
    reply_ok(q->reply);
    return 0;
}

/* ---- why a statement is not answered ---- */

/* Said where a statement that has to go to the source can't. */
static int refuse_table(struct query *q, const char *text)
{
    (void)text;
    return sql_refuse(&q->no, 1235, "42000",
                      "This is a binrelay: it holds binlogs and no tables; ask the source");
}

int query_refuse_forwarded(struct query *q)
{
    return refuse_table(q, NULL);
}

static int refuse_write(struct query *q, const char *text)
{
    (void)text;
    return sql_refuse(&q->no, 1290, "HY000",
                      "This is a binrelay: user '%s' may not change the source through it, so it "
                      "cannot execute this statement; send it to the source, or give the user the "
                      "right 'write'",
                      q->env->user);
}

static int refuse_admin(struct query *q, const char *text)
{
    if (text != NULL)
        return sql_refuse(&q->no, 1227, "42000", "Access denied: this is a binrelay, %s", text);
    return sql_refuse(&q->no, 1227, "42000",
                      "Access denied: this is a binrelay, where user '%s' lacks the right 'admin' "
                      "for administrative statements, and for those that it can't be sure of",
                      q->env->user);
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

/* What a row says: who does it, what it means for a connection to the source, a further look, the
   handler of what is answered. A statement that is not answered may have one, too, for when it
   can't be forwarded. */
#define ANSWERED(tie, handler, text) { QUERY_ANSWERED, QUERY_TIE_##tie, 0 }, NULL, handler, text
#define LOOKED_AT(tie, look, handler, text)                                                        \
    { QUERY_ANSWERED, QUERY_TIE_##tie, 0 }, look, handler, text
#define FORWARDED(look)             { QUERY_FORWARDED, QUERY_TIE_NONE, 0 }, look, refuse_table, NULL
#define FORWARDED_OR(look, handler) FORWARDED_TEXT(look, handler, NULL)
#define FORWARDED_TEXT(look, handler, text)                                                        \
    { QUERY_FORWARDED, QUERY_TIE_NONE, 0 }, look, handler, text
#define WRITES(look)      { QUERY_REFUSED, QUERY_TIE_NONE, RIGHT_WRITE }, look, refuse_write, NULL
#define ADMIN(look, text) { QUERY_REFUSED, QUERY_TIE_NONE, RIGHT_ADMIN }, look, refuse_admin, text
#define NOBODY(text)      { QUERY_REFUSED, QUERY_TIE_NONE, 0 }, NULL, refuse_admin, text

/* The first row that fits and exists decides, so special shapes stand before general ones. */
static const struct statement {
    const char          *pattern;
    uint32_t             mysql_from, mysql_until; /* version_number, the latter excluded */
    uint32_t             mariadb_from, mariadb_until;
    struct query_verdict verdict;
    query_looker        *look;
    query_handler       *answer;
    const char          *text;
} statements[] = {
    /* clang-format off */
    { "SELECT",                              ALL,          ALL,   FORWARDED_OR(query_look_select, query_select) },
    { "SET",                                 ALL,          ALL,   LOOKED_AT(SESSION, query_look_set, query_set, NULL) },
    { "SHOW GLOBAL VARIABLES",               ALL,          ALL,   FORWARDED_TEXT(query_look_variables, query_show_variables, "global") },
    { "SHOW [SESSION|LOCAL] VARIABLES",      ALL,          ALL,   FORWARDED_TEXT(query_look_variables, query_show_variables, NULL) },
    { "SHOW BINARY LOG STATUS",              FROM(80200),  NEVER, ANSWERED(END, query_show_end, NULL) },
    { "SHOW MASTER STATUS",                  UNTIL(80400), ALL,   ANSWERED(END, query_show_end, NULL) },
    { "SHOW BINLOG STATUS",                  NEVER, FROM(100502), ANSWERED(END, query_show_end, NULL) },
    { "SHOW BINARY LOGS",                    ALL,          ALL,   ANSWERED(NONE, query_show_files, NULL) },
    { "SHOW MASTER LOGS",                    UNTIL(80400), ALL,   ANSWERED(NONE, query_show_files, NULL) },
    { "SHOW BINARY LOG STATUS",              ALL,          ALL,   ANSWERED(NONE, refuse_unknown_to_server, "2") },
    { "SHOW MASTER STATUS|LOGS",             ALL,          ALL,   ANSWERED(NONE, refuse_unknown_to_server, "1") },
    { "SHOW BINLOG STATUS",                  ALL,          ALL,   ANSWERED(NONE, refuse_unknown_to_server, "2") },
    { "SHOW WARNINGS",                       ALL,          ALL,   ANSWERED(LAST, query_show_warnings, NULL) },
    { "SHOW ERRORS",                         ALL,          ALL,   ANSWERED(LAST, query_show_warnings, "errors") },
    { "KILL [HARD|SOFT] QUERY",              ALL,          ALL,   ANSWERED(NONE, kill_thread, "query") },
    { "KILL [HARD|SOFT] [CONNECTION]",       ALL,          ALL,   ANSWERED(NONE, kill_thread, NULL) },
    { "USE",                                 ALL,          ALL,   ANSWERED(SESSION, use_database, NULL) },

    { "BEGIN [WORK]",                        ALL,          ALL,   FORWARDED_OR(query_look_end, answer_ok) },
    { "START TRANSACTION",                   ALL,          ALL,   FORWARDED_OR(NULL, start_transaction) },
    { "ROLLBACK [WORK] TO",                  ALL,          ALL,   FORWARDED(NULL) },
    { "SAVEPOINT",                           ALL,          ALL,   FORWARDED(NULL) },
    { "RELEASE SAVEPOINT",                   ALL,          ALL,   FORWARDED(NULL) },
    { "COMMIT|ROLLBACK",                     ALL,          ALL,   ANSWERED(TRANSACTION, end_transaction, NULL) },
    { "UNLOCK TABLE|TABLES|INSTANCE|BINLOG", ALL,          ALL,   ANSWERED(TRANSACTION, answer_ok, NULL) },
    { "LOCK TABLE|TABLES|INSTANCE|BINLOG",   ALL,          ALL,   FORWARDED(query_look_lock) },
    { "BACKUP STAGE|LOCK|UNLOCK",            NEVER,        ALL,   FORWARDED(NULL) },
    { "FLUSH",                               ALL,          ALL,   ADMIN(query_look_flush, NULL) },

    { "SHOW ALL SLAVES STATUS",              NEVER,        ALL,   ANSWERED(NONE, query_show_replica, "all") },
    { "SHOW ALL REPLICAS STATUS",            NEVER, FROM(100501), ANSWERED(NONE, query_show_replica, "all") },
    { "SHOW REPLICA STATUS",                 FROM(80022),  NEVER, ANSWERED(NONE, query_show_replica, "source") },
    { "SHOW REPLICA STATUS",                 NEVER, FROM(100501), ANSWERED(NONE, query_show_replica, "master") },
    { "SHOW SLAVE STATUS",                   UNTIL(80400), ALL,   ANSWERED(NONE, query_show_replica, "master") },
    { "SHOW REPLICAS",                       FROM(80022),  NEVER, ANSWERED(NONE, query_show_replicas, "source") },
    { "SHOW REPLICA HOSTS",                  NEVER, FROM(100501), ANSWERED(NONE, query_show_replicas, NULL) },
    { "SHOW SLAVE HOSTS",                    UNTIL(80400), ALL,   ANSWERED(NONE, query_show_replicas, NULL) },
    { "SHOW REPLICA HOSTS",                  FROM(80022),  NEVER, ANSWERED(NONE, refuse_unknown_to_server, "2") },
    { "SHOW SLAVE STATUS|HOSTS",             ALL,          ALL,   ANSWERED(NONE, refuse_unknown_to_server, "1") },
    { "SHOW REPLICA STATUS|HOSTS",           ALL,          ALL,   ANSWERED(NONE, refuse_unknown_to_server, "1") },
    { "SHOW REPLICAS",                       ALL,          ALL,   ANSWERED(NONE, refuse_unknown_to_server, "1") },
    { "SHOW ALL REPLICAS STATUS",            NEVER,        ALL,   ANSWERED(NONE, refuse_unknown_to_server, "2") },
    { "SHOW ALL SLAVES|REPLICAS STATUS",     ALL,          ALL,   ANSWERED(NONE, refuse_unknown_to_server, "1") },
    { "SHOW FULL PROCESSLIST",               ALL,          ALL,   ANSWERED(NONE, query_show_processes, "full") },
    { "SHOW PROCESSLIST",                    ALL,          ALL,   ANSWERED(NONE, query_show_processes, NULL) },
    { "SHOW GLOBAL STATUS",                  ALL,          ALL,   FORWARDED_TEXT(query_look_status, query_show_status, "global") },
    { "SHOW [SESSION|LOCAL] STATUS",         ALL,          ALL,   FORWARDED_TEXT(query_look_status, query_show_status, NULL) },
    { "SHOW BINLOG EVENTS",                  ALL,          ALL,   ANSWERED(NONE, query_show_events, NULL) },
    { "SHOW RELAYLOG EVENTS",                ALL,          ALL,   ANSWERED(NONE, query_show_events, "relay log") },

    { "DO",                                  ALL,          ALL,   FORWARDED_OR(query_look_do, query_do) },
    { "SHOW|HANDLER|CHECKSUM|HELP|TABLE|VALUES", ALL,      ALL,   FORWARDED(NULL) },
    { "DESC|DESCRIBE|EXPLAIN",               ALL,          ALL,   FORWARDED(query_look_explain) },
    { "WITH",                                ALL,          ALL,   FORWARDED(query_look_with) },
    { "GET DIAGNOSTICS",                     ALL,          ALL,   FORWARDED(NULL) },
    { "XA RECOVER",                          ALL,          ALL,   FORWARDED(NULL) },
    { "PREPARE",                             ALL,          ALL,   FORWARDED(query_look_prepare) },
    { "EXECUTE IMMEDIATE",                   NEVER,        ALL,   FORWARDED(query_look_immediate) },
    { "EXECUTE",                             ALL,          ALL,   FORWARDED(NULL) },
    { "DEALLOCATE PREPARE",                  ALL,          ALL,   FORWARDED(NULL) },

    { "ANALYZE",                             ALL,          ALL,   WRITES(query_look_explain) },
    { "INSERT|UPDATE|DELETE|REPLACE|LOAD|CALL|TRUNCATE|BINLOG|OPTIMIZE|REPAIR|RENAME|XA",
                                             ALL,          ALL,   WRITES(NULL) },
    { "CREATE|ALTER|DROP|RENAME [OR] [REPLACE] USER|ROLE|SERVER|SPATIAL|RESOURCE|LOGFILE|UNDO|INSTANCE",
                                             ALL,          ALL,   ADMIN(NULL, NULL) },
    { "CREATE|ALTER|DROP",                   ALL,          ALL,   WRITES(NULL) },
    { "GRANT|REVOKE",                        ALL,          ALL,   ADMIN(NULL, NULL) },
    { "PURGE|RESET",                         ALL,          ALL,   NOBODY("consumers can't remove its binlogs") },
    { "CHANGE|START|STOP",                   ALL,          ALL,   NOBODY("its source is set in its configuration file") },
    { "SHUTDOWN|RESTART",                    ALL,          ALL,
      NOBODY("it is stopped and started by the machine it runs on") },
    { "INSTALL|UNINSTALL|CLONE|IMPORT|CACHE|CHECK|LOCK|UNLOCK|BACKUP|SIGNAL|RESIGNAL",
                                             ALL,          ALL,   ADMIN(NULL, NULL) },
    /* clang-format on */
};

static bool exists(const struct statement *s, const struct server_facts *f)
{
    bool mariadb = f->family == FAMILY_MARIADB;
    return f->version_number >= (mariadb ? s->mariadb_from : s->mysql_from) &&
           f->version_number < (mariadb ? s->mariadb_until : s->mysql_until);
}

static const struct statement *find(struct query *q, struct sql *behind)
{
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        *behind = q->sql;
        if (exists(&statements[i], q->env->facts) && sql_match(behind, statements[i].pattern))
            return &statements[i];
    }
    return NULL;
}

int query_dispatch(struct query *q)
{
    struct sql              behind;
    const struct statement *s = find(q, &behind);

    if (s == NULL && q->sql.now.kind == SQL_SIGN && q->sql.now.body.ptr[0] == '(')
        return refuse_table(q, NULL);
    if (s == NULL)
        return query_refuse_syntax(q);
    if (s->answer != refuse_unknown_to_server)
        q->sql = behind;
    return s->answer(q, s->text);
}

void query_look(struct query *q, struct query_verdict *v)
{
    struct sql              behind;
    bool                    inside = q->sql.in_version_comment;
    const struct statement *s = find(q, &behind);

    *v = (struct query_verdict){ .what = QUERY_REFUSED, .needs = RIGHT_ADMIN };
    if (sql_take_sign(&q->sql, '(')) {
        query_look_parentheses(q, v);
    } else if (s != NULL && (inside || behind.last_comments == 0)) {
        q->sql = behind;
        *v = s->verdict;
        if (s->look != NULL)
            s->look(q, v);
    }
}

/* As a server does that was not asked to take several statements at once. */
static bool is_followed(struct slice text)
{
    struct sql s = sql_over(text);

    while (s.now.kind != SQL_END && s.now.kind != SQL_BAD) {
        if (sql_take_sign(&s, ';') && !sql_at_end(&s))
            return true;
        sql_step(&s);
    }
    return false;
}

static bool is_broken(struct slice text, enum sql_quotes quotes)
{
    struct sql s = sql_over_as(text, quotes);

    while (s.now.kind != SQL_END && s.now.kind != SQL_BAD)
        sql_step(&s);
    return s.now.kind == SQL_BAD;
}

static bool goes_to_the_source(const struct query_verdict *v)
{
    return v->what == QUERY_FORWARDED || (v->what == QUERY_ANSWERED && v->tie != QUERY_TIE_NONE);
}

void query_classify(const struct query_env *env, struct slice sql, struct query_verdict *out)
{
    struct query_verdict worst = { .what = QUERY_ANSWERED };
    bool                 escapes = sql.len > 0 && memchr(sql.ptr, '\\', sql.len) != NULL;

    for (int quotes = SQL_ESCAPES; quotes < (escapes ? SQL_QUOTES : 1); quotes++) {
        struct query         q = { .env = env, .sql = sql_over_as(sql, (enum sql_quotes)quotes) };
        struct query_verdict v = { .what = QUERY_ANSWERED };

        if (!env->facts->known || sql_at_end(&q.sql))
            break; /* answered: with an error */
        if (quotes != SQL_ESCAPES && is_broken(sql, (enum sql_quotes)quotes))
            continue; /* a server that reads it so does nothing with it */
        buf_init(&q.values, QUERY_VALUES_BYTES);
        query_look(&q, &v);
        buf_done(&q.values);
        if (goes_to_the_source(&v) && is_followed(sql))
            v = (struct query_verdict){ .what = QUERY_ANSWERED };
        if (goes_to_the_source(&v))
            query_look_through(sql, (enum sql_quotes)quotes, &v);
        if (quotes == SQL_ESCAPES || v.what == QUERY_REFUSED)
            worst = v;
        if (worst.what == QUERY_REFUSED)
            break;
    }
    *out = worst;
}

/* A statement that is none of those its first words stand for. */
static int refuse_looked_at(struct query *q, const struct query_verdict *v)
{
    if (v->needs == 0) /* a text to be prepared there */
        return sql_refuse(&q->no, 1295, "HY000",
                          "This command is not supported in the prepared statement protocol yet");
    return v->needs == RIGHT_WRITE ? refuse_write(q, NULL) : refuse_admin(q, NULL);
}

/* Others keep them until a statement that has to do with a table. */
static bool forgets_warnings(const struct server_facts *f)
{
    return f->family == FAMILY_MYSQL && f->version_number >= 50700;
}

/* Of a statement without any token: servers take a comment for one that does nothing. */
static bool has_comment(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("#-/", text.ptr[i]) != NULL && text.ptr[i] != '\0')
            return true;
    }
    return false;
}

static int answer(struct query *q, struct slice text)
{
    struct sql           behind;
    struct query_verdict v;

    if (!q->env->facts->known)
        return sql_refuse(&q->no, 1053, "08S01",
                          "This binrelay has not reached its source yet; try again later");
    if (text.len > QUERY_SQL_BYTES)
        return sql_refuse(&q->no, 1153, "08S01", "This binrelay takes statements of up to %d bytes",
                          QUERY_SQL_BYTES);
    q->text = text;
    q->sql = sql_over(text);
    if (sql_at_end(&q->sql) && has_comment(text)) {
        reply_ok(q->reply);
        return 0;
    }
    if (sql_at_end(&q->sql))
        return sql_refuse(&q->no, 1065, "42000", "Query was empty");
    query_classify(q->env, text, &v);
    if (v.tie != QUERY_TIE_LAST && forgets_warnings(q->env->facts))
        q->env->session->warning_count = 0;
    const struct statement *s = find(q, &behind);
    if (v.what == QUERY_REFUSED && s != NULL && s->verdict.what != QUERY_REFUSED)
        return refuse_looked_at(q, &v);
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
    q->env->session->warning_count = 0;
    note_warning(q->env->session, true, q->no.number, q->no.text);
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
    if (env->wait != NULL)
        env->wait->waits = false;
    buf_init(&q.values, QUERY_VALUES_BYTES);
    int rc = answer(&q, sql);
    if (rc == 0 && r->out->failed == BUF_OVER_BOUND)
        rc = sql_refuse(&q.no, 1105, "HY000",
                        "binrelay: the answer has more than the bound of %zu bytes", r->out->bound);
    if (rc != 0 && env->wait != NULL && env->wait->waits) {
        assert(r->out->len == at && *r->sequence == sequence);
    } else if (rc != 0) {
        if (r->out->failed == BUF_OVER_BOUND)
            r->out->failed = BUF_FINE;
        put_refusal(&q, at, sequence);
    }
    buf_done(&q.values);
}
