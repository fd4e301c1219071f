/*
 * Who may log in: the [user NAME] sections, each with a verifier of its password.
 *
 * Made once at start; read by every loop. Only a verifier's cache changes afterwards (auth.h).
 */
#pragma once
#include "protocol/auth.h"
#include "relay/config/config.h"

struct user {
    const char          *name;    /* the configuration's */
    const char          *channel; /* that it is served from; "": the listener's */
    enum config_auth     auth;
    bool                 require_tls;
    unsigned             rights; /* of enum right */
    struct auth_verifier verifier;
};

static inline bool user_may(const struct user *user, enum right right)
{
    return (user->rights & (unsigned)right) != 0;
}

struct users;

MUST_CHECK int users_new(const struct config *config, struct users **out, struct err *e);
void           users_free(struct users *u); /* accepts NULL */

/* NULL when there is none. Names are compared byte for byte. */
struct user *users_find(struct users *u, struct slice name);

/* The method a client has to use: the user's, or for CONFIG_AUTH_ANY what the client began with if
   we know it, else `offered`, the greeting's. `user` may be NULL (unknown). */
enum auth_method users_method(const struct user *user, struct slice client_plugin,
                              enum auth_method offered);
