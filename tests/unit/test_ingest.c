/* The dump reader against a scripted source and a writer that remembers: no server, no disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "protocol/checksum.h"
#include "protocol/packet.h"
#include "relay/upstream/ingest.h"

/* ---- the scripted source: takes the place of protocol/client.c ------------------------------ */

struct client {
    struct buf stream;
    size_t     at;
    size_t     piece;                  /* most that one read gives */
    bool       quiet;                  /* the source has nothing more to say, instead of closing */
    bool       pause;                  /* the next look finds nothing */
    void (*waiting)(struct client *c); /* called when the reader waits */
    uint64_t asked;                    /* position of the dump command */
};

int client_read(struct client *c, uint8_t *into, size_t size, uint32_t wait_ms, size_t *got,
                struct err *e)
{
    size_t n = c->stream.len - c->at;

    /* Every other look without waiting finds nothing, as on a slow network. */
    c->pause = !c->pause;
    if (wait_ms == 0 && c->pause) {
        *got = 0;
        return 0;
    }
    if (wait_ms > 0 && c->waiting != NULL)
        c->waiting(c);
    if (n == 0 && c->quiet) {
        *got = 0;
        return 0;
    }
    if (n == 0)
        return err_set(e, E_IO, "closed");
    n = n < c->piece ? n : c->piece;
    n = n < size ? n : size;
    memcpy(into, c->stream.ptr + c->at, n);
    c->at += n;
    *got = n;
    return 0;
}

int client_dump(struct client *c, const char *file, uint64_t position, uint16_t flags,
                uint32_t server_id, struct err *e)
{
    (void)file;
    (void)flags;
    (void)server_id;
    (void)e;
    c->asked = position;
    return 0;
}

/* ---- the writer that remembers: takes the place of storage/writer.c ------------------------- */

struct writer {
    char       file[STORE_NAME_BYTES + 1];
    unsigned   files;
    unsigned   epochs;
    uint64_t   at;    /* in the current file */
    struct buf bytes; /* of all files, one behind the other */
    uint32_t   skipped;
    struct buf held; /* of the current file, before what is appended; empty: not looked at */
    size_t     flushed;
    bool       syncing;  /* the syncer is at work: what is small may wait */
    unsigned   kept;     /* times that it was told so */
    uint32_t   left;     /* of an event in pieces */
    unsigned   fails_at; /* the n-th append fails; 0: none */
    unsigned   appends;
};

int writer_begin_file(struct writer *w, const struct store_source *source, const char *source_file,
                      uint64_t source_start, struct err *e)
{
    (void)source;
    (void)source_start;
    (void)e;
    (void)snprintf(w->file, sizeof w->file, "%s", source_file);
    w->files++;
    w->at = BINLOG_MAGIC_BYTES;
    return 0;
}

int writer_begin_epoch(struct writer *w, const struct store_source *source, const char *source_file,
                       struct err *e)
{
    w->epochs++;
    return writer_begin_file(w, source, source_file, 0, e);
}

static int take(struct writer *w, struct slice bytes, struct err *e)
{
    assert_false(w->fails_at != 0 && w->appends >= w->fails_at); /* never used after a failure */
    if (++w->appends == w->fails_at)
        return err_set(e, E_FULL, "no room");
    w->at += bytes.len;
    buf_put(&w->bytes, bytes);
    return buf_check(&w->bytes, "what was written", e);
}

int writer_append(struct writer *w, const struct event *ev, struct err *e)
{
    assert_int_equal(w->left, 0);
    assert_int_equal(ev->whole.len, ev->length);
    return take(w, ev->whole, e);
}

int writer_append_head(struct writer *w, const struct event *head, struct err *e)
{
    assert_int_equal(w->left, 0);
    assert_true(head->whole.len >= 64 * 1024);
    w->left = head->length - (uint32_t)head->whole.len;
    return take(w, head->whole, e);
}

int writer_append_rest(struct writer *w, struct slice bytes, struct err *e)
{
    assert_true(bytes.len <= w->left);
    w->left -= (uint32_t)bytes.len;
    return take(w, bytes, e);
}

int writer_compare(struct writer *w, uint64_t at, struct slice bytes, struct err *e)
{
    if (w->held.len == 0)
        return 0;
    assert_true(at >= BINLOG_MAGIC_BYTES && at - BINLOG_MAGIC_BYTES + bytes.len <= w->held.len);
    if (memcmp(w->held.ptr + at - BINLOG_MAGIC_BYTES, bytes.ptr, bytes.len) != 0)
        return err_set(e, E_FORK, "other bytes");
    return 0;
}

int writer_skip(struct writer *w, uint64_t length, struct err *e)
{
    (void)e;
    w->skipped += (uint32_t)length;
    w->at += length;
    return 0;
}

uint64_t writer_offset(const struct writer *w)
{
    return w->at;
}

