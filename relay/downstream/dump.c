#include "relay/downstream/dump_core.h"

#include <stdlib.h>
#include <stdio.h>
#include "protocol/rows.h"
#include "relay/downstream/dump_words.h"
#include "relay/downstream/tail.h"
#include "storage/locate.h"

enum {
    MADE_MAX_BYTES = 2 * 1024 * 1024, /* a GTID_LIST of GTID_DOMAINS_MAX domains and some more */
    SCAN_MAX_BYTES = 8 * 1024 * 1024, /* skipped in one call */
    CAPABILITY_HOLES = 2,
    CAPABILITY_GTID = 4, /* of MariaDB 10.0 and later */
};

void dump_request_done(struct dump_request *r)
{
    gtid_set_done(&r->have);
    gtid_state_done(&r->state);
    *r = (struct dump_request){ .capability = -1 };
}

int dump_open(struct store *s, struct dump_request *request, struct dump **out, struct err *e)
{
    static int (*const begin[])(struct dump * d, struct err * e) = {
        [DUMP_BY_POSITION] = dump_begin_at_position,
        [DUMP_BY_GTID_SET] = dump_begin_at_gtid_set,
        [DUMP_BY_GTID_STATE] = dump_begin_at_gtid_state,
    };
    struct store_file file;
    struct dump      *d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_set(e, E_NOMEM, "no memory for a binlog stream");
    d->store = s;
    d->req = *request;
    request->have = (struct gtid_set){ 0 };
    request->state = (struct gtid_state){ 0 };
    buf_init(&d->made, MADE_MAX_BYTES);
    (void)snprintf(d->asked, sizeof d->asked, "%s", request->file != NULL ? request->file : "");
    d->req.file = d->asked;

    bool mariadb = d->req.family == FAMILY_MARIADB;
    if (mariadb && d->req.capability < CAPABILITY_GTID) {
        (void)err_set(e, E_PROTOCOL,
                      "This stream has MariaDB GTID events: the replica must be MariaDB 10.0 or "
                      "later, or set @mariadb_slave_capability to 4");
        goto fail;
    }
    if (begin[d->req.kind](d, e) != 0 ||
        store_file_by_ordinal(s, store_pos_ordinal(d->first), &file, e) != 0)
        goto fail;

    bool by_position = d->req.kind == DUMP_BY_POSITION;
    d->in_head = true;
    d->has_crc = d->req.checksum == DUMP_CHECKSUM_CRC32;
    d->pos = by_position ? d->first : d->file_start;
    (void)snprintf(d->file, sizeof d->file, "%s", file.name);
    event_put_rotate(&d->made, d->req.server_id, d->file, store_pos_offset(d->pos), d->has_crc);
    if (buf_check(&d->made, "first event", e) != 0)
        goto fail;
    *out = d;
    return 0;
fail:
    dump_close(d);
    return -1;
}

void dump_close(struct dump *d)
{
    if (d == NULL)
        return;
    reader_close(d->reader);
    dump_request_done(&d->req);
    gtid_state_done(&d->waiting);
    buf_done(&d->made);
    free(d);
}

store_pos dump_pos(const struct dump *d)
{
    return d->pos;
}

const char *dump_file(const struct dump *d)
{
    return d->file;
}

void dump_end_soon(struct dump *d)
{
    d->ends_soon = true;
}

size_t dump_room(struct dump *d, size_t most)
{
    enum { NEAR_BYTES = 8 * 1024, SMALL_BYTES = 16 * 1024 };
    store_pos published = store_published(d->store);
    bool      near = published - d->pos <= NEAR_BYTES && /* one file's offsets are that close */
                store_pos_ordinal(published) == store_pos_ordinal(d->pos);

    most = most < SMALL_BYTES ? SMALL_BYTES : most;
    if (d->reader != NULL)
        reader_limit(d->reader, most);
    size_t out = most < DUMP_OUT_BYTES ? most : DUMP_OUT_BYTES;
    return near && published >= d->pos ? SMALL_BYTES : out;
}

