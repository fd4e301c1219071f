#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "publisher/definition.h"

/* A source whose information_schema answers with these rows. */
struct answer {
    uint32_t    columns;
    const char *values[8];
};
struct source {
    const struct answer *columns, *indexes;
    size_t               column_count, index_count;
    char                 sql[2][8192];
    unsigned             asked;
};

static int query(void *arg, const char *sql,
                 int (*row)(void *, uint32_t, const char *const *, const unsigned long *,
                            struct err *),
                 void *row_arg, struct err *e)
{
    struct source       *s = arg;
    bool                 first = s->asked == 0;
    const struct answer *rows = first ? s->columns : s->indexes;
    size_t               count = first ? s->column_count : s->index_count;

    assert_true(s->asked < 2 && strlen(sql) < sizeof s->sql[0]);
    memcpy(s->sql[s->asked++], sql, strlen(sql) + 1);
    for (size_t i = 0; i < count; i++) {
        unsigned long lengths[8] = { 0 };
        for (uint32_t k = 0; k < rows[i].columns; k++)
            lengths[k] = rows[i].values[k] != NULL ? strlen(rows[i].values[k]) : 0;
        TRY(row(row_arg, rows[i].columns, rows[i].values, lengths, e));
    }
    return 0;
}

/* A row of SHOW INDEX, as far as it is read. */
#define INDEX(name, sequence, column, prefix)                                                      \
    {                                                                                              \
        8,                                                                                         \
        {                                                                                          \
            "t", "0", name, sequence, column, "A", "0", prefix                                     \
        }                                                                                          \
    }
#define PLAIN_INDEX(name, column)                                                                  \
    {                                                                                              \
        8,                                                                                         \
        {                                                                                          \
            "t", "1", name, "1", column, "A", "0", NULL                                            \
        }                                                                                          \
    }

static const struct answer columns[] = {
    { 5, { "b", "int", "int(10) unsigned", "NO", NULL } },
    { 5, { "a", "varchar", "varchar(5)", "NO", "latin1" } },
    { 5, { "c", "enum", "enum('x','it''s','a,b','unsigned')", "YES", "utf8mb4" } },
    { 5, { "f", "float", "float(7,2)", "YES", NULL } },
    { 5, { "g", "float", "float", "YES", NULL } },
    { 5, { "u", "uuid", "uuid", "NO", NULL } },
    { 5, { "p", "point", "point", "YES", NULL } },
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static struct definition *ask(const struct answer *indexes, size_t count)
{
    struct source s = {
        .columns = columns, .column_count = COLUMNS, .indexes = indexes, .index_count = count
    };
    struct definition *d = NULL;
    struct err         e = { 0 };
    if (definition_from_source(query, &s, "my'db", "t`able", &d, &e) != 0)
        fail_msg("%s", e.text);
    assert_int_equal(s.asked, 2);
    assert_non_null(strstr(s.sql[0], "_utf8 x'6d79276462'")); /* no quote of ours to break out of */
    assert_non_null(strstr(s.sql[1], "SHOW INDEX FROM `my'db`.`t``able`"));
    return d;
}

static void columns_come_from_information_schema(void **state)
{
    (void)state;
    static const struct answer primary[] = { INDEX("PRIMARY", "2", "b", NULL),
                                             INDEX("PRIMARY", "1", "a", NULL) };
    struct definition         *d = ask(primary, 2);

    assert_int_equal(d->column_count, COLUMNS);
    assert_string_equal(d->database, "my'db");
    assert_string_equal(d->columns[0].name, "b");
    assert_int_equal(d->columns[0].type, FIELD_LONG);
    assert_true(d->columns[0].is_unsigned);
    assert_string_equal(d->columns[1].charset->name, "latin1");
    assert_int_equal(d->columns[2].member_count, 4);
    assert_string_equal(d->columns[2].members[1], "it's");
    assert_string_equal(d->columns[2].members[2], "a,b");
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

static void the_first_whole_unique_index_without_nulls_is_the_key(void **state)
{
    (void)state;
    static const struct answer indexes[] = {
        PLAIN_INDEX("plain", "b"),         INDEX("nullable", "1", "b", NULL),
        INDEX("nullable", "2", "c", NULL), INDEX("prefix", "1", "a", "3"),
        INDEX("good", "2", "u", NULL),     INDEX("good", "1", "b", NULL),
        INDEX("later", "1", "a", NULL),
    };
    struct definition *d = ask(indexes, sizeof indexes / sizeof *indexes);
    assert_int_equal(d->key_count, 2);
    assert_int_equal(d->key[0], 0);
    assert_int_equal(d->key[1], 5);
    definition_free(d);
    d = ask(indexes, 4);
    assert_int_equal(d->key_count, 0);
    definition_free(d);
    d = ask(NULL, 0);
    assert_int_equal(d->key_count, 0);
    definition_free(d);
}

static void a_table_that_is_gone_is_said_to_be(void **state)
{
    (void)state;
    struct source      s = { .columns = columns };
    struct definition *d = NULL;
    struct err         e = { 0 };
    assert_int_equal(definition_from_source(query, &s, "g", "t", &d, &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    assert_non_null(strstr(e.text, "g.t"));
}

static void the_text_form_reads_back_as_the_same(void **state)
{
    (void)state;
    static const struct answer primary[] = { INDEX("PRIMARY", "1", "a", "3") };
    struct definition         *d = ask(primary, 1);
    struct definition         *again = NULL;
    struct err                 e = { 0 };
    struct buf                 one;
    struct buf                 two;

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
    struct definition      *d = ask(NULL, 0);
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
        cmocka_unit_test(columns_come_from_information_schema),
        cmocka_unit_test(the_first_whole_unique_index_without_nulls_is_the_key),
        cmocka_unit_test(a_table_that_is_gone_is_said_to_be),
        cmocka_unit_test(the_text_form_reads_back_as_the_same),
        cmocka_unit_test(texts_that_are_no_definition_are_refused),
        cmocka_unit_test(the_table_map_judges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
