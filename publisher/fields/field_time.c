/* DATE, TIME, DATETIME, TIMESTAMP and YEAR in all modes of time.precision.mode. */
#include "publisher/fields/field.h"

#define DAY_US   86400000000ll
#define NANO_MAX (INT64_MAX / 1000)

/* ---- the calendar -------------------------------------------------------------------------- */

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

static int64_t microseconds_since_epoch(const struct value_time *t)
{
    int64_t hours = days_since_epoch(t->year, t->month, t->day) * 24 + t->hour;
    return ((hours * 60 + t->minute) * 60 + t->second) * 1000000 + t->microsecond;
}

static struct value_time date_of_seconds(uint32_t seconds)
{
    int64_t days = seconds / 86400 + 719468;
    int64_t era = days / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9;

    return (struct value_time){
        .year = (uint16_t)(yoe + era * 400 + (month <= 2 ? 1 : 0)),
        .month = (uint8_t)month,
        .day = (uint8_t)(doy - (153 * mp + 2) / 5 + 1),
        .hour = (uint8_t)(seconds % 86400 / 3600),
        .minute = (uint8_t)(seconds % 3600 / 60),
        .second = (uint8_t)(seconds % 60),
    };
}

static int64_t floor_divide(int64_t v, int64_t by)
{
    return v / by - (v % by < 0 ? 1 : 0);
}

/* ---- texts --------------------------------------------------------------------------------- */

static void put_padded(struct buf *out, uint32_t v, size_t digits)
{
    uint8_t *p = buf_extend(out, digits);
    for (size_t i = digits; p != NULL && i > 0; v /= 10)
        p[--i] = (uint8_t)('0' + v % 10);
}

static void put_date(struct buf *out, const struct value_time *t)
{
    put_padded(out, t->year, 4);
    buf_put_u8(out, '-');
    put_padded(out, t->month, 2);
    buf_put_u8(out, '-');
    put_padded(out, t->day, 2);
}

static void put_clock(struct buf *out, uint32_t seconds)
{
    put_padded(out, seconds / 3600 % 24, 2);
    buf_put_u8(out, ':');
    put_padded(out, seconds % 3600 / 60, 2);
    buf_put_u8(out, ':');
    put_padded(out, seconds % 60, 2);
}

/* As many digits as are not zeros at the end. */
static void put_fraction(struct buf *out, uint32_t microsecond)
{
    size_t digits = 6;

    if (microsecond == 0)
        return;
    for (; microsecond % 10 == 0; microsecond /= 10)
        digits--;
    buf_put_u8(out, '.');
    put_padded(out, microsecond, digits);
}

static struct cell text_in(const struct buf *room)
{
    return cell_text(buf_slice(room));
}

/* ---- DATE ---------------------------------------------------------------------------------- */

/* enable.time.adjuster: a year of two digits is one of 1970 to 2069, in a row, too. */
static struct value_time adjusted(const struct field *f, const struct value_time *given)
{
    struct value_time t = *given;

    if (f->adjusts_years && t.year > 0 && t.year < 100)
        t.year = (uint16_t)(t.year + (t.year < 70 ? 2000 : 1900));
    return t;
}

/* What a column without its value has. */
static struct cell zero_date(const struct field *f, struct cell epoch)
{
    if (f->nullable)
        return cell_null();
    return f->schema != NULL && f->schema->has_fallback ? f->schema->fallback : epoch;
}

static int date_days(const struct field *f, const struct value *v, struct cell *out, struct err *e)
{
    struct value_time t = adjusted(f, &v->time);

    (void)e;
    *out = is_calendar_date(&t) ? cell_integer(days_since_epoch(t.year, t.month, t.day))
                                : zero_date(f, cell_integer(0));
    return 0;
}

static int date_text(const struct field *f, const struct value *v, struct cell *out, struct err *e)
{
    struct value_time t = adjusted(f, &v->time);

    (void)e;
    if (!is_calendar_date(&t)) {
        *out = zero_date(f, cell_string("1970-01-01Z"));
        return 0;
    }
    buf_clear(f->room);
    put_date(f->room, &t);
    buf_put_u8(f->room, 'Z');
    *out = text_in(f->room);
    return 0;
}

/* ---- DATETIME ------------------------------------------------------------------------------ */

static int datetime_milliseconds(const struct field *f, const struct value *v, struct cell *out,
                                 struct err *e)
{
    struct value_time t = adjusted(f, &v->time);

