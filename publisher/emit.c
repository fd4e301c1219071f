#include "publisher/emit.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include "publisher/encode/avro.h"
#include "publisher/topic.h"

/* A row of 1 GiB may need more as text; above KEPT_BYTES a buffer is given back after the row. */
#define ROW_TEXT_MAX (4ull << 30)
enum { KEPT_BYTES = 4 << 20, SMALL_TEXT_MAX = 1 << 20, RUN_ID_BYTES = 40, CONTEXT_HEADERS = 4 };

/* A table of the open transaction. */
struct counted {
    char    *name;
    uint64_t events;
};

struct emit {
    const struct options       *options;
    const struct shape_context *shapes;
    const struct encoding      *encoding, *key_encoding;
    struct convert_registrar    registrar;
    struct encoding             header_encoding;
    struct messages            *messages;
    change_sink                *sink;
    void                       *sink_arg;
    struct emit_watch           watch; /* `row` NULL: nobody watches */
    struct buf                  names; /* texts of the topics */
    const char                 *schema_topic, *transaction_topic, *heartbeat_topic;
    char                        run_id[RUN_ID_BYTES];
    struct change_header        headers[CHANGE_HEADERS_MAX]; /* [0]: of a key's change */
    struct buf                  source_head, source_tail;
    struct schema              *source_schema;
    struct buf                  key, old_key, value, key_text;
    store_pos                   pos;      /* of the event */
    bool                        is_made;  /* the record is, and only to be handed over */
    uint32_t                    last_row; /* Debezium's source block keeps it from event to event */
    bool                        in_transaction;
    char                       *transaction_id;
    uint64_t                    serial; /* of the transaction, to know the shapes' counters by */
    uint64_t                    total;
    struct counted             *counted;
    uint32_t                    counted_count;
};

/* ---- made ---------------------------------------------------------------------------------- */

/* A UUID of version 7, as the connectors use: milliseconds, then chance. */
static void make_run_id(char into[RUN_ID_BYTES])
{
    uint8_t         u[16];
    struct timespec now = { 0 };

    if (getrandom(u, sizeof u, 0) != (ssize_t)sizeof u)
        memset(u, 0, sizeof u);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    for (int i = 0; i < 6; i++)
        u[i] = (uint8_t)(ms >> (8 * (5 - i)));
    u[6] = (uint8_t)(0x70 | (u[6] & 15));
    u[8] = (uint8_t)(0x80 | (u[8] & 63));
    (void)snprintf(into, RUN_ID_BYTES,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0],
                   u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13],
                   u[14], u[15]);
}

static int name_topics(struct emit *m, struct err *e)
{
    const struct options *o = m->options;

    topic_put(&m->names, o->topic_delimiter, o->topic_prefix, NULL, NULL);
    buf_put_u8(&m->names, 0);
    size_t transaction = m->names.len;
    topic_put(&m->names, o->topic_delimiter, o->topic_prefix, o->topic_transaction, NULL);
    buf_put_u8(&m->names, 0);
    size_t heartbeat = m->names.len;
    if (*o->topic_heartbeat_name != 0)
        topic_put(&m->names, o->topic_delimiter, o->topic_heartbeat_name, NULL, NULL);
    else
        topic_put(&m->names, o->topic_delimiter, o->topic_heartbeat_prefix, o->topic_prefix, NULL);
    buf_put_u8(&m->names, 0);
    TRY(buf_check(&m->names, "the names of topics", e));
    m->schema_topic = (const char *)m->names.ptr;
    m->transaction_topic = m->schema_topic + transaction;
    m->heartbeat_topic = m->schema_topic + heartbeat;
    return 0;
}

int emit_new(const struct options *o, const struct shape_context *shapes,
             const struct convert_registrar *registrar, change_sink *sink, void *sink_arg,
             struct emit **out, struct err *e)
{
    struct emit *m = calloc(1, sizeof *m);

