#include "publisher/field.h"
#include "protocol/base/json.h"
#include "publisher/document.h"
#include "publisher/number.h"
#include <stdio.h>
#include <stdlib.h>

enum { DOCUMENT_KEPT_BYTES = 1 << 20 }; /* a larger text is given back after the row */
#define DOCUMENT_TEXT_MAX (8ull << 30)  /* a byte may become six */

/* ---- numbers ---- */

static int write_integer(const struct field *f, const struct value *v, struct buf *out,
                         struct err *e)
{
    (void)f;
    (void)e;
    /* BIGINT UNSIGNED above 2^63-1 comes out negative, as in Java's long. */
    buf_put_decimal(out, v->kind == VALUE_UINT ? (int64_t)v->natural : v->number);
    return 0;
}

static int write_float(const struct field *f, const struct value *v, struct buf *out, struct err *e)
{
    (void)f;
    (void)e;
    number_put_float(out, v->single);
    return 0;
}

static int write_float_widened(const struct field *f, const struct value *v, struct buf *out,
                               struct err *e)
{
    (void)f;
    (void)e;
    number_put_double(out, (double)v->single);
    return 0;
}

static int write_double(const struct field *f, const struct value *v, struct buf *out,
                        struct err *e)
{
    (void)f;
    (void)e;
    number_put_double(out, v->real);
    return 0;
}

static void put_quoted_base64(struct buf *out, struct slice bytes)
{
    buf_put_u8(out, '"');
    number_put_base64(out, bytes);
    buf_put_u8(out, '"');
}

static int write_decimal(const struct field *f, const struct value *v, struct buf *out,
                         struct err *e)
{
    uint8_t integer[DECIMAL_INTEGER_BYTES];
    size_t  length = 0;

    (void)f;
    TRY(value_decimal_integer(&v->decimal, integer, &length, e));
    put_quoted_base64(out, (struct slice){ integer, length });
    return 0;
}

static int write_flag(const struct field *f, const struct value *v, struct buf *out, struct err *e)
{
    (void)f;
    (void)e;
    bool set = v->bytes.len > 0 && v->bytes.ptr[v->bytes.len - 1] != 0;
    buf_put_text(out, set ? "true" : "false");
    return 0;
}

/* Debezium's bits come little-endian. */
static int write_bits(const struct field *f, const struct value *v, struct buf *out, struct err *e)
{
    uint8_t swapped[8];

    (void)f;
    (void)e;
    assert(v->bytes.len <= sizeof swapped);
    for (size_t i = 0; i < v->bytes.len; i++)
        swapped[i] = v->bytes.ptr[v->bytes.len - 1 - i];
    put_quoted_base64(out, (struct slice){ swapped, v->bytes.len });
    return 0;
}

/* ---- texts and bytes ---- */

static int write_text(const struct field *f, const struct value *v, struct buf *out, struct err *e)
{
    struct json j = json_into(out);

    (void)f;
    (void)e;
    json_text_slice(&j, v->bytes);
    return 0;
}

static int write_converted(const struct field *f, const struct value *v, struct buf *out,
                           struct err *e)
{
    struct json  j = json_into(out);
    struct slice text = slice_empty();

    TRY(charset_convert(f->converter, v->bytes, &text, e));
    json_text_slice(&j, text);
    return 0;
}

static int write_binary(const struct field *f, const struct value *v, struct buf *out,
                        struct err *e)
{
    (void)f;
    (void)e;
    put_quoted_base64(out, v->bytes);
    return 0;
}

/* The server strips the zero bytes at the end of a BINARY(n). */
static int write_fixed_binary(const struct field *f, const struct value *v, struct buf *out,
                              struct err *e)
{
    enum { FIXED_BYTES_MAX = 1024 };
    uint8_t padded[FIXED_BYTES_MAX] = { 0 };

    (void)e;
    if (v->bytes.len >= f->fixed_bytes || f->fixed_bytes > FIXED_BYTES_MAX) {
        put_quoted_base64(out, v->bytes);
        return 0;
    }
    memcpy(padded, v->bytes.ptr, v->bytes.len);
    put_quoted_base64(out, (struct slice){ padded, f->fixed_bytes });
    return 0;
}

