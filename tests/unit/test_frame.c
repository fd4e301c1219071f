/* Framing of a dump's events: packets as a client takes them apart, whatever the sizes of pieces
   and room are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "relay/downstream/frame.h"

enum { OUT_BYTES = 36 * 1024 * 1024 };

static const struct frame_lead plain = { { 0 }, 1 };

static uint8_t *event_of(size_t bytes)
{
    uint8_t *p = malloc(bytes);
    assert_non_null(p);
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)(i * 31 + (i >> 12));
    return p;
}

/* Frames an event in pieces of `piece` bytes into windows of `window` bytes; the length of all. */
static size_t frame_all(const uint8_t *event, size_t bytes, size_t piece, size_t window,
                        uint8_t *out, uint8_t *sequence)
{
    struct frame f = { 0 };
    struct slice at_hand = slice_empty();
    size_t       given = 0, put = 0;
    frame_begin(&f, (uint32_t)bytes, plain);
    while (frame_busy(&f)) {
        struct frame_room room = { .at = out + put, .left = window };
        for (;;) {
            if (!frame_put(&f, &at_hand, &room, sequence) || given == bytes)
                break;
            size_t n = bytes - given < piece ? bytes - given : piece;
            at_hand = (struct slice){ event + given, n };
            given += n;
        }
        put += window - room.left;
        assert_true(put + window <= OUT_BYTES);
    }
    assert_int_equal(at_hand.len, 0);
    assert_int_equal(given, bytes);
    return put;
}

/* What a client does: joins packets until one is not full. Gives the payload's length. */
static size_t take_apart(const uint8_t *in, size_t len, uint8_t first_sequence, uint8_t *payload,
                         size_t *packets)
{
    size_t at = 0, total = 0;
    *packets = 0;
    for (;;) {
        assert_true(len - at >= PACKET_HEADER_BYTES);
        size_t n = packet_payload_bytes(in + at);
        assert_int_equal(in[at + 3], (uint8_t)(first_sequence + *packets));
        assert_true(n <= len - at - PACKET_HEADER_BYTES);
        memcpy(payload + total, in + at + PACKET_HEADER_BYTES, n);
        at += PACKET_HEADER_BYTES + n;
        total += n;
        (*packets)++;
        if (n < PACKET_PAYLOAD_MAX)
            break;
    }
    assert_int_equal(at, len);
    return total;
}

static void check(size_t bytes, size_t piece, size_t window, size_t packets)
{
    uint8_t *event = event_of(bytes), *out = malloc(OUT_BYTES), *back = malloc(OUT_BYTES);
    uint8_t  sequence = 254;
    size_t   got = 0;
    assert_non_null(out);
    assert_non_null(back);
    size_t len = frame_all(event, bytes, piece, window, out, &sequence);
    assert_int_equal(take_apart(out, len, 254, back, &got), bytes + 1);
    assert_int_equal(got, packets);
    assert_int_equal(sequence, (uint8_t)(254 + packets));
    assert_int_equal(back[0], 0);
    assert_memory_equal(back + 1, event, bytes);
    free(event);
    free(out);
    free(back);
}

static void a_small_event_is_one_packet(void **state)
{
    (void)state;
    for (size_t bytes = 19; bytes < 60; bytes++)
        for (size_t window = PACKET_HEADER_BYTES; window < 70; window += 7)
            check(bytes, 11, window, 1);
}

static void an_event_of_16_mib_is_split_where_servers_split_it(void **state)
{
    (void)state;
    enum { FULL = PACKET_PAYLOAD_MAX };
    check(FULL - 2, 256 * 1024, 256 * 1024, 1);
    check(FULL - 1, 256 * 1024, 256 * 1024, 2); /* with its 0x00 full: an empty packet follows */
    check(FULL, 256 * 1024, 256 * 1024, 2);
    check(FULL + 1, 100003, 65536, 2);
    check(2 * FULL - 2, 256 * 1024, 256 * 1024, 2);
    check(2 * FULL - 1, 256 * 1024, 256 * 1024, 3);
}

static void the_empty_packet_waits_for_room(void **state)
{
    (void)state;
    size_t            bytes = PACKET_PAYLOAD_MAX - 1;
    uint8_t          *event = event_of(bytes), *out = malloc(OUT_BYTES);
    uint8_t           sequence = 1;
    struct frame      f = { 0 };
    struct slice      all = { event, bytes };
    struct frame_room room = { .at = out, .left = bytes + 1 + PACKET_HEADER_BYTES + 3 };
    assert_non_null(out);
    frame_begin(&f, (uint32_t)bytes, plain);
    assert_false(frame_put(&f, &all, &room, &sequence));
    assert_int_equal(all.len, 0);
    assert_true(frame_busy(&f));
    room = (struct frame_room){ .at = out, .left = PACKET_HEADER_BYTES };
    assert_true(frame_put(&f, &all, &room, &sequence));
    assert_false(frame_busy(&f));
    static const uint8_t empty[PACKET_HEADER_BYTES] = { 0, 0, 0, 2 };
    assert_memory_equal(out, empty, sizeof empty);
    free(event);
    free(out);
}

static void the_short_way_frames_the_same(void **state)
{
    (void)state;
    uint8_t          *event = event_of(150);
    uint8_t           a[160], b[160], sequence_a = 255, sequence_b = 255;
    struct frame_room room = { .at = b, .left = sizeof b };
    size_t            len = frame_all(event, 150, 150, sizeof a, a, &sequence_a);
    frame_put_small((struct slice){ event, 150 }, plain, &room, &sequence_b);
    assert_int_equal(sizeof b - room.left, len);
    assert_memory_equal(a, b, len);
    assert_int_equal(sequence_a, 0);
    assert_int_equal(sequence_b, 0);
    free(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_event_is_one_packet),
        cmocka_unit_test(an_event_of_16_mib_is_split_where_servers_split_it),
        cmocka_unit_test(the_empty_packet_waits_for_room),
        cmocka_unit_test(the_short_way_frames_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
