#include "publisher/fields/patch.h"
#include <stdlib.h>
#include "publisher/fields/document.h"

enum { UNFOLDED_MAX = 1 << 20 };
enum operation { OPERATION_REPLACE, OPERATION_INSERT, OPERATION_REMOVE, OPERATIONS };

/* A value, or what an array or object holds since one of its parts was changed. */
struct node {
    struct document_value   value;
    enum document_container container; /* DOCUMENT_SCALAR: not unfolded, `value` is it */
    struct child           *children;
    uint32_t                count;
};

struct child {
    struct slice name;
    struct node  node;
};

static int broken(struct err *e, const char *what)
{
    return err_set(e, E_PROTOCOL, "a change of a JSON value with %s", what);
}

/* ---- nodes --------------------------------------------------------------------------------- */

static void node_done(struct node *n)
{
    for (uint32_t i = 0; i < n->count; i++)
        node_done(&n->children[i].node);
    free(n->children);
}

static int insert_child(struct node *n, uint32_t at, struct slice name,
                        const struct document_value *v, struct err *e)
{
    struct child *grown = NULL;

    if (n->count < UNFOLDED_MAX)
        grown = realloc(n->children, (n->count + 1) * sizeof *grown);
    if (grown == NULL)
        return err_set(e, E_NOMEM, "no memory for a JSON value of %u parts", n->count);
    n->children = grown;
    memmove(grown + at + 1, grown + at, (n->count - at) * sizeof *grown);
    grown[at] = (struct child){ .name = name, .node = { .value = *v } };
    n->count++;
    return 0;
}

static void remove_child(struct node *n, uint32_t at)
{
    node_done(&n->children[at].node);
    n->count--;
    memmove(n->children + at, n->children + at + 1, (n->count - at) * sizeof *n->children);
}

static int append(void *arg, struct slice name, const struct document_value *v, struct err *e)
{
    struct node *n = arg;
    return insert_child(n, n->count, name, v, e);
}

static int unfold(struct node *n, struct err *e)
{
    if (n->container != DOCUMENT_SCALAR)
        return 0;
    enum document_container container = document_container_of(&n->value);
    if (container == DOCUMENT_SCALAR)
        return broken(e, "a path through what holds nothing");
    TRY(document_each(&n->value, append, n, e));
    n->container = container;
    return 0;
}

/* Names are in the order in which the server stores them: shorter ones first. */
static int compare_names(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return memcmp(a.ptr, b.ptr, a.len);
}

/* ---- paths: $.name."quoted name"[index] ---------------------------------------------------- */

struct leg {
    bool         is_index;
    uint64_t     index;
    struct slice name;
};

/* A quoted name without escapes is a part of the path itself; with some it needs room. */
static int take_quoted(struct cursor *c, struct buf *room, struct slice *out, struct err *e)
{
    size_t from = room->len;

    for (;;) {
        uint8_t byte = cursor_u8(c);
        if (c->failed)
            return broken(e, "a path that is cut off");
        if (byte == '"')
            break;
        if (byte == '\\') {
            static const char letters[] = "bfnrt", means[] = "\b\f\n\r\t";
            byte = cursor_u8(c);
            const char *letter = byte != 0 ? strchr(letters, byte) : NULL;
            if (letter != NULL)
                byte = (uint8_t)means[letter - letters];
        }
        buf_put_u8(room, byte);
    }
    *out = (struct slice){ room->ptr + from, room->len - from };
    return 0;
}

static int take_index(struct cursor *c, struct leg *out, struct err *e)
{
    *out = (struct leg){ .is_index = true };
    for (;;) {
        uint8_t byte = cursor_u8(c);
        if (!c->failed && byte == ']')
            return 0;
        if (c->failed || byte < '0' || byte > '9' || out->index > UINT32_MAX)
            return broken(e, "a path that can't be read");
        out->index = out->index * 10 + (uint64_t)(byte - '0');
    }
}

static int take_leg(struct cursor *c, struct buf *room, struct leg *out, struct err *e)
{
    uint8_t kind = cursor_u8(c);

    if (kind == '[')
        return take_index(c, out, e);
    if (kind != '.' || c->left == 0)
        return broken(e, "a path that can't be read");
    *out = (struct leg){ .is_index = false };
    if (*c->at == '"') {
        (void)cursor_u8(c);
        return take_quoted(c, room, &out->name, e);
    }
    size_t n = 0;
    while (n < c->left && c->at[n] != '.' && c->at[n] != '[')
        n++;
    out->name = cursor_slice(c, n);
    return 0;
}

/* Where the leg leads in an unfolded node; the count where it leads nowhere. */
static uint32_t find_child(const struct node *n, const struct leg *leg)
{
    if (leg->is_index)
        return n->container == DOCUMENT_ARRAY && leg->index < n->count ? (uint32_t)leg->index
                                                                       : n->count;
    for (uint32_t i = 0; n->container == DOCUMENT_OBJECT && i < n->count; i++)
        if (slice_equal(n->children[i].name, leg->name))
            return i;
    return n->count;
}

