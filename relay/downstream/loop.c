#include "relay/downstream/loop.h"

#include <ev.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "relay/log.h"
#include "relay/downstream/peer.h"
#include "relay/downstream/tail.h"

/* A socket on its way from the listener's thread. */
struct arrival {
    struct arrival      *next;
    struct session_gate *gate;
    int                  fd;
    char                 address[ROSTER_ADDRESS_BYTES];
};

/* What a loop has to do with one channel. */
struct loop_channel {
    struct loop       *loop;
    struct store_watch watch;
    _Atomic(bool)      published;
    struct peer_link  *waiting; /* who came last is first */
    struct tail       *tails[2];
};

struct loop {
    struct ev_loop             *ev;
    const struct session_world *world;
    pthread_t                   thread;
    bool                        running;

    ev_async          wake; /* for all of the following, whoever says it */
    _Atomic(bool)     published, ends, reloaded, stop;
    _Atomic(unsigned) load;
    pthread_mutex_t   mutex; /* arrivals, and waiting for `answered` */
    _Atomic(unsigned) asked, answered;
    pthread_cond_t    answers;
    struct arrival   *arrivals, **arrivals_end;

    void (*ending)(void *arg); /* see loop_on_end() */
    void *ending_arg;

    struct peer_link *peers;
    bool              stopping;
    ev_timer          deadline; /* of stopping */

    struct loop_channel channels[]; /* as many as the world has */
};

static const double stop_s = 1.0;

struct ev_loop *loop_ev(struct loop *l)
{
    return l->ev;
}
const struct session_world *loop_world(const struct loop *l)
{
    return l->world;
}
struct peer_link **loop_peers(struct loop *l)
{
    return &l->peers;
}
struct peer_link **loop_waiting(struct loop *l, size_t channel)
{
    assert(channel < l->world->channel_count);
    return &l->channels[channel].waiting;
}
struct tail *const *loop_tails(struct loop *l, size_t channel)
{
    assert(channel < l->world->channel_count);
    return l->channels[channel].tails;
}
void loop_peer_left(struct loop *l)
{
    atomic_fetch_sub(&l->load, 1);
    if (l->stopping && l->peers == NULL)
        ev_break(l->ev, EVBREAK_ALL);
}
unsigned loop_load(const struct loop *l)
{
    return atomic_load(&l->load);
}

/* ---- from other threads ------------------------------------------------------------------------
 */

static void wake_published(void *arg)
{
    struct loop_channel *c = arg;
    /* One wake is enough until the loop has looked; the syncer goes round often. */
    if (!atomic_exchange(&c->published, true)) {
        atomic_store(&c->loop->published, true);
        ev_async_send(c->loop->ev, &c->loop->wake);
    }
}

void loop_wake_ends(void *loop)
{
    struct loop *l = loop;
    atomic_store(&l->ends, true);
    ev_async_send(l->ev, &l->wake);
}

void loop_wake_reload(struct loop *l)
{
    atomic_store(&l->reloaded, true);
    ev_async_send(l->ev, &l->wake);
}

bool loop_answers(struct loop *l, unsigned wait_ms)
{
    struct timespec until;
    int             over = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    unsigned asked = atomic_fetch_add(&l->asked, 1) + 1;
    ev_async_send(l->ev, &l->wake);
    (void)pthread_mutex_lock(&l->mutex);
    /* The difference, since numbers go round. */
    while ((int)(atomic_load(&l->answered) - asked) < 0 && over == 0)
        over = pthread_cond_timedwait(&l->answers, &l->mutex, &until);
    (void)pthread_mutex_unlock(&l->mutex);
    return over == 0;
}

