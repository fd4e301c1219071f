/*
 * Packets of the MySQL client/server protocol: 3 bytes length, 1 byte sequence, payload; a payload
 * of 2^24-1 bytes or more goes in several, the last one shorter than 2^24-1 (and maybe empty).
 * Source: MySQL protocol documentation, "MySQL Packets". Any thread.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

enum { PACKET_HEADER_BYTES = 4, PACKET_PAYLOAD_MAX = 0xffffff };

static inline void packet_header(uint8_t into[PACKET_HEADER_BYTES], uint32_t payload_bytes,
                                 uint8_t sequence)
{
    assert(payload_bytes <= PACKET_PAYLOAD_MAX);
    into[0] = (uint8_t)payload_bytes;
    into[1] = (uint8_t)(payload_bytes >> 8);
    into[2] = (uint8_t)(payload_bytes >> 16);
    into[3] = sequence;
}

static inline uint32_t packet_payload_bytes(const uint8_t header[PACKET_HEADER_BYTES])
{
    return (uint32_t)header[0] | (uint32_t)header[1] << 8 | (uint32_t)header[2] << 16;
}

/*
 * A payload being built in a buffer of framed packets: packet_begin() leaves room for the header,
 * packet_end() fills it (and splits when it grew past the limit) and counts the sequence on.
 */
struct packet {
    struct buf *out;
    size_t      at; /* of the header in out */
};
struct packet packet_begin(struct buf *out);
void          packet_end(struct packet *p, uint8_t *sequence);
