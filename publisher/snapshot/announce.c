#include "publisher/snapshot/announce.h"
#include <string.h>
#include <time.h>
#include "publisher/convert_read.h"
#include "publisher/publisher_core.h"
#include "publisher/tables/definitions.h"

enum { DDL_BYTES_MAX = 16 << 20 };

int64_t snapshot_now_us(void)
{
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct telling {
    struct publisher *p;
    struct emit_place place;
    struct buf        ddl;
};

static int tell(struct telling *t, enum schema_change_kind kind, const char *database,
                const char *table, const struct definition *d, struct err *e)
{
    const struct schema_change c = {
        .kind = kind,
        .database = database,
        .has_tables = table != NULL,
        .tables = table,
        .ddl = buf_slice(&t->ddl),
        .table = table,
        .definition = d,
    };

    TRY(buf_check(&t->ddl, "a statement", e));
    t->place.source.time_us = snapshot_now_us();
    return convert_schema_change(t->p->convert, &t->place, &c, e);
}

static int tell_drops(struct telling *t, const struct snapshot_plan *plan, struct err *e)
{
    for (uint32_t i = 0; i < plan->table_count; i++) {
        const struct snapshot_table *s = &plan->tables[i];
        if (s->is_done)
            continue;
        buf_clear(&t->ddl);
        buf_printf(&t->ddl, "DROP TABLE IF EXISTS `%s`.`%s`", s->database, s->name);
        TRY(tell(t, SCHEMA_DROP, s->database, s->name, NULL, e));
    }
    return 0;
}

static int tell_database(struct telling *t, const struct snapshot_database *d, struct err *e)
{
    buf_clear(&t->ddl);
    buf_printf(&t->ddl, "DROP DATABASE IF EXISTS `%s`", d->name);
    TRY(tell(t, SCHEMA_OTHER, d->name, NULL, NULL, e));
    buf_clear(&t->ddl);
    buf_printf(&t->ddl, "CREATE DATABASE `%s` CHARSET %s COLLATE %s", d->name, d->charset,
               d->collation);
    TRY(tell(t, SCHEMA_OTHER, d->name, NULL, NULL, e));
    buf_clear(&t->ddl);
    buf_printf(&t->ddl, "USE `%s`", d->name);
    return tell(t, SCHEMA_OTHER, d->name, NULL, NULL, e);
}

/* What is known of its definition already stays known. */
static int tell_table(struct telling *t, const struct snapshot_table *s, bool is_last,
                      struct err *e)
{
    struct publisher  *p = t->p;
    struct definition *d = NULL;

    if (snapshot_plan_define(&p->snapshot.plan, s, &d, e) != 0)
        return e->kind == E_CONFIG || e->kind == E_PURGED ? 0 : -1; /* it fails where it is read */
    buf_clear(&t->ddl);
    buf_put_text(&t->ddl, s->create);
    t->place.source.snapshot = is_last ? SNAPSHOT_LAST : SNAPSHOT_TRUE;
    if (tell(t, SCHEMA_CREATE, s->database, s->name, d, e) != 0) {
        definition_free(d);
        return -1;
    }
    return convert_learn(p->convert, d, p->snapshot.target, e);
}

static const struct snapshot_database *database_of(const struct snapshot_plan *plan,
                                                   const char                 *name)
{
    for (uint32_t i = 0; i < plan->database_count; i++)
        if (strcmp(plan->databases[i].name, name) == 0)
            return &plan->databases[i];
    return NULL;
}

static int tell_all(struct telling *t, const struct snapshot_plan *plan, struct err *e)
{
    const char *database = "";
    bool        with_rows = t->p->snapshot.with_rows;

    buf_printf(&t->ddl, "SET character_set_server=%s, collation_server=%s", plan->charset,
               plan->collation);
    TRY(tell(t, SCHEMA_OTHER, "", NULL, NULL, e));
    TRY(tell_drops(t, plan, e));
    for (uint32_t i = 0; i < plan->table_count; i++) {
        const struct snapshot_table    *s = &plan->tables[i];
        const struct snapshot_database *d = database_of(plan, s->database);
        if (s->is_done)
            continue;
        if (d != NULL && strcmp(database, d->name) != 0) {
            TRY(tell_database(t, d, e));
            database = d->name;
        }
        TRY(tell_table(t, s, !with_rows && i + 1 == plan->table_count, e));
    }
    return 0;
}

int snapshot_announce(struct publisher *p, const struct emit_place *place, struct err *e)
{
    struct telling t = { .p = p, .place = *place };

    buf_init(&t.ddl, DDL_BYTES_MAX);
    int result = tell_all(&t, &p->snapshot.plan, e);
    buf_done(&t.ddl);
    return result;
}
