#include "relay/downstream/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "relay/downstream/listener.h"
#include "relay/log.h"
#include "relay/downstream/loop.h"

enum { LOOPS_MAX = 64 };

struct serve {
    const struct config *config;
    struct channel      *channel;
    struct session_world world;
    struct users        *users;
    struct auth_key     *key;
    struct roster       *roster;
    struct tls_config   *tls;
    struct listener     *listener;
    bool                 started;
    size_t               loop_count;
    struct loop         *loops[LOOPS_MAX];
};

static void facts_of_channel(void *arg, struct server_facts *out)
{
    channel_facts(arg, out);
}

/* To the loop that has the fewest sessions. Runs in the first loop's thread. */
static void on_accepted(void *arg, int fd, const char address[ROSTER_ADDRESS_BYTES])
{
    struct serve *s = arg;
    struct loop  *least = s->loops[0];
    for (size_t i = 1; i < s->loop_count; i++)
        if (loop_load(s->loops[i]) < loop_load(least))
            least = s->loops[i];
    loop_give(least, fd, address);
}

static int set_up(struct serve *s, struct err *e)
{
    const struct config_listener *c = &s->config->listener;
    size_t                        loops = s->config->relay.loops;

    TRY(users_new(s->config, &s->users, e));
    TRY(auth_key_new(&s->key, e));
    TRY(roster_new(c->max_sessions, &s->roster, e));
    if (c->tls_cert[0] != '\0')
        TRY(tls_config_new(c->tls_cert, c->tls_key, &s->tls, e));
    s->world = (struct session_world){
        .users = s->users,
        .key = s->key,
        .store = channel_store(s->channel),
        .roster = s->roster,
        .tls_offered = s->tls != NULL,
        .login_ms = c->login_timeout * 1000,
        .server_id = channel_server_id(s->channel),
        .server_uuid = channel_server_uuid(s->channel),
        .started_s = (int64_t)time(NULL),
        .facts = facts_of_channel,
        .facts_arg = s->channel,
    };
    loops = loops < 1 ? 1 : loops > LOOPS_MAX ? LOOPS_MAX : loops;
    for (; s->loop_count < loops; s->loop_count++)
        TRY(loop_new(&s->world, s->tls, &s->loops[s->loop_count], e));
    return listener_open(c->address, c->port, &s->listener, e);
}

int serve_new(const struct config *config, struct channel *channel, struct serve **out,
              struct err *e)
{
    struct serve *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(e, E_NOMEM, "no memory for the listener");
    s->config = config;
    s->channel = channel;
    if (set_up(s, e) != 0) {
        serve_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

int serve_start(struct serve *s, struct err *e)
{
    listener_attach(s->listener, loop_ev(s->loops[0]), on_accepted, s);
    s->started = true;
    for (size_t i = s->loop_count; i > 0; i--) {
        if (loop_start(s->loops[i - 1], e) != 0) {
            serve_stop(s);
            return -1;
        }
    }
    log_write(LOG_INFO, "serve", "listening on %s port %u", s->config->listener.address,
              listener_port(s->listener));
    return 0;
}

void serve_stop(struct serve *s)
{
    if (!s->started)
        return;
    for (size_t i = 0; i < s->loop_count; i++)
        loop_end_soon(s->loops[i]);
    /* The first loop's thread accepts: once it is gone nothing is handed over any more. */
    for (size_t i = 0; i < s->loop_count; i++) {
        loop_stop(s->loops[i]);
        if (i == 0)
            listener_detach(s->listener);
    }
    s->started = false;
}

void serve_free(struct serve *s)
{
    if (s == NULL)
        return;
    serve_stop(s);
    listener_close(s->listener);
    for (size_t i = 0; i < s->loop_count; i++)
        loop_free(s->loops[i]);
    tls_config_free(s->tls);
    roster_free(s->roster);
    auth_key_free(s->key);
    users_free(s->users);
    free(s);
}

uint16_t serve_port(const struct serve *s)
{
    return listener_port(s->listener);
}

/* ---- who is there ------------------------------------------------------------------------------
 */

struct listing {
    struct store *store;
    void (*each)(void *arg, const struct serve_session *session);
    void *arg;
};

static void list_one(void *arg, const struct roster_entry *entry)
{
    struct listing      *l = arg;
    struct store_file    file;
    struct err           ignored = { 0 };
    store_pos            pos = atomic_load(&entry->pos);
    struct serve_session session = {
        .id = entry->id,
        .user = entry->user,
        .address = entry->address,
        .what = entry->what,
        .tls = entry->tls,
        .streaming = entry->streaming,
        .server_id = entry->server_id,
        .since_s = entry->since_s,
        .sent_bytes = atomic_load(&entry->sent_bytes),
    };
    if (pos != 0 && store_file_by_ordinal(l->store, store_pos_ordinal(pos), &file, &ignored) == 0) {
        (void)snprintf(session.file, sizeof session.file, "%s", file.name);
        session.offset = store_pos_offset(pos);
    }
    if (entry->streaming)
        session.what =
            pos >= store_published(l->store) ? "has got all there is" : "is being sent events";
    l->each(l->arg, &session);
}

int serve_each_session(struct serve *s,
                       void (*each)(void *arg, const struct serve_session *session), void *arg,
                       struct err *e)
{
    struct listing l = { s->world.store, each, arg };
    return roster_each(s->roster, list_one, &l, e);
}
