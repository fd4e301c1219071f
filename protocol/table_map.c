#include "protocol/table_map.h"
#include <stdlib.h>

/* Bytes that a type has in the metadata block of the event, and how it is called. */
/* clang-format off */
static const struct field_kind {
    const char *name;
    uint8_t     meta_bytes;
    bool        is_number; /* has a bit in the signedness field */
    bool        is_text;   /* has a place in the charset fields */
} field_kinds[256] = {
    [FIELD_DECIMAL]     = { "DECIMAL (before MySQL 5.0)", 0, true, false },
    [FIELD_TINY]        = { "TINYINT", 0, true, false },
    [FIELD_SHORT]       = { "SMALLINT", 0, true, false },
    [FIELD_LONG]        = { "INT", 0, true, false },
    [FIELD_FLOAT]       = { "FLOAT", 1, true, false },
    [FIELD_DOUBLE]      = { "DOUBLE", 1, true, false },
    [FIELD_NULL]        = { "NULL", 0, false, false },
    [FIELD_TIMESTAMP]   = { "TIMESTAMP", 0, false, false },
    [FIELD_LONGLONG]    = { "BIGINT", 0, true, false },
    [FIELD_INT24]       = { "MEDIUMINT", 0, true, false },
    [FIELD_DATE]        = { "DATE", 0, false, false },
    [FIELD_TIME]        = { "TIME", 0, false, false },
    [FIELD_DATETIME]    = { "DATETIME", 0, false, false },
    [FIELD_YEAR]        = { "YEAR", 0, true, false },
    [FIELD_NEWDATE]     = { "DATE", 0, false, false },
    [FIELD_VARCHAR]     = { "VARCHAR", 2, false, true },
    [FIELD_BIT]         = { "BIT", 2, false, false },
    [FIELD_TIMESTAMP2]  = { "TIMESTAMP", 1, false, false },
    [FIELD_DATETIME2]   = { "DATETIME", 1, false, false },
    [FIELD_TIME2]       = { "TIME", 1, false, false },
    [FIELD_MARIADB_BLOB_COMPRESSED]    = { "BLOB COMPRESSED", 1, false, true },
    [FIELD_MARIADB_VARCHAR_COMPRESSED] = { "VARCHAR COMPRESSED", 2, false, true },
    [FIELD_VECTOR]      = { "VECTOR", 1, false, true },
    [FIELD_JSON]        = { "JSON", 1, false, false },
    [FIELD_NEWDECIMAL]  = { "DECIMAL", 2, true, false },
    [FIELD_ENUM]        = { "ENUM", 2, false, false },
    [FIELD_SET]         = { "SET", 2, false, false },
    [FIELD_TINY_BLOB]   = { "TINYBLOB", 1, false, true },
    [FIELD_MEDIUM_BLOB] = { "MEDIUMBLOB", 1, false, true },
    [FIELD_LONG_BLOB]   = { "LONGBLOB", 1, false, true },
    [FIELD_BLOB]        = { "BLOB", 1, false, true },
    [FIELD_VAR_STRING]  = { "VARCHAR", 2, false, true },
    [FIELD_STRING]      = { "CHAR", 2, false, true },
    [FIELD_GEOMETRY]    = { "GEOMETRY", 1, false, false },
};
/* clang-format on */

enum { PRECISION_MAX = 65, FRACTION_DIGITS_MAX = 6, BIT_BITS_MAX = 64 };

const char *field_type_name(uint8_t type)
{
    return field_kinds[type].name != NULL ? field_kinds[type].name : "unknown";
}

static uint64_t table_id_take(const struct format *f, const struct event *ev, struct cursor *c)
{
    /* Servers before 5.1.4 had four bytes; they say so by a post-header of six. */
    return cursor_le(c, f->post_header[ev->type] == 6 ? 4 : 6);
}

static struct slice name_take(struct cursor *c)
{
    struct slice name = cursor_slice(c, cursor_u8(c));
    cursor_skip(c, 1); /* a zero byte that does not count */
    return name;
}

int table_map_peek(const struct format *f, const struct event *ev, uint64_t *table_id,
                   struct slice *database, struct slice *table, struct err *e)
{
    struct cursor c = cursor_over(ev->body);
    uint64_t      id = table_id_take(f, ev, &c);

