/*
 * java.lang.Double.toString as it was until Java 18: not always the shortest text, so that its
 * steps are followed one by one (jdk.internal.math.FloatingDecimal, dtoa). With d = B / S *
 * 10^exponent digits are divided off until the rest is within half a unit of the last place, M.
 */
#include "publisher/fields/number.h"
#include <math.h>
#include <stdio.h>

enum {
    MANTISSA_BITS = 53, /* with the leading one */
    SMALL_EXPONENT_MAX = 62,
    SMALL_EXPONENT_MIN = -21,
    POWERS_OF_5 = 27, /* that fit 64 bits */
    DIGITS_MAX = 26,
};

/* 0.d1d2d3... * 10^point */
struct digits {
    char text[DIGITS_MAX];
    int  count;
    int  point;
};

/* mantissa * 2^(exponent - 52), the mantissa's bit 52 set, of which so many bits are known. */
struct binary {
    uint64_t mantissa;
    int      exponent;
    int      known_bits;
};

/* ---- large integers ------------------------------------------------------------------------ */

enum { LARGE_WORDS = 48 };
struct large {
    uint32_t word[LARGE_WORDS]; /* least significant first */
    int      count;             /* no zero word on top */
};

static void large_trim(struct large *n)
{
    while (n->count > 0 && n->word[n->count - 1] == 0)
        n->count--;
}

static void large_multiply(struct large *n, uint32_t by)
{
    uint64_t carry = 0;
    for (int i = 0; i < n->count; i++) {
        carry += (uint64_t)n->word[i] * by;
        n->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) {
        assert(n->count < LARGE_WORDS);
        n->word[n->count++] = (uint32_t)carry;
    }
}

static void large_shift(struct large *n, int bits)
{
    int words = bits / 32;
    int rest = bits % 32;

    assert(n->count + words + 1 <= LARGE_WORDS);
    memmove(n->word + words, n->word, (size_t)n->count * sizeof n->word[0]);
    memset(n->word, 0, (size_t)words * sizeof n->word[0]);
    n->count += words;
    if (rest > 0)
        large_multiply(n, 1u << rest);
}

/* value * 5^fives * 2^twos */
static struct large large_of(uint64_t value, int fives, int twos)
{
    struct large n = { .word = { (uint32_t)value, (uint32_t)(value >> 32) }, .count = 2 };

    large_trim(&n);
    for (; fives >= 13; fives -= 13)
        large_multiply(&n, 1220703125u);
    for (; fives > 0; fives--)
        large_multiply(&n, 5);
    large_shift(&n, twos);
    return n;
}

static int large_compare(const struct large *a, const struct large *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (int i = a->count - 1; i >= 0; i--)
        if (a->word[i] != b->word[i])
            return a->word[i] < b->word[i] ? -1 : 1;
    return 0;
}

static struct large large_sum(const struct large *a, const struct large *b)
{
    struct large n = { .count = a->count > b->count ? a->count : b->count };
    uint64_t     carry = 0;

    for (int i = 0; i < n.count; i++) {
        carry += (i < a->count ? a->word[i] : 0);
        carry += (i < b->count ? b->word[i] : 0);
        n.word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) {
        assert(n.count < LARGE_WORDS);
        n.word[n.count++] = (uint32_t)carry;
    }
    return n;
}

