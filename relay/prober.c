#include "relay/prober.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "relay/failover.h"

/* Lines about a failover that are not repeated as long as they stay the same. */
enum say { SAY_GOING, SAY_REFUSED, SAY_NONE, SAY_TROUBLE, SAYS };

enum { PERIOD_S = 5, OLD_MS = 2 * PERIOD_S * 1000, ASKED_AGAIN_MS = 1000, ASK_WAIT_S = 8 };

struct subject {
    struct health_subject subject;
    struct health         health; /* under the lock */
};

struct prober {
    struct prober_options options;
    int                   stop_fd, wake_fd, timer_fd;
    _Atomic(bool)         stopping;

    /* The thread's own. */
    struct failover failover;
    char            said[SAYS][ERR_TEXT_BYTES];

    pthread_mutex_t lock; /* of what follows; the thread alone changes it */
    pthread_cond_t  looked;
    struct subject *subjects[SOURCES_MAX];
    size_t          count;
    uint64_t        rounds;
    int64_t         round_ms; /* end of the last one */
};

static int64_t monotonic_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- life ---------------------------------------------------------------------------------- */

int prober_new(const struct prober_options *o, struct prober **out, struct err *e)
{
    struct prober     *p = calloc(1, sizeof *p);
    pthread_condattr_t attr;

    if (p == NULL)
        return err_set(e, E_NOMEM, "no memory to watch sources");
    p->options = *o;
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&p->looked, &attr);
    (void)pthread_condattr_destroy(&attr);
    p->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (p->stop_fd < 0 || p->wake_fd < 0 || p->timer_fd < 0) {
        (void)err_sys(e, "make an eventfd or timerfd");
        prober_free(p);
        return -1;
    }
    *out = p;
    return 0;
}

static void subject_free(struct subject *s)
{
    if (s == NULL)
        return;
    health_subject_done(&s->subject);
    health_done(&s->health);
    free(s);
}

void prober_free(struct prober *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->count; i++)
        subject_free(p->subjects[i]);
    if (p->stop_fd >= 0)
        (void)close(p->stop_fd);
    if (p->wake_fd >= 0)
        (void)close(p->wake_fd);
    if (p->timer_fd >= 0)
        (void)close(p->timer_fd);
    (void)pthread_cond_destroy(&p->looked);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

static void raise_fd(int fd)
{
    uint64_t one = 1;
    /* Fails only when the counter is full, and then it is readable anyway. */
    (void)!write(fd, &one, sizeof one);
}

void prober_wake(struct prober *p)
{
    raise_fd(p->wake_fd);
}

void prober_stop(struct prober *p)
{
    p->stopping = true;
    raise_fd(p->stop_fd);
    (void)pthread_mutex_lock(&p->lock);
    (void)pthread_cond_broadcast(&p->looked);
    (void)pthread_mutex_unlock(&p->lock);
}

/* ---- one round ----------------------------------------------------------------------------- */

/* The one for this section, or NULL; another reading of the file makes a new one. */
static struct subject *subject_take(struct prober *p, const struct config_source *source)
{
    for (size_t i = 0; i < p->count; i++) {
        struct subject *s = p->subjects[i];
        if (s != NULL && s->subject.source == source) {
            p->subjects[i] = NULL;
            return s;
        }
    }
    return NULL;
}

static int take_sources(struct prober *p, struct err *e)
{
    const struct config_source *list[SOURCES_MAX];
    struct subject             *now[SOURCES_MAX] = { NULL };
    size_t                      count = sources_list(p->options.sources, list);
    int                         rc = 0;

    (void)pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < count; i++) {
        now[i] = subject_take(p, list[i]);
        if (now[i] == NULL)
            now[i] = calloc(1, sizeof *now[i]);
        if (now[i] == NULL) {
            rc = err_set(e, E_NOMEM, "no memory to watch sources");
            count = i;
            break;
        }
        if (now[i]->subject.source == NULL)
            health_subject_init(&now[i]->subject, list[i]);
        now[i]->subject.landmarks = p->options.landmarks;
    }
    for (size_t i = 0; i < p->count; i++)
        subject_free(p->subjects[i]);
    memcpy((void *)p->subjects, (const void *)now, sizeof now);
    p->count = count;
    (void)pthread_mutex_unlock(&p->lock);
    return rc;
}

static int look_at(struct prober *p, struct subject *s, struct err *e)
{
    bool          active = s->subject.source == sources_active(p->options.sources);
    struct health seen = { .facts = s->health.facts };

    if (health_look(&s->subject, p->options.store, active, p->stop_fd, &seen, e) != 0) {
        health_done(&seen);
        return -1;
    }
    (void)pthread_mutex_lock(&p->lock);
    struct health before = s->health;
    s->health = seen;
    (void)pthread_mutex_unlock(&p->lock);
    health_done(&before);
    return 0;
}

