/* What /metrics says: names by Prometheus' rules, foreign texts that stay inside their quotes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>
#include "relay/watch/metrics.h"
#include "relay/watch/overview.h"

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static void names_are_as_prometheus_wants_them(void **state)
{
    (void)state;
    assert_in_range(metrics_count(), 40, 1000);
    for (size_t i = 0; i < metrics_count(); i++) {
        struct metric_info m;
        metrics_info(i, &m);
        assert_true(strncmp(m.name, "binrelay_", 9) == 0 || strncmp(m.name, "process_", 8) == 0);
        assert_int_equal(strspn(m.name, "abcdefghijklmnopqrstuvwxyz_"), strlen(m.name));
        assert_int_equal(ends_with(m.name, "_total"), strcmp(m.type, "counter") == 0);
        assert_true(ends_with(m.help, "."));
        assert_null(strpbrk(m.help, "\n\\"));
        for (size_t k = 0; k < i; k++) {
            struct metric_info other;
            metrics_info(k, &other);
            assert_string_not_equal(m.name, other.name);
        }
    }
}

static void foreign_names_stay_inside_their_quotes(void **state)
{
    (void)state;
    struct overview_consumer consumer = {
        .label = { "main", "a\"} 1\nbinrelay_channel_up{x=\"\\", "<b>\xff" },
        .lag_bytes = 7,
        .lag_s = NAN,
    };
    struct overview o = { .consumers = { &consumer, 1 } };
    struct buf      out;

    buf_init(&out, 1000000);
    metrics_put(&o, &out);
    assert_non_null(strstr(buf_text(&out),
                           "\nbinrelay_consumer_lag_bytes{channel=\"main\",consumer=\"a\\\"} "
                           "1\\nbinrelay_channel_up{x=\\\"\\\\\",user=\"<b>\xef\xbf\xbd\"} 7\n"));
    assert_null(strstr(buf_text(&out), "\nbinrelay_channel_up"));
    assert_null(strstr(buf_text(&out), "consumer_lag_seconds")); /* not known: not told */
    buf_done(&out);
}

static void lag_goes_with_the_clock_while_the_source_is_silent(void **state)
{
    (void)state;
    struct channel_status s = {
        .state = CHANNEL_FOLLOWING, .caught_up = true, .last_contact_s = 1000, .last_event_s = 200
    };

    /* Idle: the last event may be old, the last heartbeat is not. */
    assert_true(overview_source_lag(&s, 5, 100, 1003) == 0);
    assert_true(overview_source_lag(&s, 5, 100, 1006) == 0);
    assert_true(overview_source_lag(&s, 5, 100, 1007) == 7);
    assert_true(overview_source_lag(&s, 5, 100, 1060) == 60);
    s.caught_up = false; /* more to receive: what came last is so old */
    assert_true(overview_source_lag(&s, 5, 100, 1000) == 800);
    assert_true(overview_source_lag(&s, 5, 100, 150) == 0); /* clocks differ */
    s.state = CHANNEL_WAITING;
    assert_true(overview_source_lag(&s, 5, 100, 1060) == 60);
    s.last_contact_s = 0; /* never heard since the start */
    assert_true(overview_source_lag(&s, 5, 100, 1060) == 960);
}

static void readiness_names_each_channel_that_is_not(void **state)
{
    (void)state;
    struct overview_channel channels[] = {
        { .name = "a", .state = "following", .problem = "", .open = true, .following = true },
        { .name = "b", .state = "waiting", .problem = "access denied", .open = true },
        { .name = "c", .state = "failed", .problem = "" },
    };
    struct overview o = { .channels = { channels, 1 } };
    struct buf      why;

    buf_init(&why, 1000);
    assert_true(overview_ready(&o, &why));
    assert_string_equal(buf_text(&why), "");
    o.channels.count = 3;
    assert_false(overview_ready(&o, &why));
    assert_string_equal(buf_text(&why),
                        "channel 'b' is waiting: access denied\nchannel 'c' is failed\n");
    buf_done(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_as_prometheus_wants_them),
        cmocka_unit_test(foreign_names_stay_inside_their_quotes),
        cmocka_unit_test(lag_goes_with_the_clock_while_the_source_is_silent),
        cmocka_unit_test(readiness_names_each_channel_that_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
