/*
 * Small files that hold secrets: whole at once, for their owner alone (mode 0600).
 *
 * A write replaces the file in one step that a power cut either has or has not done. Written by
 * root it gets the owner of the file it replaces, or of its folder, so that the daemon can read it.
 * Any thread; two writers of one file must agree among themselves (private_file_lock).
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

/* Appends the content to `out`, within its bound. E_PURGED when there is no such file.
 *exposed: others than its owner may read or write it. */
MUST_CHECK int private_file_read(const char *path, struct buf *out, bool *exposed, struct err *e);
MUST_CHECK int private_file_write(const char *path, struct slice content, struct err *e);

/* Holds off others who do the same for a file in this folder, until the descriptor is closed. */
MUST_CHECK int private_file_lock(const char *path, int *out_fd, struct err *e);
