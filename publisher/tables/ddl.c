#include "publisher/tables/ddl.h"
#include "publisher/tables/ddl_parser.h"
#include <stdlib.h>

/* ---- the session ---- */

/* clang-format off */
/* Status variables of a QUERY event, with the length of those that have a fixed one. */
enum status_var {
    STATUS_FLAGS2 = 0, STATUS_SQL_MODE = 1, STATUS_CATALOG = 2, STATUS_AUTO_INCREMENT = 3,
    STATUS_CHARSET = 4, STATUS_TIME_ZONE = 5, STATUS_CATALOG_NZ = 6, STATUS_LC_TIME_NAMES = 7,
    STATUS_CHARSET_DATABASE = 8, STATUS_TABLE_MAP = 9, STATUS_MASTER_DATA_WRITTEN = 10,
    STATUS_INVOKER = 11, STATUS_UPDATED_DB_NAMES = 12, STATUS_MICROSECONDS = 13,
    STATUS_COMMIT_TS = 14, STATUS_COMMIT_TS2 = 15, STATUS_EXPLICIT_TIMESTAMP = 16,
    STATUS_DDL_XID = 17, STATUS_UTF8MB4_COLLATION = 18, STATUS_REQUIRE_PRIMARY_KEY = 19,
    STATUS_TABLE_ENCRYPTION = 20, STATUS_MARIADB_HRNOW = 128, STATUS_MARIADB_XID = 129,
    STATUS_MARIADB_GTID_FLAGS3 = 130, STATUS_MARIADB_COLLATIONS = 131
};
static const uint8_t status_lengths[256] = {
    [STATUS_AUTO_INCREMENT] = 4, [STATUS_LC_TIME_NAMES] = 2, [STATUS_CHARSET_DATABASE] = 2,
    [STATUS_TABLE_MAP] = 8, [STATUS_MASTER_DATA_WRITTEN] = 4, [STATUS_MICROSECONDS] = 3,
    [STATUS_COMMIT_TS] = 8, [STATUS_COMMIT_TS2] = 8, [STATUS_DDL_XID] = 8,
    [STATUS_UTF8MB4_COLLATION] = 2, [STATUS_REQUIRE_PRIMARY_KEY] = 1, [STATUS_TABLE_ENCRYPTION] = 1,
    [STATUS_MARIADB_HRNOW] = 3, [STATUS_MARIADB_XID] = 8, [STATUS_MARIADB_GTID_FLAGS3] = 2,
};
enum sql_mode_bit {
    MODE_REAL_AS_FLOAT = 1, MODE_ANSI_QUOTES = 4, MODE_ORACLE = 512,
    MODE_NO_BACKSLASH_ESCAPES = 1 << 20
};
/* clang-format on */

/* MySQL 8 has explicit_defaults_for_timestamp on and tells when a session has it otherwise, MariaDB
   tells by a bit of flags2. */
enum { EXPLICIT_SINCE_MYSQL = 80002, MARIADB_EXPLICIT_TIMESTAMP = 1 << 24 };

static void take_updated_names(struct cursor *c)
{
    enum { TOO_MANY = 254 };
    uint8_t count = cursor_u8(c);
    for (uint8_t i = 0; count != TOO_MANY && i < count && !c->failed; i++)
        (void)cursor_until_zero(c);
}

