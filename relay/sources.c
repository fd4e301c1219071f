#include "relay/sources.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "relay/config/config_diff.h"

enum { VALUE_BYTES = 256 };

/* In the catalog. */
static const char active_name[] = CATALOG_ACTIVE_SOURCE;
static const char change_name[] = "source.changed"; /* "SECONDS self|asked FROM" */
static const char server_id_name[] = "relay.server_id";

struct sources {
    const char     *channel;
    struct catalog *catalog;
    uint32_t        server_id;

    pthread_mutex_t             lock; /* of what follows */
    const struct config_source *list[SOURCES_MAX];
    size_t                      count;
    const struct config_source *active;
    struct sources_policy       policy;
    struct sources_change       change;
};

static const struct config_source *find(const struct sources *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->list[i]->name, name) == 0)
            return s->list[i];
    return NULL;
}

static void take_list(struct sources *s, const struct config *config)
{
    s->count = 0;
    for (size_t i = 0; i < config->source_count; i++)
        if (strcmp(config->sources[i].channel, s->channel) == 0)
            s->list[s->count++] = &config->sources[i];
}

static void take_policy(struct sources *s, const struct config *config)
{
    for (size_t i = 0; i < config->channel_count; i++) {
        const struct config_channel *c = &config->channels[i];
        if (strcmp(c->name, s->channel) == 0)
            s->policy = (struct sources_policy){ .failover = c->failover,
                                                 .after_s = c->failover_after,
                                                 .fence_s = c->failover_fence,
                                                 .fork = c->fork };
    }
}

/* ---- what outlives the process ------------------------------------------------------------- */

/* *found false: there is none, or it is longer than any that we write. */
static int load(const struct sources *s, const char *name, char into[VALUE_BYTES], bool *found,
                struct err *e)
{
    struct buf text;

    buf_init(&text, (size_t)64 * 1024);
    int rc = catalog_get_value(s->catalog, name, &text, e);
    *found = rc > 0 && text.len < VALUE_BYTES;
    (void)snprintf(into, VALUE_BYTES, "%s", *found ? buf_text(&text) : "");
    buf_done(&text);
    return rc < 0 ? -1 : 0;
}

static int load_active(struct sources *s, struct err *e)
{
    char text[VALUE_BYTES];
    bool found;

    TRY(load(s, active_name, text, &found, e));
    s->active = find(s, text);
    if (s->active != NULL)
        return 0;
    s->active = s->list[0];
    if (found)
        log_write(LOG_WARNING, "source",
                  "[source %s], which was followed, is gone from the configuration: "
                  "[source %s] is taken in its place",
                  text, s->active->name);
    return 0;
}

static int load_change(struct sources *s, struct err *e)
{
    char text[VALUE_BYTES], *rest;
    bool found;

    TRY(load(s, change_name, text, &found, e));
    long long at = strtoll(text, &rest, 10);
    if (!found || at <= 0)
        return 0;
    s->change.at_s = at;
    s->change.by_itself = strncmp(rest, " self ", 6) == 0;
    const char *from = strrchr(rest, ' ');
    (void)snprintf(s->change.from, sizeof s->change.from, "%s", from != NULL ? from + 1 : "");
    return 0;
}

/* Consumers know the relay by it, so it does not change with the active source. A number that no
   section has any more was changed by a person. */
static int load_server_id(struct sources *s, struct err *e)
{
    char text[VALUE_BYTES];
    bool found;

    TRY(load(s, server_id_name, text, &found, e));
    unsigned long kept = found ? strtoul(text, NULL, 10) : 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i]->server_id == kept)
            s->server_id = s->list[i]->server_id;
    if (s->server_id != 0)
        return 0;
    s->server_id = s->active->server_id;
    (void)snprintf(text, sizeof text, "%" PRIu32, s->server_id);
    return catalog_put_value(s->catalog, server_id_name, text, e);
}

/* ---- life ---------------------------------------------------------------------------------- */

