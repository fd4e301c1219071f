#include "publisher/kafka/checkpoint.h"
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

void checkpoint_done(struct checkpoint *c)
{
    free(c->relay);
    free(c->file);
    free(c->gtids);
    free(c->state);
    *c = (struct checkpoint){ .relay = NULL };
}

/* NULL: it is not there, or no text. */
static char *copy_of(struct json_object *root, const char *name)
{
    struct json_object *member = NULL;

    if (!json_object_object_get_ex(root, name, &member) ||
        !json_object_is_type(member, json_type_string))
        return NULL;
    return strdup(json_object_get_string(member));
}

static bool take_number(struct json_object *root, const char *name, uint64_t *out)
{
    struct json_object *member = NULL;

    if (!json_object_object_get_ex(root, name, &member) ||
        !json_object_is_type(member, json_type_int) || json_object_get_int64(member) < 0)
        return false;
    *out = (uint64_t)json_object_get_int64(member);
    return true;
}

int checkpoint_parse(struct slice value, struct checkpoint *out, struct err *e)
{
    struct checkpoint    c = { .relay = NULL };
    struct json_tokener *parser = json_tokener_new();

    if (parser == NULL || value.len > CHECKPOINT_BYTES_MAX) {
        json_tokener_free(parser);
        return err_set(e, E_NOMEM, "no memory for a checkpoint");
    }
    struct json_object *root =
        json_tokener_parse_ex(parser, (const char *)value.ptr, (int)value.len);
    c.relay = copy_of(root, "relay");
    c.file = copy_of(root, "file");
    c.gtids = copy_of(root, "gtids");
    c.state = copy_of(root, "state");
    bool whole = c.relay != NULL && c.file != NULL && c.gtids != NULL &&
                 take_number(root, "offset", &c.offset) && take_number(root, "events", &c.events);
    json_object_put(root);
    json_tokener_free(parser);
    if (whole) {
        *out = c;
        return 0;
    }
    checkpoint_done(&c);
    return err_set(e, E_PROTOCOL, "the checkpoint in Kafka is no checkpoint of a relay: %.*s",
                   value.len < 100 ? (int)value.len : 100, (const char *)value.ptr);
}
