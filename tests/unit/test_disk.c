#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>
#include "storage/disk.h"
#include "tests/sim/fixture.h"
#include "tests/sim/sim_disk.h"

/* The same promises by the real disk and by the simulated one. */
struct tried {
    struct disk *d;
    char         folder[128];
};

static void begin(struct tried *t, int simulated)
{
    struct err e = { 0 };
    fixture_folder(t->folder, sizeof t->folder);
    if (simulated)
        t->d = sim_disk_disk(sim_disk_new(1));
    else
        assert_int_equal(disk_real_new(t->folder, &t->d, &e), 0);
}

static void done(struct tried *t)
{
    t->d->free(t->d);
    fixture_remove(t->folder);
}

static void written_bytes_are_read_back(void **state)
{
    (void)state;
    for (int simulated = 0; simulated < 2; simulated++) {
        struct tried      t;
        struct disk_file *f;
        struct err        e = { 0 };
        uint8_t           got[16];
        size_t            n;
        uint64_t          size;

        begin(&t, simulated);
        assert_int_equal(t.d->open(t.d, "x", true, false, &f, &e), -1);
        assert_int_equal(e.kind, E_PURGED);
        assert_int_equal(t.d->open(t.d, "x", true, true, &f, &e), 0);
        assert_int_equal(t.d->write(f, 3, slice_of_text("hello"), &e), 0);
        assert_int_equal(t.d->sync(f, &e), 0);
        assert_int_equal(t.d->size(f, &size, &e), 0);
        assert_int_equal(size, 8);
        assert_int_equal(t.d->read(f, 0, got, sizeof got, &n, &e), 0);
        assert_int_equal(n, 8);
        assert_memory_equal(got, "\0\0\0hello", 8);
        assert_int_equal(t.d->read(f, 8, got, sizeof got, &n, &e), 0);
        assert_int_equal(n, 0);
        assert_int_equal(t.d->cut(f, 5, &e), 0);
        assert_int_equal(t.d->size(f, &size, &e), 0);
        assert_int_equal(size, 5);
        t.d->close(f);
        done(&t);
    }
}

static int count_name(void *arg, const char *name, struct err *e)
{
    (void)e;
    assert_string_equal(name, "y");
    ++*(int *)arg;
    return 0;
}

static void names_are_moved_listed_and_removed(void **state)
{
    (void)state;
    for (int simulated = 0; simulated < 2; simulated++) {
        struct tried      t;
        struct disk_file *f;
        struct err        e = { 0 };
        int               count = 0;
        uint64_t          room = 0;

        begin(&t, simulated);
        assert_int_equal(t.d->open(t.d, "x", true, true, &f, &e), 0);
        t.d->close(f);
        assert_int_equal(t.d->rename(t.d, "x", "y", &e), 0);
        assert_int_equal(t.d->sync_folder(t.d, &e), 0);
        assert_int_equal(t.d->list(t.d, count_name, &count, &e), 0);
        assert_int_equal(count, 1);
        assert_int_equal(t.d->remove(t.d, "y", &e), 0);
        assert_int_equal(t.d->remove(t.d, "y", &e), 0); /* absent is fine */
        assert_int_equal(t.d->list(t.d, count_name, &count, &e), 0);
        assert_int_equal(count, 1);
        assert_int_equal(t.d->free_bytes(t.d, &room, &e), 0);
        assert_true(room > 0);
        done(&t);
    }
}

static void errors_name_the_file(void **state)
{
    (void)state;
    struct tried      t;
    struct disk_file *f;
    struct disk      *none;
    struct err        e = { 0 };
    char              link[256];

    begin(&t, 0);
    assert_int_equal(t.d->open(t.d, "no-such-file", false, false, &f, &e), -1);
    assert_non_null(strstr(e.text, t.folder));
    assert_non_null(strstr(e.text, "no-such-file"));
    (void)snprintf(link, sizeof link, "%s/link", t.folder);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_int_equal(t.d->open(t.d, "link", false, false, &f, &e), -1); /* links are not followed */
    assert_int_equal(e.kind, E_IO);
    (void)snprintf(link, sizeof link, "%s/a/b", t.folder);
    assert_int_equal(disk_real_new(link, &none, &e), -1);
    assert_non_null(strstr(e.text, link));
    done(&t);
}

static void only_synced_bytes_survive_a_simulated_power_cut(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct sim_disk  *sim = sim_disk_new(seed);
        struct disk      *d = sim_disk_disk(sim);
        struct disk_file *f;
        struct err        e = { 0 };

        assert_int_equal(d->open(d, "x", true, true, &f, &e), 0);
        assert_int_equal(d->write(f, 0, slice_of_text("safe"), &e), 0);
        assert_int_equal(d->sync(f, &e), 0);
        assert_int_equal(d->sync_folder(d, &e), 0);
        assert_int_equal(d->write(f, 4, slice_of_text("maybe"), &e), 0);
        sim_disk_crash_at(sim, sim_disk_calls(sim) + 1);
        assert_int_equal(d->sync(f, &e), -1);
        assert_true(sim_disk_crashed(sim));
        d->close(f);
        sim_disk_restart(sim);
        struct slice is = sim_disk_bytes(sim, "x");
        assert_true(is.len >= 4);
        assert_memory_equal(is.ptr, "safe", 4);
        lost += is.len == 4 ? 1 : 0;
        sim_disk_free(sim);
    }
    assert_true(lost > 5 && lost < 45);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_bytes_are_read_back),
        cmocka_unit_test(names_are_moved_listed_and_removed),
        cmocka_unit_test(errors_name_the_file),
        cmocka_unit_test(only_synced_bytes_survive_a_simulated_power_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
