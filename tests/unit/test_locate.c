#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "storage/locate.h"
#include "tests/sim/fixture.h"
#include "tests/sim/sim_disk.h"

enum { FILES = 4, TXNS = 40 };

/* Four files of 40 transactions, the last in progress; checkpoints every 2 KiB or so. */
struct many {
    struct fixture   f;
    struct sim_disk *disk;
    struct binlog    files[FILES];
};

static void many_begin(struct many *m, const struct binlog_style *style)
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
            binlog_begin(b, style);
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

static const struct binlog_style mysql = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };
static const struct binlog_style maria = { .family = FAMILY_MARIADB, .crc = true, .gtids = true };

/* Where transaction n (from 1) ends. */
static store_pos end_of(const struct many *m, size_t n)
{
    return store_pos_at((uint32_t)((n - 1) / TXNS) + 1,
                        m->files[(n - 1) / TXNS].txn_ends[(n - 1) % TXNS]);
}

static store_pos begin_of(const struct many *m, size_t n)
{
    const struct binlog *b = &m->files[(n - 1) / TXNS];
    return (n - 1) % TXNS == 0 ? store_pos_at((uint32_t)((n - 1) / TXNS) + 1, b->ends[1])
                               : end_of(m, n - 1);
}

static void positions_are_found_by_every_kind_of_name(void **state)
{
    (void)state;
    struct many m;
    store_pos   at;
    struct err  e = { 0 };

    many_begin(&m, &mysql);
    uint64_t offset = m.files[1].txn_ends[5];
    assert_int_equal(locate_position(m.f.store, "bin.000002", offset, &at, &e), 0);
    assert_int_equal(at, store_pos_at(2, offset));
    assert_int_equal(locate_position(m.f.store, "", 4, &at, &e), 0);
    assert_int_equal(at, store_pos_at(1, 4));
    assert_int_equal(locate_position(m.f.store, "a:bin.000003", 4, &at, &e), 0);
    assert_int_equal(at, store_pos_at(3, 4));
    assert_int_equal(locate_position(m.f.store, "b:bin.000003", 4, &at, &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    assert_int_equal(locate_position(m.f.store, "bin.000009", 4, &at, &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    assert_int_equal(locate_position(m.f.store, "bin.000002", offset + 1, &at, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    assert_int_equal(locate_position(m.f.store, "bin.000002", 1u << 30, &at, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    assert_int_equal(locate_position(m.f.store, "bin.000002", 3, &at, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    many_done(&m);
}

static void a_source_file_name_that_several_have_is_not_guessed(void **state)
{
    (void)state;
    struct fixture     f;
    struct binlog      b;
    store_pos          at;
    struct err         e = { 0 };
    static const char *names[] = { "a", "b", "c" };

    fixture_begin(&f, NULL);
    binlog_begin(&b, &mysql);
    binlog_format(&b);
    for (size_t i = 0; i < 3; i++) {
        struct store_source s = fixture_source(names[i], FAMILY_MYSQL);
        s.server_id += (uint32_t)i;
        assert_int_equal(writer_begin_file(f.writer, &s, i == 0 ? "bin.000001" : "x.000007", 0, &e),
                         0);
        fixture_append(&f, &b, 0, SIZE_MAX);
        fixture_publish(&f);
        int result = locate_position(f.store, "x.000007", 4, &at, &e);
        assert_int_equal(result, i == 1 ? 0 : -1);
        if (i == 1)
            assert_int_equal(at, store_pos_at(2, 4));
    }
    assert_int_equal(e.kind, E_LIMIT);
    assert_int_equal(locate_position(f.store, "c:x.000007", 4, &at, &e), 0);
    assert_int_equal(at, store_pos_at(3, 4));
    binlog_done(&b);
    fixture_done(&f);
}

static void a_set_leads_to_the_first_missing_transaction(void **state)
{
    (void)state;
    struct many m;
    struct err  e = { 0 };

    many_begin(&m, &mysql);
    for (size_t n = 0; n <= FILES * TXNS; n++) {
        struct gtid_set    have = { 0 };
        struct locate_gtid at;
        char               text[128];
        (void)snprintf(text, sizeof text, "%s:1-%zu", binlog_uuid, n);
        if (n > 0)
            assert_int_equal(gtid_set_parse(&have, slice_of_text(text), &e), 0);
        assert_int_equal(locate_gtid_set(m.f.store, &have, &at, &e), 0);
        store_pos first = n < FILES * TXNS ? begin_of(&m, n + 1) : store_published(m.f.store);
        assert_int_equal(at.first, first);
        assert_int_equal(at.file_start, store_pos_at(store_pos_ordinal(first), 4));
        gtid_set_done(&have);
    }
    many_done(&m);
}

static void a_gap_in_a_set_is_where_it_begins(void **state)
{
    (void)state;
    struct many        m;
    struct gtid_set    have = { 0 };
    struct locate_gtid at;
    struct err         e = { 0 };
    char               text[128];

    many_begin(&m, &mysql);
    (void)snprintf(text, sizeof text, "%s:1-90:92-160", binlog_uuid);
    assert_int_equal(gtid_set_parse(&have, slice_of_text(text), &e), 0);
    assert_int_equal(locate_gtid_set(m.f.store, &have, &at, &e), 0);
    assert_int_equal(at.first, begin_of(&m, 91));
    gtid_set_done(&have);
    many_done(&m);
}

static void what_was_purged_before_the_store_began_is_named(void **state)
{
    (void)state;
    struct fixture     f;
    struct binlog      b;
    struct gtid_set    have = { 0 };
    struct locate_gtid at;
    struct err         e = { 0 };
    char               text[128];

    fixture_begin(&f, NULL);
    binlog_begin(&b, &mysql);
    b.next_gtid = 101;
    binlog_format(&b);
    binlog_head(&b, binlog_gtids(&b));
    binlog_transaction(&b, 100);
    fixture_file(&f, "bin.000050", &b);
    (void)snprintf(text, sizeof text, "%s:1-80", binlog_uuid);
    assert_int_equal(gtid_set_parse(&have, slice_of_text(text), &e), 0);
    assert_int_equal(locate_gtid_set(f.store, &have, &at, &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    (void)snprintf(text, sizeof text, "%s:81-100", binlog_uuid);
    assert_non_null(strstr(e.text, text));
    (void)snprintf(text, sizeof text, "%s:1-100", binlog_uuid);
    assert_int_equal(gtid_set_parse(&have, slice_of_text(text), &e), 0);
    assert_int_equal(locate_gtid_set(f.store, &have, &at, &e), 0);
    assert_int_equal(at.first, store_pos_at(1, b.ends[1]));
    gtid_set_done(&have);
    binlog_done(&b);
    fixture_done(&f);
}

static int state_at(struct store *s, const char *text, struct locate_gtid *at, struct err *e)
{
    struct gtid_state have = { 0 };
    assert_int_equal(gtid_state_parse(&have, slice_of_text(text), e), 0);
    int result = locate_gtid_state(s, &have, at, e);
    gtid_state_done(&have);
    return result;
}

static void a_state_leads_to_the_first_missing_transaction(void **state)
{
    (void)state;
    struct many        m;
    struct locate_gtid at;
    struct err         e = { 0 };

    many_begin(&m, &maria);
    assert_int_equal(state_at(m.f.store, "", &at, &e), 0);
    assert_int_equal(at.first, begin_of(&m, 1));
    for (size_t n = 1; n <= FILES * TXNS; n++) {
        char text[64];
        (void)snprintf(text, sizeof text, "0-1-%zu", n);
        assert_int_equal(state_at(m.f.store, text, &at, &e), 0);
        store_pos first = n < FILES * TXNS ? begin_of(&m, n + 1) : store_published(m.f.store);
        assert_int_equal(at.first, first);
        assert_int_equal(at.file_start, store_pos_at(store_pos_ordinal(first), 4));
    }
    /* A domain that was never seen here is no reason to refuse. */
    assert_int_equal(state_at(m.f.store, "0-1-5,7-3-9", &at, &e), 0);
    assert_int_equal(at.first, begin_of(&m, 6));
    many_done(&m);
}

static void a_state_that_was_never_here_is_refused(void **state)
{
    (void)state;
    struct many        m;
    struct locate_gtid at;
    struct err         e = { 0 };

    many_begin(&m, &maria);
    assert_int_equal(state_at(m.f.store, "0-1-161", &at, &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    assert_non_null(strstr(e.text, "which is not in the master's binlog"));
    assert_int_equal(state_at(m.f.store, "0-2-100", &at, &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    assert_non_null(strstr(e.text, "diverged"));
    many_done(&m);
}

static void a_state_from_before_the_store_is_too_old(void **state)
{
    (void)state;
    struct fixture     f;
    struct binlog      b;
    struct locate_gtid at;
    struct err         e = { 0 };

    fixture_begin(&f, NULL);
    binlog_begin(&b, &maria);
    b.next_gtid = 101;
    binlog_format(&b);
    binlog_head(&b, binlog_gtids(&b));
    binlog_transaction(&b, 100);
    fixture_file(&f, "bin.000050", &b);
    assert_int_equal(state_at(f.store, "0-1-99", &at, &e), -1);
    assert_non_null(strstr(e.text, "Could not find GTID state requested by slave"));
    assert_int_equal(state_at(f.store, "", &at, &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    assert_int_equal(state_at(f.store, "0-1-100", &at, &e), 0);
    assert_int_equal(at.first, store_pos_at(1, b.ends[1]));
    binlog_done(&b);
    fixture_done(&f);
}

static void every_transaction_is_found_by_its_gtid(void **state)
{
    (void)state;
    for (int family = 0; family < 2; family++) {
        struct many m;
        struct err  e = { 0 };
        store_pos   begin;
        store_pos   end;
        struct gtid g = { .kind = family == 0 ? GTID_MYSQL : GTID_MARIADB, .server_id = 1 };
        static const uint8_t uuid[UUID_BYTES] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                                  0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
        memcpy(g.uuid, uuid, sizeof uuid);
        many_begin(&m, family == 0 ? &mysql : &maria);
        for (size_t n = 1; n <= FILES * TXNS; n++) {
            g.number = n;
            assert_int_equal(locate_gtid_one(m.f.store, &g, &begin, &end, &e), 0);
            assert_int_equal(begin, begin_of(&m, n));
            assert_int_equal(end, end_of(&m, n));
        }
        g.number = FILES * TXNS + 1;
        assert_int_equal(locate_gtid_one(m.f.store, &g, &begin, &end, &e), -1);
        assert_int_equal(e.kind, E_PURGED);
        many_done(&m);
    }
}

static void the_gtids_of_every_place_are_known(void **state)
{
    (void)state;
    for (int family = 0; family < 2; family++) {
        struct many m;
        struct err  e = { 0 };

        many_begin(&m, family == 0 ? &mysql : &maria);
        for (size_t n = 1; n <= FILES * TXNS; n++) {
            struct gtids  g = { 0 };
            struct binlog as_of = m.files[0];
            struct buf    text;
            as_of.next_gtid = n + 1;
            assert_int_equal(locate_gtids_at(m.f.store, end_of(&m, n), &g, &e), 0);
            buf_init(&text, 4096);
            gtids_put_text(&g, &text);
            assert_string_equal(buf_text(&text), binlog_gtids(&as_of));
            buf_done(&text);
            gtids_done(&g);
        }
        many_done(&m);
    }
}

static void a_time_leads_to_the_last_transaction_until_then(void **state)
{
    (void)state;
    struct many m;
    struct err  e = { 0 };
    store_pos   at;

    many_begin(&m, &mysql);
    for (size_t n = 1; n <= FILES * TXNS; n++) { /* one a second */
        assert_int_equal(locate_time(m.f.store, 1700000000 + (int64_t)n, &at, &e), 0);
        assert_int_equal(at, end_of(&m, n));
    }
    assert_int_equal(locate_time(m.f.store, 1800000000, &at, &e), 0);
    assert_int_equal(at, end_of(&m, FILES * TXNS));
    assert_int_equal(locate_time(m.f.store, 1600000000, &at, &e), -1);
    assert_int_equal(e.kind, E_PURGED);
    many_done(&m);
}

static void nothing_depends_on_the_sidecars_being_there(void **state)
{
    (void)state;
    struct many          m;
    struct err           e = { 0 };
    struct writer_resume r;
    store_pos            begin;
    store_pos            end;
    struct gtid          g = { .kind = GTID_MARIADB, .server_id = 1 };

    many_begin(&m, &maria);
    for (size_t i = 1; i <= FILES; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "bin.%06zu.idx", i);
        if (i % 2 == 0)
            assert_int_equal(m.f.disk->remove(m.f.disk, name, &e), 0);
        else
            sim_disk_put(m.disk, name, slice_of_text("no sidecar"));
    }
    fixture_reopen(&m.f, &r);
    for (size_t n = 1; n <= FILES * TXNS; n += 13) {
        g.number = n;
        assert_int_equal(locate_gtid_one(m.f.store, &g, &begin, &end, &e), 0);
        assert_int_equal(end, end_of(&m, n));
    }
    many_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_are_found_by_every_kind_of_name),
        cmocka_unit_test(a_source_file_name_that_several_have_is_not_guessed),
        cmocka_unit_test(a_set_leads_to_the_first_missing_transaction),
        cmocka_unit_test(a_gap_in_a_set_is_where_it_begins),
        cmocka_unit_test(what_was_purged_before_the_store_began_is_named),
        cmocka_unit_test(a_state_leads_to_the_first_missing_transaction),
        cmocka_unit_test(a_state_that_was_never_here_is_refused),
        cmocka_unit_test(a_state_from_before_the_store_is_too_old),
        cmocka_unit_test(every_transaction_is_found_by_its_gtid),
        cmocka_unit_test(the_gtids_of_every_place_are_known),
        cmocka_unit_test(a_time_leads_to_the_last_transaction_until_then),
        cmocka_unit_test(nothing_depends_on_the_sidecars_being_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