static int look_at_all(struct prober *p, struct err *e)
{
    TRY(take_sources(p, e));
    for (size_t i = 0; i < p->count && !p->stopping; i++)
        TRY(look_at(p, p->subjects[i], e));
    (void)pthread_mutex_lock(&p->lock);
    p->rounds++;
    p->round_ms = monotonic_ms();
    (void)pthread_cond_broadcast(&p->looked);
    (void)pthread_mutex_unlock(&p->lock);
    return 0;
}

/* ---- failover ------------------------------------------------------------------------------ */

static void PRINTF_ARGS(3, 4) say_once(struct prober *p, enum say what, const char *fmt, ...)
{
    char    text[ERR_TEXT_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (strcmp(text, p->said[what]) == 0)
        return;
    log_write(LOG_WARNING, "failover", "%s", text);
    memcpy(p->said[what], text, sizeof text);
}

static void say_anew(struct prober *p)
{
    for (size_t i = 0; i < SAYS; i++)
        p->said[i][0] = '\0';
}

static const struct subject *active_subject(const struct prober *p)
{
    const struct config_source *active = sources_active(p->options.sources);

    for (size_t i = 0; i < p->count; i++)
        if (p->subjects[i]->subject.source == active)
            return p->subjects[i];
    return NULL;
}

/* Only what can't be reached is down: a server that refuses a login is there. */
static bool is_down(const struct prober *p, const struct subject *active, int64_t *silent_ms)
{
    struct channel_status status;

    channel_status(p->options.channel, &status);
    int64_t silent_s = status.last_contact_s != 0 ? (int64_t)time(NULL) - status.last_contact_s : 0;
    *silent_ms = silent_s > 0 ? silent_s * 1000 : 0;
    return status.state != CHANNEL_FOLLOWING && status.state != CHANNEL_STOPPED &&
           !active->health.answers && active->health.kind == E_IO;
}

static bool is_within(const struct gtids *part, const struct gtids *of)
{
    for (size_t i = 0; i < part->state.count; i++) {
        const struct gtid *mine = gtid_state_get(&of->state, part->state.entries[i].domain);
        if (mine == NULL || mine->number < part->state.entries[i].number)
            return false;
    }
    return gtid_set_is_subset(&part->set, &of->set);
}

static bool is_highest(const struct prober *p, const struct subject *s,
                       const struct subject *active)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct subject *other = p->subjects[i];
        if (other == s || other == active || !other->health.answers)
            continue;
        if (s->health.standing == HEALTH_UNKNOWN ||
            !is_within(&other->health.executed, &s->health.executed))
            return false;
    }
    return true;
}

static void describe(const struct prober *p, const struct subject *s, const struct subject *active,
                     struct failover_candidate *out)
{
    const struct health *h = &s->health;

    *out = (struct failover_candidate){
        .fit = h->answers && h->problem[0] == '\0' && h->standing != HEALTH_PURGED,
        .writable = !h->read_only,
        .highest = is_highest(p, s, active),
        .behind = h->standing == HEALTH_BEHIND,
        .curable = *s->subject.source->admin_user != '\0',
    };
}

static bool go_over(struct prober *p, const struct subject *s, bool catch_up)
{
    const struct config_source *to = s->subject.source;
    struct err                  e = { 0 };

    say_once(p, SAY_GOING, "the source can't be reached any more: going over to '%s'", to->name);
    if (p->options.fail_over(p->options.arg, to, catch_up, &e) == 0)
        return true;
    say_once(p, SAY_REFUSED, "'%s' can't be followed: %.400s", to->name, e.text);
    return false;
}

static bool choose(struct prober *p, const struct subject *active)
{
    for (size_t i = 0; i < p->count && !p->stopping; i++) {
        struct failover_candidate c;
        if (p->subjects[i] == active)
            continue;
        describe(p, p->subjects[i], active, &c);
        if (failover_accepts(&c) && go_over(p, p->subjects[i], c.curable))
            return true;
    }
    return false;
}

static int confirm_and_choose(struct prober *p, const struct sources_policy *policy,
                              const struct subject *active, struct err *e)
{
    struct sources_change last;
    struct err            why = { 0 };
    const char           *name = active->subject.source->name;

    sources_last_change(p->options.sources, &last);
    int64_t until = failover_fenced_until(policy, &last, (int64_t)time(NULL));
    if (until != 0) {
        say_once(p, SAY_NONE,
                 "'%s' can't be reached, but the last switch was less than failover_fence ago: "
                 "'binrelay switch' goes over to another source",
                 name);
        return 0;
    }
    if (health_try(active->subject.source, p->stop_fd, &why) == 0 || why.kind != E_IO) {
        failover_forget(&p->failover);
        say_anew(p);
        if (why.kind == E_STOPPED || why.kind == E_NOMEM)
            *e = why;
        return why.kind == E_STOPPED || why.kind == E_NOMEM ? -1 : 0;
    }
    if (choose(p, active)) {
        say_anew(p);
        failover_forget(&p->failover);
    } else {
        say_once(p, SAY_NONE,
                 "'%s' can't be reached, and there is no source to go over to: 'binrelay "
                 "sources' tells why",
                 name);
    }
    return 0;
}

