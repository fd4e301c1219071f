/* What statements do to the tables known. */
#include "publisher/tables/definitions_core.h"
#include "publisher/tables/definitions_order.h"
#include "publisher/tables/ddl_token.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* Statements have servers' own bound: none may stop anything by its length. */
#define STATEMENT_BYTES_MAX ((size_t)2 << 30)

struct applying {
    struct definitions       *ds;
    const struct ddl         *statement;
    const struct ddl_session *session;
    const char               *current; /* database */
    store_pos                 at;
    schema_change_sink       *sink;
    void                     *sink_arg;
    struct buf                text;  /* of the statement, as Debezium has it */
    struct buf                names; /* `source.table` */
};

static const char *database_of(const struct applying *a, const struct ddl_name *t)
{
    return t->database[0] != 0 ? t->database : a->current;
}

/* ---- telling ---- */

static int tell(const struct applying *a, const struct schema_change *change, struct err *e)
{
    return a->sink != NULL ? a->sink(a->sink_arg, change, e) : 0;
}

/* A table's statement from its first word to its last: comments around it are left out. */
static struct slice without_edges(const struct applying *a, struct slice text)
{
    struct ddl_lexer lexer = { .session = a->session, .text = text };
    struct ddl_token t = ddl_token_next(&lexer);
    const uint8_t   *from = t.text.ptr, *end = text.ptr + text.len;

    if (t.kind == DDL_TOKEN_END)
        return text;
    for (; t.kind != DDL_TOKEN_END; t = ddl_token_next(&lexer))
        end = lexer.inside > 0 ? text.ptr + text.len : t.text.ptr + t.text.len;
    return (struct slice){ from, (size_t)(end - from) };
}

/* The MySQL connector writes double quotes around texts as single ones. */
static int put_statement(struct applying *a, struct slice text, struct err *e)
{
    struct ddl_lexer lexer = { .session = a->session, .text = text };

    buf_clear(&a->text);
    buf_put(&a->text, text);
    TRY(buf_check(&a->text, "a statement", e));
    if (a->session->family != FAMILY_MYSQL)
        return 0;
    for (struct ddl_token t = ddl_token_next(&lexer); t.kind != DDL_TOKEN_END;
         t = ddl_token_next(&lexer)) {
        if (t.kind != DDL_TOKEN_STRING || t.text.ptr[0] != '"' || t.text.len < 2)
            continue;
        size_t from = (size_t)(t.text.ptr - text.ptr);
        a->text.ptr[from] = '\'';
        a->text.ptr[from + t.text.len - 1] = '\'';
    }
    return 0;
}

/* A record without a table's change. */
static int tell_other(struct applying *a, const char *database, bool has_tables, struct err *e)
{
    struct schema_change change = {
        .kind = SCHEMA_OTHER,
        .database = database,
        .has_tables = has_tables,
        .tables = "",
        .ddl = a->statement->text,
    };
    return tell(a, &change, e);
}

static int tell_table(struct applying *a, enum schema_change_kind kind, const char *database,
                      const char *table, const char *names, struct slice text, struct err *e)
{
    struct definition_entry *entry = NULL;

    if (a->sink == NULL)
        return 0;
    TRY(definitions_entry(a->ds, database, table, a->at + 1, &entry, e));
    TRY(put_statement(a, without_edges(a, text), e));
    struct schema_change change = {
        .kind = kind,
        .database = database,
        .has_tables = true,
        .tables = names,
        .ddl = buf_slice(&a->text),
        .table = table,
        .definition = entry->state == DEFINITION_KNOWN ? entry->definition : NULL,
    };
    if (kind != SCHEMA_DROP && change.definition == NULL) {
        change.kind = SCHEMA_OTHER;
        change.table = NULL;
    }
    return tell(a, &change, e);
}

/* ---- what a statement needs to know ---- */

