/* A column's declared default, a text, as the value that its schema tells. */
#include "publisher/fields/field.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

/* ---- texts of times ------------------------------------------------------------------------ */

static bool take_number(const char **at, unsigned *out)
{
    unsigned v = 0;

    if (!isdigit((unsigned char)**at))
        return false;
    for (; isdigit((unsigned char)**at) && v < 100000; ++*at)
        v = v * 10 + (unsigned)(**at - '0');
    *out = v;
    return true;
}

static void skip_separator(const char **at)
{
    while (**at != 0 && !isdigit((unsigned char)**at))
        ++*at;
}

static uint32_t take_fraction(const char **at)
{
    uint32_t micro = 0, unit = 100000;

    if (**at != '.')
        return 0;
    for (++*at; isdigit((unsigned char)**at); ++*at, unit /= 10)
        micro += (uint32_t)(**at - '0') * unit;
    return micro;
}

/* Years of two digits: 70 to 99 are of the last century. */
static unsigned adjust_year(const struct options *o, unsigned year, size_t digits)
{
    if (!o->adjust_years || digits > 2)
        return year;
    return year + (year < 70 ? 2000u : 1900u);
}

static bool read_date(const struct options *o, const char *text, const char **rest,
                      struct value_time *out)
{
    unsigned    year = 0, month = 0, day = 0;
    const char *at = text;

    if (!take_number(&at, &year))
        return false;
    size_t digits = (size_t)(at - text);
    skip_separator(&at);
    if (!take_number(&at, &month))
        return false;
    skip_separator(&at);
    if (!take_number(&at, &day))
        return false;
    if (year != 0 || month != 0 || day != 0)
        year = adjust_year(o, year, digits);
    *out =
        (struct value_time){ .year = (uint16_t)year, .month = (uint8_t)month, .day = (uint8_t)day };
    *rest = at;
    return true;
}

static bool read_clock(const char *at, unsigned part[3], uint32_t *micro)
{
    part[0] = part[1] = part[2] = 0;
    *micro = 0;
    for (int i = 0; i < 3; i++) {
        if (!take_number(&at, &part[i]))
            return i > 0;
        if (*at != ':')
            break;
        at++;
    }
    *micro = take_fraction(&at);
    return true;
}

static bool read_datetime(const struct options *o, const char *text, struct value_time *out)
{
    const char *rest = NULL;
    unsigned    part[3] = { 0 };
    uint32_t    micro = 0;

    if (!read_date(o, text, &rest, out))
        return false;
    skip_separator(&rest);
    if (*rest != 0 && !read_clock(rest, part, &micro))
        return false;
    out->hour = (uint8_t)part[0];
    out->minute = (uint8_t)part[1];
    out->second = (uint8_t)part[2];
    out->microsecond = micro;
    return true;
}

static bool read_time(const char *text, int64_t *out)
{
    unsigned part[3] = { 0 };
    uint32_t micro = 0;
    bool     negative = *text == '-';

    /* Of 1 Debezium makes no default. */
    if (strchr(text, ':') == NULL || !read_clock(text + negative, part, &micro))
        return false;
    int64_t seconds = ((int64_t)part[0] * 60 + part[1]) * 60 + part[2];
    int64_t us = seconds * 1000000 + micro;
    *out = negative ? -us : us;
    return true;
}

/* ---- values as the binlog would have them -------------------------------------------------- */

/* `most`: what a larger unsigned one becomes. */
/* DEFAULT TRUE of a number. */
static const char *number_of_word(const char *text)
{
    if (strcasecmp(text, "true") == 0)
        return "1";
    return strcasecmp(text, "false") == 0 ? "0" : text;
}

static bool read_integer(const char *text, bool is_unsigned, uint64_t most, struct value *out)
{
    char *end = NULL;

    errno = 0;
    text = number_of_word(text);
    if (is_unsigned)
        *out = (struct value){ .kind = VALUE_UINT, .natural = strtoull(text, &end, 10) };
    else
        *out = (struct value){ .kind = VALUE_INT, .number = strtoll(text, &end, 10) };
    if (is_unsigned && out->natural > most)
        out->natural = most;
    if (*end == '.') /* DEFAULT 1.0 of an integer */
        end += 1 + strspn(end + 1, "0123456789");
    return end != text && *end == 0 && errno == 0;
}

