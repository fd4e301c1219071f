/*
 * A table made ready for writing rows: what is the same for every row (names, schemas, converters
 * of the columns) is prepared once, so that a row costs no allocation and no look at types.
 *
 * Owned by a table cache; one thread at a time.
 */
#pragma once
#include "publisher/tables/definition.h"
#include "publisher/encode/encoding.h"
#include "publisher/fields/field.h"
#include "publisher/filter.h"

/* Members of an envelope. */
enum {
    ENVELOPE_BEFORE,
    ENVELOPE_AFTER,
    ENVELOPE_SOURCE,
    ENVELOPE_TRANSACTION,
    ENVELOPE_OP,
    ENVELOPE_TS_MS,
    ENVELOPE_TS_US,
    ENVELOPE_TS_NS,
};

/* What all tables of a converter have in common; outlives them. */
struct shape_context {
    struct field_context   fields;
    const struct encoding *encoding, *key_encoding;
    const struct filter   *filter;
    struct schema         *source[2]; /* by enum format_family */
    struct schema         *transaction;
};

struct shape {
    struct table_map  *map;
    struct definition *definition;
    struct field      *fields;     /* of the published columns */
    struct field      *key_fields; /* of those in the key */
    uint16_t          *published;  /* indexes of the columns in the value */
    uint32_t           published_count;
    uint16_t          *key; /* of those in the key */
    uint32_t           key_count;
    struct slice       topic;
    const char        *collection;         /* DATABASE.TABLE */
    struct schema     *value, *key_schema; /* NULL: no key */
    struct schema     *envelope;
    struct value      *before, *after; /* room for the images of one row */
    struct buf         texts;          /* what topic and collection point into */
    uint64_t           txn_serial;     /* the counter of the open transaction, emit.c */
    uint32_t           txn_index;
};

/* Takes map and definition over on success. The definition must fit the map. */
MUST_CHECK int shape_new(struct table_map *map, struct definition *definition,
                         enum format_family family, const struct shape_context *ctx,
                         struct shape **out, struct err *e);
/* Of a table that no TABLE_MAP told of: good for what has no rows. Copies the definition. */
MUST_CHECK int shape_of_definition(const struct definition *d, enum format_family family,
                                   const struct shape_context *ctx, struct shape **out,
                                   struct err *e);
void           shape_free(struct shape *s); /* accepts NULL */

/* The row's struct; failure of `out` is checked by its owner. A column that the image lacks is
   taken from `other`, the other image of the row (NULL: there is none). One that neither has is the
   column's default in an inserted row, else null. */
MUST_CHECK int shape_put_row(const struct shape *s, const struct encoding *n,
                             const struct value *values, const struct value *other, bool is_insert,
                             struct buf *out, struct err *e);
/* The whole key, with its schema where the encoding writes one; nothing for a table without one. */
MUST_CHECK int shape_put_key(const struct shape *s, const struct encoding *n,
                             const struct value *values, const struct value *other, struct buf *out,
                             struct err *e);
