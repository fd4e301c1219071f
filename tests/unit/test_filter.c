#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "publisher/filter.h"
#include "publisher/topic.h"

static bool takes(const char *databases, const char *tables, const char *database,
                  const char *table)
{
    struct filter *f = NULL;
    struct options o = { 0 };
    struct err     e = { 0 };
    if (options_init(&o, &e) != 0 ||
        options_set(&o, "database.include.list", databases != NULL ? databases : "", &e) != 0 ||
        options_set(&o, "table.include.list", tables != NULL ? tables : "", &e) != 0 ||
        filter_new(&o, &f, &e) != 0)
        fail_msg("%s", e.text);
    bool result = filter_takes(f, database, table);
    filter_free(f);
    options_done(&o);
    return result;
}

static void without_lists_all_but_the_systems_is_taken(void **state)
{
    (void)state;
    assert_true(takes(NULL, NULL, "shop", "orders"));
    assert_true(takes("", "", "shop", "orders"));
    assert_false(takes(NULL, NULL, "mysql", "user"));
    assert_false(takes("mysql", NULL, "MySQL", "user"));
    assert_false(takes(NULL, NULL, "performance_schema", "t"));
    assert_false(takes(NULL, NULL, "information_schema", "t"));
    assert_false(takes(NULL, NULL, "sys", "t"));
}

static void an_expression_must_match_the_whole_name(void **state)
{
    (void)state;
    assert_true(takes("a, shop", NULL, "SHOP", "orders"));
    assert_false(takes("shop", NULL, "shop2", "orders"));
    assert_true(takes("shop[0-9]+", NULL, "shop12", "orders"));
    assert_false(takes("a|b", NULL, "ab", "t"));
    assert_true(takes("a|b", NULL, "b", "t"));
    assert_true(takes("shop", "shop\\.orders,shop\\.items", "shop", "items"));
    assert_false(takes("shop", "shop\\.orders", "shop", "items"));
    assert_false(takes("shop", "other\\.items", "other", "items"));
}

static void a_wrong_expression_is_named(void **state)
{
    (void)state;
    struct filter *f = NULL;
    struct options o = { 0 };
    struct err     e = { 0 };
    assert_int_equal(options_init(&o, &e), 0);
    assert_int_equal(options_set(&o, "database.include.list", "good,ba[d", &e), 0);
    assert_int_equal(filter_new(&o, &f, &e), -1);
    options_done(&o);
    assert_int_equal(e.kind, E_CONFIG);
    assert_non_null(strstr(e.text, "ba[d"));
}

static void check_topic(const char *database, const char *table, const char *topic)
{
    struct buf b;
    buf_init(&b, 1000);
    topic_put(&b, ".", "srv", database, table);
    assert_string_equal(buf_text(&b), topic);
    buf_done(&b);
}

static void topics_have_only_what_kafka_allows(void **state)
{
    (void)state;
    check_topic("g", "t", "srv.g.t");
    check_topic("my db", "t$1", "srv.my_db.t_1");
    check_topic("żó", "a🐢b", "srv.__.a__b");
    check_topic("a-b_c.d", "T9", "srv.a-b_c.d.T9");
    char       long_name[400];
    struct buf b;
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = 0;
    buf_init(&b, 1000);
    topic_put(&b, ".", "srv", "g", long_name);
    assert_int_equal(b.len, TOPIC_BYTES_MAX);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_lists_all_but_the_systems_is_taken),
        cmocka_unit_test(an_expression_must_match_the_whole_name),
        cmocka_unit_test(a_wrong_expression_is_named),
        cmocka_unit_test(topics_have_only_what_kafka_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
