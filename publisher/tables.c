#include "publisher/tables.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { TABLES_KEPT = 4096, BUCKETS = 1024, DEFINITION_TEXT_MAX = 16 << 20 };

struct entry {
    uint64_t      table_id;
    struct shape *shape; /* NULL: left out */
    uint8_t      *names; /* of a table that is left out: database, zero, table */
    size_t        names_bytes;
    struct entry *next;
};

struct tables {
    struct tables_options o;
    struct entry         *buckets[BUCKETS];
    uint32_t              count;
    bool                  marked; /* the catalog has no definition younger than its DDL mark */
    struct buf            text;
};

int tables_new(const struct tables_options *o, struct tables **out, struct err *e)
{
    struct tables *t = calloc(1, sizeof *t);

    if (t == NULL)
        return err_set(e, E_NOMEM, "no memory for the tables");
    t->o = *o;
    buf_init(&t->text, DEFINITION_TEXT_MAX);
    *out = t;
    return 0;
}

static void entry_free(struct entry *entry)
{
    shape_free(entry->shape);
    free(entry->names);
    free(entry);
}

static void clear(struct tables *t)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        while (t->buckets[i] != NULL) {
            struct entry *entry = t->buckets[i];
            t->buckets[i] = entry->next;
            entry_free(entry);
        }
    }
    t->count = 0;
}

void tables_free(struct tables *t)
{
    if (t == NULL)
        return;
    clear(t);
    buf_done(&t->text);
    free(t);
}

void tables_trim(struct tables *t)
{
    if (t->count > TABLES_KEPT)
        clear(t);
}

static struct entry **slot_of(struct tables *t, uint64_t table_id)
{
    struct entry **at = &t->buckets[table_id % BUCKETS];
    while (*at != NULL && (*at)->table_id != table_id)
        at = &(*at)->next;
    return at;
}

struct shape *tables_find(struct tables *t, uint64_t table_id, bool *known)
{
    struct entry *entry = *slot_of(t, table_id);
    *known = entry != NULL;
    return entry != NULL ? entry->shape : NULL;
}

/* ---- definitions in the catalog: `PLACE JSON`, and under no name the place of the last DDL ----
 */

static int catalog_look(struct tables *t, const char *database, const char *table, store_pos at,
                        store_pos *since, struct slice *json, struct err *e)
{
    buf_clear(&t->text);
    int found = catalog_get_definition(t->o.catalog, database, table, at, &t->text, e);
    if (found <= 0)
        return found;
    char *end = NULL;
    *since = strtoull(buf_text(&t->text), &end, 10);
    size_t used = (size_t)(end - buf_text(&t->text));
    *json = (struct slice){ t->text.ptr + used, t->text.len - used };
    return 1;
}

/* 1 and *out when the catalog has a definition that no DDL came after. */
static int from_catalog(struct tables *t, const char *database, const char *table, store_pos at,
                        struct definition **out, struct err *e)
{
    store_pos    ddl = 0;
    store_pos    since = 0;
    struct slice json = slice_empty();

    if (t->o.catalog == NULL)
        return 0;
    if (catalog_look(t, "", "", at, &ddl, &json, e) < 0)
        return -1;
    int found = catalog_look(t, database, table, at, &since, &json, e);
    if (found <= 0 || since < ddl)
        return found < 0 ? -1 : 0;
    return definition_from_json(json, out, e) != 0 ? -1 : 1;
}

static int remember(struct tables *t, const char *database, const char *table, store_pos at,
                    struct slice json, struct err *e)
{
    struct buf row;

    if (t->o.catalog == NULL || !t->o.remember)
        return 0;
    buf_init(&row, DEFINITION_TEXT_MAX + 32);
    buf_printf(&row, "%" PRIu64 " ", at);
    buf_put(&row, json);
    int result = buf_check(&row, "a table definition", e);
    if (result == 0)
        result = catalog_put_definition(t->o.catalog, database, table, at, buf_text(&row), e);
    buf_done(&row);
    return result;
}

static int forget(struct tables *t, store_pos pos, struct err *e)
{
    clear(t);
    /* One mark makes all definitions before it stale: another one would cost a sync for nothing. */
    if (t->marked)
        return 0;
    TRY(remember(t, "", "", pos, slice_empty(), e));
    t->marked = true;
    return 0;
}