    (void)e;
    *out = is_calendar_date(&t) ? cell_integer(floor_divide(microseconds_since_epoch(&t), 1000))
                                : zero_date(f, cell_integer(0));
    return 0;
}

static int datetime_microseconds(const struct field *f, const struct value *v, struct cell *out,
                                 struct err *e)
{
    struct value_time t = adjusted(f, &v->time);

    (void)e;
    *out = is_calendar_date(&t) ? cell_integer(microseconds_since_epoch(&t))
                                : zero_date(f, cell_integer(0));
    return 0;
}

static int datetime_nanoseconds(const struct field *f, const struct value *v, struct cell *out,
                                struct err *e)
{
    struct value_time t = adjusted(f, &v->time);

    if (!is_calendar_date(&t)) {
        *out = zero_date(f, cell_integer(0));
        return 0;
    }
    int64_t us = microseconds_since_epoch(&t);
    if (f->wraps) {
        *out = cell_integer((int64_t)((uint64_t)us * 1000));
        return 0;
    }
    if (us > NANO_MAX || us < -NANO_MAX)
        return field_failed(f, "a DATETIME outside of 1677 to 2262", out, e);
    *out = cell_integer(us * 1000);
    return 0;
}

static int datetime_text(const struct field *f, const struct value *v, struct cell *out,
                         struct err *e)
{
    struct value_time t = adjusted(f, &v->time);

    (void)e;
    if (!is_calendar_date(&t)) {
        *out = zero_date(f, cell_string("1970-01-01T00:00:00Z"));
        return 0;
    }
    buf_clear(f->room);
    put_date(f->room, &t);
    buf_put_u8(f->room, 'T');
    put_clock(f->room, (t.hour * 60u + t.minute) * 60 + t.second);
    put_fraction(f->room, t.microsecond);
    buf_put_u8(f->room, 'Z');
    *out = text_in(f->room);
    return 0;
}

/* ---- TIME ---------------------------------------------------------------------------------- */

static bool is_time_of_day(int64_t us)
{
    return us >= 0 && us <= DAY_US;
}

static int time_microseconds(const struct field *f, const struct value *v, struct cell *out,
                             struct err *e)
{
    (void)f;
    (void)e;
    *out = cell_integer(v->number);
    return 0;
}

static int time_nanoseconds(const struct field *f, const struct value *v, struct cell *out,
                            struct err *e)
{
    (void)f;
    (void)e;
    *out = cell_integer(v->number * 1000);
    return 0;
}

static int time_milliseconds(const struct field *f, const struct value *v, struct cell *out,
                             struct err *e)
{
    (void)f;
    (void)e;
    *out = cell_integer(floor_divide(v->number, 1000));
    return 0;
}

static int time_of_day(const struct field *f, const struct value *v, struct cell *out,
                       struct err *e)
{
    if (!is_time_of_day(v->number))
        return field_failed(f, "a TIME below zero or beyond a day", out, e);
    *out = cell_integer(v->number / 1000);
    return 0;
}

static int time_text(const struct field *f, const struct value *v, struct cell *out, struct err *e)
{
    if (!is_time_of_day(v->number)) {
        TRY(field_failed(f, "a TIME below zero or beyond a day", out, e));
        if (out->kind == CELL_NULL && !f->nullable && !f->needs_value)
            *out = cell_string("00:00:00Z");
        return 0;
    }
    buf_clear(f->room);
    put_clock(f->room, (uint32_t)(v->number / 1000000));
    put_fraction(f->room, (uint32_t)(v->number % 1000000));
    buf_put_u8(f->room, 'Z');
    *out = text_in(f->room);
    return 0;
}

/* ---- TIMESTAMP and YEAR -------------------------------------------------------------------- */

static int timestamp_text(const struct field *f, const struct value *v, struct cell *out,
                          struct err *e)
{
    static const uint32_t unit[7] = { 1000000, 100000, 10000, 1000, 100, 10, 1 };
    uint32_t              seconds = v->timestamp.seconds;

    (void)e;
    if (seconds == 0 && v->timestamp.microsecond == 0 && f->zero_is_null) {
        *out = zero_date(f, cell_string("1970-01-01T00:00:00Z"));
        return 0;
    }
    struct value_time t = date_of_seconds(seconds);
    buf_clear(f->room);
    put_date(f->room, &t);
    buf_put_u8(f->room, 'T');
    put_clock(f->room, seconds % 86400);
    if (v->timestamp.is_shown) {
        put_fraction(f->room, v->timestamp.microsecond);
    } else if (f->digits > 0) {
        buf_put_u8(f->room, '.');
        put_padded(f->room, v->timestamp.microsecond / unit[f->digits], f->digits);
    }
    buf_put_u8(f->room, 'Z');
    *out = text_in(f->room);
    return 0;
}

