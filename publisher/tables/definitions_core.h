/* The table of definitions by name, private to publisher/definitions*.c. */
#pragma once
#include "publisher/pattern.h"
#include "publisher/tables/definitions.h"

enum { DEFINITIONS_BUCKETS = 1024, DEFINITION_TEXT_MAX = 16 << 20 };

enum definition_state { DEFINITION_UNKNOWN, DEFINITION_KNOWN, DEFINITION_NONE /* no such table */ };

struct definition_entry {
    char                    *key; /* folded database, a zero byte, folded table */
    size_t                   key_bytes;
    enum definition_state    state;
    struct definition       *definition; /* when it is known */
    struct definition_entry *next;
};

/* A database: tables that are older than it are not its own. */
struct definition_database {
    char                        name[DEFINITION_NAME_BYTES];
    struct definition_charset   charset; /* of new tables; name "" when not told */
    store_pos                   since;   /* its creation or end */
    struct definition_database *next;
};

struct definitions {
    struct definitions_options  o;
    struct definition_entry    *buckets[DEFINITIONS_BUCKETS];
    uint32_t                    count;
    struct definition_database *databases;
    uint32_t                    database_count;
    store_pos                   stale; /* the catalog's older rows do not count */
    bool                        stale_known;
    bool                        saw_capitals; /* in a name of the stream's rows */
    struct patterns            *untold;       /* statements of which Debezium writes no record */
    struct buf                  text, row;
};

/* ---- definitions.c ---- */
/* A database's entry; *out is NULL when nothing is known of it. */
MUST_CHECK int definitions_database(struct definitions *ds, const char *name, store_pos at,
                                    struct definition_database **out, struct err *e);
MUST_CHECK int definitions_put_database(struct definitions *ds, const char *name,
                                        const struct definition_charset *charset, store_pos since,
                                        store_pos at, struct err *e);
/* Everything before `at` is unknown. */
MUST_CHECK int definitions_forget(struct definitions *ds, store_pos at, struct err *e);
/* The entry of a table as it is before `at`; made, if there is none. */
MUST_CHECK int definitions_entry(struct definitions *ds, const char *database, const char *table,
                                 store_pos at, struct definition_entry **out, struct err *e);
/* Puts what a table is from `at` on, into the catalog, too. Takes `d` over (also on errors), which
   is NULL unless the state is DEFINITION_KNOWN. */
MUST_CHECK int definitions_put(struct definitions *ds, const char *database, const char *table,
                               enum definition_state state, struct definition *d, store_pos at,
                               struct err *e);
/* A name as the source compares (and with 1 stores) it. */
void definitions_fold(const struct definitions *ds, const char *name,
                      char into[DEFINITION_NAME_BYTES]);
