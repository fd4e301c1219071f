/*
 * A hole: a range of a source file that the source leaves out of its stream, so that the relay file
 * can't be its image there. It is filled with one ignorable event, which keeps all offsets and lets
 * mysqlbinlog read the file.
 *
 *   type 28, flags IGNORABLE, time 0, server_id 0, log_pos its end, body zeros, CRC where the file
 *   has them
 *
 * MariaDB leaves out START_ENCRYPTION, the second event of an encrypted file.
 */
#pragma once
#include "protocol/event.h"

/* Appends the event that fills `length` bytes, up to `end` in the file. */
void hole_put(struct buf *out, uint32_t length, uint64_t end, bool has_crc);
/* Servers give every event of a file a server_id, so this is one of ours. */
bool hole_is(const struct event *ev);

/* What MariaDB's START_ENCRYPTION takes: scheme, key version, nonce. */
uint32_t hole_start_encryption_bytes(bool has_crc);
