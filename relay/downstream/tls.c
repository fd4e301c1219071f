#include "relay/downstream/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct tls_config {
    pthread_mutex_t mutex; /* the pointer: connections hold what it points to themselves */
    SSL_CTX        *ctx;   /* NULL: TLS is not offered */
    bool            own;   /* the certificate is of the relay's own making */
};

/* Records of 16 KiB that leave in one call. Below malloc()'s limit for memory that is mapped anew
   each time. */
enum { RECORD_BYTES = 16 * 1024, GATHER_BYTES = 7 * RECORD_BYTES, GATHER_ROOM = 120 * 1024 };

struct tls {
    SSL   *ssl;
    size_t gathered; /* of what the last tls_write() was given; 0: nothing waits */
    bool   established;
    bool   failed; /* after a fatal error nothing more may be sent */
};

/* The oldest entry of OpenSSL's queue, which is the cause; empties the queue. */
static int openssl_error(struct err *e, enum err_kind kind, const char *what)
{
    unsigned long code = ERR_get_error();
    const char   *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return err_set(e, kind, "%s: %s", what, reason != NULL ? reason : "TLS failed");
}

/* ---- what connections begin with ----------------------------------------------------------- */

static int file_trouble(struct err *e, const char *what, const char *key, const char *path)
{
    (void)openssl_error(e, E_CONFIG, what);
    return err_note(e, "%s '%s'", key, path);
}

static int use_certificate(SSL_CTX *ctx, const struct tls_files *f, struct err *e)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, f->cert) != 1)
        return file_trouble(e, "certificate", "tls_cert", f->cert);
    if (SSL_CTX_use_PrivateKey_file(ctx, f->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1)
        return file_trouble(e, "private key", "tls_key", f->key);
    return 0;
}

/* A client may do without a certificate, but may not show a wrong one. */
static int use_authorities(SSL_CTX *ctx, const struct tls_files *f, struct err *e)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(f->ca);

    if (names == NULL || SSL_CTX_load_verify_locations(ctx, f->ca, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return file_trouble(e, "certificate", "tls_ca", f->ca);
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, NULL);
    return 0;
}

static int make_ctx(const struct tls_files *f, SSL_CTX **out, struct err *e)
{
    /* All are good: the quickest first, for streams are long. */
    static const char ciphers[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                  "TLS_CHACHA20_POLY1305_SHA256";
    SSL_CTX          *ctx = SSL_CTX_new(TLS_server_method());

    ERR_clear_error();
    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(ctx, ciphers) != 1) {
        SSL_CTX_free(ctx);
        return openssl_error(e, E_CONFIG, "set up TLS");
    }
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (use_certificate(ctx, f, e) != 0 || (*f->ca != '\0' && use_authorities(ctx, f, e) != 0)) {
        SSL_CTX_free(ctx);
        return -1;
    }
    *out = ctx;
    return 0;
}

/* What tells one set of files from another: digests of both certificates. */
static void identify(SSL_CTX *ctx, uint8_t id[2 * EVP_MAX_MD_SIZE])
{
    memset(id, 0, (size_t)2 * EVP_MAX_MD_SIZE);
    if (ctx == NULL)
        return;
    (void)X509_digest(SSL_CTX_get0_certificate(ctx), EVP_sha256(), id, NULL);
    STACK_OF(X509_OBJECT) *trusted = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));
    for (int i = 0; i < sk_X509_OBJECT_num(trusted); i++) {
        uint8_t one[EVP_MAX_MD_SIZE] = { 0 };
        X509   *x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(trusted, i));
        if (x != NULL)
            (void)X509_digest(x, EVP_sha256(), one, NULL);
        for (size_t k = 0; k < sizeof one; k++)
            id[EVP_MAX_MD_SIZE + k] ^= one[k];
    }
}

int tls_config_reload(struct tls_config *c, const struct tls_files *files, bool *changed,
                      struct err *e)
{
    uint8_t  before[2 * EVP_MAX_MD_SIZE], after[2 * EVP_MAX_MD_SIZE];
    SSL_CTX *ctx = NULL;

    if (*files->cert != '\0')
        TRY(make_ctx(files, &ctx, e));
    (void)pthread_mutex_lock(&c->mutex);
    SSL_CTX *old = c->ctx;
    c->ctx = ctx;
    c->own = files->own;
    (void)pthread_mutex_unlock(&c->mutex);
    identify(old, before);
    identify(ctx, after);
    *changed = memcmp(before, after, sizeof before) != 0;
    SSL_CTX_free(old);
    return 0;
}

