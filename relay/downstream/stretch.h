/*
 * Bytes that go out from where they lie, between those of a buffer.
 *
 *   buffer      0 ....... at[0] ................. at[1] ....... len
 *   goes out    ......... | first stretch ....... | second one  ...
 *
 * So the body of a large event is never copied: its packet's header is written to the buffer, and
 * the event goes to the socket out of the reader's block. Whoever put a stretch in keeps its bytes
 * as they are until all has gone out.
 *
 * Plain data, owned by one connection; its loop's thread. STRETCHES_MAX times 24 bytes.
 */
#pragma once
#include "protocol/base/bytes.h"

enum {
    STRETCHES_MAX = 256,
    STRETCH_MIN_BYTES = 2048, /* below, a copy costs the system less than a piece of its own */
};

struct stretch {
    size_t       at; /* so much of the buffer goes out before it */
    struct slice bytes;
};

struct stretches {
    size_t         count;
    size_t         total; /* bytes of all */
    struct stretch list[STRETCHES_MAX];
};

static inline bool stretches_take(const struct stretches *s, size_t bytes)
{
    return s != NULL && bytes >= STRETCH_MIN_BYTES && s->count < STRETCHES_MAX;
}

static inline void stretches_put(struct stretches *s, size_t at, struct slice bytes)
{
    assert(s->count < STRETCHES_MAX);
    assert(s->count == 0 || s->list[s->count - 1].at <= at);
    s->list[s->count++] = (struct stretch){ at, bytes };
    s->total += bytes.len;
}

static inline void stretches_clear(struct stretches *s)
{
    s->count = 0;
    s->total = 0;
}
