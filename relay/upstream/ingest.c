#include "relay/upstream/ingest.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "protocol/base/own.h"
#include "protocol/packet.h"
#include "protocol/txn.h"
#include "relay/upstream/acks.h"
#include "relay/upstream/refusal.h"
#include "relay/upstream/skipper.h"
#include "storage/hole.h"
#include "storage/name.h"

enum {
    READ_BYTES =
        256 * 1024, /* of one call: what is still in the processor's cache is soon done with */
    MOVE_BYTES =
        32 * 1024, /* so little is moved to the buffer's front, to use the same memory again */
    FLUSH_BYTES =
        8 * 1024 * 1024, /* shown at the latest after this much, while more keeps coming */
    FORMAT_BYTES_MAX = 4096,
    HOLE_BYTES_MAX = 1u << 30, /* written after this much at the latest */
    PROBE_WAIT_MS = 10000,
    SEMI_SYNC_BYTES = 2, /* in front of an event: ACKS_MARKER, whether an answer is waited for */
    ACK_BYTES_MAX = 512,
    STATUS_OK = 0x00,
    STATUS_EOF = 0xfe,
    STATUS_ERROR = 0xff,
};

struct ingest {
    struct client             *client;
    struct writer             *writer; /* NULL: a probe */
    const struct ingest_order *order;
    bool                      *writer_failed;

    uint8_t *buffer;
    size_t   at, end;
    uint8_t  sequence; /* of the next packet */

    /* Inside an event that came, or comes, in several pieces. */
    bool     large;
    bool     large_more;   /* the packet at hand is followed by another of the same event */
    uint32_t large_packet; /* bytes left of that packet */
    uint32_t large_event;  /* bytes left of the event */
    bool     large_stored;
    bool     large_skipped; /* neither stored nor compared */

    struct skipper skipper; /* of a joined source */

    /* Semi-synchronous. */
    bool        marked;    /* every event has SEMI_SYNC_BYTES in front; the first event tells */
    bool        any_event; /* that one has come */
    bool        wants_ack; /* the event at hand */
    struct acks acks;

    struct format          format;
    bool                   has_format;
    bool                   in_file;
    uint64_t               format_end; /* of the file's format description, once it came */
    uint64_t               offset;     /* where the next stored event begins in the source's file */
    uint64_t               skip_to;    /* what is before it in the file is held already */
    uint64_t               unflushed;
    struct ingest_progress seen;
};

static int forked(const struct ingest *i, struct err *e, const char *what)
{
    return err_set(e, E_FORK,
                   "the source's binlog is not what is held, at %" PRIu64
                   " of '%s': %s; " REFUSAL_FORK_ADVICE,
                   i->offset, i->seen.file, what);
}

/* The first event that was asked for has not come yet, and it is one that is held. */
static bool awaits_held(const struct ingest *i)
{
    return i->writer != NULL && !i->order->begin && i->order->asked > BINLOG_MAGIC_BYTES &&
           (!i->in_file || i->offset == i->order->asked);
}

/* ---- what the source refuses --------------------------------------------------------------- */

static int refused(const struct ingest *i, struct slice payload, struct err *e)
{
    if (awaits_held(i) && refusal_is_of_place(payload))
        return forked(i, e, "no event begins there");
    return refusal_set(payload, e);
}

/* ---- events that are not stored ------------------------------------------------------------ */

static int writer_said(struct ingest *i, int rc)
{
    if (rc != 0)
        *i->writer_failed = true;
    return rc;
}

/* What was skipped becomes a hole, so that the next event stands where it stood at the source. */
static int hole_out(struct ingest *i, struct err *e)
{
    const uint64_t bytes = i->skipper.hole;

    if (bytes == 0)
        return 0;
    assert(writer_offset(i->writer) + bytes + i->skipper.open == i->offset); /* I2 */
    TRY(writer_said(i, writer_skip(i->writer, bytes, e)));
    skipper_taken(&i->skipper);
    i->unflushed += bytes;
    return 0;
}

static int begin_file(struct ingest *i, const char *file, uint64_t source_start, bool joins,
                      struct err *e)
{
    const struct store_source *source = i->order->source;

