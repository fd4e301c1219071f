/*
 * The keys of a table that the stream has published since a chunk of it was asked for: what the
 * chunk tells of these rows is older, so it is not published.
 *
 * A set of byte strings, each a whole key as the stream itself writes it: two spellings that are
 * equal to a collation are two keys here, and so they are to who reads the topic. An update that
 * goes from the one to the other touches both.
 *
 * Owned by one publisher; one thread. Bounds: `bytes_max` for all keys. What goes beyond is not
 * kept, but that it did is: then the chunk has to be read again.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "protocol/base/buf.h"

struct touched {
    struct buf keys;  /* each with its length in front */
    uint64_t  *slots; /* place of a key in `keys`, from 1; 0: free */
    size_t     size;  /* of slots, a power of two */
    size_t     count;
    bool       is_over; /* the bound was passed, or there was no memory */
};

void touched_init(struct touched *t, size_t bytes_max);
void touched_done(struct touched *t); /* accepts a zeroed one */
void touched_clear(struct touched *t);
void touched_add(struct touched *t, struct slice key);
bool touched_has(const struct touched *t, struct slice key);
