#include "publisher/fields/document.h"
#include <math.h>
#include <stdio.h>
#include "protocol/value.h"
#include "publisher/fields/number.h"

enum json_type {
    JSON_SMALL_OBJECT = 0x00,
    JSON_LARGE_OBJECT = 0x01,
    JSON_SMALL_ARRAY = 0x02,
    JSON_LARGE_ARRAY = 0x03,
    JSON_LITERAL = 0x04,
    JSON_INT16 = 0x05,
    JSON_UINT16 = 0x06,
    JSON_INT32 = 0x07,
    JSON_UINT32 = 0x08,
    JSON_INT64 = 0x09,
    JSON_UINT64 = 0x0a,
    JSON_DOUBLE = 0x0b,
    JSON_STRING = 0x0c,
    JSON_OPAQUE = 0x0f,
};
enum json_literal { LITERAL_NULL = 0, LITERAL_TRUE = 1, LITERAL_FALSE = 2 };

struct walk {
    struct buf *out;
    size_t      budget; /* bytes of the document that may still be written */
    unsigned    depth;
};

static int broken(struct err *e, const char *what)
{
    return err_set(e, E_PROTOCOL, "a JSON value with %s", what);
}

static int spend(struct walk *w, size_t bytes, struct err *e)
{
    if (bytes > w->budget)
        return broken(e, "parts that lie in one another");
    w->budget -= bytes;
    return 0;
}

/* ---- scalars ---- */

/* Not json.h's writer: this text is written into a JSON text once more, and only there characters
   outside of the first plane are escaped. */
static void put_string(struct buf *out, struct slice text)
{
    static const char short_forms[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'
    };

    buf_put_u8(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '"' || c == '\\') {
            buf_put_u8(out, '\\');
            buf_put_u8(out, c);
        } else if (c < sizeof short_forms && short_forms[c] != 0) {
            buf_put_u8(out, '\\');
            buf_put_u8(out, (uint8_t)short_forms[c]);
        } else if (c < 0x20) {
            buf_printf(out, "\\u%04X", c);
        } else {
            buf_put_u8(out, c);
        }
    }
    buf_put_u8(out, '"');
}

/* Like Double.toString, but all digits of the exact value where that has an exponent. */
static void put_double(struct buf *out, double value)
{
    enum { EXACT_BYTES = 1500, FRACTION_DIGITS = 1100 };
    double size = fabs(value);

    if (!isfinite(value) || size == 0 || (size >= 1e-3 && size < 1e7)) {
        number_put_double(out, value);
        return;
    }
    char   text[EXACT_BYTES];
    size_t n = (size_t)snprintf(text, sizeof text, "%.*f", FRACTION_DIGITS, value);
    while (text[n - 1] == '0')
        n--;
    if (text[n - 1] == '.')
        n--;
    buf_put(out, (struct slice){ (const uint8_t *)text, n });
}

static int put_literal(struct buf *out, struct cursor *c, struct err *e)
{
    static const char *const texts[] = {
        [LITERAL_NULL] = "null", [LITERAL_TRUE] = "true", [LITERAL_FALSE] = "false"
    };
    uint8_t literal = cursor_u8(c);

    if (c->failed || literal > LITERAL_FALSE)
        return broken(e, "an unknown literal");
    buf_put_text(out, texts[literal]);
    return 0;
}

/* Seven bits a byte, least significant first, the high bit says that there are more. */
static uint64_t take_length(struct cursor *c)
{
    uint64_t length = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t byte = cursor_u8(c);
        length |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return length;
    }
    cursor_skip(c, c->left + 1);
    return 0;
}

static struct slice take_counted(struct cursor *c)
{
    uint64_t length = take_length(c);
    return cursor_slice(c, (size_t)length);
}

/* ---- opaque: a field type of SQL and its bytes ---- */

static void put_fraction(struct buf *out, uint64_t micro)
{
    char digits[8];
    int  n = 6;

    if (micro == 0)
        return;
    (void)snprintf(digits, sizeof digits, "%06u", (unsigned)(micro % 1000000));
    while (n > 0 && digits[n - 1] == '0')
        n--;
    buf_printf(out, ".%.*s", n, digits);
}

