/*
 * A growing byte buffer with a bound, to build packets, events, answers and texts.
 *
 * Owned by whoever holds it; one thread at a time. Running out of memory or passing the bound is
 * sticky like a cursor's failure: later writes do nothing, and buf_check() tells at the end, so
 * that a message is written as a list of fields without a check in each line. A failed buffer keeps
 * a valid (shorter) content and is made whole again by buf_clear().
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "protocol/base/bytes.h"
#include "protocol/base/err.h"

enum buf_failure { BUF_FINE = 0, BUF_OVER_BOUND, BUF_NO_MEMORY };

struct buf {
    uint8_t         *ptr;   /* NULL until the first write; one byte more than size is allocated */
    size_t           len;   /* filled */
    size_t           size;  /* may be filled without growing */
    size_t           bound; /* most that may ever be filled */
    enum buf_failure failed;
};

void buf_init(struct buf *b, size_t bound);
void buf_done(struct buf *b); /* accepts a zeroed one */

static inline void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = BUF_FINE;
}

static inline struct slice buf_slice(const struct buf *b)
{
    return b->ptr != NULL ? (struct slice){ b->ptr, b->len } : slice_empty();
}

/* E_LIMIT or E_NOMEM after a failed write, naming `what`; 0 otherwise. */
MUST_CHECK int buf_check(const struct buf *b, const char *what, struct err *e);

/* Room for n more bytes, counted as filled; NULL (and failed) when there is none. */
uint8_t *buf_extend(struct buf *b, size_t n);

void buf_put(struct buf *b, struct slice bytes);
void buf_put_text(struct buf *b, const char *text); /* without its zero byte */
void buf_put_le(struct buf *b, uint64_t value, size_t bytes);
void buf_put_u8(struct buf *b, uint8_t value);
void buf_put_lenenc(struct buf *b, uint64_t value);
void buf_put_lenenc_slice(struct buf *b, struct slice bytes);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_ARGS(2, 3);
void buf_put_decimal(struct buf *b, int64_t value); /* as printf's %ld, without its cost */

/* Ends the content with a zero byte that does not count, for use as a C string. Never NULL. */
const char *buf_text(struct buf *b);
