#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "publisher/tables/definition.h"

/* A source that answers SHOW CREATE TABLE with this text; NULL: refuses it with that number. */
struct source {
    const char *create, *version;
    int         refusal;
    unsigned    asked;
};

static int query(void *arg, const char *sql,
                 int (*row)(void *, uint32_t, const char *const *, const unsigned long *,
                            struct err *),
                 void *row_arg, struct err *e)
{
    struct source *s = arg;

    s->asked++;
    if (strncmp(sql, "SET SESSION ", 12) == 0)
        return 0;
    if (strcmp(sql, "SELECT VERSION()") == 0) {
        const unsigned long length = strlen(s->version);
        return row(row_arg, 1, &s->version, &length, e);
    }
    assert_string_equal(sql, "SHOW CREATE TABLE `my'db`.`t``able`");
    if (s->create == NULL) {
        (void)err_set(e, E_REFUSED, "the source refuses");
        e->sys = s->refusal;
        return -1;
    }
    const char *const   values[] = { "t`able", s->create };
    const unsigned long lengths[] = { 6, strlen(s->create) };
    return row(row_arg, 2, values, lengths, e);
}

#define COLUMN_LINES                                                                               \
    "CREATE TABLE `t``able` (\n  `b` int(10) unsigned NOT NULL,\n"                                 \
    "  `a` varchar(5) CHARACTER SET latin1 NOT NULL DEFAULT 'it''s',\n"                            \
    "  `c` enum('x','it''s','a,b','unsigned') DEFAULT NULL COMMENT 'say',\n"                       \
    "  `f` float(7,2) DEFAULT NULL,\n  `g` float DEFAULT NULL,\n  `u` uuid NOT NULL,\n"            \
    "  `p` point DEFAULT NULL"
#define TAIL "\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
enum { COLUMNS = 7 };

static struct definition *ask(const char *create)
{
    struct source      s = { .create = create, .version = "10.11.19-MariaDB-log" };
    struct definition *d = NULL;
    struct err         e = { 0 };
    if (definition_from_source(query, &s, "my'db", "t`able", &d, &e) != 0)
        fail_msg("%s", e.text);
    return d;
}

static void columns_come_from_the_sources_own_statement(void **state)
{
    (void)state;
    struct definition *d = ask(COLUMN_LINES ",\n  PRIMARY KEY (`a`,`b`)" TAIL);

    assert_int_equal(d->column_count, COLUMNS);
    assert_string_equal(d->database, "my'db");
    assert_string_equal(d->table, "t`able");
    assert_string_equal(d->columns[0].name, "b");
    assert_int_equal(d->columns[0].type, FIELD_LONG);
    assert_true(d->columns[0].is_unsigned);
    assert_int_equal(d->columns[0].length, 10);
    assert_string_equal(d->columns[1].charset->name, "latin1");
    assert_string_equal(d->columns[1].default_text, "it''s");
    assert_int_equal(d->columns[2].member_count, 4);
    assert_string_equal(d->columns[2].members[1], "it's");
    assert_string_equal(d->columns[2].members[2], "a,b");
    assert_string_equal(d->columns[2].charset->name, "utf8mb4");
    assert_string_equal(d->columns[2].comment, "say");
    assert_false(d->columns[2].is_unsigned);
    assert_int_equal(d->columns[3].form, FORM_FLOAT_SCALED);
    assert_int_equal(d->columns[4].form, FORM_PLAIN);
    assert_int_equal(d->columns[5].form, FORM_UUID);
    assert_int_equal(d->columns[6].form, FORM_POINT);
    assert_int_equal(d->key_count, 2);
    assert_int_equal(d->key[0], 1);
    assert_int_equal(d->key[1], 0);
    definition_free(d);
}

static void the_first_unique_index_without_nulls_is_the_key(void **state)
{
    (void)state;
    struct definition *d =
        ask(COLUMN_LINES ",\n  UNIQUE KEY `nullable` (`b`,`c`),\n  UNIQUE KEY `good` "
                         "(`b`,`u`),\n  UNIQUE KEY `later` (`a`),\n  KEY `k` (`a`)" TAIL);
    assert_int_equal(d->key_count, 2);
    assert_int_equal(d->key[0], 0);
    assert_int_equal(d->key[1], 5);
    definition_free(d);
    d = ask(COLUMN_LINES ",\n  UNIQUE KEY `nullable` (`b`,`c`)" TAIL);
    assert_int_equal(d->key_count, 0);
    definition_free(d);
}

