#include "relay/sql/query_parts.h"
#include "relay/sql/variables.h"

/* A list is read twice: first only to find what is wrong with it, then to set, so that a refused
 * statement has set nothing. */
struct assignment {
    struct query *q;
    bool          apply;
    bool          inside; /* a comment that servers execute holds the whole statement */
};

static int expect_equals(struct query *q)
{
    (void)sql_take_sign(&q->sql, ':');
    return sql_take_sign(&q->sql, '=') ? 0 : query_refuse_syntax(q);
}

static int set_user_variable(const struct assignment *a)
{
    struct query    *q = a->q;
    struct sql_token t = q->sql.now;
    struct expr      x = query_expr(q);
    struct value     name = { .at = q->values.len };
    struct value     v;
    struct err       e = { 0 };
    int              rc = 0;

    sql_put_text(&t, &q->values);
    name.bytes = q->values.len - name.at;
    sql_step(&q->sql);
    TRY(expect_equals(q));
    TRY(expr_read(&x, &v));
    struct query_session *s = q->env->session;
    if (a->apply && v.is_null)
        query_unset_variable(s, expr_text(&x, &name));
    else if (a->apply)
        rc = query_set_variable(s, expr_text(&x, &name), expr_text(&x, &v),
                                v.type == REPLY_LONGLONG, &e);
    return rc == 0 ? 0 : expr_refuse_err(&q->no, &e);
}

/* Over a value of any shape: to the comma behind it or the end. */
static int skip_value(struct query *q)
{
    unsigned open = 0;
    size_t   tokens = 0;

    for (;; sql_step(&q->sql), tokens++) {
        const struct sql_token *t = &q->sql.now;
        uint8_t                 sign = t->kind == SQL_SIGN ? t->body.ptr[0] : 0;
        bool over = open == 0 && (sign == ',' || sign == ';' || sql_is_name(t, "FOR"));
        if (t->kind == SQL_BAD)
            return query_refuse_syntax(q);
        if (t->kind == SQL_END || over)
            break;
        if (sign == '(')
            open++;
        if (sign == ')' && open > 0)
            open--;
    }
    return tokens > 0 ? 0 : query_refuse_syntax(q);
}

static int set_autocommit(const struct assignment *a)
{
    struct query *q = a->q;
    bool          on;

    if (sql_take_word(&q->sql, "ON") || sql_take_word(&q->sql, "DEFAULT")) {
        on = true;
    } else if (sql_take_word(&q->sql, "OFF")) {
        on = false;
    } else {
        struct expr  x = query_expr(q);
        struct value v;
        uint64_t     n = 0;
        TRY(expr_read(&x, &v));
        if (!q->notes.dry && (!expr_number(&x, &v, &n) || n > 1))
            return sql_refuse(
                &q->no, 1231, "42000", "Variable 'autocommit' can't be set to the value of '%.*s'",
                (int)(v.bytes < 64 ? v.bytes : 64), (const char *)expr_text(&x, &v).ptr);
        on = n == 1;
    }
    if (a->apply)
        q->env->session->autocommit = on;
    return 0;
}

static int refuse_global(struct query *q)
{
    q->needs = RIGHT_ADMIN;
    return sql_refuse(&q->no, 1227, "42000",
                      "Access denied: this is a binrelay, it has no global variables to set; they "
                      "are in its configuration file or at the source");
}

static int refuse_privileged(struct query *q)
{
    q->needs = RIGHT_ADMIN;
    return sql_refuse(&q->no, 1227, "42000",
                      "Access denied; you need (at least one of) the SUPER, SYSTEM_VARIABLES_ADMIN "
                      "or SESSION_VARIABLES_ADMIN privilege(s) for this operation");
}

/* Settings of the session are taken and change nothing, autocommit apart, which clients see in the
 * status of every answer. */
static int set_system_variable(const struct assignment *a, struct slice name, bool global)
{
    struct query          *q = a->q;
    const struct variable *v = variable_find(name, q->env->facts);

    if (global)
        return refuse_global(q);
    q->notes.settled = variable_is_known(name);
    if (v == NULL)
        return sql_refuse(&q->no, 1193, "HY000", "Unknown system variable '%.*s'",
                          (int)(name.len < 64 ? name.len : 64), (const char *)name.ptr);
    if (v->scope == VARIABLE_GLOBAL)
        return sql_refuse(&q->no, 1229, "HY000",
                          "Variable '%s' is a GLOBAL variable and should be set with SET GLOBAL",
                          v->name);
    q->notes.settled = false;
    if (query_is_privileged(name))
        return refuse_privileged(q);
    TRY(expect_equals(q));
    return strcmp(v->name, "autocommit") == 0 ? set_autocommit(a) : skip_value(q);
}

