#include "publisher/tables/definitions.h"
#include "protocol/base/json.h"
#include "publisher/tables/definitions_core.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Debezium looks at the text alone: with a comment between its words a statement is none of them.
 */
#define FOR_STATEMENT "(?s)(SET STATEMENT\\s.*?FOR\\s+)?"
static const char untold[] =
    FOR_STATEMENT "(CREATE|ALTER|DROP)\\s+(OR\\s+REPLACE\\s+)?(ALGORITHM\\s*=\\s*\\S+\\s+)?"
                  "(DEFINER\\s*=\\s*\\S+\\s+)?(SQL\\s+SECURITY\\s+\\S+\\s+)?"
                  "(VIEW|FUNCTION|PROCEDURE|TRIGGER)\\s.*," FOR_STATEMENT
                  "(CREATE|ALTER|DROP)\\s+(OR\\s+REPLACE\\s+)?(IF\\s+(NOT\\s+)?EXISTS\\s+)?"
                  "(USER|ROLE)\\b.*," FOR_STATEMENT "(GRANT|REVOKE)\\s.*," FOR_STATEMENT
                  "(ANALYZE|OPTIMIZE|REPAIR)\\s+(NO_WRITE_TO_BINLOG\\s+|LOCAL\\s+)?TABLE\\s.*,"
                  "FLUSH PRIVILEGES,FLUSH RELAY LOGS(?s).*";

int definitions_new(const struct definitions_options *o, struct definitions **out, struct err *e)
{
    struct definitions *ds = calloc(1, sizeof *ds);

    if (ds == NULL)
        return err_set(e, E_NOMEM, "no memory for definitions");
    ds->o = *o;
    buf_init(&ds->text, DEFINITION_TEXT_MAX);
    buf_init(&ds->row, DEFINITION_TEXT_MAX + 32);
    if (patterns_new(untold, &ds->untold, e) != 0) {
        definitions_free(ds);
        return -1;
    }
    *out = ds;
    return 0;
}

static void entry_free(struct definition_entry *entry)
{
    definition_free(entry->definition);
    free(entry->key);
    free(entry);
}

static void clear(struct definitions *ds)
{
    for (size_t i = 0; i < DEFINITIONS_BUCKETS; i++) {
        while (ds->buckets[i] != NULL) {
            struct definition_entry *entry = ds->buckets[i];
            ds->buckets[i] = entry->next;
            entry_free(entry);
        }
    }
    ds->count = 0;
    while (ds->databases != NULL) {
        struct definition_database *database = ds->databases;
        ds->databases = database->next;
        free(database);
    }
    ds->database_count = 0;
}

void definitions_free(struct definitions *ds)
{
    if (ds == NULL)
        return;
    clear(ds);
    patterns_free(ds->untold);
    buf_done(&ds->text);
    buf_done(&ds->row);
    free(ds);
}

void definitions_fold(const struct definitions *ds, const char *name,
                      char into[DEFINITION_NAME_BYTES])
{
    size_t n = 0;
    for (; name[n] != 0 && n + 1 < DEFINITION_NAME_BYTES; n++)
        into[n] =
            (char)(ds->o.lower_names != 0 && name[n] >= 'A' && name[n] <= 'Z' ? name[n] - 'A' + 'a'
                                                                              : name[n]);
    into[n] = 0;
}

/* ---- rows of the catalog: `PLACE JSON` ----
   JSON is a definition, `null` where there is no such table any more, nothing where it is unknown.
   The row of a table without a name is its database's, of neither the place before which nothing
   counts. */

static int look(struct definitions *ds, const char *database, const char *table, store_pos at,
                store_pos *since, struct slice *json, struct err *e)
{
    buf_clear(&ds->text);
    int found = catalog_get_definition(ds->o.catalog, database, table, at, &ds->text, e);
    if (found <= 0)
        return found;
    char *end = NULL;
    *since = strtoull(buf_text(&ds->text), &end, 10);
    size_t used = (size_t)(end - buf_text(&ds->text));
    while (used < ds->text.len && ds->text.ptr[used] == ' ')
        used++;
    *json = (struct slice){ ds->text.ptr + used, ds->text.len - used };
    return 1;
}

