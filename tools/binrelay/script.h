/*
 * Binlog events as SQL statements for a session that does what they did: rows as BINLOG
 * statements behind their format description, statements as text in the session they ran in.
 *
 * Statements gather in a buffer, separated by ';'. What the session has been set to is remembered,
 * so that only changes are said. Owned by one command; one thread.
 */
#pragma once
#include "protocol/format.h"
#include "protocol/gtid.h"
#include "protocol/query_context.h"

enum { SCRIPT_DATABASE_BYTES = 256 };

struct script {
    struct buf text;
    uint32_t   statements;

    enum format_family family; /* of the target */
    uint32_t           version;
    size_t             chunk_bytes; /* of rows in one statement, as far as events allow */

    /* the target's session */
    struct query_context now;
    char                 time_zone[256];
    uint32_t             time_s, microseconds;
    bool                 time_set, gtid_set;
    uint32_t             domain, server_id; /* of MariaDB's GTIDs; set when domain_set */
    bool                 domain_set;
    char                 database[SCRIPT_DATABASE_BYTES];

    /* the statement at hand: raw events */
    struct buf maps, rows, inflated;
    size_t     last_rows_at; /* in `rows` */
    bool       has_rows;
};

void script_init(struct script *s, enum format_family family, uint32_t version,
                 uint64_t packet_bytes);
void script_done(struct script *s); /* accepts a zeroed one */

/* One statement without its ';'. */
void script_put(struct script *s, const char *fmt, ...) PRINTF_ARGS(2, 3);
void script_format(struct script *s, struct slice whole);
/* The transaction that follows is this one; NONE: the server shall choose. */
void script_gtid(struct script *s, const struct gtid *g);
void script_time(struct script *s, uint32_t time_s, uint32_t microseconds);

/* TABLE_MAP and rows events; `has_crc` of the event itself: those in a payload have none. */
MUST_CHECK int script_rows(struct script *s, const struct format *f, const struct event *ev,
                           bool has_crc, struct err *e);
/* Says what was gathered of the statement, as one that is complete. */
MUST_CHECK int script_end_rows(struct script *s, const struct format *f, struct err *e);

/* Brings the session into the state that the statement's was in. */
MUST_CHECK int script_context(struct script *s, const struct event *ev, const struct event_query *q,
                              struct err *e);
/* INTVAR, RAND, USER_VAR: for the statement that follows. */
MUST_CHECK int script_prelude(struct script *s, const struct event *ev, struct err *e);
/* A name between backticks. */
void script_put_name(struct buf *out, struct slice name);
