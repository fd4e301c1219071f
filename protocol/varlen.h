/*
 * Variable-length integers of MySQL's own serialization, as tagged GTID events and tagged GTID sets
 * carry them (they are not the length-encoded integers of the client protocol).
 *
 * As many bytes follow the first as it has trailing one bits; the value stands above the zero bit
 * that ends them. A first byte of 0xff is followed by eight bytes of value. A signed one keeps its
 * sign in the lowest bit. Source: MySQL source documentation, "MySQL Serialization Library".
 */
#pragma once
#include "protocol/base/bytes.h"

static inline uint64_t cursor_varlen(struct cursor *c)
{
    unsigned first = cursor_u8(c);
    unsigned more = (unsigned)__builtin_ctz(~first);
    if (more == 0)
        return first >> 1;
    if (more == 8)
        return cursor_u64(c);
    return cursor_le(c, more) << (7 - more) | first >> (more + 1);
}

static inline int64_t cursor_varlen_signed(struct cursor *c)
{
    uint64_t v = cursor_varlen(c);
    return (v & 1) != 0 ? -(int64_t)(v >> 1) - 1 : (int64_t)(v >> 1);
}