    if (i->writer != NULL) {
        TRY(hole_out(i, e));
        TRY(writer_said(i, joins ? writer_begin_epoch(i->writer, source, file, e)
                                 : writer_begin_file(i->writer, source, file, source_start, e)));
    }
    (void)snprintf(i->seen.file, sizeof i->seen.file, "%s", file);
    i->offset = BINLOG_MAGIC_BYTES;
    i->format_end = 0;
    i->has_format = false;
    skipper_enter(&i->skipper, file);
    return 0;
}

/* The first one tells which file the dump begins in; later ones, that the file has changed. */
static int take_fake_rotate(struct ingest *i, struct slice whole, struct err *e)
{
    struct event        ev;
    struct event_rotate r;
    struct err          ignored;

    /* Before the first format description, and between two files of different checksums, nothing
       but the checksum itself tells whether there is one. */
    TRY(event_parse(whole, event_verify(whole, &ignored) == 0, &ev, e));
    TRY(event_parse_rotate(&ev, &r, e));
    if (!i->in_file) {
        if (strcmp(r.file, i->order->file) != 0)
            return err_set(e, E_PROTOCOL, "asked for '%s', the source sends '%s'", i->order->file,
                           r.file);
        i->in_file = true;
        if (i->order->begin)
            return begin_file(i, r.file, i->order->source_start, i->order->joins, e);
        (void)snprintf(i->seen.file, sizeof i->seen.file, "%s", r.file);
        skipper_enter(&i->skipper, r.file);
        i->offset = i->order->asked;
        i->skip_to = i->order->offset;
        if (i->order->leapt)
            skipper_leap(&i->skipper, i->offset - writer_offset(i->writer));
        return 0;
    }
    if (strcmp(r.file, i->seen.file) == 0) {
        if (r.position == i->offset)
            return 0;
        return forked(i, e, "it begins again elsewhere in the same file");
    }
    if (i->offset < i->skip_to)
        return forked(i, e, "the file is shorter than what is held of it");
    TRY(name_check(r.file, e));
    if (name_is_before(r.file, i->seen.file))
        return forked(i, e, "it goes on with an older file");
    i->skip_to = 0;
    return begin_file(i, r.file, 0, false, e);
}

/* A heartbeat tells how far the source has sent: more than what came here means a gap. */
static int take_heartbeat(const struct ingest *i, const struct event *ev, struct err *e)
{
    struct slice name = ev->body;

    if (ev->type != EVENT_HEARTBEAT || name.len != strlen(i->seen.file) ||
        memcmp(name.ptr, i->seen.file, name.len) != 0)
        return 0;
    if (ev->source_end > (uint32_t)i->offset && i->offset <= UINT32_MAX)
        return err_set(e, E_PROTOCOL,
                       "the source says it has sent '%s' up to %" PRIu32
                       ", received was up to %" PRIu64,
                       i->seen.file, ev->source_end, i->offset);
    return 0;
}

/* ---- events that are stored ---------------------------------------------------------------- */

/* Of an event that the writer does not see: its place is checked here instead. */
static int check_place(const struct ingest *i, const struct event *ev, struct err *e)
{
    uint64_t end = i->offset + ev->length;

    if (ev->source_end != 0 && ev->source_end != (uint32_t)end)
        return forked(i, e, "an event ends elsewhere than it says");
    if (i->offset < i->skip_to && end > i->skip_to)
        return forked(i, e, "no event begins where the held part of the file ends");
    return 0;
}

static bool is_stored(const struct ingest *i)
{
    return i->writer != NULL && i->offset >= i->skip_to;
}

static void count(struct ingest *i, const struct event *ev)
{
    i->seen.events += i->writer == NULL || is_stored(i);
    i->offset += ev->length;
    i->unflushed += ev->whole.len;
    if (ev->timestamp_s != 0)
        i->seen.last_event_s = ev->timestamp_s;
}

/* Of what is held already: it has to come again as it was. */
static int check_held(const struct ingest *i, uint64_t at, struct slice bytes, struct err *e)
{
    if (i->writer == NULL || writer_compare(i->writer, at, bytes, e) == 0)
        return 0;
    return e->kind == E_FORK ? forked(i, e, "other bytes than the held ones") : -1;
}

/*
 * START_ENCRYPTION, the second event of MariaDB's encrypted files, says how to decrypt the file,
 * but it comes decrypted. Where versions leave the event out, at the file's start, the one behind
 * it shows the hole; for a dump from inside the file it is sent with log_pos 0.
 */