    cursor_skip(&c, 2); /* flags */
    struct slice db = name_take(&c);
    struct slice t = name_take(&c);
    if (c.failed)
        return err_set(e, E_PROTOCOL, "TableMap event: names are cut off");
    *table_id = id;
    *database = db;
    *table = t;
    return 0;
}

/* CHAR, ENUM and SET share a type byte; two bits of the length live in the real type's byte. */
static void unpack_string(struct table_map_column *col, uint8_t first, uint8_t second)
{
    if ((first & 0x30) != 0x30) {
        col->type = first | 0x30;
        col->meta = (uint16_t)(second | ((first & 0x30) ^ 0x30) << 4);
    } else if (first == FIELD_ENUM || first == FIELD_SET || first == FIELD_STRING) {
        col->type = first;
        col->meta = second;
    } else {
        col->meta = (uint16_t)(first << 8 | second); /* plain length of very old servers */
    }
}

static bool meta_is_sane(const struct table_map_column *col)
{
    switch (col->type) {
    case FIELD_NEWDECIMAL:
        return col->meta >> 8 >= 1 && col->meta >> 8 <= PRECISION_MAX &&
               (col->meta & 0xff) <= col->meta >> 8;
    case FIELD_BIT:
        return col->meta <= BIT_BITS_MAX;
    case FIELD_TIME2:
    case FIELD_DATETIME2:
    case FIELD_TIMESTAMP2:
        return col->meta <= FRACTION_DIGITS_MAX;
    case FIELD_ENUM:
        return col->meta == 1 || col->meta == 2;
    case FIELD_SET:
        return col->meta >= 1 && col->meta <= 8;
    case FIELD_TINY_BLOB:
    case FIELD_BLOB:
    case FIELD_MEDIUM_BLOB:
    case FIELD_LONG_BLOB:
    case FIELD_JSON:
    case FIELD_GEOMETRY:
    case FIELD_VECTOR:
    case FIELD_MARIADB_BLOB_COMPRESSED:
        return col->meta >= 1 && col->meta <= 4;
    default:
        return true;
    }
}

static int column_meta(struct table_map_column *col, uint32_t index, struct cursor *c,
                       struct err *e)
{
    const struct field_kind *kind = &field_kinds[col->type];

    if (kind->name == NULL)
        return err_set(e, E_PROTOCOL, "TableMap event: column %u has the unknown type %u", index,
                       col->type);
    if (col->type == FIELD_STRING || col->type == FIELD_ENUM || col->type == FIELD_SET) {
        uint8_t first = cursor_u8(c);
        uint8_t second = cursor_u8(c);
        unpack_string(col, first, second);
    } else if (col->type == FIELD_NEWDECIMAL) {
        uint8_t precision = cursor_u8(c);
        col->meta = (uint16_t)(precision << 8 | cursor_u8(c));
    } else if (col->type == FIELD_BIT) {
        uint8_t bits = cursor_u8(c);
        col->meta = (uint16_t)(cursor_u8(c) * 8 + bits);
    } else if (kind->meta_bytes > 0) {
        col->meta = (uint16_t)cursor_le(c, kind->meta_bytes);
    }
    if (!c->failed && !meta_is_sane(col))
        return err_set(e, E_PROTOCOL, "TableMap event: column %u, a %s, has impossible metadata %u",
                       index, field_type_name(col->type), col->meta);
    return 0;
}

/* ---- optional metadata: fields of type, length, value ---- */

enum meta_field {
    META_SIGNEDNESS = 1,
    META_DEFAULT_CHARSET = 2,
    META_COLUMN_CHARSET = 3,
    META_COLUMN_NAME = 4,
    META_SET_MEMBERS = 5,
    META_ENUM_MEMBERS = 6,
    META_GEOMETRY_TYPE = 7,
    META_PRIMARY_KEY = 8,
    META_PRIMARY_KEY_PREFIX = 9,
    META_MEMBERS_DEFAULT_CHARSET = 10,
    META_MEMBERS_COLUMN_CHARSET = 11,
};

typedef bool column_is(const struct table_map_column *col);

