/* CREATE TABLE and ALTER TABLE. */
#include "publisher/tables/ddl_parser.h"
#include "protocol/table_map.h"
#include <strings.h>

struct ddl_action *ddl_action(struct ddl_parser *p, enum ddl_action_kind kind)
{
    enum { ACTIONS_MAX = 16384 }; /* four for each column that a table can have */
    void *array = p->ddl->actions;

    if (p->ddl->action_count >= ACTIONS_MAX) {
        p->lost = true;
        return NULL;
    }
    struct ddl_action *a = ddl_more(p, &array, p->ddl->action_count, sizeof *a);

    if (a == NULL)
        return NULL;
    *a = (struct ddl_action){ .kind = kind };
    p->ddl->actions = array;
    p->ddl->action_count++;
    return a;
}

struct ddl_name *ddl_table(struct ddl_parser *p)
{
    enum { TABLES_MAX = 65536 };
    void *array = p->ddl->tables;

    if (p->ddl->table_count >= TABLES_MAX) {
        p->lost = true;
        return NULL;
    }
    struct ddl_name *t = ddl_more(p, &array, p->ddl->table_count, sizeof *t);

    if (t == NULL)
        return NULL;
    ddl_table_name(p, t);
    if (!p->lost) {
        p->ddl->tables = array;
        p->ddl->table_count++;
    }
    return t;
}

/* ---- keys ---- */

static const char *key_part(struct ddl_parser *p)
{
    const char *column = NULL;

    if (ddl_at_punct(p, '(')) {
        ddl_skip_parens(p);
    } else {
        struct ddl_token next = ddl_peek(p);
        column = ddl_name(p);
        /* A function without parentheses around it is none that servers take, but who knows. */
        if (next.kind == DDL_TOKEN_PUNCT && next.text.ptr[0] == '(')
            ddl_skip_parens(p);
    }
    ddl_skip_element(p); /* ASC, DESC, WITHOUT OVERLAPS */
    return column;
}

struct ddl_key *ddl_key_parts(struct ddl_parser *p, enum ddl_key_kind kind)
{
    struct ddl_key *key = ddl_room(p, sizeof *key);
    void           *array = NULL;

    if (key == NULL)
        return NULL;
    key->kind = kind;
    if (!ddl_punct(p, '(')) {
        p->lost = true;
        return key;
    }
    while (!ddl_at_end(p) && !ddl_at_punct(p, ')')) {
        if (key->column_count >= TABLE_MAP_COLUMNS_MAX)
            p->lost = true;
        const char  *column = key_part(p);
        const char **slot = ddl_more(p, &array, key->column_count, sizeof *slot);
        if (slot == NULL)
            return key;
        *slot = column;
        key->column_count++;
        (void)ddl_punct(p, ',');
    }
    key->columns = array;
    (void)ddl_punct(p, ')');
    return key;
}

/* Behind PRIMARY KEY, UNIQUE, KEY and their like: IF NOT EXISTS, name, USING, parts, options. */
static void key_element(struct ddl_parser *p, enum ddl_key_kind kind)
{
    bool if_exists = ddl_if_exists(p);

    while (!ddl_at_end(p) && !ddl_at_punct(p, '(') && !ddl_at_punct(p, ','))
        ddl_take(p);
    struct ddl_key    *key = ddl_key_parts(p, kind);
    struct ddl_action *a = ddl_action(p, DDL_ADD_KEY);
    if (a != NULL) {
        a->if_exists = if_exists;
        a->key = key;
    }
    ddl_skip_element(p);
}

/* An index that is no key. VECTOR may also be a column's name. */
static bool is_other_key(const struct ddl_parser *p)
{
    struct ddl_token next = ddl_peek(p);

    if (ddl_at_word(p, "VECTOR"))
        return ddl_token_is(&next, "KEY") || ddl_token_is(&next, "INDEX") ||
               (next.kind == DDL_TOKEN_PUNCT && next.text.ptr[0] == '(');
    return ddl_at_word(p, "KEY") || ddl_at_word(p, "INDEX") || ddl_at_word(p, "FULLTEXT") ||
           ddl_at_word(p, "SPATIAL");
}

