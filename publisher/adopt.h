/*
 * Where a Debezium connector stopped, and what of the transaction there it had published already.
 *
 * A connector's offset names the last transaction's begin (file and position of MySQL's BEGIN or
 * MariaDB's GTID event), the GTIDs of all before it, how many events of it are done, its begin
 * included, and how many rows of the next one. Owned by one publisher; one thread.
 * Source: recorded offsets of the connectors; Debezium documentation, "Offsets".
 */
#pragma once
#include "protocol/gtid.h"
#include "publisher/change.h"
#include "storage/store.h"

struct adopt_offset {
    char    *file, *gtids; /* of the source; own memory; gtids "": none */
    uint64_t position, events, rows;
};
void adopt_offset_done(struct adopt_offset *o); /* accepts a zeroed one */

struct adopt {
    bool         is_on;
    struct gtids held;         /* its transactions are left out */
    store_pos    from;         /* what is before it is left out, too; 0: by GTIDs alone */
    uint64_t     events, rows; /* of the first transaction that is not */
    bool         counts_notes; /* the connector was sent MariaDB's annotations */
    bool         is_held;      /* the transaction that is being read */
    bool         is_counted;   /* that first transaction is behind us */
    uint64_t     index;        /* of the event in it; 0: it has not begun */
};
void adopt_done(struct adopt *a); /* accepts a zeroed one */

/* Where to begin reading. E_PURGED: that is not held (any more). */
MUST_CHECK int adopt_begin(struct adopt *a, const struct adopt_offset *o, bool counts_notes,
                           struct store *s, store_pos *start, struct err *e);
/* In front of each event; `gtid` is of the open transaction. */
void adopt_event(struct adopt *a, const struct event *ev, store_pos pos, const struct gtid *gtid);
void adopt_boundary(struct adopt *a); /* between two transactions */
/* Whether the connector has published it. */
bool adopt_has(const struct adopt *a, const struct change_event *ev);
