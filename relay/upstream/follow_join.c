/* Another server than the one before: the place to go on, and orders to go there. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "relay/upstream/follow_core.h"
#include "storage/catalog.h"

void follow_source_fill(const struct follow *f, const struct server_facts *facts,
                        struct store_source *out)
{
    *out = (struct store_source){ .server_id = facts->server_id, .family = facts->family };
    (void)snprintf(out->name, sizeof out->name, "%s", f->source->name);
    (void)snprintf(out->uuid, sizeof out->uuid, "%s", facts->server_uuid);
    (void)snprintf(out->version, sizeof out->version, "%.*s", FORMAT_VERSION_BYTES, facts->version);
}

/* ---- rows of epochs ------------------------------------------------------------------------ */

struct wanted {
    uint32_t                   epoch, first, last; /* its first file's ordinal is between */
    const struct store_source *source;
    struct follow_place       *out;
    bool                       found;
};

static int take_row(void *arg, const struct catalog_epoch *x, struct err *e)
{
    struct wanted *w = arg;

    if (x->epoch != w->epoch || x->ordinal < w->first || x->ordinal > w->last ||
        x->source.server_id != w->source->server_id || strcmp(x->source.uuid, w->source->uuid) != 0)
        return 0;
    TRY(skip_parse(slice_of_text(x->skipped), &w->out->skip, e));
    memcpy(w->out->file, x->source_file, sizeof w->out->file);
    w->found = true;
    return 0;
}

static int find_row(struct follow *f, struct wanted *w, struct err *e)
{
    return catalog_each_epoch(store_catalog(f->store), take_row, w, e);
}

/* The same server as before: what was held when its epoch began still is. */
static int resume_epoch(struct follow *f, struct follow_place *out, struct err *e)
{
    struct store_file last;

    if (!store_last_file(f->store, &last))
        return 0;
    /* One that was about to begin was not: it must not be taken for one that does later. */
    TRY(catalog_forget_epochs(store_catalog(f->store), last.epoch, e));
    struct wanted w = {
        .epoch = last.epoch, .first = 1, .last = last.ordinal, .source = &last.source, .out = out
    };
    return find_row(f, &w, e);
}

static int put_row(struct follow *f, const struct writer *w, const struct server_facts *facts,
                   const char *file, struct catalog_epoch *x, uint32_t *epoch, struct err *e)
{
    writer_next_epoch(w, &x->epoch, &x->ordinal);
    follow_source_fill(f, facts, &x->source);
    (void)snprintf(x->source_file, sizeof x->source_file, "%s", file);
    x->begun_s = (int64_t)time(NULL);
    *epoch = x->epoch;
    return catalog_put_epoch(store_catalog(f->store), x, e);
}

int follow_first_epoch(struct follow *f, const struct writer *w, const struct server_facts *facts,
                       const char *file, struct err *e)
{
    struct catalog_epoch x = {
        .method = "first", .skipped = "", .lacking = "", .errant = "", .lost = ""
    };
    uint32_t epoch;

    return put_row(f, w, facts, file, &x, &epoch, e);
}

/* ---- joining ------------------------------------------------------------------------------- */

static int on_plan(void *arg, const char *file, uint64_t offset, uint64_t bytes, struct err *e)
{
    const struct follow *f = arg;

    (void)file;
    (void)offset;
    (void)bytes;
    return f->stopping ? err_set(e, E_STOPPED, "asked to end") : 0;
}

static int write_plan(struct follow *f, const struct writer *w, struct plan *plan, uint32_t *epoch,
                      struct err *e)
{
    struct buf           skipped;
    struct catalog_epoch x = { .forked = plan->lacking_transactions > 0 || plan->reset,
                               .lacking = buf_text(&plan->lacking),
                               .errant = buf_text(&plan->errant),
                               .lost = buf_text(&plan->lost) };

    (void)snprintf(x.method, sizeof x.method, "%s", plan_method_name(plan->method));
    buf_init(&skipped, SKIP_TEXT_BYTES_MAX);
    skip_put_text(&plan->skip, &skipped);
    int rc = buf_check(&skipped, "what is held of the source", e);
    x.skipped = buf_text(&skipped);
    if (rc == 0)
        rc = put_row(f, w, &plan->facts, plan->file, &x, epoch, e);
    buf_done(&skipped);
    return rc;
}

