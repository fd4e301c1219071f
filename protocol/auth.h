/*
 * Passwords: mysql_native_password and caching_sha2_password, the server's side.
 *
 * What is kept of a password are the two hashes that the methods need (a verifier); the password
 * itself is not stored. An exchange is a small state machine: feed it what the client sent, send
 * what it answers. caching_sha2_password: fast: the scrambled SHA-256 fits the cached hash. Full:
 * over TLS (or a unix socket) the password comes in clear, else the client asks for the RSA key
 * (0x02) and sends it encrypted. A full exchange that fits fills the cache. Verifiers may be read
 * by any thread; an exchange belongs to one session. No secret is ever put in an error's text.
 * Source: MySQL protocol documentation, "Authentication Methods".
 */
#pragma once
#include <stdatomic.h>
#include "protocol/auth_hash.h"
#include "protocol/handshake.h"

enum auth_method { AUTH_NATIVE, AUTH_CACHING_SHA2, AUTH_METHODS };
const char    *auth_method_name(enum auth_method m); /* "mysql_native_password" ... */
MUST_CHECK int auth_method_by_name(struct slice name, enum auth_method *out);

enum auth_cache { AUTH_CACHE_NONE = 0, AUTH_CACHE_FILLING, AUTH_CACHE_VALID };
struct auth_verifier {
    bool               empty_password;
    bool               in_clear; /* the password is in a file anyway: `cache` is what counts */
    struct auth_hashes hashes;
    _Atomic(int)       cached;              /* enum auth_cache: may the fast path be taken? */
    uint8_t            cache[SHA256_BYTES]; /* SHA256(SHA256(password)) */
};
/* Of a password that stands in the configuration: both methods, without the cost of a salted hash,
   which would protect nothing. */
MUST_CHECK int auth_verifier_from_password(struct slice password, struct auth_verifier *out,
                                           struct err *e);
/* Methods whose hash is not there are always denied. */
void auth_verifier_from_hashes(const struct auth_hashes *h, struct auth_verifier *out);
/* Takes over what a full exchange has put into the cache of one with the same password, so that
   clients need no new one. */
void auth_verifier_inherit(struct auth_verifier *v, const struct auth_verifier *before);
/* Whether both are of the same password, as far as can be known. */
bool auth_verifier_equal(const struct auth_verifier *a, const struct auth_verifier *b);
/* Whether a login by this method can come to anything. */
bool auth_verifier_knows(const struct auth_verifier *v, enum auth_method m);

/*
 * By what a MariaDB client of 11.4 and later knows that a certificate nobody vouches for is that of
 * the server which knows its password: a byte 1 and 64 hexadecimal digits, the SHA-256 of
 * SHA1(SHA1(password)), the scramble and the certificate's SHA-256, as the text of the login's OK.
 * False without a hash for mysql_native_password. Source: seen at MariaDB 11.8.
 */
enum { AUTH_PROOF_BYTES = 1 + 2 * SHA256_BYTES + 1 };
bool auth_prove(const struct auth_verifier *v, const uint8_t scramble[SCRAMBLE_BYTES],
                const uint8_t certificate[SHA256_BYTES], char into[AUTH_PROOF_BYTES]);

/* The RSA key pair of the daemon for exchanges without TLS. Making one takes up to a second. */
struct auth_key;
MUST_CHECK int auth_key_new(struct auth_key **out, struct err *e);
/* The whole pair as PEM, to keep it: a secret. E_CONFIG for what is no such key. */
MUST_CHECK int auth_key_from_pem(struct slice pem, struct auth_key **out, struct err *e);
MUST_CHECK int auth_key_put_pem(const struct auth_key *k, struct buf *out, struct err *e);
void           auth_key_free(struct auth_key *k);

/* Fills with random bytes without zero and '$'. */
MUST_CHECK int auth_scramble(uint8_t into[SCRAMBLE_BYTES], struct err *e);

enum auth_step {
    AUTH_SEND /* send `reply`, wait for the client */,
    AUTH_SEND_AND_GRANTED /* send `reply` if not empty, then OK */,
    AUTH_DENIED
};
struct auth_exchange {
    enum auth_method method;
    int              phase;
    bool             secure; /* TLS or unix socket */
    uint8_t          scramble[SCRAMBLE_BYTES];
};
/*
 * Begins after the handshake response. `v` NULL (unknown user): goes through the same motions and
 * is denied, so that names can't be guessed (give it the method that most users have). `method` is
 * what this user must use; where the client began with another, the reply is an AuthSwitchRequest.
 * Replies are payloads (no packet header), appended to `reply`. A wrong, cut or garbled answer is
 * AUTH_DENIED; -1 is left for trouble of our own (OpenSSL, random numbers). `key` may be NULL where
 * `secure` is true. The packets may hold a password in clear: the caller wipes what it received.
 */
MUST_CHECK int auth_begin(struct auth_exchange *x, enum auth_method method, bool secure,
                          const uint8_t                    scramble[SCRAMBLE_BYTES],
                          const struct handshake_response *hello, struct auth_verifier *v,
                          struct buf *reply, enum auth_step *step, struct err *e);
MUST_CHECK int auth_continue(struct auth_exchange *x, struct slice payload, struct auth_verifier *v,
                             const struct auth_key *key, struct buf *reply, enum auth_step *step,
                             struct err *e);