/* Whether the element is a key, a check or anything else that is no column; then it is taken. */
static bool other_element(struct ddl_parser *p)
{
    struct ddl_token next = ddl_peek(p);

    if (ddl_word(p, "CONSTRAINT")) {
        if (!ddl_at_word(p, "PRIMARY") && !ddl_at_word(p, "UNIQUE") && !ddl_at_word(p, "FOREIGN") &&
            !ddl_at_word(p, "CHECK"))
            (void)ddl_name(p);
    }
    if (ddl_words(p, "PRIMARY", "KEY"))
        key_element(p, DDL_KEY_PRIMARY);
    else if (ddl_word(p, "UNIQUE"))
        key_element(p, DDL_KEY_UNIQUE);
    else if (is_other_key(p) || ddl_at_word(p, "FOREIGN") || ddl_at_word(p, "CHECK") ||
             (ddl_at_word(p, "PERIOD") &&
              (ddl_token_is(&next, "FOR") || ddl_token_is(&next, "IF"))))
        ddl_skip_element(p);
    else
        return false;
    return true;
}

/* ---- columns ---- */

static struct ddl_column *column_named(struct ddl_parser *p, const char *name)
{
    struct ddl_column *c = ddl_room(p, sizeof *c);
    if (c == NULL)
        return NULL;
    c->name = name;
    ddl_column_body(p, c);
    return c;
}

static void place(struct ddl_parser *p, struct ddl_action *a)
{
    if (ddl_word(p, "FIRST")) {
        a->place = DDL_PLACE_FIRST;
    } else if (ddl_word(p, "AFTER")) {
        a->place = DDL_PLACE_AFTER;
        a->after = ddl_name(p);
    }
}

static void add_column(struct ddl_parser *p, bool if_exists)
{
    const char        *name = ddl_name(p);
    struct ddl_column *c = column_named(p, name);
    struct ddl_action *a = c != NULL ? ddl_action(p, DDL_ADD_COLUMN) : NULL;

    if (a == NULL)
        return;
    a->if_exists = if_exists;
    a->column = c;
    place(p, a);
}

/* (a INT, KEY (a), ...) */
static void elements(struct ddl_parser *p)
{
    ddl_take(p);
    while (!ddl_at_end(p) && !ddl_at_punct(p, ')')) {
        if (!other_element(p))
            add_column(p, false);
        ddl_skip_element(p);
        if (!ddl_punct(p, ',') && !ddl_at_punct(p, ')'))
            p->lost = true;
    }
    if (!ddl_punct(p, ')'))
        p->lost = true;
}

/* ---- options ---- */

static void put_charset(struct ddl_parser *p, enum ddl_action_kind kind, const char *charset,
                        const char *collation)
{
    struct ddl_action *a = ddl_action(p, kind);
    if (a != NULL) {
        a->name = charset;
        a->to = collation;
    }
}

/* A table's option that matters here. */
static bool option(struct ddl_parser *p)
{
    const char *charset = NULL;
    const char *collation = NULL;

    if (ddl_charset(p, &charset, &collation)) {
        put_charset(p, DDL_SET_CHARSET, charset, collation);
        return true;
    }
    if (ddl_word(p, "COMMENT")) {
        (void)ddl_punct(p, '=');
        const char        *text = ddl_raw_text(p);
        struct ddl_action *a = ddl_action(p, DDL_SET_COMMENT);
        if (a != NULL)
            a->name = text;
        return true;
    }
    if (ddl_at_word(p, "WITH")) {
        ddl_take(p);
        if (ddl_words(p, "SYSTEM", "VERSIONING"))
            (void)ddl_action(p, DDL_ADD_SYSTEM_VERSIONING);
        return true;
    }
    return false;
}

/* What is created from a query can't be known from the statement. */
static void create_options(struct ddl_parser *p)
{
    while (!ddl_at_end(p)) {
        struct ddl_token next = ddl_peek(p);
        if (ddl_at_word(p, "SELECT") || ddl_at_word(p, "VALUES") ||
            (ddl_at_punct(p, '(') && ddl_token_is(&next, "SELECT"))) {
            p->lost = true;
        } else if (ddl_at_punct(p, '(')) {
            ddl_skip_parens(p);
        } else if (!option(p)) {
            ddl_take(p);
        }
    }
}

