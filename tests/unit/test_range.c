#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "storage/range.h"
#include "tests/sim/fixture.h"
#include "tests/sim/sim_disk.h"

enum { FILES = 3, TXNS = 20 };

/* Three files of 20 transactions, the last in progress; checkpoints every 2 KiB or so. */
struct many {
    struct fixture   f;
    struct sim_disk *disk;
    struct binlog    files[FILES];
};

static const struct binlog_style mysql = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };

static void many_begin(struct many *m)
{
    m->disk = sim_disk_new(1);
    fixture_begin(&m->f, sim_disk_disk(m->disk));
    struct writer_resume r;
    m->f.index_bytes = 2048;
    fixture_reopen(&m->f, &r);
    for (size_t i = 0; i < FILES; i++) {
        struct binlog *b = &m->files[i];
        char           name[32];
        if (i == 0)
            binlog_begin(b, &mysql);
        else
            binlog_begin_next(b, &m->files[i - 1]);
        binlog_format(b);
        binlog_head(b, binlog_gtids(b));
        for (int k = 0; k < TXNS; k++)
            binlog_transaction(b, 200);
        if (i + 1 < FILES) {
            (void)snprintf(name, sizeof name, "bin.%06zu", i + 2);
            binlog_rotate(b, name);
        }
        (void)snprintf(name, sizeof name, "bin.%06zu", i + 1);
        fixture_file(&m->f, name, b);
    }
}

static void many_done(struct many *m)
{
    for (size_t i = 0; i < FILES; i++)
        binlog_done(&m->files[i]);
    fixture_done(&m->f);
    sim_disk_free(m->disk);
}

static int locate(const struct many *m, const char *from, const char *to, struct range *r,
                  struct err *e)
{
    struct moment a, b;
    if (moment_parse(from, &a, e) != 0 || moment_parse(to, &b, e) != 0)
        fail_msg("%s", e->text);
    int result = range_locate(m->f.store, &a, &b, r, e);
    moment_done(&a);
    moment_done(&b);
    return result;
}

static struct range located(const struct many *m, const char *from, const char *to)
{
    struct range r;
    struct err   e = { 0 };
    if (locate(m, from, to, &r, &e) != 0)
        fail_msg("%s", e.text);
    return r;
}

static void expect(const struct many *m, const char *from, const char *to, store_pos begin,
                   store_pos end)
{
    struct range r = located(m, from, to);
    if (r.begin != begin || r.end != end)
        fail_msg("%s to %s is %u:%llu to %u:%llu", from, to, store_pos_ordinal(r.begin),
                 (unsigned long long)store_pos_offset(r.begin), store_pos_ordinal(r.end),
                 (unsigned long long)store_pos_offset(r.end));
    range_done(&r);
}

static void everything_is_whole_files(void **state)
{
    (void)state;
    struct many m;
    uint64_t    bytes;
    struct err  e = { 0 };

    many_begin(&m);
    expect(&m, "oldest", "newest", store_pos_at(1, 4), store_published(m.f.store));
    struct range r = located(&m, "oldest", "newest");
    assert_int_equal(range_bytes(m.f.store, &r, &bytes, &e), 0);
    uint64_t all = 0;
    for (size_t i = 0; i < FILES; i++)
        all += m.files[i].bytes.len - (i == 0 ? BINLOG_MAGIC_BYTES : 0);
    assert_int_equal(bytes, all);
    range_done(&r);
    many_done(&m);
}

static void what_only_touches_a_file_is_not_in_the_range(void **state)
{
    (void)state;
    struct many m;
    char        from[64], to[64];

    many_begin(&m);
    const struct binlog *b = m.files;
    /* Behind the last transaction of the first file, and before the first one of the third. */
    (void)snprintf(from, sizeof from, "bin.000001:%llu",
                   (unsigned long long)b[0].txn_ends[TXNS - 1]);
    (void)snprintf(to, sizeof to, "bin.000003:%llu", (unsigned long long)b[2].ends[1]);
    expect(&m, from, to, store_pos_at(2, 4), store_pos_at(2, b[1].bytes.len));
    expect(&m, from, "bin.000003:4", store_pos_at(2, 4), store_pos_at(2, b[1].bytes.len));
    /* Behind a head alone: the file from its start. */
    (void)snprintf(from, sizeof from, "bin.000002:%llu", (unsigned long long)b[1].ends[1]);
    (void)snprintf(to, sizeof to, "bin.000002:%llu", (unsigned long long)b[1].txn_ends[TXNS - 1]);
    expect(&m, from, to, store_pos_at(2, 4), store_pos_at(2, b[1].bytes.len));
    many_done(&m);
}

