#include "tools/binrelay/script.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "protocol/charset.h"
#include "protocol/checksum.h"
#include "protocol/inflate.h"
#include "protocol/rows.h"
#include "protocol/table_map.h"
#include "protocol/value.h"
#include "publisher/fields/number.h"
#include "tools/binrelay/sieve.h"

enum {
    TEXT_BYTES_MAX = 1 << 30,
    CHUNK_BYTES_MAX = 1024 * 1024,
    STATEMENT_BYTES = 4096,
    LENGTH_AT = 9,
    SUPPRESS_USE = 0x0008, /* an event's flag: the statement needs no database */
};

void script_init(struct script *s, enum format_family family, uint32_t version,
                 uint64_t packet_bytes)
{
    *s = (struct script){ .family = family, .version = version };
    s->chunk_bytes =
        packet_bytes / 2 < CHUNK_BYTES_MAX ? (size_t)packet_bytes / 2 : CHUNK_BYTES_MAX;
    s->now.time_zone = slice_empty();
    buf_init(&s->text, TEXT_BYTES_MAX);
    buf_init(&s->maps, TEXT_BYTES_MAX);
    buf_init(&s->rows, TEXT_BYTES_MAX);
    buf_init(&s->inflated, INFLATED_MAX);
}

void script_done(struct script *s)
{
    buf_done(&s->text);
    buf_done(&s->maps);
    buf_done(&s->rows);
    buf_done(&s->inflated);
}

/* ---- statements ---- */

static void separate(struct script *s)
{
    if (s->statements++ > 0)
        buf_put_text(&s->text, ";\n");
}

void script_put(struct script *s, const char *fmt, ...)
{
    char    line[STATEMENT_BYTES];
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    assert(n > 0 && (size_t)n < sizeof line);
    separate(s);
    buf_put_text(&s->text, line);
}

void script_put_name(struct buf *out, struct slice name)
{
    buf_put_u8(out, '`');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '`')
            buf_put_u8(out, '`');
        buf_put_u8(out, name.ptr[i]);
    }
    buf_put_u8(out, '`');
}

static void put_hex(struct buf *out, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.len; i++) {
        buf_put_u8(out, (uint8_t)digits[bytes.ptr[i] >> 4]);
        buf_put_u8(out, (uint8_t)digits[bytes.ptr[i] & 15]);
    }
}

static void put_binlog(struct script *s, struct slice a, struct slice b)
{
    struct buf both;

    separate(s);
    buf_put_text(&s->text, "BINLOG '");
    if (b.len == 0) {
        number_put_base64(&s->text, a);
    } else {
        buf_init(&both, TEXT_BYTES_MAX);
        buf_put(&both, a);
        buf_put(&both, b);
        number_put_base64(&s->text, buf_slice(&both));
        if (both.failed != BUF_FINE)
            s->text.failed = both.failed;
        buf_done(&both);
    }
    buf_put_u8(&s->text, '\'');
}

void script_format(struct script *s, struct slice whole)
{
    struct buf resent;

    /* Behind the description MySQL waits for a GTID, and takes what comes without as anonymous. */
    bool knows_gtids = s->family == FAMILY_MYSQL && s->version >= 50605;
    if (knows_gtids)
        script_put(s, "SET @@SESSION.GTID_NEXT='AUTOMATIC'");
    s->gtid_set = knows_gtids;
    buf_init(&resent, 4096);
    format_put_resent(&resent, whole, true, true);
    put_binlog(s, buf_slice(&resent), slice_empty());
    buf_done(&resent);
}

void script_gtid(struct script *s, const struct gtid *g)
{
    char text[GTID_TEXT_BYTES];

    if (g->kind == GTID_MYSQL) {
        gtid_format(g, text);
        script_put(s, "SET @@SESSION.GTID_NEXT='%s'", text);
        s->gtid_set = true;
    } else if (g->kind == GTID_MARIADB) {
        if (!s->domain_set || s->domain != g->domain || s->server_id != g->server_id)
            script_put(s, "SET @@SESSION.gtid_domain_id=%u,@@SESSION.server_id=%u", g->domain,
                       g->server_id);
        script_put(s, "SET @@SESSION.gtid_seq_no=%" PRIu64, g->number);
        s->domain = g->domain;
        s->server_id = g->server_id;
        s->domain_set = true;
    } else if (s->gtid_set) {
        script_put(s, "SET @@SESSION.GTID_NEXT='AUTOMATIC'");
        s->gtid_set = false;
    }
}