/* Debezium pads a UUID, whose zero bytes at the end are stripped too, at the wrong end. */
static int write_uuid(const struct field *f, const struct value *v, struct buf *out, struct err *e)
{
    enum { BYTES = 16 };
    uint8_t u[BYTES] = { 0 };

    (void)f;
    if (v->bytes.len > BYTES)
        return err_set(e, E_PROTOCOL, "a UUID of %zu bytes", v->bytes.len);
    memcpy(u + BYTES - v->bytes.len, v->bytes.ptr, v->bytes.len);
    buf_put_u8(out, '"');
    for (int i = 0; i < BYTES; i++)
        buf_printf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", u[i]);
    buf_put_u8(out, '"');
    return 0;
}

static int write_enum(const struct field *f, const struct value *v, struct buf *out, struct err *e)
{
    (void)e;
    buf_put_u8(out, '"');
    if (v->natural >= 1 && v->natural <= f->member_count)
        buf_put(out, f->members[v->natural - 1]);
    buf_put_u8(out, '"');
    return 0;
}

static int write_set(const struct field *f, const struct value *v, struct buf *out, struct err *e)
{
    bool more = false;

    (void)e;
    buf_put_u8(out, '"');
    for (uint32_t i = 0; i < f->member_count && i < 64; i++) {
        if ((v->natural >> i & 1) == 0)
            continue;
        if (more)
            buf_put_u8(out, ',');
        buf_put(out, f->members[i]);
        more = true;
    }
    buf_put_u8(out, '"');
    return 0;
}

/* A document without bytes is what a server stores for one that was never set. */
static int write_document(const struct field *f, const struct value *v, struct buf *out,
                          struct err *e)
{
    struct json j = json_into(out);

    if (v->bytes.len == 0) {
        buf_put_text(out, f->nullable ? "null" : "\"{}\"");
        return 0;
    }
    buf_clear(f->text);
    TRY(document_put_text(v->bytes, f->text, e));
    TRY(buf_check(f->text, "a JSON value", e));
    json_text_slice(&j, buf_slice(f->text));
    if (f->text->size > DOCUMENT_KEPT_BYTES)
        buf_done(f->text);
    return 0;
}

/* ---- times ---- */

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool is_calendar_date(const struct value_time *t)
{
    static const uint8_t days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    if (t->year == 0 || t->month == 0 || t->month > 12 || t->day == 0)
        return false;
    return t->day <= days[t->month - 1] + (t->month == 2 && is_leap(t->year) ? 1 : 0);
}