/* `1010` of b'1010', big-endian. */
static bool read_bits(const char *text, unsigned bits, uint8_t room[8], struct value *out)
{
    char    *end = NULL;
    size_t   bytes = (bits + 7) / 8;
    uint64_t v = strtoull(text, &end, 2);

    if (end == text || *end != 0 || bytes > 8)
        return false;
    for (size_t i = 0; i < bytes; i++)
        room[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
    *out = (struct value){ .kind = VALUE_BIT, .bytes = { room, bytes } };
    return true;
}

static bool read_real(const char *text, bool is_single, struct value *out)
{
    char  *end = NULL;
    double v = strtod(text, &end);

    if (is_single)
        *out = (struct value){ .kind = VALUE_FLOAT, .single = strtof(text, &end) };
    else
        *out = (struct value){ .kind = VALUE_DOUBLE, .real = v };
    return end != text && *end == 0;
}

/* Days to seconds is the calendar's business: a TIMESTAMP has a text of its own. */
static bool read_timestamp(const struct options *o, const char *text, struct value *out)
{
    struct value_time t = { 0 };
    struct tm         tm = { 0 };

    if (!read_datetime(o, text, &t))
        return false;
    tm.tm_year = t.year - 1900;
    tm.tm_mon = t.month - 1;
    tm.tm_mday = t.day;
    tm.tm_hour = t.hour;
    tm.tm_min = t.minute;
    tm.tm_sec = t.second;
    time_t seconds = t.year == 0 || t.month == 0 || t.day == 0 ? 0 : timegm(&tm);
    *out = (struct value){ .kind = VALUE_TIMESTAMP,
                           .timestamp = { .seconds = (uint32_t)seconds,
                                          .microsecond = t.microsecond } };
    return seconds >= 0;
}

/* As the server understands it. */
static bool read_year(const char *text, struct value *out)
{
    if (!read_integer(text, false, UINT64_MAX, out))
        return false;
    if (out->number >= 0 && out->number < 100)
        out->number += out->number < 70 ? 2000 : 1900;
    return true;
}

static bool read_value(const struct options *o, const char *text,
                       const struct definition_column *column, const struct table_map_column *told,
                       uint8_t room[8], struct value *out)
{
    const char *rest = NULL;

    switch (told->type) {
    case FIELD_TINY:
    case FIELD_SHORT:
    case FIELD_INT24:
    case FIELD_LONG:
    case FIELD_LONGLONG:
        return read_integer(text, column->is_unsigned,
                            o->unsigned_bigints == BIGINTS_LONG ? INT64_MAX : UINT64_MAX, out);
    case FIELD_FLOAT:
    case FIELD_DOUBLE:
        return read_real(number_of_word(text), told->type == FIELD_FLOAT, out);
    case FIELD_BIT:
        return read_bits(text, told->meta, room, out);
    case FIELD_DATE:
    case FIELD_NEWDATE:
        out->kind = VALUE_DATE;
        return read_date(o, text, &rest, &out->time);
    case FIELD_TIME:
    case FIELD_TIME2:
        out->kind = VALUE_TIME;
        return read_time(text, &out->number);
    case FIELD_DATETIME:
    case FIELD_DATETIME2:
        out->kind = VALUE_DATETIME;
        return read_datetime(o, text, &out->time);
    case FIELD_TIMESTAMP:
    case FIELD_TIMESTAMP2:
        return read_timestamp(o, text, out);
    case FIELD_YEAR:
        return read_year(text, out);
    default:
        *out = (struct value){ .kind = VALUE_BYTES, .bytes = slice_of_text(text) };
        return true;
    }
}

/* ---- decimals: digits with the column's scale ---------------------------------------------- */

/* "-1.5" at scale 2 is "-150"; false for what is no decimal. */
static bool scale_digits(const char *text, unsigned scale, char *into, size_t size, bool *negative)
{
    size_t   n = 0;
    unsigned behind = 0;
    bool     point = false;

    *negative = *text == '-';
    text += *text == '-' || *text == '+';
    for (; *text != 0; text++) {
        if (*text == '.' && !point) {
            point = true;
            continue;
        }
        if (!isdigit((unsigned char)*text))
            return false;
        if (point && behind == scale)
            continue; /* more digits than the column has */
        if (n + 1 >= size)
            return false;
        into[n++] = *text;
        behind += point;
    }
    for (; behind < scale && n + 1 < size; behind++)
        into[n++] = '0';
    into[n] = 0;
    return n > 0;
}

/* Big-endian two's complement, as short as it gets. */
static size_t integer_of_digits(const char *digits, bool negative, uint8_t *into, size_t size)
{
    memset(into, 0, size);
    for (; *digits != 0; digits++) {
        unsigned carry = (unsigned)(*digits - '0');
        for (size_t i = size; i > 0; i--) {
            carry += into[i - 1] * 10u;
            into[i - 1] = (uint8_t)carry;
            carry >>= 8;
        }
    }
    unsigned carry = 1;
    for (size_t i = size; negative && i > 0; i--) {
        carry += (uint8_t)~into[i - 1];
        into[i - 1] = (uint8_t)carry;
        carry >>= 8;
    }
    size_t from = 0;
    while (from + 1 < size && ((into[from] == 0 && (into[from + 1] & 0x80) == 0) ||
                               (into[from] == 0xff && (into[from + 1] & 0x80) != 0)))
        from++;
    memmove(into, into + from, size - from);
    return size - from;
}

static bool read_decimal(const struct field *f, enum option_decimals mode, const char *text,
                         struct cell *out)
{
    enum { DIGITS_BYTES = 128, INTEGER_BYTES = 40 };
    char    digits[DIGITS_BYTES];
    uint8_t integer[INTEGER_BYTES];
    bool    negative = false;

    if (!scale_digits(text, f->scale, digits, sizeof digits, &negative))
        return false;
    buf_clear(f->room);
    if (mode == DECIMALS_DOUBLE) {
        *out = cell_double(strtod(text, NULL));
        return true;
    }
    if (mode == DECIMALS_PRECISE) {
        size_t length = integer_of_digits(digits, negative, integer, sizeof integer);
        buf_put(f->room, (struct slice){ integer, length });
        *out = cell_bytes(buf_slice(f->room));
        return true;
    }
    size_t n = strlen(digits);
    size_t whole = n > f->scale ? n - f->scale : 0;
    size_t from = 0;
    while (from + 1 < whole && digits[from] == '0')
        from++;
    buf_printf(f->room, "%s%.*s", negative ? "-" : "", whole > 0 ? (int)(whole - from) : 1,
               whole > 0 ? digits + from : "0");
    if (f->scale > 0) {
        buf_put_u8(f->room, '.');
        for (size_t i = n - whole; i < f->scale; i++)
            buf_put_u8(f->room, '0');
        buf_put_text(f->room, digits + whole);
    }
    *out = cell_text(buf_slice(f->room));
    return true;
}

/* ---- the default --------------------------------------------------------------------------- */

int field_set_default(struct field *f, const struct options *o,
                      const struct definition_column *column, const struct table_map_column *told,
                      struct err *e)
{
    const char  *text = column->default_text;
    struct value v = { .kind = VALUE_NULL };
    struct cell  c = cell_null();
    uint8_t      room[8];

    if (text == NULL || column->is_generated)
        return 0;
    if (told->type == FIELD_ENUM || told->type == FIELD_SET || f->is_text) {
        c = cell_string(text);
    } else if (told->type == FIELD_NEWDECIMAL) {
        if (!read_decimal(f, o->decimals, number_of_word(text), &c))
            return 0;
    } else if (read_value(o, text, column, told, room, &v)) {
        if (v.kind == VALUE_TIMESTAMP && f->nullable && v.timestamp.seconds == 0)
            return 0; /* what CURRENT_TIMESTAMP is declared as */
        uint32_t padded = f->fixed_bytes;
        if (column->form == FORM_INET4 || column->form == FORM_INET6)
            return 0;       /* an address as a text, which no connector knows */
        f->fixed_bytes = 0; /* a default is as it was declared */
        int result = (f->unpacked_convert != NULL ? f->unpacked_convert : f->convert)(f, &v, &c, e);
        f->fixed_bytes = padded;
        TRY(result);
    }
    return c.kind != CELL_NULL ? schema_set_fallback(f->schema, &c, e) : 0;
}
