#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>
#include "storage/locate.h"
#include "storage/reader.h"
#include "storage/verify.h"
#include "tests/sim/fixture.h"

/*
 * Two servers, of which the second has the first one's transactions in its own binlog, at other
 * places: what a switch makes of them.
 *
 *   a: 000001 [1 2 3 4 5]  000002 [6 7 8         (a ends here)
 *   b: 000007 [1 ... 6]    000008 [7 8 9 10]     ->  relay 000003 [head hole(7 8) 9 10]
 */
static const struct binlog_style mysql = { .family = FAMILY_MYSQL, .crc = true, .gtids = true };
static const struct binlog_style maria = { .family = FAMILY_MARIADB, .crc = true, .gtids = true };
static const struct binlog_style plain = { .family = FAMILY_MYSQL, .crc = true };
static const struct binlog_style old = { .family = FAMILY_MYSQL, .old = true };
static const struct binlog_style *const styles[] = { &mysql, &maria, &plain, &old };

enum { STYLES = sizeof styles / sizeof styles[0], BEFORE = 6, HELD = 8, ALL = 10 };

struct joined {
    struct fixture f;
    struct binlog  a1, a2, b;
    uint64_t       hole_from, hole_to;
};

static size_t event_behind(const struct binlog *b, size_t txns)
{
    size_t i = 0;
    while (b->ends[i] != b->txn_ends[txns - 1])
        i++;
    return i + 1;
}

static struct store_source other_source(const struct binlog_style *style)
{
    struct store_source s = fixture_source("b", style->family);
    s.server_id = 2;
    if (style->family == FAMILY_MYSQL)
        (void)snprintf(s.uuid, sizeof s.uuid, "bbbbbbbb-4455-6677-8899-aabbccddeeff");
    return s;
}

/* `held` of the second server's transactions are left out, `ahead`: what the head of its file says
   instead of the truth. */
static void join(struct joined *j, size_t held)
{
    struct err          e = { 0 };
    struct store_source b = other_source(&j->b.style);
    size_t              first = event_behind(&j->b, held);
    size_t              head = j->b.style.old ? 1 : 2;

    assert_int_equal(writer_begin_epoch(j->f.writer, &b, "b.000008", &e), 0);
    fixture_append(&j->f, &j->b, 0, head);
    j->hole_from = j->b.ends[head - 1];
    j->hole_to = j->b.ends[first - 1];
    assert_int_equal(writer_skip(j->f.writer, j->hole_to - j->hole_from, &e), 0);
    fixture_append(&j->f, &j->b, first, SIZE_MAX);
    fixture_publish(&j->f);
}

static void make_binlogs(struct joined *j, const struct binlog_style *style)
{
    binlog_begin(&j->a1, style);
    binlog_format(&j->a1);
    binlog_head(&j->a1, "");
    for (int i = 0; i < 5; i++)
        binlog_transaction(&j->a1, 100);
    const char *after = binlog_gtids(&j->a1);
    binlog_rotate(&j->a1, "bin.000002");
    binlog_begin_next(&j->a2, &j->a1);
    binlog_format(&j->a2);
    binlog_head(&j->a2, after);
    for (int i = 0; i < 3; i++)
        binlog_transaction(&j->a2, 100);
    struct binlog other;
    binlog_begin(&other, style);
    for (int i = 0; i < BEFORE; i++)
        binlog_transaction(&other, 10);
    binlog_begin_next(&j->b, &other);
    binlog_format(&j->b);
    binlog_head(&j->b, binlog_gtids(&other));
    for (int i = BEFORE; i < ALL; i++)
        binlog_transaction(&j->b, 70000);
    binlog_done(&other);
}

static void joined_begin(struct joined *j, const struct binlog_style *style)
{
    *j = (struct joined){ 0 };
    fixture_begin(&j->f, NULL);
    make_binlogs(j, style);
    fixture_file(&j->f, "bin.000001", &j->a1);
    fixture_file(&j->f, "bin.000002", &j->a2);
    join(j, HELD - BEFORE);
}

static void joined_done(struct joined *j)
{
    binlog_done(&j->a1);
    binlog_done(&j->a2);
    binlog_done(&j->b);
    fixture_done(&j->f);
}

