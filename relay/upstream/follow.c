#include "relay/upstream/follow_core.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "relay/upstream/advice.h"
#include "relay/upstream/ingest.h"
#include "relay/upstream/source.h"
#include "storage/catalog.h"

enum { SILENT_PERIODS = 3, WELL_S = 3 };

/* ---- state --------------------------------------------------------------------------------- */

static int64_t now_s(void)
{
    return (int64_t)time(NULL);
}

void follow_set_state(struct follow *f, enum channel_state state, const char *problem)
{
    (void)pthread_mutex_lock(&f->lock);
    struct channel_status *s = &f->status;
    if (s->state != state)
        s->since_s = now_s();
    s->state = state;
    if (problem != NULL)
        (void)snprintf(s->problem, sizeof s->problem, "%s", problem);
    if (state != CHANNEL_FOLLOWING)
        s->caught_up = s->semi_sync = false;
    (void)pthread_mutex_unlock(&f->lock);
}

void follow_status(struct follow *f, struct channel_status *out)
{
    (void)pthread_mutex_lock(&f->lock);
    *out = f->status;
    (void)pthread_mutex_unlock(&f->lock);
}

void follow_warnings(struct follow *f, struct channel_warnings *out)
{
    (void)pthread_mutex_lock(&f->lock);
    *out = f->warnings;
    (void)pthread_mutex_unlock(&f->lock);
}

void follow_facts(struct follow *f, struct server_facts *out)
{
    (void)pthread_mutex_lock(&f->lock);
    *out = f->facts;
    (void)pthread_mutex_unlock(&f->lock);
}

int follow_interrupt_fd(const struct follow *f)
{
    return f->stop_fd;
}

static void show_settings(struct channel_status *status, const struct config_source *s)
{
    status->tls = s->tls != CLIENT_TLS_OFF;
    status->tls_verify = s->tls == CLIENT_TLS_VERIFY_CA || s->tls == CLIENT_TLS_VERIFY_IDENTITY;
    (void)snprintf(status->user, sizeof status->user, "%s", s->user);
    (void)snprintf(status->tls_ca, sizeof status->tls_ca, "%s", s->tls_ca);
    (void)snprintf(status->tls_cert, sizeof status->tls_cert, "%s", s->tls_cert);
    (void)snprintf(status->tls_key, sizeof status->tls_key, "%s", s->tls_key);
}

struct remembered_list *follow_variables(struct follow *f)
{
    (void)pthread_mutex_lock(&f->lock);
    struct remembered_list *l = remembered_share(f->variables);
    (void)pthread_mutex_unlock(&f->lock);
    return l;
}

/* ---- life ---------------------------------------------------------------------------------- */

int follow_new(const struct config_source *source, struct store *store, const char *relay_uuid,
               bool publishes, struct follow **out, struct err *e)
{
    struct follow *f = calloc(1, sizeof *f);

    if (f == NULL)
        return err_set(e, E_NOMEM, "no memory to follow a source");
    f->source = source;
    f->next = source;
    f->store = store;
    (void)snprintf(f->relay_uuid, sizeof f->relay_uuid, "%s", relay_uuid);
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->joined_now, NULL);
    f->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (f->stop_fd < 0 || f->wake_fd < 0) {
        (void)err_sys(e, "make an eventfd");
        follow_free(f);
        return -1;
    }
    f->status.state = CHANNEL_CONNECTING;
    f->status.semi_sync_wanted = source->semi_sync;
    show_settings(&f->status, source);
    f->publishes = publishes;
    f->status.since_s = now_s();
    (void)snprintf(f->status.source, sizeof f->status.source, "%s", source->name);
    if (*source->socket != '\0')
        (void)snprintf(f->status.address, sizeof f->status.address, "%s", source->socket);
    else
        (void)snprintf(f->status.address, sizeof f->status.address,
                       strpbrk(source->host, ":,") != NULL ? "%s" : "%s:%u", source->host,
                       source->port);
    if (follow_load_facts(f, e) != 0) {
        follow_free(f);
        return -1;
    }
    *out = f;
    return 0;
}

