/* What the source says of a table: SHOW CREATE TABLE, read like the DDL in the stream. */
#include "publisher/tables/definition_ddl.h"
#include <string.h>

/* The server's error numbers for "no such table" and "not for this account". */
enum source_error {
    ER_DBACCESS_DENIED = 1044,
    ER_BAD_DB = 1049,
    ER_TABLEACCESS_DENIED = 1142,
    ER_NO_SUCH_TABLE = 1146
};

struct answer {
    uint32_t   column; /* of the value that is wanted */
    uint32_t   rows;
    struct buf text;
};

static int on_row(void *arg, uint32_t columns, const char *const *values,
                  const unsigned long *lengths, struct err *e)
{
    struct answer *a = arg;

    if (columns <= a->column || values[a->column] == NULL)
        return err_set(e, E_PROTOCOL, "the source gave %u values a row", columns);
    a->rows++;
    buf_put(&a->text, (struct slice){ (const uint8_t *)values[a->column], lengths[a->column] });
    return buf_check(&a->text, "an answer of the source", e);
}

static void put_identifier(struct buf *out, const char *name)
{
    buf_put_u8(out, '`');
    for (const char *p = name; *p != 0; p++) {
        if (*p == '`')
            buf_put_u8(out, '`');
        buf_put_u8(out, (uint8_t)*p);
    }
    buf_put_u8(out, '`');
}

static int ask(definition_query *query, void *arg, const char *sql, struct answer *a, struct err *e)
{
    a->rows = 0;
    buf_clear(&a->text);
    return query(arg, sql, on_row, a, e);
}

static int ask_session(definition_query *query, void *arg, struct answer *a,
                       struct ddl_session *session, struct err *e)
{
    /* Whatever the source's sql_mode: it would change quotes and leave out what matters. */
    TRY(ask(query, arg, "SET SESSION sql_mode = ''", a, e));
    TRY(ask(query, arg, "SET SESSION sql_quote_show_create = 1", a, e));
    a->column = 0;
    TRY(ask(query, arg, "SELECT VERSION()", a, e));
    const char *version = buf_text(&a->text);
    *session = (struct ddl_session){
        .family = strstr(version, "MariaDB") != NULL ? FAMILY_MARIADB : FAMILY_MYSQL,
        .version = format_version_number(version),
        .explicit_timestamp = true, /* SHOW CREATE says NULL where a TIMESTAMP may be it */
    };
    return 0;
}

static int ask_table(definition_query *query, void *arg, const char *database, const char *table,
                     struct answer *a, struct err *e)
{
    enum { SQL_BYTES_MAX = 4 * DEFINITION_NAME_BYTES };
    struct buf sql;

    buf_init(&sql, SQL_BYTES_MAX);
    buf_put_text(&sql, "SHOW CREATE TABLE ");
    put_identifier(&sql, database);
    buf_put_u8(&sql, '.');
    put_identifier(&sql, table);
    int result = buf_check(&sql, "a question to the source", e);
    a->column = 1;
    if (result == 0)
        result = ask(query, arg, buf_text(&sql), a, e);
    buf_done(&sql);
    return result;
}

static int no_table(const char *database, const char *table, struct err *e)
{
    return err_set(e, E_PURGED,
                   "the source has no table %s.%s (any more), or its account may not see it",
                   database, table);
}

static bool is_no_table(const struct err *e)
{
    return e->kind == E_REFUSED &&
           (e->sys == ER_NO_SUCH_TABLE || e->sys == ER_BAD_DB || e->sys == ER_DBACCESS_DENIED ||
            e->sys == ER_TABLEACCESS_DENIED);
}

int definition_from_create(const struct ddl_session *session, struct slice text,
                           const char *database, const char *table, struct definition **out,
                           struct err *e)
{
    struct definition_charset none = { 0 };
    struct ddl               *statement = NULL;
    int                       result;

    TRY(ddl_read(session, text, &statement, e));
    if (statement->kind == DDL_CREATE_TABLE)
        result = definition_declare(statement, session, database, table, &none, out, e);
    else if (statement->kind == DDL_CREATE_SEQUENCE)
        result = definition_sequence(database, table, out, e);
    else if (statement->kind == DDL_OTHER) /* a view now */
        result = no_table(database, table, e);
    else
        result =
            err_set(e, E_CONFIG, "what the source says of %s.%s can't be read", database, table);
    ddl_free(statement);
    return result;
}

int definition_from_source(definition_query *query, void *arg, const char *database,
                           const char *table, struct definition **out, struct err *e)
{
    enum { ANSWER_BYTES_MAX = 16 << 20 };
    struct answer      a = { .column = 0 };
    struct ddl_session session;

    buf_init(&a.text, ANSWER_BYTES_MAX);
    int result = ask_session(query, arg, &a, &session, e);
    if (result == 0)
        result = ask_table(query, arg, database, table, &a, e);
    if (result == 0 ? a.rows != 1 : is_no_table(e))
        result = no_table(database, table, e);
    if (result == 0)
        result = definition_from_create(&session, buf_slice(&a.text), database, table, out, e);
    buf_done(&a.text);
    return result;
}

/* ---- all of them ---- */

/* Database and table, each with its zero byte, one behind the other. */
static int on_name(void *arg, uint32_t columns, const char *const *values,
                   const unsigned long *lengths, struct err *e)
{
    struct buf *names = arg;

    for (uint32_t i = 0; i < 2; i++) {
        if (columns != 2 || values[i] == NULL || lengths[i] >= DEFINITION_NAME_BYTES)
            return err_set(e, E_PROTOCOL, "information_schema.tables gave %u values a row",
                           columns);
        buf_put(names, (struct slice){ (const uint8_t *)values[i], lengths[i] });
        buf_put_u8(names, 0);
    }
    return buf_check(names, "the names of the source's tables", e);
}

static int take_one(definition_query *query, void *arg, const char *database, const char *table,
                    const struct definition_taker *taker, struct err *e)
{
    struct definition *d = NULL;
    struct err         why = { 0 };

    if (!taker->wants(taker->arg, database, table))
        return 0;
    if (definition_from_source(query, arg, database, table, &d, &why) == 0)
        return taker->take(taker->arg, d, e);
    if (why.kind == E_PURGED || why.kind == E_CONFIG)
        return 0;
    *e = why;
    return -1;
}

int definition_each_from_source(definition_query *query, void *arg,
                                const struct definition_taker *taker, struct err *e)
{
    enum { NAMES_BYTES_MAX = 64 << 20 };
    struct buf names;

    buf_init(&names, NAMES_BYTES_MAX);
    /* The servers' own schemas are never published. MariaDB would open the views of 'sys' for this,
       and can crash at it (10.11.19) while tables are being created. */
    int         result = query(arg,
                               "SELECT table_schema, table_name FROM information_schema.tables WHERE "
                                       "table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND table_schema NOT IN "
                                       "('sys', 'information_schema', 'performance_schema')",
                               on_name, &names, e);
    const char *at = buf_text(&names);
    const char *end = at + names.len;
    while (result == 0 && at < end) {
        const char *table = at + strlen(at) + 1;
        result = take_one(query, arg, at, table, taker, e);
        at = table + strlen(table) + 1;
    }
    buf_done(&names);
    return result;
}
