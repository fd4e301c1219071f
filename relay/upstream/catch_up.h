/*
 * The failover buffer: a server that lacks what the relay holds gets it from the relay, as its
 * replica for a while.
 *
 * What the server has received from its former source and not executed yet is executed first. Then
 * it is told where the relay is, waited for, and told to forget it. Used by one thread; the waiting
 * is done by the server. Source: MySQL and MariaDB manuals (CHANGE REPLICATION SOURCE TO, CHANGE
 * MASTER TO, WAIT_FOR_EXECUTED_GTID_SET, MASTER_GTID_WAIT, MASTER_POS_WAIT).
 */
#pragma once
#include "relay/channel.h"

struct catch_up {
    const struct config_source *source;
    const struct server_facts  *facts;
    const char                 *host; /* of the relay, as the server reaches it */
    uint16_t                    port;
    bool                        tls;
    const char *gtids; /* that it shall have in the end; NULL: by file and position: */
    char        from_file[STORE_NAME_BYTES + 1], to_file[STORE_NAME_BYTES + 1];
    uint64_t    from, to; /* in relay files */

    int interrupt_fd;
    /* What is being done, now and then; -1 ends it. */
    int (*progress)(void *arg, const char *sentence, struct err *e);
    void *arg;
};

/* The statements for a person to run there, with a place for the password; one a line. */
void catch_up_put_statements(const struct catch_up *c, struct buf *out);

/* With the source's admin account, which it must have. E_REFUSED: what the server said, or why its
   replication stopped. In any case it is no replica of the relay afterwards. */
MUST_CHECK int catch_up_run(const struct catch_up *c, struct err *e);

/* The relay's own address as the server at the other end of a connection sees it. E_CONFIG when it
   is none that can be reached over a network (a unix socket). */
MUST_CHECK int catch_up_own_address(const struct config_source *source, int interrupt_fd,
                                    char *into, size_t size, struct err *e);
