/*
 * A whole answer of the running daemon to one question.
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "tools/binrelay/folder.h"

enum { QUESTION_BYTES_MAX = 256 * 1024 * 1024 };

/* Of the channel that was chosen. Appends all lines, each with its newline. E_STOPPED when no
 * daemon runs. */
MUST_CHECK int question_ask(const struct folder *at, const char *const *words, struct buf *out,
                            struct err *e);

/* The same for what is always answered by a line: E_STOPPED when the daemon ended before it did. */
MUST_CHECK int question_ask_one(const struct folder *at, const char *const *words, struct buf *out,
                                struct err *e);

/* Cuts the next line off the front of `rest`; false when there is none left. */
bool question_next_line(struct slice *rest, struct slice *line);
