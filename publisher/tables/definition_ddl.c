#include "publisher/tables/definition_ddl.h"
#include "publisher/tables/definition_column.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- columns of a definition that grows ---- */

/* MySQL and MariaDB take no notice of case in the names of columns; beyond ASCII neither do they,
   but who writes a column's name with other letters than it was made with? */
static int column_named(const struct definition *d, const char *name)
{
    for (uint32_t i = 0; i < d->column_count; i++)
        if (strcasecmp(d->columns[i].name, name) == 0)
            return (int)i;
    return -1;
}

static int insert_column(struct definition *d, uint32_t at, struct definition_column **out,
                         struct err *e)
{
    if (d->column_count >= DEFINITION_COLUMNS_MAX)
        return err_set(e, E_LIMIT, "a table of more than %d columns", DEFINITION_COLUMNS_MAX);
    struct definition_column *columns =
        realloc(d->columns, ((size_t)d->column_count + 2) * sizeof *columns);
    if (columns == NULL)
        return err_set(e, E_NOMEM, "no memory for a column");
    d->columns = columns;
    memmove(&columns[at + 1], &columns[at], (d->column_count - at) * sizeof *columns);
    columns[at] = (struct definition_column){ .length = -1, .scale = -1 };
    d->column_count++;
    *out = &columns[at];
    return 0;
}

static void remove_column(struct definition *d, uint32_t at)
{
    definition_column_done(&d->columns[at]);
    d->column_count--;
    memmove(&d->columns[at], &d->columns[at + 1], (d->column_count - at) * sizeof *d->columns);
}

/* Behind the last one that somebody declared. */
static uint32_t end_of_columns(const struct definition *d)
{
    uint32_t n = d->column_count;
    while (n > 0 && d->columns[n - 1].is_hidden)
        n--;
    return n;
}

static int place_of(const struct definition *d, const struct ddl_action *a, uint32_t *out,
                    struct err *e)
{
    *out = a->place == DDL_PLACE_FIRST ? 0 : end_of_columns(d);
    if (a->place != DDL_PLACE_AFTER)
        return 0;
    int after = column_named(d, a->after);
    if (after < 0)
        return err_set(e, E_CONFIG, "it has no column %s", a->after);
    *out = (uint32_t)after + 1;
    return 0;
}

/* ---- the key ---- */

/* The key moves with its columns while they are changed. */
static void mark_key(struct definition *d)
{
    for (uint32_t i = 0; i < d->column_count; i++) {
        d->columns[i].key_part = 0;
        d->columns[i].origin = (uint16_t)(i + 1);
    }
    for (uint32_t k = 0; k < d->key_count; k++)
        d->columns[d->key[k]].key_part = (uint16_t)(k + 1);
}

static uint32_t key_size(const struct definition *d)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->column_count; i++)
        n += d->columns[i].key_part > 0;
    return n;
}

static int collect_key(struct definition *d, struct err *e)
{
    uint16_t *key = calloc((size_t)d->column_count + 1, sizeof *key);
    uint32_t  count = 0;

    if (key == NULL)
        return err_set(e, E_NOMEM, "no memory for a key");
    /* Parts are numbered from 1, with holes where a column of the key was dropped. */
    for (uint32_t part = 1; part <= UINT16_MAX && count < key_size(d); part++)
        for (uint32_t i = 0; i < d->column_count; i++)
            if (d->columns[i].key_part == part)
                key[count++] = (uint16_t)i;
    free(d->key);
    d->key = key;
    d->key_count = count;
    for (uint32_t k = 0; d->key_is_primary && k < count; k++)
        d->columns[key[k]].nullable = false;
    d->key_is_primary = d->key_is_primary && count > 0;
    return 0;
}

static void clear_key(struct definition *d)
{
    for (uint32_t i = 0; i < d->column_count; i++)
        d->columns[i].key_part = 0;
    d->key_is_primary = false;
}

/* Every part must be a column; those of a unique index may not be nullable, to Debezium. */
static bool is_fit(const struct definition *d, const struct ddl_key *key)
{
    for (uint32_t k = 0; k < key->column_count; k++) {
        int i = key->columns[k] != NULL ? column_named(d, key->columns[k]) : -1;
        if (i < 0 || (key->kind == DDL_KEY_UNIQUE && d->columns[i].optional))
            return false;
    }
    return key->column_count > 0;
}

