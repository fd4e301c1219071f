/*
 * How far a long command is: a bar with rate and time left on a terminal, now and then a line
 * elsewhere, both on standard error.
 *
 * Owned by one command; one thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool     bar, silent;
    bool     drawn; /* the cursor stands behind a bar */
    uint64_t done, total;
    int64_t  begun_ms, next_ms;
};

/* `total` bytes are to be done; `silent` prints nothing. */
void progress_begin(struct progress *p, uint64_t total, bool silent);
/* So many more are done; `what` is being worked on. */
void progress_add(struct progress *p, uint64_t bytes, const char *what);
/* A line for what is complete, where there is no bar. */
void progress_line(struct progress *p, const char *what);
/* Takes the bar away. */
void     progress_end(struct progress *p);
uint64_t progress_elapsed_ms(const struct progress *p);
