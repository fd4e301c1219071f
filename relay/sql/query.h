/*
 * The SQL that a relay answers itself: what replicas, mysqlbinlog, connectors and people ask about
 * server identity, binlogs, positions, GTIDs and variables; session settings; KILL.
 *
 * A statement is recognised by its first words (one table in query.c), never handed to anything
 * else; what is not recognised gets an error that says so. The answers are those of the source's
 * family and version: statements, variables and columns that such a server does not have get the
 * server's own errors. Everything needed to stream is answered from what the relay holds, so it
 * works while the source is away. Work and memory of one statement are bounded by QUERY_SQL_BYTES,
 * QUERY_VALUES_BYTES and QUERY_COLUMNS_MAX.
 *
 * A session owns its struct query_session; env and session are used by the session's thread alone.
 * Sources: MySQL and MariaDB manuals (SHOW statements, system variables, error references);
 * recorded handshakes of the clients.
 */
#pragma once
#include "protocol/reply.h"
#include "protocol/rights.h"
#include "relay/channel.h"
#include "relay/upstream/remembered.h"

enum {
    QUERY_SQL_BYTES = 64 * 1024,           /* longest statement */
    QUERY_VALUES_BYTES = 16 * 1024 * 1024, /* of all values of one answer */
    QUERY_COLUMNS_MAX = 256,
    QUERY_VARIABLES_MAX = 32,
    QUERY_NAME_BYTES = 64,
    QUERY_SETTINGS_MAX = 64,
    QUERY_WARNINGS_MAX = 4,
};

/* A user variable, e.g. @master_heartbeat_period. */
struct query_variable {
    char  name[QUERY_NAME_BYTES + 1]; /* without '@', in lower case */
    bool  is_number;                  /* set from a number: affects the type of a SELECT */
    char *value;                      /* text, ended by zero; never NULL */
};

/* What SET did, for a connection to the source that is opened later. */
struct query_setting {
    char  key[QUERY_NAME_BYTES + 2]; /* what was set: a later one replaces it */
    char *sql;                       /* "SET ...", ended by zero */
    char *value;                     /* of a system variable; NULL: not known, or none */
};

/* What SHOW WARNINGS shows. */
struct query_warning {
    bool     is_error;
    uint16_t number;
    char     text[REPLY_ERROR_BYTES + 1];
};

struct query_session {
    struct query_setting  settings[QUERY_SETTINGS_MAX]; /* oldest first */
    size_t                setting_count;
    size_t                setting_bytes; /* of all texts: at most 2 * QUERY_SQL_BYTES */
    struct query_variable variables[QUERY_VARIABLES_MAX];
    size_t                variable_count;
    size_t                variable_bytes; /* of all values: at most QUERY_SQL_BYTES */
    char                  database[4 * QUERY_NAME_BYTES + 1]; /* "" is none; it need not exist */
    bool                  autocommit;
    uint16_t              collation; /* number of that of the results: handshake, SET NAMES */
    struct query_warning  warnings[QUERY_WARNINGS_MAX]; /* of the last statement that had any */
    size_t                warning_count;
};
void query_session_init(struct query_session *s);
void query_session_done(struct query_session *s); /* accepts a zeroed one */
/* Back to how a new connection is (COM_RESET_CONNECTION). */
void query_session_reset(struct query_session *s);
/* The value of a user variable, e.g. ("slave_uuid"); NULL when it was never set or set to NULL.
   Valid until the next statement. */
const char *query_variable(const struct query_session *s, const char *name);
/* The first of the two that is set: new and old spellings ("source_...", "master_..."). */
const char *query_variable_either(const struct query_session *s, const char *name,
                                  const char *other);
/* The same as a number; false when it is not set or no number. */
bool query_variable_number(const struct query_session *s, const char *name, const char *other,
                           uint64_t *out);
/* What SET does. E_LIMIT past the bounds. */
MUST_CHECK int query_set_variable(struct query_session *s, struct slice name, struct slice value,
                                  bool is_number, struct err *e);