void dump_point(struct dump *d, struct stretches *stretches)
{
    d->stretches = stretches;
}

bool dump_between_packets(const struct dump *d)
{
    return !frame_busy(&d->frame);
}

/* ---- events made here --------------------------------------------------------------------------
 */

static int make_heartbeat(struct dump *d, store_pos at, struct err *e)
{
    uint64_t offset = store_pos_offset(at);
    if (d->req.capability >= 0)
        event_put_heartbeat_mariadb(&d->made, d->req.server_id, d->file, offset, d->has_crc);
    else if (d->req.heartbeat_v2)
        event_put_heartbeat_v2(&d->made, d->req.server_id, d->file, offset, d->has_crc);
    else
        event_put_heartbeat(&d->made, d->req.server_id, d->file, offset, d->has_crc);
    return buf_check(&d->made, "heartbeat", e);
}

int dump_heartbeat(struct dump *d, struct err *e)
{
    if (frame_busy(&d->frame) || d->reader == NULL)
        return 0;
    return make_heartbeat(d, d->pos, e);
}

/* The stored bytes of the governing format description, as they are sent inside a file. */
static int put_format_again(struct dump *d, store_pos pos, struct err *e)
{
    struct reader      *r = NULL;
    struct reader_piece p;
    enum reader_step    step;
    store_pos           start = store_pos_at(store_pos_ordinal(pos), BINLOG_MAGIC_BYTES);

    TRY(reader_open(d->store, start, DUMP_PEEK_BYTES, &r, e));
    int result = reader_next(r, &p, &step, e);
    if (result == 0 && (step != READER_PIECE || !p.last))
        result = err_set(e, E_CORRUPT, "'%s' has no format description", d->file);
    if (result == 0)
        format_put_resent(&d->made, p.bytes, true, true);
    reader_close(r);
    return result == 0 ? buf_check(&d->made, "format description", e) : -1;
}

/* As to the start of a dump at this place, which is behind a hole. */
static int lead_over(struct dump *d, store_pos at, struct err *e)
{
    event_put_rotate(&d->made, d->req.server_id, d->file, store_pos_offset(at), d->has_crc);
    TRY(buf_check(&d->made, "ROTATE", e));
    TRY(put_format_again(d, at, e));
    d->leapt = false;
    return 0;
}

static int make_gtid_list(struct dump *d, store_pos at, struct err *e)
{
    struct gtids there = { 0 };
    struct buf   body;
    TRY(locate_gtids_at(d->store, at, &there, e));
    buf_init(&body, MADE_MAX_BYTES);
    gtid_state_put_list_body(&there.state, &body);
    int result = buf_check(&body, "GTID list", e);
    if (result == 0) {
        event_put_gtid_list(&d->made, d->req.server_id, (uint32_t)store_pos_offset(at),
                            buf_slice(&body), d->has_crc);
        result = buf_check(&d->made, "GTID list", e);
    }
    buf_done(&body);
    gtids_done(&there);
    return result;
}

/* Tells the consumer where the stream goes on after what was left out. */
static int close_gap(struct dump *d, store_pos at, struct err *e)
{
    if (d->leapt)
        TRY(lead_over(d, at, e));
    if (!d->gap)
        return 0;
    if (d->req.kind == DUMP_BY_GTID_SET)
        TRY(make_heartbeat(d, at, e));
    else if (d->req.kind == DUMP_BY_GTID_STATE && d->waiting.count == 0)
        TRY(make_gtid_list(d, at, e));
    else
        return 0; /* waits for the state to be reached, or is an annotation nobody asked for */
    d->gap = false;
    return 0;
}

/* ---- which events go out -----------------------------------------------------------------------
 */

enum verdict { SEND, SKIP, REPLACED, JUMP };

/* Something that was framed still lies in the reader's block. */
static bool points_to_block(const struct dump *d)
{
    return d->stretches != NULL && d->stretches->count > 0;
}