void script_time(struct script *s, uint32_t time_s, uint32_t microseconds)
{
    bool fraction =
        microseconds != 0 && s->version >= (s->family == FAMILY_MYSQL ? 50600u : 50300u);

    if (s->time_set && s->time_s == time_s && s->microseconds == microseconds)
        return;
    if (fraction)
        script_put(s, "SET TIMESTAMP=%u.%06u", time_s, microseconds);
    else
        script_put(s, "SET TIMESTAMP=%u", time_s);
    s->time_set = true;
    s->time_s = time_s;
    s->microseconds = microseconds;
}

/* ---- rows ---- */

/* Appends an event with its length and checksum right. */
static void put_event(struct buf *out, const struct event *ev, uint8_t type, struct slice body,
                      struct slice more, bool has_crc)
{
    size_t at = out->len;

    buf_put(out, (struct slice){ ev->whole.ptr, EVENT_HEADER_BYTES });
    buf_put(out, body);
    buf_put(out, more);
    if (out->failed != BUF_FINE)
        return;
    uint32_t length = (uint32_t)(out->len - at) + (has_crc ? EVENT_CRC_BYTES : 0);
    out->ptr[at + 4] = type;
    for (unsigned i = 0; i < 4; i++)
        out->ptr[at + LENGTH_AT + i] = (uint8_t)(length >> 8 * i);
    if (has_crc)
        buf_put_le(out, checksum_crc32(0, (struct slice){ out->ptr + at, out->len - at }),
                   EVENT_CRC_BYTES);
}

/* A server's BINLOG takes no compressed rows: what stands before the images, and those. */
static int put_inflated(struct script *s, const struct format *f, const struct event *ev,
                        struct err *e)
{
    struct rows r;

    TRY(rows_parse(f, ev, &s->inflated, &r, e));
    const uint8_t *behind = r.present_after.ptr + r.present_after.len;
    struct slice   front = { ev->body.ptr, (size_t)(behind - ev->body.ptr) };
    uint8_t        plain =
        (uint8_t)(ev->type - EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1 + EVENT_WRITE_ROWS_V1);
    put_event(&s->rows, ev, plain, front, buf_slice(&s->inflated), f->has_crc);
    return 0;
}

static void mark_last(struct script *s, const struct format *f)
{
    uint8_t *event = s->rows.ptr + s->last_rows_at;
    size_t   bytes = s->rows.len - s->last_rows_at;

    event[rows_flags_at(f, event[4])] |= ROWS_FLAG_STATEMENT_END;
    if (!f->has_crc)
        return;
    s->rows.len -= EVENT_CRC_BYTES;
    uint32_t crc = checksum_crc32(0, (struct slice){ event, bytes - EVENT_CRC_BYTES });
    buf_put_le(&s->rows, crc, EVENT_CRC_BYTES);
}

/* What is gathered becomes a statement that ends here; the tables are kept for what follows. */
static int put_chunk(struct script *s, const struct format *f, struct err *e)
{
    TRY(buf_check(&s->rows, "rows", e));
    TRY(buf_check(&s->maps, "tables", e));
    if (!s->has_rows)
        return 0;
    mark_last(s, f);
    put_binlog(s, buf_slice(&s->maps), buf_slice(&s->rows));
    buf_clear(&s->rows);
    s->has_rows = false;
    return buf_check(&s->text, "a statement", e);
}

int script_end_rows(struct script *s, const struct format *f, struct err *e)
{
    TRY(put_chunk(s, f, e));
    buf_clear(&s->maps);
    return 0;
}

int script_rows(struct script *s, const struct format *f, const struct event *ev, bool has_crc,
                struct err *e)
{
    bool as_it_is = has_crc == f->has_crc;

