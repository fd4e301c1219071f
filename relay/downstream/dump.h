/*
 * The binlog sender: from what a consumer asked for to packets with events, forever.
 *
 *   asked for            begins with                                       then
 *   file and position    fake ROTATE, format description (log_pos and      every event
 *                        `created` 0 when inside the file)
 *   MySQL GTID set       fake ROTATE to 4, format description,             transactions not in the
 *                        PREVIOUS_GTIDS of the newest file that will do    set; heartbeats for gaps
 *   MariaDB GTID state   the same with GTID_LIST                           groups behind the state;
 *                                                                          a GTID_LIST when reached
 *
 * A hole of the store (storage/hole.h) is not sent: a heartbeat with the place behind it tells a
 * MySQL GTID dump, as it tells of skipped transactions; the others get again what begins a dump, a
 * fake ROTATE to that place and the format description (log_pos and `created` 0). MySQL replicas
 * count their position by the events' lengths, and MariaDB's end with an error at the ROTATE alone.
 * To mysqlbinlog --raw a format description means a new file: whoever looks like a copying tool,
 * without a UUID and without heartbeats, gets the ignorable events that are in the file, and so
 * does another relay (@binrelay_copies), whose files are to be the images of these.
 *
 * At a file's end a fake ROTATE leads to the next one, also where the file has no ROTATE of its
 * own. Nothing behind the published end is ever seen here. Events are sent as they are stored.
 *
 * A semi-synchronous replica is asked for an acknowledgement at the end of each transaction that
 * has an event for it (XID, XA PREPARE, a compressed transaction). What it acknowledges is shown
 * to the operator; nothing waits for it.
 *
 * Owned by one session; used by its loop's thread. Memory is the reader's block, the consumer's
 * GTID set and a few made events. Errors' texts are for the consumer (error 1236).
 * Source: MySQL sql/rpl_binlog_sender.cc, MariaDB sql/sql_repl.cc, recorded streams of both.
 */
#pragma once
#include "protocol/format.h"
#include "protocol/gtid.h"
#include "relay/downstream/stretch.h"
#include "storage/store.h"

enum {
    DUMP_OUT_BYTES = 256 * 1024,   /* a good size for dump_fill() */
    DUMP_BLOCK_BYTES = 512 * 1024, /* read at once by who has far to go */
    DUMP_SEMI_SYNC_MAGIC = 0xef,   /* in front of events, and of acknowledgements */
};

enum dump_kind { DUMP_BY_POSITION, DUMP_BY_GTID_SET, DUMP_BY_GTID_STATE };

/* What the consumer said it can do with checksums (@source_binlog_checksum). */
enum dump_checksum { DUMP_CHECKSUM_UNAWARE, DUMP_CHECKSUM_NONE, DUMP_CHECKSUM_CRC32 };

struct dump_request {
    enum dump_kind     kind;
    enum format_family family;         /* the greeting's: whose words and rules */
    uint32_t           version_number; /* the greeting's */
    uint32_t           server_id;      /* for the events made here */
    enum dump_checksum checksum;
    bool               non_block;    /* ends at the published end */
    bool               heartbeat_v2; /* MySQL: type 41 */
    bool               annotate;     /* MariaDB: with ANNOTATE_ROWS events */
    bool               strict;       /* MariaDB: @slave_gtid_strict_mode */
    bool               semi_sync;    /* each event says whether it wants an acknowledgement */
    int64_t            capability;   /* @mariadb_slave_capability; -1 not set */
    bool               copies;       /* what it gets goes to a file: holes are sent as they are */
    const char        *file;         /* "": the first held, or what the GTIDs say */
    uint64_t           position;
    const char        *source_uuid; /* MySQL: whose GTIDs nobody can have more of than we; or "" */
    struct gtid_set    have;        /* moved into the dump */
    struct gtid_state  state;       /* moved into the dump */
};
void dump_request_done(struct dump_request *r);

enum dump_step {
    DUMP_FULL,  /* there may be more */
    DUMP_YIELD, /* go on after what there is has gone out, and others had a turn */
    DUMP_AT_END,
    DUMP_OVER, /* non-blocking and at the end, or after dump_end_soon() */
};

struct dump;
struct tail;

/* Finds the place. The consumer's mistakes are E_PURGED and E_PROTOCOL with the servers' texts. */
MUST_CHECK int dump_open(struct store *s, struct dump_request *request, struct dump **out,
                         struct err *e);
void           dump_close(struct dump *d); /* accepts NULL */

/* Frames events into `into` (at least 64 bytes); *filled may be 0 with DUMP_YIELD and at the end.
   What was framed before a failure is good and counted in *filled; an error packet may follow it
   only if dump_between_packets(). */
MUST_CHECK int dump_fill(struct dump *d, uint8_t *into, size_t size, size_t *filled,
                         uint8_t *sequence, enum dump_step *step, struct err *e);
bool           dump_between_packets(const struct dump *d);
/* From now on the bytes of large events are not copied but put into `stretches`, which must be
   empty at each dump_fill(), and lie still up to the next one. NULL: all is copied again. */
void dump_point(struct dump *d, struct stretches *stretches);
/* The same for one that waits at the end and needs nothing of its own: what came since then, as it
   lies in the loop's tail (the one for dump_annotates()), *out valid until that is used again.
   False: ask dump_fill(). */
bool dump_tail(struct dump *d, struct tail *t, uint8_t *sequence, struct slice *out);
bool dump_annotates(const struct dump *d);
/* A good size for the next dump_fill(), of at most DUMP_OUT_BYTES and `most`: little for who is
   near the end. The reader's block is bounded by `most`. */
size_t dump_room(struct dump *d, size_t most);

/* Queues a heartbeat with the place sent so far, for the next dump_fill(). Does nothing in the
 * middle of an event. */
MUST_CHECK int dump_heartbeat(struct dump *d, struct err *e);

/* From now on the stream ends (DUMP_OVER) at the next place where a replica can be cut off without
 * harm: MariaDB's gives up when it happens between the row events of one statement. */
void dump_end_soon(struct dump *d);

/* Where the consumer is: all before was framed or skipped. Its file's name is dump_file(). */
store_pos   dump_pos(const struct dump *d);
const char *dump_file(const struct dump *d);