static int defaults_of(struct applying *a, const char *database, struct definition_charset *out,
                       bool *guessed, struct err *e)
{
    struct definition_database *d = NULL;

    TRY(definitions_database(a->ds, database, a->at, &d, e));
    *guessed = d == NULL || d->charset.name[0] == 0;
    if (!*guessed) {
        *out = d->charset;
        return 0;
    }
    *out = (struct definition_charset){ .charset = a->session->server };
    if (out->charset != NULL)
        (void)snprintf(out->name, sizeof out->name, "%s", out->charset->name);
    return 0;
}

static int put_unknown(struct applying *a, const char *database, const char *table, struct err *e)
{
    return definitions_put(a->ds, database, table, DEFINITION_UNKNOWN, NULL, a->at, e);
}

/* The definition that a statement left behind, or "unknown" where it could not. */
static int put_result(struct applying *a, const char *database, const char *table,
                      struct definition *d, int result, const struct err *why, struct err *e)
{
    if (result == 0)
        return definitions_put(a->ds, database, table, DEFINITION_KNOWN, d, a->at, e);
    if (why->kind == E_NOMEM) {
        *e = *why;
        return -1;
    }
    return put_unknown(a, database, table, e);
}

/* ---- statements ---- */

static int copy_of(struct applying *a, const struct ddl_name *model, const char *database,
                   const char *table, struct definition **out, struct err *e)
{
    struct definition_entry *from = NULL;

    TRY(definitions_entry(a->ds, database_of(a, model), model->name, a->at, &from, e));
    if (from->state != DEFINITION_KNOWN)
        return err_set(e, E_CONFIG, "nothing is known of %s", model->name);
    return definition_copy(from->definition, database, table, out, e);
}

static bool says_charset(const struct ddl *s)
{
    for (uint32_t i = 0; i < s->action_count; i++)
        if (s->actions[i].kind == DDL_SET_CHARSET && s->actions[i].name != NULL &&
            s->actions[i].name[0] != 0)
            return true;
    return false;
}

static int make(struct applying *a, const char *database, const char *table,
                struct definition **out, struct err *e)
{
    struct definition_charset defaults = { 0 };
    bool                      guessed = false;

    if (a->statement->kind == DDL_CREATE_SEQUENCE)
        return definition_sequence(database, table, out, e);
    if (a->statement->is_like)
        return copy_of(a, &a->statement->tables[1], database, table, out, e);
    TRY(defaults_of(a, database, &defaults, &guessed, e));
    TRY(definition_declare(a->statement, a->session, database, table, &defaults, out, e));
    (*out)->is_guessed = guessed && !says_charset(a->statement);
    return 0;
}

static int create_table(struct applying *a, struct err *e)
{
    const struct ddl        *s = a->statement;
    const char              *database = database_of(a, &s->tables[0]);
    char                     table[DEFINITION_NAME_BYTES];
    struct definition       *d = NULL;
    struct definition_entry *entry = NULL;
    struct err               why = { 0 };

    TRY(definitions_entry(a->ds, database, s->tables[0].name, a->at, &entry, e));
    if (entry->state == DEFINITION_KNOWN && (s->if_exists || (s->or_replace && a->ds->o.strict)))
        return tell_other(a, a->current, true, e);
    /* As the source stores it: with 1 in small letters. */
    (void)snprintf(table, sizeof table, "%s", s->tables[0].name);
    if (a->ds->o.lower_names == 1)
        definitions_fold(a->ds, s->tables[0].name, table);
    int result = make(a, database, table, &d, &why);
    TRY(put_result(a, database, table, d, result, &why, e));
    if (s->kind == DDL_CREATE_SEQUENCE)
        return tell_other(a, a->current, true, e);
    return tell_table(a, SCHEMA_CREATE, database, table, table, s->text, e);
}

