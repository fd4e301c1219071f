/*
 * What of the source's settings, and of the relay's account there, will hurt some day: each a
 * sentence with the statement that cures it.
 *
 * Looked for at each attach; nothing here keeps the relay from following. Source: MySQL and MariaDB
 * manuals (replication, privileges).
 */
#pragma once
#include "relay/channel.h"

struct advice_wishes {
    bool publishes; /* row changes are turned into change events */
    bool semi_sync; /* commits shall wait for the relay */
};

/* Only a lost connection is an error. */
MUST_CHECK int advice_collect(struct client *c, const struct server_facts *facts,
                              const struct advice_wishes *wishes, struct channel_warnings *out,
                              struct err *e);

/* What the lines of SHOW GRANTS give, as far as the relay needs it; a role may give anything. */
struct advice_rights {
    bool follow; /* REPLICATION SLAVE */
    bool look;   /* REPLICATION CLIENT, which MariaDB 10.5 and later call BINLOG MONITOR */
    bool read;   /* SELECT on all tables, or on some */
};
void advice_read_grant(const char *line, struct advice_rights *rights);
