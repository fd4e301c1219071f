/* Numbers: integers, decimals, floats, bits. */
#include "publisher/fields/field.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static int integer(const struct field *f, const struct value *v, struct cell *out, struct err *e)
{
    (void)f;
    (void)e;
    /* BIGINT UNSIGNED above 2^63-1 comes out negative, as in Java's long. */
    *out = cell_integer(v->kind == VALUE_UINT ? (int64_t)v->natural : v->number);
    return 0;
}

static int boolean_of_integer(const struct field *f, const struct value *v, struct cell *out,
                              struct err *e)
{
    (void)f;
    (void)e;
    *out = cell_boolean(v->natural != 0);
    return 0;
}

/* As a decimal's integer: big-endian, as short as it gets. */
static int natural_as_decimal(const struct field *f, const struct value *v, struct cell *out,
                              struct err *e)
{
    uint8_t bytes[9] = { 0 };
    size_t  from = 0;

    (void)e;
    for (size_t i = 0; i < 8; i++)
        bytes[8 - i] = (uint8_t)(v->natural >> (8 * i));
    while (from < 8 && bytes[from] == 0 && (bytes[from + 1] & 0x80) == 0)
        from++;
    buf_clear(f->room);
    buf_put(f->room, (struct slice){ bytes + from, sizeof bytes - from });
    *out = cell_bytes(buf_slice(f->room));
    return 0;
}

static int float_of_float(const struct field *f, const struct value *v, struct cell *out,
                          struct err *e)
{
    (void)f;
    (void)e;
    *out = (struct cell){ .kind = CELL_FLOAT, .single = v->single };
    return 0;
}

static int double_of_float(const struct field *f, const struct value *v, struct cell *out,
                           struct err *e)
{
    (void)f;
    (void)e;
    *out = cell_double((double)v->single);
    return 0;
}

static int float_of_double(const struct field *f, const struct value *v, struct cell *out,
                           struct err *e)
{
    (void)f;
    (void)e;
    *out = (struct cell){ .kind = CELL_FLOAT, .single = (float)v->real };
    return 0;
}

static int double_of_double(const struct field *f, const struct value *v, struct cell *out,
                            struct err *e)
{
    (void)f;
    (void)e;
    *out = cell_double(v->real);
    return 0;
}

/* ---- decimals ------------------------------------------------------------------------------ */

static int decimal_bytes(const struct field *f, const struct value *v, struct cell *out,
                         struct err *e)
{
    uint8_t bytes[DECIMAL_INTEGER_BYTES];
    size_t  length = 0;

    TRY(value_decimal_integer(&v->decimal, bytes, &length, e));
    buf_clear(f->room);
    buf_put(f->room, (struct slice){ bytes, length });
    *out = cell_bytes(buf_slice(f->room));
    return 0;
}

static int put_decimal_text(const struct value_decimal *d, struct buf *out, struct err *e)
{
    char digits[DECIMAL_DIGITS_MAX + 1];
    bool negative = false;

    TRY(value_decimal_digits(d, digits, &negative, e));
    size_t whole = (size_t)d->precision - d->scale;
    size_t from = 0;
    while (from + 1 < whole && digits[from] == '0')
        from++;
    /* Java knows no negative zero. */
    if (negative && strspn(digits, "0") < d->precision)
        buf_put_u8(out, '-');
    if (whole > 0)
        buf_put(out, (struct slice){ (const uint8_t *)digits + from, whole - from });
    else
        buf_put_u8(out, '0');
    if (d->scale > 0) {
        buf_put_u8(out, '.');
        buf_put(out, (struct slice){ (const uint8_t *)digits + whole, d->scale });
    }
    return 0;
}

static int decimal_text(const struct field *f, const struct value *v, struct cell *out,
                        struct err *e)
{
    buf_clear(f->room);
    TRY(put_decimal_text(&v->decimal, f->room, e));
    *out = cell_text(buf_slice(f->room));
    return 0;
}

static int decimal_double(const struct field *f, const struct value *v, struct cell *out,
                          struct err *e)
{
    buf_clear(f->room);
    TRY(put_decimal_text(&v->decimal, f->room, e));
    *out = cell_double(strtod(buf_text(f->room), NULL));
    return 0;
}

/* ---- bits ---------------------------------------------------------------------------------- */

static int bit_flag(const struct field *f, const struct value *v, struct cell *out, struct err *e)
{
    (void)f;
    (void)e;
    *out = cell_boolean(v->bytes.len > 0 && v->bytes.ptr[v->bytes.len - 1] != 0);
    return 0;
}

