#include "publisher/tables/definition.h"
#include "protocol/base/json.h"
#include <stdio.h>
#include <stdlib.h>

static int copy_name(char into[DEFINITION_NAME_BYTES], struct slice name, struct err *e)
{
    if (name.len >= DEFINITION_NAME_BYTES)
        return err_set(e, E_LIMIT, "a name of %zu bytes", name.len);
    memcpy(into, name.ptr, name.len);
    into[name.len] = 0;
    return 0;
}

int definition_new(struct slice database, struct slice table, uint32_t column_count,
                   struct definition **out, struct err *e)
{
    if (column_count > DEFINITION_COLUMNS_MAX)
        return err_set(e, E_LIMIT, "a table of %u columns", column_count);
    struct definition *d = calloc(1, sizeof *d);
    if (d != NULL) {
        d->columns = calloc(column_count + 1, sizeof *d->columns);
        d->key = calloc(column_count + 1, sizeof *d->key);
        d->column_count = column_count;
    }
    for (uint32_t i = 0; d != NULL && d->columns != NULL && i < column_count; i++)
        d->columns[i].length = d->columns[i].scale = -1;
    if (d == NULL || d->columns == NULL || d->key == NULL) {
        definition_free(d);
        return err_set(e, E_NOMEM, "no memory for a table of %u columns", column_count);
    }
    if (copy_name(d->database, database, e) != 0 || copy_name(d->table, table, e) != 0) {
        definition_free(d);
        return -1;
    }
    *out = d;
    return 0;
}

void definition_column_done(struct definition_column *c)
{
    for (uint32_t k = 0; k < c->member_count; k++)
        free(c->members[k]);
    free((void *)c->members);
    free(c->type_name);
    free(c->charset_name);
    free(c->default_text);
    free(c->comment);
    *c = (struct definition_column){ .length = -1, .scale = -1 };
}

void definition_free(struct definition *d)
{
    if (d == NULL)
        return;
    for (uint32_t i = 0; d->columns != NULL && i < d->column_count; i++)
        definition_column_done(&d->columns[i]);
    free(d->charset_name);
    free(d->comment);
    free(d->columns);
    free(d->key);
    free(d);
}

int definition_set_name(struct definition *d, uint32_t column, struct slice name, struct err *e)
{
    assert(column < d->column_count);
    return copy_name(d->columns[column].name, name, e);
}

int definition_column_member(struct definition_column *col, struct slice member, struct err *e)
{
    if (col->member_count >= DEFINITION_MEMBERS_MAX)
        return err_set(e, E_LIMIT, "column %s has too many members", col->name);
    if ((col->member_count & (col->member_count + 1)) == 0) { /* grow at 0, 1, 3, 7, ... */
        size_t size = ((size_t)col->member_count + 1) * 2;
        char **members = realloc((void *)col->members, size * sizeof *members);
        if (members == NULL)
            return err_set(e, E_NOMEM, "no memory for %zu members", size);
        col->members = members;
    }
    char *text = malloc(member.len + 1);
    if (text == NULL)
        return err_set(e, E_NOMEM, "no memory for a member of %zu bytes", member.len);
    memcpy(text, member.ptr, member.len);
    text[member.len] = 0;
    col->members[col->member_count++] = text;
    return 0;
}

int definition_add_member(struct definition *d, uint32_t column, struct slice member, struct err *e)
{
    assert(column < d->column_count);
    return definition_column_member(&d->columns[column], member, e);
}

void definition_swap_members(struct definition_column *a, struct definition_column *b)
{
    char   **members = a->members;
    uint32_t count = a->member_count;

    a->members = b->members;
    a->member_count = b->member_count;
    b->members = members;
    b->member_count = count;
}

static int take_charset(struct definition_column *col, uint16_t collation, struct err *e)
{
    col->charset = charset_of_collation(collation);
    if (col->charset == NULL)
        return err_set(e, E_CONFIG, "column %s has the unknown collation %u", col->name, collation);
    return 0;
}

static int take_members(struct definition *d, uint32_t column, struct slice members, struct err *e)
{
    const struct charset     *charset = d->columns[column].charset;
    struct charset_converter *converter = NULL;
    struct cursor             c = cursor_over(members);
    uint64_t                  count = cursor_lenenc(&c);
    int                       result = 0;

    if (charset != NULL && charset_converter_new(charset, &converter, e) != 0)
        return err_note(e, "members of column %s", d->columns[column].name);
    for (uint64_t k = 0; k < count && result == 0; k++) {
        struct slice member = cursor_lenenc_slice(&c);
        if (converter != NULL)
            result = charset_convert(converter, member, &member, e);
        if (result == 0)
            result = definition_add_member(d, column, member, e);
    }
    charset_converter_free(converter);
    return result;
}

