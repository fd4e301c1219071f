#include "publisher/snapshot/row.h"
#include <stdlib.h>

enum { DECIMAL_ROOM_BYTES = 32, GROUP_DIGITS = 9, NUMBER_TEXT_BYTES = 400 };

struct column;
typedef bool take_text(const struct column *c, struct slice text, struct value *out);

struct column {
    take_text *take;
    uint8_t   *room; /* of a decimal */
    uint8_t    precision, scale;
    bool       is_unsigned, adjusts_years;
};

struct snapshot_row {
    struct shape  *shape;
    struct column *columns;
    uint8_t       *rooms;
};

/* ---- asked ------------------------------------------------------------------------------------
 */

void snapshot_put_name(struct buf *sql, const char *name)
{
    buf_put_u8(sql, '`');
    for (; *name != 0; name++) {
        if (*name == '`')
            buf_put_u8(sql, '`');
        buf_put_u8(sql, (uint8_t)*name);
    }
    buf_put_u8(sql, '`');
}

void snapshot_put_columns(const struct definition *d, struct buf *sql)
{
    for (uint32_t i = 0; i < d->column_count; i++) {
        const struct definition_column *c = &d->columns[i];
        bool                            is_number = c->type == FIELD_ENUM || c->type == FIELD_SET;
        buf_put_text(sql, i > 0 ? ", " : "");
        buf_put_text(sql, is_number ? "CAST(" : "");
        snapshot_put_name(sql, c->name);
        buf_put_text(sql, is_number ? " AS UNSIGNED)" : "");
    }
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* So many digits of a cursor, at least one; fails on anything else. */
static uint64_t take_digits(struct cursor *c, size_t most)
{
    uint64_t v = 0;
    size_t   n = 0;

    while (n < most && c->left > 0 && *c->at >= '0' && *c->at <= '9') {
        v = v * 10 + (uint64_t)(*c->at - '0');
        cursor_skip(c, 1);
        n++;
    }
    if (n == 0)
        c->failed = true;
    return v;
}

static bool take_sign(struct cursor *c)
{
    if (c->left == 0 || *c->at != '-')
        return false;
    cursor_skip(c, 1);
    return true;
}

static bool is_done(const struct cursor *c)
{
    return !c->failed && c->left == 0;
}

static bool integer(const struct column *col, struct slice text, struct value *out)
{
    enum { DIGITS_MAX = 300 }; /* ZEROFILL */
    struct cursor c = cursor_over(text);
    bool          negative = take_sign(&c);
    uint64_t      v = take_digits(&c, DIGITS_MAX);

    if (col->is_unsigned)
        *out = (struct value){ .kind = VALUE_UINT, .natural = v };
    else
        *out = (struct value){ .kind = VALUE_INT, .number = (int64_t)(negative ? 0 - v : v) };
    return is_done(&c);
}

static bool natural(struct slice text, enum value_kind kind, struct value *out)
{
    struct cursor c = cursor_over(text);

    *out = (struct value){ .kind = kind, .natural = take_digits(&c, 20) };
    return is_done(&c);
}

static bool enum_index(const struct column *col, struct slice text, struct value *out)
{
    (void)col;
    return natural(text, VALUE_ENUM, out);
}

static bool set_bits(const struct column *col, struct slice text, struct value *out)
{
    (void)col;
    return natural(text, VALUE_SET, out);
}

/* With a zero byte behind it, as the library wants it. */
static bool copy_number(struct slice text, char into[NUMBER_TEXT_BYTES])
{
    if (text.len == 0 || text.len >= NUMBER_TEXT_BYTES)
        return false;
    memcpy(into, text.ptr, text.len);
    into[text.len] = 0;
    return true;
}

static bool single(const struct column *col, struct slice text, struct value *out)
{
    char  number[NUMBER_TEXT_BYTES];
    char *end = NULL;

    (void)col;
    if (!copy_number(text, number))
        return false;
    *out = (struct value){ .kind = VALUE_FLOAT, .single = strtof(number, &end) };
    return *end == 0;
}

static bool real(const struct column *col, struct slice text, struct value *out)
{
    char  number[NUMBER_TEXT_BYTES];
    char *end = NULL;

    (void)col;
    if (!copy_number(text, number))
        return false;
    *out = (struct value){ .kind = VALUE_DOUBLE, .real = strtod(number, &end) };
    return *end == 0;
}

/* ---- decimals ------------------------------------------------------------------------------ */

static void put_group(uint8_t **at, const uint8_t *digits, unsigned count)
{
    static const uint8_t bytes_of[GROUP_DIGITS + 1] = { 0, 1, 1, 2, 2, 3, 3, 4, 4, 4 };
    uint32_t             v = 0;

    for (unsigned i = 0; i < count; i++)
        v = v * 10 + digits[i];
    for (unsigned i = bytes_of[count]; i > 0; i--)
        *(*at)++ = (uint8_t)(v >> (8 * (i - 1)));
}

/* All digits of the type, zeros where the text has none. */
static bool spread_digits(const struct column *col, struct cursor *c,
                          uint8_t digits[DECIMAL_DIGITS_MAX])
{
    unsigned whole = (unsigned)col->precision - col->scale, n = 0;

    memset(digits, 0, DECIMAL_DIGITS_MAX);
    while (c->left > 0 && *c->at == '0')
        cursor_skip(c, 1);
    while (n < c->left && c->at[n] >= '0' && c->at[n] <= '9')
        n++;
    if (n > whole)
        return false;
    for (unsigned i = 0; i < n; i++)
        digits[whole - n + i] = (uint8_t)(c->at[i] - '0');
    cursor_skip(c, n);
    if (c->left > 0 && *c->at == '.')
        cursor_skip(c, 1);
    for (unsigned i = 0; i < col->scale && c->left > 0; i++) {
        if (*c->at < '0' || *c->at > '9')
            return false;
        digits[whole + i] = (uint8_t)(*c->at - '0');
        cursor_skip(c, 1);
    }
    return is_done(c);
}

static bool decimal(const struct column *col, struct slice text, struct value *out)
{
    uint8_t       digits[DECIMAL_DIGITS_MAX];
    struct cursor c = cursor_over(text);
    bool          negative = take_sign(&c);
    unsigned      whole = (unsigned)col->precision - col->scale;
    uint8_t      *at = col->room;

    if (!spread_digits(col, &c, digits))
        return false;
    put_group(&at, digits, whole % GROUP_DIGITS);
    for (unsigned i = whole % GROUP_DIGITS; i < whole; i += GROUP_DIGITS)
        put_group(&at, digits + i, GROUP_DIGITS);
    for (unsigned i = 0; i < col->scale; i += GROUP_DIGITS)
        put_group(&at, digits + whole + i,
                  col->scale - i < GROUP_DIGITS ? col->scale - i : GROUP_DIGITS);
    col->room[0] ^= 0x80;
    for (uint8_t *p = col->room; negative && p < at; p++)
        *p = (uint8_t) ~*p;
    *out = (struct value){ .kind = VALUE_DECIMAL,
                           .decimal = { .raw = { col->room, (size_t)(at - col->room) },
                                        .precision = col->precision,
                                        .scale = col->scale } };
    return true;
}

/* ---- times --------------------------------------------------------------------------------- */

static void take_char(struct cursor *c, uint8_t wanted)
{
    if (cursor_u8(c) != wanted)
        c->failed = true;
}

static struct value_time take_date(struct cursor *c)
{
    struct value_time t = { .year = (uint16_t)take_digits(c, 4) };

    take_char(c, '-');
    t.month = (uint8_t)take_digits(c, 2);
    take_char(c, '-');
    t.day = (uint8_t)take_digits(c, 2);
    return t;
}

/* Microseconds behind a point, if there is one. */
static uint32_t take_fraction(struct cursor *c)
{
    uint32_t us = 0, unit = 100000;

    if (c->left == 0)
        return 0;
    take_char(c, '.');
    for (; c->left > 0 && unit > 0; unit /= 10)
        us += unit * (uint32_t)take_digits(c, 1);
    return us;
}

static void take_clock(struct cursor *c, struct value_time *t)
{
    t->hour = (uint8_t)take_digits(c, 2);
    take_char(c, ':');
    t->minute = (uint8_t)take_digits(c, 2);
    take_char(c, ':');
    t->second = (uint8_t)take_digits(c, 2);
    t->microsecond = take_fraction(c);
}

static bool date(const struct column *col, struct slice text, struct value *out)
{
    struct cursor c = cursor_over(text);

    (void)col;
    *out = (struct value){ .kind = VALUE_DATE, .time = take_date(&c) };
    return is_done(&c);
}

static bool datetime(const struct column *col, struct slice text, struct value *out)
{
    struct cursor c = cursor_over(text);

    (void)col;
    *out = (struct value){ .kind = VALUE_DATETIME, .time = take_date(&c) };
    take_char(&c, ' ');
    take_clock(&c, &out->time);
    return is_done(&c);
}

static bool time_span(const struct column *col, struct slice text, struct value *out)
{
    struct cursor c = cursor_over(text);
    bool          negative = take_sign(&c);
    int64_t       seconds = (int64_t)take_digits(&c, 3) * 3600;

    (void)col;
    take_char(&c, ':');
    seconds += (int64_t)take_digits(&c, 2) * 60;
    take_char(&c, ':');
    seconds += (int64_t)take_digits(&c, 2);
    int64_t us = seconds * 1000000 + take_fraction(&c);
    *out = (struct value){ .kind = VALUE_TIME, .number = negative ? -us : us };
    return is_done(&c);
}

/* Days since 1970 in the Gregorian calendar, counting years from March. */
static int64_t days_since_1970(const struct value_time *t)
{
    int64_t y = (int64_t)t->year - (t->month <= 2 ? 1 : 0);
    int64_t era = y / 400, year_of_era = y - era * 400;
    int64_t day_of_year = (153 * ((t->month + 9) % 12) + 2) / 5 + t->day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

/* The session's time zone is UTC. */
static bool timestamp(const struct column *col, struct slice text, struct value *out)
{
    struct value given;

    if (!datetime(col, text, &given))
        return false;
    const struct value_time *t = &given.time;
    int64_t                  seconds = 0;
    if (t->year != 0)
        seconds = days_since_1970(t) * 86400 + t->hour * 3600ll + t->minute * 60ll + t->second;
    *out = (struct value){ .kind = VALUE_TIMESTAMP,
                           .timestamp = { .seconds = (uint32_t)seconds,
                                          .microsecond = t->microsecond,
                                          .is_shown = true } };
    return seconds >= 0 && seconds <= UINT32_MAX;
}

/* Year 0 is one of two digits to Debezium, which the stream's is not. */
static bool year(const struct column *col, struct slice text, struct value *out)
{
    struct cursor c = cursor_over(text);
    int64_t       y = (int64_t)take_digits(&c, 4);

    if (y < 100 && col->adjusts_years)
        y += y < 70 ? 2000 : 1900;
    *out = (struct value){ .kind = VALUE_YEAR, .number = y };
    return is_done(&c);
}

/* ---- texts and bytes ----------------------------------------------------------------------- */

static bool bytes(const struct column *col, struct slice text, struct value *out)
{
    (void)col;
    *out = (struct value){ .kind = VALUE_BYTES, .bytes = text };
    return true;
}

static bool shown(const struct column *col, struct slice text, struct value *out)
{
    (void)col;
    *out = (struct value){ .kind = VALUE_TEXT, .bytes = text };
    return true;
}

static bool bits(const struct column *col, struct slice text, struct value *out)
{
    (void)col;
    *out = (struct value){ .kind = VALUE_BIT, .bytes = text };
    return true;
}

/* ---- made ---------------------------------------------------------------------------------- */

static take_text *text_taker(const struct definition_column *c)
{
    bool is_shown = c->form == FORM_UUID || c->form == FORM_INET4 || c->form == FORM_INET6;
    return is_shown || c->type == FIELD_JSON ? shown : bytes;
}

static take_text *taker_of(const struct definition_column *c)
{
    switch (c->type) {
    case FIELD_TINY:
    case FIELD_SHORT:
    case FIELD_INT24:
    case FIELD_LONG:
    case FIELD_LONGLONG:
        return integer;
    case FIELD_FLOAT:
        return single;
    case FIELD_DOUBLE:
        return real;
    case FIELD_NEWDECIMAL:
        return decimal;
    case FIELD_DATE:
    case FIELD_NEWDATE:
        return date;
    case FIELD_DATETIME:
    case FIELD_DATETIME2:
        return datetime;
    case FIELD_TIME:
    case FIELD_TIME2:
        return time_span;
    case FIELD_TIMESTAMP:
    case FIELD_TIMESTAMP2:
        return timestamp;
    case FIELD_YEAR:
        return year;
    case FIELD_BIT:
        return bits;
    case FIELD_ENUM:
        return enum_index;
    case FIELD_SET:
        return set_bits;
    default:
        return text_taker(c);
    }
}

static int prepare(struct snapshot_row *r, bool adjust_years, struct err *e)
{
    const struct definition *d = r->shape->definition;

    r->columns = calloc(d->column_count + 1, sizeof *r->columns);
    r->rooms = calloc(d->column_count + 1, DECIMAL_ROOM_BYTES);
    if (r->columns == NULL || r->rooms == NULL)
        return err_set(e, E_NOMEM, "no memory to read a table");
    for (uint32_t i = 0; i < d->column_count; i++) {
        const struct table_map_column *told = &r->shape->map->columns[i];
        r->columns[i] = (struct column){ .take = taker_of(&d->columns[i]),
                                         .room = r->rooms + (size_t)i * DECIMAL_ROOM_BYTES,
                                         .precision = (uint8_t)(told->meta >> 8),
                                         .scale = (uint8_t)(told->meta & 0xff),
                                         .is_unsigned = d->columns[i].is_unsigned,
                                         .adjusts_years = adjust_years };
        const struct column *c = &r->columns[i];
        if (c->take == decimal &&
            (c->precision == 0 || c->precision > DECIMAL_DIGITS_MAX || c->scale > c->precision))
            return err_set(e, E_PROTOCOL, "column %s is a DECIMAL(%u,%u)", d->columns[i].name,
                           c->precision, c->scale);
    }
    return 0;
}

int snapshot_row_new(struct shape *s, bool adjust_years, struct snapshot_row **out, struct err *e)
{
    struct snapshot_row *r = calloc(1, sizeof *r);

    if (r == NULL)
        return err_set(e, E_NOMEM, "no memory to read a table");
    r->shape = s;
    if (prepare(r, adjust_years, e) != 0) {
        snapshot_row_free(r);
        return -1;
    }
    *out = r;
    return 0;
}

void snapshot_row_free(struct snapshot_row *r)
{
    if (r == NULL)
        return;
    free(r->columns);
    free(r->rooms);
    free(r);
}

int snapshot_row_take(struct snapshot_row *r, const struct slice *texts, struct err *e)
{
    const struct definition *d = r->shape->definition;

    for (uint32_t i = 0; i < d->column_count; i++) {
        const struct column *c = &r->columns[i];
        struct value        *v = &r->shape->before[i];
        if (texts[i].ptr == NULL)
            *v = (struct value){ .kind = VALUE_NULL };
        else if (!c->take(c, texts[i], v))
            return err_set(e, E_PROTOCOL, "column %s of %s has the text '%.*s'", d->columns[i].name,
                           r->shape->collection, texts[i].len < 60 ? (int)texts[i].len : 60,
                           (const char *)texts[i].ptr);
    }
    return 0;
}