/* Days since 1970-01-01 in the Gregorian calendar carried backwards, counting years from March. */
static int64_t days_since_epoch(unsigned year, unsigned month, unsigned day)
{
    int64_t y = (int64_t)year - (month <= 2 ? 1 : 0);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t month_from_march = (month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void put_zero_date(const struct field *f, struct buf *out)
{
    buf_put_text(out, f->nullable ? "null" : "0");
}

static int write_date(const struct field *f, const struct value *v, struct buf *out, struct err *e)
{
    (void)e;
    if (is_calendar_date(&v->time))
        buf_put_decimal(out, days_since_epoch(v->time.year, v->time.month, v->time.day));
    else
        put_zero_date(f, out);
    return 0;
}

static int write_datetime(const struct field *f, const struct value *v, struct buf *out,
                          struct err *e)
{
    const struct value_time *t = &v->time;

    (void)e;
    if (!is_calendar_date(t)) {
        put_zero_date(f, out);
        return 0;
    }
    int64_t seconds =
        ((days_since_epoch(t->year, t->month, t->day) * 24 + t->hour) * 60 + t->minute) * 60 +
        t->second;
    if (f->digits <= 3)
        buf_put_decimal(out, seconds * 1000 + t->microsecond / 1000);
    else
        buf_put_decimal(out, seconds * 1000000 + t->microsecond);
    return 0;
}

static void put_padded(struct buf *out, uint32_t v, size_t digits)
{
    uint8_t *p = buf_extend(out, digits);
    for (size_t i = digits; p != NULL && i > 0; v /= 10)
        p[--i] = (uint8_t)('0' + v % 10);
}

static int write_timestamp(const struct field *f, const struct value *v, struct buf *out,
                           struct err *e)
{
    static const uint32_t unit[7] = { 1000000, 100000, 10000, 1000, 100, 10, 1 };
    uint32_t              seconds = v->timestamp.seconds;

    (void)e;
    if (seconds == 0 && v->timestamp.microsecond == 0 && f->zero_is_null) {
        buf_put_text(out, "null");
        return 0;
    }
    /* The way back from days: civil_from_days, years from March. */
    int64_t days = seconds / 86400 + 719468;
    int64_t era = days / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9;

    buf_put_u8(out, '"');
    put_padded(out, (uint32_t)(yoe + era * 400 + (month <= 2 ? 1 : 0)), 4);
    buf_put_u8(out, '-');
    put_padded(out, (uint32_t)month, 2);
    buf_put_u8(out, '-');
    put_padded(out, (uint32_t)(doy - (153 * mp + 2) / 5 + 1), 2);
    buf_put_u8(out, 'T');
    put_padded(out, seconds % 86400 / 3600, 2);
    buf_put_u8(out, ':');
    put_padded(out, seconds % 3600 / 60, 2);
    buf_put_u8(out, ':');
    put_padded(out, seconds % 60, 2);
    if (f->digits > 0) {
        buf_put_u8(out, '.');
        put_padded(out, v->timestamp.microsecond / unit[f->digits], f->digits);
    }
    buf_put_text(out, "Z\"");
    return 0;
}

/* ---- geometries: SRID in four bytes, then WKB, always little-endian ---- */

static void put_wkb_and_srid(struct buf *out, struct slice wkb, uint32_t srid)
{
    buf_put_text(out, "\"wkb\":");
    put_quoted_base64(out, wkb);
    buf_put_text(out, ",\"srid\":");
    if (srid != 0)
        buf_put_decimal(out, srid);
    else
        buf_put_text(out, "null");
    buf_put_u8(out, '}');
}

static double take_double(struct cursor *c)
{
    uint64_t bits = cursor_u64(c);
    double   v = 0;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static int write_geometry(const struct field *f, const struct value *v, struct buf *out,
                          struct err *e)
{
    struct cursor c = cursor_over(v->bytes);
    uint32_t      srid = cursor_u32(&c);

    (void)f;
    if (c.failed)
        return err_set(e, E_PROTOCOL, "a geometry of %zu bytes", v->bytes.len);
    buf_put_u8(out, '{');
    put_wkb_and_srid(out, cursor_rest(&c), srid);
    return 0;
}

static int write_point(const struct field *f, const struct value *v, struct buf *out, struct err *e)
{
    enum { WKB_POINT = 1 };
    struct cursor c = cursor_over(v->bytes);
    uint32_t      srid = cursor_u32(&c);
    struct slice  wkb = { c.at, c.left };
    uint8_t       order = cursor_u8(&c);
    uint32_t      kind = cursor_u32(&c);
    double        x = take_double(&c);
    double        y = take_double(&c);

    (void)f;
    if (c.failed || order != 1 || kind != WKB_POINT)
        return err_set(e, E_PROTOCOL, "a POINT of %zu bytes that is none", v->bytes.len);
    buf_put_text(out, "{\"x\":");
    number_put_double(out, x);
    buf_put_text(out, ",\"y\":");
    number_put_double(out, y);
    buf_put_u8(out, ',');
    put_wkb_and_srid(out, wkb, srid);
    return 0;
}

static int write_vector(const struct field *f, const struct value *v, struct buf *out,
                        struct err *e)
{
    struct cursor c = cursor_over(v->bytes);

    (void)f;
    if (v->bytes.len % 4 != 0)
        return err_set(e, E_PROTOCOL, "a VECTOR of %zu bytes", v->bytes.len);
    buf_put_u8(out, '[');
    while (c.left > 0) {
        uint32_t bits = cursor_u32(&c);
        float    item = 0;
        memcpy(&item, &bits, sizeof item);
        number_put_float(out, item);
        if (c.left > 0)
            buf_put_u8(out, ',');
    }
    buf_put_u8(out, ']');
    return 0;
}

/* ---- choosing ---- */

static field_write *text_writer(struct field *f, const struct definition_column *column,
                                const struct table_map_column *told)
{
    if (column->form == FORM_UUID)
        return write_uuid;
    if (column->charset == NULL)
        return NULL;
    if (!column->charset->is_binary)
        return column->charset->iconv != NULL ? write_converted : write_text;
    if (told->type != FIELD_STRING)
        return write_binary;
    f->fixed_bytes = told->meta;
    return write_fixed_binary;
}

static field_write *writer_of(struct field *f, const struct definition_column *column,
                              const struct table_map_column *told)
{
    switch (told->type) {
    case FIELD_TINY:
    case FIELD_SHORT:
    case FIELD_INT24:
    case FIELD_LONG:
    case FIELD_LONGLONG:
    case FIELD_YEAR:
    case FIELD_TIME:
    case FIELD_TIME2:
        return write_integer;
    case FIELD_FLOAT:
        return column->form == FORM_FLOAT_SCALED ? write_float_widened : write_float;
    case FIELD_DOUBLE:
        return write_double;
    case FIELD_NEWDECIMAL:
        return write_decimal;
    case FIELD_BIT:
        return told->meta == 1 ? write_flag : write_bits;
    case FIELD_VARCHAR:
    case FIELD_VAR_STRING:
    case FIELD_STRING:
    case FIELD_TINY_BLOB:
    case FIELD_BLOB:
    case FIELD_MEDIUM_BLOB:
    case FIELD_LONG_BLOB:
        return text_writer(f, column, told);
    case FIELD_ENUM:
        return column->member_count > 0 ? write_enum : NULL;
    case FIELD_SET:
        return column->member_count > 0 ? write_set : NULL;
    case FIELD_DATE:
    case FIELD_NEWDATE:
        return write_date;
    case FIELD_DATETIME:
        return write_datetime;
    case FIELD_DATETIME2:
        f->digits = (uint8_t)told->meta;
        return write_datetime;
    case FIELD_TIMESTAMP:
        return write_timestamp;
    case FIELD_TIMESTAMP2:
        f->digits = (uint8_t)told->meta;
        return write_timestamp;
    case FIELD_GEOMETRY:
        return column->form == FORM_POINT ? write_point : write_geometry;
    case FIELD_VECTOR:
        return write_vector;
    case FIELD_JSON:
        return write_document;
    default:
        return NULL;
    }
}

/* The texts are gathered in one block; where they lie is known when it no longer grows. */
static int prepare_texts(struct field *f, const struct definition_column *column, struct err *e)
{
    enum { TEXTS_BYTES_MAX = 16 << 20 };
    struct buf  texts;
    struct json j = json_into(&texts);

    buf_init(&texts, TEXTS_BYTES_MAX);
    json_name(&j, column->name);
    size_t name_bytes = texts.len;
    for (uint32_t i = 0; i < column->member_count; i++) {
        size_t from = texts.len;
        j.comma = false;
        json_text(&j, column->members[i]);
        f->members[i].len = texts.len - from;
    }
    if (buf_check(&texts, "the texts of a column", e) != 0) {
        buf_done(&texts);
        return -1;
    }
    f->own = texts.ptr;
    f->name = (struct slice){ f->own, name_bytes };
    const uint8_t *at = f->own + name_bytes;
    for (uint32_t i = 0; i < column->member_count; i++) {
        size_t quoted = f->members[i].len;
        f->members[i] = (struct slice){ at + 1, quoted - 2 };
        at += quoted;
    }
    return 0;
}

int field_init(struct field *f, enum format_family family, const struct definition_column *column,
               const struct table_map_column *told, struct err *e)
{
    struct field made = { .nullable = told->nullable,
                          .zero_is_null = told->nullable && family == FAMILY_MYSQL,
                          .member_count = column->member_count };

    made.write = writer_of(&made, column, told);
    if (made.write == NULL)
        return err_set(
            e, E_CONFIG,
            "column %s is a %s, which can't be published (yet); leave its table out with "
            "table.include.list",
            column->name, field_type_name(told->type));
    if (made.write == write_converted)
        TRY(charset_converter_new(column->charset, &made.converter, e));
    if (made.write == write_document) {
        made.text = malloc(sizeof *made.text);
        if (made.text == NULL)
            return err_set(e, E_NOMEM, "no memory for the texts of column %s", column->name);
        buf_init(made.text, DOCUMENT_TEXT_MAX);
    }
    made.members = calloc(column->member_count + 1, sizeof *made.members);
    if (made.members == NULL || prepare_texts(&made, column, e) != 0) {
        if (made.members == NULL)
            (void)err_set(e, E_NOMEM, "no memory for the texts of column %s", column->name);
        field_done(&made);
        return -1;
    }
    *f = made;
    return 0;
}

void field_done(struct field *f)
{
    charset_converter_free(f->converter);
    if (f->text != NULL)
        buf_done(f->text);
    free(f->text);
    free(f->members);
    free(f->own);
    *f = (struct field){ .write = NULL };
}
