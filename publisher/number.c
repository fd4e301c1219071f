#include "publisher/number.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* 0.d1d2d3... * 10^point */
struct digits {
    char text[24];
    int  count;
    int  point;
};

enum { SCIENTIFIC_BYTES = 40 };

/* The correctly rounded decimal of `precision` digits. */
static struct digits round_to(double value, int precision, char scientific[SCIENTIFIC_BYTES])
{
    struct digits d = { .count = 0 };

    (void)snprintf(scientific, SCIENTIFIC_BYTES, "%.*e", precision - 1, value);
    const char *p = scientific;
    for (; *p != 'e' && *p != 0; p++)
        if (*p >= '0' && *p <= '9' && d.count < (int)sizeof d.text)
            d.text[d.count++] = *p;
    d.point = (*p == 'e' ? (int)strtol(p + 1, NULL, 10) : 0) + 1;
    while (d.count > 1 && d.text[d.count - 1] == '0')
        d.count--;
    return d;
}

static bool same_double(const char *text, double value)
{
    return strtod(text, NULL) == value;
}
static bool same_float(const char *text, double value)
{
    return (double)strtof(text, NULL) == value;
}

/* At a power of two the next number below is nearer than the one above, so the decimal just above
   the rounded one may be the shorter way to say it. */
static bool try_next_up(struct digits *d, int precision, bool (*same)(const char *, double),
                        double value)
{
    struct digits up = *d;
    char          text[SCIENTIFIC_BYTES];

    while (up.count < precision)
        up.text[up.count++] = '0';
    int i = up.count - 1;
    while (i > 0 && up.text[i] == '9')
        up.text[i--] = '0';
    if (up.text[i] == '9')
        return false;
    up.text[i]++;
    (void)snprintf(text, sizeof text, "0.%.*se%d", up.count, up.text, up.point);
    if (!same(text, value))
        return false;
    *d = up;
    return true;
}

/* `value` is positive and finite. Any decimal of `sure` digits survives the way to binary and back,
   so a shorter one shows as trailing zeros; below the normal range that does not hold. Java never
   looks at less than two digits. */
static struct digits shortest(double value, int sure, int most, bool is_normal,
                              bool (*same)(const char *, double))
{
    char          text[SCIENTIFIC_BYTES];
    int           exponent = 0;
    bool          is_power = frexp(value, &exponent) == 0.5;
    struct digits d = { .count = 0 };

    for (int precision = is_normal ? sure : 2; precision <= most; precision++) {
        d = round_to(value, precision, text);
        if (same(text, value) || (is_power && try_next_up(&d, precision, same, value)))
            break;
    }
    return d;
}

static void put_digits(struct buf *out, const struct digits *d)
{
    if (d->point > 7 || d->point < -2) {
        buf_printf(out, "%c.%.*sE%d", d->text[0], d->count > 1 ? d->count - 1 : 1,
                   d->count > 1 ? d->text + 1 : "0", d->point - 1);
    } else if (d->point <= 0) {
        buf_printf(out, "0.%.*s%.*s", -d->point, "00", d->count, d->text);
    } else if (d->count <= d->point) {
        buf_printf(out, "%.*s%.*s.0", d->count, d->text, d->point - d->count, "000000");
    } else {
        buf_printf(out, "%.*s.%.*s", d->point, d->text, d->count - d->point, d->text + d->point);
    }
}

static void put_real(struct buf *out, double value, bool is_single)
{
    if (!isfinite(value)) { /* Jackson quotes them; no server stores them */
        buf_put_text(out, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    if (signbit(value))
        buf_put_u8(out, '-');
    value = fabs(value);
    if (value == 0) {
        buf_put_text(out, "0.0");
        return;
    }
    struct digits d =
        is_single ? shortest(value, FLT_DIG, FLT_DECIMAL_DIG, value >= (double)FLT_MIN, same_float)
                  : shortest(value, DBL_DIG, DBL_DECIMAL_DIG, value >= DBL_MIN, same_double);
    put_digits(out, &d);
}

void number_put_double(struct buf *out, double value)
{
    put_real(out, value, false);
}

void number_put_float(struct buf *out, float value)
{
    put_real(out, (double)value, true);
}

void number_put_base64(struct buf *out, struct slice bytes)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    if (bytes.len > SIZE_MAX / 4) {
        out->failed = BUF_OVER_BOUND;
        return;
    }
    uint8_t *p = buf_extend(out, (bytes.len + 2) / 3 * 4);
    if (p == NULL)
        return;
    size_t i = 0;
    for (; i + 3 <= bytes.len; i += 3) {
        uint32_t v =
            (uint32_t)bytes.ptr[i] << 16 | (uint32_t)bytes.ptr[i + 1] << 8 | bytes.ptr[i + 2];
        *p++ = (uint8_t)alphabet[v >> 18];
        *p++ = (uint8_t)alphabet[v >> 12 & 63];
        *p++ = (uint8_t)alphabet[v >> 6 & 63];
        *p++ = (uint8_t)alphabet[v & 63];
    }
    if (i < bytes.len) {
        bool     two = i + 2 == bytes.len;
        uint32_t v = (uint32_t)bytes.ptr[i] << 16 | (two ? (uint32_t)bytes.ptr[i + 1] << 8 : 0);
        *p++ = (uint8_t)alphabet[v >> 18];
        *p++ = (uint8_t)alphabet[v >> 12 & 63];
        *p++ = two ? (uint8_t)alphabet[v >> 6 & 63] : '=';
        *p++ = '=';
    }
}