void loop_give(struct loop *l, int fd, struct session_gate *gate,
               const char address[ROSTER_ADDRESS_BYTES])
{
    struct arrival *a = calloc(1, sizeof *a);
    if (a == NULL) {
        log_write(LOG_WARNING, "serve", "refused %s: no memory", address);
        (void)close(fd);
        return;
    }
    a->fd = fd;
    a->gate = gate;
    memcpy(a->address, address, sizeof a->address);
    atomic_fetch_add(&l->load, 1);
    (void)pthread_mutex_lock(&l->mutex);
    *l->arrivals_end = a;
    l->arrivals_end = &a->next;
    (void)pthread_mutex_unlock(&l->mutex);
    ev_async_send(l->ev, &l->wake);
}

/* ---- the thread --------------------------------------------------------------------------------
 */

static struct arrival *take_arrivals(struct loop *l)
{
    (void)pthread_mutex_lock(&l->mutex);
    struct arrival *first = l->arrivals;
    l->arrivals = NULL;
    l->arrivals_end = &l->arrivals;
    (void)pthread_mutex_unlock(&l->mutex);
    return first;
}

static void begin_arrivals(struct loop *l)
{
    struct arrival *next;
    for (struct arrival *a = take_arrivals(l); a != NULL; a = next) {
        next = a->next;
        peer_new(l, a->fd, a->gate, a->address);
        free(a);
    }
}

/* Takes all out of the list, so that who came first is first: everyone's turn comes as long after
   the one before. */
static void take_waiting(struct loop_channel *c, struct peer_link **first)
{
    struct peer_link *next;
    *first = NULL;
    for (struct peer_link *link = c->waiting; link != NULL; link = next) {
        next = link->next;
        link->next = *first;
        link->back = first;
        if (link->next != NULL)
            link->next->back = &link->next;
        *first = link;
    }
    c->waiting = NULL;
}

/* Peers come back into the list when they have to wait again. */
static void feed_waiting(struct loop_channel *c)
{
    struct peer_link *first;
    take_waiting(c, &first);
    while (first != NULL)
        peer_on_published(first->peer);
    for (int annotations = 0; annotations < 2; annotations++)
        tail_rest(c->tails[annotations]);
}

static void look_at_ends(struct loop *l)
{
    struct peer_link *next;
    for (struct peer_link *link = l->peers; link != NULL; link = next) {
        next = link->next;
        peer_on_end(link->peer);
    }
}

static void look_at_users(struct loop *l)
{
    struct peer_link *next;
    for (struct peer_link *link = l->peers; link != NULL; link = next) {
        next = link->next;
        peer_on_reload(link->peer);
    }
}

static void on_deadline(struct ev_loop *ev, ev_timer *timer, int revents)
{
    (void)timer;
    (void)revents;
    ev_break(ev, EVBREAK_ALL);
}

static void begin_stop(struct loop *l)
{
    struct peer_link *next;
    l->stopping = true;
    if (l->ending != NULL)
        l->ending(l->ending_arg);
    for (struct peer_link *link = l->peers; link != NULL; link = next) {
        next = link->next;
        peer_finish(link->peer);
    }
    if (l->peers == NULL)
        ev_break(l->ev, EVBREAK_ALL);
    else
        ev_timer_start(l->ev, &l->deadline);
}

static void answer_asked(struct loop *l)
{
    unsigned asked = atomic_load(&l->asked);

    if (asked == atomic_load(&l->answered))
        return;
    (void)pthread_mutex_lock(&l->mutex);
    atomic_store(&l->answered, asked);
    (void)pthread_cond_broadcast(&l->answers);
    (void)pthread_mutex_unlock(&l->mutex);
}

static void on_wake(struct ev_loop *ev, ev_async *wake, int revents)
{
    struct loop *l = wake->data;
    (void)ev;
    (void)revents;
    answer_asked(l);
    if (l->stopping)
        return; /* who comes now stays where it is and is closed with the loop */
    if (atomic_load(&l->stop)) {
        begin_stop(l);
        return;
    }
    begin_arrivals(l);
    if (atomic_exchange(&l->ends, false))
        look_at_ends(l);
    if (atomic_exchange(&l->reloaded, false))
        look_at_users(l);
    if (!atomic_exchange(&l->published, false))
        return;
    for (size_t i = 0; i < l->world->channel_count; i++)
        if (atomic_exchange(&l->channels[i].published, false))
            feed_waiting(&l->channels[i]);
}

