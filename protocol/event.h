/*
 * Binlog events: the common header, what each type means to a relay, and the few events that a
 * relay writes itself.
 *
 * A `struct event` is a view: valid as long as the bytes it was parsed from. Unknown types are no
 * error; they pass through byte for byte. Any thread.
 * Source of the format: MySQL manual "Binary Log Event Types" and libbinlogevents (binlog_event.h);
 * MariaDB knowledge base "Binlog Event header" and sql/log_event.h.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/bytes.h"
#include "protocol/base/err.h"

enum { EVENT_HEADER_BYTES = 19, EVENT_CRC_BYTES = 4, BINLOG_MAGIC_BYTES = 4 };
extern const uint8_t binlog_magic[BINLOG_MAGIC_BYTES]; /* what every binlog file begins with */

enum event_type {
    EVENT_QUERY = 2,
    EVENT_STOP = 3,
    EVENT_ROTATE = 4,
    EVENT_INTVAR = 5,
    EVENT_APPEND_BLOCK = 9,
    EVENT_DELETE_FILE = 11,
    EVENT_RAND = 13,
    EVENT_USER_VAR = 14,
    EVENT_FORMAT_DESCRIPTION = 15,
    EVENT_XID = 16,
    EVENT_BEGIN_LOAD_QUERY = 17,
    EVENT_EXECUTE_LOAD_QUERY = 18,
    EVENT_TABLE_MAP = 19,
    EVENT_WRITE_ROWS_V1 = 23,
    EVENT_UPDATE_ROWS_V1 = 24,
    EVENT_DELETE_ROWS_V1 = 25,
    EVENT_INCIDENT = 26,
    EVENT_HEARTBEAT = 27,
    EVENT_IGNORABLE = 28,
    EVENT_ROWS_QUERY = 29,
    EVENT_WRITE_ROWS = 30,
    EVENT_UPDATE_ROWS = 31,
    EVENT_DELETE_ROWS = 32,
    EVENT_GTID = 33,
    EVENT_ANONYMOUS_GTID = 34,
    EVENT_PREVIOUS_GTIDS = 35,
    EVENT_XA_PREPARE = 38,
    EVENT_PARTIAL_UPDATE_ROWS = 39,
    EVENT_TRANSACTION_PAYLOAD = 40,
    EVENT_HEARTBEAT_V2 = 41,
    EVENT_GTID_TAGGED = 42,
    /* MariaDB's own */
    EVENT_MARIADB_ANNOTATE_ROWS = 160,
    EVENT_MARIADB_BINLOG_CHECKPOINT = 161,
    EVENT_MARIADB_GTID = 162,
    EVENT_MARIADB_GTID_LIST = 163,
    EVENT_MARIADB_START_ENCRYPTION = 164,
    EVENT_MARIADB_QUERY_COMPRESSED = 165,
    EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1 = 166,
    EVENT_MARIADB_UPDATE_ROWS_COMPRESSED_V1 = 167,
    EVENT_MARIADB_DELETE_ROWS_COMPRESSED_V1 = 168,
};

enum event_flag {
    EVENT_FLAG_IN_USE = 0x0001,     /* in a format description: the file was not closed */
    EVENT_FLAG_ARTIFICIAL = 0x0020, /* made for this connection, stands in no file */
    EVENT_FLAG_IGNORABLE = 0x0080,
};

struct event {
    uint32_t     timestamp_s;
    uint8_t      type;
    uint32_t     server_id;  /* of the server where the change was made */
    uint32_t     length;     /* header, body and checksum */
    uint32_t     source_end; /* log_pos: where the event ends in its file, mod 2^32; may be 0 */
    uint16_t     flags;
    struct slice whole; /* as received; shorter than `length` when only the head was parsed */
    struct slice body;  /* after the header, without the checksum if it was whole */
};

/*
 * Parses the 19 bytes of a header. `have` may hold less than the whole event (then `whole` and
 * `body` are what is there, and nothing but header fields and a prefix of the body may be used) or
 * more (then they end where the event does: `have` may be the rest of a block of a file).
 * E_PROTOCOL when there are less than 19 bytes or the length in the header is below the least
 * possible.
 */
MUST_CHECK int event_parse_head(struct slice have, bool has_crc, struct event *out, struct err *e);

/* The same for a complete event: the header's length must be the slice's, the body at least as long
   as its type demands. Does not compute the checksum. */
MUST_CHECK int event_parse(struct slice whole, bool has_crc, struct event *out, struct err *e);

/* Makes a parsed head the whole event, once all its bytes are there (`whole` begins where the head
   did): what event_parse() checks beyond the head, without reading the head again. */
MUST_CHECK int event_complete(struct event *head, struct slice whole, bool has_crc, struct err *e);

/* E_CORRUPT unless the last four bytes are the CRC-32 of all before them; in a format description
   IN_USE counts as cleared, as servers compute it. */
MUST_CHECK int event_verify(struct slice whole, struct err *e);

/* "Query"; "unknown" for a type nobody told us about. */
const char *event_name(uint8_t type);

/* True for an event that a server makes up for a connection: flag artificial, or ROTATE with
 * timestamp 0. */
bool event_is_artificial(const struct event *ev);

/* ROTATE's body: where the next file is. The name must be a bare file name (no '/', not empty, at
   most EVENT_FILE_NAME_BYTES), else E_PROTOCOL. */
enum { EVENT_FILE_NAME_BYTES = 255 };
struct event_rotate {
    uint64_t position;
    char     file[EVENT_FILE_NAME_BYTES + 1];
};
MUST_CHECK int event_parse_rotate(const struct event *ev, struct event_rotate *out, struct err *e);

/* QUERY's body, both families and all versions; the text of a compressed one is in `packed` (see
   inflate.h). */
struct event_query {
    uint32_t     thread_id;
    uint16_t     error; /* the statement ended with it, having changed something all the same */
    struct slice status_vars;
    struct slice database;
    struct slice text, packed;
};
MUST_CHECK int event_parse_query(const struct event *ev, struct event_query *out, struct err *e);

/* What a relay writes itself. All append one whole event; with_crc adds the checksum. */
void event_put_rotate(struct buf *out, uint32_t server_id, const char *file, uint64_t position,
                      bool with_crc); /* artificial: time and log_pos 0 */
void event_put_heartbeat(struct buf *out, uint32_t server_id, const char *file, uint64_t position,
                         bool with_crc); /* type 27; position cut to 32 bits */
void event_put_heartbeat_v2(struct buf *out, uint32_t server_id, const char *file,
                            uint64_t position, bool with_crc); /* type 41, tagged fields */
/* Type 27 too, but above 4 GiB MariaDB writes log_pos 0 and eight bytes of position before the
   name (its HB_SUB_HEADER). */
void event_put_heartbeat_mariadb(struct buf *out, uint32_t server_id, const char *file,
                                 uint64_t position, bool with_crc);
/* Artificial GTID_LIST of MariaDB with the given body (see gtid_state_put_list_body). */
void event_put_gtid_list(struct buf *out, uint32_t server_id, uint32_t log_pos, struct slice body,
                         bool with_crc);