static int fill_from_map(struct definition *d, const struct table_map *map, struct err *e)
{
    for (uint32_t i = 0; i < d->column_count; i++) {
        d->columns[i].type = map->columns[i].type;
        TRY(definition_set_name(d, i, map->columns[i].name, e));
    }
    TRY(definition_refine(d, map, e));
    for (uint32_t i = 0; i < d->column_count; i++)
        if (map->columns[i].members.len > 0)
            TRY(take_members(d, i, map->columns[i].members, e));
    memcpy(d->key, map->key, map->key_count * sizeof *d->key);
    d->key_count = map->key_count;
    return 0;
}

int definition_from_table_map(const struct table_map *map, struct definition **out, struct err *e)
{
    struct definition *d = NULL;

    if (!map->has_names)
        return 0;
    TRY(definition_new(map->database, map->table, map->column_count, &d, e));
    if (fill_from_map(d, map, e) != 0) {
        definition_free(d);
        return -1;
    }
    *out = d;
    return 1;
}

enum { GEOMETRY_POINT = 1 };

int definition_refine(struct definition *d, const struct table_map *map, struct err *e)
{
    assert(d->column_count == map->column_count);
    for (uint32_t i = 0; i < d->column_count; i++) {
        const struct table_map_column *from = &map->columns[i];
        d->columns[i].nullable = from->nullable;
        if (!d->is_declared)
            d->columns[i].optional = from->nullable;
        if (from->geometry == GEOMETRY_POINT)
            d->columns[i].form = FORM_POINT;
        if (map->has_signedness)
            d->columns[i].is_unsigned = from->is_unsigned;
        if (map->has_charsets && from->collation != 0)
            TRY(take_charset(&d->columns[i], from->collation, e));
    }
    return 0;
}

/* Types that a definition can't tell apart, because the server chose between them. */
static uint8_t type_family(uint8_t type)
{
    switch (type) {
    case FIELD_VAR_STRING:
    case FIELD_MARIADB_VARCHAR_COMPRESSED:
        return FIELD_VARCHAR;
    case FIELD_TINY_BLOB:
    case FIELD_MEDIUM_BLOB:
    case FIELD_LONG_BLOB:
    case FIELD_MARIADB_BLOB_COMPRESSED:
        return FIELD_BLOB;
    case FIELD_NEWDATE:
        return FIELD_DATE;
    case FIELD_TIME2:
        return FIELD_TIME;
    case FIELD_DATETIME2:
        return FIELD_DATETIME;
    case FIELD_TIMESTAMP2:
        return FIELD_TIMESTAMP;
    default:
        return type;
    }
}

/* ---- columns of MariaDB's long unique keys ---- */

#define HASH_NAME "DB_ROW_HASH_"

bool definition_column_is_hash(const struct definition_column *c)
{
    return strncmp(c->name, HASH_NAME, sizeof HASH_NAME - 1) == 0;
}

bool definition_lacks_hashes(const struct definition *d, const struct table_map *map)
{
    bool has_text = false;

    for (uint32_t i = 0; i < d->column_count; i++)
        has_text = has_text || d->columns[i].charset != NULL ||
                   type_family(d->columns[i].type) == FIELD_BLOB;
    for (uint32_t i = d->column_count; i < map->column_count; i++)
        if (map->columns[i].type != FIELD_LONGLONG)
            return false;
    return has_text && map->column_count > d->column_count;
}

int definition_add_hashes(struct definition *d, const struct table_map *map, struct err *e)
{
    if (map->column_count <= d->column_count)
        return 0;
    struct definition_column *columns =
        realloc(d->columns, ((size_t)map->column_count + 1) * sizeof *columns);
    if (columns == NULL)
        return err_set(e, E_NOMEM, "no memory for %u columns", map->column_count);
    d->columns = columns;
    for (uint32_t n = 1; d->column_count < map->column_count; n++) {
        struct definition_column *c = &columns[d->column_count++];
        *c = (struct definition_column){ .type = FIELD_LONGLONG, .length = -1, .scale = -1 };
        (void)snprintf(c->name, sizeof c->name, HASH_NAME "%u", n);
        c->is_hidden = true;
    }
    return 0;
}