static void *loop_main(void *arg)
{
    struct loop *l = arg;
    (void)ev_run(l->ev, 0);
    return NULL;
}

/* ---- life --------------------------------------------------------------------------------------
 */

static int make_tails(struct loop *l, struct err *e)
{
    for (size_t i = 0; i < l->world->channel_count; i++)
        for (int annotations = 0; annotations < 2; annotations++)
            if (l->world->channels[i].store != NULL)
                TRY(tail_new(l->world->channels[i].store, annotations != 0,
                             &l->channels[i].tails[annotations], e));
    return 0;
}

int loop_new(const struct session_world *world, struct loop **out, struct err *e)
{
    struct loop       *l = calloc(1, sizeof *l + world->channel_count * sizeof l->channels[0]);
    pthread_condattr_t monotonic;
    if (l == NULL)
        return err_set(e, E_NOMEM, "no memory for a loop");
    l->ev = ev_loop_new(EVFLAG_AUTO);
    if (l->ev == NULL) {
        free(l);
        return err_set(e, E_IO, "can't make an event loop");
    }
    l->world = world;
    l->arrivals_end = &l->arrivals;
    (void)pthread_mutex_init(&l->mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&l->answers, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    ev_async_init(&l->wake, on_wake);
    l->wake.data = l;
    ev_timer_init(&l->deadline, on_deadline, stop_s, 0);
    ev_async_start(l->ev, &l->wake);
    for (size_t i = 0; i < world->channel_count; i++) {
        struct loop_channel *c = &l->channels[i];
        c->loop = l;
        c->watch.wake = wake_published;
        c->watch.arg = c;
    }
    if (make_tails(l, e) != 0) {
        loop_free(l);
        return -1;
    }
    *out = l;
    return 0;
}

int loop_start(struct loop *l, struct err *e)
{
    sigset_t all, before;
    /* Signals are main's; a broken pipe inside TLS comes back as an error. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&l->thread, NULL, loop_main, l);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0)
        return err_set(e, E_IO, "can't start a loop's thread: %s", strerror(result));
    l->running = true;
    for (size_t i = 0; i < l->world->channel_count; i++)
        if (l->world->channels[i].store != NULL)
            store_watch(l->world->channels[i].store, &l->channels[i].watch);
    return 0;
}

void loop_on_end(struct loop *l, void (*ending)(void *arg), void *arg)
{
    l->ending = ending;
    l->ending_arg = arg;
}

void loop_end_soon(struct loop *l)
{
    atomic_store(&l->stop, true);
    if (l->running)
        ev_async_send(l->ev, &l->wake);
}

void loop_stop(struct loop *l)
{
    if (!l->running)
        return;
    for (size_t i = 0; i < l->world->channel_count; i++)
        if (l->world->channels[i].store != NULL)
            store_unwatch(l->world->channels[i].store, &l->channels[i].watch);
    loop_end_soon(l);
    (void)pthread_join(l->thread, NULL);
    l->running = false;
    while (l->peers != NULL)
        peer_free(l->peers->peer);
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    loop_stop(l);
    struct arrival *next;
    for (struct arrival *a = take_arrivals(l); a != NULL; a = next) {
        next = a->next;
        (void)close(a->fd);
        free(a);
    }
    for (size_t i = 0; i < l->world->channel_count; i++)
        for (int annotations = 0; annotations < 2; annotations++)
            tail_free(l->channels[i].tails[annotations]);
    ev_async_stop(l->ev, &l->wake);
    ev_loop_destroy(l->ev);
    (void)pthread_cond_destroy(&l->answers);
    (void)pthread_mutex_destroy(&l->mutex);
    free(l);
}