/* The definition moves; what was under the new name is gone. */
static int move_table(struct applying *a, const char *database, const char *table,
                      const char *to_database, const char *to_table, struct err *e)
{
    struct definition_entry *from = NULL;
    struct definition_entry *to = NULL;

    TRY(definitions_entry(a->ds, database, table, a->at, &from, e));
    TRY(definitions_entry(a->ds, to_database, to_table, a->at, &to, e));
    struct definition    *d = from->definition;
    enum definition_state state = d != NULL ? DEFINITION_KNOWN : DEFINITION_UNKNOWN;
    if (d != NULL) {
        (void)snprintf(d->database, sizeof d->database, "%s", to_database);
        (void)snprintf(d->table, sizeof d->table, "%s", to_table);
        if (a->ds->o.lower_names == 1)
            definitions_fold(a->ds, to_table, d->table);
    }
    if (to != from) { /* else only the case of the letters changes */
        from->definition = NULL;
        if (definitions_put(a->ds, database, table, DEFINITION_NONE, NULL, a->at, e) != 0) {
            definition_free(d);
            return -1;
        }
    }
    return definitions_put(a->ds, to_database, to_table, state, d, a->at, e);
}

/* Changes the definition in its place; it is of no use when that fails. */
static int change_table(struct applying *a, const char *database, const char *table, struct err *e)
{
    struct definition_charset defaults = { 0 };
    struct definition_entry  *entry = NULL;
    struct err                why = { 0 };
    bool                      guessed = false;

    TRY(definitions_entry(a->ds, database, table, a->at, &entry, e));
    if (entry->state != DEFINITION_KNOWN)
        return put_unknown(a, database, table, e);
    TRY(defaults_of(a, database, &defaults, &guessed, e));
    int result = definition_alter(entry->definition, a->statement, a->session, &defaults, &why);
    return put_result(a, database, table, entry->definition, result, &why, e);
}

static int alter_table(struct applying *a, struct err *e)
{
    const struct ddl *s = a->statement;
    const char       *database = database_of(a, &s->tables[0]);
    const char       *table = s->tables[0].name;

    TRY(change_table(a, database, table, e));
    const struct ddl_name *to = NULL; /* of several names the last one counts */
    for (uint32_t i = 0; i < s->action_count; i++)
        if (s->actions[i].kind == DDL_RENAME_TO)
            to = &s->actions[i].table;
    if (to != NULL) {
        TRY(move_table(a, database, table, database_of(a, to), to->name, e));
        database = database_of(a, to);
        table = to->name;
    }
    return tell_table(a, SCHEMA_ALTER, database, table, table, s->text, e);
}

static int put_names(struct applying *a, uint32_t first, uint32_t pace, struct err *e)
{
    const struct ddl   *s = a->statement;
    uint32_t            count = 0;
    struct table_names *names = calloc((size_t)s->table_count + 1, sizeof *names);

    if (names == NULL)
        return err_set(e, E_NOMEM, "no memory for %u names", s->table_count);
    for (uint32_t i = first; i < s->table_count; i += pace)
        names[count++] = (struct table_names){ database_of(a, &s->tables[i]), s->tables[i].name };
    buf_clear(&a->names);
    table_names_put(names, count, &a->names);
    free(names);
    return buf_check(&a->names, "the names of tables", e);
}

/* Each pair gives a record of its own: the statement's head and that pair. */
static int tell_rename(struct applying *a, uint32_t pair, struct err *e)
{
    const struct ddl      *s = a->statement;
    const struct ddl_name *from = &s->tables[pair];
    const struct ddl_name *to = &s->tables[pair + 1];
    struct buf             text;

    buf_init(&text, STATEMENT_BYTES_MAX);
    buf_put(&text, (struct slice){ s->text.ptr, (size_t)(s->tables[0].text.ptr - s->text.ptr) });
    buf_put(&text, (struct slice){ from->text.ptr,
                                   (size_t)(to->text.ptr + to->text.len - from->text.ptr) });
    int result = buf_check(&text, "a statement", e);
    if (result == 0)
        result = tell_table(a, SCHEMA_ALTER, database_of(a, to), to->name, buf_text(&a->names),
                            buf_slice(&text), e);
    buf_done(&text);
    return result;
}

