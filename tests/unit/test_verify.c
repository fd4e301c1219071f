#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "storage/repair.h"
#include "storage/verify.h"
#include "tests/sim/fixture.h"
#include "tests/sim/sim_disk.h"

struct world {
    struct sim_disk *disk;
    struct fixture   f;
    struct binlog    a, b;
    char             first[512]; /* the first problem's text */
    unsigned         told;
};

static void begin(struct world *w)
{
    static const struct binlog_style style = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };

    *w = (struct world){ .disk = sim_disk_new(1) };
    fixture_begin(&w->f, sim_disk_disk(w->disk));
    binlog_begin(&w->a, &style);
    binlog_format(&w->a);
    binlog_head(&w->a, "");
    for (int i = 0; i < 30; i++)
        binlog_transaction(&w->a, 100);
    binlog_rotate(&w->a, "bin.000002");
    binlog_begin_next(&w->b, &w->a);
    binlog_format(&w->b);
    binlog_head(&w->b, binlog_gtids(&w->b));
    binlog_transaction(&w->b, 100);
    fixture_file(&w->f, "bin.000001", &w->a);
    fixture_file(&w->f, "bin.000002", &w->b);
}

static void done(struct world *w)
{
    binlog_done(&w->a);
    binlog_done(&w->b);
    fixture_done(&w->f);
    sim_disk_free(w->disk);
}

static void note(void *arg, const char *text)
{
    struct world *w = arg;
    if (w->told++ == 0)
        (void)snprintf(w->first, sizeof w->first, "%s", text);
}

static void check(struct world *w, struct verify_result *r)
{
    struct err e = { 0 };
    w->told = 0;
    assert_int_equal(verify_store(w->f.store, note, NULL, w, r, &e), 0);
    assert_int_equal(r->problems, w->told);
}

static void progress(void *arg, const struct verify_progress *p)
{
    assert_true(p->bytes_done <= p->bytes_total);
    assert_true(p->file_index < p->file_count);
    ++*(unsigned *)arg;
}

static void none(void *arg, const char *text)
{
    (void)arg;
    fail_msg("%s", text);
}

static void a_good_store_has_no_problems(void **state)
{
    (void)state;
    struct world         w;
    struct verify_result r;
    struct err           e = { 0 };
    unsigned             calls = 0;

    begin(&w);
    check(&w, &r);
    assert_int_equal(r.problems, 0);
    assert_int_equal(r.files, 2);
    assert_int_equal(r.bytes, w.a.bytes.len + w.b.bytes.len);
    assert_int_equal(r.events, w.a.count + w.b.count);
    assert_int_equal(r.transactions, 31);
    assert_int_equal(verify_store(w.f.store, none, progress, &calls, &r, &e), 0);
    assert_int_equal(calls, 2);
    done(&w);
}

static void every_flipped_byte_of_a_file_is_found(void **state)
{
    (void)state;
    struct world         w;
    struct verify_result r;

    begin(&w);
    uint8_t *copy = malloc(w.a.bytes.len);
    assert_non_null(copy);
    for (size_t at = 0; at < w.a.bytes.len; at += 13) {
        memcpy(copy, w.a.bytes.ptr, w.a.bytes.len);
        copy[at] ^= 0x40;

        sim_disk_put(w.disk, "bin.000001", (struct slice){ copy, w.a.bytes.len });
        check(&w, &r);
        assert_true(r.problems >= 1);
        if (strstr(w.first, "bin.000001") == NULL)
            fail_msg("byte %zu: %s", at, w.first);
    }
    free(copy);
    done(&w);
}

static void a_sidecar_that_says_something_else_is_found(void **state)
{
    (void)state;
    struct world         w;
    struct verify_result r;

    begin(&w);
    struct slice is = sim_disk_bytes(w.disk, "bin.000001.idx");
    uint8_t     *copy = malloc(is.len);
    size_t       len = is.len;
    assert_non_null(copy);
    memcpy(copy, is.ptr, len);
    sim_disk_put(w.disk, "bin.000001.idx", (struct slice){ copy, len - 1 });
    check(&w, &r);
    assert_int_equal(r.problems, 1);
    /* That of the other file: whole, but not its own. */
    struct slice other = sim_disk_bytes(w.disk, "bin.000002.idx");
    uint8_t     *theirs = malloc(other.len);
    assert_non_null(theirs);
    memcpy(theirs, other.ptr, other.len);
    sim_disk_put(w.disk, "bin.000001.idx", (struct slice){ theirs, other.len });
    check(&w, &r);
    assert_true(r.problems >= 1);
    free(copy);
    free(theirs);
    done(&w);
}

