#include "protocol/fingerprint.h"
#include <stdlib.h>
#include <xxhash.h>
#include "protocol/inflate.h"
#include "protocol/payload.h"
#include "protocol/rows.h"

enum {
    STAGED_BYTES = 16 * 1024, /* values are gathered before they are hashed */
    STAGED_LONG = 1024,       /* longer ones are hashed where they lie */
    STAGED_SLACK = 8,         /* numbers are stored whole, and as many of their bytes counted */
    TABLES_KEPT = 32,         /* from one transaction to the next */
};

struct known_table {
    struct table_map *map;
    uint64_t          transaction; /* in which it was said last */
};

struct fingerprinter {
    XXH3_state_t           *hash;
    bool                    between; /* transactions */
    bool                    has_content;
    uint32_t                timestamp_s, server_id; /* said last */
    uint32_t                first_s;                /* said first */
    int                     kind;                   /* of the rows said last; -1 none */
    const struct table_map *said;                   /* table of the rows said last */
    struct known_table      tables[FINGERPRINT_TABLES_MAX];
    size_t                  table_count;
    uint64_t                transaction; /* how many there were */
    struct value           *values;      /* TABLE_MAP_COLUMNS_MAX */
    struct buf              inflated;
    uint8_t                 staged[STAGED_BYTES + STAGED_SLACK];
    size_t                  staged_len;
};

int fingerprinter_new(struct fingerprinter **out, struct err *e)
{
    struct fingerprinter *p = calloc(1, sizeof *p);

    if (p != NULL) {
        buf_init(&p->inflated, INFLATED_MAX);
        p->between = true;
        p->hash = XXH3_createState();
    }
    if (p == NULL || p->hash == NULL) {
        fingerprinter_free(p);
        return err_set(e, E_NOMEM, "no memory to compute fingerprints");
    }
    *out = p;
    return 0;
}

static void forget_tables(struct fingerprinter *p)
{
    for (size_t i = 0; i < p->table_count; i++)
        table_map_free(p->tables[i].map);
    p->table_count = 0;
    p->said = NULL;
}

void fingerprinter_free(struct fingerprinter *p)
{
    if (p == NULL)
        return;
    forget_tables(p);
    (void)XXH3_freeState(p->hash);
    buf_done(&p->inflated);
    free(p);
}

/* Table ids mean something else there. */
void fingerprinter_enter_file(struct fingerprinter *p)
{
    forget_tables(p);
    p->between = true;
}

/* ---- hashing ---- */

static void unstage(struct fingerprinter *p)
{
    (void)XXH3_128bits_update(p->hash, p->staged, p->staged_len);
    p->staged_len = 0;
}

static void put(struct fingerprinter *p, struct slice s)
{
    if (s.len > STAGED_BYTES - p->staged_len)
        unstage(p);
    if (s.len > STAGED_LONG) {
        unstage(p);
        (void)XXH3_128bits_update(p->hash, s.ptr, s.len);
        return;
    }
    memcpy(p->staged + p->staged_len, s.ptr, s.len);
    p->staged_len += s.len;
}

/* Room for so many bytes, few of them, which count as put. */
static inline uint8_t *stage(struct fingerprinter *p, size_t bytes)
{
    if (bytes > STAGED_BYTES - p->staged_len)
        unstage(p);
    uint8_t *at = p->staged + p->staged_len;
    p->staged_len += bytes;
    return at;
}

static inline void put_number(struct fingerprinter *p, uint64_t n, size_t bytes)
{
    uint64_t little = htole64(n);
    memcpy(stage(p, bytes), &little, sizeof little);
}

/* A value's kind and its number. */
static inline void put_kind_and_number(struct fingerprinter *p, enum value_kind kind, uint64_t n)
{
    uint64_t little = htole64(n);
    uint8_t *at = stage(p, 1 + sizeof little);
    at[0] = (uint8_t)kind;
    memcpy(at + 1, &little, sizeof little);
}

/* With its length in front, so that no two neighbours can be taken for two others. */
static void put_counted(struct fingerprinter *p, struct slice s)
{
    put_number(p, s.len, 4);
    put(p, s);
}

