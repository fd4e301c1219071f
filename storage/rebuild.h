/*
 * The catalog's rows of files, made again from the files and their sidecars: for a store whose
 * catalog.db was lost. Publishers' checkpoints and table definitions can't be: they begin anew.
 */
#pragma once
#include "storage/store_core.h"

/* For an empty catalog, before anything is recovered. Writes the rows if there are relay files in
   the folder. E_CORRUPT when one is missing between the others. */
MUST_CHECK int rebuild_files(struct store *s, struct err *e);
