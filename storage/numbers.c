#include "storage/numbers.h"
#include <stdlib.h>
#include "storage/store_core.h"

void store_numbers(struct store *s, struct store_numbers *out)
{
    struct store_numbers n = { 0 };

    (void)pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < s->file_count; i++)
        n.bytes += store_visible(s, &s->files[i]);
    if (s->file_count > 0) {
        n.oldest_s = s->files[0].created_s;
        n.newest_s = s->files[s->file_count - 1].last_s;
    }
    n.files = (uint32_t)s->file_count;
    (void)pthread_mutex_unlock(&s->mutex);
    n.syncs = atomic_load(&s->counts.syncs);
    n.sync_us = atomic_load(&s->counts.sync_us);
    n.purged_files = atomic_load(&s->counts.purged_files);
    n.purged_bytes = atomic_load(&s->counts.purged_bytes);
    n.index_opens = atomic_load(&s->counts.index_opens);
    n.index_rebuilds = atomic_load(&s->counts.index_rebuilds);
    *out = n;
}

/* Memory is not asked for under the mutex, which the receiving thread needs. */
int store_sizes(struct store *s, struct store_sizes *out, struct err *e)
{
    struct store_sizes z = { 0 };
    size_t             room = (size_t)store_file_count(s) + 2;

    z.before = calloc(room + 1, sizeof *z.before);
    if (z.before == NULL)
        return err_set(e, E_NOMEM, "no memory to measure the store");
    (void)pthread_mutex_lock(&s->mutex);
    z.first = s->file_count > 0 ? s->files[0].ordinal : 0;
    for (; z.count < s->file_count && z.count < room; z.count++)
        z.before[z.count + 1] = z.before[z.count] + store_visible(s, &s->files[z.count]);
    (void)pthread_mutex_unlock(&s->mutex);
    *out = z;
    return 0;
}

void store_sizes_done(struct store_sizes *z)
{
    free(z->before);
    z->before = NULL;
    z->count = 0;
}

bool store_sizes_hold(const struct store_sizes *z, store_pos at)
{
    uint32_t ordinal = store_pos_ordinal(at);
    return ordinal >= z->first && ordinal - z->first < z->count;
}

/* Bytes in front of the place. */
static uint64_t bytes_before(const struct store_sizes *z, store_pos at)
{
    uint32_t ordinal = store_pos_ordinal(at);

    if (z->count == 0 || ordinal < z->first)
        return 0;
    if (ordinal - z->first >= z->count)
        return z->before[z->count];
    return z->before[ordinal - z->first] + store_pos_offset(at);
}

uint64_t store_sizes_between(const struct store_sizes *z, store_pos from, store_pos to)
{
    uint64_t a = bytes_before(z, from), b = bytes_before(z, to);
    return b > a ? b - a : 0;
}
