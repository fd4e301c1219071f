/* The catalog's rows of consumers. */
#include <sqlite3.h>
#include "storage/catalog_core.h"

static int put_consumer(struct catalog *c, const struct catalog_consumer *x, struct err *e)
{
    catalog_bind_text(c, PUT_CONSUMER, 1, x->name);
    catalog_bind_text(c, PUT_CONSUMER, 2, x->user);
    catalog_bind_int(c, PUT_CONSUMER, 3, x->server_id);
    catalog_bind_text(c, PUT_CONSUMER, 4, x->uuid);
    catalog_bind_text(c, PUT_CONSUMER, 5, x->address);
    catalog_bind_int(c, PUT_CONSUMER, 6, x->place);
    catalog_bind_int(c, PUT_CONSUMER, 7, x->held);
    catalog_bind_int(c, PUT_CONSUMER, 8, (uint64_t)x->seen_s);
    return catalog_run(c, PUT_CONSUMER, "store a consumer", e);
}

int catalog_put_consumers(struct catalog *c, const struct catalog_consumer *consumers, size_t count,
                          struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    int result = catalog_begin(c, e);
    if (result == 0) {
        for (size_t i = 0; i < count && result == 0; i++)
            result = put_consumer(c, &consumers[i], e);
        result = catalog_end(c, result, e);
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

static bool place_is_good(sqlite3_int64 place)
{
    return place >= 0 && store_pos_ordinal((store_pos)place) <= STORE_ORDINAL_MAX;
}

static int consumer_of_row(struct catalog *c, struct catalog_consumer *x, struct err *e)
{
    sqlite3_stmt *st = c->statements[EACH_CONSUMER];
    sqlite3_int64 place = sqlite3_column_int64(st, 5), held = sqlite3_column_int64(st, 6);

    *x = (struct catalog_consumer){ 0 };
    bool good = catalog_column_text(c, EACH_CONSUMER, 0, x->name, sizeof x->name) &&
                catalog_column_text(c, EACH_CONSUMER, 1, x->user, sizeof x->user) &&
                catalog_column_text(c, EACH_CONSUMER, 3, x->uuid, sizeof x->uuid) &&
                catalog_column_text(c, EACH_CONSUMER, 4, x->address, sizeof x->address);
    if (!good || !place_is_good(place) || !place_is_good(held))
        return err_set(e, E_CORRUPT, "catalog %s: the row of consumer '%s' makes no sense", c->path,
                       x->name);
    x->server_id = (uint32_t)sqlite3_column_int64(st, 2);
    x->place = (store_pos)place;
    x->held = (store_pos)held;
    x->seen_s = sqlite3_column_int64(st, 7);
    return 0;
}

int catalog_each_consumer(struct catalog *c,
                          int (*each)(void *arg, const struct catalog_consumer *x, struct err *e),
                          void *arg, struct err *e)
{
    int  result = 0;
    bool more = true;

    (void)pthread_mutex_lock(&c->mutex);
    while (result == 0 && more) {
        struct catalog_consumer x;
        result = catalog_step(c, EACH_CONSUMER, &more, "read the consumers", e);
        if (result == 0 && more)
            result = consumer_of_row(c, &x, e);
        if (result == 0 && more)
            result = each(arg, &x, e);
    }
    catalog_reset(c, EACH_CONSUMER);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_forget_consumer(struct catalog *c, const char *name, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    catalog_bind_text(c, FORGET_CONSUMER, 1, name);
    int result = catalog_run(c, FORGET_CONSUMER, "forget a consumer", e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}
