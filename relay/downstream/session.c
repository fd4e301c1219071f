#include "relay/downstream/session_parts.h"

#include <stdio.h>
#include <time.h>
#include "relay/downstream/dump_request.h"
#include "relay/downstream/move_in.h"

enum {
    LOGIN_PACKET_MAX_BYTES = 64 * 1024,
    COMMAND_PACKET_MAX_BYTES = 1024 * 1024,
    PLACE_MS = 60 * 1000, /* for the relay to receive and sync what the source has */
    CLOSING_MS = 1000,
};

typedef void        on_packet_fn(struct session *s, struct slice payload);
static on_packet_fn on_command, on_streaming, on_nothing;

enum wait {
    WAIT_LOGIN,
    WAIT_IDLE,
    WAIT_PLACE,
    WAIT_RISE,
    WAIT_SLOWED,
    WAIT_FOR_EVER,
    WAIT_CLOSING
};

/* clang-format off */
static const struct phase {
    const char   *what;      /* for the operator */
    on_packet_fn *on_packet;
    enum wait     wait;
    uint32_t      packet_max;
} phases[SESSION_STATES] = {
    [AWAIT_HANDSHAKE] = { "logs in",     session_on_handshake, WAIT_LOGIN,    LOGIN_PACKET_MAX_BYTES },
    [AWAIT_TLS]       = { "begins TLS",  on_nothing,   WAIT_LOGIN,    0 },
    [AWAIT_AUTH]      = { "logs in",     session_on_auth, WAIT_LOGIN,    LOGIN_PACKET_MAX_BYTES },
    [AWAIT_COMMAND]   = { "is idle",     on_command,   WAIT_IDLE,     COMMAND_PACKET_MAX_BYTES },
    [FORWARDING]      = { "waits for the source", on_nothing, WAIT_FOR_EVER, COMMAND_PACKET_MAX_BYTES },
    [AWAIT_PLACE]     = { "waits for the relay to hold what the source has", on_nothing, WAIT_PLACE,
                          COMMAND_PACKET_MAX_BYTES },
    [AWAIT_RISE]      = { "waits for what is to be published", on_nothing, WAIT_RISE,
                          COMMAND_PACKET_MAX_BYTES },
    [STREAMING]       = { "is streamed", on_streaming, WAIT_FOR_EVER, COMMAND_PACKET_MAX_BYTES },
    [SLOWED]          = { "waits after a failed login", on_nothing, WAIT_SLOWED, 0 },
    [CLOSING]         = { "is closed",   on_nothing,   WAIT_CLOSING,  0 },
    [GONE]            = { "is closed",   on_nothing,   WAIT_CLOSING,  0 },
};
/* clang-format on */

size_t session_packet_max(const struct session *s)
{
    if (s->state == AWAIT_COMMAND && user_may(s->user, RIGHT_FORWARD))
        return PACKET_PAYLOAD_MAX;
    return phases[s->state].packet_max;
}

bool session_logging_in(const struct session *s)
{
    return phases[s->state].wait == WAIT_LOGIN;
}

/* At least one, since 0 is for ever. */
static uint32_t rise_ms(const struct query_wait *w)
{
    enum { NS_PER_MS = 1000000 };
    int64_t ms = w->timeout_ns / NS_PER_MS + 1;
    return ms < UINT32_MAX ? (uint32_t)ms : 0;
}

uint32_t session_wait_ms(const struct session *s)
{
    switch (phases[s->state].wait) {
    case WAIT_LOGIN:
        return s->gate->login_ms;
    case WAIT_IDLE:
        return s->gate->idle_ms;
    case WAIT_SLOWED:
        return s->slow_ms;
    case WAIT_PLACE:
        return PLACE_MS;
    case WAIT_RISE:
        return rise_ms(&s->wait);
    case WAIT_CLOSING:
        return CLOSING_MS;
    case WAIT_FOR_EVER:
        break;
    }
    return 0;
}

/* ---- small parts -------------------------------------------------------------------------------
 */

struct reply session_reply(struct session *s)
{
    return (struct reply){ .out = s->out,
                           .sequence = &s->sequence,
                           .capabilities = s->capabilities,
                           .status = s->query.autocommit ? 2 : 0 };
}

