/* From the greeting to the login: who is there, may it come in, and to which channel. */
#include "relay/downstream/session_parts.h"

#include <stdio.h>
#include "protocol/hosts.h"
#include "relay/downstream/greeting.h"
#include "relay/downstream/tls.h"

static void refuse_bad_handshake(struct session *s, const char *why)
{
    session_say(s, LOG_INFO, why);
    session_refuse(s, ER_HANDSHAKE_ERROR, "08S01", "Bad handshake");
}

/* What a peer calls itself, fit for a log line. */
static void take_name(char *into, size_t size, struct slice name)
{
    size_t n = name.len < size - 1 ? name.len : size - 1;
    for (size_t i = 0; i < n; i++)
        into[i] = name.ptr[i] >= 0x20 && name.ptr[i] != 0x7f ? (char)name.ptr[i] : '?';
    into[n] = '\0';
}

/* ---- the greeting ------------------------------------------------------------------------------
 */

/* Before the greeting an error has no SQL state: nothing is known of the client yet. */
static void refuse_ungreeted(struct session *s, uint16_t number, const char *text)
{
    struct packet p = packet_begin(s->out);
    buf_put_u8(s->out, 0xff);
    buf_put_le(s->out, number, 2);
    buf_put_text(s->out, text);
    packet_end(&p, &s->sequence);
    s->state = CLOSING;
}

enum { MYSQL_WITH_SHA2 = 80000, MARIADB_PLAIN_VERSION = 110000 };

static enum auth_method method_of(const struct server_facts *f)
{
    return f->family == FAMILY_MYSQL && f->version_number >= MYSQL_WITH_SHA2 ? AUTH_CACHING_SHA2
                                                                             : AUTH_NATIVE;
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
    refuse_ungreeted(s, ER_CON_COUNT_ERROR, why);
    session_say(s, LOG_INFO, why);
    return NULL;
}

/* Whether the client's address has to wait after failed logins; then *text is what it is told. */
static bool is_blocked(const struct session *s, char text[256])
{
    uint32_t ms = penalty_blocked_ms(s->world->penalty, s->host);

    if (ms == 0)
        return false;
    (void)snprintf(text, 256,
                   "Host '%s' is blocked because of many failed logins; try again in %u seconds",
                   s->host, (ms + 999) / 1000);
    session_say(s, LOG_WARNING, "turned away: too many failed logins from there");
    return true;
}

/* Clients of MySQL 5.7 begin TLS wherever it is offered, and many of them know none that is safe
   today: a certificate that nobody asked for shall not lock them out. */
static bool offers_tls(const struct session *s)
{
    bool own = false;

    if (!tls_config_offers(s->gate->tls, &own))
        return false;
    return !own || s->facts.family == FAMILY_MARIADB || s->facts.version_number >= 80000;
}

void session_greet(struct session *s)
{
    const struct session_world *w = s->world;
    struct err                  e = { 0 };
    char                        version[sizeof s->facts.version + 8];
    char                        text[256];

    if (roster_add(w->roster, &s->entry, &e) != 0) {
        log_write(LOG_WARNING, "serve", "refused %s: %s", s->entry.address, e.text);
        refuse_ungreeted(s, ER_CON_COUNT_ERROR, "Too many connections");
        return;
    }
    if (is_blocked(s, text)) {
        refuse_ungreeted(s, ER_HOST_IS_BLOCKED, text);
        return;
    }
    s->channel = greeting_channel(s);
    if (s->channel == NULL)
        return;
    if (auth_scramble(s->scramble, &e) != 0) {
        session_say(s, LOG_ERROR, e.text);
        s->state = GONE;
        return;
    }
    bool hidden =
        s->facts.family == FAMILY_MARIADB && s->facts.version_number < MARIADB_PLAIN_VERSION;
    (void)snprintf(version, sizeof version, "%s%s", hidden ? "5.5.5-" : "", s->facts.version);
    s->offered = greeting_capabilities(&s->facts, offers_tls(s));
    struct remembered_list *variables =
        s->channel->variables != NULL ? s->channel->variables(s->channel->facts_arg) : NULL;
    struct greeting g = {
        .version = version,
        .thread_id = s->entry.id,
        .capabilities = s->offered,
        .charset = greeting_charset(&s->facts, variables),
        .plugin = auth_method_name(method_of(&s->facts)),
    };
    remembered_release(variables);
    memcpy(g.scramble, s->scramble, sizeof g.scramble);
    struct packet p = packet_begin(s->out);
    handshake_put_greeting(s->out, &g);
    packet_end(&p, &s->sequence);
    session_check_out(s);
}

