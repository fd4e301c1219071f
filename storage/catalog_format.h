/*
 * The catalog's format: a table of steps, each of which makes one version out of the one before
 * it. Step 1 makes version 1 out of an empty database, so that a new catalog and one that was kept
 * for years went the same way and end the same.
 *
 * A new table or column is a new step at the table's end. A step that was ever released is never
 * changed.
 */
#pragma once
#include <stddef.h>
#include "protocol/base/err.h"

struct sqlite3;

struct catalog_step {
    const char *what; /* it brings, for messages */
    const char *sql;
};

extern const struct catalog_step catalog_steps[];
extern const size_t              catalog_step_count; /* the version that this program writes */

/* The version of the catalog at `path` (for messages); 0 for an empty database. */
MUST_CHECK int catalog_format_read(struct sqlite3 *db, const char *path, int *version,
                                   struct err *e);
/* E_CONFIG when it is newer than `newest`. */
MUST_CHECK int catalog_format_check(const char *path, int version, int newest, struct err *e);
/* Takes all steps that are lacking, each in a transaction of its own: a crash leaves a whole
   version, and the next opening goes on from there. E_CONFIG when the catalog is newer. */
MUST_CHECK int catalog_format_bring_up(struct sqlite3 *db, const char *path,
                                       const struct catalog_step *steps, size_t count,
                                       struct err *e);