static int remember(struct definitions *ds, const char *database, const char *table, store_pos at,
                    const char *json, struct err *e)
{
    if (ds->o.catalog == NULL || !ds->o.remember)
        return 0;
    buf_clear(&ds->row);
    buf_printf(&ds->row, "%" PRIu64 " ", at);
    buf_put_text(&ds->row, json);
    TRY(buf_check(&ds->row, "a table definition", e));
    return catalog_put_definition(ds->o.catalog, database, table, at, buf_text(&ds->row), e);
}

static int load_stale(struct definitions *ds, store_pos at, struct err *e)
{
    struct slice json = slice_empty();
    store_pos    since = 0;

    if (ds->stale_known || ds->o.catalog == NULL)
        return 0;
    int found = look(ds, "", "", at, &since, &json, e);
    if (found < 0)
        return -1;
    if (found == 1 && since > ds->stale)
        ds->stale = since;
    ds->stale_known = true;
    return 0;
}

int definitions_forget(struct definitions *ds, store_pos at, struct err *e)
{
    clear(ds);
    ds->stale = at;
    ds->stale_known = true;
    return remember(ds, "", "", at, "", e);
}

/* ---- databases ---- */

static struct definition_database *database_held(struct definitions *ds, const char *folded)
{
    for (struct definition_database *d = ds->databases; d != NULL; d = d->next)
        if (strcmp(d->name, folded) == 0)
            return d;
    return NULL;
}

static int database_add(struct definitions *ds, const char *folded,
                        struct definition_database **out, struct err *e)
{
    struct definition_database *d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_set(e, E_NOMEM, "no memory for a database");
    (void)snprintf(d->name, sizeof d->name, "%s", folded);
    d->next = ds->databases;
    ds->databases = d;
    ds->database_count++;
    *out = d;
    return 0;
}

/* `CHARSET TABLES-SINCE` behind the place; "-" where the set is not told. */
static void read_database(struct definition_database *d, struct slice json)
{
    size_t n = 0;
    while (n < json.len && json.ptr[n] != ' ')
        n++;
    if (n > 0 && n < sizeof d->charset.name && json.ptr[0] != '-') {
        memcpy(d->charset.name, json.ptr, n);
        d->charset.name[n] = 0;
        d->charset.charset = charset_of_name(d->charset.name);
    }
    for (; n < json.len; n++)
        if (json.ptr[n] >= '0' && json.ptr[n] <= '9')
            d->since = d->since * 10 + (store_pos)(json.ptr[n] - '0');
}

int definitions_database(struct definitions *ds, const char *name, store_pos at,
                         struct definition_database **out, struct err *e)
{
    char         folded[DEFINITION_NAME_BYTES];
    struct slice json = slice_empty();
    store_pos    since = 0;

    definitions_fold(ds, name, folded);
    *out = database_held(ds, folded);
    if (*out != NULL || ds->o.catalog == NULL || folded[0] == 0)
        return 0;
    TRY(load_stale(ds, at, e));
    int found = look(ds, folded, "", at - 1, &since, &json, e);
    if (found < 0)
        return -1;
    TRY(database_add(ds, folded, out, e)); /* also when there is none: it is asked for once */
    if (found == 1 && since >= ds->stale)
        read_database(*out, json);
    return 0;
}

int definitions_put_database(struct definitions *ds, const char *name,
                             const struct definition_charset *charset, store_pos since,
                             store_pos at, struct err *e)
{
    enum { ROW_BYTES = 128 };
    char                        row[ROW_BYTES];
    struct definition_database *d = NULL;

    TRY(definitions_database(ds, name, at, &d, e));
    if (d == NULL) {
        char folded[DEFINITION_NAME_BYTES];
        definitions_fold(ds, name, folded);
        TRY(database_add(ds, folded, &d, e));
    }
    d->charset = *charset;
    d->since = since;
    (void)snprintf(row, sizeof row, "%s %" PRIu64, charset->name[0] != 0 ? charset->name : "-",
                   since);
    return remember(ds, d->name, "", at, row, e);
}

