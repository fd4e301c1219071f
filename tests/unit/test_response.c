#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "protocol/handshake.h"
#include "relay/forward/response.h"

enum { TEXT_41 = CAP_PROTOCOL_41, SHORT_41 = CAP_PROTOCOL_41 | CAP_DEPRECATE_EOF };

#define OK(status)           "\x07\0\0\0\0\0\0" status "\0\0\0"
#define EOF_(status)         "\x05\0\0\0\xfe\0\0" status "\0"
#define END(status)          "\x07\0\0\0\xfe\0\0" status "\0\0\0"
#define COUNT(n)             "\x01\0\0\0" n
#define COLUMN               "\x03\0\0\0def"
#define ROW                  "\x02\0\0\0\x01x"
#define ERROR                "\x09\0\0\0\xff\x15\x04#28000"
#define PREPARED(cols, pars) "\x0c\0\0\0\0\x01\0\0\0" cols "\0" pars "\0\0\0\0"

/* Fed `step` bytes at a time, it ends with the last byte; gives what came out. */
static struct response pass_all(enum response_kind kind, uint32_t capabilities, uint16_t add,
                                struct slice whole, size_t step, struct buf *out)
{
    struct response r;
    struct err      e = { 0 };
    uint8_t         sequence = 1;
    struct slice    in = { whole.ptr, 0 };

    response_begin(&r, kind, capabilities, 0, add);
    buf_clear(out);
    for (size_t given = 0; given < whole.len;) {
        assert_false(r.over);
        size_t more = step < whole.len - given ? step : whole.len - given;
        in.len += more;
        given += more;
        assert_int_equal(response_pass(&r, &in, out, SIZE_MAX, &sequence, &e), 0);
    }
    assert_true(r.over);
    assert_int_equal(in.len, 0);
    return r;
}

static void assert_passes(enum response_kind kind, uint32_t capabilities, const char *bytes,
                          size_t n)
{
    struct buf   out;
    struct slice whole = { (const uint8_t *)bytes, n };

    buf_init(&out, SIZE_MAX);
    for (size_t step = 1; step <= n; step++) {
        (void)pass_all(kind, capabilities, 0, whole, step, &out);
        assert_int_equal(out.len, n);
        uint8_t sequence = 1;
        for (size_t at = 0; at < n;) { /* the same but for the numbers */
            uint32_t bytes_of = packet_payload_bytes(out.ptr + at);
            assert_int_equal(out.ptr[at + 3], sequence++);
            assert_memory_equal(out.ptr + at, whole.ptr + at, 3);
            assert_memory_equal(out.ptr + at + 4, whole.ptr + at + 4, bytes_of);
            at += PACKET_HEADER_BYTES + bytes_of;
        }
    }
    buf_done(&out);
}
#define ASSERT_PASSES(kind, caps, bytes) assert_passes(kind, caps, bytes, sizeof(bytes) - 1)

static void every_response_ends_where_the_server_ends_it(void **state)
{
    (void)state;
    ASSERT_PASSES(RESPONSE_ONE, TEXT_41, OK("\x02"));
    ASSERT_PASSES(RESPONSE_ONE, TEXT_41, EOF_("\x02"));
    ASSERT_PASSES(RESPONSE_RESULTS, TEXT_41, ERROR);
    ASSERT_PASSES(RESPONSE_RESULTS, TEXT_41, OK("\x0a") OK("\x0a") ERROR);
    ASSERT_PASSES(RESPONSE_RESULTS, TEXT_41,
                  COUNT("\x02") COLUMN COLUMN EOF_("\x02") ROW ROW EOF_("\x02"));
    ASSERT_PASSES(RESPONSE_RESULTS, SHORT_41, COUNT("\x02") COLUMN COLUMN ROW ROW END("\x02"));
    ASSERT_PASSES(RESPONSE_RESULTS, SHORT_41, COUNT("\x01") COLUMN ROW ERROR);
    ASSERT_PASSES(RESPONSE_RESULTS, TEXT_41,
                  COUNT("\x01") COLUMN EOF_("\x0a") ROW EOF_("\x0a") OK("\x02"));
    /* a cursor: no rows follow */
    ASSERT_PASSES(RESPONSE_RESULTS, TEXT_41, COUNT("\x01") COLUMN EOF_("\x42"));
    ASSERT_PASSES(RESPONSE_RESULTS, SHORT_41, COUNT("\x01") COLUMN END("\x42"));
    ASSERT_PASSES(RESPONSE_ROWS, TEXT_41, ROW ROW EOF_("\x02"));
    ASSERT_PASSES(RESPONSE_ROWS, SHORT_41, END("\x02"));
    ASSERT_PASSES(RESPONSE_PREPARE, TEXT_41, PREPARED("\0", "\0"));
    ASSERT_PASSES(RESPONSE_PREPARE, TEXT_41, PREPARED("\x01", "\0") COLUMN EOF_("\x02"));
    ASSERT_PASSES(RESPONSE_PREPARE, TEXT_41,
                  PREPARED("\x01", "\x02") COLUMN COLUMN EOF_("\x02") COLUMN EOF_("\x02"));
    ASSERT_PASSES(RESPONSE_PREPARE, SHORT_41, PREPARED("\x01", "\x02") COLUMN COLUMN COLUMN);
    ASSERT_PASSES(RESPONSE_PREPARE, SHORT_41, ERROR);
}

