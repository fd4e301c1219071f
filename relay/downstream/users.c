#include "relay/downstream/users.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include "relay/log.h"

enum { PATH_BYTES = 4096 };

struct list {
    size_t       count;
    struct user *users[]; /* each held once */
};

struct users {
    uint64_t        seed;  /* of decoys */
    pthread_mutex_t mutex; /* the pointer to the list */
    struct list    *list;
    char            data[PATH_BYTES]; /* the folder that the daemon was started with; "": none */
};

/* ---- one user ------------------------------------------------------------------------------ */

static void live_release(struct user_live *l)
{
    if (l != NULL && atomic_fetch_sub(&l->holders, 1) == 1)
        free(l);
}

void user_release(struct user *user)
{
    if (user == NULL || atomic_fetch_sub(&user->holders, 1) != 1)
        return;
    live_release(user->live);
    explicit_bzero(&user->verifier, sizeof user->verifier);
    free(user);
}

/* Without a verifier, held once. */
static struct user *user_of_account(const struct account *a)
{
    struct user *u = calloc(1, sizeof *u);

    if (u == NULL)
        return NULL;
    u->holders = 1;
    u->account = *a;
    u->account.hashes = (struct auth_hashes){ 0 };
    u->name = u->account.name;
    u->hosts = u->account.hosts;
    u->channel = u->account.channel;
    u->coordinates = u->account.coordinates;
    u->require_certificate = u->account.require_certificate;
    u->auth = a->auth;
    u->require_tls = a->require_tls;
    u->rights = a->rights;
    u->max_connections = a->max_connections;
    u->bandwidth = a->bandwidth;
    return u;
}

_Static_assert((int)CONFIG_AUTH_ANY == (int)ACCOUNT_AUTH_ANY &&
                   (int)CONFIG_AUTH_CACHING_SHA2 == (int)ACCOUNT_AUTH_CACHING_SHA2 &&
                   (int)CONFIG_AUTH_NATIVE == (int)ACCOUNT_AUTH_NATIVE,
               "the same methods in the same order");

static void copy_text(char *into, size_t size, const char *from)
{
    (void)snprintf(into, size, "%s", from != NULL ? from : "");
}

static struct account account_of_section(const struct config_user *c)
{
    struct account a = account_default();

    copy_text(a.name, sizeof a.name, c->name);
    copy_text(a.hosts, sizeof a.hosts, c->hosts);
    copy_text(a.channel, sizeof a.channel, c->channel);
    copy_text(a.coordinates, sizeof a.coordinates, c->coordinates);
    if (c->require_certificate != NULL)
        copy_text(a.require_certificate, sizeof a.require_certificate, c->require_certificate);
    a.auth = (enum account_auth)c->auth;
    a.rights = c->rights;
    a.require_tls = c->require_tls;
    a.max_connections = c->max_connections;
    a.bandwidth = c->bandwidth;
    return a;
}

/* ---- a list -------------------------------------------------------------------------------- */

static void list_free(struct list *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->count; i++)
        user_release(l->users[i]);
    free(l);
}

static struct user *list_find(const struct list *l, struct slice name)
{
    for (size_t i = 0; l != NULL && i < l->count; i++)
        if (slice_equal(slice_of_text(l->users[i]->name), name))
            return l->users[i];
    return NULL;
}

static int list_add(struct list *l, struct user *user, struct err *e)
{
    if (user == NULL || (user->live = calloc(1, sizeof *user->live)) == NULL) {
        user_release(user);
        return err_set(e, E_NOMEM, "no memory for a user");
    }
    user->live->holders = 1;
    l->users[l->count++] = user;
    return 0;
}

static int add_section(struct list *l, const struct config_user *c, struct err *e)
{
    struct account a = account_of_section(c);

    TRY(list_add(l, user_of_account(&a), e));
    if (auth_verifier_from_password(slice_of_text(c->password), &l->users[l->count - 1]->verifier,
                                    e) != 0)
        return err_note(e, "user '%s'", c->name);
    return 0;
}

static int add_account(struct list *l, const struct account *a, struct err *e)
{
    if (list_find(l, slice_of_text(a->name)) != NULL)
        return err_set(e, E_CONFIG,
                       "user '%s' is in the users file and in the configuration: take the section "
                       "[user %s] out, or run 'binrelay user remove %s'",
                       a->name, a->name, a->name);
    TRY(list_add(l, user_of_account(a), e));
    auth_verifier_from_hashes(&a->hashes, &l->users[l->count - 1]->verifier);
    return 0;
}

static int list_fill(struct list *l, const struct config *config, const struct accounts *file,
                     struct err *e)
{
    for (size_t i = 0; i < config->user_count; i++)
        TRY(add_section(l, &config->users[i], e));
    for (size_t i = 0; i < file->count; i++)
        TRY(add_account(l, &file->list[i], e));
    return 0;
}

static int list_of_file(const struct config *config, const char *path, struct list **out,
                        struct err *e)
{
    struct accounts file = { 0 };
    bool            exposed = false;

    if (*path != '\0')
        TRY(accounts_read(path, &file, &exposed, e));
    if (exposed)
        log_write(LOG_WARNING, "users", "others than its owner may use '%s': chmod 600 '%s'", path,
                  path);
    size_t       most = config->user_count + file.count;
    struct list *l = calloc(1, sizeof *l + most * sizeof(struct user *));
    int          rc = l != NULL ? list_fill(l, config, &file, e)
                                : err_set(e, E_NOMEM, "no memory for %zu users", most);
    accounts_done(&file);
    if (rc != 0) {
        list_free(l);
        return -1;
    }
    *out = l;
    return 0;
}

