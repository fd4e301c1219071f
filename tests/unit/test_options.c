#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "publisher/fields/adjust.h"
#include "publisher/options.h"
#include "publisher/rules.h"

static void set(struct options *o, const char *name, const char *value)
{
    struct err e = { 0 };
    if (options_set(o, name, value, &e) != 0)
        fail_msg("%s", e.text);
}

static struct options fresh(void)
{
    struct options o = { 0 };
    struct err     e = { 0 };
    assert_int_equal(options_init(&o, &e), 0);
    return o;
}

static void defaults_are_debeziums(void **state)
{
    (void)state;
    struct options o = fresh();
    struct err     e = { 0 };
    assert_int_equal(o.decimals, DECIMALS_PRECISE);
    assert_int_equal(o.times, TIMES_ADAPTIVE_MICROSECONDS);
    assert_int_equal(o.skipped, OPERATION_T);
    assert_true(o.tombstones && o.extended_headers && o.include_schema_changes);
    assert_false(o.transactions || o.strict || o.value_schemas);
    assert_int_equal(options_check(&o, &e), -1); /* topic.prefix */
    options_done(&o);
}

static void values_are_taken_or_refused_with_what_is_allowed(void **state)
{
    (void)state;
    struct options o = fresh();
    struct err     e = { 0 };
    set(&o, "skipped.operations", "c, d");
    assert_int_equal(o.skipped, OPERATION_C | OPERATION_D);
    set(&o, "skipped.operations", "none");
    assert_int_equal(o.skipped, 0);
    set(&o, "schemas.enable", "true");
    assert_true(o.key_schemas && o.value_schemas);
    set(&o, "binary.handling.mode", "BASE64-url-safe");
    assert_int_equal(o.binaries, BINARIES_BASE64_URL);
    assert_int_equal(options_set(&o, "binary.handling.mode", "octal", &e), -1);
    assert_int_equal(e.kind, E_CONFIG);
    assert_non_null(strstr(e.text, "hex"));
    assert_int_equal(options_set(&o, "heartbeat.interval.ms", "-1", &e), -1);
    assert_int_equal(options_set(&o, "skipped.operations", "c,", &e), -1);
    assert_int_equal(options_set(&o, "no.such.option", "1", &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    assert_int_equal(options_set(&o, "column.truncate.to.x.chars", "a", &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    options_done(&o);
}

static void a_copy_is_whole(void **state)
{
    (void)state;
    struct options o = fresh(), copy = { 0 };
    struct err     e = { 0 };
    set(&o, "topic.prefix", "p");
    set(&o, "column.mask.hash.v2.SHA-256.with.salt.a.b", "x\\.y\\.z");
    assert_int_equal(options_copy(&o, &copy, &e), 0);
    options_done(&o);
    assert_string_equal(copy.topic_prefix, "p");
    assert_int_equal(copy.rule_count, 1);
    assert_int_equal(copy.rules[0].kind, RULE_HASH_V2);
    assert_string_equal(copy.rules[0].algorithm, "SHA-256");
    assert_string_equal(copy.rules[0].salt, "a.b");
    options_done(&copy);
}

static void lists_that_exclude_each_other_are_refused(void **state)
{
    (void)state;
    struct options o = fresh();
    struct err     e = { 0 };
    set(&o, "topic.prefix", "p");
    set(&o, "table.include.list", "a");
    assert_int_equal(options_check(&o, &e), 0);
    set(&o, "table.exclude.list", "b");
    assert_int_equal(options_check(&o, &e), -1);
    options_done(&o);
}

/* ---- rules for columns: g.t.c, a VARCHAR(10) ---- */

static void check_rule(const char *name, const char *columns, const char *text, int32_t length,
                       const char *expected)
{
    struct options           o = fresh();
    struct err               e = { 0 };
    struct rules            *rules = NULL;
    struct definition        d = { .database = "g", .table = "t" };
    struct definition_column column = { .name = "c", .length = length };
    struct schema            plain = { .type = SCHEMA_STRING };
    struct cell              cell = cell_string(text);
    struct buf               room;

    buf_init(&room, 1 << 20);
    set(&o, name, columns);
    if (rules_new(&o, &rules, &e) != 0)
        fail_msg("%s", e.text);
    const struct rule *rule = rules_find(rules, &d, &column);
    if (expected == NULL) {
        assert_null(rule);
    } else {
        assert_non_null(rule);
        assert_int_equal(rule_apply(rule, &plain, true, length, &room, &cell, &e), 0);
        assert_int_equal(cell.bytes.len, strlen(expected));
        assert_memory_equal(cell.bytes.ptr, expected, strlen(expected));
    }
    rules_free(rules);
    buf_done(&room);
    options_done(&o);
}

static void texts_are_masked_cut_and_hashed_as_debezium_does(void **state)
{
    (void)state;
    check_rule("column.mask.with.3.chars", "g\\.t\\.c", "secret", 10, "***");
    check_rule("column.mask.with.0.chars", "G.T.C", "secret", 10, "");
    check_rule("column.mask.with.3.chars", "g\\.t\\.cc", "secret", 10, NULL);
    check_rule("column.truncate.to.2.chars", ".*c", "\xc3\xa9\xc3\xa9x", 10, "\xc3\xa9\xc3\xa9");
    check_rule("column.truncate.to.3.chars", ".*c", "a\xf0\x9f\x90\xa2x", 10, "a\xf0\x9f\x90\xa2");
    check_rule("column.truncate.to.2.chars", ".*c", "a\xf0\x9f\x90\xa2x", 10, "a");
    check_rule("column.truncate.to.10.chars", ".*c", "longer than ten", 10, "longer than ten");
    /* MD5 of "salt" and "text"; the column's length cuts it. */
    check_rule("column.mask.hash.v2.MD5.with.salt.salt", ".*c", "text", -1,
               "49625075c45179ce5a7a601c8ea8858a");
}

static void check_name(enum option_adjustment mode, bool is_field, const char *name,
                       const char *expected)
{
    struct buf b;
    buf_init(&b, 1000);
    adjust_put(&b, mode, is_field, name);
    assert_string_equal(buf_text(&b), expected);
    buf_done(&b);
}

static void names_are_made_to_fit_avro(void **state)
{
    (void)state;
    check_name(ADJUSTMENT_NONE, true, "a b", "a b");
    check_name(ADJUSTMENT_AVRO, true, "1st", "_1st");
    check_name(ADJUSTMENT_AVRO, true, "a.b-c", "a_b_c");
    check_name(ADJUSTMENT_AVRO, false, "a.b-c", "a.b_c");
    check_name(ADJUSTMENT_AVRO_UNICODE, true, "a_b", "a_u005fb");
    check_name(ADJUSTMENT_AVRO_UNICODE, true, "\xc5\xbc", "_u17c");
    check_name(ADJUSTMENT_AVRO, true, "\xf0\x9f\x90\xa2", "__");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_debeziums),
        cmocka_unit_test(values_are_taken_or_refused_with_what_is_allowed),
        cmocka_unit_test(a_copy_is_whole),
        cmocka_unit_test(lists_that_exclude_each_other_are_refused),
        cmocka_unit_test(texts_are_masked_cut_and_hashed_as_debezium_does),
        cmocka_unit_test(names_are_made_to_fit_avro),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
