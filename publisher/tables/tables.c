#include "publisher/tables/tables.h"
#include "protocol/inflate.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    TABLES_KEPT = 4096,
    BUCKETS = 1024,
    FETCHED_TEXT_MAX = 16 << 20,
    INFLATED_KEPT = 1 << 20,
    WHY_BYTES = 640
};

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
    struct definitions   *definitions;
    enum format_family    family;   /* of the stream */
    struct buf            text;     /* a definition as the source told it */
    struct buf            inflated; /* a compressed statement */
    struct shape         *unmapped; /* of tables_named() */
};

int tables_new(const struct tables_options *o, struct tables **out, struct err *e)
{
    struct tables *t = calloc(1, sizeof *t);

    if (t == NULL)
        return err_set(e, E_NOMEM, "no memory for the tables");
    struct definitions_options definitions = {
        .catalog = o->catalog,
        .remember = o->remember,
        .strict = o->strict,
        .lower_names = o->lower_names,
        .filter = o->filter,
    };
    t->o = *o;
    buf_init(&t->text, FETCHED_TEXT_MAX);
    buf_init(&t->inflated, INFLATED_MAX);
    if (definitions_new(&definitions, &t->definitions, e) != 0) {
        tables_free(t);
        return -1;
    }
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
    definitions_free(t->definitions);
    shape_free(t->unmapped);
    buf_done(&t->text);
    buf_done(&t->inflated);
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

/* The youngest number is the one that counts. */
static struct shape *mapped(struct tables *t, const char *database, const char *table)
{
    struct entry *found = NULL;

    for (size_t i = 0; i < BUCKETS; i++)
        for (struct entry *n = t->buckets[i]; n != NULL; n = n->next)
            if (n->shape != NULL && strcmp(n->shape->definition->database, database) == 0 &&
                strcmp(n->shape->definition->table, table) == 0 &&
                (found == NULL || n->table_id > found->table_id))
                found = n;
    return found != NULL ? found->shape : NULL;
}

int tables_named(struct tables *t, const struct format *f, const char *database, const char *table,
                 store_pos at, struct shape **out, struct err *e)
{
    const struct definition *d = NULL;

    *out = mapped(t, database, table);
    if (*out != NULL)
        return 0;
    int found = definitions_find(t->definitions, database, table, at, &d, e);
    if (found <= 0)
        return found;
    shape_free(t->unmapped);
    t->unmapped = NULL;
    TRY(shape_of_definition(d, f->family, t->o.shapes, &t->unmapped, e));
    *out = t->unmapped;
    return 0;
}

int tables_definition(struct tables *t, const char *database, const char *table, store_pos at,
                      const struct definition **out, struct err *e)
{
    return definitions_find(t->definitions, database, table, at, out, e);
}

/* ---- statements ---- */

/* A name of the stream as a C string. */
static int name_of(struct slice s, char into[DEFINITION_NAME_BYTES], struct err *e)
{
    if (s.len >= DEFINITION_NAME_BYTES || memchr(s.ptr, 0, s.len) != NULL)
        return err_set(e, E_PROTOCOL, "a name of %zu bytes", s.len);
    memcpy(into, s.ptr, s.len);
    into[s.len] = 0;
    return 0;
}

static int text_of(struct tables *t, const struct event *ev, struct event_query *q, struct err *e)
{
    TRY(event_parse_query(ev, q, e));
    if (ev->type != EVENT_MARIADB_QUERY_COMPRESSED)
        return 0;
    TRY(inflate_field(q->packed, &t->inflated, e));
    q->text = buf_slice(&t->inflated);
    return 0;
}

int tables_query(struct tables *t, const struct format *f, const struct event *ev, store_pos pos,
                 schema_change_sink *sink, void *sink_arg, struct err *e)
{
    struct event_query q;
    struct ddl_session session;
    struct ddl        *statement = NULL;
    char               current[DEFINITION_NAME_BYTES];
    bool               changed = false;

    TRY(text_of(t, ev, &q, e));
    TRY(name_of(q.database, current, e));
    ddl_session_of(f, q.status_vars, &session);
    session.failed = q.error != 0;
    TRY(ddl_read(&session, q.text, &statement, e));
    int result = definitions_apply(t->definitions, statement, &session, current, pos, sink,
                                   sink_arg, &changed, e);
    ddl_free(statement);
    if (t->inflated.size > INFLATED_KEPT)
        buf_done(&t->inflated);
    if (changed)
        clear(t);
    return result;
}

/* ---- definitions ---- */

int tables_learn(struct tables *t, struct definition *d, store_pos at, struct err *e)
{
    const struct definition *known = NULL;
    int found = definitions_find(t->definitions, d->database, d->table, at, &known, e);

    if (found == 0) /* for the place before, so that a statement at `at` finds it */
        return definitions_learn(t->definitions, d, at - 1, e);
    definition_free(d);
    return found < 0 ? -1 : 0;
}

/* Whether what the stream says is enough to know that `d` is the table of these rows. */
static bool is_fit(const struct tables *t, const struct definition *d,
                   const struct definition *told, const struct table_map *map, char *why,
                   size_t why_bytes)
{
    struct table_map declared = *map;

    if (t->family == FAMILY_MARIADB && definition_lacks_hashes(d, map))
        declared.column_count = d->column_count;
    if (!definition_fits(d, &declared, why, why_bytes))
        return false;
    for (uint32_t i = 0; told != NULL && !t->o.strict && i < d->column_count; i++) {
        if (strcasecmp(d->columns[i].name, told->columns[i].name) != 0) {
            (void)snprintf(why, why_bytes, "its column %u is %s, in the stream %s", i + 1,
                           d->columns[i].name, told->columns[i].name);
            return false;
        }
    }
    return true;
}

/* A charset that was guessed matters where a text is, of which the stream does not tell it. */
static bool needs_charset(const struct definition *d, const struct table_map *map)
{
    if (!d->is_guessed || map->has_charsets)
        return false;
    for (uint32_t i = 0; i < d->column_count; i++)
        if (d->columns[i].charset != NULL && !d->columns[i].charset->is_binary)
            return true;
    return false;
}

/* The character sets that a declaration left to its database. */
static int take_charsets(struct definition *to, const struct definition *from, struct err *e)
{
    for (uint32_t i = 0; i < to->column_count && i < from->column_count; i++) {
        struct definition_column       *c = &to->columns[i];
        const struct definition_column *said = &from->columns[i];
        if (c->charset == said->charset || c->charset == NULL || said->charset == NULL)
            continue;
        c->charset = said->charset;
        TRY(definition_set_text(&c->charset_name, said->charset_name, e));
    }
    if (from->charset != NULL && to->charset != from->charset) {
        to->charset = from->charset;
        TRY(definition_set_text(&to->charset_name, from->charset_name, e));
    }
    to->is_guessed = false;
    return 0;
}

/* What the source has under that name now, if that is the table of these rows. Of a table that DDL
   told of (`declared`, else NULL) it completes what is known. */
static int ask_source(struct tables *t, const struct definition *declared,
                      const struct definition *told, const struct table_map *map,
                      const char *database, const char *table, store_pos at,
                      const struct definition **out, char *why, size_t why_bytes, struct err *e)
{
    struct definition *d = NULL, *own = NULL;

    if (declared != NULL && definition_copy(declared, database, table, &own, e) != 0)
        return -1;
    buf_clear(&t->text);
    int result = t->o.fetch(t->o.fetch_arg, database, table, &t->text, e);
    if (result != 0)
        (void)err_note(e, "columns of %s.%s", database, table);
    else
        result = definition_from_json(buf_slice(&t->text), &d, e);
    if (result != 0 || !is_fit(t, d, told, map, why, why_bytes)) {
        definition_free(own);
        definition_free(d);
        return result;
    }
    if (own != NULL) {
        result = definition_set_text(&own->comment, declared->comment, e);
        if (result == 0)
            result = take_charsets(own, d, e);
        definition_free(d);
        d = own;
    }
    if (result != 0) {
        definition_free(d);
        return -1;
    }
    TRY(definitions_learn(t->definitions, d, at, e));
    *out = d;
    return 0;
}

/* From the statements of the stream, the catalog or the source: NULL in *out where nobody knows, or
   where what is known does not fit (then `why` says so). */
static int from_elsewhere(struct tables *t, const struct definition *told,
                          const struct table_map *map, const char *database, const char *table,
                          store_pos at, bool may_ask, const struct definition **out, char *why,
                          size_t why_bytes, struct err *e)
{
    const struct definition *d = NULL;
    int found = definitions_find(t->definitions, database, table, at + 1, &d, e);

    if (found < 0)
        return -1;
    *out = NULL;
    bool fits = found == 1 && is_fit(t, d, told, map, why, why_bytes);
    if (fits && !(may_ask && needs_charset(d, map))) {
        *out = d;
        return 0;
    }
    if (!may_ask)
        return 0;
    struct err gone = { 0 };
    int        asked =
        ask_source(t, fits ? d : NULL, told, map, database, table, at, out, why, why_bytes, &gone);
    /* A source that has changed the table since knows less of it than the stream told. */
    if (*out == NULL && fits && (asked == 0 || gone.kind == E_PURGED)) {
        *out = d;
        return 0;
    }
    if (asked != 0)
        *e = gone;
    return asked;
}

static int define_silent(struct tables *t, const struct table_map *map, const char *database,
                         const char *table, store_pos at, struct definition **out, struct err *e)
{
    const struct definition *known = NULL;
    struct definition       *d = NULL;
    char                     why[WHY_BYTES] = "";

    TRY(from_elsewhere(t, NULL, map, database, table, at, t->o.fetch != NULL, &known, why,
                       sizeof why, e));
    if (known == NULL && t->o.fetch == NULL)
        return err_set(e, E_CONFIG,
                       "the binlog does not tell the columns of %s.%s: set "
                       "binlog_row_metadata=FULL at the source",
                       database, table);
    if (known == NULL)
        return err_set(e, E_CONFIG,
                       "the table %s.%s of the source is not the one of the binlog: %s; leave it "
                       "out with table.include.list, or begin behind the change of the table",
                       database, table, why);
    TRY(definition_copy(known, database, table, &d, e));
    if (definition_set_text(&d->comment, known->comment, e) != 0 ||
        definition_add_hashes(d, map, e) != 0 || definition_refine(d, map, e) != 0) {
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

/* What the stream told, completed by what was declared, which fits it: names, types and members
   are the stream's, all else the declaration's. */
static int complete(struct tables *t, const struct definition *known, const struct table_map *map,
                    struct definition **told, struct err *e)
{
    struct definition *d = NULL;

    TRY(definition_copy(known, (*told)->database, (*told)->table, &d, e));
    int result = definition_set_text(&d->comment, known->comment, e);
    if (result == 0)
        result = definition_add_hashes(d, map, e);
    for (uint32_t i = 0; result == 0 && i < d->column_count && !t->o.strict; i++)
        memcpy(d->columns[i].name, (*told)->columns[i].name, sizeof d->columns[i].name);
    if (result == 0)
        result = definition_refine(d, map, e);
    for (uint32_t i = 0; i < d->column_count && result == 0; i++)
        definition_swap_members(&d->columns[i], &(*told)->columns[i]);
    if (result != 0) {
        definition_free(d);
        return -1;
    }
    if (!known->is_declared) { /* an older catalog's: the key was not told by DDL */
        memcpy(d->key, (*told)->key, (*told)->key_count * sizeof *d->key);
        d->key_count = (*told)->key_count;
    }
    definition_free(*told);
    *told = d;
    return 0;
}

static int define(struct tables *t, const struct format *f, const struct table_map *map,
                  const char *database, const char *table, store_pos at, struct definition **out,
                  struct err *e)
{
    const struct definition *known = NULL;
    struct definition       *d = NULL;
    struct err               gone = { 0 };
    char                     why[WHY_BYTES] = "";
    int                      found = definition_from_table_map(map, &d, e);

    if (found < 0)
        return -1;
    if (found == 0)
        return define_silent(t, map, database, table, at, out, e);
    bool may_ask = t->o.fetch != NULL && (t->o.declared || is_ambiguous(f, map));
    if (from_elsewhere(t, d, map, database, table, at, may_ask, &known, why, sizeof why, &gone) !=
            0 &&
        gone.kind != E_PURGED) { /* a table that is no more is what the stream says */
        definition_free(d);
        *e = gone;
        return -1;
    }
    if (known != NULL && complete(t, known, map, &d, e) != 0) {
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

    t->family = f->family;
    definitions_saw_rows(t->definitions, database, table);
    TRY(table_map_parse(f, ev, &map, e));
    if (define(t, f, map, database, table, at, &d, e) != 0) {
        table_map_free(map);
        return -1;
    }
    if (shape_new(map, d, f->family, t->o.shapes, out, e) != 0) {
        table_map_free(map);
        definition_free(d);
        return -1;
    }
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
