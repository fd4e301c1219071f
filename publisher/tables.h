/*
 * The tables of a stream by TABLE_MAP's number, ready for writing rows; and where their definitions
 * come from.
 *
 * Owned by one converter; one thread. A definition comes from the event itself (FULL metadata),
 * else from the catalog, else it is fetched from the source and put in the catalog with the place
 * where it was needed. A DDL statement in the stream makes all older ones of the catalog stale, so
 * that they are fetched anew: what the source has *now* is taken for what it had there, as long as
 * the types fit. (Reading DDL statements instead is not done yet.) Bounds: TABLES_MAX tables at
 * once (E_LIMIT inside of one transaction).
 */
#pragma once
#include "publisher/filter.h"
#include "publisher/shape.h"
#include "storage/catalog.h"
#include "storage/pos.h"

enum { TABLES_MAX = 65536 };

struct tables_options {
    const char          *topic_prefix; /* outlives the tables, like all of these */
    const struct filter *filter;
    struct catalog      *catalog;  /* NULL: nothing is remembered */
    bool                 remember; /* false: the catalog is only read */
    definition_fetch    *fetch;    /* NULL: nobody can be asked */
    void                *fetch_arg;
};

struct tables;
MUST_CHECK int tables_new(const struct tables_options *o, struct tables **out, struct err *e);
void           tables_free(struct tables *t); /* accepts NULL */

/* A TABLE_MAP event at `pos`. Cheap when it is the one already known. */
MUST_CHECK int tables_take(struct tables *t, const struct format *f, const struct event *ev,
                           store_pos pos, struct err *e);

/* *known is false for a number that no TABLE_MAP named; NULL in *out is a table that is left out.
 */
struct shape *tables_find(struct tables *t, uint64_t table_id, bool *known);

/* A DDL statement at `pos`. */
MUST_CHECK int tables_forget(struct tables *t, store_pos pos, struct err *e);

/* Between transactions: makes room when too many tables are held. */
void tables_trim(struct tables *t);
