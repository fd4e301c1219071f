#include "relay/downstream/prepared_list.h"
#include <stdlib.h>

struct prepared {
    struct prepared *next;
    uint32_t         id;
    size_t           parameters;
    uint16_t         types[PREPARED_VALUES_MAX];
    struct buf      *sent[PREPARED_VALUES_MAX]; /* NULL: nothing ahead of the execution */
    bool             overflown;                 /* of what was sent, something was left out */
    size_t           text_bytes;
    uint8_t          text[];
};

struct prepared_list {
    struct prepared        *first; /* newest */
    size_t                  count, bytes;
    uint32_t                next_id;
    struct buf              values; /* texts of the execution at work */
    struct query_parameters bound;
};

struct prepared_list *prepared_list_new(void)
{
    struct prepared_list *l = calloc(1, sizeof *l);

    if (l == NULL)
        return NULL;
    l->next_id = PREPARED_FIRST_ID;
    buf_init(&l->values, PREPARED_TEXT_BYTES);
    return l;
}

static void prepared_free(struct prepared_list *l, struct prepared *p)
{
    prepared_drop_long(l, p);
    l->bytes -= p->text_bytes;
    l->count--;
    free(p);
}

void prepared_list_free(struct prepared_list *l)
{
    if (l == NULL)
        return;
    while (l->first != NULL) {
        struct prepared *p = l->first;
        l->first = p->next;
        prepared_free(l, p);
    }
    buf_done(&l->values);
    free(l);
}

int prepared_list_add(struct prepared_list *l, struct slice text, size_t parameters, uint32_t *id,
                      struct err *e)
{
    assert(parameters <= PREPARED_VALUES_MAX);
    if (l->count == PREPARED_MAX || text.len > PREPARED_TEXT_BYTES - l->bytes)
        return err_set(e, E_LIMIT, "too many prepared statements");
    struct prepared *p = calloc(1, sizeof *p + text.len);
    if (p == NULL)
        return err_set(e, E_NOMEM, "no memory for a prepared statement");
    p->parameters = parameters;
    p->text_bytes = text.len;
    memcpy(p->text, text.ptr, text.len);
    do /* after a billion of them the numbers begin again */
        p->id = l->next_id < INT32_MAX ? ++l->next_id : (l->next_id = PREPARED_FIRST_ID);
    while (prepared_list_find(l, p->id) != NULL);
    p->next = l->first;
    l->first = p;
    l->count++;
    l->bytes += text.len;
    *id = p->id;
    return 0;
}

struct prepared *prepared_list_find(struct prepared_list *l, uint32_t id)
{
    for (struct prepared *p = l->first; p != NULL; p = p->next) {
        if (p->id == id)
            return p;
    }
    return NULL;
}

void prepared_list_remove(struct prepared_list *l, uint32_t id)
{
    for (struct prepared **at = &l->first; *at != NULL; at = &(*at)->next) {
        struct prepared *p = *at;
        if (p->id == id) {
            *at = p->next;
            prepared_free(l, p);
            return;
        }
    }
}

struct slice prepared_text(const struct prepared *p)
{
    return (struct slice){ p->text, p->text_bytes };
}

/* ---- values ---- */

void prepared_take_long(struct prepared_list *l, struct prepared *p, uint16_t parameter,
                        struct slice piece)
{
    if (parameter >= p->parameters || piece.len > PREPARED_TEXT_BYTES - l->bytes) {
        p->overflown = true;
        return;
    }
    struct buf *b = p->sent[parameter];
    if (b == NULL) {
        b = calloc(1, sizeof *b);
        if (b == NULL) {
            p->overflown = true;
            return;
        }
        buf_init(b, PREPARED_TEXT_BYTES);
        p->sent[parameter] = b;
    }
    size_t before = b->len;
    buf_put(b, piece);
    p->overflown = p->overflown || b->failed != BUF_FINE;
    l->bytes += b->len - before;
}

void prepared_drop_long(struct prepared_list *l, struct prepared *p)
{
    for (size_t i = 0; i < p->parameters; i++) {
        struct buf *b = p->sent[i];
        if (b == NULL)
            continue;
        l->bytes -= b->len;
        buf_done(b);
        free(b);
        p->sent[i] = NULL;
    }
    p->overflown = false;
}

static int parse(struct prepared_list *l, struct prepared *p, struct slice payload,
                 uint32_t capabilities, struct prepared_execute *x, struct err *e)
{
    struct slice        texts[PREPARED_VALUES_MAX];
    const struct slice *sent[PREPARED_VALUES_MAX] = { NULL };

    if (p->overflown)
        return err_set(e, E_LIMIT, "values of more than %d bytes for a prepared statement",
                       PREPARED_TEXT_BYTES);
    for (size_t i = 0; i < p->parameters; i++) {
        if (p->sent[i] == NULL)
            continue;
        texts[i] = buf_slice(p->sent[i]);
        sent[i] = &texts[i];
    }
    buf_clear(&l->values);
    return prepared_parse_execute(payload, capabilities, p->parameters, p->types, sent, &l->values,
                                  x, e);
}

int prepared_bind(struct prepared_list *l, struct prepared *p, struct slice payload,
                  uint32_t capabilities, const struct query_parameters **out, struct err *e)
{
    struct prepared_execute x;
    int                     rc = parse(l, p, payload, capabilities, &x, e);

    prepared_drop_long(l, p);
    if (rc != 0)
        return -1;
    l->bound.count = x.count;
    for (size_t i = 0; i < x.count; i++) {
        const struct prepared_value *v = &x.values[i];
        l->bound.list[i] = (struct query_parameter){
            .is_null = v->is_null,
            .is_number = v->is_number,
            .text =
                v->bytes > 0 ? (struct slice){ l->values.ptr + v->at, v->bytes } : slice_empty(),
        };
    }
    *out = &l->bound;
    return 0;
}