void session_enter(struct session *s, enum session_state state)
{
    struct roster_change c = roster_no_change();
    s->state = state;
    c.what = phases[state].what;
    c.streaming = state == STREAMING;
    roster_describe(s->world->roster, &s->entry, &c);
}

void session_say(const struct session *s, enum log_level level, const char *what)
{
    log_write(level, "serve", "session %u, user '%s' from %s: %s", s->entry.id,
              s->user_name[0] != '\0' ? s->user_name : "?", s->entry.address, what);
}

/* An answer is whole or, when even the buffer's bound was passed, is not there: then there is
   nothing to go on with. */
void session_check_out(struct session *s)
{
    struct err e = { 0 };
    if (buf_check(s->out, "answer", &e) != 0) {
        session_say(s, LOG_WARNING, e.text);
        s->state = GONE;
    }
}

void session_refuse(struct session *s, uint16_t number, const char state[5], const char *text)
{
    struct reply r = session_reply(s);
    reply_error(&r, number, state, "%s", text);
    session_enter(s, CLOSING);
    session_check_out(s);
}

void session_answer_ok(struct session *s)
{
    struct reply r = session_reply(s);
    reply_ok(&r);
}

void session_answer_error(struct session *s, uint16_t number, const char state[5], const char *text)
{
    struct reply r = session_reply(s);
    reply_error(&r, number, state, "%s", text);
}

/* ---- life --------------------------------------------------------------------------------------
 */

size_t session_channel_index(const struct session *s)
{
    assert(s->channel != NULL);
    return (size_t)(s->channel - s->world->channels);
}

void session_init(struct session *s, const struct session_world *w, struct session_gate *gate,
                  struct buf *out)
{
    struct roster_entry kept = s->entry;
    memset(s, 0, sizeof *s);
    memcpy(s->entry.address, kept.address, sizeof kept.address);
    s->entry.wake = kept.wake;
    s->entry.arg = kept.arg;
    s->entry.gate = &gate->room;
    s->entry.channel = -1;
    s->world = w;
    s->gate = gate;
    s->out = out;
    s->state = AWAIT_HANDSHAKE;
    s->entry.what = phases[AWAIT_HANDSHAKE].what;
    (void)snprintf(s->host, sizeof s->host, "%s", s->entry.address);
    char *colon = strrchr(s->host, ':');
    if (colon != NULL)
        *colon = '\0';
    s->host[strcspn(s->host, "%")] = '\0'; /* the interface of a link-local address */
    query_session_init(&s->query);
}

void session_done(struct session *s)
{
    char line[STORE_NAME_BYTES + 64];
    if (s->dump != NULL) {
        (void)snprintf(line, sizeof line, "its stream ended at %s:%llu", dump_file(s->dump),
                       (unsigned long long)store_pos_offset(dump_pos(s->dump)));
        session_say(s, LOG_INFO, line);
    }
    if (s->entry.id != 0)
        roster_remove(s->world->roster, &s->entry);
    if (s->consumer != NULL)
        consumers_leave(s->channel->consumers, s->consumer, &s->entry.pos);
    s->consumer = NULL;
    dump_close(s->dump);
    s->dump = NULL;
    session_login_done(s);
    session_forward_done(s);
    query_session_done(&s->query);
    remembered_release(s->variables);
    s->variables = NULL;
}

void session_on_packet(struct session *s, uint8_t sequence, struct slice payload)
{
    assert(s->state < SESSION_STATES);
    /* Every command begins a new count; a stream's acknowledgements do, too. */
    if (s->state == AWAIT_COMMAND)
        s->sequence = 0;
    if (s->state != STREAMING) {
        if (sequence != s->sequence && s->state != CLOSING && s->state != SLOWED) {
            session_say(s, LOG_INFO, "packets out of order");
            s->sequence = (uint8_t)(sequence + 1);
            session_refuse(s, ER_NET_PACKETS_OUT_OF_ORDER, "08S01", "Got packets out of order");
            return;
        }
        s->sequence++;
    }
    phases[s->state].on_packet(s, payload);
    session_check_out(s);
}

static void on_nothing(struct session *s, struct slice payload)
{
    (void)s;
    (void)payload;
}

