/*
 * A damaged catalog: found, moved aside, and what can still be read of it taken over into a new
 * one. For the one owner of the folder (it holds the lock), while nobody has the catalog open.
 */
#pragma once
#include "storage/catalog.h"

/* *sound false: it can't be used as it is, and *why says what SQLite found. Where there is none, it
   is sound. E_CONFIG when it is of a newer format version: that is no damage. */
MUST_CHECK int catalog_examine(const char *folder, bool *sound, char why[ERR_TEXT_BYTES],
                               struct err *e);
/* Renames it to catalog.db.damaged (.2, .3, ... when there is one already). *kept is its path, for
   free(). */
MUST_CHECK int catalog_set_aside(const char *folder, char **kept, struct err *e);
/* Copies every row that can be read of every table that both have. `did` gets a sentence for each
   table that had any, saying what could not be read. */
MUST_CHECK int catalog_salvage(struct catalog *into, const char               *from,
                               void (*did)(void *arg, const char *text), void *arg, struct err *e);
/* All rows of files that make sense; *rubbish counts the others. */
MUST_CHECK int catalog_each_sound_file(struct catalog *c,
                                       int (*each)(void *arg, const struct store_file *f,
                                                   struct err *e),
                                       void *arg, uint32_t *rubbish, struct err *e);
/* These in the place of all rows of files. */
MUST_CHECK int catalog_replace_files(struct catalog *c, const struct store_file *files,
                                     size_t count, struct err *e);
