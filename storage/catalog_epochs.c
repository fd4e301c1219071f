/* The catalog's rows of epochs. */
#include <sqlite3.h>
#include "storage/catalog_core.h"

enum { SKIPPED = 11, LACKING, ERRANT, LOST };

static int put_epoch(struct catalog *c, const struct catalog_epoch *x, struct err *e)
{
    catalog_bind_int(c, PUT_EPOCH, 1, x->epoch);
    catalog_bind_int(c, PUT_EPOCH, 2, x->ordinal);
    catalog_bind_text(c, PUT_EPOCH, 3, x->source.name);
    catalog_bind_text(c, PUT_EPOCH, 4, x->source.uuid);
    catalog_bind_int(c, PUT_EPOCH, 5, x->source.server_id);
    catalog_bind_text(c, PUT_EPOCH, 6, x->source.version);
    catalog_bind_int(c, PUT_EPOCH, 7, x->source.family);
    catalog_bind_text(c, PUT_EPOCH, 8, x->source_file);
    catalog_bind_int(c, PUT_EPOCH, 9, (uint64_t)x->begun_s);
    catalog_bind_text(c, PUT_EPOCH, 10, x->method);
    catalog_bind_int(c, PUT_EPOCH, 11, x->forked);
    catalog_bind_text(c, PUT_EPOCH, SKIPPED + 1, x->skipped);
    catalog_bind_text(c, PUT_EPOCH, LACKING + 1, x->lacking);
    catalog_bind_text(c, PUT_EPOCH, ERRANT + 1, x->errant);
    catalog_bind_text(c, PUT_EPOCH, LOST + 1, x->lost);
    return catalog_run(c, PUT_EPOCH, "store an epoch", e);
}

int catalog_put_epoch(struct catalog *c, const struct catalog_epoch *x, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    int result = catalog_begin(c, e);
    if (result == 0) {
        result = put_epoch(c, x, e);
        if (result == 0) {
            catalog_bind_text(c, PUT_VALUE, 1, CATALOG_ACTIVE_SOURCE);
            catalog_bind_text(c, PUT_VALUE, 2, x->source.name);
            result = catalog_run(c, PUT_VALUE, "store the active source", e);
        }
        result = catalog_end(c, result, e);
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

/* Longer ones than any row of ours has fields for are refused with the row. */
static const char *text_of(struct catalog *c, int at)
{
    return (const char *)sqlite3_column_text(c->statements[EACH_EPOCH], at);
}

static int epoch_of_row(struct catalog *c, struct catalog_epoch *x, struct err *e)
{
    sqlite3_stmt        *st = c->statements[EACH_EPOCH];
    sqlite3_int64        epoch = sqlite3_column_int64(st, 0), ordinal = sqlite3_column_int64(st, 1);
    struct store_source *source = &x->source;

    *x = (struct catalog_epoch){ .skipped = text_of(c, SKIPPED),
                                 .lacking = text_of(c, LACKING),
                                 .errant = text_of(c, ERRANT),
                                 .lost = text_of(c, LOST) };
    bool good = catalog_column_text(c, EACH_EPOCH, 2, source->name, sizeof source->name) &&
                catalog_column_text(c, EACH_EPOCH, 3, source->uuid, sizeof source->uuid) &&
                catalog_column_text(c, EACH_EPOCH, 5, source->version, sizeof source->version) &&
                catalog_column_text(c, EACH_EPOCH, 7, x->source_file, sizeof x->source_file) &&
                catalog_column_text(c, EACH_EPOCH, 9, x->method, sizeof x->method);
    if (!good || epoch < 1 || epoch > UINT32_MAX || ordinal < 1 || ordinal > STORE_ORDINAL_MAX ||
        x->skipped == NULL || x->lacking == NULL || x->errant == NULL || x->lost == NULL)
        return err_set(e, E_CORRUPT, "catalog %s: the row of epoch %lld makes no sense", c->path,
                       (long long)epoch);
    x->epoch = (uint32_t)epoch;
    x->ordinal = (uint32_t)ordinal;
    source->server_id = (uint32_t)sqlite3_column_int64(st, 4);
    source->family = sqlite3_column_int64(st, 6) == FAMILY_MARIADB ? FAMILY_MARIADB : FAMILY_MYSQL;
    x->begun_s = sqlite3_column_int64(st, 8);
    x->forked = sqlite3_column_int64(st, 10) != 0;
    return 0;
}

int catalog_each_epoch(struct catalog *c,
                       int (*each)(void *arg, const struct catalog_epoch *x, struct err *e),
                       void *arg, struct err *e)
{
    int  result = 0;
    bool more = true;

    (void)pthread_mutex_lock(&c->mutex);
    while (result == 0 && more) {
        struct catalog_epoch x;
        result = catalog_step(c, EACH_EPOCH, &more, "read the epochs", e);
        if (result == 0 && more)
            result = epoch_of_row(c, &x, e);
        if (result == 0 && more)
            result = each(arg, &x, e);
    }
    catalog_reset(c, EACH_EPOCH);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

int catalog_forget_epochs(struct catalog *c, uint32_t after, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    catalog_bind_int(c, FORGET_EPOCHS, 1, after);
    int result = catalog_run(c, FORGET_EPOCHS, "forget epochs that never began", e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}
