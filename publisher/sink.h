/*
 * Where a publisher's lines go: a file that it appends to, or standard output.
 *
 * Owned by one publisher; one thread. A file is locked against a second publisher (E_CONFIG).
 * Opening keeps every complete line behind the checkpoint and cuts a torn rest: what a crash left
 * there is looked through, a line with a zero byte or one that does not end in '}' ends the good
 * part. Anything that is no regular file (a pipe, a terminal) is written like standard output:
 * nothing is looked through, cut or synced.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "protocol/base/bytes.h"
#include "protocol/base/err.h"

struct sink;

struct sink_found {
    uint64_t bytes; /* size after opening; 0 where there is no file */
    uint64_t lines; /* complete ones behind the checkpoint */
};

/* `path` NULL: standard output. `has_checkpoint` false: all that is there already stays and counts
   as being before it. Lines that begin with `uncounted` (NULL: none) are not counted. E_CORRUPT for
   a file that is shorter than its checkpoint says, unless it is empty or missing: then it was moved
   away, and a new one is begun. */
MUST_CHECK int sink_open(const char *path, bool has_checkpoint, uint64_t checkpoint_bytes,
                         const char *uncounted, struct sink **out, struct sink_found *found,
                         struct err *e);
void           sink_close(struct sink *s); /* accepts NULL */

/* Writes what it can and says how much in *written also when it fails: E_FULL may be tried again
   with the rest. */
MUST_CHECK int sink_write(struct sink *s, struct slice bytes, size_t *written, struct err *e);
/* What was written survives a power cut afterwards. */
MUST_CHECK int sink_sync(struct sink *s, struct err *e);
bool           sink_is_file(const struct sink *s);