static void assert_gtids(const struct gtids *is, const struct binlog_style *style, unsigned last)
{
    char       should[100] = "";
    struct buf text;

    if (style->gtids && style->family == FAMILY_MARIADB)
        (void)snprintf(should, sizeof should, "0-1-%u", last);
    else if (style->gtids)
        (void)snprintf(should, sizeof should, "%s:1-%u", binlog_uuid, last);
    buf_init(&text, 4096);
    gtids_put_text(is, &text);
    assert_string_equal(buf_text(&text), should);
    buf_done(&text);
}

static void assert_before(struct joined *j, uint32_t ordinal, unsigned last)
{
    struct gtids g = { 0 };
    struct err   e = { 0 };

    assert_int_equal(store_gtids_before(j->f.store, ordinal, &g, &e), 0);
    assert_gtids(&g, &j->b.style, last);
    gtids_done(&g);
}

static void assert_at(struct joined *j, store_pos at, unsigned last)
{
    struct gtids g = { 0 };
    struct err   e = { 0 };

    assert_int_equal(locate_gtids_at(j->f.store, at, &g, &e), 0);
    assert_gtids(&g, &j->b.style, last);
    gtids_done(&g);
}

static void tell_problem(void *arg, const char *text)
{
    (void)arg;
    print_error("%s\n", text);
}

static void assert_verified(struct joined *j, uint64_t transactions)
{
    struct verify_result r;
    struct err           e = { 0 };

    assert_int_equal(verify_store(j->f.store, tell_problem, NULL, NULL, &r, &e), 0);
    assert_int_equal(r.problems, 0);
    assert_int_equal(r.transactions, transactions);
}

/* Sequence numbers as they come, which must be 1, 2, 3 ... */
static void assert_each_once(struct joined *j, unsigned last)
{
    struct reader *r = NULL;
    struct err     e = { 0 };
    unsigned       commits = 0;

    assert_int_equal(reader_open(j->f.store, store_pos_at(1, 4), 0, &r, &e), 0);
    for (;;) {
        struct reader_piece p;
        enum reader_step    step;
        assert_int_equal(reader_next(r, &p, &step, &e), 0);
        if (step == READER_FILE_DONE)
            assert_int_equal(reader_next_file(r, &step, &e), 0);
        if (step == READER_AT_END)
            break;
        if (p.event.type == EVENT_XID)
            commits++;
        struct gtid_event g;
        if ((p.event.type == EVENT_GTID || p.event.type == EVENT_MARIADB_GTID) &&
            gtid_parse_event(reader_format(r), &p.event, &g, &e) == 0)
            assert_int_equal(g.gtid.number, commits + 1);
    }
    reader_close(r);
    assert_int_equal(commits, last);
}

static void check_all(struct joined *j)
{
    struct gtids published = { 0 };
    struct err   e = { 0 };

    assert_each_once(j, ALL);
    assert_before(j, 2, 5);
    assert_before(j, 3, HELD);
    assert_int_equal(store_gtids_published(j->f.store, &published, &e), 0);
    assert_gtids(&published, &j->b.style, ALL);
    gtids_done(&published);
    assert_at(j, store_pos_at(3, 4), HELD);
    assert_at(j, store_pos_at(3, j->hole_from), HELD);
    assert_at(j, store_pos_at(3, j->hole_to), HELD);
    assert_at(j, store_pos_at(3, j->b.txn_ends[HELD - BEFORE]), HELD + 1);
    assert_at(j, store_published(j->f.store), ALL);
    assert_verified(j, ALL);
}

static void i3_each_transaction_is_held_once_and_gtids_are_right_in_every_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < STYLES; i++) {
        struct joined     j;
        struct store_file f;
        struct err        e = { 0 };
        joined_begin(&j, styles[i]);
        check_all(&j);
        fixture_reopen(&j.f, NULL);
        check_all(&j);
        assert_int_equal(store_file_by_ordinal(j.f.store, 2, &f, &e), 0);
        assert_int_equal(f.epoch, 1);
        assert_int_equal(store_file_by_ordinal(j.f.store, 3, &f, &e), 0);
        assert_int_equal(f.epoch, 2);
        assert_string_equal(f.name, "bin.000003");
        joined_done(&j);
    }
}

