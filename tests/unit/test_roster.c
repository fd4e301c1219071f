/* Who is connected, and who may end whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "relay/downstream/roster.h"

static unsigned wakes;

static void count_wake(void *arg)
{
    (void)arg;
    wakes++;
}

static void join(struct roster *r, struct roster_entry *x, const char *user, uint32_t server_id,
                 const char *uuid)
{
    struct err           e = { 0 };
    struct roster_change c = roster_no_change();
    *x = (struct roster_entry){ .wake = count_wake, .what = "is idle" };
    assert_int_equal(roster_add(r, x, &e), 0);
    c.user = user;
    c.server_id = server_id;
    c.replica_uuid = uuid;
    c.streaming = server_id != 0;
    roster_describe(r, x, &c);
}

static void more_sessions_than_allowed_are_refused(void **state)
{
    (void)state;
    struct roster      *r;
    struct err          e = { 0 };
    struct roster_entry a, b, c = { .wake = count_wake };
    assert_int_equal(roster_new(2, &r, &e), 0);
    join(r, &a, "u", 0, NULL);
    join(r, &b, "u", 0, NULL);
    assert_int_equal(roster_add(r, &c, &e), -1);
    assert_int_equal(e.kind, E_LIMIT);
    roster_remove(r, &a);
    assert_int_equal(roster_add(r, &c, &e), 0);
    assert_int_not_equal(c.id, b.id);
    roster_remove(r, &b);
    roster_remove(r, &c);
    roster_free(r);
}

static void each_listener_has_its_own_room(void **state)
{
    (void)state;
    struct roster      *r;
    struct err          e = { 0 };
    struct roster_gate  small = { .most = 1 }, wide = { .most = 5 };
    struct roster_entry a = { .gate = &small }, b = { .gate = &small }, c = { .gate = &wide };
    assert_int_equal(roster_new(6, &r, &e), 0);
    assert_int_equal(roster_add(r, &a, &e), 0);
    assert_int_equal(roster_add(r, &b, &e), -1);
    assert_int_equal(e.kind, E_LIMIT);
    assert_int_equal(roster_add(r, &c, &e), 0);
    roster_remove(r, &a);
    assert_int_equal(roster_add(r, &b, &e), 0);
    roster_remove(r, &b);
    roster_remove(r, &c);
    roster_free(r);
}

static void replicas_of_other_channels_are_others(void **state)
{
    (void)state;
    struct roster       *r;
    struct err           e = { 0 };
    struct roster_entry  a, b;
    struct roster_change other = roster_no_change();
    assert_int_equal(roster_new(10, &r, &e), 0);
    join(r, &a, "u", 7, NULL);
    join(r, &b, "u", 7, NULL);
    other.channel = 1;
    roster_describe(r, &b, &other);
    assert_int_equal(roster_supersede(r, &b), 0);
    roster_describe(r, &a, &other);
    assert_int_equal(roster_supersede(r, &b), 1);
    roster_remove(r, &a);
    roster_remove(r, &b);
    roster_free(r);
}

static void only_sessions_of_the_same_user_can_be_killed(void **state)
{
    (void)state;
    struct roster      *r;
    struct err          e = { 0 };
    struct roster_entry a, b;
    assert_int_equal(roster_new(10, &r, &e), 0);
    join(r, &a, "u", 0, NULL);
    join(r, &b, "v", 0, NULL);
    wakes = 0;
    assert_int_equal(roster_kill(r, b.id, "u", false), ROSTER_KILL_NOT_YOURS);
    assert_int_equal(roster_kill(r, 12345, "u", false), ROSTER_KILL_UNKNOWN);
    assert_int_equal(wakes, 0);
    assert_int_equal(roster_kill(r, a.id, "u", false), ROSTER_KILL_DONE);
    assert_int_equal(wakes, 1);
    assert_int_equal(atomic_load(&a.end), ROSTER_KILLED);
    assert_int_equal(atomic_load(&b.end), ROSTER_STAYS);
    roster_remove(r, &a);
    roster_remove(r, &b);
    roster_free(r);
}

static void a_replica_that_comes_back_ends_its_old_stream_and_no_other(void **state)
{
    (void)state;
    static const char   uuid_1[] = "9e12aaaa-e587-11f1-ae02-02fc00000001";
    static const char   uuid_2[] = "9e12bbbb-e587-11f1-ae02-02fc00000001";
    struct roster      *r;
    struct err          e = { 0 };
    struct roster_entry old, twin, other, idle, back, nobody;
    assert_int_equal(roster_new(10, &r, &e), 0);
    join(r, &old, "u", 7, uuid_1);
    join(r, &twin, "u", 7, uuid_2); /* the same number, yet another server */
    join(r, &other, "u", 8, uuid_1);
    join(r, &idle, "u", 0, uuid_1);
    join(r, &nobody, "u", 0, NULL);
    join(r, &back, "u", 7, uuid_1);
    assert_int_equal(roster_supersede(r, &back), 1);
    assert_int_equal(atomic_load(&old.end), ROSTER_SUPERSEDED);
    assert_int_equal(atomic_load(&twin.end), ROSTER_STAYS);
    assert_int_equal(atomic_load(&back.end), ROSTER_STAYS);
    assert_int_equal(roster_supersede(r, &nobody), 0);
    struct roster_entry *all[] = { &old, &twin, &other, &idle, &back, &nobody };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        roster_remove(r, all[i]);
    roster_free(r);
}

static void see(void *arg, const struct roster_entry *entry)
{
    struct roster_entry *last = arg;
    assert_true(entry->id > last->id); /* oldest first */
    last->id = entry->id;
    last->server_id += entry->server_id;
}

static void all_sessions_can_be_seen(void **state)
{
    (void)state;
    struct roster      *r;
    struct err          e = { 0 };
    struct roster_entry a, b, c, sum = { 0 };
    assert_int_equal(roster_new(10, &r, &e), 0);
    join(r, &a, "u", 1, NULL);
    join(r, &b, "u", 20, NULL);
    join(r, &c, "u", 300, NULL);
    assert_int_equal(roster_each(r, see, &sum, &e), 0);
    assert_int_equal(sum.server_id, 321);
    roster_remove(r, &a);
    roster_remove(r, &c);
    roster_remove(r, &b);
    roster_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_sessions_than_allowed_are_refused),
        cmocka_unit_test(each_listener_has_its_own_room),
        cmocka_unit_test(replicas_of_other_channels_are_others),
        cmocka_unit_test(only_sessions_of_the_same_user_can_be_killed),
        cmocka_unit_test(a_replica_that_comes_back_ends_its_old_stream_and_no_other),
        cmocka_unit_test(all_sessions_can_be_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
