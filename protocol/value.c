#include "protocol/value.h"
#include <stdio.h>

/* Bytes for a rest of 0 to 9 decimal digits. */
static const uint8_t digit_bytes[10] = { 0, 1, 1, 2, 2, 3, 3, 4, 4, 4 };

static size_t decimal_bytes(unsigned precision, unsigned scale)
{
    unsigned whole = precision - scale;
    return whole / 9 * 4u + digit_bytes[whole % 9] + scale / 9 * 4u + digit_bytes[scale % 9];
}

static int64_t sign_extend(uint64_t v, size_t bytes)
{
    unsigned shift = (unsigned)(64 - 8 * bytes);
    return (int64_t)(v << shift) >> shift;
}

static void take_integer(struct cursor *c, size_t bytes, bool is_unsigned, struct value *out)
{
    uint64_t v = cursor_le(c, bytes);
    if (is_unsigned)
        *out = (struct value){ .kind = VALUE_UINT, .natural = v };
    else
        *out = (struct value){ .kind = VALUE_INT, .number = sign_extend(v, bytes) };
}

static void take_float(struct cursor *c, struct value *out)
{
    uint32_t bits = cursor_u32(c);
    out->kind = VALUE_FLOAT;
    memcpy(&out->single, &bits, sizeof out->single);
}

static void take_double(struct cursor *c, struct value *out)
{
    uint64_t bits = cursor_u64(c);
    out->kind = VALUE_DOUBLE;
    memcpy(&out->real, &bits, sizeof out->real);
}

static void take_decimal(const struct table_map_column *col, struct cursor *c, struct value *out)
{
    struct value_decimal d = { .precision = (uint8_t)(col->meta >> 8),
                               .scale = (uint8_t)(col->meta & 0xff) };

    assert(d.precision >= 1 && d.scale <= d.precision); /* table_map_parse() saw to it */
    d.raw = cursor_slice(c, decimal_bytes(d.precision, d.scale));
    *out = (struct value){ .kind = VALUE_DECIMAL, .decimal = d };
}

static void take_bytes(struct cursor *c, size_t length_bytes, struct value *out)
{
    uint64_t n = cursor_le(c, length_bytes);
    /* A foreign length: compared with what is left by cursor_slice(). */
    *out = (struct value){ .kind = VALUE_BYTES, .bytes = cursor_slice(c, (size_t)n) };
}

/* ---- temporal types ---- */

static unsigned fraction_bytes(unsigned digits)
{
    return (digits + 1) / 2;
}

/* Fractions are stored in hundredths, ten-thousandths or millionths by one, two or three bytes. */
static uint32_t take_fraction(struct cursor *c, unsigned digits)
{
    static const uint32_t unit[4] = { 0, 10000, 100, 1 };
    unsigned              bytes = fraction_bytes(digits);
    return bytes == 0 ? 0 : (uint32_t)cursor_be(c, bytes) * unit[bytes];
}

static void take_date(struct cursor *c, struct value *out)
{
    uint32_t v = cursor_u24(c);
    out->kind = VALUE_DATE;
    out->time = (struct value_time){ .year = (uint16_t)(v >> 9),
                                     .month = (uint8_t)(v >> 5 & 15),
                                     .day = (uint8_t)(v & 31) };
}

static void take_datetime(struct cursor *c, struct value *out)
{
    uint64_t v = cursor_u64(c); /* YYYYMMDDhhmmss */
    uint64_t date = v / 1000000;
    uint64_t time = v % 1000000;
    out->kind = VALUE_DATETIME;
    out->time = (struct value_time){ .year = (uint16_t)(date / 10000),
                                     .month = (uint8_t)(date / 100 % 100),
                                     .day = (uint8_t)(date % 100),
                                     .hour = (uint8_t)(time / 10000),
                                     .minute = (uint8_t)(time / 100 % 100),
                                     .second = (uint8_t)(time % 100) };
}

static void take_datetime2(struct cursor *c, unsigned digits, struct value *out)
{
    uint64_t v = cursor_be(c, 5) & 0x7fffffffffull; /* the sign bit is set for all there are */
    uint64_t days = v >> 17;
    uint64_t months = days >> 5;
    out->kind = VALUE_DATETIME;
    out->time = (struct value_time){ .year = (uint16_t)(months / 13),
                                     .month = (uint8_t)(months % 13),
                                     .day = (uint8_t)(days & 31),
                                     .hour = (uint8_t)(v >> 12 & 31),
                                     .minute = (uint8_t)(v >> 6 & 63),
                                     .second = (uint8_t)(v & 63) };
    out->time.microsecond = take_fraction(c, digits);
}

static int64_t time_microseconds(uint64_t hour, uint64_t minute, uint64_t second, uint64_t micro)
{
    return (int64_t)(((hour * 60 + minute) * 60 + second) * 1000000 + micro);
}