static bool take_status(struct cursor *c, struct ddl_session *s)
{
    uint8_t  var = cursor_u8(c);
    uint64_t mode;

    switch (var) {
    case STATUS_FLAGS2:
        mode = cursor_u32(c);
        if (s->family == FAMILY_MARIADB)
            s->explicit_timestamp = (mode & MARIADB_EXPLICIT_TIMESTAMP) != 0;
        return true;
    case STATUS_SQL_MODE:
        mode = cursor_u64(c);
        s->ansi_quotes = (mode & MODE_ANSI_QUOTES) != 0;
        s->no_backslash_escapes = (mode & MODE_NO_BACKSLASH_ESCAPES) != 0;
        s->real_as_float = (mode & MODE_REAL_AS_FLOAT) != 0;
        s->oracle = s->family == FAMILY_MARIADB && (mode & MODE_ORACLE) != 0;
        return true;
    case STATUS_CHARSET:
        s->client = charset_of_collation(cursor_u16(c));
        cursor_skip(c, 2);
        s->server = charset_of_collation(cursor_u16(c));
        return true;
    case STATUS_CATALOG:
        cursor_skip(c, cursor_u8(c) + 1u);
        return true;
    case STATUS_TIME_ZONE:
    case STATUS_CATALOG_NZ:
        cursor_skip(c, cursor_u8(c));
        return true;
    case STATUS_INVOKER:
        cursor_skip(c, cursor_u8(c));
        cursor_skip(c, cursor_u8(c));
        return true;
    case STATUS_UPDATED_DB_NAMES:
        take_updated_names(c);
        return true;
    case STATUS_MARIADB_COLLATIONS: /* character_set_collations: a set and its collation each */
        cursor_skip(c, (size_t)cursor_u8(c) * 4);
        return true;
    case STATUS_EXPLICIT_TIMESTAMP:
        s->explicit_timestamp = cursor_u8(c) != 0;
        return true;
    default: /* what nobody told us about ends the list */
        cursor_skip(c, status_lengths[var]);
        return status_lengths[var] != 0;
    }
}

void ddl_session_of(const struct format *f, struct slice status_vars, struct ddl_session *out)
{
    struct cursor c = cursor_over(status_vars);

    *out = (struct ddl_session){ .family = f->family, .version = f->version_number };
    out->explicit_timestamp =
        f->family == FAMILY_MYSQL && f->version_number >= EXPLICIT_SINCE_MYSQL;
    while (c.left > 0 && !c.failed && take_status(&c, out))
        continue;
}

/* ---- statements ---- */

static void rename_table(struct ddl_parser *p)
{
    p->ddl->kind = DDL_RENAME_TABLE;
    p->ddl->if_exists = ddl_if_exists(p);
    do {
        (void)ddl_table(p);
        if (ddl_word(p, "WAIT"))
            ddl_take(p);
        else
            (void)ddl_word(p, "NOWAIT");
        if (!ddl_word(p, "TO"))
            p->lost = true;
        if (!p->lost)
            (void)ddl_table(p);
    } while (!ddl_at_end(p) && ddl_punct(p, ','));
}

static void drop_table(struct ddl_parser *p)
{
    p->ddl->kind = DDL_DROP_TABLE;
    p->ddl->if_exists = ddl_if_exists(p);
    do
        (void)ddl_table(p);
    while (!ddl_at_end(p) && ddl_punct(p, ','));
}

/* Behind CREATE [UNIQUE] INDEX or DROP INDEX: the table stands behind ON. */
static void index_statement(struct ddl_parser *p, enum ddl_kind kind)
{
    p->ddl->kind = kind;
    if (kind == DDL_DROP_INDEX)
        ddl_drop_index(p);
    while (!ddl_at_end(p) && !ddl_at_word(p, "ON"))
        ddl_take(p);
    if (!ddl_word(p, "ON"))
        p->lost = true;
    (void)ddl_table(p);
    if (kind != DDL_CREATE_INDEX || !p->ddl->is_unique_index || p->lost)
        return;
    while (!ddl_at_end(p) && !ddl_at_punct(p, '('))
        ddl_take(p);
    struct ddl_key    *key = ddl_key_parts(p, DDL_KEY_UNIQUE);
    struct ddl_action *a = ddl_action(p, DDL_ADD_KEY);
    if (a != NULL)
        a->key = key;
}

