#include "relay/forward/pool.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "relay/log.h"
#include "relay/upstream/source.h"

enum { STACK_BYTES = 256 * 1024, KILL_BYTES = 64, CHARSET_BYTES = 128 };

struct pool {
    _Atomic(const struct config_source *) source;
    int                                   interrupt_fd; /* readable: all are to end */
    struct errand                        *errands;      /* those that run; under the mutex */
    pthread_mutex_t                       mutex;
    pthread_cond_t                        quiet; /* `running` fell to 0 */
    unsigned                              running;
    unsigned                              connections; /* made or being made */
    unsigned                              server;      /* counts changes to another server */
    struct open_client                   *open;
};

/* A connection that was made, until it is closed. */
struct open_client {
    struct open_client *next;
    struct client      *client;
};

struct errand {
    struct pool     *pool;
    struct pool_wake wake;
    struct errand   *next;    /* of the pool's that run */
    int              stop_fd; /* readable: it is to end */

    /* what to do: connect, or kill */
    struct client_guise guise;
    struct buf          settings;
    bool                read_only;
    uint32_t            victim; /* 0: connect */
    bool                query;

    /* under the pool's mutex */
    bool           done, dropped;
    struct client *client;
    struct err     why; /* E_OK: it went well */
};

static const uint64_t one = 1;

int pool_new(const struct config_source *source, struct pool **out, struct err *e)
{
    struct pool *p = calloc(1, sizeof *p);

    if (p == NULL)
        return err_set(e, E_NOMEM, "no memory for forwarding");
    p->source = source;
    p->interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->interrupt_fd < 0) {
        free(p);
        return err_sys(e, "make an eventfd");
    }
    (void)pthread_mutex_init(&p->mutex, NULL);
    (void)pthread_cond_init(&p->quiet, NULL);
    *out = p;
    return 0;
}

void pool_use_source(struct pool *p, const struct config_source *source)
{
    p->source = source;
}

/* Its owner sees it end, as if the server had ended it. */
static void cut(struct client *c)
{
    (void)shutdown(client_fd(c), SHUT_RDWR);
}

void pool_leave_source(struct pool *p, const struct config_source *next)
{
    (void)pthread_mutex_lock(&p->mutex);
    p->source = next;
    p->server++;
    for (struct open_client *o = p->open; o != NULL; o = o->next)
        cut(o->client);
    (void)pthread_mutex_unlock(&p->mutex);
}

/* Of a connection that was begun when `server` was in force. */
static int keep_open(struct pool *p, struct client *c, unsigned server, struct err *e)
{
    struct open_client *o = calloc(1, sizeof *o);

    if (o == NULL)
        return err_set(e, E_NOMEM, "no memory for forwarding");
    o->client = c;
    (void)pthread_mutex_lock(&p->mutex);
    o->next = p->open;
    p->open = o;
    if (p->server != server)
        cut(c);
    (void)pthread_mutex_unlock(&p->mutex);
    return 0;
}

/* Before its socket's number can become another one's. */
static void forget_open(struct pool *p, const struct client *c)
{
    struct open_client **at = &p->open, *found;

    (void)pthread_mutex_lock(&p->mutex);
    while (*at != NULL && (*at)->client != c)
        at = &(*at)->next;
    found = *at;
    if (found != NULL)
        *at = found->next;
    (void)pthread_mutex_unlock(&p->mutex);
    free(found);
}

void pool_free(struct pool *p)
{
    if (p == NULL)
        return;
    (void)!write(p->interrupt_fd, &one, sizeof one);
    (void)pthread_mutex_lock(&p->mutex);
    for (struct errand *r = p->errands; r != NULL; r = r->next)
        (void)!write(r->stop_fd, &one, sizeof one);
    while (p->running > 0)
        (void)pthread_cond_wait(&p->quiet, &p->mutex);
    (void)pthread_mutex_unlock(&p->mutex);
    assert(p->connections == 0);
    (void)close(p->interrupt_fd);
    (void)pthread_cond_destroy(&p->quiet);
    (void)pthread_mutex_destroy(&p->mutex);
    free(p);
}

static void count_connections(struct pool *p, int by)
{
    (void)pthread_mutex_lock(&p->mutex);
    p->connections += (unsigned)by;
    (void)pthread_mutex_unlock(&p->mutex);
}

