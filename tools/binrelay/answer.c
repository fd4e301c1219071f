#include "tools/binrelay/answer.h"
#include <limits.h>
#include <json-c/json.h>

int answer_parse(struct slice text, struct json_object **out, struct err *e)
{
    if (text.len > INT_MAX)
        return err_set(e, E_PROTOCOL, "JSON of %zu bytes", text.len);
    struct json_tokener *t = json_tokener_new_ex(ANSWER_DEPTH_MAX);
    if (t == NULL)
        return err_set(e, E_NOMEM, "no memory to read JSON");
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *root = json_tokener_parse_ex(t, (const char *)text.ptr, (int)text.len);
    if (json_tokener_get_error(t) == json_tokener_continue)
        /* A bare number ends only where something else begins. */
        root = json_tokener_parse_ex(t, "", 1);
    enum json_tokener_error failure = json_tokener_get_error(t);
    json_tokener_free(t);
    if (failure != json_tokener_success) {
        answer_free(root);
        return err_set(e, E_PROTOCOL, "not JSON: %s", json_tokener_error_desc(failure));
    }
    *out = root;
    return 0;
}

void answer_free(struct json_object *root)
{
    (void)json_object_put(root);
}

struct json_object *answer_member(struct json_object *a, const char *name)
{
    struct json_object *found = NULL;
    if (json_object_is_type(a, json_type_object))
        (void)json_object_object_get_ex(a, name, &found);
    return found;
}

const char *answer_text(struct json_object *a, const char *name)
{
    struct json_object *v = answer_member(a, name);
    return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

int64_t answer_int(struct json_object *a, const char *name)
{
    struct json_object *v = answer_member(a, name);
    return json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : 0;
}

uint64_t answer_uint(struct json_object *a, const char *name)
{
    struct json_object *v = answer_member(a, name);
    return json_object_is_type(v, json_type_int) ? json_object_get_uint64(v) : 0;
}

bool answer_flag(struct json_object *a, const char *name)
{
    struct json_object *v = answer_member(a, name);
    return json_object_is_type(v, json_type_boolean) && json_object_get_boolean(v);
}

bool answer_has(struct json_object *a, const char *name)
{
    return answer_member(a, name) != NULL;
}

size_t answer_count(struct json_object *array)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

struct json_object *answer_item(struct json_object *array, size_t index)
{
    return index < answer_count(array) ? json_object_array_get_idx(array, index) : NULL;
}

const char *answer_item_text(struct json_object *array, size_t index)
{
    struct json_object *item = answer_item(array, index);
    return json_object_is_type(item, json_type_string) ? json_object_get_string(item) : "";
}

void answer_each(struct json_object *object,
                 void (*visit)(void *arg, const char *name, struct json_object *value), void *arg)
{
    if (!json_object_is_type(object, json_type_object))
        return;
    struct json_object_iterator at = json_object_iter_begin(object);
    struct json_object_iterator end = json_object_iter_end(object);
    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
        visit(arg, json_object_iter_peek_name(&at), json_object_iter_peek_value(&at));
}

bool answer_equal(struct json_object *a, struct json_object *b)
{
    return json_object_equal(a, b) != 0;
}

void answer_put(struct json_object *a, struct buf *out)
{
    const char *text =
        json_object_to_json_string_ext(a, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    buf_put_text(out, text != NULL ? text : "null");
}

void answer_put_plain(struct json_object *a, struct buf *out)
{
    if (json_object_get_type(a) == json_type_string)
        buf_put_text(out, json_object_get_string(a));
    else if (a != NULL)
        answer_put(a, out);
}
