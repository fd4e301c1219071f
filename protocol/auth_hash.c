#include "protocol/auth_hash.h"
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SHA2_HEAD_BYTES = 7, /* "$A$005$" */
    SHA2_TEXT_BYTES = SHA2_HEAD_BYTES + AUTH_SALT_BYTES + AUTH_CRYPT_BYTES,
    NATIVE_TEXT_BYTES = 1 + 2 * SHA1_BYTES,
};

static const char crypt_letters[] =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static int trouble(struct err *e)
{
    char text[160];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    ERR_clear_error();
    return err_set(e, E_NOMEM, "hash of a password: %s", text);
}

int auth_password_check(struct slice password, struct err *e)
{
    if (password.len > PASSWORD_MAX)
        return err_set(e, E_CONFIG, "a password may have at most %d bytes", PASSWORD_MAX);
    if (password.len > 0 && memchr(password.ptr, 0, password.len) != NULL)
        return err_set(e, E_CONFIG, "a password can't contain a zero byte");
    return 0;
}

/* ---- SHA-crypt ----------------------------------------------------------------------------- */

/* One digest after the other in the same context. Failure is sticky. */
struct mill {
    EVP_MD     *md;
    EVP_MD_CTX *ctx;
    bool        failed;
};

static void mill_open(struct mill *m)
{
    m->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    m->ctx = EVP_MD_CTX_new();
    m->failed = m->md == NULL || m->ctx == NULL || EVP_DigestInit_ex2(m->ctx, m->md, NULL) != 1;
}

static void mill_close(struct mill *m)
{
    EVP_MD_CTX_free(m->ctx);
    EVP_MD_free(m->md);
}

static void mill_add(struct mill *m, const void *bytes, size_t n)
{
    m->failed = m->failed || EVP_DigestUpdate(m->ctx, bytes, n) != 1;
}

/* Gives the digest and begins the next one. */
static void mill_take(struct mill *m, uint8_t into[SHA256_BYTES])
{
    m->failed = m->failed || EVP_DigestFinal_ex(m->ctx, into, NULL) != 1 ||
                EVP_DigestInit_ex2(m->ctx, NULL, NULL) != 1;
}

/* The digest over and over until n bytes are full. */
static void repeat(const uint8_t digest[SHA256_BYTES], uint8_t *into, size_t n)
{
    for (size_t done = 0; done < n; done += SHA256_BYTES)
        memcpy(into + done, digest, n - done < SHA256_BYTES ? n - done : SHA256_BYTES);
}

struct crypt {
    struct mill  mill;
    struct slice password, salt;
    uint8_t      p[PASSWORD_MAX], s[AUTH_SALT_BYTES]; /* stretched to the lengths of both */
    uint8_t      a[SHA256_BYTES];
};

/* The scheme's steps 4 to 12. */
static void crypt_begin(struct crypt *c)
{
    struct mill *m = &c->mill;
    uint8_t      b[SHA256_BYTES] = { 0 };
    size_t       n = c->password.len;

    mill_add(m, c->password.ptr, n);
    mill_add(m, c->salt.ptr, c->salt.len);
    mill_add(m, c->password.ptr, n);
    mill_take(m, b);

    mill_add(m, c->password.ptr, n);
    mill_add(m, c->salt.ptr, c->salt.len);
    for (size_t left = n; left > 0; left -= left < SHA256_BYTES ? left : SHA256_BYTES)
        mill_add(m, b, left < SHA256_BYTES ? left : SHA256_BYTES);
    for (size_t bits = n; bits > 0; bits >>= 1) {
        if ((bits & 1) != 0)
            mill_add(m, b, SHA256_BYTES);
        else
            mill_add(m, c->password.ptr, n);
    }
    mill_take(m, c->a);
    OPENSSL_cleanse(b, sizeof b);
}

/* Steps 13 to 20. */
static void crypt_stretch(struct crypt *c)
{
    struct mill *m = &c->mill;
    uint8_t      d[SHA256_BYTES] = { 0 };

    for (size_t i = 0; i < c->password.len; i++)
        mill_add(m, c->password.ptr, c->password.len);
    mill_take(m, d);
    repeat(d, c->p, c->password.len);
    for (size_t i = 0; i < 16u + c->a[0]; i++)
        mill_add(m, c->salt.ptr, c->salt.len);
    mill_take(m, d);
    repeat(d, c->s, c->salt.len);
    OPENSSL_cleanse(d, sizeof d);
}

