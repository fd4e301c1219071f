#include "relay/retention.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "relay/downstream/serve.h"

enum { ROUND_S = 10 };

struct retention {
    const struct config *config;
    struct channel      *channel;
    struct serve        *serve;

    pthread_t       thread;
    bool            runs;
    pthread_mutex_t mutex; /* for all below */
    pthread_cond_t  wake;
    bool            stop;
    char            told[128]; /* whose hold was logged last */

    pthread_mutex_t purging; /* one purge at a time */
};

/* ---- who needs what ------------------------------------------------------------------------ */

struct hold {
    struct store *store;
    uint64_t      most_bytes; /* a consumer may be behind; 0: any */
    int64_t       since_s;    /* the oldest it may need; 0: any */
    uint32_t      ordinal;    /* 0: nobody holds anything */
    char          who[128];
};

static uint64_t bytes_from(struct store *s, uint32_t ordinal)
{
    struct store_file f;
    struct err        ignored;
    uint64_t          bytes = 0;

    for (; store_file_by_ordinal(s, ordinal, &f, &ignored) == 0; ordinal++)
        bytes += f.size;
    return bytes;
}

static void hold_file(struct hold *h, const struct store_file *f, const char *who)
{
    if (h->ordinal != 0 && f->ordinal >= h->ordinal)
        return;
    if (h->most_bytes != 0 && bytes_from(h->store, f->ordinal) > h->most_bytes)
        return;
    if (h->since_s != 0 && f->last_s != 0 && f->last_s < h->since_s)
        return;
    h->ordinal = f->ordinal;
    (void)snprintf(h->who, sizeof h->who, "%s", who);
}

static void hold_session(void *arg, const struct serve_session *session)
{
    struct hold      *h = arg;
    struct store_file f;
    struct err        ignored;
    char              who[128];

    if (!session->streaming || store_file_by_name(h->store, session->file, &f, &ignored) != 0)
        return;
    (void)snprintf(who, sizeof who, "session %" PRIu32 ", user '%.60s' from %.40s", session->id,
                   session->user, session->address);
    hold_file(h, &f, who);
}

static int find_hold(struct retention *r, struct hold *h, struct err *e)
{
    const struct config_relay *keys = &r->config->relay;

    *h = (struct hold){ .store = channel_store(r->channel), .most_bytes = keys->hold_bytes };
    if (keys->hold_age != 0)
        h->since_s = (int64_t)time(NULL) - (int64_t)keys->hold_age;
    for (size_t i = 0; i < channel_publisher_count(r->channel); i++) {
        struct publisher_status p;
        struct store_file       f;
        struct err              ignored;
        char                    who[128];
        channel_publisher_status(r->channel, i, &p);
        (void)snprintf(who, sizeof who, "publisher '%s'", p.name);
        if (p.next != 0 &&
            store_file_by_ordinal(h->store, store_pos_ordinal(p.next), &f, &ignored) == 0)
            hold_file(h, &f, who);
    }
    return serve_each_session(r->serve, hold_session, h, e);
}

/* ---- purging ------------------------------------------------------------------------------- */

static int purge(struct retention *r, const struct purge_limits *limits, bool dry,
                 struct purge_plan *out, struct hold *h, struct err *e)
{
    (void)pthread_mutex_lock(&r->purging);
    int result = find_hold(r, h, e);
    if (result == 0)
        result = purge_plan(channel_store(r->channel), limits, h->ordinal, out, e);
    if (result == 0 && !dry)
        result = purge_run(channel_store(r->channel), out, e);
    (void)pthread_mutex_unlock(&r->purging);
    if (result == 0 && !dry && out->files != 0)
        log_write(LOG_INFO, "retention",
                  "forgot the %" PRIu32 " oldest relay files, %" PRIu64 " bytes", out->files,
                  out->bytes);
    return result;
}

int retention_purge(struct retention *r, uint32_t keep_ordinal, bool dry, struct purge_plan *out,
                    struct err *e)
{
    struct purge_limits limits = { .keep_ordinal = keep_ordinal };
    struct hold         h;
    return purge(r, &limits, dry, out, &h, e);
}

/* Once for each who, until nobody is in the way any more. */
static void tell_hold(struct retention *r, const struct purge_plan *p, const struct hold *h)
{
    if (p->held && strcmp(r->told, h->who) != 0)
        log_write(LOG_WARNING, "retention",
                  "%s still needs files that would be forgotten by now: it goes on, or raise the "
                  "limits, or set hold_bytes "
                  "or hold_age",
                  h->who);
    (void)snprintf(r->told, sizeof r->told, "%s", p->held ? h->who : "");
}

static void apply_limits(struct retention *r)
{
    const struct config_relay *keys = &r->config->relay;
    struct purge_limits limits = { .keep_bytes = keys->keep_bytes, .free_bytes = keys->keep_free };
    struct purge_plan   p;
    struct hold         h;
    struct err          e = { 0 };

    if (keys->keep_age != 0)
        limits.keep_since_s = (int64_t)time(NULL) - (int64_t)keys->keep_age;
    if (limits.keep_bytes == 0 && limits.free_bytes == 0 && limits.keep_since_s == 0)
        return;
    if (purge(r, &limits, false, &p, &h, &e) != 0)
        log_err("retention", "could not forget old files", &e);
    else
        tell_hold(r, &p, &h);
}

static void *retention_main(void *arg)
{
    struct retention *r = arg;
    struct timespec   until;

    (void)pthread_mutex_lock(&r->mutex);
    while (!r->stop) {
        (void)pthread_mutex_unlock(&r->mutex);
        apply_limits(r);
        (void)pthread_mutex_lock(&r->mutex);
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += ROUND_S;
        if (!r->stop)
            (void)pthread_cond_timedwait(&r->wake, &r->mutex, &until);
    }
    (void)pthread_mutex_unlock(&r->mutex);
    return NULL;
}

/* ---- life ---------------------------------------------------------------------------------- */

int retention_new(const struct config *config, struct channel *channel, struct serve *serve,
                  struct retention **out, struct err *e)
{
    struct retention *r = calloc(1, sizeof *r);

    if (r == NULL)
        return err_set(e, E_NOMEM, "no memory for the retention");
    r->config = config;
    r->channel = channel;
    r->serve = serve;
    (void)pthread_mutex_init(&r->mutex, NULL);
    (void)pthread_mutex_init(&r->purging, NULL);
    (void)pthread_cond_init(&r->wake, NULL);
    *out = r;
    return 0;
}

int retention_start(struct retention *r, struct err *e)
{
    int failed = pthread_create(&r->thread, NULL, retention_main, r);
    if (failed != 0)
        return err_set(e, E_NOMEM, "no thread for the retention (error %d)", failed);
    r->runs = true;
    return 0;
}

void retention_stop(struct retention *r)
{
    if (r == NULL || !r->runs)
        return;
    (void)pthread_mutex_lock(&r->mutex);
    r->stop = true;
    (void)pthread_cond_signal(&r->wake);
    (void)pthread_mutex_unlock(&r->mutex);
    (void)pthread_join(r->thread, NULL);
    r->runs = false;
}

void retention_free(struct retention *r)
{
    if (r == NULL)
        return;
    retention_stop(r);
    (void)pthread_mutex_destroy(&r->mutex);
    (void)pthread_mutex_destroy(&r->purging);
    (void)pthread_cond_destroy(&r->wake);
    free(r);
}
