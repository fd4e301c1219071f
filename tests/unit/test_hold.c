/* How far files are held for somebody, by the configured limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "relay/hold.h"
#include "storage/purge.h"
#include "tests/sim/fixture.h"
#include "tests/sim/sim_disk.h"

static const struct binlog_style style = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };

static struct fixture fixture;
static uint64_t       sizes[5]; /* by ordinal */

/* Files 1 to 4, the last one in progress. */
static int fill(void **state)
{
    struct binlog b, next;
    char          name[32];

    (void)state;
    fixture_begin(&fixture, NULL);
    binlog_begin(&b, &style);
    for (unsigned i = 1; i <= 4; i++) {
        binlog_format(&b);
        binlog_head(&b, i == 1 ? "" : binlog_gtids(&b));
        binlog_transaction(&b, 100 * i);
        (void)snprintf(name, sizeof name, "bin.%06u", i);
        fixture_file(&fixture, name, &b);
        if (i < 4) {
            binlog_begin_next(&next, &b);
            binlog_done(&b);
            b = next;
        }
    }
    binlog_done(&b);
    for (uint32_t i = 1; i <= 4; i++) {
        struct store_file f;
        struct err        e = { 0 };
        assert_int_equal(store_file_by_ordinal(fixture.store, i, &f, &e), 0);
        sizes[i] = f.size;
    }
    return 0;
}

static int empty(void **state)
{
    (void)state;
    fixture_done(&fixture);
    return 0;
}

static struct hold look(struct config_channel keys, struct holder who, int64_t now_s)
{
    struct hold h;
    hold_look(fixture.store, &keys, &who, now_s, &h);
    return h;
}

static int64_t last_s(uint32_t ordinal)
{
    struct store_file f;
    struct err        e = { 0 };
    assert_int_equal(store_file_by_ordinal(fixture.store, ordinal, &f, &e), 0);
    return f.last_s;
}

static void without_limits_its_file_and_all_later_ones_are_held(void **state)
{
    (void)state;
    struct hold h =
        look((struct config_channel){ 0 },
             (struct holder){ .from = store_pos_at(2, 99), .away_s = 1000000 }, INT64_MAX / 2);
    assert_int_equal(h.state, HOLD_KEPT);
    assert_int_equal(h.ordinal, 2);
    assert_int_equal(h.bytes, sizes[2] + sizes[3] + sizes[4]);
    assert_string_equal(h.limit, "");
    assert_int_equal(h.used_percent, 0);
    assert_int_equal(look((struct config_channel){ 0 }, (struct holder){ 0 }, 1).state, HOLD_NONE);
}

static void each_limit_ends_a_hold(void **state)
{
    (void)state;
    uint64_t      bytes = sizes[2] + sizes[3] + sizes[4];
    struct holder who = { .from = store_pos_at(2, 4) };
    int64_t       now = last_s(2) + 100;
    struct hold   h;

    h = look((struct config_channel){ .hold_bytes = bytes }, who, now);
    assert_int_equal(h.state, HOLD_KEPT);
    assert_int_equal(h.used_percent, 100);
    h = look((struct config_channel){ .hold_bytes = bytes - 1 }, who, now);
    assert_int_equal(h.state, HOLD_OVER);
    assert_int_equal(h.ordinal, 0);
    assert_string_equal(h.limit, "hold_bytes");

    assert_int_equal(look((struct config_channel){ .hold_age = 100 }, who, now).state, HOLD_KEPT);
    h = look((struct config_channel){ .hold_age = 99 }, who, now);
    assert_int_equal(h.state, HOLD_OVER);
    assert_int_equal(h.age_s, 100);
    assert_string_equal(h.limit, "hold_age");

    /* Only for who is away. */
    assert_int_equal(look((struct config_channel){ .hold_away = 5 }, who, now).used_percent, 0);
    who.away_s = 4;
    h = look((struct config_channel){ .hold_away = 5, .hold_age = 1000 }, who, now);
    assert_int_equal(h.state, HOLD_KEPT);
    assert_string_equal(h.limit, "hold_away");
    assert_int_equal(h.used_percent, 80);
    who.away_s = 6;
    h = look((struct config_channel){ .hold_away = 5, .hold_bytes = UINT64_MAX }, who, now);
    assert_int_equal(h.state, HOLD_OVER);
}

static void what_is_gone_is_not_held(void **state)
{
    (void)state;
    struct purge_limits limits = { .keep_ordinal = 3 };
    struct purge_plan   p;
    struct err          e = { 0 };
    assert_int_equal(purge_plan(fixture.store, &limits, 0, &p, &e), 0);
    assert_int_equal(purge_run(fixture.store, &p, &e), 0);
    struct hold h =
        look((struct config_channel){ 0 }, (struct holder){ .from = store_pos_at(2, 4) }, 1);
    assert_int_equal(h.state, HOLD_LOST);
    assert_int_equal(h.ordinal, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_limits_its_file_and_all_later_ones_are_held, fill,
                                        empty),
        cmocka_unit_test_setup_teardown(each_limit_ends_a_hold, fill, empty),
        cmocka_unit_test_setup_teardown(what_is_gone_is_not_held, fill, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