static bool is_number(const struct table_map_column *col)
{
    return field_kinds[col->type].is_number;
}
static bool is_text(const struct table_map_column *col)
{
    return field_kinds[col->type].is_text;
}
static bool is_text_mariadb(const struct table_map_column *col)
{
    return is_text(col) || col->type == FIELD_GEOMETRY;
}
static bool is_enum(const struct table_map_column *col)
{
    return col->type == FIELD_ENUM;
}
static bool is_set(const struct table_map_column *col)
{
    return col->type == FIELD_SET;
}
static bool is_member(const struct table_map_column *col)
{
    return is_enum(col) || is_set(col);
}
static bool is_geometry(const struct table_map_column *col)
{
    return col->type == FIELD_GEOMETRY;
}

static void take_signedness(struct table_map *m, struct cursor *c)
{
    uint32_t bit = 0;
    uint8_t  bits = 0;

    for (uint32_t i = 0; i < m->column_count; i++) {
        if (!is_number(&m->columns[i]))
            continue;
        if (bit++ % 8 == 0)
            bits = cursor_u8(c);
        m->columns[i].is_unsigned = (bits & 0x80) != 0;
        bits = (uint8_t)(bits << 1);
    }
    m->has_signedness = true;
}

static void take_charsets(struct table_map *m, struct cursor *c, column_is *wanted)
{
    for (uint32_t i = 0; i < m->column_count; i++)
        if (wanted(&m->columns[i]))
            m->columns[i].collation = (uint16_t)cursor_lenenc(c);
    m->has_charsets = true;
}

/* One collation for all, then pairs (index among the wanted columns, collation) for the others. */
static void take_default_charset(struct table_map *m, struct cursor *c, column_is *wanted)
{
    uint16_t common = (uint16_t)cursor_lenenc(c);
    uint32_t index = 0;
    bool     pair = c->left > 0;
    uint64_t pair_index = pair ? cursor_lenenc(c) : 0;

    for (uint32_t i = 0; i < m->column_count; i++) {
        if (!wanted(&m->columns[i]))
            continue;
        m->columns[i].collation = common;
        if (pair && pair_index == index) {
            m->columns[i].collation = (uint16_t)cursor_lenenc(c);
            pair = c->left > 0;
            pair_index = pair ? cursor_lenenc(c) : 0;
        }
        index++;
    }
    m->has_charsets = true;
}

static void take_names(struct table_map *m, struct cursor *c)
{
    for (uint32_t i = 0; i < m->column_count; i++)
        m->columns[i].name = cursor_lenenc_slice(c);
    m->has_names = true;
}

static void take_members(struct table_map *m, struct cursor *c, column_is *wanted)
{
    for (uint32_t i = 0; i < m->column_count; i++) {
        if (!wanted(&m->columns[i]))
            continue;
        const uint8_t *from = c->at;
        uint64_t       count = cursor_lenenc(c);
        for (uint64_t k = 0; k < count && !c->failed; k++)
            (void)cursor_lenenc_slice(c);
        if (!c->failed)
            m->columns[i].members = (struct slice){ from, (size_t)(c->at - from) };
    }
}

static void take_geometry(struct table_map *m, struct cursor *c)
{
    for (uint32_t i = 0; i < m->column_count; i++)
        if (is_geometry(&m->columns[i]))
            m->columns[i].geometry = (uint8_t)cursor_lenenc(c);
}

static void take_key(struct table_map *m, struct cursor *c, bool with_prefix)
{
    while (c->left > 0 && !c->failed) {
        uint64_t column = cursor_lenenc(c);
        if (with_prefix)
            (void)cursor_lenenc(c);
        if (column >= m->column_count || m->key_count >= m->column_count) {
            cursor_skip(c, c->left + 1);
            return;
        }
        m->key[m->key_count++] = (uint16_t)column;
    }
    m->has_key = true;
}

