#include "publisher/shape.h"
#include "publisher/fields/adjust.h"
#include "publisher/tables/definition_ddl.h"
#include "publisher/topic.h"
#include <stdlib.h>

enum { SHAPE_TEXT_BYTES_MAX = 64 * 1024 };

/* ---- texts --------------------------------------------------------------------------------- */

static int prepare_texts(struct shape *s, const struct options *o, struct err *e)
{
    const struct definition *d = s->definition;

    topic_put(&s->texts, o->topic_delimiter, o->topic_prefix, d->database, d->table);
    size_t topic_end = s->texts.len;
    buf_put_u8(&s->texts, 0);
    buf_printf(&s->texts, "%s.%s", d->database, d->table);
    buf_put_u8(&s->texts, 0);
    TRY(buf_check(&s->texts, "the names of a table", e));
    s->topic = (struct slice){ s->texts.ptr, topic_end };
    s->collection = (const char *)s->texts.ptr + topic_end + 1;
    return 0;
}

/* TOPIC.Value and so on, made to fit. NULL when there is no memory. */
static struct schema *named_struct(const struct shape *s, const struct options *o, const char *tail,
                                   bool optional, uint32_t version, struct err *e)
{
    struct buf     name, adjusted;
    struct schema *made = NULL;

    buf_init(&name, SHAPE_TEXT_BYTES_MAX);
    buf_init(&adjusted, SHAPE_TEXT_BYTES_MAX);
    buf_put(&name, s->topic);
    buf_put_text(&name, tail);
    adjust_put(&adjusted, o->schema_names, false, buf_text(&name));
    if (buf_check(&adjusted, "a schema's name", e) == 0)
        made = schema_new(SCHEMA_STRUCT, optional, buf_text(&adjusted), version, e);
    buf_done(&name);
    buf_done(&adjusted);
    return made;
}

static int borrow_column(struct schema *into, const struct shape *s, const struct options *o,
                         uint32_t column, const struct field *field, struct err *e)
{
    struct buf name;

    buf_init(&name, SHAPE_TEXT_BYTES_MAX);
    adjust_put(&name, o->field_names, true, s->definition->columns[column].name);
    int result = buf_check(&name, "a column's name", e);
    if (result == 0)
        result = schema_borrow(into, buf_text(&name), field->schema, e);
    buf_done(&name);
    return result;
}

/* ---- schemas ------------------------------------------------------------------------------- */

static int make_value(struct shape *s, const struct shape_context *ctx, struct err *e)
{
    const struct options *o = ctx->fields.options;

    s->value = named_struct(s, o, ".Value", true, 0, e);
    if (s->value == NULL)
        return -1;
    for (uint32_t i = 0; i < s->published_count; i++)
        TRY(borrow_column(s->value, s, o, s->published[i], &s->fields[i], e));
    return 0;
}

static int make_key(struct shape *s, const struct shape_context *ctx, struct err *e)
{
    const struct options *o = ctx->fields.options;

    if (s->key_count == 0)
        return 0;
    s->key_schema = named_struct(s, o, ".Key", false, 0, e);
    if (s->key_schema == NULL)
        return -1;
    for (uint32_t i = 0; i < s->key_count; i++)
        TRY(borrow_column(s->key_schema, s, o, s->key[i], &s->key_fields[i], e));
    return ctx->key_encoding->kind->prepare(ctx->key_encoding, s->key_schema, e);
}

static int make_envelope(struct shape *s, enum format_family family,
                         const struct shape_context *ctx, struct err *e)
{
    s->envelope = named_struct(s, ctx->fields.options, ".Envelope", false, 2, e);
    if (s->envelope == NULL)
        return -1;
    TRY(schema_borrow(s->envelope, "before", s->value, e));
    TRY(schema_borrow(s->envelope, "after", s->value, e));
    TRY(schema_borrow(s->envelope, "source", ctx->source[family], e));
    TRY(schema_borrow(s->envelope, "transaction", ctx->transaction, e));
    TRY(schema_add_plain(s->envelope, "op", SCHEMA_STRING, false, e));
    TRY(schema_add_plain(s->envelope, "ts_ms", SCHEMA_INT64, true, e));
    TRY(schema_add_plain(s->envelope, "ts_us", SCHEMA_INT64, true, e));
    TRY(schema_add_plain(s->envelope, "ts_ns", SCHEMA_INT64, true, e));
    return ctx->encoding->kind->prepare(ctx->encoding, s->envelope, e);
}

