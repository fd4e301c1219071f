#include "relay/consumers.h"
#include <ctype.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct consumer {
    struct catalog_consumer   row;
    const _Atomic(store_pos) *at;                            /* NULL: not connected */
    store_pos                 samples[CONSUMER_LAG_SAMPLES]; /* of places, oldest first */
    int64_t                   sampled_s;
    bool                      dirty; /* the row in the catalog is older */
    int                       said;  /* see consumers_louder() */
};

struct consumers {
    struct catalog *catalog;
    void (*wake)(void *arg);
    void *arg;
    int64_t (*now)(void);
    pthread_mutex_t  mutex;               /* for all below */
    struct consumer *list[CONSUMERS_MAX]; /* by name */
    size_t           count;
    pthread_mutex_t  writing; /* one writer, so that an older row never replaces a newer one */
};

/* ---- the list ------------------------------------------------------------------------------ */

/* Where the name is, or would be. */
static size_t find(const struct consumers *c, const char *name, bool *found)
{
    size_t from = 0, to = c->count;

    *found = false;
    while (from < to && !*found) {
        size_t middle = from + (to - from) / 2;
        int    order = strcmp(name, c->list[middle]->row.name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return from;
}

static void take_out(struct consumers *c, size_t index)
{
    free(c->list[index]);
    c->count--;
    memmove(&c->list[index], &c->list[index + 1], (c->count - index) * sizeof(struct consumer *));
}

static struct consumer *add(struct consumers *c, const struct catalog_consumer *row)
{
    bool             found;
    size_t           index = find(c, row->name, &found);
    struct consumer *x = found || c->count == CONSUMERS_MAX ? NULL : calloc(1, sizeof *x);

    if (x == NULL)
        return NULL;
    x->row = *row;
    memmove(&c->list[index + 1], &c->list[index], (c->count - index) * sizeof(struct consumer *));
    c->list[index] = x;
    c->count++;
    return x;
}

/* ---- streams ------------------------------------------------------------------------------- */

static void restart_samples(struct consumer *x, store_pos at, int64_t now)
{
    x->row.held = at;
    for (size_t i = 0; i < CONSUMER_LAG_SAMPLES; i++)
        x->samples[i] = at;
    x->sampled_s = now;
}

static void look(struct consumer *x, int64_t now)
{
    if (x->at == NULL)
        return;
    x->row.place = atomic_load_explicit(x->at, memory_order_relaxed);
    x->row.seen_s = now;
    if (now - x->sampled_s < CONSUMER_SAMPLE_S)
        return;
    if (store_pos_ordinal(x->samples[0]) != store_pos_ordinal(x->row.held))
        x->dirty = true;
    x->row.held = x->samples[0];
    memmove(&x->samples[0], &x->samples[1], sizeof x->samples - sizeof x->samples[0]);
    x->samples[CONSUMER_LAG_SAMPLES - 1] = x->row.place;
    x->sampled_s = now;
}

static bool is_uuid(const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    size_t            i = 0;

    for (; form[i] != '\0'; i++)
        if (form[i] == '-' ? text[i] != '-' : isxdigit((unsigned char)text[i]) == 0)
            return false;
    return text[i] == '\0';
}

static void put_name(char into[CATALOG_CONSUMER_NAME_BYTES], const struct consumer_who *who)
{
    if (is_uuid(who->uuid))
        (void)snprintf(into, CATALOG_CONSUMER_NAME_BYTES, "%s", who->uuid);
    else
        (void)snprintf(into, CATALOG_CONSUMER_NAME_BYTES, "%.*s/%" PRIu32,
                       CATALOG_CONSUMER_TEXT_BYTES, who->user, who->server_id);
}

struct consumer *consumers_come(struct consumers *c, const struct consumer_who *who,
                                const _Atomic(store_pos) *at)
{
    struct catalog_consumer row = { .server_id = who->server_id };
    bool                    found;

    put_name(row.name, who);
    (void)pthread_mutex_lock(&c->mutex);
    size_t           index = find(c, row.name, &found);
    struct consumer *x = found ? c->list[index] : add(c, &row);
    if (x != NULL) {
        (void)snprintf(x->row.user, sizeof x->row.user, "%s", who->user);
        (void)snprintf(x->row.uuid, sizeof x->row.uuid, "%s", is_uuid(who->uuid) ? who->uuid : "");
        (void)snprintf(x->row.address, sizeof x->row.address, "%s", who->address);
        x->row.server_id = who->server_id;
        x->at = at;
        restart_samples(x, atomic_load_explicit(at, memory_order_relaxed), c->now());
        look(x, c->now());
        x->dirty = true;
    }
    (void)pthread_mutex_unlock(&c->mutex);
    if (x != NULL)
        c->wake(c->arg);
    return x;
}

bool consumers_recall(struct consumers *c, const struct consumer_who *who,
                      struct catalog_consumer *out)
{
    char name[CATALOG_CONSUMER_NAME_BYTES];
    bool found;

    put_name(name, who);
    (void)pthread_mutex_lock(&c->mutex);
    size_t index = find(c, name, &found);
    if (found) {
        look(c->list[index], c->now());
        *out = c->list[index]->row;
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return found;
}

void consumers_leave(struct consumers *c, struct consumer *x, const _Atomic(store_pos) *at)
{
    if (x == NULL)
        return;
    (void)pthread_mutex_lock(&c->mutex);
    bool last = x->at == at; /* else the same one has come back already, by another connection */
    if (last) {
        look(x, c->now());
        x->at = NULL;
        x->dirty = true;
    }
    (void)pthread_mutex_unlock(&c->mutex);
    if (last)
        c->wake(c->arg);
}

int consumers_each(struct consumers *c, void (*each)(void *arg, const struct consumer_info *x),
                   void *arg, struct err *e)
{
    (void)pthread_mutex_lock(&c->mutex);
    size_t                count = c->count;
    struct consumer_info *copies = calloc(count > 0 ? count : 1, sizeof *copies);
    for (size_t i = 0; copies != NULL && i < count; i++) {
        look(c->list[i], c->now());
        copies[i].row = c->list[i]->row;
        copies[i].connected = c->list[i]->at != NULL;
        copies[i].needs = copies[i].connected ? copies[i].row.place : copies[i].row.held;
    }
    (void)pthread_mutex_unlock(&c->mutex);
    if (copies == NULL)
        return err_set(e, E_NOMEM, "no memory for a list of consumers");
    for (size_t i = 0; i < count; i++)
        each(arg, &copies[i]);
    free(copies);
    return 0;
}

void consumers_purged(struct consumers *c, store_pos before)
{
    (void)pthread_mutex_lock(&c->mutex);
    for (size_t i = 0; i < c->count; i++) {
        struct consumer *x = c->list[i];
        if (x->at == NULL)
            continue;
        for (size_t k = 0; k < CONSUMER_LAG_SAMPLES; k++)
            x->samples[k] = x->samples[k] < before ? before : x->samples[k];
        x->dirty = x->dirty || x->row.held < before;
        x->row.held = x->row.held < before ? before : x->row.held;
    }
    (void)pthread_mutex_unlock(&c->mutex);
}

bool consumers_louder(struct consumers *c, const char *name, int level)
{
    bool found, louder = false;

    (void)pthread_mutex_lock(&c->mutex);
    size_t index = find(c, name, &found);
    if (found) {
        louder = level > c->list[index]->said;
        c->list[index]->said = level;
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return louder;
}

/* ---- the catalog --------------------------------------------------------------------------- */

static size_t take_dirty(struct consumers *c, struct catalog_consumer **rows)
{
    size_t n = 0;

    (void)pthread_mutex_lock(&c->mutex);
    for (size_t i = 0; i < c->count; i++) {
        look(c->list[i], c->now());
        n += c->list[i]->dirty;
    }
    *rows = n > 0 ? calloc(n, sizeof **rows) : NULL;
    n = 0;
    for (size_t i = 0; *rows != NULL && i < c->count; i++)
        if (c->list[i]->dirty) {
            (*rows)[n] = c->list[i]->row;
            /* After a crash nobody knows when it went away: it is seen at the next start. */
            if (c->list[i]->at != NULL)
                (*rows)[n].seen_s = 0;
            n++;
            c->list[i]->dirty = false;
        }
    (void)pthread_mutex_unlock(&c->mutex);
    return n;
}

static void put_back(struct consumers *c, const struct catalog_consumer *rows, size_t count)
{
    bool found;

    (void)pthread_mutex_lock(&c->mutex);
    for (size_t i = 0; i < count; i++) {
        size_t index = find(c, rows[i].name, &found);
        if (found)
            c->list[index]->dirty = true;
    }
    (void)pthread_mutex_unlock(&c->mutex);
}

/* The name of the one that has been away for longest, when there are many; else "". */
static void name_of_oldest(struct consumers *c, char into[CATALOG_CONSUMER_NAME_BYTES])
{
    const struct consumer *oldest = NULL;

    (void)pthread_mutex_lock(&c->mutex);
    for (size_t i = 0; c->count > CONSUMERS_MANY && i < c->count; i++)
        if (c->list[i]->at == NULL &&
            (oldest == NULL || c->list[i]->row.seen_s < oldest->row.seen_s))
            oldest = c->list[i];
    (void)snprintf(into, CATALOG_CONSUMER_NAME_BYTES, "%s", oldest != NULL ? oldest->row.name : "");
    (void)pthread_mutex_unlock(&c->mutex);
}

static int make_room(struct consumers *c, struct err *e)
{
    char       name[CATALOG_CONSUMER_NAME_BYTES];
    struct err ignored = { 0 };

    for (name_of_oldest(c, name); *name != '\0'; name_of_oldest(c, name))
        if (consumers_forget(c, name, &ignored) != 0 && ignored.kind != E_CONFIG) {
            *e = ignored;
            return -1;
        }
    return 0;
}

int consumers_save(struct consumers *c, struct err *e)
{
    struct catalog_consumer *rows = NULL;

    (void)pthread_mutex_lock(&c->writing);
    size_t count = take_dirty(c, &rows);
    int    result = count > 0 ? catalog_put_consumers(c->catalog, rows, count, e) : 0;
    if (result != 0)
        put_back(c, rows, count);
    (void)pthread_mutex_unlock(&c->writing);
    free(rows);
    return result == 0 ? make_room(c, e) : result;
}

int consumers_forget(struct consumers *c, const char *name, struct err *e)
{
    bool found, connected = false;

    (void)pthread_mutex_lock(&c->writing);
    (void)pthread_mutex_lock(&c->mutex);
    size_t index = find(c, name, &found);
    if (found)
        connected = c->list[index]->at != NULL;
    if (found && !connected)
        take_out(c, index);
    (void)pthread_mutex_unlock(&c->mutex);
    int result;
    if (!found)
        result = err_set(e, E_CONFIG,
                         "there is no consumer '%.150s'; 'binrelay consumers' lists "
                         "their names",
                         name);
    else if (connected)
        result =
            err_set(e, E_CONFIG,
                    "consumer '%.150s' is connected: it can be forgotten when it is away", name);
    else
        result = catalog_forget_consumer(c->catalog, name, e);
    (void)pthread_mutex_unlock(&c->writing);
    return result;
}

/* ---- life ---------------------------------------------------------------------------------- */

static int load_one(void *arg, const struct catalog_consumer *row, struct err *e)
{
    struct consumers *c = arg;

    if (c->count == CONSUMERS_MAX)
        return 0;
    struct consumer *x = add(c, row);
    if (x == NULL)
        return err_set(e, E_NOMEM, "no memory for the consumers");
    if (x->row.seen_s == 0)
        x->row.seen_s = c->now();
    return 0;
}

int consumers_new(struct catalog *catalog, void (*wake)(void *arg), void *arg, int64_t (*now)(void),
                  struct consumers **out, struct err *e)
{
    struct consumers *c = calloc(1, sizeof *c);

    if (c == NULL)
        return err_set(e, E_NOMEM, "no memory for the consumers");
    c->catalog = catalog;
    c->wake = wake;
    c->arg = arg;
    c->now = now;
    (void)pthread_mutex_init(&c->mutex, NULL);
    (void)pthread_mutex_init(&c->writing, NULL);
    if (catalog_each_consumer(catalog, load_one, c, e) != 0) {
        consumers_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

void consumers_free(struct consumers *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->count; i++)
        free(c->list[i]);
    (void)pthread_mutex_destroy(&c->mutex);
    (void)pthread_mutex_destroy(&c->writing);
    free(c);
}
