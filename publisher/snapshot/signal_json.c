#include "publisher/snapshot/signal.h"
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEPTH_MAX = 32 };

void signal_done(struct signal *s)
{
    for (size_t i = 0; i < s->collection_count; i++)
        free(s->collections[i]);
    for (size_t i = 0; i < s->condition_count; i++) {
        free(s->conditions[i].collection);
        free(s->conditions[i].filter);
    }
    free(s->collections);
    free(s->conditions);
    free(s->id);
    free(s->surrogate);
    free(s->message);
    *s = (struct signal){ .id = NULL };
}

static int parse(struct slice text, struct json_object **out, struct err *e)
{
    struct json_tokener *parser = json_tokener_new_ex(DEPTH_MAX);
    struct json_object  *root = NULL;

    if (parser == NULL)
        return err_set(e, E_NOMEM, "no memory for a signal");
    if (text.len > 0 && text.len <= SIGNAL_BYTES_MAX)
        root = json_tokener_parse_ex(parser, (const char *)text.ptr, (int)text.len);
    json_tokener_free(parser);
    if (json_object_is_type(root, json_type_object)) {
        *out = root;
        return 0;
    }
    json_object_put(root);
    return err_set(e, E_PROTOCOL, "its data is no JSON object: %.*s",
                   text.len < 80 ? (int)text.len : 80, (const char *)text.ptr);
}

static int copy(struct slice text, char **out, struct err *e)
{
    *out = strndup((const char *)text.ptr, text.len);
    return *out != NULL ? 0 : err_set(e, E_NOMEM, "no memory for a signal");
}

static struct json_object *member(struct json_object *root, const char *name, enum json_type type)
{
    struct json_object *m = NULL;

    return json_object_object_get_ex(root, name, &m) && json_object_is_type(m, type) ? m : NULL;
}

static struct slice text_of(struct json_object *text)
{
    return (struct slice){ (const uint8_t *)json_object_get_string(text),
                           (size_t)json_object_get_string_len(text) };
}

/* Leaves *out as it is where there is no such text, or an empty one. */
static int copy_member(struct json_object *root, const char *name, char **out, struct err *e)
{
    struct json_object *m = member(root, name, json_type_string);

    return m != NULL && json_object_get_string_len(m) > 0 ? copy(text_of(m), out, e) : 0;
}

static int read_collections(struct json_object *root, struct signal *s, struct err *e)
{
    struct json_object *list = member(root, "data-collections", json_type_array);
    size_t              count = list != NULL ? json_object_array_length(list) : 0;

    if (count > SIGNAL_COLLECTIONS_MAX)
        return err_set(e, E_LIMIT, "it names %zu tables", count);
    s->collections = calloc(count + 1, sizeof *s->collections);
    if (s->collections == NULL)
        return err_set(e, E_NOMEM, "no memory for a signal");
    for (size_t i = 0; i < count; i++) {
        struct json_object *name = json_object_array_get_idx(list, i);
        if (!json_object_is_type(name, json_type_string))
            return err_set(e, E_PROTOCOL, "its data-collections are not all texts");
        TRY(copy(text_of(name), &s->collections[s->collection_count], e));
        s->collection_count++;
    }
    return 0;
}

static int read_conditions(struct json_object *root, struct signal *s, struct err *e)
{
    struct json_object *list = member(root, "additional-conditions", json_type_array);
    size_t              count = list != NULL ? json_object_array_length(list) : 0;

    s->conditions = calloc(count + 1, sizeof *s->conditions);
    if (s->conditions == NULL)
        return err_set(e, E_NOMEM, "no memory for a signal");
    for (size_t i = 0; i < count; i++) {
        struct json_object      *one = json_object_array_get_idx(list, i);
        struct signal_condition *c = &s->conditions[s->condition_count++];
        TRY(copy_member(one, "data-collection", &c->collection, e));
        TRY(copy_member(one, "filter", &c->filter, e));
        if (c->collection == NULL || c->filter == NULL)
            return err_set(e, E_PROTOCOL,
                           "each of its additional-conditions needs a data-collection and a "
                           "filter");
    }
    return 0;
}

static int read_type(struct json_object *root, struct signal *s, struct err *e)
{
    struct json_object *type = member(root, "type", json_type_string);
    const char         *word = type != NULL ? json_object_get_string(type) : "incremental";

    s->is_blocking = strcasecmp(word, "blocking") == 0;
    if (s->is_blocking || strcasecmp(word, "incremental") == 0)
        return 0;
    return err_set(e, E_PROTOCOL, "its type is '%.40s', not incremental or blocking", word);
}

static int fill(struct json_object *root, struct signal *s, struct err *e)
{
    TRY(read_type(root, s, e));
    TRY(read_collections(root, s, e));
    TRY(read_conditions(root, s, e));
    TRY(copy_member(root, "surrogate-key", &s->surrogate, e));
    TRY(copy_member(root, "message", &s->message, e));
    if (s->kind == SIGNAL_EXECUTE && s->collection_count == 0)
        return err_set(e, E_PROTOCOL, "it has no data-collections: which tables?");
    return 0;
}

static enum signal_kind kind_of(struct slice type)
{
    static const struct {
        const char      *name;
        enum signal_kind kind;
    } kinds[] = {
        { "execute-snapshot", SIGNAL_EXECUTE },
        { "pause-snapshot", SIGNAL_PAUSE },
        { "resume-snapshot", SIGNAL_RESUME },
        { "stop-snapshot", SIGNAL_STOP },
        { "log", SIGNAL_LOG },
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (slice_equal(type, slice_of_text(kinds[i].name)))
            return kinds[i].kind;
    return SIGNAL_OTHER;
}

static int read_parsed(struct slice id, struct slice type, struct json_object *data,
                       struct signal *out, struct err *e)
{
    struct signal s = { .kind = kind_of(type) };
    int           result = copy(id, &s.id, e);

    if (result == 0 && s.kind != SIGNAL_OTHER && data != NULL)
        result = fill(data, &s, e);
    else if (result == 0 && s.kind == SIGNAL_EXECUTE)
        result = err_set(e, E_PROTOCOL, "it has no data: which tables?");
    if (result != 0) {
        signal_done(&s);
        return -1;
    }
    *out = s;
    return 0;
}

int signal_read(struct slice id, struct slice type, struct slice data, struct signal *out,
                struct err *e)
{
    struct json_object *root = NULL;

    if (data.len > 0 && kind_of(type) != SIGNAL_OTHER)
        TRY(parse(data, &root, e));
    int result = read_parsed(id, type, root, out, e);
    json_object_put(root);
    return result;
}

int signal_read_record(struct slice value, struct signal *out, struct err *e)
{
    struct json_object *root = NULL;

    TRY(parse(value, &root, e));
    struct json_object *id = member(root, "id", json_type_string);
    struct json_object *type = member(root, "type", json_type_string);
    int                 result = type == NULL ? err_set(e, E_PROTOCOL, "it has no type")
                                              : read_parsed(id != NULL ? text_of(id) : slice_empty(), text_of(type),
                                            member(root, "data", json_type_object), out, e);
    json_object_put(root);
    return result;
}