/* ---- made ---------------------------------------------------------------------------------- */

static int choose_columns(struct shape *s, const struct shape_context *ctx, struct err *e)
{
    const struct definition *d = s->definition;

    for (uint32_t i = 0; i < d->column_count; i++)
        if (!definition_column_is_hash(&d->columns[i]) &&
            filter_takes_column(ctx->filter, d->database, d->table, d->columns[i].name))
            s->published[s->published_count++] = (uint16_t)i;
    int found = rules_key(ctx->fields.rules, d, s->key, &s->key_count, e);
    if (found < 0)
        return -1;
    if (found == 0) {
        memcpy(s->key, d->key, d->key_count * sizeof *d->key);
        s->key_count = d->key_count;
    }
    return 0;
}

static int make_fields(struct shape *s, enum format_family family, const struct shape_context *ctx,
                       const uint16_t *columns, uint32_t count, bool is_key, struct field *into,
                       struct err *e)
{
    for (uint32_t i = 0; i < count; i++)
        TRY(field_init(&into[i], &ctx->fields, family, is_key, s->definition,
                       &s->definition->columns[columns[i]], &s->map->columns[columns[i]], e));
    return 0;
}

static int prepare(struct shape *s, enum format_family family, const struct shape_context *ctx,
                   struct err *e)
{
    uint32_t count = s->map->column_count;

    s->fields = calloc(count + 1, sizeof *s->fields);
    s->key_fields = calloc(count + 1, sizeof *s->key_fields);
    s->published = calloc(count + 1, sizeof *s->published);
    s->key = calloc(DEFINITION_COLUMNS_MAX, sizeof *s->key);
    s->before = calloc(count + 1, sizeof *s->before);
    s->after = calloc(count + 1, sizeof *s->after);
    if (s->fields == NULL || s->key_fields == NULL || s->published == NULL || s->key == NULL ||
        s->before == NULL || s->after == NULL)
        return err_set(e, E_NOMEM, "no memory for a table of %u columns", count);
    /* Where the stream is silent about it, the values are decoded by what is known. */
    for (uint32_t i = 0; i < count; i++)
        s->map->columns[i].is_unsigned = s->definition->columns[i].is_unsigned;
    TRY(prepare_texts(s, ctx->fields.options, e));
    TRY(choose_columns(s, ctx, e));
    TRY(make_fields(s, family, ctx, s->published, s->published_count, false, s->fields, e));
    TRY(make_fields(s, family, ctx, s->key, s->key_count, true, s->key_fields, e));
    TRY(make_value(s, ctx, e));
    TRY(make_key(s, ctx, e));
    return make_envelope(s, family, ctx, e);
}

