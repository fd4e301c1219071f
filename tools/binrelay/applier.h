/*
 * Does again, at another server, what a stretch of the store did: each transaction as one, with its
 * GTID where the server keeps GTIDs, in order; several on their way in one packet.
 *
 * Stops before the first that fails. Without a target it only counts. Owned by one command; one
 * thread.
 */
#pragma once
#include "storage/range.h"
#include "tools/binrelay/selection.h"
#include "tools/binrelay/target.h"

struct applier_wish {
    struct store           *store;
    const struct selection *selection;
    struct target          *target;         /* NULL: nothing is done */
    const char             *progress_table; /* `db`.`t`, quoted; NULL: none */
    bool                    keep_gtids;
    bool keep_empty; /* a transaction of which nothing is left, where its GTID is kept */
    /* Of every statement that is no row change and no frame of a transaction: DDL and such. */
    void (*on_statement)(void *arg, store_pos at, const struct gtid *g, uint32_t time_s,
                         struct slice database, struct slice text);
    void (*on_bytes)(void *arg, uint64_t bytes, const char *file);
    void *arg;
};

struct applier_counts {
    uint64_t  transactions, statements, row_events, bytes;
    uint64_t  held;     /* the target had them already */
    uint64_t  left_out; /* by the selection */
    uint32_t  first_s, last_s;
    store_pos done; /* all before it is at the target */
};

/* `counts` is right on failure, too: E_REFUSED is the target's error, with the place in the text.
 */
MUST_CHECK int applier_run(const struct applier_wish *w, const struct range *r,
                           struct applier_counts *counts, struct err *e);