/* ---- login -------------------------------------------------------------------------------------
 */

/* "Access denied" with the reason, which tells nothing that this user may not know: the password
   was right. */
static bool refuse_channel(struct session *s, const char *why)
{
    struct reply r = session_reply(s);

    session_say(s, LOG_WARNING, why);
    reply_error(&r, ER_ACCESS_DENIED_ERROR, "28000", "Access denied for user '%s'@'%s': %s",
                s->user_name, s->host, why);
    session_enter(s, CLOSING);
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
    if (chosen == NULL && *name != '\0') {
        (void)snprintf(why, sizeof why, "its channel '%s' is none of this relay's", name);
        return refuse_channel(s, why);
    }
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

/* Counts the session as one of its user's. */
static bool take_place(struct session *s)
{
    struct user_live *live = s->user->live;
    uint32_t          others = atomic_fetch_add(&live->connections, 1);
    char              text[256];

    if (s->user->max_connections == 0 || others < s->user->max_connections) {
        s->counted = true;
        return true;
    }
    atomic_fetch_sub(&live->connections, 1);
    (void)snprintf(text, sizeof text,
                   "User '%s' has exceeded the 'max_user_connections' resource (current value: %u)",
                   s->user->name, s->user->max_connections);
    session_say(s, LOG_WARNING, "refused: this user has as many connections as it may");
    session_refuse(s, ER_USER_LIMIT_REACHED, "42000", text);
    return false;
}

/* MariaDB's clients take a certificate that nobody vouches for from who knows their password. */
static void answer_granted(struct session *s)
{
    char         proof[AUTH_PROOF_BYTES];
    struct reply r = session_reply(s);

    if (s->facts.family == FAMILY_MARIADB && s->secure && s->exchange.method == AUTH_NATIVE &&
        auth_prove(&s->user->verifier, s->exchange.scramble, s->certificate.shown, proof))
        reply_ok_text(&r, proof);
    else
        reply_ok(&r);
}

static void granted(struct session *s)
{
    struct roster_change c = roster_no_change();
    if (!choose_channel(s) || !take_place(s))
        return;
    remembered_release(s->variables);
    s->variables =
        s->channel->variables != NULL ? s->channel->variables(s->channel->facts_arg) : NULL;
    c.user = s->user->name;
    c.channel = (int)session_channel_index(s);
    c.tls = s->secure;
    roster_describe(s->world->roster, &s->entry, &c);
    answer_granted(s);
    session_enter(s, AWAIT_COMMAND);
    session_say(s, LOG_DEBUG, "logged in");
}

void session_answer_denied(struct session *s)
{
    struct reply r = session_reply(s);

    reply_error(&r, ER_ACCESS_DENIED_ERROR, "28000",
                "Access denied for user '%s'@'%s' (using password: %s)", s->user_name, s->host,
                s->with_password ? "YES" : "NO");
    session_enter(s, CLOSING);
    session_check_out(s);
}

/* Whatever the reason, the client is told the same, and as late. */
static void denied(struct session *s, const char *why)
{
    char line[160];

    s->slow_ms = penalty_failed_ms(s->world->penalty, s->host);
    (void)snprintf(line, sizeof line,
                   s->slow_ms > 0 ? "login denied (%s), answered in %u ms" : "login denied (%s)",
                   why, s->slow_ms);
    session_say(s, LOG_WARNING, line);
    if (s->slow_ms > 0)
        session_enter(s, SLOWED);
    else
        session_answer_denied(s);
}

void session_login_done(struct session *s)
{
    if (s->slow_ms > 0)
        penalty_over(s->world->penalty, s->host);
    if (s->counted)
        atomic_fetch_sub(&s->user->live->connections, 1);
    user_release(s->user);
    s->user = NULL;
    s->counted = false;
    s->slow_ms = 0;
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
        session_say(s, LOG_ERROR, e->text);
        denied(s, "trouble of our own");
    } else if (step == AUTH_SEND) {
        session_enter(s, AWAIT_AUTH);
    } else if (step == AUTH_DENIED || s->user == NULL) {
        denied(s, s->unfit != NULL  ? s->unfit
                  : s->user == NULL ? "no such user"
                                    : "wrong password");
    } else {
        granted(s);
    }
}