static int set_at_at(const struct assignment *a)
{
    enum expr_scope scope;
    struct slice    name;

    if (!expr_split(a->q->sql.now.body, &scope, &name))
        return query_refuse_syntax(a->q);
    sql_step(&a->q->sql);
    return set_system_variable(a, name, scope == EXPR_OF_GLOBAL);
}

static int set_names(struct query *q)
{
    if (q->sql.now.kind != SQL_WORD && q->sql.now.kind != SQL_TEXT && q->sql.now.kind != SQL_NAME)
        return query_refuse_syntax(q);
    sql_step(&q->sql);
    if (!sql_take_word(&q->sql, "COLLATE"))
        return 0;
    return skip_value(q);
}

static int set_target(const struct assignment *a)
{
    struct query *q = a->q;

    if (q->sql.now.kind == SQL_USER)
        return set_user_variable(a);
    if (q->sql.now.kind == SQL_VARIABLE)
        return set_at_at(a);
    if (sql_match(&q->sql, "NAMES") || sql_match(&q->sql, "CHARACTER SET") ||
        sql_match(&q->sql, "CHARSET"))
        return set_names(q);
    if (sql_match(&q->sql, "[SESSION|LOCAL] TRANSACTION"))
        return skip_value(q);
    if (sql_match(&q->sql, "GLOBAL|PERSIST|PERSIST_ONLY"))
        return refuse_global(q);
    if (sql_match(&q->sql, "PASSWORD|ROLE|DEFAULT|RESOURCE")) {
        q->needs = RIGHT_ADMIN;
        return sql_refuse(&q->no, 1227, "42000",
                          "Access denied: this is a binrelay, its users are in its configuration "
                          "file");
    }
    (void)sql_match(&q->sql, "SESSION|LOCAL");
    if (q->sql.now.kind != SQL_WORD && q->sql.now.kind != SQL_NAME)
        return query_refuse_syntax(q);
    struct slice name = q->sql.now.body;
    sql_step(&q->sql);
    return set_system_variable(a, name, false);
}

/* What stands for the thing that is set: its name, or the first word of NAMES, TRANSACTION. */
static struct slice key_of(struct sql s)
{
    struct slice    name = s.now.body;
    enum expr_scope scope;

    if (s.now.kind == SQL_USER)
        return s.now.whole;
    if (s.now.kind == SQL_VARIABLE)
        return expr_split(s.now.body, &scope, &name) ? name : s.now.body;
    if (sql_match(&s, "SESSION|LOCAL") && !sql_equal(s.now.body, "TRANSACTION"))
        return s.now.body;
    return name; /* SESSION: of SESSION TRANSACTION, which is not the next transaction's */
}

static int set_one(const struct assignment *a)
{
    struct query  *q = a->q;
    struct slice   key = key_of(q->sql);
    const uint8_t *from = q->sql.now.whole.ptr;
    struct err     e = { 0 };

    TRY(set_target(a));
    struct slice text = { from, (size_t)(q->sql.last_end - from) };
    /* Cut out of a comment that only some servers execute, it might mean something else. */
    bool sure = q->sql.last_comments <= (a->inside ? 1 : 0) && memchr(from, 0, text.len) == NULL;
    if (!a->apply || !sure)
        return 0;
    return query_note_setting(q->env->session, key, text, &e) == 0 ? 0
                                                                   : expr_refuse_err(&q->no, &e);
}

static int set_list(struct query *q, bool apply)
{
    struct assignment a = { .q = q, .apply = apply, .inside = q->sql.in_version_comment };

    buf_clear(&q->values);
    do
        TRY(set_one(&a));
    while (sql_take_sign(&q->sql, ','));
    return 0;
}

/* MariaDB's SET STATEMENT name=value, ... FOR statement: the settings hold for that one only. */
static int set_statement(struct query *q)
{
    if (q->wrapped)
        return query_refuse_syntax(q);
    q->wrapped = true;
    TRY(set_list(q, false));
    if (!sql_take_word(&q->sql, "FOR"))
        return query_refuse_syntax(q);
    buf_clear(&q->values);
    return query_dispatch(q);
}

int query_set(struct query *q, const char *text)
{
    (void)text;
    if (q->env->facts->family == FAMILY_MARIADB && sql_take_word(&q->sql, "STATEMENT"))
        return set_statement(q);
    struct sql from = q->sql;
    TRY(set_list(q, false));
    TRY(query_expect_end(q));
    if (q->notes.dry)
        return 0;
    q->sql = from;
    TRY(set_list(q, true));
    q->reply->status = q->env->session->autocommit ? STATUS_AUTOCOMMIT : 0;
    reply_ok(q->reply);
    return 0;
}
