#include "relay/reload.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "relay/config/config_diff.h"
#include "relay/downstream/tls.h"
#include "relay/log.h"

enum { REPORT_BYTES_MAX = 1024 * 1024, SENTENCE_BYTES = 512 };

struct reload {
    pthread_mutex_t      mutex;
    const struct config *start;        /* what needs a restart is still as it says */
    struct config       *read;         /* last taken over; NULL: `start` */
    bool                 read_is_used; /* sources of it are followed */
    struct kept         *kept;         /* earlier ones of which that is so, or was */
    struct serve        *serve;

    const struct channels *channels;
};

struct kept {
    struct kept   *next;
    struct config *config;
};

int reload_new(const struct config *start, const struct channels *channels, struct serve *serve,
               struct reload **out, struct err *e)
{
    struct reload *r = calloc(1, sizeof *r);

    if (r == NULL)
        return err_set(e, E_NOMEM, "no memory to reload");
    (void)pthread_mutex_init(&r->mutex, NULL);
    r->start = start;
    r->serve = serve;
    r->channels = channels;
    *out = r;
    return 0;
}

void reload_free(struct reload *r)
{
    if (r == NULL)
        return;
    (void)pthread_mutex_destroy(&r->mutex);
    config_free(r->read);
    while (r->kept != NULL) {
        struct kept *next = r->kept->next;
        config_free(r->kept->config);
        free(r->kept);
        r->kept = next;
    }
    free(r);
}

/* ---- the report ---------------------------------------------------------------------------- */

void reload_report_init(struct reload_report *r)
{
    buf_init(&r->changed, REPORT_BYTES_MAX);
    buf_init(&r->needs_restart, REPORT_BYTES_MAX);
    buf_init(&r->warnings, REPORT_BYTES_MAX);
}

void reload_report_done(struct reload_report *r)
{
    buf_done(&r->changed);
    buf_done(&r->needs_restart);
    buf_done(&r->warnings);
}

void reload_report_each(const struct buf *sentences, void (*each)(void *arg, const char *sentence),
                        void             *arg)
{
    struct slice rest = buf_slice(sentences);

    while (rest.len > 0) {
        char           one[SENTENCE_BYTES];
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        size_t         n = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
        (void)snprintf(one, sizeof one, "%.*s", (int)n, (const char *)rest.ptr);
        each(arg, one);
        n += end != NULL ? 1 : 0;
        rest = (struct slice){ rest.ptr + n, rest.len - n };
    }
}

static void note_warning(void *arg, const char *sentence)
{
    struct reload_report *report = arg;
    buf_printf(&report->warnings, "%s\n", sentence);
}

static void note_certificate(void *arg, const char *listener)
{
    struct reload_report *report = arg;
    buf_printf(&report->changed, "[listener%s%s] certificates, for new connections\n",
               *listener != '\0' ? " " : "", listener);
}

/* Against what is in force: these keys are taken over. */
static void note_reloaded(void *arg, const char *what, enum config_applies applies)
{
    struct reload_report *report = arg;
    if (applies == RECONNECT)
        buf_printf(&report->changed, "%s, by a new connection to the source\n", what);
    else if (applies == RELOAD)
        buf_printf(&report->changed, "%s\n", what);
}

/* Against what the daemon was started with: these are not. */
static void note_waiting(void *arg, const char *what, enum config_applies applies)
{
    struct reload_report *report = arg;
    if (applies == RESTART)
        buf_printf(&report->needs_restart, "%s\n", what);
}

static void note_users(struct reload_report *report, size_t changed)
{
    char count[32];
    (void)snprintf(count, sizeof count, "%zu user%s", changed, changed == 1 ? "" : "s");
    if (changed > 0)
        buf_printf(&report->changed, "%s added, removed or changed\n", count);
}

static void log_changed(void *arg, const char *sentence)
{
    (void)arg;
    log_write(LOG_INFO, "reload", "in force: %s", sentence);
}

static void log_waiting(void *arg, const char *sentence)
{
    (void)arg;
    log_write(LOG_WARNING, "reload", "needs a restart: %s", sentence);
}

static void log_warning(void *arg, const char *sentence)
{
    (void)arg;
    log_write(LOG_WARNING, "reload", "%s", sentence);
}

void reload_log(const struct reload_report *r)
{
    if (r->changed.len == 0 && r->needs_restart.len == 0)
        log_write(LOG_INFO, "reload", "nothing has changed");
    reload_report_each(&r->warnings, log_warning, NULL);
    reload_report_each(&r->changed, log_changed, NULL);
    reload_report_each(&r->needs_restart, log_waiting, NULL);
}

/* ---- reading again ------------------------------------------------------------------------- */

/* So that nothing is half taken over when a certificate is no good. */
static int try_certificates(const struct config *config, struct err *e)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *l = &config->listeners[i];
        const struct tls_files files = { .cert = l->tls_cert, .key = l->tls_key, .ca = l->tls_ca };
        struct tls_config     *tried = NULL;
        TRY(tls_config_new(&files, &tried, e));
        tls_config_free(tried);
    }
    return 0;
}

