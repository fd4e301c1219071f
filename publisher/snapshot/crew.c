#include "publisher/snapshot/crew.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "publisher/snapshot/row.h"

enum {
    ER_BAD_DB = 1049,
    ER_BAD_FIELD = 1054,
    ER_NO_SUCH_TABLE = 1146,
    ER_TABLE_DEF_CHANGED = 1412,
    SQL_BYTES_MAX = 1 << 20,
    TOPIC_BYTES_MAX = 4096,
    KEPT_BYTES = 1 << 20, /* larger batches are given back to the system */
};
#define BATCH_BYTES_MAX (9ull << 30)

struct worker {
    struct crew       *crew;
    struct select     *select;
    struct convert    *convert;
    struct crew_batch *batch; /* being filled */
    pthread_t          thread;
    bool               runs;
};

struct crew {
    struct crew_options o;
    struct worker      *workers;
    uint32_t            count;
    pthread_mutex_t     mutex; /* of what is below */
    pthread_cond_t      room;
    struct crew_batch  *first, **end; /* full ones */
    struct crew_batch  *spare;
    uint32_t            made; /* batches */
    uint32_t            next; /* table */
    uint32_t            working;
    bool                stopping, failed;
    struct err          why;
};

/* ---- batches ------------------------------------------------------------------------------- */

static void batch_free(struct crew_batch *b)
{
    if (b == NULL)
        return;
    buf_done(&b->topic);
    buf_done(&b->bytes);
    free(b->records);
    free(b);
}

/* NULL: the crew is to end, or there is no memory. */
static struct crew_batch *batch_wait(struct crew *c)
{
    struct crew_batch *b = NULL;