static int jump(struct dump *d, store_pos to, struct err *e)
{
    struct reader *r = NULL;
    assert(!points_to_block(d)); /* a file's head is copied */
    TRY(reader_open(d->store, to, 0, &r, e));
    reader_close(d->reader);
    d->reader = r;
    if (d->req.copies)
        reader_read_holes(r);
    d->pos = to;
    return 0;
}

/* The first format description tells whether the consumer can read this file at all. */
static int on_format(struct dump *d, const struct reader_piece *p, enum verdict *v, struct err *e)
{
    const struct format *f = reader_format(d->reader);
    if (!p->last || p->at != 0)
        return err_set(e, E_CORRUPT, "format description of '%s' is too long", d->file);
    if (f->has_crc && d->req.checksum == DUMP_CHECKSUM_UNAWARE)
        return dump_words_checksum(&d->req, e);
    d->has_crc = f->has_crc;
    bool inside = d->in_head && d->req.kind == DUMP_BY_POSITION && d->first >= p->end;
    bool zero_created = inside || (d->in_head && d->zero_created);
    *v = SEND;
    if (inside || zero_created || (p->event.flags & EVENT_FLAG_IN_USE) != 0) {
        format_put_resent(&d->made, p->bytes, inside, zero_created);
        *v = REPLACED;
    }
    if (inside) {
        d->in_head = false;
        *v = JUMP;
    } else if (d->req.kind == DUMP_BY_POSITION) {
        d->in_head = false;
    }
    return buf_check(&d->made, "format description", e);
}

static int on_gtid(struct dump *d, const struct reader_piece *p, enum verdict *v, struct err *e)
{
    struct gtid_event g;
    TRY(gtid_parse_event(reader_format(d->reader), &p->event, &g, e));
    d->skipping = gtid_set_contains(&d->req.have, &g.gtid);
    *v = d->skipping ? SKIP : SEND;
    return 0;
}

static void state_forget(struct gtid_state *s, const struct gtid *which)
{
    size_t i = (size_t)(which - s->entries);
    assert(i < s->count);
    memmove(&s->entries[i], &s->entries[i + 1], (s->count - i - 1) * sizeof s->entries[0]);
    s->count--;
}

/* A domain is held up to the one GTID that the consumer named; by number alone groups of other
   servers in the domain can't be compared with it. */
static int on_mariadb_gtid(struct dump *d, const struct reader_piece *p, enum verdict *v,
                           struct err *e)
{
    struct gtid_event g;
    d->skipping = false;
    *v = SEND;
    if (d->waiting.count == 0)
        return 0;
    TRY(gtid_parse_event(reader_format(d->reader), &p->event, &g, e));
    const struct gtid *want = gtid_state_get(&d->waiting, g.gtid.domain);
    if (want == NULL)
        return 0;
    bool same_server = want->server_id == g.gtid.server_id;
    d->skipping = !same_server || g.gtid.number <= want->number;
    *v = d->skipping ? SKIP : SEND;
    if (!same_server || g.gtid.number < want->number)
        return 0;
    if (g.gtid.number > want->number && d->req.strict)
        return err_set(e, E_PURGED,
                       "The binlog on the master is missing the GTID %u-%u-%llu requested by the "
                       "slave (even though a subsequent sequence number does exist), and GTID "
                       "strict mode is enabled",
                       want->domain, want->server_id, (unsigned long long)want->number);
    state_forget(&d->waiting, want);
    return 0;
}

/*
 * Where START_ENCRYPTION was, MariaDB itself sends an ignorable event of the same size by position,
 * and so offsets stay right in a raw copy; its replicas by GTID stop at one, and take their place
 * from the next event. Others are led over it as over any hole.
 */
static enum verdict on_hole(struct dump *d, const struct reader_piece *p)
{
    bool by_position = d->req.kind == DUMP_BY_POSITION;
    bool encryption = !dump_is_left_out(p);

