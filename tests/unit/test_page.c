/* The status page and its history: foreign texts stay texts, samples go round within their bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "relay/watch/history.h"
#include "relay/watch/page.h"

static const char hostile[] = "</td><script>alert('x')</script>&\"\n\xff";
static const char tamed[] = "&lt;/td&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot; "
                            "\xef\xbf\xbd";

static struct history *make(void)
{
    struct history *h = NULL;
    struct err      e = { 0 };
    assert_int_equal(history_new(&h, &e), 0);
    return h;
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
        n++;
    return n;
}

static void foreign_texts_are_never_markup(void **state)
{
    (void)state;
    struct overview_info    info = { { hostile } };
    struct overview_channel channel = {
        .name = "main",
        .state = hostile,
        .problem = hostile,
        .open = true,
        .published = hostile,
        .consumers = 1,
    };
    struct overview_source    source = { .channel = "main",
                                         .name = hostile,
                                         .address = hostile,
                                         .state = hostile,
                                         .problem = hostile,
                                         .server = hostile,
                                         .file = hostile };
    struct overview_candidate candidate = { .channel = "main",
                                            .name = hostile,
                                            .address = hostile,
                                            .server = hostile,
                                            .problem = hostile };
    struct overview_consumer  consumer = { .channel = "main",
                                           .name = hostile,
                                           .user = hostile,
                                           .address = hostile,
                                           .place = hostile,
                                           .hold_limit = "" };
    struct overview_publisher publisher = { .channel = "main",
                                            .name = hostile,
                                            .sink = hostile,
                                            .state = hostile,
                                            .problem = hostile,
                                            .place = hostile,
                                            .snapshot_active = true,
                                            .snapshot_table = hostile };
    struct overview_epoch     epoch = {
            .channel = "main", .source = hostile, .method = hostile, .file = hostile
    };
    struct overview o = { .info = { &info, 1 },
                          .channels = { &channel, 1 },
                          .sources = { &source, 1 },
                          .candidates = { &candidate, 1 },
                          .consumers = { &consumer, 1 },
                          .publishers = { &publisher, 1 },
                          .epochs = { &epoch, 1 } };
    struct history *h = make();
    struct buf      out;

    history_take(h, &o);
    buf_init(&out, 1000000);
    page_put(&o, h, &out);
    const char *page = buf_text(&out);
    assert_int_equal(count(page, "<script"), 0);
    assert_int_equal(count(page, "</td><s"), 0);
    assert_int_equal(count(page, tamed), 26);
    assert_int_equal(count(page, "<path d=\"M"), 3);
    assert_int_equal(count(page, "http"), count(page, "http-equiv")); /* loads nothing */
    buf_done(&out);
    history_free(h);
}

static void samples_are_kept_for_an_hour(void **state)
{
    (void)state;
    struct overview_source source = { .channel = "main", .name = "a" };
    struct overview        o = { .sources = { &source, 1 } };
    struct history        *h = make();
    float                  value[HISTORY_SAMPLES];

    assert_int_equal(history_get(h, HISTORY_SOURCE, "main", "a", value), 0);
    for (int i = 0; i < 1000; i++) {
        source.lag_s = i;
        history_take(h, &o);
        assert_int_equal(history_get(h, HISTORY_SOURCE, "main", "a", value),
                         i + 1 < HISTORY_SAMPLES ? i + 1 : HISTORY_SAMPLES);
    }
    assert_true(value[0] == 1000 - HISTORY_SAMPLES && value[HISTORY_SAMPLES - 1] == 999);
    assert_int_equal(history_get(h, HISTORY_CONSUMER, "main", "a", value), 0);

    /* Away for a while: nothing is known of that time. Away for an hour: forgotten. */
    o.sources.count = 0;
    for (int i = 0; i < 10; i++)
        history_take(h, &o);
    o.sources.count = 1;
    history_take(h, &o);
    assert_int_equal(history_get(h, HISTORY_SOURCE, "main", "a", value), HISTORY_SAMPLES);
    assert_true(value[HISTORY_SAMPLES - 1] == 999 && isnan(value[HISTORY_SAMPLES - 2]) &&
                isnan(value[HISTORY_SAMPLES - 11]) && value[HISTORY_SAMPLES - 12] == 999);
    o.sources.count = 0;
    for (int i = 0; i < HISTORY_SAMPLES + 1; i++)
        history_take(h, &o);
    assert_int_equal(history_get(h, HISTORY_SOURCE, "main", "a", value), 0);
    history_free(h);
}

static void only_so_many_are_kept(void **state)
{
    (void)state;
    static struct overview_consumer many[HISTORY_SERIES + 10];
    static char                     names[HISTORY_SERIES + 10][16];
    struct overview                 o = { .consumers = { many, HISTORY_SERIES + 10 } };
    struct history                 *h = make();
    float                           value[HISTORY_SAMPLES];

    for (size_t i = 0; i < HISTORY_SERIES + 10; i++) {
        (void)snprintf(names[i], sizeof names[i], "%zu", i);
        many[i] = (struct overview_consumer){ .channel = "main", .name = names[i] };
    }
    history_take(h, &o);
    assert_int_equal(history_get(h, HISTORY_CONSUMER, "main", "0", value), 1);
    assert_int_equal(history_get(h, HISTORY_CONSUMER, "main", names[HISTORY_SERIES], value), 0);
    history_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_texts_are_never_markup),
        cmocka_unit_test(samples_are_kept_for_an_hour),
        cmocka_unit_test(only_so_many_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
