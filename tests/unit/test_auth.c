#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include "protocol/auth.h"

static const uint8_t scramble[SCRAMBLE_BYTES] = "abcdefghijklmnopqrs";

static struct auth_key *key;

static int make_key(void **state)
{
    (void)state;
    struct err e = { 0 };
    return auth_key_new(&key, &e);
}

static int free_key(void **state)
{
    (void)state;
    auth_key_free(key);
    return 0;
}

/* ---- the client's side, written from the protocol's description ---- */

static size_t native_answer(const char *password, uint8_t *into)
{
    uint8_t first[20];
    uint8_t text[40];
    uint8_t mask[20];
    SHA1((const uint8_t *)password, strlen(password), first);
    memcpy(text, scramble, 20);
    SHA1(first, 20, text + 20);
    SHA1(text, 40, mask);
    for (int i = 0; i < 20; i++)
        into[i] = first[i] ^ mask[i];
    return 20;
}

static size_t sha2_answer(const char *password, uint8_t *into)
{
    uint8_t first[32];
    uint8_t second[32];
    uint8_t text[52];
    uint8_t mask[32];
    SHA256((const uint8_t *)password, strlen(password), first);
    SHA256(first, 32, second);
    memcpy(text, second, 32);
    memcpy(text + 32, scramble, 20);
    SHA256(text, 52, mask);
    for (int i = 0; i < 32; i++)
        into[i] = first[i] ^ mask[i];
    return 32;
}

