/* What persons and signals ask of incremental snapshots (incremental.h). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "publisher/snapshot/incremental_core.h"
#include "publisher/pattern.h"

enum { PATIENCE_S = 25, NAME_BYTES = 2 * DEFINITION_NAME_BYTES + 2, LIST_COLUMNS = 3 };

/* ---- any thread ---------------------------------------------------------------------------- */

static void request_free(struct incremental_request *q)
{
    signal_done(&q->signal);
    free(q);
}

static int await(struct incremental *i, struct incremental_request *q, struct err *e)
{
    struct timespec until = { 0 };

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    (void)pthread_mutex_lock(&i->mutex);
    while (!q->done && pthread_cond_timedwait(&i->taken, &i->mutex, &until) == 0)
        ;
    bool done = q->done;
    int  result = q->result;
    *e = done ? q->why : *e;
    if (!done)
        q->is_withdrawn = true;
    (void)pthread_mutex_unlock(&i->mutex);
    if (!done)
        return err_set(e, E_IO,
                       "the publisher did not take this up within %d s, so nothing was started: "
                       "see 'binrelay status', whether it waits or the source is away",
                       PATIENCE_S);
    request_free(q);
    return result;
}

static int enqueue(struct incremental *i, struct signal *s, bool waits,
                   struct incremental_request **out, struct err *e)
{
    struct incremental_request *q = calloc(1, sizeof *q);

    if (q == NULL) {
        signal_done(s);
        return err_set(e, E_NOMEM, "no memory for a signal");
    }
    q->signal = *s;
    q->waits = waits;
    q->is_kept = !waits;
    *s = (struct signal){ .id = NULL };
    (void)pthread_mutex_lock(&i->mutex);
    *i->last = q;
    i->last = &q->next;
    (void)pthread_mutex_unlock(&i->mutex);
    *out = q;
    return 0;
}

int incremental_signal(struct incremental *i, struct signal *s, struct err *e)
{
    struct incremental_request *q = NULL;

    TRY(enqueue(i, s, true, &q, e));
    publisher_wake(i->p);
    return await(i, q, e);
}

/* With the mutex held. */
static void finish(struct incremental *i, struct incremental_request *q, int result,
                   const struct err *why)
{
    if (!q->waits || q->is_withdrawn) {
        request_free(q);
        return;
    }
    q->done = true;
    q->result = result;
    q->why = *why;
    (void)pthread_cond_broadcast(&i->taken);
}

void incremental_refuse(struct incremental *i, const char *why)
{
    struct err e = { 0 };

    (void)err_set(&e, E_STOPPED, "%s", why);
    (void)pthread_mutex_lock(&i->mutex);
    while (i->first != NULL) {
        struct incremental_request *q = i->first;
        i->first = q->next;
        finish(i, q, -1, &e);
    }
    i->last = &i->first;
    (void)pthread_mutex_unlock(&i->mutex);
}

/* ---- the publisher's thread ---------------------------------------------------------------- */

static struct incremental_request *first_of(struct incremental *i)
{
    (void)pthread_mutex_lock(&i->mutex);
    struct incremental_request *q = i->first;
    (void)pthread_mutex_unlock(&i->mutex);
    return q;
}

static void say_left_out(struct incremental *i, const char *why)
{
    char sentence[ERR_TEXT_BYTES + 64];

    (void)snprintf(sentence, sizeof sentence, "left out a signal: %s", why);
    publisher_say(i->p, sentence);
}

/* The first request is done. What nobody waits for is said. */
static void close_request(struct incremental *i, int result, const struct err *why)
{
    (void)pthread_mutex_lock(&i->mutex);
    struct incremental_request *q = i->first;
    bool                        is_told = q->waits && !q->is_withdrawn;
    i->first = q->next;
    if (i->first == NULL)
        i->last = &i->first;
    finish(i, q, result, why);
    (void)pthread_mutex_unlock(&i->mutex);
    if (result != 0 && !is_told)
        say_left_out(i, why->text);
}

