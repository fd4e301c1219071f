#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "storage/moment.h"

static const char uuid_text[] = "f718ee6f-e587-11f1-ae02-02fc00000001";

static void a_time_is_taken_in_every_usual_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t     seconds;
    } times[] = {
        { "2026-11-21 10:00:00", 1795255200 },
        { "2026-11-21T10:00:00Z", 1795255200 },
        { "2026-11-21t10:00", 1795255200 },
        { "2026-11-21 12:00:00+02:00", 1795255200 },
        { "2026-11-21 12:00:00 +0200", 1795255200 },
        { "2026-11-21 07:30:00-02:30", 1795255200 },
        { "2026-11-21 12:00:00+02", 1795255200 },
        { "2026-11-21 09:59:59.25", 1795255200 },
        { "2026-11-21 10:00:00.000", 1795255200 },
        { "2026-11-21", 1795219200 },
        { "@1795255200", 1795255200 },
        { "@0", 0 },
        { "2028-02-29 00:00:00", 1835395200 },
    };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        int64_t got = -1;
        if (moment_parse_time(times[i].text, &got) != 0 || got != times[i].seconds)
            fail_msg("%s gave %lld", times[i].text, (long long)got);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "@",
        "@-1",
        "@99999999999",
        "now",
        "2026-11-21 ",
        "2026-11-21 10",
        "2026-11-21 25:00:00",
        "2026-11-21 10:61",
        "2026-11-21 10:00:60",
        "2026-11-21 10:00:00.",
        "2026-11-21 10:00:00+99:00",
        "2026-11-21 10:00:00+",
        "2026-11-21 10:00:00x",
        "2026-02-30",
        "2026-13-01",
        "2026-00-10",
        "1960-01-01",
        "26-11-21 10:00:00",
        "2026-11-21 10:00:00ZZ",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int64_t got;
        if (moment_parse_time(wrong[i], &got) == 0)
            fail_msg("'%s' was taken", wrong[i]);
    }
}

static struct moment parsed(const char *text)
{
    struct moment m;
    struct err    e = { 0 };
    if (moment_parse(text, &m, &e) != 0)
        fail_msg("%s", e.text);
    return m;
}

static void every_kind_is_told_from_the_others(void **state)
{
    (void)state;
    char text[128];
    struct {
        const char      *front, *back;
        enum moment_kind kind;
        enum moment_side side;
    } all[] = {
        { "oldest", "", MOMENT_OLDEST, MOMENT_UNSAID },
        { "newest", "", MOMENT_NEWEST, MOMENT_UNSAID },
        { "binlog.000001:4", "", MOMENT_PLACE, MOMENT_UNSAID },
        { "b:binlog.000001:4", "", MOMENT_PLACE, MOMENT_UNSAID },
        { "", ":7", MOMENT_GTID, MOMENT_UNSAID },
        { "before:", ":7", MOMENT_GTID, MOMENT_BEFORE },
        { "after:", ":7", MOMENT_GTID, MOMENT_AFTER },
        { "", ":1-7", MOMENT_GTIDS, MOMENT_UNSAID },
        { "after:", ":1-7", MOMENT_GTIDS, MOMENT_AFTER },
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        (void)snprintf(text, sizeof text, "%s%s%s", all[i].front,
                       all[i].back[0] != '\0' ? uuid_text : "", all[i].back);
        struct moment m = parsed(text);
        assert_int_equal(m.kind, all[i].kind);
        assert_int_equal(m.side, all[i].side);
        moment_done(&m);
    }
    struct moment m = parsed("0-1-5");
    assert_int_equal(m.kind, MOMENT_GTID);
    assert_int_equal(m.place.gtid.number, 5);
    m = parsed("0-1-5,1-2-7");
    assert_int_equal(m.kind, MOMENT_GTIDS);
    assert_int_equal(m.gtids.state.count, 2);
    moment_done(&m);
}

static void anything_else_is_refused_with_what_to_write(void **state)
{
    (void)state;
    static const char *const wrong[] = { "",        "yesterday",   "binlog.000001",
                                         "before:", "after:f:4",   "before:0-1-5,1-2-7",
                                         "before",  "newest:4:x4", "2026-11-21 10:00:0" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct moment m;
        struct err    e = { 0 };
        if (moment_parse(wrong[i], &m, &e) == 0)
            fail_msg("'%s' was taken", wrong[i]);
        assert_int_equal(e.kind, E_CONFIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_taken_in_every_usual_form),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(every_kind_is_told_from_the_others),
        cmocka_unit_test(anything_else_is_refused_with_what_to_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
