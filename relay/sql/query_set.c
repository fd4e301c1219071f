#include "relay/sql/query_parts.h"
#include "relay/sql/variables.h"

/* A list is read twice: first only to find what is wrong with it, then to set, so that a refused
 * statement has set nothing. */
struct assignment {
    struct query *q;
    /* of a system variable, once it was read; is_null: not known */
    struct value value;
    bool         apply;
    bool         inside; /* a comment that servers execute holds the whole statement */
};

static bool read_value(const struct assignment *a, struct value *out);
static void follow_results(const struct assignment *a, const struct variable *v,
                           struct slice value);

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
        rc =
            query_set_variable(s, expr_text(&x, &name), expr_text(&x, &v), value_is_number(&v), &e);
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
static int set_system_variable(struct assignment *a, struct slice name, bool global)
{
    struct query   *q = a->q;
    struct variable v;
    bool            found = variable_find(name, q->env, &v);

    if (global)
        return refuse_global(q);
    q->notes.settled = variable_is_known(name, q->env);
    if (!found)
        return sql_refuse(&q->no, 1193, "HY000", "Unknown system variable '%.*s'",
                          (int)(name.len < 64 ? name.len : 64), (const char *)name.ptr);
    if (v.scope == VARIABLE_GLOBAL)
        return sql_refuse(&q->no, 1229, "HY000",
                          "Variable '%s' is a GLOBAL variable and should be set with SET GLOBAL",
                          v.name);
    q->notes.settled = false;
    if (query_is_privileged(name))
        return refuse_privileged(q);
    TRY(expect_equals(q));
    if (strcmp(v.name, "autocommit") == 0)
        return set_autocommit(a);
    struct expr  x = query_expr(q);
    struct slice word = q->sql.now.body;
    if (!read_value(a, &a->value))
        a->value.is_null = true;
    follow_results(a, &v, a->value.is_null ? word : expr_text(&x, &a->value));
    return skip_value(q);
}

static int set_at_at(struct assignment *a)
{
    enum expr_scope scope;
    struct slice    name;

    if (!expr_split(a->q->sql.now.body, &scope, &name))
        return query_refuse_syntax(a->q);
    sql_step(&a->q->sql);
    return set_system_variable(a, name, scope == EXPR_OF_GLOBAL);
}

/* ---- character sets ---- */

/* Only those whose bytes are ASCII where they look so: no character hides a quote. The collations
 * are the ones that columns of an answer name. */
static const struct {
    const char *name;
    uint16_t    collation, newer_mysql;
} charsets[] = {
    { "utf8mb4", 45, 255 }, { "utf8", 33, 33 },   { "utf8mb3", 33, 33 }, { "latin1", 8, 8 },
    { "ascii", 11, 11 },    { "binary", 63, 63 }, { "latin2", 9, 9 },    { "cp1251", 51, 51 },
    { "koi8r", 7, 7 },      { "cp1250", 26, 26 }, { "latin5", 30, 30 },  { "greek", 25, 25 },
    { "hebrew", 16, 16 },   { "latin7", 41, 41 }, { "cp1256", 57, 57 },  { "cp1257", 59, 59 },
    { "cp850", 4, 4 },      { "cp852", 40, 40 },  { "cp866", 36, 36 },   { "koi8u", 22, 22 },
};
static const struct {
    const char *name;
    uint16_t    number;
} collations[] = {
    { "utf8mb4_general_ci", 45 },
    { "utf8mb4_bin", 46 },
    { "utf8mb4_unicode_ci", 224 },
    { "utf8mb4_0900_ai_ci", 255 },
    { "utf8_general_ci", 33 },
    { "utf8mb3_general_ci", 33 },
    { "utf8_bin", 83 },
    { "utf8_unicode_ci", 192 },
    { "latin1_swedish_ci", 8 },
    { "utf8mb4_unicode_520_ci", 246 },
};
enum { MYSQL_WITH_0900 = 80000, CHARSETS = sizeof charsets / sizeof charsets[0] };

static int refuse_charset(struct query *q, struct slice name)
{
    return sql_refuse(&q->no, 1115, "42000", "Unknown character set: '%.*s'",
                      (int)(name.len < 64 ? name.len : 64), (const char *)name.ptr);
}

/* The value's text; also a bare word. */
static int read_word_value(struct query *q, struct value *out)
{
    struct sql_token t = q->sql.now;

    if (t.kind != SQL_WORD && t.kind != SQL_TEXT && t.kind != SQL_NAME)
        return query_refuse_syntax(q);
    *out = (struct value){ .shape = SHAPE_TEXT, .at = q->values.len };
    if (t.kind == SQL_WORD)
        buf_put(&q->values, t.body);
    else
        sql_put_text(&t, &q->values);
    out->bytes = q->values.len - out->at;
    sql_step(&q->sql);
    return 0;
}

static int note_value(struct query *q, const char *variable, struct slice value)
{
    struct err e = { 0 };
    return query_note_setting(q->env->session, slice_of_text(variable), slice_empty(), &value,
                              &e) == 0
               ? 0
               : expr_refuse_err(&q->no, &e);
}

