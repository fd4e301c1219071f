/*
 * The tables of a stream by TABLE_MAP's number, ready for writing rows; and where their definitions
 * come from.
 *
 * Owned by one converter; one thread. A definition comes from the event itself (FULL metadata),
 * completed by what DDL in the stream or the source declared. A DDL statement that can't be read
 * stops nothing: the definitions that it may have changed are asked for anew.
 * Bounds: TABLES_MAX tables at once (E_LIMIT inside of one transaction).
 */
#pragma once
#include "publisher/tables/definitions.h"
#include "publisher/filter.h"
#include "publisher/shape.h"
#include "storage/catalog.h"
#include "storage/pos.h"

enum { TABLES_MAX = 65536 };

struct tables_options {
    const struct shape_context *shapes; /* outlives the tables, like all of these */
    const struct filter        *filter;
    struct catalog             *catalog;  /* NULL: nothing is remembered */
    bool                        remember; /* false: the catalog is only read */
    definition_fetch           *fetch;    /* NULL: nobody can be asked */
    void                       *fetch_arg;
    bool declared; /* what only a declaration tells (defaults, lengths) is asked for, too */
    /* Repeats what Debezium gets wrong about tables, too: CREATE OR REPLACE of a known one changes
       nothing, and what DDL said of names goes before what the stream says. */
    bool strict;
    int  lower_names; /* the source's lower_case_table_names */
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
/* A published table by its name, for what has no rows. *out is NULL when nobody told of it; valid
   until the next call of any of these. */
MUST_CHECK int tables_named(struct tables *t, const struct format *f, const char *database,
                            const char *table, store_pos at, struct shape **out, struct err *e);

/* As a published table is before the event at `at`: 1 found, valid until the next call of any of
   these; 0 not known; -1 on errors. */
int tables_definition(struct tables *t, const char *database, const char *table, store_pos at,
                      const struct definition **out, struct err *e);

/* A QUERY event (also MariaDB's compressed one) at `pos`: follows what it does to tables. `sink`
   may be NULL. A statement that changes neither tables nor databases gives nothing. */
MUST_CHECK int tables_query(struct tables *t, const struct format *f, const struct event *ev,
                            store_pos pos, schema_change_sink *sink, void *sink_arg, struct err *e);

/* What the source said of a table when the stream was about to be read from `at` on; takes `d`
   over. What is known of it already stays. */
MUST_CHECK int tables_learn(struct tables *t, struct definition *d, store_pos at, struct err *e);

/* Between transactions: makes room when too many tables are held. */
void tables_trim(struct tables *t);