    if (m == NULL)
        return err_set(e, E_NOMEM, "no memory for change events");
    m->options = o;
    m->shapes = shapes;
    m->encoding = shapes->encoding;
    m->key_encoding = shapes->key_encoding;
    m->registrar = *registrar;
    m->header_encoding = encoding_json_plain();
    m->sink = sink;
    m->sink_arg = sink_arg;
    buf_init(&m->names, SMALL_TEXT_MAX);
    buf_init(&m->source_head, ROW_TEXT_MAX);
    buf_init(&m->source_tail, ROW_TEXT_MAX);
    buf_init(&m->key, ROW_TEXT_MAX);
    buf_init(&m->old_key, ROW_TEXT_MAX);
    buf_init(&m->value, ROW_TEXT_MAX);
    buf_init(&m->key_text, ROW_TEXT_MAX);
    make_run_id(m->run_id);
    if (name_topics(m, e) != 0 ||
        messages_new(m->key_encoding, m->encoding, shapes->source, &m->messages, e) != 0) {
        emit_free(m);
        return -1;
    }
    *out = m;
    return 0;
}

static void forget_counts(struct emit *m)
{
    for (uint32_t i = 0; i < m->counted_count; i++)
        free(m->counted[i].name);
    m->counted_count = 0;
    m->total = 0;
    free(m->transaction_id);
    m->transaction_id = NULL;
    m->in_transaction = false;
}

void emit_free(struct emit *m)
{
    if (m == NULL)
        return;
    forget_counts(m);
    messages_free(m->messages);
    free(m->counted);
    buf_done(&m->names);
    buf_done(&m->source_head);
    buf_done(&m->source_tail);
    buf_done(&m->key);
    buf_done(&m->old_key);
    buf_done(&m->value);
    buf_done(&m->key_text);
    free(m);
}

bool emit_is_made(const struct emit *m)
{
    return m->is_made;
}

void emit_begin_file(struct emit *m)
{
    m->last_row = 0;
}

static void rest_buf(struct buf *b)
{
    if (b->size > KEPT_BYTES)
        buf_done(b);
}

void emit_rest(struct emit *m)
{
    rest_buf(&m->key);
    rest_buf(&m->old_key);
    rest_buf(&m->value);
    rest_buf(&m->key_text);
    rest_buf(&m->source_tail);
}

/* ---- headers and records ------------------------------------------------------------------- */

static void prepare_headers(struct emit *m, enum format_family family)
{
    m->headers[1] =
        (struct change_header){ slice_of_text("__debezium.context.connectorLogicalName"),
                                slice_of_text(m->options->topic_prefix) };
    m->headers[2] =
        (struct change_header){ slice_of_text("__debezium.context.taskId"), slice_of_text("0") };
    m->headers[3] = (struct change_header){ slice_of_text("__debezium.context.connectorName"),
                                            slice_of_text(envelope_connector(family)) };
    m->headers[4] = (struct change_header){ slice_of_text("__debezium.context.runId"),
                                            slice_of_text(m->run_id) };
}

/* `key_header`: its name, whose text is in key_text; NULL: none. */
static void put_headers(struct emit *m, const char *key_header, struct change_event *ev)
{
    uint32_t context = m->options->extended_headers ? CONTEXT_HEADERS : 0;

    ev->headers = m->headers + 1;
    ev->header_count = context;
    if (key_header == NULL)
        return;
    m->headers[0] = (struct change_header){ slice_of_text(key_header), buf_slice(&m->key_text) };
    ev->headers = m->headers;
    ev->header_count = context + 1;
}

void emit_headers(struct emit *m, enum format_family family, const struct change_header **headers,
                  uint32_t *count)
{
    struct change_event ev = { .partition = 0 };

    prepare_headers(m, family);
    put_headers(m, NULL, &ev);
    *headers = ev.headers;
    *count = ev.header_count;
}

static int number(struct emit *m, struct slice topic, bool is_key, struct schema *root,
                  struct slice record, const struct schema **out, struct err *e)
{
    if (record.len == 0 || !(is_key ? m->key_encoding : m->encoding)->is_avro)
        return 0;
    if (!root->is_registered) {
        TRY(m->registrar.find(m->registrar.arg, topic, is_key, root, &root->registered, e));
        root->is_registered = true;
    }
    avro_put_id(root->registered, record);
    *out = root;
    return 0;
}

/* The roots are those of the record, where it has that side. */
static int hand_over(struct emit *m, struct change_event *ev, struct schema *key,
                     struct schema *value, struct err *e)
{
    m->is_made = true;
    TRY(number(m, ev->topic, true, key, ev->key, &ev->key_schema, e));
    TRY(number(m, ev->topic, false, value, ev->value, &ev->value_schema, e));
    return m->sink(m->sink_arg, ev, e);
}

