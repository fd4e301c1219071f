#include "relay/downstream/frame.h"

static bool put_header(struct frame *f, struct frame_room *room, uint8_t *sequence)
{
    if (room->left < PACKET_HEADER_BYTES)
        return false;
    uint32_t n = f->left < PACKET_PAYLOAD_MAX ? (uint32_t)f->left : PACKET_PAYLOAD_MAX;
    packet_header(room->at, n, (*sequence)++);
    frame_room_take(room, PACKET_HEADER_BYTES);
    f->packet_left = n;
    f->packet_full = n == PACKET_PAYLOAD_MAX;
    f->header_due = false;
    return true;
}

/* How much goes now, 0 when there is no room. */
static size_t put_payload(struct frame *f, struct slice from, struct frame_room *room)
{
    size_t n = from.len < f->packet_left ? from.len : f->packet_left;

    if (stretches_take(room->stretches, n)) {
        stretches_put(room->stretches, (size_t)(room->at - room->begin),
                      (struct slice){ from.ptr, n });
    } else {
        if (n > room->left)
            n = room->left;
        memcpy(room->at, from.ptr, n);
        frame_room_take(room, n);
    }
    f->left -= n;
    f->packet_left -= (uint32_t)n;
    if (f->packet_left == 0)
        f->header_due = f->packet_full;
    return n;
}

bool frame_put(struct frame *f, struct slice *bytes, struct frame_room *room, uint8_t *sequence)
{
    for (;;) {
        if (f->header_due && !put_header(f, room, sequence))
            return false;
        if (f->lead_due > 0) {
            struct slice lead = { &f->lead.bytes[f->lead.count - f->lead_due], f->lead_due };
            size_t       n = put_payload(f, lead, room);
            if (n == 0)
                return false;
            f->lead_due -= (uint8_t)n;
            continue;
        }
        if (bytes->len == 0)
            return true;
        size_t n = put_payload(f, *bytes, room);
        if (n == 0)
            return false;
        bytes->ptr += n;
        bytes->len -= n;
    }
}
