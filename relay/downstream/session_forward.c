#include "relay/downstream/forwarding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "relay/forward/forward.h"
#include "relay/forward/statement.h"
#include "relay/forward/binlog_end.h"
#include "relay/sql/query_class.h"
#include "relay/sql/sql.h"

enum {
    SETTINGS_BYTES_MAX = 256 * 1024,
    QUESTION_BYTES = 64,
    /* MySQL 5.6.5 and MariaDB 10.0 know read-only transactions. */
    MYSQL_WITH_READ_ONLY = 50605,
    MARIADB_WITH_READ_ONLY = 100000,
};

struct forwarding *forwarding_of(struct session *s)
{
    if (s->forwarding != NULL)
        return s->forwarding;
    struct forwarding *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    buf_init(&f->head, PACKET_PAYLOAD_MAX);
    buf_init(&f->rest, PACKET_PAYLOAD_MAX);
    buf_init(&f->packets, BINLOG_END_ANSWER_BYTES);
    s->forwarding = f;
    return f;
}

void session_forward_done(struct session *s)
{
    struct forwarding *f = s->forwarding;
    if (f == NULL)
        return;
    forward_close(f->to);
    buf_done(&f->head);
    buf_done(&f->rest);
    buf_done(&f->packets);
    prepared_list_free(f->prepared);
    free(f);
    s->forwarding = NULL;
}

static bool may(const struct session *s, unsigned rights)
{
    return (s->user->rights & rights) == rights;
}

/* ---- the connection ---------------------------------------------------------------------------
 */

/* Does it hold what a new one would not have? */
static bool is_held(const struct forwarding *f)
{
    return forward_was_connected(f->to) &&
           (f->pinned || (forward_status(f->to) & STATUS_IN_TRANSACTION) != 0);
}

static void fail_for_good(struct session *s, const char *text)
{
    session_say(s, LOG_WARNING, text);
    session_refuse(s, ER_SERVER_SHUTDOWN, "08S01", text);
}

/* An idle connection may have ended at the source. False: the session has ended with it. */
bool forwarding_look_after(struct session *s)
{
    struct forwarding *f = s->forwarding;

    if (f == NULL || f->to == NULL || !forward_is_lost(f->to))
        return true;
    if (is_held(f)) {
        fail_for_good(s, "binrelay has lost this session's connection to the source, or follows "
                         "another one now; its transaction or locks are lost with it");
        return false;
    }
    session_say(s, LOG_INFO, "its connection to the source has ended");
    forward_close(f->to);
    f->to = NULL;
    return true;
}

bool forwarding_is_connected(const struct session *s)
{
    return s->forwarding != NULL && s->forwarding->to != NULL;
}

static bool knows_read_only(const struct server_facts *f)
{
    return f->version_number >=
           (f->family == FAMILY_MYSQL ? MYSQL_WITH_READ_ONLY : MARIADB_WITH_READ_ONLY);
}

void forwarding_fail(struct session *s, const struct err *e)
{
    struct forwarding *f = s->forwarding;
    char               text[ERR_TEXT_BYTES + 128];
    bool               was_there = f->to != NULL && forward_answered(f->to);
    bool               mid_packet = was_there && forward_mid_packet(f->to);
    bool               held = (f->to != NULL && is_held(f)) || f->large.comes;

    forward_close(f->to);
    f->to = NULL;
    f->large.comes = false;
    buf_clear(&f->rest);
    (void)snprintf(text, sizeof text, "binrelay can't forward this to the source: %s", e->text);
    if (mid_packet) {
        session_say(s, LOG_WARNING, text);
        session_enter(s, GONE);
    } else if (held || was_there) {
        fail_for_good(s, text);
    } else {
        session_say(s, LOG_INFO, text);
        if (e->kind == E_REFUSED)
            session_answer_error(s, (uint16_t)e->sys, "HY000", text);
        else if (e->kind == E_LIMIT)
            session_answer_error(s, ER_CON_COUNT_ERROR, "08004", text);
        else
            session_answer_error(s, ER_SERVER_SHUTDOWN, "08S01", text);
        session_enter(s, AWAIT_COMMAND);
    }
}

static void put_setting(void *arg, const char *sql)
{
    buf_put_text(arg, sql);
    buf_put_u8(arg, 0);
}

