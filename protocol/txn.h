/*
 * Where transactions begin and end in a stream of events, for every version of both families.
 *
 * Feed each event in order; a head (event_parse_head) with at least TXN_HEAD_BYTES of a longer
 * event is enough. The answer tells whether the place behind the event is between transactions:
 * only there may the published end stand, a consumer start, a stream be resumed.
 *
 * Ends: XID, XA_PREPARE, TRANSACTION_PAYLOAD, a QUERY that is COMMIT, ROLLBACK, XA COMMIT or
 * XA ROLLBACK inside a transaction, a QUERY or EXECUTE_LOAD_QUERY that stands alone (DDL), INCIDENT
 * outside of one. A GTID opens a group; without GTIDs a QUERY BEGIN or XA START does; what precedes
 * a stand-alone statement (INTVAR, RAND, USER_VAR, ROWS_QUERY, ANNOTATE_ROWS, TABLE_MAP, parts of a
 * LOAD DATA file) belongs to it. MariaDB's groups have no BEGIN: a GTID without its stand-alone
 * flag implies it.
 *
 * What is still open when a GTID, FORMAT_DESCRIPTION, PREVIOUS_GTIDS, ROTATE or STOP comes was left
 * by a source that died in it: it is given up without an error, which a caller sees by `open` being
 * true before that event (what to do with its bytes is the caller's to decide). Heartbeats,
 * ignorable and unknown events, BINLOG_CHECKPOINT and GTID_LIST change nothing.
 *
 * Source: MySQL and MariaDB replication documentation; see also MySQL's
 * Transaction_boundary_parser, MariaDB's Gtid_log_event flags.
 *
 * Owned by one reader or writer; plain data, may be copied to remember a place.
 */
#pragma once
#include "protocol/event.h"
#include "protocol/format.h"
#include "protocol/gtid.h"

enum { TXN_HEAD_BYTES = 64 * 1024 };

enum txn_place {
    TXN_OUTSIDE, /* a whole event between transactions (format description, ROTATE, PREVIOUS_GTIDS,
                    ...) */
    TXN_OPENED,  /* the first event of a transaction */
    TXN_INSIDE,
    TXN_CLOSED, /* the last event of a transaction (may also be its first) */
};

struct txn {
    bool open;  /* between the first and the last event */
    bool begun; /* BEGIN was seen (or is implied): ends by commit, not by a statement */
    struct gtid_event current; /* of the open (or, after TXN_CLOSED, the just closed) transaction */
    uint32_t          first_timestamp_s;
};

void txn_reset(struct txn *t);
/* E_PROTOCOL when a GTID or QUERY event does not parse; *t is then as before. */
MUST_CHECK int txn_feed(struct txn *t, const struct format *f, const struct event *ev,
                        enum txn_place *out, struct err *e);
