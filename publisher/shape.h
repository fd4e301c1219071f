/*
 * A table made ready for writing rows: what is the same for every row (names, quoted texts, writers
 * of the columns) is prepared once, so that a row costs no allocation and no look at types.
 *
 * Owned by a table cache; one thread at a time.
 */
#pragma once
#include "publisher/definition.h"
#include "publisher/field.h"

struct shape {
    struct table_map  *map;
    struct definition *definition;
    struct field      *fields;
    struct slice       topic;
    struct slice       database_json, table_json; /* quoted */
    struct value      *before, *after;            /* room for the images of one row */
    struct buf         texts;                     /* what the slices point into */
};

/* Takes map and definition over on success. The definition must fit the map. */
MUST_CHECK int shape_new(struct table_map *map, struct definition *definition,
                         enum format_family family, const char *topic_prefix, struct shape **out,
                         struct err *e);
void           shape_free(struct shape *s); /* accepts NULL */

/* {"id":1,...}; failure of `out` is checked by its owner. */
MUST_CHECK int shape_put_row(const struct shape *s, const struct value *values, struct buf *out,
                             struct err *e);
/* The key alone, nothing for a table without one. A key column that the image lacks is taken from
   `other`, the other image of the row (NULL: there is none). */
MUST_CHECK int shape_put_key(const struct shape *s, const struct value *values,
                             const struct value *other, struct buf *out, struct err *e);
