#include "tools/binrelay/selection.h"
#include <string.h>
#include "publisher/tables/ddl.h"

int selection_add(struct selection *s, const char *option, const char *value, struct err *e)
{
    struct selection_name n = { .table = slice_empty() };
    const char           *dot = strchr(value, '.');
    bool                  is_table = strstr(option, "table") != NULL;

    n.exclude = strncmp(option, "exclude-", strlen("exclude-")) == 0;
    if (s->count == SELECTION_NAMES_MAX)
        return err_set(e, E_CONFIG, "more than %d databases and tables were named",
                       SELECTION_NAMES_MAX);
    if (value[0] == '\0' || (is_table && (dot == NULL || dot == value || dot[1] == '\0')))
        return err_set(e, E_CONFIG, "--%s '%.200s' is no %s", option, value,
                       is_table ? "table: give DATABASE.TABLE" : "database");
    n.database = slice_of_text(value);
    if (is_table) {
        n.database.len = (size_t)(dot - value);
        n.table = slice_of_text(dot + 1);
    }
    s->includes = s->includes || !n.exclude;
    s->names[s->count++] = n;
    return 0;
}

bool selection_table(const struct selection *s, struct slice database, struct slice table)
{
    bool taken = !s->includes;

    for (size_t i = 0; i < s->count; i++) {
        const struct selection_name *n = &s->names[i];
        if (!slice_equal(n->database, database) ||
            (n->table.len > 0 && !slice_equal(n->table, table)))
            continue;
        if (n->exclude)
            return false;
        taken = true;
    }
    return taken;
}

enum wanted selection_database(const struct selection *s, struct slice database)
{
    bool taken = !s->includes, some = false, not_all = false;

    for (size_t i = 0; i < s->count; i++) {
        const struct selection_name *n = &s->names[i];
        if (!slice_equal(n->database, database))
            continue;
        if (n->table.len == 0 && n->exclude)
            return WANTED_NO;
        if (n->table.len == 0)
            taken = true;
        else if (n->exclude)
            not_all = true;
        else
            some = true;
    }
    if (taken)
        return not_all ? WANTED_PARTLY : WANTED_YES;
    return some ? WANTED_PARTLY : WANTED_NO;
}

/* ---- statements ---- */

static bool is_about_database(enum ddl_kind kind)
{
    return kind == DDL_CREATE_DATABASE || kind == DDL_ALTER_DATABASE || kind == DDL_DROP_DATABASE;
}

static struct slice or_current(const char *database, struct slice current)
{
    return database != NULL && database[0] != '\0' ? slice_of_text(database) : current;
}

static enum wanted judge(const struct selection *s, const struct ddl *d, struct slice current)
{
    if (is_about_database(d->kind))
        return selection_database(s, or_current(d->database, current)) != WANTED_NO ? WANTED_YES
                                                                                    : WANTED_NO;
    for (uint32_t i = 0; i < d->table_count; i++)
        if (selection_table(s, or_current(d->tables[i].database, current),
                            slice_of_text(d->tables[i].name)))
            return WANTED_YES;
    return d->table_count > 0 ? WANTED_NO : selection_database(s, current);
}

int selection_statement(const struct selection *s, const struct format *f,
                        const struct event_query *q, enum wanted *out, struct err *e)
{
    struct ddl_session session;
    struct ddl        *d = NULL;

    if (selection_is_all(s)) {
        *out = WANTED_YES;
        return 0;
    }
    ddl_session_of(f, q->status_vars, &session);
    TRY(ddl_read(&session, q->text, &d, e));
    *out = judge(s, d, q->database);
    ddl_free(d);
    return 0;
}
