/* Since when somebody is behind. Any thread; reads a block of a relay file. */
#pragma once
#include "storage/store.h"

/* When the first event behind this place was written at its source, Unix time: what somebody who is
   there has not got. E_PURGED when nothing there tells a time. */
MUST_CHECK int lag_since(struct store *s, store_pos at, int64_t *out, struct err *e);
