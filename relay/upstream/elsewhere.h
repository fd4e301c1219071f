/*
 * Where the same place is in another server's binlog: behind the same transactions, told by GTIDs.
 *
 * Asks the server and reads one of its files up to the place; changes nothing. Any thread. Source:
 * relay/upstream/peer.h.
 */
#pragma once
#include "protocol/gtid.h"
#include "relay/config/config.h"

struct elsewhere {
    char     file[STORE_NAME_BYTES + 1];
    uint64_t offset;
};

/*
 * `behind`: of all that is before the place. E_PURGED: its binlogs begin later; E_REFUSED: it has
 * no such place, since it lacks some of them or has them in another order; E_CONFIG without GTIDs;
 * and what comes of connecting. `interrupt_fd` as in protocol/client.h.
 */
MUST_CHECK int elsewhere_find(const struct config_source *source, const struct gtids *behind,
                              int interrupt_fd, struct elsewhere *out, struct err *e);
