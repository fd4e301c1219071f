#include <stdio.h>
#include "relay/sql/columns.h"
#include "relay/sql/query_parts.h"
#include "relay/sql/variables.h"

/* ---- SHOW VARIABLES ---- */

/* Asked for by name: is it the place in the binlog? */
static enum query_tie tie_of(struct query *q, const struct query_filter *f)
{
    struct expr          x = query_expr(q);
    struct variable_walk walk = { 0 };
    struct variable      v;

    while (f->count > 0 && variable_next(&walk, q->env, &v)) {
        struct slice text = expr_text(&x, &f->any[0].text);
        bool         named = text.len > 0 && text.ptr[0] != '%';
        if (v.tie != QUERY_TIE_NONE && named && query_filter_wants(q, f, v.name))
            return v.tie;
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

/* Both columns as those of the table that a server reads them from. */
void query_put_pairs(struct query *q, const char *what, bool global)
{
    enum { MYSQL_8 = 80000, MYSQL_57 = 50700, MARIADB_103 = 100300 };
    const struct query_env    *env = q->env;
    const struct server_facts *f = env->facts;
    bool                       mysql = f->family == FAMILY_MYSQL;
    bool                       view = mysql && f->version_number >= MYSQL_57;
    char                       table[64];
    uint16_t more = view || (!mysql && f->version_number >= MARIADB_103) ? REPLY_NO_DEFAULT : 0;
    uint32_t value_characters = mysql ? 1024 : f->version_number >= MARIADB_103 ? 4096 : 2048;

    (void)snprintf(table, sizeof table, "%s%s",
                   mysql && !view   ? ""
                   : global && view ? "global_"
                                    : "session_",
                   what);
    for (char *c = table; !view && *c != 0; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    struct reply_column columns[] = {
        column_of_text(env, "Variable_name", 64, (uint16_t)(REPLY_NOT_NULL | more)),
        column_of_text(env, "Value", value_characters,
                       mysql ? 0 : (uint16_t)(REPLY_NOT_NULL | more)),
    };
    for (size_t i = 0; i < 2; i++) {
        columns[i].decimals = 0;
        columns[i].table = table;
        columns[i].schema = !view                          ? "information_schema"
                            : f->version_number >= MYSQL_8 ? "performance_schema"
                                                           : "";
    }
    columns[0].column = view ? "Variable_name" : "VARIABLE_NAME";
    columns[1].column = view ? "Value" : "VARIABLE_VALUE";
    reply_columns(q->reply, columns, 2);
}

static int put_variables(struct query *q, const struct query_filter *f, bool global)
{
    struct variable_walk walk = { 0 };
    struct variable      v;

    query_put_pairs(q, "variables", global);
    while (variable_next(&walk, q->env, &v)) {
        bool there = !global || v.scope != VARIABLE_SESSION;
        if (there && query_filter_wants(q, f, v.name))
            TRY(put_variable(q, &v, global));
    }
    reply_rows_end(q->reply);
    return 0;
}

int query_show_variables(struct query *q, const char *text)
{
    struct query_filter f = { .count = 0 };
    struct err          e = { 0 };

    TRY(query_read_filter(q, &f));
    TRY(query_expect_end(q));
    if (buf_check(&q->values, "the statement", &e) != 0)
        return expr_refuse_err(&q->no, &e);
    q->notes.tie = tie_of(q, &f);
    if (q->notes.dry)
        return 0;
    q->env->session->warning_count = 0; /* to a server, this reads a table */
    return put_variables(q, &f, text != NULL);
}

/* ---- warnings ---- */

int query_show_warnings(struct query *q, const char *text)
{
    static const struct column columns[] = {
        { "Level", COLUMN_TEXT, 7, COLUMNS_EVER },
        { "Code", COLUMN_LONG, 4, COLUMNS_EVER },
        { "Message", COLUMN_TEXT, 512, COLUMNS_EVER },
    };
    const struct query_session *s = q->env->session;
    uint64_t                    offset = 0;
    uint64_t                    rows = UINT64_MAX;

    TRY(query_read_limit(q, &offset, &rows));
    TRY(query_expect_end(q));
    columns_put(q->env, q->reply, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < s->warning_count; i++) {
        bool wanted_too = text == NULL || s->warnings[i].is_error;
        if (!wanted_too || i < offset || i - offset >= rows)
            continue;
        struct packet row = reply_row(q->reply);
        reply_text(&row, slice_of_text(s->warnings[i].is_error ? "Error" : "Warning"));
        reply_number(&row, s->warnings[i].number);
        reply_text(&row, slice_of_text(s->warnings[i].text));
        reply_row_end(q->reply, &row);
    }
    reply_rows_end(q->reply);
    return 0;
}
