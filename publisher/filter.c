#include "publisher/filter.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "publisher/pattern.h"

enum { NAME_BYTES = 1024 };

struct lists {
    struct patterns *include, *exclude;
};

struct filter {
    struct lists databases, tables, columns;
    char        *signals; /* the signalling table, which is always taken; "": none */
};

static int lists_init(struct lists *l, const char *include, const char *exclude, struct err *e)
{
    TRY(patterns_new(include, &l->include, e));
    return patterns_new(exclude, &l->exclude, e);
}

static void lists_done(struct lists *l)
{
    patterns_free(l->include);
    patterns_free(l->exclude);
}

static bool lists_take(const struct lists *l, const char *name)
{
    return (patterns_empty(l->include) || patterns_match(l->include, name)) &&
           !patterns_match(l->exclude, name);
}

static int fill(struct filter *f, const struct options *o, struct err *e)
{
    f->signals = strdup(o->signal_table);
    if (f->signals == NULL)
        return err_set(e, E_NOMEM, "no memory for an include list");
    TRY(lists_init(&f->databases, o->database_include, o->database_exclude, e));
    TRY(lists_init(&f->tables, o->table_include, o->table_exclude, e));
    return lists_init(&f->columns, o->column_include, o->column_exclude, e);
}

int filter_new(const struct options *o, struct filter **out, struct err *e)
{
    struct filter *f = calloc(1, sizeof *f);

    if (f == NULL)
        return err_set(e, E_NOMEM, "no memory for an include list");
    if (fill(f, o, e) != 0) {
        filter_free(f);
        return -1;
    }
    *out = f;
    return 0;
}

void filter_free(struct filter *f)
{
    if (f == NULL)
        return;
    free(f->signals);
    lists_done(&f->databases);
    lists_done(&f->tables);
    lists_done(&f->columns);
    free(f);
}

bool filter_is_system(const char *database)
{
    static const char *const names[] = { "mysql", "information_schema", "performance_schema",
                                         "sys" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(database, names[i]) == 0)
            return true;
    return false;
}

bool filter_takes_database(const struct filter *f, const char *database)
{
    return !filter_is_system(database) && lists_take(&f->databases, database);
}

bool filter_takes(const struct filter *f, const char *database, const char *table)
{
    char name[NAME_BYTES];

    (void)snprintf(name, sizeof name, "%s.%s", database, table);
    return (filter_takes_database(f, database) && lists_take(&f->tables, name)) ||
           (*f->signals != 0 && strcasecmp(name, f->signals) == 0);
}

bool filter_takes_column(const struct filter *f, const char *database, const char *table,
                         const char *column)
{
    char name[NAME_BYTES];

    (void)snprintf(name, sizeof name, "%s.%s.%s", database, table, column);
    return lists_take(&f->columns, name);
}
