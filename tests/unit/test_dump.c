/* The binlog sender over a real store: what a consumer gets, packet by packet, for whatever it asks
   and however small the sender's room is. */
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
#include "relay/downstream/dump.h"
#include "storage/hole.h"
#include "tests/sim/fixture.h"

static const struct binlog_style mysql = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };
static const struct binlog_style maria = { .family = FAMILY_MARIADB, .crc = true, .gtids = true };

enum { RELAY_ID = 4711, GOT_MAX = 4096, IN_MAX_BYTES = 64 * 1024 * 1024 };

/* ---- a consumer --------------------------------------------------------------------------------
 */

struct consumer {
    struct dump *dump;
    uint8_t      sequence, expected; /* the sender's, ours */
    size_t       window;
    bool         semi_sync;
    unsigned     asked;   /* for so many acknowledgements */
    struct buf   in;      /* packets not taken apart yet */
    struct buf   payload; /* of one event */
    size_t       at;
    struct buf   events; /* one behind the other, without the 0x00 */
    size_t       starts[GOT_MAX + 1], count;
};

static struct dump_request asking(const struct binlog_style *style, enum dump_kind kind)
{
    bool is_maria = style->family == FAMILY_MARIADB;
    return (struct dump_request){
        .kind = kind,
        .family = style->family,
        .version_number = is_maria ? 101119 : 90704,
        .server_id = RELAY_ID,
        .checksum = DUMP_CHECKSUM_CRC32,
        .annotate = true,
        .capability = is_maria ? 4 : -1,
        .file = "",
        .position = 4,
        .source_uuid = "",
    };
}

static void attach(struct consumer *c, struct fixture *f, struct dump_request *r)
{
    struct err e = { 0 };
    *c = (struct consumer){ .sequence = 1, .expected = 1, .window = DUMP_OUT_BYTES };
    buf_init(&c->in, IN_MAX_BYTES);
    buf_init(&c->payload, IN_MAX_BYTES);
    buf_init(&c->events, IN_MAX_BYTES);
    if (dump_open(f->store, r, &c->dump, &e) != 0)
        fail_msg("%s", e.text);
}

static void detach(struct consumer *c)
{
    dump_close(c->dump);
    buf_done(&c->in);
    buf_done(&c->payload);
    buf_done(&c->events);
}

static void take_apart(struct consumer *c)
{
    while (c->in.len - c->at >= PACKET_HEADER_BYTES) {
        const uint8_t *header = c->in.ptr + c->at;
        uint32_t       n = packet_payload_bytes(header);
        if (c->in.len - c->at - PACKET_HEADER_BYTES < n)
            return;
        assert_int_equal(header[3], c->expected++);
        buf_put(&c->payload, (struct slice){ header + PACKET_HEADER_BYTES, n });
        c->at += PACKET_HEADER_BYTES + n;
        if (n == PACKET_PAYLOAD_MAX)
            continue;
        assert_true(c->payload.len > EVENT_HEADER_BYTES);
        assert_int_equal(c->payload.ptr[0], 0);
        assert_true(c->count < GOT_MAX);
        size_t lead = c->semi_sync ? 3 : 1;
        if (c->semi_sync) {
            assert_int_equal(c->payload.ptr[1], DUMP_SEMI_SYNC_MAGIC);
            c->asked += c->payload.ptr[2];
            c->expected = c->payload.ptr[2] == 1 ? 1 : c->expected;
        }
        buf_put(&c->events, (struct slice){ c->payload.ptr + lead, c->payload.len - lead });
        c->starts[++c->count] = c->events.len;
        buf_clear(&c->payload);
    }
}

/* Takes all there is; the step it ended with. Fails the test on an error, unless `e` wants it. */
static int take_all(struct consumer *c, enum dump_step *step, struct err *e)
{
    uint8_t *window = malloc(c->window);
    int      result = 0;
    assert_non_null(window);
    *step = DUMP_FULL;
    while (result == 0 && (*step == DUMP_FULL || *step == DUMP_YIELD)) {
        size_t filled = 0;
        result = dump_fill(c->dump, window, c->window, &filled, &c->sequence, step, e);
        buf_put(&c->in, (struct slice){ window, filled });
        take_apart(c);
    }
    assert_int_equal(c->in.failed | c->payload.failed | c->events.failed, BUF_FINE);
    if (result == 0)
        assert_int_equal(c->at, c->in.len);
    free(window);
    return result;
}

