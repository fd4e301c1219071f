/* A definition as the schema-change topic tells it. Source: Debezium documentation ("Schema change
   topic") and recorded output; the numbers are java.sql.Types'. */
#include "protocol/base/json.h"
#include "publisher/tables/definition.h"
#include <stdio.h>

/* clang-format off */
static const struct jdbc_type {
    const char *name; /* without UNSIGNED, ZEROFILL, BINARY and their like */
    int         number;
} jdbc_types[] = {
    { "BIT", -7 }, { "BIGINT", -5 }, { "INT8", -5 }, { "SERIAL", -5 }, { "VARBINARY", -3 },
    { "BINARY", -2 }, { "NVARCHAR", -9 }, { "NATIONAL VARCHAR", -9 }, { "NCHAR VARCHAR", -9 },
    { "NCHAR VARYING", -9 }, { "NATIONAL CHAR VARYING", -9 }, { "NATIONAL CHARACTER VARYING", -9 },
    { "NCHAR", -15 }, { "NATIONAL CHARACTER", -15 }, { "NATIONAL CHAR", -15 },
    { "CHAR", 1 }, { "CHARACTER", 1 }, { "ENUM", 1 }, { "SET", 1 },
    { "NUMERIC", 2 }, { "DECIMAL", 3 }, { "DEC", 3 }, { "FIXED", 3 },
    { "INT", 4 }, { "INTEGER", 4 }, { "INT4", 4 }, { "MEDIUMINT", 4 }, { "INT3", 4 },
    { "MIDDLEINT", 4 }, { "YEAR", 4 },
    { "TINYINT", 5 }, { "INT1", 5 }, { "SMALLINT", 5 }, { "INT2", 5 },
    { "FLOAT", 6 }, { "FLOAT4", 6 }, { "REAL", 7 },
    { "DOUBLE", 8 }, { "DOUBLE PRECISION", 8 }, { "FLOAT8", 8 },
    { "VARCHAR", 12 }, { "CHAR VARYING", 12 }, { "CHARACTER VARYING", 12 }, { "VARCHARACTER", 12 },
    { "TINYTEXT", 12 }, { "TEXT", 12 }, { "MEDIUMTEXT", 12 }, { "LONGTEXT", 12 }, { "LONG", 12 },
    { "LONG VARCHAR", 12 }, { "BOOL", 16 }, { "BOOLEAN", 16 },
    { "DATE", 91 }, { "TIME", 92 }, { "DATETIME", 93 }, { "TIMESTAMP", 2014 },
    { "TINYBLOB", 2004 }, { "BLOB", 2004 }, { "MEDIUMBLOB", 2004 }, { "LONGBLOB", 2004 },
    { "LONG VARBINARY", 2004 },
};
/* clang-format on */

enum { JDBC_OTHER = 1111 };

static bool is_modifier(struct slice word)
{
    static const char *const modifiers[] = { "UNSIGNED", "SIGNED", "ZEROFILL", "BINARY" };
    for (size_t i = 0; i < sizeof modifiers / sizeof *modifiers; i++)
        if (slice_equal(word, slice_of_text(modifiers[i])))
            return true;
    return false;
}

/* "BIGINT UNSIGNED" and "CHAR BINARY" count as "BIGINT" and "CHAR"; "BINARY" stays. */
static struct slice without_modifiers(const char *name)
{
    struct slice s = slice_of_text(name);
    for (;;) {
        const uint8_t *space = memrchr(s.ptr, ' ', s.len);
        if (space == NULL)
            return s;
        size_t before = (size_t)(space - s.ptr);
        if (!is_modifier((struct slice){ space + 1, s.len - before - 1 }))
            return s;
        s.len = before;
    }
}

int definition_jdbc_type(const struct definition_column *column)
{
    if (column->type_name == NULL)
        return JDBC_OTHER;
    struct slice name = without_modifiers(column->type_name);
    for (size_t i = 0; i < sizeof jdbc_types / sizeof *jdbc_types; i++)
        if (slice_equal(name, slice_of_text(jdbc_types[i].name)))
            return jdbc_types[i].number;
    return JDBC_OTHER;
}

