#include "publisher/tables/definition_column.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- types ---- */

enum type_class {
    CLASS_PLAIN,
    CLASS_NUMBER,   /* takes UNSIGNED and ZEROFILL */
    CLASS_TEXT,     /* has a character set */
    CLASS_NATIONAL, /* has the national one */
    CLASS_BYTES,
    CLASS_MEMBERS
};

/* clang-format off */
static const struct declared_type {
    const char          *name;
    uint8_t              type;
    enum type_class      class;
    enum definition_form form;
} declared_types[] = {
    { "TINYINT", FIELD_TINY, CLASS_NUMBER, FORM_PLAIN }, { "INT1", FIELD_TINY, CLASS_NUMBER, FORM_PLAIN },
    { "SMALLINT", FIELD_SHORT, CLASS_NUMBER, FORM_PLAIN }, { "INT2", FIELD_SHORT, CLASS_NUMBER, FORM_PLAIN },
    { "MEDIUMINT", FIELD_INT24, CLASS_NUMBER, FORM_PLAIN }, { "INT3", FIELD_INT24, CLASS_NUMBER, FORM_PLAIN },
    { "MIDDLEINT", FIELD_INT24, CLASS_NUMBER, FORM_PLAIN },
    { "INT", FIELD_LONG, CLASS_NUMBER, FORM_PLAIN }, { "INTEGER", FIELD_LONG, CLASS_NUMBER, FORM_PLAIN },
    { "INT4", FIELD_LONG, CLASS_NUMBER, FORM_PLAIN },
    { "BIGINT", FIELD_LONGLONG, CLASS_NUMBER, FORM_PLAIN }, { "INT8", FIELD_LONGLONG, CLASS_NUMBER, FORM_PLAIN },
    { "SERIAL", FIELD_LONGLONG, CLASS_NUMBER, FORM_PLAIN },
    { "BOOL", FIELD_TINY, CLASS_PLAIN, FORM_BOOLEAN }, { "BOOLEAN", FIELD_TINY, CLASS_PLAIN, FORM_BOOLEAN },
    { "DECIMAL", FIELD_NEWDECIMAL, CLASS_NUMBER, FORM_PLAIN }, { "DEC", FIELD_NEWDECIMAL, CLASS_NUMBER, FORM_PLAIN },
    { "NUMERIC", FIELD_NEWDECIMAL, CLASS_NUMBER, FORM_PLAIN }, { "FIXED", FIELD_NEWDECIMAL, CLASS_NUMBER, FORM_PLAIN },
    { "NUMBER", FIELD_NEWDECIMAL, CLASS_NUMBER, FORM_PLAIN },
    { "FLOAT", FIELD_FLOAT, CLASS_NUMBER, FORM_PLAIN }, { "FLOAT4", FIELD_FLOAT, CLASS_NUMBER, FORM_PLAIN },
    { "DOUBLE", FIELD_DOUBLE, CLASS_NUMBER, FORM_PLAIN }, { "DOUBLE PRECISION", FIELD_DOUBLE, CLASS_NUMBER, FORM_PLAIN },
    { "FLOAT8", FIELD_DOUBLE, CLASS_NUMBER, FORM_PLAIN }, { "REAL", FIELD_DOUBLE, CLASS_NUMBER, FORM_PLAIN },
    { "BIT", FIELD_BIT, CLASS_PLAIN, FORM_PLAIN },
    { "CHAR", FIELD_STRING, CLASS_TEXT, FORM_PLAIN }, { "CHARACTER", FIELD_STRING, CLASS_TEXT, FORM_PLAIN },
    { "VARCHAR", FIELD_VARCHAR, CLASS_TEXT, FORM_PLAIN }, { "VARCHARACTER", FIELD_VARCHAR, CLASS_TEXT, FORM_PLAIN },
    { "VARCHAR2", FIELD_VARCHAR, CLASS_TEXT, FORM_PLAIN },
    { "CHAR VARYING", FIELD_VARCHAR, CLASS_TEXT, FORM_PLAIN }, { "CHARACTER VARYING", FIELD_VARCHAR, CLASS_TEXT, FORM_PLAIN },
    { "NCHAR", FIELD_STRING, CLASS_NATIONAL, FORM_PLAIN }, { "NATIONAL CHAR", FIELD_STRING, CLASS_NATIONAL, FORM_PLAIN },
    { "NATIONAL CHARACTER", FIELD_STRING, CLASS_NATIONAL, FORM_PLAIN },
    { "NVARCHAR", FIELD_VARCHAR, CLASS_NATIONAL, FORM_PLAIN }, { "NCHAR VARCHAR", FIELD_VARCHAR, CLASS_NATIONAL, FORM_PLAIN },
    { "NCHAR VARCHARACTER", FIELD_VARCHAR, CLASS_NATIONAL, FORM_PLAIN },
    { "NCHAR VARYING", FIELD_VARCHAR, CLASS_NATIONAL, FORM_PLAIN }, { "NATIONAL VARCHAR", FIELD_VARCHAR, CLASS_NATIONAL, FORM_PLAIN },
    { "NATIONAL VARCHARACTER", FIELD_VARCHAR, CLASS_NATIONAL, FORM_PLAIN },
    { "NATIONAL CHAR VARYING", FIELD_VARCHAR, CLASS_NATIONAL, FORM_PLAIN },
    { "NATIONAL CHARACTER VARYING", FIELD_VARCHAR, CLASS_NATIONAL, FORM_PLAIN },
    { "TINYTEXT", FIELD_TINY_BLOB, CLASS_TEXT, FORM_PLAIN }, { "TEXT", FIELD_BLOB, CLASS_TEXT, FORM_PLAIN },
    { "MEDIUMTEXT", FIELD_MEDIUM_BLOB, CLASS_TEXT, FORM_PLAIN }, { "LONGTEXT", FIELD_LONG_BLOB, CLASS_TEXT, FORM_PLAIN },
    { "CLOB", FIELD_LONG_BLOB, CLASS_TEXT, FORM_PLAIN },
    { "LONG", FIELD_MEDIUM_BLOB, CLASS_TEXT, FORM_PLAIN }, { "LONG VARCHAR", FIELD_MEDIUM_BLOB, CLASS_TEXT, FORM_PLAIN },
    { "LONG VARCHARACTER", FIELD_MEDIUM_BLOB, CLASS_TEXT, FORM_PLAIN },
    { "LONG CHAR VARYING", FIELD_MEDIUM_BLOB, CLASS_TEXT, FORM_PLAIN },
    { "LONG CHARACTER VARYING", FIELD_MEDIUM_BLOB, CLASS_TEXT, FORM_PLAIN },
    { "BINARY", FIELD_STRING, CLASS_BYTES, FORM_PLAIN }, { "VARBINARY", FIELD_VARCHAR, CLASS_BYTES, FORM_PLAIN },
    { "RAW", FIELD_VARCHAR, CLASS_BYTES, FORM_PLAIN },
    { "TINYBLOB", FIELD_TINY_BLOB, CLASS_BYTES, FORM_PLAIN }, { "BLOB", FIELD_BLOB, CLASS_BYTES, FORM_PLAIN },
    { "MEDIUMBLOB", FIELD_MEDIUM_BLOB, CLASS_BYTES, FORM_PLAIN }, { "LONGBLOB", FIELD_LONG_BLOB, CLASS_BYTES, FORM_PLAIN },
    { "LONG VARBINARY", FIELD_MEDIUM_BLOB, CLASS_BYTES, FORM_PLAIN },
    { "ENUM", FIELD_ENUM, CLASS_MEMBERS, FORM_PLAIN }, { "SET", FIELD_SET, CLASS_MEMBERS, FORM_PLAIN },
    { "DATE", FIELD_DATE, CLASS_PLAIN, FORM_PLAIN }, { "TIME", FIELD_TIME2, CLASS_PLAIN, FORM_PLAIN },
    { "DATETIME", FIELD_DATETIME2, CLASS_PLAIN, FORM_PLAIN }, { "TIMESTAMP", FIELD_TIMESTAMP2, CLASS_PLAIN, FORM_PLAIN },
    { "YEAR", FIELD_YEAR, CLASS_PLAIN, FORM_PLAIN },
    { "JSON", FIELD_JSON, CLASS_PLAIN, FORM_PLAIN }, { "VECTOR", FIELD_VECTOR, CLASS_BYTES, FORM_PLAIN },
    { "UUID", FIELD_STRING, CLASS_BYTES, FORM_UUID }, { "INET4", FIELD_STRING, CLASS_BYTES, FORM_INET4 },
    { "INET6", FIELD_STRING, CLASS_BYTES, FORM_INET6 },
    { "GEOMETRY", FIELD_GEOMETRY, CLASS_PLAIN, FORM_PLAIN }, { "POINT", FIELD_GEOMETRY, CLASS_PLAIN, FORM_POINT },
    { "LINESTRING", FIELD_GEOMETRY, CLASS_PLAIN, FORM_PLAIN }, { "POLYGON", FIELD_GEOMETRY, CLASS_PLAIN, FORM_PLAIN },
    { "MULTIPOINT", FIELD_GEOMETRY, CLASS_PLAIN, FORM_PLAIN }, { "MULTILINESTRING", FIELD_GEOMETRY, CLASS_PLAIN, FORM_PLAIN },
    { "MULTIPOLYGON", FIELD_GEOMETRY, CLASS_PLAIN, FORM_PLAIN },
    { "GEOMETRYCOLLECTION", FIELD_GEOMETRY, CLASS_PLAIN, FORM_PLAIN },
    { "GEOMCOLLECTION", FIELD_GEOMETRY, CLASS_PLAIN, FORM_PLAIN },
};

