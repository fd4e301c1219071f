/*
 * The catalog's rows of files against the files: for repairing a catalog that lost rows, or has
 * wrong ones, and sidecars that lost their heads at the same time.
 *
 * A sidecar's head has a checksum and so is believed first, then the row of that name, and at last
 * what the neighbours and the relay file itself say.
 */
#pragma once
#include "storage/catalog_salvage.h"

/* For the one owner of the folder. `did` gets one sentence for each row that was made, changed or
   taken away; *count is how many. E_CORRUPT when the files are no unbroken sequence: nothing was
   changed then. */
MUST_CHECK int reconcile_files(struct disk *d, struct catalog                 *c,
                               void (*did)(void *arg, const char *text), void *arg, uint32_t *count,
                               struct err *e);