int shape_new(struct table_map *map, struct definition *definition, enum format_family family,
              const struct shape_context *ctx, struct shape **out, struct err *e)
{
    struct shape *s = calloc(1, sizeof *s);

    assert(definition->column_count == map->column_count);
    if (s == NULL)
        return err_set(e, E_NOMEM, "no memory for a table");
    buf_init(&s->texts, SHAPE_TEXT_BYTES_MAX);
    s->map = map;
    s->definition = definition;
    if (prepare(s, family, ctx, e) != 0) {
        s->map = NULL; /* still the caller's */
        s->definition = NULL;
        shape_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

/* What a TABLE_MAP would say about the column, as far as its schema depends on it. */
static struct table_map_column told_of(const struct definition_column *c)
{
    struct table_map_column told = { .type = c->type,
                                     .nullable = c->nullable,
                                     .is_unsigned = c->is_unsigned };
    unsigned                length = c->length > 0 ? (unsigned)c->length : 0;

    if (c->type == FIELD_NEWDECIMAL)
        told.meta = (uint16_t)((c->length > 0 ? length : 10u) << 8 |
                               (c->scale > 0 ? (unsigned)c->scale : 0u));
    else
        told.meta = (uint16_t)length;
    return told;
}

int shape_of_definition(const struct definition *d, enum format_family family,
                        const struct shape_context *ctx, struct shape **out, struct err *e)
{
    struct table_map  *map = calloc(1, sizeof *map);
    struct definition *copy = NULL;

    if (map != NULL)
        map->columns = calloc(d->column_count + 1, sizeof *map->columns);
    if (map == NULL || map->columns == NULL) {
        free(map);
        return err_set(e, E_NOMEM, "no memory for a table of %u columns", d->column_count);
    }
    map->column_count = d->column_count;
    for (uint32_t i = 0; i < d->column_count; i++)
        map->columns[i] = told_of(&d->columns[i]);
    if (definition_copy(d, d->database, d->table, &copy, e) != 0 ||
        shape_new(map, copy, family, ctx, out, e) != 0) {
        definition_free(copy);
        table_map_free(map);
        return -1;
    }
    return 0;
}

void shape_free(struct shape *s)
{
    if (s == NULL)
        return;
    schema_free(s->envelope);
    schema_free(s->key_schema);
    schema_free(s->value);
    for (uint32_t i = 0; s->fields != NULL && i < s->published_count; i++)
        field_done(&s->fields[i]);
    for (uint32_t i = 0; s->key_fields != NULL && i < s->key_count; i++)
        field_done(&s->key_fields[i]);
    free(s->fields);
    free(s->key_fields);
    free(s->published);
    free(s->key);
    free(s->before);
    free(s->after);
    buf_done(&s->texts);
    table_map_free(s->map);
    definition_free(s->definition);
    free(s);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static int put_columns(const struct shape *s, const struct encoding *n, const struct schema *schema,
                       const uint16_t *columns, const struct field *fields, uint32_t count,
                       const struct value *values, const struct value *other, bool is_insert,
                       struct buf *out, struct err *e)
{
    struct encoding bare = *n;

    bare.null_as_default = false; /* a value that nobody knows is not the default */
    n->kind->open_struct(schema, out);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t            column = columns[i];
        const struct value *v = &values[column];
        struct cell         c;

        if (v->kind == VALUE_ABSENT && other != NULL)
            v = &other[column];
        const struct encoding *how = v->kind == VALUE_ABSENT && !is_insert ? &bare : n;
        n->kind->member(schema, i, out);
        int made = v->kind == VALUE_JSON_DIFF
                       ? field_patch(&fields[i], other != NULL ? &other[column] : NULL, v, &c, e)
                       : field_cell(&fields[i], v, &c, e);
        if (made != 0 || n->kind->put(how, fields[i].schema, &c, out, e) != 0)
            return err_note(e, "column %s", s->definition->columns[column].name);
    }
    n->kind->close_struct(schema, out);
    return 0;
}

int shape_put_row(const struct shape *s, const struct encoding *n, const struct value *values,
                  const struct value *other, bool is_insert, struct buf *out, struct err *e)
{
    return put_columns(s, n, s->value, s->published, s->fields, s->published_count, values, other,
                       is_insert, out, e);
}

int shape_put_key(const struct shape *s, const struct encoding *n, const struct value *values,
                  const struct value *other, struct buf *out, struct err *e)
{
    if (s->key_count == 0)
        return 0;
    n->kind->open(n, s->key_schema, true, out);
    TRY(put_columns(s, n, s->key_schema, s->key, s->key_fields, s->key_count, values, other, false,
                    out, e));
    n->kind->close(n, s->key_schema, true, out);
    return 0;
}
