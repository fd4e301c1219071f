/* From JSON that was made here for a schema change to Avro. */
#include "publisher/encode/avro.h"
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS_MAX = 1 << 20 };

static int put_value(const struct encoding *n, const struct schema *s, struct json_object *v,
                     struct buf *out, struct err *e);

/* Its members are written one by one: a list of cells would need room. */
static int put_struct(const struct encoding *n, const struct schema *s, struct json_object *v,
                      struct buf *out, struct err *e)
{
    n->kind->open_struct(s, out);
    for (uint32_t i = 0; i < s->member_count; i++)
        TRY(put_value(n, s->members[i].schema, json_object_object_get(v, s->members[i].name), out,
                      e));
    n->kind->close_struct(s, out);
    return 0;
}

static int put_array(const struct encoding *n, const struct schema *s, struct json_object *v,
                     struct buf *out, struct err *e)
{
    size_t       count = json_object_array_length(v);
    struct buf   items;
    struct cell *cells = NULL;
    int          result = 0;

    if (count > ITEMS_MAX || (cells = calloc(count + 1, sizeof *cells)) == NULL)
        return err_set(e, E_NOMEM, "no memory for a list");
    /* Each item is written beside, then all of them as they are. */
    buf_init(&items, out->bound);
    size_t *ends = calloc(count + 1, sizeof *ends);
    if (ends == NULL)
        result = err_set(e, E_NOMEM, "no memory for a list");
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = put_value(n, s->members[0].schema, json_object_array_get_idx(v, i), &items, e);
        ends[i] = items.len;
    }
    if (result == 0)
        result = buf_check(&items, "a list", e);
    for (size_t i = 0, at = 0; result == 0 && i < count; at = ends[i++])
        cells[i] = (struct cell){ .kind = CELL_ENCODED, .bytes = { items.ptr + at, ends[i] - at } };
    if (result == 0) {
        struct cell list = cell_list(cells, (uint32_t)count);
        result = n->kind->put(n, s, &list, out, e);
    }
    free(ends);
    free(cells);
    buf_done(&items);
    return result;
}

static int put_value(const struct encoding *n, const struct schema *s, struct json_object *v,
                     struct buf *out, struct err *e)
{
    struct cell c = cell_null();

    switch (json_object_get_type(v)) {
    case json_type_boolean:
        c = cell_boolean(json_object_get_boolean(v) != 0);
        break;
    case json_type_int:
        c = cell_integer(json_object_get_int64(v));
        break;
    case json_type_string:
        c = cell_text((struct slice){ (const uint8_t *)json_object_get_string(v),
                                      (size_t)json_object_get_string_len(v) });
        break;
    case json_type_array:
        return put_array(n, s, v, out, e);
    case json_type_object:
        return put_struct(n, s, v, out, e);
    default:
        break;
    }
    return n->kind->put(n, s, &c, out, e);
}

int avro_put_json(const struct encoding *n, const struct schema *s, struct slice json,
                  struct buf *out, struct err *e)
{
    struct json_tokener *parser = json_tokener_new();
    struct json_object  *root = NULL;
    int                  result;

    if (parser != NULL && json.len <= INT32_MAX)
        root = json_tokener_parse_ex(parser, (const char *)json.ptr, (int)json.len);
    if (root == NULL)
        result =
            err_set(e, E_LIMIT, "a schema change of %zu bytes can't be written as Avro", json.len);
    else
        result = put_value(n, s, root, out, e);
    json_object_put(root);
    json_tokener_free(parser);
    return result;
}
