#include "relay/switchover.h"
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "relay/upstream/address.h"
#include "relay/upstream/binlogs.h"
#include "relay/upstream/catch_up.h"
#include "relay/upstream/health.h"

enum { TELL_EVERY_MS = 500, STATEMENTS_BYTES_MAX = 64 * 1024 * 1024 };

struct switchover {
    struct switchover_options options;
    int                       stop_fd, wake_fd;
    _Atomic(bool)             stopping;
    _Atomic(bool)             by_itself;
    pthread_mutex_t           lock; /* held by the one that is under way */
};

int switchover_new(const struct switchover_options *o, struct switchover **out, struct err *e)
{
    struct switchover *s = calloc(1, sizeof *s);

    if (s == NULL)
        return err_set(e, E_NOMEM, "no memory for switchovers");
    s->options = *o;
    (void)pthread_mutex_init(&s->lock, NULL);
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->stop_fd < 0 || s->wake_fd < 0) {
        (void)err_sys(e, "make an eventfd");
        switchover_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

void switchover_free(struct switchover *s)
{
    if (s == NULL)
        return;
    if (s->stop_fd >= 0)
        (void)close(s->stop_fd);
    if (s->wake_fd >= 0)
        (void)close(s->wake_fd);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

static void raise_fd(int fd)
{
    uint64_t one = 1;
    /* Fails only when the counter is full, and then it is readable anyway. */
    (void)!write(fd, &one, sizeof one);
}

void switchover_stop(struct switchover *s)
{
    s->stopping = true;
    raise_fd(s->stop_fd);
}

void switchover_wake(struct switchover *s)
{
    raise_fd(s->wake_fd);
}

bool switchover_by_itself(const struct switchover *s)
{
    return s->by_itself;
}

/* ---- one that is under way ----------------------------------------------------------------- */

struct run {
    struct switchover             *s;
    const struct switchover_order *order;
    switchover_tell               *tell;
    void                          *tell_arg;
    int64_t                        told_ms;
    struct buf                     statements;
    const struct config_source    *former;
    char                           warning[ERR_TEXT_BYTES];
};

static int64_t monotonic_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int tell(struct run *r, const struct switchover_news *news, struct err *e)
{
    if (r->s->stopping)
        return err_set(e, E_STOPPED, "the relay ends");
    return r->tell != NULL ? r->tell(r->tell_arg, news, e) : 0;
}

static int on_look(void *arg, const char *file, uint64_t offset, uint64_t bytes, struct err *e)
{
    struct run            *r = arg;
    struct switchover_news news = {
        .stage = SWITCHOVER_LOOKS, .file = file, .offset = offset, .bytes = bytes
    };
    int64_t now = monotonic_ms();

    if (now - r->told_ms < TELL_EVERY_MS)
        return r->s->stopping ? err_set(e, E_STOPPED, "the relay ends") : 0;
    r->told_ms = now;
    return tell(r, &news, e);
}

static int on_catch_up(void *arg, const char *sentence, struct err *e)
{
    struct switchover_news news = { .stage = SWITCHOVER_CATCHES_UP, .sentence = sentence };
    return tell(arg, &news, e);
}

static int look(struct run *r, struct plan *out, int64_t *look_ms, struct err *e)
{
    const struct switchover_options *o = &r->s->options;
    const struct plan_question       q = { .source = r->order->to,
                                           .store = o->store,
                                           .relay_uuid = o->relay_uuid,
                                           .landmarks = o->landmarks,
                                           .at = r->order->at,
                                           .count = r->order->dry_run,
                                           .interrupt_fd = r->s->stop_fd,
                                           .progress = on_look,
                                           .arg = r };
    int64_t                          began = monotonic_ms();

    TRY(plan_make(&q, out, e));
    *look_ms = monotonic_ms() - began;
    return 0;
}

static enum fork_policy policy_of(const struct run *r)
{
    struct sources_policy policy;

    sources_policy(r->s->options.sources, &policy);
    return r->order->keep_fork ? FORK_KEEP : policy.fork;
}

/* ---- the failover buffer ------------------------------------------------------------------- */

struct stretch {
    struct slice file;
    uint64_t     from, to;
};

/* "FILE:FROM-TO" off the front of `rest`; what is cut off at the end ("...") is none. */
static bool next_stretch(struct slice *rest, struct stretch *out)
{
    char           text[STORE_NAME_BYTES + 64], *at;
    const uint8_t *comma = memchr(rest->ptr, ',', rest->len);
    size_t         n = comma != NULL ? (size_t)(comma - rest->ptr) : rest->len;

    if (n == 0 || n >= sizeof text)
        return false;
    memcpy(text, rest->ptr, n);
    text[n] = '\0';
    char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text)
        return false;
    out->file = (struct slice){ rest->ptr, (size_t)(colon - text) };
    out->from = strtoull(colon + 1, &at, 10);
    if (*at != '-')
        return false;
    out->to = strtoull(at + 1, &at, 10);
    *rest = comma != NULL ? (struct slice){ comma + 1, rest->len - n - 1 }
                          : (struct slice){ rest->ptr + n, 0 };
    return *at == '\0' && out->from < out->to;
}

/* In front of the first transaction of a file. */
enum { HEAD_BYTES_MAX = 4096 };

int switchover_first_lacking(struct slice places, const char *end_file, uint64_t end_offset,
                             char *file, size_t size, uint64_t *offset, struct err *e)
{
    struct stretch first, last, next;
    bool           whole = next_stretch(&places, &first);

    for (last = first; whole && places.len > 0; last = next) {
        whole = next_stretch(&places, &next);
        if (whole && slice_equal(next.file, last.file))
            whole = next.from == last.to;
    }
    if (whole)
        whole = slice_equal(last.file, slice_of_text(end_file)) ? last.to >= end_offset
                                                                : end_offset <= HEAD_BYTES_MAX;
    if (!whole || first.file.len >= size)
        return err_set(e, E_REFUSED,
                       "it has some of the transactions behind the first that it lacks, and would "
                       "execute those twice: bring it up by other means");
    (void)snprintf(file, size, "%.*s", (int)first.file.len, (const char *)first.file.ptr);
    *offset = first.from;
    return 0;
}

static const struct config_listener *listener_of(const struct config *c, const char *channel)
{
    for (size_t i = 0; i < c->listener_count; i++)
        if (strcmp(c->listeners[i].channel, channel) == 0)
            return &c->listeners[i];
    return &c->listeners[0];
}

/* Servers offer TLS of these versions on; by an own certificate the relay does for a newer source
   only (relay/downstream/tls.h). */
static bool uses_tls(const struct switchover_options *o, const struct config_listener *l,
                     const struct server_facts *candidate)
{
    struct server_facts now;

    channel_facts(o->channel, &now);
    bool offered = l->tls && (*l->tls_cert != '\0' || now.family == FAMILY_MARIADB ||
                              now.version_number >= 80000);
    return offered && (candidate->family == FAMILY_MARIADB || candidate->version_number >= 80000);
}

/* How the server reaches the relay. */
static int find_way(struct run *r, struct catch_up *c, char *host, size_t size, struct err *e)
{
    const struct switchover_options *o = &r->s->options;
    const struct config_listener    *l = listener_of(o->config, channel_name(o->channel));
    const char                      *given = r->order->to->relay_host;
    struct address                   a;

    c->host = host;
    c->port = l->port;
    c->tls = uses_tls(o, l, c->facts);
    if (*given == '\0')
        return catch_up_own_address(r->order->to, r->s->stop_fd, host, size, e);
    if (address_next(&given, l->port, &a, e) <= 0)
        return -1;
    (void)snprintf(host, size, "%s", a.host);
    c->port = a.port;
    return 0;
}

static int find_range(struct run *r, const struct plan *plan, struct catch_up *c, struct err *e)
{
    struct binlogs_file end;

    if (!binlogs_end(r->s->options.store, &end))
        return err_set(e, E_PURGED, "the relay holds nothing yet");
    memcpy(c->to_file, end.name, sizeof c->to_file);
    c->to = end.size;
    return switchover_first_lacking(buf_slice(&plan->lacking), end.name, end.size, c->from_file,
                                    sizeof c->from_file, &c->from, e);
}

struct cure {
    struct catch_up what;
    char            host[256];
    struct buf      gtids;
};

/* *possible false: `why` says why the server can't get it from the relay. */
static int prepare_cure(struct run *r, const struct plan *plan, struct cure *cure, struct err *e)
{
    struct gtids held = { 0 };

    cure->what = (struct catch_up){ .source = r->order->to,
                                    .facts = &plan->facts,
                                    .interrupt_fd = r->s->stop_fd,
                                    .progress = on_catch_up,
                                    .arg = r };
    TRY(find_way(r, &cure->what, cure->host, sizeof cure->host, e));
    if (plan->method != PLAN_GTID)
        return find_range(r, plan, &cure->what, e);
    int rc = store_gtids_published(r->s->options.store, &held, e);
    if (rc == 0) {
        gtids_put_text(&held, &cure->gtids);
        rc = buf_check(&cure->gtids, "GTIDs", e);
        cure->what.gtids = buf_text(&cure->gtids);
    }
    gtids_done(&held);
    return rc;
}

/* It is not going to come back, so nothing is to be held for it. Its session may not have ended
   yet: then it is forgotten when it has been away for long, as others are. */
static void forget_replica(const struct run *r, const struct server_facts *facts)
{
    char       name[CATALOG_CONSUMER_NAME_BYTES];
    struct err why = { 0 };

    if (facts->family == FAMILY_MARIADB)
        (void)snprintf(name, sizeof name, "%.90s/%" PRIu32, r->order->to->relay_user,
                       facts->server_id);
    else
        (void)snprintf(name, sizeof name, "%s", facts->server_uuid);
    if (consumers_forget(channel_consumers(r->s->options.channel), name, &why) != 0)
        log_write(LOG_INFO, "switch", "'%s' is held for as other consumers are: %s",
                  r->order->to->name, why.text);
}

/* Refused since it is behind: does so, or says how. */
static int cure(struct run *r, const struct plan *plan, bool *cured, struct err *e)
{
    struct cure c;
    struct err  why = { 0 };

    *cured = false;
    buf_init(&c.gtids, STATEMENTS_BYTES_MAX);
    int rc = prepare_cure(r, plan, &c, &why);
    if (rc == 0)
        catch_up_put_statements(&c.what, &r->statements);
    if (rc == 0 && r->order->catch_up && !r->order->dry_run && *r->order->to->admin_user != '\0') {
        log_write(LOG_INFO, "switch", "'%s' fetches from the relay what it lacks",
                  r->order->to->name);
        rc = catch_up_run(&c.what, &why);
        *cured = rc == 0;
        if (rc == 0)
            forget_replica(r, &plan->facts);
    }
    buf_done(&c.gtids);
    if (rc != 0)
        *e = why;
    return rc;
}

/* ---- the plan, and what is said of it ------------------------------------------------------ */

/* What is written there from now on reaches nobody. */
static void look_at_former(struct run *r)
{
    struct health_subject subject;
    struct health         h = { 0 };
    struct err            ignored = { 0 };

    if (strcmp(r->former->name, r->order->to->name) == 0)
        return;
    health_subject_init(&subject, r->former);
    if (health_look(&subject, r->s->options.store, true, r->s->stop_fd, &h, &ignored) == 0 &&
        h.answers && !h.read_only)
        (void)snprintf(r->warning, sizeof r->warning,
                       "'%s' still answers and can be written to: what is committed there from now "
                       "on reaches no consumer (SET GLOBAL read_only = ON there)",
                       r->former->name);
    health_done(&h);
    health_subject_done(&subject);
}

static int tell_plan(struct run *r, const struct plan *plan, int64_t look_ms,
                     const struct err *refusal, struct err *e)
{
    struct switchover_news news = { .stage = SWITCHOVER_PLANNED,
                                    .plan = plan,
                                    .look_ms = look_ms,
                                    .refusal = refusal,
                                    .statements = buf_text(&r->statements),
                                    .warning = r->warning };
    return tell(r, &news, e);
}

/* 1: look again. */
static int decide(struct run *r, bool again, struct err *e)
{
    struct plan plan;
    struct err  refusal = { 0 }, why = { 0 };
    int64_t     look_ms;
    bool        cured = false;

    TRY(look(r, &plan, &look_ms, e));
    int refused = plan_check(&plan, policy_of(r), &refusal), rc = 0;
    if (refused != 0 && refusal.kind == E_REFUSED && !again)
        rc = cure(r, &plan, &cured, &why);
    if (rc != 0) {
        struct err both = { 0 };
        (void)err_set(&both, why.kind, "%.230s; it can't have them from the relay: %.230s",
                      refusal.text, why.text);
        refusal = both;
    }
    rc = cured ? 1 : tell_plan(r, &plan, look_ms, refused != 0 ? &refusal : NULL, e);
    plan_free(&plan);
    if (rc == 0 && refused != 0 && !r->order->dry_run) {
        *e = refusal;
        return -1;
    }
    return rc;
}

/* ---- having it followed -------------------------------------------------------------------- */

static int wait_until_followed(struct switchover *s, uint64_t ticket, struct follow_joined *out,
                               struct err *e)
{
    struct pollfd p[2] = { { .fd = s->stop_fd, .events = POLLIN },
                           { .fd = s->wake_fd, .events = POLLIN } };
    uint64_t      count;

    for (;;) {
        if (!follow_switched(s->options.follow, ticket, out))
            return err_set(e, E_STOPPED, "another switch has taken this one's place");
        if (out->done)
            return 0;
        if (s->stopping)
            return err_set(e, E_STOPPED,
                           "the relay ends: 'binrelay status' tells what it follows when it is "
                           "started again");
        (void)poll(p, 2, -1);
        (void)!read(s->wake_fd, &count, sizeof count);
    }
}

static int have_it_followed(struct run *r, struct err *e)
{
    struct follow_order    order = { .source = r->order->to, .policy = policy_of(r) };
    struct follow_joined   joined;
    struct switchover_news news = { .stage = SWITCHOVER_JOINS };

    (void)snprintf(order.at, sizeof order.at, "%s", r->order->at);
    TRY(tell(r, &news, e));
    r->s->by_itself = r->order->by_itself;
    uint64_t ticket = follow_switch(r->s->options.follow, &order);
    TRY(wait_until_followed(r->s, ticket, &joined, e));
    if (!joined.ok) {
        *e = joined.why;
        return -1;
    }
    /* Not before, since it takes its time. */
    if (!r->order->by_itself)
        look_at_former(r);
    news = (struct switchover_news){ .stage = SWITCHOVER_FOLLOWS,
                                     .joined = &joined,
                                     .warning = r->warning };
    return tell(r, &news, e);
}

static bool is_followed(const struct run *r)
{
    const struct switchover_options *o = &r->s->options;
    struct channel_status            status;

    channel_status(o->channel, &status);
    return strcmp(sources_active(o->sources)->name, r->order->to->name) == 0 &&
           strcmp(status.source, r->order->to->name) == 0 && status.state == CHANNEL_FOLLOWING;
}

static int run_locked(struct run *r, struct err *e)
{
    if (r->s->stopping)
        return err_set(e, E_STOPPED, "the relay ends");
    if (is_followed(r))
        return err_set(e, E_CONFIG, "'%s' is followed already", r->order->to->name);
    if (r->order->dry_run)
        look_at_former(r);
    int rc = 0;
    /* Where nothing is held yet there is nothing to join. */
    if (store_file_count(r->s->options.store) > 0) {
        rc = decide(r, false, e);
        if (rc == 1)
            rc = decide(r, true, e);
    } else if (r->order->dry_run) {
        rc = err_set(e, E_CONFIG, "nothing is held yet: any server would be followed as it is");
    }
    if (rc != 0 || r->order->dry_run)
        return rc;
    return have_it_followed(r, e);
}

int switchover_run(struct switchover *s, const struct switchover_order *order,
                   switchover_tell *tell_fn, void *tell_arg, struct err *e)
{
    struct run r = { .s = s, .order = order, .tell = tell_fn, .tell_arg = tell_arg };

    if (pthread_mutex_trylock(&s->lock) != 0)
        return err_set(e, E_LIMIT, "a switch of this channel is under way already");
    r.former = sources_active(s->options.sources);
    buf_init(&r.statements, STATEMENTS_BYTES_MAX);
    int rc = run_locked(&r, e);
    buf_done(&r.statements);
    (void)pthread_mutex_unlock(&s->lock);
    return rc;
}