    if (ev->type == EVENT_TABLE_MAP) {
        if (as_it_is)
            buf_put(&s->maps, ev->whole);
        else
            put_event(&s->maps, ev, ev->type, ev->body, slice_empty(), f->has_crc);
        return buf_check(&s->maps, "tables", e);
    }
    if (s->has_rows && s->maps.len + s->rows.len + ev->length > s->chunk_bytes)
        TRY(put_chunk(s, f, e));
    s->last_rows_at = s->rows.len;
    s->has_rows = true;
    if (rows_is_compressed(ev->type))
        TRY(put_inflated(s, f, ev, e));
    else if (as_it_is)
        buf_put(&s->rows, ev->whole);
    else
        put_event(&s->rows, ev, ev->type, ev->body, slice_empty(), f->has_crc);
    TRY(buf_check(&s->rows, "rows", e));
    struct cursor c =
        cursor_over((struct slice){ s->rows.ptr + s->last_rows_at, s->rows.len - s->last_rows_at });
    cursor_skip(&c, rows_flags_at(f, s->rows.ptr[s->last_rows_at + 4]));
    uint16_t flags = cursor_u16(&c);
    if (c.failed)
        return err_set(e, E_PROTOCOL, "a rows event is too short");
    return (flags & ROWS_FLAG_STATEMENT_END) != 0 ? script_end_rows(s, f, e) : 0;
}

/* ---- the session of a statement ---- */

static void set_flags(struct script *s, const struct query_context *q)
{
    if (!q->has_flags2 || (s->now.has_flags2 && s->now.flags2 == q->flags2))
        return;
    script_put(s,
               "SET @@SESSION.foreign_key_checks=%d,@@SESSION.sql_auto_is_null=%d,"
               "@@SESSION.unique_checks=%d",
               (q->flags2 & QUERY_NO_FOREIGN_KEY_CHECKS) == 0,
               (q->flags2 & QUERY_AUTO_IS_NULL) != 0,
               (q->flags2 & QUERY_RELAXED_UNIQUE_CHECKS) == 0);
    s->now.has_flags2 = true;
    s->now.flags2 = q->flags2;
}

static void set_numbers(struct script *s, const struct query_context *q)
{
    struct query_context *now = &s->now;

    if (q->has_sql_mode && (!now->has_sql_mode || now->sql_mode != q->sql_mode))
        script_put(s, "SET @@SESSION.sql_mode=%" PRIu64, q->sql_mode);
    /* Not told means 1, the default. */
    uint16_t step = q->has_auto_increment ? q->auto_increment_step : 1;
    uint16_t offset = q->has_auto_increment ? q->auto_increment_offset : 1;
    if (!now->has_auto_increment || now->auto_increment_step != step ||
        now->auto_increment_offset != offset)
        script_put(s,
                   "SET @@SESSION.auto_increment_increment=%u,@@SESSION.auto_increment_offset=%u",
                   step, offset);
    if (q->has_charset && (!now->has_charset || now->client != q->client ||
                           now->connection != q->connection || now->server != q->server))
        script_put(s,
                   "SET @@SESSION.character_set_client=%u,@@SESSION.collation_connection=%u,"
                   "@@SESSION.collation_server=%u",
                   q->client, q->connection, q->server);
    if (now->lc_time_names != q->lc_time_names)
        script_put(s, "SET @@SESSION.lc_time_names=%u", q->lc_time_names);
    if (now->charset_database != q->charset_database) {
        if (q->charset_database != 0)
            script_put(s, "SET @@SESSION.collation_database=%u", q->charset_database);
        else
            script_put(s, "SET @@SESSION.collation_database=DEFAULT");
    }
    if (q->has_sql_mode) {
        now->has_sql_mode = true;
        now->sql_mode = q->sql_mode;
    }
    now->has_auto_increment = true;
    now->auto_increment_step = step;
    now->auto_increment_offset = offset;
    if (q->has_charset) {
        now->has_charset = true;
        now->client = q->client;
        now->connection = q->connection;
        now->server = q->server;
    }
    now->lc_time_names = q->lc_time_names;
    now->charset_database = q->charset_database;
}

