/* What the source's information_schema says about a table. */
#include "publisher/definition.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- a row of information_schema.columns ---- */

struct column_row {
    struct slice name, type_name, full_type, charset;
    bool         nullable;
};

/* Reads 'a','b''c' behind the parenthesis. information_schema doubles quotes and nothing else. */
static int read_members(struct definition *d, uint32_t column, struct slice full, struct err *e)
{
    char *text = malloc(full.len + 1);
    if (text == NULL)
        return err_set(e, E_NOMEM, "no memory for the members of %s", d->columns[column].name);

    size_t i = 0;
    int    result = 0;
    while (i < full.len && full.ptr[i] != '\'')
        i++;
    while (i < full.len && full.ptr[i] == '\'' && result == 0) {
        size_t n = 0;
        for (i++; i < full.len; i++) {
            if (full.ptr[i] == '\'' && (i + 1 >= full.len || full.ptr[i + 1] != '\''))
                break;
            if (full.ptr[i] == '\'')
                i++;
            text[n++] = (char)full.ptr[i];
        }
        result = definition_add_member(d, column, (struct slice){ (const uint8_t *)text, n }, e);
        i++;
        if (i < full.len && full.ptr[i] == ',')
            i++;
    }
    free(text);
    return result;
}

/* clang-format off */
static const struct source_type {
    const char *name;
    uint8_t     type;
} source_types[] = {
    { "tinyint", FIELD_TINY }, { "smallint", FIELD_SHORT }, { "mediumint", FIELD_INT24 },
    { "int", FIELD_LONG }, { "bigint", FIELD_LONGLONG }, { "decimal", FIELD_NEWDECIMAL },
    { "float", FIELD_FLOAT }, { "double", FIELD_DOUBLE }, { "bit", FIELD_BIT },
    { "char", FIELD_STRING }, { "varchar", FIELD_VARCHAR }, { "binary", FIELD_STRING },
    { "varbinary", FIELD_VARCHAR }, { "tinytext", FIELD_BLOB }, { "text", FIELD_BLOB },
    { "mediumtext", FIELD_BLOB }, { "longtext", FIELD_BLOB }, { "tinyblob", FIELD_BLOB },
    { "blob", FIELD_BLOB }, { "mediumblob", FIELD_BLOB }, { "longblob", FIELD_BLOB },
    { "enum", FIELD_ENUM }, { "set", FIELD_SET }, { "date", FIELD_DATE }, { "time", FIELD_TIME2 },
    { "datetime", FIELD_DATETIME2 }, { "timestamp", FIELD_TIMESTAMP2 }, { "year", FIELD_YEAR },
    { "json", FIELD_JSON }, { "geometry", FIELD_GEOMETRY }, { "point", FIELD_GEOMETRY },
    { "linestring", FIELD_GEOMETRY }, { "polygon", FIELD_GEOMETRY },
    { "multipoint", FIELD_GEOMETRY }, { "multilinestring", FIELD_GEOMETRY },
    { "multipolygon", FIELD_GEOMETRY }, { "geometrycollection", FIELD_GEOMETRY },
    { "geomcollection", FIELD_GEOMETRY }, { "vector", FIELD_VECTOR }, { "uuid", FIELD_STRING },
    { "inet6", FIELD_STRING }, { "inet4", FIELD_STRING },
};
/* clang-format on */

static bool slice_is(struct slice s, const char *text)
{
    return s.len == strlen(text) && strncasecmp((const char *)s.ptr, text, s.len) == 0;
}

static bool slice_has(struct slice s, const char *text)
{
    return memmem(s.ptr, s.len, text, strlen(text)) != NULL;
}

static int fill_column(struct definition *d, uint32_t i, const struct column_row *row,
                       struct err *e)
{
    struct definition_column *col = &d->columns[i];
    const struct source_type *found = NULL;