/* One at a time, so that the state's first order is the one that is being taken up. */
int incremental_take_orders(struct incremental *i, struct err *e)
{
    while (i->state.order_count > 0 && first_of(i) == NULL) {
        const struct incremental_order *o = &i->state.orders[0];
        struct incremental_request     *q = NULL;
        struct signal                   s;
        struct err                      why = { 0 };

        if (signal_read(slice_of_text(o->id), slice_of_text(o->type), slice_of_text(o->data), &s,
                        &why) == 0)
            return enqueue(i, &s, false, &q, e);
        say_left_out(i, why.text);
        incremental_state_forget_order(&i->state);
        i->is_dirty = true;
    }
    return 0;
}

static bool is_withdrawn(struct incremental *i, const struct incremental_request *q)
{
    (void)pthread_mutex_lock(&i->mutex);
    bool withdrawn = q->is_withdrawn;
    (void)pthread_mutex_unlock(&i->mutex);
    return withdrawn;
}

static bool takes(const char *expression, const char *name)
{
    struct patterns *p = NULL;
    struct err       ignored;

    if (strcmp(expression, name) == 0)
        return true;
    if (patterns_new_single(expression, strlen(expression), &p, &ignored) != 0)
        return false;
    bool matches = patterns_match(p, name);
    patterns_free(p);
    return matches;
}

/* ---- pause, resume, stop, log -------------------------------------------------------------- */

static int set_paused(struct incremental *i, bool paused, struct err *e)
{
    if (i->state.count == 0)
        return err_set(e, E_CONFIG, "there is no snapshot to be %s", paused ? "paused" : "resumed");
    if (i->state.paused == paused)
        return err_set(e, E_CONFIG, "the snapshot is%s paused", paused ? " already" : " not");
    i->state.paused = paused;
    return 0;
}

static bool is_named(const struct signal *s, const struct incremental_table *t)
{
    char name[NAME_BYTES];

    (void)snprintf(name, sizeof name, "%s.%s", t->database, t->table);
    for (size_t n = 0; n < s->collection_count; n++)
        if (takes(s->collections[n], name))
            return true;
    return s->collection_count == 0;
}

static int stop(struct incremental *i, const struct signal *s, struct err *e)
{
    size_t before = i->state.count;

    for (size_t n = i->state.count; n-- > 0;) {
        if (!is_named(s, &i->state.tables[n]))
            continue;
        if (n == 0) /* the reader looks at what belongs to this table */
            incremental_end(i);
        incremental_state_drop(&i->state, n);
    }
    if (i->state.count == before)
        return err_set(e, E_CONFIG, "no table of that name is being read, or waits for it");
    if (i->state.count == 0)
        i->state.paused = false;
    return 0;
}

static void say_message(struct incremental *i, const struct signal *s, struct reader *r)
{
    char        sentence[ERR_TEXT_BYTES];
    const char *text = s->message != NULL ? s->message : "";
    const char *hole = strstr(text, "{}");

    (void)snprintf(sentence, sizeof sentence, "signal '%.60s': %.*s%s%s", s->id,
                   hole != NULL ? (int)(hole - text) : 200, text,
                   hole != NULL ? reader_file(r)->name : "", hole != NULL ? hole + 2 : "");
    publisher_say(i->p, sentence);
}

/* ---- execute ------------------------------------------------------------------------------- */

static const char *condition_of(const struct signal *s, const char *name)
{
    for (size_t n = 0; n < s->condition_count; n++)
        if (takes(s->conditions[n].collection, name))
            return s->conditions[n].filter;
    return NULL;
}

/* Of the answer's row: "" where it is too long for a name. */
static void take_name(struct slice text, char into[DEFINITION_NAME_BYTES])
{
    into[0] = 0;
    if (text.ptr != NULL && text.len < DEFINITION_NAME_BYTES)
        (void)snprintf(into, DEFINITION_NAME_BYTES, "%.*s", (int)text.len, (const char *)text.ptr);
}