int writer_flush(struct writer *w, struct err *e)
{
    (void)e;
    assert_true(w->fails_at == 0 || w->appends < w->fails_at);
    w->flushed = w->bytes.len;
    return 0;
}

bool writer_may_wait(struct writer *w)
{
    w->kept += w->syncing;
    return w->syncing;
}

/* ---- making a stream ------------------------------------------------------------------------ */

enum { BOUND = 128 * 1024 * 1024, XID_BYTES = 8 };

struct play {
    struct client          client;
    struct writer          writer;
    struct buf             stored; /* what has to arrive at the writer */
    uint8_t                sequence;
    uint32_t               file_end;
    bool                   with_crc;
    const char            *version; /* NULL: a MySQL's */
    struct ingest_order    order;
    struct store_source    source;
    struct ingest_progress last;
    struct err             e;
    /* semi-synchronous */
    bool                    marked;
    bool                    ask; /* the next event's commit waits */
    struct ingest_semi_sync semi;
    uint64_t                synced;
    uint64_t                acked;
    unsigned                acks;
};

static int remember(void *arg, const struct ingest_progress *p, struct err *e)
{
    struct play *y = arg;
    (void)e;
    assert_true(p->bytes >= y->last.bytes && p->events >= y->last.events);
    y->last = *p;
    return 0;
}

static void play_begin(struct play *y, bool with_crc)
{
    memset(y, 0, sizeof *y);
    buf_init(&y->client.stream, BOUND);
    buf_init(&y->writer.bytes, BOUND);
    buf_init(&y->stored, BOUND);
    buf_init(&y->writer.held, BOUND);
    y->client.piece = SIZE_MAX;
    y->sequence = 1;
    y->file_end = BINLOG_MAGIC_BYTES;
    y->with_crc = with_crc;
    y->order = (struct ingest_order){ .source = &y->source,
                                      .file = "b.000001",
                                      .asked = BINLOG_MAGIC_BYTES,
                                      .offset = BINLOG_MAGIC_BYTES,
                                      .begin = true,
                                      .silence_ms = 20,
                                      .progress = remember,
                                      .arg = y };
}

static void play_end(struct play *y)
{
    buf_done(&y->client.stream);
    buf_done(&y->writer.bytes);
    buf_done(&y->stored);
    buf_done(&y->writer.held);
}

static void send_payload(struct play *y, struct slice payload)
{
    struct buf *out = &y->client.stream;
    for (;;) {
        size_t n = payload.len < PACKET_PAYLOAD_MAX ? payload.len : PACKET_PAYLOAD_MAX;
        buf_put_le(out, n, 3);
        buf_put_u8(out, y->sequence++);
        buf_put(out, (struct slice){ payload.ptr, n });
        payload = (struct slice){ payload.ptr + n, payload.len - n };
        if (n < PACKET_PAYLOAD_MAX)
            return;
    }
}

static void send_event(struct play *y, struct slice event)
{
    struct buf payload;
    buf_init(&payload, BOUND);
    buf_put_u8(&payload, 0);
    if (y->marked) {
        buf_put_u8(&payload, 0xef);
        buf_put_u8(&payload, y->ask);
    }
    buf_put(&payload, event);
    send_payload(y, buf_slice(&payload));
    buf_done(&payload);
    if (y->marked && y->ask)
        y->sequence = 1;
}

/* An event at the file's end with the header's fields; `stored`: it is part of the file. */
static void make_event(struct play *y, uint8_t type, size_t body_bytes, bool crc, struct buf *out)
{
    uint32_t length = (uint32_t)(EVENT_HEADER_BYTES + body_bytes + (crc ? EVENT_CRC_BYTES : 0));

    buf_put_le(out, 1700000000, 4);
    buf_put_u8(out, type);
    buf_put_le(out, 7, 4);
    buf_put_le(out, length, 4);
    buf_put_le(out, y->file_end + length, 4);
    buf_put_le(out, 0, 2);
    for (size_t i = 0; i < body_bytes; i++)
        buf_put_u8(out, (uint8_t)(i * 7));
    if (crc)
        buf_put_le(out, checksum_crc32(0, buf_slice(out)), 4);
    y->file_end += length;
}

static void send_stored(struct play *y, uint8_t type, size_t body_bytes)
{
    struct buf event;
    buf_init(&event, BOUND);
    make_event(y, type, body_bytes, y->with_crc, &event);
    buf_put(&y->stored, buf_slice(&event));
    send_event(y, buf_slice(&event));
    buf_done(&event);
}

static void send_xid(struct play *y)
{
    send_stored(y, EVENT_XID, XID_BYTES);
}

static void send_fake_rotate(struct play *y, const char *file, uint64_t position)
{
    struct buf event;
    buf_init(&event, 1024);
    event_put_rotate(&event, 7, file, position, y->with_crc);
    send_event(y, buf_slice(&event));
    buf_done(&event);
}