static void warn_of_utf8(struct query *q, struct slice name)
{
    const struct server_facts *f = q->env->facts;
    if (f->family == FAMILY_MYSQL && f->version_number >= MYSQL_WITH_0900 &&
        sql_equal(name, "utf8"))
        query_warn(q, 3719,
                   "'utf8' is currently an alias for the character set UTF8MB3, but will be an "
                   "alias for UTF8MB4 in a future release. Please consider using UTF8MB4 in order "
                   "to be unambiguous.");
    else if (f->family == FAMILY_MYSQL && f->version_number >= MYSQL_WITH_0900 &&
             sql_equal(name, "utf8mb3"))
        query_warn(q, 1287,
                   "'utf8mb3' is deprecated and will be removed in a future release. Please use "
                   "utf8mb4 instead");
}

static int use_charset(const struct assignment *a, struct slice name, struct slice collation)
{
    static const char *const variables[] = { "character_set_client", "character_set_connection",
                                             "character_set_results" };
    struct query            *q = a->q;
    size_t                   i = 0;

    if (sql_equal(name, "DEFAULT"))
        name = slice_of_text("utf8mb4");
    while (i < CHARSETS && !sql_equal(name, charsets[i].name))
        i++;
    if (i == CHARSETS)
        return refuse_charset(q, name);
    if (!a->apply)
        return 0;
    const struct server_facts *f = q->env->facts;
    bool newer = f->family == FAMILY_MYSQL && f->version_number >= MYSQL_WITH_0900;
    q->env->session->collation = newer ? charsets[i].newer_mysql : charsets[i].collation;
    for (size_t k = 0; k < sizeof collations / sizeof collations[0]; k++) {
        if (sql_equal(collation, collations[k].name))
            q->env->session->collation = collations[k].number;
    }
    for (size_t k = 0; k < sizeof variables / sizeof variables[0]; k++)
        TRY(note_value(q, variables[k], name));
    warn_of_utf8(q, name);
    return 0;
}

static int set_names(const struct assignment *a)
{
    struct query *q = a->q;
    struct expr   x = query_expr(q);
    struct value  name;
    struct value  collation = { .shape = SHAPE_NULL };

    TRY(read_word_value(q, &name));
    if (sql_take_word(&q->sql, "COLLATE"))
        TRY(read_word_value(q, &collation));
    return use_charset(a, expr_text(&x, &name), expr_text(&x, &collation));
}

/* SET character_set_results = NULL: texts come as they are, and what a relay says is UTF-8. */
static void follow_results(const struct assignment *a, const struct variable *v, struct slice value)
{
    enum { UTF8 = 33 };
    if (!a->apply || strcmp(v->name, "character_set_results") != 0)
        return;
    if (sql_equal(value, "NULL"))
        a->q->env->session->collation = UTF8;
    for (size_t i = 0; i < CHARSETS; i++) {
        if (sql_equal(value, charsets[i].name))
            a->q->env->session->collation = charsets[i].collation;
    }
}

/* ---- one after the other ---- */

/* The value of a setting, if the relay understands it: a word, or an expression. */
static bool read_value(const struct assignment *a, struct value *out)
{
    struct query *q = a->q;
    struct query  look = *q;
    struct expr   x = query_expr(&look);
    bool          word = look.sql.now.kind == SQL_WORD;

    if (sql_take_word(&look.sql, "DEFAULT"))
        return false;
    struct sql from = look.sql;
    int        rc = expr_read(&x, out);
    if (rc != 0 && word) {
        look.sql = from;
        rc = read_word_value(&look, out);
    }
    bool ends =
        sql_at_end(&look.sql) || (look.sql.now.kind == SQL_SIGN && look.sql.now.body.ptr[0] == ',');
    q->values = look.values; /* it may have grown */
    return rc == 0 && ends && !out->is_null;
}

static int set_target(struct assignment *a)
{
    struct query *q = a->q;

    if (q->sql.now.kind == SQL_USER)
        return set_user_variable(a);
    if (q->sql.now.kind == SQL_VARIABLE)
        return set_at_at(a);
    if (sql_match(&q->sql, "NAMES") || sql_match(&q->sql, "CHARACTER SET") ||
        sql_match(&q->sql, "CHARSET"))
        return set_names(a);
    if (sql_match(&q->sql, "[SESSION|LOCAL] TRANSACTION"))
        return skip_value(q);
    if (sql_match(&q->sql, "GLOBAL|PERSIST|PERSIST_ONLY"))
        return refuse_global(q);
    if (sql_match(&q->sql, "PASSWORD|ROLE|DEFAULT|RESOURCE")) {
        q->needs = RIGHT_ADMIN;
        return sql_refuse(&q->no, 1227, "42000",
                          "Access denied: this is a binrelay, its users are its own (binrelay user "
                          "passwd NAME)");
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

static int set_one(struct assignment *a)
{
    struct query  *q = a->q;
    struct slice   key = key_of(q->sql);
    const uint8_t *from = q->sql.now.whole.ptr;
    struct expr    x = query_expr(q);
    struct err     e = { 0 };

    a->value = (struct value){ .is_null = true };
    TRY(set_target(a));
    struct slice text = { from, (size_t)(q->sql.last_end - from) };
    struct slice value = expr_text(&x, &a->value);
    bool known = !a->value.is_null && (value.len == 0 || memchr(value.ptr, 0, value.len) == NULL);
    /* Cut out of a comment that only some servers execute, it might mean something else. */
    bool sure = q->sql.last_comments <= (a->inside ? 1 : 0) && memchr(from, 0, text.len) == NULL;
    if (!a->apply || !sure)
        return 0;
    int rc = query_note_setting(q->env->session, key, text, known ? &value : NULL, &e);
    return rc == 0 ? 0 : expr_refuse_err(&q->no, &e);
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