static int leave_hole(struct ingest *i, const struct event *ev, struct err *e)
{
    uint32_t bytes = hole_start_encryption_bytes(i->format.has_crc);

    if (i->offset != i->format_end || i->format.family != FAMILY_MARIADB || ev->source_end == 0)
        return 0;
    if (ev->type != EVENT_MARIADB_START_ENCRYPTION &&
        ev->source_end - ev->length != (uint32_t)i->offset + bytes)
        return 0;
    if (is_stored(i))
        TRY(writer_said(i, writer_skip(i->writer, bytes, e)));
    i->offset += bytes;
    return 0;
}

/* Of a transaction that is held already, by another source: the event, whole or its head, is dealt
   with here, except that what was skipped has to be in the store before anything else. */
static int skip_held(struct ingest *i, const struct event *ev, bool *skipped, struct err *e)
{
    enum skipper_verdict verdict;

    *skipped = false;
    if (i->offset < i->skip_to)
        return 0;
    TRY(skipper_look(&i->skipper, &i->format, ev, i->seen.file, i->offset, &verdict, e));
    *skipped = verdict != SKIPPER_STORE;
    if (verdict == SKIPPER_SKIP) {
        TRY(check_place(i, ev, e));
        i->offset += ev->length;
    }
    if (verdict == SKIPPER_STORE || i->skipper.hole >= HOLE_BYTES_MAX)
        TRY(hole_out(i, e));
    if (verdict != SKIPPER_SKIP || i->order->leaps == NULL)
        return 0;
    *i->order->leaps = true;
    return err_set(e, E_STOPPED, "what is held need not be read");
}

static int append(struct ingest *i, const struct event *ev, struct err *e)
{
    bool skipped;

    TRY(leave_hole(i, ev, e));
    if (ev->type == EVENT_MARIADB_START_ENCRYPTION)
        return 0;
    TRY(skip_held(i, ev, &skipped, e));
    if (skipped)
        return 0;
    if (is_stored(i)) {
        assert(writer_offset(i->writer) == i->offset); /* I2: the same offset on both sides */
        assert(i->offset >= i->skip_to);               /* I3: what is held is not stored again */
        TRY(writer_said(i, writer_append(i->writer, ev, e)));
    } else {
        TRY(check_place(i, ev, e));
        TRY(check_held(i, i->offset, ev->whole, e));
    }
    count(i, ev);
    return 0;
}

/*
 * A format description that is sent again is changed by the source (`created` 0, log_pos 0), and
 * MariaDB makes its checksum anew only where the events of the file have one, too.
 */
static int parse_resent(struct ingest *i, struct slice whole, struct err *e)
{
    struct format f = { 0 };
    struct buf    mended;

    buf_init(&mended, FORMAT_BYTES_MAX);
    format_put_resent(&mended, whole, false, false);
    int rc = buf_check(&mended, "a format description", e);
    if (rc == 0)
        rc = format_parse(buf_slice(&mended), &f, e);
    buf_done(&mended);
    if (rc == 0 && f.has_crc)
        return err_set(e, E_CORRUPT, "the format description's checksum is wrong");
    if (rc == 0)
        i->format = f;
    return rc;
}

static int take_format(struct ingest *i, struct slice whole, struct err *e)
{
    struct event ev;

    TRY(event_parse(whole, false, &ev, e));
    /* Only the checksum, which comes last, makes it E_CORRUPT. */
    if (format_parse(whole, &i->format, e) != 0 &&
        (e->kind != E_CORRUPT || ev.source_end != 0 || parse_resent(i, whole, e) != 0))
        return -1;
    i->has_format = true;
    if (!i->in_file)
        return err_set(e, E_PROTOCOL, "a format description came before the file's name");
    if (i->order->created_s != 0 && strcmp(i->seen.file, i->order->file) == 0 &&
        ev.timestamp_s != i->order->created_s)
        return err_set(
            e, E_FORK,
            "the source's '%s' is not the file that is held under this name: it was begun at "
            "%" PRIu32 ", the held one at %" PRIu32 " (Unix time); " REFUSAL_FORK_ADVICE,
            i->seen.file, ev.timestamp_s, i->order->created_s);
    /* Sent again for a dump that begins inside the file: not part of it. */
    if (ev.source_end == 0 || i->offset != BINLOG_MAGIC_BYTES)
        return 0;
    TRY(append(i, &ev, e));
    i->format_end = i->offset;
    return 0;
}