    if (encryption && d->req.capability >= CAPABILITY_HOLES)
        return by_position ? SEND : SKIP;
    if (d->req.copies)
        return SEND;
    if (d->req.kind == DUMP_BY_GTID_SET)
        d->gap = true;
    else
        d->leapt = true;
    return SKIP;
}

/* Events that mean something to the sender; all others share the fate of their transaction. */
enum kind {
    PLAIN = 0,
    FORMAT,
    BETWEEN,
    MYSQL_GTID,
    ANONYMOUS,
    MARIADB_GTID,
    ANNOTATION,
    ENCRYPTION
};

/* clang-format off */
static const uint8_t kinds[256] = {
    [EVENT_FORMAT_DESCRIPTION]        = FORMAT,
    [EVENT_ROTATE]                    = BETWEEN,
    [EVENT_STOP]                      = BETWEEN,
    [EVENT_PREVIOUS_GTIDS]            = BETWEEN,
    [EVENT_MARIADB_GTID_LIST]         = BETWEEN,
    [EVENT_MARIADB_BINLOG_CHECKPOINT] = BETWEEN,
    [EVENT_GTID]                      = MYSQL_GTID,
    [EVENT_GTID_TAGGED]               = MYSQL_GTID,
    [EVENT_ANONYMOUS_GTID]            = ANONYMOUS,
    [EVENT_MARIADB_GTID]              = MARIADB_GTID,
    [EVENT_MARIADB_ANNOTATE_ROWS]     = ANNOTATION,
    [EVENT_MARIADB_START_ENCRYPTION]  = ENCRYPTION,
};
/* clang-format on */

/* In the GTID modes the file's head goes out, and then what the consumer is known to hold is leapt
   over. */
static bool leaps(struct dump *d, const struct reader_piece *p)
{
    bool leap = d->in_head && d->first > p->pos && d->req.kind != DUMP_BY_POSITION;
    d->in_head = false;
    d->gap = d->gap || leap;
    return leap;
}

static int judge(struct dump *d, const struct reader_piece *p, enum verdict *v, struct err *e)
{
    enum kind kind = kinds[p->event.type];
    *v = SEND;
    bool hole = hole_is(&p->event);
    if (kind == FORMAT)
        return on_format(d, p, v, e);
    if (kind == BETWEEN && !hole) {
        d->skipping = false;
        return 0;
    }
    bool encryption = hole && !dump_is_left_out(p);
    if (d->in_head && !encryption && leaps(d, p)) {
        *v = JUMP;
        return 0;
    }
    if (hole) {
        *v = on_hole(d, p);
        return 0;
    }
    bool by_set = d->req.kind == DUMP_BY_GTID_SET;
    if (kind == MYSQL_GTID && by_set)
        return on_gtid(d, p, v, e);
    if (kind == ANONYMOUS && by_set)
        return err_set(e, E_PROTOCOL,
                       "Cannot replicate anonymous transaction when AUTO_POSITION = 1, at file %s, "
                       "position %llu.",
                       d->file, (unsigned long long)store_pos_offset(p->pos));
    if (kind == MARIADB_GTID)
        return on_mariadb_gtid(d, p, v, e);
    if (d->skipping || kind == ENCRYPTION || (kind == ANNOTATION && !d->req.annotate))
        *v = SKIP;
    return 0;
}

/* ---- the stream --------------------------------------------------------------------------------
 */

/* What a semi-synchronous source waits for, as far as the event's type tells. */
static bool ends_transaction(uint8_t type)
{
    return type == EVENT_XID || type == EVENT_XA_PREPARE || type == EVENT_TRANSACTION_PAYLOAD;
}

static const struct frame_lead plain = { { 0 }, 1 };

static struct frame_lead lead_of(const struct dump *d, bool asks)
{
    return d->req.semi_sync ? (struct frame_lead){ { 0, DUMP_SEMI_SYNC_MAGIC, asks ? 1 : 0 }, 3 }
                            : plain;
}

