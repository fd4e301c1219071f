#include "relay/downstream/serve.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include "relay/downstream/listener.h"
#include "relay/log.h"
#include "relay/downstream/loop.h"
#include "relay/downstream/password_key.h"
#include "relay/downstream/certificate.h"
#include "relay/downstream/tls.h"

enum { LOOPS_MAX = 64 };

/* One [listener]: its sockets, and what is the same for all that come in there. */
struct entrance {
    struct serve                 *serve;
    const struct config_listener *config;
    struct session_gate           gate;
    struct tls_config            *tls;
    struct listener              *listener;
};

struct serve {
    const struct config   *config;
    struct session_world   world;
    struct session_channel channels[CONFIG_CHANNELS_MAX];
    struct users          *users;
    struct auth_key       *key;
    struct penalty        *penalty;
    struct roster         *roster;
    struct entrance       *entrances;
    size_t                 entrance_count;
    bool                   started;
    bool                   accepting;       /* all loops run */
    sem_t                  accepts_no_more; /* posted once when they end */
    size_t                 loop_count;
    struct loop           *loops[LOOPS_MAX];
};

static void facts_of_channel(void *arg, struct server_facts *out)
{
    channel_facts(arg, out);
}

static struct remembered_list *variables_of_channel(void *arg)
{
    return channel_variables(arg);
}

static void status_of_channel(void *arg, struct channel_status *out)
{
    channel_status(arg, out);
}

/* To the loop that has the fewest sessions. Runs in the first loop's thread. */
static void on_accepted(void *arg, int fd, const char address[ROSTER_ADDRESS_BYTES])
{
    struct entrance *n = arg;
    struct serve    *s = n->serve;
    struct loop     *least = s->loops[0];
    for (size_t i = 1; i < s->loop_count; i++)
        if (loop_load(s->loops[i]) < loop_load(least))
            least = s->loops[i];
    loop_give(least, fd, &n->gate, address);
}

/* Into `path` comes the name of the relay's own certificate, if it is that one. */
static int tls_files_of(const char *data, const struct config_listener *c,
                        char path[KEPT_PEM_PATH_BYTES], struct tls_files *out, struct err *e)
{
    *out = (struct tls_files){ .cert = c->tls_cert, .key = c->tls_key, .ca = c->tls_ca };
    if (!c->tls)
        out->cert = "";
    if (!c->tls || *c->tls_cert != '\0')
        return 0;
    TRY(certificate_open(data, path, e));
    out->cert = out->key = path;
    out->own = true;
    return 0;
}

static void set_bounds(struct entrance *n, const struct config_listener *c)
{
    n->gate.login_ms = c->login_timeout * 1000;
    n->gate.idle_ms = c->wait_timeout * 1000;
    n->gate.write_ms = c->write_timeout * 1000;
}

static uint32_t all_sessions(const struct config *c)
{
    uint64_t most = 0;
    for (size_t i = 0; i < c->listener_count; i++)
        most += c->listeners[i].max_sessions;
    return most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
}

static int set_up_entrance(struct serve *s, const struct config_listener *c, struct err *e)
{
    struct entrance *n = &s->entrances[s->entrance_count++];

    n->serve = s;
    n->config = c;
    n->gate.room.most = c->max_sessions;
    set_bounds(n, c);
    for (size_t i = 0; i < s->world.channel_count; i++)
        if (strcmp(s->channels[i].name, c->channel) == 0)
            n->gate.channel = &s->channels[i];
    char             path[KEPT_PEM_PATH_BYTES];
    struct tls_files files;
    TRY(tls_files_of(s->config->relay.data, c, path, &files, e));
    TRY(tls_config_new(&files, &n->tls, e));
    n->gate.tls = n->tls;
    return listener_open(c->address, c->port, &n->listener, e);
}

static void leave_source(void *arg, const struct config_source *next)
{
    pool_leave_source(arg, next);
}

static int set_up_channels(struct serve *s, const struct channels *channels, struct err *e)
{
    s->world.channels = s->channels;
    s->world.channel_count = channels->count;
    for (size_t i = 0; i < channels->count; i++) {
        struct channel *c = channels->slots[i].channel;
        s->channels[i].name = channels->slots[i].config->name;
        if (c == NULL)
            continue;
        s->channels[i].store = channel_store(c);
        s->channels[i].server_id = channel_server_id(c);
        s->channels[i].server_uuid = channel_server_uuid(c);
        s->channels[i].facts = facts_of_channel;
        s->channels[i].variables = variables_of_channel;
        s->channels[i].status = status_of_channel;
        s->channels[i].facts_arg = c;
        s->channels[i].consumers = channel_consumers(c);
        TRY(pool_new(channel_source(c), &s->channels[i].pool, e));
        channel_on_source(c, leave_source, s->channels[i].pool);
    }
    return 0;
}

/* Each stream has a socket and a file, and a forwarding session two sockets: as many as may come
   should not meet the limit that most systems begin with. */