static void reset(struct fingerprinter *p)
{
    if (p->table_count > TABLES_KEPT)
        forget_tables(p);
    p->transaction++;
    p->said = NULL;
    (void)XXH3_128bits_reset(p->hash);
    p->staged_len = 0;
    p->has_content = false;
    p->timestamp_s = p->server_id = 0;
    p->kind = -1;
}

/* ---- rows ---- */

static void put_time(struct fingerprinter *p, const struct value_time *t)
{
    const uint64_t date = t->year | (uint64_t)t->month << 16 | (uint64_t)t->day << 24;
    const uint64_t clock = t->hour | (uint64_t)t->minute << 8 | (uint64_t)t->second << 16;

    put_number(p, date | clock << 32, 7);
    put_number(p, t->microsecond, 4);
}

/* Kinds are said too: a NULL is not an empty text. */
static inline void put_value(struct fingerprinter *p, const struct value *v)
{
    switch (v->kind) {
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_ENUM:
    case VALUE_SET:
    case VALUE_TIME:
    case VALUE_YEAR:
        put_kind_and_number(p, v->kind, v->natural);
        return;
    default:
        put_number(p, v->kind, 1);
        break;
    }
    switch (v->kind) {
    case VALUE_FLOAT:
        put(p, (struct slice){ (const uint8_t *)&v->single, sizeof v->single });
        return;
    case VALUE_DOUBLE:
        put(p, (struct slice){ (const uint8_t *)&v->real, sizeof v->real });
        return;
    case VALUE_DECIMAL:
        put_counted(p, v->decimal.raw);
        return;
    case VALUE_BYTES:
    case VALUE_TEXT:
    case VALUE_JSON_DIFF:
    case VALUE_BIT:
        put_counted(p, v->bytes);
        return;
    case VALUE_DATE:
    case VALUE_DATETIME:
        put_time(p, &v->time);
        return;
    case VALUE_TIMESTAMP:
        put_number(p, v->timestamp.seconds, 4);
        put_number(p, v->timestamp.microsecond, 4);
        return;
    default: /* nothing but its kind */
        return;
    }
}

/* The signedness that a newer server tells is taken away, so that the bytes are what an older one's
   are: a column is read as signed on both sides. */
static int keep_table(struct fingerprinter *p, const struct format *f, const struct event *ev,
                      struct err *e)
{
    struct table_map *m = NULL;

    /* Most are said again and again: for the next statement, where rows behind it go on where the
       former ones ended, and in the next transaction. */
    for (size_t i = 0; i < p->table_count; i++)
        if (slice_equal(p->tables[i].map->body, ev->body)) {
            p->tables[i].transaction = p->transaction;
            return 0;
        }
    if (p->table_count == FINGERPRINT_TABLES_MAX)
        return err_set(e, E_LIMIT, "a transaction with more than %d table maps",
                       FINGERPRINT_TABLES_MAX);
    TRY(table_map_parse(f, ev, &m, e));
    for (uint32_t i = 0; i < m->column_count; i++)
        m->columns[i].is_unsigned = false;
    for (size_t i = 0; i < p->table_count; i++) {
        if (p->tables[i].map->table_id != m->table_id)
            continue;
        if (p->said == p->tables[i].map)
            p->said = NULL;
        table_map_free(p->tables[i].map);
        p->tables[i] = (struct known_table){ m, p->transaction };
        return 0;
    }
    p->tables[p->table_count++] = (struct known_table){ m, p->transaction };
    return 0;
}

static const struct table_map *table_of(const struct fingerprinter *p, uint64_t table_id)
{
    for (size_t i = p->table_count; i-- > 0;)
        if (p->tables[i].map->table_id == table_id && p->tables[i].transaction == p->transaction)
            return p->tables[i].map;
    return NULL;
}

static void put_table(struct fingerprinter *p, const struct table_map *m, int kind)
{
    if (p->said == m && p->kind == kind)
        return;
    put_number(p, (uint64_t)kind, 1);
    put_counted(p, m->database);
    put_counted(p, m->table);
    p->said = m;
    p->kind = kind;
}

