/*
 * Events of a dump become packets: header, lead, event. The lead is 0x00, or for a semi-synchronous
 * replica 0x00 0xef and whether an acknowledgement is asked for. An event of nearly 16 MiB or more
 * goes in several packets, the lead counting as its first bytes, and an empty packet follows when
 * the last one is full. The bytes of an event may come in pieces and the room may end anywhere, so
 * no event is ever held whole.
 *
 * Plain data, owned by one dump. Source: MySQL protocol documentation, "MySQL Packets" and
 * "COM_BINLOG_DUMP", and the semi-synchronous plugins' README and sources.
 */
#pragma once
#include "protocol/packet.h"
#include "relay/downstream/stretch.h"

enum {
    FRAME_LEAD_MAX = 3,
    FRAME_SMALL_BYTES = PACKET_HEADER_BYTES + FRAME_LEAD_MAX, /* an event needs besides itself */
};

struct frame_lead {
    uint8_t bytes[FRAME_LEAD_MAX];
    uint8_t count;
};

struct frame {
    uint64_t          left;        /* payload still to be framed, the lead included */
    uint32_t          packet_left; /* of the packet whose header was written last */
    bool              header_due;  /* before anything else */
    bool              packet_full; /* the packet has the greatest size, so another one follows */
    uint8_t           lead_due;    /* bytes of the lead */
    struct frame_lead lead;
};

/* Where framed bytes go: a window into the sender's buffer, and beside it, where there is one, the
   list of what goes out from where it lies. */
struct frame_room {
    uint8_t          *at;
    size_t            left;
    struct stretches *stretches; /* NULL: all is copied */
    const uint8_t    *begin;     /* of the buffer; only for the stretches */
};

static inline void frame_room_take(struct frame_room *room, size_t bytes)
{
    room->at += bytes;
    room->left -= bytes;
}

/* An event is under way: its next bytes, and nothing else, must come. */
static inline bool frame_busy(const struct frame *f)
{
    return f->left > 0 || f->header_due;
}

static inline void frame_begin(struct frame *f, uint32_t event_bytes, struct frame_lead lead)
{
    assert(!frame_busy(f));
    *f = (struct frame){ .left = (uint64_t)event_bytes + lead.count,
                         .header_due = true,
                         .lead_due = lead.count,
                         .lead = lead };
}

/* Takes from the front of *bytes what has room. Returns true when all of it was taken and nothing
 * is due that could be written now. */
bool frame_put(struct frame *f, struct slice *bytes, struct frame_room *room, uint8_t *sequence);

/* The same for a whole event that fits one packet and the room: the case that has to be fast. */
static inline void frame_put_small(struct slice event, struct frame_lead lead,
                                   struct frame_room *room, uint8_t *sequence)
{
    const size_t before = PACKET_HEADER_BYTES + (size_t)lead.count;
    assert(event.len < PACKET_PAYLOAD_MAX - FRAME_LEAD_MAX &&
           event.len + FRAME_SMALL_BYTES <= room->left);
    packet_header(room->at, (uint32_t)event.len + lead.count, (*sequence)++);
    memcpy(room->at + PACKET_HEADER_BYTES, lead.bytes, FRAME_LEAD_MAX);
    memcpy(room->at + before, event.ptr, event.len);
    frame_room_take(room, before + event.len);
}
