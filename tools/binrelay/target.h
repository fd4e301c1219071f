/*
 * The server that `binrelay replay` writes to: one connection, on which a packet of several
 * statements is on its way while the next one is made.
 *
 * Owned by one command; one thread.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/client.h"
#include "protocol/format.h"
#include "protocol/gtid.h"

struct target;

struct target_facts {
    char               version[FORMAT_VERSION_BYTES + 1];
    uint32_t           version_number;
    enum format_family family;
    uint64_t           packet_bytes; /* max_allowed_packet */
    bool               takes_gtids;  /* gtid_mode is not OFF; MariaDB: has a binlog */
    struct gtids       executed;     /* MySQL: gtid_executed; MariaDB: gtid_binlog_pos */
};

/* Logs in and asks. */
MUST_CHECK int target_open(const struct client_options *o, struct target **out, struct err *e);
void           target_close(struct target *t); /* accepts NULL */
const struct target_facts *target_facts(const struct target *t);
const char                *target_address(const struct target *t);

/* A statement of our own in the session of target_send(); one value, asked for beside it. */
MUST_CHECK int target_do(struct target *t, const char *sql, struct err *e);
MUST_CHECK int target_ask(struct target *t, const char *sql, char *into, size_t size,
                          struct err *e);

/* Sends statements, separated by ';'. `load` is what a LOAD DATA LOCAL among them reads; it is
   borrowed until target_wait(). */
MUST_CHECK int target_send(struct target *t, struct slice sql, struct slice load, struct err *e);
/* For the answers to the statements of what was sent; *done is how many statements went well, also
   on failure. E_REFUSED: the server's error, e->sys its number; the connection can be used no more.
 */
MUST_CHECK int target_wait(struct target *t, uint32_t statements, uint32_t *done, struct err *e);
