/*
 * What a simulated source has written: a few binlog files of one server, of any family and style,
 * ended in all ways that files end, and what the relay files must become of them.
 */
#pragma once
#include "storage/store.h"
#include "tests/sim/binlog.h"

enum { HISTORY_FILES_MAX = 5 };

struct history_file {
    char          name[64];
    char          relay_name[64];
    struct binlog sent;        /* what the source has */
    struct buf    expect;      /* what the relay file must become: the same but for a ROTATE */
    uint64_t      expect_size; /* less than all where the source died in a transaction */
};

struct history {
    struct store_source source;
    struct history_file files[HISTORY_FILES_MAX];
    size_t              count;
};

void history_build(struct history *h, uint64_t *random);
void history_done(struct history *h);

/* The index of the file of this name; h->count when there is none. */
size_t history_find(const struct history *h, const char *source_file);
/* Whether a transaction (or what stands before the first one) ends there in the relay file. */
bool history_is_boundary(const struct history_file *f, uint64_t offset);
/* The GTIDs up to there, as text (a static buffer). */
const char *history_gtids(const struct history_file *f, uint64_t offset);