void session_on_error(struct session *s, const struct err *why)
{
    session_say(s, LOG_INFO, why->text);
    bool can_tell =
        s->state != CLOSING && s->state != SLOWED && s->state != AWAIT_TLS && s->state != STREAMING;
    if (why->kind != E_LIMIT || !can_tell) {
        session_enter(s, GONE);
    } else if (session_logging_in(s)) {
        session_refuse(s, ER_HANDSHAKE_ERROR, "08S01", "Bad handshake");
    } else {
        s->sequence = 1;
        session_refuse_large(s);
    }
}

void session_finish(struct session *s)
{
    if (s->state != STREAMING) {
        s->state = GONE;
        return;
    }
    s->ends_soon = true;
    dump_end_soon(s->dump);
}

void session_on_timeout(struct session *s)
{
    if (s->state == AWAIT_PLACE) {
        session_place_timeout(s);
        return;
    }
    if (s->state == AWAIT_RISE) {
        session_rise_timeout(s);
        return;
    }
    if (s->state == SLOWED) {
        session_answer_denied(s);
        return;
    }
    if (session_logging_in(s))
        session_say(s, LOG_INFO, "did not log in in time");
    else if (s->state == AWAIT_COMMAND)
        session_say(s, LOG_INFO, "was idle for too long");
    session_enter(s, GONE);
}

void session_on_stuck(struct session *s)
{
    char line[96];
    (void)snprintf(line, sizeof line, "took no bytes for %u s (write_timeout)",
                   atomic_load(&s->gate->write_ms) / 1000);
    session_say(s, LOG_INFO, line);
    session_enter(s, GONE);
}

void session_on_reload(struct session *s)
{
    if (s->user == NULL || s->state == GONE)
        return;
    struct user *now = users_hold(s->world->users, slice_of_text(s->user->name));
    if (now == NULL) {
        session_say(s, LOG_INFO, "ended: its user was removed");
        session_enter(s, GONE);
        return;
    }
    /* What both are counted in is the same, unless the user was away in between. */
    if (s->counted && now->live != s->user->live) {
        atomic_fetch_sub(&s->user->live->connections, 1);
        atomic_fetch_add(&now->live->connections, 1);
    }
    user_release(s->user);
    s->user = now;
    if (s->state == STREAMING && !user_may(now, RIGHT_REPLICATE)) {
        session_say(s, LOG_INFO, "ended: its user may not replicate any more");
        session_enter(s, GONE);
    }
}

void session_on_cancel(struct session *s)
{
    if (!atomic_exchange(&s->entry.cancel, false))
        return;
    if (s->state == FORWARDING || s->state == AWAIT_PLACE || s->state == AWAIT_RISE) {
        session_forward_kill(s);
    } else if (s->state == STREAMING) {
        session_say(s, LOG_INFO, "ended by KILL QUERY");
        session_enter(s, GONE);
    }
}

void session_on_end(struct session *s)
{
    int why = atomic_load(&s->entry.end);
    if (s->state == GONE || why == ROSTER_STAYS)
        return;
    bool tell = why == ROSTER_SUPERSEDED && s->facts.family == FAMILY_MARIADB &&
                s->state == STREAMING && dump_between_packets(s->dump);
    session_say(s, LOG_INFO,
                why == ROSTER_SUPERSEDED ? "ended: the same replica has connected again"
                                         : "ended by KILL");
    if (!tell) {
        session_enter(s, GONE);
        return;
    }
    struct reply       r = session_reply(s);
    unsigned long long at = store_pos_offset(dump_pos(s->dump));
    reply_error(&r, ER_SLAVE_SAME_ID, "HY000",
                "A slave with the same server_uuid/server_id is already connected; the first "
                "event '.' at 4, the last event read from '%s' at %llu, the last byte read from "
                "'%s' at %llu.",
                dump_file(s->dump), at, dump_file(s->dump), at);
    session_enter(s, CLOSING);
    session_check_out(s);
}

/* ---- commands ----------------------------------------------------------------------------------
 */