void follow_free(struct follow *f)
{
    if (f == NULL)
        return;
    if (f->stop_fd >= 0)
        (void)close(f->stop_fd);
    if (f->wake_fd >= 0)
        (void)close(f->wake_fd);
    remembered_release(f->variables);
    (void)pthread_cond_destroy(&f->joined_now);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

void follow_interrupt(struct follow *f)
{
    uint64_t one = 1;
    /* Fails only when the counter is full, and then it is readable anyway. */
    (void)!write(f->stop_fd, &one, sizeof one);
}

/* Who waits for an order learns of the end from the ingest thread, or here. */
void follow_stop(struct follow *f)
{
    (void)pthread_mutex_lock(&f->lock);
    f->stopping = true;
    (void)pthread_cond_broadcast(&f->joined_now);
    (void)pthread_mutex_unlock(&f->lock);
    follow_interrupt(f);
}

void follow_use(struct follow *f, const struct config_source *source)
{
    f->next = source;
    follow_interrupt(f);
}

void follow_fail(struct follow *f, const struct err *why)
{
    follow_set_state(f, CHANNEL_STOPPED, why->text);
    follow_stop(f);
}

/* ---- one attempt --------------------------------------------------------------------------- */

static int64_t monotonic_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/*
 * A problem may come back right after the dump began (a purged file, a full disk): only when it did
 * not do so for a while it is over, and worth a line if it returns.
 */
static void check_well(struct follow *f, const struct ingest_progress *p)
{
    if (!p->caught_up || *p->file == '\0')
        return;
    if (!f->well)
        follow_set_state(f, CHANNEL_FOLLOWING, "");
    f->well = true;
    f->fork_stands = false;
    if (f->logged[0] == '\0' || monotonic_s() - f->began_s < WELL_S)
        return;
    log_write(LOG_INFO, "source", "following '%s' again, at %s:%" PRIu64, f->source->name, p->file,
              p->offset);
    f->logged[0] = '\0';
}

static int on_progress(void *arg, const struct ingest_progress *p, struct err *e)
{
    struct follow *f = arg;

    if (f->stopping)
        return err_set(e, E_STOPPED, "asked to end");
    f->progressed |= p->events > 0;
    check_well(f, p);
    if (p->any_new)
        follow_order_flows(f);
    (void)pthread_mutex_lock(&f->lock);
    struct channel_status *s = &f->status;
    if (f->bytes_before + p->bytes != s->received_bytes)
        s->last_contact_s = now_s();
    s->received_bytes = f->bytes_before + p->bytes;
    s->received_events = f->events_before + p->events;
    s->semi_sync = p->semi_sync;
    s->acks = f->acks_before + p->acks;
    s->caught_up = p->caught_up && *p->file != '\0';
    if (p->last_event_s != 0)
        s->last_event_s = p->last_event_s;
    if (*p->file != '\0') {
        memcpy(s->source_file, p->file, sizeof p->file);
        s->source_offset = p->offset;
    }
    (void)pthread_mutex_unlock(&f->lock);
    return 0;
}

/* Where an empty store begins; a place that a person wrote is looked at first. */
static int begin_first(struct follow *f, struct client *c, const struct server_facts *facts,
                       struct source_place *place, struct err *e)
{
    struct client *second;

    TRY(source_find_start(c, &f->source->start, facts, place, e));
    if (f->source->start.kind != START_AT)
        return 0;
    TRY(source_connect(f->source, f->stop_fd, &second, e));
    int rc = source_prepare_dump(second, f->source, facts, f->relay_uuid, e);
    if (rc == 0)
        rc = ingest_probe(second, place->file, place->position, place->file_bytes,
                          source_dump_flags(facts), f->source->server_id, e);
    client_close(second);
    return rc;
}

/* The dump goes on a little before the held end, to see that the source's binlog is still what is
   held. COM_BINLOG_DUMP's position has 32 bits, so behind 4 GiB the file is asked for from its
   start.
 */
static int make_order(struct follow *f, struct client *c, const struct writer_resume *resume,
                      const struct server_facts *facts, const struct follow_place *go_on,
                      struct source_place *place, struct ingest_order *order, struct err *e)
{
    order->begin = resume->empty || go_on->joins;
    order->joins = go_on->joins;
    order->offset = order->asked = BINLOG_MAGIC_BYTES;
    if (resume->empty) {
        TRY(begin_first(f, c, facts, place, e));
        order->source_start = place->position;
    } else if (go_on->joins) {
        (void)snprintf(place->file, sizeof place->file, "%s", go_on->file);
    } else {
        /* MariaDB answers this question only when no commit waits for an acknowledgement, and such
           commits may wait for this very attach: then it is asked only when the dump was refused.
         */
        if (!f->source->semi_sync || f->refused)
            TRY(source_check_held(c, resume->source_file, e));
        (void)snprintf(place->file, sizeof place->file, "%s", resume->source_file);
        order->offset = resume->offset;
        order->asked = resume->overlap_at <= UINT32_MAX ? resume->overlap_at : BINLOG_MAGIC_BYTES;
        order->created_s = resume->file_created_s;
    }
    order->file = place->file;
    if (!resume->empty && !skip_is_over(&go_on->skip, order->file, order->offset))
        order->skip = &go_on->skip;
    order->silence_ms = SILENT_PERIODS * 1000 * f->source->heartbeat;
    order->waits = &f->waits;
    order->progress = on_progress;
    order->arg = f;
    return 0;
}

static void log_begin(const struct follow *f, const struct server_facts *facts,
                      const struct ingest_order *order)
{
    if (f->logged[0] == '\0')
        log_write(LOG_INFO, "source", "following '%s' (%s at %s) from %s:%" PRIu64, f->source->name,
                  facts->version, f->status.address, order->file, order->offset);
}

static void dump_begins(struct follow *f, const struct ingest_order *order)
{
    follow_set_state(f, CHANNEL_FOLLOWING, NULL);
    (void)pthread_mutex_lock(&f->lock);
    f->bytes_before = f->status.received_bytes;
    f->events_before = f->status.received_events;
    f->acks_before = f->status.acks;
    f->status.reconnects += f->attached && !order->leapt;
    (void)pthread_mutex_unlock(&f->lock);
    f->attached = true;
    f->began_s = monotonic_s();
}

/* ---- semi-synchronous ---------------------------------------------------------------------- */

/* Acknowledgements may be due, and what was kept during the sync can be written. */
static void wake_ingest(void *arg)
{
    const struct follow *f = arg;
    uint64_t             one = 1;
    if (f->acks || atomic_load(&f->waits))
        (void)!write(f->wake_fd, &one, sizeof one);
}

/* The ingest thread is the one that begins files, so the last one is the one at hand. */
static uint64_t semi_mark(void *arg, uint64_t offset)
{
    const struct follow *f = arg;
    struct store_file    last;
    return store_last_file(f->store, &last) ? store_pos_at(last.ordinal, offset) : 0;
}

static uint64_t semi_safe(void *arg)
{
    const struct follow *f = arg;
    return store_published(f->store);
}

static int semi_send(void *arg, struct slice packet, struct err *e)
{
    const struct follow *f = arg;
    return client_write(f->client, packet, e);
}

/* ---- the dump ------------------------------------------------------------------------------ */

/* As replicas do, between the registration and the dump. */
static int ask_semi_sync(struct follow *f, struct client *c, struct ingest_semi_sync *semi,
                         struct ingest_order *order, struct err *e)
{
    bool asked = false;

    if (!f->source->semi_sync)
        return 0;
    TRY(source_ask_semi_sync(c, &asked, e));
    if (!asked)
        return 0;
    *semi = (struct ingest_semi_sync){
        .mark = semi_mark, .safe = semi_safe, .send = semi_send, .arg = f
    };
    order->semi_sync = semi;
    f->client = c;
    return 0;
}

static int ingest_watching(struct follow *f, struct client *c, struct writer *w,
                           const struct ingest_order *order, bool *writer_failed, struct err *e)
{
    f->watch = (struct store_watch){ .wake = wake_ingest, .arg = f };
    f->acks = order->semi_sync != NULL;
    client_wake_on(c, f->wake_fd);
    store_watch(f->store, &f->watch);
    int rc = ingest_follow(c, w, order, writer_failed, e);
    store_unwatch(f->store, &f->watch);
    return rc;
}

static int ask_for_dump(struct follow *f, struct client *c, const struct server_facts *facts,
                        struct ingest_semi_sync *semi, struct ingest_order *order, struct err *e)
{
    TRY(source_prepare_dump(c, f->source, facts, f->relay_uuid, e));
    TRY(ask_semi_sync(f, c, semi, order, e));
    TRY(client_dump(c, order->file, order->asked, source_dump_flags(facts), f->source->server_id,
                    e));
    order->loose_sequence = client_is_compressed(c);
    dump_begins(f, order);
    return 0;
}

/* Worth a second connection, and what the dump's position has room for. */
enum { LEAP_BYTES_MIN = 256 * 1024 };

/* Of the file that is begun: up to there it need not be read, but for its head. 0: read it. */
static uint64_t leads_to(const struct follow_place *go_on, const struct ingest_order *order)
{
    uint64_t to = order->joins ? skip_leads_to(&go_on->skip, order->file) : 0;
    return to >= LEAP_BYTES_MIN && to <= UINT32_MAX ? to : 0;
}

/* Another one may answer at the same address by now. */
static int connect_again(struct follow *f, struct client **c, const struct server_facts *facts,
                         struct err *e)
{
    struct server_facts now;
    struct client      *again;

    client_close(*c);
    *c = NULL;
    TRY(source_connect(f->source, f->stop_fd, &again, e));
    *c = again;
    TRY(source_learn(again, &now, e));
    if (now.server_id != facts->server_id || strcmp(now.server_uuid, facts->server_uuid) != 0)
        return err_set(e, E_IO, "another server has taken the place of %s", client_address(again));
    return 0;
}

/* The head of a joined file is in the store; goes on where its first new transaction may be. */
static int leap(struct follow *f, struct client **c, struct writer *w,
                const struct server_facts *facts, struct ingest_order *order, uint64_t to,
                bool *writer_failed, struct err *e)
{
    struct ingest_semi_sync semi;

    log_write(LOG_INFO, "source", "all of '%s' up to %" PRIu64 " is held: going on there",
              order->file, to);
    order->leaps = NULL;
    order->semi_sync = NULL;
    order->begin = order->joins = false;
    order->leapt = true;
    order->asked = order->offset = to;
    TRY(connect_again(f, c, facts, e));
    TRY(ask_for_dump(f, *c, facts, &semi, order, e));
    return ingest_watching(f, *c, w, order, writer_failed, e);
}

static int follow_dump(struct follow *f, struct client **c, struct writer *w,
                       const struct writer_resume *resume, const struct server_facts *facts,
                       const struct follow_place *go_on, struct err *e)
{
    struct ingest_order     order = { 0 };
    struct ingest_semi_sync semi;
    struct source_place     place;
    struct store_source     source;
    bool                    writer_failed, leaps = false;
    struct err              late = { 0 };

    follow_source_fill(f, facts, &source);
    order.source = &source;
    TRY(make_order(f, *c, resume, facts, go_on, &place, &order, e));
    if (resume->empty) {
        TRY(follow_first_epoch(f, w, facts, place.file, e));
        follow_order_joined(f, 0, place.file);
    }
    const uint64_t leap_to = leads_to(go_on, &order);
    order.leaps = leap_to > 0 ? &leaps : NULL;
    TRY(ask_for_dump(f, *c, facts, &semi, &order, e));
    log_begin(f, facts, &order);
    (void)ingest_watching(f, *c, w, &order, &writer_failed, e);
    if (leaps && !writer_failed)
        (void)leap(f, c, w, facts, &order, leap_to, &writer_failed, e);
    /* What was received whole stays; the next writer begins behind it. */
    if (!writer_failed && store_wait_synced(f->store, &late) != 0)
        *e = late;
    return -1;
}

static bool is_warned_of(const struct channel_warnings *w, const char *text)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->text[i], text) == 0)
            return true;
    return false;
}