static struct slice first_word(struct slice text)
{
    size_t i = 0;
    while (i < text.len && (text.ptr[i] <= ' ' || text.ptr[i] == '('))
        i++;
    size_t from = i;
    while (i < text.len && ((text.ptr[i] | 0x20) >= 'a' && (text.ptr[i] | 0x20) <= 'z'))
        i++;
    return (struct slice){ text.ptr + from, i - from };
}

/* Whatever is not known to leave all tables as they are (a comment in front is not looked
   through) may have changed one. */
static bool may_change_tables(struct slice text)
{
    static const char *const harmless[] = { "BEGIN",  "COMMIT",  "ROLLBACK", "SAVEPOINT", "XA",
                                            "INSERT", "UPDATE",  "DELETE",   "REPLACE",   "LOAD",
                                            "SET",    "GRANT",   "TRUNCATE", "FLUSH",     "ANALYZE",
                                            "REVOKE", "RELEASE", "START" };
    struct slice             word = first_word(text);

    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (word.len == strlen(harmless[i]) &&
            strncasecmp((const char *)word.ptr, harmless[i], word.len) == 0)
            return false;
    return true;
}

int tables_query(struct tables *t, const struct format *f, const struct event *ev, store_pos pos,
                 schema_change_sink *sink, void *sink_arg, struct err *e)
{
    struct event_query q;

    (void)f;
    (void)sink;
    (void)sink_arg;
    TRY(event_parse_query(ev, &q, e));
    return may_change_tables(q.text) ? forget(t, pos, e) : 0;
}

static int ask_source(struct tables *t, const char *database, const char *table, store_pos at,
                      struct definition **out, struct err *e)
{
    struct definition *d = NULL;

    buf_clear(&t->text);
    if (t->o.fetch(t->o.fetch_arg, database, table, &t->text, e) != 0)
        return err_note(e, "columns of %s.%s", database, table);
    TRY(definition_from_json(buf_slice(&t->text), &d, e));
    if (remember(t, database, table, at, buf_slice(&t->text), e) != 0) {
        definition_free(d);
        return -1;
    }
    t->marked = false;
    *out = d;
    return 0;
}

/* From the catalog if it fits, else from the source, whether that fits or not. */
static int from_elsewhere(struct tables *t, const struct table_map *map, const char *database,
                          const char *table, store_pos at, struct definition **out, struct err *e)
{
    struct definition *d = NULL;
    char               why[256];
    int                found = from_catalog(t, database, table, at, &d, e);

    if (found < 0)
        return -1;
    if (found == 1 && definition_fits(d, map, why, sizeof why)) {
        *out = d;
        return 0;
    }
    definition_free(d);
    return ask_source(t, database, table, at, out, e);
}

static int define_silent(struct tables *t, const struct table_map *map, const char *database,
                         const char *table, store_pos at, struct definition **out, struct err *e)
{
    struct definition *d = NULL;
    char               why[256] = "";

    if (t->o.fetch == NULL)
        return err_set(e, E_CONFIG,
                       "the binlog does not tell the columns of %s.%s: set "
                       "binlog_row_metadata=FULL at the source",
                       database, table);
    TRY(from_elsewhere(t, map, database, table, at, &d, e));
    if (!definition_fits(d, map, why, sizeof why)) {
        definition_free(d);
        return err_set(e, E_CONFIG,
                       "the table %s.%s of the source is not the one of the binlog: %s; leave it "
                       "out with table.include.list, or begin behind the change of the table",
                       database, table, why);
    }
    if (definition_refine(d, map, e) != 0) {
        definition_free(d);
        return -1;
    }
    *out = d;
    return 0;
}

/* FLOAT may be FLOAT(M,D), and MariaDB's BINARY(16) a UUID: even full metadata can't tell. */
static bool is_ambiguous(const struct format *f, const struct table_map *map)
{
    enum { UUID_STORED_BYTES = 16 };
    for (uint32_t i = 0; i < map->column_count; i++) {
        const struct table_map_column *col = &map->columns[i];
        const struct charset          *charset = charset_of_collation(col->collation);
        if (col->type == FIELD_FLOAT)
            return true;
        if (f->family == FAMILY_MARIADB && col->type == FIELD_STRING &&
            col->meta == UUID_STORED_BYTES && charset != NULL && charset->is_binary)
            return true;
    }
    return false;
}