static enum query_kill kill_session(void *arg, uint32_t thread_id, bool query)
{
    struct session *s = arg;
    const char     *only = user_may(s->user, RIGHT_ADMIN) ? NULL : s->user->name;
    switch (roster_kill(s->world->roster, thread_id, only, query)) {
    case ROSTER_KILL_DONE:
        return QUERY_KILL_DONE;
    case ROSTER_KILL_NOT_YOURS:
        return QUERY_KILL_DENIED;
    case ROSTER_KILL_UNKNOWN:
        break;
    }
    return QUERY_KILL_UNKNOWN;
}

struct peers {
    const struct session *session;
    query_each_peer      *each;
    void                 *arg;
};

static void give_peer(void *arg, const struct roster_entry *entry)
{
    const struct peers   *p = arg;
    const struct session *s = p->session;

    if (entry->channel != s->entry.channel)
        return;
    store_pos         pos = atomic_load_explicit(&entry->pos, memory_order_relaxed);
    struct query_peer one = {
        .id = entry->id,
        .user = entry->user,
        .address = entry->address,
        .since_s = entry->since_s,
        .streaming = entry->streaming,
        .semi_sync = atomic_load_explicit(&entry->semi_sync, memory_order_relaxed),
        .at_end = pos >= store_published(s->channel->store),
        .command = entry->command != NULL ? entry->command : "Binlog Dump",
        .registered = entry->registered,
        .server_id = entry->server_id,
        .replica_uuid = entry->replica_uuid,
        .replica_host = entry->replica_host,
        .replica_port = entry->replica_port,
    };
    p->each(p->arg, &one);
}

static int each_peer(void *arg, query_each_peer *each, void *each_arg, struct err *e)
{
    struct session *s = arg;
    struct peers    p = { .session = s, .each = each, .arg = each_arg };
    return roster_each(s->world->roster, give_peer, &p, e);
}

static struct slice behind_command(struct slice payload)
{
    struct cursor c = cursor_over(payload);
    cursor_skip(&c, 1);
    return cursor_rest(&c);
}

/* Who sends this once has lost count of its bytes, and nothing it sends can be made sense of. */
void session_refuse_malformed(struct session *s)
{
    session_say(s, LOG_INFO, "sent a malformed packet");
    session_refuse(s, ER_MALFORMED_PACKET, "HY000", "Malformed communication packet.");
}

struct query_env session_env(struct session *s)
{
    return (struct query_env){
        .facts = &s->facts,
        .variables = s->variables,
        .store = s->channel->store,
        .relay_server_id = s->channel->server_id,
        .relay_uuid = s->channel->server_uuid,
        .thread_id = s->entry.id,
        .user = s->user->name,
        .host = s->host,
        .hosts = s->user->hosts,
        .rights = s->user->rights,
        .coordinates = s->user->coordinates,
        .session = &s->query,
        .kill = kill_session,
        .kill_arg = s,
        .each_peer = each_peer,
        .status = s->channel->status,
        .status_arg = s->channel->facts_arg,
        .started_s = s->world->started_s,
        .tls_version = s->tls_version,
        .tls_cipher = s->tls_cipher,
    };
}

static void on_quit(struct session *s, struct slice payload)
{
    (void)payload;
    session_enter(s, GONE);
}

static void on_ping(struct session *s, struct slice payload)
{
    if (!session_forward_plain(s, payload))
        session_answer_ok(s);
}

static void on_init_db(struct session *s, struct slice payload)
{
    if (session_forward_init_db(s, payload))
        return;
    if (query_set_database(&s->query, behind_command(payload)) == 0)
        session_answer_ok(s);
    else
        session_answer_error(s, ER_BAD_DB_ERROR, "42000", "Unknown database");
}

static void on_statistics(struct session *s, struct slice payload)
{
    (void)payload;
    struct packet p = packet_begin(s->out);
    buf_printf(s->out, "Uptime: %lld", (long long)time(NULL) - (long long)s->world->started_s);
    packet_end(&p, &s->sequence);
}

static void on_process_kill(struct session *s, struct slice payload)
{
    struct cursor c = cursor_over(behind_command(payload));
    uint32_t      id = cursor_u32(&c);
    struct reply  r = session_reply(s);
    if (c.failed) {
        session_refuse_malformed(s);
        return;
    }
    switch (kill_session(s, id, false)) {
    case QUERY_KILL_DONE:
        reply_ok(&r);
        break;
    case QUERY_KILL_DENIED:
        reply_error(&r, ER_KILL_DENIED_ERROR, "HY000", "You are not owner of thread %u", id);
        break;
    case QUERY_KILL_UNKNOWN:
        reply_error(&r, ER_NO_SUCH_THREAD, "HY000", "Unknown thread id: %u", id);
        break;
    }
}

