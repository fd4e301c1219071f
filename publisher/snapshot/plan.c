#include "publisher/snapshot/plan.h"
#include <stdio.h>
#include <stdlib.h>
#include "publisher/filter.h"
#include "publisher/snapshot/row.h"
#include "publisher/tables/ddl.h"

enum {
    ER_BAD_DB = 1049,
    ER_NO_SUCH_TABLE = 1146,
    SQL_BYTES_MAX = 64 * 1024,
    CREATE_BYTES_MAX = 16 << 20,
    COLUMNS_MAX = 8,
};

typedef int take_row(void *arg, const struct slice *values, struct err *e);

static int each(struct select *s, const char *sql, uint32_t columns, take_row *take, void *arg,
                struct err *e)
{
    struct slice values[COLUMNS_MAX];
    uint32_t     count = 0;
    bool         more = true, is_last = false;
    int          result = 0;

    TRY(select_begin(s, sql, &count, e));
    if (count < columns || count > COLUMNS_MAX)
        return err_set(e, E_PROTOCOL, "%s answered with %u columns: %s", select_address(s), count,
                       sql);
    while (more) {
        struct err why = { 0 };
        TRY(select_next(s, values, &more, &is_last, e));
        if (more && result == 0 && take(arg, values, &why) != 0) {
            *e = why;
            result = -1;
        }
    }
    return result;
}

static char *copy_of(struct slice text)
{
    return text.ptr != NULL ? strndup((const char *)text.ptr, text.len) : strdup("");
}

static int no_memory(struct err *e)
{
    return err_set(e, E_NOMEM, "no memory for the tables of a snapshot");
}

/* ---- names --------------------------------------------------------------------------------- */

struct gather {
    struct snapshot_plan         *plan;
    const struct snapshot_choice *choice;
};

static int take_table(void *arg, const struct slice *values, struct err *e)
{
    struct gather        *g = arg;
    struct snapshot_plan *p = g->plan;
    struct snapshot_table t = { .database = copy_of(values[0]), .name = copy_of(values[1]) };

    char *guess = copy_of(values[2]);
    if (t.database == NULL || t.name == NULL || guess == NULL) {
        free(t.database);
        free(t.name);
        free(guess);
        return no_memory(e);
    }
    t.rows_guessed = strtoull(guess, NULL, 10);
    free(guess);
    t.is_read = g->choice->is_read(g->choice->arg, t.database, t.name);
    if (filter_is_system(t.database) ||
        (!t.is_read && !g->choice->is_told(g->choice->arg, t.database, t.name))) {
        free(t.database);
        free(t.name);
        return 0;
    }
    if ((p->table_count & (p->table_count + 1)) == 0) { /* 0, 1, 3, 7, ...: doubles */
        struct snapshot_table *grown =
            realloc(p->tables, (2 * (size_t)p->table_count + 1) * sizeof *grown);
        if (grown == NULL) {
            free(t.database);
            free(t.name);
            return no_memory(e);
        }
        p->tables = grown;
    }
    p->tables[p->table_count++] = t;
    return 0;
}

static int take_database(void *arg, const struct slice *values, struct err *e)
{
    struct gather           *g = arg;
    struct snapshot_plan    *p = g->plan;
    struct snapshot_database d = { copy_of(values[0]), copy_of(values[1]), copy_of(values[2]) };

    struct snapshot_database *grown = NULL;

    if (d.name != NULL && d.charset != NULL && d.collation != NULL)
        grown = realloc(p->databases, ((size_t)p->database_count + 1) * sizeof *grown);
    if (grown == NULL) {
        free(d.name);
        free(d.charset);
        free(d.collation);
        return no_memory(e);
    }
    p->databases = grown;
    p->databases[p->database_count++] = d;
    return 0;
}

static int take_variable(void *arg, const struct slice *values, struct err *e)
{
    struct gather *g = arg;

    (void)e;
    if (values[0].len == strlen("character_set_server"))
        (void)snprintf(g->plan->charset, sizeof g->plan->charset, "%.*s", (int)values[1].len,
                       (const char *)values[1].ptr);
    else
        (void)snprintf(g->plan->collation, sizeof g->plan->collation, "%.*s", (int)values[1].len,
                       (const char *)values[1].ptr);
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct snapshot_table *s = a, *t = b;
    int                          by_database = strcmp(s->database, t->database);
    return by_database != 0 ? by_database : strcmp(s->name, t->name);
}

