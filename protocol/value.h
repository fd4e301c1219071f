/*
 * One column's value inside a row image, as a number, a text or a time.
 *
 * Plain data; texts and raw bytes are borrowed from the event. Any thread.
 * Temporal values are kept as the fields that the server stored (a zero date is a date of zeros);
 * what a calendar says about them is the caller's business.
 * Source: MySQL libbinlogevents (rows events), my_time.cc (packed temporal types), decimal.cc
 * (decimal2bin); MariaDB's formats are the same.
 */
#pragma once
#include "protocol/base/bytes.h"
#include "protocol/base/err.h"
#include "protocol/table_map.h"

enum value_kind {
    VALUE_ABSENT, /* not in this row image (binlog_row_image other than FULL) */
    VALUE_NULL,
    VALUE_INT,  /* number */
    VALUE_UINT, /* natural */
    VALUE_FLOAT,
    VALUE_DOUBLE,
    VALUE_DECIMAL, /* decimal */
    VALUE_BYTES,   /* bytes: texts, binaries, JSON, geometry */
    VALUE_BIT,     /* bytes, big-endian, as long as the type demands */
    VALUE_ENUM,    /* natural: index from 1; 0 is the empty error value */
    VALUE_SET,     /* natural: one bit a member */
    VALUE_DATE,    /* time */
    VALUE_DATETIME,
    VALUE_TIME,      /* number: microseconds, signed */
    VALUE_TIMESTAMP, /* timestamp */
    VALUE_YEAR,      /* number: 1900 to 2155 */
    VALUE_TEXT,      /* bytes: in UTF-8, as the server shows a type that it stores otherwise */
    VALUE_JSON_DIFF, /* bytes: what changed in the JSON document of the row's other image */
};

struct value_time {
    uint16_t year;
    uint8_t  month, day, hour, minute, second;
    uint32_t microsecond;
};

struct value_timestamp {
    uint32_t seconds; /* since 1970, UTC */
    uint32_t microsecond;
    bool     is_shown; /* read as a text: zeros at the fraction's end say nothing */
};

/* Groups of nine digits in four bytes, big-endian, the first bit inverted, negatives complemented.
 */
struct value_decimal {
    struct slice raw;
    uint8_t      precision, scale;
};

struct value {
    enum value_kind kind;
    union {
        int64_t                number;
        uint64_t               natural;
        float                  single;
        double                 real;
        struct slice           bytes;
        struct value_decimal   decimal;
        struct value_time      time;
        struct value_timestamp timestamp;
    };
};

/* Takes one value that is not NULL. E_PROTOCOL when it is cut off, or of a type that can't be
   decoded (the text says which). */
MUST_CHECK int value_decode(const struct table_map_column *col, struct cursor *c, struct value *out,
                            struct err *e);

/* The digits without their point as one integer: big-endian, two's complement, as short as it gets
   (what Java's BigInteger.toByteArray() gives). E_PROTOCOL when a group of digits is none. */
enum { DECIMAL_INTEGER_BYTES = 28 };
MUST_CHECK int value_decimal_integer(const struct value_decimal *d,
                                     uint8_t into[DECIMAL_INTEGER_BYTES], size_t *length,
                                     struct err *e);

/* The digits alone, `precision` of them and a zero byte. */
enum { DECIMAL_DIGITS_MAX = 65 };
MUST_CHECK int value_decimal_digits(const struct value_decimal *d,
                                    char into[DECIMAL_DIGITS_MAX + 1], bool *negative,
                                    struct err *e);
