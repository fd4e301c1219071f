/*
 * TLS towards consumers: TLS 1.2 and later, over a non-blocking socket, without renegotiation,
 * compression or sessions kept in memory. OpenSSL is seen here only.
 *
 * A tls_config is made once and shared by all loops; a tls belongs to one connection.
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/bytes.h"
#include "protocol/base/err.h"

struct tls_config;
struct tls;

/* PEM files: certificate chain and private key. E_CONFIG with the file's name. */
MUST_CHECK int tls_config_new(const char *cert_path, const char *key_path, struct tls_config **out,
                              struct err *e);
void           tls_config_free(struct tls_config *c); /* accepts NULL */

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
/* "TLSv1.3", for the log. */
const char *tls_version(const struct tls *t);
