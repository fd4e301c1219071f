#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "protocol/handshake.h"

static void assert_slice_text(struct slice s, const char *text)
{
    assert_int_equal(s.len, strlen(text));
    assert_memory_equal(s.ptr, text, s.len);
}

static void the_greeting_is_laid_out_as_servers_send_it(void **state)
{
    (void)state;
    struct buf      b;
    struct greeting g = { .version = "9.7.4-2",
                          .thread_id = 0x01020304,
                          .capabilities = 0xdfffffff,
                          .charset = 255,
                          .plugin = "caching_sha2_password" };
    memcpy(g.scramble, "abcdefghijklmnopqrst", SCRAMBLE_BYTES);
    buf_init(&b, 1024);
    handshake_put_greeting(&b, &g);
    static const char wanted[] = "\x0a"
                                 "9.7.4-2\0\4\3\2\1abcdefgh\0\xff\xff\xff\2\0\xff\xdf\x15"
                                 "\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0caching_sha2_password";
    assert_int_equal(b.len, sizeof wanted);
    assert_memory_equal(b.ptr, wanted, sizeof wanted);
    buf_done(&b);
}

/* Puts a response together the way a client with these capabilities does. */
static void put_response(struct buf *b, uint32_t caps, struct slice answer)
{
    buf_put_le(b, caps, 4);
    buf_put_le(b, 0x1000000, 4);
    buf_put_u8(b, 255);
    for (int i = 0; i < 23; i++)
        buf_put_u8(b, 0);
    buf_put(b, (struct slice){ (const uint8_t *)"repl", 5 });
    if ((caps & CAP_PLUGIN_AUTH_LENENC) != 0)
        buf_put_lenenc_slice(b, answer);
    else {
        buf_put_u8(b, (uint8_t)answer.len);
        buf_put(b, answer);
    }
    if ((caps & CAP_CONNECT_WITH_DB) != 0)
        buf_put(b, (struct slice){ (const uint8_t *)"shop", 5 });
    if ((caps & CAP_PLUGIN_AUTH) != 0)
        buf_put(b, (struct slice){ (const uint8_t *)"caching_sha2_password", 22 });
    if ((caps & CAP_CONNECT_ATTRS) != 0)
        buf_put_lenenc_slice(b, slice_of_text("\x05_name\x08libmysql"));
}

static const uint32_t recorded_capabilities[] = {
    0x99b8a285,             /* MySQL 9.7, 8.0 replica */
    0x81b8a205,             /* 5.7 */
    0x8038a205,             /* 5.6, MariaDB */
    0x8008a205,             /* 5.5: no attributes */
    0x0918a205,             /* go-mysql */
    0x003aa205,             /* pymysql */
    0x00288204,             /* Java binlog connector */
    0x00088204, 0x193ea207, /* Connector/J 9.1 */
    0x01bea382,             /* MariaDB Connector/J 3.5 */
    0x19bea285,             /* mysqlbinlog 9.7 */
    0x00bea284,             /* mariadb-binlog */
    0x19bea28d,             /* with a database */
};

static void the_responses_of_all_recorded_clients_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof recorded_capabilities / sizeof recorded_capabilities[0]; i++) {
        uint32_t                  caps = recorded_capabilities[i];
        struct buf                b;
        struct handshake_response r;
        struct err                e = { 0 };
        buf_init(&b, 1024);
        put_response(&b, caps, slice_of_text("0123456789abcdefghij"));
        assert_int_equal(handshake_parse_response(buf_slice(&b), CAP_OFFERED, &r, &e), 0);
        assert_false(r.is_ssl_request);
        assert_int_equal(r.capabilities, caps & CAP_OFFERED);
        assert_int_equal(r.max_packet, 0x1000000);
        assert_int_equal(r.charset, 255);
        assert_slice_text(r.user, "repl");
        assert_slice_text(r.answer, "0123456789abcdefghij");
        assert_slice_text(r.database, (caps & CAP_CONNECT_WITH_DB) != 0 ? "shop" : "");
        assert_slice_text(r.plugin, (caps & CAP_PLUGIN_AUTH) != 0 ? "caching_sha2_password" : "");
        assert_int_equal(r.attributes.len, (caps & CAP_CONNECT_ATTRS) != 0 ? 15 : 0);
        buf_done(&b);
    }
}

static void what_was_not_offered_is_not_in_force(void **state)
{
    (void)state;
    struct buf                b;
    struct handshake_response r;
    struct err                e = { 0 };
    buf_init(&b, 1024);
    put_response(&b, 0x99b8a285 & ~(uint32_t)CAP_PLUGIN_AUTH_LENENC, slice_empty());
    assert_int_equal(
        handshake_parse_response(buf_slice(&b), CAP_OFFERED & ~(uint32_t)CAP_DEPRECATE_EOF, &r, &e),
        0);
    assert_int_equal(r.capabilities & CAP_DEPRECATE_EOF, 0);
    assert_int_equal(r.capabilities & CAP_SESSION_TRACK, 0);
    assert_int_equal(r.answer.len, 0);
    buf_done(&b);
}

