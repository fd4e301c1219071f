/*
 * Who may log in: the [user NAME] sections and the users file, each with a verifier of its
 * password, and what all sessions of a user share: how many there are, and their bandwidth.
 *
 * One set for the daemon, made at its start and read by every loop; users_reload() puts another
 * list in its place. A user that a session holds stays as it is until it is released, so nothing of
 * it changes but its verifier's cache and what is counted. Any thread.
 */
#pragma once
#include "protocol/auth.h"
#include "relay/config/config.h"
#include "relay/downstream/meter.h"
#include "storage/accounts.h"

/* Outlives a reload: counted under the user's name. */
struct user_live {
    _Atomic(uint32_t) holders;
    _Atomic(uint32_t) connections;
    struct meter      meter;
};

struct user {
    _Atomic(uint32_t)    holders;
    struct account       account; /* hashes apart, which are the verifier's */
    const char          *name, *hosts;
    const char          *channel;             /* "": the listener's */
    const char          *coordinates;         /* "": the relay's; else a source's, see move_in.h */
    const char          *require_certificate; /* no, yes, or a subject */
    enum account_auth    auth;
    bool                 require_tls;
    unsigned             rights; /* of enum right */
    uint32_t             max_connections;
    uint64_t             bandwidth;
    struct auth_verifier verifier;
    struct user_live    *live;
};

static inline bool user_may(const struct user *user, enum right right)
{
    return (user->rights & (unsigned)right) != 0;
}

struct users;

/* Reads the users file: `users` of [relay], by default DATA/users. E_CONFIG when a name is in both
   or the file is not as it should be. */
MUST_CHECK int users_new(const struct config *config, struct users **out, struct err *e);
void           users_free(struct users *u); /* accepts NULL */

/* The same from the configuration as it is now; on errors the list stays as it was. What was
   learned of passwords that did not change is kept. *changed: how many are new, gone or other than
   before. */
MUST_CHECK int users_reload(struct users *u, const struct config *config, size_t *changed,
                            struct err *e);
size_t         users_count(struct users *u);

/* Held until user_release(); NULL when there is none. Names are compared byte for byte. */
struct user *users_hold(struct users *u, struct slice name);
/* One that a user of this name might be: the same one each time while the list is the same, so that
   the method that is demanded does not tell which names there are. Held; NULL without any user. */
struct user *users_decoy(struct users *u, struct slice name);
void         user_release(struct user *user); /* accepts NULL */

/* The method a client has to use: the user's; for `any` what the client began with if we know it
   and have its hash, else the one that is there, else `offered`, the greeting's. `user` NULL
   (unknown) is treated as a user would be who has both. */
enum auth_method users_method(const struct user *user, struct slice client_plugin,
                              enum auth_method offered);