/* NULL when the certificate that was shown will do. */
static const char *misses_certificate(const struct session *s, const char *wanted)
{
    if (strcmp(wanted, "no") == 0)
        return NULL;
    if (s->certificate.subject[0] == '\0')
        return "this user must show a certificate, see tls_ca of [listener]";
    if (strcmp(wanted, "yes") == 0)
        return NULL;
    const char *has = wanted[0] == '/' ? s->certificate.subject : s->certificate.common_name;
    return strcmp(has, wanted) == 0 ? NULL : "the certificate is another one's";
}

/* A user who may not come in this way is one that does not exist, from here on: nothing may tell
   whether its password was right. Gives the method to log in by. */
static enum auth_method find_user(struct session *s, const struct handshake_response *hello)
{
    struct user     *user = users_hold(s->world->users, hello->user);
    struct user     *decoy = user == NULL ? users_decoy(s->world->users, hello->user) : NULL;
    enum auth_method offered = method_of(&s->facts);
    enum auth_method method = users_method(user != NULL ? user : decoy, hello->plugin, offered);

    user_release(decoy);
    s->unfit = NULL;
    if (user == NULL)
        return method;
    if (!hosts_allow(user->hosts, s->host))
        s->unfit = "this user may not come from there";
    else if (user->require_tls && !s->secure)
        s->unfit = "this user must use TLS";
    else
        s->unfit = misses_certificate(s, user->require_certificate);
    if (s->unfit == NULL)
        s->user = user;
    else
        user_release(user);
    return method;
}

static void begin_login(struct session *s, const struct handshake_response *hello)
{
    struct err     e = { 0 };
    enum auth_step step = AUTH_DENIED;
    char           text[256];

    s->capabilities = hello->capabilities;
    s->charset = hello->charset;
    if (hello->charset != 0) /* 0: whatever the server likes */
        s->query.collation = hello->charset;
    take_name(s->user_name, sizeof s->user_name, hello->user);
    s->with_password = hello->answer.len > 0;
    if (is_blocked(s, text)) {
        session_refuse(s, ER_HOST_IS_BLOCKED, "HY000", text);
        return;
    }
    enum auth_method method = find_user(s, hello);
    if (hello->database.len > 0 && query_set_database(&s->query, hello->database) != 0) {
        session_refuse(s, ER_BAD_DB_ERROR, "42000", "Unknown database");
        return;
    }
    struct auth_verifier *v = s->user != NULL ? &s->user->verifier : NULL;
    struct packet         p = packet_begin(s->out);
    int                   result =
        auth_begin(&s->exchange, method, s->secure, s->scramble, hello, v, s->out, &step, &e);
    exchange_step(s, &p, result, step, &e);
}

void session_on_handshake(struct session *s, struct slice payload)
{
    struct handshake_response hello;
    struct err                e = { 0 };

    if (handshake_parse_response(payload, s->offered, &hello, &e) != 0) {
        refuse_bad_handshake(s, e.text);
        return;
    }
    if (hello.is_ssl_request) {
        if (s->secure)
            refuse_bad_handshake(s, "asked for TLS inside TLS");
        else
            session_enter(s, AWAIT_TLS);
        return;
    }
    begin_login(s, &hello);
}

/* A pool hands the connection on to somebody else: nothing of the one before may be left. */
void session_on_change_user(struct session *s, struct slice payload)
{
    struct handshake_response hello;
    struct err                e = { 0 };
    struct cursor             c = cursor_over(payload);

    cursor_skip(&c, 1);
    if (handshake_parse_change_user(cursor_rest(&c), s->capabilities, &hello, &e) != 0) {
        session_refuse_malformed(s);
        return;
    }
    session_forward_done(s);
    query_session_reset(&s->query);
    session_login_done(s);
    begin_login(s, &hello);
}

void session_on_auth(struct session *s, struct slice payload)
{
    struct err            e = { 0 };
    enum auth_step        step = AUTH_DENIED;
    struct auth_verifier *v = s->user != NULL ? &s->user->verifier : NULL;
    struct packet         p = packet_begin(s->out);
    s->with_password = s->with_password || payload.len > 0;
    int result = auth_continue(&s->exchange, payload, v, s->world->key, s->out, &step, &e);
    exchange_step(s, &p, result, step, &e);
}

void session_secured(struct session *s, const struct tls_peer *peer)
{
    assert(s->state == AWAIT_TLS);
    s->secure = true;
    s->certificate = *peer;
    session_enter(s, AWAIT_HANDSHAKE);
}
