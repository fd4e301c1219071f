/* Makes again what can be made from the relay files: their sidecars. Never touches a relay file. */
#pragma once
#include "storage/store.h"

/* For a store that was opened to write, without a writer. `did` gets one sentence for each sidecar
   that was missing or wrong and is now made again; *count is how many. E_CORRUPT when a relay file
   itself is damaged: the sidecars before it are repaired then, nothing behind it was looked at. */
MUST_CHECK int repair_sidecars(struct store *s, void (*did)(void *arg, const char *text), void *arg,
                               uint32_t *count, struct err *e);