static const struct config_source *source_named(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->source_count; i++)
        if (strcmp(c->sources[i].name, name) == 0)
            return &c->sources[i];
    return NULL;
}

/* What changes with a restart only stays as it is. */
static int keep_until_restart(const struct config *before, struct config *now, struct err *e)
{
    for (size_t i = 0; i < now->source_count; i++) {
        struct config_source       *s = &now->sources[i];
        const struct config_source *old = source_named(before, s->name);
        if (old == NULL)
            continue;
        char *channel = strdup(old->channel);
        if (channel == NULL)
            return err_set(e, E_NOMEM, "no memory to reload");
        free(s->channel);
        s->channel = channel;
        s->server_id = old->server_id;
        s->start = old->start;
    }
    return 0;
}

/* A source that is followed is not let go by its section's end. */
static void warn_of_gone(const struct reload *r, const struct config *now,
                         struct reload_report *report)
{
    for (size_t k = 0; k < r->channels->count; k++) {
        struct channel *c = r->channels->slots[k].channel;
        if (c != NULL && source_named(now, channel_source(c)->name) == NULL)
            buf_printf(&report->warnings,
                       "[source %s] is gone from the file, but it is followed until 'binrelay "
                       "switch' or a restart\n",
                       channel_source(c)->name);
    }
}

static void use_sources(const struct reload *r, const struct config *now)
{
    for (size_t k = 0; k < r->channels->count; k++) {
        struct channel *c = r->channels->slots[k].channel;
        if (c != NULL && channel_reload_sources(c, now))
            serve_reload_source(r->serve, channel_name(c), channel_source(c));
    }
}

static int take_over(struct reload *r, struct config *now, struct reload_report *report,
                     bool *sources, struct err *e)
{
    const struct config *before = r->read != NULL ? r->read : r->start;
    size_t               users = 0;

    TRY(try_certificates(now, e));
    TRY(serve_reload_users(r->serve, now, &users, e));
    note_users(report, users);
    TRY(serve_reload_certificates(r->serve, now, note_certificate, report, e));
    serve_reload_bounds(r->serve, now);
    log_set_level(now->relay.log_level);
    log_set_format(now->relay.log_format);
    config_diff(before, now, note_reloaded, report);
    config_diff(r->start, now, note_waiting, report);
    TRY(keep_until_restart(before, now, e));
    warn_of_gone(r, now, report);
    *sources = !config_sources_same(before, now);
    if (*sources)
        use_sources(r, now);
    return 0;
}

/* Errors come as sentences, of which the first one has to stand for all. */
static int read_again(const struct reload *r, struct reload_report *report, struct config **out,
                      struct err *e)
{
    if (config_read(r->start->path, note_warning, report, out, e) == 0)
        return 0;
    size_t first = strcspn(buf_text(&report->warnings), "\n");
    if (e->kind != E_CONFIG || first == 0)
        return err_note(e, "all stays as it was");
    return err_set(e, E_CONFIG,
                   "%.*s (all stays as it was; 'binrelayd --check %.100s' says all that is wrong)",
                   (int)(first < 300 ? first : 300), buf_text(&report->warnings), r->start->path);
}

/* One whose sources the channels have taken stays to the end, since a thread may still be looking
   at them after they have been given others. */
static void keep(struct reload *r, struct kept *kept, struct config *now, bool sources)
{
    if (r->read != NULL && r->read_is_used) {
        *kept = (struct kept){ .next = r->kept, .config = r->read };
        r->kept = kept;
    } else {
        config_free(r->read);
        free(kept);
    }
    r->read = now;
    r->read_is_used = sources;
}

int reload_all(struct reload *r, struct reload_report *report, struct err *e)
{
    struct config *now = NULL;
    struct kept   *kept = calloc(1, sizeof *kept);
    bool           sources = false;

    if (kept == NULL)
        return err_set(e, E_NOMEM, "no memory to reload");
    (void)pthread_mutex_lock(&r->mutex);
    int rc = read_again(r, report, &now, e);
    if (rc == 0) {
        rc = take_over(r, now, report, &sources, e);
        if (rc != 0)
            (void)err_note(e, "all stays as it was");
    }
    if (rc == 0)
        keep(r, kept, now, sources);
    else
        config_free(now);
    if (rc != 0)
        free(kept);
    (void)pthread_mutex_unlock(&r->mutex);
    return rc;
}

int reload_users(struct reload *r, struct reload_report *report, struct err *e)
{
    size_t users = 0;

    (void)pthread_mutex_lock(&r->mutex);
    int rc = serve_reload_users(r->serve, r->read != NULL ? r->read : r->start, &users, e);
    (void)pthread_mutex_unlock(&r->mutex);
    if (rc == 0)
        note_users(report, users);
    return rc;
}