static enum dump_step take(struct consumer *c)
{
    struct err     e = { 0 };
    enum dump_step step;
    if (take_all(c, &step, &e) != 0)
        fail_msg("%s", e.text);
    return step;
}

static struct slice got(const struct consumer *c, size_t i)
{
    assert_true(i < c->count);
    return (struct slice){ c->events.ptr + c->starts[i], c->starts[i + 1] - c->starts[i] };
}

static struct event got_event(const struct consumer *c, size_t i, bool crc)
{
    struct event ev;
    struct err   e = { 0 };
    if (event_parse(got(c, i), crc, &ev, &e) != 0 || (crc && event_verify(ev.whole, &e) != 0))
        fail_msg("event %zu: %s", i, e.text);
    return ev;
}

static void assert_rotate(const struct consumer *c, size_t i, const char *file, uint64_t position,
                          bool crc)
{
    struct event        ev = got_event(c, i, crc);
    struct event_rotate r;
    struct err          e = { 0 };
    assert_int_equal(ev.type, EVENT_ROTATE);
    assert_true(event_is_artificial(&ev));
    assert_int_equal(ev.server_id, RELAY_ID);
    assert_int_equal(event_parse_rotate(&ev, &r, &e), 0);
    assert_string_equal(r.file, file);
    assert_int_equal(r.position, position);
}

/* Events from `from` on are those of the binlog from its event `first` up to and without `to`. */
static size_t assert_events(const struct consumer *c, size_t from, const struct binlog *b,
                            size_t first, size_t to)
{
    for (size_t i = first; i < to && i < b->count; i++, from++) {
        struct slice is = got(c, from), shall = binlog_slice(b, i);
        assert_int_equal(is.len, shall.len);
        assert_memory_equal(is.ptr, shall.ptr, is.len);
    }
    return from;
}

/* The index of the event that begins at this offset. */
static size_t event_at(const struct binlog *b, uint64_t offset)
{
    for (size_t i = 0; i + 1 < b->count; i++)
        if (b->ends[i] == offset)
            return i + 1;
    fail_msg("no event begins at %llu", (unsigned long long)offset);
    return 0;
}

/* ---- two files ---------------------------------------------------------------------------------
 */

enum ending { BY_ROTATE, BY_STOP, BY_NOTHING };

struct scene {
    struct fixture f;
    struct binlog  one, two;
};

static void scene_begin(struct scene *s, const struct binlog_style *style, enum ending ending)
{
    fixture_begin(&s->f, NULL);
    binlog_begin(&s->one, style);
    binlog_format(&s->one);
    binlog_head(&s->one, "");
    for (size_t i = 0; i < 10; i++)
        binlog_transaction(&s->one, 50 * i);
    binlog_ddl(&s->one, "CREATE TABLE d.t (a INT)");
    if (ending == BY_ROTATE)
        binlog_rotate(&s->one, "bin.000002");
    else if (ending == BY_STOP)
        binlog_stop(&s->one);
    fixture_file(&s->f, "bin.000001", &s->one);
    binlog_begin_next(&s->two, &s->one);
    binlog_format(&s->two);
    binlog_head(&s->two, binlog_gtids(&s->one));
    for (size_t i = 0; i < 5; i++)
        binlog_transaction(&s->two, 10);
    fixture_file(&s->f, "bin.000002", &s->two);
}

static void scene_done(struct scene *s)
{
    fixture_done(&s->f);
    binlog_done(&s->one);
    binlog_done(&s->two);
}

static void from_the_start_everything_comes_as_it_is_stored(void **state)
{
    (void)state;
    static const struct binlog_style styles[] = {
        { .family = FAMILY_MYSQL, .crc = true, .gtids = true },
        { .family = FAMILY_MYSQL, .crc = false, .gtids = true },
        { .family = FAMILY_MYSQL, .old = true },
        { .family = FAMILY_MARIADB, .crc = true, .gtids = true },
        { .family = FAMILY_MARIADB, .crc = true, .gtids = true, .no_position = true },
    };
    static const size_t      windows[] = { 64, 65, 100, 4096, DUMP_OUT_BYTES };
    static const enum ending endings[] = { BY_ROTATE, BY_STOP, BY_NOTHING };
    for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++) {
        for (size_t k = 0; k < 3; k++) {
            struct scene s;
            scene_begin(&s, &styles[i], endings[k]);
            for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++) {
                struct dump_request r = asking(&styles[i], DUMP_BY_POSITION);
                struct consumer     c;
                r.checksum = styles[i].crc ? DUMP_CHECKSUM_CRC32 : DUMP_CHECKSUM_NONE;
                attach(&c, &s.f, &r);
                c.window = windows[w];
                assert_int_equal(take(&c), DUMP_AT_END);
                assert_rotate(&c, 0, "bin.000001", 4, styles[i].crc);
                size_t at = assert_events(&c, 1, &s.one, 0, SIZE_MAX);
                assert_rotate(&c, at, "bin.000002", 4, styles[i].crc);
                at = assert_events(&c, at + 1, &s.two, 0, SIZE_MAX);
                assert_int_equal(at, c.count);
                assert_int_equal(dump_pos(c.dump), store_published(s.f.store));
                assert_string_equal(dump_file(c.dump), "bin.000002");
                detach(&c);
            }
            scene_done(&s);
        }
    }
}