static void add_key(struct definition *d, const struct ddl_key *key)
{
    if (key->kind == DDL_KEY_OTHER || !is_fit(d, key) ||
        (key->kind == DDL_KEY_UNIQUE && key_size(d) > 0))
        return;
    clear_key(d);
    d->key_is_primary = key->kind == DDL_KEY_PRIMARY;
    for (uint32_t k = 0; k < key->column_count; k++) {
        struct definition_column *col = &d->columns[column_named(d, key->columns[k])];
        col->key_part = (uint16_t)(k + 1);
        if (d->key_is_primary)
            col->nullable = col->optional = false;
    }
}

struct alteration {
    struct definition        *d;
    const struct ddl         *statement;
    const struct ddl_session *session;
    struct definition_charset defaults;   /* of the database */
    char (*names)[DEFINITION_NAME_BYTES]; /* of the columns before the statement */
    uint32_t count;
    bool     had_primary; /* before the statement */
};

/* Of a column that is declared to be one. Debezium takes a unique one even if it is nullable, but
   for MySQL it overlooks that word in ALTER TABLE. */
static void add_key_of_column(const struct alteration *a, const char *name,
                              const struct ddl_column *c)
{
    struct definition *d = a->d;
    bool               is_overlooked =
        a->session->family == FAMILY_MYSQL && a->statement->kind == DDL_ALTER_TABLE;
    bool is_unique = !is_overlooked && (c->is_unique || strcmp(c->type, "SERIAL") == 0);

    if (!c->is_primary && (!is_unique || key_size(d) > 0))
        return;
    clear_key(d);
    d->key_is_primary = c->is_primary;
    d->columns[column_named(d, name)].key_part = 1;
}

/* ---- actions ---- */

static int origin_named(const struct definition *d, char (*names)[DEFINITION_NAME_BYTES],
                        uint32_t count, const char *name)
{
    for (uint32_t n = 0; n < count; n++) {
        if (strcasecmp(names[n], name) != 0)
            continue;
        for (uint32_t i = 0; i < d->column_count; i++)
            if (d->columns[i].origin == n + 1)
                return (int)i;
    }
    return -1;
}

/* The column that an action means; E_CONFIG when there is none, unless it may be missing (-1 in
 *at). */
static int find(const struct alteration *a, const struct ddl_action *action, int *at, struct err *e)
{
    *at = origin_named(a->d, a->names, a->count, action->name);
    if (*at < 0 && !action->if_exists)
        return err_set(e, E_CONFIG, "it has no column %s", action->name);
    return 0;
}

static int change_column(struct alteration *a, const struct ddl_action *action, struct err *e)
{
    struct definition_column made = { .length = -1, .scale = -1 };
    int                      at = -1;

    TRY(find(a, action, &at, e));
    if (at < 0)
        return 0;
    if (definition_column_declare(&made, action->column, a->session, a->d, e) != 0) {
        definition_column_done(&made);
        return -1;
    }
    struct definition_column *col = &a->d->columns[at];
    made.key_part = col->key_part;
    made.origin = col->origin;
    if (made.comment == NULL && action->renames) { /* the server forgets it, Debezium does not */
        made.comment = col->comment;
        col->comment = NULL;
    }
    definition_column_done(col);
    *col = made;
    return 0;
}

static int rename_column(struct alteration *a, const struct ddl_action *action, struct err *e)
{
    int at = -1;
    TRY(find(a, action, &at, e));
    return at >= 0 ? definition_column_name(&a->d->columns[at], action->to, e) : 0;
}

static int drop_column(struct alteration *a, const struct ddl_action *action, struct err *e)
{
    int at = -1;
    TRY(find(a, action, &at, e));
    if (at >= 0)
        remove_column(a->d, (uint32_t)at);
    return 0;
}

static int set_default(struct alteration *a, const struct ddl_action *action, struct err *e)
{
    int at = -1;
    TRY(find(a, action, &at, e));
    return at >= 0 ? definition_column_default(&a->d->columns[at], &action->dflt, e) : 0;
}

