#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "relay/downstream/move_in.h"
#include "relay/upstream/binlogs.h"
#include "tests/sim/travels.h"

/* tests/sim/travels.h: relay file bin.000002 is a's, and b has one of that name and form. */
struct world {
    struct travels     t;
    struct consumers  *consumers;
    _Atomic(store_pos) at; /* of the consumer */
};

static const struct consumer_who connector = { .user = "connector", .uuid = "", .server_id = 9 };

static int64_t no_time(void)
{
    return 0;
}

static void no_wake(void *arg)
{
    (void)arg;
}

static void world_begin(struct world *w)
{
    struct err e = { 0 };

    travels_begin(&w->t);
    assert_int_equal(
        consumers_new(store_catalog(w->t.f.store), no_wake, NULL, no_time, &w->consumers, &e), 0);
}

static void world_done(struct world *w)
{
    consumers_free(w->consumers);
    travels_done(&w->t);
}

static void stream(struct world *w, store_pos from, store_pos to)
{
    w->at = from;
    struct consumer *x = consumers_come(w->consumers, &connector, &w->at);
    assert_non_null(x);
    w->at = to;
    consumers_leave(w->consumers, x, &w->at);
}

static int ask(struct world *w, const char *file, uint64_t position, store_pos *out, struct err *e)
{
    struct command_dump asked = { .position = position };
    struct store_file   f;

    (void)snprintf(asked.file, sizeof asked.file, "%s", file);
    TRY(move_in_locate(w->t.f.store, w->consumers, &connector, "b", &asked, e));
    TRY(store_file_by_name(w->t.f.store, asked.file, &f, e));
    *out = store_pos_at(f.ordinal, asked.position);
    return 0;
}

static void assert_asked(struct world *w, const char *file, uint64_t position, store_pos should)
{
    store_pos  at = 0;
    struct err e = { 0 };

    if (ask(w, file, position, &at, &e) != 0)
        fail_msg("%s", e.text);
    assert_int_equal(at, should);
}

/* In both files called bin.000002. */
static uint64_t common_place(const struct world *w)
{
    uint64_t place = w->t.b.txn_ends[1];
    assert_int_equal(place, w->t.a2.txn_ends[1]);
    return place;
}

static void at_the_first_stream_names_are_the_sources(void **state)
{
    struct world w;

    (void)state;
    world_begin(&w);
    uint64_t place = common_place(&w);
    assert_asked(&w, "bin.000002", place, store_pos_at(3, place));
    /* Where the source has no such place it is the relay's. */
    assert_asked(&w, "bin.000002", w.t.a2.txn_ends[0], store_pos_at(2, w.t.a2.txn_ends[0]));
    assert_asked(&w, "bin.000001", w.t.a1.txn_ends[0], store_pos_at(1, w.t.a1.txn_ends[0]));
    world_done(&w);
}

static void what_was_sent_comes_back_by_the_relays_names(void **state)
{
    struct world w;

    (void)state;
    world_begin(&w);
    uint64_t place = common_place(&w);
    stream(&w, store_pos_at(1, BINLOG_MAGIC_BYTES), store_pos_at(4, w.t.a2.txn_ends[5]));
    assert_asked(&w, "bin.000002", place, store_pos_at(2, place));
    assert_asked(&w, "bin.000004", w.t.a2.txn_ends[4], store_pos_at(4, w.t.a2.txn_ends[4]));
    world_done(&w);
}

static void the_place_of_moving_in_counts_until_something_was_stored(void **state)
{
    struct world w;

    (void)state;
    world_begin(&w);
    uint64_t place = common_place(&w);
    stream(&w, store_pos_at(3, place), store_pos_at(4, w.t.a2.txn_ends[5]));
    assert_asked(&w, "bin.000002", place, store_pos_at(3, place));
    assert_asked(&w, "bin.000003", w.t.b.txn_ends[3], store_pos_at(3, w.t.b.txn_ends[3]));
    world_done(&w);
}

static void what_can_be_read_both_ways_is_refused(void **state)
{
    struct world        w;
    struct binlog       b1, b2;
    struct store_source other;
    store_pos           at;
    struct err          e = { 0 };

    (void)state;
    world_begin(&w);
    other = w.t.source_b;
    other.server_id = 5;
    travels_make_file(&b1, &w.t.a2, 2);
    travels_make_file(&b2, &b1, 2);
    assert_int_equal(writer_begin_epoch(w.t.f.writer, &other, "bin.000006", &e), 0);
    fixture_append(&w.t.f, &b1, 0, SIZE_MAX);
    assert_int_equal(writer_begin_file(w.t.f.writer, &other, "bin.000007", 0, &e), 0);
    fixture_append(&w.t.f, &b2, 0, SIZE_MAX);
    fixture_publish(&w.t.f);
    /* It moved in at b's bin.000006, relay file 5, and was sent relay file 6, bin.000006. */
    stream(&w, store_pos_at(5, BINLOG_MAGIC_BYTES), store_pos_at(6, b2.txn_ends[1]));
    assert_int_equal(ask(&w, "bin.000006", BINLOG_MAGIC_BYTES, &at, &e), -1);
    assert_int_equal(e.kind, E_CONFIG);
    binlog_done(&b1);
    binlog_done(&b2);
    world_done(&w);
}

static void the_sources_files_are_listed_under_their_own_names(void **state)
{
    struct world        w;
    struct binlogs_file file;
    struct binlog       c;
    struct store_source source_c;
    struct err          e = { 0 };
    uint32_t            ordinal = 0;

    (void)state;
    world_begin(&w);
    source_c = w.t.source_b;
    memcpy(source_c.name, "c", 2);
    travels_make_file(&c, &w.t.a2, 2);
    assert_int_equal(writer_begin_epoch(w.t.f.writer, &source_c, "log.000009", &e), 0);
    fixture_append(&w.t.f, &c, 0, SIZE_MAX);
    fixture_publish(&w.t.f);
    assert_true(binlogs_next_of(w.t.f.store, "c", &ordinal, &file));
    assert_string_equal(file.name, "log.000009");
    assert_int_equal(file.size, c.bytes.len);
    assert_false(binlogs_next_of(w.t.f.store, "c", &ordinal, &file));
    ordinal = 0;
    assert_false(binlogs_next_of(w.t.f.store, "b", &ordinal, &file)); /* bin.000002 is ours, too */
    ordinal = 0;
    assert_false(binlogs_next_of(w.t.f.store, "", &ordinal, &file));
    binlog_done(&c);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_the_first_stream_names_are_the_sources),
        cmocka_unit_test(what_was_sent_comes_back_by_the_relays_names),
        cmocka_unit_test(the_place_of_moving_in_counts_until_something_was_stored),
        cmocka_unit_test(what_can_be_read_both_ways_is_refused),
        cmocka_unit_test(the_sources_files_are_listed_under_their_own_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
