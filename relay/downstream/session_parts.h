/* What the files session*.c share: small parts of a session, for its own thread. */
#pragma once
#include "relay/downstream/session.h"
#include "relay/log.h"

/* Error numbers of the protocol that are the same in both families. */
enum {
    ER_CON_COUNT_ERROR = 1040,
    ER_HANDSHAKE_ERROR = 1043,
    ER_ACCESS_DENIED_ERROR = 1045,
    ER_UNKNOWN_COM_ERROR = 1047,
    ER_BAD_DB_ERROR = 1049,
    ER_SERVER_SHUTDOWN = 1053,
    ER_NO_SUCH_THREAD = 1094,
    ER_KILL_DENIED_ERROR = 1095,
    ER_HOST_IS_BLOCKED = 1129,
    ER_NET_PACKET_TOO_LARGE = 1153,
    ER_NET_PACKETS_OUT_OF_ORDER = 1156,
    ER_LOCK_WAIT_TIMEOUT = 1205,
    ER_USER_LIMIT_REACHED = 1226,
    ER_SPECIFIC_ACCESS_DENIED_ERROR = 1227,
    ER_MASTER_FATAL_ERROR_READING_BINLOG = 1236,
    ER_UNKNOWN_STMT_HANDLER = 1243,
    ER_OPTION_PREVENTS_STATEMENT = 1290,
    ER_UNSUPPORTED_PS = 1295,
    ER_QUERY_INTERRUPTED = 1317,
    ER_PS_MANY_PARAM = 1390,
    ER_STMT_HAS_NO_OPEN_CURSOR = 1421,
    ER_MAX_PREPARED_STMT_COUNT_REACHED = 1461,
    ER_MALFORMED_PACKET = 1835,
    ER_SLAVE_SAME_ID = 4052, /* MariaDB */
};

void         session_enter(struct session *s, enum session_state state);
void         session_say(const struct session *s, enum log_level level, const char *what);
struct reply session_reply(struct session *s);
void         session_answer_ok(struct session *s);
void         session_answer_error(struct session *s, uint16_t number, const char state[5],
                                  const char *text);
/* The same, and the session ends. */
void session_refuse(struct session *s, uint16_t number, const char state[5], const char *text);
void session_refuse_malformed(struct session *s);
/* An answer is whole or, when even the buffer's bound was passed, is not there: then there is
   nothing to go on with. */
void session_check_out(struct session *s);

/* ---- session_login.c ---- */

void session_on_handshake(struct session *s, struct slice payload);
void session_on_change_user(struct session *s, struct slice payload);
void session_on_auth(struct session *s, struct slice payload);
/* SLOWED: the answer to a failed login is due. */
void session_answer_denied(struct session *s);
/* Gives back what the login took. */
void session_login_done(struct session *s);

/* What SQL is answered with. */
struct query_env session_env(struct session *s);

/* ---- session_forward.c ---- */

/* COM_QUERY. */
void session_on_query(struct session *s, struct slice payload);
/* A command that goes to the source as it is. */
void session_on_field_list(struct session *s, struct slice payload);
/* Where there is a connection the command goes there, too: true when it did. */
bool session_forward_plain(struct session *s, struct slice payload);
/* The same for COM_INIT_DB. */
bool session_forward_init_db(struct session *s, struct slice payload);
/* FORWARDING, AWAIT_PLACE, AWAIT_RISE: ends the statement that is under way. */
void session_forward_kill(struct session *s);
/* AWAIT_PLACE: it takes too long. */
void session_place_timeout(struct session *s);
/* AWAIT_RISE: what it waits for has not come in time. */
void session_rise_timeout(struct session *s);
/* Ends the connection to the source. */
void session_forward_done(struct session *s);

/* ---- session_large.c ---- */

/* The first packet, full, of a command that goes on in others. */
void session_on_large(struct session *s, struct slice payload);
/* Error 1153, and the session ends. */
void session_refuse_large(struct session *s);

/* ---- session_prepared.c ---- */

void session_on_prepare(struct session *s, struct slice payload);
void session_on_statement(struct session *s, struct slice payload); /* COM_STMT_EXECUTE, others */
void session_on_statement_quiet(struct session *s, struct slice payload); /* not answered */