static void put_clock(struct buf *out, uint64_t hour, uint64_t seconds_bits, uint64_t micro)
{
    buf_printf(out, "%02u:%02u:%02u", (unsigned)hour, (unsigned)(seconds_bits >> 6 & 63),
               (unsigned)(seconds_bits & 63));
    put_fraction(out, micro);
}

/* Packed as in memory: fields of the whole part above 24 bits of microseconds. */
static int put_time(struct buf *out, uint8_t type, struct slice bytes, struct err *e)
{
    struct cursor c = cursor_over(bytes);
    int64_t       packed = (int64_t)cursor_u64(&c);
    uint64_t      size = packed < 0 ? 0 - (uint64_t)packed : (uint64_t)packed;
    uint64_t      micro = size & 0xffffff;
    uint64_t      whole = size >> 24;

    if (c.failed)
        return broken(e, "a time that is cut off");
    buf_put_u8(out, '"');
    if (type == FIELD_TIME) {
        if (packed < 0)
            buf_put_u8(out, '-');
        put_clock(out, whole >> 12 & 0x3ff, whole, micro);
    } else {
        uint64_t months = whole >> 22;
        buf_printf(out, "%04u-%02u-%02u", (unsigned)(months / 13), (unsigned)(months % 13),
                   (unsigned)(whole >> 17 & 31));
        if (type != FIELD_DATE) {
            buf_put_u8(out, ' ');
            put_clock(out, whole >> 12 & 31, whole, micro);
        }
    }
    buf_put_u8(out, '"');
    return 0;
}

static int put_decimal(struct buf *out, struct slice bytes, struct err *e)
{
    char          digits[DECIMAL_DIGITS_MAX + 1];
    bool          negative = false;
    struct cursor c = cursor_over(bytes);
    uint8_t       precision = cursor_u8(&c);
    struct value  v;

    struct table_map_column column = { .type = FIELD_NEWDECIMAL,
                                       .meta = (uint16_t)(precision << 8 | cursor_u8(&c)) };
    uint8_t                 scale = (uint8_t)(column.meta & 0xff);
    if (c.failed || precision < 1 || precision > DECIMAL_DIGITS_MAX || scale > precision)
        return broken(e, "an impossible decimal");
    TRY(value_decode(&column, &c, &v, e));
    TRY(value_decimal_digits(&v.decimal, digits, &negative, e));
    int whole = precision - scale;
    int from = 0;
    while (from < whole - 1 && digits[from] == '0')
        from++;
    buf_printf(out, "%s%.*s", negative ? "-" : "", whole > 0 ? whole - from : 1,
               whole > 0 ? digits + from : "0");
    if (scale > 0)
        buf_printf(out, ".%s", digits + whole);
    return 0;
}

static int put_opaque(struct walk *w, struct cursor *c, struct err *e)
{
    uint8_t      type = cursor_u8(c);
    struct slice bytes = take_counted(c);

    if (c->failed)
        return broken(e, "a part that is cut off");
    TRY(spend(w, bytes.len, e));
    switch (type) {
    case FIELD_NEWDECIMAL:
        return put_decimal(w->out, bytes, e);
    case FIELD_DATE:
    case FIELD_TIME:
    case FIELD_DATETIME:
    case FIELD_TIMESTAMP:
        return put_time(w->out, type, bytes, e);
    default:
        buf_put_u8(w->out, '"');
        number_put_base64(w->out, bytes);
        buf_put_u8(w->out, '"');
        return 0;
    }
}

/* ---- values, objects, arrays ---- */

static int put_value(struct walk *w, uint8_t type, struct slice bytes, struct err *e);

/* How wide counts and offsets are, what lies where: offsets are from `bytes`. */
struct container {
    struct slice bytes;
    size_t       width;
    uint64_t     count;
    bool         is_object;
};