static int give(struct emit *m, const struct shape *s, uint32_t row, const struct buf *key,
                struct slice value, const char *key_header, struct err *e)
{
    struct change_event ev = { .topic = s->topic,
                               .key = buf_slice(key),
                               .value = value,
                               .partition = CHANGE_ANY_PARTITION,
                               .pos = m->pos,
                               .row = row };

    put_headers(m, key_header, &ev);
    return hand_over(m, &ev, s->key_schema, s->envelope, e);
}

static int give_tombstone(struct emit *m, const struct shape *s, uint32_t row,
                          const struct buf *key, const char *key_header, struct err *e)
{
    return m->options->tombstones ? give(m, s, row, key, slice_empty(), key_header, e) : 0;
}

static int give_message(struct emit *m, const char *topic, int32_t partition,
                        enum message_kind kind, enum format_family family, struct err *e)
{
    struct schema      *key_schema = NULL, *value_schema = NULL;
    struct change_event ev = { .topic = slice_of_text(topic),
                               .key = buf_slice(&m->key),
                               .value = buf_slice(&m->value),
                               .partition = partition,
                               .pos = m->pos,
                               .is_heartbeat = kind == MESSAGE_HEARTBEAT };

    messages_schemas(m->messages, kind, family, &key_schema, &value_schema);
    if (kind == MESSAGE_SCHEMA_CHANGE)
        put_headers(m, NULL, &ev);
    TRY(buf_check(&m->key, "the key of a record", e));
    TRY(buf_check(&m->value, "a record", e));
    return hand_over(m, &ev, key_schema, value_schema, e);
}

/* ---- envelopes ----------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int begin(struct emit *m, const struct emit_place *at, struct err *e)
{
    const struct encoding *n = m->encoding;

    m->pos = at->pos;
    m->source_schema = m->shapes->source[at->source.family];
    prepare_headers(m, at->source.family);
    buf_clear(&m->source_head);
    buf_clear(&m->source_tail);
    TRY(envelope_put_source_head(n, m->source_schema, &at->source, &m->source_head, e));
    TRY(envelope_put_source_tail(n, m->source_schema, &at->source, &m->source_tail, e));
    TRY(buf_check(&m->source_head, "source of a change event", e));
    return buf_check(&m->source_tail, "source of a change event", e);
}

int emit_begin_event(struct emit *m, const struct emit_place *at, const struct shape *s,
                     struct err *e)
{
    struct emit_place here = *at;

    here.source.database = s->definition->database;
    here.source.table = s->definition->table;
    return begin(m, &here, e);
}

static int put_source(struct emit *m, uint32_t row, struct buf *out, struct err *e)
{
    buf_put(out, buf_slice(&m->source_head));
    TRY(envelope_put_row(m->encoding, m->source_schema, row, out, e));
    buf_put(out, buf_slice(&m->source_tail));
    return 0;
}

/* The number of this event among the transaction's, and among its table's. */
static int count_event(struct emit *m, struct shape *s, struct cell cells[3], struct err *e)
{
    if (s->txn_serial != m->serial) {
        struct counted *grown = realloc(m->counted, (m->counted_count + 1) * sizeof *grown);
        if (grown == NULL)
            return err_set(e, E_NOMEM, "no memory for a transaction's tables");
        m->counted = grown;
        uint32_t i = 0;
        while (i < m->counted_count && strcmp(m->counted[i].name, s->collection) != 0)
            i++;
        if (i == m->counted_count) {
            m->counted[i] = (struct counted){ .name = strdup(s->collection) };
            if (m->counted[i].name == NULL)
                return err_set(e, E_NOMEM, "no memory for a transaction's tables");
            m->counted_count++;
        }
        s->txn_serial = m->serial;
        s->txn_index = i;
    }
    cells[0] = cell_string(m->transaction_id);
    cells[1] = cell_integer((int64_t)++m->total);
    cells[2] = cell_integer((int64_t)++m->counted[s->txn_index].events);
    return 0;
}

static int put_transaction(struct emit *m, struct shape *s, struct buf *out, struct err *e)
{
    struct cell cells[3];
    struct cell block = cell_null();

    if (m->in_transaction) {
        TRY(count_event(m, s, cells, e));
        block = cell_list(cells, 3);
    }
    return m->encoding->kind->put(m->encoding, m->shapes->transaction, &block, out, e);
}

