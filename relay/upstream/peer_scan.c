#include "relay/upstream/peer_scan.h"
#include <stdio.h>
#include <stdlib.h>
#include "protocol/client.h"
#include "protocol/command.h"
#include "protocol/packet.h"
#include "relay/upstream/refusal.h"
#include "relay/upstream/source.h"
#include "storage/hole.h"
#include "storage/name.h"

enum {
    BUFFER_BYTES = 2 * 1024 * 1024,
    PROGRESS_BYTES = 4 * 1024 * 1024,
    STATUS_OK = 0x00,
    STATUS_EOF = 0xfe,
    STATUS_ERROR = 0xff,
};

struct scanner {
    struct peer_scan *s;
    struct client    *client;
    struct look       look;
    uint8_t          *buffer;
    size_t            at, end;
    /* An event that the buffer has no room for. */
    bool       large, large_more;
    uint32_t   large_packet; /* bytes left of the packet at hand */
    uint32_t   large_left;   /* of the event */
    struct buf hold;         /* of it: all, or its head */
    size_t     hold_wanted;

    struct format format;
    bool          has_format, in_file, done;
    uint64_t      offset; /* where the next event begins in the file */
    uint64_t      format_end;
    uint64_t      told; /* progress */
    uint32_t      wait_ms;
};

static int enter_file(struct scanner *n, const char *file, struct err *e)
{
    TRY(name_check(file, e));
    (void)snprintf(n->s->end_file, sizeof n->s->end_file, "%s", file);
    n->s->end_at = n->offset = !n->in_file && n->s->from > 0 ? n->s->from : BINLOG_MAGIC_BYTES;
    n->has_format = false;
    n->format_end = 0;
    n->in_file = true;
    look_enter_file(&n->look);
    return 0;
}

static int take_rotate(struct scanner *n, struct slice whole, struct err *e)
{
    struct event        ev;
    struct event_rotate r;
    struct err          ignored;

    TRY(event_parse(whole, event_verify(whole, &ignored) == 0, &ev, e));
    TRY(event_parse_rotate(&ev, &r, e));
    if (!n->in_file)
        return enter_file(n, r.file, e);
    if (strcmp(r.file, n->s->end_file) == 0)
        return 0;
    if (n->s->one_file) {
        n->done = true;
        return 0;
    }
    return enter_file(n, r.file, e);
}

static int take_format(struct scanner *n, struct slice whole, struct err *e)
{
    struct event ev;

    TRY(event_parse(whole, false, &ev, e));
    TRY(format_parse(whole, &n->format, e));
    n->has_format = true;
    if (n->s->first_created_s == 0)
        n->s->first_created_s = ev.timestamp_s;
    if (ev.source_end == 0 || n->offset != BINLOG_MAGIC_BYTES)
        return 0;
    n->offset += ev.length;
    n->format_end = n->offset;
    return 0;
}

/* MariaDB leaves out the event that says how the file is encrypted; the one behind it shows that.
 */
static int check_place(struct scanner *n, const struct event *ev, struct err *e)
{
    uint32_t hole = hole_start_encryption_bytes(n->format.has_crc);

    if (ev->source_end == 0 || ev->source_end == (uint32_t)(n->offset + ev->length))
        return 0;
    if (n->offset == n->format_end && ev->source_end == (uint32_t)(n->offset + hole + ev->length)) {
        n->offset += hole;
        return 0;
    }
    return err_set(e, E_PROTOCOL, "an event of '%s' ends elsewhere than it says, at %llu",
                   n->s->end_file, (unsigned long long)n->offset);
}

static int take_stored(struct scanner *n, const struct event *ev, struct err *e)
{
    bool            closed = false, enough = false;
    struct look_txn t;

    if (ev->type == EVENT_MARIADB_START_ENCRYPTION)
        return 0;
    TRY(check_place(n, ev, e));
    TRY(look_feed(&n->look, &n->format, ev, n->offset, &closed, &t, e));
    n->offset += ev->length;
    n->s->end_at = n->offset;
    if (!closed)
        return 0;
    TRY(n->s->each(n->s->arg, n->s->end_file, &t, &enough, e));
    n->done |= enough;
    return 0;
}