static void on_set_option(struct session *s, struct slice payload)
{
    (void)payload;
    struct reply r = session_reply(s);
    reply_rows_end(&r);
}

static void on_reset(struct session *s, struct slice payload)
{
    (void)payload;
    session_forward_done(s);
    query_session_reset(&s->query);
    session_answer_ok(s);
}

/* What a server says to an account without REPLICATION SLAVE. */
static bool may_replicate(struct session *s)
{
    if (user_may(s->user, RIGHT_REPLICATE))
        return true;
    session_say(s, LOG_WARNING, "refused: this user lacks the right 'replicate'");
    session_answer_error(
        s, ER_SPECIFIC_ACCESS_DENIED_ERROR, "42000",
        "Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s) "
        "for this operation");
    return false;
}

static void on_register(struct session *s, struct slice payload)
{
    struct err e = { 0 };
    if (!may_replicate(s))
        return;
    if (command_parse_register(payload, &s->replica, &e) != 0) {
        session_refuse_malformed(s);
        return;
    }
    struct roster_change c = roster_no_change();
    c.server_id = s->replica.server_id;
    c.replica_host = s->replica.host;
    c.replica_port = s->replica.port;
    c.replica_uuid = query_variable_either(&s->query, "replica_uuid", "slave_uuid");
    roster_describe(s->world->roster, &s->entry, &c);
    session_answer_ok(s);
}

/* Files are held for it from here on, also when it is away. */
static void remember(struct session *s)
{
    struct consumer_who who = { .user = s->user->name,
                                .uuid = s->entry.replica_uuid,
                                .address = s->host,
                                .server_id = s->entry.server_id };
    s->consumer = consumers_come(s->channel->consumers, &who, &s->entry.pos);
    if (s->consumer == NULL)
        session_say(s, LOG_WARNING,
                    "there are too many consumers to remember this one: no files are held "
                    "for it while it is away");
}

/* A position that was stored at another server becomes the relay's. */
static int move_in(struct session *s, struct command_dump *asked, struct err *e)
{
    const char               *uuid = query_variable_either(&s->query, "replica_uuid", "slave_uuid");
    const struct consumer_who who = { .user = s->user->name,
                                      .uuid = uuid != NULL ? uuid : "",
                                      .address = s->host,
                                      .server_id = asked->server_id };

    if (s->user->coordinates[0] == '\0' || asked->by_gtid_set || asked->file[0] == '\0' ||
        query_variable(&s->query, "slave_connect_state") != NULL)
        return 0;
    return move_in_locate(s->channel->store, s->channel->consumers, &who, s->user->coordinates,
                          asked, e);
}

static void on_dump(struct session *s, struct slice payload)
{
    struct command_dump  asked;
    struct dump_request  request = { .capability = -1 };
    struct err           e = { 0 };
    struct roster_change c = roster_no_change();
    char                 line[ERR_TEXT_BYTES + 64];

    if (command_parse_dump(payload, &asked, &e) != 0) {
        session_refuse_malformed(s);
        return;
    }
    if (!may_replicate(s))
        return;
    bool stays = asked.server_id != 0 && (asked.flags & DUMP_NON_BLOCK) == 0;
    if (move_in(s, &asked, &e) != 0 ||
        dump_request_from(&asked, &s->facts, &s->query, s->channel->server_id, &request, &e) != 0 ||
        dump_open(s->channel->store, &request, &s->dump, &e) != 0) {
        (void)snprintf(line, sizeof line, "can't stream: %s", e.text);
        session_say(s, LOG_WARNING, line);
        session_refuse(s, ER_MASTER_FATAL_ERROR_READING_BINLOG, "HY000", e.text);
        dump_request_done(&request);
        return;
    }
    c.server_id = asked.server_id;
    c.command = asked.by_gtid_set ? "Binlog Dump GTID" : "Binlog Dump";
    c.replica_uuid = query_variable_either(&s->query, "replica_uuid", "slave_uuid");
    roster_describe(s->world->roster, &s->entry, &c);
    (void)roster_supersede(s->world->roster, &s->entry);
    s->heartbeat_ns = dump_request_heartbeat_ns(&s->query);
    atomic_store_explicit(&s->entry.semi_sync, request.semi_sync, memory_order_relaxed);
    atomic_store_explicit(&s->entry.pos, dump_pos(s->dump), memory_order_relaxed);
    if (stays && s->channel->consumers != NULL)
        remember(s);
    session_enter(s, STREAMING);
    (void)snprintf(line, sizeof line, "streams to server_id %u from %s:%llu", asked.server_id,
                   dump_file(s->dump), (unsigned long long)store_pos_offset(dump_pos(s->dump)));
    session_say(s, LOG_INFO, line);
}

