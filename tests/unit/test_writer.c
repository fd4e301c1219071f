#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include "protocol/txn.h"
#include "tests/sim/fixture.h"
#include "tests/sim/sim_disk.h"

static const struct binlog_style mysql = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };
static const struct binlog_style maria = { .family = FAMILY_MARIADB, .crc = true, .gtids = true };

/* A file of `count` transactions without an end. */
static void small_file(struct binlog *b, const struct binlog_style *style, int count)
{
    binlog_begin(b, style);
    binlog_format(b);
    binlog_head(b, "");
    for (int i = 0; i < count; i++)
        binlog_transaction(b, 100 + (size_t)i);
}

static void assert_file_is(struct sim_disk *d, const char *name, const struct binlog *b)
{
    struct slice is = sim_disk_bytes(d, name);
    assert_int_equal(is.len, b->bytes.len);
    assert_memory_equal(is.ptr, b->bytes.ptr, is.len);
}

static void i2_a_relay_file_is_its_source_file_byte_for_byte(void **state)
{
    (void)state;
    struct binlog_style styles[] = {
        mysql,
        maria,
        { .family = FAMILY_MYSQL, .crc = true },
        { .family = FAMILY_MYSQL, .crc = false, .gtids = true },
        { .family = FAMILY_MYSQL, .old = true },
        { .family = FAMILY_MARIADB, .crc = true, .gtids = true, .no_position = true },
    };
    for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++) {
        struct sim_disk *d = sim_disk_new(1);
        struct fixture   f;
        struct binlog    b;
        fixture_begin(&f, sim_disk_disk(d));
        small_file(&b, &styles[i], 50);
        binlog_ddl(&b, "CREATE TABLE t (a INT)");
        binlog_rotate(&b, "mysql-bin.000639");
        fixture_file(&f, "mysql-bin.000638", &b);
        assert_file_is(d, "mysql-bin.000638", &b);
        assert_int_equal(writer_offset(f.writer), b.bytes.len);
        binlog_done(&b);
        fixture_done(&f);
        sim_disk_free(d);
    }
}

static void i1_only_whole_transactions_are_published(void **state)
{
    (void)state;
    struct fixture      f;
    struct binlog       b;
    struct err          e = { 0 };
    struct store_source source = fixture_source("a", FAMILY_MYSQL);

    fixture_begin(&f, NULL);
    small_file(&b, &mysql, 20);
    assert_int_equal(writer_begin_file(f.writer, &source, "bin.000001", 0, &e), 0);
    fixture_publish(&f);
    assert_int_equal(store_published(f.store), 0);
    size_t txn = 0;
    for (size_t i = 0; i < b.count; i++) {
        fixture_append(&f, &b, i, i + 1);
        fixture_publish(&f);
        if (txn < b.txn_count && b.ends[i] == b.txn_ends[txn])
            txn++;
        uint64_t end = txn > 0 ? b.txn_ends[txn - 1] : b.ends[i < 1 ? i : 1];
        assert_int_equal(store_published(f.store), store_pos_at(1, end));
    }
    binlog_done(&b);
    fixture_done(&f);
}

/* Who waits needs somebody to end the waiting: only what was handed over makes the syncer work. */
static void nothing_waits_for_a_sync_that_does_not_come(void **state)
{
    (void)state;
    struct fixture      f;
    struct binlog       b;
    struct err          e = { 0 };
    struct store_source source = fixture_source("a", FAMILY_MYSQL);

    fixture_begin(&f, NULL);
    small_file(&b, &mysql, 500);
    size_t half = b.count / 2;
    assert_int_equal(writer_begin_file(f.writer, &source, "bin.000001", 0, &e), 0);
    fixture_append(&f, &b, 0, half);
    assert_true(b.ends[half - 1] > 64 * 1024 && b.bytes.len - b.ends[half - 1] > 64 * 1024);
    assert_false(writer_may_wait(f.writer)); /* nothing was handed over yet */
    assert_int_equal(writer_flush(f.writer, &e), 0);
    fixture_append(&f, &b, half, b.count);
    assert_true(writer_may_wait(f.writer));
    fixture_publish(&f);
    assert_false(writer_may_wait(f.writer)); /* all is synced */
    binlog_done(&b);
    fixture_done(&f);
}

