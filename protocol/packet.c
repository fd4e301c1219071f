#include "protocol/packet.h"

struct packet packet_begin(struct buf *out)
{
    struct packet p = { .out = out, .at = out->len };
    (void)buf_extend(out, PACKET_HEADER_BYTES);
    return p;
}

/* Headers are needed inside the payload every PACKET_PAYLOAD_MAX bytes: the tail moves up to make
 * room, the last piece first, so that every byte is moved once. */
static void split(struct buf *out, size_t at, size_t payload_bytes, uint8_t *sequence)
{
    size_t more = payload_bytes / PACKET_PAYLOAD_MAX;
    if (buf_extend(out, more * PACKET_HEADER_BYTES) == NULL) {
        out->len = at;
        return;
    }
    uint8_t *base = out->ptr + at;
    for (size_t piece = more; piece > 0; piece--) {
        size_t   from = PACKET_HEADER_BYTES + piece * PACKET_PAYLOAD_MAX;
        size_t   bytes = piece == more ? payload_bytes % PACKET_PAYLOAD_MAX : PACKET_PAYLOAD_MAX;
        uint8_t *to = base + from + piece * PACKET_HEADER_BYTES;
        memmove(to, base + from, bytes);
        packet_header(to - PACKET_HEADER_BYTES, (uint32_t)bytes, (uint8_t)(*sequence + piece));
    }
    packet_header(base, PACKET_PAYLOAD_MAX, *sequence);
    *sequence = (uint8_t)(*sequence + more + 1);
}

void packet_end(struct packet *p, uint8_t *sequence)
{
    struct buf *out = p->out;

    if (out->failed != BUF_FINE) {
        /* Half a packet must never reach the peer: what was whole before it stays. */
        if (out->len > p->at)
            out->len = p->at;
        return;
    }
    assert(out->len >= p->at + PACKET_HEADER_BYTES);
    size_t payload_bytes = out->len - p->at - PACKET_HEADER_BYTES;
    if (payload_bytes >= PACKET_PAYLOAD_MAX) {
        split(out, p->at, payload_bytes, sequence);
        return;
    }
    packet_header(out->ptr + p->at, (uint32_t)payload_bytes, *sequence);
    *sequence = (uint8_t)(*sequence + 1);
}
