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
#include "protocol/handshake.h"

enum { SHA1_BYTES = 20, SHA256_BYTES = 32 };

enum auth_method { AUTH_NATIVE, AUTH_CACHING_SHA2, AUTH_METHODS };
const char    *auth_method_name(enum auth_method m); /* "mysql_native_password" ... */
MUST_CHECK int auth_method_by_name(struct slice name, enum auth_method *out);

enum auth_cache { AUTH_CACHE_NONE = 0, AUTH_CACHE_FILLING, AUTH_CACHE_VALID };
struct auth_verifier {
    bool    empty_password;
    uint8_t native[SHA1_BYTES]; /* SHA1(SHA1(password)) */
    uint8_t sha2_salt[20];      /* of sha2 */
    uint8_t sha2[SHA256_BYTES]; /* salted, many rounds (PBKDF2-HMAC-SHA256): what a full exchange is
                                   checked against */
    uint32_t     sha2_rounds;
    _Atomic(int) cached;              /* enum auth_cache: is the fast path's hash below valid? */
    uint8_t      cache[SHA256_BYTES]; /* SHA256(SHA256(password)) */
};
MUST_CHECK int auth_verifier_from_password(struct slice password, struct auth_verifier *out,
                                           struct err *e);

/* The RSA key pair of the daemon for exchanges without TLS; made at start. */
struct auth_key;
MUST_CHECK int auth_key_new(struct auth_key **out, struct err *e);
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