/* A format description of a modern server; resent: log_pos 0, not part of the file. */
static void send_format(struct play *y, bool resent)
{
    struct buf event;
    char       version[FORMAT_VERSION_BYTES] = "8.0.33";
    enum { TYPES = 41 };
    uint32_t length = EVENT_HEADER_BYTES + 57 + TYPES + 1 + EVENT_CRC_BYTES;

    if (y->version != NULL)
        (void)snprintf(version, sizeof version, "%s", y->version);
    buf_init(&event, 1024);
    buf_put_le(&event, 1600000000, 4);
    buf_put_u8(&event, EVENT_FORMAT_DESCRIPTION);
    buf_put_le(&event, 7, 4);
    buf_put_le(&event, length, 4);
    buf_put_le(&event, resent ? 0 : BINLOG_MAGIC_BYTES + length, 4);
    buf_put_le(&event, 0, 2);
    buf_put_le(&event, 4, 2);
    buf_put(&event, (struct slice){ (const uint8_t *)version, sizeof version });
    buf_put_le(&event, 0, 4);
    buf_put_u8(&event, EVENT_HEADER_BYTES);
    for (int i = 0; i < TYPES; i++)
        buf_put_u8(&event, 8);
    buf_put_u8(&event, y->with_crc);
    buf_put_le(&event, checksum_crc32(0, buf_slice(&event)), 4);
    send_event(y, buf_slice(&event));
    if (!resent) {
        y->file_end = BINLOG_MAGIC_BYTES + length;
        buf_put(&y->stored, buf_slice(&event));
    }
    buf_done(&event);
}

static void send_opening(struct play *y)
{
    send_fake_rotate(y, "b.000001", BINLOG_MAGIC_BYTES);
    send_format(y, false);
}

static enum err_kind play_run(struct play *y)
{
    bool writer_failed = false;

    if (!y->order.begin)
        y->writer.at = y->order.offset;
    assert_int_equal(ingest_follow(&y->client, &y->writer, &y->order, &writer_failed, &y->e), -1);
    assert_int_equal(writer_failed, y->writer.fails_at != 0);
    return y->e.kind;
}

static void assert_stored(const struct play *y)
{
    assert_int_equal(y->writer.bytes.len, y->stored.len);
    assert_memory_equal(y->writer.bytes.ptr, y->stored.ptr, y->stored.len);
    assert_int_equal(y->writer.flushed, y->stored.len);
}

/* ---- the promises --------------------------------------------------------------------------- */

static void i2_the_same_is_stored_however_the_bytes_are_cut(void **state)
{
    (void)state;
    static const size_t pieces[] = { 1, 2, 3, 5, 19, 64, 1000, SIZE_MAX };
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        for (int crc = 0; crc < 2; crc++) {
            struct play y;
            play_begin(&y, crc);
            y.client.piece = pieces[i];
            send_opening(&y);
            for (int k = 0; k < 300; k++)
                send_xid(&y);
            assert_int_equal(play_run(&y), E_IO);
            assert_stored(&y);
            assert_int_equal(y.last.events, 301);
            assert_int_equal(y.last.offset, y.file_end);
            play_end(&y);
        }
}

static void an_event_larger_than_the_buffer_passes_in_pieces(void **state)
{
    (void)state;
    static const uint32_t payloads[] = {
        INGEST_BUFFER_BYTES - 5, INGEST_BUFFER_BYTES - 4, INGEST_BUFFER_BYTES - 3,
        INGEST_BUFFER_BYTES,     PACKET_PAYLOAD_MAX - 1,  PACKET_PAYLOAD_MAX,
        PACKET_PAYLOAD_MAX + 1,  2 * PACKET_PAYLOAD_MAX,
    };
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++)
        for (int odd = 0; odd < 2; odd++) {
            struct play y;
            play_begin(&y, true);
            y.client.piece = odd ? 99991 : SIZE_MAX;
            send_opening(&y);
            send_xid(&y);
            send_stored(&y, EVENT_WRITE_ROWS,
                        payloads[i] - 1 - EVENT_HEADER_BYTES - EVENT_CRC_BYTES);
            send_xid(&y);
            assert_int_equal(play_run(&y), E_IO);
            assert_stored(&y);
            play_end(&y);
        }
}

static void what_the_source_makes_up_is_not_stored(void **state)
{
    (void)state;
    struct play y;
    struct buf  beat;

    play_begin(&y, true);
    send_opening(&y);
    send_xid(&y);
    buf_init(&beat, 1024);
    event_put_heartbeat(&beat, 7, "b.000001", y.file_end, true);
    send_event(&y, buf_slice(&beat));
    buf_clear(&beat);
    event_put_heartbeat_v2(&beat, 7, "b.000001", y.file_end, true);
    send_event(&y, buf_slice(&beat));
    buf_done(&beat);
    send_fake_rotate(&y, "b.000001", y.file_end);
    send_format(&y, true);
    send_xid(&y);
    send_fake_rotate(&y, "b.000002", BINLOG_MAGIC_BYTES);
    send_format(&y, false);
    send_xid(&y);
    assert_int_equal(play_run(&y), E_IO);
    assert_stored(&y);
    assert_int_equal(y.writer.files, 2);
    assert_string_equal(y.writer.file, "b.000002");
    assert_string_equal(y.last.file, "b.000002");
    play_end(&y);
}