static bool is_heartbeat(uint8_t type)
{
    return type == EVENT_HEARTBEAT || type == EVENT_HEARTBEAT_V2;
}

/* What needs a look before its checksum and its place are known to be as usual. */
static int take_unusual(struct ingest *i, struct slice whole, bool *taken, struct err *e)
{
    struct event head;

    *taken = true;
    TRY(event_parse_head(whole, false, &head, e));
    if (head.type == EVENT_FORMAT_DESCRIPTION)
        return take_format(i, whole, e);
    if (head.type == EVENT_ROTATE && event_is_artificial(&head))
        return take_fake_rotate(i, whole, e);
    if (i->has_format) {
        *taken = false;
        return 0;
    }
    if (is_heartbeat(head.type))
        return 0;
    return err_set(e, E_PROTOCOL, "%s event came before a format description",
                   event_name(head.type));
}

static int take_event(struct ingest *i, struct slice whole, struct err *e)
{
    struct event ev;
    uint8_t      type = whole.len > 4 ? whole.ptr[4] : 0;

    if (!i->has_format || type == EVENT_ROTATE || type == EVENT_FORMAT_DESCRIPTION) {
        bool taken;
        TRY(take_unusual(i, whole, &taken, e));
        if (taken)
            return 0;
    }
    TRY(event_parse(whole, i->format.has_crc, &ev, e));
    if (i->format.has_crc)
        TRY(event_verify(whole, e));
    if (is_heartbeat(type))
        return take_heartbeat(i, &ev, e);
    return event_is_artificial(&ev) ? 0 : append(i, &ev, e);
}

/* ---- events larger than the buffer --------------------------------------------------------- */

/* `have` of an event whose first packet holds `part_bytes` of it. */
static int large_begin(struct ingest *i, struct slice have, uint32_t part_bytes, bool more,
                       struct err *e)
{
    struct event head;

    TRY(event_parse_head(have, i->format.has_crc, &head, e));
    if (!i->has_format || head.type == EVENT_FORMAT_DESCRIPTION || event_is_artificial(&head) ||
        is_heartbeat(head.type))
        return err_set(e, E_PROTOCOL, "%s event of %" PRIu32 " bytes", event_name(head.type),
                       head.length);
    if (more ? head.length < part_bytes : head.length != part_bytes)
        return err_set(e, E_PROTOCOL, "%s event of %" PRIu32 " bytes in a packet of %" PRIu32,
                       event_name(head.type), head.length, part_bytes);
    TRY(skip_held(i, &head, &i->large_skipped, e));
    i->large_stored = is_stored(i) && !i->large_skipped;
    if (i->large_skipped) {
        /* counted */
    } else if (i->large_stored) {
        TRY(writer_said(i, writer_append_head(i->writer, &head, e)));
    } else {
        TRY(check_place(i, &head, e));
        TRY(check_held(i, i->offset, have, e));
    }
    i->large = true;
    i->large_more = more;
    i->large_packet = part_bytes - (uint32_t)have.len;
    i->large_event = head.length - (uint32_t)have.len;
    if (!i->large_skipped)
        count(i, &head);
    return 0;
}

/* The event at hand is taken whole. */
static void after_event(struct ingest *i)
{
    if (!i->wants_ack)
        return;
    i->wants_ack = false;
    const struct ingest_semi_sync *semi = i->order->semi_sync;
    acks_put(&i->acks, i->seen.file, i->offset, semi->mark(semi->arg, i->offset));
    i->sequence = 1; /* what the source does once it has sent such an event */
}

static int check_sequence(struct ingest *i, const uint8_t *header, struct err *e)
{
    if (i->order->loose_sequence)
        i->sequence = header[3];
    if (header[3] != i->sequence)
        return err_set(e, E_PROTOCOL, "packet %u came from the source where %u was due", header[3],
                       i->sequence);
    i->sequence++;
    return 0;
}

