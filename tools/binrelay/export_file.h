/*
 * One plain binlog file that `binrelay export` writes: a relay file's bytes at the same offsets,
 * with holes (see storage/hole.h) where something is left out, so that positions, checksums and
 * transactions' lengths stay right.
 *
 *   0 ........ done ........ end of the pending run
 *     written        kept, or left out: neighbours become one
 *
 * Written under a temporary name, which becomes its own when it is complete and synced. Owned by
 * one command; one thread.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/format.h"

struct export_file;

struct export_job {
    const char *folder;    /* the relay's */
    const char *directory; /* where to */
    bool        force;     /* over a file that is there */
    void (*progress)(void *arg, uint64_t bytes);
    void *arg;
};

/* `name` is that of both files. E_CONFIG when the new one is there already. */
MUST_CHECK int export_file_begin(const struct export_job *job, const char *name,
                                 struct export_file **out, struct err *e);
/* Removes what was written, unless it was completed; accepts NULL. */
void export_file_close(struct export_file *x);

/* From where the last run has ended, up to there. */
MUST_CHECK int export_file_keep(struct export_file *x, uint64_t to, struct err *e);
MUST_CHECK int export_file_leave(struct export_file *x, uint64_t to, const struct format *f,
                                 struct err *e);
/* Bytes in place of the relay file's. */
MUST_CHECK int export_file_put(struct export_file *x, struct slice bytes, struct err *e);
/* The rows event at this place, already kept, becomes the last of its statement. */
MUST_CHECK int export_file_end_statement(struct export_file *x, uint64_t at, const struct format *f,
                                         struct err *e);
/* Reads a part of the relay file, all of it or E_CORRUPT; appended. */
MUST_CHECK int export_file_read(struct export_file *x, uint64_t at, uint64_t bytes,
                                struct buf *into, struct err *e);

uint64_t export_file_at(const struct export_file *x); /* the end of the last run */
/* Synced and under its own name. */
MUST_CHECK int export_file_complete(struct export_file *x, struct err *e);