static void sidecars_that_are_made_again_are_the_same_in_a_later_epoch(void **state)
{
    (void)state;
    for (size_t i = 0; i < STYLES; i++) {
        struct joined j;
        char          path[300];
        joined_begin(&j, styles[i]);
        fixture_reopen(&j.f, NULL);
        for (int n = 1; n < (styles[i]->crc ? 4 : 3); n++) {
            (void)snprintf(path, sizeof path, "%s/bin.00000%d.idx", j.f.folder, n);
            assert_int_equal(unlink(path), 0);
        }
        if (styles[i]->crc)
            fixture_reopen(&j.f, NULL);
        check_all(&j);
        joined_done(&j);
    }
}

static void the_last_file_of_an_epoch_ends_with_a_rotate_of_our_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < STYLES; i++) {
        struct joined       j;
        struct reader      *r = NULL;
        struct event        ev;
        struct err          e = { 0 };
        enum reader_step    step;
        struct buf          hold;
        store_pos           pos;
        struct event_rotate rotate;
        joined_begin(&j, styles[i]);
        assert_int_equal(reader_open(j.f.store, store_pos_at(2, j.a2.bytes.len), 0, &r, &e), 0);
        buf_init(&hold, 4096);
        assert_int_equal(reader_next_event(r, &hold, &ev, &pos, &step, &e), 0);
        assert_int_equal(step, READER_PIECE);
        assert_int_equal(ev.type, EVENT_ROTATE);
        assert_false(event_is_artificial(&ev));
        assert_int_equal(ev.source_end, j.a2.bytes.len + ev.length);
        assert_int_equal(event_parse_rotate(&ev, &rotate, &e), 0);
        assert_string_equal(rotate.file, "bin.000003");
        assert_int_equal(rotate.position, 4);
        if (styles[i]->crc)
            assert_int_equal(event_verify(ev.whole, &e), 0);
        assert_int_equal(reader_next_event(r, &hold, &ev, &pos, &step, &e), 0);
        assert_int_equal(step, READER_FILE_DONE);
        buf_done(&hold);
        reader_close(r);
        joined_done(&j);
    }
}

/* Behind STOP nothing comes, and what never ended is cut off first. */
static void an_epoch_ends_as_its_source_left_it(void **state)
{
    (void)state;
    for (int stopped = 0; stopped < 2; stopped++) {
        struct joined     j = { 0 };
        struct store_file f;
        struct err        e = { 0 };
        fixture_begin(&j.f, NULL);
        make_binlogs(&j, &mysql);
        fixture_file(&j.f, "bin.000001", &j.a1);
        size_t whole = j.a2.count;
        size_t end = j.a2.bytes.len;
        if (stopped != 0) {
            binlog_stop(&j.a2);
            end = j.a2.bytes.len;
        } else {
            binlog_transaction(&j.a2, 400000);
        }
        struct store_source a = fixture_source("a", FAMILY_MYSQL);
        assert_int_equal(writer_begin_file(j.f.writer, &a, "bin.000002", 0, &e), 0);
        fixture_append(&j.f, &j.a2, 0, stopped != 0 ? SIZE_MAX : whole + 4);
        fixture_publish(&j.f);
        if (stopped != 0) { /* also when that is known from the file alone */
            struct writer_resume resume;
            fixture_reopen(&j.f, &resume);
        }
        join(&j, HELD - BEFORE);
        assert_int_equal(store_file_by_ordinal(j.f.store, 2, &f, &e), 0);
        if (stopped != 0)
            assert_int_equal(f.size, end);
        else
            assert_in_range(f.size, end + 20, end + 60);
        assert_each_once(&j, ALL);
        assert_verified(&j, ALL);
        joined_done(&j);
    }
}

static void assert_located(struct joined *j, const char *have, store_pos first)
{
    struct gtids       g = { 0 };
    struct locate_gtid at = { 0 };
    struct err         e = { 0 };

    assert_int_equal(gtids_parse(&g, slice_of_text(have), &e), 0);
    int result = j->b.style.family == FAMILY_MYSQL
                     ? locate_gtid_set(j->f.store, &g.set, &at, &e)
                     : locate_gtid_state(j->f.store, &g.state, &at, &e);
    if (result != 0)
        print_error("%s: %s\n", have, e.text);
    assert_int_equal(result, 0);
    if (at.first != first)
        print_error("%s\n", have);
    assert_int_equal(at.first, first);
    gtids_done(&g);
}

