/*
 * One column as Debezium writes it: its schema, and what to do with a value; both are decided once
 * a table, so that a row is written without looking at types again.
 *
 * Owned by a table's shape; one thread at a time (charset converters have state, and all fields of
 * a converter share one room for texts, so that a cell is to be written before the next is made).
 *
 * Zero dates (a year, month or day of 0) and dates that the calendar does not have become null, in
 * a column that is not nullable its default, or the epoch; so do values that a mode can't express
 * (TIME below zero or beyond a day under connect and isostring, DATETIME outside of 1677 to 2262
 * under nanoseconds), unless event.converting.failure.handling.mode is fail. Debezium makes no
 * event of a row with such a value in a column that is not nullable and has no default; neither is
 * one made here with strict.compatibility. Source: Debezium documentation, "Data type mappings",
 * and recorded output of the connectors.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/value.h"
#include "publisher/fields/cell.h"
#include "publisher/tables/definition.h"
#include "publisher/options.h"
#include "publisher/rules.h"
#include "publisher/schema.h"

struct field;
typedef int field_convert(const struct field *f, const struct value *v, struct cell *out,
                          struct err *e);

struct field {
    field_convert            *convert;
    struct schema            *schema;
    bool                      nullable;
    bool                      zero_is_null;    /* TIMESTAMP 0 */
    bool                      adjusts_years;   /* of two digits */
    bool                      wraps;           /* DATETIME in nanoseconds, as Debezium 3.5's */
    bool                      failure_is_null; /* else it stops the publisher */
    uint8_t                   digits;          /* of a second's fraction */
    uint8_t                   scale;
    uint32_t                  fixed_bytes; /* BINARY(n): padded to n */
    enum option_binaries      binaries;
    struct buf               *room;      /* where texts are made; the converter's */
    struct charset_converter *converter; /* NULL: the bytes are UTF-8 */
    char *const              *members;
    uint32_t                  member_count;
    const struct rule        *rule;
    field_convert            *unpacked_convert; /* of a compressed column, once it is unpacked */
    struct buf               *unpacked;         /* its own room for that */
    int32_t                   length;           /* declared; -1: not told */
    bool                      is_text;
    bool                      needs_value; /* strictly: Debezium has no event with null here */
};

/* What all fields of a converter have in common; outlives them. */
struct field_context {
    const struct options *options;
    const struct rules   *rules;
    struct buf           *room;
};

/* Of a key: no rule changes it. The column outlives the field. E_CONFIG, naming column and type,
 * for one that can't be written.
 */
MUST_CHECK int field_init(struct field *f, const struct field_context *ctx,
                          enum format_family family, bool is_key, const struct definition *d,
                          const struct definition_column *column,
                          const struct table_map_column *told, struct err *e);
void           field_done(struct field *f);

MUST_CHECK int field_has_no_value(struct err *e);

/* The cell lives until the next one is made in the same room. */
static inline int field_cell(const struct field *f, const struct value *v, struct cell *out,
                             struct err *e)
{
    if (v->kind == VALUE_NULL || v->kind == VALUE_ABSENT)
        *out = cell_null();
    else
        TRY(f->convert(f, v, out, e));
    if (f->needs_value && out->kind == CELL_NULL)
        return field_has_no_value(e);
    return f->rule == NULL ? 0
                           : rule_apply(f->rule, f->schema, f->is_text, f->length, f->room, out, e);
}

/* The document of `base`, the row's other image, with the changes that `v` tells; null where the
   other image has no document. */
MUST_CHECK int field_patch(const struct field *f, const struct value *base, const struct value *v,
                           struct cell *out, struct err *e);

/* ---- between the files of field*.c --------------------------------------------------------- */

/* How a column of times or texts is converted, with its schema; NULL in *convert: not one. */
struct schema *field_time_schema(struct field *f, enum option_times times,
                                 const struct definition_column *column,
                                 const struct table_map_column *told, struct err *e);
struct schema *field_number_schema(struct field *f, const struct options *o,
                                   const struct definition_column *column,
                                   const struct table_map_column *told, struct err *e);
struct schema *field_text_schema(struct field *f, const struct options *o,
                                 const struct definition_column *column,
                                 const struct table_map_column *told, struct err *e);
struct schema *field_place_schema(struct field *f, const struct definition_column *column,
                                  struct err *e);
/* The declared default as the schema's; a text that can't be read is none. */
MUST_CHECK int field_set_default(struct field *f, const struct options *o,
                                 const struct definition_column *column,
                                 const struct table_map_column *told, struct err *e);
/* A value that the mode can't express. */
MUST_CHECK int field_failed(const struct field *f, const char *why, struct cell *out,
                            struct err *e);
