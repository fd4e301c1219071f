/* What of another source's binlog is held already, and how the catalog keeps that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "relay/upstream/skip.h"

#define A "00000000-0000-4000-8000-00000000000a"

static struct gtid gtid(const char *text)
{
    struct gtid g = { 0 };
    if (*text != '\0')
        assert_true(gtid_parse(slice_of_text(text), &g));
    return g;
}

static bool has(const struct skip *s, const char *file, uint64_t at, const char *text)
{
    struct gtid g = gtid(text);
    return skip_has(s, skip_file_of(s, file), at, &g);
}

static struct skip parsed(const char *text)
{
    struct skip s = { 0 };
    struct err  e = { 0 };
    assert_int_equal(skip_parse(slice_of_text(text), &s, &e), 0);
    return s;
}

static void an_empty_one_skips_nothing_and_is_over_at_once(void **state)
{
    (void)state;
    struct skip s = parsed("");
    assert_false(has(&s, "b.000001", 4, A ":1"));
    assert_false(has(&s, "b.000001", 4, ""));
    assert_true(skip_is_over(&s, "b.000001", 4));
    skip_done(&s);
}

static void gtids_are_skipped_wherever_they_come(void **state)
{
    (void)state;
    struct skip s = parsed("held " A ":1-5:9\n");
    assert_true(has(&s, "b.000001", 4, A ":5"));
    assert_false(has(&s, "b.000001", 4, A ":6"));
    assert_true(has(&s, "b.000777", 400, A ":9"));
    assert_false(has(&s, "b.000001", 4, "")); /* anonymous */
    assert_false(has(&s, "b.000001", 4, "0-1-5"));
    assert_false(skip_is_over(&s, "b.000777", 4));
    skip_done(&s);
}

static void behind_the_end_even_an_equal_gtid_is_new(void **state)
{
    (void)state;
    struct skip s = parsed("until 500 b.000009\nheld " A ":1-5\n");
    assert_false(skip_is_over(&s, "b.000008", 900));
    assert_false(skip_is_over(&s, "b.000009", 499));
    assert_true(skip_is_over(&s, "b.000009", 500));
    assert_true(skip_is_over(&s, "b.000010", 4));
    assert_true(skip_is_over(&s, "b.1000000", 4));
    skip_done(&s);
}

static void ranges_are_of_one_file_and_half_open(void **state)
{
    (void)state;
    struct skip s = { 0 };
    struct err  e = { 0 };
    assert_int_equal(skip_add_range(&s, "b.000001", 100, 200, &e), 0);
    assert_int_equal(skip_add_range(&s, "b.000001", 200, 300, &e), 0);
    assert_int_equal(skip_add_range(&s, "b.000001", 400, 500, &e), 0);
    assert_int_equal(skip_add_range(&s, "b.000002", 4, 90, &e), 0);
    assert_int_equal(s.range_count, 3);
    assert_false(has(&s, "b.000001", 99, ""));
    assert_true(has(&s, "b.000001", 100, ""));
    assert_true(has(&s, "b.000001", 299, ""));
    assert_false(has(&s, "b.000001", 300, ""));
    assert_true(has(&s, "b.000001", 400, ""));
    assert_false(has(&s, "b.000001", 500, ""));
    assert_true(has(&s, "b.000002", 4, ""));
    assert_false(has(&s, "b.000002", 100, ""));
    assert_false(has(&s, "b.000003", 100, ""));
    skip_done(&s);
}

static void what_a_file_begins_with_leads_to_its_end(void **state)
{
    (void)state;
    struct skip s = parsed("file b.000001\nrange 4 200\nrange 300 400\n"
                           "file b.000002\nrange 120 200\n");
    assert_int_equal(skip_leads_to(&s, "b.000001"), 200);
    assert_int_equal(skip_leads_to(&s, "b.000002"), 0);
    assert_int_equal(skip_leads_to(&s, "b.000003"), 0);
    skip_done(&s);
}

static void the_text_gives_back_the_same(void **state)
{
    (void)state;
    static const char text[] = "until 18446744073709551615 my binlog.000002\n"
                               "file my binlog.000001\nrange 100 200\nrange 300 400\n"
                               "file my binlog.000002\nrange 5 6\n"
                               "held " A ":1-5\n";
    struct skip       s = parsed(text);
    struct buf        out;
    buf_init(&out, 1000);
    skip_put_text(&s, &out);
    assert_string_equal(buf_text(&out), text);
    buf_done(&out);
    skip_done(&s);
}

static void rubbish_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "range 1 2\n",
        "file b.000001\nrange 2 1\n",
        "file b.000001\nrange 2 2\n",
        "file b.000001\nrange 1 5\nrange 4 6\n",
        "file b.000001\nrange 1 5x\n",
        "file b.000001\nrange 1\n",
        "file b.000001\nrange 1 99999999999999999999\n",
        "file ../x.000001\n",
        "until b.000001\n",
        "until 5 \n",
        "held rubbish\n",
        "what\n",
        "\n",
        "file b.000001\nrange 1 2\nfile b.000002\nrange 1 2\nfile b.000001\nrange 5 6\n",
    };
    struct skip s = parsed("held " A ":1-5\n");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err e = { 0 };
        assert_int_equal(skip_parse(slice_of_text(bad[i]), &s, &e), -1);
    }
    assert_true(has(&s, "b.000001", 4, A ":5"));
    skip_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_skips_nothing_and_is_over_at_once),
        cmocka_unit_test(gtids_are_skipped_wherever_they_come),
        cmocka_unit_test(behind_the_end_even_an_equal_gtid_is_new),
        cmocka_unit_test(ranges_are_of_one_file_and_half_open),
        cmocka_unit_test(what_a_file_begins_with_leads_to_its_end),
        cmocka_unit_test(the_text_gives_back_the_same),
        cmocka_unit_test(rubbish_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