/* What only newer MySQL tells; an older target has no such variable. */
static void set_newer(struct script *s, const struct query_context *q)
{
    struct query_context *now = &s->now;

    if (s->family != FAMILY_MYSQL)
        return;
    if (q->has_explicit_timestamp && s->version >= 50606 &&
        (!now->has_explicit_timestamp || now->explicit_timestamp != q->explicit_timestamp)) {
        script_put(s, "SET @@SESSION.explicit_defaults_for_timestamp=%d", q->explicit_timestamp);
        now->has_explicit_timestamp = true;
        now->explicit_timestamp = q->explicit_timestamp;
    }
    if (q->utf8mb4_collation != 0 && s->version >= 80011 &&
        now->utf8mb4_collation != q->utf8mb4_collation) {
        script_put(s, "SET @@SESSION.default_collation_for_utf8mb4=%u", q->utf8mb4_collation);
        now->utf8mb4_collation = q->utf8mb4_collation;
    }
    if (q->has_require_primary_key && s->version >= 80013 &&
        (!now->has_require_primary_key || now->require_primary_key != q->require_primary_key)) {
        script_put(s, "SET @@SESSION.sql_require_primary_key=%d", q->require_primary_key);
        now->has_require_primary_key = true;
        now->require_primary_key = q->require_primary_key;
    }
    if (q->has_table_encryption && s->version >= 80016 &&
        (!now->has_table_encryption || now->table_encryption != q->table_encryption)) {
        script_put(s, "SET @@SESSION.default_table_encryption=%d", q->table_encryption);
        now->has_table_encryption = true;
        now->table_encryption = q->table_encryption;
    }
}

static int set_time_zone(struct script *s, const struct query_context *q, struct err *e)
{
    if (!q->has_time_zone || slice_equal(q->time_zone, slice_of_text(s->time_zone)))
        return 0;
    if (q->time_zone.len >= sizeof s->time_zone || memchr(q->time_zone.ptr, '\'', q->time_zone.len))
        return err_set(e, E_PROTOCOL, "a statement's time zone can't be read");
    memcpy(s->time_zone, q->time_zone.ptr, q->time_zone.len);
    s->time_zone[q->time_zone.len] = '\0';
    script_put(s, "SET @@SESSION.time_zone='%s'", s->time_zone);
    return 0;
}

static void set_database(struct script *s, const struct event *ev, struct slice database)
{
    if ((ev->flags & SUPPRESS_USE) != 0 || database.len == 0 ||
        database.len >= sizeof s->database || slice_equal(database, slice_of_text(s->database)))
        return;
    separate(s);
    buf_put_text(&s->text, "USE ");
    script_put_name(&s->text, database);
    memcpy(s->database, database.ptr, database.len);
    s->database[database.len] = '\0';
}

int script_context(struct script *s, const struct event *ev, const struct event_query *q,
                   struct err *e)
{
    struct query_context c;

    TRY(query_context_read(q->status_vars, &c, e));
    set_database(s, ev, q->database);
    script_time(s, ev->timestamp_s, c.microseconds);
    set_flags(s, &c);
    set_numbers(s, &c);
    set_newer(s, &c);
    return set_time_zone(s, &c, e);
}

/* ---- what stands before a statement ---- */

static int put_intvar(struct script *s, const struct event *ev, struct err *e)
{
    enum { LAST_INSERT_ID = 1, INSERT_ID = 2 };
    struct cursor c = cursor_over(ev->body);
    uint8_t       which = cursor_u8(&c);
    uint64_t      value = cursor_u64(&c);

    if (c.failed || (which != LAST_INSERT_ID && which != INSERT_ID))
        return err_set(e, E_PROTOCOL, "an Intvar event can't be read");
    script_put(s, "SET %s=%" PRIu64, which == INSERT_ID ? "INSERT_ID" : "LAST_INSERT_ID", value);
    return 0;
}