static void say(const struct follow *f, const struct plan *p, uint32_t epoch)
{
    log_write(LOG_INFO, "source",
              "joined '%s' (%s at %s) by %s: epoch %u, from its %s on, what is held is skipped%s",
              f->source->name, p->facts.version, p->address, plan_method_name(p->method), epoch,
              p->file, p->lacking_transactions > 0 || p->reset ? "; a FORK was kept" : "");
}

/* Of a server that lost what it had: what happened was found out by its bytes, what of it consumers
   were given by the plan. */
static int refuse_fork(const struct follow *f, const struct plan *p, struct err *e)
{
    char lacking[120];
    int  n = (int)(p->lacking.len < 100 ? p->lacking.len : 100);

    if (n == 0)
        return err_set(e, E_FORK, "%.400s; or go on with what it has now: fork = keep",
                       f->fork_why.text);
    (void)snprintf(lacking, sizeof lacking, "%.*s%s", n, (const char *)p->lacking.ptr,
                   p->lacking.len > 100 ? "..." : "");
    return err_set(e, E_FORK,
                   "%.280s; consumers were given %llu transactions that it lacks (%s); "
                   "fork = keep goes on without them",
                   f->fork_why.text, (unsigned long long)p->lacking_transactions, lacking);
}

static void show_epoch(struct follow *f, uint32_t epoch)
{
    (void)pthread_mutex_lock(&f->lock);
    f->status.epoch = epoch;
    (void)pthread_mutex_unlock(&f->lock);
}

static int join(struct follow *f, struct writer *w, bool forked, struct follow_place *out,
                struct err *e)
{
    struct plan          plan;
    uint32_t             epoch;
    struct plan_question q = { .source = f->source,
                               .store = f->store,
                               .relay_uuid = f->relay_uuid,
                               .landmarks = f->landmarks,
                               .at = f->ordered ? f->at_hand.at : NULL,
                               .interrupt_fd = f->stop_fd,
                               .progress = on_plan,
                               .arg = f };

    (void)pthread_mutex_lock(&f->lock);
    enum fork_policy policy = f->ordered ? f->at_hand.policy : f->policy;
    (void)pthread_mutex_unlock(&f->lock);
    TRY(plan_make(&q, &plan, e));
    int rc =
        forked && policy == FORK_STOP ? refuse_fork(f, &plan, e) : plan_check(&plan, policy, e);
    if (rc == 0)
        rc = write_plan(f, w, &plan, &epoch, e);
    if (rc == 0) {
        say(f, &plan, epoch);
        show_epoch(f, epoch);
        out->joins = true;
        memcpy(out->file, plan.file, sizeof out->file);
        out->skip = plan.skip;
        plan.skip = (struct skip){ 0 };
        follow_order_joined(f, epoch, plan.file);
    }
    plan_free(&plan);
    return rc;
}

/* A join that was decided before a restart or a lost connection: as it was decided. */
static int find_decided(struct follow *f, const struct writer *w, const struct server_facts *facts,
                        struct follow_place *out, struct err *e)
{
    struct store_source source;
    struct wanted       wanted = { .source = &source, .out = out };

    follow_source_fill(f, facts, &source);
    writer_next_epoch(w, &wanted.epoch, &wanted.first);
    wanted.last = wanted.first;
    TRY(find_row(f, &wanted, e));
    out->joins = wanted.found;
    if (wanted.found)
        show_epoch(f, wanted.epoch);
    return 0;
}

int follow_find_place(struct follow *f, struct writer *w, const struct writer_resume *resume,
                      const struct server_facts *facts, struct follow_place *out, struct err *e)
{
    struct follow_place place = { 0 };
    bool                same = source_is(&resume->source, facts);
    /* An order to follow the one at which it has stopped is about that fork. */
    bool forked = f->forked || (same && f->ordered && f->fork_stands);
    int  rc;

    f->forked = false;
    if (same && !forked) {
        rc = resume_epoch(f, &place, e);
        if (rc == 0)
            follow_order_joined(f, 0, resume->source_file);
    } else {
        rc = f->ordered || forked ? 0 : find_decided(f, w, facts, &place, e);
        if (rc == 0 && !place.joins)
            rc = join(f, w, forked, &place, e);
        /* It takes a person to say where. */
        if (rc != 0 && e->kind == E_CONFIG && forked)
            *e = f->fork_why;
        if (rc != 0 && e->kind == E_CONFIG && !f->ordered)
            e->kind = E_FORK;
    }
    if (rc != 0)
        skip_done(&place.skip);
    else
        *out = place;
    return rc;
}

