/*
 * Which databases and tables a person asked for: --database, --table, --exclude-database and
 * --exclude-table.
 *
 * Names are compared byte by byte. Owned by one command; one thread.
 */
#pragma once
#include <stdbool.h>
#include "protocol/event.h"
#include "protocol/format.h"

enum { SELECTION_NAMES_MAX = 256 };

struct selection {
    struct selection_name {
        struct slice database, table; /* table empty: all of the database */
        bool         exclude;
    } names[SELECTION_NAMES_MAX]; /* point into the command line */
    size_t count;
    bool   includes; /* some were named to be taken: others are not */
};

enum wanted {
    WANTED_NO,
    WANTED_YES,
    WANTED_PARTLY /* a database of which some tables are wanted, others not */
};

/* The four options' words, by name; E_CONFIG for a table without its database, or too many. */
MUST_CHECK int     selection_add(struct selection *s, const char *option, const char *value,
                                 struct err *e);
static inline bool selection_is_all(const struct selection *s)
{
    return s->count == 0;
}
bool        selection_table(const struct selection *s, struct slice database, struct slice table);
enum wanted selection_database(const struct selection *s, struct slice database);

/*
 * A statement: DDL by the tables that it names, of which one is enough; what changes rows, and
 * whatever else there is, by its default database. WANTED_PARTLY: nobody can tell. `q` has its text
 * unpacked.
 */
MUST_CHECK int selection_statement(const struct selection *s, const struct format *f,
                                   const struct event_query *q, enum wanted *out, struct err *e);
