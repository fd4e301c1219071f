#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "protocol/handshake.h"
#include "protocol/reply.h"

struct fixture {
    struct buf   buf;
    uint8_t      sequence;
    struct reply reply;
};

static void begin(struct fixture *f, uint32_t capabilities)
{
    buf_init(&f->buf, 1 << 16);
    f->sequence = 1;
    f->reply = (struct reply){ .out = &f->buf,
                               .sequence = &f->sequence,
                               .capabilities = capabilities,
                               .status = STATUS_AUTOCOMMIT };
}

#define assert_bytes(f, text)                                                                      \
    do {                                                                                           \
        assert_int_equal((f)->buf.len, sizeof(text) - 1);                                          \
        assert_memory_equal((f)->buf.ptr, (text), sizeof(text) - 1);                               \
        buf_done(&(f)->buf);                                                                       \
    } while (0)

static void ok_eof_and_errors_are_as_servers_send_them(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, CAP_DEPRECATE_EOF);
    reply_ok(&f.reply);
    assert_bytes(&f, "\7\0\0\1\0\0\0\2\0\0\0");
    begin(&f, CAP_DEPRECATE_EOF);
    reply_eof(&f.reply);
    assert_bytes(&f, "\5\0\0\1\xfe\0\0\2\0");
    begin(&f, 0);
    reply_error(&f.reply, 1236, "HY000", "no file '%s'", "b.1");
    assert_bytes(&f, "\x16\0\0\1\xff\xd4\4#HY000no file 'b.1'");
}

static void a_long_error_text_is_cut(void **state)
{
    (void)state;
    struct fixture f;
    char           text[2000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    begin(&f, 0);
    reply_error(&f.reply, 1105, "HY000", "%s", text);
    assert_int_equal(f.buf.len, 4 + 9 + REPLY_ERROR_BYTES);
    buf_done(&f.buf);
}

static void put_result(struct fixture *f)
{
    const struct reply_column columns[] = {
        { .name = "@x", .type = REPLY_BLOB_TEXT, .length = 1024, .charset = 33 },
        { .name = "N",
          .type = REPLY_LONGLONG,
          .length = 21,
          .charset = REPLY_CHARSET_BINARY,
          .flags = REPLY_BINARY },
    };
    reply_columns(&f->reply, columns, 2);
    struct packet row = reply_row(&f->reply);
    reply_text(&row, slice_of_text("CRC32"));
    reply_number(&row, 18446744073709551615ull);
    reply_row_end(&f->reply, &row);
    row = reply_row(&f->reply);
    reply_null(&row);
    reply_number(&row, 0);
    reply_row_end(&f->reply, &row);
    reply_rows_end(&f->reply);
}

#define COLUMNS                                                                                    \
    "\1\0\0\1\2"                                                                                   \
    "\x18\0\0\2\3def\0\0\0\2@x\0\x0c\x21\0\0\4\0\0\xfb\0\0\0\0\0"                                  \
    "\x17\0\0\3\3def\0\0\0\1N\0\x0c\x3f\0\x15\0\0\0\x08\x80\0\0\0\0"
#define ROW_1                                                                                      \
    "\5CRC32\x14"                                                                                  \
    "18446744073709551615"
#define ROW_2                                                                                      \
    "\xfb\1"                                                                                       \
    "0"

static void a_result_set_without_eof_packets_ends_with_an_ok(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, CAP_DEPRECATE_EOF);
    put_result(&f);
    assert_int_equal(f.sequence, 7);
    assert_bytes(&f, COLUMNS "\x1b\0\0\4" ROW_1 "\3\0\0\5" ROW_2 "\7\0\0\6\xfe\0\0\2\0\0\0");
}

static void a_result_set_for_older_clients_has_eof_packets(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 0);
    put_result(&f);
    assert_int_equal(f.sequence, 8);
    assert_bytes(&f, COLUMNS "\5\0\0\4\xfe\0\0\2\0\x1b\0\0\5" ROW_1 "\3\0\0\6" ROW_2
                             "\5\0\0\7\xfe\0\0\2\0");
}

static void an_answer_past_the_bound_is_whole_packets_and_a_failed_buffer(void **state)
{
    (void)state;
    for (size_t bound = 0; bound < 100; bound++) {
        struct fixture f;
        struct err     e = { 0 };
        begin(&f, CAP_DEPRECATE_EOF);
        f.buf.bound = bound;
        put_result(&f);
        assert_int_equal(buf_check(&f.buf, "answer", &e), -1);
        size_t at = 0;
        while (at < f.buf.len)
            at += PACKET_HEADER_BYTES + packet_payload_bytes(f.buf.ptr + at);
        assert_int_equal(at, f.buf.len);
        buf_done(&f.buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ok_eof_and_errors_are_as_servers_send_them),
        cmocka_unit_test(a_long_error_text_is_cut),
        cmocka_unit_test(a_result_set_without_eof_packets_ends_with_an_ok),
        cmocka_unit_test(a_result_set_for_older_clients_has_eof_packets),
        cmocka_unit_test(an_answer_past_the_bound_is_whole_packets_and_a_failed_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