/* Takes the forms of the columns from the source, as far as the table is still the same one. */
static int disambiguate(struct tables *t, const struct table_map *map, struct definition *d,
                        store_pos at, struct err *e)
{
    struct definition *other = NULL;
    struct err         gone = { 0 };
    char               why[256];

    if (from_elsewhere(t, map, d->database, d->table, at, &other, &gone) != 0) {
        if (gone.kind == E_PURGED)
            return 0;
        *e = gone;
        return -1;
    }
    if (definition_fits(other, map, why, sizeof why))
        for (uint32_t i = 0; i < d->column_count; i++)
            if (strcmp(d->columns[i].name, other->columns[i].name) == 0)
                d->columns[i].form = other->columns[i].form;
    definition_free(other);
    return 0;
}

static int define(struct tables *t, const struct format *f, const struct table_map *map,
                  const char *database, const char *table, store_pos at, struct definition **out,
                  struct err *e)
{
    struct definition *d = NULL;
    int                found = definition_from_table_map(map, &d, e);

    if (found < 0)
        return -1;
    if (found == 0)
        return define_silent(t, map, database, table, at, out, e);
    if (t->o.fetch != NULL && is_ambiguous(f, map) && disambiguate(t, map, d, at, e) != 0) {
        definition_free(d);
        return -1;
    }
    *out = d;
    return 0;
}

static int shape_of(struct tables *t, const struct format *f, const struct event *ev,
                    const char *database, const char *table, store_pos at, struct shape **out,
                    struct err *e)
{
    struct table_map  *map = NULL;
    struct definition *d = NULL;

    TRY(table_map_parse(f, ev, &map, e));
    if (define(t, f, map, database, table, at, &d, e) != 0) {
        table_map_free(map);
        return -1;
    }
    if (shape_new(map, d, f->family, t->o.topic_prefix, out, e) != 0) {
        table_map_free(map);
        definition_free(d);
        return -1;
    }
    return 0;
}

static int name_of(struct slice s, char into[DEFINITION_NAME_BYTES], struct err *e)
{
    if (s.len >= DEFINITION_NAME_BYTES || memchr(s.ptr, 0, s.len) != NULL)
        return err_set(e, E_PROTOCOL, "TableMap event: a name of %zu bytes", s.len);
    memcpy(into, s.ptr, s.len);
    into[s.len] = 0;
    return 0;
}

static bool is_same(const struct entry *entry, const struct event *ev, struct slice database,
                    struct slice table)
{
    if (entry->shape != NULL)
        return slice_equal(entry->shape->map->body, ev->body);
    return entry->names_bytes == database.len + 1 + table.len &&
           memcmp(entry->names, database.ptr, database.len) == 0 &&
           memcmp(entry->names + database.len + 1, table.ptr, table.len) == 0;
}

static int fill(struct tables *t, struct entry *entry, const struct format *f,
                const struct event *ev, struct slice database, struct slice table, store_pos at,
                struct err *e)
{
    char db[DEFINITION_NAME_BYTES];
    char tb[DEFINITION_NAME_BYTES];

    TRY(name_of(database, db, e));
    TRY(name_of(table, tb, e));
    if (filter_takes(t->o.filter, db, tb)) {
        if (shape_of(t, f, ev, db, tb, at, &entry->shape, e) != 0)
            return err_note(e, "table %s.%s", db, tb);
        return 0;
    }
    entry->names_bytes = database.len + 1 + table.len;
    entry->names = malloc(entry->names_bytes);
    if (entry->names == NULL)
        return err_set(e, E_NOMEM, "no memory for the name of a table");
    memcpy(entry->names, db, database.len + 1);
    memcpy(entry->names + database.len + 1, tb, table.len);
    return 0;
}

int tables_take(struct tables *t, const struct format *f, const struct event *ev, store_pos pos,
                struct err *e)
{
    uint64_t     table_id = 0;
    struct slice database = slice_empty();
    struct slice table = slice_empty();

    TRY(table_map_peek(f, ev, &table_id, &database, &table, e));
    struct entry **slot = slot_of(t, table_id);
    if (*slot != NULL && is_same(*slot, ev, database, table))
        return 0;
    if (*slot != NULL) { /* the number means another table now */
        struct entry *old = *slot;
        *slot = old->next;
        entry_free(old);
        t->count--;
        slot = slot_of(t, table_id);
    }
    if (t->count >= TABLES_MAX)
        return err_set(e, E_LIMIT, "one transaction names more than %d tables", TABLES_MAX);
    struct entry *made = calloc(1, sizeof *made);
    if (made == NULL)
        return err_set(e, E_NOMEM, "no memory for a table");
    made->table_id = table_id;
    if (fill(t, made, f, ev, database, table, pos, e) != 0) {
        entry_free(made);
        return -1;
    }
    *slot = made;
    t->count++;
    return 0;
}