    TRY(definition_set_name(d, i, row->name, e));
    for (size_t k = 0; k < sizeof source_types / sizeof *source_types; k++)
        if (slice_is(row->type_name, source_types[k].name))
            found = &source_types[k];
    if (found == NULL)
        return err_set(e, E_CONFIG, "column %s has the unknown type '%.*s'", col->name,
                       (int)row->type_name.len, (const char *)row->type_name.ptr);
    col->type = found->type;
    col->nullable = row->nullable;
    if (col->type == FIELD_ENUM || col->type == FIELD_SET)
        TRY(read_members(d, i, row->full_type, e));
    else
        col->is_unsigned = slice_has(row->full_type, "unsigned");
    if (col->type == FIELD_FLOAT && slice_has(row->full_type, "("))
        col->form = FORM_FLOAT_SCALED;
    if (slice_is(row->type_name, "uuid"))
        col->form = FORM_UUID;
    if (slice_is(row->type_name, "point"))
        col->form = FORM_POINT;
    if (row->charset.len > 0) {
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s", (int)row->charset.len,
                       (const char *)row->charset.ptr);
        col->charset = charset_of_name(name);
        if (col->charset == NULL)
            return err_set(e, E_CONFIG, "column %s has the unknown character set '%s'", col->name,
                           name);
    } else {
        col->charset = charset_of_name("binary");
    }
    return 0;
}

/* ---- gathering ---- */

/* Columns come one by one and their number is known at the end only. */
struct gathering {
    struct definition *d; /* of DEFINITION_COLUMNS_MAX columns while it grows */
    char               index[DEFINITION_NAME_BYTES];
    uint32_t           sequence[DEFINITION_COLUMNS_MAX]; /* of the key's columns */
    bool               refused; /* the current index has a nullable column or a prefix */
    bool               closed;  /* a key was found */
};

static struct slice value_at(uint32_t i, const char *const *values, const unsigned long *lengths)
{
    return values[i] != NULL ? (struct slice){ (const uint8_t *)values[i], lengths[i] }
                             : slice_empty();
}

static int on_column(void *arg, uint32_t columns, const char *const *values,
                     const unsigned long *lengths, struct err *e)
{
    struct gathering *g = arg;

    if (columns != 5)
        return err_set(e, E_PROTOCOL, "information_schema.columns gave %u values for 5", columns);
    if (g->d->column_count >= DEFINITION_COLUMNS_MAX)
        return err_set(e, E_LIMIT, "a table of more than %d columns", DEFINITION_COLUMNS_MAX);
    struct column_row row = {
        .name = value_at(0, values, lengths),
        .type_name = value_at(1, values, lengths),
        .full_type = value_at(2, values, lengths),
        .nullable = slice_is(value_at(3, values, lengths), "YES"),
        .charset = value_at(4, values, lengths),
    };
    return fill_column(g->d, g->d->column_count++, &row, e);
}

static void key_insert(struct gathering *g, uint32_t sequence, uint16_t column)
{
    uint32_t at = g->d->key_count++;
    for (; at > 0 && g->sequence[at - 1] > sequence; at--) {
        g->sequence[at] = g->sequence[at - 1];
        g->d->key[at] = g->d->key[at - 1];
    }
    g->sequence[at] = sequence;
    g->d->key[at] = column;
}

static int column_named(const struct definition *d, struct slice name)
{
    for (uint32_t i = 0; i < d->column_count; i++)
        if (slice_is(name, d->columns[i].name))
            return (int)i;
    return -1;
}

enum show_index_value {
    INDEX_NON_UNIQUE = 1,
    INDEX_NAME = 2,
    INDEX_SEQUENCE = 3,
    INDEX_COLUMN = 4,
    INDEX_PREFIX = 7,
    INDEX_VALUES = 8, /* and more, of later versions */
};

/* Index by index: the first one that is whole and has no nullable column is the key. A primary key
   with a prefix is a key too, a unique index with one is not. */
