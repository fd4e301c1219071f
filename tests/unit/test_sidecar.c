#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "storage/indexer.h"
#include "tests/sim/sim_disk.h"

static const struct store_file identity = {
    .ordinal = 7,
    .epoch = 2,
    .name = "bin.000007",
    .source_file = "x.000123",
    .source = { .name = "a", .uuid = "u-u", .version = "9.7.4", .server_id = 42 },
};

static void put_all(struct buf *b)
{
    struct sidecar_counts n = { .events = 10, .transactions = 3, .first_s = 5, .last_s = 9 };
    buf_init(b, 1 << 20);
    sidecar_put_head(b, &identity, slice_of_text("0-1-5"));
    sidecar_put_before(b, 300, slice_of_text("0-1-6"));
    sidecar_put_checkpoint(b, 5000, &n, slice_of_text("0-1-9"));
    sidecar_put_span(b, 5000, 6000, 0xdeadbeef);
    sidecar_put_footer(b, 6000, &n, slice_of_text("0-1-9"));
}

static int count_entries(struct sidecar *s, uint64_t *last_offset)
{
    struct sidecar_entry entry;
    struct err           e = { 0 };
    bool                 more = true;
    int                  count = 0;

    *last_offset = 0;
    for (;;) {
        assert_int_equal(sidecar_next(s, &entry, &more, &e), 0);
        if (!more)
            return count;
        *last_offset = entry.offset;
        count++;
    }
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    struct sim_disk     *d = sim_disk_new(1);
    struct buf           b;
    struct sidecar       s;
    struct sidecar_entry entry;
    struct err           e = { 0 };
    bool                 more;

    put_all(&b);
    sim_disk_put(d, "bin.000007.idx", buf_slice(&b));
    assert_int_equal(sidecar_open(sim_disk_disk(d), "bin.000007", &s, &e), 0);
    assert_int_equal(s.identity.ordinal, 7);
    assert_int_equal(s.identity.epoch, 2);
    assert_string_equal(s.identity.source_file, "x.000123");
    assert_string_equal(s.identity.source.uuid, "u-u");
    assert_int_equal(s.identity.source.server_id, 42);
    assert_string_equal(buf_text(&s.inherited), "0-1-5");
    for (int again = 0; again < 2; again++) {
        assert_int_equal(sidecar_next(&s, &entry, &more, &e), 0);
        assert_int_equal(entry.kind, SIDECAR_BEFORE);
        assert_true(slice_equal(entry.gtids, slice_of_text("0-1-6")));
        assert_int_equal(sidecar_next(&s, &entry, &more, &e), 0);
        assert_int_equal(entry.kind, SIDECAR_CHECKPOINT);
        assert_int_equal(entry.offset, 5000);
        assert_int_equal(entry.counts.events, 10);
        assert_int_equal(entry.counts.transactions, 3);
        assert_int_equal(entry.counts.first_s, 5);
        assert_int_equal(entry.counts.last_s, 9);
        assert_int_equal(sidecar_next(&s, &entry, &more, &e), 0);
        assert_int_equal(entry.kind, SIDECAR_SPAN);
        assert_int_equal(entry.span_from, 5000);
        assert_int_equal(entry.offset, 6000);
        assert_int_equal(entry.span_crc, 0xdeadbeef);
        assert_int_equal(sidecar_next(&s, &entry, &more, &e), 0);
        assert_int_equal(entry.kind, SIDECAR_FOOTER);
        assert_int_equal(sidecar_next(&s, &entry, &more, &e), 0);
        assert_false(more);
        assert_int_equal(s.good_end, b.len);
        sidecar_rewind(&s);
    }
    sidecar_close(&s);
    buf_done(&b);
    sim_disk_free(d);
}

static void a_cut_one_ends_with_its_last_whole_entry(void **state)
{
    (void)state;
    struct buf b;
    put_all(&b);
    int most = 0;
    for (size_t len = 0; len <= b.len; len++) {
        struct buf     part;
        struct sidecar s;
        struct err     e = { 0 };
        uint64_t       last;
        buf_init(&part, 1 << 20);
        buf_put(&part, (struct slice){ b.ptr, len });
        if (sidecar_open_bytes(&part, &s, &e) != 0) {
            assert_int_equal(e.kind, E_CORRUPT);
            assert_int_equal(most, 0);
            continue;
        }
        int count = count_entries(&s, &last);
        assert_true(count == most || count == most + 1);
        assert_true(s.good_end <= len);
        most = count;
        sidecar_close(&s);
    }
    assert_int_equal(most, 4);
    buf_done(&b);
}

static void a_flipped_byte_is_never_believed(void **state)
{
    (void)state;
    struct buf b;
    put_all(&b);
    for (size_t at = 0; at < b.len; at++) {
        for (int bit = 0; bit < 8; bit += 3) {
            struct buf     part;
            struct sidecar s;
            struct err     e = { 0 };
            uint64_t       last;
            buf_init(&part, 1 << 20);
            buf_put(&part, buf_slice(&b));
            part.ptr[at] ^= (uint8_t)(1u << bit);
            if (sidecar_open_bytes(&part, &s, &e) != 0) {
                assert_int_equal(e.kind, E_CORRUPT);
                continue;
            }
            assert_true(count_entries(&s, &last) < 4);
            assert_true(s.good_end <= at);
            sidecar_close(&s);
        }
    }
    buf_done(&b);
}

static void checkpoints_wait_until_they_are_published(void **state)
{
    (void)state;
    struct indexer ix;
    struct err     e = { 0 };
    struct gtid    g = { .kind = GTID_MARIADB, .server_id = 1 };
    uint64_t       taken = 0;
    size_t         greatest = 0;

    indexer_init(&ix, 1000);
    for (uint64_t end = 100; end <= 1000000; end += 100) {
        g.number++;
        assert_int_equal(indexer_close_txn(&ix, &g, 5, end, &e), 0);
        uint64_t     published = end > 20000 ? end - 20000 : 0;
        struct slice ready = indexer_ready(&ix, published);
        assert_true(ix.marks_done == ix.mark_count || ready.len == 0 ||
                    ix.marks[ix.marks_done].offset <= published);
        taken += ready.len;
        indexer_taken(&ix, ready.len);
        if (ix.ready.len > greatest)
            greatest = ix.ready.len;
    }
    assert_true(taken > 900 * 20);
    assert_true(greatest < 20 * 400); /* memory is what waits, not what ever was */
    indexer_done(&ix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_cut_one_ends_with_its_last_whole_entry),
        cmocka_unit_test(a_flipped_byte_is_never_believed),
        cmocka_unit_test(checkpoints_wait_until_they_are_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