/* Bytes of a character at most; 1 for the sets that are not named. */
static const struct wide_charset {
    const char *name;
    uint32_t    bytes;
} wide_charsets[] = {
    { "utf8mb4", 4 }, { "utf8mb3", 3 }, { "ucs2", 2 }, { "utf16", 4 }, { "utf16le", 4 }, { "utf32", 4 },
    { "big5", 2 }, { "sjis", 2 }, { "cp932", 2 }, { "gbk", 2 }, { "gb2312", 2 }, { "euckr", 2 },
    { "ujis", 3 }, { "eucjpms", 3 }, { "gb18030", 4 },
};
/* clang-format on */

static uint32_t character_bytes(const struct charset *charset)
{
    for (size_t i = 0; charset != NULL && i < sizeof wide_charsets / sizeof *wide_charsets; i++)
        if (strcmp(charset->name, wide_charsets[i].name) == 0)
            return wide_charsets[i].bytes;
    return 1;
}

/* ---- small things ---- */

int definition_set_text(char **into, const char *text, struct err *e)
{
    char *copy = text != NULL ? strdup(text) : NULL;
    if (text != NULL && copy == NULL)
        return err_set(e, E_NOMEM, "no memory for a text of %zu bytes", strlen(text));
    free(*into);
    *into = copy;
    return 0;
}

