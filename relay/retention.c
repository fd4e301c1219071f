#include "relay/retention.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "relay/downstream/serve.h"
#include "relay/hold.h"

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
    bool            stop, save;
    char            told[192]; /* whose hold was logged last */

    pthread_mutex_t purging; /* one purge at a time */
};

struct retention {
    size_t        count;
    struct keeper keepers[];
};

/* ---- who needs what ------------------------------------------------------------------------ */

enum { NEAR_PERCENT = 80 };
enum { SAID_NOTHING, SAID_NEAR, SAID_OVER };

/* The earliest of all holds. */
struct holds {
    struct keeper *keeper;
    struct store  *store;
    int64_t        now_s;
    bool           low;     /* on disk: who is away holds nothing */
    uint32_t       ordinal; /* 0: nobody holds anything */
    char           who[192];
};

static void take_hold(struct holds *h, const struct holder *holder, struct hold *out,
                      const char *who)
{
    hold_look(h->store, h->keeper->config, holder, h->now_s, out);
    if (out->state != HOLD_KEPT || (h->ordinal != 0 && out->ordinal >= h->ordinal))
        return;
    h->ordinal = out->ordinal;
    (void)snprintf(h->who, sizeof h->who, "%s", who);
}

/* Those who are not remembered hold as long as they are connected. */
static void hold_session(void *arg, const struct serve_session *session)
{
    struct holds     *h = arg;
    struct store_file f;
    struct hold       hold;
    struct err        ignored;
    char              who[128];

    if (!session->streaming || strcmp(session->channel, h->keeper->config->name) != 0 ||
        store_file_by_name(h->store, session->file, &f, &ignored) != 0)
        return;
    (void)snprintf(who, sizeof who, "session %" PRIu32 ", user '%.60s' from %.40s", session->id,
                   session->user, session->address);
    struct holder holder = { .from = store_pos_at(f.ordinal, 0) };
    take_hold(h, &holder, &hold, who);
}

/* Once when it comes near, and once when it is over. */
static void tell_limit(struct keeper *k, const struct consumer_info *x, const struct hold *h,
                       const char *who)
{
    bool gone = h->state == HOLD_OVER || h->state == HOLD_LOST;
    int  level = gone ? SAID_OVER : h->used_percent >= NEAR_PERCENT ? SAID_NEAR : SAID_NOTHING;

    if (!consumers_louder(channel_consumers(k->channel), x->row.name, level))
        return;
    if (level == SAID_NEAR)
        log_write(LOG_WARNING, "retention",
                  "%s has used %u %% of its %s: soon no files are held for it any more; let it go "
                  "on, raise the limit, or forget it by 'binrelay consumers --forget %s'",
                  who, h->used_percent, h->limit, x->row.name);
    else
        log_write(LOG_WARNING, "retention",
                  "%s is further behind than it may be%s%s: no files are held for it any more%s",
                  who, *h->limit != '\0' ? " by " : "", h->limit,
                  h->state == HOLD_LOST ? ", and what it needs first is gone" : "");
}

static void hold_consumer(void *arg, const struct consumer_info *x)
{
    struct holds *h = arg;
    struct hold   hold;
    char          who[192];
    struct holder holder = { .from = x->needs };

    if (!x->connected)
        holder.away_s = h->now_s > x->row.seen_s ? h->now_s - x->row.seen_s : 1;
    if (!x->connected && h->low)
        return;
    (void)snprintf(who, sizeof who, "consumer '%.80s' (user '%.40s'%s)", x->row.name, x->row.user,
                   x->connected ? "" : ", away");
    take_hold(h, &holder, &hold, who);
    tell_limit(h->keeper, x, &hold, who);
}

static int find_hold(struct keeper *k, struct holds *h, struct err *e)
{
    struct disk *disk = store_disk(channel_store(k->channel));
    uint64_t     room = 0;
    struct hold  hold;

    *h = (struct holds){ .keeper = k,
                         .store = channel_store(k->channel),
                         .now_s = (int64_t)time(NULL) };
    TRY(disk->free_bytes(disk, &room, e));
    h->low = room / 2 < k->config->reserve;
    for (size_t i = 0; i < channel_publisher_count(k->channel); i++) {
        struct publisher_status p;
        char                    who[128];
        channel_publisher_status(k->channel, i, &p);
        (void)snprintf(who, sizeof who, "publisher '%s'", p.name);
        struct holder holder = { .from = p.next };
        take_hold(h, &holder, &hold, who);
    }
    TRY(consumers_each(channel_consumers(k->channel), hold_consumer, h, e));
    return serve_each_session(k->serve, hold_session, h, e);
}

