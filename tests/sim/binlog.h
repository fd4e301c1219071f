/*
 * Builds binlog files of both families, event by event, as servers write them: for tests that need
 * valid input without a server.
 *
 *     struct binlog b;
 *     binlog_begin(&b, &(struct binlog_style){ .family = FAMILY_MYSQL, .crc = true });
 *     binlog_format(&b); binlog_head(&b, "");
 *     binlog_transaction(&b, 200);
 *     binlog_rotate(&b, "binlog.000002");
 *     ... b.bytes is the file, magic included; b.ends[i] where event i ends
 *     binlog_done(&b);
 *
 * Failures (out of memory, a wrong call) end the test program by assert.
 */
#pragma once
#include "protocol/format.h"
#include "protocol/gtid.h"

struct binlog_style {
    enum format_family family;
    bool               crc;
    bool               gtids;       /* else anonymous (MySQL) or of a server before GTIDs */
    bool               old;         /* MySQL 5.5: no GTID events at all, no checksum fields */
    bool               no_position; /* MariaDB 11.4: log_pos 0 inside transactions */
    uint32_t           server_id;   /* 0: 1 */
};

struct binlog {
    struct binlog_style style;
    struct buf          bytes;
    uint64_t           *ends;     /* of each event, from the first */
    uint64_t           *txn_ends; /* of each complete transaction */
    size_t              count, size, txn_count, txn_size;
    uint32_t            time_s;    /* of the next event; moves on by transaction */
    uint64_t            next_gtid; /* sequence number of the next transaction */
    uint64_t            next_xid;
};

extern const char binlog_uuid[]; /* of the GTIDs in MySQL files */

void binlog_begin(struct binlog *b, const struct binlog_style *style);
/* The same server's next file: style, time and GTIDs go on. */
void binlog_begin_next(struct binlog *b, const struct binlog *before);
void binlog_done(struct binlog *b);

void binlog_event(struct binlog *b, uint8_t type, uint16_t flags, struct slice body);
void binlog_format(struct binlog *b);
/* PREVIOUS_GTIDS or GTID_LIST with the GTIDs of this text; a server without them writes none. */
void binlog_head(struct binlog *b, const char *gtids);
void binlog_gtid(struct binlog *b, bool standalone); /* opens a transaction, by the style */
void binlog_query(struct binlog *b, const char *database, const char *text);
void binlog_rows(struct binlog *b, size_t bytes); /* TABLE_MAP and WRITE_ROWS that nobody decodes */
void binlog_xid(struct binlog *b);
void binlog_rotate(struct binlog *b, const char *next_file);
void binlog_stop(struct binlog *b);

/* BEGIN, rows of so many bytes, XID. */
void binlog_transaction(struct binlog *b, size_t bytes);
void binlog_ddl(struct binlog *b, const char *text);

/* The event that ends at ends[index]. */
struct slice binlog_slice(const struct binlog *b, size_t index);
/* GTIDs of all transactions so far, from number 1 on, as text (a static buffer). */
const char *binlog_gtids(const struct binlog *b);
