/*
 * Connections to a server that all see its tables as they were at one place of its binlog.
 *
 * The place is found with the least locking that the server allows:
 *   MariaDB: each transaction WITH CONSISTENT SNAPSHOT tells its own place (binlog_snapshot_file
 * and _position); those of several are begun again until all tell the same one. No lock. MySQL:
 * FLUSH TABLES WITH READ LOCK, held while the transactions begin and the place is read:
 *     milliseconds. LOCK INSTANCE FOR BACKUP, where it is granted, keeps definitions as they are
 *     until snapshot_view_unlock(); it lets changes of rows pass.
 *   MySQL with GTIDs, where the account may not lock: the place and the executed GTIDs are read
 *     before and after, until nothing was committed between. A transaction that is in the binlog
 *     but not in the tables yet is found out by the caller: `gtids` must be those of all before the
 *     place.
 *
 * Owned by one thread until its connections are given to others. Source: MySQL manual, "Group
 * commit" (when a place is told), MariaDB knowledge base, "Enhancements for START TRANSACTION WITH
 * CONSISTENT SNAPSHOT".
 */
#pragma once
#include "protocol/format.h"
#include "publisher/publisher.h"
#include "protocol/select.h"

enum { SNAPSHOT_THREADS_MAX = 64 };

struct snapshot_view_options {
    uint32_t connections;
    uint64_t lock_timeout_s;
    bool     may_lock; /* snapshot.locking.mode other than none */
    bool     keeps_lock;
    int      interrupt_fd; /* see protocol/client.h */
};

struct snapshot_view {
    struct select     *selects[SNAPSHOT_THREADS_MAX];
    uint32_t           count;
    struct select     *locker; /* NULL: nothing is locked */
    bool               keeps_lock;
    enum format_family family;
    uint32_t           version;
    char               file[STORE_NAME_BYTES + 1]; /* of the server */
    uint64_t           offset;
    struct buf         gtids; /* empty: nothing to compare */
};

/* E_CONFIG: the account may not do what is needed; E_IO and E_REFUSED: perhaps later. */
MUST_CHECK int snapshot_view_open(const struct publisher_source      *source,
                                  const struct snapshot_view_options *o, struct snapshot_view *out,
                                  struct err *e);
/* What depends on definitions was read. */
void snapshot_view_unlock(struct snapshot_view *v);
void snapshot_view_close(struct snapshot_view *v); /* accepts a zeroed one */
