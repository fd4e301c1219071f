/*
 * Bytes: a slice to carry, a cursor to read.
 *
 * A slice borrows; it never owns. A cursor is the only way foreign bytes become numbers. Failure is
 * sticky: read the whole shape, then ask `failed` once. No function here adds a foreign length to a
 * pointer before comparing it with what is left.
 */
#pragma once
#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *ptr; /* never NULL; an empty slice points at something */
    size_t         len;
};

static inline struct slice slice_empty(void)
{
    return (struct slice){ (const uint8_t *)"", 0 };
}

static inline struct slice slice_of_text(const char *text)
{
    return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

struct cursor {
    const uint8_t *at;
    size_t         left;
    bool           failed; /* sticky: later reads give zero */
};

static inline struct cursor cursor_over(struct slice s)
{
    assert(s.ptr != NULL);
    return (struct cursor){ .at = s.ptr, .left = s.len };
}

static inline const uint8_t *cursor_take(struct cursor *c, size_t n)
{
    if (n > c->left) {
        c->left = 0;
        c->failed = true;
        return NULL;
    }
    const uint8_t *p = c->at;
    c->at += n;
    c->left -= n;
    return p;
}

static inline void cursor_skip(struct cursor *c, size_t n)
{
    (void)cursor_take(c, n);
}

/*
 * Little-endian, 1 to 8 bytes: every fixed integer of the MySQL protocol and of binlog headers.
 * By memcpy, because compilers make one load of that where n is a constant, and a loop of a loop.
 */
static inline uint64_t cursor_le(struct cursor *c, size_t n)
{
    assert(n >= 1 && n <= 8);
    const uint8_t *p = cursor_take(c, n);
    uint64_t       v = 0;
    if (p != NULL)
        memcpy(&v, p, n);
    return le64toh(v);
}

/* Big-endian, 1 to 8 bytes: the temporal and decimal values inside rows. */
static inline uint64_t cursor_be(struct cursor *c, size_t n)
{
    assert(n >= 1 && n <= 8);
    const uint8_t *p = cursor_take(c, n);
    uint64_t       v = 0;
    if (p != NULL)
        memcpy((uint8_t *)&v + sizeof v - n, p, n);
    return be64toh(v);
}

static inline uint8_t cursor_u8(struct cursor *c)
{
    return (uint8_t)cursor_le(c, 1);
}
static inline uint16_t cursor_u16(struct cursor *c)
{
    return (uint16_t)cursor_le(c, 2);
}
static inline uint32_t cursor_u24(struct cursor *c)
{
    return (uint32_t)cursor_le(c, 3);
}
static inline uint32_t cursor_u32(struct cursor *c)
{
    return (uint32_t)cursor_le(c, 4);
}
static inline uint64_t cursor_u48(struct cursor *c)
{
    return cursor_le(c, 6);
}
static inline uint64_t cursor_u64(struct cursor *c)
{
    return cursor_le(c, 8);
}

static inline struct slice cursor_slice(struct cursor *c, size_t n)
{
    const uint8_t *p = cursor_take(c, n);
    return p != NULL ? (struct slice){ p, n } : slice_empty();
}

static inline struct slice cursor_rest(struct cursor *c)
{
    return cursor_slice(c, c->left);
}

/* Up to a zero byte, which is consumed but not part of the slice; fails when there is none. */
static inline struct slice cursor_until_zero(struct cursor *c)
{
    const uint8_t *zero = c->left > 0 ? memchr(c->at, 0, c->left) : NULL;
    if (zero == NULL) {
        cursor_skip(c, c->left + 1);
        return slice_empty();
    }
    struct slice s = cursor_slice(c, (size_t)(zero - c->at));
    cursor_skip(c, 1);
    return s;
}

/*
 * Length-encoded integer of the MySQL protocol: one byte below 251, or 0xfc, 0xfd, 0xfe and 2, 3, 8
 * bytes. 0xfb (NULL) and 0xff are failures here.
 */
static inline uint64_t cursor_lenenc(struct cursor *c)
{
    uint8_t first = cursor_u8(c);
    switch (first) {
    case 0xfc:
        return cursor_le(c, 2);
    case 0xfd:
        return cursor_le(c, 3);
    case 0xfe:
        return cursor_le(c, 8);
    case 0xfb:
    case 0xff:
        c->failed = true;
        c->left = 0;
        return 0;
    default:
        return first;
    }
}

/* A length-encoded integer and as many bytes. */
static inline struct slice cursor_lenenc_slice(struct cursor *c)
{
    uint64_t n = cursor_lenenc(c);
    if (n > c->left) {
        cursor_skip(c, c->left + 1);
        return slice_empty();
    }
    return cursor_slice(c, (size_t)n);
}