static void a_dump_from_inside_a_file_goes_on_there(void **state)
{
    (void)state;
    struct play y;

    play_begin(&y, true);
    y.order.begin = false;
    y.order.asked = y.order.offset = y.file_end = 5000;
    y.order.created_s = 1600000000;
    send_fake_rotate(&y, "b.000001", 5000);
    send_format(&y, true);
    send_xid(&y);
    assert_int_equal(play_run(&y), E_IO);
    assert_stored(&y);
    assert_int_equal(y.writer.files, 0);
    assert_int_equal(y.last.offset, 5000 + EVENT_HEADER_BYTES + XID_BYTES + EVENT_CRC_BYTES);
    play_end(&y);
}

/* Behind 4 GiB the dump command can't say the position: the file comes from its start. */
static void i3_what_is_held_of_a_file_is_read_over(void **state)
{
    (void)state;
    struct play y;

    play_begin(&y, true);
    send_opening(&y);
    for (int k = 0; k < 50; k++)
        send_xid(&y);
    send_stored(&y, EVENT_WRITE_ROWS, 3 * 1024 * 1024);
    y.order.begin = false;
    y.order.offset = y.file_end;
    buf_put(&y.writer.held, buf_slice(&y.stored));
    buf_clear(&y.stored);
    send_xid(&y);
    assert_int_equal(play_run(&y), E_IO);
    assert_stored(&y);
    assert_int_equal(y.writer.files, 0);

    struct play again;
    play_begin(&again, true);
    send_opening(&again);
    again.order.begin = false;
    again.order.offset = again.file_end + 5;
    send_xid(&again);
    assert_int_equal(play_run(&again), E_FORK);
    assert_int_equal(again.writer.bytes.len, 0);
    play_end(&again);
    play_end(&y);
}

/* One that is held and one that is not, by turns: `large` has rows that come in pieces. */
static void send_by_turns(struct play *y, struct skip *skip, unsigned count, bool large)
{
    struct err e = { 0 };

    for (unsigned k = 0; k < count; k++) {
        const uint64_t from = y->file_end;
        const size_t   stored = y->stored.len;
        if (large)
            send_stored(y, EVENT_WRITE_ROWS, 3 * 1024 * 1024);
        send_xid(y);
        if (k % 2 == 0) {
            assert_int_equal(skip_add_range(skip, "b.000001", from, y->file_end, &e), 0);
            y->stored.len = stored;
        }
    }
}

static void i3_what_is_held_from_another_source_becomes_holes(void **state)
{
    (void)state;
    static const size_t pieces[] = { 1, 100, 99991, SIZE_MAX };
    for (size_t i = 0; i < 2 * (sizeof pieces / sizeof pieces[0]); i++) {
        const bool  large = i % 2 == 1;
        struct play y;
        struct skip skip = { 0 };

        if (large && pieces[i / 2] < 1000)
            continue;
        play_begin(&y, true);
        y.client.piece = pieces[i / 2];
        y.order.joins = true;
        y.order.skip = &skip;
        send_opening(&y);
        send_by_turns(&y, &skip, large ? 4 : 40, large);
        send_fake_rotate(&y, "b.000002", BINLOG_MAGIC_BYTES);
        const uint64_t first_end = y.file_end;
        send_format(&y, false);
        send_xid(&y);
        assert_int_equal(play_run(&y), E_IO);
        assert_stored(&y);
        assert_int_equal(y.writer.epochs, 1);
        assert_int_equal(y.writer.files, 2);
        assert_int_equal(y.last.skipped_transactions, large ? 2 : 20);
        assert_int_equal(y.last.skipped_bytes, y.writer.skipped);
        assert_int_equal(first_end + y.file_end,
                         y.writer.bytes.len + y.writer.skipped + 2 * BINLOG_MAGIC_BYTES);
        skip_done(&skip);
        play_end(&y);
    }
}

/* All of it is held so far, and the source has nothing more: what comes then stands where it has
   to. */