static inline int64_t sign_extend(uint64_t v, unsigned bytes)
{
    const unsigned shift = 64 - 8 * bytes;
    return (int64_t)(v << shift) >> shift;
}

static inline void put_integer(struct fingerprinter *p, struct cursor *c, unsigned bytes)
{
    put_kind_and_number(p, VALUE_INT, (uint64_t)sign_extend(cursor_le(c, bytes), bytes));
}

/* A column of the row, as put_value() does of what value_decode() takes, but quicker for the types
   that most columns are of. */
static int put_column(struct fingerprinter *p, const struct table_map_column *col, struct cursor *c,
                      struct err *e)
{
    struct value v;

    switch (col->type) {
    case FIELD_TINY:
        put_integer(p, c, 1);
        break;
    case FIELD_SHORT:
        put_integer(p, c, 2);
        break;
    case FIELD_LONG:
        put_integer(p, c, 4);
        break;
    case FIELD_LONGLONG:
        put_integer(p, c, 8);
        break;
    case FIELD_VARCHAR:
    case FIELD_VAR_STRING:
    case FIELD_STRING:
        put_number(p, VALUE_BYTES, 1);
        put_counted(p, cursor_slice(c, (size_t)cursor_le(c, col->meta > 255 ? 2 : 1)));
        break;
    default:
        TRY(value_decode(col, c, &v, e));
        put_value(p, &v);
        return 0;
    }
    return c->failed ? err_set(e, E_PROTOCOL, "the row ends inside the value") : 0;
}

static inline bool bit_at(const uint8_t *bits, uint32_t i)
{
    return (bits[i / 8] >> (i % 8) & 1) != 0;
}

static int put_image(struct fingerprinter *p, struct rows *r, const struct table_map *m, bool after,
                     struct err *e)
{
    const uint8_t *present = after ? r->present_after.ptr : r->present_before.ptr;
    struct slice   nulls;
    uint32_t       nth = 0;

    TRY(rows_begin_image(r, m, after, &nulls, e));
    for (uint32_t i = 0; i < m->column_count; i++) {
        if (!bit_at(present, i))
            put_number(p, VALUE_ABSENT, 1);
        else if (bit_at(nulls.ptr, nth++))
            put_number(p, VALUE_NULL, 1);
        else if (put_column(p, &m->columns[i], &r->images, e) != 0)
            return err_note(e, "column %u, a %s", i + 1, field_type_name(m->columns[i].type));
    }
    return 0;
}

static int put_rows(struct fingerprinter *p, const struct format *f, const struct event *ev,
                    struct err *e)
{
    struct rows r;

    TRY(rows_parse(f, ev, &p->inflated, &r, e));
    const struct table_map *m = table_of(p, r.table_id);
    if (m == NULL)
        return err_set(e, E_PROTOCOL, "%s event: there is no table map %llu before it",
                       event_name(ev->type), (unsigned long long)r.table_id);
    put_table(p, m, (int)r.kind);
    while (rows_more(&r)) {
        TRY(put_image(p, &r, m, false, e));
        if (r.kind == ROWS_UPDATE)
            TRY(put_image(p, &r, m, true, e));
    }
    return 0;
}

/* ---- statements ---- */

/* MariaDB's replicas drop a table that may be gone. */
static void put_text(struct fingerprinter *p, struct slice text)
{
    static const char drop[] = "DROP TABLE ", careful[] = "IF EXISTS ";
    struct cursor     c = cursor_over(text);

    if (slice_equal(cursor_slice(&c, strlen(drop)), slice_of_text(drop))) {
        struct cursor then = c;
        if (slice_equal(cursor_slice(&then, strlen(careful)), slice_of_text(careful)))
            text = cursor_rest(&then);
        else
            text = cursor_rest(&c);
        put(p, slice_of_text(drop));
    }
    put_counted(p, text);
}

static bool begins_with(struct slice text, const char *word)
{
    struct cursor c = cursor_over(text);
    return slice_equal(cursor_slice(&c, strlen(word)), slice_of_text(word));
}