int definition_column_name(struct definition_column *col, const char *name, struct err *e)
{
    if (strlen(name) >= DEFINITION_NAME_BYTES)
        return err_set(e, E_LIMIT, "a name of %zu bytes", strlen(name));
    (void)snprintf(col->name, sizeof col->name, "%s", name);
    return 0;
}

int definition_column_default(struct definition_column *col, const struct ddl_default *d,
                              struct err *e)
{
    static const char *const now = "1970-01-01 00:00:00"; /* what Debezium makes of it */
    const char              *text = NULL;

    col->has_default = d->kind != DDL_DEFAULT_NONE && d->kind != DDL_DEFAULT_NULL;
    col->default_is_expression = d->kind == DDL_DEFAULT_NOW || d->kind == DDL_DEFAULT_EXPRESSION;
    if (d->kind == DDL_DEFAULT_NOW)
        text = d->text != NULL ? d->text : now;
    else if (d->kind == DDL_DEFAULT_LITERAL)
        text = d->text;
    return definition_set_text(&col->default_text, text, e);
}

struct definition_charset definition_charset_of(const char *charset, const char *collation,
                                                const struct definition_charset *otherwise)
{
    struct definition_charset cs = *otherwise;
    char                      name[sizeof cs.name];

    if (charset != NULL && charset[0] != 0) {
        cs.charset = charset_of_name(charset);
        (void)snprintf(cs.name, sizeof cs.name, "%s", charset);
        return cs;
    }
    if (collation == NULL || collation[0] == 0)
        return cs;
    /* utf8mb4_bin belongs to utf8mb4; MariaDB's uca1400_ai_ci to whatever set there is. */
    (void)snprintf(name, sizeof name, "%s", collation);
    name[strcspn(name, "_")] = 0;
    if (charset_of_name(name) != NULL) {
        cs.charset = charset_of_name(name);
        (void)snprintf(cs.name, sizeof cs.name, "%s", name);
    }
    return cs;
}

/* ---- a type's details ---- */

static const struct declared_type *type_named(const char *name)
{
    for (size_t i = 0; i < sizeof declared_types / sizeof *declared_types; i++)
        if (strcmp(declared_types[i].name, name) == 0)
            return &declared_types[i];
    return NULL;
}

