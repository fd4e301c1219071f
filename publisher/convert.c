#include "publisher/convert.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "protocol/payload.h"
#include "protocol/rows.h"
#include "protocol/txn.h"
#include "publisher/convert_read.h"
#include "publisher/emit.h"
#include "publisher/filter.h"
#include "publisher/tables/tables.h"

#define ROOM_BYTES_MAX (8ull << 30) /* a byte of a JSON document may become six */
enum { KEPT_BYTES = 4 << 20, QUERY_BYTES_MAX = 1 << 30, FILE_ID_BYTES = 320 };

struct convert {
    struct options       options;
    struct encoding      encoding, key_encoding;
    struct filter       *filter;
    struct rules        *rules;
    struct shape_context shapes;
    struct tables       *tables;
    struct emit         *emit;
    struct txn           txn;
    char                 gtid[GTID_TEXT_BYTES]; /* of the open transaction */
    uint32_t             opened_s;              /* when its GTID event was written */
    bool                 has_thread;
    uint32_t             thread_id;
    bool                 told_transaction; /* its BEGIN was emitted */
    int64_t              beat_s;           /* time of the last heartbeat; 0: none yet */
    struct buf           query;            /* text of the statement that the rows are of */
    struct buf           inflated;         /* rows of a compressed event */
    struct buf           room;             /* texts of one value */
    struct convert_watch watch;
    store_pos            last_pos; /* of the last event; 0: none yet */
    uint32_t             last_server_id;
    void (*warn)(void *arg, const struct err *why);
    void *warn_arg;
};

/* Where we are: the same for all rows of an event. */
struct place {
    const struct format     *format;
    const struct store_file *file;
    store_pos                pos;
};

/* ---- made ---------------------------------------------------------------------------------- */

static int make_schemas(struct convert *c, struct err *e)
{
    struct shape_context *s = &c->shapes;

    s->fields = (struct field_context){ &c->options, c->rules, &c->room };
    s->encoding = &c->encoding;
    s->key_encoding = &c->key_encoding;
    s->filter = c->filter;
    s->source[FAMILY_MYSQL] = envelope_source_schema(FAMILY_MYSQL, e);
    s->source[FAMILY_MARIADB] = envelope_source_schema(FAMILY_MARIADB, e);
    s->transaction = envelope_transaction_schema(e);
    return s->source[FAMILY_MYSQL] != NULL && s->source[FAMILY_MARIADB] != NULL &&
                   s->transaction != NULL
               ? 0
               : -1;
}

static int make(struct convert *c, const struct convert_options *o, struct catalog *catalog,
                definition_fetch *fetch, void *fetch_arg, change_sink *sink, void *sink_arg,
                struct err *e)
{
    TRY(options_check(o->options, e));
    c->warn = o->warn;
    c->warn_arg = o->warn_arg;
    TRY(options_copy(o->options, &c->options, e));
    c->encoding = encoding_of(&c->options, false);
    c->key_encoding = encoding_of(&c->options, true);
    if (o->counts_only && !c->options.skip_unchanged) /* which compares values */
        c->encoding = encoding_none();
    bool is_avro = c->encoding.is_avro || c->key_encoding.is_avro;
    if (is_avro && o->registrar.find == NULL)
        return err_set(e, E_CONFIG, "Avro can't be written here: it needs sink = kafka");
    TRY(filter_new(&c->options, &c->filter, e));
    TRY(rules_new(&c->options, &c->rules, e));
    TRY(make_schemas(c, e));
    struct tables_options tables = {
        .shapes = &c->shapes,
        .filter = c->filter,
        .catalog = catalog,
        .remember = o->remember,
        .fetch = fetch,
        .fetch_arg = fetch_arg,
        .declared = c->options.key_schemas || c->options.value_schemas || is_avro,
        .strict = c->options.strict,
    };
    TRY(tables_new(&tables, &c->tables, e));
    return emit_new(&c->options, &c->shapes, &o->registrar, sink, sink_arg, &c->emit, e);
}