static int put_query(struct fingerprinter *p, const struct event *ev, struct err *e)
{
    struct event_query q;

    TRY(event_parse_query(ev, &q, e));
    if (ev->type == EVENT_MARIADB_QUERY_COMPRESSED) {
        TRY(inflate_field(q.packed, &p->inflated, e));
        q.text = buf_slice(&p->inflated);
    }
    put_number(p, EVENT_QUERY, 1);
    /* Replicas run these without the session's default database. */
    if (!begins_with(q.text, "XA "))
        put_counted(p, q.database);
    put_text(p, q.text);
    return 0;
}

/* How the group is opened and ended is the server's affair, not what was changed. */
static bool is_frame(const struct event *ev)
{
    struct event_query q;
    struct err         e = { 0 };

    if (ev->type != EVENT_QUERY || event_parse_query(ev, &q, &e) != 0)
        return false;
    return slice_equal(q.text, slice_of_text("BEGIN")) ||
           slice_equal(q.text, slice_of_text("COMMIT")) ||
           slice_equal(q.text, slice_of_text("ROLLBACK"));
}

/* Servers write the statement anew, each with a file of its own in it: the blocks of the file tell
   more than that text. */
static int put_load(struct fingerprinter *p, const struct event *ev, struct err *e)
{
    struct cursor c = cursor_over(ev->body);

    cursor_skip(&c, 8); /* thread, seconds that it ran */
    size_t database_bytes = cursor_u8(&c);
    cursor_skip(&c, 2); /* error code */
    size_t status_bytes = cursor_u16(&c);
    cursor_skip(&c, 4 + 4 + 4 + 1 + status_bytes); /* file's number, its name in the text, flags */
    struct slice database = cursor_slice(&c, database_bytes);
    if (c.failed)
        return err_set(e, E_PROTOCOL, "Execute_load_query event: the head is cut off");
    put_number(p, ev->type, 1);
    put_counted(p, database);
    return 0;
}

/* Into how many blocks a file is cut is the server's affair, too. */
static void put_block(struct fingerprinter *p, const struct event *ev)
{
    struct cursor c = cursor_over(ev->body);

    cursor_skip(&c, 4); /* number of the server's file */
    if (ev->type == EVENT_BEGIN_LOAD_QUERY)
        put_number(p, ev->type, 1);
    put(p, cursor_rest(&c));
}

/* Newer servers say more of a variable behind its value. */
static int put_variable(struct fingerprinter *p, const struct event *ev, struct err *e)
{
    struct cursor c = cursor_over(ev->body);
    struct slice  name = cursor_slice(&c, cursor_u32(&c));
    bool          is_null = cursor_u8(&c) != 0;
    struct slice  value = slice_empty();

    if (!is_null) {
        cursor_skip(&c, 1 + 4); /* type, collation */
        value = cursor_slice(&c, cursor_u32(&c));
    }
    if (c.failed)
        return err_set(e, E_PROTOCOL, "User_var event: it is cut off");
    put_number(p, ev->type, 1);
    put_counted(p, name);
    put_number(p, is_null, 1);
    put_counted(p, value);
    return 0;
}

/* ---- a transaction ---- */

/* An INSERT_ID is said once or before every block of a file, and what it counts is in the rows or
   follows from the statements. */
static bool is_content(const struct event *ev)
{
    switch (ev->type) {
    case EVENT_QUERY:
        return !is_frame(ev);
    case EVENT_MARIADB_QUERY_COMPRESSED:
    case EVENT_EXECUTE_LOAD_QUERY:
    case EVENT_BEGIN_LOAD_QUERY:
    case EVENT_APPEND_BLOCK:
    case EVENT_RAND:
    case EVENT_USER_VAR:
    case EVENT_PARTIAL_UPDATE_ROWS:
    case EVENT_INCIDENT:
        return true;
    default:
        return rows_is_event(ev->type);
    }
}

/* Statements of one transaction may be of different seconds; the events of one statement are of the
   same, so that it does not matter into how many it was cut. */