/* ---- consumers ----------------------------------------------------------------------------- */

struct expiry {
    struct keeper *keeper;
    int64_t        before_s;
};

static void expire(void *arg, const struct consumer_info *x)
{
    const struct expiry *y = arg;
    struct err           e = { 0 };

    if (x->connected || x->row.seen_s >= y->before_s)
        return;
    if (consumers_forget(channel_consumers(y->keeper->channel), x->row.name, &e) == 0)
        log_write(LOG_INFO, "retention",
                  "consumer '%s' (user '%s') has been away for longer than hold_away: it is "
                  "forgotten",
                  x->row.name, x->row.user);
    else if (e.kind != E_CONFIG) /* it has come back, or is forgotten already */
        log_err("retention", "could not forget a consumer", &e);
}

static void save_consumers(struct keeper *k)
{
    struct err e = { 0 };

    if (consumers_save(channel_consumers(k->channel), &e) != 0)
        log_err("retention", "where consumers are could not be saved; tried again later", &e);
}

static void expire_consumers(struct keeper *k)
{
    struct expiry y = { k, (int64_t)time(NULL) - (int64_t)k->config->hold_away };
    struct err    e = { 0 };

    if (k->config->hold_away != 0 &&
        consumers_each(channel_consumers(k->channel), expire, &y, &e) != 0)
        log_err("retention", "could not look for consumers that are away", &e);
}

/* ---- purging ------------------------------------------------------------------------------- */

static int purge(struct keeper *k, const struct purge_limits *limits, bool dry,
                 struct purge_plan *out, struct holds *h, struct err *e)
{
    (void)pthread_mutex_lock(&k->purging);
    /* What is known of consumers is on disk before files go by it. */
    int result = consumers_save(channel_consumers(k->channel), e);
    if (result == 0)
        result = find_hold(k, h, e);
    if (result == 0)
        result = purge_plan(channel_store(k->channel), limits, h->ordinal, out, e);
    if (result == 0 && !dry)
        result = purge_run(channel_store(k->channel), out, e);
    if (result == 0 && !dry && out->files != 0)
        consumers_purged(channel_consumers(k->channel), store_pos_at(out->keep_from, 0));
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
    struct holds        h;

    assert(channel < r->count && r->keepers[channel].channel != NULL);
    return purge(&r->keepers[channel], &limits, dry, out, &h, e);
}

/* Once for each who, until nobody is in the way any more. */
static void tell_hold(struct keeper *k, const struct purge_plan *p, const struct holds *h)
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
    struct holds        h;
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

static void wake_to_save(void *arg)
{
    struct keeper *k = arg;

    (void)pthread_mutex_lock(&k->mutex);
    k->save = true;
    (void)pthread_cond_signal(&k->wake);
    (void)pthread_mutex_unlock(&k->mutex);
}

/* Until the next round is due, saving consumers as they come and go. */
static void wait_for_round(struct keeper *k)
{
    struct timespec until;
    int             over = 0;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ROUND_S;
    while (!k->stop && over == 0) {
        if (!k->save) {
            over = pthread_cond_timedwait(&k->wake, &k->mutex, &until);
            continue;
        }
        k->save = false;
        (void)pthread_mutex_unlock(&k->mutex);
        save_consumers(k);
        (void)pthread_mutex_lock(&k->mutex);
    }
}

static void *retention_main(void *arg)
{
    struct keeper *k = arg;

    log_about(k->config->name);
    (void)pthread_mutex_lock(&k->mutex);
    while (!k->stop) {
        (void)pthread_mutex_unlock(&k->mutex);
        save_consumers(k);
        expire_consumers(k);
        apply_limits(k);
        (void)pthread_mutex_lock(&k->mutex);
        wait_for_round(k);
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
        if (k->channel != NULL)
            channel_on_consumers(k->channel, wake_to_save, k);
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
        if (k->channel != NULL)
            channel_on_consumers(k->channel, NULL, NULL);
        (void)pthread_mutex_destroy(&k->mutex);
        (void)pthread_mutex_destroy(&k->purging);
        (void)pthread_cond_destroy(&k->wake);
    }
    free(r);
}
