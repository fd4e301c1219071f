/* Who is remembered, and what is held for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "relay/consumers.h"
#include "tests/sim/fixture.h"

#define UUID "3e11fa47-71ca-11e1-9e33-c80aa9429562"

static int64_t  now;
static unsigned wakes;

static int64_t give_now(void)
{
    return now;
}

static void count_wake(void *arg)
{
    (void)arg;
    wakes++;
}

struct world {
    char              folder[128];
    struct catalog   *catalog;
    struct consumers *consumers;
};

static void open_world(struct world *w)
{
    struct err e = { 0 };
    assert_int_equal(catalog_open(w->folder, false, &w->catalog, &e), 0);
    assert_int_equal(consumers_new(w->catalog, count_wake, NULL, give_now, &w->consumers, &e), 0);
}

static void close_world(struct world *w)
{
    consumers_free(w->consumers);
    catalog_close(w->catalog);
}

static void begin(struct world *w)
{
    now = 1000000;
    wakes = 0;
    fixture_folder(w->folder, sizeof w->folder);
    open_world(w);
}

static void done(struct world *w)
{
    close_world(w);
    fixture_remove(w->folder);
}

static void save(struct world *w)
{
    struct err e = { 0 };
    assert_int_equal(consumers_save(w->consumers, &e), 0);
}

struct list {
    size_t               count;
    struct consumer_info all[8];
};

static void put_one(void *arg, const struct consumer_info *x)
{
    struct list *l = arg;
    assert_true(l->count < 8);
    l->all[l->count++] = *x;
}

static struct consumer_info only(struct world *w)
{
    struct list l = { 0 };
    struct err  e = { 0 };
    assert_int_equal(consumers_each(w->consumers, put_one, &l, &e), 0);
    assert_int_equal(l.count, 1);
    return l.all[0];
}

static const struct consumer_who repl = { "repl", "", "127.0.0.1", 7 };

static void a_consumer_is_its_uuid_or_its_user_and_server_id(void **state)
{
    (void)state;
    struct world                     w;
    _Atomic(store_pos)               at = store_pos_at(1, 4);
    struct list                      l = { 0 };
    struct err                       e = { 0 };
    static const struct consumer_who who[] = {
        { "repl", "", "h", 7 },   { "repl", "", "h", 8 },   { "other", "", "h", 7 },
        { "repl", UUID, "h", 7 }, { "repl", UUID, "h", 9 }, { "repl", "no uuid\n", "h", 7 }
    };
    begin(&w);
    for (size_t i = 0; i < sizeof who / sizeof who[0]; i++) {
        struct consumer *x = consumers_come(w.consumers, &who[i], &at);
        assert_non_null(x);
        consumers_leave(w.consumers, x, &at);
    }
    assert_int_equal(consumers_each(w.consumers, put_one, &l, &e), 0);
    assert_int_equal(l.count, 4);
    assert_string_equal(l.all[0].row.name, UUID);
    assert_int_equal(l.all[0].row.server_id, 9);
    assert_string_equal(l.all[1].row.name, "other/7");
    assert_string_equal(l.all[2].row.name, "repl/7");
    assert_string_equal(l.all[2].row.uuid, "");
    assert_string_equal(l.all[3].row.name, "repl/8");
    assert_int_equal(wakes, 2 * sizeof who / sizeof who[0]);
    done(&w);
}

static void what_was_sent_is_held_for_a_good_minute(void **state)
{
    (void)state;
    struct world       w;
    _Atomic(store_pos) at = store_pos_at(3, 100);
    begin(&w);
    struct consumer *x = consumers_come(w.consumers, &repl, &at);
    assert_int_equal(only(&w).row.held, store_pos_at(3, 100));
    now += 100;
    save(&w);
    atomic_store(&at, store_pos_at(4, 4));
    for (int s = 0; s < 60; s += 10) {
        now += 10;
        assert_int_equal(only(&w).row.held, store_pos_at(3, 100));
        assert_int_equal(only(&w).row.place, store_pos_at(4, 4));
    }
    now += 10;
    assert_int_equal(only(&w).row.held, store_pos_at(4, 4));
    assert_true(only(&w).connected);
    assert_int_equal(only(&w).needs, store_pos_at(4, 4));
    /* Gone soon after: what it had a minute before is what counts. */
    atomic_store(&at, store_pos_at(9, 4));
    assert_int_equal(only(&w).needs, store_pos_at(9, 4));
    consumers_leave(w.consumers, x, &at);
    assert_int_equal(only(&w).needs, store_pos_at(4, 4));
    assert_int_equal(only(&w).row.held, store_pos_at(4, 4));
    assert_int_equal(only(&w).row.place, store_pos_at(9, 4));
    now += 1000;
    assert_int_equal(only(&w).row.held, store_pos_at(4, 4));
    assert_false(only(&w).connected);
    /* What it asks for next tells what it has. */
    atomic_store(&at, store_pos_at(8, 4));
    (void)consumers_come(w.consumers, &repl, &at);
    assert_int_equal(only(&w).row.held, store_pos_at(8, 4));
    done(&w);
}

