#include "protocol/auth.h"
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdlib.h>

enum {
    RSA_BITS = 2048,
    RSA_CIPHER_BYTES = RSA_BITS / 8,

    HEAD_SWITCH = 0xfe,
    HEAD_MORE = 0x01,
    MORE_FAST_GRANTED = 0x03,
    MORE_FULL_NEEDED = 0x04,
    ASK_PUBLIC_KEY = 0x02,
};

/* What auth_continue() waits for. */
enum phase { AWAIT_SWITCHED_ANSWER, AWAIT_FULL, AWAIT_ENCRYPTED, FINISHED };

struct auth_key {
    EVP_PKEY *pair;
    char     *pem; /* of the public half */
    size_t    pem_bytes;
};

/* clang-format off */
static const char *const method_names[AUTH_METHODS] = {
    [AUTH_NATIVE]       = "mysql_native_password",
    [AUTH_CACHING_SHA2] = "caching_sha2_password",
};
/* clang-format on */

const char *auth_method_name(enum auth_method m)
{
    assert(m < AUTH_METHODS);
    return method_names[m];
}

int auth_method_by_name(struct slice name, enum auth_method *out)
{
    for (int m = 0; m < AUTH_METHODS; m++) {
        if (slice_equal(name, slice_of_text(method_names[m]))) {
            *out = (enum auth_method)m;
            return 0;
        }
    }
    return -1;
}

/* ---- hashes ---- */

static int openssl_trouble(struct err *e, const char *what)
{
    char text[160];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    ERR_clear_error();
    return err_set(e, E_NOMEM, "%s: %s", what, text);
}

/* The digest of two pieces one behind the other. */
static int digest(const EVP_MD *md, struct slice a, struct slice b, uint8_t *into, struct err *e)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool        fine = ctx != NULL && EVP_DigestInit_ex(ctx, md, NULL) == 1 &&
                EVP_DigestUpdate(ctx, a.ptr, a.len) == 1 &&
                EVP_DigestUpdate(ctx, b.ptr, b.len) == 1 &&
                EVP_DigestFinal_ex(ctx, into, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return fine ? 0 : openssl_trouble(e, "digest of a password");
}

static int digest_twice(const EVP_MD *md, struct slice bytes, uint8_t *into, size_t size,
                        struct err *e)
{
    uint8_t once[EVP_MAX_MD_SIZE];

    int rc = digest(md, bytes, slice_empty(), once, e);
    if (rc == 0)
        rc = digest(md, (struct slice){ once, size }, slice_empty(), into, e);
    OPENSSL_cleanse(once, sizeof once);
    return rc;
}

int auth_verifier_from_password(struct slice password, struct auth_verifier *out, struct err *e)
{
    struct auth_verifier v = { .empty_password = password.len == 0, .in_clear = true };

    TRY(auth_password_check(password, e));
    if (password.len > 0)
        TRY(auth_hashes_make(password, true, false, &v.hashes, e));
    TRY(digest_twice(EVP_sha256(), password, v.cache, SHA256_BYTES, e));
    *out = v;
    return 0;
}

void auth_verifier_from_hashes(const struct auth_hashes *h, struct auth_verifier *out)
{
    *out = (struct auth_verifier){ .hashes = *h };
}

bool auth_verifier_knows(const struct auth_verifier *v, enum auth_method m)
{
    bool has = m == AUTH_NATIVE ? v->hashes.has_native : v->hashes.has_sha2;
    return v->in_clear || has;
}

bool auth_verifier_equal(const struct auth_verifier *a, const struct auth_verifier *b)
{
    if (a->in_clear != b->in_clear)
        return false;
    return a->in_clear ? CRYPTO_memcmp(a->cache, b->cache, sizeof a->cache) == 0
                       : auth_hashes_equal(&a->hashes, &b->hashes);
}

