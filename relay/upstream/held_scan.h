/*
 * The transactions that are held, from a place of a relay file to its end as far as it is
 * published: the counterpart of peer_scan.h. One thread; memory as there.
 */
#pragma once
#include "relay/upstream/look.h"
#include "storage/store.h"

/* `from`: between two transactions; offset 0 is the file's start. `to`: an offset in the same file,
   UINT64_MAX its end. `each` as in peer_scan.h; `interrupt_fd` ends it with E_STOPPED when
   readable. */
MUST_CHECK int held_scan(struct store *s, store_pos from, uint64_t to, bool prints,
                         int interrupt_fd,
                         int (*each)(void *arg, const struct look_txn *t, struct err *e), void *arg,
                         struct err *e);
