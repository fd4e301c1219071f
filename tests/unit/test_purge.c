#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "storage/locate.h"
#include "storage/purge.h"
#include "storage/reader.h"
#include "storage/verify.h"
#include "tests/sim/fixture.h"
#include "tests/sim/sim_disk.h"

static const struct binlog_style style = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };

enum { FILES = 6 };

/* bin.000001 to bin.000006, two transactions in each; the last one is in progress. */
static uint64_t fill(struct fixture *f)
{
    struct binlog b, next;
    char          name[32];
    uint64_t      bytes = 0;

    binlog_begin(&b, &style);
    for (unsigned i = 1; i <= FILES; i++) {
        binlog_format(&b);
        binlog_head(&b, i == 1 ? "" : binlog_gtids(&b));
        binlog_transaction(&b, 100);
        binlog_transaction(&b, 100);
        (void)snprintf(name, sizeof name, "bin.%06u", i);
        fixture_file(f, name, &b);
        bytes = b.bytes.len;
        if (i < FILES) {
            binlog_begin_next(&next, &b);
            binlog_done(&b);
            b = next;
        }
    }
    binlog_done(&b);
    return bytes;
}

static struct purge_plan plan(struct fixture *f, struct purge_limits limits, uint32_t hold)
{
    struct purge_plan p;
    struct err        e = { 0 };
    assert_int_equal(purge_plan(f->store, &limits, hold, &p, &e), 0);
    return p;
}

static void no_limit_keeps_everything(void **state)
{
    (void)state;
    struct fixture f;

    fixture_begin(&f, NULL);
    (void)fill(&f);
    assert_int_equal(plan(&f, (struct purge_limits){ 0 }, 0).files, 0);
    fixture_done(&f);
}

static void oldest_files_go_until_the_rest_fits(void **state)
{
    (void)state;
    struct fixture    f;
    struct store_file file;

    fixture_begin(&f, NULL);
    uint64_t          one = fill(&f);
    struct purge_plan p = plan(&f, (struct purge_limits){ .keep_bytes = 2 * one + one / 2 }, 0);
    assert_int_equal(p.keep_from, FILES - 1);
    assert_int_equal(p.files, FILES - 2);
    assert_true(store_first_file(f.store, &file));
    assert_int_equal(file.ordinal, 1); /* a plan changes nothing */
    fixture_done(&f);
}

static void the_file_in_progress_always_stays(void **state)
{
    (void)state;
    struct fixture f;

    fixture_begin(&f, NULL);
    (void)fill(&f);
    struct purge_limits all = { .keep_bytes = 1,
                                .keep_since_s = INT64_MAX,
                                .free_bytes = UINT64_MAX };
    assert_int_equal(plan(&f, all, 0).keep_from, FILES);
    fixture_done(&f);
}

static void files_go_by_the_time_of_their_last_event(void **state)
{
    (void)state;
    struct fixture    f;
    struct store_file third;
    struct err        e = { 0 };

    fixture_begin(&f, NULL);
    (void)fill(&f);
    assert_int_equal(store_file_by_ordinal(f.store, 3, &third, &e), 0);
    assert_int_equal(plan(&f, (struct purge_limits){ .keep_since_s = third.last_s }, 0).keep_from,
                     3);
    fixture_done(&f);
}

static void what_a_consumer_holds_stays(void **state)
{
    (void)state;
    struct fixture f;

    fixture_begin(&f, NULL);
    (void)fill(&f);
    struct purge_plan p = plan(&f, (struct purge_limits){ .keep_bytes = 1 }, 3);
    assert_int_equal(p.keep_from, 3);
    assert_true(p.held);
    assert_false(plan(&f, (struct purge_limits){ .keep_ordinal = 3 }, 5).held);
    fixture_done(&f);
}

/* I5: a coordinate that was given out means the same for ever, or is answered with "purged". */
static void i5_what_was_purged_is_known_by_its_gtids(void **state)
{
    (void)state;
    struct fixture       f;
    struct writer_resume r;
    struct gtids         before = { 0 };
    struct buf           text;
    store_pos            at;
    struct locate_gtid   found;
    struct gtid_set      none = { 0 };
    struct err           e = { 0 };

    fixture_begin(&f, NULL);
    (void)fill(&f);
    struct purge_plan p = plan(&f, (struct purge_limits){ .keep_ordinal = 4 }, 0);
    assert_int_equal(purge_run(f.store, &p, &e), 0);
    for (int again = 0; again < 2; again++) {
        struct store_file first;
        assert_true(store_first_file(f.store, &first));
        assert_string_equal(first.name, "bin.000004");
        assert_int_equal(store_gtids_before(f.store, first.ordinal, &before, &e), 0);
        buf_init(&text, 1024);
        gtids_put_text(&before, &text);
        assert_non_null(strstr(buf_text(&text), ":1-6"));
        buf_done(&text);
        assert_int_equal(locate_position(f.store, "bin.000003", 4, &at, &e), -1);
        assert_int_equal(e.kind, E_PURGED);
        assert_int_equal(locate_gtid_set(f.store, &none, &found, &e), -1);
        assert_int_equal(e.kind, E_PURGED);
        assert_int_equal(locate_position(f.store, "bin.000005", 4, &at, &e), 0);
        fixture_reopen(&f, &r);
        assert_string_equal(r.source_file, "bin.000006");
    }
    gtids_done(&before);
    fixture_done(&f);
}

static void count_problem(void *arg, const char *text)
{
    (void)fprintf(stderr, "%s\n", text);
    ++*(unsigned *)arg;
}

static void a_purge_that_was_cut_off_anywhere_is_finished(void **state)
{
    (void)state;
    for (uint64_t cut = 1; cut < 12; cut++)
        for (uint64_t seed = 1; seed <= 4; seed++) {
            struct sim_disk     *disk = sim_disk_new(seed);
            struct fixture       f;
            struct writer_resume r;
            struct store_file    first;
            struct verify_result seen;
            struct err           e = { 0 };
            unsigned             problems = 0;

            fixture_begin(&f, sim_disk_disk(disk));
            (void)fill(&f);
            struct purge_plan p = plan(&f, (struct purge_limits){ .keep_ordinal = 4 }, 0);
            sim_disk_crash_at(disk, sim_disk_calls(disk) + cut);
            (void)!purge_run(f.store, &p, &e);
            writer_close(f.writer);
            store_close(f.store);
            f.writer = NULL;
            f.store = NULL;
            sim_disk_crash_at(disk, 0);
            sim_disk_restart(disk);
            fixture_reopen(&f, &r);
            assert_true(store_first_file(f.store, &first));
            assert_string_equal(first.name, "bin.000004");
            assert_int_equal(sim_disk_bytes(disk, "bin.000003").len, 0);
            assert_int_equal(verify_store(f.store, count_problem, NULL, &problems, &seen, &e), 0);
            assert_int_equal(problems, 0);
            fixture_done(&f);
            sim_disk_free(disk);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_limit_keeps_everything),
        cmocka_unit_test(oldest_files_go_until_the_rest_fits),
        cmocka_unit_test(the_file_in_progress_always_stays),
        cmocka_unit_test(files_go_by_the_time_of_their_last_event),
        cmocka_unit_test(what_a_consumer_holds_stays),
        cmocka_unit_test(i5_what_was_purged_is_known_by_its_gtids),
        cmocka_unit_test(a_purge_that_was_cut_off_anywhere_is_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
