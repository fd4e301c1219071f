/*
 * One column as Debezium writes it: what to do with a value is decided once a table, so that a row
 * is written without looking at types again.
 *
 * Owned by a table's shape; one thread at a time (charset converters have state).
 * Modes are Debezium's defaults: decimals precise (base64 of the unscaled integer), times adaptive
 * (TIME and DATETIME(4..6) in microseconds, DATETIME(0..3) in milliseconds, DATE in days), binaries
 * bytes (base64), BIGINT UNSIGNED long (wraps above 2^63-1).
 * Zero dates (a year, month or day of 0) and dates that the calendar does not have become null, in
 * a column that is not nullable the epoch; TIMESTAMP 0 is the epoch. A column that is not in the
 * row image is written as null. Source: Debezium documentation, "Data type mappings", and recorded
 * output of the connectors.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/value.h"
#include "publisher/definition.h"

struct field;
typedef int field_write(const struct field *f, const struct value *v, struct buf *out,
                        struct err *e);

struct field {
    struct slice              name; /* as JSON with its colon, e.g. `"id":` */
    field_write              *write;
    bool                      nullable;
    bool                      zero_is_null; /* TIMESTAMP 0 */
    uint8_t                   digits;       /* of a second's fraction */
    uint32_t                  fixed_bytes;  /* BINARY(n): padded to n */
    struct buf               *text;         /* room for a JSON document's text */
    struct charset_converter *converter;    /* NULL: the bytes are UTF-8 */
    struct slice             *members;      /* as JSON without quotes */
    uint32_t                  member_count;
    uint8_t                  *own; /* what name and members point into */
};

/* E_CONFIG, naming column and type, for one that can't be written (yet). */
MUST_CHECK int field_init(struct field *f, enum format_family family,
                          const struct definition_column *column,
                          const struct table_map_column *told, struct err *e);
void           field_done(struct field *f);

/* The JSON value; failure of `out` is checked by its owner. */
static inline int field_put(const struct field *f, const struct value *v, struct buf *out,
                            struct err *e)
{
    if (v->kind == VALUE_NULL || v->kind == VALUE_ABSENT) {
        buf_put(out, (struct slice){ (const uint8_t *)"null", 4 });
        return 0;
    }
    return f->write(f, v, out, e);
}