static int put_tail(struct emit *m, const struct shape *s, char op, struct buf *out, struct err *e)
{
    const struct encoding *n = m->encoding;
    int64_t                ns = now_ns();
    struct cell            cells[] = { cell_text((struct slice){ (const uint8_t *)&op, 1 }),
                                       cell_integer(ns / 1000000), cell_integer(ns / 1000), cell_integer(ns) };

    for (uint32_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        n->kind->member(s->envelope, ENVELOPE_OP + i, out);
        TRY(n->kind->put(n, s->envelope->members[ENVELOPE_OP + i].schema, &cells[i], out, e));
    }
    n->kind->close_struct(s->envelope, out);
    n->kind->close(n, s->envelope, false, out);
    return 0;
}

struct image {
    const struct value *values; /* NULL: there is none */
    const struct value *other;  /* for columns that are not in it */
};

static int put_image(struct emit *m, const struct shape *s, const struct image *image,
                     bool is_insert, struct buf *out, struct err *e)
{
    struct cell none = cell_null();

    if (image->values == NULL)
        return m->encoding->kind->put(m->encoding, s->value, &none, out, e);
    return shape_put_row(s, m->encoding, image->values, image->other, is_insert, out, e);
}

/* *same tells that both images are written with the same bytes. */
static int put_images(struct emit *m, const struct shape *s, const struct image *before,
                      const struct image *after, char op, bool *same, struct err *e)
{
    struct buf *v = &m->value;
    size_t      at[4];

    buf_clear(v);
    m->encoding->kind->open(m->encoding, s->envelope, false, v);
    m->encoding->kind->open_struct(s->envelope, v);
    m->encoding->kind->member(s->envelope, ENVELOPE_BEFORE, v);
    at[0] = v->len;
    TRY(put_image(m, s, before, false, v, e));
    at[1] = v->len;
    m->encoding->kind->member(s->envelope, ENVELOPE_AFTER, v);
    at[2] = v->len;
    TRY(put_image(m, s, after, op == 'c', v, e));
    at[3] = v->len;
    TRY(buf_check(v, "a change event", e));
    *same = at[1] - at[0] == at[3] - at[2] &&
            memcmp(v->ptr + at[0], v->ptr + at[2], at[1] - at[0]) == 0;
    return 0;
}

/* NULL that is written as the column's default looks like that value, and is none. */
static bool has_same_nulls(const uint16_t *columns, const struct field *fields, uint32_t count,
                           const struct value *before, const struct value *after)
{
    for (uint32_t i = 0; i < count; i++) {
        uint16_t column = columns[i];
        if (fields[i].schema->has_fallback && after[column].kind != VALUE_ABSENT &&
            (before[column].kind == VALUE_NULL) != (after[column].kind == VALUE_NULL))
            return false;
    }
    return true;
}

void emit_set_watch(struct emit *m, const struct emit_watch *w)
{
    m->watch = *w;
}

static int tell_watch(struct emit *m, const struct shape *s, char op, const struct image *before,
                      const struct image *after, struct err *e)
{
    if (m->watch.row == NULL || op == 'r')
        return 0;
    if (before->values != NULL)
        TRY(m->watch.row(m->watch.arg, s, before->values, before->other, false, e));
    return after->values == NULL
               ? 0
               : m->watch.row(m->watch.arg, s, after->values, after->other, op == 'c', e);
}

