#include "relay/downstream/users.h"

#include <stdlib.h>

struct users {
    size_t      count;
    struct user list[];
};

int users_new(const struct config *config, struct users **out, struct err *e)
{
    struct users *u = calloc(1, sizeof *u + config->user_count * sizeof u->list[0]);
    if (u == NULL)
        return err_set(e, E_NOMEM, "no memory for %zu users", config->user_count);
    for (size_t i = 0; i < config->user_count; i++) {
        const struct config_user *c = &config->users[i];
        struct user              *user = &u->list[i];
        user->name = c->name;
        user->channel = c->channel;
        user->auth = c->auth;
        user->require_tls = c->require_tls;
        user->rights = c->rights;
        if (auth_verifier_from_password(slice_of_text(c->password), &user->verifier, e) != 0) {
            users_free(u);
            return err_note(e, "user '%s'", c->name);
        }
        u->count++;
    }
    *out = u;
    return 0;
}

void users_free(struct users *u)
{
    free(u);
}

struct user *users_find(struct users *u, struct slice name)
{
    for (size_t i = 0; i < u->count; i++)
        if (slice_equal(slice_of_text(u->list[i].name), name))
            return &u->list[i];
    return NULL;
}

enum auth_method users_method(const struct user *user, struct slice client_plugin,
                              enum auth_method offered)
{
    enum config_auth auth = user != NULL ? user->auth : CONFIG_AUTH_ANY;
    enum auth_method began;
    if (auth == CONFIG_AUTH_CACHING_SHA2)
        return AUTH_CACHING_SHA2;
    if (auth == CONFIG_AUTH_NATIVE)
        return AUTH_NATIVE;
    return auth_method_by_name(client_plugin, &began) == 0 ? began : offered;
}