static int take_event(struct scanner *n, struct slice whole, struct err *e)
{
    struct event ev;

    TRY(event_parse_head(whole, n->has_format && n->format.has_crc, &ev, e));
    if (ev.type == EVENT_FORMAT_DESCRIPTION)
        return take_format(n, whole, e);
    if (ev.type == EVENT_ROTATE && event_is_artificial(&ev))
        return take_rotate(n, whole, e);
    if (ev.type == EVENT_HEARTBEAT || ev.type == EVENT_HEARTBEAT_V2 || event_is_artificial(&ev))
        return 0;
    if (!n->has_format || !n->in_file)
        return err_set(e, E_PROTOCOL, "%s event came before a format description",
                       event_name(ev.type));
    TRY(event_parse(whole, n->format.has_crc, &ev, e));
    return take_stored(n, &ev, e);
}

/* ---- packets ------------------------------------------------------------------------------- */

/* An event that comes in pieces is here, or as much of it as is wanted. */
static int large_done(struct scanner *n, struct err *e)
{
    struct event ev;

    n->large = false;
    TRY(buf_check(&n->hold, "an event", e));
    if (n->large_left != 0)
        return err_set(e, E_PROTOCOL, "an event is shorter than its header says");
    TRY(event_parse_head(buf_slice(&n->hold), n->format.has_crc, &ev, e));
    if (ev.length == n->hold.len)
        return take_event(n, buf_slice(&n->hold), e);
    return take_stored(n, &ev, e);
}

static int large_begin(struct scanner *n, uint32_t packet, bool *more, struct err *e)
{
    struct event head;
    const size_t have = n->end - n->at - PACKET_HEADER_BYTES;
    struct slice first = { n->buffer + n->at + PACKET_HEADER_BYTES + 1, EVENT_HEADER_BYTES };

    *more = have >= 1 + EVENT_HEADER_BYTES;
    if (!*more)
        return 0;
    if (first.ptr[-1] != STATUS_OK || !n->has_format)
        return err_set(e, E_PROTOCOL, "a packet of %u bytes that is no event", packet);
    TRY(event_parse_head(first, n->format.has_crc, &head, e));
    if (head.length < packet - 1)
        return err_set(e, E_PROTOCOL, "an event is longer than its header says");
    n->at += PACKET_HEADER_BYTES + 1;
    n->large = true;
    n->large_packet = packet - 1;
    n->large_more = packet == PACKET_PAYLOAD_MAX;
    n->large_left = head.length;
    n->hold_wanted = head.length <= FINGERPRINT_WHOLE_BYTES ? head.length : TXN_HEAD_BYTES;
    buf_clear(&n->hold);
    return 0;
}

static int large_continue(struct scanner *n, bool *more, struct err *e)
{
    *more = false;
    if (n->large_packet == 0 && !n->large_more) {
        *more = true;
        return large_done(n, e);
    }
    if (n->large_packet == 0) {
        if (n->end - n->at < PACKET_HEADER_BYTES)
            return 0;
        n->large_packet = packet_payload_bytes(n->buffer + n->at);
        n->large_more = n->large_packet == PACKET_PAYLOAD_MAX;
        n->at += PACKET_HEADER_BYTES;
        *more = true;
        return 0;
    }
    size_t piece = n->end - n->at;
    piece = piece < n->large_packet ? piece : n->large_packet;
    if (piece > n->large_left)
        return err_set(e, E_PROTOCOL, "an event is longer than its header says");
    size_t kept = n->hold_wanted - n->hold.len;
    buf_put(&n->hold, (struct slice){ n->buffer + n->at, piece < kept ? piece : kept });
    n->at += piece;
    n->large_packet -= (uint32_t)piece;
    n->large_left -= (uint32_t)piece;
    *more = piece > 0;
    return 0;
}

