/* Prepared statements: of the source, or of those that the relay answers itself. */
#include <string.h>
#include "protocol/prepared.h"
#include "relay/downstream/forwarding.h"
#include "relay/forward/statement.h"
#include "relay/sql/sql.h"

enum { DEFINITIONS_BYTES_MAX = 64 * 1024 * 1024 };

static size_t count_parameters(struct slice text)
{
    size_t n = 0;
    for (struct sql s = sql_over(text); s.now.kind != SQL_END && s.now.kind != SQL_BAD;
         sql_step(&s))
        n += s.now.kind == SQL_SIGN && s.now.body.ptr[0] == '?' ? 1 : 0;
    return n;
}

/* Those of a statement that a server tells of when it is prepared, not only when it runs. */
static bool tells_columns(const struct server_facts *f, struct slice text)
{
    enum { OF_EVENTS = 100300 }; /* of MariaDB */
    struct sql s = sql_over(text);

    if (sql_match(&s, "SELECT") || sql_match(&s, "SHOW [GLOBAL|SESSION|LOCAL] VARIABLES|STATUS"))
        return true;
    if (f->family != FAMILY_MARIADB)
        return false;
    if (f->version_number >= OF_EVENTS && sql_match(&s, "SHOW BINLOG|RELAYLOG EVENTS"))
        return true;
    return sql_match(&s, "SHOW BINARY|MASTER|BINLOG LOGS|STATUS") ||
           sql_match(&s, "SHOW [ALL] SLAVE|SLAVES|REPLICA|REPLICAS STATUS");
}

/* What MySQL does not prepare. */
static bool is_not_prepared(const struct server_facts *f, struct slice text)
{
    enum { NOT_OF_WARNINGS = 50700, OF_RELAY_LOG = 80000 };
    struct sql s = sql_over(text);

    if (f->family != FAMILY_MYSQL)
        return false;
    if (sql_match(&s, "USE|BEGIN|START|UNLOCK"))
        return true;
    if (f->version_number < OF_RELAY_LOG && sql_match(&s, "SHOW RELAYLOG"))
        return true;
    return f->version_number >= NOT_OF_WARNINGS && sql_match(&s, "SHOW WARNINGS|ERRORS");
}

/* An answer as it would be, for its columns or its error: nothing that it does may last. */
static bool is_harmless(struct slice text)
{
    struct sql s = sql_over(text);
    return sql_match(&s, "SELECT") || sql_match(&s, "SHOW");
}

static bool is_error_of_text(struct slice answer)
{
    enum { ER_PARSE_ERROR = 1064, ER_NO_DB_ERROR = 1046, ER_ILLEGAL_VALUE = 1220 };
    struct cursor c = cursor_over(answer);

    cursor_skip(&c, PACKET_HEADER_BYTES);
    if (cursor_u8(&c) != 0xff)
        return false;
    return cursor_u16(&c) != ER_ILLEGAL_VALUE && !c.failed;
}

/* Returns the number of warnings. */
static uint16_t try_answer(struct session *s, struct slice text, struct buf *out)
{
    static const struct query_parameters unknown = { .unknown = true };
    struct query_env                     env = session_env(s);
    uint8_t                              sequence = 1;
    struct reply                         r = session_reply(s);

    r.out = out;
    r.sequence = &sequence;
    env.parameters = &unknown;
    query_answer(&env, text, &r);
    return r.warnings;
}

static struct prepared_list *list_of(struct session *s)
{
    struct forwarding *f = forwarding_of(s);

    if (f != NULL && f->prepared == NULL)
        f->prepared = prepared_list_new();
    return f != NULL ? f->prepared : NULL;
}

static void add(struct session *s, struct slice text, size_t parameters, struct slice definitions,
                uint16_t warnings)
{
    struct prepared_list *list = list_of(s);
    struct err            e = { 0 };
    struct prepared_ok    told = { .parameters = parameters,
                                   .definitions = definitions,
                                   .capabilities = s->capabilities,
                                   .status = session_reply(s).status,
                                   .warnings = warnings };

    if (list == NULL) {
        session_enter(s, GONE);
    } else if (prepared_list_add(list, text, parameters, &told.id, &e) != 0) {
        session_answer_error(s, ER_MAX_PREPARED_STMT_COUNT_REACHED, "42000",
                             "Can't create more than max_prepared_stmt_count statements (this is a "
                             "binrelay, where a session has up to 256 of its own)");
    } else if (prepared_put_ok(&told, s->out, &s->sequence, &e) != 0) {
        session_say(s, LOG_WARNING, e.text);
        session_enter(s, GONE);
    }
}

/* One that the relay answers, or refuses. */
static void prepare_here(struct session *s, struct slice text)
{
    size_t     parameters = count_parameters(text);
    struct buf answer;
    uint16_t   warnings = 0;

    if (is_not_prepared(&s->facts, text)) {
        session_answer_error(
            s, ER_UNSUPPORTED_PS, "HY000",
            "This command is not supported in the prepared statement protocol yet");
        return;
    }
    if (parameters > PREPARED_VALUES_MAX) {
        session_answer_error(s, ER_PS_MANY_PARAM, "HY000",
                             "Prepared statement contains too many placeholders");
        return;
    }
    buf_init(&answer, DEFINITIONS_BYTES_MAX);
    bool tried = is_harmless(text);
    if (tried)
        warnings = try_answer(s, text, &answer);
    if (tried && is_error_of_text(buf_slice(&answer))) {
        buf_put(s->out, buf_slice(&answer));
        s->sequence++;
    } else {
        bool told = tried && tells_columns(&s->facts, text) && answer.len > PACKET_HEADER_BYTES &&
                    answer.ptr[PACKET_HEADER_BYTES] != 0xff;
        add(s, text, parameters, told ? buf_slice(&answer) : slice_empty(), warnings);
    }
    buf_done(&answer);
}