void ddl_create_table(struct ddl_parser *p)
{
    struct ddl_token next;

    p->ddl->kind = DDL_CREATE_TABLE;
    p->ddl->if_exists = ddl_if_exists(p);
    (void)ddl_table(p);
    next = ddl_peek(p);
    if (ddl_word(p, "LIKE")) {
        p->ddl->is_like = true;
        (void)ddl_table(p);
    } else if (ddl_at_punct(p, '(') && ddl_token_is(&next, "LIKE")) {
        ddl_take(p);
        ddl_take(p);
        p->ddl->is_like = true;
        (void)ddl_table(p);
    } else if (ddl_at_punct(p, '(') && !ddl_token_is(&next, "SELECT")) {
        elements(p);
        create_options(p);
    } else {
        p->lost = true; /* of a query alone */
    }
}

/* ---- ALTER TABLE ---- */

static void alter_add(struct ddl_parser *p)
{
    (void)ddl_word(p, "COLUMN");
    if (ddl_words(p, "SYSTEM", "VERSIONING")) {
        (void)ddl_action(p, DDL_ADD_SYSTEM_VERSIONING);
        return;
    }
    if (ddl_at_word(p, "PARTITION")) {
        p->token.kind = DDL_TOKEN_END;
        p->lexer.at = p->lexer.text.len;
        return;
    }
    bool if_exists = ddl_if_exists(p);
    if (ddl_at_punct(p, '(')) {
        uint32_t from = p->ddl->action_count;
        elements(p);
        for (; from < p->ddl->action_count; from++)
            if (p->ddl->actions[from].kind == DDL_ADD_COLUMN) /* keys in there have their own */
                p->ddl->actions[from].if_exists = if_exists;
    } else if (!other_element(p)) {
        add_column(p, if_exists);
    }
}

void ddl_drop_index(struct ddl_parser *p)
{
    (void)ddl_if_exists(p);
    if (strcasecmp(ddl_name(p), "PRIMARY") == 0)
        (void)ddl_action(p, DDL_DROP_PRIMARY);
}

static void alter_drop(struct ddl_parser *p)
{
    bool is_column = ddl_word(p, "COLUMN");

    if (!is_column) {
        if (ddl_words(p, "PRIMARY", "KEY")) {
            (void)ddl_action(p, DDL_DROP_PRIMARY);
            return;
        }
        if (ddl_words(p, "SYSTEM", "VERSIONING")) {
            (void)ddl_action(p, DDL_DROP_SYSTEM_VERSIONING);
            return;
        }
        struct ddl_token next = ddl_peek(p);
        if (ddl_word(p, "INDEX") || ddl_word(p, "KEY") || ddl_word(p, "CONSTRAINT")) {
            ddl_drop_index(p);
            return;
        }
        if (ddl_at_word(p, "FOREIGN") || ddl_at_word(p, "CHECK") || ddl_at_word(p, "PARTITION") ||
            (ddl_at_word(p, "PERIOD") && (ddl_token_is(&next, "FOR") || ddl_token_is(&next, "IF"))))
            return;
    }
    bool               if_exists = ddl_if_exists(p);
    const char        *name = ddl_name(p);
    struct ddl_action *a = ddl_action(p, DDL_DROP_COLUMN);
    if (a != NULL) {
        a->if_exists = if_exists;
        a->name = name;
    }
}

static void alter_change(struct ddl_parser *p, bool renames)
{
    (void)ddl_word(p, "COLUMN");
    bool               if_exists = ddl_if_exists(p);
    const char        *name = ddl_name(p);
    struct ddl_column *c = column_named(p, renames ? ddl_name(p) : name);
    struct ddl_action *a = c != NULL ? ddl_action(p, DDL_CHANGE_COLUMN) : NULL;
    if (a == NULL)
        return;
    a->if_exists = if_exists;
    a->renames = renames;
    a->name = name;
    a->column = c;
    place(p, a);
}

/* MODIFY (a INT, b INT) of sql_mode=ORACLE is not ours. */
static void alter_modify(struct ddl_parser *p)
{
    if (ddl_at_punct(p, '('))
        p->lost = true;
    else
        alter_change(p, false);
}