void pool_close(struct pool *p, struct client *c)
{
    if (c == NULL)
        return;
    forget_open(p, c);
    client_close(c);
    count_connections(p, -1);
}

/* ---- in the errand's thread -------------------------------------------------------------------
 */

/* Servers take a collation's number for any of these; one that they do not know is left out, as it
   is by their login. */
static int set_charset(struct errand *r, struct client *c, struct err *e)
{
    struct err why = { 0 };
    char       sql[CHARSET_BYTES];
    unsigned   number = r->guise.charset;

    if (client_told_charset(c))
        return 0;
    (void)snprintf(sql, sizeof sql,
                   "SET character_set_client = %u, character_set_results = %u, "
                   "collation_connection = %u",
                   number, number, number);
    if (client_query(c, sql, NULL, NULL, &why) == 0 || why.kind == E_REFUSED)
        return 0;
    *e = why;
    return -1;
}

static int run_settings(struct errand *r, struct client *c, struct err *e)
{
    struct cursor left = cursor_over(buf_slice(&r->settings));

    TRY(set_charset(r, c, e));
    while (left.left > 0) {
        struct slice sql = cursor_until_zero(&left);
        if (sql.len > 0)
            TRY(client_query(c, (const char *)sql.ptr, NULL, NULL, e));
    }
    if (r->read_only)
        TRY(client_query(c, "SET SESSION TRANSACTION READ ONLY", NULL, NULL, e));
    return 0;
}

static int log_in(struct errand *r, const struct client_guise *guise, struct client **out,
                  struct err *e)
{
    return source_connect_to_forward(r->pool->source, guise, r->stop_fd, out, e);
}

static int connect_client(struct errand *r, struct client **out, struct err *e)
{
    struct client *c;

    (void)pthread_mutex_lock(&r->pool->mutex);
    unsigned server = r->pool->server;
    (void)pthread_mutex_unlock(&r->pool->mutex);
    TRY(log_in(r, &r->guise, &c, e));
    /* These two say how every packet looks that shall go through unchanged. */
    uint32_t shape = CAP_DEPRECATE_EOF | CAP_QUERY_ATTRIBUTES;
    int      rc = 0;
    if ((r->guise.capabilities & shape & ~client_server_capabilities(c)) != 0)
        rc = err_set(e, E_CONFIG,
                     "%s is of another version than this session was told at its start: connect "
                     "again",
                     client_address(c));
    if (rc == 0)
        rc = run_settings(r, c, e);
    if (rc == 0)
        rc = client_detach(c, e);
    if (rc == 0)
        rc = keep_open(r->pool, c, server, e);
    if (rc != 0) {
        client_close(c);
        return -1;
    }
    client_interrupt_by(c, r->pool->interrupt_fd); /* it outlives the errand */
    *out = c;
    return 0;
}

static int kill_victim(struct errand *r, struct err *e)
{
    struct client *c;
    char           sql[KILL_BYTES];

    TRY(log_in(r, NULL, &c, e));
    (void)snprintf(sql, sizeof sql, "KILL %s%u", r->query ? "QUERY " : "", r->victim);
    int rc = client_query(c, sql, NULL, NULL, e);
    client_close(c);
    return rc;
}

static void errand_done_with(struct errand *r)
{
    buf_done(&r->settings);
    (void)close(r->stop_fd);
    free(r);
}

static void list_in(struct errand *r)
{
    r->next = r->pool->errands;
    r->pool->errands = r;
}

static void list_out(const struct errand *r)
{
    struct errand **at = &r->pool->errands;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
}

/* Whoever comes last, the thread or the owner, ends the errand. */
static void errand_free(struct errand *r)
{
    if (r->victim == 0 && r->client == NULL)
        count_connections(r->pool, -1);
    if (r->client != NULL)
        pool_close(r->pool, r->client);
    errand_done_with(r);
}

