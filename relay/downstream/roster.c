#include "relay/downstream/roster.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct roster {
    pthread_mutex_t      mutex;
    uint32_t             most;
    _Atomic(uint32_t)    count; /* changed under the mutex */
    uint32_t             last_id;
    bool                 wrapped; /* after 4 billion sessions the numbers begin again */
    struct roster_entry *first, *last;
};

int roster_new(uint32_t most, struct roster **out, struct err *e)
{
    struct roster *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_set(e, E_NOMEM, "no memory for the list of sessions");
    r->most = most;
    (void)pthread_mutex_init(&r->mutex, NULL);
    *out = r;
    return 0;
}

void roster_free(struct roster *r)
{
    if (r == NULL)
        return;
    assert(r->count == 0);
    (void)pthread_mutex_destroy(&r->mutex);
    free(r);
}

uint32_t roster_count(const struct roster *r)
{
    return atomic_load_explicit(&r->count, memory_order_relaxed);
}

static bool id_taken(const struct roster *r, uint32_t id)
{
    for (const struct roster_entry *x = r->first; x != NULL; x = x->next)
        if (x->id == id)
            return true;
    return false;
}

int roster_add(struct roster *r, struct roster_entry *entry, struct err *e)
{
    (void)pthread_mutex_lock(&r->mutex);
    struct roster_gate *gate = entry->gate;
    bool                full = gate != NULL && gate->count >= gate->most;
    if (full || r->count >= r->most) {
        (void)pthread_mutex_unlock(&r->mutex);
        return err_set(e, E_LIMIT, "there are %u sessions already (max_sessions)",
                       full ? gate->most : r->most);
    }
    if (gate != NULL)
        gate->count++;
    do {
        r->wrapped = r->wrapped || r->last_id == UINT32_MAX;
        r->last_id = r->last_id == UINT32_MAX ? 1 : r->last_id + 1;
    } while (r->wrapped && id_taken(r, r->last_id));
    entry->id = r->last_id;
    entry->since_s = (int64_t)time(NULL);
    entry->prev = r->last;
    entry->next = NULL;
    *(r->last != NULL ? &r->last->next : &r->first) = entry;
    r->last = entry;
    r->count++;
    (void)pthread_mutex_unlock(&r->mutex);
    return 0;
}

void roster_resize(struct roster *r, struct roster_gate *gate, uint32_t gate_most, uint32_t most)
{
    (void)pthread_mutex_lock(&r->mutex);
    gate->most = gate_most;
    r->most = most;
    (void)pthread_mutex_unlock(&r->mutex);
}

void roster_remove(struct roster *r, struct roster_entry *entry)
{
    (void)pthread_mutex_lock(&r->mutex);
    *(entry->prev != NULL ? &entry->prev->next : &r->first) = entry->next;
    *(entry->next != NULL ? &entry->next->prev : &r->last) = entry->prev;
    r->count--;
    if (entry->gate != NULL)
        entry->gate->count--;
    (void)pthread_mutex_unlock(&r->mutex);
}

void roster_describe(struct roster *r, struct roster_entry *entry, const struct roster_change *c)
{
    (void)pthread_mutex_lock(&r->mutex);
    if (c->user != NULL)
        (void)snprintf(entry->user, sizeof entry->user, "%s", c->user);
    if (c->what != NULL)
        entry->what = c->what;
    if (c->replica_uuid != NULL)
        (void)snprintf(entry->replica_uuid, sizeof entry->replica_uuid, "%s", c->replica_uuid);
    if (c->command != NULL)
        entry->command = c->command;
    if (c->replica_host != NULL) {
        (void)snprintf(entry->replica_host, sizeof entry->replica_host, "%s", c->replica_host);
        entry->registered = true;
    }
    if (c->replica_port >= 0)
        entry->replica_port = (uint16_t)c->replica_port;
    if (c->tls >= 0)
        entry->tls = c->tls != 0;
    if (c->streaming >= 0)
        entry->streaming = c->streaming != 0;
    if (c->channel >= 0)
        entry->channel = c->channel;
    if (c->server_id >= 0)
        entry->server_id = (uint32_t)c->server_id;
    (void)pthread_mutex_unlock(&r->mutex);
}

