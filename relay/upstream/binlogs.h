/*
 * The store as SQL shows it: files with their sizes, the end, the GTIDs. Any thread.
 */
#pragma once
#include "storage/store.h"

struct binlogs_file {
    char     name[STORE_NAME_BYTES + 1];
    char     source_file[STORE_NAME_BYTES + 1];
    uint64_t size; /* as far as readers may see it */
};

/* One file after the other: begin with *ordinal 0. False when there is no more. */
bool binlogs_next(struct store *s, uint32_t *ordinal, struct binlogs_file *out);
/* The same for the files of one source under their names there, without those that are also names
   of relay files. None of source "". */
bool binlogs_next_of(struct store *s, const char *source, uint32_t *ordinal,
                     struct binlogs_file *out);
/* The relay's FILE:POSITION of a place as people write it (storage/place.h), added to *out. */
MUST_CHECK int binlogs_map(struct store *s, const char *place, struct buf *out, struct err *e);
/* Where the published end is: the file and the offset in it. False when nothing is held yet. */
bool binlogs_end(struct store *s, struct binlogs_file *out);
/* The same of an end that was, a place that is held. */
bool           binlogs_end_at(struct store *s, store_pos end, struct binlogs_file *out);
MUST_CHECK int binlogs_executed_at(struct store *s, store_pos end, struct gtids *out,
                                   struct err *e);
/* Everything that is published, what came before the first held file included. */
MUST_CHECK int binlogs_executed(struct store *s, struct gtids *out, struct err *e);
/* What came before the first held file. */
MUST_CHECK int binlogs_purged(struct store *s, struct gtids *out, struct err *e);
/* Everything up to a place. E_PURGED or E_PROTOCOL when there is no such place. */
MUST_CHECK int binlogs_gtids_at(struct store *s, const char *file, uint64_t position,
                                struct gtids *out, struct err *e);
