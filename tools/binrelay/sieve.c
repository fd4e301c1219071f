#include "tools/binrelay/sieve.h"
#include "protocol/rows.h"
#include "protocol/inflate.h"
#include "protocol/table_map.h"

void sieve_init(struct sieve *s, const struct selection *selection)
{
    s->selection = selection;
    s->table_count = 0;
    s->rows_taken = false;
    buf_init(&s->text, INFLATED_MAX);
}

void sieve_done(struct sieve *s)
{
    buf_done(&s->text);
}

static uint32_t table_id_bytes(const struct format *f, uint8_t type)
{
    return f->post_header[type] == 6 ? 4 : 6;
}

uint32_t rows_flags_at(const struct format *f, uint8_t type)
{
    return EVENT_HEADER_BYTES + table_id_bytes(f, type);
}

/* ---- rows ---- */

static int table_map(struct sieve *s, const struct format *f, const struct event *ev,
                     enum sieve_verdict *verdict, struct err *e)
{
    struct slice database, table;
    uint64_t     id;

    TRY(table_map_peek(f, ev, &id, &database, &table, e));
    if (s->table_count == SIEVE_TABLES_MAX)
        return err_set(e, E_LIMIT, "a statement changes more than %d tables", SIEVE_TABLES_MAX);
    bool taken = selection_table(s->selection, database, table);
    s->tables[s->table_count].id = id;
    s->tables[s->table_count++].taken = taken;
    *verdict = taken ? SIEVE_TAKE : SIEVE_LEAVE;
    return 0;
}

static int rows(struct sieve *s, const struct format *f, const struct event *ev,
                enum sieve_verdict *verdict, bool *closes, struct err *e)
{
    struct cursor c = cursor_over(ev->body);
    uint64_t      id = cursor_le(&c, table_id_bytes(f, ev->type));
    uint16_t      flags = cursor_u16(&c);
    bool          taken = false;

    if (c.failed)
        return err_set(e, E_PROTOCOL, "a %s event is too short", event_name(ev->type));
    for (size_t i = s->table_count; i-- > 0;) {
        if (s->tables[i].id != id)
            continue;
        taken = s->tables[i].taken;
        break;
    }
    bool last = (flags & ROWS_FLAG_STATEMENT_END) != 0;
    *verdict = taken ? SIEVE_TAKE : SIEVE_LEAVE;
    *closes = last && !taken && s->rows_taken;
    s->rows_taken = !last && (s->rows_taken || taken);
    if (last)
        s->table_count = 0;
    return 0;
}

/* ---- statements ---- */

static bool begins(struct slice text, const char *word)
{
    size_t n = strlen(word);
    return text.len >= n && memcmp(text.ptr, word, n) == 0;
}

static bool is_frame(struct slice text)
{
    return slice_equal(text, slice_of_text("BEGIN")) ||
           slice_equal(text, slice_of_text("COMMIT")) || begins(text, "ROLLBACK") ||
           begins(text, "SAVEPOINT") || begins(text, "XA ");
}

static int statement(struct sieve *s, const struct format *f, const struct event_query *q,
                     bool begun, enum sieve_verdict *verdict, struct err *e)
{
    enum wanted wanted;

    TRY(selection_statement(s->selection, f, q, &wanted, e));
    if (wanted == WANTED_PARTLY && begun)
        return err_set(
            e, E_LIMIT,
            "a change stands there as a statement (binlog_format is not ROW), which does "
            "not tell its tables: choose by whole databases");
    *verdict = wanted == WANTED_YES ? SIEVE_TAKE : SIEVE_LEAVE;
    return 0;
}

static int query(struct sieve *s, const struct format *f, const struct event *ev, bool begun,
                 enum sieve_verdict *verdict, struct err *e)
{
    struct event_query q;

    TRY(event_parse_query(ev, &q, e));
    if (q.packed.len > 0) {
        TRY(inflate_field(q.packed, &s->text, e));
        q.text = buf_slice(&s->text);
    }
    if (is_frame(q.text)) {
        *verdict = SIEVE_FRAME;
        return 0;
    }
    return statement(s, f, &q, begun, verdict, e);
}

/* EXECUTE_LOAD_QUERY is a QUERY with a file's number and place in the text behind the lengths. */
static int load_query(struct sieve *s, const struct event *ev, enum sieve_verdict *verdict,
                      struct err *e)
{
    enum { LOAD_BYTES = 13 };
    struct cursor c = cursor_over(ev->body);

    cursor_skip(&c, 8);
    uint8_t database_bytes = cursor_u8(&c);
    cursor_skip(&c, 2);
    uint16_t status_bytes = cursor_u16(&c);
    cursor_skip(&c, LOAD_BYTES + (size_t)status_bytes);
    struct slice database = cursor_slice(&c, database_bytes);
    if (c.failed)
        return err_set(e, E_PROTOCOL, "a LOAD DATA event is too short");
    enum wanted wanted = selection_database(s->selection, database);
    if (wanted == WANTED_PARTLY)
        return err_set(e, E_LIMIT,
                       "a LOAD DATA stands there as a statement, which does not tell its table: "
                       "choose by whole databases");
    *verdict = wanted == WANTED_YES ? SIEVE_TAKE : SIEVE_LEAVE;
    return 0;
}

int sieve_event(struct sieve *s, const struct format *f, const struct event *ev, bool begun,
                enum sieve_verdict *verdict, bool *closes, struct err *e)
{
    *closes = false;
    if (rows_is_any_event(ev->type))
        return rows(s, f, ev, verdict, closes, e);
    switch (ev->type) {
    case EVENT_TABLE_MAP:
        return table_map(s, f, ev, verdict, e);
    case EVENT_QUERY:
    case EVENT_MARIADB_QUERY_COMPRESSED:
        return query(s, f, ev, begun, verdict, e);
    case EVENT_EXECUTE_LOAD_QUERY:
        return load_query(s, ev, verdict, e);
    case EVENT_ROWS_QUERY:
    case EVENT_MARIADB_ANNOTATE_ROWS:
    case EVENT_INTVAR:
    case EVENT_RAND:
    case EVENT_USER_VAR:
    case EVENT_BEGIN_LOAD_QUERY:
    case EVENT_APPEND_BLOCK:
    case EVENT_DELETE_FILE:
        *verdict = SIEVE_PRELUDE;
        return 0;
    default:
        *verdict = SIEVE_FRAME;
        return 0;
    }
}