/* Begins to frame the next made event, if there is one. */
static bool take_made(struct dump *d)
{
    if (d->made_at == d->made.len) {
        buf_clear(&d->made);
        d->made_at = 0;
        return false;
    }
    struct slice  rest = { d->made.ptr + d->made_at, d->made.len - d->made_at };
    struct cursor c = cursor_over(rest);
    cursor_skip(&c, 9); /* timestamp, type, server_id */
    uint32_t length = cursor_u32(&c);
    assert(!c.failed && length >= EVENT_HEADER_BYTES && length <= rest.len);
    d->bytes = (struct slice){ rest.ptr, length };
    d->made_at += length;
    d->from_piece = d->asks = false;
    frame_begin(&d->frame, length, lead_of(d, false));
    return true;
}

static void take_piece(struct dump *d)
{
    d->piece_waits = false;
    d->bytes = d->piece.bytes;
    d->from_piece = true;
    if (d->piece.at > 0)
        return;
    d->asks = d->req.semi_sync && ends_transaction(d->piece.event.type);
    frame_begin(&d->frame, d->piece.event.length, lead_of(d, d->asks));
}

/* An answer is a conversation of its own: behind an event that asks for one both sides count their
   packets anew. */
static void after_asking(struct dump *d, uint8_t *sequence)
{
    if (d->asks)
        *sequence = 1;
    d->asks = false;
}

static void piece_done(struct dump *d, uint8_t *sequence)
{
    if (d->from_piece && d->piece.last)
        d->pos = d->piece.end;
    if (!frame_busy(&d->frame))
        after_asking(d, sequence);
    d->from_piece = false;
}

/* The file was read to its end: leads the consumer to the next one, if that is there. */
static int next_file(struct dump *d, bool *there, struct err *e)
{
    enum reader_step step = READER_PIECE;
    TRY(reader_next_file(d->reader, &step, e));
    *there = step != READER_AT_END;
    if (!*there)
        return 0;
    d->pos = reader_pos(d->reader);
    d->skipping = d->in_head = d->gap = d->leapt = false;
    (void)snprintf(d->file, sizeof d->file, "%s", reader_file(d->reader)->name);
    event_put_rotate(&d->made, d->req.server_id, d->file, BINLOG_MAGIC_BYTES, d->has_crc);
    return buf_check(&d->made, "ROTATE", e);
}

/* The reader has nothing more of this file. True: something was made, go on. */
static int at_end(struct dump *d, enum reader_step step, bool *more, struct err *e)
{
    size_t before = d->made.len;
    TRY(close_gap(d, d->pos, e));
    *more = d->made.len > before;
    if (*more || step != READER_FILE_DONE)
        return 0;
    return next_file(d, more, e);
}

/* Moves to the next event that goes out; *step is DUMP_FULL when there is one (or a made one). */
static int advance(struct dump *d, uint64_t *scanned, enum dump_step *step, struct err *e)
{
    if (d->reader == NULL) {
        TRY(reader_open(d->store, d->file_start, 0, &d->reader, e));
        if (d->req.copies)
            reader_read_holes(d->reader);
    }
    for (;;) {
        enum reader_step     was;
        enum verdict         v = SEND;
        bool                 more = false;
        struct reader_piece *p = &d->piece;
        if (points_to_block(d) && !reader_at_hand(d->reader)) {
            *step = DUMP_YIELD;
            return 0;
        }
        TRY(reader_next(d->reader, p, &was, e));
        if (was != READER_PIECE) {
            TRY(at_end(d, was, &more, e));
            *step = more ? DUMP_FULL : d->req.non_block ? DUMP_OVER : DUMP_AT_END;
            return 0;
        }
        if (p->at > 0) {
            v = d->drop_piece ? SKIP : SEND;
        } else {
            TRY(judge(d, p, &v, e));
            d->drop_piece = v == SKIP;
        }
        if (v == SEND) {
            d->last_type = p->event.type;
            if ((d->gap || d->leapt) && p->at == 0)
                TRY(close_gap(d, p->pos, e));
            d->piece_waits = true;
            *step = DUMP_FULL;
            return 0;
        }
        if (v == JUMP) {
            TRY(jump(d, d->first, e));
        } else if (p->last) {
            d->pos = p->end;
        }
        if (v != SKIP) {
            *step = DUMP_FULL;
            return 0;
        }
        d->gap = d->gap || d->skipping;
        *scanned += p->bytes.len;
        if (*scanned >= SCAN_MAX_BYTES) {
            *step = DUMP_YIELD;
            return 0;
        }
    }
}