static void what_was_purged_while_it_was_connected_is_not_held(void **state)
{
    (void)state;
    struct world       w;
    _Atomic(store_pos) at = store_pos_at(3, 100);
    begin(&w);
    struct consumer *x = consumers_come(w.consumers, &repl, &at);
    atomic_store(&at, store_pos_at(6, 4));
    consumers_purged(w.consumers, store_pos_at(5, 0));
    consumers_leave(w.consumers, x, &at);
    assert_int_equal(only(&w).needs, store_pos_at(5, 0));
    /* Who is away needed it: that is told. */
    consumers_purged(w.consumers, store_pos_at(7, 0));
    assert_int_equal(only(&w).needs, store_pos_at(5, 0));
    save(&w);
    close_world(&w);
    open_world(&w);
    assert_int_equal(only(&w).needs, store_pos_at(5, 0));
    done(&w);
}

static void it_is_known_after_a_restart_and_after_a_crash(void **state)
{
    (void)state;
    struct world       w;
    _Atomic(store_pos) at = store_pos_at(3, 100);
    begin(&w);
    struct consumer *x = consumers_come(w.consumers, &repl, &at);
    save(&w);
    /* A crash: nobody knows when it went away, so it was seen last now. */
    close_world(&w);
    now += 1000000;
    open_world(&w);
    assert_false(only(&w).connected);
    assert_int_equal(only(&w).row.held, store_pos_at(3, 100));
    assert_int_equal(only(&w).row.seen_s, now);

    x = consumers_come(w.consumers, &repl, &at);
    now += 10;
    consumers_leave(w.consumers, x, &at);
    save(&w);
    int64_t seen = now;
    close_world(&w);
    now += 500;
    open_world(&w);
    assert_int_equal(only(&w).row.seen_s, seen);
    assert_string_equal(only(&w).row.address, "127.0.0.1");
    done(&w);
}

static void only_what_changed_the_held_file_is_written(void **state)
{
    (void)state;
    struct world       w;
    _Atomic(store_pos) at = store_pos_at(3, 100);
    struct err         e = { 0 };
    begin(&w);
    (void)consumers_come(w.consumers, &repl, &at);
    save(&w);
    assert_int_equal(catalog_forget_consumer(w.catalog, "repl/7", &e), 0);
    for (uint64_t i = 1; i < 50; i++) {
        now += 10;
        atomic_store(&at, store_pos_at(3, 100 + i * 1000));
        save(&w);
    }
    close_world(&w);
    struct list l = { 0 };
    open_world(&w);
    assert_int_equal(consumers_each(w.consumers, put_one, &l, &e), 0);
    assert_int_equal(l.count, 0); /* nothing was written again */
    done(&w);
}