static void alter_alter(struct ddl_parser *p)
{
    if (!ddl_word(p, "COLUMN") && (ddl_at_word(p, "INDEX") || ddl_at_word(p, "KEY") ||
                                   ddl_at_word(p, "CHECK") || ddl_at_word(p, "CONSTRAINT")))
        return;
    bool               if_exists = ddl_if_exists(p);
    const char        *name = ddl_name(p);
    struct ddl_default dflt = { .kind = DDL_DEFAULT_NONE };
    if (ddl_words(p, "SET", "DEFAULT"))
        ddl_default_value(p, &dflt);
    else if (!ddl_words(p, "DROP", "DEFAULT"))
        return; /* SET VISIBLE */
    struct ddl_action *a = ddl_action(p, DDL_SET_DEFAULT);
    if (a != NULL) {
        a->if_exists = if_exists;
        a->name = name;
        a->dflt = dflt;
    }
}

static void alter_rename(struct ddl_parser *p)
{
    if (ddl_at_word(p, "INDEX") || ddl_at_word(p, "KEY"))
        return;
    struct ddl_action *a = NULL;
    if (ddl_word(p, "COLUMN")) {
        bool        if_exists = ddl_if_exists(p);
        const char *name = ddl_name(p);
        if (!ddl_word(p, "TO"))
            (void)ddl_word(p, "AS");
        const char *to = ddl_name(p);
        a = ddl_action(p, DDL_RENAME_COLUMN);
        if (a != NULL) {
            a->if_exists = if_exists;
            a->name = name;
            a->to = to;
        }
        return;
    }
    if (!ddl_word(p, "TO") && !ddl_word(p, "AS"))
        (void)ddl_punct(p, '=');
    struct ddl_name table;
    ddl_table_name(p, &table);
    a = ddl_action(p, DDL_RENAME_TO);
    if (a != NULL)
        a->table = table;
}

static void alter_convert(struct ddl_parser *p)
{
    const char *charset = NULL;
    const char *collation = NULL;

    if (!ddl_word(p, "TO"))
        return; /* PARTITION, TABLE */
    while (ddl_charset(p, &charset, &collation))
        continue;
    put_charset(p, DDL_CONVERT, charset, collation);
}

static void alteration(struct ddl_parser *p)
{
    struct ddl_token next = ddl_peek(p);

    /* Of partitions nothing matters here, and their lists have commas that end no element. */
    if (ddl_token_is(&next, "PARTITION") || ddl_at_word(p, "PARTITION")) {
        p->token.kind = DDL_TOKEN_END;
        p->lexer.at = p->lexer.text.len;
    } else if (ddl_word(p, "ADD")) {
        alter_add(p);
    } else if (ddl_word(p, "DROP")) {
        alter_drop(p);
    } else if (ddl_word(p, "CHANGE")) {
        alter_change(p, true);
    } else if (ddl_word(p, "MODIFY")) {
        alter_modify(p);
    } else if (ddl_word(p, "ALTER")) {
        alter_alter(p);
    } else if (ddl_word(p, "RENAME")) {
        alter_rename(p);
    } else if (ddl_word(p, "CONVERT")) {
        alter_convert(p);
    } else if (ddl_words(p, "ORDER", "BY")) {
        ddl_skip_element(p);
    } else {
        /* ENGINE=x COMMENT='y' CHARSET z: options need no commas between them. */
        while (!ddl_at_end(p) && !ddl_at_punct(p, ',')) {
            if (ddl_at_word(p, "PARTITION"))
                return;
            if (ddl_at_punct(p, '('))
                ddl_skip_parens(p);
            else if (!option(p))
                ddl_take(p);
        }
    }
}

void ddl_alter_table(struct ddl_parser *p)
{
    p->ddl->kind = DDL_ALTER_TABLE;
    p->ddl->if_exists = ddl_if_exists(p);
    (void)ddl_table(p);
    if (ddl_word(p, "WAIT"))
        ddl_take(p);
    else
        (void)ddl_word(p, "NOWAIT");
    while (!ddl_at_end(p)) {
        alteration(p);
        /* Options and PARTITION BY may follow the last element without a comma. */
        while (!ddl_at_end(p) && !ddl_at_punct(p, ',') && !ddl_at_word(p, "PARTITION")) {
            if (ddl_at_punct(p, '('))
                ddl_skip_parens(p);
            else if (!option(p))
                ddl_take(p);
        }
        (void)ddl_punct(p, ',');
    }
}