/* Whether row events of the same statement may follow one of this type. */
static bool inside_statement(uint8_t type)
{
    return type == EVENT_TABLE_MAP || rows_is_any_event(type);
}

static int fill(struct dump *d, struct frame_room *room, uint8_t *sequence, enum dump_step *step,
                struct err *e)
{
    uint64_t scanned = 0;
    *step = DUMP_FULL;
    while (*step == DUMP_FULL) {
        if (d->bytes.len > 0 || d->frame.header_due) {
            room->stretches = d->from_piece && !d->in_head ? d->stretches : NULL;
            if (!frame_put(&d->frame, &d->bytes, room, sequence))
                break;
            piece_done(d, sequence);
        } else if (!frame_busy(&d->frame) && take_made(d)) {
            continue;
        } else if (d->piece_waits) {
            const struct slice whole = d->piece.bytes;
            bool               is_small = whole.len < STRETCH_MIN_BYTES || d->stretches == NULL;
            if (!is_small || d->piece.at > 0 || !d->piece.last ||
                whole.len + FRAME_SMALL_BYTES > room->left) {
                take_piece(d);
                continue;
            }
            d->piece_waits = false;
            if (d->req.semi_sync) {
                d->asks = ends_transaction(d->piece.event.type);
                frame_put_small(whole, lead_of(d, d->asks), room, sequence);
                after_asking(d, sequence);
            } else {
                frame_put_small(whole, plain, room, sequence); /* the compiler knows this lead */
            }
            d->pos = d->piece.end;
        } else if (d->ends_soon && !frame_busy(&d->frame) && !inside_statement(d->last_type)) {
            *step = DUMP_OVER;
        } else {
            TRY(advance(d, &scanned, step, e));
        }
    }
    return 0;
}

int dump_fill(struct dump *d, uint8_t *into, size_t size, size_t *filled, uint8_t *sequence,
              enum dump_step *step, struct err *e)
{
    struct frame_room room = { .at = into, .left = size, .begin = into };
    assert(!points_to_block(d));
    int result = fill(d, &room, sequence, step, e);
    *filled = size - room.left;
    return result;
}

/* ---- at the end --------------------------------------------------------------------------------
 */

/* Every event from here on goes out as it is, unless it is a transaction that a GTID set has. */
static bool follows_plainly(const struct dump *d)
{
    bool nothing_due =
        d->made_at == d->made.len && !d->piece_waits && d->bytes.len == 0 && !frame_busy(&d->frame);
    return d->reader != NULL && nothing_due && !d->in_head && !d->skipping && !d->gap &&
           !d->leapt && !d->ends_soon && !d->req.semi_sync && d->waiting.count == 0 &&
           d->pos == reader_pos(d->reader);
}

bool dump_tail(struct dump *d, struct tail *t, uint8_t *sequence, struct slice *out)
{
    bool             by_set = d->req.kind == DUMP_BY_GTID_SET;
    struct tail_want want = { d->pos, by_set ? &d->req.have : NULL };
    struct tail_run  run;

    if (!follows_plainly(d) || !tail_take(t, &want, sequence, &run))
        return false;
    reader_skip(d->reader, run.end);
    d->pos = run.end;
    if (run.bytes.len > 0)
        d->last_type = run.last_type;
    *out = run.bytes;
    return true;
}

bool dump_annotates(const struct dump *d)
{
    return d->req.annotate;
}