static void inside_a_file_the_format_comes_again_without_time_and_place(void **state)
{
    (void)state;
    struct scene s;
    scene_begin(&s, &mysql, BY_ROTATE);
    for (size_t t = 0; t < s.one.txn_count; t++) {
        struct dump_request r = asking(&mysql, DUMP_BY_POSITION);
        struct consumer     c;
        struct format       format;
        struct err          e = { 0 };
        r.file = "bin.000001";
        r.position = s.one.txn_ends[t];
        attach(&c, &s.f, &r);
        assert_int_equal(take(&c), DUMP_AT_END);
        assert_rotate(&c, 0, "bin.000001", s.one.txn_ends[t], true);
        struct event ev = got_event(&c, 1, true);
        assert_int_equal(ev.type, EVENT_FORMAT_DESCRIPTION);
        assert_int_equal(ev.source_end, 0);
        assert_int_equal(format_parse(ev.whole, &format, &e), 0);
        assert_int_equal(format.created_s, 0);
        (void)assert_events(&c, 2, &s.one, event_at(&s.one, s.one.txn_ends[t]), SIZE_MAX);
        detach(&c);
    }
    scene_done(&s);
}

static void a_source_s_own_file_name_leads_to_the_relay_file(void **state)
{
    (void)state;
    struct scene        s;
    struct consumer     c;
    struct dump_request r = asking(&mysql, DUMP_BY_POSITION);
    scene_begin(&s, &mysql, BY_ROTATE);
    r.file = "a:bin.000002";
    r.position = s.two.txn_ends[0];
    attach(&c, &s.f, &r);
    assert_int_equal(take(&c), DUMP_AT_END);
    assert_rotate(&c, 0, "bin.000002", s.two.txn_ends[0], true);
    (void)assert_events(&c, 2, &s.two, event_at(&s.two, s.two.txn_ends[0]), SIZE_MAX);
    detach(&c);
    scene_done(&s);
}

static void at_the_end_it_waits_and_goes_on(void **state)
{
    (void)state;
    struct scene        s;
    struct consumer     c;
    struct dump_request r = asking(&mysql, DUMP_BY_POSITION);
    struct binlog       three;
    scene_begin(&s, &mysql, BY_ROTATE);
    r.file = "bin.000002";
    attach(&c, &s.f, &r);
    assert_int_equal(take(&c), DUMP_AT_END);
    size_t before = c.count;
    assert_int_equal(take(&c), DUMP_AT_END);
    assert_int_equal(c.count, before);

    size_t had = s.two.count;
    binlog_transaction(&s.two, 10);
    fixture_append(&s.f, &s.two, had, had + 2);
    fixture_publish(&s.f); /* half of it: nobody may see that */
    assert_int_equal(take(&c), DUMP_AT_END);
    assert_int_equal(c.count, before);
    fixture_append(&s.f, &s.two, had + 2, SIZE_MAX);
    fixture_publish(&s.f);
    assert_int_equal(take(&c), DUMP_AT_END);
    before = assert_events(&c, before, &s.two, had, SIZE_MAX);
    assert_int_equal(c.count, before);

    binlog_begin_next(&three, &s.two);
    binlog_format(&three);
    binlog_head(&three, binlog_gtids(&s.two));
    binlog_transaction(&three, 10);
    fixture_file(&s.f, "bin.000003", &three);
    assert_int_equal(take(&c), DUMP_AT_END);
    assert_rotate(&c, before, "bin.000003", 4, true);
    assert_int_equal(assert_events(&c, before + 1, &three, 0, SIZE_MAX), c.count);
    detach(&c);
    binlog_done(&three);
    scene_done(&s);
}

