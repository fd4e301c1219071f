#include "protocol/base/json.h"
#include "publisher/encode/avro.h"
#include "publisher/encode/encoding.h"
#include "publisher/fields/number.h"
#include <stdlib.h>
#include <time.h>

enum { DECIMAL_SCALE_MAX = 38 };

/* ---- schemas ------------------------------------------------------------------------------- */

static const char *const type_names[SCHEMA_TYPES] = {
    [SCHEMA_BOOLEAN] = "boolean", [SCHEMA_INT16] = "int16", [SCHEMA_INT32] = "int32",
    [SCHEMA_INT64] = "int64",     [SCHEMA_FLOAT] = "float", [SCHEMA_DOUBLE] = "double",
    [SCHEMA_STRING] = "string",   [SCHEMA_BYTES] = "bytes", [SCHEMA_ARRAY] = "array",
    [SCHEMA_STRUCT] = "struct",
};

static int put(const struct encoding *n, const struct schema *s, const struct cell *c,
               struct buf *out, struct err *e);
static int put_schema(const struct encoding *n, const struct schema *s, const char *field,
                      struct buf *out, struct err *e);

static void put_pair(struct buf *out, const char *name, const char *text)
{
    struct json j = json_into(out);
    buf_printf(out, ",\"%s\":", name);
    json_text(&j, text);
}

static int put_members(const struct encoding *n, const struct schema *s, struct buf *out,
                       struct err *e)
{
    if (s->type == SCHEMA_ARRAY) {
        buf_put_text(out, ",\"items\":");
        return put_schema(n, s->members[0].schema, NULL, out, e);
    }
    buf_put_text(out, ",\"fields\":[");
    for (uint32_t i = 0; i < s->member_count; i++) {
        if (i > 0)
            buf_put_u8(out, ',');
        TRY(put_schema(n, s->members[i].schema, s->members[i].name, out, e));
    }
    buf_put_u8(out, ']');
    return 0;
}

static void put_parameters(const struct schema *s, struct buf *out)
{
    struct json j = json_into(out);

    buf_put_text(out, ",\"parameters\":");
    json_open_object(&j);
    for (uint32_t i = 0; i < s->parameter_count; i++) {
        json_name(&j, s->parameters[i].name);
        json_text(&j, s->parameters[i].value);
    }
    json_close_object(&j);
}

static int put_schema(const struct encoding *n, const struct schema *s, const char *field,
                      struct buf *out, struct err *e)
{
    buf_printf(out, "{\"type\":\"%s\"", type_names[s->type]);
    if (s->type == SCHEMA_STRUCT || s->type == SCHEMA_ARRAY)
        TRY(put_members(n, s, out, e));
    buf_put_text(out, s->optional ? ",\"optional\":true" : ",\"optional\":false");
    if (s->name != NULL)
        put_pair(out, "name", s->name);
    if (s->version != 0)
        buf_printf(out, ",\"version\":%u", s->version);
    if (s->doc != NULL)
        put_pair(out, "doc", s->doc);
    if (s->parameter_count > 0)
        put_parameters(s, out);
    if (s->has_fallback) {
        buf_put_text(out, ",\"default\":");
        TRY(put(n, s, &s->fallback, out, e));
    }
    if (field != NULL)
        put_pair(out, "field", field);
    buf_put_u8(out, '}');
    return 0;
}

/* The prefixes lie in one block; where is known when it no longer grows. */
static int prepare_members(struct schema *s, struct err *e)
{
    struct json j = json_into(&s->texts);

    if (s->texts.len > 0)
        return 0; /* shared, and done already */
    for (uint32_t i = 0; i < s->member_count; i++) {
        size_t from = s->texts.len;
        j.comma = i > 0;
        json_name(&j, s->members[i].name);
        s->members[i].prefix.len = s->texts.len - from;
    }
    TRY(buf_check(&s->texts, "the names of a schema", e));
    const uint8_t *at = s->texts.ptr;
    for (uint32_t i = 0; i < s->member_count; i++) {
        s->members[i].prefix.ptr = at;
        at += s->members[i].prefix.len;
    }
    for (uint32_t i = 0; i < s->member_count; i++)
        TRY(prepare_members(s->members[i].schema, e));
    return 0;
}

static int prepare(const struct encoding *n, struct schema *root, struct err *e)
{
    TRY(prepare_members(root, e));
    if (!n->key_schemas && !n->value_schemas)
        return 0;
    buf_clear(&root->prepared);
    buf_put_text(&root->prepared, "{\"schema\":");
    TRY(put_schema(n, root, NULL, &root->prepared, e));
    buf_put_text(&root->prepared, ",\"payload\":");
    return buf_check(&root->prepared, "a schema", e);
}

/* ---- records ------------------------------------------------------------------------------- */

static bool has_schema(const struct encoding *n, bool is_key)
{
    return is_key ? n->key_schemas : n->value_schemas;
}

static void open_record(const struct encoding *n, const struct schema *root, bool is_key,
                        struct buf *out)
{
    if (has_schema(n, is_key))
        buf_put(out, buf_slice(&root->prepared));
}

