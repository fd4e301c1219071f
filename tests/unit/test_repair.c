/* A folder whose catalog, sidecars or both were damaged or lost, on the real disk. */
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
#include "storage/repair.h"
#include "storage/store_core.h"
#include "tests/sim/fixture.h"

enum { FILES = 4 };

struct world {
    struct fixture    f;
    struct binlog     b[FILES];
    struct store_file rows[FILES];
    store_pos         published;
    struct buf        said;
};

static void note(void *arg, const char *text)
{
    struct world *w = arg;
    buf_put_text(&w->said, text);
    buf_put_u8(&w->said, '\n');
}

/* A store of four files, and a publisher's checkpoint, closed. */
static void begin(struct world *w)
{
    struct err                e = { 0 };
    struct catalog_checkpoint p = { .next = store_pos_at(2, 120), .sink_bytes = 7, .events = 8 };
    struct binlog_style       style = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };
    char                      name[64];

    buf_init(&w->said, 1 << 20);
    fixture_begin(&w->f, NULL);
    for (int i = 0; i < FILES; i++) {
        if (i == 0)
            binlog_begin(&w->b[i], &style);
        else
            binlog_begin_next(&w->b[i], &w->b[i - 1]);
        binlog_format(&w->b[i]);
        binlog_head(&w->b[i], binlog_gtids(&w->b[i]));
        for (int k = 0; k < 30; k++)
            binlog_transaction(&w->b[i], 300);
        (void)snprintf(name, sizeof name, "bin.%06d", i + 2);
        if (i + 1 < FILES)
            binlog_rotate(&w->b[i], name);
        (void)snprintf(name, sizeof name, "bin.%06d", i + 1);
        fixture_file(&w->f, name, &w->b[i]);
    }
    w->published = store_published(w->f.store);
    for (uint32_t i = 0; i < FILES; i++)
        assert_int_equal(store_file_by_ordinal(w->f.store, i + 1, &w->rows[i], &e), 0);
    assert_int_equal(catalog_put_checkpoint(store_catalog(w->f.store), "changes", &p, &e), 0);
    assert_int_equal(catalog_put_value(store_catalog(w->f.store), "source.facts",
                                       "server_uuid=00112233-4455-6677-8899-aabbccddeeff\n", &e),
                     0);
    writer_close(w->f.writer);
    store_close(w->f.store);
    w->f.writer = NULL;
    w->f.store = NULL;
}

static void done(struct world *w)
{
    for (int i = 0; i < FILES; i++)
        binlog_done(&w->b[i]);
    buf_done(&w->said);
    fixture_done(&w->f);
}

static int repair(struct world *w, struct err *e)
{
    const struct repair_watch watch = { .did = note, .cant = note, .arg = w };
    return repair_catalog(w->f.folder, w->f.disk, &watch, e);
}

/* Everything is as it was. */
static void must_be_whole(struct world *w)
{
    struct err                e = { 0 };
    struct writer_resume      r;
    struct store_file         f;
    struct verify_result      result;
    const struct repair_watch watch = { .did = note, .cant = note, .arg = w };
    uint32_t                  count;

    fixture_reopen(&w->f, &r);
    assert_int_equal(store_published(w->f.store), w->published);
    for (uint32_t i = 0; i < FILES; i++) {
        assert_int_equal(store_file_by_ordinal(w->f.store, i + 1, &f, &e), 0);
        assert_string_equal(f.name, w->rows[i].name);
        assert_string_equal(f.source_file, w->rows[i].source_file);
        assert_string_equal(f.source.uuid, w->rows[i].source.uuid);
        assert_string_equal(f.source.version, w->rows[i].source.version);
        assert_int_equal(f.source.server_id, w->rows[i].source.server_id);
        assert_int_equal(f.sealed, w->rows[i].sealed);
        assert_int_equal(f.size, w->rows[i].size);
    }
    writer_close(w->f.writer);
    w->f.writer = NULL;
    assert_int_equal(repair_sidecars(w->f.store, &watch, &count, &e), 0);
    assert_int_equal(verify_store(w->f.store, note, NULL, w, &result, &e), 0);
    if (result.problems != 0)
        fail_msg("%s", buf_text(&w->said));
}

static int checkpoint_of(struct world *w)
{
    struct err                e = { 0 };
    struct catalog_checkpoint p;
    return catalog_get_checkpoint(store_catalog(w->f.store), "changes", &p, &e);
}

static void path_of(const struct world *w, const char *name, char *into, size_t room)
{
    (void)snprintf(into, room, "%s/%s", w->f.folder, name);
}