/* COM_BINLOG_DUMP_GTID is unknown to MariaDB and to MySQL before 5.6. */
static void on_dump_gtid(struct session *s, struct slice payload)
{
    if (s->facts.family == FAMILY_MARIADB || s->facts.gtid_mode[0] == '\0')
        session_answer_error(s, ER_UNKNOWN_COM_ERROR, "08S01", "Unknown command");
    else
        on_dump(s, payload);
}

/* clang-format off */
static on_packet_fn *const commands[256] = {
    [COM_QUIT]             = on_quit,
    [COM_INIT_DB]          = on_init_db,
    [COM_QUERY]            = session_on_query,
    [COM_FIELD_LIST]       = session_on_field_list,
    [COM_STATISTICS]       = on_statistics,
    [COM_PROCESS_KILL]     = on_process_kill,
    [COM_PING]             = on_ping,
    [COM_BINLOG_DUMP]      = on_dump,
    [COM_REGISTER_SLAVE]   = on_register,
    [COM_STMT_PREPARE]     = session_on_prepare,
    [COM_STMT_EXECUTE]     = session_on_statement,
    [COM_STMT_LONG_DATA]   = session_on_statement_quiet,
    [COM_STMT_CLOSE]       = session_on_statement_quiet,
    [COM_STMT_RESET]       = session_on_statement,
    [COM_SET_OPTION]       = on_set_option,
    [COM_STMT_FETCH]       = session_on_statement,
    [COM_BINLOG_DUMP_GTID] = on_dump_gtid,
    [COM_RESET_CONNECTION] = on_reset,
    [COM_CHANGE_USER]      = session_on_change_user,
};
/* clang-format on */

static void on_command(struct session *s, struct slice payload)
{
    struct cursor c = cursor_over(payload);
    uint8_t       command = cursor_u8(&c);
    on_packet_fn *handler = c.failed ? NULL : commands[command];
    if (c.failed)
        session_refuse_malformed(s);
    else if (payload.len == PACKET_PAYLOAD_MAX)
        session_on_large(s, payload);
    else if (handler == NULL)
        session_answer_error(s, ER_UNKNOWN_COM_ERROR, "08S01", "Unknown command");
    else
        handler(s, payload);
}

/* ---- the stream --------------------------------------------------------------------------------
 */

/* What a semi-synchronous replica has safe. It is told to the operator, and so nothing is believed
   that was not sent. */
static void on_ack(struct session *s, struct slice payload)
{
    struct cursor     c = cursor_over(payload);
    struct store_file file;
    struct err        ignored = { 0 };
    char              name[STORE_NAME_BYTES + 1];

    cursor_skip(&c, 1);
    uint64_t     offset = cursor_u64(&c);
    struct slice said = cursor_rest(&c);
    if (c.failed || said.len >= sizeof name || offset > STORE_OFFSET_MAX)
        return;
    memcpy(name, said.ptr, said.len);
    name[said.len] = '\0';
    if (store_file_by_name(s->channel->store, name, &file, &ignored) != 0)
        return;
    store_pos acked = store_pos_at(file.ordinal, offset);
    if (acked <= dump_pos(s->dump))
        atomic_store_explicit(&s->entry.acked, acked, memory_order_relaxed);
}

