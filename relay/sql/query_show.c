#include "relay/upstream/binlogs.h"
#include "relay/sql/query_parts.h"
#include "relay/sql/variables.h"

enum { FILTERS_MAX = 32, NAME_LENGTH = 3 * STORE_NAME_BYTES, NUMBER_LENGTH = 21 };

/* ---- SHOW VARIABLES ---- */

/* Any of the texts, which lie in the query's values. */
struct filter {
    struct {
        struct value text;
        bool         like;
    } any[FILTERS_MAX];
    size_t count;
};

static int read_filter_text(struct query *q, struct filter *f, bool like)
{
    struct sql_token t = q->sql.now;

    if (t.kind != SQL_TEXT)
        return query_refuse_syntax(q);
    if (f->count == FILTERS_MAX)
        return sql_refuse(&q->no, 1235, "42000", "binrelay: at most %d names can be asked for",
                          FILTERS_MAX);
    struct value *v = &f->any[f->count].text;
    f->any[f->count].like = like;
    f->count++;
    v->at = q->values.len;
    sql_put_text(&t, &q->values);
    v->bytes = q->values.len - v->at;
    sql_step(&q->sql);
    return 0;
}

static int read_filter_list(struct query *q, struct filter *f)
{
    if (!sql_take_sign(&q->sql, '('))
        return query_refuse_syntax(q);
    do
        TRY(read_filter_text(q, f, false));
    while (sql_take_sign(&q->sql, ','));
    return sql_take_sign(&q->sql, ')') ? 0 : query_refuse_syntax(q);
}

static int read_condition(struct query *q, struct filter *f)
{
    if (!sql_is_name(&q->sql.now, "Variable_name"))
        return sql_refuse(&q->no, 1235, "42000",
                          "binrelay: SHOW VARIABLES WHERE can only compare Variable_name");
    sql_step(&q->sql);
    if (sql_take_sign(&q->sql, '='))
        return read_filter_text(q, f, false);
    if (sql_take_word(&q->sql, "LIKE"))
        return read_filter_text(q, f, true);
    if (sql_take_word(&q->sql, "IN"))
        return read_filter_list(q, f);
    return query_refuse_syntax(q);
}

static int read_filter(struct query *q, struct filter *f)
{
    if (sql_take_word(&q->sql, "LIKE"))
        return read_filter_text(q, f, true);
    if (!sql_take_word(&q->sql, "WHERE"))
        return 0;
    do
        TRY(read_condition(q, f));
    while (sql_take_word(&q->sql, "OR"));
    return 0;
}

static bool wanted(struct query *q, const struct filter *f, const char *name)
{
    struct expr x = query_expr(q);

    for (size_t i = 0; i < f->count; i++) {
        struct slice text = expr_text(&x, &f->any[i].text);
        if (f->any[i].like ? sql_like(text, slice_of_text(name)) : sql_equal(text, name))
            return true;
    }
    return f->count == 0;
}

/* Asked for by name: is it the place in the binlog? */
static enum query_tie tie_of(struct query *q, const struct filter *f)
{
    struct expr            x = query_expr(q);
    size_t                 index = 0;
    const struct variable *v;

    while (f->count > 0 && (v = variable_next(&index, q->env->facts)) != NULL) {
        struct slice text = expr_text(&x, &f->any[0].text);
        bool         named = text.len > 0 && text.ptr[0] != '%';
        if (v->tie != QUERY_TIE_NONE && named && wanted(q, f, v->name))
            return v->tie;
    }
    return QUERY_TIE_NONE;
}

static int put_variable(struct query *q, const struct variable *v, bool global)
{
    size_t     at = q->values.len;
    struct err e = { 0 };

    if (variable_put(v, q->env, global, &q->values, &e) != 0 ||
        buf_check(&q->values, "the answer", &e) != 0)
        return expr_refuse_err(&q->no, &e);
    struct slice value = { q->values.ptr + at, q->values.len - at };
    if (value.len == 0)
        value = slice_empty();
    if (v->type == VARIABLE_FLAG)
        value = slice_of_text(value.len == 1 && value.ptr[0] == '1' ? "ON" : "OFF");
    struct packet row = reply_row(q->reply);
    reply_text(&row, slice_of_text(v->name));
    reply_text(&row, value);
    reply_row_end(q->reply, &row);
    q->values.len = at; /* sent: the next one may have the room */
    return 0;
}

static int put_variables(struct query *q, const struct filter *f, bool global)
{
    static const struct reply_column columns[] = {
        { "Variable_name", REPLY_VAR_STRING, 192 },
        { "Value", REPLY_VAR_STRING, 3072 },
    };
    size_t                 index = 0;
    const struct variable *v;

    reply_columns(q->reply, columns, 2);
    while ((v = variable_next(&index, q->env->facts)) != NULL) {
        bool there = !global || v->scope != VARIABLE_SESSION;
        if (there && wanted(q, f, v->name))
            TRY(put_variable(q, v, global));
    }
    reply_rows_end(q->reply);
    return 0;
}

