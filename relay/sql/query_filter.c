/* LIKE and WHERE of SHOW VARIABLES and SHOW STATUS. */
#include "relay/sql/query_parts.h"

static int read_filter_text(struct query *q, struct query_filter *f, bool like)
{
    struct sql_token t = q->sql.now;

    if (t.kind != SQL_TEXT)
        return query_refuse_syntax(q);
    if (f->count == QUERY_FILTERS_MAX)
        return sql_refuse(&q->no, 1235, "42000", "binrelay: at most %d names can be asked for",
                          QUERY_FILTERS_MAX);
    struct value *v = &f->any[f->count].text;
    f->any[f->count].like = like;
    f->count++;
    v->at = q->values.len;
    sql_put_text(&t, &q->values);
    v->bytes = q->values.len - v->at;
    sql_step(&q->sql);
    return 0;
}

static int read_filter_list(struct query *q, struct query_filter *f)
{
    if (!sql_take_sign(&q->sql, '('))
        return query_refuse_syntax(q);
    do
        TRY(read_filter_text(q, f, false));
    while (sql_take_sign(&q->sql, ','));
    return sql_take_sign(&q->sql, ')') ? 0 : query_refuse_syntax(q);
}

static int read_condition(struct query *q, struct query_filter *f)
{
    if (!sql_is_name(&q->sql.now, "Variable_name"))
        return sql_refuse(&q->no, 1235, "42000",
                          "binrelay: WHERE can only compare Variable_name here");
    sql_step(&q->sql);
    if (sql_take_sign(&q->sql, '='))
        return read_filter_text(q, f, false);
    if (sql_take_word(&q->sql, "LIKE"))
        return read_filter_text(q, f, true);
    if (sql_take_word(&q->sql, "IN"))
        return read_filter_list(q, f);
    return query_refuse_syntax(q);
}

int query_read_filter(struct query *q, struct query_filter *f)
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

bool query_filter_wants(struct query *q, const struct query_filter *f, const char *name)
{
    struct expr x = query_expr(q);

    for (size_t i = 0; i < f->count; i++) {
        struct slice text = expr_text(&x, &f->any[i].text);
        if (f->any[i].like ? sql_like(text, slice_of_text(name)) : sql_equal(text, name))
            return true;
    }
    return f->count == 0;
}