static void put_text(struct json *j, const char *name, const char *text)
{
    json_name(j, name);
    if (text != NULL)
        json_text(j, text);
    else
        json_null(j);
}

static void put_number(struct json *j, const char *name, int32_t number)
{
    json_name(j, name);
    if (number >= 0)
        json_int(j, number);
    else
        json_null(j);
}

static void put_flag(struct json *j, const char *name, bool value)
{
    json_name(j, name);
    json_bool(j, value);
}

/* With their quotes, as they stand in the statement. */
static void put_members(struct json *j, const struct definition_column *col)
{
    struct buf quoted;

    json_name(j, "enumValues");
    if (col->member_count == 0) {
        json_null(j);
        return;
    }
    buf_init(&quoted, SIZE_MAX);
    json_open_array(j);
    for (uint32_t i = 0; i < col->member_count; i++) {
        buf_clear(&quoted);
        buf_put_u8(&quoted, '\'');
        for (const char *p = col->members[i]; *p != 0; p++) {
            if (*p == '\'')
                buf_put_u8(&quoted, '\'');
            buf_put_u8(&quoted, (uint8_t)*p);
        }
        buf_put_u8(&quoted, '\'');
        json_text_slice(j, buf_slice(&quoted));
    }
    json_close_array(j);
    buf_done(&quoted);
}

static void put_column(struct json *j, const struct definition_column *col, uint32_t position,
                       bool with_comments)
{
    json_open_object(j);
    put_text(j, "name", col->name);
    json_name(j, "jdbcType");
    json_int(j, definition_jdbc_type(col));
    put_text(j, "nativeType", NULL);
    put_text(j, "typeName", col->type_name);
    put_text(j, "typeExpression", col->type_name);
    put_text(j, "charsetName", col->charset_name);
    put_number(j, "length", col->length);
    put_number(j, "scale", col->scale);
    put_number(j, "position", (int32_t)position);
    put_flag(j, "optional", col->optional);
    put_flag(j, "autoIncremented", col->advances);
    put_flag(j, "generated", col->advances);
    put_text(j, "comment", with_comments ? col->comment : NULL);
    put_text(j, "defaultValueExpression", col->default_text);
    put_members(j, col);
    json_close_object(j);
}

static void put_table(struct json *j, const struct definition *d, bool with_comments)
{
    json_open_object(j);
    put_text(j, "defaultCharsetName", d->charset_name);
    json_name(j, "primaryKeyColumnNames");
    json_open_array(j);
    for (uint32_t i = 0; i < d->key_count; i++)
        json_text(j, d->columns[d->key[i]].name);
    json_close_array(j);
    json_name(j, "columns");
    json_open_array(j);
    for (uint32_t i = 0; i < d->column_count; i++)
        put_column(j, &d->columns[i], i + 1, with_comments);
    json_close_array(j);
    put_text(j, "comment", with_comments ? d->comment : NULL);
    json_close_object(j);
}

static void put_quoted(struct buf *out, const char *name)
{
    buf_put_u8(out, '"');
    for (const char *p = name; *p != 0; p++) {
        if (*p == '"')
            buf_put_u8(out, '"');
        buf_put_u8(out, (uint8_t)*p);
    }
    buf_put_u8(out, '"');
}

void definition_put_change(const char *type, const char *database, const char *table,
                           const struct definition *d, bool with_comments, struct buf *out)
{
    enum { ID_BYTES_MAX = 4 * DEFINITION_NAME_BYTES + 8 };
    struct json j = json_into(out);
    struct buf  id;

    buf_init(&id, ID_BYTES_MAX);
    put_quoted(&id, database);
    buf_put_u8(&id, '.');
    put_quoted(&id, table);
    json_open_object(&j);
    put_text(&j, "type", type);
    json_name(&j, "id");
    json_text_slice(&j, buf_slice(&id));
    json_name(&j, "table");
    if (d != NULL)
        put_table(&j, d, with_comments);
    else
        json_null(&j);
    json_close_object(&j);
    buf_done(&id);
}
