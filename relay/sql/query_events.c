/* SHOW BINLOG EVENTS. */
#include <stdio.h>
#include <string.h>
#include "relay/sql/columns.h"
#include "relay/sql/event_info.h"
#include "relay/sql/query_parts.h"
#include "storage/locate.h"
#include "storage/reader.h"

/* What one statement may read: it does so in its loop's thread, where others wait. */
enum { READ_BYTES_MAX = 64 * 1024 * 1024, INFO_BYTES_MAX = 1024 * 1024 };

struct range {
    char     file[STORE_NAME_BYTES + 1]; /* "": the first */
    uint64_t from, offset, rows;
};

/* A newer MySQL. */
static bool rounds(const struct server_facts *f)
{
    return f->family == FAMILY_MYSQL && f->version_number >= 80000;
}

/* Where to read from: a newer MySQL goes on from a place inside an event to the next one. */
static int find_start(struct query *q, const struct range *r, store_pos *at, struct err *e)
{
    uint64_t from = r->from < BINLOG_MAGIC_BYTES ? BINLOG_MAGIC_BYTES : r->from;

    if (locate_position(q->env->store, r->file, from, at, e) == 0)
        return 0;
    if (!rounds(q->env->facts) || e->kind != E_PROTOCOL)
        return -1;
    *e = (struct err){ 0 };
    return locate_position(q->env->store, r->file, BINLOG_MAGIC_BYTES, at, e);
}

static int read_number(struct query *q, uint64_t *out)
{
    struct expr  x = query_expr(q);
    struct value v;

    if (q->sql.now.kind != SQL_NUMBER)
        return query_refuse_syntax(q);
    TRY(expr_read(&x, &v));
    return expr_number(&x, &v, out) ? 0 : query_refuse_syntax(q);
}

/* [IN 'file'] [FROM position] [LIMIT [offset,] rows] */
static int read_range(struct query *q, struct range *r)
{
    size_t at = q->values.len;

    *r = (struct range){ .from = BINLOG_MAGIC_BYTES, .rows = UINT64_MAX };
    if (sql_take_word(&q->sql, "IN")) {
        if (q->sql.now.kind != SQL_TEXT)
            return query_refuse_syntax(q);
        sql_put_text(&q->sql.now, &q->values);
        size_t n = q->values.len - at;
        if (n < sizeof r->file && n > 0)
            memcpy(r->file, q->values.ptr + at, n);
        else
            r->file[0] = '?'; /* no file is called so */
        sql_step(&q->sql);
    }
    if (sql_take_word(&q->sql, "FROM"))
        TRY(read_number(q, &r->from));
    TRY(query_read_limit(q, &r->offset, &r->rows));
    bool looked_at = q->env->parameters != NULL && q->env->parameters->unknown;
    if (r->rows == 0 && !looked_at)
        r->rows = rounds(q->env->facts) ? UINT64_MAX : 1; /* so servers count */
    return query_expect_end(q);
}

static int refuse(struct query *q, const char *why)
{
    return sql_refuse(&q->no, 1220, "HY000", "Error when executing command SHOW BINLOG EVENTS: %s",
                      why);
}

static void put_event(struct query *q, const struct reader *reader, const struct reader_piece *p)
{
    const struct format *f = reader_format(reader);
    struct buf           info;
    struct packet        row = reply_row(q->reply);

    buf_init(&info, INFO_BYTES_MAX);
    event_info_put(f, &p->event, &info);
    reply_text(&row, slice_of_text(reader_file(reader)->name));
    reply_number(&row, store_pos_offset(p->pos));
    reply_text(&row, slice_of_text(event_info_name(f, &p->event)));
    reply_number(&row, p->event.server_id);
    reply_number(&row, p->event.source_end);
    reply_text(&row, info.len > 0 && info.failed == BUF_FINE ? buf_slice(&info) : slice_empty());
    reply_row_end(q->reply, &row);
    buf_done(&info);
}