/* What is there of the event; *more: something was done and there may be more to do. */
static int large_continue(struct ingest *i, bool *more, struct err *e)
{
    *more = false;
    if (i->large_packet == 0 && i->large_more) {
        if (i->end - i->at < PACKET_HEADER_BYTES)
            return 0;
        const uint8_t *header = i->buffer + i->at;
        TRY(check_sequence(i, header, e));
        i->large_packet = packet_payload_bytes(header);
        i->large_more = i->large_packet == PACKET_PAYLOAD_MAX;
        i->at += PACKET_HEADER_BYTES;
        if (i->large_packet > i->large_event)
            return err_set(e, E_PROTOCOL, "an event is longer than its header says");
    }
    size_t n = i->end - i->at;
    n = n < i->large_packet ? n : i->large_packet;
    struct slice piece = { i->buffer + i->at, n };
    if (n > 0 && i->large_stored)
        TRY(writer_said(i, writer_append_rest(i->writer, piece, e)));
    if (n > 0 && !i->large_stored && !i->large_skipped)
        TRY(check_held(i, i->offset - i->large_event, piece, e));
    i->at += n;
    i->unflushed += n;
    i->large_packet -= (uint32_t)n;
    i->large_event -= (uint32_t)n;
    if (i->large_packet == 0 && !i->large_more) {
        if (i->large_event != 0)
            return err_set(e, E_PROTOCOL,
                           "an event is %" PRIu32 " bytes shorter than its header says",
                           i->large_event);
        i->large = false;
        after_event(i);
    }
    *more = !i->large || n > 0 || (i->large_packet == 0 && i->end - i->at >= PACKET_HEADER_BYTES);
    return 0;
}

/* ---- packets ------------------------------------------------------------------------------- */

/*
 * What stands in front of an event, behind the status byte. Whether the source does it is not what
 * its variables said a while ago, but what it sends: every dump begins with a fake ROTATE, whose
 * time stamp is 0, so the marker can't be mistaken there.
 */
static int take_mark(struct ingest *i, struct cursor *c, struct err *e)
{
    if (i->order->semi_sync == NULL)
        return 0;
    if (!i->any_event) {
        i->any_event = true;
        i->seen.semi_sync = i->marked = c->left > 0 && *c->at == ACKS_MARKER;
    }
    if (!i->marked)
        return 0;
    uint8_t marker = cursor_u8(c), wants = cursor_u8(c);
    if (c->failed || marker != ACKS_MARKER)
        return err_set(e, E_PROTOCOL, "an event came without the mark of semi-synchronous events");
    i->wants_ack = wants == 1;
    return 0;
}

static int take_payload(struct ingest *i, struct slice payload, struct err *e)
{
    struct cursor c = cursor_over(payload);
    uint8_t       status = cursor_u8(&c);

    if (c.failed)
        return err_set(e, E_PROTOCOL, "the source sent an empty packet");
    if (status == STATUS_OK) {
        TRY(take_mark(i, &c, e));
        TRY(take_event(i, cursor_rest(&c), e));
        after_event(i);
        return 0;
    }
    if (status == STATUS_ERROR)
        return refused(i, cursor_rest(&c), e);
    if (status == STATUS_EOF && payload.len < 9)
        return err_set(e, E_IO, "the source ended the dump");
    return err_set(e, E_PROTOCOL, "a packet of the dump begins with 0x%02x", status);
}

/* A packet that can't be in the buffer as a whole: begun as soon as its head is there. */
static int take_large(struct ingest *i, uint32_t packet_bytes, bool *more, struct err *e)
{
    size_t have = i->end - i->at - PACKET_HEADER_BYTES;

    *more = false;
    if (have < 1 + SEMI_SYNC_BYTES + TXN_HEAD_BYTES)
        return 0;
    const uint8_t *header = i->buffer + i->at;
    if (header[PACKET_HEADER_BYTES] != STATUS_OK)
        return err_set(e, E_PROTOCOL, "a packet of %" PRIu32 " bytes that is no event",
                       packet_bytes);
    TRY(check_sequence(i, header, e));
    have = have < packet_bytes ? have : packet_bytes;
    struct cursor c = cursor_over((struct slice){ header + PACKET_HEADER_BYTES, have });
    cursor_skip(&c, 1);
    TRY(take_mark(i, &c, e));
    TRY(large_begin(i, cursor_rest(&c), packet_bytes - (uint32_t)(have - c.left),
                    packet_bytes == PACKET_PAYLOAD_MAX, e));
    i->at += PACKET_HEADER_BYTES + have;
    *more = true;
    return 0;
}

