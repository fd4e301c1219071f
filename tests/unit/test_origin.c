#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "storage/locate.h"
#include "storage/origin.h"
#include "storage/purge.h"
#include "tests/sim/travels.h"

static void assert_at(struct travels *t, const char *file, uint64_t position, uint32_t ordinal)
{
    store_pos  at = 0;
    struct err e = { 0 };

    assert_int_equal(locate_position(t->f.store, file, position, &at, &e), 0);
    assert_int_equal(at, store_pos_at(ordinal, position));
}

static void assert_refused(struct travels *t, const char *file, uint64_t position,
                           enum err_kind kind)
{
    store_pos  at = 0;
    struct err e = { 0 };

    assert_int_equal(locate_position(t->f.store, file, position, &at, &e), -1);
    assert_int_equal(e.kind, kind);
}

static void a_place_of_a_source_is_found_in_the_copy_that_has_it(void **state)
{
    struct travels t;

    (void)state;
    travels_begin(&t);
    assert_at(&t, "a:bin.000001", t.a1.txn_ends[1], 1);
    assert_at(&t, "a:bin.000002", BINLOG_MAGIC_BYTES, 2);
    assert_at(&t, "a:bin.000002", t.a2.txn_ends[1], 2);
    assert_at(&t, "a:bin.000002", t.a2.txn_ends[2], 2);
    assert_at(&t, "a:bin.000002", t.a2.txn_ends[4], 4);
    assert_at(&t, "a:bin.000002", t.a2.txn_ends[5], 4);
    assert_at(&t, "b:bin.000002", t.b.txn_ends[1], 3);
    assert_at(&t, "b:bin.000002", t.b.txn_ends[3], 3);
    travels_done(&t);
}

static void a_place_that_has_no_equal_is_refused(void **state)
{
    struct travels t;

    (void)state;
    travels_begin(&t);
    /* What comes next was received from the other source, in front of much else. */
    assert_refused(&t, "a:bin.000002", t.a2.txn_ends[3], E_PROTOCOL);
    assert_refused(&t, "b:bin.000002", BINLOG_MAGIC_BYTES, E_PROTOCOL);
    assert_refused(&t, "b:bin.000002", t.b.txn_ends[0], E_PROTOCOL);
    /* The end of the ROTATE that the relay closed the file with: a never wrote it. */
    struct store_file closed;
    struct err        e = { 0 };
    assert_int_equal(store_file_by_ordinal(t.f.store, 2, &closed, &e), 0);
    assert_true(closed.size > t.a2.txn_ends[2]);
    assert_refused(&t, "a:bin.000002", closed.size, E_PROTOCOL);
    assert_refused(&t, "a:bin.000002", t.a2.bytes.len + 1, E_PROTOCOL);
    assert_refused(&t, "a:bin.000003", BINLOG_MAGIC_BYTES, E_PURGED);
    assert_refused(&t, "c:bin.000001", BINLOG_MAGIC_BYTES, E_PURGED);
    travels_done(&t);
}

static void a_bare_name_is_a_relay_file_whatever_sources_call_theirs(void **state)
{
    struct travels t;

    (void)state;
    travels_begin(&t);
    assert_at(&t, "bin.000001", t.a1.txn_ends[3], 1);
    assert_at(&t, "bin.000002", t.a2.txn_ends[0], 2);
    assert_at(&t, "bin.000003", t.b.txn_ends[1], 3);
    assert_at(&t, "bin.000004", t.a2.txn_ends[5], 4);
    travels_done(&t);
}

static void a_bare_name_of_one_source_file_alone_is_resolved(void **state)
{
    struct travels      t;
    struct binlog       c1, c2;
    struct store_source source_c;
    struct err          e = { 0 };

    (void)state;
    travels_begin(&t);
    source_c = t.source_b;
    memcpy(source_c.name, "c", 2);
    travels_make_file(&c1, &t.a2, 2);
    assert_int_equal(writer_begin_epoch(t.f.writer, &source_c, "log.000009", &e), 0);
    fixture_append(&t.f, &c1, 0, SIZE_MAX);
    fixture_publish(&t.f);
    assert_at(&t, "log.000009", c1.txn_ends[0], 5);
    /* The same name once more, by another server: nobody can tell which one is meant. */
    source_c.server_id = 77;
    travels_make_file(&c2, &c1, 2);
    assert_int_equal(writer_begin_epoch(t.f.writer, &source_c, "log.000009", &e), 0);
    fixture_append(&t.f, &c2, 0, SIZE_MAX);
    fixture_publish(&t.f);
    assert_refused(&t, "log.000009", c1.txn_ends[0], E_LIMIT);
    assert_refused(&t, "c:log.000009", c1.txn_ends[0], E_LIMIT);
    binlog_done(&c1);
    binlog_done(&c2);
    travels_done(&t);
}

static void i5_a_purged_relay_file_does_not_become_a_sources(void **state)
{
    struct travels t;
    struct err     e = { 0 };

    (void)state;
    travels_begin(&t);
    const struct purge_limits limits = { .keep_ordinal = 3 };
    struct purge_plan         plan;
    assert_int_equal(purge_plan(t.f.store, &limits, 0, &plan, &e), 0);
    assert_int_equal(purge_run(t.f.store, &plan, &e), 0);
    assert_refused(&t, "bin.000001", BINLOG_MAGIC_BYTES, E_PURGED);
    assert_refused(&t, "bin.000002", t.a2.txn_ends[4], E_PURGED);
    assert_at(&t, "a:bin.000002", t.a2.txn_ends[4], 4);
    travels_done(&t);
}

static void what_the_source_tells_of_its_end_is_looked_for_in_the_epoch_at_hand(void **state)
{
    struct travels t;
    struct err     e = { 0 };
    store_pos      at = 1;

    (void)state;
    travels_begin(&t);
    assert_int_equal(origin_locate_now(t.f.store, "bin.000002", t.a2.txn_ends[5], &at, &e), 0);
    assert_int_equal(at, store_pos_at(4, t.a2.txn_ends[5]));
    /* Of an epoch before, or still to come. */
    assert_int_equal(origin_locate_now(t.f.store, "bin.000001", t.a1.txn_ends[0], &at, &e), 0);
    assert_int_equal(at, 0);
    assert_int_equal(origin_locate_now(t.f.store, "bin.000003", BINLOG_MAGIC_BYTES, &at, &e), 0);
    assert_int_equal(at, 0);
    assert_int_equal(origin_locate_now(t.f.store, "bin.000002", t.a2.bytes.len + 5, &at, &e), 0);
    assert_int_equal(at, 0);
    travels_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_of_a_source_is_found_in_the_copy_that_has_it),
        cmocka_unit_test(a_place_that_has_no_equal_is_refused),
        cmocka_unit_test(a_bare_name_is_a_relay_file_whatever_sources_call_theirs),
        cmocka_unit_test(a_bare_name_of_one_source_file_alone_is_resolved),
        cmocka_unit_test(i5_a_purged_relay_file_does_not_become_a_sources),
        cmocka_unit_test(what_the_source_tells_of_its_end_is_looked_for_in_the_epoch_at_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