static void raise_files(uint32_t sessions)
{
    enum { BESIDE = 256 };
    struct rlimit files;
    rlim_t        wanted = 2 * (rlim_t)sessions + BESIDE;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= wanted)
        return;
    files.rlim_cur = files.rlim_max > wanted ? wanted : files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < wanted)
        log_write(LOG_WARNING, "serve",
                  "%u sessions may come (max_sessions) and need %llu open files, allowed are %llu: "
                  "raise the limit (ulimit -n, LimitNOFILE)",
                  sessions, (unsigned long long)wanted, (unsigned long long)files.rlim_cur);
}

static int set_up(struct serve *s, const struct channels *channels, struct err *e)
{
    const struct config *c = s->config;
    size_t               loops = c->relay.loops;

    assert(c->listener_count > 0);
    TRY(users_new(c, &s->users, e));
    TRY(password_key_open(c->relay.data, &s->key, e));
    TRY(penalty_new(&s->penalty, e));
    TRY(roster_new(all_sessions(c), &s->roster, e));
    raise_files(all_sessions(c));
    s->world.users = s->users;
    s->world.penalty = s->penalty;
    s->world.key = s->key;
    s->world.roster = s->roster;
    s->world.started_s = (int64_t)time(NULL);
    TRY(set_up_channels(s, channels, e));
    loops = loops < 1 ? 1 : loops > LOOPS_MAX ? LOOPS_MAX : loops;
    for (; s->loop_count < loops; s->loop_count++)
        TRY(loop_new(&s->world, &s->loops[s->loop_count], e));
    s->entrances = calloc(c->listener_count, sizeof *s->entrances);
    if (s->entrances == NULL)
        return err_set(e, E_NOMEM, "no memory for listeners");
    for (size_t i = 0; i < c->listener_count; i++)
        TRY(set_up_entrance(s, &c->listeners[i], e));
    return 0;
}

int serve_new(const struct config *config, const struct channels *channels, struct serve **out,
              struct err *e)
{
    struct serve *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(e, E_NOMEM, "no memory for the listener");
    s->config = config;
    (void)sem_init(&s->accepts_no_more, 0, 0);
    if (set_up(s, channels, e) != 0) {
        serve_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

/* In the first loop's thread, which accepts. */
static void stop_accepting(void *arg)
{
    struct serve *s = arg;

    for (size_t i = 0; i < s->entrance_count; i++)
        listener_detach(s->entrances[i].listener);
    (void)sem_post(&s->accepts_no_more);
}

int serve_start(struct serve *s, struct err *e)
{
    loop_on_end(s->loops[0], stop_accepting, s);
    for (size_t i = 0; i < s->entrance_count; i++)
        listener_attach(s->entrances[i].listener, loop_ev(s->loops[0]), on_accepted,
                        &s->entrances[i]);
    s->started = true;
    for (size_t i = s->loop_count; i > 0; i--) {
        if (loop_start(s->loops[i - 1], e) != 0) {
            serve_stop(s);
            return -1;
        }
    }
    s->accepting = true;
    for (size_t i = 0; i < s->entrance_count; i++)
        log_write(LOG_INFO, "serve", "listening on %s port %u", s->entrances[i].config->address,
                  listener_port(s->entrances[i].listener));
    return 0;
}

void serve_stop(struct serve *s)
{
    if (!s->started)
        return;
    /* Nobody is accepted any more before the first session ends: who is sent away comes back at
       once, and would be let in here only to be sent away again, which it may take ill. */
    loop_end_soon(s->loops[0]);
    while (s->accepting && sem_wait(&s->accepts_no_more) != 0)
        continue;
    s->accepting = false;
    for (size_t i = 0; i < s->loop_count; i++)
        loop_end_soon(s->loops[i]);
    for (size_t i = 0; i < s->loop_count; i++)
        loop_stop(s->loops[i]);
    for (size_t i = 0; i < s->entrance_count; i++)
        listener_detach(s->entrances[i].listener);
    s->started = false;
}

void serve_free(struct serve *s)
{
    if (s == NULL)
        return;
    serve_stop(s);
    for (size_t i = 0; i < s->entrance_count; i++)
        listener_close(s->entrances[i].listener);
    for (size_t i = 0; i < s->loop_count; i++)
        loop_free(s->loops[i]);
    for (size_t i = 0; i < s->entrance_count; i++)
        tls_config_free(s->entrances[i].tls);
    free(s->entrances);
    for (size_t i = 0; i < s->world.channel_count; i++)
        pool_free(s->channels[i].pool);
    roster_free(s->roster);
    penalty_free(s->penalty);
    auth_key_free(s->key);
    users_free(s->users);
    (void)sem_destroy(&s->accepts_no_more);
    free(s);
}

bool serve_answers(struct serve *s, unsigned wait_ms)
{
    for (size_t i = 0; i < s->loop_count; i++)
        if (!loop_answers(s->loops[i], wait_ms))
            return false;
    return true;
}

int serve_keep_sockets(const struct serve *s, struct handover *h, struct err *e)
{
    for (size_t i = 0; i < s->entrance_count; i++)
        TRY(listener_keep(s->entrances[i].listener, h, e));
    return 0;
}

size_t serve_listener_count(const struct serve *s)
{
    return s->entrance_count;
}

void serve_listener(const struct serve *s, size_t index, struct serve_listener *out)
{
    assert(index < s->entrance_count);
    const struct entrance *n = &s->entrances[index];
    *out = (struct serve_listener){ .name = n->config->name,
                                    .address = n->config->address,
                                    .port = listener_port(n->listener),
                                    .channel = n->config->channel };
}

/* ---- again, while all goes on ------------------------------------------------------------------
 */

int serve_reload_users(struct serve *s, const struct config *config, size_t *changed, struct err *e)
{
    TRY(users_reload(s->users, config, changed, e));
    for (size_t i = 0; i < s->loop_count; i++)
        loop_wake_reload(s->loops[i]);
    return 0;
}

/* The entrance that this section made at the start; NULL: it is a new one. */
static struct entrance *entrance_of(struct serve *s, const struct config_listener *c)
{
    for (size_t i = 0; i < s->entrance_count; i++)
        if (strcmp(s->entrances[i].config->name, c->name) == 0)
            return &s->entrances[i];
    return NULL;
}

int serve_reload_certificates(struct serve *s, const struct config               *config,
                              void (*say)(void *arg, const char *listener), void *arg,
                              struct err *e)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        struct entrance *n = entrance_of(s, &config->listeners[i]);
        char             path[KEPT_PEM_PATH_BYTES];
        struct tls_files files;
        bool             changed = false;
        if (n == NULL)
            continue;
        TRY(tls_files_of(s->config->relay.data, &config->listeners[i], path, &files, e));
        TRY(tls_config_reload(n->tls, &files, &changed, e));
        if (changed)
            say(arg, config->listeners[i].name);
    }
    return 0;
}