static void a_request_for_tls_is_told_apart(void **state)
{
    (void)state;
    struct buf                b;
    struct handshake_response r;
    struct err                e = { 0 };
    buf_init(&b, 1024);
    put_response(&b, 0x99b8aa85, slice_empty());
    struct slice head = { b.ptr, 32 };
    assert_int_equal(handshake_parse_response(head, CAP_OFFERED | CAP_SSL, &r, &e), 0);
    assert_true(r.is_ssl_request);
    /* A relay without a certificate did not offer it: then it is a cut response. */
    assert_int_equal(handshake_parse_response(head, CAP_OFFERED, &r, &e), -1);
    /* Behind TLS the whole response comes, its SSL bit still set. */
    assert_int_equal(handshake_parse_response(buf_slice(&b), CAP_OFFERED | CAP_SSL, &r, &e), 0);
    assert_false(r.is_ssl_request);
    buf_done(&b);
}

static void a_missing_last_zero_is_forgiven(void **state)
{
    (void)state;
    struct buf                b;
    struct handshake_response r;
    struct err                e = { 0 };
    buf_init(&b, 1024);
    put_response(&b, 0x00288204, slice_of_text("0123456789abcdefghij"));
    struct slice cut = { b.ptr, b.len - 1 };
    assert_int_equal(handshake_parse_response(cut, CAP_OFFERED, &r, &e), 0);
    assert_slice_text(r.plugin, "caching_sha2_password");
    buf_done(&b);
}

static void protocols_before_4_1_are_refused(void **state)
{
    (void)state;
    static const uint8_t      old[] = { 0x05, 0x00, 0, 0, 1, 'u', 0, 'x', 0 };
    struct handshake_response r;
    struct err                e = { 0 };
    assert_int_equal(
        handshake_parse_response((struct slice){ old, sizeof old }, CAP_OFFERED, &r, &e), -1);
    assert_int_equal(e.kind, E_PROTOCOL);
    assert_non_null(strstr(e.text, "4.1"));
}

static void a_response_cut_before_the_answer_is_over_is_refused(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1024);
    put_response(&b, 0x99b8a285, slice_of_text("0123456789abcdefghij"));
    size_t fixed = 32 + 5 + 21;
    for (size_t n = 0; n < fixed; n++) {
        struct handshake_response r;
        struct err                e = { 0 };
        uint8_t                   copy[64];
        memcpy(copy, b.ptr, n);
        assert_int_equal(handshake_parse_response((struct slice){ copy, n }, CAP_OFFERED, &r, &e),
                         -1);
        assert_int_equal(e.kind, E_PROTOCOL);
    }
    /* In the attributes too. */
    for (size_t n = b.len - 15; n < b.len; n++) {
        struct handshake_response r;
        struct err                e = { 0 };
        assert_int_equal(handshake_parse_response((struct slice){ b.ptr, n }, CAP_OFFERED, &r, &e),
                         -1);
    }
    buf_done(&b);
}

static void flipped_bytes_never_lead_outside_the_packet(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1024);
    put_response(&b, 0x99b8a28d, slice_of_text("0123456789abcdefghij"));
    for (size_t i = 0; i < b.len * 8; i++) {
        struct handshake_response r;
        struct err                e = { 0 };
        b.ptr[i / 8] ^= (uint8_t)(1u << (i % 8));
        if (handshake_parse_response(buf_slice(&b), CAP_OFFERED, &r, &e) == 0) {
            struct slice all[] = { r.user, r.answer, r.database, r.plugin, r.attributes };
            for (size_t k = 0; k < 5; k++)
                assert_true(all[k].len == 0 ||
                            (all[k].ptr >= b.ptr && all[k].ptr + all[k].len <= b.ptr + b.len));
        }
        b.ptr[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_greeting_is_laid_out_as_servers_send_it),
        cmocka_unit_test(the_responses_of_all_recorded_clients_parse),
        cmocka_unit_test(what_was_not_offered_is_not_in_force),
        cmocka_unit_test(a_request_for_tls_is_told_apart),
        cmocka_unit_test(a_missing_last_zero_is_forgiven),
        cmocka_unit_test(protocols_before_4_1_are_refused),
        cmocka_unit_test(a_response_cut_before_the_answer_is_over_is_refused),
        cmocka_unit_test(flipped_bytes_never_lead_outside_the_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
