#include "publisher/schema.h"
#include <stdlib.h>
#include <string.h>

enum { TEXTS_BYTES_MAX = 16 << 20 };
#define PREPARED_BYTES_MAX (256u << 20)

static int no_memory(struct err *e)
{
    return err_set(e, E_NOMEM, "no memory for a schema");
}

struct schema *schema_new(enum schema_type type, bool optional, const char *name, uint32_t version,
                          struct err *e)
{
    struct schema *s = calloc(1, sizeof *s);

    if (s != NULL && name != NULL)
        s->name = strdup(name);
    if (s == NULL || (name != NULL && s->name == NULL)) {
        free(s);
        (void)no_memory(e);
        return NULL;
    }
    s->type = type;
    s->optional = optional;
    s->version = version;
    buf_init(&s->texts, TEXTS_BYTES_MAX);
    buf_init(&s->prepared, PREPARED_BYTES_MAX);
    return s;
}

void schema_free(struct schema *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < s->member_count; i++) {
        free(s->members[i].name);
        if (!s->members[i].borrowed)
            schema_free(s->members[i].schema);
    }
    for (uint32_t i = 0; i < s->parameter_count; i++) {
        free(s->parameters[i].name);
        free(s->parameters[i].value);
    }
    free(s->members);
    free(s->parameters);
    free(s->own_fallback);
    buf_done(&s->texts);
    buf_done(&s->prepared);
    free(s->name);
    free(s->doc);
    free(s);
}

int schema_set_doc(struct schema *s, const char *doc, struct err *e)
{
    free(s->doc);
    s->doc = strdup(doc);
    return s->doc != NULL ? 0 : no_memory(e);
}

int schema_add_parameter(struct schema *s, const char *name, const char *value, struct err *e)
{
    struct schema_parameter *grown =
        realloc(s->parameters, (s->parameter_count + 1) * sizeof *grown);

    if (grown == NULL)
        return no_memory(e);
    s->parameters = grown;
    struct schema_parameter *p = &s->parameters[s->parameter_count++];
    *p = (struct schema_parameter){ strdup(name), strdup(value) };
    return p->name != NULL && p->value != NULL ? 0 : no_memory(e);
}

int schema_set_fallback(struct schema *s, const struct cell *c, struct err *e)
{
    struct cell copy = *c;
    uint8_t    *own = NULL;

    if (c->kind == CELL_TEXT || c->kind == CELL_BYTES) {
        own = malloc(c->bytes.len + 1);
        if (own == NULL)
            return no_memory(e);
        memcpy(own, c->bytes.ptr, c->bytes.len);
        copy.bytes.ptr = own;
    }
    free(s->own_fallback);
    s->own_fallback = own;
    s->fallback = copy;
    s->has_fallback = true;
    return 0;
}

static int add_member(struct schema *s, const char *name, struct schema *member, bool borrowed,
                      struct err *e)
{
    enum { GROWTH = 16 };
    if (s->member_count % GROWTH == 0) {
        struct schema_member *grown =
            realloc(s->members, (s->member_count + GROWTH) * sizeof *grown);
        if (grown == NULL)
            return no_memory(e);
        s->members = grown;
    }
    char *copy = strdup(name);
    if (copy == NULL)
        return no_memory(e);
    s->members[s->member_count++] =
        (struct schema_member){ .name = copy, .schema = member, .borrowed = borrowed };
    return 0;
}

int schema_add(struct schema *s, const char *name, struct schema *member, struct err *e)
{
    if (member == NULL)
        return -1;
    if (add_member(s, name, member, false, e) != 0) {
        schema_free(member);
        return -1;
    }
    return 0;
}

int schema_borrow(struct schema *s, const char *name, struct schema *member, struct err *e)
{
    return add_member(s, name, member, true, e);
}

int schema_add_plain(struct schema *s, const char *name, enum schema_type type, bool optional,
                     struct err *e)
{
    return schema_add(s, name, schema_new(type, optional, NULL, 0, e), e);
}
