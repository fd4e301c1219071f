#include "relay/downstream/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

struct tls_config {
    SSL_CTX *ctx;
};

struct tls {
    SSL *ssl;
    bool established;
    bool failed; /* after a fatal error nothing more may be sent */
};

/* The oldest entry of OpenSSL's queue, which is the cause; empties the queue. */
static int openssl_error(struct err *e, enum err_kind kind, const char *what)
{
    unsigned long code = ERR_get_error();
    const char   *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return err_set(e, kind, "%s: %s", what, reason != NULL ? reason : "TLS failed");
}

int tls_config_new(const char *cert_path, const char *key_path, struct tls_config **out,
                   struct err *e)
{
    struct tls_config *c = calloc(1, sizeof *c);
    ERR_clear_error();
    if (c == NULL)
        return err_set(e, E_NOMEM, "no memory for TLS");
    c->ctx = SSL_CTX_new(TLS_server_method());
    if (c->ctx == NULL || SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION) != 1) {
        (void)openssl_error(e, E_CONFIG, "set up TLS");
        goto fail;
    }
    (void)SSL_CTX_set_options(c->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                          SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_mode(c->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                       SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_use_certificate_chain_file(c->ctx, cert_path) != 1) {
        (void)openssl_error(e, E_CONFIG, "certificate");
        (void)err_note(e, "tls_cert '%s'", cert_path);
        goto fail;
    }
    if (SSL_CTX_use_PrivateKey_file(c->ctx, key_path, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(c->ctx) != 1) {
        (void)openssl_error(e, E_CONFIG, "private key");
        (void)err_note(e, "tls_key '%s'", key_path);
        goto fail;
    }
    *out = c;
    return 0;
fail:
    tls_config_free(c);
    return -1;
}

void tls_config_free(struct tls_config *c)
{
    if (c == NULL)
        return;
    SSL_CTX_free(c->ctx);
    free(c);
}

int tls_new(const struct tls_config *c, int fd, struct tls **out, struct err *e)
{
    struct tls *t = calloc(1, sizeof *t);
    if (t == NULL)
        return err_set(e, E_NOMEM, "no memory for a TLS connection");
    ERR_clear_error();
    t->ssl = SSL_new(c->ctx);
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

int tls_write(struct tls *t, struct slice bytes, size_t *put, enum tls_result *result,
              struct err *e)
{
    ERR_clear_error();
    errno = 0;
    size_t n = 0;
    TRY(outcome(t, SSL_write_ex(t->ssl, bytes.ptr, bytes.len, &n), "TLS write", result, e));
    *put = *result == TLS_DONE ? n : 0;
    return 0;
}

const char *tls_version(const struct tls *t)
{
    return SSL_get_version(t->ssl);
}