static void one_that_came_back_is_not_sent_away_by_its_old_connection(void **state)
{
    (void)state;
    struct world       w;
    _Atomic(store_pos) old = store_pos_at(3, 100), new = store_pos_at(2, 4);
    begin(&w);
    struct consumer *x = consumers_come(w.consumers, &repl, &old);
    struct consumer *y = consumers_come(w.consumers, &repl, &new);
    assert_ptr_equal(x, y);
    assert_int_equal(only(&w).row.held, store_pos_at(2, 4));
    consumers_leave(w.consumers, x, &old);
    assert_true(only(&w).connected);
    consumers_leave(w.consumers, y, &new);
    assert_false(only(&w).connected);
    done(&w);
}

static void only_who_is_away_can_be_forgotten(void **state)
{
    (void)state;
    struct world       w;
    _Atomic(store_pos) at = store_pos_at(3, 100);
    struct err         e = { 0 };
    struct list        l = { 0 };
    begin(&w);
    assert_int_equal(consumers_forget(w.consumers, "repl/7", &e), -1);
    assert_int_equal(e.kind, E_CONFIG);
    struct consumer *x = consumers_come(w.consumers, &repl, &at);
    assert_int_equal(consumers_forget(w.consumers, "repl/7", &e), -1);
    consumers_leave(w.consumers, x, &at);
    save(&w);
    assert_int_equal(consumers_forget(w.consumers, "repl/7", &e), 0);
    close_world(&w);
    open_world(&w);
    assert_int_equal(consumers_each(w.consumers, put_one, &l, &e), 0);
    assert_int_equal(l.count, 0);
    done(&w);
}

static void count_one(void *arg, const struct consumer_info *x)
{
    size_t *n = arg;
    (void)x;
    ++*n;
}

static void of_very_many_those_who_are_away_for_longest_are_forgotten(void **state)
{
    (void)state;
    struct world       w;
    _Atomic(store_pos) at = store_pos_at(3, 100);
    struct err         e = { 0 };
    size_t             n = 0;
    begin(&w);
    struct consumer_who who = repl;
    for (uint32_t i = 1; i <= CONSUMERS_MAX; i++) {
        who.server_id = i;
        now++;
        struct consumer *x = consumers_come(w.consumers, &who, &at);
        assert_non_null(x);
        consumers_leave(w.consumers, x, &at);
    }
    who.server_id = CONSUMERS_MAX + 1;
    assert_null(consumers_come(w.consumers, &who, &at));
    save(&w);
    assert_int_equal(consumers_each(w.consumers, count_one, &n, &e), 0);
    assert_int_equal(n, CONSUMERS_MANY);
    assert_int_equal(consumers_forget(w.consumers, "repl/1", &e), -1);
    assert_int_equal(consumers_forget(w.consumers, "repl/4096", &e), 0);
    assert_non_null(consumers_come(w.consumers, &who, &at));
    done(&w);
}

static void something_is_said_once_until_it_is_over(void **state)
{
    (void)state;
    struct world       w;
    _Atomic(store_pos) at = store_pos_at(3, 100);
    begin(&w);
    (void)consumers_come(w.consumers, &repl, &at);
    assert_true(consumers_louder(w.consumers, "repl/7", 1));
    assert_false(consumers_louder(w.consumers, "repl/7", 1));
    assert_true(consumers_louder(w.consumers, "repl/7", 2));
    assert_false(consumers_louder(w.consumers, "repl/7", 0));
    assert_true(consumers_louder(w.consumers, "repl/7", 1));
    assert_false(consumers_louder(w.consumers, "nobody", 1));
    done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_consumer_is_its_uuid_or_its_user_and_server_id),
        cmocka_unit_test(what_was_sent_is_held_for_a_good_minute),
        cmocka_unit_test(what_was_purged_while_it_was_connected_is_not_held),
        cmocka_unit_test(it_is_known_after_a_restart_and_after_a_crash),
        cmocka_unit_test(only_what_changed_the_held_file_is_written),
        cmocka_unit_test(one_that_came_back_is_not_sent_away_by_its_old_connection),
        cmocka_unit_test(only_who_is_away_can_be_forgotten),
        cmocka_unit_test(of_very_many_those_who_are_away_for_longest_are_forgotten),
        cmocka_unit_test(something_is_said_once_until_it_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