static void a_rotate_shows_when_the_next_file_begins(void **state)
{
    (void)state;
    struct fixture       f;
    struct binlog        b;
    struct err           e = { 0 };
    struct store_source  source = fixture_source("a", FAMILY_MYSQL);
    struct writer_resume r;

    fixture_begin(&f, NULL);
    small_file(&b, &mysql, 3);
    uint64_t before = b.bytes.len;
    binlog_rotate(&b, "bin.000002");
    fixture_file(&f, "bin.000001", &b);
    assert_int_equal(store_published(f.store), store_pos_at(1, before));
    fixture_reopen(&f, &r);
    assert_string_equal(r.source_file, "bin.000001");
    assert_int_equal(r.offset, before);
    fixture_append(&f, &b, b.count - 1, b.count);
    assert_int_equal(writer_begin_file(f.writer, &source, "bin.000002", 0, &e), 0);
    assert_int_equal(store_published(f.store), store_pos_at(1, b.bytes.len));
    fixture_reopen(&f, &r);
    assert_string_equal(r.source_file, "bin.000002");
    assert_int_equal(r.offset, 4);
    assert_int_equal(store_published(f.store), store_pos_at(1, b.bytes.len));
    binlog_done(&b);
    fixture_done(&f);
}

static void a_rotate_to_another_name_gets_the_relays(void **state)
{
    (void)state;
    static const char *const leads_to[] = { "other-binary-log.000017", "b.1" };
    for (size_t i = 0; i < 2; i++) {
        struct sim_disk     *d = sim_disk_new(1);
        struct fixture       f;
        struct binlog        b;
        struct binlog        should;
        struct err           e = { 0 };
        struct store_source  source = fixture_source("a", FAMILY_MYSQL);
        struct writer_resume r;

        fixture_begin(&f, sim_disk_disk(d));
        small_file(&b, &mysql, 3);
        small_file(&should, &mysql, 3);
        binlog_rotate(&b, leads_to[i]);
        binlog_rotate(&should, "bin.000002");
        fixture_file(&f, "bin.000001", &b);
        /* Asked for again, it must be had at the source's offset. */
        fixture_reopen(&f, &r);
        assert_int_equal(r.offset, b.ends[b.count - 2]);
        fixture_append(&f, &b, b.count - 1, b.count);
        assert_int_equal(writer_begin_file(f.writer, &source, leads_to[i], 0, &e), 0);
        assert_file_is(d, "bin.000001", &should);
        binlog_done(&b);
        binlog_done(&should);
        fixture_done(&f);
        sim_disk_free(d);
    }
}

static void i5_names_count_up_by_one(void **state)
{
    (void)state;
    struct fixture    f;
    struct binlog     b;
    struct store_file file;
    struct err        e = { 0 };

    fixture_begin(&f, NULL);
    small_file(&b, &mysql, 1);
    fixture_file(&f, "log.999999", &b);
    fixture_file(&f, "else.000007", &b);
    fixture_file(&f, "else.000008", &b);
    assert_int_equal(store_file_by_ordinal(f.store, 2, &file, &e), 0);
    assert_string_equal(file.name, "log.1000000");
    assert_string_equal(file.source_file, "else.000007");
    assert_int_equal(file.epoch, 2);
    assert_int_equal(store_file_by_ordinal(f.store, 3, &file, &e), 0);
    assert_string_equal(file.name, "log.1000001");
    assert_int_equal(file.epoch, 2);
    binlog_done(&b);
    fixture_done(&f);
}

static void a_transaction_that_never_ended_is_cut(void **state)
{
    (void)state;
    struct sim_disk     *d = sim_disk_new(1);
    struct fixture       f;
    struct binlog        b;
    struct err           e = { 0 };
    struct store_source  source = fixture_source("a", FAMILY_MYSQL);
    struct writer_resume r;

    fixture_begin(&f, sim_disk_disk(d));
    small_file(&b, &mysql, 3);
    uint64_t good = b.bytes.len;
    binlog_gtid(&b, false);
    binlog_query(&b, "d", "BEGIN");
    binlog_rows(&b, 3 * 1024 * 1024); /* larger than the buffer: it is on the disk already */
    fixture_file(&f, "bin.000001", &b);
    assert_int_equal(store_published(f.store), store_pos_at(1, good));
    assert_true(sim_disk_bytes(d, "bin.000001").len > good);
    assert_int_equal(writer_begin_file(f.writer, &source, "bin.000002", 0, &e), 0);
    assert_int_equal(sim_disk_bytes(d, "bin.000001").len, good);
    assert_int_equal(store_published(f.store), store_pos_at(1, good));
    fixture_reopen(&f, &r);
    assert_int_equal(store_published(f.store), store_pos_at(1, good));
    binlog_done(&b);
    fixture_done(&f);
    sim_disk_free(d);
}