/* Every whole packet in the buffer. */
static int take_packets(struct ingest *i, struct err *e)
{
    for (;;) {
        bool more = true;
        if (i->large) {
            TRY(large_continue(i, &more, e));
            if (!more)
                return 0;
            continue;
        }
        size_t have = i->end - i->at;
        if (have < PACKET_HEADER_BYTES)
            return 0;
        const uint8_t *header = i->buffer + i->at;
        uint32_t       n = packet_payload_bytes(header);
        if (n > INGEST_BUFFER_BYTES - PACKET_HEADER_BYTES) {
            TRY(take_large(i, n, &more, e));
            if (!more)
                return 0;
            continue;
        }
        if (have < PACKET_HEADER_BYTES + n)
            return 0;
        TRY(check_sequence(i, header, e));
        i->at += PACKET_HEADER_BYTES + n;
        TRY(take_payload(i, (struct slice){ header + PACKET_HEADER_BYTES, n }, e));
    }
}

/* ---- the loop ------------------------------------------------------------------------------ */

static void make_room(struct ingest *i)
{
    if (i->at == i->end) {
        i->at = i->end = 0;
    } else if (i->end - i->at < MOVE_BYTES || INGEST_BUFFER_BYTES - i->end < READ_BYTES) {
        memmove(i->buffer, i->buffer + i->at, i->end - i->at);
        i->end -= i->at;
        i->at = 0;
    }
}

static int flush(struct ingest *i, struct err *e)
{
    if (i->unflushed == 0)
        return 0;
    TRY(writer_said(i, writer_flush(i->writer, e)));
    i->unflushed = 0;
    return 0;
}

/* All that there is. */
static int show(struct ingest *i, struct err *e)
{
    TRY(hole_out(i, e));
    return flush(i, e);
}

static int report(struct ingest *i, bool caught_up, struct err *e)
{
    i->seen.offset = i->offset;
    i->seen.caught_up = caught_up;
    i->seen.any_new = i->skipper.any_new;
    i->seen.skipped_transactions = i->skipper.transactions;
    i->seen.skipped_bytes = i->skipper.bytes;
    return i->order->progress(i->order->arg, &i->seen, e);
}

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int send_acks(struct ingest *i, struct err *e)
{
    const struct ingest_semi_sync *semi = i->order->semi_sync;
    struct ack                     ack;
    struct buf                     packet;

    if (i->acks.count == 0)
        return 0;
    const uint64_t safe = semi->safe(semi->arg);
    if (!acks_take(&i->acks, safe, &ack))
        return 0;
    assert(ack.mark <= safe); /* I4 */
    buf_init(&packet, ACK_BYTES_MAX);
    ack_put_packet(&ack, &packet);
    int rc = buf_check(&packet, "an acknowledgement", e);
    if (rc == 0)
        rc = semi->send(semi->arg, buf_slice(&packet), e);
    buf_done(&packet);
    if (rc == 0)
        i->seen.acks++;
    return rc;
}

/* Whether what came is kept for now. The flag is up before the question, so that the end of the
   sync can't pass unseen between the two. */
static bool keeps(const struct ingest *i)
{
    if (i->order->waits == NULL || i->unflushed == 0)
        return false;
    atomic_store(i->order->waits, true);
    if (writer_may_wait(i->writer))
        return true;
    atomic_store(i->order->waits, false);
    return false;
}

/* Until there are bytes; meanwhile the syncer makes acknowledgements due, or has ended a sync. */
static int wait_for_bytes(struct ingest *i, uint8_t *into, size_t room, size_t *got, struct err *e)
{
    const int64_t until = now_ms() + i->order->silence_ms;
    int64_t       left = i->order->silence_ms;

    do {
        bool kept = keeps(i);
        if (!kept)
            TRY(show(i, e)); /* nothing more at the moment */
        TRY(send_acks(i, e));
        TRY(report(i, !kept, e));
        TRY(client_read(i->client, into, room, (uint32_t)left, got, e));
        if (kept)
            atomic_store(i->order->waits, false);
        if (*got > 0)
            return 0;
        left = until - now_ms();
    } while (left > 0);
    return err_set(e, E_IO, "no sign of life from the source for %u s, not even a heartbeat",
                   i->order->silence_ms / 1000);
}

