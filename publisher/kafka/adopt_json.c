#include "publisher/kafka/adopt.h"
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

static struct json_object *parse(struct slice text)
{
    struct json_tokener *parser = json_tokener_new();
    struct json_object  *root = NULL;

    if (parser != NULL && text.len > 0 && text.len < INT32_MAX)
        root = json_tokener_parse_ex(parser, (const char *)text.ptr, (int)text.len);
    if (parser != NULL)
        json_tokener_free(parser);
    return root;
}

bool adopt_is_key(struct slice key, const char *connector)
{
    struct json_object *root = parse(key);
    bool                is = false;

    if (json_object_is_type(root, json_type_array) && json_object_array_length(root) == 2) {
        struct json_object *name = json_object_array_get_idx(root, 0);
        is = json_object_is_type(name, json_type_string) &&
             strcmp(json_object_get_string(name), connector) == 0;
    }
    json_object_put(root);
    return is;
}

static uint64_t number_of(struct json_object *root, const char *name)
{
    struct json_object *member = NULL;
    int64_t             n = 0;

    if (json_object_object_get_ex(root, name, &member))
        n = json_object_get_int64(member);
    return n > 0 ? (uint64_t)n : 0;
}

static char *text_of(struct json_object *root, const char *name)
{
    struct json_object *member = NULL;
    const char         *text = "";

    if (json_object_object_get_ex(root, name, &member) &&
        json_object_is_type(member, json_type_string))
        text = json_object_get_string(member);
    return strdup(text);
}

int adopt_parse(struct slice value, struct adopt_offset *out, struct err *e)
{
    struct json_object *root = parse(value), *snapshot = NULL;
    struct adopt_offset o = { .file = text_of(root, "file"),
                              .gtids = text_of(root, "gtids"),
                              .position = number_of(root, "pos"),
                              .events = number_of(root, "event"),
                              .rows = number_of(root, "row") };
    bool                unfinished = json_object_object_get_ex(root, "snapshot", &snapshot) &&
                      !json_object_object_get_ex(root, "snapshot_completed", &snapshot);

    json_object_put(root);
    if (o.file != NULL && o.gtids != NULL && *o.file != 0 && o.position > 0 && !unfinished) {
        *out = o;
        return 0;
    }
    adopt_offset_done(&o);
    return err_set(e, E_PROTOCOL, "the connector's offset is %s: %.*s",
                   unfinished ? "inside its snapshot" : "none of a MySQL or MariaDB connector",
                   value.len < 200 ? (int)value.len : 200, (const char *)value.ptr);
}