static int open_container(uint8_t type, struct slice bytes, struct container *out, struct err *e)
{
    struct container n = {
        .width = type == JSON_LARGE_OBJECT || type == JSON_LARGE_ARRAY ? 4 : 2,
        .is_object = type == JSON_SMALL_OBJECT || type == JSON_LARGE_OBJECT,
    };
    struct cursor c = cursor_over(bytes);

    n.count = cursor_le(&c, n.width);
    uint64_t size = cursor_le(&c, n.width);
    if (c.failed || size > bytes.len || size < 2 * n.width)
        return broken(e, "a part that is cut off");
    n.bytes = (struct slice){ bytes.ptr, (size_t)size };
    uint64_t entry_bytes = (n.is_object ? n.width + 2 : 0) + 1 + n.width;
    if (n.count > (size - 2 * n.width) / entry_bytes)
        return broken(e, "more members than it has room for");
    *out = n;
    return 0;
}

static struct slice part_at(struct slice bytes, uint64_t offset)
{
    return offset <= bytes.len ? (struct slice){ bytes.ptr + offset, bytes.len - (size_t)offset }
                               : slice_empty();
}

static bool is_inlined(uint8_t type, size_t width)
{
    return type == JSON_LITERAL || type == JSON_INT16 || type == JSON_UINT16 ||
           (width == 4 && (type == JSON_INT32 || type == JSON_UINT32));
}

static int take_name(const struct container *n, struct cursor *entries, struct slice *out,
                     struct err *e)
{
    uint64_t      offset = cursor_le(entries, n->width);
    uint16_t      length = cursor_u16(entries);
    struct cursor at = cursor_over(part_at(n->bytes, offset));
    struct slice  name = cursor_slice(&at, length);

    if (entries->failed || at.failed)
        return broken(e, "a name that is cut off");
    *out = name;
    return 0;
}

static int put_name(struct walk *w, const struct container *n, struct cursor *entries,
                    struct err *e)
{
    struct slice name = slice_empty();

    TRY(take_name(n, entries, &name, e));
    TRY(spend(w, name.len, e));
    put_string(w->out, name);
    buf_put_u8(w->out, ':');
    return 0;
}

static int put_entry(struct walk *w, const struct container *n, struct cursor *entries,
                     struct err *e)
{
    uint8_t      type = cursor_u8(entries);
    struct slice inlined = cursor_slice(entries, n->width);

    if (entries->failed)
        return broken(e, "an entry that is cut off");
    if (is_inlined(type, n->width))
        return put_value(w, type, inlined, e);
    struct cursor offset = cursor_over(inlined);
    return put_value(w, type, part_at(n->bytes, cursor_le(&offset, n->width)), e);
}

static int put_container(struct walk *w, uint8_t type, struct slice bytes, struct err *e)
{
    struct container n;

    TRY(open_container(type, bytes, &n, e));
    if (++w->depth > DOCUMENT_DEPTH_MAX)
        return broken(e, "too many levels");
    struct cursor names = cursor_over(part_at(n.bytes, 2 * n.width));
    struct cursor values = names;
    if (n.is_object)
        cursor_skip(&values, (size_t)n.count * (n.width + 2));
    buf_put_u8(w->out, n.is_object ? '{' : '[');
    for (uint64_t i = 0; i < n.count; i++) {
        TRY(spend(w, 1, e));
        if (i > 0)
            buf_put_u8(w->out, ',');
        if (n.is_object)
            TRY(put_name(w, &n, &names, e));
        TRY(put_entry(w, &n, &values, e));
    }
    buf_put_u8(w->out, n.is_object ? '}' : ']');
    w->depth--;
    return 0;
}

static int put_number(struct walk *w, uint8_t type, struct cursor *c, struct err *e)
{
    double   real = 0;
    uint64_t natural = 0;

    switch (type) {
    case JSON_INT16:
        buf_put_decimal(w->out, (int16_t)cursor_u16(c));
        break;
    case JSON_UINT16:
        buf_put_decimal(w->out, cursor_u16(c));
        break;
    case JSON_INT32:
        buf_put_decimal(w->out, (int32_t)cursor_u32(c));
        break;
    case JSON_UINT32:
        buf_put_decimal(w->out, cursor_u32(c));
        break;
    case JSON_INT64:
        buf_put_decimal(w->out, (int64_t)cursor_u64(c));
        break;
    case JSON_UINT64:
        buf_printf(w->out, "%llu", (unsigned long long)cursor_u64(c));
        break;
    default:
        natural = cursor_u64(c);
        memcpy(&real, &natural, sizeof real);
        put_double(w->out, real);
        break;
    }
    return c->failed ? broken(e, "a number that is cut off") : 0;
}

