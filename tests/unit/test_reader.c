#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "storage/reader.h"
#include "tests/sim/fixture.h"
#include "tests/sim/sim_disk.h"

static const struct binlog_style mysql = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };
static const struct binlog_style maria = { .family = FAMILY_MARIADB, .crc = true, .gtids = true };

static void build(struct binlog *b, const struct binlog_style *style, const struct binlog *before)
{
    if (before != NULL)
        binlog_begin_next(b, before);
    else
        binlog_begin(b, style);
    binlog_format(b);
    binlog_head(b, binlog_gtids(b));
    for (size_t i = 0; i < 300; i++)
        binlog_transaction(b, i % 50 == 7 ? 30000 : 100 + i);
}

/* Two files, the first with a ROTATE, in a store with many checkpoints. */
struct two {
    struct fixture f;
    struct binlog  a, b;
};

static void two_begin(struct two *t, const struct binlog_style *style, struct disk *disk)
{
    fixture_begin(&t->f, disk);
    build(&t->a, style, NULL);
    binlog_rotate(&t->a, "bin.000002");
    build(&t->b, style, &t->a);
    fixture_file(&t->f, "bin.000001", &t->a);
    fixture_file(&t->f, "bin.000002", &t->b);
}

static void two_done(struct two *t)
{
    binlog_done(&t->a);
    binlog_done(&t->b);
    fixture_done(&t->f);
}

static void i3_everything_published_is_read_once_and_in_order(void **state)
{
    (void)state;
    static const uint32_t blocks[] = { 4096, 5000, 65536, 0, 0, 0 };
    static const size_t limits[] = { 1, 256 * 1024, 20000, 65536 }; /* of the last two, by turns */
    for (size_t k = 0; k < sizeof blocks / sizeof blocks[0]; k++) {
        struct two          t;
        struct reader      *r;
        struct reader_piece piece;
        enum reader_step    step;
        struct err          e = { 0 };
        size_t              event = 0;

        two_begin(&t, k % 2 == 0 ? &mysql : &maria, NULL);
        const struct binlog *b = &t.a;
        assert_int_equal(reader_open(t.f.store, store_pos_at(1, 4), blocks[k], &r, &e), 0);
        for (;;) {
            if (k >= 4)
                reader_limit(r, limits[event % 4]);
            assert_int_equal(reader_next(r, &piece, &step, &e), 0);
            if (step == READER_AT_END)
                break;
            if (step == READER_FILE_DONE) {
                assert_ptr_equal(b, &t.a);
                assert_int_equal(event, t.a.count);
                assert_int_equal(reader_next_file(r, &step, &e), 0);
                assert_int_equal(step, READER_PIECE);
                b = &t.b;
                event = 0;
                continue;
            }
            struct slice whole = binlog_slice(b, event);
            assert_true(piece.at + piece.bytes.len <= whole.len);
            assert_memory_equal(piece.bytes.ptr, whole.ptr + piece.at, piece.bytes.len);
            assert_int_equal(piece.event.length, whole.len);
            assert_int_equal(store_pos_offset(piece.end), b->ends[event]);
            assert_int_equal(piece.last, piece.at + piece.bytes.len == whole.len);
            if (whole.len <= 4096)
                assert_int_equal(piece.bytes.len, whole.len);
            event += piece.last ? 1 : 0;
        }
        assert_int_equal(event, t.b.count);
        assert_int_equal(reader_pos(r), store_published(t.f.store));
        assert_string_equal(reader_file(r)->name, "bin.000002");
        assert_true(reader_format(r)->has_crc);
        reader_close(r);
        two_done(&t);
    }
}

