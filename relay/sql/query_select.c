#include "relay/sql/query_parts.h"

/* A column of the answer: its name and value lie in the query's values. */
struct selected {
    size_t       name_at;
    struct value value;
};

struct selection {
    struct selected columns[QUERY_COLUMNS_MAX];
    size_t          count;
    bool            no_rows; /* LIMIT 0 */
};

/* Words that end an expression, so that they are not taken for an alias without AS. */
static bool is_alias(const struct sql_token *t)
{
    static const char *const reserved[] = { "FROM", "LIMIT", "WHERE", "INTO", "UNION",
                                            "FOR",  "ORDER", "GROUP", "LOCK" };
    if (t->kind == SQL_NAME || t->kind == SQL_TEXT)
        return true;
    if (t->kind != SQL_WORD)
        return false;
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (sql_equal(t->body, reserved[i]))
            return false;
    }
    return true;
}

static void put_token(const struct sql_token *t, struct buf *out)
{
    if (t->kind == SQL_TEXT || t->kind == SQL_NAME)
        sql_put_text(t, out);
    else
        buf_put(out, t->body);
}

/* Consumers look columns up by name, so the name is the expression exactly as written, unless
 * there is an alias. A text alone is named by its content. */
static int read_name(struct query *q, const struct sql_token *first, struct selected *c)
{
    const uint8_t *begin = first->whole.ptr;
    const uint8_t *end = q->sql.last_end;
    bool           alone = first->kind == SQL_TEXT && end == first->whole.ptr + first->whole.len;
    bool           as = sql_take_word(&q->sql, "AS");

    c->name_at = q->values.len;
    if (is_alias(&q->sql.now)) {
        put_token(&q->sql.now, &q->values);
        sql_step(&q->sql);
    } else if (as) {
        return query_refuse_syntax(q);
    } else if (alone) {
        sql_put_text(first, &q->values);
    } else {
        buf_put(&q->values, (struct slice){ begin, (size_t)(end - begin) });
    }
    buf_put_u8(&q->values, 0);
    return 0;
}

static int read_column(struct query *q, struct selection *s)
{
    struct sql_token first = q->sql.now;
    struct expr      x = query_expr(q);
    struct selected *c = &s->columns[s->count];

    if (s->count == QUERY_COLUMNS_MAX)
        return sql_refuse(&q->no, 1117, "HY000", "Too many columns");
    TRY(expr_read(&x, &c->value));
    TRY(read_name(q, &first, c));
    s->count++;
    return 0;
}

/* Of the one row that there is. */
static int read_limit(struct query *q, struct selection *s)
{
    uint64_t rows = 1;
    uint64_t offset = 0;

    TRY(query_read_limit(q, &offset, &rows));
    s->no_rows = rows == 0 || offset > 0;
    return 0;
}

/* Looked for before anything else, since "no tables" tells more than what is wrong with a column.
 */
static bool reads_a_table(const struct query *q)
{
    struct sql look = q->sql;
    while (look.now.kind != SQL_END && look.now.kind != SQL_BAD) {
        if (sql_take_word(&look, "FROM"))
            return !sql_is_name(&look.now, "DUAL");
        sql_step(&look);
    }
    return false;
}

/* Of UTF-8, which all texts of an answer are. */
static uint32_t characters(struct slice text)
{
    uint32_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += (text.ptr[i] & 0xc0) != 0x80 ? 1 : 0;
    return n;
}

static int put_selection(struct query *q, const struct selection *s)
{
    struct reply_column columns[QUERY_COLUMNS_MAX];
    struct expr         x = query_expr(q);
    struct err          e = { 0 };

    if (buf_check(&q->values, "the answer", &e) != 0)
        return expr_refuse_err(&q->no, &e);
    for (size_t i = 0; i < s->count; i++) {
        const struct value *v = &s->columns[i].value;
        uint32_t            own = characters(expr_text(&x, v));
        columns[i] =
            shape_column(q->env, v->shape, (const char *)q->values.ptr + s->columns[i].name_at,
                         v->characters > 0 ? v->characters : own, v->decimals);
    }
    reply_columns(q->reply, columns, s->count);
    if (!s->no_rows) {
        struct packet row = reply_row(q->reply);
        for (size_t i = 0; i < s->count; i++) {
            if (s->columns[i].value.is_null)
                reply_null(&row);
            else
                reply_text(&row, expr_text(&x, &s->columns[i].value));
        }
        reply_row_end(q->reply, &row);
    }
    reply_rows_end(q->reply);
    return 0;
}

int query_select(struct query *q, const char *text)
{
    (void)text;
    struct selection s = { .count = 0 };

    if (reads_a_table(q))
        return sql_refuse(&q->no, 1235, "42000",
                          "This is a binrelay: it holds binlogs and no tables; send this SELECT to "
                          "the database itself");
    do
        TRY(read_column(q, &s));
    while (sql_take_sign(&q->sql, ','));
    if (sql_take_word(&q->sql, "FROM"))
        sql_step(&q->sql); /* DUAL */
    TRY(read_limit(q, &s));
    TRY(query_expect_end(q));
    if (q->notes.warning != NULL)
        query_warn(q, 1287, q->notes.warning);
    return q->notes.dry ? 0 : put_selection(q, &s);
}

int query_do(struct query *q, const char *text)
{
    (void)text;
    struct expr  x = query_expr(q);
    struct value ignored;

    do
        TRY(expr_read(&x, &ignored));
    while (sql_take_sign(&q->sql, ','));
    TRY(query_expect_end(q));
    if (!q->notes.dry)
        reply_ok(q->reply);
    return 0;
}
