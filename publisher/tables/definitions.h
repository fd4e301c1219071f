/*
 * The tables of a stream by name, as its DDL statements make them; with their history in the
 * catalog, so that an old range is read with the definitions of its time.
 *
 * Owned by one table cache; one thread. Every definition holds from a place in the stream on: it is
 * looked for in memory, then in the catalog. A statement that can't be read, or does not fit what
 * is known, makes its tables unknown from its place on; nothing here fails because of a statement.
 * Bounds: DEFINITIONS_KEPT tables in memory where the catalog has them, too, DEFINITIONS_MAX else;
 * what is beyond that is unknown again.
 */
#pragma once
#include "publisher/filter.h"
#include "publisher/tables/definition_ddl.h"
#include "storage/catalog.h"
#include "storage/pos.h"

enum { DEFINITIONS_KEPT = 1024, DEFINITIONS_MAX = 65536 };

struct definitions_options {
    struct catalog      *catalog;     /* NULL: nothing outlives the process */
    bool                 remember;    /* false: the catalog is only read */
    bool                 strict;      /* repeats what Debezium gets wrong, too: see tables.h */
    int                  lower_names; /* the source's lower_case_table_names */
    const struct filter *filter;      /* tables that are published; NULL: all */
};

struct definitions;
MUST_CHECK int definitions_new(const struct definitions_options *o, struct definitions **out,
                               struct err *e);
void           definitions_free(struct definitions *ds); /* accepts NULL */

/* As it is at `at`, before the event there: 1 found (valid until the next call of another
   function), 0 not known, -1 on errors. */
int definitions_find(struct definitions *ds, const char *database, const char *table, store_pos at,
                     const struct definition **out, struct err *e);
/* Rows of a table are about to come under this name. Capitals in it show that the source does not
   write all names in small letters (lower_case_table_names = 1), which is told by nothing else. */
void definitions_saw_rows(struct definitions *ds, const char *database, const char *table);
/* What the source said of a table, for the place where it was asked. Takes `d` over. */
MUST_CHECK int definitions_learn(struct definitions *ds, struct definition *d, store_pos at,
                                 struct err *e);

/*
 * A record of the schema-change topic: what a statement did to one table or to a database. Views,
 * valid during the call.
 */
enum schema_change_kind { SCHEMA_OTHER, SCHEMA_CREATE, SCHEMA_ALTER, SCHEMA_DROP };
struct schema_change {
    enum schema_change_kind kind;       /* SCHEMA_OTHER: `tableChanges` is empty */
    const char             *database;   /* `databaseName` */
    bool                    has_tables; /* else `source.table` is null */
    const char             *tables;     /* `source.table`: names joined by ',', may be "" */
    struct slice            ddl;        /* as it stands in the stream; one of each table dropped */
    const char             *table;      /* whose change it is; NULL for SCHEMA_OTHER */
    const struct definition
        *definition; /* as it is now; NULL where there is none or nobody knows */
};
typedef int schema_change_sink(void *arg, const struct schema_change *change, struct err *e);

/* The statement at `at`, made in the database `current`. *changed: some table may be another now.
 */
MUST_CHECK int definitions_apply(struct definitions *ds, const struct ddl *statement,
                                 const struct ddl_session *session, const char *current,
                                 store_pos at, schema_change_sink *sink, void *sink_arg,
                                 bool *changed, struct err *e);