static int put_rand(struct script *s, const struct event *ev, struct err *e)
{
    struct cursor c = cursor_over(ev->body);
    uint64_t      one = cursor_u64(&c), two = cursor_u64(&c);

    if (c.failed)
        return err_set(e, E_PROTOCOL, "a Rand event can't be read");
    script_put(s, "SET @@RAND_SEED1=%" PRIu64 ",@@RAND_SEED2=%" PRIu64, one, two);
    return 0;
}

static int put_decimal(struct buf *out, struct slice bytes, struct err *e)
{
    struct cursor           c = cursor_over(bytes);
    uint8_t                 precision = cursor_u8(&c), scale = cursor_u8(&c);
    struct table_map_column column = { .type = FIELD_NEWDECIMAL,
                                       .meta = (uint16_t)(precision << 8 | scale) };
    struct value            v;
    char                    digits[DECIMAL_DIGITS_MAX + 1];
    bool                    negative;

    if (c.failed || scale > precision || precision > DECIMAL_DIGITS_MAX)
        return err_set(e, E_PROTOCOL, "a User_var event's decimal can't be read");
    TRY(value_decode(&column, &c, &v, e));
    TRY(value_decimal_digits(&v.decimal, digits, &negative, e));
    buf_printf(out, "%s%.*s", negative ? "-" : "", precision - scale, digits);
    if (scale > 0)
        buf_printf(out, ".%s", digits + (precision - scale));
    return 0;
}

/* User variables have a type, and texts a charset; which collation of it can't be said by number.
 */
static int put_user_value(struct buf *out, uint8_t type, uint32_t collation, bool is_unsigned,
                          struct slice value, struct err *e)
{
    enum { TYPE_TEXT = 0, TYPE_REAL = 1, TYPE_INT = 2, TYPE_DECIMAL = 4 };
    struct cursor         c = cursor_over(value);
    const struct charset *charset = charset_of_collation((uint16_t)collation);
    double                real;
    uint64_t              bits;

    switch (type) {
    case TYPE_REAL:
        bits = cursor_u64(&c);
        memcpy(&real, &bits, sizeof real);
        buf_printf(out, "%.17e", real);
        break;
    case TYPE_INT:
        bits = cursor_u64(&c);
        if (is_unsigned)
            buf_printf(out, "%" PRIu64, bits);
        else
            buf_printf(out, "%" PRId64, (int64_t)bits);
        break;
    case TYPE_DECIMAL:
        return put_decimal(out, value, e);
    case TYPE_TEXT:
        buf_printf(out, "_%s X'", charset != NULL ? charset->name : "binary");
        put_hex(out, value);
        buf_put_u8(out, '\'');
        break;
    default:
        return err_set(e, E_PROTOCOL, "a User_var event is of type %u", type);
    }
    return c.failed ? err_set(e, E_PROTOCOL, "a User_var event can't be read") : 0;
}

static int put_user_var(struct script *s, const struct event *ev, struct err *e)
{
    struct cursor c = cursor_over(ev->body);
    struct slice  name = cursor_slice(&c, cursor_u32(&c));
    bool          is_null = cursor_u8(&c) != 0;

    separate(s);
    buf_put_text(&s->text, "SET @");
    script_put_name(&s->text, name);
    buf_put_text(&s->text, ":=");
    if (is_null) {
        buf_put_text(&s->text, "NULL");
        return c.failed ? err_set(e, E_PROTOCOL, "a User_var event can't be read") : 0;
    }
    uint8_t      type = cursor_u8(&c);
    uint32_t     collation = cursor_u32(&c);
    struct slice value = cursor_slice(&c, cursor_u32(&c));
    bool         is_unsigned = c.left > 0 && (cursor_u8(&c) & 1) != 0;
    if (c.failed)
        return err_set(e, E_PROTOCOL, "a User_var event can't be read");
    return put_user_value(&s->text, type, collation, is_unsigned, value, e);
}

int script_prelude(struct script *s, const struct event *ev, struct err *e)
{
    switch (ev->type) {
    case EVENT_INTVAR:
        return put_intvar(s, ev, e);
    case EVENT_RAND:
        return put_rand(s, ev, e);
    case EVENT_USER_VAR:
        return put_user_var(s, ev, e);
    default:
        return 0;
    }
}