static void database_statement(struct ddl_parser *p, enum ddl_kind kind)
{
    struct ddl_token next;

    p->ddl->kind = kind;
    p->ddl->if_exists = ddl_if_exists(p);
    p->ddl->database = "";
    next = ddl_peek(p);
    /* ALTER DATABASE needs no name: then an option stands here. */
    bool has_name =
        kind != DDL_ALTER_DATABASE || p->token.kind == DDL_TOKEN_NAME ||
        !(ddl_at_word(p, "DEFAULT") || ddl_at_word(p, "COLLATE") || ddl_at_word(p, "CHARSET") ||
          (ddl_at_word(p, "CHARACTER") && ddl_token_is(&next, "SET")) || ddl_at_word(p, "READ") ||
          ddl_at_word(p, "ENCRYPTION") || ddl_at_word(p, "COMMENT"));
    if (has_name)
        p->ddl->database = ddl_name(p);
    while (!ddl_at_end(p))
        if (!ddl_charset(p, &p->ddl->charset, &p->ddl->collation))
            ddl_take(p);
}

static void create(struct ddl_parser *p)
{
    if (ddl_words(p, "OR", "REPLACE"))
        p->ddl->or_replace = true;
    while (ddl_word(p, "ONLINE") || ddl_word(p, "OFFLINE"))
        continue;
    if (ddl_at_word(p, "TEMPORARY")) {
        p->ddl->kind = DDL_OTHER;
    } else if (ddl_word(p, "TABLE")) {
        ddl_create_table(p);
    } else if (ddl_word(p, "SEQUENCE")) {
        p->ddl->kind = DDL_CREATE_SEQUENCE;
        p->ddl->if_exists = ddl_if_exists(p);
        (void)ddl_table(p);
    } else if (ddl_word(p, "DATABASE") || ddl_word(p, "SCHEMA")) {
        database_statement(p, DDL_CREATE_DATABASE);
    } else if (ddl_at_word(p, "UNIQUE")) {
        const uint8_t *from = p->token.text.ptr;
        p->ddl->index_text =
            (struct slice){ from, (size_t)(p->ddl->text.ptr + p->ddl->text.len - from) };
        p->ddl->is_unique_index = true;
        index_statement(p, DDL_CREATE_INDEX);
    } else if (ddl_at_word(p, "INDEX") || ddl_at_word(p, "FULLTEXT") || ddl_at_word(p, "SPATIAL") ||
               ddl_at_word(p, "VECTOR")) {
        index_statement(p, DDL_CREATE_INDEX);
    }
}

static void alter(struct ddl_parser *p)
{
    while (ddl_word(p, "ONLINE") || ddl_word(p, "OFFLINE") || ddl_word(p, "IGNORE"))
        continue;
    if (ddl_word(p, "TABLE"))
        ddl_alter_table(p);
    else if (ddl_word(p, "DATABASE") || ddl_word(p, "SCHEMA"))
        database_statement(p, DDL_ALTER_DATABASE);
}

static void drop(struct ddl_parser *p)
{
    p->ddl->is_sequence = ddl_at_word(p, "SEQUENCE");
    if (ddl_word(p, "TABLE") || ddl_word(p, "TABLES") || ddl_word(p, "SEQUENCE"))
        drop_table(p);
    else if (ddl_word(p, "INDEX"))
        index_statement(p, DDL_DROP_INDEX);
    else if (ddl_word(p, "DATABASE") || ddl_word(p, "SCHEMA"))
        database_statement(p, DDL_DROP_DATABASE);
}

/* Whether CREATE, ALTER or DROP is about an EVENT: behind DEFINER=... and OR REPLACE. */
static bool is_of_event(const struct ddl_parser *p)
{
    struct ddl_lexer ahead = p->lexer;
    struct ddl_token t = p->token;

    if (ddl_token_is(&t, "OR")) {
        (void)ddl_token_next(&ahead);
        t = ddl_token_next(&ahead);
    }
    if (ddl_token_is(&t, "DEFINER")) {
        enum { DEFINER_TOKENS_MAX = 8 };
        for (int i = 0; i < DEFINER_TOKENS_MAX && !ddl_token_is(&t, "EVENT"); i++)
            t = ddl_token_next(&ahead);
    }
    return ddl_token_is(&t, "EVENT");
}

