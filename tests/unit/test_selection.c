#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "tools/binrelay/selection.h"

static void add(struct selection *s, const char *option, const char *value)
{
    struct err e = { 0 };
    if (selection_add(s, option, value, &e) != 0)
        fail_msg("%s", e.text);
}

static bool takes(const struct selection *s, const char *database, const char *table)
{
    return selection_table(s, slice_of_text(database), slice_of_text(table));
}

static void without_names_everything_is_taken(void **state)
{
    (void)state;
    static const struct selection s;
    assert_true(selection_is_all(&s));
    assert_true(takes(&s, "a", "t"));
    assert_int_equal(selection_database(&s, slice_of_text("")), WANTED_YES);
}

static void named_ones_are_taken_and_excluded_ones_are_not(void **state)
{
    (void)state;
    struct selection s = { 0 };
    add(&s, "database", "shop");
    add(&s, "table", "crm.people");
    add(&s, "exclude-table", "shop.log");
    assert_true(takes(&s, "shop", "orders"));
    assert_false(takes(&s, "shop", "log"));
    assert_true(takes(&s, "crm", "people"));
    assert_false(takes(&s, "crm", "other"));
    assert_false(takes(&s, "Shop", "orders"));
    assert_int_equal(selection_database(&s, slice_of_text("shop")), WANTED_PARTLY);
    assert_int_equal(selection_database(&s, slice_of_text("crm")), WANTED_PARTLY);
    assert_int_equal(selection_database(&s, slice_of_text("x")), WANTED_NO);
    struct selection but = { 0 };
    add(&but, "exclude-database", "log");
    assert_true(takes(&but, "shop", "orders"));
    assert_false(takes(&but, "log", "orders"));
    assert_int_equal(selection_database(&but, slice_of_text("log")), WANTED_NO);
    assert_int_equal(selection_database(&but, slice_of_text("x")), WANTED_YES);
}

static void what_is_no_table_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { "", "t", ".t", "d." };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct selection s = { 0 };
        struct err       e = { 0 };
        assert_int_equal(selection_add(&s, "table", wrong[i], &e), -1);
        assert_int_equal(e.kind, E_CONFIG);
        assert_int_equal(s.count, 0);
    }
}

static enum wanted judged(const struct selection *s, const char *database, const char *text)
{
    struct format      f = { .family = FAMILY_MYSQL, .version_number = 80400 };
    struct event_query q = { .database = slice_of_text(database),
                             .text = slice_of_text(text),
                             .status_vars = slice_empty(),
                             .packed = slice_empty() };
    struct err         e = { 0 };
    enum wanted        w = WANTED_NO;
    if (selection_statement(s, &f, &q, &w, &e) != 0)
        fail_msg("%s", e.text);
    return w;
}

static void ddl_is_judged_by_the_tables_it_names(void **state)
{
    (void)state;
    struct selection s = { 0 };
    add(&s, "table", "shop.orders");
    assert_int_equal(judged(&s, "shop", "ALTER TABLE orders ADD c INT"), WANTED_YES);
    assert_int_equal(judged(&s, "crm", "ALTER TABLE `shop`.`orders` ADD c INT"), WANTED_YES);
    assert_int_equal(judged(&s, "crm", "ALTER TABLE orders ADD c INT"), WANTED_NO);
    assert_int_equal(judged(&s, "shop", "DROP TABLE other, orders"), WANTED_YES);
    assert_int_equal(judged(&s, "shop", "DROP TABLE other"), WANTED_NO);
    assert_int_equal(judged(&s, "", "CREATE DATABASE shop"), WANTED_YES);
    assert_int_equal(judged(&s, "", "CREATE DATABASE crm"), WANTED_NO);
    assert_int_equal(judged(&s, "shop", "UPDATE orders SET a = 1"), WANTED_PARTLY);
    assert_int_equal(judged(&s, "crm", "UPDATE x SET a = 1"), WANTED_NO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_names_everything_is_taken),
        cmocka_unit_test(named_ones_are_taken_and_excluded_ones_are_not),
        cmocka_unit_test(what_is_no_table_is_refused),
        cmocka_unit_test(ddl_is_judged_by_the_tables_it_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
