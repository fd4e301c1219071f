/*
 * The users file: who may log in at the relay, with hashes in place of passwords.
 *
 * Text: a line each, a JSON object; lines that begin with '#' and empty ones are comments.
 *
 *   {"name":"app","auth":"any","rights":"replicate,forward","hosts":"10.0.0.0/8",
 *    "require_tls":false,"require_certificate":"no","max_connections":0,"bandwidth":0,"channel":"",
 *    "mysql_native_password":"*14E6...","caching_sha2_password":"$A$005$..."}
 *
 * Only "name" must be there, and a hash for the method of "auth". Members that are not known are an
 * error: a later version's restriction must not be read over. Written by `binrelay user`, read by
 * the daemon at its start and when told to. Plain data; any thread.
 */
#pragma once
#include <stdbool.h>
#include "protocol/auth_hash.h"
#include "protocol/rights.h"

enum {
    ACCOUNTS_MAX = 4096,
    ACCOUNTS_BYTES_MAX = 16 * 1024 * 1024,
    ACCOUNT_NAME_BYTES = 63,
    ACCOUNT_HOSTS_BYTES = 1023,
    ACCOUNT_SUBJECT_BYTES = 255,
    ACCOUNT_BANDWIDTH_MIN = 1024, /* less would cut a stream into crumbs */
};

enum account_auth { ACCOUNT_AUTH_ANY, ACCOUNT_AUTH_CACHING_SHA2, ACCOUNT_AUTH_NATIVE };

struct account {
    char               name[ACCOUNT_NAME_BYTES + 1];
    enum account_auth  auth;
    unsigned           rights;                         /* of enum right */
    char               hosts[ACCOUNT_HOSTS_BYTES + 1]; /* see protocol/hosts.h */
    bool               require_tls;
    char               require_certificate[ACCOUNT_SUBJECT_BYTES + 1]; /* no, yes, or its subject */
    uint32_t           max_connections;                                /* 0: no limit */
    uint64_t           bandwidth;                           /* bytes a second; 0: no limit */
    char               channel[ACCOUNT_NAME_BYTES + 1];     /* "": the listener's */
    char               coordinates[ACCOUNT_NAME_BYTES + 1]; /* "": the relay's; else a source's */
    struct auth_hashes hashes;
};

/* All defaults, without a name and hashes. */
struct account account_default(void);
/* E_CONFIG for what can't be an account, in the words of its keys. */
MUST_CHECK int account_check(const struct account *a, struct err *e);
/* The words of the key "auth". */
const char    *account_auth_word(enum account_auth auth);
MUST_CHECK int account_auth_parse(const char *word, enum account_auth *out, struct err *e);

struct accounts {
    size_t          count;
    struct account *list;
};
void accounts_done(struct accounts *a); /* accepts a zeroed one */

struct account *accounts_find(const struct accounts *a, const char *name); /* or NULL */
/* Adds one, or replaces the one of that name. E_LIMIT, E_NOMEM. */
MUST_CHECK int accounts_put(struct accounts *a, const struct account *account, struct err *e);
bool           accounts_remove(struct accounts *a, const char *name); /* false: there is none */

/* E_CONFIG with the line's number. */
MUST_CHECK int accounts_parse(struct slice text, struct accounts *out, struct err *e);
void           accounts_put_text(const struct accounts *a, struct buf *out);

/* A file that is not there has no accounts. *exposed as in storage/private_file.h. */
MUST_CHECK int accounts_read(const char *path, struct accounts *out, bool *exposed, struct err *e);
MUST_CHECK int accounts_write(const char *path, const struct accounts *a, struct err *e);
