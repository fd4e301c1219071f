#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>
#include "protocol/checksum.h"
#include "storage/hole.h"
#include "storage/locate.h"
#include "storage/reader.h"
#include "storage/verify.h"
#include "tests/sim/fixture.h"

static void a_hole_is_a_whole_event_of_the_length_asked_for(void **state)
{
    (void)state;
    for (int crc = 0; crc < 2; crc++) {
        uint32_t lengths[] = { crc ? 23 : 19, hole_start_encryption_bytes(crc != 0), 5000 };
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            struct err   e = { 0 };
            struct event ev;
            struct buf   b;
            buf_init(&b, 8192);
            struct format f = { .type_count = EVENT_GTID_TAGGED, .has_crc = crc != 0 };
            hole_put(&b, lengths[i], 70000, &f);
            assert_int_equal(buf_check(&b, "a hole", &e), 0);
            assert_int_equal(event_parse(buf_slice(&b), crc != 0, &ev, &e), 0);
            assert_int_equal(ev.length, lengths[i]);
            assert_int_equal(ev.source_end, 70000);
            assert_true(hole_is(&ev));
            if (crc)
                assert_int_equal(event_verify(buf_slice(&b), &e), 0);
            buf_done(&b);
        }
    }
}

static void the_size_of_start_encryption_is_mariadbs(void **state)
{
    (void)state;
    assert_int_equal(hole_start_encryption_bytes(true), 40);
    assert_int_equal(hole_start_encryption_bytes(false), 36);
}

static void an_ignorable_event_of_a_server_is_no_hole(void **state)
{
    (void)state;
    struct event ev = { .type = EVENT_IGNORABLE, .flags = EVENT_FLAG_IGNORABLE, .server_id = 1 };
    assert_false(hole_is(&ev));
    ev.server_id = 0;
    assert_true(hole_is(&ev));
    ev.timestamp_s = 1;
    assert_false(hole_is(&ev));
    ev.timestamp_s = 0;
    ev.type = EVENT_ROWS_QUERY;
    assert_false(hole_is(&ev));
}

static void zeros_are_summed_up_without_being_there(void **state)
{
    (void)state;
    static const size_t lengths[] = { 0, 1, 3, 23, 4096, 100000, 1 << 22 };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t *zeros = calloc(1, lengths[i] + 1);
        assert_non_null(zeros);
        uint32_t     begun = checksum_crc32(0, slice_of_text("begun"));
        struct slice all = { zeros, lengths[i] };
        assert_int_equal(checksum_crc32_zeros(begun, lengths[i]), checksum_crc32(begun, all));
        assert_int_equal(checksum_crc32_zeros(0, lengths[i]), checksum_crc32(0, all));
        free(zeros);
    }
}

static void
a_hole_of_any_size_is_made_of_events_that_are_neither_too_short_nor_too_long(void **state)
{
    (void)state;
    for (int crc = 0; crc < 2; crc++) {
        uint32_t least = hole_least_bytes(crc != 0);
        uint64_t sizes[] = { least,
                             least + 1,
                             HOLE_EVENT_BYTES - 1,
                             HOLE_EVENT_BYTES,
                             HOLE_EVENT_BYTES + 1,
                             HOLE_EVENT_BYTES + least - 1,
                             HOLE_EVENT_BYTES + least,
                             (uint64_t)100 << 30 };
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            for (uint64_t left = sizes[i]; left > 0;) {
                uint32_t n = hole_next_bytes(left, crc != 0);
                assert_in_range(n, least, HOLE_EVENT_BYTES);
                assert_true(n <= left);
                left -= n;
            }
        }
    }
}

/* ---- in a store ---- */

static const struct binlog_style mysql = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };
static const struct binlog_style styles[] = {
    { .family = FAMILY_MYSQL, .crc = true, .gtids = true },
    { .family = FAMILY_MYSQL, .crc = false, .gtids = true },
    { .family = FAMILY_MARIADB, .crc = true, .gtids = true },
    { .family = FAMILY_MARIADB, .crc = false, .gtids = true, .no_position = true },
    { .family = FAMILY_MYSQL, .old = true },
};

enum { STYLES = sizeof styles / sizeof styles[0], TXNS = 6, HOLE_BEHIND = 3 };
static const uint64_t hole_bytes = ((uint64_t)3 << 30) + 12345;

/* Three transactions, a hole of more than 3 GiB, three transactions. */
struct holed {
    struct fixture f;
    struct binlog  b;
    size_t         before; /* events in front of the hole */
    uint64_t       from, to;
};