static int set_type_name(struct definition_column *col, const struct ddl_column *c, bool is_number,
                         struct err *e)
{
    enum { TYPE_NAME_BYTES = 128 };
    char        name[TYPE_NAME_BYTES];
    bool        is_unsigned = is_number && (c->is_unsigned || c->zerofill);
    const char *sign = is_unsigned ? " UNSIGNED" : (is_number && c->is_signed ? " SIGNED" : "");

    if (strcmp(c->type, "SERIAL") == 0)
        return definition_set_text(&col->type_name, "BIGINT UNSIGNED", e);
    (void)snprintf(name, sizeof name, "%s%s%s%s", c->type, sign,
                   is_number && c->zerofill ? " ZEROFILL" : "",
                   !is_number && c->binary ? " BINARY" : "");
    return definition_set_text(&col->type_name, name, e);
}

/* The smallest of the four sizes that holds so many bytes. */
static uint8_t blob_for(uint64_t bytes)
{
    enum { TINY_BYTES = 255, BLOB_BYTES = 65535, MEDIUM_BYTES = (1 << 24) - 1 };
    if (bytes <= TINY_BYTES)
        return FIELD_TINY_BLOB;
    if (bytes <= BLOB_BYTES)
        return FIELD_BLOB;
    return bytes <= MEDIUM_BYTES ? FIELD_MEDIUM_BLOB : FIELD_LONG_BLOB;
}

static void set_number(struct definition_column *col, const struct ddl_column *c,
                       const struct ddl_session *session)
{
    enum { FLOAT_DIGITS_MAX = 24, DECIMAL_DIGITS = 10 };

    col->is_unsigned = c->is_unsigned || c->zerofill || strcmp(c->type, "SERIAL") == 0;
    if (col->type == FIELD_FLOAT && c->scale >= 0)
        col->form = FORM_FLOAT_SCALED;
    else if (col->type == FIELD_FLOAT && c->length > FLOAT_DIGITS_MAX)
        col->type = FIELD_DOUBLE;
    if (strcmp(c->type, "REAL") == 0 && session->real_as_float)
        col->type = FIELD_FLOAT;
    if (strcmp(c->type, "NUMBER") == 0 && c->length < 0) {
        col->type = FIELD_DOUBLE;
        return;
    }
    if (col->type == FIELD_NEWDECIMAL && col->length < 0)
        col->length = DECIMAL_DIGITS;
    if (col->type == FIELD_NEWDECIMAL && col->scale < 0)
        col->scale = 0;
}

static int set_text(struct definition_column *col, const struct ddl_column *c,
                    const struct definition *table, bool is_national, struct err *e)
{
    enum { VARCHAR_BYTES_MAX = 65535 };
    struct definition_charset otherwise = { .charset = table->charset };

    (void)snprintf(otherwise.name, sizeof otherwise.name, "%s",
                   table->charset_name != NULL ? table->charset_name : "");
    struct definition_charset cs = definition_charset_of(c->charset, c->collation, &otherwise);
    if (is_national) {
        cs.charset = charset_of_name("utf8mb3");
        (void)snprintf(cs.name, sizeof cs.name, "utf8");
    } else if (c->byte) {
        cs = otherwise;
        cs.charset = charset_of_name("binary");
    }
    col->charset = cs.charset;
    uint64_t bytes =
        (uint64_t)(uint32_t)(c->length > 0 ? c->length : 0) * character_bytes(cs.charset);
    if (col->type == FIELD_BLOB && c->length > 0)
        col->type = blob_for(bytes);
    if (col->type == FIELD_VARCHAR && bytes > VARCHAR_BYTES_MAX)
        col->type = blob_for(bytes);
    return cs.name[0] != 0 ? definition_set_text(&col->charset_name, cs.name, e) : 0;
}

static int set_members(struct definition_column *col, const struct ddl_column *c,
                       const struct definition *table, struct err *e)
{
    TRY(set_text(col, c, table, false, e));
    for (uint32_t i = 0; i < c->member_count; i++) {
        struct slice member = slice_of_text(c->members[i]);
        /* As servers store it. */
        while (member.len > 0 && member.ptr[member.len - 1] == ' ' &&
               (col->charset == NULL || !col->charset->is_binary))
            member.len--;
        TRY(definition_column_member(col, member, e));
    }
    /* Debezium counts the members and the commas between them. */
    col->length = 1;
    if (col->type == FIELD_SET && c->member_count > 0)
        col->length = (int32_t)c->member_count * 2 - 1;
    return 0;
}

