#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "publisher/snapshot/chunk.h"

static struct definition *table_of(const uint8_t *types, uint32_t columns, uint32_t keys)
{
    static const char *const names[] = { "a", "b", "c`d" };
    struct definition       *d = NULL;
    struct err               e = { 0 };

    if (definition_new(slice_of_text("shop"), slice_of_text("orders"), columns, &d, &e) != 0)
        fail_msg("%s", e.text);
    for (uint32_t i = 0; i < columns; i++) {
        assert_int_equal(definition_set_name(d, i, slice_of_text(names[i]), &e), 0);
        d->columns[i].type = types[i];
    }
    for (uint32_t i = 0; i < keys; i++)
        d->key[i] = (uint16_t)i;
    d->key_count = keys;
    return d;
}

static void assert_select(const struct chunk *c, const char *expected)
{
    struct buf sql;

    buf_init(&sql, 1 << 20);
    chunk_put_select(c, &sql);
    assert_string_equal(buf_text(&sql), expected);
    buf_done(&sql);
}

static void a_chunk_begins_behind_the_key_that_the_server_gave_last(void **state)
{
    (void)state;
    const uint8_t      types[] = { FIELD_LONG, FIELD_VARCHAR };
    struct definition *d = table_of(types, 2, 1);
    struct chunk_key   k;
    struct err         e = { 0 };
    const char        *behind[] = { "7" }, *upto[] = { "99" };

    assert_int_equal(chunk_key_of(d, NULL, &k, &e), 0);
    struct chunk c = { .key = &k, .columns = slice_of_text("`a`, `b`"), .rows = 10 };
    assert_select(&c, "SELECT `a`, `b`, `a` FROM `shop`.`orders` ORDER BY `a` LIMIT 10");
    c.behind = behind;
    c.upto = upto;
    assert_select(&c, "SELECT `a`, `b`, `a` FROM `shop`.`orders` WHERE (`a` > 7) AND (`a` <= 99) "
                      "ORDER BY `a` LIMIT 10");
    c.condition = "b = 'x' OR b = 'y'";
    c.behind = NULL;
    assert_select(&c, "SELECT `a`, `b`, `a` FROM `shop`.`orders` WHERE (b = 'x' OR b = 'y') AND "
                      "(`a` <= 99) ORDER BY `a` LIMIT 10");
    definition_free(d);
}

static void a_key_of_several_columns_is_compared_one_by_one(void **state)
{
    (void)state;
    const uint8_t      types[] = { FIELD_ENUM, FIELD_DATETIME2, FIELD_VARCHAR };
    struct definition *d = table_of(types, 3, 3);
    struct chunk_key   k;
    struct err         e = { 0 };
    const char        *behind[] = { "2", "'2026-01-02 03:04:05'", "x'41'" };

    assert_int_equal(chunk_key_of(d, "", &k, &e), 0);
    struct chunk c = { .key = &k, .columns = slice_of_text("1"), .behind = behind, .rows = 3 };
    assert_select(&c,
                  "SELECT 1, `a`+0, `b`, HEX(`c``d`) FROM `shop`.`orders` WHERE `a` >= 2 AND "
                  "(`a` > 2 OR (`a` = 2 AND `b` > '2026-01-02 03:04:05') OR (`a` = 2 AND `b` = "
                  "'2026-01-02 03:04:05' AND `c``d` > x'41')) ORDER BY `a`, `b`, `c``d` LIMIT 3");
    struct buf sql;
    buf_init(&sql, 1 << 20);
    chunk_put_last_key(&k, "1", &sql);
    assert_string_equal(buf_text(&sql),
                        "SELECT `a`+0, `b`, HEX(`c``d`) FROM `shop`.`orders` WHERE (1) ORDER BY "
                        "`a` DESC, `b` DESC, `c``d` DESC LIMIT 1");
    buf_done(&sql);
    definition_free(d);
}

static void a_literal_holds_nothing_that_could_end_it(void **state)
{
    (void)state;
    struct buf out;
    struct err e = { 0 };

    buf_init(&out, 1 << 20);
    assert_int_equal(chunk_put_literal(CHUNK_TEXT, slice_of_text("C3A9"), &out, &e), 0);
    buf_put_u8(&out, ' ');
    assert_int_equal(chunk_put_literal(CHUNK_BINARY, slice_of_text(""), &out, &e), 0);
    buf_put_u8(&out, ' ');
    assert_int_equal(chunk_put_literal(CHUNK_NUMBER, slice_of_text("-12.50"), &out, &e), 0);
    assert_string_equal(buf_text(&out), "_utf8mb4 x'C3A9' x'' -12.50");
    assert_int_equal(chunk_put_literal(CHUNK_NUMBER, slice_of_text("1 OR 1"), &out, &e), -1);
    assert_int_equal(chunk_put_literal(CHUNK_NUMBER, slice_of_text(""), &out, &e), -1);
    assert_int_equal(chunk_put_literal(CHUNK_PLAIN, slice_of_text("2026' OR '"), &out, &e), -1);
    assert_int_equal(chunk_put_literal(CHUNK_TEXT, slice_of_text("zz"), &out, &e), -1);
    assert_int_equal(
        chunk_put_literal(CHUNK_TEXT, (struct slice){ (const uint8_t *)"4\0", 2 }, &out, &e), -1);
    buf_done(&out);
}

static void why_a_table_cant_be_read_in_chunks_is_said(void **state)
{
    (void)state;
    const uint8_t      types[] = { FIELD_FLOAT, FIELD_LONG };
    struct definition *d = table_of(types, 2, 0);
    struct chunk_key   k;
    struct err         e = { 0 };

    assert_int_equal(chunk_key_of(d, NULL, &k, &e), -1);
    assert_non_null(strstr(e.text, "no primary key"));
    assert_int_equal(chunk_key_of(d, "b", &k, &e), 0);
    assert_int_equal(k.columns[0], 1);
    d->columns[1].nullable = true;
    assert_int_equal(chunk_key_of(d, "b", &k, &e), -1);
    assert_non_null(strstr(e.text, "may be NULL"));
    assert_int_equal(chunk_key_of(d, "nothing", &k, &e), -1);
    assert_non_null(strstr(e.text, "no column 'nothing'"));
    d->key_count = 1; /* the FLOAT */
    assert_int_equal(chunk_key_of(d, NULL, &k, &e), -1);
    assert_non_null(strstr(e.text, "FLOAT"));
    definition_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chunk_begins_behind_the_key_that_the_server_gave_last),
        cmocka_unit_test(a_key_of_several_columns_is_compared_one_by_one),
        cmocka_unit_test(a_literal_holds_nothing_that_could_end_it),
        cmocka_unit_test(why_a_table_cant_be_read_in_chunks_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
