/* A snapshot's state back from its text (incremental_state.h). */
#include <json-c/json.h>
#include "publisher/snapshot/incremental_state.h"

enum { DEPTH_MAX = 8 };

/* NULL where there is none; lives as long as the object. */
static const char *text_of(struct json_object *root, const char *name)
{
    struct json_object *m = NULL;

    return json_object_object_get_ex(root, name, &m) && json_object_is_type(m, json_type_string)
               ? json_object_get_string(m)
               : NULL;
}

static int64_t number_of(struct json_object *root, const char *name)
{
    struct json_object *m = NULL;

    return json_object_object_get_ex(root, name, &m) ? json_object_get_int64(m) : 0;
}

static size_t items_of(struct json_object *root, const char *name, struct json_object **list)
{
    return json_object_object_get_ex(root, name, list) &&
                   json_object_is_type(*list, json_type_array)
               ? json_object_array_length(*list)
               : 0;
}

static int read_key(struct json_object *root, const char *name, char *into[CHUNK_KEYS_MAX],
                    struct err *e)
{
    struct json_object *list = NULL;
    size_t              count = items_of(root, name, &list);
    const char         *literals[CHUNK_KEYS_MAX] = { NULL };

    if (count > CHUNK_KEYS_MAX)
        return err_set(e, E_CORRUPT, "a snapshot's state has a key of %zu columns", count);
    for (size_t i = 0; i < count; i++)
        literals[i] = json_object_get_string(json_object_array_get_idx(list, i));
    return incremental_state_set_key(into, literals, e);
}

static int read_orders(struct json_object *root, struct incremental_state *s, struct err *e)
{
    struct json_object *list = NULL;
    size_t              count = items_of(root, "orders", &list);

    for (size_t i = 0; i < count; i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        const char         *id = text_of(one, "id"), *type = text_of(one, "type"),
                   *data = text_of(one, "data");
        if (id == NULL || type == NULL || data == NULL)
            return err_set(e, E_CORRUPT, "a snapshot's state has half of a signal");
        TRY(incremental_state_order(s, slice_of_text(id), slice_of_text(type), slice_of_text(data),
                                    e));
    }
    return 0;
}

static int fill(struct json_object *root, struct incremental_state *s, struct err *e)
{
    struct json_object *list = NULL, *paused = NULL;
    size_t              count = items_of(root, "tables", &list);

    s->paused =
        json_object_object_get_ex(root, "paused", &paused) && json_object_get_boolean(paused) != 0;
    s->is_writing =
        json_object_object_get_ex(root, "writing", &paused) && json_object_get_boolean(paused) != 0;
    s->rows = (uint64_t)number_of(root, "rows");
    TRY(read_key(root, "behind", s->behind, e));
    TRY(read_key(root, "upto", s->upto, e));
    TRY(read_orders(root, s, e));
    for (size_t i = 0; i < count; i++) {
        struct json_object     *one = json_object_array_get_idx(list, i);
        struct incremental_wish t = { .database = text_of(one, "database"),
                                      .table = text_of(one, "table"),
                                      .condition = text_of(one, "condition"),
                                      .surrogate = text_of(one, "surrogate"),
                                      .id = text_of(one, "id"),
                                      .guessed = (uint64_t)number_of(one, "guessed") };
        if (t.database == NULL || t.table == NULL || t.id == NULL)
            return err_set(e, E_CORRUPT, "a snapshot's state has a table without a name");
        TRY(incremental_state_add(s, &t, e));
    }
    return 0;
}

int incremental_state_read(struct slice text, struct incremental_state *out, struct err *e)
{
    struct incremental_state s;
    struct json_tokener     *parser = json_tokener_new_ex(DEPTH_MAX);
    struct json_object      *root = NULL;

    if (parser == NULL)
        return err_set(e, E_NOMEM, "no memory for a snapshot's state");
    incremental_state_init(&s);
    if (text.len > 0 && text.len <= INCREMENTAL_STATE_BYTES_MAX)
        root = json_tokener_parse_ex(parser, (const char *)text.ptr, (int)text.len);
    json_tokener_free(parser);
    int result = json_object_is_type(root, json_type_object)
                     ? fill(root, &s, e)
                     : err_set(e, E_CORRUPT, "a snapshot's state that is no JSON: %.*s",
                               text.len < 80 ? (int)text.len : 80, (const char *)text.ptr);
    json_object_put(root);
    if (result != 0) {
        incremental_state_done(&s);
        return -1;
    }
    *out = s;
    return 0;
}