struct listed {
    char     database[DEFINITION_NAME_BYTES], table[DEFINITION_NAME_BYTES];
    char     name[NAME_BYTES];
    uint64_t guessed;
};

static bool next_listed(struct cursor *c, struct listed *out)
{
    struct slice texts[LIST_COLUMNS];
    char         number[32] = "0";

    if (c->left == 0)
        return false;
    for (int n = 0; n < LIST_COLUMNS; n++) {
        uint64_t length = cursor_le(c, 8);
        texts[n] = length > 0 ? cursor_slice(c, length - 1) : slice_empty();
    }
    take_name(texts[0], out->database);
    take_name(texts[1], out->table);
    (void)snprintf(out->name, sizeof out->name, "%s.%s", out->database, out->table);
    (void)snprintf(number, sizeof number, "%.*s", (int)texts[2].len, (const char *)texts[2].ptr);
    out->guessed = strtoull(number, NULL, 10);
    return !c->failed;
}

static bool is_waiting(const struct incremental_state *s, const struct listed *t,
                       const char *condition)
{
    for (size_t n = 1; n < s->count; n++)
        if (strcmp(s->tables[n].database, t->database) == 0 &&
            strcmp(s->tables[n].table, t->table) == 0 &&
            strcmp(s->tables[n].condition != NULL ? s->tables[n].condition : "",
                   condition != NULL ? condition : "") == 0)
            return true;
    return false;
}

/* -1: it can't be read in chunks, or nobody knows it now. */
static int check_key(struct incremental *i, const struct listed *t, const char *surrogate,
                     struct reader *r, struct err *e)
{
    struct definition *d = NULL;
    struct chunk_key   key;

    TRY(incremental_define(i, t->database, t->table, reader_pos(r), &d, e));
    int result = chunk_key_of(d, surrogate, &key, e);
    definition_free(d);
    return result;
}

struct listing {
    const struct incremental_request *request;
    const struct chunk_answer        *answer;
    bool                              only_checks;
    bool                             *matched; /* of each of the request's collections */
    size_t                            added;
};

/* A person is told before anything starts; a signal's other tables are read. */
static int add_table(struct incremental *i, struct listing *l, const struct listed *t,
                     struct reader *r, struct err *e)
{
    const struct signal *s = &l->request->signal;
    const char          *condition = condition_of(s, t->name);
    struct err           why = { 0 };

    if (check_key(i, t, s->surrogate, r, &why) != 0) {
        if (l->request->waits) {
            *e = why;
            return -1;
        }
        if (!l->only_checks)
            publisher_say(i->p, why.text);
        return 0;
    }
    l->added++;
    const struct incremental_wish w = { .database = t->database,
                                        .table = t->table,
                                        .condition = condition,
                                        .surrogate = s->surrogate,
                                        .id = s->id,
                                        .guessed = t->guessed };
    return l->only_checks || is_waiting(&i->state, t, condition)
               ? 0
               : incremental_state_add(&i->state, &w, e);
}

static int add_tables(struct incremental *i, struct listing *l, struct reader *r, struct err *e)
{
    const struct signal *s = &l->request->signal;

    for (size_t n = 0; n < s->collection_count; n++) {
        struct cursor c = cursor_over(buf_slice(&l->answer->rows));
        struct listed t;
        while (next_listed(&c, &t)) {
            if (!takes(s->collections[n], t.name) ||
                !convert_wants(i->p->convert, t.database, t.table))
                continue;
            l->matched[n] = true;
            TRY(add_table(i, l, &t, r, e));
        }
    }
    return 0;
}

static int execute_all(struct incremental *i, struct listing *l, struct reader *r, struct err *e)
{
    const struct signal *s = &l->request->signal;

    l->only_checks = true;
    TRY(add_tables(i, l, r, e));
    for (size_t n = 0; l->request->waits && n < s->collection_count; n++)
        if (!l->matched[n])
            return err_set(e, E_CONFIG, "no table that is published is called '%.200s'",
                           s->collections[n]);
    if (l->added == 0)
        return err_set(e, E_CONFIG,
                       "none of its tables is there, published, and can be read in "
                       "chunks");
    l->only_checks = false;
    return add_tables(i, l, r, e);
}

