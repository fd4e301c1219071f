/* What stands around the events of an exported file that is a part of a relay file. Any thread. */
#pragma once
#include "storage/store.h"
#include "tools/binrelay/export_file.h"

/* The head of a file whose first transaction is at `begin`: format description, PREVIOUS_GTIDS or
   GTID_LIST as of that place, and a hole up to it. */
MUST_CHECK int export_head(struct store *s, const struct store_file *f, uint64_t begin,
                           struct export_file *x, struct err *e);
/* STOP, as a server ends a file that no other one follows. */
MUST_CHECK int export_stop(struct export_file *x, const struct format *f, uint32_t server_id,
                           uint32_t timestamp_s, struct err *e);