static void a_consumer_begins_where_it_ended_on_either_side_of_a_switch(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct joined j;
        char          have[100];
        joined_begin(&j, styles[i]);
        for (unsigned n = 1; n <= ALL; n++) {
            store_pos first;
            if (n < 5)
                first = store_pos_at(1, j.a1.txn_ends[n - 1]);
            else if (n < HELD)
                first = store_pos_at(2, n == 5 ? j.a2.ends[1] : j.a2.txn_ends[n - BEFORE]);
            else if (n == HELD)
                first = store_pos_at(3, j.hole_to);
            else
                first = store_pos_at(3, j.b.txn_ends[n - BEFORE - 1]);
            if (styles[i]->family == FAMILY_MARIADB)
                (void)snprintf(have, sizeof have, "0-1-%u", n);
            else
                (void)snprintf(have, sizeof have, "%s:1-%u", binlog_uuid, n);
            assert_located(&j, have, first);
        }
        joined_done(&j);
    }
}

/*
 * A MariaDB server that took over without the last two, and counted on from there: its 7 and 8 are
 * not the first one's. Kept as a fork, each consumer goes on from its own.
 *
 *   relay 000002 [6 7 8]  000003 [head hole(6) 7' 8']  000004 [9' 10']
 */
static void in_a_fork_of_mariadb_a_number_alone_tells_nothing(void **state)
{
    (void)state;
    struct joined       j = { 0 };
    struct binlog       c;
    struct err          e = { 0 };
    struct store_file   f;
    struct store_source b = other_source(&maria);

    fixture_begin(&j.f, NULL);
    make_binlogs(&j, &maria);
    binlog_done(&j.b);
    binlog_begin_next(&j.b, &j.a1);
    binlog_format(&j.b);
    binlog_head(&j.b, "0-1-5");
    binlog_transaction(&j.b, 10); /* 6 */
    j.b.style.server_id = 2;
    binlog_transaction(&j.b, 10);
    binlog_transaction(&j.b, 10);
    binlog_begin_next(&c, &j.b);
    binlog_format(&c);
    binlog_head(&c, "0-2-8");
    binlog_transaction(&c, 10);
    binlog_transaction(&c, 10);
    fixture_file(&j.f, "bin.000001", &j.a1);
    fixture_file(&j.f, "bin.000002", &j.a2);
    join(&j, 1);
    assert_int_equal(writer_begin_file(j.f.writer, &b, "b.000009", 0, &e), 0);
    fixture_append(&j.f, &c, 0, SIZE_MAX);
    fixture_publish(&j.f);

    assert_located(&j, "0-1-6", store_pos_at(2, j.a2.txn_ends[0]));
    assert_located(&j, "0-1-7", store_pos_at(2, j.a2.txn_ends[1]));
    assert_int_equal(store_file_by_ordinal(j.f.store, 2, &f, &e), 0);
    assert_located(&j, "0-1-8", store_pos_at(2, f.size));
    assert_located(&j, "0-2-7", store_pos_at(2, f.size)); /* and waits for it from there */
    assert_located(&j, "0-2-8", store_pos_at(4, c.ends[1]));
    assert_located(&j, "0-2-9", store_pos_at(4, c.txn_ends[0]));
    assert_located(&j, "0-2-10", store_pos_at(4, c.txn_ends[1]));
    binlog_done(&c);
    joined_done(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(i3_each_transaction_is_held_once_and_gtids_are_right_in_every_place),
        cmocka_unit_test(sidecars_that_are_made_again_are_the_same_in_a_later_epoch),
        cmocka_unit_test(the_last_file_of_an_epoch_ends_with_a_rotate_of_our_own),
        cmocka_unit_test(an_epoch_ends_as_its_source_left_it),
        cmocka_unit_test(a_consumer_begins_where_it_ended_on_either_side_of_a_switch),
        cmocka_unit_test(in_a_fork_of_mariadb_a_number_alone_tells_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