/* What MariaDB means by a name that MySQL means otherwise, or does not have. */
static void set_family(struct definition_column *col, const struct ddl_column *c,
                       const struct ddl_session *session)
{
    if (session->family != FAMILY_MARIADB)
        return;
    if (col->type == FIELD_JSON) {
        col->type = FIELD_LONG_BLOB;
        col->charset = charset_of_name("utf8mb4");
    } else if (col->type == FIELD_VECTOR) {
        col->type = FIELD_VARCHAR;
    } else if (session->oracle && strcmp(c->type, "DATE") == 0) {
        col->type = FIELD_DATETIME2;
    } else if (session->oracle && strcmp(c->type, "BLOB") == 0 && c->length < 0) {
        col->type = FIELD_LONG_BLOB;
    }
}

static int set_type(struct definition_column *col, const struct ddl_column *c,
                    const struct ddl_session *session, const struct definition *table,
                    struct err *e)
{
    const struct declared_type *t = type_named(c->type);

    if (t == NULL)
        return err_set(e, E_CONFIG, "column %s has the unknown type '%s'", c->name, c->type);
    col->type = t->type;
    col->form = t->form;
    col->length = c->length;
    col->scale = c->scale;
    TRY(set_type_name(col, c, t->class == CLASS_NUMBER, e));
    switch (t->class) {
    case CLASS_NUMBER:
        set_number(col, c, session);
        break;
    case CLASS_TEXT:
    case CLASS_NATIONAL:
        TRY(set_text(col, c, table, t->class == CLASS_NATIONAL, e));
        break;
    case CLASS_MEMBERS:
        TRY(set_members(col, c, table, e));
        break;
    case CLASS_BYTES:
        col->charset = charset_of_name("binary");
        if (col->type == FIELD_BLOB && c->length > 0)
            col->type = blob_for((uint64_t)(uint32_t)c->length);
        break;
    default:
        if (col->type == FIELD_BIT && col->length < 0)
            col->length = 1;
        break;
    }
    set_family(col, c, session);
    return 0;
}

int definition_column_declare(struct definition_column *col, const struct ddl_column *c,
                              const struct ddl_session *session, const struct definition *table,
                              struct err *e)
{
    bool is_serial = strcmp(c->type, "SERIAL") == 0;

    TRY(definition_column_name(col, c->name, e));
    TRY(set_type(col, c, session, table, e));
    TRY(definition_column_default(col, &c->dflt, e));
    TRY(definition_set_text(&col->comment, c->comment, e));
    col->nullable = c->null != DDL_NULL_NO && !c->is_primary && !is_serial && !c->is_row_time;
    if (col->type == FIELD_TIMESTAMP2 && !session->explicit_timestamp &&
        c->null == DDL_NULL_UNSAID && !c->is_generated)
        col->nullable = false;
    /* Only what is written counts, also of a column that is in the primary key already. */
    col->optional = !c->is_required && !(is_serial && c->null == DDL_NULL_UNSAID);
    col->is_generated = c->is_generated || c->is_row_time;
    col->auto_increment = c->auto_increment || is_serial;
    /* MariaDB takes NULL beside AUTO_INCREMENT at its word. */
    if (col->auto_increment && (session->family == FAMILY_MYSQL || c->null != DDL_NULL_YES))
        col->nullable = false;
    col->advances = col->auto_increment || (c->on_update && session->family == FAMILY_MYSQL);
    return 0;
}

/* ---- CONVERT TO ---- */

/* MariaDB's JSON is one, too. */
static bool is_text(const struct definition_column *col)
{
    return col->charset != NULL && !col->charset->is_binary && col->type != FIELD_JSON;
}

int definition_column_convert(struct definition_column *col, const struct definition_charset *to,
                              struct err *e)
{
    static const uint64_t capacities[] = { [0] = 255, [1] = 65535, [2] = (1 << 24) - 1 };
    uint32_t              before = character_bytes(col->charset);
    uint32_t              after = character_bytes(to->charset);

    if (!is_text(col) || col->charset->is_binary)
        return 0;
    /* A text that may need more bytes now gets the next larger type. */
    if (after > before && col->type >= FIELD_TINY_BLOB && col->type <= FIELD_BLOB &&
        col->type != FIELD_LONG_BLOB) {
        size_t at = col->type == FIELD_TINY_BLOB ? 0 : (col->type == FIELD_BLOB ? 1 : 2);
        col->type = blob_for(capacities[at] / (before > 0 ? before : 1) * after);
    }
    col->charset = to->charset;
    return col->charset_name != NULL ? definition_set_text(&col->charset_name, to->name, e) : 0;
}
