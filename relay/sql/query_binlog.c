/* SHOW statements about binlogs and their end. */
#include "relay/sql/columns.h"
#include "relay/sql/query_parts.h"
#include "relay/upstream/binlogs.h"

static bool has_gtid_sets(const struct server_facts *f)
{
    return f->family == FAMILY_MYSQL && f->version_number >= 50605;
}

#define GTID_SETS 50605, UINT32_MAX, UINT32_MAX, UINT32_MAX

static int put_executed(struct query *q)
{
    struct gtids g = { 0 };
    struct err   e = { 0 };
    int          rc = 0;

    if (has_gtid_sets(q->env->facts))
        rc = q->env->end != 0 ? binlogs_executed_at(q->env->store, q->env->end, &g, &e)
                              : binlogs_executed(q->env->store, &g, &e);
    if (rc == 0)
        gtid_set_put_text(&g.set, &q->values, true);
    gtids_done(&g);
    if (rc != 0 || buf_check(&q->values, "the answer", &e) != 0)
        return expr_refuse_err(&q->no, &e);
    return 0;
}

int query_show_end(struct query *q, const char *text)
{
    (void)text;
    struct binlogs_file end;

    TRY(query_expect_end(q));
    buf_clear(&q->values);
    TRY(put_executed(q));
    const struct column columns[] = {
        { "File", COLUMN_TEXT, 512, COLUMNS_EVER },
        { "Position", COLUMN_LONGLONG, 20, COLUMNS_EVER },
        { "Binlog_Do_DB", COLUMN_TEXT, 255, COLUMNS_EVER },
        { "Binlog_Ignore_DB", COLUMN_TEXT, 255, COLUMNS_EVER },
        { "Executed_Gtid_Set", COLUMN_TEXT, (uint32_t)q->values.len, GTID_SETS },
    };
    columns_put(q->env, q->reply, columns, sizeof columns / sizeof columns[0]);
    bool held = q->env->end != 0 ? binlogs_end_at(q->env->store, q->env->end, &end)
                                 : binlogs_end(q->env->store, &end);
    if (held) {
        struct packet row = reply_row(q->reply);
        reply_text(&row, slice_of_text(end.name));
        reply_number(&row, end.size);
        reply_text(&row, slice_empty()); /* nothing is filtered */
        reply_text(&row, slice_empty());
        if (has_gtid_sets(q->env->facts))
            reply_text(&row, q->values.len > 0 ? buf_slice(&q->values) : slice_empty());
        reply_row_end(q->reply, &row);
    }
    reply_rows_end(q->reply);
    return 0;
}

static void put_file(struct query *q, const struct column *columns, const struct binlogs_file *f)
{
    struct packet row = reply_row(q->reply);
    reply_text(&row, slice_of_text(f->name));
    reply_number(&row, f->size);
    if (column_exists(&columns[2], q->env->facts))
        reply_text(&row, slice_of_text("No"));
    reply_row_end(q->reply, &row);
}

/* A connector that moves in asks whether the file is there whose name it has stored. */
int query_show_files(struct query *q, const char *text)
{
    (void)text;
    static const struct column columns[] = {
        { "Log_name", COLUMN_TEXT, 255, COLUMNS_EVER },
        { "File_size", COLUMN_LONGLONG, 20, COLUMNS_EVER },
        { "Encrypted", COLUMN_TEXT, 3, 80014, UINT32_MAX, UINT32_MAX, UINT32_MAX },
    };
    struct binlogs_file file;
    uint32_t            ordinal = 0;

    TRY(query_expect_end(q));
    columns_put(q->env, q->reply, columns, sizeof columns / sizeof columns[0]);
    const char *source = q->env->coordinates != NULL ? q->env->coordinates : "";
    while (binlogs_next_of(q->env->store, source, &ordinal, &file))
        put_file(q, columns, &file);
    for (ordinal = 0; binlogs_next(q->env->store, &ordinal, &file);)
        put_file(q, columns, &file);
    reply_rows_end(q->reply);
    return 0;
}