/* Each is logged once, until it changes; only this thread changes the list. */
static int keep_warnings(struct follow *f, struct client *c, const struct server_facts *facts,
                         struct err *e)
{
    const struct advice_wishes wishes = { .publishes = f->publishes,
                                          .semi_sync = f->source->semi_sync };
    struct channel_warnings    now;

    TRY(advice_collect(c, facts, &wishes, &now, e));
    for (size_t i = 0; i < now.count; i++)
        if (!is_warned_of(&f->warnings, now.text[i]))
            log_write(LOG_WARNING, "source", "%s", now.text[i]);
    (void)pthread_mutex_lock(&f->lock);
    f->warnings = now;
    (void)pthread_mutex_unlock(&f->lock);
    return 0;
}

/* Of several, the one that answered; only this thread changes it. */
static void keep_address(struct follow *f, const struct client *c)
{
    (void)pthread_mutex_lock(&f->lock);
    (void)snprintf(f->status.address, sizeof f->status.address, "%s", client_address(c));
    (void)snprintf(f->status.source, sizeof f->status.source, "%s", f->source->name);
    f->status.semi_sync_wanted = f->source->semi_sync;
    show_settings(&f->status, f->source);
    (void)pthread_mutex_unlock(&f->lock);
}

/* Nothing is kept of a server before it is known to be the one that consumers were told of, or to
   be joined to it. */
