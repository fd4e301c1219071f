#include "relay/retention.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "relay/downstream/serve.h"

enum { ROUND_S = 10 };

/* The retention of one channel. */
struct keeper {
    const struct config_channel *config;
    struct channel              *channel; /* NULL: it could not be opened */
    struct serve                *serve;

    pthread_t       thread;
    bool            runs;
    pthread_mutex_t mutex; /* for all below */
    pthread_cond_t  wake;
    bool            stop;
    char            told[128]; /* whose hold was logged last */

    pthread_mutex_t purging; /* one purge at a time */
};

struct retention {
    size_t        count;
    struct keeper keepers[];
};

/* ---- who needs what ------------------------------------------------------------------------ */

struct hold {
    const char   *channel;
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

    if (!session->streaming || strcmp(session->channel, h->channel) != 0 ||
        store_file_by_name(h->store, session->file, &f, &ignored) != 0)
        return;
    (void)snprintf(who, sizeof who, "session %" PRIu32 ", user '%.60s' from %.40s", session->id,
                   session->user, session->address);
    hold_file(h, &f, who);
}

static int find_hold(struct keeper *k, struct hold *h, struct err *e)
{
    const struct config_channel *keys = k->config;

    *h = (struct hold){ .channel = keys->name,
                        .store = channel_store(k->channel),
                        .most_bytes = keys->hold_bytes };
    if (keys->hold_age != 0)
        h->since_s = (int64_t)time(NULL) - (int64_t)keys->hold_age;
    for (size_t i = 0; i < channel_publisher_count(k->channel); i++) {
        struct publisher_status p;
        struct store_file       f;
        struct err              ignored;
        char                    who[128];
        channel_publisher_status(k->channel, i, &p);
        (void)snprintf(who, sizeof who, "publisher '%s'", p.name);
        if (p.next != 0 &&
            store_file_by_ordinal(h->store, store_pos_ordinal(p.next), &f, &ignored) == 0)
            hold_file(h, &f, who);
    }
    return serve_each_session(k->serve, hold_session, h, e);
}

/* ---- purging ------------------------------------------------------------------------------- */

static int purge(struct keeper *k, const struct purge_limits *limits, bool dry,
                 struct purge_plan *out, struct hold *h, struct err *e)
{
    (void)pthread_mutex_lock(&k->purging);
    int result = find_hold(k, h, e);
    if (result == 0)
        result = purge_plan(channel_store(k->channel), limits, h->ordinal, out, e);
    if (result == 0 && !dry)
        result = purge_run(channel_store(k->channel), out, e);
    (void)pthread_mutex_unlock(&k->purging);
    if (result == 0 && !dry && out->files != 0)
        log_write(LOG_INFO, "retention",
                  "channel '%s': forgot the %" PRIu32 " oldest relay files, %" PRIu64 " bytes",
                  k->config->name, out->files, out->bytes);
    return result;
}

int retention_purge(struct retention *r, size_t channel, uint32_t keep_ordinal, bool dry,
                    struct purge_plan *out, struct err *e)
{
    struct purge_limits limits = { .keep_ordinal = keep_ordinal };
    struct hold         h;

    assert(channel < r->count && r->keepers[channel].channel != NULL);
    return purge(&r->keepers[channel], &limits, dry, out, &h, e);
}

/* Once for each who, until nobody is in the way any more. */
static void tell_hold(struct keeper *k, const struct purge_plan *p, const struct hold *h)
{
    if (p->held && strcmp(k->told, h->who) != 0)
        log_write(LOG_WARNING, "retention",
                  "%s still needs files that would be forgotten by now: it goes on, or raise the "
                  "limits, or set hold_bytes "
                  "or hold_age",
                  h->who);
    (void)snprintf(k->told, sizeof k->told, "%s", p->held ? h->who : "");
}

static void apply_limits(struct keeper *k)
{
    const struct config_channel *keys = k->config;
    struct purge_limits limits = { .keep_bytes = keys->keep_bytes, .free_bytes = keys->keep_free };
    struct purge_plan   p;
    struct hold         h;
    struct err          e = { 0 };

    if (keys->keep_age != 0)
        limits.keep_since_s = (int64_t)time(NULL) - (int64_t)keys->keep_age;
    if (limits.keep_bytes == 0 && limits.free_bytes == 0 && limits.keep_since_s == 0)
        return;
    if (purge(k, &limits, false, &p, &h, &e) != 0)
        log_err("retention", "could not forget old files", &e);
    else
        tell_hold(k, &p, &h);
}

static void *retention_main(void *arg)
{
    struct keeper  *k = arg;
    struct timespec until;

    (void)pthread_mutex_lock(&k->mutex);
    while (!k->stop) {
        (void)pthread_mutex_unlock(&k->mutex);
        apply_limits(k);
        (void)pthread_mutex_lock(&k->mutex);
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += ROUND_S;
        if (!k->stop)
            (void)pthread_cond_timedwait(&k->wake, &k->mutex, &until);
    }
    (void)pthread_mutex_unlock(&k->mutex);
    return NULL;
}

/* ---- life ---------------------------------------------------------------------------------- */

int retention_new(struct channels *channels, struct serve *serve, struct retention **out,
                  struct err *e)
{
    struct retention *r = calloc(1, sizeof *r + channels->count * sizeof r->keepers[0]);

    if (r == NULL)
        return err_set(e, E_NOMEM, "no memory for the retention");
    for (; r->count < channels->count; r->count++) {
        struct keeper *k = &r->keepers[r->count];
        k->config = channels->slots[r->count].config;
        k->channel = channels->slots[r->count].channel;
        k->serve = serve;
        (void)pthread_mutex_init(&k->mutex, NULL);
        (void)pthread_mutex_init(&k->purging, NULL);
        (void)pthread_cond_init(&k->wake, NULL);
    }
    *out = r;
    return 0;
}

int retention_start(struct retention *r, struct err *e)
{
    for (size_t i = 0; i < r->count; i++) {
        struct keeper *k = &r->keepers[i];
        if (k->channel == NULL)
            continue;
        int failed = pthread_create(&k->thread, NULL, retention_main, k);
        if (failed != 0)
            return err_set(e, E_NOMEM, "no thread for the retention (error %d)", failed);
        k->runs = true;
    }
    return 0;
}

static void keeper_stop(struct keeper *k)
{
    if (!k->runs)
        return;
    (void)pthread_mutex_lock(&k->mutex);
    k->stop = true;
    (void)pthread_cond_signal(&k->wake);
    (void)pthread_mutex_unlock(&k->mutex);
    (void)pthread_join(k->thread, NULL);
    k->runs = false;
}

void retention_stop(struct retention *r)
{
    for (size_t i = 0; r != NULL && i < r->count; i++)
        keeper_stop(&r->keepers[i]);
}

void retention_free(struct retention *r)
{
    if (r == NULL)
        return;
    retention_stop(r);
    for (size_t i = 0; i < r->count; i++) {
        struct keeper *k = &r->keepers[i];
        (void)pthread_mutex_destroy(&k->mutex);
        (void)pthread_mutex_destroy(&k->purging);
        (void)pthread_cond_destroy(&k->wake);
    }
    free(r);
}