static void close_record(const struct encoding *n, const struct schema *root, bool is_key,
                         struct buf *out)
{
    (void)root;
    if (has_schema(n, is_key))
        buf_put_u8(out, '}');
}

static void open_struct(const struct schema *s, struct buf *out)
{
    (void)s;
    buf_put_u8(out, '{');
}

static void put_member(const struct schema *s, uint32_t index, struct buf *out)
{
    buf_put(out, s->members[index].prefix);
}

static void close_struct(const struct schema *s, struct buf *out)
{
    (void)s;
    buf_put_u8(out, '}');
}

/* ---- values -------------------------------------------------------------------------------- */

static bool is_decimal(const struct schema *s)
{
    return s->name != NULL && strcmp(s->name, "org.apache.kafka.connect.data.Decimal") == 0;
}

/* The absolute value of a two's complement integer, in place. */
static bool take_sign(uint8_t *bytes, size_t length)
{
    unsigned carry = 1;

    if ((bytes[0] & 0x80) == 0)
        return false;
    for (size_t i = length; i > 0; i--) {
        unsigned v = (uint8_t)~bytes[i - 1] + carry;
        bytes[i - 1] = (uint8_t)v;
        carry = v >> 8;
    }
    return true;
}

static unsigned divide_by_ten(uint8_t *bytes, size_t length, bool *is_zero)
{
    unsigned remainder = 0;

    *is_zero = true;
    for (size_t i = 0; i < length; i++) {
        unsigned v = remainder << 8 | bytes[i];
        bytes[i] = (uint8_t)(v / 10);
        remainder = v % 10;
        *is_zero = *is_zero && bytes[i] == 0;
    }
    return remainder;
}

/* As Java's BigDecimal writes itself: digits, a point, and far behind the point an exponent. */
static void put_java_decimal(struct slice digits, uint32_t scale, struct buf *out)
{
    enum { EXPONENT_MIN = -6 };
    int64_t exponent = (int64_t)digits.len - 1 - (int64_t)scale;
    size_t  whole = digits.len > scale ? digits.len - scale : 0;

    if (exponent < EXPONENT_MIN)
        whole = 1;
    for (uint32_t i = 0; whole == 0 && i < 2; i++)
        buf_put_u8(out, i == 0 ? '0' : '.');
    for (size_t zeros = digits.len; whole == 0 && zeros < scale; zeros++)
        buf_put_u8(out, '0');
    buf_put(out, (struct slice){ digits.ptr, whole });
    if (whole > 0 && whole < digits.len)
        buf_put_u8(out, '.');
    buf_put(out, (struct slice){ digits.ptr + whole, digits.len - whole });
    if (exponent < EXPONENT_MIN)
        buf_printf(out, "E%lld", (long long)exponent);
}

/* A decimal's integer (big-endian) as a number: digits from the last one on. */
static int put_decimal_number(const struct schema *s, struct slice integer, struct buf *out,
                              struct err *e)
{
    enum { BYTES_MAX = 32, DIGITS_MAX = 128 };
    uint8_t  rest[BYTES_MAX];
    char     digits[DIGITS_MAX];
    size_t   n = sizeof digits;
    uint32_t scale = (uint32_t)strtoul(s->parameters[0].value, NULL, 10);
    bool     is_zero = false;

    if (integer.len > sizeof rest || integer.len == 0 || scale > DECIMAL_SCALE_MAX)
        return err_set(e, E_LIMIT, "a decimal of %zu bytes", integer.len);
    memcpy(rest, integer.ptr, integer.len);
    if (take_sign(rest, integer.len))
        buf_put_u8(out, '-');
    while (!is_zero)
        digits[--n] = (char)('0' + divide_by_ten(rest, integer.len, &is_zero));
    put_java_decimal((struct slice){ (const uint8_t *)digits + n, sizeof digits - n }, scale, out);
    return 0;
}

static int put_list(const struct encoding *n, const struct schema *s, const struct cell *c,
                    struct buf *out, struct err *e)
{
    bool is_array = s->type == SCHEMA_ARRAY;

    buf_put_u8(out, is_array ? '[' : '{');
    for (uint32_t i = 0; i < c->list.count; i++) {
        const struct schema_member *m = &s->members[is_array ? 0 : i];
        if (!is_array)
            buf_put(out, m->prefix);
        else if (i > 0)
            buf_put_u8(out, ',');
        TRY(put(n, m->schema, &c->list.items[i], out, e));
    }
    buf_put_u8(out, is_array ? ']' : '}');
    return 0;
}

static int put_bytes(const struct encoding *n, const struct schema *s, const struct cell *c,
                     struct buf *out, struct err *e)
{
    if (n->numeric_decimals && is_decimal(s))
        return put_decimal_number(s, c->bytes, out, e);
    buf_put_u8(out, '"');
    number_put_base64(out, c->bytes);
    buf_put_u8(out, '"');
    return 0;
}