static void who_does_not_want_to_wait_is_told_the_end(void **state)
{
    (void)state;
    struct scene        s;
    struct consumer     c;
    struct dump_request r = asking(&maria, DUMP_BY_POSITION);
    scene_begin(&s, &maria, BY_ROTATE);
    r.non_block = true;
    r.checksum = DUMP_CHECKSUM_NONE;
    attach(&c, &s.f, &r);
    assert_int_equal(take(&c), DUMP_OVER);
    assert_rotate(&c, 0, "bin.000001", 4, false); /* the one event that heeds the wish */
    size_t at = assert_events(&c, 1, &s.one, 0, SIZE_MAX);
    assert_rotate(&c, at, "bin.000002", 4, true);
    detach(&c);
    scene_done(&s);
}

static void an_event_larger_than_a_packet_arrives_whole(void **state)
{
    (void)state;
    struct fixture      f;
    struct binlog       b;
    struct consumer     c;
    struct dump_request r = asking(&mysql, DUMP_BY_POSITION);
    fixture_begin(&f, NULL);
    binlog_begin(&b, &mysql);
    binlog_format(&b);
    binlog_head(&b, "");
    binlog_transaction(&b, 300 * 1024);
    /* Exactly a full packet with its 0x00: an empty one follows. 33 bytes are around the rows. */
    binlog_transaction(&b, PACKET_PAYLOAD_MAX - 1 - 35);
    binlog_transaction(&b, 20 * 1024 * 1024);
    fixture_file(&f, "bin.000001", &b);
    attach(&c, &f, &r);
    assert_int_equal(take(&c), DUMP_AT_END);
    assert_rotate(&c, 0, "bin.000001", 4, true);
    assert_int_equal(assert_events(&c, 1, &b, 0, SIZE_MAX), c.count);
    /* One packet an event, and one more for each of the two large ones. */
    assert_int_equal(c.expected, (uint8_t)(1 + c.count + 2));
    detach(&c);
    fixture_done(&f);
    binlog_done(&b);
}

/* Packets are counted anew behind each event that asks, whatever the windows are. */
static void a_semi_synchronous_replica_is_asked_behind_each_transaction(void **state)
{
    (void)state;
    static const size_t windows[] = { 64, 100, 4096, DUMP_OUT_BYTES };
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        struct scene        s;
        struct consumer     c;
        struct dump_request r = asking(&mysql, DUMP_BY_POSITION);
        scene_begin(&s, &mysql, BY_ROTATE);
        r.semi_sync = true;
        attach(&c, &s.f, &r);
        c.semi_sync = true;
        c.window = windows[i];
        assert_int_equal(take(&c), DUMP_AT_END);
        assert_rotate(&c, 0, "bin.000001", 4, true);
        size_t at = assert_events(&c, 1, &s.one, 0, SIZE_MAX);
        assert_rotate(&c, at, "bin.000002", 4, true);
        assert_int_equal(assert_events(&c, at + 1, &s.two, 0, SIZE_MAX), c.count);
        assert_int_equal(c.asked, 15); /* a DDL statement has no event of its own at its end */
        detach(&c);
        scene_done(&s);
    }
}

/* ---- GTIDs -------------------------------------------------------------------------------------
 */

static void assert_heartbeat(const struct consumer *c, size_t i, const char *file, uint64_t at)
{
    struct event ev = got_event(c, i, true);
    assert_int_equal(ev.type, EVENT_HEARTBEAT);
    assert_int_equal(ev.source_end, at);
    assert_int_equal(ev.body.len, strlen(file));
    assert_memory_equal(ev.body.ptr, file, ev.body.len);
}

static void ask_for_set(struct dump_request *r, const char *text)
{
    char       set[128];
    struct err e = { 0 };
    *r = asking(&mysql, DUMP_BY_GTID_SET);
    (void)snprintf(set, sizeof set, "%s:%s", binlog_uuid, text);
    assert_int_equal(gtid_set_parse(&r->have, slice_of_text(text[0] != '\0' ? set : ""), &e), 0);
}