int sources_new(const struct config *config, const struct config_channel *own,
                struct catalog *catalog, struct sources **out, struct err *e)
{
    struct sources *s = calloc(1, sizeof *s);

    if (s == NULL)
        return err_set(e, E_NOMEM, "no memory for the sources of a channel");
    s->channel = own->name;
    s->catalog = catalog;
    (void)pthread_mutex_init(&s->lock, NULL);
    take_list(s, config);
    take_policy(s, config);
    assert(s->count > 0); /* the configuration's checks see to it */
    if (load_active(s, e) != 0 || load_change(s, e) != 0 || load_server_id(s, e) != 0) {
        sources_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

void sources_free(struct sources *s)
{
    if (s == NULL)
        return;
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

bool sources_reload(struct sources *s, const struct config *now)
{
    (void)pthread_mutex_lock(&s->lock);
    const struct config_source *before = s->active;
    take_list(s, now);
    take_policy(s, now);
    const struct config_source *same = find(s, before->name);
    if (same == NULL)
        s->list[s->count++] = before;
    else
        s->active = same;
    bool changed = !config_source_same(before, s->active);
    (void)pthread_mutex_unlock(&s->lock);
    return changed;
}

/* ---- questions ----------------------------------------------------------------------------- */

const struct config_source *sources_active(struct sources *s)
{
    (void)pthread_mutex_lock(&s->lock);
    const struct config_source *active = s->active;
    (void)pthread_mutex_unlock(&s->lock);
    return active;
}

int sources_find(struct sources *s, const char *name, const struct config_source **out,
                 struct err *e)
{
    char   names[ERR_TEXT_BYTES / 2] = "";
    size_t used = 0;

    (void)pthread_mutex_lock(&s->lock);
    const struct config_source *found = find(s, name);
    for (size_t i = 0; i < s->count; i++) {
        int n = snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                         s->list[i]->name);
        used += n > 0 && (size_t)n < sizeof names - used ? (size_t)n : 0;
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (found == NULL)
        return err_set(e, E_CONFIG, "there is no [source %.64s] of this channel, but %s", name,
                       names);
    *out = found;
    return 0;
}

size_t sources_list(struct sources *s, const struct config_source *out[SOURCES_MAX])
{
    (void)pthread_mutex_lock(&s->lock);
    size_t count = s->count;
    for (size_t i = 0; i < count; i++)
        out[i] = s->list[i];
    (void)pthread_mutex_unlock(&s->lock);
    return count;
}

uint32_t sources_server_id(const struct sources *s)
{
    return s->server_id;
}

void sources_policy(struct sources *s, struct sources_policy *out)
{
    (void)pthread_mutex_lock(&s->lock);
    *out = s->policy;
    (void)pthread_mutex_unlock(&s->lock);
}

void sources_last_change(struct sources *s, struct sources_change *out)
{
    (void)pthread_mutex_lock(&s->lock);
    *out = s->change;
    (void)pthread_mutex_unlock(&s->lock);
}

int sources_activate(struct sources *s, const struct config_source *to, bool by_itself,
                     struct err *e)
{
    struct sources_change change = { .at_s = (int64_t)time(NULL), .by_itself = by_itself };
    char                  text[VALUE_BYTES];

    (void)snprintf(change.from, sizeof change.from, "%s", sources_active(s)->name);
    (void)snprintf(text, sizeof text, "%" PRId64 " %s %s", change.at_s,
                   by_itself ? "self" : "asked", change.from);
    int rc = catalog_put_value(s->catalog, change_name, text, e);
    if (rc == 0)
        rc = catalog_put_value(s->catalog, active_name, to->name, e);
    (void)pthread_mutex_lock(&s->lock);
    /* A reload may have come in between. */
    const struct config_source *newest = find(s, to->name);
    s->active = newest != NULL ? newest : to;
    s->change = change;
    (void)pthread_mutex_unlock(&s->lock);
    return rc;
}
