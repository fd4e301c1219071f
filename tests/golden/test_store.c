/* Binlogs of real servers of both families and many versions, taken in, stopped anywhere, resumed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <dirent.h>
#include "storage/verify.h"
#include "tests/sim/fixture.h"
#include "tests/sim/sim_disk.h"

static const char golden[] = "tests/golden/binlog";
enum { FILE_BYTES_MAX = 1 << 20 };

struct file {
    uint8_t      *bytes;
    size_t        size;
    struct format format;
};

static void load(struct file *f, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", golden, name);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    f->bytes = malloc(FILE_BYTES_MAX);
    assert_non_null(f->bytes);
    f->size = fread(f->bytes, 1, FILE_BYTES_MAX, in);
    (void)fclose(in);
    assert_true(f->size > BINLOG_MAGIC_BYTES && f->size < FILE_BYTES_MAX);
}

/* The event at `at`, parsed as the source's stream would be. */
static struct event event_at(struct file *f, size_t at)
{
    struct event ev;
    struct err   e = { 0 };
    struct slice rest = { f->bytes + at, f->size - at };

    assert_int_equal(event_parse_head(rest, false, &ev, &e), 0);
    struct slice whole = { rest.ptr, ev.length };
    if (ev.type == EVENT_FORMAT_DESCRIPTION)
        assert_int_equal(format_parse(whole, &f->format, &e), 0);
    assert_int_equal(event_parse(whole, f->format.has_crc, &ev, &e), 0);
    return ev;
}

/* Sends up to `count` events from the offset on; how many there were. */
static size_t send(struct fixture *x, struct file *f, size_t from, size_t count)
{
    struct err e = { 0 };
    size_t     sent = 0;

    (void)event_at(f, BINLOG_MAGIC_BYTES); /* the format, as a resumed stream sends it */
    for (size_t at = from; at < f->size && sent < count; sent++) {
        struct event ev = event_at(f, at);
        assert_int_equal(writer_offset(x->writer), at);
        if (writer_append(x->writer, &ev, &e) != 0)
            fail_msg("%s", e.text);
        at += ev.length;
    }
    return sent;
}

static void problem(void *arg, const char *text)
{
    fail_msg("%s: %s", (const char *)arg, text);
}

/* The ROTATE at its end, if any, leads to the source's next file: that is what comes next. */
static void next_name(struct file *f, char *into, size_t room)
{
    (void)snprintf(into, room, "mysql-bin.000099");
    for (size_t at = BINLOG_MAGIC_BYTES; at < f->size;) {
        struct event        ev = event_at(f, at);
        struct event_rotate r;
        struct err          e = { 0 };
        if (ev.type == EVENT_ROTATE && event_parse_rotate(&ev, &r, &e) == 0)
            (void)snprintf(into, room, "%s", r.file);
        at += ev.length;
    }
}

static void previous_name(const char *next, char *into, size_t room)
{
    const char   *dot = strrchr(next, '.');
    unsigned long number = strtoul(dot + 1, NULL, 10);
    (void)snprintf(into, room, "%.*s.%06lu", (int)(dot - next), next, number - 1);
}

static void stop_and_resume(const char *name)
{
    struct file f = { 0 };
    char        own[256];
    char        next[256];

    load(&f, name);
    (void)event_at(&f, BINLOG_MAGIC_BYTES);
    next_name(&f, next, sizeof next);
    previous_name(next, own, sizeof own);
    struct store_source source = fixture_source("a", f.format.family);
    for (size_t stop = 1;; stop += 3) {
        struct sim_disk     *d = sim_disk_new(stop);
        struct fixture       x;
        struct err           e = { 0 };
        struct writer_resume r;
        struct verify_result result;
        struct binlog        b;

        fixture_begin(&x, sim_disk_disk(d));
        assert_int_equal(writer_begin_file(x.writer, &source, own, 0, &e), 0);
        bool all = send(&x, &f, BINLOG_MAGIC_BYTES, stop) < stop;
        fixture_publish(&x);
        store_pos published = store_published(x.store);
        sim_disk_restart(d);
        fixture_reopen(&x, &r);
        assert_int_equal(store_published(x.store), published);
        assert_int_equal(r.offset, store_pos_offset(published));
        (void)send(&x, &f, r.offset, SIZE_MAX);
        binlog_begin(&b, &(struct binlog_style){ .family = f.format.family, .crc = true });
        binlog_format(&b);
        fixture_file(&x, next, &b);
        struct slice is = sim_disk_bytes(d, own);
        assert_int_equal(is.len, f.size);
        assert_memory_equal(is.ptr, f.bytes, f.size); /* I2 */
        char label[256];
        (void)snprintf(label, sizeof label, "%s", name);
        assert_int_equal(verify_store(x.store, problem, NULL, label, &result, &e), 0);
        binlog_done(&b);
        fixture_done(&x);
        sim_disk_free(d);
        if (all)
            break;
    }
    free(f.bytes);
}

static void real_binlogs_are_stopped_and_resumed_without_a_trace(void **state)
{
    (void)state;
    struct dirent **names;
    int             count = scandir(golden, &names, NULL, alphasort);
    int             tried = 0;

    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        const char *end = strrchr(names[i]->d_name, '.');
        if (end != NULL && strcmp(end, ".binlog") == 0) {
            stop_and_resume(names[i]->d_name);
            tried++;
        }
        free(names[i]);
    }
    free(names);
    assert_true(tried > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_binlogs_are_stopped_and_resumed_without_a_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