/* ---- orders -------------------------------------------------------------------------------- */

int64_t follow_now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void follow_policy(struct follow *f, enum fork_policy policy)
{
    (void)pthread_mutex_lock(&f->lock);
    f->policy = policy;
    (void)pthread_mutex_unlock(&f->lock);
}

void follow_landmarks(struct follow *f, struct landmarks *l)
{
    f->landmarks = l;
}

void follow_on_switched(struct follow *f, void (*wake)(void *arg), void *arg)
{
    f->on_switched = wake;
    f->on_switched_arg = arg;
}

uint64_t follow_switch(struct follow *f, const struct follow_order *order)
{
    (void)pthread_mutex_lock(&f->lock);
    uint64_t ticket = ++f->ticket;
    f->order = *order;
    f->order_waits = true;
    f->joined = (struct follow_joined){ .began_us = follow_now_us() };
    (void)pthread_cond_broadcast(&f->joined_now); /* for who waits for the one before */
    (void)pthread_mutex_unlock(&f->lock);
    follow_interrupt(f);
    return ticket;
}

bool follow_switched(struct follow *f, uint64_t ticket, struct follow_joined *out)
{
    (void)pthread_mutex_lock(&f->lock);
    bool last = ticket == f->ticket;
    if (last)
        *out = f->joined;
    (void)pthread_mutex_unlock(&f->lock);
    return last;
}

bool follow_wait_switched(struct follow *f, uint64_t ticket, struct follow_joined *out)
{
    (void)pthread_mutex_lock(&f->lock);
    while (ticket == f->ticket && !f->joined.done && !f->stopping)
        (void)pthread_cond_wait(&f->joined_now, &f->lock);
    bool last = ticket == f->ticket;
    if (last) {
        *out = f->joined;
        if (!out->done) {
            out->done = true;
            (void)err_set(&out->why, E_STOPPED, "the relay ends");
        }
    }
    (void)pthread_mutex_unlock(&f->lock);
    return last;
}

const struct config_source *follow_source(struct follow *f)
{
    return f->next;
}

bool follow_take_order(struct follow *f)
{
    (void)pthread_mutex_lock(&f->lock);
    bool taken = f->order_waits;
    if (taken) {
        f->at_hand = f->order;
        f->ordered_ticket = f->ticket;
        f->order_waits = false;
        f->ordered = true;
    }
    (void)pthread_mutex_unlock(&f->lock);
    return taken;
}

bool follow_has_order(struct follow *f)
{
    (void)pthread_mutex_lock(&f->lock);
    bool waits = f->order_waits;
    (void)pthread_mutex_unlock(&f->lock);
    return waits;
}

/* Says how it ended, unless another one has taken its place. */
static void end_order(struct follow *f, const struct follow_joined *how)
{
    (void)pthread_mutex_lock(&f->lock);
    if (f->ordered && f->ordered_ticket == f->ticket) {
        int64_t began_us = f->joined.began_us;
        f->joined = *how;
        f->joined.began_us = began_us;
        (void)pthread_cond_broadcast(&f->joined_now);
    }
    f->ordered = false;
    (void)pthread_mutex_unlock(&f->lock);
    if (f->on_switched != NULL)
        f->on_switched(f->on_switched_arg);
}

void follow_order_fails(struct follow *f, const struct err *why)
{
    log_write(LOG_WARNING, "source", "not going over to '%s': %s", f->source->name, why->text);
    end_order(f, &(struct follow_joined){ .done = true, .why = *why });
}

void follow_order_joined(struct follow *f, uint32_t epoch, const char *file)
{
    struct follow_joined how = { .done = true, .ok = true, .epoch = epoch };

    if (!f->ordered)
        return;
    f->next = f->source;
    how.joined_us = follow_now_us();
    (void)snprintf(how.file, sizeof how.file, "%s", file);
    f->awaits_first = true;
    end_order(f, &how);
}

void follow_order_flows(struct follow *f)
{
    if (!f->awaits_first)
        return;
    f->awaits_first = false;
    (void)pthread_mutex_lock(&f->lock);
    if (f->ordered_ticket == f->ticket)
        f->joined.first_event_us = follow_now_us();
    (void)pthread_mutex_unlock(&f->lock);
    if (f->on_switched != NULL)
        f->on_switched(f->on_switched_arg);
}