int convert_new(const struct convert_options *o, struct catalog *catalog, definition_fetch *fetch,
                void *fetch_arg, change_sink *sink, void *sink_arg, struct convert **out,
                struct err *e)
{
    struct convert *c = calloc(1, sizeof *c);

    if (c == NULL)
        return err_set(e, E_NOMEM, "no memory for a converter");
    buf_init(&c->query, QUERY_BYTES_MAX);
    buf_init(&c->inflated, INFLATED_MAX);
    buf_init(&c->room, ROOM_BYTES_MAX);
    txn_reset(&c->txn);
    if (make(c, o, catalog, fetch, fetch_arg, sink, sink_arg, e) != 0) {
        convert_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

bool convert_wants(const struct convert *c, const char *database, const char *table)
{
    return filter_takes(c->filter, database, table);
}

int convert_learn(struct convert *c, struct definition *d, store_pos at, struct err *e)
{
    return tables_learn(c->tables, d, at, e);
}

void convert_free(struct convert *c)
{
    if (c == NULL)
        return;
    emit_free(c->emit);
    tables_free(c->tables);
    filter_free(c->filter);
    rules_free(c->rules);
    schema_free(c->shapes.source[FAMILY_MYSQL]);
    schema_free(c->shapes.source[FAMILY_MARIADB]);
    schema_free(c->shapes.transaction);
    options_done(&c->options);
    buf_done(&c->query);
    buf_done(&c->inflated);
    buf_done(&c->room);
    free(c);
}

/* ---- where an event is --------------------------------------------------------------------- */

static int64_t time_of_change(const struct convert *c, const struct event *ev)
{
    const struct gtid_event *t = &c->txn.current;
    if (t->gtid.kind == GTID_MYSQL && t->original_commit_us != 0)
        return (int64_t)t->original_commit_us;
    if (t->gtid.kind == GTID_MYSQL && c->opened_s != 0)
        return (int64_t)c->opened_s * 1000000;
    return (int64_t)ev->timestamp_s * 1000000;
}

static struct emit_place place_of(const struct convert *c, const struct place *at,
                                  const struct event *ev)
{
    return (struct emit_place){
        .pos = at->pos,
        .source = { .family = at->format->family,
                    .prefix = c->options.topic_prefix,
                    .time_us = time_of_change(c, ev),
                    .server_id = ev->server_id,
                    .gtid = c->gtid,
                    .file = at->file->name,
                    .position = store_pos_offset(at->pos),
                    .has_thread = c->has_thread,
                    .thread_id = c->thread_id,
                    .query = c->options.include_query ? buf_slice(&c->query) : slice_empty() },
    };
}

/* ---- rows ---------------------------------------------------------------------------------- */

static bool is_skipped(const struct convert *c, enum rows_kind kind)
{
    unsigned operation = kind == ROWS_WRITE    ? OPERATION_C
                         : kind == ROWS_DELETE ? OPERATION_D
                                               : OPERATION_U;
    return (c->options.skipped & operation) != 0;
}

static int emit_row(struct convert *c, struct shape *s, enum rows_kind kind, uint32_t row,
                    struct err *e)
{
    switch (kind) {
    case ROWS_WRITE:
        return emit_insert(c->emit, s, row, e);
    case ROWS_DELETE:
        return emit_delete(c->emit, s, row, e);
    default:
        return emit_update(c->emit, s, row, e);
    }
}

/* event.processing.failure.handling.mode is for what is the row's own fault. */
static int leave_out(struct convert *c, const struct place *at, const struct shape *s, uint32_t row,
                     struct err *e)
{
    enum option_failures mode = c->options.processing_failure;

    if (mode == FAILURES_FAIL || emit_is_made(c->emit) || e->kind == E_NOMEM)
        return -1;
    (void)err_note(e, "%s:%llu: table %s, row %u of the event is left out", at->file->name,
                   (unsigned long long)store_pos_offset(at->pos), s->collection, row);
    if (mode == FAILURES_WARN && c->warn != NULL)
        c->warn(c->warn_arg, e);
    *e = (struct err){ 0 };
    return 0;
}

static int convert_row(struct convert *c, const struct place *at, struct shape *s,
                       struct rows *rows, uint32_t row, struct err *e)
{
    TRY(rows_next_image(rows, s->map, false, s->before, e));
    if (rows->kind != ROWS_WRITE && rows->kind != ROWS_DELETE)
        TRY(rows_next_image(rows, s->map, true, s->after, e));
    return emit_row(c, s, rows->kind, row, e) == 0 ? 0 : leave_out(c, at, s, row, e);
}

static bool is_whole(struct slice present, uint32_t columns)
{
    for (uint32_t i = 0; i < columns; i++)
        if ((present.ptr[i / 8] >> (i % 8) & 1) == 0)
            return false;
    return true;
}

static int check_strictly(const struct convert *c, const struct shape *s, const struct rows *rows,
                          struct err *e)
{
    if (!c->options.strict || (is_whole(rows->present_before, rows->column_count) &&
                               is_whole(rows->present_after, rows->column_count)))
        return 0;
    return err_set(e, E_CONFIG,
                   "table %s: its rows lack columns (binlog_row_image is not FULL), which "
                   "strict.compatibility does not allow",
                   s->collection);
}

static void rest(struct convert *c)
{
    emit_rest(c->emit);
    if (c->inflated.size > KEPT_BYTES)
        buf_done(&c->inflated);
    if (c->room.size > KEPT_BYTES)
        buf_done(&c->room);
}

static int on_rows(struct convert *c, const struct place *at, const struct event *ev, struct err *e)
{
    struct rows rows;
    bool        known = false;

    TRY(rows_parse(at->format, ev, &c->inflated, &rows, e));
    struct shape *s = tables_find(c->tables, rows.table_id, &known);
    if (!known && rows_more(&rows))
        return err_set(e, E_PROTOCOL, "%s event: no TABLE_MAP told what table %llu is",
                       event_name(ev->type), (unsigned long long)rows.table_id);
    if (s == NULL || is_skipped(c, rows.kind))
        return 0;
    TRY(check_strictly(c, s, &rows, e));
    struct emit_place place = place_of(c, at, ev);
    TRY(emit_begin_event(c->emit, &place, s, e));
    for (uint32_t row = 0; rows_more(&rows); row++)
        if (convert_row(c, at, s, &rows, row, e) != 0)
            return err_note(e, "table %s, row %u of the event", s->collection, row);
    rest(c);
    return 0;
}

/* ---- transactions -------------------------------------------------------------------------- */

static int tell_begin(struct convert *c, const struct place *at, const struct event *ev,
                      struct err *e)
{
    char id[FILE_ID_BYTES];

    if (!c->options.transactions || c->told_transaction)
        return 0;
    if (c->gtid[0] != 0)
        (void)snprintf(id, sizeof id, "%s", c->gtid);
    else
        (void)snprintf(id, sizeof id, "file=%s,pos=%llu", at->file->name,
                       (unsigned long long)store_pos_offset(at->pos));
    c->told_transaction = true;
    return emit_begin_transaction(c->emit, at->pos, id, time_of_change(c, ev) / 1000, e);
}

static int tell_end(struct convert *c, const struct place *at, const struct event *ev,
                    struct err *e)
{
    if (!c->told_transaction)
        return 0;
    c->told_transaction = false;
    return emit_end_transaction(c->emit, at->pos, time_of_change(c, ev) / 1000, e);
}

/* The clock is the stream's own, so that the same binlog gives the same records. */
static int beat(struct convert *c, const struct place *at, const struct event *ev, struct err *e)
{
    int64_t every_s = (int64_t)(c->options.heartbeat_ms + 999) / 1000;

    if (every_s == 0 || ev->timestamp_s == 0)
        return 0;
    if (c->beat_s == 0)
        c->beat_s = ev->timestamp_s;
    if ((int64_t)ev->timestamp_s - c->beat_s < every_s)
        return 0;
    c->beat_s = ev->timestamp_s;
    return emit_heartbeat(c->emit, at->pos, e);
}

int convert_beat(struct convert *c, store_pos at, struct err *e)
{
    return emit_heartbeat(c->emit, at, e);
}

/* ---- statements ---------------------------------------------------------------------------- */

struct change_arg {
    struct convert    *convert;
    struct emit_place *place;
};

static bool is_published(const struct convert *c, const struct schema_change *s)
{
    const struct options *o = &c->options;

    if (filter_is_system(s->database))
        return false;
    if (!o->captured_tables_only && !o->captured_databases_only)
        return true;
    if (*s->database != 0 && !filter_takes_database(c->filter, s->database))
        return false;
    if (!o->captured_tables_only)
        return true;
    return s->table != NULL ? filter_takes(c->filter, s->database, s->table) : !s->has_tables;
}

static int on_schema_change(void *arg, const struct schema_change *s, struct err *e)
{
    struct change_arg *a = arg;

    if (!a->convert->options.include_schema_changes || !is_published(a->convert, s))
        return 0;
    return emit_schema_change(a->convert->emit, a->place, s, e);
}

/* TRUNCATE [TABLE] [DATABASE.]TABLE; the names into `database` and `table`. */
static void skip_blank(const char **at, const char *end)
{
    while (*at < end) {
        size_t left = (size_t)(end - *at);
        bool   is_line = **at == '#' || (left > 1 && strncmp(*at, "--", 2) == 0);
        if (isspace((unsigned char)**at)) {
            ++*at;
        } else if (is_line) {
            const char *line = memchr(*at, '\n', left);
            *at = line != NULL ? line + 1 : end;
        } else if (left > 3 && strncmp(*at, "/*", 2) == 0) {
            const char *close = memmem(*at + 2, left - 2, "*/", 2);
            *at = close != NULL ? close + 2 : end;
        } else {
            return;
        }
    }
}

static bool take_word(const char **at, const char *end, const char *word)
{
    size_t n = strlen(word);

    skip_blank(at, end);
    if ((size_t)(end - *at) < n || strncasecmp(*at, word, n) != 0)
        return false;
    if (*at + n < end && (isalnum((unsigned char)(*at)[n]) || (*at)[n] == '_'))
        return false;
    *at += n;
    return true;
}

static bool take_name(const char **at, const char *end, char into[DEFINITION_NAME_BYTES])
{
    size_t n = 0;

    skip_blank(at, end);
    bool quoted = *at < end && **at == '`';
    for (*at += quoted; *at < end && n + 1 < DEFINITION_NAME_BYTES; ++*at) {
        char c = **at;
        if (quoted && c == '`') {
            if (*at + 1 >= end || (*at)[1] != '`')
                break;
            ++*at;
        } else if (!quoted && (isspace((unsigned char)c) || strchr(".;,/`", c) != NULL)) {
            break;
        }
        into[n++] = c;
    }
    if (quoted && *at < end)
        ++*at;
    into[n] = 0;
    return n > 0;
}

static bool read_truncate(struct slice text, struct slice session, char *database, char *table)
{
    const char *at = (const char *)text.ptr, *end = at + text.len;

    if (!take_word(&at, end, "TRUNCATE"))
        return false;
    (void)take_word(&at, end, "TABLE");
    if (!take_name(&at, end, table))
        return false;
    (void)snprintf(database, DEFINITION_NAME_BYTES, "%.*s", (int)session.len,
                   (const char *)session.ptr);
    skip_blank(&at, end);
    if (at >= end || *at != '.')
        return true;
    at++;
    (void)snprintf(database, DEFINITION_NAME_BYTES, "%s", table);
    return take_name(&at, end, table);
}

static int on_truncate(struct convert *c, const struct place *at, const struct event_query *q,
                       const struct emit_place *place, struct err *e)
{
    char          database[DEFINITION_NAME_BYTES], table[DEFINITION_NAME_BYTES];
    struct shape *s = NULL;

    if ((c->options.skipped & OPERATION_T) != 0 ||
        !read_truncate(q->text, q->database, database, table) ||
        !filter_takes(c->filter, database, table))
        return 0;
    TRY(tables_named(c->tables, at->format, database, table, at->pos, &s, e));
    return s != NULL ? emit_truncate(c->emit, place, s, e) : 0;
}

static int on_query(struct convert *c, const struct place *at, const struct event *ev,
                    struct err *e)
{
    struct event_query q;

    TRY(event_parse_query(ev, &q, e));
    if (q.text.len == 5 && strncasecmp((const char *)q.text.ptr, "BEGIN", 5) == 0) {
        c->has_thread = true;
        c->thread_id = q.thread_id;
        return tell_begin(c, at, ev, e);
    }
    if (c->watch.statement != NULL)
        c->watch.statement(c->watch.arg, q.database, q.text);
    struct emit_place place = place_of(c, at, ev);
    struct change_arg arg = { c, &place };
    place.source.time_us = place.source.time_us / 1000 * 1000; /* Debezium's clock of statements */
    place.source.query = slice_empty();
    TRY(on_truncate(c, at, &q, &place, e));
    return tables_query(c->tables, at->format, ev, at->pos, on_schema_change, &arg, e);
}

/* ROWS_QUERY has a byte of length in front, which is cut for longer texts. */
static int on_rows_query(struct convert *c, const struct event *ev, struct err *e)
{
    struct slice text = ev->body;

    if (!c->options.include_query)
        return 0;
    if (ev->type == EVENT_ROWS_QUERY && text.len > 0)
        text = (struct slice){ text.ptr + 1, text.len - 1 };
    buf_clear(&c->query);
    buf_put(&c->query, text);
    return buf_check(&c->query, "a statement's text", e);
}

/* ---- events -------------------------------------------------------------------------------- */

static int on_event(struct convert *c, const struct place *at, const struct event *ev,
                    struct err *e);

static int on_payload(struct convert *c, const struct place *at, const struct event *ev,
                      struct err *e)
{
    struct payload *p = NULL;
    bool            more = true;
    int             result = 0;

    TRY(payload_open(ev, &p, e));
    while (result == 0 && more) {
        struct event inner;
        result = payload_next(p, &inner, &more, e);
        if (result == 0 && more && inner.type == EVENT_TRANSACTION_PAYLOAD)
            result = err_set(e, E_PROTOCOL, "a compressed transaction inside of another one");
        else if (result == 0 && more)
            result = on_event(c, at, &inner, e);
    }
    payload_close(p);
    return result;
}

static int on_event(struct convert *c, const struct place *at, const struct event *ev,
                    struct err *e)
{
    if (rows_is_event(ev->type))
        return on_rows(c, at, ev, e);
    switch (ev->type) {
    case EVENT_FORMAT_DESCRIPTION:
        emit_begin_file(c->emit);
        return 0;
    case EVENT_TABLE_MAP:
        return tables_take(c->tables, at->format, ev, at->pos, e);
    case EVENT_QUERY:
    case EVENT_MARIADB_QUERY_COMPRESSED:
        return on_query(c, at, ev, e);
    case EVENT_ROWS_QUERY:
    case EVENT_MARIADB_ANNOTATE_ROWS:
        return on_rows_query(c, ev, e);
    case EVENT_PARTIAL_UPDATE_ROWS:
        return c->options.strict ? 0 : on_rows(c, at, ev, e);
    case EVENT_TRANSACTION_PAYLOAD:
        return on_payload(c, at, ev, e);
    default:
        return 0;
    }
}

static int on_open(struct convert *c, const struct place *at, const struct event *ev, struct err *e)
{
    gtid_format(&c->txn.current.gtid, c->gtid);
    c->opened_s = ev->timestamp_s;
    c->has_thread = false;
    c->told_transaction = false;
    buf_clear(&c->query);
    /* MariaDB's transactions have no BEGIN: the GTID is it, also of a statement that stands alone.
     */
    return ev->type == EVENT_MARIADB_GTID ? tell_begin(c, at, ev, e) : 0;
}

/* A statement that stands alone has no end to Debezium. */
static int on_close(struct convert *c, const struct place *at, const struct event *ev, bool begun,
                    struct err *e)
{
    if (begun)
        TRY(tell_end(c, at, ev, e));
    c->told_transaction = false;
    tables_trim(c->tables);
    return beat(c, at, ev, e);
}

static int follow(struct convert *c, const struct place *at, const struct event *ev, struct err *e)
{
    enum txn_place place = TXN_OUTSIDE;

    TRY(txn_feed(&c->txn, at->format, ev, &place, e));
    if (place == TXN_OPENED ||
        (place == TXN_CLOSED && c->txn.current.gtid.kind == GTID_NONE && ev->type == EVENT_QUERY))
        TRY(on_open(c, at, ev, e));
    TRY(on_event(c, at, ev, e));
    if (place == TXN_CLOSED)
        TRY(on_close(c, at, ev, ev->type != EVENT_QUERY || c->has_thread, e));
    return 0;
}

int convert_event(struct convert *c, const struct format *f, const struct store_file *file,
                  store_pos pos, const struct event *ev, bool *between, struct err *e)
{
    struct place at = { .format = f, .file = file, .pos = pos };

    if (follow(c, &at, ev, e) != 0)
        return err_note(e, "%s:%llu", file->name, (unsigned long long)store_pos_offset(pos));
    *between = !c->txn.open;
    c->last_pos = pos;
    c->last_server_id = ev->server_id;
    return 0;
}

/* ---- snapshots ----------------------------------------------------------------------------- */

int convert_read_table(struct convert *c, enum format_family family, const struct definition *d,
                       struct shape **out, struct err *e)
{
    return shape_of_definition(d, family, &c->shapes, out, e);
}

int convert_read(struct convert *c, const struct emit_place *at, struct shape *s, struct err *e)
{
    struct emit_place here = *at;

    here.source.prefix = c->options.topic_prefix;
    TRY(emit_begin_event(c->emit, &here, s, e));
    TRY(emit_read(c->emit, s, e));
    rest(c);
    return 0;
}

int convert_schema_change(struct convert *c, struct emit_place *at,
                          const struct schema_change *change, struct err *e)
{
    struct change_arg arg = { c, at };

    at->source.prefix = c->options.topic_prefix;
    return on_schema_change(&arg, change, e);
}

int convert_definition(struct convert *c, const char *database, const char *table, store_pos at,
                       const struct definition **out, struct err *e)
{
    return tables_definition(c->tables, database, table, at, out, e);
}

void convert_set_watch(struct convert *c, const struct convert_watch *w)
{
    c->watch = *w;
    emit_set_watch(c->emit, &w->rows);
}

void convert_last(const struct convert *c, struct convert_mark *out)
{
    *out = (struct convert_mark){ .pos = c->last_pos,
                                  .server_id = c->last_server_id,
                                  .has_thread = c->has_thread,
                                  .thread_id = c->thread_id };
    memcpy(out->gtid, c->gtid, sizeof out->gtid);
}

void convert_headers(struct convert *c, enum format_family family,
                     const struct change_header **headers, uint32_t *count)
{
    emit_headers(c->emit, family, headers, count);
}
