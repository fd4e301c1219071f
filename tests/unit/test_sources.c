/* The servers that a channel may follow, and which of them is active. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "relay/sources.h"

struct place {
    char                  folder[64];
    struct catalog       *catalog;
    struct config_channel channel;
    struct config_source  list[3];
    struct config         config;
};

static char main_name[] = "main", a[] = "a", b[] = "b", c[] = "c", other[] = "other";

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    struct err    e = { 0 };

    assert_non_null(p);
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/brt-sources-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    assert_int_equal(catalog_open(p->folder, false, &p->catalog, &e), 0);
    p->channel = (struct config_channel){ .name = main_name, .failover_after = 7 };
    p->list[0] = (struct config_source){ .name = a, .channel = main_name, .server_id = 10 };
    p->list[1] = (struct config_source){ .name = c, .channel = other, .server_id = 30 };
    p->list[2] = (struct config_source){ .name = b, .channel = main_name, .server_id = 20 };
    p->config = (struct config){
        .sources = p->list, .source_count = 3, .channels = &p->channel, .channel_count = 1
    };
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    char          path[96];

    catalog_close(p->catalog);
    static const char *const files[] = { "catalog.db", "catalog.db-wal", "catalog.db-shm" };
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", p->folder, files[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(p->folder), 0);
    free(p);
    return 0;
}

static struct sources *open_sources(struct place *p)
{
    struct sources *s = NULL;
    struct err      e = { 0 };

    assert_int_equal(sources_new(&p->config, &p->channel, p->catalog, &s, &e), 0);
    return s;
}

static void the_first_of_the_channel_is_followed_at_first(void **state)
{
    struct place               *p = *state;
    struct sources             *s = open_sources(p);
    const struct config_source *list[SOURCES_MAX], *found;
    struct sources_change       change;
    struct err                  e = { 0 };

    assert_ptr_equal(sources_active(s), &p->list[0]);
    assert_int_equal(sources_list(s, list), 2);
    assert_ptr_equal(list[1], &p->list[2]);
    assert_int_equal(sources_find(s, "b", &found, &e), 0);
    assert_int_equal(sources_find(s, "c", &found, &e), -1);
    assert_non_null(strstr(e.text, "a, b"));
    sources_last_change(s, &change);
    assert_int_equal(change.at_s, 0);
    sources_free(s);
}

static void the_active_one_and_the_server_id_outlive_the_process(void **state)
{
    struct place         *p = *state;
    struct sources       *s = open_sources(p);
    struct sources_change change;
    struct err            e = { 0 };

    assert_int_equal(sources_server_id(s), 10);
    assert_int_equal(sources_activate(s, &p->list[2], true, &e), 0);
    sources_free(s);
    s = open_sources(p);
    assert_ptr_equal(sources_active(s), &p->list[2]);
    /* Consumers know the relay by it. */
    assert_int_equal(sources_server_id(s), 10);
    sources_last_change(s, &change);
    assert_true(change.by_itself);
    assert_string_equal(change.from, "a");
    assert_true(change.at_s > 0);
    sources_free(s);
    /* A person has given all of them another one. */
    p->list[0].server_id = p->list[2].server_id = 40;
    s = open_sources(p);
    assert_int_equal(sources_server_id(s), 40);
    sources_free(s);
}

static void one_that_is_followed_is_not_let_go_by_a_reload(void **state)
{
    struct place               *p = *state;
    struct sources             *s = open_sources(p);
    const struct config_source *list[SOURCES_MAX];
    struct sources_policy       policy;
    struct config               less = p->config;

    less.sources = &p->list[1]; /* c and b */
    less.source_count = 2;
    p->channel.failover = FAILOVER_AUTO;
    assert_false(sources_reload(s, &less));
    assert_ptr_equal(sources_active(s), &p->list[0]);
    assert_int_equal(sources_list(s, list), 2);
    assert_ptr_equal(list[0], &p->list[2]);
    assert_ptr_equal(list[1], &p->list[0]);
    sources_policy(s, &policy);
    assert_int_equal(policy.failover, FAILOVER_AUTO);
    assert_int_equal(policy.after_s, 7);
    /* It is back, with another port. */
    struct config_source changed[3] = { p->list[0], p->list[1], p->list[2] };
    struct config        more = p->config;
    more.sources = changed;
    changed[0].port = 3307;
    assert_true(sources_reload(s, &more));
    assert_ptr_equal(sources_active(s), &changed[0]);
    assert_int_equal(sources_list(s, list), 2);
    sources_free(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_of_the_channel_is_followed_at_first),
        TEST(the_active_one_and_the_server_id_outlive_the_process),
        TEST(one_that_is_followed_is_not_let_go_by_a_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
