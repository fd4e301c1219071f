/* Acknowledgements that wait for a sync. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "relay/upstream/acks.h"

static void the_last_safe_one_is_taken_and_covers_all_before(void **state)
{
    (void)state;
    struct acks a = { 0 };
    struct ack  got;

    for (uint64_t n = 1; n <= 10; n++)
        acks_put(&a, "b.000001", n * 100, n);
    assert_false(acks_take(&a, 0, &got));
    assert_true(acks_take(&a, 4, &got));
    assert_int_equal(got.offset, 400);
    assert_false(acks_take(&a, 4, &got));
    assert_true(acks_take(&a, 100, &got));
    assert_int_equal(got.offset, 1000);
    assert_int_equal(a.count, 0);
}

static void a_full_ring_joins_the_newest_and_acknowledges_none_early(void **state)
{
    (void)state;
    struct acks a = { 0 };
    struct ack  got;

    for (uint64_t n = 1; n <= 10 * ACKS_WAITING_MAX; n++)
        acks_put(&a, "b.000001", n, n);
    for (uint64_t safe = 0; safe <= 10 * ACKS_WAITING_MAX; safe++)
        if (acks_take(&a, safe, &got))
            assert_true(got.offset <= safe);
    assert_int_equal(got.offset, 10 * ACKS_WAITING_MAX);
}

static void the_packet_is_as_servers_read_it(void **state)
{
    (void)state;
    const struct ack  ack = { .file = "b.000007", .offset = 0x123456789a };
    static const char expected[] = "\x11\0\0\0\xef\x9a\x78\x56\x34\x12\0\0\0b.000007";
    struct buf        packet;

    buf_init(&packet, 512);
    ack_put_packet(&ack, &packet);
    assert_int_equal(packet.len, sizeof expected - 1);
    assert_memory_equal(packet.ptr, expected, packet.len);
    buf_done(&packet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_safe_one_is_taken_and_covers_all_before),
        cmocka_unit_test(a_full_ring_joins_the_newest_and_acknowledges_none_early),
        cmocka_unit_test(the_packet_is_as_servers_read_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
