/*
 * Makes again what can be made from the relay files: the catalog, wrong rows in it, and sidecars.
 * Never touches a relay file, and keeps a damaged catalog beside the new one.
 */
#pragma once
#include "storage/store.h"
#include "storage/verify.h"

struct repair_watch {
    void (*did)(void *arg, const char *text);  /* a sentence for each thing that was mended */
    void (*cant)(void *arg, const char *text); /* ... and for each that was not, and why */
    void (*progress)(void *arg, const struct verify_progress *p); /* NULL: nobody looks */
    void *arg;
};

/* The folder's catalog and its rows of files, before the store is opened. Takes the folder's lock
   for that time (E_CONFIG when a daemon has it). -1 when nothing better than before could be made.
 */
MUST_CHECK int repair_catalog(const char *folder, struct disk *d, const struct repair_watch *w,
                              struct err *e);

/* For a store that was opened to write, without a writer: each sidecar that is missing or wrong is
   made again; *count is how many. A file that is damaged itself is told of, keeps its sidecar, and
   those behind it are repaired all the same. What lies behind the last whole transaction of the
   file in progress, which its writer will cut, is copied to NAME.rest. */
MUST_CHECK int repair_sidecars(struct store *s, const struct repair_watch *w, uint32_t *count,
                               struct err *e);
