#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "protocol/handshake.h"
#include "protocol/prepared.h"

#define HEAD "\x17\x01\0\0\x40\0\x01\0\0\0"

struct bound {
    struct prepared_execute x;
    uint16_t                types[PREPARED_VALUES_MAX];
    const struct slice     *sent[PREPARED_VALUES_MAX];
    struct buf              values;
    struct err              e;
};

static int bind(struct bound *b, uint32_t capabilities, size_t count, const char *bytes, size_t n)
{
    struct slice payload = { (const uint8_t *)bytes, n };

    buf_init(&b->values, 1024);
    return prepared_parse_execute(payload, capabilities, count, b->types, b->sent, &b->values,
                                  &b->x, &b->e);
}
#define BIND(b, capabilities, count, bytes) bind(b, capabilities, count, bytes, sizeof(bytes) - 1)

static void assert_value(struct bound *b, size_t i, const char *wanted)
{
    const struct prepared_value *v = &b->x.values[i];

    assert_false(v->is_null);
    assert_int_equal(v->bytes, strlen(wanted));
    assert_memory_equal(b->values.ptr + v->at, wanted, v->bytes);
}

static void values_of_every_type_become_text(void **state)
{
    (void)state;
    struct bound b = { 0 };

    assert_int_equal(BIND(&b, 0, 8,
                          HEAD
                          "\x80\x01\x08\0\x01\x80\x02\0\xfd\0\x05\0\x0c\0\x0b\0\x06\0"
                          "\xfb\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\x02hi\0\0\0\0\0\0\xf8\x3f"
                          "\x0b\xea\x07\x0b\x15\x0b\x1e\x00\x40\xe2\x01\0"
                          "\x08\x01\x01\0\0\0\x02\x03\x04"),
                     0);
    assert_int_equal(b.x.id, 0x40000001);
    assert_value(&b, 0, "-5");
    assert_true(b.x.values[0].is_number);
    assert_value(&b, 1, "255");
    assert_value(&b, 2, "-2");
    assert_value(&b, 3, "hi");
    assert_false(b.x.values[3].is_number);
    assert_value(&b, 4, "1.5");
    assert_value(&b, 5, "2026-11-21 11:30:00.123456");
    assert_value(&b, 6, "-26:03:04");
    assert_true(b.x.values[7].is_null);
    buf_done(&b.values);
}

static void types_are_kept_for_the_next_execution(void **state)
{
    (void)state;
    struct bound b = { 0 };

    assert_int_equal(BIND(&b, 0, 1, HEAD "\0\x01\x01\0\x07"), 0);
    assert_value(&b, 0, "7");
    buf_done(&b.values);
    assert_int_equal(BIND(&b, 0, 1, HEAD "\0\0\x08"), 0);
    assert_value(&b, 0, "8");
    buf_done(&b.values);
}

static void attributes_are_read_over(void **state)
{
    (void)state;
    struct bound b = { 0 };

    assert_int_equal(
        BIND(&b, CAP_QUERY_ATTRIBUTES, 1,
             "\x17\x01\0\0\x40\x08\x01\0\0\0\x02\0\x01\x01\0\0\xfd\0\x04name\x09\x01x"),
        0);
    assert_int_equal(b.x.count, 1);
    assert_value(&b, 0, "9");
    buf_done(&b.values);
}

static void what_was_sent_ahead_is_taken(void **state)
{
    (void)state;
    struct bound b = { 0 };
    struct slice ahead = slice_of_text("ahead");

    b.sent[0] = &ahead;
    assert_int_equal(BIND(&b, 0, 2, HEAD "\0\x01\xfc\0\x01\0\x03"), 0);
    assert_value(&b, 0, "ahead");
    assert_value(&b, 1, "3");
    buf_done(&b.values);
}

static void a_cut_execution_is_malformed(void **state)
{
    (void)state;
    static const char whole[] = HEAD "\0\x01\x08\0\xfd\0\x01\0\0\0\0\0\0\0\x02hi";

    for (size_t n = 0; n < sizeof whole - 1; n++) {
        struct bound b = { 0 };
        assert_int_equal(bind(&b, 0, 2, whole, n), -1);
        assert_int_equal(b.e.kind, E_PROTOCOL);
        buf_done(&b.values);
    }
}

