/*
 * A plain binlog file, event by event, wherever it came from: a server's folder, an archive, a
 * pipe.
 *
 * Owned by its user; one thread. Holds one event at a time. Checksums are verified.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/format.h"

struct binlog_file;
/* "-" is standard input. E_CORRUPT for a file that does not begin as binlogs do. */
MUST_CHECK int binlog_file_open(const char *path, struct binlog_file **out, struct err *e);
void           binlog_file_close(struct binlog_file *f); /* accepts NULL */

/* *more false: the end. The event lives until the next call; `position` is where it begins. */
MUST_CHECK int       binlog_file_next(struct binlog_file *f, struct event *ev, uint64_t *position,
                                      bool *more, struct err *e);
const struct format *binlog_file_format(const struct binlog_file *f);