static size_t encrypted_password(const char *password, struct slice pem, uint8_t *into)
{
    uint8_t   text[200];
    size_t    n = strlen(password) + 1;
    size_t    size = 256;
    BIO      *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *public_key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    assert_non_null(public_key);
    assert_int_equal(EVP_PKEY_get_bits(public_key), 2048);
    for (size_t i = 0; i < n; i++)
        text[i] = (uint8_t)password[i] ^ scramble[i % 20];
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(public_key, NULL);
    assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
    assert_int_equal(EVP_PKEY_encrypt(ctx, into, &size, text, n), 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(public_key);
    BIO_free(bio);
    return size;
}

/* ---- one login ---- */

struct login {
    struct auth_exchange x;
    struct buf           reply;
    enum auth_step       step;
    struct err           e;
};

static void hello(struct login *l, enum auth_method demanded, bool secure, const char *plugin,
                  struct slice answer, struct auth_verifier *v)
{
    struct handshake_response r = { .capabilities = CAP_OFFERED };
    r.user = r.database = r.attributes = slice_empty();
    r.plugin = slice_of_text(plugin);
    r.answer = answer;
    if (plugin[0] == 0)
        r.capabilities &= ~(uint32_t)CAP_PLUGIN_AUTH;
    buf_init(&l->reply, 4096);
    l->e = (struct err){ 0 };
    assert_int_equal(
        auth_begin(&l->x, demanded, secure, scramble, &r, v, &l->reply, &l->step, &l->e), 0);
}

static void feed(struct login *l, struct slice payload, struct auth_verifier *v)
{
    buf_clear(&l->reply);
    assert_int_equal(auth_continue(&l->x, payload, v, key, &l->reply, &l->step, &l->e), 0);
}

#define assert_reply(l, text)                                                                      \
    do {                                                                                           \
        assert_int_equal((l)->reply.len, sizeof(text) - 1);                                        \
        assert_memory_equal((l)->reply.ptr, (text), sizeof(text) - 1);                             \
    } while (0)

static void verifier(const char *password, struct auth_verifier *v)
{
    struct err e = { 0 };
    assert_int_equal(auth_verifier_from_password(slice_of_text(password), v, &e), 0);
}

static void the_native_method_takes_the_right_password_only(void **state)
{
    (void)state;
    struct auth_verifier v;
    struct login         l;
    uint8_t              answer[20];
    verifier("secret", &v);

    hello(&l, AUTH_NATIVE, false, "mysql_native_password",
          (struct slice){ answer, native_answer("secret", answer) }, &v);
    assert_int_equal(l.step, AUTH_SEND_AND_GRANTED);
    assert_int_equal(l.reply.len, 0);
    buf_done(&l.reply);

    static const char *const wrong[] = { "Secret", "secre", "secret1", "x" };
    for (size_t i = 0; i < 4; i++) {
        hello(&l, AUTH_NATIVE, false, "mysql_native_password",
              (struct slice){ answer, native_answer(wrong[i], answer) }, &v);
        assert_int_equal(l.step, AUTH_DENIED);
        buf_done(&l.reply);
    }
    /* Cut answers, the empty one too. */
    (void)native_answer("secret", answer);
    for (size_t n = 0; n < 20; n++) {
        hello(&l, AUTH_NATIVE, false, "mysql_native_password", (struct slice){ answer, n }, &v);
        if (n == 0) /* an empty one is asked for once more */
            feed(&l, slice_empty(), &v);
        assert_int_equal(l.step, AUTH_DENIED);
        buf_done(&l.reply);
    }
}

static void a_client_without_plugins_uses_the_native_method(void **state)
{
    (void)state;
    struct auth_verifier v;
    struct login         l;
    uint8_t              answer[20];
    verifier("secret", &v);
    struct slice s = { answer, native_answer("secret", answer) };
    hello(&l, AUTH_NATIVE, false, "", s, &v);
    assert_int_equal(l.step, AUTH_SEND_AND_GRANTED);
    buf_done(&l.reply);
    hello(&l, AUTH_CACHING_SHA2, false, "", s, &v);
    assert_int_equal(l.step, AUTH_DENIED);
    buf_done(&l.reply);
}

static void a_client_that_does_not_know_the_greetings_method_is_asked_for_its_own(void **state)
{
    (void)state;
    struct auth_verifier v;
    struct login         l;
    uint8_t              answer[20];
    verifier("secret", &v);
    hello(&l, AUTH_NATIVE, false, "mysql_native_password", slice_empty(), &v);
    assert_int_equal(l.step, AUTH_SEND);
    assert_reply(&l, "\xfemysql_native_password\0abcdefghijklmnopqrs\0\0");
    feed(&l, (struct slice){ answer, native_answer("secret", answer) }, &v);
    assert_int_equal(l.step, AUTH_SEND_AND_GRANTED);
    buf_done(&l.reply);
}

static void a_client_that_began_with_another_method_is_switched(void **state)
{
    (void)state;
    struct auth_verifier v;
    struct login         l;
    uint8_t              answer[20];
    verifier("secret", &v);
    hello(&l, AUTH_NATIVE, false, "caching_sha2_password", slice_of_text("whatever"), &v);
    assert_int_equal(l.step, AUTH_SEND);
    assert_reply(&l, "\xfemysql_native_password\0abcdefghijklmnopqrs\0\0");
    feed(&l, (struct slice){ answer, native_answer("secret", answer) }, &v);
    assert_int_equal(l.step, AUTH_SEND_AND_GRANTED);
    buf_done(&l.reply);

    hello(&l, AUTH_NATIVE, false, "client_ed25519", slice_empty(), &v);
    assert_int_equal(l.step, AUTH_SEND);
    feed(&l, (struct slice){ answer, native_answer("wrong", answer) }, &v);
    assert_int_equal(l.step, AUTH_DENIED);
    buf_done(&l.reply);
}

/* Brings the exchange to where the client has the public key. */
static void ask_for_key(struct login *l, struct auth_verifier *v, const char *password)
{
    uint8_t answer[32];
    hello(l, AUTH_CACHING_SHA2, false, "caching_sha2_password",
          (struct slice){ answer, sha2_answer(password, answer) }, v);
    assert_int_equal(l->step, AUTH_SEND);
    assert_reply(l, "\1\4");
    feed(l, slice_of_text("\2"), v);
    assert_int_equal(l->step, AUTH_SEND);
    assert_int_equal(l->reply.len, 452); /* as servers: 451 bytes of PEM */
    assert_int_equal(l->reply.ptr[0], 1);
}

static void caching_sha2_goes_by_rsa_first_and_fast_from_then_on(void **state)
{
    (void)state;
    struct auth_verifier v;
    struct login         l;
    uint8_t              answer[32];
    uint8_t              cipher[256];
    verifier("secret", &v);

    ask_for_key(&l, &v, "secret");
    size_t n =
        encrypted_password("secret", (struct slice){ l.reply.ptr + 1, l.reply.len - 1 }, cipher);
    feed(&l, (struct slice){ cipher, n }, &v);
    assert_int_equal(l.step, AUTH_SEND_AND_GRANTED);
    assert_int_equal(l.reply.len, 0);
    buf_done(&l.reply);

    hello(&l, AUTH_CACHING_SHA2, false, "caching_sha2_password",
          (struct slice){ answer, sha2_answer("secret", answer) }, &v);
    assert_int_equal(l.step, AUTH_SEND_AND_GRANTED);
    assert_reply(&l, "\1\3");
    buf_done(&l.reply);

    /* The cache does not let a wrong password through. */
    hello(&l, AUTH_CACHING_SHA2, false, "caching_sha2_password",
          (struct slice){ answer, sha2_answer("Secret", answer) }, &v);
    assert_int_equal(l.step, AUTH_SEND);
    assert_reply(&l, "\1\4");
    buf_done(&l.reply);

    /* Nor does one that kept the key have to ask for it. */
    hello(&l, AUTH_CACHING_SHA2, false, "caching_sha2_password",
          (struct slice){ answer, sha2_answer("Secret", answer) }, &v);
    feed(&l, (struct slice){ cipher, n }, &v);
    assert_int_equal(l.step, AUTH_SEND_AND_GRANTED);
    buf_done(&l.reply);
}

static void a_wrong_password_by_rsa_is_denied_and_not_cached(void **state)
{
    (void)state;
    struct auth_verifier v;
    struct login         l;
    uint8_t              cipher[256];
    verifier("secret", &v);
    ask_for_key(&l, &v, "wrong");
    size_t n =
        encrypted_password("wrong", (struct slice){ l.reply.ptr + 1, l.reply.len - 1 }, cipher);
    feed(&l, (struct slice){ cipher, n }, &v);
    assert_int_equal(l.step, AUTH_DENIED);
    assert_int_equal(v.cached, AUTH_CACHE_NONE);
    /* What comes after the end of an exchange is a fault of the protocol. */
    assert_int_equal(auth_continue(&l.x, slice_of_text("x"), &v, key, &l.reply, &l.step, &l.e), -1);
    buf_done(&l.reply);
}

static void garbage_in_place_of_the_encrypted_password_is_denied(void **state)
{
    (void)state;
    struct auth_verifier v;
    uint8_t              cipher[257];
    verifier("secret", &v);
    for (size_t n = 0; n <= sizeof cipher; n += n < 4 ? 1 : 23) {
        struct login l;
        ask_for_key(&l, &v, "secret");
        memset(cipher, 0x5a, sizeof cipher);
        feed(&l, (struct slice){ cipher, n }, &v);
        assert_int_equal(l.step, AUTH_DENIED);
        buf_done(&l.reply);
    }
    struct login l;
    ask_for_key(&l, &v, "secret");
    size_t n =
        encrypted_password("secret", (struct slice){ l.reply.ptr + 1, l.reply.len - 1 }, cipher);
    cipher[100] ^= 1;
    feed(&l, (struct slice){ cipher, n }, &v);
    assert_int_equal(l.step, AUTH_DENIED);
    buf_done(&l.reply);
    /* In clear, without TLS: never taken. */
    ask_for_key(&l, &v, "secret");
    feed(&l, (struct slice){ (const uint8_t *)"secret", 7 }, &v);
    assert_int_equal(l.step, AUTH_DENIED);
    buf_done(&l.reply);
}

static void caching_sha2_over_tls_takes_the_clear_password(void **state)
{
    (void)state;
    uint8_t answer[32];
    static const struct {
        struct slice   clear;
        enum auth_step step;
    } cases[] = {
        { { (const uint8_t *)"secret", 7 }, AUTH_SEND_AND_GRANTED },
        { { (const uint8_t *)"secret", 6 }, AUTH_DENIED }, /* its zero byte is missing */
        { { (const uint8_t *)"wrong", 6 }, AUTH_DENIED },
        { { (const uint8_t *)"", 1 }, AUTH_DENIED },
        { { (const uint8_t *)"", 0 }, AUTH_DENIED },
        { { (const uint8_t *)"\2", 1 }, AUTH_DENIED },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct auth_verifier v;
        struct login         l;
        verifier("secret", &v);
        hello(&l, AUTH_CACHING_SHA2, true, "caching_sha2_password",
              (struct slice){ answer, sha2_answer("secret", answer) }, &v);
        assert_reply(&l, "\1\4");
        feed(&l, cases[i].clear, &v);
        assert_int_equal(l.step, cases[i].step);
        assert_int_equal(v.cached == AUTH_CACHE_VALID, l.step == AUTH_SEND_AND_GRANTED);
        buf_done(&l.reply);
    }
}

static void a_switch_to_caching_sha2_goes_on_to_the_full_exchange(void **state)
{
    (void)state;
    struct auth_verifier v;
    struct login         l;
    uint8_t              answer[32];
    verifier("secret", &v);
    hello(&l, AUTH_CACHING_SHA2, true, "mysql_native_password", slice_of_text("x"), &v);
    assert_reply(&l, "\xfe"
                     "caching_sha2_password\0abcdefghijklmnopqrs\0\0");
    feed(&l, (struct slice){ answer, sha2_answer("secret", answer) }, &v);
    assert_reply(&l, "\1\4");
    feed(&l, (struct slice){ (const uint8_t *)"secret", 7 }, &v);
    assert_int_equal(l.step, AUTH_SEND_AND_GRANTED);
    buf_done(&l.reply);
}

static void a_user_without_password_logs_in_with_an_empty_answer_only(void **state)
{
    (void)state;
    struct auth_verifier v;
    uint8_t              answer[32];
    verifier("", &v);
    for (int m = 0; m < AUTH_METHODS; m++) {
        const char  *plugin = auth_method_name((enum auth_method)m);
        struct login l;
        hello(&l, (enum auth_method)m, false, plugin, slice_empty(), &v);
        assert_int_equal(l.step, AUTH_SEND_AND_GRANTED);
        assert_int_equal(l.reply.len, 0);
        buf_done(&l.reply);
        /* MySQL's library sends one zero byte. */
        hello(&l, (enum auth_method)m, false, plugin, (struct slice){ (const uint8_t *)"", 1 }, &v);
        assert_int_equal(l.step, AUTH_SEND_AND_GRANTED);
        buf_done(&l.reply);
        size_t n = m == AUTH_NATIVE ? native_answer("", answer) : sha2_answer("", answer);
        hello(&l, (enum auth_method)m, false, plugin, (struct slice){ answer, n }, &v);
        assert_int_equal(l.step, AUTH_DENIED);
        buf_done(&l.reply);
    }
}

static void an_unknown_user_goes_through_the_same_motions_and_is_denied(void **state)
{
    (void)state;
    struct login l;
    uint8_t      answer[32];
    uint8_t      cipher[256];
    hello(&l, AUTH_NATIVE, false, "mysql_native_password",
          (struct slice){ answer, native_answer("secret", answer) }, NULL);
    assert_int_equal(l.step, AUTH_DENIED);
    buf_done(&l.reply);
    hello(&l, AUTH_NATIVE, false, "mysql_native_password", slice_empty(), NULL);
    assert_int_equal(l.step, AUTH_SEND);
    feed(&l, slice_empty(), NULL);
    assert_int_equal(l.step, AUTH_DENIED);
    buf_done(&l.reply);

    ask_for_key(&l, NULL, "secret");
    size_t n =
        encrypted_password("secret", (struct slice){ l.reply.ptr + 1, l.reply.len - 1 }, cipher);
    feed(&l, (struct slice){ cipher, n }, NULL);
    assert_int_equal(l.step, AUTH_DENIED);
    buf_done(&l.reply);
}

static void every_flipped_bit_of_an_answer_is_denied(void **state)
{
    (void)state;
    struct auth_verifier v;
    uint8_t              answer[32];
    verifier("secret", &v);
    size_t n = native_answer("secret", answer);
    for (size_t i = 0; i < n * 8; i++) {
        struct login l;
        answer[i / 8] ^= (uint8_t)(1u << (i % 8));
        hello(&l, AUTH_NATIVE, false, "mysql_native_password", (struct slice){ answer, n }, &v);
        assert_int_equal(l.step, AUTH_DENIED);
        buf_done(&l.reply);
        answer[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
}

static void a_scramble_has_no_zero_and_no_dollar_and_is_never_the_same(void **state)
{
    (void)state;
    uint8_t    last[SCRAMBLE_BYTES] = { 0 };
    struct err e = { 0 };
    for (int i = 0; i < 2000; i++) {
        uint8_t s[SCRAMBLE_BYTES];
        assert_int_equal(auth_scramble(s, &e), 0);
        for (size_t k = 0; k < SCRAMBLE_BYTES; k++)
            assert_true(s[k] != 0 && s[k] != '$' && s[k] < 0x80);
        assert_memory_not_equal(s, last, SCRAMBLE_BYTES);
        memcpy(last, s, SCRAMBLE_BYTES);
    }
}

static void passwords_that_can_not_travel_are_refused(void **state)
{
    (void)state;
    struct auth_verifier v;
    struct err           e = { 0 };
    static uint8_t       long_one[2000];
    memset(long_one, 'p', sizeof long_one);
    assert_int_equal(auth_verifier_from_password((struct slice){ long_one, 256 }, &v, &e), 0);
    assert_int_equal(auth_verifier_from_password((struct slice){ long_one, 257 }, &v, &e), -1);
    assert_int_equal(e.kind, E_CONFIG);
    long_one[3] = 0;
    assert_int_equal(auth_verifier_from_password((struct slice){ long_one, 10 }, &v, &e), -1);
}

static void methods_are_known_by_name(void **state)
{
    (void)state;
    enum auth_method m = AUTH_METHODS;
    assert_int_equal(auth_method_by_name(slice_of_text("caching_sha2_password"), &m), 0);
    assert_int_equal(m, AUTH_CACHING_SHA2);
    assert_int_equal(auth_method_by_name(slice_of_text("mysql_native_password"), &m), 0);
    assert_int_equal(m, AUTH_NATIVE);
    assert_int_equal(auth_method_by_name(slice_of_text("mysql_native"), &m), -1);
    assert_int_equal(auth_method_by_name(slice_empty(), &m), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_native_method_takes_the_right_password_only),
        cmocka_unit_test(a_client_without_plugins_uses_the_native_method),
        cmocka_unit_test(a_client_that_does_not_know_the_greetings_method_is_asked_for_its_own),
        cmocka_unit_test(a_client_that_began_with_another_method_is_switched),
        cmocka_unit_test(caching_sha2_goes_by_rsa_first_and_fast_from_then_on),
        cmocka_unit_test(a_wrong_password_by_rsa_is_denied_and_not_cached),
        cmocka_unit_test(garbage_in_place_of_the_encrypted_password_is_denied),
        cmocka_unit_test(caching_sha2_over_tls_takes_the_clear_password),
        cmocka_unit_test(a_switch_to_caching_sha2_goes_on_to_the_full_exchange),
        cmocka_unit_test(a_user_without_password_logs_in_with_an_empty_answer_only),
        cmocka_unit_test(an_unknown_user_goes_through_the_same_motions_and_is_denied),
        cmocka_unit_test(every_flipped_bit_of_an_answer_is_denied),
        cmocka_unit_test(a_scramble_has_no_zero_and_no_dollar_and_is_never_the_same),
        cmocka_unit_test(passwords_that_can_not_travel_are_refused),
        cmocka_unit_test(methods_are_known_by_name),
    };
    return cmocka_run_group_tests(tests, make_key, free_key);
}