static int rename_tables(struct applying *a, struct err *e)
{
    const struct ddl *s = a->statement;

    TRY(put_names(a, 1, 2, e));
    for (uint32_t i = 0; i + 1 < s->table_count; i += 2) {
        const struct ddl_name *from = &s->tables[i];
        const struct ddl_name *to = &s->tables[i + 1];
        TRY(move_table(a, database_of(a, from), from->name, database_of(a, to), to->name, e));
    }
    /* Each tells what is under the name after all of them. */
    for (uint32_t i = 0; i + 1 < s->table_count; i += 2)
        TRY(tell_rename(a, i, e));
    return 0;
}

static void put_quoted(struct buf *out, const char *name)
{
    buf_put_u8(out, '`');
    buf_put_text(out, name);
    buf_put_u8(out, '`');
}

static int drop_tables(struct applying *a, struct err *e)
{
    const struct ddl *s = a->statement;
    struct buf        text;
    int               result = put_names(a, 0, 1, e);

    buf_init(&text, DEFINITION_TEXT_MAX);
    for (uint32_t i = 0; i < s->table_count && result == 0; i++) {
        const char *database = database_of(a, &s->tables[i]);
        const char *table = s->tables[i].name;
        buf_clear(&text);
        buf_put_text(&text, s->if_exists ? "DROP TABLE IF EXISTS " : "DROP TABLE ");
        put_quoted(&text, database);
        buf_put_u8(&text, '.');
        put_quoted(&text, table);
        result = buf_check(&text, "a statement", e);
        if (result == 0)
            result = definitions_put(a->ds, database, table, DEFINITION_NONE, NULL, a->at, e);
        if (result == 0 && !s->is_sequence)
            result = tell_table(a, SCHEMA_DROP, database, table, buf_text(&a->names),
                                buf_slice(&text), e);
    }
    buf_done(&text);
    if (result == 0 && s->is_sequence)
        return tell_other(a, a->current, true, e);
    return result;
}

/* Only a unique one on a table without a key matters, to Debezium and so here. */
static int create_index(struct applying *a, struct err *e)
{
    const struct ddl        *s = a->statement;
    const char              *database = database_of(a, &s->tables[0]);
    const char              *table = s->tables[0].name;
    struct definition_entry *entry = NULL;

    TRY(definitions_entry(a->ds, database, table, a->at, &entry, e));
    if (!s->is_unique_index || entry->state != DEFINITION_KNOWN || entry->definition->key_count > 0)
        return tell_other(a, a->current, true, e);
    TRY(change_table(a, database, table, e));
    if (a->ds->o.filter != NULL && !filter_takes(a->ds->o.filter, database, table))
        return tell_other(a, a->current, true, e);
    return tell_table(a, SCHEMA_ALTER, database, table, table,
                      a->session->family == FAMILY_MYSQL ? s->index_text : s->text, e);
}

static int drop_index(struct applying *a, struct err *e)
{
    const struct ddl *s = a->statement;

    if (s->action_count > 0) /* the primary key */
        TRY(change_table(a, database_of(a, &s->tables[0]), s->tables[0].name, e));
    return tell_other(a, a->current, true, e);
}

/* ---- databases ---- */

static void drop_tables_of(struct definitions *ds, const char *database)
{
    char folded[DEFINITION_NAME_BYTES];

    definitions_fold(ds, database, folded);
    for (size_t i = 0; i < DEFINITIONS_BUCKETS; i++) {
        for (struct definition_entry **at = &ds->buckets[i]; *at != NULL;) {
            struct definition_entry *entry = *at;
            if (strcmp(entry->key, folded) != 0) {
                at = &entry->next;
                continue;
            }
            *at = entry->next;
            definition_free(entry->definition);
            free(entry->key);
            free(entry);
            ds->count--;
        }
    }
}

