#include "publisher/convert.h"
#include "protocol/base/json.h"
#include "protocol/payload.h"
#include "protocol/rows.h"
#include "protocol/txn.h"
#include "publisher/envelope.h"
#include "publisher/filter.h"
#include "publisher/tables.h"
#include <stdlib.h>
#include <strings.h>

/* A row of 1 GiB may need more as text; above KEPT_BYTES a buffer is given back after the row. */
#define ROW_TEXT_MAX (4ull << 30)
enum { KEPT_BYTES = 4 << 20, NAME_TEXT_MAX = 64 * 1024 };

struct convert {
    char          *topic_prefix;
    struct buf     name_json;
    bool           tombstones;
    struct filter *filter;
    struct tables *tables;
    change_sink   *sink;
    void          *sink_arg;
    struct txn     txn;
    char           gtid[GTID_TEXT_BYTES]; /* of the open transaction */
    bool           has_thread;
    uint32_t       thread_id;
    struct buf     inflated; /* rows of a compressed event */
    struct buf     source_head, source_tail;
    struct buf     key, old_key, value;
};

/* Where we are: the same for all rows of an event. */
struct place {
    const struct format     *format;
    const struct store_file *file;
    store_pos                pos;
};

int convert_new(const struct convert_options *o, struct catalog *catalog, definition_fetch *fetch,
                void *fetch_arg, change_sink *sink, void *sink_arg, struct convert **out,
                struct err *e)
{
    struct convert *c = calloc(1, sizeof *c);

