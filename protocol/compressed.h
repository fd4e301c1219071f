/*
 * The compressed packet protocol, receiving side: frames of 3 bytes length, 1 byte sequence, 3
 * bytes length unpacked (0: as it is), whose contents joined are the stream of ordinary packets.
 *
 * Works on any cut of the stream and holds no frame: memory is that of the two libraries' windows.
 * One thread at a time. Source: MySQL protocol documentation, "Compression"; zlib and zstd manuals.
 */
#pragma once
#include "protocol/base/bytes.h"
#include "protocol/base/err.h"

struct unpacker;

MUST_CHECK int unpacker_new(struct unpacker **out, struct err *e);
void           unpacker_free(struct unpacker *u); /* accepts NULL */
/* Takes bytes off *in and gives at most `size` of what they unpack to; *got 0: more are needed.
 * E_PROTOCOL when the frames don't unpack. */
MUST_CHECK int unpacker_take(struct unpacker *u, struct slice *in, uint8_t *into, size_t size,
                             size_t *got, struct err *e);
