/*
 * What the daemon would answer, made from its files alone while it does not run: the same lines of
 * JSON as the control socket's `files` and `map`.
 */
#pragma once
#include "protocol/base/buf.h"
#include "storage/place.h"

/* Appends a line for each file. */
MUST_CHECK int offline_files(struct store *s, struct buf *out, struct err *e);
MUST_CHECK int offline_map(struct store *s, const char *asked, const struct place *p,
                           struct buf *out, struct err *e);