static void a_gtid_set_gets_what_is_missing_and_heartbeats_for_the_rest(void **state)
{
    (void)state;
    struct scene        s;
    struct consumer     c;
    struct dump_request r;
    scene_begin(&s, &mysql, BY_ROTATE);

    ask_for_set(&r, "");
    attach(&c, &s.f, &r);
    (void)take(&c);
    assert_rotate(&c, 0, "bin.000001", 4, true);
    size_t at = assert_events(&c, 1, &s.one, 0, SIZE_MAX);
    assert_rotate(&c, at, "bin.000002", 4, true);
    detach(&c);

    ask_for_set(&r, "1-3:5"); /* lacks 4 and all from 6 on */
    attach(&c, &s.f, &r);
    (void)take(&c);
    assert_rotate(&c, 0, "bin.000001", 4, true);
    struct format format;
    struct err    e = { 0 };
    assert_int_equal(format_parse(got(&c, 1), &format, &e), 0);
    assert_int_equal(format.created_s, 0); /* it holds the first one, so this is no start */
    at = assert_events(&c, 2, &s.one, 1, 2);
    assert_heartbeat(&c, at++, "bin.000001", s.one.txn_ends[2]);
    at = assert_events(&c, at, &s.one, event_at(&s.one, s.one.txn_ends[2]),
                       event_at(&s.one, s.one.txn_ends[3]));
    assert_heartbeat(&c, at++, "bin.000001", s.one.txn_ends[4]);
    at = assert_events(&c, at, &s.one, event_at(&s.one, s.one.txn_ends[4]), SIZE_MAX);
    assert_rotate(&c, at, "bin.000002", 4, true);
    at = assert_events(&c, at + 1, &s.two, 0, SIZE_MAX);
    assert_int_equal(at, c.count);
    detach(&c);
    scene_done(&s);
}

/* A file that ends with a hole. */
static uint64_t hole_begin(struct fixture *f, struct binlog *b, const struct binlog_style *style,
                           uint64_t length)
{
    struct err e = { 0 };
    fixture_begin(f, NULL);
    binlog_begin(b, style);
    binlog_format(b);
    binlog_head(b, "");
    binlog_transaction(b, 100);
    fixture_file(f, "bin.000001", b);
    assert_int_equal(writer_skip(f->writer, length, &e), 0);
    fixture_publish(f);
    return writer_offset(f->writer);
}

static void nobody_is_sent_a_hole_but_everybody_gets_over_it(void **state)
{
    (void)state;
    static const struct {
        const struct binlog_style *style;
        enum dump_kind             kind;
        size_t                     more; /* events that the hole makes */
    } cases[] = {
        { &mysql, DUMP_BY_POSITION, 2 },
        { &mysql, DUMP_BY_GTID_SET, 1 },
        { &maria, DUMP_BY_POSITION, 2 },
        { &maria, DUMP_BY_GTID_STATE, 2 },
    };
    static const uint64_t lengths[] = { 5000, 100000, 70000000 };
    for (size_t n = 0; n < 3 * sizeof cases / sizeof cases[0]; n++) {
        size_t              i = n / 3;
        struct fixture      f;
        struct binlog       b;
        struct consumer     c;
        uint64_t            end = hole_begin(&f, &b, cases[i].style, lengths[n % 3]);
        struct dump_request r = asking(cases[i].style, cases[i].kind);
        r.file = cases[i].kind == DUMP_BY_POSITION ? "bin.000001" : "";
        attach(&c, &f, &r);
        assert_int_equal(take(&c), DUMP_AT_END);
        assert_int_equal(store_pos_offset(dump_pos(c.dump)), end);
        size_t at = assert_events(&c, 1, &b, 0, SIZE_MAX);
        assert_int_equal(c.count, at + cases[i].more);
        for (size_t k = at; k < c.count; k++)
            assert_int_not_equal(got_event(&c, k, true).type, EVENT_IGNORABLE);
        if (cases[i].more == 2) {
            assert_rotate(&c, at, "bin.000001", end, true);
            struct event ev = got_event(&c, at + 1, true);
            assert_int_equal(ev.type, EVENT_FORMAT_DESCRIPTION);
            assert_int_equal(ev.source_end, 0);
        } else if (cases[i].more == 1) {
            assert_heartbeat(&c, at, "bin.000001", end);
        }
        detach(&c);
        binlog_done(&b);
        fixture_done(&f);
    }
}