static int read_once(struct ingest *i, struct err *e)
{
    size_t got;

    make_room(i);
    uint8_t *into = i->buffer + i->end;
    size_t   room = INGEST_BUFFER_BYTES - i->end;
    room = room < READ_BYTES ? room : READ_BYTES;
    TRY(client_read(i->client, into, room, 0, &got, e));
    if (got == 0)
        TRY(wait_for_bytes(i, into, room, &got, e));
    i->end += got;
    i->seen.bytes += got;
    TRY(take_packets(i, e));
    if (i->unflushed >= FLUSH_BYTES)
        TRY(flush(i, e));
    TRY(send_acks(i, e));
    return report(i, false, e);
}

int ingest_follow(struct client *c, struct writer *w, const struct ingest_order *order,
                  bool *writer_failed, struct err *e)
{
    OWN_MEM uint8_t *buffer = malloc(INGEST_BUFFER_BYTES);
    struct ingest    i = { .client = c,
                           .writer = w,
                           .order = order,
                           .buffer = buffer,
                           .writer_failed = writer_failed,
                           .sequence = 1 };
    struct err       late = { 0 };

    *writer_failed = false;
    if (buffer == NULL)
        return err_set(e, E_NOMEM, "no memory to read from the source");
    skipper_init(&i.skipper, order->skip);
    while (read_once(&i, e) == 0)
        continue;
    if (i.in_file && awaits_held(&i) && (e->kind == E_PROTOCOL || e->kind == E_CORRUPT))
        (void)forked(&i, e, "no event begins there");
    else if (!*writer_failed && (e->kind == E_PROTOCOL || e->kind == E_CORRUPT))
        (void)err_note(e, "what the source sent behind %" PRIu64 " of '%s'", i.offset, i.seen.file);
    if (!*writer_failed && show(&i, &late) != 0)
        *e = late;
    return -1;
}

/* ---- the probe ----------------------------------------------------------------------------- */

static int not_an_event(const char *file, uint64_t position, struct err *e)
{
    return err_set(e, E_CONFIG,
                   "start = %s:%" PRIu64
                   " is not where an event begins; SHOW BINLOG EVENTS IN '%s' lists "
                   "the positions",
                   file, position, file);
}

static int probe_progress(void *arg, const struct ingest_progress *p, struct err *e)
{
    (void)arg;
    (void)p;
    (void)e;
    return 0;
}

/* True when the first event after the format description ends where its length says; a wrong one
   fails in ingest's own checks, or in the source. */
static bool probe_is_done(const struct ingest *i)
{
    return i->seen.events > 0 || i->large;
}

static int probe(struct ingest *i, uint64_t position, struct err *e)
{
    struct err why = { 0 };
    size_t     got;

    while (!probe_is_done(i)) {
        make_room(i);
        TRY(client_read(i->client, i->buffer + i->end, INGEST_BUFFER_BYTES - i->end, PROBE_WAIT_MS,
                        &got, e));
        i->end += got;
        if (got == 0)
            return not_an_event(i->order->file, position, e);
        if (take_packets(i, &why) == 0)
            continue;
        if (why.kind != E_IO && why.kind != E_STOPPED)
            return not_an_event(i->order->file, position, e);
        *e = why;
        return -1;
    }
    return 0;
}

int ingest_probe(struct client *c, const char *file, uint64_t position, uint64_t file_bytes,
                 uint16_t flags, uint32_t server_id, struct err *e)
{
    struct ingest_order order = {
        .file = file, .asked = position, .offset = position, .progress = probe_progress
    };
    bool          writer_failed = false;
    struct ingest i = {
        .client = c, .order = &order, .writer_failed = &writer_failed, .sequence = 1
    };

    if (position == file_bytes || position == BINLOG_MAGIC_BYTES)
        return 0;
    i.buffer = malloc(INGEST_BUFFER_BYTES);
    if (i.buffer == NULL)
        return err_set(e, E_NOMEM, "no memory to read from the source");
    int rc = client_dump(c, file, position, flags, server_id, e);
    if (rc == 0)
        rc = probe(&i, position, e);
    free(i.buffer);
    return rc;
}
