#include "relay/downstream/session.h"

#include <stdio.h>
#include <time.h>
#include "relay/downstream/dump_request.h"
#include "relay/log.h"

enum {
    LOGIN_PACKET_MAX_BYTES = 64 * 1024,
    COMMAND_PACKET_MAX_BYTES = 1024 * 1024,
    IDLE_MS = 8 * 3600 * 1000, /* as the servers' wait_timeout */
    CLOSING_MS = 1000,
};

/* Error numbers of the protocol that are the same in both families. */
enum {
    ER_CON_COUNT_ERROR = 1040,
    ER_HANDSHAKE_ERROR = 1043,
    ER_ACCESS_DENIED_ERROR = 1045,
    ER_UNKNOWN_COM_ERROR = 1047,
    ER_BAD_DB_ERROR = 1049,
    ER_MALFORMED_PACKET = 1835,
    ER_NO_SUCH_THREAD = 1094,
    ER_KILL_DENIED_ERROR = 1095,
    ER_NET_PACKET_TOO_LARGE = 1153,
    ER_NET_PACKETS_OUT_OF_ORDER = 1156,
    ER_SPECIFIC_ACCESS_DENIED_ERROR = 1227,
    ER_MASTER_FATAL_ERROR_READING_BINLOG = 1236,
    ER_SLAVE_SAME_ID = 4052, /* MariaDB */
};

typedef void        on_packet_fn(struct session *s, struct slice payload);
static on_packet_fn on_handshake, on_auth, on_command, on_streaming, on_nothing;

enum wait { WAIT_LOGIN, WAIT_IDLE, WAIT_FOR_EVER, WAIT_CLOSING };

/* clang-format off */
static const struct phase {
    const char   *what;      /* for the operator */
    on_packet_fn *on_packet;
    enum wait     wait;
    uint32_t      packet_max;
} phases[SESSION_STATES] = {
    [AWAIT_HANDSHAKE] = { "logs in",     on_handshake, WAIT_LOGIN,    LOGIN_PACKET_MAX_BYTES },
    [AWAIT_TLS]       = { "begins TLS",  on_nothing,   WAIT_LOGIN,    0 },
    [AWAIT_AUTH]      = { "logs in",     on_auth,      WAIT_LOGIN,    LOGIN_PACKET_MAX_BYTES },
    [AWAIT_COMMAND]   = { "is idle",     on_command,   WAIT_IDLE,     COMMAND_PACKET_MAX_BYTES },
    [STREAMING]       = { "is streamed", on_streaming, WAIT_FOR_EVER, COMMAND_PACKET_MAX_BYTES },
    [CLOSING]         = { "is closed",   on_nothing,   WAIT_CLOSING,  0 },
    [GONE]            = { "is closed",   on_nothing,   WAIT_CLOSING,  0 },
};
/* clang-format on */

size_t session_packet_max(const struct session *s)
{
    return phases[s->state].packet_max;
}

bool session_logging_in(const struct session *s)
{
    return phases[s->state].wait == WAIT_LOGIN;
}

uint32_t session_wait_ms(const struct session *s)
{
    switch (phases[s->state].wait) {
    case WAIT_LOGIN:
        return s->gate->login_ms;
    case WAIT_IDLE:
        return IDLE_MS;
    case WAIT_CLOSING:
        return CLOSING_MS;
    case WAIT_FOR_EVER:
        break;
    }
    return 0;
}

/* ---- small parts -------------------------------------------------------------------------------
 */

static struct reply reply_to(struct session *s)
{
    return (struct reply){ .out = s->out,
                           .sequence = &s->sequence,
                           .capabilities = s->capabilities,
                           .status = s->query.autocommit ? 2 : 0 };
}

static void enter(struct session *s, enum session_state state)
{
    struct roster_change c = roster_no_change();
    s->state = state;
    c.what = phases[state].what;
    c.streaming = state == STREAMING;
    roster_describe(s->world->roster, &s->entry, &c);
}

static void say(const struct session *s, enum log_level level, const char *what)
{
    log_write(level, "serve", "session %u, user '%s' from %s: %s", s->entry.id,
              s->user_name[0] != '\0' ? s->user_name : "?", s->entry.address, what);
}