static int on_index_column(void *arg, uint32_t columns, const char *const *values,
                           const unsigned long *lengths, struct err *e)
{
    struct gathering *g = arg;

    if (columns < INDEX_VALUES)
        return err_set(e, E_PROTOCOL, "SHOW INDEX gave %u values a row", columns);
    struct slice index = value_at(INDEX_NAME, values, lengths);
    struct slice prefix = value_at(INDEX_PREFIX, values, lengths);
    int          column = column_named(g->d, value_at(INDEX_COLUMN, values, lengths));
    bool         is_primary = slice_is(index, "PRIMARY");

    if (!slice_is(value_at(INDEX_NON_UNIQUE, values, lengths), "0"))
        return 0;
    if (!slice_is(index, g->index)) {
        g->closed = g->closed || (g->d->key_count > 0 && !g->refused);
        if (!g->closed) {
            (void)snprintf(g->index, sizeof g->index, "%.*s", (int)index.len,
                           (const char *)index.ptr);
            g->d->key_count = 0;
            g->refused = false;
        }
    }
    if (g->closed || g->refused)
        return 0;
    if (column < 0 || g->d->columns[column].nullable || (prefix.len > 0 && !is_primary) ||
        g->d->key_count >= g->d->column_count) {
        g->refused = true;
        return 0;
    }
    struct slice sequence = value_at(INDEX_SEQUENCE, values, lengths);
    key_insert(g, (uint32_t)strtoul((const char *)sequence.ptr, NULL, 10), (uint16_t)column);
    return 0;
}

/* A text that means the same under every sql_mode and connection character set. */
static void put_hex_literal(struct buf *out, const char *text)
{
    buf_put_text(out, "_utf8 x'");
    for (const char *p = text; *p != 0; p++)
        buf_printf(out, "%02x", (unsigned char)*p);
    buf_put_text(out, "'");
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

static void put_where(struct buf *sql, const char *database, const char *table)
{
    buf_put_text(sql, " WHERE table_schema = ");
    put_hex_literal(sql, database);
    buf_put_text(sql, " AND table_name = ");
    put_hex_literal(sql, table);
}

static int ask(definition_query *query, void *arg, const char *database, const char *table,
               struct gathering *g, struct buf *sql, struct err *e)
{
    buf_put_text(sql, "SELECT column_name, data_type, column_type, is_nullable, character_set_name"
                      " FROM information_schema.columns");
    put_where(sql, database, table);
    buf_put_text(sql, " ORDER BY ordinal_position");
    TRY(buf_check(sql, "a question to the source", e));
    TRY(query(arg, buf_text(sql), on_column, g, e));
    if (g->d->column_count == 0)
        return err_set(e, E_PURGED,
                       "the source has no table %s.%s (any more), or its account may not see it",
                       database, table);
    /* Primary first, then the indexes in the server's own order, which information_schema does not
       keep. */
    buf_clear(sql);
    buf_put_text(sql, "SHOW INDEX FROM ");
    put_identifier(sql, database);
    buf_put_u8(sql, '.');
    put_identifier(sql, table);
    TRY(buf_check(sql, "a question to the source", e));
    TRY(query(arg, buf_text(sql), on_index_column, g, e));
    if (g->refused)
        g->d->key_count = 0;
    return 0;
}

int definition_from_source(definition_query *query, void *arg, const char *database,
                           const char *table, struct definition **out, struct err *e)
{
    enum { SQL_BYTES_MAX = 16 * 1024 };
    struct gathering *g = calloc(1, sizeof *g);
    struct buf        sql;
    int               result = -1;

    if (g == NULL)
        return err_set(e, E_NOMEM, "no memory to ask about a table");
    buf_init(&sql, SQL_BYTES_MAX);
    if (definition_new(slice_of_text(database), slice_of_text(table), DEFINITION_COLUMNS_MAX, &g->d,
                       e) == 0) {
        g->d->column_count = 0;
        result = ask(query, arg, database, table, g, &sql, e);
        if (result == 0)
            *out = g->d;
        else
            definition_free(g->d);
    }
    buf_done(&sql);
    free(g);
    return result;
}
