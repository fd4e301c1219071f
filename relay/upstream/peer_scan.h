/*
 * Reads a peer's binlogs over a connection of its own and tells each transaction in them.
 *
 * From a file's start to its end, or on to the end of the last file as of now. Memory: one buffer,
 * and one event up to FINGERPRINT_WHOLE_BYTES. Source: MySQL protocol documentation
 * (COM_BINLOG_DUMP, BINLOG_DUMP_NON_BLOCK: what mysqlbinlog asks).
 */
#pragma once
#include "relay/upstream/look.h"
#include "relay/upstream/peer.h"

struct peer_scan {
    const char *file;
    uint64_t    from; /* a transaction begins there, or the file ends so far; 0: its start */
    bool        one_file;
    bool        prints; /* compute fingerprints */
    /* *enough ends it without an error; as does an error of -1. */
    int (*each)(void *arg, const char *file, const struct look_txn *t, bool *enough, struct err *e);
    /* Now and then; may be NULL. `bytes` since the scan began. */
    int (*progress)(void *arg, const char *file, uint64_t offset, uint64_t bytes, struct err *e);
    void *arg;
    /* Filled in: */
    char     end_file[STORE_NAME_BYTES + 1]; /* where it ended */
    uint64_t end_at;
    uint64_t bytes;
    uint32_t first_created_s; /* time of the first file's format description */
};
MUST_CHECK int peer_scan(struct peer *p, struct peer_scan *s, struct err *e);