static int put(const struct encoding *n, const struct schema *s, const struct cell *c,
               struct buf *out, struct err *e)
{
    struct json j;

    switch (c->kind) {
    case CELL_NULL:
        if (s->has_fallback && n->null_as_default)
            return put(n, s, &s->fallback, out, e);
        buf_put(out, (struct slice){ (const uint8_t *)"null", 4 });
        return 0;
    case CELL_BOOLEAN:
        buf_put_text(out, c->truth ? "true" : "false");
        return 0;
    case CELL_INTEGER:
        buf_put_decimal(out, c->integer);
        return 0;
    case CELL_FLOAT:
        number_put_float(out, c->single);
        return 0;
    case CELL_DOUBLE:
        number_put_double(out, c->real);
        return 0;
    case CELL_TEXT:
        j = json_into(out);
        json_text_slice(&j, c->bytes);
        return 0;
    case CELL_BYTES:
        return put_bytes(n, s, c, out, e);
    case CELL_LIST:
        return put_list(n, s, c, out, e);
    case CELL_ENCODED:
    case CELL_JSON:
        buf_put(out, c->bytes);
        return 0;
    }
    return 0;
}

static const struct encoding_kind json_kind = {
    .prepare = prepare,
    .open = open_record,
    .close = close_record,
    .open_struct = open_struct,
    .member = put_member,
    .close_struct = close_struct,
    .put = put,
};

/* ---- headers ------------------------------------------------------------------------------- */

static bool is_named(const struct schema *s, const char *name)
{
    return s->name != NULL && strcmp(s->name, name) == 0;
}

/* Only these two characters are escaped. */
static void put_header_text(struct slice text, struct buf *out)
{
    buf_put_u8(out, '"');
    for (size_t from = 0, i = 0; i <= text.len; i++) {
        if (i < text.len && text.ptr[i] != '"' && text.ptr[i] != '\\')
            continue;
        buf_put(out, (struct slice){ text.ptr + from, i - from });
        if (i < text.len)
            buf_put_u8(out, '\\');
        from = i;
    }
    buf_put_u8(out, '"');
}

/* Kafka Connect's own times are written by how much of one there is: a clock, a date, or both. */
static void put_header_time(int64_t ms, struct buf *out)
{
    enum { DAY_MS = 86400000 };
    time_t    seconds = (time_t)(ms / 1000 - (ms % 1000 < 0 ? 1 : 0));
    bool      has_date = ms >= DAY_MS, has_clock = !has_date || ms % DAY_MS != 0;
    struct tm tm = { 0 };

    (void)gmtime_r(&seconds, &tm);
    if (has_date)
        buf_printf(out, "%04d-%02d-%02d%s", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                   has_clock ? "T" : "");
    if (has_clock)
        buf_printf(out, "%02d:%02d:%02d.%03dZ", tm.tm_hour, tm.tm_min, tm.tm_sec,
                   (int)(ms - (int64_t)seconds * 1000));
}

static int put_in_header(const struct encoding *n, const struct schema *s, const struct cell *c,
                         struct buf *out, struct err *e)
{
    static const char date[] = "org.apache.kafka.connect.data.Date";

    if (c->kind == CELL_TEXT) {
        put_header_text(c->bytes, out);
        return 0;
    }
    if (c->kind == CELL_INTEGER && is_named(s, date)) {
        put_header_time(c->integer * 86400000, out);
        return 0;
    }
    if (c->kind == CELL_INTEGER && (is_named(s, "org.apache.kafka.connect.data.Time") ||
                                    is_named(s, "org.apache.kafka.connect.data.Timestamp"))) {
        put_header_time(c->integer, out);
        return 0;
    }
    return put(n, s, c, out, e);
}

static const struct encoding_kind header_kind = {
    .prepare = prepare,
    .open = open_record,
    .close = close_record,
    .open_struct = open_struct,
    .member = put_member,
    .close_struct = close_struct,
    .put = put_in_header,
};

struct encoding encoding_json(const struct options *o)
{
    return (struct encoding){ .kind = &json_kind,
                              .key_schemas = o->key_schemas,
                              .value_schemas = o->value_schemas,
                              .null_as_default = o->null_as_default,
                              .numeric_decimals = o->decimal_format == DECIMAL_FORMAT_NUMERIC };
}

struct encoding encoding_of(const struct options *o, bool is_key)
{
    enum option_converter how = is_key ? o->key_converter : o->value_converter;
    return how == CONVERTER_AVRO ? encoding_avro(o, is_key) : encoding_json(o);
}

struct encoding encoding_json_plain(void)
{
    return (
        struct encoding){ .kind = &header_kind, .null_as_default = true, .numeric_decimals = true };
}

int encoding_put(const struct encoding *n, const struct schema *root, bool is_key,
                 const struct cell *c, struct buf *out, struct err *e)
{
    n->kind->open(n, root, is_key, out);
    TRY(n->kind->put(n, root, c, out, e));
    n->kind->close(n, root, is_key, out);
    return 0;
}