static int give_envelope(struct emit *m, struct shape *s, uint32_t row, char op,
                         const struct buf *key, struct image before, struct image after,
                         const char *key_header, struct err *e)
{
    struct buf *v = &m->value;
    bool        same = false;

    m->is_made = false;
    TRY(put_images(m, s, &before, &after, op, &same, e));
    if (same && op == 'u' && m->options->skip_unchanged &&
        has_same_nulls(s->published, s->fields, s->published_count, before.values, after.values))
        return 0;
    TRY(tell_watch(m, s, op, &before, &after, e));
    m->encoding->kind->member(s->envelope, ENVELOPE_SOURCE, v);
    TRY(put_source(m, row, v, e));
    m->encoding->kind->member(s->envelope, ENVELOPE_TRANSACTION, v);
    TRY(put_transaction(m, s, v, e));
    TRY(put_tail(m, s, op, v, e));
    TRY(buf_check(v, "a change event", e));
    return give(m, s, row, key, buf_slice(v), key_header, e);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static int put_key(struct emit *m, const struct shape *s, const struct value *values,
                   const struct value *other, struct buf *key, struct err *e)
{
    buf_clear(key);
    m->is_made = false;
    TRY(shape_put_key(s, m->key_encoding, values, other, key, e));
    return buf_check(key, "the key of a change event", e);
}

static const struct image no_image;

int emit_insert(struct emit *m, struct shape *s, uint32_t row, struct err *e)
{
    struct image after = { s->before, NULL };

    m->last_row = row;
    TRY(put_key(m, s, s->before, NULL, &m->key, e));
    return give_envelope(m, s, row, 'c', &m->key, no_image, after, NULL, e);
}

int emit_delete(struct emit *m, struct shape *s, uint32_t row, struct err *e)
{
    struct image before = { s->before, NULL };

    m->last_row = row;
    TRY(put_key(m, s, s->before, NULL, &m->key, e));
    TRY(give_envelope(m, s, row, 'd', &m->key, before, no_image, NULL, e));
    return give_tombstone(m, s, row, &m->key, NULL, e);
}

/* As two rows: the old key is deleted and the new one made; each tells of the other one. */
static int give_key_change(struct emit *m, struct shape *s, uint32_t row, struct err *e)
{
    static const char old_key[] = "__debezium.oldkey", new_key[] = "__debezium.newkey";
    struct image      before = { s->before, NULL };
    struct image      after = { s->after, s->before };

    buf_clear(&m->key_text);
    TRY(shape_put_key(s, &m->header_encoding, s->after, s->before, &m->key_text, e));
    TRY(give_envelope(m, s, row, 'd', &m->old_key, before, no_image, new_key, e));
    TRY(give_tombstone(m, s, row, &m->old_key, new_key, e));
    buf_clear(&m->key_text);
    TRY(shape_put_key(s, &m->header_encoding, s->before, s->after, &m->key_text, e));
    return give_envelope(m, s, row, 'c', &m->key, no_image, after, old_key, e);
}

int emit_update(struct emit *m, struct shape *s, uint32_t row, struct err *e)
{
    struct image before = { s->before, NULL };
    struct image after = { s->after, s->before };

    m->last_row = row;
    TRY(put_key(m, s, s->before, s->after, &m->old_key, e));
    TRY(put_key(m, s, s->after, s->before, &m->key, e));
    if (!slice_equal(buf_slice(&m->old_key), buf_slice(&m->key)) ||
        !has_same_nulls(s->key, s->key_fields, s->key_count, s->before, s->after))
        return give_key_change(m, s, row, e);
    return give_envelope(m, s, row, 'u', &m->key, before, after, NULL, e);
}

int emit_read(struct emit *m, struct shape *s, struct err *e)
{
    struct image after = { s->before, NULL };

    m->last_row = 0;
    TRY(put_key(m, s, s->before, NULL, &m->key, e));
    return give_envelope(m, s, 0, 'r', &m->key, no_image, after, NULL, e);
}

int emit_truncate(struct emit *m, const struct emit_place *at, struct shape *s, struct err *e)
{
    TRY(emit_begin_event(m, at, s, e));
    buf_clear(&m->key);
    return give_envelope(m, s, m->last_row, 't', &m->key, no_image, no_image, NULL, e);
}

/* ---- records that are no rows -------------------------------------------------------------- */

static const char *change_word(enum schema_change_kind kind)
{
    return kind == SCHEMA_CREATE ? "CREATE" : kind == SCHEMA_ALTER ? "ALTER" : "DROP";
}

int emit_schema_change(struct emit *m, const struct emit_place *at, const struct schema_change *c,
                       struct err *e)
{
    struct emit_place here = *at;
    struct buf        source, changes;
    int               result = -1;

    buf_init(&source, ROW_TEXT_MAX);
    buf_init(&changes, ROW_TEXT_MAX);
    here.source.database = c->database;
    here.source.table = c->has_tables ? c->tables : NULL;
    buf_put_u8(&changes, '[');
    if (c->kind != SCHEMA_OTHER)
        definition_put_change(change_word(c->kind), c->database, c->table, c->definition,
                              m->options->include_comments || at->source.family == FAMILY_MARIADB,
                              &changes);
    buf_put_u8(&changes, ']');
    buf_clear(&m->key);
    buf_clear(&m->value);
    if (begin(m, &here, e) == 0 && put_source(m, m->last_row, &source, e) == 0 &&
        buf_check(&changes, "a schema change", e) == 0) {
        struct message_schema_change change = { .family = at->source.family,
                                                .source = buf_slice(&source),
                                                .time_ms = now_ns() / 1000000,
                                                .database = c->database,
                                                .ddl = c->ddl,
                                                .changes = buf_slice(&changes) };
        result = messages_put_schema_change(m->messages, &change, &m->key, &m->value, e);
    }
    if (result == 0)
        result = give_message(m, m->schema_topic, 0, MESSAGE_SCHEMA_CHANGE, at->source.family, e);
    buf_done(&source);
    buf_done(&changes);
    return result;
}

int emit_begin_transaction(struct emit *m, store_pos pos, const char *id, int64_t time_ms,
                           struct err *e)
{
    struct message_transaction t = { .id = id, .time_ms = time_ms };

    forget_counts(m);
    m->transaction_id = strdup(id);
    if (m->transaction_id == NULL)
        return err_set(e, E_NOMEM, "no memory for a transaction's name");
    m->in_transaction = true;
    m->serial++;
    m->pos = pos;
    buf_clear(&m->key);
    buf_clear(&m->value);
    TRY(messages_put_transaction(m->messages, &t, &m->key, &m->value, e));
    return give_message(m, m->transaction_topic, CHANGE_ANY_PARTITION, MESSAGE_TRANSACTION,
                        FAMILY_MYSQL, e);
}

/* Java's String.hashCode, spread as HashMap does; of plain names, where UTF-16 units are bytes. */
static uint32_t java_hash(const char *name)
{
    uint32_t h = 0;
    for (; *name != 0; name++)
        h = h * 31 + (uint8_t)*name;
    return h ^ h >> 16;
}

/* In the order in which a HashMap of so many goes through them. */
static void sort_as_java(struct message_collection *c, uint32_t count)
{
    uint32_t size = 16;

    while (count * 4 > size * 3)
        size *= 2;
    for (uint32_t i = 1; i < count; i++) {
        struct message_collection moved = c[i];
        uint32_t                  at = i;
        for (; at > 0 &&
               (java_hash(c[at - 1].name) & (size - 1)) > (java_hash(moved.name) & (size - 1));
             at--)
            c[at] = c[at - 1];
        c[at] = moved;
    }
}

int emit_end_transaction(struct emit *m, store_pos pos, int64_t time_ms, struct err *e)
{
    struct message_collection *collections = calloc(m->counted_count + 1, sizeof *collections);
    struct message_transaction t = { .id = m->transaction_id,
                                     .is_end = true,
                                     .events = m->total,
                                     .collections = collections,
                                     .collection_count = m->counted_count,
                                     .time_ms = time_ms };
    int                        result = -1;

    m->pos = pos;
    buf_clear(&m->key);
    buf_clear(&m->value);
    if (collections == NULL)
        (void)err_set(e, E_NOMEM, "no memory for a transaction's tables");
    else {
        for (uint32_t i = 0; i < m->counted_count; i++)
            collections[i] =
                (struct message_collection){ m->counted[i].name, m->counted[i].events };
        sort_as_java(collections, m->counted_count);
        result = messages_put_transaction(m->messages, &t, &m->key, &m->value, e);
    }
    free(collections);
    if (result == 0)
        result = give_message(m, m->transaction_topic, CHANGE_ANY_PARTITION, MESSAGE_TRANSACTION,
                              FAMILY_MYSQL, e);
    forget_counts(m);
    return result;
}

int emit_heartbeat(struct emit *m, store_pos pos, struct err *e)
{
    m->pos = pos;
    buf_clear(&m->key);
    buf_clear(&m->value);
    TRY(messages_put_heartbeat(m->messages, m->options->topic_prefix, now_ns() / 1000000, &m->key,
                               &m->value, e));
    return give_message(m, m->heartbeat_topic, 0, MESSAGE_HEARTBEAT, FAMILY_MYSQL, e);
}
