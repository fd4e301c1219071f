/*
 * Rows of texts in aligned columns, for a terminal.
 *
 * Owned by one command; one thread. Everything is kept until grid_print(), since the widths are
 * known only then. Widths count UTF-8 characters; control characters that a foreign name may hold
 * are shown as '?', so that nothing from a database reaches the terminal's interpreter.
 */
#pragma once
#include <stdio.h>
#include "protocol/base/buf.h"

enum { GRID_COLUMNS_MAX = 12, GRID_BYTES_MAX = 64 * 1024 * 1024 };

struct grid {
    struct buf  cells; /* all texts, each with its zero byte */
    size_t      count; /* of cells */
    size_t      columns;
    const char *titles[GRID_COLUMNS_MAX];
};

/* Titles are borrowed; one that begins with '>' (left out) makes its column align right. */
void grid_init(struct grid *g, const char *const *titles, size_t columns);
void grid_done(struct grid *g); /* accepts a zeroed one */
/* The next cell, from left to right and row by row. */
void           grid_put(struct grid *g, const char *fmt, ...) PRINTF_ARGS(2, 3);
MUST_CHECK int grid_print(const struct grid *g, FILE *to, struct err *e);
