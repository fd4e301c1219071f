/*
 * A place in the whole store as one number: the relay file's ordinal above, the byte offset below.
 *
 * Ordinals count the relay files from 1, without gaps, for the life of the store; so places compare
 * as integers (signed ones too) and the published end is one atomic. A file may have up to 1 TiB, a
 * store 8 million files.
 */
#pragma once
#include <assert.h>
#include <stdint.h>

typedef uint64_t store_pos;
enum { STORE_OFFSET_BITS = 40 };
#define STORE_OFFSET_MAX  ((1ull << STORE_OFFSET_BITS) - 1)
#define STORE_ORDINAL_MAX ((1u << (63 - STORE_OFFSET_BITS)) - 1)

static inline store_pos store_pos_at(uint32_t ordinal, uint64_t offset)
{
    assert(ordinal <= STORE_ORDINAL_MAX);
    assert(offset <= STORE_OFFSET_MAX);
    return (store_pos)ordinal << STORE_OFFSET_BITS | offset;
}

static inline uint32_t store_pos_ordinal(store_pos p)
{
    return (uint32_t)(p >> STORE_OFFSET_BITS);
}
static inline uint64_t store_pos_offset(store_pos p)
{
    return p & STORE_OFFSET_MAX;
}
