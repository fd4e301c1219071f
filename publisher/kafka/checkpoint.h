/*
 * How far a publisher is, as a record in a compacted topic of its own: written in the same Kafka
 * transaction as the change events before it, so that both are there or none.
 *
 *   key    {"publisher":"NAME"}
 *   value  {"relay":"UUID","file":"binlog.000001","offset":157,"gtids":"...","events":12}
 *         and, where there is one, "state":"..."
 *
 * A relay's own coordinates count for that relay (its UUID); another one, or the same with a new
 * store, goes on by GTIDs. One thread.
 */
#pragma once
#include "publisher/output.h"

enum { CHECKPOINT_BYTES_MAX = 64 << 20 };

struct checkpoint {
    char    *relay, *file, *gtids; /* own memory */
    char    *state;                /* NULL: none */
    uint64_t offset, events;
};
void checkpoint_done(struct checkpoint *c); /* accepts a zeroed one */

MUST_CHECK int checkpoint_put_key(const struct output_host *host, struct buf *out, struct err *e);
/* `at` must have GTIDs. */
MUST_CHECK int checkpoint_put_value(const struct output_host *host, const struct output_place *at,
                                    struct buf *out, struct err *e);
MUST_CHECK int checkpoint_parse(struct slice value, struct checkpoint *out, struct err *e);
/* Its place in this store. E_PURGED when it is not held (any more). */
MUST_CHECK int checkpoint_locate(const struct checkpoint *c, struct store *s, store_pos *out,
                                 struct err *e);