static int year_number(const struct field *f, const struct value *v, struct cell *out,
                       struct err *e)
{
    (void)f;
    (void)e;
    *out = cell_integer(v->number);
    return 0;
}

/* ---- choosing ------------------------------------------------------------------------------ */

struct choice {
    field_convert   *convert;
    enum schema_type type;
    const char      *name;
};

#define DEBEZIUM "io.debezium.time."
#define CONNECT  "org.apache.kafka.connect.data."

static struct choice choose_date(enum option_times times)
{
    if (times == TIMES_CONNECT)
        return (struct choice){ date_days, SCHEMA_INT32, CONNECT "Date" };
    if (times == TIMES_ISOSTRING)
        return (struct choice){ date_text, SCHEMA_STRING, DEBEZIUM "IsoDate" };
    return (struct choice){ date_days, SCHEMA_INT32, DEBEZIUM "Date" };
}

static struct choice choose_time(enum option_times times, uint8_t digits)
{
    switch (times) {
    case TIMES_CONNECT:
        return (struct choice){ time_of_day, SCHEMA_INT32, CONNECT "Time" };
    case TIMES_ISOSTRING:
        return (struct choice){ time_text, SCHEMA_STRING, DEBEZIUM "IsoTime" };
    case TIMES_NANOSECONDS:
        return (struct choice){ time_nanoseconds, SCHEMA_INT64, DEBEZIUM "NanoTime" };
    case TIMES_ADAPTIVE:
        if (digits <= 3)
            return (struct choice){ time_milliseconds, SCHEMA_INT32, DEBEZIUM "Time" };
        break;
    default:
        break;
    }
    return (struct choice){ time_microseconds, SCHEMA_INT64, DEBEZIUM "MicroTime" };
}

static struct choice choose_datetime(enum option_times times, uint8_t digits)
{
    switch (times) {
    case TIMES_CONNECT:
        return (struct choice){ datetime_milliseconds, SCHEMA_INT64, CONNECT "Timestamp" };
    case TIMES_ISOSTRING:
        return (struct choice){ datetime_text, SCHEMA_STRING, DEBEZIUM "IsoTimestamp" };
    case TIMES_NANOSECONDS:
        return (struct choice){ datetime_nanoseconds, SCHEMA_INT64, DEBEZIUM "NanoTimestamp" };
    case TIMES_MICROSECONDS:
        return (struct choice){ datetime_microseconds, SCHEMA_INT64, DEBEZIUM "MicroTimestamp" };
    default:
        break;
    }
    if (digits <= 3)
        return (struct choice){ datetime_milliseconds, SCHEMA_INT64, DEBEZIUM "Timestamp" };
    return (struct choice){ datetime_microseconds, SCHEMA_INT64, DEBEZIUM "MicroTimestamp" };
}

static struct choice choose(struct field *f, enum option_times times,
                            const struct table_map_column *told)
{
    switch (told->type) {
    case FIELD_DATE:
    case FIELD_NEWDATE:
        return choose_date(times);
    case FIELD_TIME:
    case FIELD_TIME2:
        f->digits = told->type == FIELD_TIME2 ? (uint8_t)told->meta : 0;
        return choose_time(times, f->digits);
    case FIELD_DATETIME:
    case FIELD_DATETIME2:
        f->digits = told->type == FIELD_DATETIME2 ? (uint8_t)told->meta : 0;
        return choose_datetime(times, f->digits);
    case FIELD_TIMESTAMP:
    case FIELD_TIMESTAMP2:
        f->digits = told->type == FIELD_TIMESTAMP2 ? (uint8_t)told->meta : 0;
        return (struct choice){ timestamp_text, SCHEMA_STRING, DEBEZIUM "ZonedTimestamp" };
    case FIELD_YEAR:
        return (struct choice){ year_number, SCHEMA_INT32, DEBEZIUM "Year" };
    default:
        return (struct choice){ .convert = NULL };
    }
}

struct schema *field_time_schema(struct field *f, enum option_times times,
                                 const struct definition_column *column,
                                 const struct table_map_column *told, struct err *e)
{
    struct choice c = choose(f, times, told);

    (void)column;
    f->convert = c.convert;
    return c.convert != NULL ? schema_new(c.type, f->nullable, c.name, 1, e) : NULL;
}