static int connect_to_source(struct session *s, struct err *e)
{
    struct forwarding *f = s->forwarding;
    struct buf         settings;

    buf_init(&settings, SETTINGS_BYTES_MAX);
    query_session_each(&s->query, put_setting, &settings);
    struct pool_login login = {
        .guise = { .capabilities = s->capabilities & ~(uint32_t)CAP_MULTI_STATEMENTS,
                   .charset = s->charset },
        .settings = buf_slice(&settings),
        .read_only = !may(s, RIGHT_WRITE) && knows_read_only(&s->facts),
    };
    struct pool_wake wake = { s->entry.wake, s->entry.arg };

    int rc = buf_check(&settings, "what this session has set", e);
    if (rc == 0)
        rc = forward_open(s->channel->pool, &login, wake, &f->to, e);
    buf_done(&settings);
    if (rc != 0)
        return -1;
    f->pinned = f->last_was_there = false;
    return 0;
}

/* Sends a command, over a new connection if need be. */
static void send(struct session *s, struct slice payload, enum response_kind kind,
                 uint16_t add_status, enum purpose purpose)
{
    struct forwarding *f = s->forwarding;
    struct err         e = { 0 };

    if ((f->to == NULL && connect_to_source(s, &e) != 0) ||
        forward_send(f->to, payload, kind, add_status, &e) != 0) {
        forwarding_fail(s, &e);
        return;
    }
    f->purpose = purpose;
    session_enter(s, FORWARDING);
}

/* ---- one statement ----------------------------------------------------------------------------
 */

/* Adds flags to an answer that lies in `out` from `at` on. */
static int add_status(struct session *s, size_t at, uint8_t sequence, uint16_t flags, bool *failed,
                      struct err *e)
{
    struct response r;
    struct buf      copy;
    struct slice    in = { s->out->ptr + at, s->out->len - at };

    response_begin(&r, RESPONSE_RESULTS, s->capabilities, 0, flags);
    buf_init(&copy, SIZE_MAX);
    int rc = response_pass(&r, &in, &copy, SIZE_MAX, &sequence, e);
    if (rc == 0) {
        assert(r.over && copy.len == s->out->len - at);
        memcpy(s->out->ptr + at, copy.ptr, copy.len);
        *failed = r.failed;
    }
    buf_done(&copy);
    return rc;
}

enum outcome { NEXT, WAIT, STOP };

/* A prepared statement's rows are the same in another form. */
static void answer_into(struct session *s, const struct query_env *env, struct slice text,
                        struct reply *r)
{
    struct buf answer;
    struct err e = { 0 };

    if (s->forwarding == NULL || !s->forwarding->binary) {
        query_answer(env, text, r);
        return;
    }
    buf_init(&answer, r->out->bound);
    r->out = &answer;
    query_answer(env, text, r);
    r->out = s->out;
    if (!s->wait.waits &&
        (answer.failed != BUF_FINE ||
         prepared_put_binary(buf_slice(&answer), s->capabilities, s->out, &e) != 0)) {
        session_say(s, LOG_WARNING, "can't give an answer to a prepared statement");
        s->out->failed = BUF_NO_MEMORY;
    }
    buf_done(&answer);
}

/* STOP when it was answered with an error. */
static enum outcome answer_here(struct session *s, struct slice text, store_pos end, bool more)
{
    struct reply     r = session_reply(s);
    struct query_env env = session_env(s);
    size_t           at = s->out->len;
    uint8_t          sequence = s->sequence;
    uint16_t         flags = more ? STATUS_MORE_RESULTS : 0;
    bool             failed = false;
    struct err       e = { 0 };

    env.end = end;
    env.wait = &s->wait;
    if (s->forwarding != NULL && s->forwarding->binary)
        env.parameters = s->forwarding->values;
    if (forwarding_is_connected(s))
        flags |= forward_status(s->forwarding->to) & STATUS_IN_TRANSACTION;
    answer_into(s, &env, text, &r);
    if (s->wait.waits) {
        s->times_anew = s->times_anew || s->wait.rises == 0;
        session_enter(s, AWAIT_RISE);
        return WAIT;
    }
    s->wait = (struct query_wait){ 0 };
    if (s->out->failed != BUF_FINE || s->out->len <= at + PACKET_HEADER_BYTES)
        return STOP;
    failed = s->out->ptr[at + PACKET_HEADER_BYTES] == 0xff;
    if (flags != 0 && !failed && add_status(s, at, sequence, flags, &failed, &e) != 0) {
        s->out->failed = BUF_NO_MEMORY;
        return STOP;
    }
    return failed ? STOP : NEXT;
}

