/*
 * Another server's binlogs, looked at before it is followed: which files it has, what its GTIDs
 * are, and its events. Nothing is registered there, so that a replica of the relay's server_id that
 * is at work is left alone.
 *
 * Owned by one thread. One connection for questions; each reading of events takes one of its own.
 * Source: MySQL and MariaDB manuals (SHOW BINARY LOGS, SHOW BINLOG EVENTS, GTID variables); MySQL
 * protocol documentation (COM_BINLOG_DUMP with BINLOG_DUMP_NON_BLOCK).
 */
#pragma once
#include "protocol/txn.h"
#include "relay/channel.h"

struct client;

enum { PEER_FILES_MAX = 1u << 20 };

struct peer_file {
    char     name[STORE_NAME_BYTES + 1];
    uint64_t bytes; /* when it was asked */
};
struct peer {
    const struct config_source *source;
    int                         interrupt_fd;
    struct client              *client;
    char                        address[300];
    struct server_facts         facts;
    struct peer_file           *files; /* in their order, at least one */
    size_t                      file_count;
};

/* Logged in, and known what it is. E_CONFIG also when it can't be followed (source_check). */
MUST_CHECK int peer_open(const struct config_source *source, int interrupt_fd, struct peer *out,
                         struct err *e);
void           peer_close(struct peer *p); /* accepts a zeroed one */

/* Lists its files, oldest first. To be asked after its GTIDs, so that those are in the files. */
MUST_CHECK int peer_list(struct peer *p, struct err *e);

/* One value of any length, added to *out. "" for NULL. */
MUST_CHECK int peer_ask(struct peer *p, const char *sql, struct buf *out, struct err *e);

/* What PREVIOUS_GTIDS (MySQL) or GTID_LIST (MariaDB) at a file's head says, as the server prints
   it; "" when the file has none. */
MUST_CHECK int peer_gtids_before(struct peer *p, const struct peer_file *file, struct buf *out,
                                 struct err *e);

/* Each GTID of MariaDB's answer, "[0-1-5,0-2-7]": all there are, of one domain too. E_PROTOCOL when
   it is none. */
MUST_CHECK int peer_each_listed(struct slice text,
                                int (*each)(void *arg, const struct gtid *g, struct err *e),
                                void *arg, struct err *e);

/* A file's index in `files`; one that was begun since they were listed is added. */
MUST_CHECK int peer_file_index(struct peer *p, const char *name, size_t *index, struct err *e);