static void a_hole_at_the_end_is_made_before_the_source_is_waited_for(void **state)
{
    (void)state;
    struct play y;
    struct skip skip = { 0 };
    struct err  e = { 0 };

    play_begin(&y, true);
    y.client.quiet = true;
    y.order.joins = true;
    y.order.skip = &skip;
    send_opening(&y);
    const size_t stored = y.stored.len;
    for (int k = 0; k < 3; k++)
        send_xid(&y);
    y.stored.len = stored;
    assert_int_equal(skip_add_range(&skip, "b.000001", BINLOG_MAGIC_BYTES, y.file_end, &e), 0);
    assert_int_equal(play_run(&y), E_IO);
    assert_stored(&y);
    assert_int_equal(y.writer.at, y.file_end);
    assert_false(y.last.any_new);
    skip_done(&skip);
    play_end(&y);
}

/* Two dumps of one file: the first ends with its head, the second begins where the held part does.
 */
static void what_is_known_to_be_held_is_leapt_over(void **state)
{
    (void)state;
    struct play y;
    struct skip skip = { 0 };
    struct err  e = { 0 };
    bool        leaps = false;

    play_begin(&y, true);
    y.order.joins = true;
    y.order.skip = &skip;
    y.order.leaps = &leaps;
    send_opening(&y);
    const size_t head = y.stored.len;
    for (int k = 0; k < 30; k++)
        send_xid(&y);
    y.stored.len = head;
    const uint32_t to = y.file_end;
    assert_int_equal(skip_add_range(&skip, "b.000001", BINLOG_MAGIC_BYTES, to, &e), 0);
    assert_int_equal(play_run(&y), E_STOPPED);
    assert_true(leaps);
    assert_stored(&y);

    y.client.at = y.client.stream.len; /* another connection */
    y.sequence = 1;
    y.last = (struct ingest_progress){ 0 };
    y.order.leaps = NULL;
    y.order.begin = y.order.joins = false;
    y.order.leapt = true;
    y.order.asked = y.order.offset = to;
    send_fake_rotate(&y, "b.000001", to);
    send_format(&y, true);
    y.file_end = to;
    send_xid(&y);
    bool writer_failed = false;
    assert_int_equal(ingest_follow(&y.client, &y.writer, &y.order, &writer_failed, &y.e), -1);
    assert_int_equal(y.e.kind, E_IO);
    assert_stored(&y);
    assert_int_equal(y.writer.at, y.file_end);
    assert_int_equal(y.writer.skipped, to - BINLOG_MAGIC_BYTES - head);
    assert_true(y.last.any_new);
    skip_done(&skip);
    play_end(&y);
}

/* The last held event comes again in front of what is new; large ones in pieces. */
static void a_byte_that_differs_from_what_is_held_is_a_fork(void **state)
{
    (void)state;
    static const size_t bodies[] = { 100, 3 * 1024 * 1024 };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        for (int other = 0; other < 2; other++) {
            struct play y;
            play_begin(&y, true);
            send_opening(&y);
            send_stored(&y, EVENT_WRITE_ROWS, bodies[i]);
            y.order.begin = false;
            y.order.offset = y.file_end;
            buf_put(&y.writer.held, buf_slice(&y.stored));
            y.writer.held.ptr[y.stored.len - 1 - bodies[i] / 2] ^= (uint8_t)other;
            send_xid(&y);
            assert_int_equal(play_run(&y), other ? E_FORK : E_IO);
            assert_int_equal(y.writer.appends, other ? 0 : 1);
            play_end(&y);
        }
    }
}

/* As MariaDB sends an encrypted file; in MySQL's, and anywhere else, a gap is none. */
static void a_gap_where_encryption_began_is_a_hole(void **state)
{
    (void)state;
    enum { START_ENCRYPTION_BYTES = 40 };
    for (int sent = 0; sent < 2; sent++) {
        struct play y;
        play_begin(&y, true);
        y.version = "10.11.19-MariaDB";
        send_opening(&y);
        if (sent) {
            struct buf event;
            buf_init(&event, 1024);
            make_event(&y, EVENT_MARIADB_START_ENCRYPTION, 17, true, &event);
            send_event(&y, buf_slice(&event));
            buf_done(&event);
        } else {
            y.file_end += START_ENCRYPTION_BYTES;
        }
        send_xid(&y);
        assert_int_equal(play_run(&y), E_IO);
        assert_int_equal(y.writer.skipped, START_ENCRYPTION_BYTES);
        assert_int_equal(y.last.offset, y.file_end);
        assert_stored(&y);
        play_end(&y);
    }
}

static void another_file_of_the_same_name_is_a_fork(void **state)
{
    (void)state;
    struct play y;

    play_begin(&y, true);
    y.order.begin = false;
    y.order.asked = y.order.offset = 5000;
    y.order.created_s = 1600000001;
    send_fake_rotate(&y, "b.000001", 5000);
    send_format(&y, true);
    assert_int_equal(play_run(&y), E_FORK);
    play_end(&y);

    play_begin(&y, true);
    send_opening(&y);
    send_xid(&y);
    send_fake_rotate(&y, "b.000001", BINLOG_MAGIC_BYTES);
    assert_int_equal(play_run(&y), E_FORK);
    play_end(&y);
}