bool definition_fits(const struct definition *d, const struct table_map *map, char *why,
                     size_t why_bytes)
{
    if (d->column_count != map->column_count) {
        (void)snprintf(why, why_bytes, "it has %u columns, the stream %u", d->column_count,
                       map->column_count);
        return false;
    }
    for (uint32_t i = 0; i < d->column_count; i++) {
        uint8_t known = type_family(d->columns[i].type);
        uint8_t told = type_family(map->columns[i].type);
        if (known != told) {
            (void)snprintf(why, why_bytes, "its column %u (%s) is a %s, in the stream a %s", i + 1,
                           d->columns[i].name, field_type_name(known), field_type_name(told));
            return false;
        }
    }
    return true;
}

/* ---- text form ---- */

/* clang-format off */
static const char *const form_names[FORM_COUNT] = {
    [FORM_PLAIN] = "plain", [FORM_FLOAT_SCALED] = "float-scaled", [FORM_UUID] = "uuid",
    [FORM_POINT] = "point", [FORM_BOOLEAN] = "boolean", [FORM_INET4] = "inet4",
    [FORM_INET6] = "inet6",
};
/* clang-format on */

const char *definition_form_name(enum definition_form form)
{
    return form_names[form];
}

static void put_text(struct json *j, const char *name, const char *text)
{
    if (text == NULL)
        return;
    json_name(j, name);
    json_text(j, text);
}

static void put_flag(struct json *j, const char *name, bool value)
{
    if (!value)
        return;
    json_name(j, name);
    json_bool(j, true);
}

static void put_number(struct json *j, const char *name, int32_t value)
{
    if (value < 0)
        return;
    json_name(j, name);
    json_int(j, value);
}

static void put_declared(struct json *j, const struct definition_column *col)
{
    put_text(j, "type_name", col->type_name);
    json_name(j, "optional");
    json_bool(j, col->optional);
    put_number(j, "length", col->length);
    put_number(j, "scale", col->scale);
    put_text(j, "charset_name", col->charset_name);
    put_text(j, "default", col->default_text);
    put_text(j, "comment", col->comment);
    put_flag(j, "has_default", col->has_default);
    put_flag(j, "expression", col->default_is_expression);
    put_flag(j, "generated", col->is_generated);
    put_flag(j, "auto_increment", col->auto_increment);
    put_flag(j, "advances", col->advances);
    put_flag(j, "hidden", col->is_hidden);
}

static void put_column(struct json *j, const struct definition_column *col)
{
    json_open_object(j);
    json_name(j, "name");
    json_text(j, col->name);
    json_name(j, "type");
    json_int(j, col->type);
    json_name(j, "unsigned");
    json_bool(j, col->is_unsigned);
    json_name(j, "nullable");
    json_bool(j, col->nullable);
    json_name(j, "form");
    json_text(j, definition_form_name(col->form));
    if (col->charset != NULL) {
        json_name(j, "charset");
        json_text(j, col->charset->name);
    }
    if (col->member_count > 0) {
        json_name(j, "members");
        json_open_array(j);
        for (uint32_t k = 0; k < col->member_count; k++)
            json_text(j, col->members[k]);
        json_close_array(j);
    }
    put_declared(j, col);
    json_close_object(j);
}

void definition_put_json(const struct definition *d, struct buf *out)
{
    struct json j = json_into(out);

    json_open_object(&j);
    json_name(&j, "database");
    json_text(&j, d->database);
    json_name(&j, "table");
    json_text(&j, d->table);
    json_name(&j, "columns");
    json_open_array(&j);
    for (uint32_t i = 0; i < d->column_count; i++)
        put_column(&j, &d->columns[i]);
    json_close_array(&j);
    json_name(&j, "key");
    json_open_array(&j);
    for (uint32_t i = 0; i < d->key_count; i++)
        json_int(&j, d->key[i]);
    json_close_array(&j);
    put_flag(&j, "declared", d->is_declared);
    put_flag(&j, "guessed", d->is_guessed);
    put_flag(&j, "key_is_primary", d->key_is_primary);
    put_text(&j, "charset", d->charset != NULL ? d->charset->name : NULL);
    put_text(&j, "charset_name", d->charset_name);
    put_text(&j, "comment", d->comment);
    json_close_object(&j);
}
