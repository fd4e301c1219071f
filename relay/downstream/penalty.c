#include "relay/downstream/penalty.h"

#include <arpa/inet.h>
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { SETS = 512, WAYS = 4, FAILURES_MAX = 10 };

struct offender {
    uint64_t key;      /* 0: the place is free */
    int64_t  since_ms; /* of the last failure that was added or forgiven */
    uint32_t failures;
    uint32_t waiting;
};

struct penalty {
    pthread_mutex_t mutex;
    uint64_t        seed; /* so that nobody can choose addresses that share a set */
    uint64_t        failed, blocked;
    struct offender table[SETS][WAYS];
};

int penalty_new(struct penalty **out, struct err *e)
{
    struct penalty *p = calloc(1, sizeof *p);

    if (p == NULL)
        return err_set(e, E_NOMEM, "no memory for the table of failed logins");
    if (getrandom(&p->seed, sizeof p->seed, 0) != sizeof p->seed) {
        free(p);
        return err_sys(e, "random numbers");
    }
    (void)pthread_mutex_init(&p->mutex, NULL);
    *out = p;
    return 0;
}

void penalty_free(struct penalty *p)
{
    if (p == NULL)
        return;
    (void)pthread_mutex_destroy(&p->mutex);
    free(p);
}

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t mixed(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Never 0. Texts that are no address share one key. */
static uint64_t key_of(const struct penalty *p, const char *host)
{
    uint8_t  bytes[16] = { 0 };
    uint64_t part = 0;
    unsigned family = 0;

    if (inet_pton(AF_INET, host, bytes) == 1)
        family = 4;
    else if (inet_pton(AF_INET6, host, bytes) == 1)
        family = 6;
    memcpy(&part, bytes, sizeof part);
    return mixed(part ^ p->seed ^ (uint64_t)family << 60) | 1;
}

static void forgive(struct offender *o, int64_t now)
{
    while (o->failures > 0 && now - o->since_ms >= PENALTY_FORGIVE_MS) {
        o->failures--;
        o->since_ms += PENALTY_FORGIVE_MS;
    }
}

static struct offender *find(struct penalty *p, uint64_t key, int64_t now)
{
    struct offender *set = p->table[(key >> 1) % SETS];

    for (size_t i = 0; i < WAYS; i++)
        if (set[i].key == key) {
            forgive(&set[i], now);
            return &set[i];
        }
    return NULL;
}

/* Its place, or the one of whoever failed least and has nothing waiting; NULL: all have. */
static struct offender *find_or_make(struct penalty *p, uint64_t key, int64_t now)
{
    struct offender *o = find(p, key, now), *set = p->table[(key >> 1) % SETS];

    for (size_t i = 0; o == NULL && i < WAYS; i++)
        if (set[i].key == 0)
            o = &set[i];
    for (size_t i = 0; o == NULL && i < WAYS; i++) {
        forgive(&set[i], now);
        if (set[i].failures == 0 && set[i].waiting == 0)
            o = &set[i];
    }
    struct offender *least = NULL;
    for (size_t i = 0; o == NULL && i < WAYS; i++)
        if (set[i].waiting == 0 && (least == NULL || set[i].failures < least->failures))
            least = &set[i];
    o = o != NULL ? o : least;
    if (o != NULL && o->key != key)
        *o = (struct offender){ .key = key, .since_ms = now };
    return o;
}

static uint32_t delay_ms(uint32_t failures)
{
    uint32_t ms = PENALTY_FIRST_MS;

    if (failures <= PENALTY_FREE)
        return 0;
    for (uint32_t i = PENALTY_FREE + 1; i < failures && ms < PENALTY_MOST_MS; i++)
        ms *= 2;
    return ms < PENALTY_MOST_MS ? ms : PENALTY_MOST_MS;
}

uint32_t penalty_blocked_ms(struct penalty *p, const char *host)
{
    (void)pthread_mutex_lock(&p->mutex);
    const struct offender *o = find(p, key_of(p, host), now_ms());
    bool                   is = o != NULL && o->waiting >= PENALTY_WAITING_MAX;
    uint32_t               ms = is ? delay_ms(o->failures) : 0;
    p->blocked += is;
    (void)pthread_mutex_unlock(&p->mutex);
    return is && ms == 0 ? PENALTY_FIRST_MS : ms;
}

uint32_t penalty_failed_ms(struct penalty *p, const char *host)
{
    int64_t now = now_ms();

    (void)pthread_mutex_lock(&p->mutex);
    struct offender *o = find_or_make(p, key_of(p, host), now);
    uint32_t         ms = PENALTY_MOST_MS;
    p->failed++;
    if (o != NULL) {
        o->failures += o->failures < FAILURES_MAX;
        o->since_ms = now;
        ms = delay_ms(o->failures);
        o->waiting += ms > 0;
    }
    (void)pthread_mutex_unlock(&p->mutex);
    return ms;
}

void penalty_over(struct penalty *p, const char *host)
{
    (void)pthread_mutex_lock(&p->mutex);
    struct offender *o = find(p, key_of(p, host), now_ms());
    if (o != NULL && o->waiting > 0)
        o->waiting--;
    (void)pthread_mutex_unlock(&p->mutex);
}

void penalty_counts(struct penalty *p, struct penalty_counts *out)
{
    int64_t now = now_ms();

    (void)pthread_mutex_lock(&p->mutex);
    *out = (struct penalty_counts){ .failed = p->failed, .blocked = p->blocked };
    for (size_t i = 0; i < SETS; i++)
        for (size_t k = 0; k < WAYS; k++) {
            forgive(&p->table[i][k], now);
            out->addresses += p->table[i][k].failures > PENALTY_FREE;
        }
    (void)pthread_mutex_unlock(&p->mutex);
}
