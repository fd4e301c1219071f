#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "relay/upstream/binlogs.h"
#include "tests/sim/fixture.h"

static const struct binlog_style mysql_style = { .family = FAMILY_MYSQL, .crc = true };

/* One file of two transactions; `gtids` is what its head says went before. */
static void put_file(struct fixture *f, const char *name, const char *gtids, const char *next,
                     struct binlog *b)
{
    struct store_source source = fixture_source("a", FAMILY_MYSQL);
    struct err          e = { 0 };

    assert_int_equal(writer_begin_file(f->writer, &source, name, 0, &e), 0);
    binlog_format(b);
    binlog_head(b, gtids);
    binlog_transaction(b, 200);
    binlog_transaction(b, 300);
    if (next != NULL)
        binlog_rotate(b, next);
    fixture_append(f, b, 0, SIZE_MAX);
    fixture_publish(f);
}

static void assert_set(int (*get)(struct store *, struct gtids *, struct err *), struct store *s,
                       const char *wanted)
{
    struct gtids g = { 0 };
    struct err   e = { 0 };
    struct buf   text;

    buf_init(&text, 1000);
    assert_int_equal(get(s, &g, &e), 0);
    gtids_put_text(&g, &text);
    assert_string_equal(buf_text(&text), wanted);
    gtids_done(&g);
    buf_done(&text);
}

static void an_empty_store_has_no_files_and_no_gtids(void **state)
{
    (void)state;
    struct fixture      f;
    struct binlogs_file file;
    uint32_t            ordinal = 0;

    fixture_begin(&f, NULL);
    assert_false(binlogs_next(f.store, &ordinal, &file));
    assert_false(binlogs_end(f.store, &file));
    assert_set(binlogs_executed, f.store, "");
    assert_set(binlogs_purged, f.store, "");
    fixture_done(&f);
}

static void files_are_shown_as_far_as_they_are_published(void **state)
{
    (void)state;
    struct fixture      f;
    struct binlog       first;
    struct binlog       second;
    struct binlogs_file file;
    uint32_t            ordinal = 0;

    fixture_begin(&f, NULL);
    binlog_begin(&first, &mysql_style);
    put_file(&f, "binlog.000007", "", "binlog.000008", &first);
    binlog_begin_next(&second, &first);
    put_file(&f, "binlog.000008", binlog_gtids(&first), NULL, &second);

    assert_true(binlogs_next(f.store, &ordinal, &file));
    assert_string_equal(file.name, "binlog.000007");
    assert_int_equal(file.size, first.bytes.len);
    assert_true(binlogs_next(f.store, &ordinal, &file));
    assert_string_equal(file.name, "binlog.000008");
    assert_int_equal(file.size, second.bytes.len);
    assert_false(binlogs_next(f.store, &ordinal, &file));
    assert_true(binlogs_end(f.store, &file));
    assert_string_equal(file.name, "binlog.000008");
    assert_int_equal(file.size, second.bytes.len);

    assert_set(binlogs_executed, f.store, binlog_gtids(&second));
    assert_set(binlogs_purged, f.store, "");
    binlog_done(&first);
    binlog_done(&second);
    fixture_done(&f);
}

static void what_went_before_the_first_file_is_purged(void **state)
{
    (void)state;
    struct fixture f;
    struct binlog  b;
    char           before[100];

    fixture_begin(&f, NULL);
    binlog_begin(&b, &mysql_style);
    (void)snprintf(before, sizeof before, "%s:1-40", "f718ee6f-e587-11f1-ae02-02fc00000001");
    put_file(&f, "binlog.000001", before, NULL, &b);
    assert_set(binlogs_purged, f.store, before);
    binlog_done(&b);
    fixture_done(&f);
}

static void a_place_has_all_gtids_in_front_of_it(void **state)
{
    (void)state;
    struct fixture f;
    struct binlog  b;
    struct gtids   at_end = { 0 };
    struct err     e = { 0 };
    struct buf     text;

    fixture_begin(&f, NULL);
    binlog_begin(&b, &mysql_style);
    put_file(&f, "binlog.000001", "", NULL, &b);
    assert_int_equal(binlogs_gtids_at(f.store, "binlog.000001", b.bytes.len, &at_end, &e), 0);
    buf_init(&text, 1000);
    gtids_put_text(&at_end, &text);
    assert_string_equal(buf_text(&text), binlog_gtids(&b));
    assert_set(binlogs_executed, f.store, binlog_gtids(&b));
    buf_done(&text);
    gtids_done(&at_end);
    binlog_done(&b);
    fixture_done(&f);
}

static void places_that_are_none_are_told_apart_from_trouble(void **state)
{
    (void)state;
    struct fixture f;
    struct binlog  b;
    struct gtids   g = { 0 };
    struct err     e = { 0 };

    fixture_begin(&f, NULL);
    binlog_begin(&b, &mysql_style);
    put_file(&f, "binlog.000001", "", NULL, &b);
    assert_int_equal(binlogs_gtids_at(f.store, "binlog.000009", 4, &g, &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    assert_int_equal(binlogs_gtids_at(f.store, "binlog.000001", 17, &g, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    gtids_done(&g);
    binlog_done(&b);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_store_has_no_files_and_no_gtids),
        cmocka_unit_test(files_are_shown_as_far_as_they_are_published),
        cmocka_unit_test(what_went_before_the_first_file_is_purged),
        cmocka_unit_test(a_place_has_all_gtids_in_front_of_it),
        cmocka_unit_test(places_that_are_none_are_told_apart_from_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