void           query_unset_variable(struct query_session *s, struct slice name);
/* What SET does: `text` is one assignment as it was written, or empty where there is none for a
   connection to repeat; `value` is NULL when it is not known. E_LIMIT past the bounds. */
MUST_CHECK int query_note_setting(struct query_session *s, struct slice key, struct slice text,
                                  const struct slice *value, struct err *e);
/* What the session set a system variable to, as text; NULL when it did not, or that is not known.
   Valid until the next statement. */
const char *query_setting_value(const struct query_session *s, const char *name);
/* The statements that bring a new connection to where this session is, in order: USE, SET. */
void query_session_each(const struct query_session *s, void (*each)(void *arg, const char *sql),
                        void                       *arg);
/* For COM_INIT_DB and the handshake: any name is taken. -1: too long or with a zero byte. */
MUST_CHECK int query_set_database(struct query_session *s, struct slice name);

enum query_kill { QUERY_KILL_DONE, QUERY_KILL_UNKNOWN, QUERY_KILL_DENIED };

/* Another session, as statements show it. */
struct query_peer {
    uint32_t    id;
    const char *user, *address; /* "" before login; "127.0.0.1:40000" */
    int64_t     since_s;
    bool        streaming, at_end; /* has been sent all there is */
    bool        semi_sync;         /* acknowledges what it gets */
    const char *command;           /* of a stream: "Binlog Dump" */
    bool        registered;        /* as a replica, with what follows */
    uint32_t    server_id;
    const char *replica_uuid, *replica_host;
    uint16_t    replica_port;
};
typedef void query_each_peer(void *arg, const struct query_peer *peer);

/* What stands for a '?' of a prepared statement. */
enum { QUERY_PARAMETERS_MAX = 64 };
struct query_parameter {
    bool         is_null;
    bool         is_number; /* a whole one */
    struct slice text;
};
struct query_parameters {
    bool                   unknown; /* it is only looked at: any number of them, without a value */
    size_t                 count;
    struct query_parameter list[QUERY_PARAMETERS_MAX];
};

/* Of a statement that waits until something is published: it is asked again, until it does not. */
struct query_wait {
    bool     over;       /* given: its time has passed, or is not there */
    uint64_t rises;      /* given: of the published end since it was asked first */
    bool     waits;      /* told: there is no answer yet */
    int64_t  timeout_ns; /* told with it; INT64_MAX: for ever */
};

struct query_env {
    const struct server_facts *facts; /* while they are not known every answer is error 1053 */
    struct store              *store;
    /* What the source's variables were at the last attach; NULL: not known. */
    const struct remembered_list *variables;
    store_pos end; /* of the binlog, for this statement; 0: where it really is */
    const struct query_parameters *parameters; /* NULL: there is no '?' */
    struct query_wait             *wait; /* NULL: nobody waits, so a wait's time is over at once */
    uint32_t                       relay_server_id;
    const char                    *relay_uuid;
    uint32_t                       thread_id;
    const char                    *user, *host; /* of the client */
    const char                    *hosts;       /* of its account, as it is written: "" is any */
    const char *coordinates; /* a source whose files the user knows, too; "" or NULL: none */
    unsigned    rights;      /* of the user: enum right */
    struct query_session *session;
    /* Ends another session: the one whose greeting carried `thread_id`. */
    /* `query`: only what it is doing. */
    enum query_kill (*kill)(void *arg, uint32_t thread_id, bool query);
    void *kill_arg;
    /* All sessions of the channel, this one too; `arg` is kill_arg. NULL: none. */
    int (*each_peer)(void *arg, query_each_peer *each, void *each_arg, struct err *e);
    /* What is known of the connection to the source now. NULL: nothing. */
    void (*status)(void *arg, struct channel_status *out);
    void       *status_arg;
    int64_t     started_s;                /* of the daemon */
    const char *tls_version, *tls_cipher; /* of this session; NULL: in the clear */
};

/* Appends one complete answer: OK, an error or a result; where a result does not fit into r->out's
   bound, an error that says so. r->status is set from the session. Nothing is appended where
   env->wait tells that the statement waits. */
void query_answer(const struct query_env *env, struct slice sql, struct reply *r);