static int put_events(struct query *q, struct reader *reader, const struct range *r)
{
    struct reader_piece piece;
    enum reader_step    step = READER_PIECE;
    struct err          e = { 0 };
    uint64_t            count = 0;
    uint64_t            bytes = 0;

    while (count < r->offset || count - r->offset < r->rows) {
        if (reader_next(reader, &piece, &step, &e) != 0)
            return refuse(q, "Wrong offset or I/O error");
        if (step != READER_PIECE || q->reply->out->failed != BUF_FINE)
            break;
        bytes += piece.bytes.len;
        if (bytes > READ_BYTES_MAX)
            return sql_refuse(&q->no, 1105, "HY000",
                              "binrelay: SHOW BINLOG EVENTS reads at most %d MiB at once; say less "
                              "with FROM and LIMIT",
                              READ_BYTES_MAX / 1024 / 1024);
        if (piece.at != 0 || store_pos_offset(piece.pos) < r->from)
            continue;
        if (count >= r->offset)
            put_event(q, reader, &piece);
        count++;
    }
    reply_rows_end(q->reply);
    return 0;
}

#define EVER UINT32_MAX

static void put_columns(struct query *q)
{
    static const struct column columns[] = {
        { "Log_name", COLUMN_TEXT, 20, COLUMNS_EVER },
        { "Pos", COLUMN_LONGLONG, 11, 0, EVER, 0, 101100 },
        { "Pos", COLUMN_LONGLONG, 21, EVER, EVER, 101100, EVER },
        { "Event_type", COLUMN_TEXT, 20, COLUMNS_EVER },
        { "Server_id", COLUMN_LONG, 10, COLUMNS_EVER },
        { "End_log_pos", COLUMN_LONGLONG, 11, 0, EVER, 0, 101100 },
        { "End_log_pos", COLUMN_LONGLONG, 21, EVER, EVER, 101100, EVER },
        { "Info", COLUMN_TEXT, 20, COLUMNS_EVER },
    };
    columns_put(q->env, q->reply, columns, sizeof columns / sizeof columns[0]);
}

/* Beyond the file's end. */
static bool is_behind(struct query *q, const struct range *r, const struct err *e)
{
    struct store_file file;
    struct err        ignored = { 0 };

    return e->kind == E_PROTOCOL && r->file[0] != '\0' &&
           store_file_by_name(q->env->store, r->file, &file, &ignored) == 0 && r->from > file.size;
}

static int answer_behind(struct query *q, const struct range *r)
{
    enum { MARIADB_WITH_ERROR = 100500 };
    const struct server_facts *f = q->env->facts;
    struct store_file          file;
    struct err                 e = { 0 };
    char                       why[160];

    if (rounds(f))
        return refuse(q, "Wrong offset or I/O error");
    if (f->family == FAMILY_MYSQL || f->version_number < MARIADB_WITH_ERROR ||
        store_file_by_name(q->env->store, r->file, &file, &e) != 0) {
        put_columns(q);
        reply_rows_end(q->reply);
        return 0;
    }
    (void)snprintf(why, sizeof why,
                   "Invalid pos specified. Requested from pos:%llu is greater than actual file "
                   "size:%llu",
                   (unsigned long long)r->from, (unsigned long long)file.size);
    return refuse(q, why);
}

int query_show_events(struct query *q, const char *text)
{
    struct range   r;
    struct reader *reader = NULL;
    struct err     e = { 0 };
    store_pos      at = 0;

    TRY(read_range(q, &r));
    if (text != NULL) { /* of the relay log, which there is none of */
        put_columns(q);
        reply_rows_end(q->reply);
        return 0;
    }
    if (find_start(q, &r, &at, &e) != 0 && is_behind(q, &r, &e))
        return answer_behind(q, &r);
    if (at == 0)
        return refuse(q, e.kind == E_PURGED || e.kind == E_LIMIT ? "Could not find target log"
                                                                 : "Wrong offset or I/O error");
    if (reader_open(q->env->store, at, 0, &reader, &e) != 0)
        return refuse(q, "Wrong offset or I/O error");
    put_columns(q);
    int rc = put_events(q, reader, &r);
    reader_close(reader);
    return rc;
}