/* Debezium's bits come little-endian. */
static int bit_bytes(const struct field *f, const struct value *v, struct cell *out, struct err *e)
{
    (void)e;
    buf_clear(f->room);
    for (size_t i = v->bytes.len; i > 0; i--)
        buf_put_u8(f->room, v->bytes.ptr[i - 1]);
    *out = cell_bytes(buf_slice(f->room));
    return 0;
}

/* ---- choosing ------------------------------------------------------------------------------ */

static struct schema *plain(struct field *f, field_convert *convert, enum schema_type type,
                            struct err *e)
{
    f->convert = convert;
    return schema_new(type, f->nullable, NULL, 0, e);
}

static struct schema *decimal_schema(struct field *f, unsigned precision, unsigned scale,
                                     struct err *e)
{
    char           text[2][16];
    struct schema *s =
        schema_new(SCHEMA_BYTES, f->nullable, "org.apache.kafka.connect.data.Decimal", 1, e);

    f->scale = (uint8_t)scale;
    (void)snprintf(text[0], sizeof text[0], "%u", scale);
    (void)snprintf(text[1], sizeof text[1], "%u", precision);
    if (s != NULL && (schema_add_parameter(s, "scale", text[0], e) != 0 ||
                      schema_add_parameter(s, "connect.decimal.precision", text[1], e) != 0)) {
        schema_free(s);
        return NULL;
    }
    return s;
}

static struct schema *choose_decimal(struct field *f, enum option_decimals mode,
                                     const struct table_map_column *told, struct err *e)
{
    f->scale = (uint8_t)(told->meta & 0xff);
    switch (mode) {
    case DECIMALS_DOUBLE:
        return plain(f, decimal_double, SCHEMA_DOUBLE, e);
    case DECIMALS_STRING:
        return plain(f, decimal_text, SCHEMA_STRING, e);
    default:
        f->convert = decimal_bytes;
        return decimal_schema(f, told->meta >> 8, told->meta & 0xff, e);
    }
}

static struct schema *choose_bits(struct field *f, const struct table_map_column *told,
                                  struct err *e)
{
    char     text[16];
    unsigned bits = told->meta;

    if (bits <= 1)
        return plain(f, bit_flag, SCHEMA_BOOLEAN, e);
    struct schema *s = schema_new(SCHEMA_BYTES, f->nullable, "io.debezium.data.Bits", 1, e);
    (void)snprintf(text, sizeof text, "%u", bits);
    if (s != NULL && schema_add_parameter(s, "length", text, e) != 0) {
        schema_free(s);
        return NULL;
    }
    f->convert = bit_bytes;
    return s;
}

static bool is_declared(const struct definition_column *column, const char *type)
{
    return column->type_name != NULL && strncasecmp(column->type_name, type, strlen(type)) == 0;
}

struct schema *field_number_schema(struct field *f, const struct options *o,
                                   const struct definition_column *column,
                                   const struct table_map_column *told, struct err *e)
{
    bool is_unsigned = column->is_unsigned;

    switch (told->type) {
    case FIELD_TINY:
        if (column->form == FORM_BOOLEAN)
            return plain(f, boolean_of_integer, SCHEMA_BOOLEAN, e);
        return plain(f, integer, SCHEMA_INT16, e);
    case FIELD_SHORT:
        return plain(f, integer, is_unsigned ? SCHEMA_INT32 : SCHEMA_INT16, e);
    case FIELD_INT24:
        return plain(f, integer, SCHEMA_INT32, e);
    case FIELD_LONG:
        return plain(f, integer, is_unsigned ? SCHEMA_INT64 : SCHEMA_INT32, e);
    case FIELD_LONGLONG:
        if (is_unsigned && o->unsigned_bigints == BIGINTS_PRECISE) {
            f->convert = natural_as_decimal;
            return decimal_schema(f, 20, 0, e);
        }
        return plain(f, integer, SCHEMA_INT64, e);
    case FIELD_FLOAT:
        if (column->form == FORM_FLOAT_SCALED)
            return plain(f, double_of_float, SCHEMA_DOUBLE, e);
        return plain(f, float_of_float, SCHEMA_FLOAT, e);
    case FIELD_DOUBLE: /* REAL is a DOUBLE to the server, but a float to JDBC */
        if (is_declared(column, "REAL"))
            return plain(f, float_of_double, SCHEMA_FLOAT, e);
        return plain(f, double_of_double, SCHEMA_DOUBLE, e);
    case FIELD_NEWDECIMAL:
        return choose_decimal(f, o->decimals, told, e);
    case FIELD_BIT:
        return choose_bits(f, told, e);
    default:
        return NULL;
    }
}
