/* A failed sync has lost data (I4): it is never simply tried again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "storage/store_core.h"
#include "tests/sim/fixture.h"
#include "tests/sim/sim_disk.h"

enum { SAFE_TXNS = 3, TXNS = 8 };

struct world {
    struct sim_disk *disk;
    struct fixture   f;
    struct binlog    b;
    size_t           safe; /* events of the published transactions */
};

static size_t events_up_to(const struct binlog *b, uint64_t end)
{
    size_t n = 0;
    while (n < b->count && b->ends[n] <= end)
        n++;
    return n;
}

/* Three transactions are published, the rest is received, and its sync has failed. */
static void begin(struct world *w, bool crc)
{
    const struct binlog_style style = { .family = FAMILY_MYSQL, .crc = crc, .gtids = true };
    struct store_source       source = fixture_source("a", FAMILY_MYSQL);
    struct err                e = { 0 };

    *w = (struct world){ .disk = sim_disk_new(1) };
    fixture_begin(&w->f, sim_disk_disk(w->disk));
    binlog_begin(&w->b, &style);
    binlog_format(&w->b);
    binlog_head(&w->b, "");
    for (int i = 0; i < TXNS; i++)
        binlog_transaction(&w->b, 100);
    w->safe = events_up_to(&w->b, w->b.txn_ends[SAFE_TXNS - 1]);
    assert_int_equal(writer_begin_file(w->f.writer, &source, "bin.000001", 0, &e), 0);
    fixture_append(&w->f, &w->b, 0, w->safe);
    fixture_publish(&w->f);
    fixture_append(&w->f, &w->b, w->safe, SIZE_MAX);
    assert_int_equal(writer_flush(w->f.writer, &e), 0);
    sim_disk_fail_at(w->disk, sim_disk_calls(w->disk) + 1, EIO);
    assert_int_equal(store_round(w->f.store, false, &e), -1);
    assert_int_equal(e.kind, E_IO);
}

static void done(struct world *w)
{
    binlog_done(&w->b);
    fixture_done(&w->f);
    sim_disk_free(w->disk);
}

static void cut_power(struct world *w)
{
    struct writer_resume r;

    writer_close(w->f.writer);
    store_close(w->f.store);
    w->f.writer = NULL;
    w->f.store = NULL;
    sim_disk_restart(w->disk);
    fixture_reopen(&w->f, &r);
}

static void check_held(struct world *w, uint64_t end)
{
    struct slice held = sim_disk_bytes(w->disk, "bin.000001");

    assert_int_equal(store_published(w->f.store), store_pos_at(1, end));
    assert_true(held.len >= end);
    assert_memory_equal(held.ptr, w->b.bytes.ptr, end);
}

static void i1_it_publishes_nothing_and_is_not_tried_again(void **state)
{
    struct world w;
    struct err   e = { 0 };

    (void)state;
    begin(&w, true);
    check_held(&w, w.b.txn_ends[SAFE_TXNS - 1]);
    uint64_t calls = sim_disk_calls(w.disk);
    assert_int_equal(store_round(w.f.store, false, &e), -1);
    assert_int_equal(e.kind, E_STOPPED);
    assert_int_equal(store_wait_synced(w.f.store, &e), -1);
    assert_int_equal(sim_disk_calls(w.disk), calls);
    check_held(&w, w.b.txn_ends[SAFE_TXNS - 1]);
    done(&w);
}

static void a_new_writer_asks_for_the_lost_again(bool crc)
{
    struct world         w;
    struct writer_resume r;
    struct err           e = { 0 };
    uint64_t             safe_end;

    begin(&w, crc);
    safe_end = w.b.txn_ends[SAFE_TXNS - 1];
    writer_close(w.f.writer);
    assert_int_equal(writer_open(w.f.store, &w.f.writer, &r, &e), 0);
    assert_int_equal(r.offset, safe_end);
    assert_int_equal(sim_disk_bytes(w.disk, "bin.000001").len, safe_end);
    fixture_append(&w.f, &w.b, w.safe, SIZE_MAX);
    fixture_publish(&w.f);
    check_held(&w, w.b.bytes.len);
    cut_power(&w);
    check_held(&w, w.b.bytes.len);
    done(&w);
}

static void the_writer_opened_next_asks_for_what_was_lost(void **state)
{
    (void)state;
    a_new_writer_asks_for_the_lost_again(true);
    a_new_writer_asks_for_the_lost_again(false);
}

/* The system goes on showing what never came to the disk, and syncs well when it is asked again. */
static void a_process_started_next_shows_only_what_is_safe(bool crc)
{
    struct world         w;
    struct writer_resume r;

    begin(&w, crc);
    fixture_reopen(&w.f, &r);
    uint64_t shown = store_pos_offset(store_published(w.f.store));
    assert_true(shown >= w.b.txn_ends[SAFE_TXNS - 1]);
    assert_int_equal(r.offset, shown);
    cut_power(&w);
    check_held(&w, shown);
    done(&w);
}

static void i4_what_the_next_process_shows_survives_a_power_cut(void **state)
{
    (void)state;
    a_process_started_next_shows_only_what_is_safe(true);
    a_process_started_next_shows_only_what_is_safe(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(i1_it_publishes_nothing_and_is_not_tried_again),
        cmocka_unit_test(the_writer_opened_next_asks_for_what_was_lost),
        cmocka_unit_test(i4_what_the_next_process_shows_survives_a_power_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