static void overwrite(const struct world *w, const char *name, off_t at, size_t bytes)
{
    char path[256];
    path_of(w, name, path, sizeof path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(pwrite(fd, "\x5a", 1, at + (off_t)i), 1);
    (void)close(fd);
}

static void sql(const struct world *w, const char *text)
{
    char     path[256];
    sqlite3 *db;
    path_of(w, "catalog.db", path, sizeof path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static void a_sound_folder_is_left_as_it_is(void **state)
{
    (void)state;
    struct world w;
    struct err   e = { 0 };
    begin(&w);
    assert_int_equal(repair(&w, &e), 0);
    assert_int_equal(w.said.len, 0);
    must_be_whole(&w);
    assert_int_equal(w.said.len, 0);
    assert_int_equal(checkpoint_of(&w), 1);
    done(&w);
}

static void a_catalog_that_is_rubbish_is_kept_and_made_again(void **state)
{
    (void)state;
    struct world  w;
    struct err    e = { 0 };
    struct store *s;
    char          path[256];
    begin(&w);
    overwrite(&w, "catalog.db", 0, 32768);
    struct store_options o = { .folder = w.f.folder, .disk = w.f.disk };
    assert_int_equal(store_open(&o, &s, &e), -1);
    assert_non_null(strstr(e.text, "verify --repair"));
    assert_int_equal(repair(&w, &e), 0);
    assert_non_null(strstr(buf_text(&w.said), "catalog.db.damaged"));
    assert_non_null(strstr(buf_text(&w.said), "nothing of it can be read"));
    path_of(&w, "catalog.db.damaged", path, sizeof path);
    assert_int_equal(access(path, F_OK), 0);
    must_be_whole(&w);
    assert_int_equal(checkpoint_of(&w), 0);
    done(&w);
}

/* Each page but the first, which tells what the others are: nothing that another page holds is
   lost. */
static void what_a_damaged_catalog_still_tells_is_taken_over(void **state)
{
    (void)state;
    unsigned kept = 0;
    for (off_t page = 1; page < 8; page++) {
        struct world w;
        struct err   e = { 0 };
        begin(&w);
        overwrite(&w, "catalog.db", page * 4096, 4096);
        if (repair(&w, &e) != 0)
            fail_msg("page %d: %s", (int)page, e.text);
        must_be_whole(&w);
        kept += (unsigned)checkpoint_of(&w);
        done(&w);
    }
    assert_true(kept >= 5);
}

static void single_wrong_rows_are_made_again(void **state)
{
    (void)state;
    static const char *const harm[] = {
        "DELETE FROM file WHERE ordinal = 2",
        "UPDATE file SET size = 17 WHERE ordinal = 1",
        "UPDATE file SET sealed = 0 WHERE ordinal = 3",
        "UPDATE file SET source_file = 'other.000009' WHERE ordinal = 2",
        "UPDATE file SET name = 'bin.999999' WHERE ordinal = 2",
        "UPDATE file SET ordinal = 77 WHERE ordinal = 2",
        "UPDATE file SET source_uuid = printf('%.200c', 'x') WHERE ordinal = 4",
        "UPDATE file SET size = -5 WHERE ordinal = 1",
        "DELETE FROM file WHERE ordinal = 4",
        "DELETE FROM file",
    };
    for (size_t i = 0; i < sizeof harm / sizeof harm[0]; i++) {
        struct world w;
        struct err   e = { 0 };
        begin(&w);
        sql(&w, harm[i]);
        if (repair(&w, &e) != 0)
            fail_msg("%s: %s", harm[i], e.text);
        if (w.said.len == 0)
            fail_msg("%s: nothing was said", harm[i]);
        must_be_whole(&w);
        assert_int_equal(checkpoint_of(&w), 1);
        done(&w);
    }
}

static void a_lost_catalog_and_damaged_heads_of_sidecars_together_are_made_good(void **state)
{
    (void)state;
    static const char *const names[] = { "bin.000001.idx", "bin.000002.idx", "bin.000003.idx",
                                         "bin.000004.idx" };
    for (unsigned which = 1; which < 16; which++) {
        struct world w;
        struct err   e = { 0 };
        begin(&w);
        sql(&w, "DELETE FROM file");
        for (unsigned i = 0; i < FILES; i++)
            if ((which >> i & 1) != 0)
                overwrite(&w, names[i], 0, 40);
        if (repair(&w, &e) != 0)
            fail_msg("%u: %s", which, e.text);
        if (which == 15) /* the name of the source's section is not in its binlogs */
            assert_non_null(strstr(buf_text(&w.said), "taken for the source's of the same name"));
        must_be_whole(&w);
        done(&w);
    }
}

static void a_missing_relay_file_is_named_and_nothing_changed(void **state)
{
    (void)state;
    struct world w;
    struct err   e = { 0 };
    char         path[256];
    begin(&w);
    path_of(&w, "bin.000002", path, sizeof path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(repair(&w, &e), -1);
    assert_int_equal(e.kind, E_CORRUPT);
    assert_non_null(strstr(e.text, "bin.000002"));
    assert_int_equal(w.said.len, 0);
    done(&w);
}

static void a_newer_catalog_is_no_damaged_one(void **state)
{
    (void)state;
    struct world w;
    struct err   e = { 0 };
    begin(&w);
    sql(&w, "PRAGMA user_version = 99");
    assert_int_equal(repair(&w, &e), -1);
    assert_int_equal(e.kind, E_CONFIG);
    assert_int_equal(w.said.len, 0);
    done(&w);
}

static void nothing_is_repaired_under_a_daemons_feet(void **state)
{
    (void)state;
    struct world         w;
    struct err           e = { 0 };
    struct writer_resume r;
    begin(&w);
    fixture_reopen(&w.f, &r);
    assert_int_equal(repair(&w, &e), -1);
    assert_int_equal(e.kind, E_CONFIG);
    assert_non_null(strstr(e.text, "in use"));
    done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_folder_is_left_as_it_is),
        cmocka_unit_test(a_catalog_that_is_rubbish_is_kept_and_made_again),
        cmocka_unit_test(what_a_damaged_catalog_still_tells_is_taken_over),
        cmocka_unit_test(single_wrong_rows_are_made_again),
        cmocka_unit_test(a_lost_catalog_and_damaged_heads_of_sidecars_together_are_made_good),
        cmocka_unit_test(a_missing_relay_file_is_named_and_nothing_changed),
        cmocka_unit_test(a_newer_catalog_is_no_damaged_one),
        cmocka_unit_test(nothing_is_repaired_under_a_daemons_feet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