static void flags_are_told_added_and_hidden(void **state)
{
    (void)state;
    static const char two[] = COUNT("\x01") COLUMN EOF_("\x03") ROW EOF_("\x03");
    struct buf                                                      out;

    buf_init(&out, SIZE_MAX);
    struct response r = pass_all(RESPONSE_RESULTS, TEXT_41, STATUS_MORE_RESULTS,
                                 (struct slice){ (const uint8_t *)two, sizeof two - 1 }, 7, &out);
    assert_true(r.answered && !r.failed);
    assert_int_equal(r.status, 0x03);
    assert_int_equal(out.ptr[out.len - 2], 0x0b);
    static const char refused[] = ERROR;
    r = pass_all(RESPONSE_RESULTS, TEXT_41, 0,
                 (struct slice){ (const uint8_t *)refused, sizeof refused - 1 }, 100, &out);
    assert_true(r.failed);
    assert_int_equal(r.error, 0x415);
    buf_done(&out);
}

/* A row of 0xfffffe + 0xffffff... bytes: the packets of one payload are not looked into. */
static void a_payload_of_several_packets_passes(void **state)
{
    (void)state;
    struct buf whole, out;
    uint8_t    ignored = 0;

    buf_init(&whole, SIZE_MAX);
    buf_init(&out, SIZE_MAX);
    buf_put(&whole, (struct slice){ (const uint8_t *)COUNT("\x01") COLUMN, 12 });
    struct packet row = packet_begin(&whole);
    uint8_t      *bytes = buf_extend(&whole, 2 * (size_t)PACKET_PAYLOAD_MAX);
    memset(bytes, 0xff, 2 * (size_t)PACKET_PAYLOAD_MAX);
    bytes[0] = 0xfe;
    packet_end(&row, &ignored);
    buf_put(&whole, (struct slice){ (const uint8_t *)END("\x02"), 11 });
    (void)pass_all(RESPONSE_RESULTS, SHORT_41, 0, buf_slice(&whole), 65536, &out);
    assert_int_equal(out.len, whole.len);
    buf_done(&whole);
    buf_done(&out);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t      n;
    } cases[] = {
        { "\x01\0\0\0\xfb", 5 },                                  /* LOCAL INFILE */
        { "\x01\0\0\0\0", 5 },                                    /* OK without status */
        { "\0\0\0\0", 4 },                                        /* nothing */
        { "\x09\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff\xff", 13 }, /* columns */
        { "\xff\xff\0\0\0\0\0\0", 8 },                            /* a status packet of 64 KiB */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct response r;
        struct err      e = { 0 };
        struct buf      out;
        uint8_t         sequence = 1;
        struct slice    in = { (const uint8_t *)cases[i].bytes, cases[i].n };
        buf_init(&out, SIZE_MAX);
        response_begin(&r, RESPONSE_RESULTS, TEXT_41, 0, 0);
        assert_int_equal(response_pass(&r, &in, &out, SIZE_MAX, &sequence, &e), -1);
        assert_int_equal(e.kind, E_PROTOCOL);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_response_ends_where_the_server_ends_it),
        cmocka_unit_test(flags_are_told_added_and_hidden),
        cmocka_unit_test(a_payload_of_several_packets_passes),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