static void a_heartbeat_that_is_ahead_shows_a_gap(void **state)
{
    (void)state;
    struct play y;
    struct buf  beat;

    play_begin(&y, true);
    send_opening(&y);
    buf_init(&beat, 1024);
    event_put_heartbeat(&beat, 7, "b.000001", y.file_end + 1, true);
    send_event(&y, buf_slice(&beat));
    buf_done(&beat);
    assert_int_equal(play_run(&y), E_PROTOCOL);
    play_end(&y);
}

static void silence_ends_the_dump(void **state)
{
    (void)state;
    struct play y;

    play_begin(&y, true);
    y.client.quiet = true;
    send_opening(&y);
    send_xid(&y);
    assert_int_equal(play_run(&y), E_IO);
    assert_non_null(strstr(y.e.text, "no sign of life"));
    assert_stored(&y);
    assert_true(y.last.caught_up);
    play_end(&y);
}

static void send_error(struct play *y, unsigned number, const char *text)
{
    struct buf payload;
    buf_init(&payload, 1024);
    buf_put_u8(&payload, 0xff);
    buf_put_le(&payload, number, 2);
    buf_put_text(&payload, text);
    send_payload(y, buf_slice(&payload));
    buf_done(&payload);
}

static void the_sources_errors_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char   *text;
        enum err_kind kind;
        const char   *said;
    } cases[] = {
        { "#HY000Could not find first log file name in binary log index file", E_PURGED,
          "does not have this file" },
        { "Could not find first log file name in binary log index file", E_PURGED,
          "does not have this file" },
        { "#HY000Client requested source to start replication from position > file size", E_FORK,
          "shorter than what the relay holds" },
        { "#HY000Client requested master to start replication from impossible position; x", E_FORK,
          "shorter than what the relay holds" },
        { "#HY000A slave with the same server_uuid/server_id as this slave has connected",
          E_REFUSED, "give the relay a server_id of its own" },
        { "#HY000something new", E_REFUSED, "something new (1236)" },
        { "", E_REFUSED, "(1236)" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct play y;
        play_begin(&y, true);
        send_error(&y, 1236, cases[i].text);
        assert_int_equal(play_run(&y), cases[i].kind);
        assert_int_equal(y.e.sys, 1236);
        if (strstr(y.e.text, cases[i].said) == NULL)
            fail_msg("'%s' is not in '%s'", cases[i].said, y.e.text);
        play_end(&y);
    }
}

static void a_wrong_packet_number_is_refused(void **state)
{
    (void)state;
    struct play y;

    play_begin(&y, true);
    send_opening(&y);
    y.sequence++;
    send_xid(&y);
    assert_int_equal(play_run(&y), E_PROTOCOL);
    play_end(&y);
}

/* A large event whose packets hold more or less than its header says. */
static void a_large_event_of_another_length_is_refused(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        struct play y;
        struct buf  event;
        play_begin(&y, true);
        send_opening(&y);
        buf_init(&event, BOUND);
        make_event(&y, EVENT_WRITE_ROWS, PACKET_PAYLOAD_MAX + 1000, true, &event);
        event.ptr[9] = (uint8_t)(event.ptr[9] + (more ? 1 : -1));
        send_event(&y, buf_slice(&event));
        buf_done(&event);
        assert_int_equal(play_run(&y), E_PROTOCOL);
        play_end(&y);
    }
}

static void a_failed_writer_is_not_used_again(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 12; n++) {
        struct play y;
        play_begin(&y, true);
        y.writer.fails_at = n;
        send_opening(&y);
        for (int k = 0; k < 5; k++)
            send_xid(&y);
        send_stored(&y, EVENT_WRITE_ROWS, 20 * 1024 * 1024);
        y.client.piece = 4 * 1024 * 1024;
        assert_int_equal(play_run(&y), E_FULL);
        play_end(&y);
    }
}

static void no_cut_and_no_flipped_byte_of_a_stream_does_harm(void **state)
{
    (void)state;
    struct play whole;

    play_begin(&whole, true);
    send_opening(&whole);
    send_xid(&whole);
    send_fake_rotate(&whole, "b.000002", BINLOG_MAGIC_BYTES);
    send_format(&whole, false);
    send_xid(&whole);
    for (size_t n = 0; n < whole.client.stream.len; n++) {
        struct play y;
        play_begin(&y, true);
        buf_put(&y.client.stream, (struct slice){ whole.client.stream.ptr, n });
        assert_int_equal(play_run(&y), E_IO);
        assert_true(y.writer.bytes.len <= whole.stored.len);
        if (y.writer.bytes.len > 0)
            assert_memory_equal(y.writer.bytes.ptr, whole.stored.ptr, y.writer.bytes.len);
        play_end(&y);
    }
    for (size_t n = 0; n < whole.client.stream.len; n++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct play y;
            play_begin(&y, true);
            buf_put(&y.client.stream, buf_slice(&whole.client.stream));
            y.client.stream.ptr[n] = (uint8_t)(y.client.stream.ptr[n] ^ 1u << bit);
            (void)play_run(&y);
            /* Whatever was taken is right: nothing with a wrong checksum gets through. */
            assert_true(y.writer.bytes.len <= whole.stored.len);
            play_end(&y);
        }
    play_end(&whole);
}

