/* Reads the text form of a definition: what the catalog and the control socket carry. */
#include "publisher/tables/definition.h"
#include <json-c/json.h>
#include <stdlib.h>

static struct slice text_of(struct json_object *o)
{
    return o != NULL ? (struct slice){ (const uint8_t *)json_object_get_string(o),
                                       (size_t)json_object_get_string_len(o) }
                     : slice_empty();
}

static struct json_object *member_of(struct json_object *o, const char *name, json_type type)
{
    struct json_object *m = NULL;
    if (!json_object_object_get_ex(o, name, &m) || !json_object_is_type(m, type))
        return NULL;
    return m;
}

static int read_text(struct json_object *o, const char *name, char **into, struct err *e)
{
    struct json_object *text = member_of(o, name, json_type_string);
    return text != NULL ? definition_set_text(into, json_object_get_string(text), e) : 0;
}

static bool read_flag(struct json_object *o, const char *name)
{
    return json_object_get_boolean(member_of(o, name, json_type_boolean)) != 0;
}

static int32_t read_number(struct json_object *o, const char *name)
{
    struct json_object *number = member_of(o, name, json_type_int);
    int32_t             value = number != NULL ? json_object_get_int(number) : -1;
    return value >= 0 ? value : -1;
}

static int read_declared(struct definition_column *col, struct json_object *o, struct err *e)
{
    TRY(read_text(o, "type_name", &col->type_name, e));
    TRY(read_text(o, "charset_name", &col->charset_name, e));
    TRY(read_text(o, "default", &col->default_text, e));
    TRY(read_text(o, "comment", &col->comment, e));
    col->length = read_number(o, "length");
    col->scale = read_number(o, "scale");
    col->has_default = read_flag(o, "has_default");
    col->default_is_expression = read_flag(o, "expression");
    col->is_generated = read_flag(o, "generated");
    col->auto_increment = read_flag(o, "auto_increment");
    col->advances = read_flag(o, "advances");
    col->is_hidden = read_flag(o, "hidden");
    return 0;
}

static int read_column(struct definition *d, uint32_t i, struct json_object *o, struct err *e)
{
    struct definition_column *col = &d->columns[i];
    struct json_object       *name = member_of(o, "name", json_type_string);
    struct json_object       *type = member_of(o, "type", json_type_int);
    struct json_object       *charset = member_of(o, "charset", json_type_string);
    struct json_object       *members = member_of(o, "members", json_type_array);
    struct json_object       *form = member_of(o, "form", json_type_string);

    if (name == NULL || type == NULL)
        return err_set(e, E_CORRUPT, "a table definition's column %u has no name or type", i + 1);
    TRY(definition_set_name(d, i, text_of(name), e));
    col->type = (uint8_t)json_object_get_int(type);
    col->is_unsigned = json_object_get_boolean(member_of(o, "unsigned", json_type_boolean));
    col->nullable = json_object_get_boolean(member_of(o, "nullable", json_type_boolean));
    struct json_object *optional = member_of(o, "optional", json_type_boolean);
    col->optional = optional != NULL ? json_object_get_boolean(optional) : col->nullable;
    if (charset != NULL)
        col->charset = charset_of_name(json_object_get_string(charset));
    for (int f = 0; form != NULL && f < FORM_COUNT; f++)
        if (strcmp(json_object_get_string(form), definition_form_name((enum definition_form)f)) ==
            0)
            col->form = (enum definition_form)f;
    size_t count = members != NULL ? json_object_array_length(members) : 0;
    for (size_t k = 0; k < count; k++)
        TRY(definition_add_member(d, i, text_of(json_object_array_get_idx(members, k)), e));
    return read_declared(col, o, e);
}

static int read_all(struct definition *d, struct json_object *columns, struct json_object *key,
                    struct err *e)
{
    for (uint32_t i = 0; i < d->column_count; i++)
        TRY(read_column(d, i, json_object_array_get_idx(columns, i), e));
    size_t count = json_object_array_length(key);
    if (count > d->column_count)
        return err_set(e, E_CORRUPT, "a table definition's key has %zu columns", count);
    for (size_t k = 0; k < count; k++) {
        int column = json_object_get_int(json_object_array_get_idx(key, k));
        if (column < 0 || (uint32_t)column >= d->column_count)
            return err_set(e, E_CORRUPT, "a table definition's key names column %d", column);
        d->key[d->key_count++] = (uint16_t)column;
    }
    return 0;
}

static int read_table(struct definition *d, struct json_object *o, struct err *e)
{
    struct json_object *charset = member_of(o, "charset", json_type_string);

    d->is_declared = read_flag(o, "declared");
    d->is_guessed = read_flag(o, "guessed");
    d->key_is_primary = read_flag(o, "key_is_primary");
    d->charset = charset != NULL ? charset_of_name(json_object_get_string(charset)) : NULL;
    TRY(read_text(o, "charset_name", &d->charset_name, e));
    return read_text(o, "comment", &d->comment, e);
}

static int read_object(struct json_object *o, struct definition **out, struct err *e)
{
    struct json_object *columns = member_of(o, "columns", json_type_array);
    struct json_object *key = member_of(o, "key", json_type_array);
    struct definition  *d = NULL;

    if (columns == NULL || key == NULL ||
        json_object_array_length(columns) > DEFINITION_COLUMNS_MAX)
        return err_set(e, E_CORRUPT, "a table definition without columns or key");
    TRY(definition_new(text_of(member_of(o, "database", json_type_string)),
                       text_of(member_of(o, "table", json_type_string)),
                       (uint32_t)json_object_array_length(columns), &d, e));
    if (read_all(d, columns, key, e) != 0 || read_table(d, o, e) != 0) {
        definition_free(d);
        return -1;
    }
    *out = d;
    return 0;
}

int definition_from_json(struct slice json, struct definition **out, struct err *e)
{
    enum { DEPTH = 8 };
    struct json_tokener *parser = json_tokener_new_ex(DEPTH);

    if (parser == NULL)
        return err_set(e, E_NOMEM, "no memory to read a table definition");
    if (json.len > INT32_MAX) {
        json_tokener_free(parser);
        return err_set(e, E_LIMIT, "a table definition of %zu bytes", json.len);
    }
    struct json_object *o = json_tokener_parse_ex(parser, (const char *)json.ptr, (int)json.len);
    int                 result = -1;
    if (o == NULL)
        (void)err_set(e, E_CORRUPT, "a table definition is no JSON: %s",
                      json_tokener_error_desc(json_tokener_get_error(parser)));
    else
        result = read_object(o, out, e);
    json_object_put(o);
    json_tokener_free(parser);
    return result;
}
