#include "relay/watch/history.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = CATALOG_CONSUMER_NAME_BYTES };

struct series {
    enum history_of of;
    char            channel[64], name[NAME_BYTES];
    uint64_t        first, last;            /* samples that it was there, first and last */
    float           value[HISTORY_SAMPLES]; /* of sample number n at n % HISTORY_SAMPLES */
};

struct history {
    pthread_mutex_t mutex; /* for all below */
    uint64_t        taken; /* samples so far; the number of the next one */
    size_t          count;
    struct series  *series[HISTORY_SERIES];
};

int history_new(struct history **out, struct err *e)
{
    struct history *h = calloc(1, sizeof *h);

    if (h == NULL)
        return err_set(e, E_NOMEM, "no memory for samples");
    (void)pthread_mutex_init(&h->mutex, NULL);
    *out = h;
    return 0;
}

void history_free(struct history *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < h->count; i++)
        free(h->series[i]);
    (void)pthread_mutex_destroy(&h->mutex);
    free(h);
}

static struct series *find(const struct history *h, enum history_of of, const char *channel,
                           const char *name)
{
    for (size_t i = 0; i < h->count; i++) {
        struct series *s = h->series[i];
        if (s->of == of && strcmp(s->channel, channel) == 0 && strcmp(s->name, name) == 0)
            return s;
    }
    return NULL;
}

static struct series *add(struct history *h, enum history_of of, const char *channel,
                          const char *name)
{
    struct series *s = h->count < HISTORY_SERIES ? calloc(1, sizeof *s) : NULL;

    if (s == NULL)
        return NULL; /* no chart for it, nothing else */
    s->of = of;
    (void)snprintf(s->channel, sizeof s->channel, "%s", channel);
    (void)snprintf(s->name, sizeof s->name, "%s", name);
    s->first = s->last = h->taken;
    h->series[h->count++] = s;
    return s;
}

static void put(struct history *h, enum history_of of, const char *channel, const char *name,
                double value)
{
    struct series *s = find(h, of, channel, name);

    if (s == NULL)
        s = add(h, of, channel, name);
    if (s == NULL)
        return;
    /* Where it was away nothing is known. */
    for (uint64_t n = s->last + 1; n < h->taken; n++)
        s->value[n % HISTORY_SAMPLES] = NAN;
    s->value[h->taken % HISTORY_SAMPLES] = (float)value;
    s->last = h->taken;
}

static void forget_old(struct history *h)
{
    for (size_t i = 0; i < h->count;) {
        struct series *s = h->series[i];
        if (s->last + HISTORY_SAMPLES > h->taken) {
            i++;
            continue;
        }
        free(s);
        h->series[i] = h->series[--h->count];
    }
}

void history_take(struct history *h, const struct overview *o)
{
    (void)pthread_mutex_lock(&h->mutex);
    forget_old(h);
    for (size_t i = 0; i < o->sources.count; i++)
        put(h, HISTORY_SOURCE, o->sources.items[i].channel, o->sources.items[i].name,
            o->sources.items[i].lag_s);
    for (size_t i = 0; i < o->publishers.count; i++)
        put(h, HISTORY_PUBLISHER, o->publishers.items[i].channel, o->publishers.items[i].name,
            o->publishers.items[i].lag_s);
    for (size_t i = 0; i < o->consumers.count; i++)
        put(h, HISTORY_CONSUMER, o->consumers.items[i].channel, o->consumers.items[i].name,
            o->consumers.items[i].lag_s);
    h->taken++;
    (void)pthread_mutex_unlock(&h->mutex);
}

size_t history_get(struct history *h, enum history_of of, const char *channel, const char *name,
                   float out[HISTORY_SAMPLES])
{
    size_t count = 0;

    (void)pthread_mutex_lock(&h->mutex);
    const struct series *s = find(h, of, channel, name);
    if (s != NULL) {
        uint64_t oldest = h->taken > HISTORY_SAMPLES ? h->taken - HISTORY_SAMPLES : 0;
        for (uint64_t n = s->first > oldest ? s->first : oldest; n < h->taken; n++)
            out[count++] = n <= s->last ? s->value[n % HISTORY_SAMPLES] : NAN;
    }
    (void)pthread_mutex_unlock(&h->mutex);
    return count;
}
