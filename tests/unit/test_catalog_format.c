#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>
#include "storage/catalog.h"
#include "storage/catalog_format.h"
#include "tests/sim/fixture.h"

/* As the first release wrote it: two files, a start, a checkpoint, a value, a definition. */
static const char version_1[] = "tests/golden/catalog/version-1.db";

static void copy(const char *from, const char *folder)
{
    char    path[256];
    uint8_t block[4096];
    ssize_t n;

    (void)snprintf(path, sizeof path, "%s/catalog.db", folder);
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(in >= 0 && out >= 0);
    while ((n = read(in, block, sizeof block)) > 0)
        assert_int_equal(write(out, block, (size_t)n), n);
    (void)close(in);
    (void)close(out);
}

static int look(void *arg, const struct store_file *f, struct err *e)
{
    uint32_t *count = arg;
    (void)e;
    ++*count;
    assert_int_equal(f->ordinal, *count);
    assert_int_equal(f->sealed, *count == 1);
    assert_string_equal(f->source.version, "9.7.4");
    return 0;
}

static void check_contents(struct catalog *c)
{
    struct err                e = { 0 };
    uint32_t                  files = 0;
    store_pos                 start = 0;
    struct catalog_checkpoint point;
    struct buf                text;

    buf_init(&text, 1000);
    assert_int_equal(catalog_each_file(c, look, &files, &e), 0);
    assert_int_equal(files, 2);
    assert_int_equal(catalog_get_start(c, &start, &e), 0);
    assert_int_equal(start, store_pos_at(1, 157));
    assert_int_equal(catalog_get_checkpoint(c, "changes", &point, &e), 1);
    assert_int_equal(point.next, store_pos_at(2, 1000));
    assert_int_equal(catalog_get_value(c, "server_uuid", &text, &e), 1);
    assert_string_equal(buf_text(&text), "00000000-0000-4000-8000-000000000001");
    buf_clear(&text);
    assert_int_equal(catalog_get_definition(c, "shop", "item", store_pos_at(2, 4), &text, &e), 1);
    assert_string_equal(buf_text(&text), "{\"columns\":[]}");
    buf_done(&text);
}

static void a_catalog_of_version_1_is_brought_up_and_keeps_everything(void **state)
{
    (void)state;
    char            folder[128];
    struct err      e = { 0 };
    struct catalog *c;

    fixture_folder(folder, sizeof folder);
    copy(version_1, folder);
    for (int i = 0; i < 2; i++) { /* and it stays so */
        assert_int_equal(catalog_open(folder, false, &c, &e), 0);
        check_contents(c);
        catalog_close(c);
    }
    fixture_remove(folder);
}

static void a_catalog_of_version_1_can_be_read_where_it_lies(void **state)
{
    (void)state;
    char            folder[128];
    struct err      e = { 0 };
    struct catalog *c;

    fixture_folder(folder, sizeof folder);
    copy(version_1, folder);
    assert_int_equal(catalog_open(folder, true, &c, &e), 0);
    check_contents(c);
    catalog_close(c);
    fixture_remove(folder);
}

static sqlite3 *memory(void)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    return db;
}

static int version_of(sqlite3 *db)
{
    struct err e = { 0 };
    int        version = -1;
    assert_int_equal(catalog_format_read(db, "x", &version, &e), 0);
    return version;
}

static int rows_of(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    int rows = 0;
    while (sqlite3_step(st) == SQLITE_ROW)
        rows++;
    (void)sqlite3_finalize(st);
    return rows;
}

static const struct catalog_step steps[] = {
    { "a", "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);" },
    { "b", "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 7; INSERT INTO a VALUES (2, 8);" },
    { "c", "CREATE TABLE c (z INTEGER); INSERT INTO c SELECT x FROM a;" },
};

static void every_version_gets_to_the_newest_by_its_own_steps(void **state)
{
    (void)state;
    struct err e = { 0 };
    for (size_t from = 0; from <= 3; from++) {
        sqlite3 *db = memory();
        assert_int_equal(catalog_format_bring_up(db, "x", steps, from, &e), 0);
        assert_int_equal(version_of(db), from);
        assert_int_equal(catalog_format_bring_up(db, "x", steps, 3, &e), 0);
        assert_int_equal(version_of(db), 3);
        assert_int_equal(rows_of(db, "SELECT 1 FROM c"), 2);
        assert_int_equal(rows_of(db, "SELECT 1 FROM a WHERE y = 7"), 1);
        (void)sqlite3_close(db);
    }
}

static void a_step_that_fails_leaves_the_version_before_it(void **state)
{
    (void)state;
    static const struct catalog_step broken[] = {
        { "a", "CREATE TABLE a (x INTEGER);" },
        { "the wrong one", "CREATE TABLE b (x INTEGER); INSERT INTO nowhere VALUES (1);" },
    };
    struct err e = { 0 };
    sqlite3   *db = memory();

    assert_int_equal(catalog_format_bring_up(db, "x", broken, 2, &e), -1);
    assert_non_null(strstr(e.text, "from format version 1 to 2"));
    assert_non_null(strstr(e.text, "the wrong one"));
    assert_int_equal(version_of(db), 1);
    assert_int_equal(rows_of(db, "SELECT 1 FROM sqlite_schema WHERE name = 'b'"), 0);
    assert_int_equal(catalog_format_bring_up(db, "x", steps, 1, &e), 0); /* no lock is left */
    (void)sqlite3_close(db);
}

static void a_newer_version_is_refused_and_not_touched(void **state)
{
    (void)state;
    struct err e = { 0 };
    sqlite3   *db = memory();

    assert_int_equal(catalog_format_bring_up(db, "x", steps, 3, &e), 0);
    assert_int_equal(catalog_format_bring_up(db, "x", steps, 2, &e), -1);
    assert_int_equal(e.kind, E_CONFIG);
    assert_non_null(strstr(e.text, "format version 3"));
    assert_int_equal(version_of(db), 3);
    (void)sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_catalog_of_version_1_is_brought_up_and_keeps_everything),
        cmocka_unit_test(a_catalog_of_version_1_can_be_read_where_it_lies),
        cmocka_unit_test(every_version_gets_to_the_newest_by_its_own_steps),
        cmocka_unit_test(a_step_that_fails_leaves_the_version_before_it),
        cmocka_unit_test(a_newer_version_is_refused_and_not_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