static int put_value(struct walk *w, uint8_t type, struct slice bytes, struct err *e)
{
    struct cursor c = cursor_over(bytes);
    struct slice  text;

    switch (type) {
    case JSON_SMALL_OBJECT:
    case JSON_LARGE_OBJECT:
    case JSON_SMALL_ARRAY:
    case JSON_LARGE_ARRAY:
        return put_container(w, type, bytes, e);
    case JSON_LITERAL:
        return put_literal(w->out, &c, e);
    case JSON_INT16:
    case JSON_UINT16:
    case JSON_INT32:
    case JSON_UINT32:
    case JSON_INT64:
    case JSON_UINT64:
    case JSON_DOUBLE:
        return put_number(w, type, &c, e);
    case JSON_STRING:
        text = take_counted(&c);
        if (c.failed)
            return broken(e, "a text that is cut off");
        TRY(spend(w, text.len, e));
        put_string(w->out, text);
        return 0;
    case JSON_OPAQUE:
        return put_opaque(w, &c, e);
    default:
        return broken(e, "a part of an unknown type");
    }
}

int document_root(struct slice document, struct document_value *out, struct err *e)
{
    struct cursor c = cursor_over(document);
    uint8_t       type = cursor_u8(&c);

    if (c.failed)
        return broken(e, "no bytes");
    *out = (struct document_value){ type, cursor_rest(&c) };
    return 0;
}

int document_put_value(const struct document_value *v, size_t *budget, struct buf *out,
                       struct err *e)
{
    struct walk w = { .out = out, .budget = *budget };
    TRY(put_value(&w, v->type, v->bytes, e));
    *budget = w.budget;
    return 0;
}

void document_put_string(struct buf *out, struct slice text)
{
    put_string(out, text);
}

enum document_container document_container_of(const struct document_value *v)
{
    switch (v->type) {
    case JSON_SMALL_OBJECT:
    case JSON_LARGE_OBJECT:
        return DOCUMENT_OBJECT;
    case JSON_SMALL_ARRAY:
    case JSON_LARGE_ARRAY:
        return DOCUMENT_ARRAY;
    default:
        return DOCUMENT_SCALAR;
    }
}

static int take_value(const struct container *n, struct cursor *entries, struct document_value *out,
                      struct err *e)
{
    uint8_t      type = cursor_u8(entries);
    struct slice inlined = cursor_slice(entries, n->width);

    if (entries->failed)
        return broken(e, "an entry that is cut off");
    if (is_inlined(type, n->width)) {
        *out = (struct document_value){ type, inlined };
        return 0;
    }
    struct cursor offset = cursor_over(inlined);
    *out = (struct document_value){ type, part_at(n->bytes, cursor_le(&offset, n->width)) };
    return 0;
}

int document_each(const struct document_value *v, document_visit *visit, void *arg, struct err *e)
{
    struct container n;

    TRY(open_container(v->type, v->bytes, &n, e));
    struct cursor names = cursor_over(part_at(n.bytes, 2 * n.width));
    struct cursor values = names;
    if (n.is_object)
        cursor_skip(&values, (size_t)n.count * (n.width + 2));
    for (uint64_t i = 0; i < n.count; i++) {
        struct document_value item;
        struct slice          name = slice_empty();
        if (n.is_object)
            TRY(take_name(&n, &names, &name, e));
        TRY(take_value(&n, &values, &item, e));
        TRY(visit(arg, name, &item, e));
    }
    return 0;
}

int document_put_text(struct slice document, struct buf *out, struct err *e)
{
    struct walk   w = { .out = out, .budget = document.len };
    struct cursor c = cursor_over(document);
    uint8_t       type = cursor_u8(&c);

    if (c.failed)
        return broken(e, "no bytes");
    return put_value(&w, type, cursor_rest(&c), e);
}