static void a_reader_opens_at_every_event_and_nowhere_else(void **state)
{
    (void)state;
    struct two     t;
    struct reader *r;
    struct err     e = { 0 };
    size_t         event = 0;

    two_begin(&t, &mysql, NULL);
    for (uint64_t at = 0; at < 3000; at++) {
        bool start = at == 4;
        while (event < t.a.count && t.a.ends[event] < at)
            event++;
        start = start || t.a.ends[event] == at;
        int result = reader_open(t.f.store, store_pos_at(1, at), 0, &r, &e);
        assert_int_equal(result, start ? 0 : -1);
        if (start)
            reader_close(r);
        else
            assert_int_equal(e.kind, E_PROTOCOL);
    }
    for (size_t i = 0; i < t.b.count; i += 7) {
        struct reader_piece piece;
        enum reader_step    step;
        assert_int_equal(reader_open(t.f.store, store_pos_at(2, t.b.ends[i]), 0, &r, &e), 0);
        assert_int_equal(reader_next(r, &piece, &step, &e), 0);
        if (step == READER_PIECE)
            assert_int_equal(store_pos_offset(piece.pos), t.b.ends[i]);
        reader_close(r);
        assert_int_equal(reader_open(t.f.store, store_pos_at(2, t.b.ends[i] + 5), 0, &r, &e), -1);
        assert_int_equal(e.kind, E_PROTOCOL);
    }
    assert_int_equal(reader_open(t.f.store, store_pos_at(3, 4), 0, &r, &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    two_done(&t);
}

static void i1_a_waiting_reader_sees_what_is_published_and_no_more(void **state)
{
    (void)state;
    struct fixture      f;
    struct binlog       b;
    struct reader      *r;
    struct reader_piece piece;
    enum reader_step    step;
    struct err          e = { 0 };
    struct store_source source = fixture_source("a", FAMILY_MARIADB);

    fixture_begin(&f, NULL);
    build(&b, &maria, NULL);
    assert_int_equal(writer_begin_file(f.writer, &source, "bin.000001", 0, &e), 0);
    assert_int_equal(reader_open(f.store, store_pos_at(1, 4), 0, &r, &e), 0);
    assert_int_equal(reader_next(r, &piece, &step, &e), 0);
    assert_int_equal(step, READER_AT_END);
    for (size_t i = 0; i < b.count; i++) {
        fixture_append(&f, &b, i, i + 1);
        if (i % 5 == 0)
            fixture_publish(&f);
        for (;;) {
            assert_int_equal(reader_next(r, &piece, &step, &e), 0);
            if (step != READER_PIECE)
                break;
            assert_true(piece.end <= store_published(f.store)); /* I1 */
        }
        assert_int_equal(step, READER_AT_END);
        if (store_published(f.store) != 0)
            assert_int_equal(reader_pos(r), store_published(f.store));
    }
    reader_close(r);
    binlog_done(&b);
    fixture_done(&f);
}

static void a_file_that_ends_without_a_rotate_is_left_when_it_is_sealed(void **state)
{
    (void)state;
    struct fixture      f;
    struct binlog       b;
    struct binlog       next;
    struct reader      *r;
    struct reader_piece piece;
    enum reader_step    step;
    struct err          e = { 0 };

    fixture_begin(&f, NULL);
    build(&b, &mysql, NULL);
    fixture_file(&f, "bin.000001", &b);
    assert_int_equal(reader_open(f.store, store_published(f.store), 0, &r, &e), 0);
    assert_int_equal(reader_next(r, &piece, &step, &e), 0);
    assert_int_equal(step, READER_AT_END);
    assert_int_equal(reader_next_file(r, &step, &e), 0);
    assert_int_equal(step, READER_AT_END);
    build(&next, &mysql, &b);
    fixture_file(&f, "bin.000002", &next);
    assert_int_equal(reader_next(r, &piece, &step, &e), 0);
    assert_int_equal(step, READER_FILE_DONE);
    assert_int_equal(reader_next_file(r, &step, &e), 0);
    assert_int_equal(reader_next(r, &piece, &step, &e), 0);
    assert_int_equal(step, READER_PIECE);
    assert_int_equal(piece.pos, store_pos_at(2, 4));
    reader_close(r);
    binlog_done(&b);
    binlog_done(&next);
    fixture_done(&f);
}

static void large_events_are_gathered_up_to_the_bound(void **state)
{
    (void)state;
    struct two       t;
    struct reader   *r;
    struct err       e = { 0 };
    struct event     ev;
    store_pos        pos;
    enum reader_step step;
    struct buf       hold;

    two_begin(&t, &mysql, NULL);
    buf_init(&hold, 40000);
    assert_int_equal(reader_open(t.f.store, store_pos_at(1, 4), 4096, &r, &e), 0);
    for (size_t i = 0; i < t.a.count; i++) {
        struct slice whole = binlog_slice(&t.a, i);
        assert_int_equal(reader_next_event(r, &hold, &ev, &pos, &step, &e), 0);
        assert_int_equal(step, READER_PIECE);
        assert_int_equal(ev.whole.len, whole.len);
        assert_memory_equal(ev.whole.ptr, whole.ptr, whole.len);
    }
    reader_close(r);
    buf_done(&hold);
    buf_init(&hold, 20000);
    assert_int_equal(reader_open(t.f.store, store_pos_at(1, 4), 4096, &r, &e), 0);
    int result = 0;
    while (result == 0)
        result = reader_next_event(r, &hold, &ev, &pos, &step, &e);
    assert_int_equal(e.kind, E_LIMIT);
    reader_close(r);
    buf_done(&hold);
    two_done(&t);
}

static void a_damaged_length_is_found(void **state)
{
    (void)state;
    struct sim_disk     *d = sim_disk_new(1);
    struct two           t;
    struct reader       *r;
    struct reader_piece  piece;
    enum reader_step     step;
    struct err           e = { 0 };
    static const uint8_t lengths[] = { 0, 18, 255 };

    two_begin(&t, &mysql, sim_disk_disk(d));
    struct slice is = sim_disk_bytes(d, "bin.000001");
    for (size_t k = 0; k < sizeof lengths; k++) {
        uint8_t *copy = malloc(is.len);
        memcpy(copy, t.a.bytes.ptr, is.len);
        memset(copy + t.a.ends[4] + 9, lengths[k], 4);
        if (lengths[k] == 18)
            memset(copy + t.a.ends[4] + 10, 0, 3);
        sim_disk_put(d, "bin.000001", (struct slice){ copy, is.len });
        free(copy);
        assert_int_equal(reader_open(t.f.store, store_pos_at(1, t.a.ends[4]), 0, &r, &e), 0);
        assert_int_equal(reader_next(r, &piece, &step, &e), -1);
        assert_int_equal(e.kind, E_CORRUPT);
        reader_close(r);
    }
    two_done(&t);
    sim_disk_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(i3_everything_published_is_read_once_and_in_order),
        cmocka_unit_test(a_reader_opens_at_every_event_and_nowhere_else),
        cmocka_unit_test(i1_a_waiting_reader_sees_what_is_published_and_no_more),
        cmocka_unit_test(a_file_that_ends_without_a_rotate_is_left_when_it_is_sealed),
        cmocka_unit_test(large_events_are_gathered_up_to_the_bound),
        cmocka_unit_test(a_damaged_length_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