static void take_time(struct cursor *c, struct value *out)
{
    int64_t  v = sign_extend(cursor_u24(c), 3); /* hhmmss */
    uint64_t t = (uint64_t)(v < 0 ? -v : v);
    int64_t  us = time_microseconds(t / 10000, t / 100 % 100, t % 100, 0);
    *out = (struct value){ .kind = VALUE_TIME, .number = v < 0 ? -us : us };
}

static void take_time2(struct cursor *c, unsigned digits, struct value *out)
{
    static const int64_t unit[4] = { 0, 10000, 100, 1 };
    unsigned             bytes = fraction_bytes(digits);
    /* Whole and fraction are one number, offset so that negatives sort below: its sign is the
       time's. */
    int64_t  scale = (int64_t)1 << (8 * bytes);
    int64_t  v = (int64_t)cursor_be(c, 3 + bytes) - 0x800000 * scale;
    uint64_t t = (uint64_t)(v < 0 ? -v : v);
    uint64_t whole = t / (uint64_t)scale;
    uint64_t micro = t % (uint64_t)scale * (uint64_t)unit[bytes];
    int64_t  us = time_microseconds(whole >> 12 & 0x3ff, whole >> 6 & 63, whole & 63, micro);
    *out = (struct value){ .kind = VALUE_TIME, .number = v < 0 ? -us : us };
}

static void take_timestamp2(struct cursor *c, unsigned digits, struct value *out)
{
    out->kind = VALUE_TIMESTAMP;
    out->timestamp.seconds = (uint32_t)cursor_be(c, 4);
    out->timestamp.microsecond = take_fraction(c, digits);
}

int value_decode(const struct table_map_column *col, struct cursor *c, struct value *out,
                 struct err *e)
{
    struct value v = { .kind = VALUE_NULL };

    switch (col->type) {
    case FIELD_TINY:
        take_integer(c, 1, col->is_unsigned, &v);
        break;
    case FIELD_SHORT:
        take_integer(c, 2, col->is_unsigned, &v);
        break;
    case FIELD_INT24:
        take_integer(c, 3, col->is_unsigned, &v);
        break;
    case FIELD_LONG:
        take_integer(c, 4, col->is_unsigned, &v);
        break;
    case FIELD_LONGLONG:
        take_integer(c, 8, col->is_unsigned, &v);
        break;
    case FIELD_FLOAT:
        take_float(c, &v);
        break;
    case FIELD_DOUBLE:
        take_double(c, &v);
        break;
    case FIELD_NEWDECIMAL:
        take_decimal(col, c, &v);
        break;
    case FIELD_VARCHAR:
    case FIELD_VAR_STRING:
    case FIELD_STRING:
    case FIELD_MARIADB_VARCHAR_COMPRESSED:
        take_bytes(c, col->meta > 255 ? 2 : 1, &v);
        break;
    case FIELD_TINY_BLOB:
    case FIELD_BLOB:
    case FIELD_MEDIUM_BLOB:
    case FIELD_LONG_BLOB:
    case FIELD_JSON:
    case FIELD_GEOMETRY:
    case FIELD_VECTOR:
    case FIELD_MARIADB_BLOB_COMPRESSED:
        take_bytes(c, col->meta, &v);
        break;
    case FIELD_BIT:
        v = (struct value){ .kind = VALUE_BIT, .bytes = cursor_slice(c, (col->meta + 7u) / 8) };
        break;
    case FIELD_ENUM:
        v = (struct value){ .kind = VALUE_ENUM, .natural = cursor_le(c, col->meta) };
        break;
    case FIELD_SET:
        v = (struct value){ .kind = VALUE_SET, .natural = cursor_le(c, col->meta) };
        break;
    case FIELD_DATE:
    case FIELD_NEWDATE:
        take_date(c, &v);
        break;
    case FIELD_TIME:
        take_time(c, &v);
        break;
    case FIELD_TIME2:
        take_time2(c, col->meta, &v);
        break;
    case FIELD_DATETIME:
        take_datetime(c, &v);
        break;
    case FIELD_DATETIME2:
        take_datetime2(c, col->meta, &v);
        break;
    case FIELD_TIMESTAMP:
        v = (struct value){ .kind = VALUE_TIMESTAMP, .timestamp = { .seconds = cursor_u32(c) } };
        break;
    case FIELD_TIMESTAMP2:
        take_timestamp2(c, col->meta, &v);
        break;
    case FIELD_YEAR:
        v = (struct value){ .kind = VALUE_YEAR, .number = 1900 + cursor_u8(c) };
        break;
    default:
        return err_set(e, E_PROTOCOL, "values of type %u can't be decoded", col->type);
    }
    if (c->failed)
        return err_set(e, E_PROTOCOL, "the row ends inside the value");
    *out = v;
    return 0;
}

/* ---- decimals ---- */

enum { DECIMAL_LIMBS = DECIMAL_INTEGER_BYTES / 4 };