void auth_verifier_inherit(struct auth_verifier *v, const struct auth_verifier *before)
{
    if (!auth_verifier_equal(v, before) ||
        atomic_load_explicit(&before->cached, memory_order_acquire) != AUTH_CACHE_VALID)
        return;
    memcpy(v->cache, before->cache, sizeof v->cache);
    atomic_store_explicit(&v->cached, AUTH_CACHE_VALID, memory_order_release);
}

int auth_scramble(uint8_t into[SCRAMBLE_BYTES], struct err *e)
{
    for (size_t filled = 0; filled < SCRAMBLE_BYTES;) {
        uint8_t drawn[2 * SCRAMBLE_BYTES];
        if (RAND_bytes(drawn, sizeof drawn) != 1)
            return openssl_trouble(e, "random scramble");
        /* Seven bits, as servers do: some clients take the scramble for text. */
        for (size_t i = 0; i < sizeof drawn && filled < SCRAMBLE_BYTES; i++) {
            uint8_t byte = drawn[i] & 0x7f;
            if (byte != 0 && byte != '$')
                into[filled++] = byte;
        }
    }
    return 0;
}

/* ---- the RSA key ---- */

static char *public_pem(EVP_PKEY *pair, size_t *bytes)
{
    BIO  *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    char *pem = NULL;

    if (bio != NULL && PEM_write_bio_PUBKEY(bio, pair) == 1) {
        long n = BIO_get_mem_data(bio, &text);
        if (n > 0 && (pem = malloc((size_t)n)) != NULL) {
            memcpy(pem, text, (size_t)n);
            *bytes = (size_t)n;
        }
    }
    BIO_free(bio);
    return pem;
}

/* Takes the pair over. */
static int key_of_pair(EVP_PKEY *pair, struct auth_key **out, struct err *e)
{
    struct auth_key *k = pair != NULL ? calloc(1, sizeof *k) : NULL;

    if (k == NULL) {
        EVP_PKEY_free(pair);
        return openssl_trouble(e, "making the RSA key for passwords");
    }
    k->pair = pair;
    k->pem = public_pem(k->pair, &k->pem_bytes);
    if (k->pem == NULL) {
        auth_key_free(k);
        return openssl_trouble(e, "making the RSA key for passwords");
    }
    *out = k;
    return 0;
}

int auth_key_new(struct auth_key **out, struct err *e)
{
    return key_of_pair(EVP_RSA_gen(RSA_BITS), out, e);
}