static void a_table_that_is_gone_is_said_to_be(void **state)
{
    (void)state;
    static const struct source gone[] = {
        { .version = "9.7.4", .refusal = 1146 },
        { .version = "9.7.4", .refusal = 1142 },
        { .version = "9.7.4", .create = "CREATE ALGORITHM=UNDEFINED VIEW `v` AS select 1" },
    };
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        struct source      s = gone[i];
        struct definition *d = NULL;
        struct err         e = { 0 };
        assert_int_equal(definition_from_source(query, &s, "my'db", "t`able", &d, &e), -1);
        assert_int_equal(e.kind, E_PURGED);
        assert_non_null(strstr(e.text, "my'db.t`able"));
    }
    struct source      s = { .version = "9.7.4", .refusal = 1040 };
    struct definition *d = NULL;
    struct err         e = { 0 };
    assert_int_equal(definition_from_source(query, &s, "my'db", "t`able", &d, &e), -1);
    assert_int_equal(e.kind, E_REFUSED);
}

static void the_text_form_reads_back_as_the_same(void **state)
{
    (void)state;
    struct definition *d = ask(COLUMN_LINES ",\n  PRIMARY KEY (`a`(3))" TAIL);
    struct definition *again = NULL;
    struct err         e = { 0 };
    struct buf         one;
    struct buf         two;

    buf_init(&one, 100000);
    buf_init(&two, 100000);
    definition_put_json(d, &one);
    if (definition_from_json(buf_slice(&one), &again, &e) != 0)
        fail_msg("%s", e.text);
    definition_put_json(again, &two);
    assert_string_equal(buf_text(&one), buf_text(&two));
    definition_free(d);
    definition_free(again);
    /* Cut anywhere it is refused. */
    for (size_t n = 0; n < one.len; n++) {
        assert_int_equal(definition_from_json((struct slice){ one.ptr, n }, &again, &e), -1);
        assert_int_equal(e.kind, E_CORRUPT);
    }
    buf_done(&one);
    buf_done(&two);
}

static void texts_that_are_no_definition_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[]",
        "{}",
        "{\"columns\":[],\"key\":[0]}",
        "{\"columns\":[{}],\"key\":[]}",
        "{\"columns\":[{\"name\":\"a\",\"type\":3}],\"key\":[1]}",
        "{\"columns\":[{\"name\":\"a\",\"type\":3}],\"key\":[-1]}",
        "{\"columns\":[{\"name\":\"a\",\"type\":3}],\"key\":[0,0]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct definition *d = NULL;
        struct err         e = { 0 };
        assert_int_equal(definition_from_json(slice_of_text(texts[i]), &d, &e), -1);
        assert_int_equal(e.kind, E_CORRUPT);
    }
}

static void the_table_map_judges(void **state)
{
    (void)state;
    struct definition      *d = ask(COLUMN_LINES TAIL);
    struct table_map_column told[COLUMNS] = {
        { .type = FIELD_LONG },     { .type = FIELD_VARCHAR }, { .type = FIELD_ENUM },
        { .type = FIELD_FLOAT },    { .type = FIELD_FLOAT },   { .type = FIELD_STRING },
        { .type = FIELD_GEOMETRY },
    };
    struct table_map map = { .column_count = COLUMNS, .columns = told };
    char             why[256] = "";

    assert_true(definition_fits(d, &map, why, sizeof why));
    told[1].type = FIELD_BLOB;
    assert_false(definition_fits(d, &map, why, sizeof why));
    assert_non_null(strstr(why, "column 2 (a) is a VARCHAR, in the stream a BLOB"));
    map.column_count = COLUMNS - 1;
    assert_false(definition_fits(d, &map, why, sizeof why));
    definition_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_come_from_the_sources_own_statement),
        cmocka_unit_test(the_first_unique_index_without_nulls_is_the_key),
        cmocka_unit_test(a_table_that_is_gone_is_said_to_be),
        cmocka_unit_test(the_text_form_reads_back_as_the_same),
        cmocka_unit_test(texts_that_are_no_definition_are_refused),
        cmocka_unit_test(the_table_map_judges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