/* An answer is whole or, when even the buffer's bound was passed, is not there: then there is
   nothing to go on with. */
static void check_out(struct session *s)
{
    struct err e = { 0 };
    if (buf_check(s->out, "answer", &e) != 0) {
        say(s, LOG_WARNING, e.text);
        s->state = GONE;
    }
}

static void refuse(struct session *s, uint16_t number, const char state[5], const char *text)
{
    struct reply r = reply_to(s);
    reply_error(&r, number, state, "%s", text);
    enter(s, CLOSING);
    check_out(s);
}

static void refuse_bad_handshake(struct session *s, const char *why)
{
    say(s, LOG_INFO, why);
    refuse(s, ER_HANDSHAKE_ERROR, "08S01", "Bad handshake");
}

static void answer_ok(struct session *s)
{
    struct reply r = reply_to(s);
    reply_ok(&r);
}

static void answer_error(struct session *s, uint16_t number, const char state[5], const char *text)
{
    struct reply r = reply_to(s);
    reply_error(&r, number, state, "%s", text);
}

/* What a peer calls itself, fit for a log line. */
static void take_name(char *into, size_t size, struct slice name)
{
    size_t n = name.len < size - 1 ? name.len : size - 1;
    for (size_t i = 0; i < n; i++)
        into[i] = name.ptr[i] >= 0x20 && name.ptr[i] != 0x7f ? (char)name.ptr[i] : '?';
    into[n] = '\0';
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
    query_session_init(&s->query);
}

void session_done(struct session *s)
{
    char line[STORE_NAME_BYTES + 64];
    if (s->dump != NULL) {
        (void)snprintf(line, sizeof line, "its stream ended at %s:%llu", dump_file(s->dump),
                       (unsigned long long)store_pos_offset(dump_pos(s->dump)));
        say(s, LOG_INFO, line);
    }
    if (s->entry.id != 0)
        roster_remove(s->world->roster, &s->entry);
    dump_close(s->dump);
    s->dump = NULL;
    query_session_done(&s->query);
}

/* Before the greeting an error has no SQL state: nothing is known of the client yet. */
static void refuse_ungreeted(struct session *s, const char *text)
{
    struct packet p = packet_begin(s->out);
    buf_put_u8(s->out, 0xff);
    buf_put_le(s->out, ER_CON_COUNT_ERROR, 2);
    buf_put_text(s->out, text);
    packet_end(&p, &s->sequence);
    s->state = CLOSING;
}

enum { MYSQL_WITH_SHA2 = 80000, MYSQL_WITH_DEPRECATE_EOF = 50705, MYSQL_WITH_ATTRIBUTES = 80023 };
enum { MARIADB_PLAIN_VERSION = 110000, MARIADB_WITH_DEPRECATE_EOF = 100200 };
enum { MARIADB_WITH_UCA1400 = 110600 };
enum { CHARSET_LATIN1 = 8, CHARSET_UTF8MB4 = 45, CHARSET_UTF8MB4_0900 = 255 };

static uint32_t capabilities_of(const struct server_facts *f, bool tls)
{
    bool     mysql = f->family == FAMILY_MYSQL;
    uint32_t c = CAP_FOUND_ROWS | CAP_LONG_FLAG | CAP_CONNECT_WITH_DB | CAP_PROTOCOL_41 |
                 CAP_INTERACTIVE | CAP_TRANSACTIONS | CAP_SECURE_CONNECTION | CAP_MULTI_RESULTS |
                 CAP_PLUGIN_AUTH | CAP_CONNECT_ATTRS | CAP_PLUGIN_AUTH_LENENC;
    /* MariaDB tells itself apart by this bit: clear, extended capabilities follow. */
    if (mysql)
        c |= CAP_LONG_PASSWORD;
    if (tls)
        c |= CAP_SSL;
    if (f->version_number >= (mysql ? MYSQL_WITH_DEPRECATE_EOF : MARIADB_WITH_DEPRECATE_EOF))
        c |= CAP_DEPRECATE_EOF;
    if (mysql && f->version_number >= MYSQL_WITH_ATTRIBUTES)
        c |= CAP_QUERY_ATTRIBUTES;
    return c;
}