static int create_database(struct applying *a, struct err *e)
{
    const struct ddl           *s = a->statement;
    struct definition_database *held = NULL;
    struct definition_charset   otherwise = { .charset = a->session->server };

    TRY(definitions_database(a->ds, s->database, a->at, &held, e));
    bool exists = held != NULL && held->charset.name[0] != 0;
    if (exists && s->if_exists)
        return tell_other(a, s->database, false, e);
    if (otherwise.charset != NULL)
        (void)snprintf(otherwise.name, sizeof otherwise.name, "%s", otherwise.charset->name);
    struct definition_charset cs = definition_charset_of(s->charset, s->collation, &otherwise);
    if (!s->if_exists)
        drop_tables_of(a->ds, s->database);
    TRY(definitions_put_database(a->ds, s->database, &cs, s->if_exists ? 0 : a->at, a->at, e));
    if (s->or_replace)
        return tell_other(a, a->current, true, e);
    return tell_other(a, s->database, false, e);
}

static int alter_database(struct applying *a, struct err *e)
{
    const struct ddl           *s = a->statement;
    const char                 *name = s->database[0] != 0 ? s->database : a->current;
    struct definition_database *held = NULL;
    struct definition_charset   otherwise = { 0 };

    TRY(definitions_database(a->ds, name, a->at, &held, e));
    if (held != NULL)
        otherwise = held->charset;
    if (s->charset != NULL || s->collation != NULL) {
        struct definition_charset cs = definition_charset_of(s->charset, s->collation, &otherwise);
        TRY(definitions_put_database(a->ds, name, &cs, held != NULL ? held->since : 0, a->at, e));
    }
    return tell_other(a, a->current, true, e);
}

static int drop_database(struct applying *a, struct err *e)
{
    struct definition_charset none = { 0 };

    drop_tables_of(a->ds, a->statement->database);
    TRY(definitions_put_database(a->ds, a->statement->database, &none, a->at, a->at, e));
    return tell_other(a, a->statement->database, false, e);
}

/* ---- all of them ---- */

static int give_up(struct applying *a, struct err *e)
{
    const struct ddl *s = a->statement;

    if (s->table_count == 0)
        TRY(definitions_forget(a->ds, a->at, e));
    for (uint32_t i = 0; i < s->table_count; i++)
        TRY(put_unknown(a, database_of(a, &s->tables[i]), s->tables[i].name, e));
    return tell_other(a, a->current, true, e);
}

/* A statement about something else than tables and databases. */
static bool is_told(const struct applying *a)
{
    static const char *const words[] = { "CREATE",   "ALTER",   "DROP",      "RENAME",
                                         "FLUSH",    "INSTALL", "UNINSTALL", "ANALYZE",
                                         "OPTIMIZE", "REPAIR",  "GRANT",     "REVOKE" };
    struct ddl_lexer         lexer = { .session = a->session, .text = a->statement->text };
    struct ddl_token         first = ddl_token_next(&lexer);
    struct ddl_token         second = ddl_token_next(&lexer);

    if (ddl_token_is(&second, "TEMPORARY"))
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (ddl_token_is(&first, words[i]))
            return true;
    return a->statement->kind == DDL_NOTICE;
}

static int tell_notice(struct applying *a, struct err *e)
{
    enum { LOOKED_AT_MAX = 1 << 20 };
    struct slice text = a->statement->text;

    if (!is_told(a) || text.len > LOOKED_AT_MAX)
        return 0;
    buf_clear(&a->names);
    buf_put(&a->names, text);
    buf_put_u8(&a->names, 0);
    TRY(buf_check(&a->names, "a statement", e));
    char  *at = (char *)a->names.ptr;
    size_t n = text.len;
    while (n > 0 && isspace((unsigned char)at[n - 1]))
        at[--n] = 0;
    at += strspn(at, " \t\r\n");
    return patterns_match(a->ds->untold, at) ? 0 : tell_other(a, a->current, true, e);
}