/* ---- semi-synchronous ----------------------------------------------------------------------- */

static uint64_t mark_of(void *arg, uint64_t offset)
{
    (void)arg;
    return offset;
}

static uint64_t synced_end(void *arg)
{
    const struct play *y = arg;
    return y->synced;
}

/* Sequence 0, the marker, the position, the file's name; never for what is not synced (I4). */
static int take_ack(void *arg, struct slice packet, struct err *e)
{
    struct play  *y = arg;
    struct cursor c = cursor_over(packet);

    (void)e;
    assert_int_equal(cursor_u24(&c), packet.len - PACKET_HEADER_BYTES);
    assert_int_equal(cursor_u8(&c), 0);
    assert_int_equal(cursor_u8(&c), 0xef);
    uint64_t offset = cursor_u64(&c);
    assert_true(slice_equal(cursor_rest(&c), slice_of_text("b.000001")));
    assert_true(offset <= y->synced);
    assert_true(offset > y->acked);
    y->acked = offset;
    y->acks++;
    return 0;
}

/* What was flushed becomes safe only while the reader waits. */
static void sync_all(struct client *c)
{
    struct play *y = (struct play *)(void *)c;
    y->synced = BINLOG_MAGIC_BYTES + y->writer.flushed;
}

static void play_begin_semi_sync(struct play *y, bool marked)
{
    play_begin(y, true);
    y->marked = marked;
    y->semi = (struct ingest_semi_sync){
        .mark = mark_of, .safe = synced_end, .send = take_ack, .arg = y
    };
    y->order.semi_sync = &y->semi;
    y->client.quiet = true;
    y->client.waiting = sync_all;
    send_opening(y);
}

static void send_waiting_xid(struct play *y)
{
    y->ask = true;
    send_xid(y);
    y->ask = false;
}

static void i4_an_acknowledgement_is_sent_for_what_is_synced_alone(void **state)
{
    (void)state;
    static const size_t pieces[] = { 1, 7, 100, 5000, SIZE_MAX };
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct play y;
        play_begin_semi_sync(&y, true);
        y.client.piece = pieces[i];
        for (int k = 0; k < 100; k++) {
            send_xid(&y);
            send_waiting_xid(&y);
        }
        uint64_t last_waiting = y.file_end;
        send_xid(&y);
        assert_int_equal(play_run(&y), E_IO);
        assert_stored(&y);
        assert_int_equal(y.acked, last_waiting);
        assert_true(y.acks >= 1 && y.acks <= 100);
        assert_true(y.last.semi_sync);
        assert_int_equal(y.last.acks, y.acks);
        play_end(&y);
    }
}

static void i4_nothing_is_acknowledged_before_a_sync(void **state)
{
    (void)state;
    struct play y;

    play_begin_semi_sync(&y, true);
    y.client.waiting = NULL;
    for (int k = 0; k < 100; k++)
        send_waiting_xid(&y);
    assert_int_equal(play_run(&y), E_IO);
    assert_stored(&y);
    assert_int_equal(y.acks, 0);
    play_end(&y);
}

static void a_large_event_that_waits_is_acknowledged(void **state)
{
    (void)state;
    static const uint32_t bytes[] = { INGEST_BUFFER_BYTES, PACKET_PAYLOAD_MAX - 3 - 23,
                                      PACKET_PAYLOAD_MAX - 1 - 23, PACKET_PAYLOAD_MAX };
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        struct play y;
        play_begin_semi_sync(&y, true);
        y.client.piece = 99991;
        y.ask = true;
        send_stored(&y, EVENT_WRITE_ROWS, bytes[i]);
        y.ask = false;
        uint64_t waiting = y.file_end;
        assert_int_equal(play_run(&y), E_IO);
        assert_int_equal(y.acked, waiting);
        assert_stored(&y);
        play_end(&y);
    }
}

/* ---- what comes during a sync --------------------------------------------------------------- */

struct kept {
    struct play  play;
    _Atomic bool waits;
};

/* The sync ends while the reader waits: then it is woken, or more bytes come. */
static void end_sync(struct client *c)
{
    struct kept   *k = (struct kept *)c; /* its first member's first member */
    struct writer *w = &k->play.writer;
    assert_int_equal(atomic_load(&k->waits), w->flushed < w->bytes.len);
    if (w->flushed < w->bytes.len)
        w->syncing = false;
}