/* mysqlbinlog --raw: what it writes has to be the file. */
static void a_copying_tool_is_sent_holes_as_they_are(void **state)
{
    (void)state;
    static const enum dump_kind kinds[] = { DUMP_BY_POSITION, DUMP_BY_GTID_SET,
                                            DUMP_BY_GTID_STATE };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct binlog_style *style = kinds[i] == DUMP_BY_GTID_STATE ? &maria : &mysql;
        struct fixture             f;
        struct binlog              b;
        struct consumer            c;
        uint64_t                   end = hole_begin(&f, &b, style, 20000000);
        struct dump_request        r = asking(style, kinds[i]);
        r.file = kinds[i] == DUMP_BY_POSITION ? "bin.000001" : "";
        r.copies = true;
        attach(&c, &f, &r);
        assert_int_equal(take(&c), DUMP_AT_END);
        size_t   at = assert_events(&c, 1, &b, 0, SIZE_MAX);
        uint64_t place = b.bytes.len;
        for (; at < c.count; at++) {
            struct event ev = got_event(&c, at, true);
            if (kinds[i] == DUMP_BY_GTID_STATE && ev.type == EVENT_MARIADB_GTID_LIST)
                continue;
            place += ev.length;
            assert_true(hole_is(&ev));
            assert_int_equal(ev.source_end, place);
        }
        assert_int_equal(place, end);
        detach(&c);
        binlog_done(&b);
        fixture_done(&f);
    }
}

/* A raw copy keeps its offsets: there the source itself sends an event of this size. */
static void where_encryption_began_mariadb_gets_an_ignorable_event_by_position(void **state)
{
    (void)state;
    struct fixture      f;
    struct binlog       b;
    struct consumer     c;
    struct dump_request r = asking(&maria, DUMP_BY_POSITION);
    uint64_t            end = hole_begin(&f, &b, &maria, hole_start_encryption_bytes(true));
    r.file = "bin.000001";
    attach(&c, &f, &r);
    assert_int_equal(take(&c), DUMP_AT_END);
    size_t       at = assert_events(&c, 1, &b, 0, SIZE_MAX);
    struct event ev = got_event(&c, at, true);
    assert_true(hole_is(&ev));
    assert_int_equal(ev.source_end, end);
    assert_int_equal(c.count, at + 1);
    detach(&c);
    binlog_done(&b);
    fixture_done(&f);
}

static void who_holds_everything_is_told_the_place_at_once(void **state)
{
    (void)state;
    struct scene        s;
    struct consumer     c;
    struct dump_request r;
    scene_begin(&s, &mysql, BY_ROTATE);
    ask_for_set(&r, "1-16");
    r.heartbeat_v2 = true;
    attach(&c, &s.f, &r);
    assert_int_equal(take(&c), DUMP_AT_END);
    assert_rotate(&c, 0, "bin.000002", 4, true);
    size_t at = assert_events(&c, 2, &s.two, 1, 2);
    assert_int_equal(got_event(&c, at, true).type, EVENT_HEARTBEAT_V2);
    assert_int_equal(at + 1, c.count);
    assert_int_equal(dump_pos(c.dump), store_published(s.f.store));

    size_t had = s.two.count;
    binlog_transaction(&s.two, 10);
    fixture_append(&s.f, &s.two, had, SIZE_MAX);
    fixture_publish(&s.f);
    (void)take(&c);
    assert_int_equal(assert_events(&c, at + 1, &s.two, had, SIZE_MAX), c.count);
    detach(&c);
    scene_done(&s);
}

static void a_mariadb_state_gets_what_is_behind_it(void **state)
{
    (void)state;
    struct scene        s;
    struct consumer     c;
    struct err          e = { 0 };
    struct dump_request r = asking(&maria, DUMP_BY_GTID_STATE);
    scene_begin(&s, &maria, BY_ROTATE);

    assert_int_equal(gtid_state_parse(&r.state, slice_of_text("0-1-4"), &e), 0);
    attach(&c, &s.f, &r);
    (void)take(&c);
    assert_rotate(&c, 0, "bin.000001", 4, true);
    size_t       at = assert_events(&c, 1, &s.one, 0, 2);
    struct event ev = got_event(&c, at++, true);
    assert_int_equal(ev.type, EVENT_MARIADB_GTID_LIST);
    assert_int_equal(ev.flags, EVENT_FLAG_ARTIFICIAL);
    assert_int_equal(ev.source_end, s.one.txn_ends[3]);
    at = assert_events(&c, at, &s.one, event_at(&s.one, s.one.txn_ends[3]), SIZE_MAX);
    assert_rotate(&c, at, "bin.000002", 4, true);
    at = assert_events(&c, at + 1, &s.two, 0, SIZE_MAX);
    assert_int_equal(at, c.count);
    detach(&c);

    r = asking(&maria, DUMP_BY_GTID_STATE); /* nothing held: no GTID_LIST but the stored one */
    attach(&c, &s.f, &r);
    (void)take(&c);
    assert_rotate(&c, 0, "bin.000001", 4, true);
    (void)assert_events(&c, 1, &s.one, 0, SIZE_MAX);
    detach(&c);
    scene_done(&s);
}