static void holed_begin(struct holed *h, const struct binlog_style *style, uint64_t bytes)
{
    struct err          e = { 0 };
    struct store_source source = fixture_source("a", style->family);

    *h = (struct holed){ 0 };
    fixture_begin(&h->f, NULL);
    binlog_begin(&h->b, style);
    binlog_format(&h->b);
    binlog_head(&h->b, "");
    for (int i = 0; i < TXNS; i++)
        binlog_transaction(&h->b, 100);
    while (h->b.ends[h->before] != h->b.txn_ends[HOLE_BEHIND - 1])
        h->before++;
    h->before++;
    h->from = h->b.txn_ends[HOLE_BEHIND - 1];
    h->to = h->from + bytes;
    assert_int_equal(writer_begin_file(h->f.writer, &source, "bin.000001", 0, &e), 0);
    fixture_append(&h->f, &h->b, 0, h->before);
    assert_int_equal(writer_skip(h->f.writer, bytes, &e), 0);
    assert_int_equal(writer_offset(h->f.writer), h->to);
}

static void holed_go_on(struct holed *h)
{
    fixture_append_moved(&h->f, &h->b, h->before, SIZE_MAX);
    fixture_publish(&h->f);
}

static void holed_done(struct holed *h)
{
    binlog_done(&h->b);
    fixture_done(&h->f);
}

static uint64_t disk_bytes(const struct holed *h, const char *name)
{
    char        path[300];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/%s", h->f.folder, name);
    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

static void tell_problem(void *arg, const char *text)
{
    (void)arg;
    print_error("%s\n", text);
}

static void assert_verified(struct fixture *f, uint64_t transactions)
{
    struct verify_result r;
    struct err           e = { 0 };

    assert_int_equal(verify_store(f->store, tell_problem, NULL, NULL, &r, &e), 0);
    assert_int_equal(r.problems, 0);
    assert_int_equal(r.transactions, transactions);
}

/* What a reader is given: events, holes leapt over, and where it ends. */
static void assert_read(const struct holed *h)
{
    struct reader *r = NULL;
    struct err     e = { 0 };
    uint64_t       holes = 0;
    size_t         events = 0;

    assert_int_equal(reader_open(h->f.store, store_pos_at(1, 4), 0, &r, &e), 0);
    for (;;) {
        struct reader_piece p;
        enum reader_step    step;
        assert_int_equal(reader_next(r, &p, &step, &e), 0);
        if (step != READER_PIECE)
            break;
        assert_true(p.at == 0 && p.last);
        if (p.leapt) {
            assert_true(hole_is(&p.event));
            holes += p.event.length;
        } else if (hole_is(&p.event)) {
            holes += p.event.length;
        } else {
            assert_int_equal(p.event.type, binlog_slice(&h->b, events).ptr[4]);
            events++;
        }
    }
    assert_int_equal(holes, h->to - h->from);
    assert_int_equal(events, h->b.count);
    assert_int_equal(reader_pos(r), store_published(h->f.store));
    reader_close(r);
}

static void i2_a_hole_of_gigabytes_takes_no_room_and_the_file_goes_on_behind_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < STYLES; i++) {
        struct holed h;
        struct gtids published = { 0 };
        struct err   e = { 0 };
        holed_begin(&h, &styles[i], hole_bytes);
        holed_go_on(&h);
        assert_read(&h);
        assert_verified(&h.f, TXNS);
        assert_true(disk_bytes(&h, "bin.000001") < 16 * 1024 * 1024);
        fixture_reopen(&h.f, NULL);
        assert_read(&h);
        assert_verified(&h.f, TXNS);
        assert_true(disk_bytes(&h, "bin.000001") < 16 * 1024 * 1024);
        assert_int_equal(store_gtids_published(h.f.store, &published, &e), 0);
        struct gtids should = { 0 };
        assert_int_equal(gtids_parse(&should, slice_of_text(binlog_gtids(&h.b)), &e), 0);
        assert_true(gtid_set_equal(&published.set, &should.set));
        assert_int_equal(published.state.count, should.state.count);
        gtids_done(&published);
        gtids_done(&should);
        holed_done(&h);
    }
}

/* Without its sidecar all of the file is read, but for the holes. */
static void a_sidecar_that_is_made_again_is_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < STYLES; i++) {
        struct holed h;
        char         path[300];
        holed_begin(&h, &styles[i], hole_bytes);
        holed_go_on(&h);
        (void)snprintf(path, sizeof path, "%s/bin.000001.idx", h.f.folder);
        if (styles[i].crc) {
            assert_int_equal(unlink(path), 0);
            fixture_reopen(&h.f, NULL);
        }
        assert_read(&h);
        assert_verified(&h.f, TXNS);
        holed_done(&h);
    }
}

