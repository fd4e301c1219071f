#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "protocol/packet.h"

static void a_payload_is_framed_and_the_sequence_counts_on(void **state)
{
    (void)state;
    struct buf b;
    uint8_t    sequence = 254;
    buf_init(&b, 1024);
    for (int i = 0; i < 3; i++) {
        struct packet p = packet_begin(&b);
        buf_put_text(&b, "abc");
        packet_end(&p, &sequence);
    }
    assert_int_equal(b.len, 21);
    assert_memory_equal(b.ptr,
                        "\3\0\0\xfe"
                        "abc\3\0\0\xff"
                        "abc\3\0\0\0abc",
                        21);
    assert_int_equal(sequence, 1);
    assert_int_equal(packet_payload_bytes(b.ptr), 3);
    buf_done(&b);
}

static void an_empty_payload_is_a_packet(void **state)
{
    (void)state;
    struct buf b;
    uint8_t    sequence = 7;
    buf_init(&b, 1024);
    struct packet p = packet_begin(&b);
    packet_end(&p, &sequence);
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.ptr, "\0\0\0\7", 4);
    buf_done(&b);
}

/* Frames `bytes` bytes of a known pattern, takes the packets apart again and compares. */
static void there_and_back(size_t bytes, size_t packets)
{
    struct buf b;
    uint8_t    sequence = 3;
    buf_init(&b, bytes + 64);
    buf_put_text(&b, "before");
    struct packet p = packet_begin(&b);
    uint8_t      *into = buf_extend(&b, bytes);
    assert_non_null(into);
    for (size_t i = 0; i < bytes; i++)
        into[i] = (uint8_t)(i * 7 + i / 255);
    packet_end(&p, &sequence);
    assert_int_equal(b.failed, BUF_FINE);
    assert_int_equal(sequence, 3 + packets);

    size_t at = 6;
    size_t seen = 0;
    for (size_t i = 0; i < packets; i++) {
        uint32_t n = packet_payload_bytes(b.ptr + at);
        assert_int_equal(b.ptr[at + 3], 3 + i);
        assert_int_equal(n == PACKET_PAYLOAD_MAX, i + 1 < packets);
        at += PACKET_HEADER_BYTES;
        size_t wrong = 0;
        for (size_t k = 0; k < n; k++, seen++)
            wrong += b.ptr[at + k] != (uint8_t)(seen * 7 + seen / 255);
        assert_int_equal(wrong, 0);
        at += n;
    }
    assert_int_equal(seen, bytes);
    assert_int_equal(at, b.len);
    buf_done(&b);
}

static void a_payload_past_the_limit_goes_in_several_packets(void **state)
{
    (void)state;
    there_and_back(PACKET_PAYLOAD_MAX - 1, 1);
    there_and_back(PACKET_PAYLOAD_MAX, 2); /* the second one is empty */
    there_and_back(PACKET_PAYLOAD_MAX + 1, 2);
    there_and_back(2 * (size_t)PACKET_PAYLOAD_MAX + 5, 3);
    there_and_back(3 * (size_t)PACKET_PAYLOAD_MAX, 4);
}

static void half_a_packet_is_never_left_in_a_full_buffer(void **state)
{
    (void)state;
    struct buf b;
    uint8_t    sequence = 0;
    buf_init(&b, 20);
    struct packet p = packet_begin(&b);
    buf_put_text(&b, "whole");
    packet_end(&p, &sequence);
    p = packet_begin(&b);
    buf_put_text(&b, "fits");
    buf_put_text(&b, "does not fit");
    packet_end(&p, &sequence);
    assert_int_equal(b.failed, BUF_OVER_BOUND);
    assert_int_equal(b.len, 9);
    assert_int_equal(sequence, 1);
    /* Nor where not even the header had room. */
    b.failed = BUF_FINE;
    buf_put_text(&b, "123456789");
    p = packet_begin(&b);
    packet_end(&p, &sequence);
    assert_int_equal(b.len, 18);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payload_is_framed_and_the_sequence_counts_on),
        cmocka_unit_test(an_empty_payload_is_a_packet),
        cmocka_unit_test(a_payload_past_the_limit_goes_in_several_packets),
        cmocka_unit_test(half_a_packet_is_never_left_in_a_full_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