static int execute(struct incremental *i, const struct incremental_request *q,
                   const struct chunk_answer *a, struct reader *r, struct err *e)
{
    struct listing l = { .request = q, .answer = a };

    l.matched = calloc(q->signal.collection_count + 1, sizeof *l.matched);
    if (l.matched == NULL)
        return err_set(e, E_NOMEM, "no memory for a list of tables");
    int result = execute_all(i, &l, r, e);
    free(l.matched);
    return result;
}

/* What it changed is kept, and that it is taken up. */
static int settle_request(struct incremental *i, const struct incremental_request *q, bool changes,
                          struct reader *r, struct err *e)
{
    if (q->is_kept)
        incremental_state_forget_order(&i->state);
    if (!q->is_kept && !changes)
        return 0;
    TRY(incremental_begin_writing(i, r, e));
    return incremental_keep(i, r, e);
}

int incremental_take_list(struct incremental *i, struct reader *r, const struct chunk_answer *a,
                          struct err *e)
{
    struct incremental_request *q = first_of(i);
    struct err                  why = { 0 };
    int                         result = -1;

    i->phase = INCREMENTAL_REST;
    if (a->result != 0 && a->why.kind != E_REFUSED && !is_withdrawn(i, q)) {
        chunk_reader_done(i->reader); /* it is asked again, for as long as somebody wants to know */
        return 0;
    }
    if (a->result != 0)
        why = a->why;
    else if (is_withdrawn(i, q))
        (void)err_set(&why, E_STOPPED, "nobody waits for it any more");
    else
        result = execute(i, q, a, r, &why);
    chunk_reader_done(i->reader);
    TRY(settle_request(i, q, result == 0, r, e));
    close_request(i, result, &why);
    if (why.kind == E_NOMEM) {
        *e = why;
        return -1;
    }
    return 0;
}

static int begin_list(struct incremental *i, struct reader *r, struct err *e)
{
    if (i->phase != INCREMENTAL_REST)
        return 0; /* between two chunks */
    TRY(incremental_ask(i, NULL, false, r, e));
    i->phase = INCREMENTAL_LISTING;
    return 0;
}

/* ---- one after the other ------------------------------------------------------------------- */

static int take_order(struct incremental *i, const struct signal *s, struct reader *r,
                      struct err *why)
{
    switch (s->kind) {
    case SIGNAL_PAUSE:
    case SIGNAL_RESUME:
        return set_paused(i, s->kind == SIGNAL_PAUSE, why);
    case SIGNAL_STOP:
        return stop(i, s, why);
    case SIGNAL_LOG:
        say_message(i, s, r);
        return 0;
    default:
        return 0; /* another one's: a window's marks that Debezium writes into its table */
    }
}

static int check_execute(const struct incremental *i, const struct signal *s, struct err *e)
{
    if (i->source.open == NULL)
        return err_set(e, E_CONFIG, "there is no source to be asked");
    if (s->is_blocking)
        return err_set(e, E_CONFIG,
                       "snapshots of type blocking are not taken: use incremental, "
                       "during which the stream goes on");
    return 0;
}

int incremental_take_requests(struct incremental *i, struct reader *r, struct err *e)
{
    for (struct incremental_request *q; (q = first_of(i)) != NULL;) {
        struct err why = { 0 };
        int        result = 0;

        if (is_withdrawn(i, q)) {
            result = err_set(&why, E_STOPPED, "nobody waits for it any more");
        } else if (q->signal.kind == SIGNAL_EXECUTE) {
            result = check_execute(i, &q->signal, &why);
            if (result == 0)
                return begin_list(i, r, e);
        } else {
            result = take_order(i, &q->signal, r, &why);
        }
        TRY(settle_request(i, q, result == 0 && q->signal.kind != SIGNAL_LOG, r, e));
        close_request(i, result, &why);
        TRY(incremental_take_orders(i, e));
    }
    return 0;
}