/* ---- tables ---- */

static uint64_t hash_of(const char *key, size_t bytes)
{
    uint64_t h = 14695981039346656037ull; /* FNV-1a */
    for (size_t i = 0; i < bytes; i++)
        h = (h ^ (uint8_t)key[i]) * 1099511628211ull;
    return h;
}

static int make_key(const struct definitions *ds, const char *database, const char *table,
                    char key[2 * DEFINITION_NAME_BYTES], size_t *bytes, struct err *e)
{
    char folded[DEFINITION_NAME_BYTES];

    if (strlen(database) >= DEFINITION_NAME_BYTES || strlen(table) >= DEFINITION_NAME_BYTES)
        return err_set(e, E_LIMIT, "a name of %zu bytes", strlen(database) + strlen(table));
    definitions_fold(ds, database, folded);
    size_t n = strlen(folded) + 1;
    memcpy(key, folded, n);
    definitions_fold(ds, table, folded);
    memcpy(key + n, folded, strlen(folded) + 1);
    *bytes = n + strlen(folded);
    return 0;
}

/* Only what the catalog had at that time, and nothing that something newer made void. */
static int load(struct definitions *ds, const char *database, const char *table, store_pos at,
                struct definition_entry *entry, struct err *e)
{
    struct definition_database *of = NULL;
    struct slice                json = slice_empty();
    store_pos                   since = 0;

    if (ds->o.catalog == NULL)
        return 0;
    TRY(definitions_database(ds, database, at, &of, e));
    TRY(load_stale(ds, at, e));
    /* What stands at `at` itself was put by an earlier look at the event there. */
    int found = look(ds, database, table, at - 1, &since, &json, e);
    if (found <= 0 || since < ds->stale || (of != NULL && since < of->since))
        return found < 0 ? -1 : 0;
    if (json.len == 0)
        return 0;
    if (slice_equal(json, slice_of_text("null"))) {
        entry->state = DEFINITION_NONE;
        return 0;
    }
    TRY(definition_from_json(json, &entry->definition, e));
    entry->state = DEFINITION_KNOWN;
    return 0;
}

int definitions_entry(struct definitions *ds, const char *database, const char *table, store_pos at,
                      struct definition_entry **out, struct err *e)
{
    char   key[2 * DEFINITION_NAME_BYTES];
    size_t bytes = 0;

    TRY(make_key(ds, database, table, key, &bytes, e));
    struct definition_entry **slot = &ds->buckets[hash_of(key, bytes) % DEFINITIONS_BUCKETS];
    for (struct definition_entry *at_entry = *slot; at_entry != NULL; at_entry = at_entry->next) {
        if (at_entry->key_bytes == bytes && memcmp(at_entry->key, key, bytes) == 0) {
            *out = at_entry;
            return 0;
        }
    }
    struct definition_entry *made = calloc(1, sizeof *made);
    if (made == NULL)
        return err_set(e, E_NOMEM, "no memory for a definition");
    made->key = malloc(bytes + 1);
    if (made->key == NULL) {
        free(made);
        return err_set(e, E_NOMEM, "no memory for the name of a table");
    }
    memcpy(made->key, key, bytes + 1);
    made->key_bytes = bytes;
    if (load(ds, key, key + strlen(key) + 1, at, made, e) != 0) {
        entry_free(made);
        return -1;
    }
    made->next = *slot;
    *slot = made;
    ds->count++;
    *out = made;
    return 0;
}

int definitions_put(struct definitions *ds, const char *database, const char *table,
                    enum definition_state state, struct definition *d, store_pos at, struct err *e)
{
    struct definition_entry *entry = NULL;
    struct buf               json;