static void a_place_inside_a_transaction_is_refused_with_the_nearest_ones(void **state)
{
    (void)state;
    struct many  m;
    struct range r;
    struct err   e = { 0 };
    char         to[64], near[64];

    many_begin(&m);
    (void)snprintf(to, sizeof to, "bin.000002:%llu",
                   (unsigned long long)m.files[1].txn_ends[7] + 1);
    assert_int_equal(locate(&m, "oldest", to, &r, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    for (int i = 7; i <= 8; i++) {
        (void)snprintf(near, sizeof near, "bin.000002:%llu",
                       (unsigned long long)m.files[1].txn_ends[i]);
        assert_non_null(strstr(e.text, near));
    }
    many_done(&m);
}

static void gtids_name_the_first_and_the_last_transaction(void **state)
{
    (void)state;
    struct many        m;
    struct gtids       all = { 0 };
    struct err         e = { 0 };
    char               uuid[UUID_TEXT_BYTES + 1], from[96], to[96];
    const struct range none = { 0 };

    many_begin(&m);
    assert_int_equal(store_gtids_published(m.f.store, &all, &e), 0);
    gtid_uuid_format(all.set.lines[0].uuid, uuid);
    uint64_t first = all.set.lines[0].intervals[0].first;
    gtids_done(&all);
    const struct binlog *b = m.files;
    store_pos            end5 = store_pos_at(1, b[0].txn_ends[4]);
    store_pos            end6 = store_pos_at(1, b[0].txn_ends[5]);
    store_pos            end30 = store_pos_at(2, b[1].txn_ends[9]);
    store_pos            end29 = store_pos_at(2, b[1].txn_ends[8]);
    (void)snprintf(from, sizeof from, "%s:%llu", uuid, (unsigned long long)first + 5);
    (void)snprintf(to, sizeof to, "%s:%llu", uuid, (unsigned long long)first + 29);
    expect(&m, from, to, end5, end30);
    (void)snprintf(from, sizeof from, "after:%s:%llu", uuid, (unsigned long long)first + 5);
    (void)snprintf(to, sizeof to, "before:%s:%llu", uuid, (unsigned long long)first + 29);
    expect(&m, from, to, end6, end29);
    (void)snprintf(from, sizeof from, "%s:%llu-%llu", uuid, (unsigned long long)first,
                   (unsigned long long)first + 5);
    (void)snprintf(to, sizeof to, "%s:%llu-%llu", uuid, (unsigned long long)first,
                   (unsigned long long)first + 29);
    expect(&m, from, to, end6, end30);
    struct range r = located(&m, from, to);
    bool         all_of_it = false;
    assert_false(gtids_is_empty(&r.without));
    assert_int_equal(range_takes_all(m.f.store, &r, 1, &all_of_it, &e), 0);
    assert_false(all_of_it);
    assert_int_equal(range_takes_all(m.f.store, &r, 2, &all_of_it, &e), 0);
    assert_true(all_of_it);
    assert_int_equal(range_takes_all(m.f.store, &none, 1, &all_of_it, &e), 0);
    assert_true(all_of_it);
    range_done(&r);
    many_done(&m);
}

static void an_end_before_the_begin_is_refused_and_an_empty_range_is_none(void **state)
{
    (void)state;
    struct many  m;
    struct range r;
    struct err   e = { 0 };

    many_begin(&m);
    assert_int_equal(locate(&m, "newest", "oldest", &r, &e), -1);
    assert_int_equal(e.kind, E_CONFIG);
    r = located(&m, "newest", "newest");
    assert_true(r.begin == r.end);
    many_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_whole_files),
        cmocka_unit_test(what_only_touches_a_file_is_not_in_the_range),
        cmocka_unit_test(a_place_inside_a_transaction_is_refused_with_the_nearest_ones),
        cmocka_unit_test(gtids_name_the_first_and_the_last_transaction),
        cmocka_unit_test(an_end_before_the_begin_is_refused_and_an_empty_range_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