int tls_config_new(const struct tls_files *files, struct tls_config **out, struct err *e)
{
    struct tls_config *c = calloc(1, sizeof *c);
    bool               ignored;

    if (c == NULL)
        return err_set(e, E_NOMEM, "no memory for TLS");
    (void)pthread_mutex_init(&c->mutex, NULL);
    if (tls_config_reload(c, files, &ignored, e) != 0) {
        tls_config_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

void tls_config_free(struct tls_config *c)
{
    if (c == NULL)
        return;
    SSL_CTX_free(c->ctx);
    (void)pthread_mutex_destroy(&c->mutex);
    free(c);
}

/* Held once more, or NULL. */
static SSL_CTX *hold_ctx(const struct tls_config *c, bool *own)
{
    /* The mutex is not what is constant about a configuration. */
    pthread_mutex_t *mutex = (pthread_mutex_t *)(uintptr_t)&c->mutex;
    (void)pthread_mutex_lock(mutex);
    SSL_CTX *ctx = c->ctx;
    *own = c->own;
    if (ctx != NULL)
        (void)SSL_CTX_up_ref(ctx);
    (void)pthread_mutex_unlock(mutex);
    return ctx;
}

bool tls_config_offers(const struct tls_config *c, bool *own)
{
    SSL_CTX *ctx = c != NULL ? hold_ctx(c, own) : NULL;
    SSL_CTX_free(ctx);
    return ctx != NULL;
}

/* ---- a connection -------------------------------------------------------------------------- */

int tls_new(const struct tls_config *c, int fd, struct tls **out, struct err *e)
{
    bool     own;
    SSL_CTX *ctx = hold_ctx(c, &own);
    if (ctx == NULL) /* taken away since the greeting */
        return err_set(e, E_PROTOCOL, "TLS is not offered any more");
    struct tls *t = calloc(1, sizeof *t);
    if (t != NULL) {
        ERR_clear_error();
        t->ssl = SSL_new(ctx);
    }
    SSL_CTX_free(ctx);
    if (t == NULL)
        return err_set(e, E_NOMEM, "no memory for a TLS connection");
    if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1) {
        tls_free(t);
        return openssl_error(e, E_NOMEM, "begin TLS");
    }
    SSL_set_accept_state(t->ssl);
    *out = t;
    return 0;
}

void tls_free(struct tls *t)
{
    if (t == NULL)
        return;
    if (t->established && !t->failed)
        (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
    SSL_free(t->ssl);
    free(t);
}

/* What OpenSSL's answer `r` to an operation means; errno must be as the operation left it. */
static int outcome(struct tls *t, int r, const char *what, enum tls_result *result, struct err *e)
{
    int why = SSL_get_error(t->ssl, r);
    switch (why) {
    case SSL_ERROR_NONE:
        *result = TLS_DONE;
        return 0;
    case SSL_ERROR_WANT_READ:
        *result = TLS_WANTS_READ;
        return 0;
    case SSL_ERROR_WANT_WRITE:
        *result = TLS_WANTS_WRITE;
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        *result = TLS_CLOSED;
        return 0;
    case SSL_ERROR_SYSCALL:
        t->failed = true;
        if (errno != 0)
            return err_sys(e, "%s", what);
        *result = TLS_CLOSED;
        return 0;
    default:
        break;
    }
    t->failed = true;
    /* A peer that closes without close-notify, as most clients do, is no news. */
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        ERR_clear_error();
        *result = TLS_CLOSED;
        return 0;
    }
    return openssl_error(e, E_PROTOCOL, what);
}

int tls_accept(struct tls *t, enum tls_result *result, struct err *e)
{
    ERR_clear_error();
    errno = 0;
    TRY(outcome(t, SSL_do_handshake(t->ssl), "TLS handshake", result, e));
    t->established = *result == TLS_DONE;
    return 0;
}

int tls_read(struct tls *t, uint8_t *into, size_t size, size_t *got, enum tls_result *result,
             struct err *e)
{
    ERR_clear_error();
    errno = 0;
    size_t n = 0;
    TRY(outcome(t, SSL_read_ex(t->ssl, into, size, &n), "TLS read", result, e));
    *got = *result == TLS_DONE ? n : 0;
    return 0;
}

/* ---- several records in one call ------------------------------------------------------------ */

/* Between OpenSSL, which writes record by record, and the socket. */
static int begin_gathering(struct tls *t, struct err *e)
{
    BIO *socket = SSL_get_wbio(t->ssl);
    BIO *buffer = BIO_new(BIO_f_buffer());

    if (buffer == NULL || BIO_set_write_buffer_size(buffer, GATHER_ROOM) != 1 ||
        BIO_up_ref(socket) != 1) {
        BIO_free(buffer);
        t->failed = true;
        return openssl_error(e, E_NOMEM, "TLS write");
    }
    (void)BIO_push(buffer, socket);
    SSL_set0_wbio(t->ssl, buffer);
    return 0;
}

static void end_gathering(struct tls *t)
{
    SSL_set0_wbio(t->ssl, BIO_pop(SSL_get_wbio(t->ssl)));
    t->gathered = 0;
}

/* All records are in the buffer: there is room for them. */
static int gather(struct tls *t, struct slice bytes, enum tls_result *result, struct err *e)
{
    size_t most = bytes.len < GATHER_BYTES ? bytes.len : GATHER_BYTES;

    TRY(begin_gathering(t, e));
    do {
        size_t n = 0;
        TRY(outcome(t, SSL_write_ex(t->ssl, bytes.ptr + t->gathered, most - t->gathered, &n),
                    "TLS write", result, e));
        if (*result != TLS_DONE)
            break;
        t->gathered += n;
    } while (t->gathered < most);
    if (t->gathered == 0)
        end_gathering(t);
    return 0;
}

/* What was gathered counts as written when the last of it went to the socket: until then the caller
   comes again with the same bytes. */
static int send_gathered(struct tls *t, size_t *put, enum tls_result *result, struct err *e)
{
    BIO *buffer = SSL_get_wbio(t->ssl);

    *put = 0;
    if (BIO_flush(buffer) == 1) {
        *put = t->gathered;
        *result = TLS_DONE;
        end_gathering(t);
        return 0;
    }
    *result = TLS_WANTS_WRITE;
    if (BIO_should_retry(buffer))
        return 0;
    t->failed = true;
    return err_sys(e, "TLS write");
}

int tls_write(struct tls *t, struct slice bytes, size_t *put, enum tls_result *result,
              struct err *e)
{
    ERR_clear_error();
    errno = 0;
    *put = 0;
    if (t->gathered == 0 && bytes.len > RECORD_BYTES)
        TRY(gather(t, bytes, result, e));
    if (t->gathered > 0)
        return send_gathered(t, put, result, e);
    if (bytes.len > RECORD_BYTES)
        return 0; /* it wants something else first */
    return outcome(t, SSL_write_ex(t->ssl, bytes.ptr, bytes.len, put), "TLS write", result, e);
}

/* Nothing for a name with a zero byte in it, which may be meant to deceive. */
static void put_common_name(const X509_NAME *name, char into[TLS_NAME_BYTES])
{
    int                    at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    const X509_NAME_ENTRY *entry = at >= 0 ? X509_NAME_get_entry(name, at) : NULL;
    unsigned char         *text = NULL;
    int n = entry != NULL ? ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry)) : -1;

    if (n > 0 && n < TLS_NAME_BYTES && memchr(text, 0, (size_t)n) == NULL) {
        memcpy(into, text, (size_t)n);
        into[n] = '\0';
    }
    OPENSSL_free(text);
}

/* Inside a value it would look like the beginning of another one. */
static bool has_slash(const X509_NAME *name)
{
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i));
        if (memchr(ASN1_STRING_get0_data(value), '/', (size_t)ASN1_STRING_length(value)) != NULL)
            return true;
    }
    return false;
}

void tls_peer(const struct tls *t, struct tls_peer *out)
{
    X509 *x = SSL_get0_peer_certificate(t->ssl);

    *out = (struct tls_peer){ 0 };
    (void)X509_digest(SSL_get_certificate(t->ssl), EVP_sha256(), out->shown, NULL);
    if (x == NULL || SSL_get_verify_result(t->ssl) != X509_V_OK)
        return;
    const X509_NAME *name = X509_get_subject_name(x);
    char            *line = X509_NAME_oneline(name, NULL, 0);
    if (line != NULL && strlen(line) < sizeof out->subject && !has_slash(name))
        memcpy(out->subject, line, strlen(line) + 1);
    OPENSSL_free(line);
    put_common_name(name, out->common_name);
}

const char *tls_version(const struct tls *t)
{
    return SSL_get_version(t->ssl);
}

const char *tls_cipher(const struct tls *t)
{
    return SSL_get_cipher_name(t->ssl);
}