static struct definition_charset charset_of(const struct alteration *a,
                                            const struct ddl_action *action)
{
    struct definition_charset current = { .charset = a->d->charset };

    (void)snprintf(current.name, sizeof current.name, "%s",
                   a->d->charset_name != NULL ? a->d->charset_name : "");
    /* DEFAULT means the database's; a collation alone changes the set, too. */
    return definition_charset_of(action->name, action->to,
                                 action->name != NULL && action->name[0] == 0 ? &a->defaults
                                                                              : &current);
}

static int set_charset(struct alteration *a, const struct ddl_action *action, struct err *e)
{
    struct definition_charset cs = charset_of(a, action);

    a->d->charset = cs.charset;
    if (action->kind == DDL_SET_CHARSET && a->statement->kind != DDL_CREATE_TABLE)
        return 0; /* Debezium takes no notice of it */
    return definition_set_text(&a->d->charset_name, cs.name, e);
}

static int set_comment(struct alteration *a, const struct ddl_action *action, struct err *e)
{
    return definition_set_text(&a->d->comment, action->name, e);
}

/* Of the columns that come with the same statement, too, whatever they were declared with. */
static int convert(struct alteration *a, const struct ddl_action *action, struct err *e)
{
    struct definition_charset cs = charset_of(a, action);

    for (uint32_t i = 0; i < a->d->column_count; i++)
        TRY(definition_column_convert(&a->d->columns[i], &cs, e));
    return 0;
}

/* MariaDB's row_start and row_end stand in every row, also when nobody declared them. */
static int add_versioning(struct definition *d, const struct ddl *statement, struct err *e)
{
    static const char *const names[] = { "row_start", "row_end" };

    for (uint32_t i = 0; i < d->column_count; i++)
        if (d->columns[i].is_hidden)
            return 0;
    for (uint32_t i = 0; i < statement->action_count; i++)
        if (statement->actions[i].column != NULL && statement->actions[i].column->is_row_time)
            return 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct definition_column *col = NULL;
        TRY(insert_column(d, d->column_count, &col, e));
        TRY(definition_column_name(col, names[i], e));
        TRY(definition_set_text(&col->type_name, "TIMESTAMP", e));
        col->type = FIELD_TIMESTAMP2;
        col->length = 6;
        col->is_hidden = col->is_generated = true;
    }
    return 0;
}

static bool is_old_name(const struct alteration *a, const char *name)
{
    for (uint32_t n = 0; n < a->count; n++)
        if (strcasecmp(a->names[n], name) == 0)
            return true;
    return false;
}

static int add_column(struct alteration *a, const struct ddl_action *action, struct err *e)
{
    struct definition_column *col = NULL;
    uint32_t                  at = 0;

    /* IF NOT EXISTS asks for the columns before the statement, too. */
    if (action->if_exists && is_old_name(a, action->column->name))
        return 0;
    if (column_named(a->d, action->column->name) >= 0) {
        if (action->if_exists)
            return 0;
        return err_set(e, E_CONFIG, "it has a column %s already", action->column->name);
    }
    TRY(place_of(a->d, action, &at, e));
    TRY(insert_column(a->d, at, &col, e));
    return definition_column_declare(col, action->column, a->session, a->d, e);
}

static int move_column(struct alteration *a, const struct ddl_action *action, struct err *e)
{
    struct definition *d = a->d;
    uint32_t           to = 0;
    int                from = column_named(d, action->column->name);

    if (action->place == DDL_PLACE_LAST || from < 0)
        return 0;
    struct definition_column moved = d->columns[from];
    d->column_count--;
    memmove(&d->columns[from], &d->columns[from + 1],
            (d->column_count - (uint32_t)from) * sizeof *d->columns);
    int result = place_of(d, action, &to, e);
    if (result != 0)
        to = d->column_count; /* it must not be lost on the way out */
    memmove(&d->columns[to + 1], &d->columns[to], (d->column_count - to) * sizeof *d->columns);
    d->columns[to] = moved;
    d->column_count++;
    return result;
}

/* The order in which the parts of a statement count, whatever order they are written in. */
enum phase {
    PHASE_CONVERT_TABLE,
    PHASE_OPTIONS, /* DEFAULT CHARACTER SET goes before CONVERT TO */
    PHASE_OLD_COLUMNS,
    PHASE_DEFAULTS, /* SET DEFAULT goes before what a MODIFY beside it says */
    PHASE_NEW_COLUMNS,
    PHASE_CONVERT_COLUMNS,
    PHASES
};