static void a_file_of_another_size_or_none_is_found(void **state)
{
    (void)state;
    struct world         w;
    struct verify_result r;
    struct err           e = { 0 };

    begin(&w);
    sim_disk_put(w.disk, "bin.000001", (struct slice){ w.a.bytes.ptr, w.a.ends[w.a.count - 3] });
    check(&w, &r);
    assert_true(r.problems >= 1);
    assert_int_equal(w.f.disk->remove(w.f.disk, "bin.000001", &e), 0);
    check(&w, &r);
    assert_true(r.problems >= 1);
    assert_non_null(strstr(w.first, "bin.000001"));
    done(&w);
}

static uint32_t repaired(struct world *w)
{
    const struct repair_watch watch = { .did = note, .cant = note, .arg = w };
    struct err                e = { 0 };
    uint32_t                  count = 99;

    w->told = 0;
    assert_int_equal(repair_sidecars(w->f.store, &watch, &count, &e), 0);
    return count;
}

/* The sidecar of a complete file, damaged in every way that one can be, comes out as it was. */
static void repair_makes_sidecars_again_and_touches_nothing_else(void **state)
{
    struct world         w;
    struct verify_result r;
    struct buf           sound;

    (void)state;
    begin(&w);
    buf_init(&sound, 1 << 20);
    buf_put(&sound, sim_disk_bytes(w.disk, "bin.000001.idx"));
    assert_true(sound.len > 40);
    assert_int_equal(repaired(&w), 0);
    for (size_t cut = 0; cut < sound.len; cut += 7) {
        sim_disk_put(w.disk, "bin.000001.idx", (struct slice){ sound.ptr, cut });
        assert_int_equal(repaired(&w), 1);
        assert_non_null(strstr(w.first, "bin.000001.idx"));
        assert_true(slice_equal(sim_disk_bytes(w.disk, "bin.000001.idx"), buf_slice(&sound)));
    }
    for (size_t at = 0; at < sound.len; at += 5) {
        sound.ptr[at] ^= 1;
        sim_disk_put(w.disk, "bin.000001.idx", buf_slice(&sound));
        sound.ptr[at] ^= 1;
        assert_int_equal(repaired(&w), 1);
        assert_true(slice_equal(sim_disk_bytes(w.disk, "bin.000001.idx"), buf_slice(&sound)));
    }
    assert_int_equal(repaired(&w), 0);
    assert_true(slice_equal(sim_disk_bytes(w.disk, "bin.000001"), buf_slice(&w.a.bytes)));
    check(&w, &r);
    assert_int_equal(r.problems, 0);
    buf_done(&sound);
    done(&w);
}

/* A relay file that is damaged itself is not made up for; those behind it are repaired. */
static void repair_tells_of_a_damaged_relay_file_and_goes_on(void **state)
{
    struct world w;
    struct buf   bytes;
    struct buf   sound;

    (void)state;
    begin(&w);
    buf_init(&bytes, 1 << 20);
    buf_init(&sound, 1 << 20);
    buf_put(&bytes, sim_disk_bytes(w.disk, "bin.000001"));
    buf_put(&sound, sim_disk_bytes(w.disk, "bin.000001.idx"));
    bytes.ptr[w.a.ends[4] + 9] ^= 0x40; /* an event's length */
    sim_disk_put(w.disk, "bin.000001", buf_slice(&bytes));
    assert_int_equal(repaired(&w), 0);
    assert_true(w.told >= 1);
    assert_non_null(strstr(w.first, "bin.000001"));
    assert_true(slice_equal(sim_disk_bytes(w.disk, "bin.000001"), buf_slice(&bytes)));
    assert_true(slice_equal(sim_disk_bytes(w.disk, "bin.000001.idx"), buf_slice(&sound)));
    buf_done(&bytes);
    buf_done(&sound);
    done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_store_has_no_problems),
        cmocka_unit_test(every_flipped_byte_of_a_file_is_found),
        cmocka_unit_test(a_sidecar_that_says_something_else_is_found),
        cmocka_unit_test(a_file_of_another_size_or_none_is_found),
        cmocka_unit_test(repair_makes_sidecars_again_and_touches_nothing_else),
        cmocka_unit_test(repair_tells_of_a_damaged_relay_file_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