static void annotations_come_only_where_asked_for(void **state)
{
    (void)state;
    struct fixture      f;
    struct binlog       b;
    struct consumer     c;
    struct dump_request r = asking(&maria, DUMP_BY_POSITION);
    fixture_begin(&f, NULL);
    binlog_begin(&b, &maria);
    binlog_format(&b);
    binlog_head(&b, "");
    binlog_gtid(&b, false);
    size_t annotation = b.count;
    binlog_event(&b, EVENT_MARIADB_ANNOTATE_ROWS, 0, slice_of_text("INSERT INTO t VALUES (1)"));
    binlog_rows(&b, 10);
    binlog_xid(&b);
    fixture_file(&f, "bin.000001", &b);
    attach(&c, &f, &r);
    (void)take(&c);
    assert_int_equal(assert_events(&c, 1, &b, 0, SIZE_MAX), c.count);
    detach(&c);

    r = asking(&maria, DUMP_BY_POSITION);
    r.annotate = false;
    attach(&c, &f, &r);
    (void)take(&c);
    size_t at = assert_events(&c, 1, &b, 0, annotation);
    assert_int_equal(assert_events(&c, at, &b, annotation + 1, SIZE_MAX), c.count);
    detach(&c);
    fixture_done(&f);
    binlog_done(&b);
}

/* ---- refusals ----------------------------------------------------------------------------------
 */

static void assert_refused(struct fixture *f, struct dump_request *r, const char *text)
{
    struct err   e = { 0 };
    struct dump *d = NULL;
    assert_int_equal(dump_open(f->store, r, &d, &e), -1);
    if (strstr(e.text, text) == NULL)
        fail_msg("'%s' is not in '%s'", text, e.text);
    dump_request_done(r);
}

static void i5_places_that_are_none_are_refused_as_servers_do(void **state)
{
    (void)state;
    struct scene        s;
    struct dump_request r = asking(&mysql, DUMP_BY_POSITION);
    scene_begin(&s, &mysql, BY_ROTATE);
    r.file = "bin.000009";
    assert_refused(&s.f, &r, "Could not find first log file name in binary log index file");
    r = asking(&mysql, DUMP_BY_POSITION);
    r.file = "bin.000001";
    r.position = 3;
    assert_refused(&s.f, &r, "Client requested source to start replication from position < 4");
    r = asking(&mysql, DUMP_BY_POSITION);
    r.file = "bin.000001";
    r.position = 1000000;
    assert_refused(&s.f, &r,
                   "Client requested source to start replication from position > file size");
    r = asking(&mysql, DUMP_BY_POSITION);
    r.file = "bin.000001";
    r.position = s.one.txn_ends[1] + 7;
    assert_refused(&s.f, &r, "bogus data in log event; the first event 'bin.000001' at ");
    ask_for_set(&r, "1-17");
    r.source_uuid = binlog_uuid;
    assert_refused(&s.f, &r,
                   "Replica has more GTIDs than the source has, using the source's SERVER_UUID.");
    r = asking(&maria, DUMP_BY_POSITION);
    r.capability = -1;
    assert_refused(&s.f, &r, "MariaDB 10.0 or later");
    scene_done(&s);
}

static void assert_fails(struct fixture *f, struct dump_request *r, const char *text)
{
    struct consumer c;
    struct err      e = { 0 };
    enum dump_step  step;
    attach(&c, f, r);
    assert_int_equal(take_all(&c, &step, &e), -1);
    if (strstr(e.text, text) == NULL)
        fail_msg("'%s' is not in '%s'", text, e.text);
    assert_true(dump_between_packets(c.dump));
    detach(&c);
}

static void who_knows_no_checksums_gets_none_of_the_events(void **state)
{
    (void)state;
    struct scene        s;
    struct dump_request r = asking(&mysql, DUMP_BY_POSITION);
    scene_begin(&s, &mysql, BY_ROTATE);
    r.checksum = DUMP_CHECKSUM_UNAWARE;
    assert_fails(&s.f, &r, "Replica can not handle replication events with the checksum");
    r = asking(&mysql, DUMP_BY_POSITION);
    r.checksum = DUMP_CHECKSUM_UNAWARE;
    r.version_number = 50744;
    assert_fails(&s.f, &r, "Slave can not handle replication events with the checksum");
    scene_done(&s);
}

