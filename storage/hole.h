/*
 * A hole: a range of a source file that the relay file does not hold, although it has the same
 * offsets. It is filled with ignorable events, so that mysqlbinlog reads the file:
 *
 *   type 28, flags IGNORABLE, time 0, server_id 0, log_pos its end, body zeros, CRC where the file
 *   has them
 *
 * In the file of a server that does not know that type (MySQL 5.5) it is 3, STOP, which its
 * mysqlbinlog passes over, too, however long it is.
 *
 * MariaDB leaves START_ENCRYPTION out of its stream, the second event of an encrypted file. What is
 * held already when the relay goes on with another server is any length: one event after the other,
 * each within what old versions of mysqlbinlog read at their default settings. The body of such an
 * event is never written: the file gets its length by what comes behind, and readers leap over it,
 * the checksum being that of zeros.
 */
#pragma once
#include "protocol/format.h"

enum {
    HOLE_EVENT_BYTES = 8 * 1024 * 1024, /* of one event at most */
    HOLE_SPARSE_BYTES = 64 * 1024,      /* from this length on the body is not written */
};

/* Appends the event that fills `length` bytes, up to `end` in a file of this format. */
void hole_put(struct buf *out, uint32_t length, uint64_t end, const struct format *f);
/* Its first EVENT_HEADER_BYTES alone. */
void     hole_put_head(struct buf *out, uint32_t length, uint64_t end, const struct format *f);
uint32_t hole_least_bytes(bool has_crc);
/* Length of the next event in a hole of `left` bytes, which are at least hole_least_bytes(): so
   that what remains is nothing, or at least that again. */
uint32_t hole_next_bytes(uint64_t left, bool has_crc);
/* The checksum behind a hole's head and its zeros. */
uint32_t hole_checksum(struct slice head, uint32_t length);

/* Servers give every event of a file a server_id, so this is one of ours. */
bool hole_is(const struct event *ev);
/* One whose body nobody needs to read. */
static inline bool hole_is_sparse(const struct event *ev)
{
    return ev->length >= HOLE_SPARSE_BYTES && hole_is(ev);
}

/* What MariaDB's START_ENCRYPTION takes: scheme, key version, nonce. */
uint32_t hole_start_encryption_bytes(bool has_crc);
/* One where transactions are left out, not START_ENCRYPTION, which is shorter than any. */
static inline bool hole_is_left_out(const struct event *ev)
{
    return ev->length > hole_start_encryption_bytes(true) && hole_is(ev);
}