int query_show_variables(struct query *q, const char *text)
{
    struct filter f = { .count = 0 };
    struct err    e = { 0 };

    TRY(read_filter(q, &f));
    TRY(query_expect_end(q));
    if (buf_check(&q->values, "the statement", &e) != 0)
        return expr_refuse_err(&q->no, &e);
    q->notes.tie = tie_of(q, &f);
    return q->notes.dry ? 0 : put_variables(q, &f, text != NULL);
}

/* ---- binlogs ---- */

static bool has_gtid_sets(const struct server_facts *f)
{
    return f->family == FAMILY_MYSQL && f->version_number >= 50605;
}

static int put_executed(struct query *q, struct packet *row)
{
    const struct query_env *env = q->env;
    struct gtids            g = { 0 };
    struct err              e = { 0 };

    int rc = env->end != 0 ? binlogs_executed_at(env->store, env->end, &g, &e)
                           : binlogs_executed(env->store, &g, &e);
    if (rc != 0) {
        gtids_done(&g);
        return expr_refuse_err(&q->no, &e);
    }
    gtid_set_put_text(&g.set, &q->values, true);
    gtids_done(&g);
    if (buf_check(&q->values, "the answer", &e) != 0)
        return expr_refuse_err(&q->no, &e);
    reply_text(row, buf_slice(&q->values));
    return 0;
}

static int put_end(struct query *q, const struct binlogs_file *end)
{
    struct packet row = reply_row(q->reply);
    reply_text(&row, slice_of_text(end->name));
    reply_number(&row, end->size);
    reply_text(&row, slice_empty()); /* Binlog_Do_DB and ..._Ignore_DB: nothing is filtered */
    reply_text(&row, slice_empty());
    if (has_gtid_sets(q->env->facts))
        TRY(put_executed(q, &row));
    reply_row_end(q->reply, &row);
    return 0;
}

int query_show_end(struct query *q, const char *text)
{
    (void)text;
    static const struct reply_column columns[] = {
        { "File", REPLY_VAR_STRING, NAME_LENGTH },
        { "Position", REPLY_LONGLONG, NUMBER_LENGTH },
        { "Binlog_Do_DB", REPLY_VAR_STRING, NAME_LENGTH },
        { "Binlog_Ignore_DB", REPLY_VAR_STRING, NAME_LENGTH },
        { "Executed_Gtid_Set", REPLY_VAR_STRING, NAME_LENGTH },
    };
    struct binlogs_file end;

    TRY(query_expect_end(q));
    reply_columns(q->reply, columns, has_gtid_sets(q->env->facts) ? 5 : 4);
    bool held = q->env->end != 0 ? binlogs_end_at(q->env->store, q->env->end, &end)
                                 : binlogs_end(q->env->store, &end);
    if (held)
        TRY(put_end(q, &end));
    reply_rows_end(q->reply);
    return 0;
}

int query_show_files(struct query *q, const char *text)
{
    (void)text;
    static const struct reply_column columns[] = {
        { "Log_name", REPLY_VAR_STRING, NAME_LENGTH },
        { "File_size", REPLY_LONGLONG, NUMBER_LENGTH },
        { "Encrypted", REPLY_VAR_STRING, 9 },
    };
    const struct server_facts *facts = q->env->facts;
    bool                encrypted = facts->family == FAMILY_MYSQL && facts->version_number >= 80014;
    struct binlogs_file file;
    uint32_t            ordinal = 0;

    TRY(query_expect_end(q));
    reply_columns(q->reply, columns, encrypted ? 3 : 2);
    while (binlogs_next(q->env->store, &ordinal, &file)) {
        struct packet row = reply_row(q->reply);
        reply_text(&row, slice_of_text(file.name));
        reply_number(&row, file.size);
        if (encrypted)
            reply_text(&row, slice_of_text("No"));
        reply_row_end(q->reply, &row);
    }
    reply_rows_end(q->reply);
    return 0;
}

int query_show_nothing(struct query *q, const char *text)
{
    (void)text;
    static const struct reply_column columns[] = {
        { "Level", REPLY_VAR_STRING, 21 },
        { "Code", REPLY_LONGLONG, 4 },
        { "Message", REPLY_VAR_STRING, 1536 },
    };
    if (sql_take_word(&q->sql, "LIMIT")) { /* makes no difference to nothing */
        while (q->sql.now.kind == SQL_NUMBER || sql_take_sign(&q->sql, ',')) {
            if (q->sql.now.kind == SQL_NUMBER)
                sql_step(&q->sql);
        }
    }
    TRY(query_expect_end(q));
    reply_columns(q->reply, columns, 3);
    reply_rows_end(q->reply);
    return 0;
}