/* a -= b, of which a is the larger one */
static void large_subtract(struct large *a, const struct large *b)
{
    int64_t carry = 0;
    for (int i = 0; i < a->count; i++) {
        carry += (int64_t)a->word[i] - (i < b->count ? b->word[i] : 0);
        a->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    large_trim(a);
}

/* The quotient, which is one digit; *b becomes ten times the remainder. */
static int large_digit(struct large *b, const struct large *s)
{
    int q = 0;
    while (large_compare(b, s) >= 0) {
        large_subtract(b, s);
        q++;
    }
    large_multiply(b, 10);
    return q;
}

/* ---- digits -------------------------------------------------------------------------------- */

static const uint8_t bits_of_5[POWERS_OF_5] = { 0,  3,  5,  7,  10, 12, 14, 17, 19,
                                                21, 24, 26, 28, 31, 33, 35, 38, 40,
                                                42, 45, 47, 49, 52, 54, 56, 59, 61 };

static int count_bits_of_5(int power)
{
    return power < POWERS_OF_5 ? bits_of_5[power] : power * 3;
}

static uint64_t power_of_5(int power)
{
    uint64_t v = 1;
    while (power-- > 0)
        v *= 5;
    return v;
}

static void round_up(struct digits *d)
{
    int i = d->count - 1;

    while (d->text[i] == '9' && i > 0)
        d->text[i--] = '0';
    if (d->text[i] == '9') {
        d->point++;
        d->text[0] = '1';
        return;
    }
    d->text[i]++;
}

/* An integer below 2^63, whose last digits may mean nothing. */
static struct digits digits_of_integer(uint64_t value, int meaningless)
{
    struct digits d = { .count = 0 };
    char          text[24];

    if (meaningless > 0) {
        uint64_t ten = power_of_5(meaningless) << meaningless;
        uint64_t rest = value % ten;
        value = value / ten + (rest >= ten >> 1 ? 1 : 0);
    }
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    d.point = n + meaningless;
    while (n > 1 && text[n - 1] == '0')
        n--;
    memcpy(d.text, text, (size_t)n);
    d.count = n;
    return d;
}

/* Where the digits stop: the rest is below or above what the last place can tell. */
struct stop {
    bool low, high;
    int  nearer; /* sign of: rest above half of the last place */
};

static void finish(struct digits *d, const struct stop *stop)
{
    if (!stop->high)
        return;
    if (!stop->low || stop->nearer > 0 || (stop->nearer == 0 && (d->text[d->count - 1] & 1) != 0))
        round_up(d);
}

/* A first digit of zero only says that the exponent was guessed too high. A text with an exponent
   has always two digits. */
static void take_first(struct digits *d, int q, int *exponent, struct stop *stop)
{
    if (q == 0 && !stop->high)
        *exponent -= 1;
    else
        d->text[d->count++] = (char)('0' + q);
    if (*exponent < -3 || *exponent >= 8)
        stop->high = stop->low = false;
}

static struct digits digits_in_64_bits(uint64_t b, uint64_t s, uint64_t m, int exponent)
{
    struct digits d = { .count = 0 };
    struct stop   stop = { .low = false };
    uint64_t      tens = s * 10;

    int q = (int)(b / s);
    b = 10 * (b % s);
    m *= 10;
    stop.low = b < m;
    stop.high = (int64_t)(b + m) > (int64_t)tens;
    take_first(&d, q, &exponent, &stop);
    while (!stop.low && !stop.high && d.count < DIGITS_MAX) {
        q = (int)(b / s);
        b = 10 * (b % s);
        m *= 10;
        /* One that no longer fits is certainly larger than the rest; a sum that does not is
           negative to Java. */
        stop.low = (int64_t)m <= 0 || b < m;
        stop.high = (int64_t)m <= 0 || (int64_t)(b + m) > (int64_t)tens;
        d.text[d.count++] = (char)('0' + q);
    }
    stop.nearer = b << 1 > tens ? 1 : b << 1 < tens ? -1 : 0;
    d.point = exponent + 1;
    finish(&d, &stop);
    return d;
}

static struct digits digits_of_large(struct large *b, const struct large *s, struct large *m,
                                     const struct large *tens, int exponent)
{
    struct digits d = { .count = 0 };
    struct stop   stop = { .low = false };

    int          q = large_digit(b, s);
    struct large sum = large_sum(b, m);
    stop.low = large_compare(b, m) < 0;
    stop.high = large_compare(tens, &sum) <= 0;
    take_first(&d, q, &exponent, &stop);
    while (!stop.low && !stop.high && d.count < DIGITS_MAX) {
        q = large_digit(b, s);
        large_multiply(m, 10);
        sum = large_sum(b, m);
        stop.low = large_compare(b, m) < 0;
        stop.high = large_compare(tens, &sum) <= 0;
        d.text[d.count++] = (char)('0' + q);
    }
    large_shift(b, 1);
    stop.nearer = large_compare(b, tens);
    d.point = exponent + 1;
    finish(&d, &stop);
    return d;
}

/* The decimal exponent, or one more. */
static int guess_exponent(const struct binary *v)
{
    double mantissa = ldexp((double)v->mantissa, 1 - MANTISSA_BITS);
    return (int)floor((mantissa - 1.5) * 0.289529654 + 0.176091259 +
                      (double)v->exponent * 0.301029995663981);
}

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

/* How many digits of 2^power mean nothing where bits are missing below. */
static int meaningless_digits(int power)
{
    if (power <= 1 || power >= 64)
        return 0;
    return power == 63 ? 19 : power * 30103 / 100000;
}

static struct digits digits_of(const struct binary *v)
{
    int tail = __builtin_ctzll(v->mantissa);
    int bits = MANTISSA_BITS - tail; /* that are not zeros at the end */
    int tiny = max_int(0, bits - v->exponent - 1);

    if (v->exponent <= SMALL_EXPONENT_MAX && v->exponent >= SMALL_EXPONENT_MIN && tiny == 0) {
        int shift = v->exponent - (MANTISSA_BITS - 1);
        int unknown =
            v->exponent > v->known_bits ? meaningless_digits(v->exponent - v->known_bits - 1) : 0;
        return digits_of_integer(shift >= 0 ? v->mantissa << shift : v->mantissa >> -shift,
                                 unknown);
    }
    int exponent = guess_exponent(v);
    int b5 = max_int(0, -exponent), b2 = b5 + tiny + v->exponent;
    int s5 = max_int(0, exponent), s2 = s5 + tiny;
    int m5 = b5, m2 = b2 - v->known_bits;
    b2 -= bits - 1;
    int common = b2 < s2 ? b2 : s2;
    b2 -= common;
    s2 -= common;
    m2 -= common;
    if (bits == 1) /* below a power of two the next number is half as far */
        m2 -= 1;
    if (m2 < 0) {
        b2 -= m2;
        s2 -= m2;
        m2 = 0;
    }
    uint64_t mantissa = v->mantissa >> tail;
    if (bits + b2 + count_bits_of_5(b5) < 64 && s2 + 1 + count_bits_of_5(s5 + 1) < 64)
        return digits_in_64_bits((mantissa * power_of_5(b5)) << b2, power_of_5(s5) << s2,
                                 power_of_5(m5) << m2, exponent);
    struct large b = large_of(mantissa, b5, b2), s = large_of(1, s5, s2);
    struct large m = large_of(1, m5 + 1, m2 + 1), tens = large_of(1, s5 + 1, s2 + 1);
    return digits_of_large(&b, &s, &m, &tens, exponent);
}

/* ---- texts --------------------------------------------------------------------------------- */

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

/* True when all is written: zero, and what is no number (Jackson quotes it; no server stores it).
 */
static bool put_special(struct buf *out, double value)
{
    if (!isfinite(value)) {
        buf_put_text(out, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return true;
    }
    if (signbit(value))
        buf_put_u8(out, '-');
    if (value == 0)
        buf_put_text(out, "0.0");
    return value == 0;
}

/* Brings the leading one of a number below the normal range to its place. */
static struct binary unpack(uint64_t fraction, int exponent, int fraction_bits, int bias)
{
    struct binary v = { .exponent = exponent - bias, .known_bits = fraction_bits + 1 };

    if (exponent == 0) {
        int length = 64 - __builtin_clzll(fraction);
        v.exponent = 1 - (fraction_bits + 1 - length) - bias;
        v.known_bits = length;
        fraction <<= fraction_bits + 1 - length;
    } else {
        fraction |= 1ull << fraction_bits;
    }
    v.mantissa = fraction << (MANTISSA_BITS - 1 - fraction_bits);
    return v;
}

void number_put_double(struct buf *out, double value)
{
    uint64_t bits = 0;

    if (put_special(out, value))
        return;
    memcpy(&bits, &value, sizeof bits);
    struct binary v =
        unpack(bits & ((1ull << 52) - 1), (int)(bits >> 52 & 0x7ff), MANTISSA_BITS - 1, 1023);
    struct digits d = digits_of(&v);
    put_digits(out, &d);
}

void number_put_float(struct buf *out, float value)
{
    uint32_t bits = 0;

    if (put_special(out, (double)value))
        return;
    memcpy(&bits, &value, sizeof bits);
    struct binary v = unpack(bits & ((1u << 23) - 1), (int)(bits >> 23 & 0xff), 23, 127);
    struct digits d = digits_of(&v);
    put_digits(out, &d);
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