#define COLUMN(name, type)                                                                         \
    "\x03"                                                                                         \
    "def\0\0\0\x01" name "\0\x0c\x3f\0\x15\0\0\0" type "\x81\0\0\0\0"
#define PACKET(bytes, number, payload) bytes "\0\0" number payload

static void assert_becomes(const char *text, size_t text_bytes, const char *wanted, size_t n)
{
    struct buf out;
    struct err e = { 0 };

    buf_init(&out, 4096);
    assert_int_equal(
        prepared_put_binary((struct slice){ (const uint8_t *)text, text_bytes }, 0, &out, &e), 0);
    assert_int_equal(out.len, n);
    assert_memory_equal(out.ptr, wanted, n);
    buf_done(&out);
}
#define BECOMES(text, wanted) assert_becomes(text, sizeof(text) - 1, wanted, sizeof(wanted) - 1)

#define DEFINITIONS                                                                                \
    PACKET("\x01", "\x01", "\x04")                                                                 \
    PACKET("\x17", "\x02", COLUMN("n", "\x08"))                                                    \
    PACKET("\x17", "\x03", COLUMN("d", "\x0c"))                                                    \
    PACKET("\x17", "\x04", COLUMN("r", "\x05"))                                                    \
    PACKET("\x17", "\x05", COLUMN("t", "\xfd"))                                                    \
    PACKET("\x05", "\x06", "\xfe\0\0\x02\0")
#define END PACKET("\x05", "\x09", "\xfe\0\0\x02\0")

static void rows_become_binary(void **state)
{
    (void)state;
    BECOMES(DEFINITIONS PACKET("\x1e", "\x07",
                               "\x02-7\x13"
                               "2026-11-21 11:30:00\x03"
                               "1.5\x02hi") PACKET("\x0f", "\x08",
                                                   "\x01"
                                                   "8\x0a"
                                                   "2026-11-21\xfb\xfb") END,
            DEFINITIONS PACKET("\x1d", "\x07",
                               "\0\0\xf9\xff\xff\xff\xff\xff\xff\xff"
                               "\x07\xea\x07\x0b\x15\x0b\x1e\0"
                               "\0\0\0\0\0\0\xf8\x3f\x02hi")
                PACKET("\x0f", "\x08", "\0\x30\x08\0\0\0\0\0\0\0\x04\xea\x07\x0b\x15") END);
}

static void what_is_no_result_is_refused(void **state)
{
    (void)state;
    static const char whole[] = DEFINITIONS PACKET("\x06", "\x07", "\x01x\xfb\xfb\xfb\xfb") END;
    struct buf                              out;
    struct err                              e = { 0 };

    buf_init(&out, 4096);
    for (size_t n = 0; n < sizeof whole; n++) {
        struct slice text = { (const uint8_t *)whole, n < sizeof whole - 1 ? n : n - 1 };
        buf_clear(&out);
        assert_int_equal(prepared_put_binary(text, 0, &out, &e), -1);
        assert_int_equal(e.kind, E_PROTOCOL);
    }
    buf_done(&out);
}

static void errors_and_ok_stay(void **state)
{
    (void)state;
    BECOMES(PACKET("\x07", "\x01", "\0\0\0\x02\0\0\0"), PACKET("\x07", "\x01", "\0\0\0\x02\0\0\0"));
    BECOMES(PACKET("\x09", "\x01", "\xff\x15\x04#28000"),
            PACKET("\x09", "\x01", "\xff\x15\x04#28000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_type_become_text),
        cmocka_unit_test(types_are_kept_for_the_next_execution),
        cmocka_unit_test(attributes_are_read_over),
        cmocka_unit_test(what_was_sent_ahead_is_taken),
        cmocka_unit_test(a_cut_execution_is_malformed),
        cmocka_unit_test(rows_become_binary),
        cmocka_unit_test(what_is_no_result_is_refused),
        cmocka_unit_test(errors_and_ok_stay),
    };
    return cmocka_run_group_tests_name("prepared", tests, NULL, NULL);
}