static int fail_over(struct prober *p, struct err *e)
{
    struct sources_policy policy;
    const struct subject *active = active_subject(p);

    sources_policy(p->options.sources, &policy);
    if (active == NULL || p->count < 2)
        return 0;
    int64_t silent_ms;
    bool    down = is_down(p, active, &silent_ms);
    if (failover_look(&p->failover, &policy, down, silent_ms, monotonic_ms()) == FAILOVER_WAIT)
        return 0;
    return confirm_and_choose(p, &policy, active, e);
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* So often that the time of a failover is kept well. */
static void set_timer(const struct prober *p)
{
    struct itimerspec     when = { 0 };
    struct sources_policy policy;

    sources_policy(p->options.sources, &policy);
    uint32_t wait_s = PERIOD_S;
    if (policy.failover == FAILOVER_AUTO && policy.after_s / 3 < wait_s)
        wait_s = policy.after_s / 3 > 0 ? policy.after_s / 3 : 1;
    when.it_value.tv_sec = p->count > 1 ? wait_s : 0; /* 0: not at all */
    (void)timerfd_settime(p->timer_fd, 0, &when, NULL);
}

static void wait_for_next(struct prober *p)
{
    struct pollfd w[3] = { { .fd = p->stop_fd, .events = POLLIN },
                           { .fd = p->wake_fd, .events = POLLIN },
                           { .fd = p->timer_fd, .events = POLLIN } };
    uint64_t      count;

    set_timer(p);
    while (poll(w, 3, -1) < 0 && errno == EINTR)
        continue;
    (void)!read(p->wake_fd, &count, sizeof count);
}

static bool has_candidates(struct prober *p)
{
    const struct config_source *list[SOURCES_MAX];
    return sources_list(p->options.sources, list) > 1;
}

void prober_run(struct prober *p)
{
    if (!has_candidates(p))
        wait_for_next(p);
    while (!p->stopping) {
        struct err e = { 0 };
        if (look_at_all(p, &e) == 0)
            (void)fail_over(p, &e);
        if (p->stopping)
            break;
        if (e.kind != E_OK)
            say_once(p, SAY_TROUBLE, "sources can't be watched: %s", e.text);
        wait_for_next(p);
    }
}

/* ---- questions ----------------------------------------------------------------------------- */

static void wait_for_round(struct prober *p)
{
    struct timespec until;
    uint64_t        round = p->rounds;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ASK_WAIT_S;
    prober_wake(p);
    while (p->rounds == round && !p->stopping)
        if (pthread_cond_timedwait(&p->looked, &p->lock, &until) == ETIMEDOUT)
            break;
}

/* Needs the lock. */
static void tell_each(struct prober *p,
                      void (*each)(void *arg, const struct config_source *source,
                                   const struct health *h),
                      void *arg)
{
    const struct config_source *list[SOURCES_MAX];
    size_t                      count = sources_list(p->options.sources, list);
    static const struct health  unseen;

    for (size_t i = 0; i < count; i++) {
        const struct health *h = &unseen;
        for (size_t k = 0; k < p->count; k++)
            if (p->subjects[k] != NULL && p->subjects[k]->subject.source == list[i])
                h = &p->subjects[k]->health;
        each(arg, list[i], h);
    }
}

void prober_each(struct prober *p,
                 void (*each)(void *arg, const struct config_source *source,
                              const struct health *h),
                 void *arg)
{
    (void)pthread_mutex_lock(&p->lock);
    int64_t age_ms = monotonic_ms() - p->round_ms;
    if (p->rounds == 0 || age_ms > OLD_MS)
        wait_for_round(p);
    else if (age_ms > ASKED_AGAIN_MS)
        prober_wake(p); /* who asks is likely to ask again */
    tell_each(p, each, arg);
    (void)pthread_mutex_unlock(&p->lock);
}

void prober_each_known(struct prober *p,
                       void (*each)(void *arg, const struct config_source *source,
                                    const struct health *h),
                       void *arg)
{
    (void)pthread_mutex_lock(&p->lock);
    tell_each(p, each, arg);
    (void)pthread_mutex_unlock(&p->lock);
}