/* What SET and USE change here, where the source answers. */
static void apply_here(struct session *s, struct slice text)
{
    struct buf       bin;
    uint8_t          sequence = 1;
    struct reply     r = session_reply(s);
    struct query_env env = session_env(s);

    buf_init(&bin, BINLOG_END_ANSWER_BYTES);
    r.out = &bin;
    r.sequence = &sequence;
    query_answer(&env, text, &r);
    buf_done(&bin);
}

bool forwarding_refuses_to_lift(struct session *s, struct slice text)
{
    if (may(s, RIGHT_WRITE) || !statement_lifts_read_only(text))
        return false;
    session_answer_error(s, ER_OPTION_PREVENTS_STATEMENT, "HY000",
                         "This is a binrelay: this user may not change the source through it, so "
                         "its transactions there are read-only");
    return true;
}

static struct slice current_text(const struct forwarding *f)
{
    return (struct slice){ f->rest.ptr, f->current };
}

static enum outcome forward_current(struct session *s, bool is_setting)
{
    struct forwarding *f = s->forwarding;
    struct buf         payload;
    struct err         e = { 0 };

    buf_init(&payload, PACKET_PAYLOAD_MAX);
    buf_put(&payload, buf_slice(&f->head));
    buf_put(&payload, current_text(f));
    f->is_setting = is_setting;
    bool snapshot = s->facts.family == FAMILY_MARIADB && statement_asks_snapshot(current_text(f));
    buf_clear(&f->packets);
    f->packet_number = 1;
    if (buf_check(&payload, "the statement", &e) != 0)
        forwarding_fail(s, &e);
    else
        send(s, buf_slice(&payload), RESPONSE_RESULTS, f->more ? STATUS_MORE_RESULTS : 0,
             snapshot ? TO_FIND_SNAPSHOT : TO_CLIENT);
    buf_done(&payload);
    return s->state == FORWARDING ? WAIT : STOP;
}

static enum outcome ask_for_place(struct session *s)
{
    struct forwarding *f = s->forwarding;
    struct buf         b;

    buf_clear(&f->packets);
    f->packet_number = 1;
    buf_init(&b, QUESTION_BYTES);
    buf_put_u8(&b, COM_QUERY);
    if ((s->capabilities & CAP_QUERY_ATTRIBUTES) != 0)
        buf_put_le(&b, 0x0100, 2); /* no attributes, in one set */
    buf_put_text(&b, binlog_end_question(&s->facts));
    send(s, buf_slice(&b), RESPONSE_RESULTS, 0, TO_FIND_PLACE);
    buf_done(&b);
    return s->state == FORWARDING ? WAIT : STOP;
}

static enum outcome answer_current(struct session *s, enum query_tie tie)
{
    struct forwarding *f = s->forwarding;
    bool               there = f->to != NULL;

    switch (tie) {
    case QUERY_TIE_SESSION:
        if (there)
            return forward_current(s, true);
        break;
    case QUERY_TIE_TRANSACTION:
        if (there)
            return forward_current(s, false);
        break;
    case QUERY_TIE_LAST:
        if (there && f->last_was_there && !f->binary)
            return forward_current(s, false);
        break;
    case QUERY_TIE_END:
        if (there)
            return ask_for_place(s);
        break;
    case QUERY_TIE_NONE:
        break;
    }
    if (there && !f->binary && tie == QUERY_TIE_NONE && statement_asks_settings(current_text(f)))
        return forward_current(s, false);
    enum outcome outcome = answer_here(s, current_text(f), 0, f->more);
    f->last_was_there = f->last_was_there && tie == QUERY_TIE_LAST;
    return outcome;
}

static enum outcome do_current(struct session *s)
{
    struct forwarding   *f = s->forwarding;
    struct query_env     env = session_env(s);
    struct query_verdict v;

