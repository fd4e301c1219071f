#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>
#include "storage/catalog.h"
#include "storage/reader.h"
#include "tests/sim/fixture.h"
#include "tests/sim/sim_disk.h"

static const struct binlog_style mysql = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };
static const struct binlog_style maria = { .family = FAMILY_MARIADB, .crc = true, .gtids = true };

static void build(struct binlog *b, const struct binlog_style *style, int count)
{
    binlog_begin(b, style);
    binlog_format(b);
    binlog_head(b, "");
    for (int i = 0; i < count; i++)
        binlog_transaction(b, 100);
}

static void a_second_owner_is_refused_and_told_why(void **state)
{
    (void)state;
    struct fixture f;
    struct store  *second;
    struct err     e = { 0 };

    fixture_begin(&f, NULL);
    struct store_options o = { .folder = f.folder, .disk = f.disk };
    assert_int_equal(store_open(&o, &second, &e), -1);
    assert_int_equal(e.kind, E_CONFIG);
    assert_non_null(strstr(e.text, f.folder));
    fixture_done(&f);
}

static void a_new_store_is_empty(void **state)
{
    (void)state;
    struct fixture       f;
    struct writer_resume r;
    struct store_file    file;
    struct gtids         g = { 0 };
    struct format        format;
    struct err           e = { 0 };

    fixture_begin(&f, NULL);
    fixture_reopen(&f, &r);
    assert_true(r.empty);
    assert_int_equal(store_published(f.store), 0);
    assert_int_equal(store_start(f.store), 0);
    assert_int_equal(store_file_count(f.store), 0);
    assert_false(store_first_file(f.store, &file));
    assert_false(store_last_file(f.store, &file));
    assert_int_equal(store_gtids_published(f.store, &g, &e), 0);
    assert_true(gtids_is_empty(&g));
    assert_int_equal(store_format(f.store, 1, &format, &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    fixture_done(&f);
}

static void a_file_in_progress_shows_when_its_format_is_published(void **state)
{
    (void)state;
    struct fixture      f;
    struct binlog       b;
    struct format       format;
    struct store_file   file;
    struct err          e = { 0 };
    struct store_source source = fixture_source("a", FAMILY_MYSQL);

    fixture_begin(&f, NULL);
    build(&b, &mysql, 2);
    assert_int_equal(writer_begin_file(f.writer, &source, "bin.000001", 123, &e), 0);
    assert_int_equal(store_start(f.store), store_pos_at(1, 123));
    assert_int_equal(store_published(f.store), 0);
    assert_int_equal(store_format(f.store, 1, &format, &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    fixture_append(&f, &b, 0, SIZE_MAX);
    fixture_publish(&f);
    assert_int_equal(store_format(f.store, 1, &format, &e), 0);
    assert_string_equal(format.server_version, "9.7.4");
    assert_true(store_last_file(f.store, &file));
    assert_int_equal(file.size, b.bytes.len);
    assert_int_equal(file.created_s, 1700000000);
    assert_int_equal(file.last_s, 1700000002);
    assert_false(file.sealed);
    binlog_done(&b);
    fixture_done(&f);
}

static void files_are_found_and_tell_what_they_are(void **state)
{
    (void)state;
    struct fixture       f;
    struct binlog        b;
    struct store_file    file;
    struct writer_resume r;
    struct err           e = { 0 };

    fixture_begin(&f, NULL);
    build(&b, &maria, 2);
    fixture_file(&f, "bin.000007", &b);
    fixture_file(&f, "bin.000008", &b);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(store_file_count(f.store), 2);
        assert_int_equal(store_file_by_name(f.store, "bin.000007", &file, &e), 0);
        assert_int_equal(file.ordinal, 1);
        assert_true(file.sealed);
        assert_int_equal(file.size, b.bytes.len);
        assert_string_equal(file.source.name, "a");
        assert_string_equal(file.source.uuid, "");
        assert_int_equal(file.source.family, FAMILY_MARIADB);
        assert_int_equal(store_file_by_name(f.store, "bin.000009", &file, &e), -1);
        assert_int_equal(e.kind, E_PURGED);
        assert_int_equal(store_file_by_ordinal(f.store, 0, &file, &e), -1);
        assert_int_equal(store_file_by_ordinal(f.store, 3, &file, &e), -1);
        fixture_reopen(&f, &r); /* the same from the catalog */
    }
    binlog_done(&b);
    fixture_done(&f);
}

static void gtids_text(struct store *s, uint32_t before, char *into, size_t room)
{
    struct gtids g = { 0 };
    struct buf   text;
    struct err   e = { 0 };

    if (before != 0)
        assert_int_equal(store_gtids_before(s, before, &g, &e), 0);
    else
        assert_int_equal(store_gtids_published(s, &g, &e), 0);
    buf_init(&text, 4096);
    gtids_put_text(&g, &text);
    (void)snprintf(into, room, "%s", buf_text(&text));
    buf_done(&text);
    gtids_done(&g);
}

static void gtids_count_what_came_before_the_first_file(void **state)
{
    (void)state;
    for (int family = 0; family < 2; family++) {
        struct fixture       f;
        struct binlog        b;
        struct writer_resume r;
        char                 text[200];
        char                 before[200];

        fixture_begin(&f, NULL);
        binlog_begin(&b, family == 0 ? &mysql : &maria);
        b.next_gtid = 1001;
        binlog_format(&b);
        binlog_head(&b, binlog_gtids(&b));
        (void)snprintf(before, sizeof before, "%s", binlog_gtids(&b));
        binlog_transaction(&b, 100);
        fixture_file(&f, "bin.000007", &b);
        for (int again = 0; again < 2; again++) {
            gtids_text(f.store, 0, text, sizeof text);
            assert_string_equal(text, binlog_gtids(&b));
            gtids_text(f.store, 1, text, sizeof text);
            assert_string_equal(text, before);
            fixture_reopen(&f, &r);
        }
        binlog_done(&b);
        fixture_done(&f);
    }
}

/* ---- the syncer as a thread ---- */

static void *sync_main(void *arg)
{
    struct err e = { 0 };
    int        result;
    while ((result = store_sync(arg, &e)) == 0)
        ;
    return result == 1 ? NULL : arg;
}

/* Follows three files to their end, while they are written. */
struct follower {
    struct store        *store;
    const struct binlog *expect;
    uint64_t             bytes;
    bool                 good;
};

static void *follow_main(void *arg)
{
    struct follower    *f = arg;
    struct reader      *r;
    struct reader_piece piece;
    enum reader_step    step;
    struct err          e = { 0 };

    while (store_published(f->store) == 0)
        (void)usleep(100);
    if (reader_open(f->store, store_pos_at(1, 4), 0, &r, &e) != 0)
        return arg;
    f->good = true;
    while (f->good && f->bytes < 3 * (f->expect->bytes.len - BINLOG_MAGIC_BYTES)) {
        f->good = reader_next(r, &piece, &step, &e) == 0;
        if (f->good && step == READER_PIECE) {
            uint64_t at = store_pos_offset(piece.pos);
            f->good = piece.end <= store_published(f->store) &&
                      memcmp(f->expect->bytes.ptr + at, piece.bytes.ptr, piece.bytes.len) == 0;
            f->bytes += piece.bytes.len;
        } else if (f->good && step == READER_FILE_DONE) {
            f->good = reader_next_file(r, &step, &e) == 0;
        }
        if (step == READER_AT_END)
            (void)usleep(100);
    }
    reader_close(r);
    return NULL;
}

static void wake(void *arg)
{
    atomic_fetch_add((_Atomic unsigned *)arg, 1);
}

static void writer_syncer_and_reader_work_at_the_same_time(void **state)
{
    (void)state;
    struct fixture      f;
    struct binlog       b;
    struct err          e = { 0 };
    pthread_t           syncer;
    void               *failed;
    _Atomic unsigned    wakes = 0;
    struct store_watch  watch = { .wake = wake, .arg = &wakes };
    struct store_source source = fixture_source("a", FAMILY_MYSQL);

    fixture_begin(&f, NULL);
    store_watch(f.store, &watch);
    assert_int_equal(pthread_create(&syncer, NULL, sync_main, f.store), 0);
    build(&b, &mysql, 3000);
    struct follower follower = { .store = f.store, .expect = &b };
    pthread_t       reading;
    assert_int_equal(pthread_create(&reading, NULL, follow_main, &follower), 0);
    for (int file = 1; file <= 3; file++) {
        char name[32];
        (void)snprintf(name, sizeof name, "bin.%06d", file);
        assert_int_equal(writer_begin_file(f.writer, &source, name, 0, &e), 0);
        for (size_t i = 0; i < b.count; i++) {
            fixture_append(&f, &b, i, i + 1);
            if (i % 50 == 0)
                assert_int_equal(writer_flush(f.writer, &e), 0);
        }
    }
    assert_int_equal(writer_flush(f.writer, &e), 0);
    assert_int_equal(store_wait_synced(f.store, &e), 0);
    assert_int_equal(store_published(f.store), store_pos_at(3, b.bytes.len));
    assert_true(wakes > 3);
    assert_int_equal(pthread_join(reading, NULL), 0);
    assert_true(follower.good);
    store_stop_sync(f.store);
    assert_int_equal(pthread_join(syncer, &failed), 0);
    assert_null(failed);
    store_unwatch(f.store, &watch);
    binlog_done(&b);
    fixture_done(&f);
}

static void stopping_the_syncer_syncs_all_first(void **state)
{
    (void)state;
    struct fixture      f;
    struct binlog       b;
    struct err          e = { 0 };
    struct store_source source = fixture_source("a", FAMILY_MYSQL);

    fixture_begin(&f, NULL);
    build(&b, &mysql, 3);
    assert_int_equal(writer_begin_file(f.writer, &source, "bin.000001", 0, &e), 0);
    fixture_append(&f, &b, 0, SIZE_MAX);
    assert_int_equal(writer_flush(f.writer, &e), 0);
    store_stop_sync(f.store);
    assert_int_equal(store_sync(f.store, &e), 0);
    assert_int_equal(store_published(f.store), store_pos_at(1, b.bytes.len));
    assert_int_equal(store_sync(f.store, &e), 1);
    binlog_done(&b);
    fixture_done(&f);
}

/* The interval is far longer than the test, so that only stopping can end it. */
static void within_a_sync_interval_nothing_more_is_shown(void **state)
{
    (void)state;
    struct fixture       f;
    struct writer_resume r;
    struct binlog        b;
    struct err           e = { 0 };
    pthread_t            syncer;
    void                *failed;
    struct store_source  source = fixture_source("a", FAMILY_MYSQL);

    fixture_begin(&f, NULL);
    f.sync_interval_ms = 3600 * 1000;
    fixture_reopen(&f, &r);
    build(&b, &mysql, 4);
    assert_int_equal(writer_begin_file(f.writer, &source, "bin.000001", 0, &e), 0);
    fixture_append(&f, &b, 0, 2);
    assert_int_equal(writer_flush(f.writer, &e), 0);
    assert_int_equal(store_sync(f.store, &e), 0); /* the first one is not held up */
    store_pos first = store_published(f.store);
    assert_int_equal(first, store_pos_at(1, b.ends[1]));
    assert_int_equal(pthread_create(&syncer, NULL, sync_main, f.store), 0);
    for (size_t i = 2; i < b.count; i++) {
        fixture_append(&f, &b, i, i + 1);
        assert_int_equal(writer_flush(f.writer, &e), 0);
        assert_int_equal(store_published(f.store), first);
    }
    store_stop_sync(f.store);
    assert_int_equal(pthread_join(syncer, &failed), 0);
    assert_null(failed);
    assert_int_equal(store_published(f.store), store_pos_at(1, b.bytes.len));
    binlog_done(&b);
    fixture_done(&f);
}

/* ---- beside a running daemon ---- */

static void a_tool_reads_beside_the_owner(void **state)
{
    (void)state;
    struct fixture      f;
    struct binlog       b;
    struct store       *tool;
    struct reader      *r;
    struct reader_piece piece;
    enum reader_step    step;
    struct err          e = { 0 };

    fixture_begin(&f, NULL);
    build(&b, &mysql, 3);
    struct store_options o = { .folder = f.folder, .disk = f.disk };
    fixture_file(&f, "bin.000001", &b);
    assert_int_equal(store_open_readonly(&o, &tool, &e), 0);
    assert_int_equal(store_published(tool), 0); /* nothing is sealed */
    store_show_end(tool, store_published(f.store));
    assert_int_equal(store_published(tool), store_pos_at(1, b.bytes.len));
    char text[200];
    gtids_text(tool, 0, text, sizeof text);
    assert_string_equal(text, binlog_gtids(&b));
    assert_int_equal(reader_open(tool, store_pos_at(1, 4), 0, &r, &e), 0);
    for (size_t i = 0; i < b.count; i++)
        assert_int_equal(reader_next(r, &piece, &step, &e), 0);
    assert_int_equal(step, READER_PIECE);
    assert_int_equal(reader_next(r, &piece, &step, &e), 0);
    assert_int_equal(step, READER_AT_END);
    fixture_file(&f, "bin.000002", &b); /* the daemon goes on; the tool is told */
    store_show_end(tool, store_published(f.store));
    assert_int_equal(reader_next(r, &piece, &step, &e), 0);
    assert_int_equal(step, READER_FILE_DONE);
    assert_int_equal(reader_next_file(r, &step, &e), 0);
    assert_int_equal(reader_next(r, &piece, &step, &e), 0);
    assert_int_equal(piece.pos, store_pos_at(2, 4));
    reader_close(r);
    store_close(tool);
    binlog_done(&b);
    fixture_done(&f);
}

/* ---- what must not be opened ---- */

static void i5_a_sealed_file_that_changed_or_is_gone_is_named(void **state)
{
    (void)state;
    for (int gone = 0; gone < 2; gone++) {
        struct sim_disk *d = sim_disk_new(1);
        struct fixture   f;
        struct binlog    b;
        struct store    *s;
        struct err       e = { 0 };

        fixture_begin(&f, sim_disk_disk(d));
        build(&b, &mysql, 3);
        fixture_file(&f, "bin.000001", &b);
        fixture_file(&f, "bin.000002", &b);
        writer_close(f.writer);
        store_close(f.store);
        f.writer = NULL;
        f.store = NULL;
        if (gone)
            assert_int_equal(f.disk->remove(f.disk, "bin.000001", &e), 0);
        else
            sim_disk_put(d, "bin.000001", slice_of_text("short"));
        struct store_options o = { .folder = f.folder, .disk = f.disk };
        assert_int_equal(store_open(&o, &s, &e), -1);
        assert_non_null(strstr(e.text, "bin.000001"));
        binlog_done(&b);
        fixture_done(&f);
        sim_disk_free(d);
    }
}

static void sealed_files_are_not_read_at_opening(void **state)
{
    (void)state;
    struct sim_disk     *d = sim_disk_new(1);
    struct fixture       f;
    struct binlog        b;
    struct writer_resume r;

    fixture_begin(&f, sim_disk_disk(d));
    build(&b, &mysql, 300);
    fixture_file(&f, "bin.000001", &b);
    fixture_file(&f, "bin.000002", &b);
    /* As long as it was, and nothing in it: who reads it would fail. */
    struct buf same;
    buf_init(&same, b.bytes.len);
    memset(buf_extend(&same, b.bytes.len), 0xee, b.bytes.len);
    sim_disk_put(d, "bin.000001", buf_slice(&same));
    fixture_reopen(&f, &r);
    assert_string_equal(r.source_file, "bin.000002");
    buf_done(&same);
    binlog_done(&b);
    fixture_done(&f);
    sim_disk_free(d);
}

static void lose_catalog(const struct fixture *f)
{
    static const char *const names[] = { "catalog.db", "catalog.db-wal", "catalog.db-shm" };
    for (size_t i = 0; i < 3; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", f->folder, names[i]);
        (void)unlink(path);
    }
}

static void a_lost_catalog_is_made_again_from_the_files(void **state)
{
    (void)state;
    for (int gap = 0; gap < 2; gap++) {
        struct sim_disk     *d = sim_disk_new(1);
        struct fixture       f;
        struct binlog        b;
        struct store        *s;
        struct store_file    before[3];
        struct store_file    after;
        struct err           e = { 0 };
        struct writer_resume r;

        fixture_begin(&f, sim_disk_disk(d));
        build(&b, &mysql, 20);
        fixture_file(&f, "bin.000007", &b);
        fixture_file(&f, "bin.000008", &b);
        fixture_file(&f, "bin.000009", &b);
        store_pos published = store_published(f.store);
        for (uint32_t i = 0; i < 3; i++)
            assert_int_equal(store_file_by_ordinal(f.store, i + 1, &before[i], &e), 0);
        writer_close(f.writer);
        store_close(f.store);
        f.writer = NULL;
        f.store = NULL;
        lose_catalog(&f);
        if (gap) {
            struct store_options o = { .folder = f.folder, .disk = f.disk };
            assert_int_equal(f.disk->remove(f.disk, "bin.000008.idx", &e), 0);
            assert_int_equal(store_open(&o, &s, &e), -1);
            assert_int_equal(e.kind, E_CORRUPT);
        } else {
            fixture_reopen(&f, &r);
            assert_int_equal(store_published(f.store), published);
            assert_string_equal(r.source_file, "bin.000009");
            assert_int_equal(r.offset, b.bytes.len);
            for (uint32_t i = 0; i < 3; i++) {
                assert_int_equal(store_file_by_ordinal(f.store, i + 1, &after, &e), 0);
                assert_string_equal(after.name, before[i].name);
                assert_string_equal(after.source.uuid, before[i].source.uuid);
                assert_int_equal(after.sealed, before[i].sealed);
                assert_int_equal(after.size, before[i].size);
                assert_int_equal(after.created_s, before[i].created_s);
                if (after.sealed)
                    assert_int_equal(after.last_s, before[i].last_s);
            }
        }
        binlog_done(&b);
        fixture_done(&f);
        sim_disk_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_owner_is_refused_and_told_why),
        cmocka_unit_test(a_new_store_is_empty),
        cmocka_unit_test(a_file_in_progress_shows_when_its_format_is_published),
        cmocka_unit_test(files_are_found_and_tell_what_they_are),
        cmocka_unit_test(gtids_count_what_came_before_the_first_file),
        cmocka_unit_test(writer_syncer_and_reader_work_at_the_same_time),
        cmocka_unit_test(stopping_the_syncer_syncs_all_first),
        cmocka_unit_test(within_a_sync_interval_nothing_more_is_shown),
        cmocka_unit_test(a_tool_reads_beside_the_owner),
        cmocka_unit_test(i5_a_sealed_file_that_changed_or_is_gone_is_named),
        cmocka_unit_test(sealed_files_are_not_read_at_opening),
        cmocka_unit_test(a_lost_catalog_is_made_again_from_the_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