void session_on_prepare(struct session *s, struct slice payload)
{
    static const struct query_parameters unknown = { .unknown = true };
    struct query_env                     env = session_env(s);
    struct query_verdict                 v;
    struct cursor                        c = cursor_over(payload);

    cursor_skip(&c, 1);
    struct slice sql = cursor_rest(&c);
    if (!forwarding_look_after(s))
        return;
    env.parameters = &unknown;
    query_classify(&env, sql, &v);
    bool forwards = v.what == QUERY_FORWARDED || (v.what == QUERY_REFUSED && v.needs != 0 &&
                                                  (s->user->rights & v.needs) == v.needs);
    bool tied = v.tie == QUERY_TIE_SESSION || v.tie == QUERY_TIE_TRANSACTION ||
                (v.tie == QUERY_TIE_NONE && statement_asks_settings(sql));
    /* What the session's own connection has to know, or knows best. */
    forwards = forwards || (v.what == QUERY_ANSWERED && tied && forwarding_is_connected(s) &&
                            user_may(s->user, RIGHT_FORWARD));
    if (v.what == QUERY_REFUSED && !forwards) {
        (void)try_answer(s, sql, s->out);
        s->sequence++;
    } else if (!forwards) {
        prepare_here(s, sql);
    } else if (forwarding_is_allowed(s) && !forwarding_refuses_to_lift(s, sql)) {
        forwarding_send(s, payload, RESPONSE_PREPARE, TO_CLIENT);
        if (s->state == FORWARDING)
            s->forwarding->pinned = true;
    }
}

/* ---- what is done with them ---- */

static struct prepared *find_here(struct session *s, struct slice payload)
{
    struct cursor c = cursor_over(payload);

    cursor_skip(&c, 1);
    uint32_t id = cursor_u32(&c);
    if (c.failed || s->forwarding == NULL || s->forwarding->prepared == NULL)
        return NULL;
    return prepared_list_find(s->forwarding->prepared, id);
}

static void execute_here(struct session *s, struct prepared *p, struct slice payload)
{
    struct forwarding *f = s->forwarding;
    struct err         e = { 0 };

    if (prepared_bind(f->prepared, p, payload, s->capabilities, &f->values, &e) != 0) {
        if (e.kind == E_PROTOCOL)
            session_refuse_malformed(s);
        else
            session_answer_error(s, ER_NET_PACKET_TOO_LARGE, "08S01", e.text);
        return;
    }
    buf_clear(&f->head);
    buf_clear(&f->rest);
    buf_put_u8(&f->head, COM_QUERY);
    if ((s->capabilities & CAP_QUERY_ATTRIBUTES) != 0)
        buf_put_le(&f->head, 0x0100, 2); /* no attributes, in one set */
    buf_put(&f->rest, prepared_text(p));
    f->binary = true;
    forwarding_go_on(s);
}

static void on_statement_here(struct session *s, struct prepared *p, struct slice payload)
{
    switch (payload.ptr[0]) {
    case COM_STMT_EXECUTE:
        execute_here(s, p, payload);
        break;
    case COM_STMT_RESET:
        prepared_drop_long(s->forwarding->prepared, p);
        session_answer_ok(s);
        break;
    default:
        session_answer_error(s, ER_STMT_HAS_NO_OPEN_CURSOR, "HY000",
                             "The statement has no open cursor.");
    }
}

/* Of a statement that was prepared, so there is a connection, or there was one. */
void session_on_statement(struct session *s, struct slice payload)
{
    struct prepared *here = find_here(s, payload);

    if (!forwarding_look_after(s))
        return;
    if (here != NULL)
        on_statement_here(s, here, payload);
    else if (!forwarding_is_connected(s))
        session_answer_error(s, ER_UNKNOWN_STMT_HANDLER, "HY000",
                             "Unknown prepared statement handler");
    else
        forwarding_send(s, payload,
                        payload.ptr[0] == COM_STMT_EXECUTE ? RESPONSE_RESULTS
                        : payload.ptr[0] == COM_STMT_FETCH ? RESPONSE_ROWS
                                                           : RESPONSE_ONE,
                        TO_CLIENT);
}

void session_on_statement_quiet(struct session *s, struct slice payload)
{
    struct prepared *here = find_here(s, payload);
    struct cursor    c = cursor_over(payload);

    uint8_t  command = cursor_u8(&c);
    uint32_t id = cursor_u32(&c);
    if (here == NULL) {
        if (forwarding_is_connected(s) && forwarding_look_after(s) && forwarding_is_connected(s))
            forwarding_send(s, payload, RESPONSE_NONE, TO_CLIENT);
        return;
    }
    if (command == COM_STMT_CLOSE) {
        prepared_list_remove(s->forwarding->prepared, id);
        return;
    }
    uint16_t parameter = cursor_u16(&c);
    if (!c.failed)
        prepared_take_long(s->forwarding->prepared, here, parameter, cursor_rest(&c));
}