static void i3_a_gap_or_a_repeat_is_a_fork(void **state)
{
    (void)state;
    for (int repeat = 0; repeat < 2; repeat++) {
        struct fixture      f;
        struct binlog       b;
        struct err          e = { 0 };
        struct store_source source = fixture_source("a", FAMILY_MYSQL);
        struct event        ev;

        fixture_begin(&f, NULL);
        small_file(&b, &mysql, 5);
        assert_int_equal(writer_begin_file(f.writer, &source, "bin.000001", 0, &e), 0);
        fixture_append(&f, &b, 0, 5);
        assert_int_equal(event_parse(binlog_slice(&b, repeat ? 4 : 6), true, &ev, &e), 0);
        assert_int_equal(writer_append(f.writer, &ev, &e), -1);
        assert_int_equal(e.kind, E_FORK);
        assert_int_equal(writer_flush(f.writer, &e), -1); /* only closing is left */
        binlog_done(&b);
        fixture_done(&f);
    }
}

static void a_file_must_begin_with_a_format_description(void **state)
{
    (void)state;
    struct fixture      f;
    struct binlog       b;
    struct err          e = { 0 };
    struct store_source source = fixture_source("a", FAMILY_MYSQL);
    struct event        ev;

    fixture_begin(&f, NULL);
    binlog_begin(&b, &mysql);
    binlog_head(&b, "");
    assert_int_equal(writer_begin_file(f.writer, &source, "bin.000001", 0, &e), 0);
    assert_int_equal(event_parse(binlog_slice(&b, 0), true, &ev, &e), 0);
    assert_int_equal(writer_append(f.writer, &ev, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    binlog_done(&b);
    fixture_done(&f);
}

static void names_that_are_no_binlog_names_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "",           "../x.000001", "a/b.000001",
                                       "catalog.db", "lock",        ".1",
                                       "x.",         "x.12a",       "x.1234567890123456789" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fixture      f;
        struct err          e = { 0 };
        struct store_source source = fixture_source("a", FAMILY_MYSQL);
        fixture_begin(&f, NULL);
        assert_int_equal(writer_begin_file(f.writer, &source, bad[i], 0, &e), -1);
        assert_int_equal(e.kind, E_PROTOCOL);
        fixture_done(&f);
    }
}

/* A transaction with one event of 3 MB, passed in pieces of `step`. */
static void append_large(struct fixture *f, const struct binlog *b, size_t index, size_t step)
{
    struct err   e = { 0 };
    struct event head;
    struct slice whole = binlog_slice(b, index);
    size_t       at = TXN_HEAD_BYTES;

    assert_int_equal(event_parse_head((struct slice){ whole.ptr, at }, true, &head, &e), 0);
    assert_int_equal(writer_append_head(f->writer, &head, &e), 0);
    while (at < whole.len) {
        size_t n = whole.len - at < step ? whole.len - at : step;
        assert_int_equal(writer_append_rest(f->writer, (struct slice){ whole.ptr + at, n }, &e), 0);
        at += n;
    }
}

static void an_event_passes_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const size_t steps[] = { 1, 3, 4, 5, 1000, 70000, 5000000 };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct sim_disk    *d = sim_disk_new(1);
        struct fixture      f;
        struct binlog       b;
        struct err          e = { 0 };
        struct store_source source = fixture_source("a", FAMILY_MARIADB);

        fixture_begin(&f, sim_disk_disk(d));
        small_file(&b, &maria, 2);
        binlog_transaction(&b, i < 4 ? 90000 : 3000000);
        assert_int_equal(writer_begin_file(f.writer, &source, "bin.000001", 0, &e), 0);
        fixture_append(&f, &b, 0, b.count - 2);
        append_large(&f, &b, b.count - 2, steps[i]);
        fixture_append(&f, &b, b.count - 1, b.count);
        fixture_publish(&f);
        assert_int_equal(store_published(f.store), store_pos_at(1, b.bytes.len));
        assert_file_is(d, "bin.000001", &b);
        binlog_done(&b);
        fixture_done(&f);
        sim_disk_free(d);
    }
}

static void a_wrong_checksum_of_an_event_in_pieces_is_found(void **state)
{
    (void)state;
    struct fixture      f;
    struct binlog       b;
    struct err          e = { 0 };
    struct store_source source = fixture_source("a", FAMILY_MARIADB);
    struct event        head;

    fixture_begin(&f, NULL);
    small_file(&b, &maria, 1);
    binlog_transaction(&b, 200000);
    assert_int_equal(writer_begin_file(f.writer, &source, "bin.000001", 0, &e), 0);
    fixture_append(&f, &b, 0, b.count - 2);
    struct slice whole = binlog_slice(&b, b.count - 2);
    b.bytes.ptr[b.ends[b.count - 2] - 500] ^= 1;
    assert_int_equal(event_parse_head((struct slice){ whole.ptr, TXN_HEAD_BYTES }, true, &head, &e),
                     0);
    assert_int_equal(writer_append_head(f.writer, &head, &e), 0);
    struct slice rest = { whole.ptr + TXN_HEAD_BYTES, whole.len - TXN_HEAD_BYTES };
    assert_int_equal(writer_append_rest(f.writer, rest, &e), -1);
    assert_int_equal(e.kind, E_CORRUPT);
    binlog_done(&b);
    fixture_done(&f);
}