static void statement(struct ddl_parser *p)
{
    /* SET STATEMENT max_statement_time=1 FOR ...: what counts stands behind. */
    if (ddl_words(p, "SET", "STATEMENT"))
        while (!ddl_at_end(p) && !ddl_word(p, "FOR"))
            ddl_take(p);
    if (ddl_word(p, "CREATE")) {
        p->ddl->kind = is_of_event(p) ? DDL_NOTICE : DDL_OTHER;
        create(p);
    } else if (ddl_word(p, "ALTER")) {
        p->ddl->kind = is_of_event(p) ? DDL_NOTICE : DDL_OTHER;
        alter(p);
    } else if (ddl_word(p, "DROP")) {
        p->ddl->kind = is_of_event(p) ? DDL_NOTICE : DDL_OTHER;
        drop(p);
    } else if (ddl_words(p, "RENAME", "TABLE") || ddl_words(p, "RENAME", "TABLES")) {
        rename_table(p);
    } else if (ddl_word(p, "TRUNCATE")) {
        p->ddl->kind = DDL_TRUNCATE_TABLE;
        (void)ddl_word(p, "TABLE");
        (void)ddl_table(p);
    } else if (ddl_at_word(p, "FLUSH")) {
        p->ddl->kind = DDL_NOTICE;
    }
    if (p->lost) {
        p->ddl->kind = DDL_UNREADABLE;
        p->ddl->action_count = 0;
    }
}

/* ---- reading ---- */

/* Cheap, since most statements in a stream are none of ours and may be long. */
static bool may_be_ddl(const struct ddl_session *session, struct slice text)
{
    static const char *const words[] = { "CREATE", "ALTER",    "DROP", "RENAME",
                                         "SET",    "TRUNCATE", "FLUSH" };
    struct ddl_lexer         lexer = { .session = session, .text = text };
    struct ddl_token         first = ddl_token_next(&lexer);

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (ddl_token_is(&first, words[i]))
            return true;
    return false;
}

static int to_utf8(struct ddl_parser *p, struct slice *text, struct err *e)
{
    struct charset_converter *converter = NULL;
    struct slice              converted = *text;

    if (p->session->client == NULL || p->session->client->is_binary)
        return 0;
    TRY(charset_converter_new(p->session->client, &converter, e));
    if (converter == NULL)
        return 0;
    int result = charset_convert(converter, *text, &converted, e);
    if (result == 0) {
        text->ptr = (const uint8_t *)ddl_text(p, converted);
        text->len = p->no_memory ? 0 : converted.len;
    }
    charset_converter_free(converter);
    return result;
}

int ddl_read(const struct ddl_session *session, struct slice text, struct ddl **out, struct err *e)
{
    enum { DDL_BYTES_MAX = 16 << 20 }; /* no table has that much to say */
    struct ddl       *d = calloc(1, sizeof *d);
    struct ddl_parser p = { .session = session, .ddl = d };

    if (d == NULL)
        return err_set(e, E_NOMEM, "no memory for a statement");
    d->text = text;
    d->index_text = slice_empty();
    if (may_be_ddl(session, text)) {
        struct err unknown = { 0 };
        if (text.len > DDL_BYTES_MAX || to_utf8(&p, &d->text, &unknown) != 0) {
            d->kind = DDL_UNREADABLE;
        } else {
            p.lexer = (struct ddl_lexer){ .session = session, .text = d->text };
            ddl_take(&p);
            statement(&p);
        }
    }
    if (p.no_memory) {
        ddl_free(d);
        return err_set(e, E_NOMEM, "no memory to read a statement of %zu bytes", text.len);
    }
    *out = d;
    return 0;
}