    (void)pthread_mutex_lock(&c->mutex);
    while (!c->stopping && c->spare == NULL && c->made >= 2 * c->count + 2)
        (void)pthread_cond_wait(&c->room, &c->mutex);
    if (!c->stopping && c->spare != NULL) {
        b = c->spare;
        c->spare = b->next;
    } else if (!c->stopping) {
        b = calloc(1, sizeof *b);
        if (b != NULL) {
            c->made++;
            buf_init(&b->topic, TOPIC_BYTES_MAX);
            buf_init(&b->bytes, BATCH_BYTES_MAX);
        }
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return b;
}

static void batch_clear(struct crew_batch *b)
{
    if (b->bytes.size > KEPT_BYTES)
        buf_done(&b->bytes);
    buf_clear(&b->topic);
    buf_clear(&b->bytes);
    b->count = 0;
    b->rows = 0;
    b->news = CREW_ROWS;
    b->has_last = false;
    b->next = NULL;
}

static void hand_over(struct worker *w)
{
    struct crew *c = w->crew;

    (void)pthread_mutex_lock(&c->mutex);
    w->batch->next = NULL;
    *c->end = w->batch;
    c->end = &w->batch->next;
    (void)pthread_mutex_unlock(&c->mutex);
    w->batch = NULL;
    c->o.wake(c->o.wake_arg);
}

static int begin_batch(struct worker *w, uint32_t table, struct err *e)
{
    w->batch = batch_wait(w->crew);
    if (w->batch == NULL)
        return err_set(e, E_STOPPED, "the snapshot was ended");
    batch_clear(w->batch);
    w->batch->table = table;
    return 0;
}

static int on_record(void *arg, const struct change_event *ev, struct err *e)
{
    struct worker     *w = arg;
    struct crew_batch *b = w->batch;

    if (b->count == b->size) {
        uint32_t            size = b->size == 0 ? 256 : 2 * b->size;
        struct crew_record *grown = realloc(b->records, size * sizeof *grown);
        if (grown == NULL)
            return err_set(e, E_NOMEM, "no memory for the rows of a snapshot");
        b->records = grown;
        b->size = size;
    }
    if (b->topic.len == 0)
        buf_put(&b->topic, ev->topic);
    b->records[b->count++] =
        (struct crew_record){ .key_bytes = (uint32_t)ev->key.len, .value_bytes = ev->value.len };
    buf_put(&b->bytes, ev->key);
    buf_put(&b->bytes, ev->value);
    return buf_check(&b->bytes, "the rows of a snapshot", e);
}

/* ---- tables -------------------------------------------------------------------------------- */

struct reading {
    struct worker       *worker;
    uint32_t             table;
    struct shape        *shape;
    struct snapshot_row *row;
    struct slice        *texts;
    struct emit_place    place;
};

static int ask_rows(struct reading *r, struct err *e)
{
    const struct definition *d = r->shape->definition;
    struct buf               sql;
    uint32_t                 columns = 0;

    buf_init(&sql, SQL_BYTES_MAX);
    buf_put_text(&sql, "SELECT ");
    snapshot_put_columns(d, &sql);
    buf_put_text(&sql, " FROM ");
    snapshot_put_name(&sql, d->database);
    buf_put_u8(&sql, '.');
    snapshot_put_name(&sql, d->table);
    int result = buf_check(&sql, "a question to the source", e);
    if (result == 0)
        result = select_begin(r->worker->select, buf_text(&sql), &columns, e);
    buf_done(&sql);
    if (result == 0 && columns != d->column_count)
        result = err_set(e, E_PROTOCOL, "%s.%s has %u columns, and %u were asked for", d->database,
                         d->table, columns, d->column_count);
    return result;
}

static int put_row(struct reading *r, enum snapshot_mark mark, struct err *e)
{
    r->place.source.snapshot = mark;
    return convert_read(r->worker->convert, &r->place, r->shape, e);
}

/* What its mark is when it is not the last one of all. */
static enum snapshot_mark mark_of(const struct reading *r, bool is_first, bool is_last)
{
    if (is_first && r->table == r->worker->crew->o.first_table)
        return SNAPSHOT_FIRST;
    if (is_last)
        return SNAPSHOT_LAST_IN_TABLE;
    return is_first ? SNAPSHOT_FIRST_IN_TABLE : SNAPSHOT_TRUE;
}

static int read_rows(struct reading *r, struct err *e)
{
    struct worker *w = r->worker;
    bool           more = true, is_last = false;

    for (bool is_first = true;; is_first = false) {
        TRY(select_next(w->select, r->texts, &more, &is_last, e));
        if (!more)
            return 0;
        TRY(snapshot_row_take(r->row, r->texts, e));
        TRY(put_row(r, mark_of(r, is_first, is_last), e));
        w->batch->rows++;
        if (is_last) {
            TRY(put_row(r, SNAPSHOT_LAST, e));
            w->batch->has_last = true;
        } else if (w->batch->bytes.len >= CREW_BATCH_BYTES) {
            hand_over(w);
            TRY(begin_batch(w, r->table, e));
        }
    }
}

static int read_shape(struct reading *r, struct err *e)
{
    const struct crew_options *o = &r->worker->crew->o;

    TRY(snapshot_row_new(r->shape, o->options->adjust_years, &r->row, e));
    r->texts = calloc(r->shape->definition->column_count + 1, sizeof *r->texts);
    if (r->texts == NULL)
        return err_set(e, E_NOMEM, "no memory to read a table");
    r->place = o->place;
    r->place.source.time_us = (int64_t)time(NULL) * 1000000;
    TRY(ask_rows(r, e));
    return read_rows(r, e);
}

static int read_table(struct worker *w, uint32_t table, struct err *e)
{
    const struct crew_options *o = &w->crew->o;
    struct definition         *d = NULL;
    struct reading             r = { .worker = w, .table = table };

    TRY(snapshot_plan_define(o->plan, &o->plan->tables[table], &d, e));
    int result = convert_read_table(w->convert, o->plan->family, d, &r.shape, e);
    definition_free(d);
    if (result == 0)
        result = read_shape(&r, e);
    free(r.texts);
    snapshot_row_free(r.row);
    shape_free(r.shape);
    return result;
}

/* What is about this table alone ends its reading, not the snapshot. */
static bool take_failure(struct worker *w, const struct err *e)
{
    if (e->kind != E_REFUSED)
        return false;
    bool gone = e->sys == ER_NO_SUCH_TABLE || e->sys == ER_BAD_DB;
    if (!gone && e->sys != ER_TABLE_DEF_CHANGED && e->sys != ER_BAD_FIELD)
        return false;
    w->batch->news = gone ? CREW_TABLE_GONE : CREW_TABLE_CHANGED;
    (void)snprintf(w->batch->why, sizeof w->batch->why, "%s", e->text);
    return true;
}

static bool next_table(struct crew *c, uint32_t *table)
{
    (void)pthread_mutex_lock(&c->mutex);
    while (c->next < c->o.plan->table_count &&
           (!c->o.plan->tables[c->next].is_read || c->o.plan->tables[c->next].is_done))
        c->next++;
    bool found = !c->stopping && !c->failed && c->next < c->o.plan->table_count;
    if (found)
        *table = c->next++;
    (void)pthread_mutex_unlock(&c->mutex);
    return found;
}

static int work(struct worker *w, struct err *e)
{
    for (uint32_t table = 0; next_table(w->crew, &table);) {
        TRY(begin_batch(w, table, e));
        w->batch->news = CREW_ROWS;
        if (read_table(w, table, e) == 0)
            w->batch->news = CREW_TABLE_DONE;
        else if (w->batch == NULL || !take_failure(w, e))
            return -1;
        hand_over(w);
    }
    return 0;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct crew   *c = w->crew;
    struct err     e = { 0 };
    int            result = work(w, &e);

    (void)pthread_mutex_lock(&c->mutex);
    if (result != 0 && !c->failed && !c->stopping) {
        c->failed = true;
        c->why = e;
    }
    c->working--;
    (void)pthread_mutex_unlock(&c->mutex);
    c->o.wake(c->o.wake_arg);
    return NULL;
}

/* ---- made ---------------------------------------------------------------------------------- */

static int on_register(void *arg, struct slice topic, bool is_key, const struct schema *root,
                       uint32_t *id, struct err *e)
{
    struct crew *c = arg;

    (void)pthread_mutex_lock(&c->mutex);
    int result = c->o.registrar.find(c->o.registrar.arg, topic, is_key, root, id, e);
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

static int start(struct crew *c, struct worker *w, struct select *select, struct err *e)
{
    const struct convert_options convert = {
        .options = c->o.options,
        .registrar = { .find = c->o.registrar.find != NULL ? on_register : NULL, .arg = c },
    };

    w->crew = c;
    w->select = select;
    TRY(convert_new(&convert, NULL, NULL, NULL, on_record, w, &w->convert, e));
    (void)pthread_mutex_lock(&c->mutex);
    c->working++;
    (void)pthread_mutex_unlock(&c->mutex);
    errno = pthread_create(&w->thread, NULL, worker_main, w);
    if (errno != 0) {
        (void)err_sys(e, "start a thread");
        (void)pthread_mutex_lock(&c->mutex);
        c->working--;
        (void)pthread_mutex_unlock(&c->mutex);
        return -1;
    }
    w->runs = true;
    (void)pthread_setname_np(w->thread, "snapshot");
    return 0;
}

int crew_new(const struct crew_options *o, struct crew **out, struct err *e)
{
    struct crew *c = calloc(1, sizeof *c);

    if (c != NULL)
        c->workers = calloc(o->view->count, sizeof *c->workers);
    if (c == NULL || c->workers == NULL) {
        free(c);
        return err_set(e, E_NOMEM, "no memory for a snapshot");
    }
    c->o = *o;
    c->end = &c->first;
    (void)pthread_mutex_init(&c->mutex, NULL);
    (void)pthread_cond_init(&c->room, NULL);
    c->count = o->view->count;
    for (uint32_t i = 0; i < c->count; i++) {
        if (start(c, &c->workers[i], o->view->selects[i], e) != 0) {
            crew_free(c);
            return -1;
        }
    }
    *out = c;
    return 0;
}

static void free_list(struct crew_batch *b)
{
    while (b != NULL) {
        struct crew_batch *next = b->next;
        batch_free(b);
        b = next;
    }
}

void crew_free(struct crew *c)
{
    if (c == NULL)
        return;
    (void)pthread_mutex_lock(&c->mutex);
    c->stopping = true;
    (void)pthread_cond_broadcast(&c->room);
    (void)pthread_mutex_unlock(&c->mutex);
    for (uint32_t i = 0; i < c->count; i++) {
        struct worker *w = &c->workers[i];
        if (w->runs)
            (void)pthread_join(w->thread, NULL);
        convert_free(w->convert);
        batch_free(w->batch);
    }
    free_list(c->first);
    free_list(c->spare);
    (void)pthread_cond_destroy(&c->room);
    (void)pthread_mutex_destroy(&c->mutex);
    free(c->workers);
    free(c);
}

int crew_take(struct crew *c, struct crew_batch **out, struct err *e)
{
    int result = 0;

    (void)pthread_mutex_lock(&c->mutex);
    if (c->first != NULL) {
        *out = c->first;
        c->first = c->first->next;
        if (c->first == NULL)
            c->end = &c->first;
        result = 1;
    } else if (c->failed) {
        *e = c->why;
        result = -1;
    } else if (c->working == 0) {
        result = 2;
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return result;
}

void crew_give_back(struct crew *c, struct crew_batch *b)
{
    (void)pthread_mutex_lock(&c->mutex);
    b->next = c->spare;
    c->spare = b;
    (void)pthread_cond_signal(&c->room);
    (void)pthread_mutex_unlock(&c->mutex);
}