void serve_reload_source(struct serve *s, const char *channel, const struct config_source *source)
{
    for (size_t i = 0; i < s->world.channel_count; i++)
        if (strcmp(s->channels[i].name, channel) == 0 && s->channels[i].pool != NULL)
            pool_use_source(s->channels[i].pool, source);
}

void serve_reload_bounds(struct serve *s, const struct config *config)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        struct entrance *n = entrance_of(s, &config->listeners[i]);
        if (n == NULL)
            continue;
        set_bounds(n, &config->listeners[i]);
        roster_resize(s->roster, &n->gate.room, config->listeners[i].max_sessions,
                      all_sessions(config));
    }
}

/* ---- who is there ------------------------------------------------------------------------------
 */

struct listing {
    const struct session_world *world;
    void (*each)(void *arg, const struct serve_session *session);
    void *arg;
};

static void list_one(void *arg, const struct roster_entry *entry)
{
    struct listing               *l = arg;
    const struct session_channel *channel =
        entry->channel >= 0 ? &l->world->channels[entry->channel] : NULL;
    struct store_file    file;
    struct err           ignored = { 0 };
    store_pos            pos = atomic_load(&entry->pos);
    struct serve_session session = {
        .id = entry->id,
        .user = entry->user,
        .address = entry->address,
        .what = entry->what,
        .channel = channel != NULL ? channel->name : "",
        .tls = entry->tls,
        .streaming = entry->streaming,
        .server_id = entry->server_id,
        .since_s = entry->since_s,
        .sent_bytes = atomic_load(&entry->sent_bytes),
    };
    if (channel != NULL && pos != 0 &&
        store_file_by_ordinal(channel->store, store_pos_ordinal(pos), &file, &ignored) == 0) {
        (void)snprintf(session.file, sizeof session.file, "%s", file.name);
        session.offset = store_pos_offset(pos);
    }
    pos = atomic_load(&entry->acked);
    if (channel != NULL && pos != 0 &&
        store_file_by_ordinal(channel->store, store_pos_ordinal(pos), &file, &ignored) == 0) {
        (void)snprintf(session.acked_file, sizeof session.acked_file, "%s", file.name);
        session.acked_offset = store_pos_offset(pos);
    }
    if (channel != NULL && entry->streaming)
        session.what = pos >= store_published(channel->store) ? "has got all there is"
                                                              : "is being sent events";
    l->each(l->arg, &session);
}

void serve_logins(struct serve *s, struct serve_logins *out)
{
    struct penalty_counts n;
    penalty_counts(s->penalty, &n);
    *out = (struct serve_logins){ .failed = n.failed,
                                  .blocked = n.blocked,
                                  .slowed_addresses = n.addresses,
                                  .users = users_count(s->users) };
}

int serve_each_session(struct serve *s,
                       void (*each)(void *arg, const struct serve_session *session), void *arg,
                       struct err *e)
{
    struct listing l = { &s->world, each, arg };
    return roster_each(s->roster, list_one, &l, e);
}