static void a_full_disk_is_got_over_without_a_trace(void **state)
{
    (void)state;
    struct sim_disk     *d = sim_disk_new(1);
    struct fixture       f;
    struct binlog        b;
    struct err           e = { 0 };
    struct store_source  source = fixture_source("a", FAMILY_MYSQL);
    struct writer_resume r;
    size_t               i;

    fixture_begin(&f, sim_disk_disk(d));
    small_file(&b, &mysql, 3000);
    assert_int_equal(writer_begin_file(f.writer, &source, "bin.000001", 0, &e), 0);
    fixture_append(&f, &b, 0, 100);
    fixture_publish(&f);
    store_pos published = store_published(f.store);
    sim_disk_limit(d, 300000);
    int result = 0;
    for (i = 100; i < b.count && result == 0; i++) {
        struct event ev;
        assert_int_equal(event_parse(binlog_slice(&b, i), true, &ev, &e), 0);
        result = writer_append(f.writer, &ev, &e);
        if (result == 0)
            result = writer_flush(f.writer, &e);
    }
    assert_int_equal(result, -1);
    assert_int_equal(e.kind, E_FULL);
    writer_close(f.writer);
    sim_disk_limit(d, 0);
    assert_int_equal(writer_open(f.store, &f.writer, &r, &e), 0);
    assert_true(store_published(f.store) >= published);
    assert_int_equal(r.offset, store_pos_offset(store_published(f.store)));
    for (i = 0; b.ends[i] < r.offset; i++)
        ;
    assert_int_equal(b.ends[i], r.offset);
    fixture_append(&f, &b, i + 1, b.count);
    fixture_publish(&f);
    assert_file_is(d, "bin.000001", &b);
    binlog_done(&b);
    fixture_done(&f);
    sim_disk_free(d);
}

static void i3_what_a_failed_sync_may_have_lost_is_sent_again(void **state)
{
    (void)state;
    struct sim_disk     *d = sim_disk_new(1);
    struct fixture       f;
    struct binlog        b;
    struct err           e = { 0 };
    struct store_source  source = fixture_source("a", FAMILY_MYSQL);
    struct writer_resume r;

    fixture_begin(&f, sim_disk_disk(d));
    small_file(&b, &mysql, 30);
    assert_int_equal(writer_begin_file(f.writer, &source, "bin.000001", 0, &e), 0);
    fixture_append(&f, &b, 0, 42);
    fixture_publish(&f);
    store_pos published = store_published(f.store);
    fixture_append(&f, &b, 42, 82);
    assert_int_equal(writer_flush(f.writer, &e), 0);
    sim_disk_fail_at(d, sim_disk_calls(d) + 1, EIO);
    assert_int_equal(store_sync(f.store, &e), -1);
    assert_int_equal(e.kind, E_IO);
    assert_int_equal(store_published(f.store), published);
    writer_close(f.writer);
    assert_int_equal(writer_open(f.store, &f.writer, &r, &e), 0);
    assert_int_equal(r.offset, store_pos_offset(published));
    fixture_append(&f, &b, 42, b.count);
    fixture_publish(&f);
    sim_disk_restart(d); /* the power goes: what is published must be there */
    assert_file_is(d, "bin.000001", &b);
    binlog_done(&b);
    fixture_done(&f);
    sim_disk_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(i2_a_relay_file_is_its_source_file_byte_for_byte),
        cmocka_unit_test(i1_only_whole_transactions_are_published),
        cmocka_unit_test(nothing_waits_for_a_sync_that_does_not_come),
        cmocka_unit_test(a_rotate_shows_when_the_next_file_begins),
        cmocka_unit_test(a_rotate_to_another_name_gets_the_relays),
        cmocka_unit_test(i5_names_count_up_by_one),
        cmocka_unit_test(a_transaction_that_never_ended_is_cut),
        cmocka_unit_test(i3_a_gap_or_a_repeat_is_a_fork),
        cmocka_unit_test(a_file_must_begin_with_a_format_description),
        cmocka_unit_test(names_that_are_no_binlog_names_are_refused),
        cmocka_unit_test(an_event_passes_in_pieces_of_any_size),
        cmocka_unit_test(a_wrong_checksum_of_an_event_in_pieces_is_found),
        cmocka_unit_test(a_full_disk_is_got_over_without_a_trace),
        cmocka_unit_test(i3_what_a_failed_sync_may_have_lost_is_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