static void put_origin(struct fingerprinter *p, const struct event *ev)
{
    if (p->has_content && ev->timestamp_s == p->timestamp_s && ev->server_id == p->server_id)
        return;
    put_number(p, ev->timestamp_s, 4);
    put_number(p, ev->server_id, 4);
    if (!p->has_content)
        p->first_s = ev->timestamp_s;
    p->timestamp_s = ev->timestamp_s;
    p->server_id = ev->server_id;
    p->has_content = true;
}

/* Of an event that is not whole: how long it is, as far as that is not the server's affair. */
static void put_large(struct fingerprinter *p, const struct format *f, const struct event *ev)
{
    struct rows r;
    struct err  e = { 0 };

    /* What is compressed may be so in another way on the other side, and its head tells nothing. */
    if (!rows_is_event(ev->type) || rows_is_compressed(ev->type) ||
        rows_parse(f, ev, &p->inflated, &r, &e) != 0)
        return;
    const struct table_map *m = table_of(p, r.table_id);
    if (m != NULL)
        put_table(p, m, (int)r.kind);
    size_t head_bytes = (size_t)(r.images.at - ev->whole.ptr);
    put_number(p, ev->length - head_bytes - (f->has_crc ? EVENT_CRC_BYTES : 0), 8);
}

static int put_content(struct fingerprinter *p, const struct format *f, const struct event *ev,
                       struct err *e)
{
    put_origin(p, ev);
    if (ev->whole.len < ev->length) {
        put_large(p, f, ev);
        return 0;
    }
    if (rows_is_event(ev->type))
        return put_rows(p, f, ev, e);
    switch (ev->type) {
    case EVENT_QUERY:
    case EVENT_MARIADB_QUERY_COMPRESSED:
        return put_query(p, ev, e);
    case EVENT_USER_VAR:
        return put_variable(p, ev, e);
    case EVENT_EXECUTE_LOAD_QUERY:
        return put_load(p, ev, e);
    case EVENT_BEGIN_LOAD_QUERY:
    case EVENT_APPEND_BLOCK:
        put_block(p, ev);
        return 0;
    default: /* nothing of a server's own is in their bodies */
        put_number(p, ev->type, 1);
        put_counted(p, ev->body);
        return 0;
    }
}

static int put_payload(struct fingerprinter *p, const struct format *f, const struct event *ev,
                       struct err *e)
{
    struct payload *inside = NULL;
    struct event    part;
    bool            more = false;
    int             rc = 0;

    if (ev->whole.len < ev->length) {
        put_origin(p, ev);
        return 0;
    }
    TRY(payload_open(ev, &inside, e));
    while ((rc = payload_next(inside, &part, &more, e)) == 0 && more) {
        if (part.type == EVENT_TABLE_MAP)
            rc = keep_table(p, f, &part, e);
        else if (is_content(&part))
            rc = put_content(p, f, &part, e);
        if (rc != 0)
            break;
    }
    payload_close(inside);
    return rc;
}

int fingerprinter_feed(struct fingerprinter *p, const struct format *f, const struct event *ev,
                       enum txn_place place, bool *closed, struct fingerprint *out, struct err *e)
{
    XXH128_canonical_t canonical;

    *closed = false;
    if (place == TXN_OPENED || (place == TXN_CLOSED && p->between))
        reset(p);
    p->between = place == TXN_OUTSIDE || place == TXN_CLOSED;
    if (place == TXN_OUTSIDE)
        return 0;
    if (ev->type == EVENT_TABLE_MAP)
        TRY(keep_table(p, f, ev, e));
    else if (ev->type == EVENT_TRANSACTION_PAYLOAD)
        TRY(put_payload(p, f, ev, e));
    else if (is_content(ev))
        TRY(put_content(p, f, ev, e));
    if (place != TXN_CLOSED || !p->has_content)
        return 0;
    unstage(p);
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(p->hash));
    static_assert(sizeof canonical == sizeof *out, "a fingerprint is one hash");
    memcpy(out, &canonical, sizeof *out);
    *closed = true;
    return 0;
}

uint32_t fingerprinter_second(const struct fingerprinter *p)
{
    return p->first_s;
}
