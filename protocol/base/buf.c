#include "protocol/base/buf.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST_BYTES = 256 };

void buf_init(struct buf *b, size_t bound)
{
    *b = (struct buf){ .bound = bound };
}

void buf_done(struct buf *b)
{
    free(b->ptr);
    *b = (struct buf){ .bound = b->bound };
}

int buf_check(const struct buf *b, const char *what, struct err *e)
{
    switch (b->failed) {
    case BUF_OVER_BOUND:
        return err_set(e, E_LIMIT, "%s: more than the bound of %zu bytes", what, b->bound);
    case BUF_NO_MEMORY:
        return err_set(e, E_NOMEM, "%s: no memory past %zu bytes", what, b->size);
    default:
        return 0;
    }
}

static bool grow(struct buf *b, size_t wanted)
{
    size_t size = b->size > 0 ? b->size : BUF_FIRST_BYTES;
    while (size < wanted)
        size = size <= b->bound / 2 ? size * 2 : b->bound;
    if (size > b->bound)
        size = b->bound;
    uint8_t *ptr = realloc(b->ptr, size + 1);
    if (ptr == NULL)
        return false;
    b->ptr = ptr;
    b->size = size;
    return true;
}

uint8_t *buf_extend(struct buf *b, size_t n)
{
    if (b->failed != BUF_FINE)
        return NULL;
    if (n > b->bound - b->len) {
        b->failed = BUF_OVER_BOUND;
        return NULL;
    }
    if ((b->ptr == NULL || n > b->size - b->len) && !grow(b, b->len + n)) {
        b->failed = BUF_NO_MEMORY;
        return NULL;
    }
    uint8_t *p = b->ptr + b->len;
    b->len += n;
    return p;
}

void buf_put(struct buf *b, struct slice bytes)
{
    if (bytes.len == 0)
        return;
    uint8_t *p = buf_extend(b, bytes.len);
    if (p != NULL)
        memcpy(p, bytes.ptr, bytes.len);
}

void buf_put_text(struct buf *b, const char *text)
{
    buf_put(b, slice_of_text(text));
}

void buf_put_le(struct buf *b, uint64_t value, size_t bytes)
{
    assert(bytes >= 1 && bytes <= 8);
    uint8_t *p = buf_extend(b, bytes);
    for (size_t i = 0; p != NULL && i < bytes; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

void buf_put_u8(struct buf *b, uint8_t value)
{
    uint8_t *p = buf_extend(b, 1);
    if (p != NULL)
        *p = value;
}

void buf_put_lenenc(struct buf *b, uint64_t value)
{
    if (value < 251) {
        buf_put_le(b, value, 1);
    } else if (value <= 0xffff) {
        buf_put_u8(b, 0xfc);
        buf_put_le(b, value, 2);
    } else if (value <= 0xffffff) {
        buf_put_u8(b, 0xfd);
        buf_put_le(b, value, 3);
    } else {
        buf_put_u8(b, 0xfe);
        buf_put_le(b, value, 8);
    }
}

void buf_put_lenenc_slice(struct buf *b, struct slice bytes)
{
    buf_put_lenenc(b, bytes.len);
    buf_put(b, bytes);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_list again;

    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n >= 0) {
        /* One byte more for the zero that vsnprintf insists on; it is given back. */
        uint8_t *p = buf_extend(b, (size_t)n + 1);
        if (p != NULL) {
            (void)vsnprintf((char *)p, (size_t)n + 1, fmt, again);
            b->len--;
        }
    } else {
        b->failed = BUF_OVER_BOUND;
    }
    va_end(again);
}

void buf_put_decimal(struct buf *b, int64_t value)
{
    char     digits[20];
    size_t   n = 0;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        digits[n++] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    uint8_t *p = buf_extend(b, n + (value < 0 ? 1 : 0));
    if (p == NULL)
        return;
    if (value < 0)
        *p++ = '-';
    while (n > 0)
        *p++ = (uint8_t)digits[--n];
}

const char *buf_text(struct buf *b)
{
    if (b->ptr == NULL)
        return "";
    b->ptr[b->len] = 0;
    return (const char *)b->ptr;
}