static enum auth_method method_of(const struct server_facts *f)
{
    return f->family == FAMILY_MYSQL && f->version_number >= MYSQL_WITH_SHA2 ? AUTH_CACHING_SHA2
                                                                             : AUTH_NATIVE;
}

static uint8_t charset_of(const struct server_facts *f)
{
    if (f->family == FAMILY_MYSQL)
        return f->version_number >= MYSQL_WITH_SHA2 ? CHARSET_UTF8MB4_0900 : CHARSET_LATIN1;
    return f->version_number >= MARIADB_WITH_UCA1400 ? CHARSET_UTF8MB4 : CHARSET_LATIN1;
}

/* Has something to serve; *out is what is known of its source. */
static bool channel_serves(const struct session_channel *c, struct server_facts *out)
{
    if (c->store == NULL)
        return false;
    c->facts(c->facts_arg, out);
    return out->known && store_published(c->store) != 0;
}

static const char *why_not_served(const struct session_channel *c, const struct server_facts *f)
{
    if (c->store == NULL)
        return "binrelay could not open this channel; its operator sees why";
    return f->known ? "binrelay has not received anything from its source yet"
                    : "binrelay has not reached its source yet";
}

/* The channel to greet as. NULL after saying why there is none. */
static const struct session_channel *greeting_channel(struct session *s)
{
    const struct session_world   *w = s->world;
    const struct session_channel *c = s->gate->channel;

    for (size_t i = 0; c == NULL && i < w->channel_count; i++)
        if (channel_serves(&w->channels[i], &s->facts))
            c = &w->channels[i];
    if (c == NULL)
        c = &w->channels[0];
    if (channel_serves(c, &s->facts))
        return c;
    /* A refused login is tried again by every replica; a refused dump would stop it for good. */
    const char *why = why_not_served(c, &s->facts);
    refuse_ungreeted(s, why);
    say(s, LOG_INFO, why);
    return NULL;
}

void session_greet(struct session *s)
{
    const struct session_world *w = s->world;
    struct err                  e = { 0 };
    char                        version[sizeof s->facts.version + 8];

    if (roster_add(w->roster, &s->entry, &e) != 0) {
        log_write(LOG_WARNING, "serve", "refused %s: %s", s->entry.address, e.text);
        refuse_ungreeted(s, "Too many connections");
        return;
    }
    s->channel = greeting_channel(s);
    if (s->channel == NULL)
        return;
    if (auth_scramble(s->scramble, &e) != 0) {
        say(s, LOG_ERROR, e.text);
        s->state = GONE;
        return;
    }
    bool hidden =
        s->facts.family == FAMILY_MARIADB && s->facts.version_number < MARIADB_PLAIN_VERSION;
    (void)snprintf(version, sizeof version, "%s%s", hidden ? "5.5.5-" : "", s->facts.version);
    s->offered = capabilities_of(&s->facts, s->gate->tls_offered);
    struct greeting g = {
        .version = version,
        .thread_id = s->entry.id,
        .capabilities = s->offered,
        .charset = charset_of(&s->facts),
        .plugin = auth_method_name(method_of(&s->facts)),
    };
    memcpy(g.scramble, s->scramble, sizeof g.scramble);
    struct packet p = packet_begin(s->out);
    handshake_put_greeting(s->out, &g);
    packet_end(&p, &s->sequence);
    check_out(s);
}

void session_on_packet(struct session *s, uint8_t sequence, struct slice payload)
{
    assert(s->state < SESSION_STATES);
    /* Every command begins a new count; a stream's acknowledgements do, too. */
    if (s->state == AWAIT_COMMAND)
        s->sequence = 0;
    if (s->state != STREAMING) {
        if (sequence != s->sequence && s->state != CLOSING) {
            say(s, LOG_INFO, "packets out of order");
            s->sequence = (uint8_t)(sequence + 1);
            refuse(s, ER_NET_PACKETS_OUT_OF_ORDER, "08S01", "Got packets out of order");
            return;
        }
        s->sequence++;
    }
    phases[s->state].on_packet(s, payload);
    check_out(s);
}

