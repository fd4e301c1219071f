/*
 * Where the source's binlog ends, as it says itself on a session's connection: the question and its
 * answer. Pure; any thread.
 */
#pragma once
#include "protocol/base/buf.h"
#include "relay/channel.h"

enum { BINLOG_END_ANSWER_BYTES = 256 * 1024 }; /* MariaDB has hundreds of status variables */

struct binlog_end {
    char     file[STORE_NAME_BYTES + 1]; /* the source's name */
    uint64_t offset;
};

/* The statement for this family and version. */
const char *binlog_end_question(const struct server_facts *facts);
/* The packets of its answer, without an error in them. E_PROTOCOL when there is no place in it. */
MUST_CHECK int binlog_end_parse(struct slice packets, uint32_t capabilities, struct binlog_end *out,
                                struct err *e);
/* The same of MariaDB's SHOW STATUS LIKE 'binlog_snapshot_%', which tells where a transaction WITH
   CONSISTENT SNAPSHOT begins; *found false when it does not tell. */
MUST_CHECK int binlog_end_parse_snapshot(struct slice packets, uint32_t capabilities,
                                         struct binlog_end *out, bool *found, struct err *e);
/* That answer with another file's name, numbered from *sequence on. */
void binlog_end_put_snapshot(struct slice packets, uint32_t capabilities, const char *file,
                             struct buf *out, uint8_t *sequence);
/* The same place in the store; 0: not received and published yet. */
MUST_CHECK int binlog_end_find(struct store *s, const struct binlog_end *p, store_pos *out,
                               struct err *e);