static void a_place_in_a_hole_is_none_but_its_two_ends_are(void **state)
{
    (void)state;
    struct holed h;
    store_pos    at;
    struct err   e = { 0 };

    holed_begin(&h, &mysql, hole_bytes);
    holed_go_on(&h);
    assert_int_equal(locate_position(h.f.store, "bin.000001", h.from, &at, &e), 0);
    assert_int_equal(locate_position(h.f.store, "bin.000001", h.to, &at, &e), 0);
    assert_int_equal(locate_position(h.f.store, "bin.000001", h.from + 1, &at, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    assert_int_equal(locate_position(h.f.store, "bin.000001", h.to - 4, &at, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    holed_done(&h);
}

/* The source is not asked again for what was left out on purpose. */
static void after_a_stop_the_source_is_asked_for_nothing_of_the_hole(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        struct holed         h;
        struct writer_resume resume;
        holed_begin(&h, &mysql, hole_bytes);
        fixture_publish(&h.f);
        if (more != 0) {
            fixture_append_moved(&h.f, &h.b, h.before, h.before + 4);
            fixture_publish(&h.f);
        }
        fixture_reopen(&h.f, &resume);
        assert_true(resume.overlap_at >= h.to);
        assert_int_equal(resume.offset, writer_offset(h.f.writer));
        if (more == 0)
            assert_int_equal(resume.offset, h.to);
        fixture_reopen(&h.f, &resume);
        assert_true(resume.overlap_at >= h.to);
        if (more == 0)
            holed_go_on(&h);
        holed_done(&h);
    }
}

static void whatever_comes_again_where_a_hole_is_is_right(void **state)
{
    (void)state;
    enum { BYTES = 5000, PART = 700 };
    struct holed h;
    struct err   e = { 0 };
    uint8_t      junk[BYTES];
    struct slice first;

    holed_begin(&h, &mysql, BYTES);
    holed_go_on(&h);
    memset(junk, 0x5a, sizeof junk);
    first = binlog_slice(&h.b, h.before - 1);
    uint64_t at = h.from - first.len;
    assert_int_equal(writer_compare(h.f.writer, at, first, &e), 0);
    at += first.len;
    for (size_t done = 0; done < BYTES; done += PART) {
        size_t n = BYTES - done < PART ? BYTES - done : PART;
        assert_int_equal(writer_compare(h.f.writer, at + done, (struct slice){ junk, n }, &e), 0);
    }
    assert_int_equal(writer_compare(h.f.writer, h.to, (struct slice){ junk, 30 }, &e), -1);
    assert_int_equal(e.kind, E_FORK);
    assert_int_equal(writer_compare(h.f.writer, at, (struct slice){ junk, BYTES }, &e), 0);
    holed_done(&h);
}

static void a_hole_is_left_only_between_transactions(void **state)
{
    (void)state;
    struct holed h;
    struct err   e = { 0 };

    holed_begin(&h, &mysql, 5000);
    fixture_append_moved(&h.f, &h.b, h.before, h.before + 2);
    assert_int_equal(writer_skip(h.f.writer, 5000, &e), -1);
    assert_int_equal(e.kind, E_FORK);
    holed_done(&h);
    holed_begin(&h, &mysql, 5000);
    assert_int_equal(writer_skip(h.f.writer, 22, &e), -1);
    assert_int_equal(e.kind, E_FORK);
    holed_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hole_is_a_whole_event_of_the_length_asked_for),
        cmocka_unit_test(the_size_of_start_encryption_is_mariadbs),
        cmocka_unit_test(an_ignorable_event_of_a_server_is_no_hole),
        cmocka_unit_test(zeros_are_summed_up_without_being_there),
        cmocka_unit_test(
            a_hole_of_any_size_is_made_of_events_that_are_neither_too_short_nor_too_long),
        cmocka_unit_test(i2_a_hole_of_gigabytes_takes_no_room_and_the_file_goes_on_behind_it),
        cmocka_unit_test(a_sidecar_that_is_made_again_is_the_same),
        cmocka_unit_test(a_place_in_a_hole_is_none_but_its_two_ends_are),
        cmocka_unit_test(after_a_stop_the_source_is_asked_for_nothing_of_the_hole),
        cmocka_unit_test(whatever_comes_again_where_a_hole_is_is_right),
        cmocka_unit_test(a_hole_is_left_only_between_transactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