/* Step 21. */
static void crypt_rounds(struct crypt *c, uint32_t rounds)
{
    struct mill *m = &c->mill;

    for (uint32_t i = 0; i < rounds; i++) {
        bool odd = (i & 1) != 0;
        mill_add(m, odd ? c->p : c->a, odd ? c->password.len : SHA256_BYTES);
        if (i % 3 != 0)
            mill_add(m, c->s, c->salt.len);
        if (i % 7 != 0)
            mill_add(m, c->p, c->password.len);
        mill_add(m, odd ? c->a : c->p, odd ? SHA256_BYTES : c->password.len);
        mill_take(m, c->a);
    }
}

/* Step 22: the digest's bytes in an order of their own, six bits a letter, low ones first. */
static void crypt_letters_of(const uint8_t a[SHA256_BYTES], char into[AUTH_CRYPT_BYTES])
{
    /* Groups 0 10 20, 21 1 11, 12 22 2, 3 13 23 ...: one of each ten, turned with each group. */
    static const unsigned tens[3] = { 0, 10, 20 };
    size_t                at = 0;

    for (unsigned i = 0; i < 10; i++) {
        uint32_t group = 0;
        for (unsigned k = 0; k < 3; k++)
            group = group << 8 | a[i + tens[(k + 3 - i % 3) % 3]];
        for (unsigned k = 0; k < 4; k++, group >>= 6)
            into[at++] = crypt_letters[group & 63];
    }
    uint32_t last = (uint32_t)a[31] << 8 | a[30];
    for (unsigned k = 0; k < 3; k++, last >>= 6)
        into[at++] = crypt_letters[last & 63];
    assert(at == AUTH_CRYPT_BYTES);
}

static int sha_crypt(struct slice password, struct slice salt, uint32_t rounds,
                     char into[AUTH_CRYPT_BYTES], struct err *e)
{
    struct crypt c = { .password = password, .salt = salt };

    assert(password.len <= PASSWORD_MAX && salt.len <= AUTH_SALT_BYTES);
    mill_open(&c.mill);
    if (!c.mill.failed) {
        crypt_begin(&c);
        crypt_stretch(&c);
        crypt_rounds(&c, rounds);
        crypt_letters_of(c.a, into);
    }
    bool failed = c.mill.failed;
    mill_close(&c.mill);
    OPENSSL_cleanse(&c, sizeof c);
    return failed ? trouble(e) : 0;
}

int auth_hashes_check_sha2(const struct auth_hashes *h, struct slice password, bool *fits,
                           struct err *e)
{
    char is[AUTH_CRYPT_BYTES] = { 0 };

    TRY(sha_crypt(password, (struct slice){ h->salt, AUTH_SALT_BYTES },
                  h->has_sha2 ? h->rounds : AUTH_ROUNDS, is, e));
    *fits = CRYPTO_memcmp(is, h->sha2, sizeof is) == 0 && h->has_sha2;
    return 0;
}

/* ---- making -------------------------------------------------------------------------------- */

static int make_native(struct slice password, uint8_t into[SHA1_BYTES], struct err *e)
{
    uint8_t once[SHA1_BYTES];
    bool    fine = EVP_Digest(password.ptr, password.len, once, NULL, EVP_sha1(), NULL) == 1 &&
                EVP_Digest(once, sizeof once, into, NULL, EVP_sha1(), NULL) == 1;

    OPENSSL_cleanse(once, sizeof once);
    return fine ? 0 : trouble(e);
}

int auth_hashes_make(struct slice password, bool native, bool sha2, struct auth_hashes *out,
                     struct err *e)
{
    struct auth_hashes h = { .has_native = native, .has_sha2 = sha2, .rounds = AUTH_ROUNDS };

    TRY(auth_password_check(password, e));
    if (password.len == 0)
        return err_set(e, E_CONFIG, "the password is empty");
    if (native)
        TRY(make_native(password, h.native, e));
    if (sha2) {
        if (RAND_bytes(h.salt, sizeof h.salt) != 1)
            return trouble(e);
        for (size_t i = 0; i < sizeof h.salt; i++)
            h.salt[i] = (uint8_t)crypt_letters[h.salt[i] & 63];
        TRY(sha_crypt(password, (struct slice){ h.salt, sizeof h.salt }, h.rounds, h.sha2, e));
    }
    *out = h;
    return 0;
}