    if (f->binary)
        env.parameters = f->values;
    query_classify(&env, current_text(f), &v);
    bool forwards =
        v.what == QUERY_FORWARDED || (v.what == QUERY_REFUSED && v.needs != 0 && may(s, v.needs));
    bool tied = v.what == QUERY_ANSWERED && v.tie == QUERY_TIE_SESSION;
    if ((forwards || tied) && forwarding_refuses_to_lift(s, current_text(f)))
        return STOP;
    if (forwards && may(s, RIGHT_FORWARD)) {
        bool         leaves = statement_leaves_something(current_text(f));
        enum outcome outcome = forward_current(s, false);
        f->pinned = f->pinned || (leaves && outcome == WAIT);
        return outcome;
    }
    return answer_current(s, v.what == QUERY_ANSWERED ? v.tie : QUERY_TIE_NONE);
}

/* ---- a list of statements ---------------------------------------------------------------------
 */

/* Finds the end of the first statement in `rest`. Only who asked for it may send several. */
static void find_current(struct session *s)
{
    struct forwarding *f = s->forwarding;
    struct sql         sql = sql_over(buf_slice(&f->rest));

    f->current = f->rest.len;
    f->more = false;
    if ((s->capabilities & CAP_MULTI_STATEMENTS) == 0 || f->binary)
        return;
    while (sql.now.kind != SQL_END && sql.now.kind != SQL_BAD) {
        const uint8_t *sign = sql.now.whole.ptr;
        if (!sql_take_sign(&sql, ';')) {
            sql_step(&sql);
        } else if (!sql_at_end(&sql)) {
            f->current = (size_t)(sign - f->rest.ptr);
            f->more = true;
            return;
        }
    }
}

static void drop_current(struct forwarding *f)
{
    size_t done = f->more ? f->current + 1 : f->rest.len;
    f->rest.len -= done;
    memmove(f->rest.ptr, f->rest.ptr + done, f->rest.len);
}

static void forget_command(struct forwarding *f)
{
    f->binary = false;
    f->values = NULL;
    buf_done(&f->rest);
    buf_done(&f->head);
    buf_done(&f->packets);
    buf_init(&f->rest, PACKET_PAYLOAD_MAX);
    buf_init(&f->head, PACKET_PAYLOAD_MAX);
    buf_init(&f->packets, BINLOG_END_ANSWER_BYTES);
}

/* One statement after the other, until one has to wait. */
void forwarding_go_on(struct session *s)
{
    struct forwarding *f = s->forwarding;
    enum outcome       outcome;

    do {
        find_current(s);
        outcome = do_current(s);
        if (outcome == WAIT)
            return;
        if (outcome == NEXT)
            drop_current(f);
    } while (outcome == NEXT && f->rest.len > 0);
    forget_command(f);
    if (s->state == FORWARDING || s->state == AWAIT_PLACE || s->state == AWAIT_RISE)
        session_enter(s, AWAIT_COMMAND);
}

void session_on_query(struct session *s, struct slice payload)
{
    struct err   e = { 0 };
    struct slice sql;

    if (command_parse_query(payload, s->capabilities, &sql, &e) != 0) {
        session_refuse_malformed(s);
        return;
    }
    if (!forwarding_look_after(s))
        return;
    struct forwarding *f = forwarding_of(s);
    if (f == NULL) {
        session_enter(s, GONE);
        return;
    }
    f->binary = false;
    buf_clear(&f->head);
    buf_clear(&f->rest);
    buf_put(&f->head, (struct slice){ payload.ptr, payload.len - sql.len });
    buf_put(&f->rest, sql);
    if (f->head.failed != BUF_FINE || f->rest.failed != BUF_FINE) {
        session_enter(s, GONE);
        return;
    }
    if (sql.len == 0) {
        (void)answer_here(s, sql, 0, false);
        return;
    }
    forwarding_go_on(s);
}

/* ---- what comes back --------------------------------------------------------------------------
 */