typedef int take_action(struct alteration *a, const struct ddl_action *action, struct err *e);

static const struct step {
    take_action         *take;
    enum phase           phase;
    enum ddl_action_kind kind;
} steps[] = {
    { set_charset, PHASE_CONVERT_TABLE, DDL_CONVERT },
    { set_charset, PHASE_OPTIONS, DDL_SET_CHARSET },
    { set_comment, PHASE_OPTIONS, DDL_SET_COMMENT },
    { drop_column, PHASE_OLD_COLUMNS, DDL_DROP_COLUMN },
    { change_column, PHASE_OLD_COLUMNS, DDL_CHANGE_COLUMN },
    { rename_column, PHASE_OLD_COLUMNS, DDL_RENAME_COLUMN },
    { set_default, PHASE_DEFAULTS, DDL_SET_DEFAULT },
    { move_column, PHASE_NEW_COLUMNS, DDL_CHANGE_COLUMN },
    { add_column, PHASE_NEW_COLUMNS, DDL_ADD_COLUMN },
    { convert, PHASE_CONVERT_COLUMNS, DDL_CONVERT },
};

static int take_step(struct alteration *a, const struct ddl_action *action, enum phase phase,
                     struct err *e)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i].phase == phase && steps[i].kind == action->kind)
            return steps[i].take(a, action, e);
    return 0;
}

/* IF EXISTS and IF NOT EXISTS of MariaDB hold for the primary key of their element, too: it is left
   out where the table had one before the statement, even if the statement drops that. */
static bool leaves_out_primary(const struct alteration *a, const struct ddl_action *action)
{
    return action->if_exists && a->had_primary;
}

/* A change that IF EXISTS left out makes no key, but a column that IF NOT EXISTS found does. */
static bool makes_key(const struct alteration *a, const struct ddl_action *action, int at)
{
    if (action->kind == DDL_CHANGE_COLUMN &&
        origin_named(a->d, a->names, a->count, action->name) != at)
        return false;
    return !action->column->is_primary || !leaves_out_primary(a, action);
}

/* Keys count in their order: what comes first is the key. */
static int key_step(struct alteration *a, const struct ddl_action *action, struct err *e)
{
    struct definition *d = a->d;

    if (action->kind == DDL_ADD_KEY) {
        if (action->key->kind != DDL_KEY_PRIMARY || !leaves_out_primary(a, action))
            add_key(d, action->key);
    } else if (action->kind == DDL_ADD_COLUMN || action->kind == DDL_CHANGE_COLUMN) {
        int at = column_named(d, action->column->name);
        if (at >= 0 && makes_key(a, action, at))
            add_key_of_column(a, action->column->name, action->column);
    } else if (action->kind == DDL_ADD_SYSTEM_VERSIONING) {
        return add_versioning(d, a->statement, e);
    } else if (action->kind == DDL_DROP_SYSTEM_VERSIONING) {
        while (d->column_count > end_of_columns(d))
            remove_column(d, d->column_count - 1);
    }
    return 0;
}

static int apply(struct alteration *a, struct err *e)
{
    const struct ddl *s = a->statement;

    for (int phase = 0; phase < PHASES; phase++)
        for (uint32_t i = 0; i < s->action_count; i++)
            TRY(take_step(a, &s->actions[i], (enum phase)phase, e));
    for (uint32_t i = 0; i < s->action_count; i++) /* means the old one, wherever it stands */
        if (s->actions[i].kind == DDL_DROP_PRIMARY)
            clear_key(a->d);
    for (uint32_t i = 0; i < s->action_count; i++)
        TRY(key_step(a, &s->actions[i], e));
    return collect_key(a->d, e);
}

int definition_alter(struct definition *d, const struct ddl *statement,
                     const struct ddl_session *session, const struct definition_charset *defaults,
                     struct err *e)
{
    struct alteration a = {
        .d = d,
        .statement = statement,
        .session = session,
        .defaults = *defaults,
        .count = d->column_count,
        .had_primary = d->key_is_primary,
    };

