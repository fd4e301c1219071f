#include "relay/downstream/frame.h"

static bool put_header(struct frame *f, struct frame_room *room, uint8_t *sequence)
{
    if (room->left < PACKET_HEADER_BYTES)
        return false;
    uint32_t n = f->left < PACKET_PAYLOAD_MAX ? (uint32_t)f->left : PACKET_PAYLOAD_MAX;
    packet_header(room->at, n, (*sequence)++);
    room->at += PACKET_HEADER_BYTES;
    room->left -= PACKET_HEADER_BYTES;
    f->packet_left = n;
    f->packet_full = n == PACKET_PAYLOAD_MAX;
    f->header_due = false;
    return true;
}

static void put_payload(struct frame *f, const uint8_t *from, size_t n, struct frame_room *room)
{
    memcpy(room->at, from, n);
    room->at += n;
    room->left -= n;
    f->left -= n;
    f->packet_left -= (uint32_t)n;
    if (f->packet_left == 0)
        f->header_due = f->packet_full;
}

bool frame_put(struct frame *f, struct slice *bytes, struct frame_room *room, uint8_t *sequence)
{
    for (;;) {
        if (f->header_due && !put_header(f, room, sequence))
            return false;
        if (f->lead_due > 0) {
            if (room->left == 0)
                return false;
            put_payload(f, &f->lead.bytes[f->lead.count - f->lead_due], 1, room);
            f->lead_due--;
            continue;
        }
        if (bytes->len == 0)
            return true;
        size_t n = bytes->len < f->packet_left ? bytes->len : f->packet_left;
        if (n > room->left)
            n = room->left;
        if (n == 0)
            return false;
        put_payload(f, bytes->ptr, n, room);
        bytes->ptr += n;
        bytes->len -= n;
    }
}