static void anonymous_transactions_have_no_place_in_a_gtid_stream(void **state)
{
    (void)state;
    static const struct binlog_style anonymous = { .family = FAMILY_MYSQL, .crc = true };
    struct scene                     s;
    struct dump_request              r;
    scene_begin(&s, &anonymous, BY_ROTATE);
    ask_for_set(&r, "");
    assert_fails(&s.f, &r, "Cannot replicate anonymous transaction when AUTO_POSITION = 1");
    scene_done(&s);
}

static void a_heartbeat_tells_the_place_reached(void **state)
{
    (void)state;
    struct scene        s;
    struct consumer     c;
    struct err          e = { 0 };
    struct dump_request r = asking(&mysql, DUMP_BY_POSITION);
    scene_begin(&s, &mysql, BY_ROTATE);
    attach(&c, &s.f, &r);
    (void)take(&c);
    size_t before = c.count;
    assert_int_equal(dump_heartbeat(c.dump, &e), 0);
    assert_int_equal(take(&c), DUMP_AT_END);
    assert_heartbeat(&c, before, "bin.000002", s.two.bytes.len);
    assert_int_equal(c.count, before + 1);
    detach(&c);
    scene_done(&s);
}

static void asked_to_end_it_does_so_between_statements(void **state)
{
    (void)state;
    struct scene s;
    scene_begin(&s, &maria, BY_ROTATE);
    for (size_t calls = 1; calls < 40; calls++) {
        struct consumer     c;
        struct err          e = { 0 };
        enum dump_step      step = DUMP_FULL;
        uint8_t             window[64];
        struct dump_request r = asking(&maria, DUMP_BY_POSITION);
        attach(&c, &s.f, &r);
        c.window = sizeof window;
        for (size_t i = 0; i < calls; i++) {
            size_t filled = 0;
            assert_int_equal(
                dump_fill(c.dump, window, sizeof window, &filled, &c.sequence, &step, &e), 0);
            buf_put(&c.in, (struct slice){ window, filled });
        }
        dump_end_soon(c.dump);
        assert_int_equal(take(&c), DUMP_OVER);
        if (c.count > 0) {
            uint8_t last = got(&c, c.count - 1).ptr[4];
            assert_int_not_equal(last, EVENT_TABLE_MAP);
            assert_int_not_equal(last, EVENT_WRITE_ROWS_V1);
        }
        assert_true(c.count < s.one.count); /* not to the end of all */
        detach(&c);
    }
    scene_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_the_start_everything_comes_as_it_is_stored),
        cmocka_unit_test(inside_a_file_the_format_comes_again_without_time_and_place),
        cmocka_unit_test(a_source_s_own_file_name_leads_to_the_relay_file),
        cmocka_unit_test(at_the_end_it_waits_and_goes_on),
        cmocka_unit_test(who_does_not_want_to_wait_is_told_the_end),
        cmocka_unit_test(an_event_larger_than_a_packet_arrives_whole),
        cmocka_unit_test(a_semi_synchronous_replica_is_asked_behind_each_transaction),
        cmocka_unit_test(a_gtid_set_gets_what_is_missing_and_heartbeats_for_the_rest),
        cmocka_unit_test(nobody_is_sent_a_hole_but_everybody_gets_over_it),
        cmocka_unit_test(a_copying_tool_is_sent_holes_as_they_are),
        cmocka_unit_test(where_encryption_began_mariadb_gets_an_ignorable_event_by_position),
        cmocka_unit_test(who_holds_everything_is_told_the_place_at_once),
        cmocka_unit_test(a_mariadb_state_gets_what_is_behind_it),
        cmocka_unit_test(annotations_come_only_where_asked_for),
        cmocka_unit_test(i5_places_that_are_none_are_refused_as_servers_do),
        cmocka_unit_test(who_knows_no_checksums_gets_none_of_the_events),
        cmocka_unit_test(anonymous_transactions_have_no_place_in_a_gtid_stream),
        cmocka_unit_test(a_heartbeat_tells_the_place_reached),
        cmocka_unit_test(asked_to_end_it_does_so_between_statements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
