/*
 * What is kept of a password in place of it, in the very forms in which servers keep it, so that
 * hashes can be carried over from one:
 *
 *   caching_sha2_password   "$A$005$", 20 bytes of salt, 43 characters: SHA-crypt with SHA-256 over
 *                           005 (hexadecimal) thousand rounds
 *   mysql_native_password   "*" and 40 hexadecimal digits: SHA1(SHA1(password)), without a salt, so
 *                           it should be kept only for clients that can't do better
 *
 * Plain data; any thread. No secret is ever put in an error's text.
 * Sources: MySQL manual, "Caching SHA-2 Pluggable Authentication"; U. Drepper, "Unix crypt using
 * SHA-256 and SHA-512", of which MySQL's form differs by its longer salt.
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

enum {
    SHA1_BYTES = 20,
    SHA256_BYTES = 32,
    PASSWORD_MAX = 256, /* as servers; longer ones would cost too much to try */
    AUTH_SALT_BYTES = 20,
    AUTH_CRYPT_BYTES = 43,
    AUTH_ROUNDS = 5000, /* some milliseconds: only full exchanges pay it */
    AUTH_ROUNDS_UNIT = 1000,
    AUTH_ROUNDS_MAX = 100 * 1000, /* more would hold up other consumers' streams */
};

struct auth_hashes {
    bool     has_native, has_sha2;
    uint8_t  native[SHA1_BYTES];
    uint8_t  salt[AUTH_SALT_BYTES];
    char     sha2[AUTH_CRYPT_BYTES];
    uint32_t rounds;
};

/* E_CONFIG for one that is too long or holds a zero byte (it travels ended by one). */
MUST_CHECK int auth_password_check(struct slice password, struct err *e);

/* Of a password of 1 to PASSWORD_MAX bytes; the salt is drawn anew, of printable characters. */
MUST_CHECK int auth_hashes_make(struct slice password, bool native, bool sha2,
                                struct auth_hashes *out, struct err *e);

/* Adds what a server shows as authentication_string, which is one of the forms above, also in
   hexadecimal digits with or without 0x. E_CONFIG for anything else. */
MUST_CHECK int auth_hashes_take(struct auth_hashes *h, struct slice text, struct err *e);
/* The forms above; the hash must be there. */
void auth_hashes_put_native(const struct auth_hashes *h, struct buf *out);
void auth_hashes_put_sha2(const struct auth_hashes *h, struct buf *out);
bool auth_hashes_equal(const struct auth_hashes *a, const struct auth_hashes *b);

/* Whether the password is that of h->sha2. Takes the same time for every password of its length,
   also without a hash: then *fits is false. */
MUST_CHECK int auth_hashes_check_sha2(const struct auth_hashes *h, struct slice password,
                                      bool *fits, struct err *e);