static int attempt_as(struct follow *f, struct client **c, const struct server_facts *facts,
                      struct writer *w, const struct writer_resume *resume, struct err *e)
{
    struct follow_place go_on = { 0 };

    if (!resume->empty)
        TRY(follow_find_place(f, w, resume, facts, &go_on, e));
    const bool went_on = !go_on.joins;
    int        rc = follow_keep_facts(f, facts, e);
    if (rc == 0)
        rc = follow_keep_variables(f, *c, e);
    if (rc == 0)
        rc = keep_warnings(f, *c, facts, e);
    if (rc == 0)
        rc = follow_dump(f, c, w, resume, facts, &go_on, e);
    /* What it means is told by what it can be joined to. */
    f->forked = e->kind == E_FORK && went_on && !resume->empty;
    if (f->forked)
        f->fork_why = *e;
    skip_done(&go_on.skip);
    return rc;
}

static int attempt(struct follow *f, struct err *e)
{
    struct client       *c;
    struct server_facts  facts;
    struct writer       *w;
    struct writer_resume resume;

    f->progressed = f->well = false;
    follow_set_state(f, CHANNEL_CONNECTING, NULL);
    TRY(source_connect(f->source, f->stop_fd, &c, e));
    keep_address(f, c);
    int rc = source_learn(c, &facts, e);
    if (rc == 0)
        rc = source_check(f->source, &facts, f->status.address, e);
    if (rc == 0)
        rc = writer_open(f->store, &w, &resume, e);
    if (rc == 0) {
        rc = attempt_as(f, &c, &facts, w, &resume, e);
        writer_close(w);
    }
    client_close(c);
    return rc;
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Replicas of one source must not come back all at once: up to a quarter more or less. */
static uint32_t with_jitter_ms(uint32_t pause_s)
{
    uint32_t random = 0, ms = pause_s * 1000;

    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = 0;
    return ms - ms / 4 + random % (ms / 2 + 1);
}

/* -1: until somebody says something. */
static void wait_or_stop(const struct follow *f, int wait_ms)
{
    struct pollfd p = { .fd = f->stop_fd, .events = POLLIN };
    while (poll(&p, 1, wait_ms) < 0 && errno == EINTR)
        continue;
}

/* Two replicas of one server_id or server_uuid throw each other out again and again: the source is
   left in peace for long, so that at least the other one gets on. */
static bool is_clash(const struct err *e)
{
    return strstr(e->text, "same server_id") != NULL || strstr(e->text, "same server_uuid") != NULL;
}

/* A full disk stays full: what was received meanwhile is no reason to be quick. */
static bool comes_back(const struct err *e)
{
    return e->kind == E_FULL;
}

/* How far a full disk let it come differs from time to time: it is one problem all the same. */
static bool is_logged(const struct follow *f, const struct err *e)
{
    if (f->logged[0] == '\0')
        return false;
    return strcmp(f->logged, e->text) == 0 || (e->kind == E_FULL && f->logged_kind == E_FULL);
}

static void react(struct follow *f, const struct err *e)
{
    const struct config_source *s = f->source;

    if (e->kind == E_FORK) {
        f->fork_stands = true;
        log_err("source", "stopped, consumers are still served what is held", e);
        follow_set_state(f, CHANNEL_STOPPED, e->text);
        wait_or_stop(f, -1);
        return;
    }
    if (f->pause_s == 0 || (f->progressed && !comes_back(e)))
        f->pause_s = s->retry_min;
    if (is_clash(e))
        f->pause_s = s->retry_max;
    if (!is_logged(f, e))
        log_write(LOG_WARNING, "source", "%s; trying again every %u to %u s", e->text, s->retry_min,
                  s->retry_max);
    memcpy(f->logged, e->text, sizeof f->logged);
    f->logged_kind = e->kind;
    follow_set_state(f, CHANNEL_WAITING, e->text);
    wait_or_stop(f, (int)with_jitter_ms(f->pause_s));
    f->pause_s = f->pause_s > s->retry_max / 2 ? s->retry_max : f->pause_s * 2;
}

static void use(struct follow *f, const struct config_source *next)
{
    bool same = strcmp(next->name, f->source->name) == 0;

    f->source = next;
    f->pause_s = 0;
    f->logged[0] = '\0';
    (void)pthread_mutex_lock(&f->lock);
    f->status.problem[0] = '\0';
    (void)pthread_mutex_unlock(&f->lock);
    log_write(LOG_INFO, "source",
              same ? "settings of '%s' have changed: connecting anew" : "going over to '%s'",
              f->source->name);
}

/* An interruption that was for this is over with it. `stopping` is set before the end is asked for:
   when that was taken for one of these it is asked for again. */
static void take_next(struct follow *f)
{
    uint64_t count;

    (void)!read(f->stop_fd, &count, sizeof count);
    if (f->stopping)
        follow_interrupt(f);
    if (f->stopping)
        return;
    if (follow_take_order(f))
        use(f, f->at_hand.source);
    else if (!f->ordered && f->next != f->source)
        use(f, f->next);
}

/* True: something else is to be done at once. */
static bool goes_on(struct follow *f, const struct err *e)
{
    if (f->stopping || follow_has_order(f))
        return true;
    if (f->ordered) {
        /* Settings of another source that changed meanwhile are no reason to give it up. */
        if (e->kind == E_STOPPED)
            return true;
        follow_order_fails(f, e);
        f->forked = false;
        use(f, f->next);
        return true;
    }
    return f->forked || f->next != f->source;
}

void follow_run(struct follow *f)
{
    while (!f->stopping) {
        struct err e = { 0 };
        take_next(f);
        if (f->stopping)
            break;
        (void)attempt(f, &e);
        f->refused = e.kind == E_PURGED;
        if (!goes_on(f, &e))
            react(f, &e);
    }
}