static int read_names(struct select *s, struct gather *g, struct err *e)
{
    TRY(each(s, "SHOW VARIABLES WHERE Variable_name IN ('character_set_server','collation_server')",
             2, take_variable, g, e));
    TRY(each(s,
             "SELECT schema_name, default_character_set_name, default_collation_name FROM "
             "information_schema.schemata ORDER BY 1",
             3, take_database, g, e));
    TRY(each(s,
             "SELECT table_schema, table_name, table_rows FROM information_schema.tables WHERE "
             "table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND table_schema NOT IN "
             "('sys', 'information_schema', 'performance_schema', 'mysql')",
             3, take_table, g, e));
    if (g->plan->table_count > 0)
        qsort(g->plan->tables, g->plan->table_count, sizeof *g->plan->tables, compare);
    return 0;
}

/* ---- statements ---------------------------------------------------------------------------- */

static int take_create(void *arg, const struct slice *values, struct err *e)
{
    char **create = arg;

    free(*create);
    *create = copy_of(values[1]);
    return *create != NULL ? 0 : no_memory(e);
}

static int read_create(struct select *s, struct snapshot_table *t, struct err *e)
{
    struct buf sql;

    buf_init(&sql, SQL_BYTES_MAX);
    buf_put_text(&sql, "SHOW CREATE TABLE ");
    snapshot_put_name(&sql, t->database);
    buf_put_u8(&sql, '.');
    snapshot_put_name(&sql, t->name);
    int result = buf_check(&sql, "a question to the source", e);
    if (result == 0)
        result = each(s, buf_text(&sql), 2, take_create, &t->create, e);
    buf_done(&sql);
    return result;
}

static void table_done(struct snapshot_table *t)
{
    free(t->database);
    free(t->name);
    free(t->create);
}

static int read_creates(struct select *s, struct snapshot_plan *p, struct err *e)
{
    uint32_t kept = 0;
    int      result = 0;

    for (uint32_t i = 0; i < p->table_count; i++) {
        struct snapshot_table *t = &p->tables[i];
        struct err             why = { 0 };
        if (result == 0 && read_create(s, t, &why) != 0) {
            if (why.kind != E_REFUSED || (why.sys != ER_NO_SUCH_TABLE && why.sys != ER_BAD_DB)) {
                *e = why;
                result = -1;
            } else {
                table_done(t);
                continue;
            }
        }
        p->tables[kept++] = *t;
    }
    p->table_count = kept;
    return result;
}

int snapshot_plan_read(struct snapshot_view *v, const struct snapshot_choice *choice,
                       struct snapshot_plan *out, struct err *e)
{
    struct snapshot_plan p = { .family = v->family, .version = v->version };
    struct gather        g = { &p, choice };

    if (read_names(v->selects[0], &g, e) != 0 || read_creates(v->selects[0], &p, e) != 0) {
        snapshot_plan_done(&p);
        return -1;
    }
    *out = p;
    return 0;
}

void snapshot_plan_done(struct snapshot_plan *p)
{
    for (uint32_t i = 0; i < p->table_count; i++)
        table_done(&p->tables[i]);
    for (uint32_t i = 0; i < p->database_count; i++) {
        free(p->databases[i].name);
        free(p->databases[i].charset);
        free(p->databases[i].collation);
    }
    free(p->tables);
    free(p->databases);
    *p = (struct snapshot_plan){ .table_count = 0 };
}

int snapshot_plan_define(const struct snapshot_plan *p, const struct snapshot_table *t,
                         struct definition **out, struct err *e)
{
    const struct ddl_session session = {
        .family = p->family,
        .version = p->version,
        .explicit_timestamp = true, /* SHOW CREATE says NULL where a TIMESTAMP may be it */
    };

    return definition_from_create(&session, slice_of_text(t->create), t->database, t->name, out, e);
}