/* ---- the set ------------------------------------------------------------------------------- */

static int find_path(const struct users *u, const struct config *config, char path[PATH_BYTES],
                     struct err *e)
{
    const char *named = config->relay.users;
    bool        given = named != NULL && *named != '\0';
    int n = given || u->data[0] == '\0' ? snprintf(path, PATH_BYTES, "%s", given ? named : "")
                                        : snprintf(path, PATH_BYTES, "%s/users", u->data);

    if (n < 0 || n >= PATH_BYTES)
        return err_set(e, E_CONFIG, "the users file's name is too long");
    return 0;
}

int users_new(const struct config *config, struct users **out, struct err *e)
{
    struct users *u = calloc(1, sizeof *u);
    char          path[PATH_BYTES];

    if (u == NULL)
        return err_set(e, E_NOMEM, "no memory for users");
    if (getrandom(&u->seed, sizeof u->seed, 0) != sizeof u->seed) {
        free(u);
        return err_sys(e, "random numbers");
    }
    copy_text(u->data, sizeof u->data, config->relay.data);
    if (find_path(u, config, path, e) != 0 || list_of_file(config, path, &u->list, e) != 0) {
        free(u);
        return -1;
    }
    (void)pthread_mutex_init(&u->mutex, NULL);
    *out = u;
    return 0;
}

void users_free(struct users *u)
{
    if (u == NULL)
        return;
    list_free(u->list);
    (void)pthread_mutex_destroy(&u->mutex);
    free(u);
}

/* Texts up to their ends, since nothing behind them counts. */
static bool same(const struct user *a, const struct user *b)
{
    bool texts = strcmp(a->hosts, b->hosts) == 0 && strcmp(a->channel, b->channel) == 0 &&
                 strcmp(a->coordinates, b->coordinates) == 0 &&
                 strcmp(a->require_certificate, b->require_certificate) == 0;
    return texts && a->auth == b->auth && a->require_tls == b->require_tls &&
           a->rights == b->rights && a->max_connections == b->max_connections &&
           a->bandwidth == b->bandwidth && auth_verifier_equal(&a->verifier, &b->verifier);
}

/* What the new list's users have in common with the old ones. Returns how many differ. */
static size_t inherit(const struct list *before, const struct list *now)
{
    size_t kept = 0, equal = 0;

    for (size_t i = 0; i < now->count; i++) {
        struct user *user = now->users[i], *old = list_find(before, slice_of_text(user->name));
        if (old == NULL)
            continue;
        kept++;
        equal += same(user, old);
        auth_verifier_inherit(&user->verifier, &old->verifier);
        live_release(user->live);
        user->live = old->live;
        atomic_fetch_add(&user->live->holders, 1);
    }
    return (now->count - kept) + (before->count - kept) + (kept - equal);
}

int users_reload(struct users *u, const struct config *config, size_t *changed, struct err *e)
{
    struct list *now = NULL;
    char         path[PATH_BYTES];

    TRY(find_path(u, config, path, e));
    TRY(list_of_file(config, path, &now, e));
    (void)pthread_mutex_lock(&u->mutex);
    struct list *before = u->list;
    *changed = inherit(before, now);
    u->list = now;
    (void)pthread_mutex_unlock(&u->mutex);
    list_free(before);
    return 0;
}

size_t users_count(struct users *u)
{
    (void)pthread_mutex_lock(&u->mutex);
    size_t count = u->list->count;
    (void)pthread_mutex_unlock(&u->mutex);
    return count;
}

struct user *users_hold(struct users *u, struct slice name)
{
    (void)pthread_mutex_lock(&u->mutex);
    struct user *user = list_find(u->list, name);
    if (user != NULL)
        atomic_fetch_add(&user->holders, 1);
    (void)pthread_mutex_unlock(&u->mutex);
    return user;
}

struct user *users_decoy(struct users *u, struct slice name)
{
    uint64_t hash = u->seed;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ name.ptr[i]) * 0x100000001b3u;
    (void)pthread_mutex_lock(&u->mutex);
    size_t       count = u->list->count;
    struct user *user = count > 0 ? u->list->users[(hash >> 32) % count] : NULL;
    if (user != NULL)
        atomic_fetch_add(&user->holders, 1);
    (void)pthread_mutex_unlock(&u->mutex);
    return user;
}

enum auth_method users_method(const struct user *user, struct slice client_plugin,
                              enum auth_method offered)
{
    enum account_auth auth = user != NULL ? user->auth : ACCOUNT_AUTH_ANY;
    enum auth_method  began;

    if (auth == ACCOUNT_AUTH_CACHING_SHA2)
        return AUTH_CACHING_SHA2;
    if (auth == ACCOUNT_AUTH_NATIVE)
        return AUTH_NATIVE;
    if (auth_method_by_name(client_plugin, &began) != 0)
        began = offered;
    if (user == NULL || auth_verifier_knows(&user->verifier, began))
        return began;
    return began == AUTH_NATIVE ? AUTH_CACHING_SHA2 : AUTH_NATIVE;
}