/* What a statement did that ended with an error is told by no record. */
static int apply_failed(struct applying *a, struct err *e)
{
    const struct ddl           *s = a->statement;
    struct definition_database *held = NULL;

    switch (s->kind) {
    case DDL_CREATE_TABLE:
    case DDL_CREATE_SEQUENCE:
        /* MariaDB's OR REPLACE has dropped the old table by then. */
        if (s->or_replace)
            return definitions_put(a->ds, database_of(a, &s->tables[0]), s->tables[0].name,
                                   DEFINITION_NONE, NULL, a->at, e);
        return 0;
    case DDL_DROP_TABLE:
        return drop_tables(a, e);
    case DDL_DROP_DATABASE: /* some of its tables are gone */
        TRY(definitions_database(a->ds, s->database, a->at, &held, e));
        if (held == NULL)
            return 0;
        drop_tables_of(a->ds, s->database);
        return definitions_put_database(a->ds, s->database, &held->charset, a->at, a->at, e);
    default:
        for (uint32_t i = 0; i < s->table_count; i++)
            TRY(put_unknown(a, database_of(a, &s->tables[i]), s->tables[i].name, e));
        return 0;
    }
}

static int apply(struct applying *a, struct err *e)
{
    if (a->session->failed)
        return apply_failed(a, e);
    switch (a->statement->kind) {
    case DDL_TRUNCATE_TABLE:
        return 0;
    case DDL_DROP_INDEX:
        return drop_index(a, e);
    case DDL_OTHER:
    case DDL_NOTICE:
        return tell_notice(a, e);
    case DDL_UNREADABLE:
        return give_up(a, e);
    case DDL_CREATE_TABLE:
    case DDL_CREATE_SEQUENCE:
        return create_table(a, e);
    case DDL_ALTER_TABLE:
        return alter_table(a, e);
    case DDL_RENAME_TABLE:
        return rename_tables(a, e);
    case DDL_DROP_TABLE:
        return drop_tables(a, e);
    case DDL_CREATE_INDEX:
        return create_index(a, e);
    case DDL_CREATE_DATABASE:
        return create_database(a, e);
    case DDL_ALTER_DATABASE:
        return alter_database(a, e);
    case DDL_DROP_DATABASE:
        return drop_database(a, e);
    }
    return 0;
}

/* A name that no server has can only come from a broken stream. */
static bool has_names(const struct ddl *s)
{
    for (uint32_t i = 0; i < s->table_count; i++)
        if (strlen(s->tables[i].name) >= DEFINITION_NAME_BYTES ||
            strlen(s->tables[i].database) >= DEFINITION_NAME_BYTES)
            return false;
    for (uint32_t i = 0; i < s->action_count; i++)
        if (s->actions[i].kind == DDL_RENAME_TO &&
            (strlen(s->actions[i].table.name) >= DEFINITION_NAME_BYTES ||
             strlen(s->actions[i].table.database) >= DEFINITION_NAME_BYTES))
            return false;
    return s->database == NULL || strlen(s->database) < DEFINITION_NAME_BYTES;
}

int definitions_apply(struct definitions *ds, const struct ddl *statement,
                      const struct ddl_session *session, const char *current, store_pos at,
                      schema_change_sink *sink, void *sink_arg, bool *changed, struct err *e)
{
    struct applying a = {
        .ds = ds,
        .statement = statement,
        .session = session,
        .current = current,
        .at = at,
        .sink = sink,
        .sink_arg = sink_arg,
    };

    *changed = false;
    if (!has_names(statement))
        return definitions_forget(ds, at, e);
    buf_init(&a.text, STATEMENT_BYTES_MAX);
    buf_init(&a.names, DEFINITION_TEXT_MAX);
    int result = apply(&a, e);
    buf_done(&a.text);
    buf_done(&a.names);
    *changed = statement->kind != DDL_OTHER && statement->kind != DDL_NOTICE;
    return result;
}
