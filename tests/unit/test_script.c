#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "tools/binrelay/script.h"

#define SLICE(bytes) ((struct slice){ (bytes), sizeof(bytes) })

static struct script begun(enum format_family family, uint32_t version)
{
    struct script s;
    script_init(&s, family, version, 1 << 20);
    return s;
}

static void expect(struct script *s, const char *text)
{
    assert_string_equal(buf_text(&s->text), text);
    buf_clear(&s->text);
    s->statements = 0;
}

static void only_changes_of_the_session_are_said(void **state)
{
    (void)state;
    struct script s = begun(FAMILY_MYSQL, 80400);

    script_time(&s, 100, 0);
    script_time(&s, 100, 0);
    expect(&s, "SET TIMESTAMP=100");
    script_time(&s, 100, 5);
    script_time(&s, 101, 0);
    expect(&s, "SET TIMESTAMP=100.000005;\nSET TIMESTAMP=101");
    script_done(&s);
}

static void gtids_are_said_in_each_familys_words(void **state)
{
    (void)state;
    struct script s = begun(FAMILY_MARIADB, 101119);
    struct gtid   g = { .kind = GTID_MARIADB, .domain = 1, .server_id = 2, .number = 3 };

    script_gtid(&s, &g);
    g.number = 4;
    script_gtid(&s, &g);
    expect(&s,
           "SET @@SESSION.gtid_domain_id=1,@@SESSION.server_id=2;\nSET @@SESSION.gtid_seq_no=3;\n"
           "SET @@SESSION.gtid_seq_no=4");
    script_done(&s);

    s = begun(FAMILY_MYSQL, 90704);
    struct gtid none = { .kind = GTID_NONE };
    script_gtid(&s, &none);
    expect(&s, "");
    assert_true(gtid_parse(slice_of_text("f718ee6f-e587-11f1-ae02-02fc00000001:42"), &g));
    script_gtid(&s, &g);
    script_gtid(&s, &none);
    expect(&s, "SET @@SESSION.GTID_NEXT='f718ee6f-e587-11f1-ae02-02fc00000001:42';\n"
               "SET @@SESSION.GTID_NEXT='AUTOMATIC'");
    script_done(&s);
}

static void a_statement_gets_its_session(void **state)
{
    (void)state;
    /* sql_mode 0x20, charset, require_primary_key */
    static const uint8_t vars[] = { 1, 0x20, 0, 0, 0, 0, 0, 0, 0, 4, 33, 0, 45, 0, 8, 0, 19, 1 };
    struct script        s = begun(FAMILY_MYSQL, 50722);
    struct event         ev = { .timestamp_s = 7 };
    struct event_query   q = { .status_vars = SLICE(vars),
                               .database = slice_of_text("a`b"),
                               .text = slice_empty(),
                               .packed = slice_empty() };
    struct err           e = { 0 };

    assert_int_equal(script_context(&s, &ev, &q, &e), 0);
    expect(&s, "USE `a``b`;\nSET TIMESTAMP=7;\nSET @@SESSION.sql_mode=32;\n"
               "SET @@SESSION.auto_increment_increment=1,@@SESSION.auto_increment_offset=1;\n"
               "SET @@SESSION.character_set_client=33,@@SESSION.collation_connection=45,"
               "@@SESSION.collation_server=8");
    assert_int_equal(script_context(&s, &ev, &q, &e), 0);
    expect(&s, "");
    script_done(&s);
}

static void what_stands_before_a_statement_is_set(void **state)
{
    (void)state;
    static const uint8_t insert_id[] = { 2, 9, 0, 0, 0, 0, 0, 0, 0 };
    static const uint8_t seeds[] = { 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0 };
    static const uint8_t text_var[] = {
        1, 0, 0, 0, 'n', 0, 0, 45, 0, 0, 0, 2, 0, 0, 0, 'a', '\'', 0
    };
    static const uint8_t null_var[] = { 1, 0, 0, 0, '`', 1 };
    static const uint8_t number_var[] = { 1,    0,    0,    0,    'i',  0,    2,    63,
                                          0,    0,    0,    8,    0,    0,    0,    0xf9,
                                          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
    const struct {
        uint8_t      type;
        struct slice body;
        const char  *text;
    } all[] = {
        { EVENT_INTVAR, SLICE(insert_id), "SET INSERT_ID=9" },
        { EVENT_RAND, SLICE(seeds), "SET @@RAND_SEED1=1,@@RAND_SEED2=2" },
        { EVENT_USER_VAR, SLICE(text_var), "SET @`n`:=_utf8mb4 X'6127'" },
        { EVENT_USER_VAR, SLICE(null_var), "SET @````:=NULL" },
        { EVENT_USER_VAR, SLICE(number_var), "SET @`i`:=-7" },
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct script s = begun(FAMILY_MYSQL, 80400);
        struct event  ev = { .type = all[i].type, .body = all[i].body };
        struct err    e = { 0 };
        assert_int_equal(script_prelude(&s, &ev, &e), 0);
        expect(&s, all[i].text);
        ev.body.len = 4; /* cut off */
        assert_int_equal(script_prelude(&s, &ev, &e), -1);
        script_done(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_changes_of_the_session_are_said),
        cmocka_unit_test(gtids_are_said_in_each_familys_words),
        cmocka_unit_test(a_statement_gets_its_session),
        cmocka_unit_test(what_stands_before_a_statement_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