static int take_optional(struct table_map *m, bool is_mariadb, struct cursor *c, struct err *e)
{
    column_is *text = is_mariadb ? is_text_mariadb : is_text;

    while (c->left > 0 && !c->failed) {
        uint8_t       type = cursor_u8(c);
        struct cursor field = cursor_over(cursor_lenenc_slice(c));
        if (c->failed)
            break;
        switch (type) {
        case META_SIGNEDNESS:
            take_signedness(m, &field);
            break;
        case META_DEFAULT_CHARSET:
            take_default_charset(m, &field, text);
            break;
        case META_COLUMN_CHARSET:
            take_charsets(m, &field, text);
            break;
        case META_COLUMN_NAME:
            take_names(m, &field);
            break;
        case META_SET_MEMBERS:
            take_members(m, &field, is_set);
            break;
        case META_ENUM_MEMBERS:
            take_members(m, &field, is_enum);
            break;
        case META_GEOMETRY_TYPE:
            take_geometry(m, &field);
            break;
        case META_PRIMARY_KEY:
        case META_PRIMARY_KEY_PREFIX:
            take_key(m, &field, type == META_PRIMARY_KEY_PREFIX);
            break;
        case META_MEMBERS_DEFAULT_CHARSET:
            take_default_charset(m, &field, is_member);
            break;
        case META_MEMBERS_COLUMN_CHARSET:
            take_charsets(m, &field, is_member);
            break;
        default: /* visibility and what is to come */
            break;
        }
        if (field.failed)
            return err_set(e, E_PROTOCOL, "TableMap event: metadata field %u is cut off", type);
    }
    return c->failed ? err_set(e, E_PROTOCOL, "TableMap event: the metadata is cut off") : 0;
}

static int parse_into(struct table_map *m, const struct format *f, const struct event *ev,
                      struct err *e)
{
    struct cursor c = cursor_over(m->body);

    m->table_id = table_id_take(f, ev, &c);
    cursor_skip(&c, 2); /* flags */
    m->database = name_take(&c);
    m->table = name_take(&c);
    uint64_t     count = cursor_lenenc(&c);
    struct slice types = cursor_slice(&c, count <= TABLE_MAP_COLUMNS_MAX ? (size_t)count : 0);
    if (c.failed || count > TABLE_MAP_COLUMNS_MAX)
        return err_set(e, E_PROTOCOL, "TableMap event: names or types are cut off");
    m->column_count = (uint32_t)count;
    m->columns = calloc(m->column_count + 1, sizeof *m->columns);
    m->key = calloc(m->column_count + 1, sizeof *m->key);
    if (m->columns == NULL || m->key == NULL)
        return err_set(e, E_NOMEM, "no memory for a table of %u columns", m->column_count);
    struct cursor meta = cursor_over(cursor_lenenc_slice(&c));
    struct slice  nulls = cursor_slice(&c, (m->column_count + 7) / 8);
    if (c.failed)
        return err_set(e, E_PROTOCOL, "TableMap event: the column block is cut off");
    for (uint32_t i = 0; i < m->column_count; i++) {
        m->columns[i] = (struct table_map_column){
            .type = types.ptr[i],
            .nullable = (nulls.ptr[i / 8] >> (i % 8) & 1) != 0,
            .name = slice_empty(),
            .members = slice_empty(),
        };
        TRY(column_meta(&m->columns[i], i, &meta, e));
    }
    if (meta.failed)
        return err_set(e, E_PROTOCOL, "TableMap event: the types' metadata is cut off");
    return take_optional(m, f->family == FAMILY_MARIADB, &c, e);
}

int table_map_parse(const struct format *f, const struct event *ev, struct table_map **out,
                    struct err *e)
{
    struct table_map *m = calloc(1, sizeof *m);

    if (m != NULL)
        m->own = malloc(ev->body.len + 1);
    if (m == NULL || m->own == NULL) {
        table_map_free(m);
        return err_set(e, E_NOMEM, "no memory for a table map of %zu bytes", ev->body.len);
    }
    memcpy(m->own, ev->body.ptr, ev->body.len);
    m->body = (struct slice){ m->own, ev->body.len };
    if (parse_into(m, f, ev, e) != 0) {
        table_map_free(m);
        return -1;
    }
    *out = m;
    return 0;
}

void table_map_free(struct table_map *m)
{
    if (m == NULL)
        return;
    free(m->columns);
    free(m->key);
    free(m->own);
    free(m);
}
