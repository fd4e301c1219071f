/*
 * Events of a dump become packets: header, 0x00, event. An event of 16 MiB - 1 bytes or more goes
 * in several packets, the 0x00 counting as its first byte, and an empty packet follows when the
 * last one is full. The bytes of an event may come in pieces and the room may end anywhere, so no
 * event is ever held whole.
 *
 * Plain data, owned by one dump. Source: MySQL protocol documentation, "MySQL Packets" and
 * "COM_BINLOG_DUMP".
 */
#pragma once
#include "protocol/packet.h"

enum { FRAME_SMALL_BYTES = PACKET_HEADER_BYTES + 1 }; /* what a small event needs besides itself */

struct frame {
    uint64_t left;        /* payload still to be framed, the 0x00 included */
    uint32_t packet_left; /* of the packet whose header was written last */
    bool     header_due;  /* before anything else */
    bool     ok_due;      /* the 0x00 */
    bool     packet_full; /* the packet has the greatest size, so another one follows */
};

/* Where framed bytes go: a window into the sender's buffer. */
struct frame_room {
    uint8_t *at;
    size_t   left;
};

/* An event is under way: its next bytes, and nothing else, must come. */
static inline bool frame_busy(const struct frame *f)
{
    return f->left > 0 || f->header_due;
}

static inline void frame_begin(struct frame *f, uint32_t event_bytes)
{
    assert(!frame_busy(f));
    *f = (struct frame){ .left = (uint64_t)event_bytes + 1, .header_due = true, .ok_due = true };
}

/* Takes from the front of *bytes what has room. Returns true when all of it was taken and nothing
 * is due that could be written now. */
bool frame_put(struct frame *f, struct slice *bytes, struct frame_room *room, uint8_t *sequence);

/* The same for a whole event that fits one packet and the room: the case that has to be fast. */
static inline void frame_put_small(struct slice event, struct frame_room *room, uint8_t *sequence)
{
    assert(event.len < PACKET_PAYLOAD_MAX - 1 && event.len + FRAME_SMALL_BYTES <= room->left);
    packet_header(room->at, (uint32_t)event.len + 1, (*sequence)++);
    room->at[PACKET_HEADER_BYTES] = 0;
    memcpy(room->at + FRAME_SMALL_BYTES, event.ptr, event.len);
    room->at += FRAME_SMALL_BYTES + event.len;
    room->left -= FRAME_SMALL_BYTES + event.len;
}