static void statement_over(struct session *s)
{
    struct forwarding     *f = s->forwarding;
    const struct response *r = forward_response(f->to);

    f->last_was_there = true;
    if (f->large.comes) {
        /* The source has refused what it has not read, and ends the connection. */
        f->large.comes = false;
        session_enter(s, CLOSING);
        return;
    }
    if (r->answered)
        s->query.autocommit = (r->status & STATUS_AUTOCOMMIT) != 0;
    if (!r->failed && f->purpose == TO_SET_DATABASE) {
        if (query_set_database(&s->query, buf_slice(&f->rest)) != 0)
            s->query.database[0] = '\0';
    } else if (!r->failed && f->is_setting) {
        apply_here(s, current_text(f));
    }
    if (r->failed || !f->more) {
        forget_command(f);
        session_enter(s, AWAIT_COMMAND);
        return;
    }
    drop_current(f);
    forwarding_go_on(s);
}

/* The source's answer that was kept, with the relay file's name. */
static void answer_snapshot(struct session *s, store_pos at)
{
    struct forwarding *f = s->forwarding;
    struct store_file  file;
    struct err         ignored = { 0 };
    const char        *name = f->place.file;

    if (at != 0 &&
        store_file_by_ordinal(s->channel->store, store_pos_ordinal(at), &file, &ignored) == 0)
        name = file.name;
    binlog_end_put_snapshot(buf_slice(&f->packets), s->capabilities, name, s->out, &s->sequence);
}

/* Between a switch and the first file of the new source all files are the former one's, which may
   have one of the same name. */
static bool is_between_sources(const struct session *s)
{
    const struct session_channel *c = s->channel;
    struct channel_status         status;
    struct store_file             last;

    if (c->status == NULL)
        return false;
    c->status(c->facts_arg, &status);
    return status.epoch != 0 && store_last_file(c->store, &last) && last.epoch < status.epoch;
}

/* The source's end is known: is it here, too? */
static void look_for_place(struct session *s)
{
    struct forwarding *f = s->forwarding;
    struct err         e = { 0 };
    store_pos          end = 0;

    if (!is_between_sources(s) && binlog_end_find(s->channel->store, &f->place, &end, &e) != 0) {
        forwarding_fail(s, &e);
        return;
    }
    if (end == 0) {
        session_enter(s, AWAIT_PLACE);
        return;
    }
    if (forward_is_lost(f->to)) {
        (void)err_set(&e, E_IO, "the connection has ended meanwhile");
        forwarding_fail(s, &e);
        return;
    }
    bool         snapshot = f->purpose == TO_FIND_SNAPSHOT;
    enum outcome outcome = NEXT;
    if (snapshot)
        answer_snapshot(s, end);
    else
        outcome = answer_here(s, current_text(f), end, f->more);
    f->last_was_there = snapshot;
    if (outcome == WAIT)
        return;
    if (outcome == NEXT && f->more) {
        drop_current(f);
        forwarding_go_on(s);
        return;
    }
    forget_command(f);
    session_enter(s, AWAIT_COMMAND);
}

static void place_over(struct session *s)
{
    struct forwarding *f = s->forwarding;
    struct err         e = { 0 };
    bool               found = true;
    int                rc = 0;

    if (forward_response(f->to)->failed) {
        /* The source's own error, in words that the client knows. */
        buf_put(s->out, buf_slice(&f->packets));
        s->sequence = (uint8_t)(s->sequence + 1);
        forget_command(f);
        session_enter(s, AWAIT_COMMAND);
        return;
    }
    if (f->purpose == TO_FIND_SNAPSHOT)
        rc = binlog_end_parse_snapshot(buf_slice(&f->packets), s->capabilities, &f->place, &found,
                                       &e);
    else
        rc = binlog_end_parse(buf_slice(&f->packets), s->capabilities, &f->place, &e);
    if (rc != 0) {
        forwarding_fail(s, &e);
    } else if (found) {
        look_for_place(s);
    } else {
        answer_snapshot(s, 0);
        statement_over(s);
    }
}

void session_forward(struct session *s, enum forward_step *step)
{
    struct forwarding *f = s->forwarding;
    struct err         e = { 0 };
    bool               ours = f->purpose == TO_FIND_PLACE || f->purpose == TO_FIND_SNAPSHOT;

    assert(s->state == FORWARDING);
    *step = FORWARD_OVER;
    if (forward_turn(f->to, ours ? &f->packets : s->out, ours ? &f->packet_number : &s->sequence,
                     step, &e) != 0)
        forwarding_fail(s, &e);
    else if (*step == FORWARD_OVER && ours)
        place_over(s);
    else if (*step == FORWARD_OVER)
        statement_over(s);
}

