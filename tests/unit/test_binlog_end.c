#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "protocol/handshake.h"
#include "protocol/packet.h"
#include "protocol/reply.h"
#include "relay/forward/binlog_end.h"

/* An answer of two text columns, as servers write it. */
static void put_answer(struct buf *out, uint32_t capabilities, const char *const (*rows)[2],
                       size_t count)
{
    static const struct reply_column columns[] = {
        { .name = "a", .type = REPLY_VAR_STRING, .length = 10 },
        { .name = "b", .type = REPLY_VAR_STRING, .length = 10 },
    };
    uint8_t      sequence = 1;
    struct reply r = { .out = out, .sequence = &sequence, .capabilities = capabilities };

    buf_clear(out);
    reply_columns(&r, columns, 2);
    for (size_t i = 0; i < count; i++) {
        struct packet row = reply_row(&r);
        reply_text(&row, slice_of_text(rows[i][0]));
        reply_text(&row, slice_of_text(rows[i][1]));
        reply_row_end(&r, &row);
    }
    reply_rows_end(&r);
}

static const uint32_t dialects[] = { CAP_PROTOCOL_41, CAP_PROTOCOL_41 | CAP_DEPRECATE_EOF };

static void the_end_is_read_and_every_cut_is_refused(void **state)
{
    (void)state;
    static const char *const row[][2] = { { "binlog.000003", "4294967300" } };
    struct buf               out;

    buf_init(&out, SIZE_MAX);
    for (size_t i = 0; i < 2; i++) {
        struct binlog_end end;
        struct err        e = { 0 };
        put_answer(&out, dialects[i], row, 1);
        assert_int_equal(binlog_end_parse(buf_slice(&out), dialects[i], &end, &e), 0);
        assert_string_equal(end.file, "binlog.000003");
        assert_int_equal(end.offset, 4294967300);
        for (size_t n = 0; n + 20 < out.len; n++)
            assert_int_equal(binlog_end_parse((struct slice){ out.ptr, n }, dialects[i], &end, &e),
                             -1);
        put_answer(&out, dialects[i], row, 0); /* log_bin is off */
        assert_int_equal(binlog_end_parse(buf_slice(&out), dialects[i], &end, &e), -1);
        assert_int_equal(e.kind, E_PROTOCOL);
    }
    buf_done(&out);
}

static void a_snapshots_place_is_read_and_shown_under_another_name(void **state)
{
    (void)state;
    static const char *const rows[][2] = { { "Binlog_snapshot_file", "b.000009" },
                                           { "Binlog_snapshot_position", "77" } };
    struct buf               out, shown;

    buf_init(&out, SIZE_MAX);
    buf_init(&shown, SIZE_MAX);
    for (size_t i = 0; i < 2; i++) {
        struct binlog_end end;
        struct err        e = { 0 };
        bool              found = false;
        uint8_t           sequence = 1;
        put_answer(&out, dialects[i], rows, 2);
        assert_int_equal(binlog_end_parse_snapshot(buf_slice(&out), dialects[i], &end, &found, &e),
                         0);
        assert_true(found);
        assert_string_equal(end.file, "b.000009");
        assert_int_equal(end.offset, 77);
        buf_clear(&shown);
        binlog_end_put_snapshot(buf_slice(&out), dialects[i], "relay.000123", &shown, &sequence);
        assert_int_equal(
            binlog_end_parse_snapshot(buf_slice(&shown), dialects[i], &end, &found, &e), 0);
        assert_string_equal(end.file, "relay.000123");
        assert_int_equal(end.offset, 77);
        put_answer(&out, dialects[i], rows, 1);
        assert_int_equal(binlog_end_parse_snapshot(buf_slice(&out), dialects[i], &end, &found, &e),
                         0);
        assert_false(found);
    }
    buf_done(&out);
    buf_done(&shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_is_read_and_every_cut_is_refused),
        cmocka_unit_test(a_snapshots_place_is_read_and_shown_under_another_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
