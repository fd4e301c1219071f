#include "publisher/shape.h"
#include "protocol/base/json.h"
#include "publisher/topic.h"
#include <stdlib.h>

enum { SHAPE_TEXT_BYTES_MAX = 64 * 1024 };

static int prepare_texts(struct shape *s, const char *topic_prefix, struct err *e)
{
    struct json j = json_into(&s->texts);

    topic_put(&s->texts, topic_prefix, s->definition->database, s->definition->table);
    size_t topic_end = s->texts.len;
    json_text(&j, s->definition->database);
    size_t database_end = s->texts.len;
    j.comma = false;
    json_text(&j, s->definition->table);
    TRY(buf_check(&s->texts, "the names of a table", e));
    s->topic = (struct slice){ s->texts.ptr, topic_end };
    s->database_json = (struct slice){ s->texts.ptr + topic_end, database_end - topic_end };
    s->table_json = (struct slice){ s->texts.ptr + database_end, s->texts.len - database_end };
    return 0;
}

static int prepare(struct shape *s, enum format_family family, const char *topic_prefix,
                   struct err *e)
{
    uint32_t count = s->map->column_count;

    s->fields = calloc(count + 1, sizeof *s->fields);
    s->before = calloc(count + 1, sizeof *s->before);
    s->after = calloc(count + 1, sizeof *s->after);
    if (s->fields == NULL || s->before == NULL || s->after == NULL)
        return err_set(e, E_NOMEM, "no memory for a table of %u columns", count);
    for (uint32_t i = 0; i < count; i++) {
        TRY(field_init(&s->fields[i], family, &s->definition->columns[i], &s->map->columns[i], e));
        /* Where the stream is silent about it, the values are decoded by what is known. */
        s->map->columns[i].is_unsigned = s->definition->columns[i].is_unsigned;
    }
    return prepare_texts(s, topic_prefix, e);
}

int shape_new(struct table_map *map, struct definition *definition, enum format_family family,
              const char *topic_prefix, struct shape **out, struct err *e)
{
    struct shape *s = calloc(1, sizeof *s);

    assert(definition->column_count == map->column_count);
    if (s == NULL)
        return err_set(e, E_NOMEM, "no memory for a table");
    buf_init(&s->texts, SHAPE_TEXT_BYTES_MAX);
    s->map = map;
    s->definition = definition;
    if (prepare(s, family, topic_prefix, e) != 0) {
        s->map = NULL; /* still the caller's */
        s->definition = NULL;
        for (uint32_t i = 0; s->fields != NULL && i < map->column_count; i++)
            field_done(&s->fields[i]);
        shape_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

void shape_free(struct shape *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; s->map != NULL && i < s->map->column_count; i++)
        field_done(&s->fields[i]);
    free(s->fields);
    free(s->before);
    free(s->after);
    buf_done(&s->texts);
    table_map_free(s->map);
    definition_free(s->definition);
    free(s);
}

static int put_field(const struct shape *s, uint32_t i, const struct value *v, struct buf *out,
                     struct err *e)
{
    buf_put(out, s->fields[i].name);
    if (field_put(&s->fields[i], v, out, e) != 0)
        return err_note(e, "column %s", s->definition->columns[i].name);
    return 0;
}

int shape_put_row(const struct shape *s, const struct value *values, struct buf *out, struct err *e)
{
    buf_put_u8(out, '{');
    for (uint32_t i = 0; i < s->map->column_count; i++) {
        if (i > 0)
            buf_put_u8(out, ',');
        TRY(put_field(s, i, &values[i], out, e));
    }
    buf_put_u8(out, '}');
    return 0;
}

int shape_put_key(const struct shape *s, const struct value *values, const struct value *other,
                  struct buf *out, struct err *e)
{
    const struct definition *d = s->definition;

    if (d->key_count == 0)
        return 0;
    buf_put_u8(out, '{');
    for (uint32_t k = 0; k < d->key_count; k++) {
        uint32_t            i = d->key[k];
        const struct value *v = &values[i];
        if (v->kind == VALUE_ABSENT && other != NULL)
            v = &other[i];
        if (k > 0)
            buf_put_u8(out, ',');
        TRY(put_field(s, i, v, out, e));
    }
    buf_put_u8(out, '}');
    return 0;
}