static void end_entry(struct roster_entry *entry, enum roster_end why)
{
    int stays = ROSTER_STAYS;
    if (atomic_compare_exchange_strong(&entry->end, &stays, (int)why))
        entry->wake(entry->arg);
}

enum roster_kill_result roster_kill(struct roster *r, uint32_t id, const char *user, bool query)
{
    enum roster_kill_result result = ROSTER_KILL_UNKNOWN;
    (void)pthread_mutex_lock(&r->mutex);
    for (struct roster_entry *x = r->first; x != NULL; x = x->next) {
        if (x->id != id)
            continue;
        bool may = user == NULL || strcmp(x->user, user) == 0;
        result = may ? ROSTER_KILL_DONE : ROSTER_KILL_NOT_YOURS;
        if (may && query) {
            atomic_store(&x->cancel, true);
            x->wake(x->arg);
        } else if (may) {
            end_entry(x, ROSTER_KILLED);
        }
        break;
    }
    (void)pthread_mutex_unlock(&r->mutex);
    return result;
}

unsigned roster_supersede(struct roster *r, const struct roster_entry *by)
{
    unsigned ended = 0;
    (void)pthread_mutex_lock(&r->mutex);
    for (struct roster_entry *x = r->first; by->server_id != 0 && x != NULL; x = x->next) {
        bool same_uuid = by->replica_uuid[0] == '\0' || x->replica_uuid[0] == '\0' ||
                         strcmp(by->replica_uuid, x->replica_uuid) == 0;
        if (x == by || !x->streaming || x->channel != by->channel ||
            x->server_id != by->server_id || !same_uuid)
            continue;
        end_entry(x, ROSTER_SUPERSEDED);
        ended++;
    }
    (void)pthread_mutex_unlock(&r->mutex);
    return ended;
}

/* A copy that may be looked at without the mutex. */
static void copy_entry(struct roster_entry *into, const struct roster_entry *x)
{
    memcpy(into->address, x->address, sizeof into->address);
    memcpy(into->user, x->user, sizeof into->user);
    memcpy(into->replica_uuid, x->replica_uuid, sizeof into->replica_uuid);
    into->id = x->id;
    into->since_s = x->since_s;
    into->what = x->what;
    into->tls = x->tls;
    into->streaming = x->streaming;
    into->channel = x->channel;
    into->server_id = x->server_id;
    into->command = x->command;
    into->registered = x->registered;
    into->replica_port = x->replica_port;
    memcpy(into->replica_host, x->replica_host, sizeof into->replica_host);
    atomic_init(&into->pos, atomic_load_explicit(&x->pos, memory_order_relaxed));
    atomic_init(&into->acked, atomic_load_explicit(&x->acked, memory_order_relaxed));
    atomic_init(&into->semi_sync, atomic_load_explicit(&x->semi_sync, memory_order_relaxed));
    atomic_init(&into->sent_bytes, atomic_load_explicit(&x->sent_bytes, memory_order_relaxed));
}

int roster_each(struct roster *r, void (*each)(void *arg, const struct roster_entry *entry),
                void *arg, struct err *e)
{
    (void)pthread_mutex_lock(&r->mutex);
    size_t               count = 0;
    struct roster_entry *copies = calloc(r->count > 0 ? r->count : 1, sizeof *copies);
    for (struct roster_entry *x = r->first; copies != NULL && x != NULL; x = x->next)
        copy_entry(&copies[count++], x);
    (void)pthread_mutex_unlock(&r->mutex);
    if (copies == NULL)
        return err_set(e, E_NOMEM, "no memory for a list of sessions");
    for (size_t i = 0; i < count; i++)
        each(arg, &copies[i]);
    free(copies);
    return 0;
}