static int take_payload(struct scanner *n, struct slice payload, struct err *e)
{
    struct cursor c = cursor_over(payload);
    uint8_t       status = cursor_u8(&c);

    if (c.failed)
        return err_set(e, E_PROTOCOL, "the source sent an empty packet");
    if (status == STATUS_OK)
        return take_event(n, cursor_rest(&c), e);
    if (status == STATUS_ERROR)
        return refusal_set(cursor_rest(&c), e);
    if (status != STATUS_EOF || payload.len >= 9)
        return err_set(e, E_PROTOCOL, "a packet of the dump begins with 0x%02x", status);
    n->done = true;
    return 0;
}

static int take_packets(struct scanner *n, struct err *e)
{
    while (!n->done) {
        bool more = true;
        if (n->large) {
            TRY(large_continue(n, &more, e));
            if (!more)
                return 0;
            continue;
        }
        size_t have = n->end - n->at;
        if (have < PACKET_HEADER_BYTES)
            return 0;
        const uint8_t *header = n->buffer + n->at;
        uint32_t       bytes = packet_payload_bytes(header);
        if (bytes > BUFFER_BYTES - PACKET_HEADER_BYTES) {
            TRY(large_begin(n, bytes, &more, e));
            if (!more)
                return 0;
            continue;
        }
        if (have < PACKET_HEADER_BYTES + bytes)
            return 0;
        n->at += PACKET_HEADER_BYTES + bytes;
        TRY(take_payload(n, (struct slice){ header + PACKET_HEADER_BYTES, bytes }, e));
    }
    return 0;
}

static int read_once(struct scanner *n, struct err *e)
{
    struct peer_scan *s = n->s;
    size_t            got;

    memmove(n->buffer, n->buffer + n->at, n->end - n->at);
    n->end -= n->at;
    n->at = 0;
    TRY(client_read(n->client, n->buffer + n->end, BUFFER_BYTES - n->end, n->wait_ms, &got, e));
    if (got == 0)
        return err_set(e, E_IO, "the source sends nothing of its binlog");
    n->end += got;
    s->bytes += got;
    TRY(take_packets(n, e));
    if (s->progress == NULL || s->bytes - n->told < PROGRESS_BYTES)
        return 0;
    n->told = s->bytes;
    return s->progress(s->arg, s->end_file, n->offset, s->bytes, e);
}

static int scan(struct scanner *n, struct peer *p, struct err *e)
{
    const uint16_t flags = source_dump_flags(&p->facts) | DUMP_NON_BLOCK;

    TRY(look_init(&n->look, n->s->prints, e));
    TRY(source_connect(p->source, p->interrupt_fd, &n->client, e));
    TRY(source_prepare_copy(n->client, &p->facts, e));
    assert(n->s->from <= UINT32_MAX); /* all that the command can ask for */
    TRY(client_dump(n->client, n->s->file, n->s->from > 0 ? n->s->from : BINLOG_MAGIC_BYTES, flags,
                    0, e));
    while (!n->done)
        TRY(read_once(n, e));
    return 0;
}

int peer_scan(struct peer *p, struct peer_scan *s, struct err *e)
{
    struct scanner n = { .s = s, .wait_ms = 1000 * p->source->read_timeout };

    n.buffer = malloc(BUFFER_BYTES);
    if (n.buffer == NULL)
        return err_set(e, E_NOMEM, "no memory to read from the source");
    buf_init(&n.hold, FINGERPRINT_WHOLE_BYTES);
    int rc = scan(&n, p, e);
    if (rc != 0 && (e->kind == E_PROTOCOL || e->kind == E_CORRUPT))
        (void)err_note(e, "what %s sent behind %llu of '%s'", p->address,
                       (unsigned long long)n.offset, s->end_file);
    client_close(n.client);
    look_done(&n.look);
    buf_done(&n.hold);
    free(n.buffer);
    return rc;
}