/* In place of asking at a terminal for the password of an encrypted key. */
static int no_passphrase(char *into, int size, int writing, void *arg)
{
    (void)into;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

int auth_key_from_pem(struct slice pem, struct auth_key **out, struct err *e)
{
    BIO      *bio = pem.len <= INT32_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    EVP_PKEY *pair = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    if (pair == NULL || EVP_PKEY_is_a(pair, "RSA") != 1 || EVP_PKEY_get_bits(pair) != RSA_BITS) {
        EVP_PKEY_free(pair);
        return err_set(e, E_CONFIG, "not an RSA key of %d bits in PEM form", RSA_BITS);
    }
    return key_of_pair(pair, out, e);
}

int auth_key_put_pem(const struct auth_key *k, struct buf *out, struct err *e)
{
    BIO  *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    bool  fine =
        bio != NULL && PEM_write_bio_PrivateKey(bio, k->pair, NULL, NULL, 0, NULL, NULL) == 1;
    long n = fine ? BIO_get_mem_data(bio, &text) : 0;

    if (n > 0)
        buf_put(out, (struct slice){ (const uint8_t *)text, (size_t)n });
    BIO_free(bio);
    return n > 0 ? buf_check(out, "the RSA key", e) : openssl_trouble(e, "writing the RSA key");
}

void auth_key_free(struct auth_key *k)
{
    if (k == NULL)
        return;
    EVP_PKEY_free(k->pair);
    free(k->pem);
    free(k);
}

/* False for anything that was not encrypted with our key: the client's fault, not trouble. */
static bool decrypt(const struct auth_key *k, struct slice cipher, uint8_t plain[RSA_CIPHER_BYTES],
                    size_t *plain_bytes)
{
    if (k == NULL || cipher.len != RSA_CIPHER_BYTES)
        return false;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->pair, NULL);
    *plain_bytes = RSA_CIPHER_BYTES;
    /* OAEP's default digest is SHA-1, which the protocol demands. */
    bool fine = ctx != NULL && EVP_PKEY_decrypt_init(ctx) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
                EVP_PKEY_decrypt(ctx, plain, plain_bytes, cipher.ptr, cipher.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return fine;
}

/* ---- checks: 0 with *fits, or -1 for trouble ---- */

/*
 * Both methods hide the password's first hash in the answer:
 *     answer = HASH(password) XOR HASH(scramble and HASH(HASH(password)), in the method's order)
 * so that knowing HASH(HASH(password)) is enough to check it and not enough to log in.
 */
static int check_scrambled(const EVP_MD *md, size_t size, struct slice answer,
                           struct slice mask_first, struct slice mask_second, const uint8_t *wanted,
                           bool *fits, struct err *e)
{
    uint8_t hidden[EVP_MAX_MD_SIZE];
    uint8_t is[EVP_MAX_MD_SIZE];

    *fits = false;
    if (answer.len != size)
        return 0;
    int rc = digest(md, mask_first, mask_second, hidden, e);
    for (size_t i = 0; rc == 0 && i < size; i++)
        hidden[i] ^= answer.ptr[i];
    if (rc == 0)
        rc = digest(md, (struct slice){ hidden, size }, slice_empty(), is, e);
    if (rc == 0)
        *fits = CRYPTO_memcmp(is, wanted, size) == 0;
    OPENSSL_cleanse(hidden, sizeof hidden);
    return rc;
}

static bool is_empty_answer(struct slice answer)
{
    return answer.len == 0 || (answer.len == 1 && answer.ptr[0] == 0);
}

static int check_native(const struct auth_exchange *x, const struct auth_verifier *v,
                        struct slice answer, bool *fits, struct err *e)
{
    const uint8_t *wanted = v->hashes.native;
    TRY(check_scrambled(EVP_sha1(), SHA1_BYTES, answer,
                        (struct slice){ x->scramble, SCRAMBLE_BYTES },
                        (struct slice){ wanted, SHA1_BYTES }, wanted, fits, e));
    *fits = *fits && v->hashes.has_native;
    return 0;
}

static int check_fast(const struct auth_exchange *x, struct auth_verifier *v, struct slice answer,
                      bool *fits, struct err *e)
{
    *fits = false;
    if (atomic_load_explicit(&v->cached, memory_order_acquire) != AUTH_CACHE_VALID)
        return 0;
    return check_scrambled(EVP_sha256(), SHA256_BYTES, answer,
                           (struct slice){ v->cache, SHA256_BYTES },
                           (struct slice){ x->scramble, SCRAMBLE_BYTES }, v->cache, fits, e);
}

/* One of several sessions that fit at once writes; the others find it done or being done. */
static int fill_cache(struct auth_verifier *v, struct slice password, struct err *e)
{
    int     none = AUTH_CACHE_NONE;
    uint8_t hash[SHA256_BYTES];

    if (atomic_load_explicit(&v->cached, memory_order_relaxed) != AUTH_CACHE_NONE)
        return 0;
    TRY(digest_twice(EVP_sha256(), password, hash, SHA256_BYTES, e));
    if (atomic_compare_exchange_strong(&v->cached, &none, AUTH_CACHE_FILLING)) {
        if (!v->in_clear) /* there it is the same, and others may be reading it */
            memcpy(v->cache, hash, sizeof v->cache);
        atomic_store_explicit(&v->cached, AUTH_CACHE_VALID, memory_order_release);
    }
    OPENSSL_cleanse(hash, sizeof hash);
    return 0;
}

/* Against the password that the configuration holds as it is. */
static int check_in_clear(const struct auth_verifier *v, struct slice password, bool *fits,
                          struct err *e)
{
    uint8_t is[SHA256_BYTES];

    TRY(digest_twice(EVP_sha256(), password, is, SHA256_BYTES, e));
    *fits = CRYPTO_memcmp(is, v->cache, sizeof is) == 0;
    OPENSSL_cleanse(is, sizeof is);
    return 0;
}

/* `clear` is the password with the zero byte that ends it. */
static int check_full(struct auth_verifier *v, struct slice clear, bool *fits, struct err *e)
{
    bool fine = false;

    *fits = false;
    if (clear.len < 2 || clear.len > PASSWORD_MAX + 1 || clear.ptr[clear.len - 1] != 0)
        return 0;
    struct slice password = { clear.ptr, clear.len - 1 };
    /* Takes its time whoever asks, so that nobody learns which users there are. */
    TRY(auth_hashes_check_sha2(&v->hashes, password, &fine, e));
    if (v->in_clear)
        TRY(check_in_clear(v, password, &fine, e));
    *fits = fine && !v->empty_password;
    return *fits ? fill_cache(v, password, e) : 0;
}

static int check_encrypted(const struct auth_exchange *x, struct auth_verifier *v,
                           const struct auth_key *key, struct slice cipher, bool *fits,
                           struct err *e)
{
    uint8_t plain[RSA_CIPHER_BYTES];
    size_t  n = 0;
    int     rc = 0;

    *fits = false;
    if (decrypt(key, cipher, plain, &n)) {
        for (size_t i = 0; i < n; i++)
            plain[i] ^= x->scramble[i % SCRAMBLE_BYTES];
        rc = check_full(v, (struct slice){ plain, n }, fits, e);
    }
    OPENSSL_cleanse(plain, sizeof plain);
    return rc;
}

/* ---- the exchange ---- */

/* Stands in for unknown users: takes the same time, and no answer hashes to zeros. */
static struct auth_verifier nobody;

static void finish(struct auth_exchange *x, bool granted, enum auth_step *step)
{
    x->phase = FINISHED;
    *step = granted ? AUTH_SEND_AND_GRANTED : AUTH_DENIED;
}

static void put_more(struct buf *reply, uint8_t what)
{
    buf_put_u8(reply, HEAD_MORE);
    buf_put_u8(reply, what);
}

/* The first answer by the demanded method, from the handshake response or after a switch. */
static int judge_answer(struct auth_exchange *x, struct slice answer, struct auth_verifier *known,
                        struct buf *reply, enum auth_step *step, struct err *e)
{
    struct auth_verifier *v = known != NULL ? known : &nobody;
    bool                  fits = false;

    if (is_empty_answer(answer) || v->empty_password) {
        finish(x, is_empty_answer(answer) && v->empty_password, step);
        return 0;
    }
    if (x->method == AUTH_NATIVE) {
        TRY(check_native(x, v, answer, &fits, e));
        finish(x, fits && known != NULL, step);
        return 0;
    }
    if (answer.len != SHA256_BYTES) {
        finish(x, false, step);
        return 0;
    }
    TRY(check_fast(x, v, answer, &fits, e));
    if (fits && known != NULL) {
        put_more(reply, MORE_FAST_GRANTED);
        finish(x, true, step);
        return 0;
    }
    put_more(reply, MORE_FULL_NEEDED);
    x->phase = AWAIT_FULL;
    *step = AUTH_SEND;
    return 0;
}

static void put_switch(const struct auth_exchange *x, struct buf *reply)
{
    buf_put_u8(reply, HEAD_SWITCH);
    buf_put_text(reply, auth_method_name(x->method));
    buf_put_u8(reply, 0);
    buf_put(reply, (struct slice){ x->scramble, SCRAMBLE_BYTES });
    buf_put_u8(reply, 0);
}

int auth_begin(struct auth_exchange *x, enum auth_method method, bool secure,
               const uint8_t scramble[SCRAMBLE_BYTES], const struct handshake_response *hello,
               struct auth_verifier *v, struct buf *reply, enum auth_step *step, struct err *e)
{
    assert(method < AUTH_METHODS);
    *x = (struct auth_exchange){ .method = method, .secure = secure, .phase = FINISHED };
    memcpy(x->scramble, scramble, SCRAMBLE_BYTES);

    /* Clients without plugins know the native method alone, and can't be switched. */
    bool             has_plugins = (hello->capabilities & CAP_PLUGIN_AUTH) != 0;
    enum auth_method theirs = AUTH_NATIVE;
    bool             known = !has_plugins || auth_method_by_name(hello->plugin, &theirs) == 0;
    if (known && theirs == method) {
        TRY(judge_answer(x, hello->answer, v, reply, step, e));
        /* A client that does not know the greeting's method sends nothing under the name of its
           own, and waits to be asked for that. */
        if (*step != AUTH_DENIED || !has_plugins || hello->answer.len > 0)
            return 0;
    } else if (!has_plugins) {
        finish(x, false, step);
        return 0;
    }
    put_switch(x, reply);
    x->phase = AWAIT_SWITCHED_ANSWER;
    *step = AUTH_SEND;
    return 0;
}

static void put_public_key(const struct auth_key *key, struct buf *reply)
{
    buf_put_u8(reply, HEAD_MORE);
    buf_put(reply, (struct slice){ (const uint8_t *)key->pem, key->pem_bytes });
}

static int judge_full(struct auth_exchange *x, struct slice payload, struct auth_verifier *known,
                      const struct auth_key *key, struct buf *reply, enum auth_step *step,
                      struct err *e)
{
    struct auth_verifier *v = known != NULL ? known : &nobody;
    bool                  asks_key = payload.len == 1 && payload.ptr[0] == ASK_PUBLIC_KEY;
    bool                  fits = false;

    if (!x->secure && x->phase == AWAIT_FULL && asks_key && key != NULL) {
        put_public_key(key, reply);
        x->phase = AWAIT_ENCRYPTED;
        *step = AUTH_SEND;
        return 0;
    }
    if (x->secure)
        TRY(check_full(v, payload, &fits, e));
    else /* one that kept the key from an earlier login need not ask */
        TRY(check_encrypted(x, v, key, payload, &fits, e));
    finish(x, fits && known != NULL, step);
    return 0;
}

int auth_continue(struct auth_exchange *x, struct slice payload, struct auth_verifier *v,
                  const struct auth_key *key, struct buf *reply, enum auth_step *step,
                  struct err *e)
{
    switch ((enum phase)x->phase) {
    case AWAIT_SWITCHED_ANSWER:
        return judge_answer(x, payload, v, reply, step, e);
    case AWAIT_FULL:
    case AWAIT_ENCRYPTED:
        return judge_full(x, payload, v, key, reply, step, e);
    case FINISHED:
        break;
    }
    return err_set(e, E_PROTOCOL, "an answer to a login that is already decided");
}

/* ---- the server's proof ---- */

bool auth_prove(const struct auth_verifier *v, const uint8_t scramble[SCRAMBLE_BYTES],
                const uint8_t certificate[SHA256_BYTES], char into[AUTH_PROOF_BYTES])
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t           all[SHA1_BYTES + SCRAMBLE_BYTES + SHA256_BYTES], hash[SHA256_BYTES];
    size_t            at = 0;

    if (!v->hashes.has_native)
        return false;
    memcpy(all, v->hashes.native, SHA1_BYTES);
    memcpy(all + SHA1_BYTES, scramble, SCRAMBLE_BYTES);
    memcpy(all + SHA1_BYTES + SCRAMBLE_BYTES, certificate, SHA256_BYTES);
    if (EVP_Digest(all, sizeof all, hash, NULL, EVP_sha256(), NULL) != 1) {
        ERR_clear_error();
        return false;
    }
    into[at++] = 1;
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        into[at++] = digits[hash[i] >> 4];
        into[at++] = digits[hash[i] & 15];
    }
    into[at] = '\0';
    return true;
}