    a.names = calloc((size_t)a.count + 1, sizeof *a.names);
    if (a.names == NULL)
        return err_set(e, E_NOMEM, "no memory for the names of %u columns", a.count);
    for (uint32_t i = 0; i < a.count; i++)
        memcpy(a.names[i], d->columns[i].name, sizeof a.names[i]);
    mark_key(d);
    int result = apply(&a, e);
    free(a.names);
    return result;
}

/* ---- new tables ---- */

int definition_declare(const struct ddl *statement, const struct ddl_session *session,
                       const char *database, const char *table,
                       const struct definition_charset *defaults, struct definition **out,
                       struct err *e)
{
    struct definition *d = NULL;

    TRY(definition_new(slice_of_text(database), slice_of_text(table), 0, &d, e));
    d->is_declared = true;
    d->charset = defaults->charset;
    if ((defaults->name[0] != 0 && definition_set_text(&d->charset_name, defaults->name, e) != 0) ||
        definition_alter(d, statement, session, defaults, e) != 0) {
        definition_free(d);
        return -1;
    }
    *out = d;
    return 0;
}

/* clang-format off */
static const struct sequence_column {
    const char *name, *type_name;
    uint8_t     type;
    bool        is_unsigned;
} sequence_columns[] = {
    { "next_not_cached_value", "BIGINT", FIELD_LONGLONG, false }, { "minimum_value", "BIGINT", FIELD_LONGLONG, false },
    { "maximum_value", "BIGINT", FIELD_LONGLONG, false }, { "start_value", "BIGINT", FIELD_LONGLONG, false },
    { "increment", "BIGINT", FIELD_LONGLONG, false }, { "cache_size", "BIGINT UNSIGNED", FIELD_LONGLONG, true },
    { "cycle_option", "TINYINT UNSIGNED", FIELD_TINY, true }, { "cycle_count", "BIGINT", FIELD_LONGLONG, false },
};
/* clang-format on */

int definition_sequence(const char *database, const char *table, struct definition **out,
                        struct err *e)
{
    enum { COUNT = sizeof sequence_columns / sizeof *sequence_columns };
    struct definition *d = NULL;
    int                result = 0;

    TRY(definition_new(slice_of_text(database), slice_of_text(table), COUNT, &d, e));
    d->is_declared = true;
    for (size_t i = 0; i < COUNT && result == 0; i++) {
        const struct sequence_column *from = &sequence_columns[i];
        d->columns[i].type = from->type;
        d->columns[i].is_unsigned = from->is_unsigned;
        result = definition_column_name(&d->columns[i], from->name, e);
        if (result == 0)
            result = definition_set_text(&d->columns[i].type_name, from->type_name, e);
    }
    if (result != 0) {
        definition_free(d);
        return -1;
    }
    *out = d;
    return 0;
}

static int copy_column(struct definition_column *to, const struct definition_column *from,
                       struct err *e)
{
    *to = *from;
    to->type_name = to->charset_name = to->default_text = to->comment = NULL;
    to->members = NULL;
    to->member_count = 0;
    TRY(definition_set_text(&to->type_name, from->type_name, e));
    TRY(definition_set_text(&to->charset_name, from->charset_name, e));
    TRY(definition_set_text(&to->default_text, from->default_text, e));
    TRY(definition_set_text(&to->comment, from->comment, e));
    for (uint32_t i = 0; i < from->member_count; i++)
        TRY(definition_column_member(to, slice_of_text(from->members[i]), e));
    return 0;
}

int definition_copy(const struct definition *d, const char *database, const char *table,
                    struct definition **out, struct err *e)
{
    struct definition *made = NULL;
    int                result = 0;

    TRY(definition_new(slice_of_text(database), slice_of_text(table), d->column_count, &made, e));
    for (uint32_t i = 0; i < d->column_count && result == 0; i++)
        result = copy_column(&made->columns[i], &d->columns[i], e);
    memcpy(made->key, d->key, d->key_count * sizeof *d->key);
    made->key_count = d->key_count;
    made->is_declared = d->is_declared;
    made->key_is_primary = d->key_is_primary;
    made->is_guessed = d->is_guessed;
    made->charset = d->charset;
    if (result != 0 || definition_set_text(&made->charset_name, d->charset_name, e) != 0) {
        definition_free(made);
        return -1;
    }
    *out = made;
    return 0;
}
