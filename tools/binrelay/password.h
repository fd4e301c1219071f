/*
 * A password for a user: from the terminal without showing it, from a file, or from standard
 * input. Never from the command line, where everybody could read it.
 */
#pragma once
#include "protocol/base/buf.h"

/* The first line of the file at `path` ("-": standard input); `path` NULL: asked for twice at the
   terminal, or, when standard input is none, its first line. Appended to `out`, which the caller
   wipes. E_CONFIG when it is empty, too long or typed differently. */
MUST_CHECK int password_read(const char *path, const char *user, struct buf *out, struct err *e);

/* Of an account that exists: asked for once, at the terminal alone. Without a file and a terminal
   it stays empty. */
MUST_CHECK int password_read_once(const char *path, const char *user, struct buf *out,
                                  struct err *e);

/* A server's authentication_string as it stands in a file: all of it, without the newline at its
   end. */
MUST_CHECK int password_read_hash(const char *path, struct buf *out, struct err *e);

void password_wipe(struct buf *b); /* and ends it */