static void on_nothing(struct session *s, struct slice payload)
{
    (void)s;
    (void)payload;
}

void session_on_error(struct session *s, const struct err *why)
{
    say(s, LOG_INFO, why->text);
    bool can_tell = s->state != CLOSING && s->state != AWAIT_TLS && s->state != STREAMING;
    if (why->kind != E_LIMIT || !can_tell) {
        enter(s, GONE);
    } else if (session_logging_in(s)) {
        refuse(s, ER_HANDSHAKE_ERROR, "08S01", "Bad handshake");
    } else {
        s->sequence = 1;
        refuse(s, ER_NET_PACKET_TOO_LARGE, "08S01",
               "Got a packet bigger than 'max_allowed_packet' bytes");
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
    if (session_logging_in(s))
        say(s, LOG_INFO, "did not log in in time");
    else if (s->state == AWAIT_COMMAND)
        say(s, LOG_INFO, "was idle for too long");
    enter(s, GONE);
}

void session_on_end(struct session *s)
{
    int why = atomic_load(&s->entry.end);
    if (s->state == GONE || why == ROSTER_STAYS)
        return;
    bool tell = why == ROSTER_SUPERSEDED && s->facts.family == FAMILY_MARIADB &&
                s->state == STREAMING && dump_between_packets(s->dump);
    say(s, LOG_INFO,
        why == ROSTER_SUPERSEDED ? "ended: the same replica has connected again" : "ended by KILL");
    if (!tell) {
        enter(s, GONE);
        return;
    }
    struct reply       r = reply_to(s);
    unsigned long long at = store_pos_offset(dump_pos(s->dump));
    reply_error(&r, ER_SLAVE_SAME_ID, "HY000",
                "A slave with the same server_uuid/server_id is already connected; the first "
                "event '.' at 4, the last event read from '%s' at %llu, the last byte read from "
                "'%s' at %llu.",
                dump_file(s->dump), at, dump_file(s->dump), at);
    enter(s, CLOSING);
    check_out(s);
}

/* ---- login -------------------------------------------------------------------------------------
 */

/* "Access denied" with the reason, which tells nothing that this user may not know: the password
   was right. */
static bool refuse_channel(struct session *s, const char *why)
{
    struct reply r = reply_to(s);

    say(s, LOG_WARNING, why);
    reply_error(&r, ER_ACCESS_DENIED_ERROR, "28000", "Access denied for user '%s'@'%s': %s",
                s->user_name, s->host, why);
    enter(s, CLOSING);
    return false;
}

/* From here on the session is one of its user's channel, or of the listener's. */
static bool choose_channel(struct session *s)
{
    const struct session_channel *chosen = s->gate->channel;
    const char                   *name = s->user->channel;
    char                          why[256];

    if (*name != '\0' && chosen != NULL && strcmp(chosen->name, name) != 0) {
        (void)snprintf(why, sizeof why,
                       "this user's channel is '%s', and this port serves channel '%s'", name,
                       chosen->name);
        return refuse_channel(s, why);
    }
    for (size_t i = 0; chosen == NULL && i < s->world->channel_count; i++)
        if (strcmp(s->world->channels[i].name, name) == 0)
            chosen = &s->world->channels[i];
    if (chosen == NULL)
        return refuse_channel(s, "neither this user nor this port has a channel; 'channel' has to "
                                 "be given for one of them");
    if (chosen != s->channel && !channel_serves(chosen, &s->facts)) {
        (void)snprintf(why, sizeof why, "channel '%s': %s", chosen->name,
                       why_not_served(chosen, &s->facts));
        return refuse_channel(s, why);
    }
    s->channel = chosen;
    return true;
}

static void granted(struct session *s)
{
    struct roster_change c = roster_no_change();
    if (!choose_channel(s))
        return;
    c.user = s->user->name;
    c.channel = (int)session_channel_index(s);
    c.tls = s->secure;
    roster_describe(s->world->roster, &s->entry, &c);
    answer_ok(s);
    enter(s, AWAIT_COMMAND);
    say(s, LOG_DEBUG, "logged in");
}

static void denied(struct session *s, const char *why)
{
    struct reply r = reply_to(s);
    char         line[128];
    (void)snprintf(line, sizeof line, "login denied (%s)", why);
    say(s, LOG_WARNING, line);
    reply_error(&r, ER_ACCESS_DENIED_ERROR, "28000",
                "Access denied for user '%s'@'%s' (using password: %s)", s->user_name, s->host,
                s->with_password ? "YES" : "NO");
    enter(s, CLOSING);
}

/* Sends the exchange's reply, which lies behind `p`, and does the step. */
static void exchange_step(struct session *s, struct packet *p, int result, enum auth_step step,
                          const struct err *e)
{
    bool empty = s->out->len == p->at + PACKET_HEADER_BYTES;
    if (result != 0 || step == AUTH_DENIED || empty)
        s->out->len = p->at;
    else
        packet_end(p, &s->sequence);
    if (result != 0) {
        say(s, LOG_ERROR, e->text);
        denied(s, "trouble of our own");
    } else if (step == AUTH_SEND) {
        enter(s, AWAIT_AUTH);
    } else if (step == AUTH_DENIED || s->user == NULL) {
        denied(s, s->user == NULL ? "no such user" : "wrong password");
    } else if (s->user->require_tls && !s->secure) {
        denied(s, "this user must use TLS");
    } else {
        granted(s);
    }
}

static void on_handshake(struct session *s, struct slice payload)
{
    struct handshake_response hello;
    struct err                e = { 0 };
    enum auth_step            step = AUTH_DENIED;

    if (handshake_parse_response(payload, s->offered, &hello, &e) != 0) {
        refuse_bad_handshake(s, e.text);
        return;
    }
    if (hello.is_ssl_request) {
        if (s->secure)
            refuse_bad_handshake(s, "asked for TLS inside TLS");
        else
            enter(s, AWAIT_TLS);
        return;
    }
    s->capabilities = hello.capabilities;
    take_name(s->user_name, sizeof s->user_name, hello.user);
    s->with_password = hello.answer.len > 0;
    s->user = users_find(s->world->users, hello.user);
    if (hello.database.len > 0 && query_set_database(&s->query, hello.database) != 0) {
        refuse(s, ER_BAD_DB_ERROR, "42000", "Unknown database");
        return;
    }
    enum auth_method      method = users_method(s->user, hello.plugin, method_of(&s->facts));
    struct auth_verifier *v = s->user != NULL ? &s->user->verifier : NULL;
    struct packet         p = packet_begin(s->out);
    int                   result =
        auth_begin(&s->exchange, method, s->secure, s->scramble, &hello, v, s->out, &step, &e);
    exchange_step(s, &p, result, step, &e);
}

static void on_auth(struct session *s, struct slice payload)
{
    struct err            e = { 0 };
    enum auth_step        step = AUTH_DENIED;
    struct auth_verifier *v = s->user != NULL ? &s->user->verifier : NULL;
    struct packet         p = packet_begin(s->out);
    s->with_password = s->with_password || payload.len > 0;
    int result = auth_continue(&s->exchange, payload, v, s->world->key, s->out, &step, &e);
    exchange_step(s, &p, result, step, &e);
}

void session_secured(struct session *s)
{
    assert(s->state == AWAIT_TLS);
    s->secure = true;
    enter(s, AWAIT_HANDSHAKE);
}

/* ---- commands ----------------------------------------------------------------------------------
 */

static enum query_kill kill_session(void *arg, uint32_t thread_id)
{
    struct session *s = arg;
    const char     *only = user_may(s->user, RIGHT_ADMIN) ? NULL : s->user->name;
    switch (roster_kill(s->world->roster, thread_id, only)) {
    case ROSTER_KILL_DONE:
        return QUERY_KILL_DONE;
    case ROSTER_KILL_NOT_YOURS:
        return QUERY_KILL_DENIED;
    case ROSTER_KILL_UNKNOWN:
        break;
    }
    return QUERY_KILL_UNKNOWN;
}

static struct slice behind_command(struct slice payload)
{
    struct cursor c = cursor_over(payload);
    cursor_skip(&c, 1);
    return cursor_rest(&c);
}

/* Who sends this once has lost count of its bytes, and nothing it sends can be made sense of. */
static void refuse_malformed(struct session *s)
{
    say(s, LOG_INFO, "sent a malformed packet");
    refuse(s, ER_MALFORMED_PACKET, "HY000", "Malformed communication packet.");
}

static void on_query(struct session *s, struct slice payload)
{
    struct err   e = { 0 };
    struct slice sql;
    if (command_parse_query(payload, s->capabilities, &sql, &e) != 0) {
        refuse_malformed(s);
        return;
    }
    struct reply     r = reply_to(s);
    struct query_env env = {
        .facts = &s->facts,
        .store = s->channel->store,
        .relay_server_id = s->channel->server_id,
        .relay_uuid = s->channel->server_uuid,
        .thread_id = s->entry.id,
        .user = s->user->name,
        .host = s->host,
        .rights = s->user->rights,
        .session = &s->query,
        .kill = kill_session,
        .kill_arg = s,
    };
    query_answer(&env, sql, &r);
}

static void on_quit(struct session *s, struct slice payload)
{
    (void)payload;
    enter(s, GONE);
}

static void on_ping(struct session *s, struct slice payload)
{
    (void)payload;
    answer_ok(s);
}

static void on_init_db(struct session *s, struct slice payload)
{
    if (query_set_database(&s->query, behind_command(payload)) == 0)
        answer_ok(s);
    else
        answer_error(s, ER_BAD_DB_ERROR, "42000", "Unknown database");
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
    struct reply  r = reply_to(s);
    if (c.failed) {
        refuse_malformed(s);
        return;
    }
    switch (kill_session(s, id)) {
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
    struct reply r = reply_to(s);
    reply_rows_end(&r);
}

static void on_reset(struct session *s, struct slice payload)
{
    (void)payload;
    query_session_reset(&s->query);
    answer_ok(s);
}

/* What a server says to an account without REPLICATION SLAVE. */
static bool may_replicate(struct session *s)
{
    if (user_may(s->user, RIGHT_REPLICATE))
        return true;
    say(s, LOG_WARNING, "refused: this user lacks the right 'replicate'");
    answer_error(s, ER_SPECIFIC_ACCESS_DENIED_ERROR, "42000",
                 "Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s) "
                 "for this operation");
    return false;
}

static void on_register(struct session *s, struct slice payload)
{
    struct err e = { 0 };
    if (!may_replicate(s))
        return;
    if (command_parse_register(payload, &s->replica, &e) != 0)
        refuse_malformed(s);
    else
        answer_ok(s);
}

static void on_dump(struct session *s, struct slice payload)
{
    struct command_dump  asked;
    struct dump_request  request = { .capability = -1 };
    struct err           e = { 0 };
    struct roster_change c = roster_no_change();
    char                 line[ERR_TEXT_BYTES + 64];

    if (command_parse_dump(payload, &asked, &e) != 0) {
        refuse_malformed(s);
        return;
    }
    if (!may_replicate(s))
        return;
    if (dump_request_from(&asked, &s->facts, &s->query, s->channel->server_id, &request, &e) != 0 ||
        dump_open(s->channel->store, &request, &s->dump, &e) != 0) {
        (void)snprintf(line, sizeof line, "can't stream: %s", e.text);
        say(s, LOG_WARNING, line);
        refuse(s, ER_MASTER_FATAL_ERROR_READING_BINLOG, "HY000", e.text);
        dump_request_done(&request);
        return;
    }
    c.server_id = asked.server_id;
    c.replica_uuid = query_variable_either(&s->query, "replica_uuid", "slave_uuid");
    roster_describe(s->world->roster, &s->entry, &c);
    (void)roster_supersede(s->world->roster, &s->entry);
    s->heartbeat_ns = dump_request_heartbeat_ns(&s->query);
    atomic_store_explicit(&s->entry.pos, dump_pos(s->dump), memory_order_relaxed);
    enter(s, STREAMING);
    (void)snprintf(line, sizeof line, "streams to server_id %u from %s:%llu", asked.server_id,
                   dump_file(s->dump), (unsigned long long)store_pos_offset(dump_pos(s->dump)));
    say(s, LOG_INFO, line);
}

/* COM_BINLOG_DUMP_GTID is unknown to MariaDB and to MySQL before 5.6. */
static void on_dump_gtid(struct session *s, struct slice payload)
{
    if (s->facts.family == FAMILY_MARIADB || s->facts.gtid_mode[0] == '\0')
        answer_error(s, ER_UNKNOWN_COM_ERROR, "08S01", "Unknown command");
    else
        on_dump(s, payload);
}

/* clang-format off */
static on_packet_fn *const commands[256] = {
    [COM_QUIT]             = on_quit,
    [COM_INIT_DB]          = on_init_db,
    [COM_QUERY]            = on_query,
    [COM_STATISTICS]       = on_statistics,
    [COM_PROCESS_KILL]     = on_process_kill,
    [COM_PING]             = on_ping,
    [COM_BINLOG_DUMP]      = on_dump,
    [COM_REGISTER_SLAVE]   = on_register,
    [COM_SET_OPTION]       = on_set_option,
    [COM_BINLOG_DUMP_GTID] = on_dump_gtid,
    [COM_RESET_CONNECTION] = on_reset,
};
/* clang-format on */

static void on_command(struct session *s, struct slice payload)
{
    struct cursor c = cursor_over(payload);
    uint8_t       command = cursor_u8(&c);
    on_packet_fn *handler = c.failed ? NULL : commands[command];
    if (c.failed)
        refuse_malformed(s);
    else if (handler == NULL)
        answer_error(s, ER_UNKNOWN_COM_ERROR, "08S01", "Unknown command");
    else
        handler(s, payload);
}

/* ---- the stream --------------------------------------------------------------------------------
 */

enum { SEMI_SYNC_MAGIC = 0xef };

/* A replica sends nothing but, at its end, COM_QUIT; acknowledgements nobody asked for are read
   over. */
static void on_streaming(struct session *s, struct slice payload)
{
    if (payload.len > 0 && payload.ptr[0] == SEMI_SYNC_MAGIC)
        return;
    if (payload.len == 0 || payload.ptr[0] != COM_QUIT)
        say(s, LOG_INFO, "sent something in the middle of its stream");
    enter(s, GONE);
}

static void stream_failed(struct session *s, const struct err *e)
{
    char line[ERR_TEXT_BYTES + 64];
    (void)snprintf(line, sizeof line, "stream ended at %s:%llu: %s", dump_file(s->dump),
                   (unsigned long long)store_pos_offset(dump_pos(s->dump)), e->text);
    say(s, LOG_WARNING, line);
    if (dump_between_packets(s->dump))
        refuse(s, ER_MASTER_FATAL_ERROR_READING_BINLOG, "HY000", e->text);
    else
        enter(s, CLOSING);
}

void session_stream(struct session *s, enum dump_step *step)
{
    struct err e = { 0 };
    size_t     filled = 0;
    assert(s->state == STREAMING && s->out->len == 0);
    *step = DUMP_AT_END;
    uint8_t *into = buf_extend(s->out, DUMP_OUT_BYTES);
    if (into == NULL) {
        check_out(s);
        return;
    }
    int result = dump_fill(s->dump, into, DUMP_OUT_BYTES, &filled, &s->sequence, step, &e);
    s->out->len = filled;
    atomic_store_explicit(&s->entry.pos, dump_pos(s->dump), memory_order_relaxed);
    atomic_fetch_add_explicit(&s->entry.sent_bytes, filled, memory_order_relaxed);
    if (result != 0) {
        stream_failed(s, &e);
    } else if (*step == DUMP_OVER && s->ends_soon) {
        enter(s, CLOSING);
    } else if (*step == DUMP_OVER) {
        struct reply r = reply_to(s);
        r.status = 2;
        reply_eof(&r);
        enter(s, CLOSING);
        check_out(s);
    }
}

void session_heartbeat(struct session *s)
{
    struct err e = { 0 };
    assert(s->state == STREAMING);
    if (dump_heartbeat(s->dump, &e) != 0)
        stream_failed(s, &e);
}
