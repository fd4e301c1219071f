/* What counts in a fingerprint and what does not, on files of real servers. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "protocol/fingerprint.h"
#include "protocol/rows.h"

static const char golden[] = "tests/golden/binlog";
enum { FILE_BYTES_MAX = 1 << 20, TXNS_MAX = 100, STRIDE = 37 };

struct file {
    uint8_t *bytes;
    size_t   size;
};

struct found {
    struct fingerprint of[TXNS_MAX];
    size_t             count;
};

static struct file load(const char *name)
{
    char        path[512];
    struct file f = { .bytes = malloc(FILE_BYTES_MAX) };

    (void)snprintf(path, sizeof path, "%s/%s", golden, name);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    assert_non_null(f.bytes);
    f.size = fread(f.bytes, 1, FILE_BYTES_MAX, in);
    (void)fclose(in);
    return f;
}

/* Calls `edit` with each event first, which may change its bytes. */
typedef void (*editor)(uint8_t *bytes, const struct event *ev, const struct format *f);

static int fingerprint_all(struct file *file, editor edit, struct found *out, struct err *e)
{
    struct format         f = { .family = FAMILY_MYSQL };
    struct fingerprinter *p = NULL;
    struct txn            txn;
    int                   rc = 0;

    out->count = 0;
    txn_reset(&txn);
    assert_int_equal(fingerprinter_new(&p, e), 0);
    for (size_t at = BINLOG_MAGIC_BYTES; rc == 0 && at < file->size;) {
        struct event   ev;
        struct slice   rest = { file->bytes + at, file->size - at };
        enum txn_place place;
        bool           closed = false;

        rc = event_parse_head(rest, f.has_crc, &ev, e);
        if (rc == 0 && ev.length > rest.len)
            rc = err_set(e, E_PROTOCOL, "cut");
        struct slice whole = { rest.ptr, ev.length };
        if (rc == 0 && ev.type == EVENT_FORMAT_DESCRIPTION)
            rc = format_parse(whole, &f, e);
        if (rc == 0 && edit != NULL)
            edit(file->bytes + at, &ev, &f);
        if (rc == 0)
            rc = event_parse(whole, f.has_crc, &ev, e);
        if (rc == 0)
            rc = txn_feed(&txn, &f, &ev, &place, e);
        if (rc == 0 && out->count < TXNS_MAX)
            rc = fingerprinter_feed(p, &f, &ev, place, &closed, &out->of[out->count], e);
        out->count += closed;
        at += ev.length;
    }
    fingerprinter_free(p);
    return rc;
}

static void each_golden(void (*check)(const char *name))
{
    DIR *folder = opendir(golden);
    assert_non_null(folder);
    for (struct dirent *d = readdir(folder); d != NULL; d = readdir(folder))
        if (d->d_name[0] != '.')
            check(d->d_name);
    (void)closedir(folder);
}

static void expect_all_different(const char *name)
{
    static struct found found;
    struct file         f = load(name);
    struct err          e = { 0 };

    if (fingerprint_all(&f, NULL, &found, &e) != 0)
        fail_msg("%s: %s", name, e.text);
    assert_true(found.count >= 4);
    for (size_t i = 0; i < found.count; i++)
        for (size_t k = 0; k < i; k++)
            if (fingerprint_equal(&found.of[i], &found.of[k]))
                fail_msg("%s: transactions %zu and %zu are alike", name, k, i);
    free(f.bytes);
}

static void different_transactions_have_different_fingerprints(void **state)
{
    (void)state;
    each_golden(expect_all_different);
}

/* A replica gives a table and a commit numbers of its own. */
static void renumber(uint8_t *bytes, const struct event *ev, const struct format *f)
{
    (void)f;
    if (ev->type == EVENT_TABLE_MAP || rows_is_event(ev->type))
        bytes[EVENT_HEADER_BYTES + 1] ^= 0x55;
    if (ev->type == EVENT_XID)
        bytes[EVENT_HEADER_BYTES] ^= 0x55;
    bytes[13] ^= 0x11; /* log_pos */
}

static void expect_same_when_renumbered(const char *name)
{
    static struct found before, after;
    struct file         f = load(name);
    struct err          e = { 0 };

    assert_int_equal(fingerprint_all(&f, NULL, &before, &e), 0);
    if (fingerprint_all(&f, renumber, &after, &e) != 0)
        fail_msg("%s: %s", name, e.text);
    assert_int_equal(before.count, after.count);
    for (size_t i = 0; i < before.count; i++)
        if (!fingerprint_equal(&before.of[i], &after.of[i]))
            fail_msg("%s: transaction %zu", name, i);
    free(f.bytes);
}

static void table_ids_xids_and_positions_do_not_count(void **state)
{
    (void)state;
    each_golden(expect_same_when_renumbered);
}

static bool of_original(const struct event *ev)
{
    return ev->type == EVENT_QUERY || ev->type == EVENT_WRITE_ROWS ||
           ev->type == EVENT_WRITE_ROWS_V1;
}

static void one_second_later(uint8_t *bytes, const struct event *ev, const struct format *f)
{
    (void)f;
    if (of_original(ev))
        bytes[0] ^= 1;
}

static void from_another_server(uint8_t *bytes, const struct event *ev, const struct format *f)
{
    (void)f;
    if (of_original(ev))
        bytes[5] ^= 1;
}

static void with_another_value(uint8_t *bytes, const struct event *ev, const struct format *f)
{
    size_t last = ev->length - 1 - (f->has_crc ? EVENT_CRC_BYTES : 0);
    if (of_original(ev) && ev->type != EVENT_QUERY)
        bytes[last] ^= 1;
}

static void the_second_the_server_and_the_values_count(void **state)
{
    static const editor editors[] = { one_second_later, from_another_server, with_another_value };
    static struct found before, after;
    struct err          e = { 0 };

    (void)state;
    for (size_t n = 0; n < sizeof editors / sizeof *editors; n++) {
        struct file f = load("mysql-9.7-gtid.binlog");
        size_t      same = 0;

        assert_int_equal(fingerprint_all(&f, NULL, &before, &e), 0);
        assert_int_equal(fingerprint_all(&f, editors[n], &after, &e), 0);
        assert_int_equal(before.count, after.count);
        for (size_t i = 0; i < before.count; i++)
            same += fingerprint_equal(&before.of[i], &after.of[i]);
        assert_true(same < before.count);
        free(f.bytes);
    }
}

static void expect_no_harm(const char *name)
{
    static struct found found;
    struct file         f = load(name);
    struct err          e = { 0 };
    uint8_t            *copy = malloc(f.size);
    struct file         broken = { copy, f.size };

    assert_non_null(copy);
    for (size_t at = BINLOG_MAGIC_BYTES; at < f.size; at += STRIDE) {
        memcpy(copy, f.bytes, f.size);
        copy[at] ^= 0xff;
        (void)fingerprint_all(&broken, NULL, &found, &e);
    }
    free(copy);
    free(f.bytes);
}

static void broken_bytes_do_no_harm(void **state)
{
    (void)state;
    each_golden(expect_no_harm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(different_transactions_have_different_fingerprints),
        cmocka_unit_test(table_ids_xids_and_positions_do_not_count),
        cmocka_unit_test(the_second_the_server_and_the_values_count),
        cmocka_unit_test(broken_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