/* ---- texts --------------------------------------------------------------------------------- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* All of it, or false. */
static bool from_hex(struct slice text, uint8_t *into, size_t bytes)
{
    if (text.len != 2 * bytes)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        int high = hex_digit(text.ptr[2 * i]), low = hex_digit(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        into[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool take_native(struct auth_hashes *h, struct slice text)
{
    uint8_t native[SHA1_BYTES];

    if (text.len != NATIVE_TEXT_BYTES || text.ptr[0] != '*' ||
        !from_hex((struct slice){ text.ptr + 1, text.len - 1 }, native, SHA1_BYTES))
        return false;
    memcpy(h->native, native, SHA1_BYTES);
    h->has_native = true;
    return true;
}

static bool take_sha2(struct auth_hashes *h, struct slice text)
{
    const uint32_t least = AUTH_ROUNDS / AUTH_ROUNDS_UNIT,
                   most = AUTH_ROUNDS_MAX / AUTH_ROUNDS_UNIT;
    uint32_t thousands = 0;

    if (text.len != SHA2_TEXT_BYTES || memcmp(text.ptr, "$A$", 3) != 0 || text.ptr[6] != '$')
        return false;
    for (size_t i = 3; i < 6; i++) {
        int digit = hex_digit(text.ptr[i]);
        if (digit < 0)
            return false;
        thousands = thousands << 4 | (uint32_t)digit;
    }
    const uint8_t *salt = text.ptr + SHA2_HEAD_BYTES, *crypt = salt + AUTH_SALT_BYTES;
    for (size_t i = 0; i < AUTH_SALT_BYTES; i++)
        if (salt[i] == 0 || salt[i] >= 0x80)
            return false;
    for (size_t i = 0; i < AUTH_CRYPT_BYTES; i++)
        if (crypt[i] == 0 || strchr(crypt_letters, crypt[i]) == NULL)
            return false;
    if (thousands < least || thousands > most)
        return false;
    h->rounds = thousands * AUTH_ROUNDS_UNIT;
    memcpy(h->salt, salt, AUTH_SALT_BYTES);
    memcpy(h->sha2, crypt, AUTH_CRYPT_BYTES);
    h->has_sha2 = true;
    return true;
}

int auth_hashes_take(struct auth_hashes *h, struct slice text, struct err *e)
{
    uint8_t      bytes[SHA2_TEXT_BYTES];
    struct slice hex = text;

    if (take_native(h, text) || take_sha2(h, text))
        return 0;
    if (hex.len > 2 && memcmp(hex.ptr, "0x", 2) == 0)
        hex = (struct slice){ hex.ptr + 2, hex.len - 2 };
    size_t n = hex.len / 2;
    if ((n == NATIVE_TEXT_BYTES || n == SHA2_TEXT_BYTES) && from_hex(hex, bytes, n)) {
        struct slice plain = { bytes, n };
        if (take_native(h, plain) || take_sha2(h, plain))
            return 0;
    }
    return err_set(e, E_CONFIG,
                   "not a server's authentication_string: expected '*' and 40 hexadecimal digits, "
                   "or the %d bytes of caching_sha2_password, $A$005$... with %d to %d rounds, as "
                   "they are or as 0x and hexadecimal digits",
                   SHA2_TEXT_BYTES, AUTH_ROUNDS, AUTH_ROUNDS_MAX);
}

void auth_hashes_put_native(const struct auth_hashes *h, struct buf *out)
{
    assert(h->has_native);
    buf_put_u8(out, '*');
    for (size_t i = 0; i < SHA1_BYTES; i++)
        buf_printf(out, "%02X", h->native[i]);
}

void auth_hashes_put_sha2(const struct auth_hashes *h, struct buf *out)
{
    assert(h->has_sha2);
    buf_printf(out, "$A$%03X$", h->rounds / AUTH_ROUNDS_UNIT);
    buf_put(out, (struct slice){ h->salt, AUTH_SALT_BYTES });
    buf_put(out, (struct slice){ (const uint8_t *)h->sha2, AUTH_CRYPT_BYTES });
}

bool auth_hashes_equal(const struct auth_hashes *a, const struct auth_hashes *b)
{
    bool native = a->has_native == b->has_native &&
                  (!a->has_native || memcmp(a->native, b->native, SHA1_BYTES) == 0);
    bool sha2 = a->has_sha2 == b->has_sha2 &&
                (!a->has_sha2 ||
                 (a->rounds == b->rounds && memcmp(a->salt, b->salt, AUTH_SALT_BYTES) == 0 &&
                  memcmp(a->sha2, b->sha2, AUTH_CRYPT_BYTES) == 0));
    return native && sha2;
}
