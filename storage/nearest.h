/* A place between two transactions, near another one: to read a part of a file. Any thread. */
#pragma once
#include "storage/store.h"

/* The last one at or before `offset` that the sidecar knows, or the file's start. E_PURGED when the
   file is not held (any more). */
MUST_CHECK int nearest_boundary(struct store *s, uint32_t ordinal, uint64_t offset, store_pos *out,
                                struct err *e);