void session_on_published(struct session *s)
{
    if (s->state == AWAIT_PLACE) {
        look_for_place(s);
    } else if (s->state == AWAIT_RISE) {
        s->wait.rises++;
        forwarding_go_on(s);
    }
}

void session_rise_timeout(struct session *s)
{
    s->wait.over = true;
    forwarding_go_on(s);
}

void session_place_timeout(struct session *s)
{
    struct forwarding *f = s->forwarding;
    char               text[STORE_NAME_BYTES + 256];

    (void)snprintf(text, sizeof text,
                   "binrelay has not received the source's binlog up to %s:%llu yet; it is behind, "
                   "or not connected: try again later",
                   f->place.file, (unsigned long long)f->place.offset);
    session_say(s, LOG_WARNING, text);
    forget_command(f);
    session_answer_error(s, ER_LOCK_WAIT_TIMEOUT, "HY000", text);
    session_enter(s, AWAIT_COMMAND);
}

int session_forward_watch(const struct session *s, short *events)
{
    bool waits = s->state == FORWARDING && forwarding_is_connected(s);
    return waits ? forward_watch(s->forwarding->to, events) : -1;
}

static void interrupted(struct session *s)
{
    bool cut = s->forwarding->large.comes; /* the client has not ended its command */
    s->forwarding->large.comes = false;
    s->wait = (struct query_wait){ 0 };
    forget_command(s->forwarding);
    session_answer_error(s, ER_QUERY_INTERRUPTED, "70100", "Query execution was interrupted");
    session_enter(s, cut ? CLOSING : AWAIT_COMMAND);
}

void session_forward_kill(struct session *s)
{
    struct forwarding *f = s->forwarding;

    if (s->state == AWAIT_PLACE || s->state == AWAIT_RISE) {
        interrupted(s);
    } else if (forwarding_is_connected(s) && forward_is_connecting(f->to)) {
        forward_close(f->to);
        f->to = NULL;
        interrupted(s);
    } else if (forwarding_is_connected(s)) {
        forward_kill(f->to);
    }
}

/* ---- other commands ---------------------------------------------------------------------------
 */

bool forwarding_is_allowed(struct session *s)
{
    if (may(s, RIGHT_FORWARD))
        return true;
    session_answer_error(s, ER_SPECIFIC_ACCESS_DENIED_ERROR, "42000",
                         "Access denied; this user may not forward statements to the source");
    return false;
}

void forwarding_send(struct session *s, struct slice payload, enum response_kind kind,
                     enum purpose purpose)
{
    struct forwarding *f = forwarding_of(s);

    if (f == NULL) {
        session_enter(s, GONE);
        return;
    }
    f->is_setting = f->more = false;
    f->current = 0;
    send(s, payload, kind, 0, purpose);
}

void forwarding_begin(struct session *s, struct slice payload, enum response_kind kind)
{
    struct forwarding *f = s->forwarding;
    struct err         e = { 0 };

    f->is_setting = f->more = f->binary = false;
    f->current = 0;
    f->purpose = TO_CLIENT;
    f->large.comes = true;
    if ((f->to == NULL && connect_to_source(s, &e) != 0) ||
        forward_begin(f->to, payload, kind, &e) != 0)
        forwarding_fail(s, &e);
    else
        session_enter(s, FORWARDING);
}

void session_on_field_list(struct session *s, struct slice payload)
{
    if (forwarding_look_after(s) && forwarding_is_allowed(s))
        forwarding_send(s, payload, RESPONSE_ROWS, TO_CLIENT);
}

bool session_forward_plain(struct session *s, struct slice payload)
{
    if (!forwarding_look_after(s))
        return true;
    if (!forwarding_is_connected(s))
        return false;
    forwarding_send(s, payload, RESPONSE_ONE, TO_CLIENT);
    return true;
}

bool session_forward_init_db(struct session *s, struct slice payload)
{
    struct cursor c = cursor_over(payload);

    if (!forwarding_look_after(s))
        return true;
    if (!forwarding_is_connected(s))
        return false;
    cursor_skip(&c, 1);
    buf_clear(&s->forwarding->rest);
    buf_put(&s->forwarding->rest, cursor_rest(&c));
    forwarding_send(s, payload, RESPONSE_ONE, TO_SET_DATABASE);
    return true;
}
