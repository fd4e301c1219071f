#include "publisher/snapshot/incremental_state.h"
#include <stdlib.h>
#include <string.h>
#include "protocol/base/json.h"

void incremental_state_init(struct incremental_state *s)
{
    *s = (struct incremental_state){ .count = 0 };
}

static void table_done(struct incremental_table *t)
{
    free(t->database);
    free(t->table);
    free(t->condition);
    free(t->surrogate);
    free(t->id);
    *t = (struct incremental_table){ .database = NULL };
}

static void drop_key(char *key[CHUNK_KEYS_MAX])
{
    for (size_t i = 0; i < CHUNK_KEYS_MAX; i++) {
        free(key[i]);
        key[i] = NULL;
    }
}

static void order_done(struct incremental_order *o)
{
    free(o->id);
    free(o->type);
    free(o->data);
}

void incremental_state_done(struct incremental_state *s)
{
    for (size_t i = 0; i < s->order_count; i++)
        order_done(&s->orders[i]);
    free(s->orders);
    s->orders = NULL;
    s->order_count = 0;
    for (size_t i = 0; i < s->count; i++)
        table_done(&s->tables[i]);
    free(s->tables);
    s->tables = NULL;
    s->count = 0;
    drop_key(s->behind);
    drop_key(s->upto);
}

static int copy(const char *text, char **out, struct err *e)
{
    if (text == NULL)
        return 0;
    *out = strdup(text);
    return *out != NULL ? 0 : err_set(e, E_NOMEM, "no memory for a snapshot's state");
}

static int copy_table(const struct incremental_wish *from, struct incremental_table *to,
                      struct err *e)
{
    to->guessed = from->guessed;
    TRY(copy(from->database, &to->database, e));
    TRY(copy(from->table, &to->table, e));
    TRY(copy(from->condition, &to->condition, e));
    TRY(copy(from->surrogate, &to->surrogate, e));
    return copy(from->id, &to->id, e);
}

int incremental_state_add(struct incremental_state *s, const struct incremental_wish *w,
                          struct err *e)
{
    struct incremental_table  made = { .database = NULL };
    struct incremental_table *grown = realloc(s->tables, (s->count + 1) * sizeof *grown);

    if (grown == NULL)
        return err_set(e, E_NOMEM, "no memory for a snapshot's state");
    s->tables = grown;
    if (copy_table(w, &made, e) != 0) {
        table_done(&made);
        return -1;
    }
    s->tables[s->count++] = made;
    return 0;
}

int incremental_state_order(struct incremental_state *s, struct slice id, struct slice type,
                            struct slice data, struct err *e)
{
    struct incremental_order *grown = realloc(s->orders, (s->order_count + 1) * sizeof *grown);

    if (grown == NULL)
        return err_set(e, E_NOMEM, "no memory for a signal");
    s->orders = grown;
    struct incremental_order o = { .id = strndup((const char *)id.ptr, id.len),
                                   .type = strndup((const char *)type.ptr, type.len),
                                   .data = strndup((const char *)data.ptr, data.len) };
    if (o.id == NULL || o.type == NULL || o.data == NULL) {
        order_done(&o);
        return err_set(e, E_NOMEM, "no memory for a signal");
    }
    s->orders[s->order_count++] = o;
    return 0;
}

void incremental_state_forget_order(struct incremental_state *s)
{
    order_done(&s->orders[0]);
    s->order_count--;
    memmove(&s->orders[0], &s->orders[1], s->order_count * sizeof *s->orders);
}

void incremental_state_restart(struct incremental_state *s)
{
    drop_key(s->behind);
    drop_key(s->upto);
    s->rows = 0;
}

void incremental_state_drop(struct incremental_state *s, size_t index)
{
    table_done(&s->tables[index]);
    memmove(&s->tables[index], &s->tables[index + 1], (s->count - index - 1) * sizeof *s->tables);
    s->count--;
    if (index == 0)
        incremental_state_restart(s);
}

int incremental_state_set_key(char *into[CHUNK_KEYS_MAX], const char *const *literals,
                              struct err *e)
{
    drop_key(into);
    for (size_t i = 0; i < CHUNK_KEYS_MAX && literals[i] != NULL; i++)
        TRY(copy(literals[i], &into[i], e));
    return 0;
}

static void put_text(struct json *j, const char *name, const char *text)
{
    if (text == NULL)
        return;
    json_name(j, name);
    json_text(j, text);
}

static void put_key(struct json *j, const char *name, char *const *key)
{
    if (key[0] == NULL)
        return;
    json_name(j, name);
    json_open_array(j);
    for (size_t i = 0; i < CHUNK_KEYS_MAX && key[i] != NULL; i++)
        json_text(j, key[i]);
    json_close_array(j);
}

void incremental_state_put(const struct incremental_state *s, struct buf *out)
{
    struct json j = json_into(out);

    json_open_object(&j);
    json_name(&j, "paused");
    json_bool(&j, s->paused);
    json_name(&j, "rows");
    json_uint(&j, s->rows);
    json_name(&j, "writing");
    json_bool(&j, s->is_writing);
    put_key(&j, "behind", s->behind);
    put_key(&j, "upto", s->upto);
    json_name(&j, "tables");
    json_open_array(&j);
    for (size_t i = 0; i < s->count; i++) {
        const struct incremental_table *t = &s->tables[i];
        json_open_object(&j);
        put_text(&j, "database", t->database);
        put_text(&j, "table", t->table);
        put_text(&j, "condition", t->condition);
        put_text(&j, "surrogate", t->surrogate);
        put_text(&j, "id", t->id);
        json_name(&j, "guessed");
        json_uint(&j, t->guessed);
        json_close_object(&j);
    }
    json_close_array(&j);
    json_name(&j, "orders");
    json_open_array(&j);
    for (size_t i = 0; i < s->order_count; i++) {
        json_open_object(&j);
        put_text(&j, "id", s->orders[i].id);
        put_text(&j, "type", s->orders[i].type);
        put_text(&j, "data", s->orders[i].data);
        json_close_object(&j);
    }
    json_close_array(&j);
    json_close_object(&j);
}