    if (c == NULL)
        return err_set(e, E_NOMEM, "no memory for a converter");
    buf_init(&c->name_json, NAME_TEXT_MAX);
    buf_init(&c->inflated, INFLATED_MAX);
    buf_init(&c->source_head, NAME_TEXT_MAX);
    buf_init(&c->source_tail, NAME_TEXT_MAX);
    buf_init(&c->key, ROW_TEXT_MAX);
    buf_init(&c->old_key, ROW_TEXT_MAX);
    buf_init(&c->value, ROW_TEXT_MAX);
    c->tombstones = o->tombstones;
    c->sink = sink;
    c->sink_arg = sink_arg;
    c->topic_prefix = strdup(o->topic_prefix);
    txn_reset(&c->txn);
    if (c->topic_prefix == NULL) {
        convert_free(c);
        return err_set(e, E_NOMEM, "no memory for a converter");
    }
    struct json j = json_into(&c->name_json);
    json_text(&j, c->topic_prefix);
    if (buf_check(&c->name_json, "topic.prefix", e) != 0 ||
        filter_new(o->database_include, o->table_include, &c->filter, e) != 0) {
        convert_free(c);
        return -1;
    }
    struct tables_options tables = {
        .topic_prefix = c->topic_prefix,
        .filter = c->filter,
        .catalog = catalog,
        .remember = o->remember,
        .fetch = fetch,
        .fetch_arg = fetch_arg,
    };
    if (tables_new(&tables, &c->tables, e) != 0) {
        convert_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

void convert_free(struct convert *c)
{
    if (c == NULL)
        return;
    tables_free(c->tables);
    filter_free(c->filter);
    buf_done(&c->name_json);
    buf_done(&c->inflated);
    buf_done(&c->source_head);
    buf_done(&c->source_tail);
    buf_done(&c->key);
    buf_done(&c->old_key);
    buf_done(&c->value);
    free(c->topic_prefix);
    free(c);
}

/* ---- one change event ---- */

static int give(struct convert *c, const struct shape *s, const struct place *at, uint32_t row,
                const struct buf *key, struct slice value, struct err *e)
{
    struct change_event ev = {
        .topic = s->topic, .key = buf_slice(key), .value = value, .pos = at->pos, .row = row
    };
    return c->sink(c->sink_arg, &ev, e);
}

static int put_image(const struct shape *s, const struct value *values, struct buf *out,
                     struct err *e)
{
    if (values != NULL)
        return shape_put_row(s, values, out, e);
    buf_put_text(out, "null");
    return 0;
}

/* NULL for an image that there is not. */
static int give_envelope(struct convert *c, const struct shape *s, const struct place *at,
                         uint32_t row, char op, const struct buf *key, const struct value *before,
                         const struct value *after, struct err *e)
{
    struct buf *v = &c->value;

    buf_clear(v);
    buf_put_text(v, "{\"before\":");
    TRY(put_image(s, before, v, e));
    buf_put_text(v, ",\"after\":");
    TRY(put_image(s, after, v, e));
    buf_put_text(v, ",\"source\":");
    buf_put(v, buf_slice(&c->source_head));
    buf_put_decimal(v, row);
    buf_put(v, buf_slice(&c->source_tail));
    envelope_put_end(v, op);
    TRY(buf_check(v, "a change event", e));
    return give(c, s, at, row, key, buf_slice(v), e);
}

static int give_tombstone(struct convert *c, const struct shape *s, const struct place *at,
                          uint32_t row, const struct buf *key, struct err *e)
{
    return c->tombstones ? give(c, s, at, row, key, slice_empty(), e) : 0;
}

static int key_of(const struct shape *s, const struct value *values, const struct value *other,
                  struct buf *key, struct err *e)
{
    buf_clear(key);
    TRY(shape_put_key(s, values, other, key, e));
    return buf_check(key, "the key of a change event", e);
}

static int give_update(struct convert *c, const struct shape *s, const struct place *at,
                       uint32_t row, struct err *e)
{
    TRY(key_of(s, s->before, s->after, &c->old_key, e));
    TRY(key_of(s, s->after, s->before, &c->key, e));
    if (slice_equal(buf_slice(&c->old_key), buf_slice(&c->key)))
        return give_envelope(c, s, at, row, 'u', &c->key, s->before, s->after, e);
    TRY(give_envelope(c, s, at, row, 'd', &c->old_key, s->before, NULL, e));
    TRY(give_tombstone(c, s, at, row, &c->old_key, e));
    return give_envelope(c, s, at, row, 'c', &c->key, NULL, s->after, e);
}

static int convert_row(struct convert *c, const struct shape *s, const struct place *at,
                       struct rows *rows, uint32_t row, struct err *e)
{
    TRY(rows_next_image(rows, s->map, false, s->before, e));
    switch (rows->kind) {
    case ROWS_WRITE:
        TRY(key_of(s, s->before, NULL, &c->key, e));
        return give_envelope(c, s, at, row, 'c', &c->key, NULL, s->before, e);
    case ROWS_DELETE:
        TRY(key_of(s, s->before, NULL, &c->key, e));
        TRY(give_envelope(c, s, at, row, 'd', &c->key, s->before, NULL, e));
        return give_tombstone(c, s, at, row, &c->key, e);
    default:
        TRY(rows_next_image(rows, s->map, true, s->after, e));
        return give_update(c, s, at, row, e);
    }
}

/* ---- one rows event ---- */

static int64_t time_of_change(const struct convert *c, const struct event *ev)
{
    const struct gtid_event *t = &c->txn.current;
    if (t->gtid.kind == GTID_MYSQL && t->original_commit_us != 0)
        return (int64_t)t->original_commit_us;
    return (int64_t)ev->timestamp_s * 1000000;
}

static int prepare_source(struct convert *c, const struct shape *s, const struct place *at,
                          const struct event *ev, struct err *e)
{
    struct envelope_source source = {
        .family = at->format->family,
        .name_json = buf_slice(&c->name_json),
        .database_json = s->database_json,
        .table_json = s->table_json,
        .time_us = time_of_change(c, ev),
        .server_id = ev->server_id,
        .gtid = c->gtid,
        .file = at->file->name,
        .position = store_pos_offset(at->pos),
        .has_thread = c->has_thread,
        .thread_id = c->thread_id,
    };

    buf_clear(&c->source_head);
    buf_clear(&c->source_tail);
    envelope_put_source_head(&c->source_head, &source);
    envelope_put_source_tail(&c->source_tail, &source);
    TRY(buf_check(&c->source_head, "source of a change event", e));
    return buf_check(&c->source_tail, "source of a change event", e);
}

static void give_back(struct buf *b)
{
    if (b->size > KEPT_BYTES)
        buf_done(b);
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
    if (s == NULL)
        return 0;
    TRY(prepare_source(c, s, at, ev, e));
    for (uint32_t row = 0; rows_more(&rows); row++)
        if (convert_row(c, s, at, &rows, row, e) != 0)
            return err_note(e, "table %s.%s, row %u of the event", s->definition->database,
                            s->definition->table, row);
    give_back(&c->inflated);
    give_back(&c->value);
    return 0;
}

static int on_partial_update(struct convert *c, const struct event *ev, struct err *e)
{
    struct cursor body = cursor_over(ev->body);
    bool          known = false;
    struct shape *s = tables_find(c->tables, cursor_u48(&body), &known);

    if (s == NULL)
        return 0;
    return err_set(e, E_PROTOCOL,
                   "table %s.%s: partial JSON updates can't be published; set "
                   "binlog_row_value_options='' at the source",
                   s->definition->database, s->definition->table);
}

/* ---- statements ---- */

static int on_query(struct convert *c, const struct place *at, const struct event *ev,
                    struct err *e)
{
    struct event_query q;

    TRY(event_parse_query(ev, &q, e));
    if (q.text.len == 5 && strncasecmp((const char *)q.text.ptr, "BEGIN", 5) == 0) {
        c->has_thread = true;
        c->thread_id = q.thread_id;
        return 0;
    }
    return tables_query(c->tables, at->format, ev, at->pos, NULL, NULL, e);
}

/* ---- events ---- */

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
    case EVENT_TABLE_MAP:
        return tables_take(c->tables, at->format, ev, at->pos, e);
    case EVENT_QUERY:
    case EVENT_MARIADB_QUERY_COMPRESSED:
        return on_query(c, at, ev, e);
    case EVENT_PARTIAL_UPDATE_ROWS:
        return on_partial_update(c, ev, e);
    case EVENT_TRANSACTION_PAYLOAD:
        return on_payload(c, at, ev, e);
    default:
        return 0;
    }
}

int convert_event(struct convert *c, const struct format *f, const struct store_file *file,
                  store_pos pos, const struct event *ev, bool *between, struct err *e)
{
    struct place   at = { .format = f, .file = file, .pos = pos };
    enum txn_place place = TXN_OUTSIDE;

    TRY(txn_feed(&c->txn, f, ev, &place, e));
    if (place == TXN_OPENED) {
        gtid_format(&c->txn.current.gtid, c->gtid);
        c->has_thread = false;
    }
    if (on_event(c, &at, ev, e) != 0)
        return err_note(e, "%s:%llu", file->name, (unsigned long long)store_pos_offset(pos));
    if (!c->txn.open)
        tables_trim(c->tables);
    *between = !c->txn.open;
    return 0;
}