/* A replica sends nothing but acknowledgements and, at its end, COM_QUIT. */
static void on_streaming(struct session *s, struct slice payload)
{
    if (payload.len > 0 && payload.ptr[0] == DUMP_SEMI_SYNC_MAGIC) {
        on_ack(s, payload);
        return;
    }
    if (payload.len == 0 || payload.ptr[0] != COM_QUIT)
        session_say(s, LOG_INFO, "sent something in the middle of its stream");
    session_enter(s, GONE);
}

/* What was agreed with the consumer (checksums, above all) was so for the former source's version:
   it asks anew when its connection ends without an error. */
static bool greeted_as_another(const struct session *s)
{
    struct server_facts now;

    s->channel->facts(s->channel->facts_arg, &now);
    return now.family != s->facts.family || now.version_number != s->facts.version_number;
}

static void stream_failed(struct session *s, const struct err *e)
{
    char line[ERR_TEXT_BYTES + 64];
    (void)snprintf(line, sizeof line, "stream ended at %s:%llu: %s", dump_file(s->dump),
                   (unsigned long long)store_pos_offset(dump_pos(s->dump)), e->text);
    session_say(s, LOG_WARNING, line);
    if (dump_between_packets(s->dump) && !(e->kind == E_PROTOCOL && greeted_as_another(s)))
        session_refuse(s, ER_MASTER_FATAL_ERROR_READING_BINLOG, "HY000", e->text);
    else
        session_enter(s, CLOSING);
}

static int64_t pay(const struct user *user, size_t bytes)
{
    struct timespec now;

    if (user->bandwidth == 0)
        return 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return meter_charge(&user->live->meter, bytes, user->bandwidth,
                        (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
}

/* So many consumers that are all behind share this for what is on its way to them. */
static size_t portion(uint32_t sessions)
{
    enum { TOGETHER_BYTES = 32 * 1024 * 1024 };
    size_t each = TOGETHER_BYTES / (sessions != 0 ? sessions : 1);
    return each < DUMP_BLOCK_BYTES ? each : DUMP_BLOCK_BYTES;
}

static void note_streamed(struct session *s, size_t bytes)
{
    atomic_store_explicit(&s->entry.pos, dump_pos(s->dump), memory_order_relaxed);
    atomic_fetch_add_explicit(&s->entry.sent_bytes, bytes, memory_order_relaxed);
}

bool session_tail(struct session *s, struct tail *const tails[2], struct slice *out)
{
    assert(s->state == STREAMING && s->out->len == 0);
    struct tail *t = tails[dump_annotates(s->dump)];
    if (t == NULL || s->user->bandwidth != 0 || !dump_tail(s->dump, t, &s->sequence, out))
        return false;
    note_streamed(s, out->len);
    return true;
}

void session_stream(struct session *s, struct stretches *stretches, enum dump_step *step)
{
    struct err e = { 0 };
    size_t     filled = 0;
    assert(s->state == STREAMING && s->out->len == 0);
    *step = DUMP_AT_END;
    size_t   wanted = dump_room(s->dump, portion(roster_count(s->world->roster)));
    size_t   room = s->ends_soon ? wanted : meter_portion(s->user->bandwidth, wanted);
    uint8_t *into = buf_extend(s->out, room);
    if (into == NULL) {
        session_check_out(s);
        return;
    }
    /* A portion of a bandwidth is what is copied. */
    dump_point(s->dump, s->user->bandwidth == 0 ? stretches : NULL);
    int result = dump_fill(s->dump, into, room, &filled, &s->sequence, step, &e);
    s->out->len = filled;
    filled += stretches != NULL ? stretches->total : 0;
    note_streamed(s, filled);
    s->pay_ns = s->ends_soon ? 0 : pay(s->user, filled);
    if (result != 0) {
        stream_failed(s, &e);
    } else if (*step == DUMP_OVER && s->ends_soon) {
        session_enter(s, CLOSING);
    } else if (*step == DUMP_OVER) {
        struct reply r = session_reply(s);
        r.status = 2;
        reply_eof(&r);
        session_enter(s, CLOSING);
        session_check_out(s);
    }
}

void session_heartbeat(struct session *s)
{
    struct err e = { 0 };
    assert(s->state == STREAMING);
    if (dump_heartbeat(s->dump, &e) != 0)
        stream_failed(s, &e);
}
