/*
 * A part of a relay file into an exported one, without the transactions and events that are not
 * wanted: they become holes. One thread.
 */
#pragma once
#include "storage/store.h"
#include "tools/binrelay/export_file.h"
#include "tools/binrelay/selection.h"

struct export_wish {
    const struct selection *selection;
    const struct gtids     *without;              /* transactions that are left out */
    uint64_t                taken, left_out, cut; /* transactions, counted up; cut: in part */
};

/* From where the file is to `to`. E_LIMIT, with the place, for what can't be cut. */
MUST_CHECK int export_sift(struct store *s, const struct store_file *f, uint64_t to,
                           struct export_wish *w, struct export_file *x, struct err *e);