    if (definitions_entry(ds, database, table, at, &entry, e) != 0) {
        definition_free(d);
        return -1;
    }
    if (entry->definition != d)
        definition_free(entry->definition);
    entry->definition = d;
    bool is_news = entry->state != state || state == DEFINITION_KNOWN;
    entry->state = state;
    if (!is_news || ds->o.catalog == NULL || !ds->o.remember)
        return 0;
    buf_init(&json, DEFINITION_TEXT_MAX);
    if (state == DEFINITION_KNOWN)
        definition_put_json(d, &json);
    else if (state == DEFINITION_NONE)
        buf_put_text(&json, "null");
    if (json.failed == BUF_OVER_BOUND) /* too much to be kept: unknown after a restart */
        buf_clear(&json);
    int result = buf_check(&json, "a table definition", e);
    if (result == 0)
        result =
            remember(ds, entry->key, entry->key + strlen(entry->key) + 1, at, buf_text(&json), e);
    buf_done(&json);
    return result;
}

/* ---- lower_case_table_names = 1 ----
   Such a source logs statements as they were written, and rows with names in small letters. Nothing
   in the stream says so, but that a table whose rows come is known in other letters only. */

static bool has_capitals(const char *name)
{
    return name[strcspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] != 0;
}

static bool is_known_otherwise(const struct definitions *ds, const char *database,
                               const char *table)
{
    for (size_t i = 0; i < DEFINITIONS_BUCKETS; i++)
        for (const struct definition_entry *n = ds->buckets[i]; n != NULL; n = n->next)
            if (n->state == DEFINITION_KNOWN && strcasecmp(n->key, database) == 0 &&
                strcasecmp(n->key + strlen(n->key) + 1, table) == 0)
                return true;
    return false;
}

void definitions_saw_rows(struct definitions *ds, const char *database, const char *table)
{
    ds->saw_capitals = ds->saw_capitals || has_capitals(database) || has_capitals(table);
}

/* All that is known gets names in small letters, and so does what comes. */
static int fold_all(struct definitions *ds, store_pos at, struct err *e)
{
    int result = 0;

    ds->o.lower_names = 1;
    for (struct definition_database *d = ds->databases; d != NULL; d = d->next)
        definitions_fold(ds, d->name, d->name);
    for (size_t i = 0; i < DEFINITIONS_BUCKETS && result == 0; i++) {
        for (struct definition_entry *n = ds->buckets[i]; n != NULL && result == 0; n = n->next) {
            struct definition *d = n->definition;
            if (d == NULL || (!has_capitals(d->database) && !has_capitals(d->table)))
                continue;
            n->definition = NULL;
            n->state = DEFINITION_UNKNOWN;
            definitions_fold(ds, d->database, d->database);
            definitions_fold(ds, d->table, d->table);
            result = definitions_put(ds, d->database, d->table, DEFINITION_KNOWN, d, at, e);
        }
    }
    return result;
}

int definitions_find(struct definitions *ds, const char *database, const char *table, store_pos at,
                     const struct definition **out, struct err *e)
{
    struct definition_entry *entry = NULL;
    bool                     in_catalog = ds->o.catalog != NULL && ds->o.remember;

    if (ds->count > (in_catalog ? DEFINITIONS_KEPT : DEFINITIONS_MAX)) {
        clear(ds);
        if (!in_catalog)
            ds->stale = at;
    }
    TRY(definitions_entry(ds, database, table, at, &entry, e));
    if (entry->state != DEFINITION_KNOWN && ds->o.lower_names == 0 && !ds->saw_capitals &&
        is_known_otherwise(ds, database, table)) {
        TRY(fold_all(ds, at > 0 ? at - 1 : 0, e));
        TRY(definitions_entry(ds, database, table, at, &entry, e));
    }
    *out = entry->definition;
    return entry->state == DEFINITION_KNOWN ? 1 : 0;
}

int definitions_learn(struct definitions *ds, struct definition *d, store_pos at, struct err *e)
{
    return definitions_put(ds, d->database, d->table, DEFINITION_KNOWN, d, at, e);
}
