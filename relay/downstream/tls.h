/*
 * TLS towards consumers: TLS 1.2 and later, over a non-blocking socket, without renegotiation,
 * compression or sessions kept in memory. OpenSSL is seen here only.
 *
 * A tls_config is shared by all loops; tls_config_reload() may be called by any thread, and counts
 * for connections that begin later. A tls belongs to one connection.
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/bytes.h"
#include "protocol/base/err.h"

struct tls_config;
struct tls;

/* PEM files. */
struct tls_files {
    const char *cert; /* certificate chain; "": TLS is not offered */
    bool        own;  /* it is of the relay's own making, see certificate.h */
    const char *key;
    const char *ca; /* whose certificates clients may show; "": none is asked for */
};
/* E_CONFIG with the file's name. */
MUST_CHECK int tls_config_new(const struct tls_files *files, struct tls_config **out,
                              struct err *e);
void           tls_config_free(struct tls_config *c); /* accepts NULL */
/* Reads the files anew; on errors all stays as it was. *changed: they hold other certificates. */
MUST_CHECK int tls_config_reload(struct tls_config *c, const struct tls_files *files, bool *changed,
                                 struct err *e);
/* Whether there is a certificate to offer TLS with; not for NULL. *own: as in tls_files. */
bool tls_config_offers(const struct tls_config *c, bool *own);

/* What an attempt came to. The socket is ready again in the direction that is wanted. */
enum tls_result { TLS_DONE, TLS_WANTS_READ, TLS_WANTS_WRITE, TLS_CLOSED };

/* The socket stays the caller's. */
MUST_CHECK int tls_new(const struct tls_config *c, int fd, struct tls **out, struct err *e);
void           tls_free(struct tls *t); /* accepts NULL; sends close-notify if it can at once */
MUST_CHECK int tls_accept(struct tls *t, enum tls_result *result, struct err *e);
MUST_CHECK int tls_read(struct tls *t, uint8_t *into, size_t size, size_t *got,
                        enum tls_result *result, struct err *e);
MUST_CHECK int tls_write(struct tls *t, struct slice bytes, size_t *put, enum tls_result *result,
                         struct err *e);
/* What the client's certificate says of it, when it showed one that `ca` vouches for: its subject
   as
   "/O=Shop/CN=replica", and its common name. Empty texts when it showed none, or one that can't be
   told in this room. */
enum { TLS_NAME_BYTES = 256, TLS_DIGEST_BYTES = 32 };
struct tls_peer {
    char    subject[TLS_NAME_BYTES], common_name[TLS_NAME_BYTES];
    uint8_t shown[TLS_DIGEST_BYTES]; /* SHA-256 of the certificate that was shown to the client */
};
void tls_peer(const struct tls *t, struct tls_peer *out);
/* "TLSv1.3" and "TLS_AES_256_GCM_SHA384": static texts. */
const char *tls_version(const struct tls *t);
const char *tls_cipher(const struct tls *t);