/* ---- differences --------------------------------------------------------------------------- */

static int insert(struct node *parent, const struct leg *leg, const struct document_value *v,
                  struct err *e)
{
    uint32_t at = parent->count;

    if (leg->is_index != (parent->container == DOCUMENT_ARRAY))
        return broken(e, "a path that does not fit");
    if (leg->is_index && leg->index < parent->count)
        at = (uint32_t)leg->index;
    for (uint32_t i = 0; !leg->is_index && i < parent->count && at == parent->count; i++)
        if (compare_names(leg->name, parent->children[i].name) < 0)
            at = i;
    return insert_child(parent, at, leg->name, v, e);
}

static int apply(struct node *parent, enum operation operation, const struct leg *leg,
                 const struct document_value *v, struct err *e)
{
    TRY(unfold(parent, e));
    uint32_t at = find_child(parent, leg);
    if (operation == OPERATION_INSERT)
        return insert(parent, leg, v, e);
    if (at == parent->count)
        return broken(e, "a path that leads nowhere");
    if (operation == OPERATION_REMOVE) {
        remove_child(parent, at);
        return 0;
    }
    node_done(&parent->children[at].node);
    parent->children[at].node = (struct node){ .value = *v };
    return 0;
}

static int replace_root(struct node *root, enum operation operation, const struct document_value *v,
                        struct err *e)
{
    if (operation != OPERATION_REPLACE)
        return broken(e, "a path that does not fit");
    node_done(root);
    *root = (struct node){ .value = *v };
    return 0;
}

static int apply_at(struct node *root, enum operation operation, struct slice path,
                    const struct document_value *v, struct buf *room, struct err *e)
{
    struct cursor c = cursor_over(path);
    struct node  *n = root;
    struct leg    leg;

    if (cursor_u8(&c) != '$')
        return broken(e, "a path that can't be read");
    if (c.left == 0)
        return replace_root(root, operation, v, e);
    for (unsigned depth = 0; depth < DOCUMENT_DEPTH_MAX; depth++) {
        TRY(take_leg(&c, room, &leg, e));
        if (c.left == 0)
            return apply(n, operation, &leg, v, e);
        TRY(unfold(n, e));
        uint32_t at = find_child(n, &leg);
        if (at == n->count)
            return broken(e, "a path that leads nowhere");
        n = &n->children[at].node;
    }
    return broken(e, "too many levels");
}

static int apply_all(struct node *root, struct slice diffs, struct buf *room, struct err *e)
{
    struct cursor c = cursor_over(diffs);

    while (c.left > 0) {
        struct document_value v = { .type = 0 };
        uint8_t               operation = cursor_u8(&c);
        struct slice          path = cursor_lenenc_slice(&c);
        if (operation >= OPERATIONS || c.failed)
            return broken(e, "an unknown operation");
        if (operation != OPERATION_REMOVE)
            TRY(document_root(cursor_lenenc_slice(&c), &v, e));
        if (c.failed)
            return broken(e, "a part that is cut off");
        TRY(apply_at(root, (enum operation)operation, path, &v, room, e));
    }
    return 0;
}

/* ---- the text ------------------------------------------------------------------------------ */

static int put_node(const struct node *n, size_t *budget, struct buf *out, struct err *e)
{
    bool is_object = n->container == DOCUMENT_OBJECT;

    if (n->container == DOCUMENT_SCALAR)
        return document_put_value(&n->value, budget, out, e);
    buf_put_u8(out, is_object ? '{' : '[');
    for (uint32_t i = 0; i < n->count; i++) {
        if (i > 0)
            buf_put_u8(out, ',');
        if (is_object) {
            document_put_string(out, n->children[i].name);
            buf_put_u8(out, ':');
        }
        TRY(put_node(&n->children[i].node, budget, out, e));
    }
    buf_put_u8(out, is_object ? '}' : ']');
    return 0;
}

int patch_put_text(struct slice document, struct slice diffs, struct buf *out, struct err *e)
{
    struct node root = { .count = 0 };
    size_t      budget = document.len + diffs.len;
    struct buf  room; /* of names with escapes; never grown twice, so that slices stay right */

    buf_init(&room, diffs.len + 1);
    int result = buf_extend(&room, diffs.len + 1) != NULL
                     ? document_root(document, &root.value, e)
                     : err_set(e, E_NOMEM, "no memory for a JSON value");
    buf_clear(&room);
    if (result == 0)
        result = apply_all(&root, diffs, &room, e);
    if (result == 0)
        result = put_node(&root, &budget, out, e);
    node_done(&root);
    buf_done(&room);
    return result;
}
