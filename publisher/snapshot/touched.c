#include "publisher/snapshot/touched.h"
#include <stdlib.h>
#include <string.h>

enum { SLOTS_MIN = 1024, LENGTH_BYTES = 8, KEPT_BYTES = 4 << 20 };

void touched_init(struct touched *t, size_t bytes_max)
{
    *t = (struct touched){ .slots = NULL };
    buf_init(&t->keys, bytes_max);
}

void touched_done(struct touched *t)
{
    buf_done(&t->keys);
    free(t->slots);
    t->slots = NULL;
    t->size = t->count = 0;
}

void touched_clear(struct touched *t)
{
    if (t->keys.size > KEPT_BYTES) {
        buf_done(&t->keys);
        free(t->slots);
        t->slots = NULL;
        t->size = 0;
    }
    buf_clear(&t->keys);
    if (t->slots != NULL)
        memset(t->slots, 0, t->size * sizeof *t->slots);
    t->count = 0;
    t->is_over = false;
}

/* FNV-1a, 64 bits, mixed once more since a table of slots takes its low bits. */
static uint64_t hash_of(struct slice key)
{
    uint64_t h = 14695981039346656037u;

    for (size_t i = 0; i < key.len; i++)
        h = (h ^ key.ptr[i]) * 1099511628211u;
    return h ^ h >> 29;
}

static struct slice key_at(const struct touched *t, uint64_t place)
{
    struct cursor c = cursor_over(buf_slice(&t->keys));

    (void)cursor_take(&c, place - 1);
    uint64_t length = cursor_le(&c, LENGTH_BYTES);
    return cursor_slice(&c, length);
}

/* Where the key is, or would be. */
static uint64_t *slot_of(const struct touched *t, struct slice key)
{
    size_t i = hash_of(key) & (t->size - 1);

    while (t->slots[i] != 0 && !slice_equal(key_at(t, t->slots[i]), key))
        i = (i + 1) & (t->size - 1);
    return &t->slots[i];
}

static bool grow(struct touched *t)
{
    struct touched bigger = *t;

    bigger.size = t->size == 0 ? SLOTS_MIN : t->size * 2;
    bigger.slots = calloc(bigger.size, sizeof *bigger.slots);
    if (bigger.slots == NULL)
        return false;
    for (size_t i = 0; i < t->size; i++)
        if (t->slots[i] != 0)
            *slot_of(&bigger, key_at(t, t->slots[i])) = t->slots[i];
    free(t->slots);
    t->slots = bigger.slots;
    t->size = bigger.size;
    return true;
}

void touched_add(struct touched *t, struct slice key)
{
    if (t->is_over)
        return;
    if (t->count * 4 >= t->size * 3 && !grow(t)) {
        t->is_over = true;
        return;
    }
    uint64_t *slot = slot_of(t, key);
    if (*slot != 0)
        return;
    uint64_t place = t->keys.len + 1;
    buf_put_le(&t->keys, key.len, LENGTH_BYTES);
    buf_put(&t->keys, key);
    if (t->keys.failed != BUF_FINE) {
        t->is_over = true;
        return;
    }
    *slot = place;
    t->count++;
}

bool touched_has(const struct touched *t, struct slice key)
{
    return t->size != 0 && *slot_of(t, key) != 0;
}
