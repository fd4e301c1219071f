/*
 * Semi-synchronous acknowledgements that wait for the sync that makes them true (I4).
 *
 * The source's sessions wait for them, so each goes out as early as it may: as soon as what is safe
 * reaches the event's end. One for a later place says the same of all before it. Bounded: when
 * more than ACKS_WAITING_MAX wait, the newest ones become one. Owned by the ingest thread. Source:
 * MySQL and MariaDB documentation of semi-synchronous replication; recorded streams.
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/buf.h"
#include "storage/store.h"

enum { ACKS_WAITING_MAX = 32, ACKS_MARKER = 0xef };

struct ack {
    char     file[STORE_NAME_BYTES + 1]; /* of the source, as is `offset`: the event's end */
    uint64_t offset;
    uint64_t mark; /* safe when what is safe has come this far */
};

struct acks {
    struct ack waiting[ACKS_WAITING_MAX];
    size_t     first, count; /* a ring */
};

/* `mark` must not be less than the one before it. */
void acks_put(struct acks *a, const char *file, uint64_t offset, uint64_t mark);
/* The last one that is safe, with all before it; false: none is. */
bool acks_take(struct acks *a, uint64_t safe, struct ack *out);
/* The whole packet, header included. */
void ack_put_packet(const struct ack *ack, struct buf *out);
