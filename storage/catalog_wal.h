/*
 * What SQLite does not know about disks: after a sync that failed, the system may hold what never
 * came to the disk for written, and show it to the next process. The log (catalog.db-wal) of a
 * process that ended so looks whole until a power cut, and is a shorter one afterwards, whose old
 * pages SQLite would put over newer ones.
 */
#pragma once
#include "protocol/base/err.h"

/* Writes the log again, byte by byte, and syncs it. For the one owner of the catalog, before it is
   opened. Nothing happens where there is none. */
MUST_CHECK int catalog_wal_renew(const char *catalog_path, struct err *e);