/* limbs = limbs * factor + add, least significant first. 65 digits need 216 of the 224 bits. */
static void limbs_append(uint32_t limbs[DECIMAL_LIMBS], uint32_t factor, uint32_t add)
{
    uint64_t carry = add;
    for (size_t i = 0; i < DECIMAL_LIMBS; i++) {
        carry += (uint64_t)limbs[i] * factor;
        limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static void limbs_negate(uint32_t limbs[DECIMAL_LIMBS])
{
    uint64_t carry = 1;
    for (size_t i = 0; i < DECIMAL_LIMBS; i++) {
        carry += (uint32_t)~limbs[i];
        limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static const uint32_t power_of_ten[10] = { 1,      10,      100,      1000,      10000,
                                           100000, 1000000, 10000000, 100000000, 1000000000 };

/* A group of up to nine digits; false when there are more than it may have. */
static bool take_group(struct cursor *c, unsigned digits, uint8_t flip, uint32_t *out)
{
    uint8_t        bytes = digit_bytes[digits];
    const uint8_t *p = cursor_take(c, bytes);
    uint32_t       v = 0;

    for (uint8_t i = 0; p != NULL && i < bytes; i++)
        v = v << 8 | (uint8_t)(p[i] ^ flip);
    *out = v;
    return p != NULL && v < power_of_ten[digits];
}

/* Digits in the groups of a decimal: a rest in front, nines, a rest behind. */
struct groups {
    uint8_t digits[DECIMAL_DIGITS_MAX / 9 + 4];
    uint8_t count;
};

static struct groups groups_of(const struct value_decimal *d)
{
    struct groups g = { .count = 0 };
    unsigned      whole = (unsigned)(d->precision - d->scale);

    g.digits[g.count++] = (uint8_t)(whole % 9);
    for (unsigned i = 0; i < whole / 9 + d->scale / 9u; i++)
        g.digits[g.count++] = 9;
    g.digits[g.count++] = (uint8_t)(d->scale % 9u);
    return g;
}

/* The first bit is the sign, inverted; of a negative number all others are inverted too. */
enum { DECIMAL_RAW_MAX = 40 };
static struct cursor decimal_bytes_of(const struct value_decimal *d, uint8_t copy[DECIMAL_RAW_MAX],
                                      bool *negative)
{
    assert(d->raw.len >= 1 && d->raw.len <= DECIMAL_RAW_MAX);
    memcpy(copy, d->raw.ptr, d->raw.len);
    copy[0] ^= 0x80;
    *negative = (copy[0] & 0x80) != 0;
    return cursor_over((struct slice){ copy, d->raw.len });
}

static int impossible_digits(const struct value_decimal *d, struct err *e)
{
    return err_set(e, E_PROTOCOL, "a DECIMAL(%u,%u) with impossible digits", d->precision,
                   d->scale);
}

static size_t limbs_shortest(const uint32_t limbs[DECIMAL_LIMBS], uint8_t *into)
{
    uint8_t bytes[DECIMAL_INTEGER_BYTES];
    size_t  skip = 0;

    for (size_t i = 0; i < DECIMAL_INTEGER_BYTES; i++)
        bytes[i] = (uint8_t)(limbs[DECIMAL_LIMBS - 1 - i / 4] >> (24 - 8 * (i % 4)));
    while (skip + 1 < DECIMAL_INTEGER_BYTES && ((bytes[skip] == 0 && bytes[skip + 1] < 0x80) ||
                                                (bytes[skip] == 0xff && bytes[skip + 1] >= 0x80)))
        skip++;
    memcpy(into, bytes + skip, DECIMAL_INTEGER_BYTES - skip);
    return DECIMAL_INTEGER_BYTES - skip;
}

int value_decimal_integer(const struct value_decimal *d, uint8_t into[DECIMAL_INTEGER_BYTES],
                          size_t *length, struct err *e)
{
    uint8_t       copy[DECIMAL_RAW_MAX];
    uint32_t      limbs[DECIMAL_LIMBS] = { 0 };
    bool          negative = false;
    struct cursor c = decimal_bytes_of(d, copy, &negative);
    struct groups g = groups_of(d);

    for (uint8_t i = 0; i < g.count; i++) {
        uint32_t group = 0;
        if (!take_group(&c, g.digits[i], negative ? 0xff : 0, &group))
            return impossible_digits(d, e);
        limbs_append(limbs, power_of_ten[g.digits[i]], group);
    }
    if (negative)
        limbs_negate(limbs);
    *length = limbs_shortest(limbs, into);
    return 0;
}

int value_decimal_digits(const struct value_decimal *d, char into[DECIMAL_DIGITS_MAX + 1],
                         bool *negative, struct err *e)
{
    uint8_t       copy[DECIMAL_RAW_MAX];
    struct cursor c = decimal_bytes_of(d, copy, negative);
    struct groups g = groups_of(d);
    size_t        used = 0;

    for (uint8_t i = 0; i < g.count; i++) {
        uint32_t group = 0;
        if (!take_group(&c, g.digits[i], *negative ? 0xff : 0, &group))
            return impossible_digits(d, e);
        if (g.digits[i] > 0)
            used += (size_t)snprintf(into + used, DECIMAL_DIGITS_MAX + 1 - used, "%0*u",
                                     g.digits[i], group);
    }
    into[used] = 0;
    return 0;
}