static void *errand_main(void *arg)
{
    struct errand *r = arg;
    struct pool   *p = r->pool;
    struct client *c = NULL;
    struct err     e = { 0 };

    int rc = r->victim == 0 ? connect_client(r, &c, &e) : kill_victim(r, &e);
    (void)pthread_mutex_lock(&p->mutex);
    r->client = c;
    if (rc != 0)
        r->why = e;
    r->done = true;
    list_out(r);
    bool dropped = r->dropped;
    /* Under the mutex, so that who drops it afterwards may go. */
    if (!dropped)
        r->wake.wake(r->wake.arg);
    (void)pthread_mutex_unlock(&p->mutex);
    if (dropped)
        errand_free(r);
    (void)pthread_mutex_lock(&p->mutex);
    if (--p->running == 0)
        (void)pthread_cond_broadcast(&p->quiet);
    (void)pthread_mutex_unlock(&p->mutex);
    return NULL;
}

/* ---- the owner's side -------------------------------------------------------------------------
 */

static int start_thread(struct errand *r, struct err *e)
{
    pthread_attr_t attr;
    pthread_t      thread;

    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
    (void)pthread_mutex_lock(&r->pool->mutex);
    errno = pthread_create(&thread, &attr, errand_main, r);
    int rc = errno == 0 ? 0 : err_sys(e, "start a thread");
    if (rc == 0) {
        r->pool->running++;
        list_in(r);
    }
    (void)pthread_mutex_unlock(&r->pool->mutex);
    (void)pthread_attr_destroy(&attr);
    return rc;
}

static struct errand *errand_new(struct pool *p, struct pool_wake wake, struct err *e)
{
    struct errand *r = calloc(1, sizeof *r);

    if (r == NULL) {
        (void)err_set(e, E_NOMEM, "no memory for forwarding");
        return NULL;
    }
    r->pool = p;
    r->wake = wake;
    r->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->stop_fd < 0) {
        (void)err_sys(e, "make an eventfd");
        free(r);
        return NULL;
    }
    buf_init(&r->settings, SIZE_MAX);
    return r;
}

int pool_connect(struct pool *p, const struct pool_login *login, struct pool_wake wake,
                 struct errand **out, struct err *e)
{
    (void)pthread_mutex_lock(&p->mutex);
    bool full = p->connections >= p->source->forward_max;
    if (!full)
        p->connections++;
    (void)pthread_mutex_unlock(&p->mutex);
    if (p->source->forward_max == 0)
        return err_set(e, E_LIMIT, "its forward_max is 0, so nothing is forwarded to it");
    if (full)
        return err_set(e, E_LIMIT, "%u sessions already have a connection to the source",
                       p->source->forward_max);
    struct errand *r = errand_new(p, wake, e);
    if (r == NULL) {
        count_connections(p, -1);
        return -1;
    }
    r->guise = login->guise;
    r->read_only = login->read_only;
    buf_put(&r->settings, login->settings);
    if (buf_check(&r->settings, "the session's settings", e) != 0 || start_thread(r, e) != 0) {
        errand_free(r);
        return -1;
    }
    *out = r;
    return 0;
}

int pool_kill(struct pool *p, uint32_t thread_id, bool query, struct pool_wake wake,
              struct errand **out, struct err *e)
{
    assert(thread_id != 0);
    struct errand *r = errand_new(p, wake, e);
    if (r == NULL)
        return -1;
    r->victim = thread_id;
    r->query = query;
    if (start_thread(r, e) != 0) {
        errand_free(r);
        return -1;
    }
    *out = r;
    return 0;
}

bool errand_done(struct errand *r)
{
    (void)pthread_mutex_lock(&r->pool->mutex);
    bool done = r->done;
    (void)pthread_mutex_unlock(&r->pool->mutex);
    return done;
}

int errand_take(struct errand *r, struct client **out, struct err *e)
{
    struct err why = r->why;

    assert(errand_done(r));
    *out = NULL;
    if (why.kind == E_OK) {
        *out = r->client;
        r->client = NULL;
        errand_done_with(r);
        return 0;
    }
    errand_free(r);
    *e = why;
    return -1;
}

void errand_drop(struct errand *r)
{
    if (r == NULL)
        return;
    (void)pthread_mutex_lock(&r->pool->mutex);
    r->dropped = true;
    bool done = r->done;
    /* A KILL goes on for nobody's sake; a connection does not. */
    if (!done && r->victim == 0)
        (void)!write(r->stop_fd, &one, sizeof one);
    (void)pthread_mutex_unlock(&r->pool->mutex);
    if (done)
        errand_free(r);
}
