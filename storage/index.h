/*
 * Sidecars as the store's readers use them: whole ones, made again when they are missing or
 * damaged. Any thread.
 */
#pragma once
#include "storage/sidecar.h"
#include "storage/store_core.h"

/*
 * Opens a file's sidecar behind its head. A sealed file's is checked to its footer first, and made
 * again when it is not whole (on disk too, unless the store is read-only). That of the file in
 * progress may end anywhere, or tell of what is not published yet.
 */
MUST_CHECK int index_open(struct store *s, const struct store_file *f, struct sidecar *out,
                          struct err *e);

/* The last checkpoint at or before `offset`, or the file's start. */
MUST_CHECK int index_nearest(struct store *s, const struct store_file *f, uint64_t offset,
                             uint64_t *out, struct err *e);

/* GTIDs in front of a file; *out must be empty. Reads the head of its sidecar only, so that a store
   of many files can be searched. */
MUST_CHECK int index_gtids_before(struct store *s, const struct store_file *f, struct gtids *out,
                                  struct err *e);

/* GTIDs of all up to the end of a sealed file, added to *out. */
MUST_CHECK int index_gtids_after(struct store *s, const struct store_file *f, struct gtids *out,
                                 struct err *e);

/* E_PROTOCOL unless `offset` is an event's start or the end of what is visible of the file. Reads
   from the nearest checkpoint on. */
MUST_CHECK int index_check_place(struct store *s, const struct store_file *f, uint64_t offset,
                                 struct err *e);

/* Makes the bytes of a file's sidecar from the file, as far as that is visible. `at` is what is
   held before it, and becomes what is held behind it. */
MUST_CHECK int index_build(struct store *s, const struct store_file *f, struct gtids *at,
                           struct buf *out, struct err *e);
/* Writes a sidecar anew, safely, without what only recovery needed: spans, entries for what is
   behind `limit`, or written twice. Adds `more`. */
MUST_CHECK int index_rewrite(struct store *s, const struct store_file *f, uint64_t limit,
                             struct slice more, struct err *e);
/* Puts a sidecar of these bytes in the place of the old one, at once and safely. */
MUST_CHECK int index_replace(struct store *s, const struct store_file *f, struct slice bytes,
                             struct err *e);
