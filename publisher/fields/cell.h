/*
 * One value on its way from a row into a change event: what it is to Kafka Connect, whatever it was
 * in the binlog and whatever will be written.
 *
 * Plain data; texts, bytes and items are borrowed from the row, or from the room of whoever made
 * the cell, and valid until that makes the next one.
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/bytes.h"

enum cell_kind {
    CELL_NULL,
    CELL_BOOLEAN,
    CELL_INTEGER, /* int16, int32, int64 */
    CELL_FLOAT,
    CELL_DOUBLE,
    CELL_TEXT,    /* in UTF-8; broken bytes are the encoding's to replace */
    CELL_BYTES,   /* also Decimal's integer */
    CELL_LIST,    /* members of a struct in its order, or items of an array */
    CELL_ENCODED, /* made by the same encoding before */
    CELL_JSON,    /* JSON text of our own, of what the schema says */
};

struct cell {
    enum cell_kind kind;
    union {
        bool         truth;
        int64_t      integer;
        float        single;
        double       real;
        struct slice bytes;
        struct {
            const struct cell *items;
            uint32_t           count;
        } list;
    };
};

static inline struct cell cell_null(void)
{
    return (struct cell){ .kind = CELL_NULL };
}

static inline struct cell cell_integer(int64_t v)
{
    return (struct cell){ .kind = CELL_INTEGER, .integer = v };
}

static inline struct cell cell_text(struct slice text)
{
    return (struct cell){ .kind = CELL_TEXT, .bytes = text };
}

/* NULL: the null. */
static inline struct cell cell_string(const char *text)
{
    return text != NULL ? cell_text(slice_of_text(text)) : cell_null();
}

static inline struct cell cell_bytes(struct slice bytes)
{
    return (struct cell){ .kind = CELL_BYTES, .bytes = bytes };
}

static inline struct cell cell_boolean(bool v)
{
    return (struct cell){ .kind = CELL_BOOLEAN, .truth = v };
}

static inline struct cell cell_double(double v)
{
    return (struct cell){ .kind = CELL_DOUBLE, .real = v };
}

static inline struct cell cell_list(const struct cell *items, uint32_t count)
{
    return (struct cell){ .kind = CELL_LIST, .list = { items, count } };
}