static void what_comes_during_a_sync_is_kept_to_its_end(void **state)
{
    (void)state;
    struct kept k;

    play_begin(&k.play, true);
    atomic_init(&k.waits, false);
    k.play.order.waits = &k.waits;
    k.play.client.quiet = true;
    k.play.client.waiting = end_sync;
    k.play.writer.syncing = true;
    send_opening(&k.play);
    send_xid(&k.play);
    assert_int_equal(play_run(&k.play), E_IO);
    assert_true(k.play.writer.kept > 0);
    assert_false(atomic_load(&k.waits));
    assert_int_equal(k.play.writer.flushed, k.play.writer.bytes.len);
    assert_stored(&k.play);
    play_end(&k.play);
}

static void without_a_way_to_be_woken_nothing_is_kept(void **state)
{
    (void)state;
    struct play y;

    play_begin(&y, true);
    y.writer.syncing = true;
    y.client.quiet = true;
    send_opening(&y);
    send_xid(&y);
    assert_int_equal(play_run(&y), E_IO);
    assert_int_equal(y.writer.kept, 0);
    assert_int_equal(y.writer.flushed, y.writer.bytes.len);
    play_end(&y);
}

static void a_source_that_marks_nothing_is_read_as_usual(void **state)
{
    (void)state;
    struct play y;

    play_begin_semi_sync(&y, false);
    send_xid(&y);
    assert_int_equal(play_run(&y), E_IO);
    assert_stored(&y);
    assert_int_equal(y.acks, 0);
    assert_false(y.last.semi_sync);
    play_end(&y);
}

static void an_event_without_its_mark_is_refused(void **state)
{
    (void)state;
    struct play y;

    play_begin_semi_sync(&y, true);
    y.marked = false;
    send_xid(&y);
    assert_int_equal(play_run(&y), E_PROTOCOL);
    play_end(&y);
}

/* ---- the probe ------------------------------------------------------------------------------ */

static enum err_kind probe(bool good, bool with_answer)
{
    struct play y;
    struct err  e = { 0 };

    play_begin(&y, true);
    y.client.quiet = true;
    y.file_end = good ? 5000 : 5001;
    send_fake_rotate(&y, "b.000001", 5000);
    send_format(&y, true);
    if (with_answer)
        send_xid(&y);
    int rc = ingest_probe(&y.client, "b.000001", 5000, 9000, 0, 1, &e);
    assert_int_equal(rc == 0, e.kind == E_OK);
    assert_int_equal(y.client.asked, 5000);
    assert_int_equal(y.writer.appends, 0);
    play_end(&y);
    return e.kind;
}

static void a_place_is_an_events_start_when_the_event_says_so(void **state)
{
    (void)state;
    assert_int_equal(probe(true, true), E_OK);
    assert_int_equal(probe(false, true), E_CONFIG);
    assert_int_equal(probe(true, false), E_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(i2_the_same_is_stored_however_the_bytes_are_cut),
        cmocka_unit_test(an_event_larger_than_the_buffer_passes_in_pieces),
        cmocka_unit_test(what_the_source_makes_up_is_not_stored),
        cmocka_unit_test(a_dump_from_inside_a_file_goes_on_there),
        cmocka_unit_test(i3_what_is_held_of_a_file_is_read_over),
        cmocka_unit_test(a_byte_that_differs_from_what_is_held_is_a_fork),
        cmocka_unit_test(a_gap_where_encryption_began_is_a_hole),
        cmocka_unit_test(another_file_of_the_same_name_is_a_fork),
        cmocka_unit_test(a_heartbeat_that_is_ahead_shows_a_gap),
        cmocka_unit_test(silence_ends_the_dump),
        cmocka_unit_test(the_sources_errors_are_told_apart),
        cmocka_unit_test(a_wrong_packet_number_is_refused),
        cmocka_unit_test(i3_what_is_held_from_another_source_becomes_holes),
        cmocka_unit_test(what_is_known_to_be_held_is_leapt_over),
        cmocka_unit_test(a_hole_at_the_end_is_made_before_the_source_is_waited_for),
        cmocka_unit_test(a_large_event_of_another_length_is_refused),
        cmocka_unit_test(a_failed_writer_is_not_used_again),
        cmocka_unit_test(no_cut_and_no_flipped_byte_of_a_stream_does_harm),
        cmocka_unit_test(i4_an_acknowledgement_is_sent_for_what_is_synced_alone),
        cmocka_unit_test(i4_nothing_is_acknowledged_before_a_sync),
        cmocka_unit_test(a_large_event_that_waits_is_acknowledged),
        cmocka_unit_test(what_comes_during_a_sync_is_kept_to_its_end),
        cmocka_unit_test(without_a_way_to_be_woken_nothing_is_kept),
        cmocka_unit_test(a_source_that_marks_nothing_is_read_as_usual),
        cmocka_unit_test(an_event_without_its_mark_is_refused),
        cmocka_unit_test(a_place_is_an_events_start_when_the_event_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
