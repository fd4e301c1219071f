/* The GTIDs that one file adds, from the texts of what was before it and what is after it. */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

/* MySQL: the set of them. MariaDB: of each domain the first and the last, "0-1-6..0-1-120". "-"
   when there are none. */
MUST_CHECK int gtid_range_put(const char *before, const char *after, struct buf *out,
                              struct err *e);
