/* SHOW REPLICA STATUS and its other names: the relay as a replica of its source. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "relay/sql/columns.h"
#include "relay/sql/query_parts.h"
#include "relay/upstream/binlogs.h"

enum { NOW_SOURCE = 80022, SAYS_SOURCE = 80026 };

/* What the values are made from. */
struct replica {
    struct query         *q;
    struct channel_status status;
    bool                  held; /* there is anything, and its end: */
    struct binlogs_file   end;
    char                  host[256];
    unsigned              port;
};

typedef void put_value(const struct replica *r, struct packet *row);

static void put_text(struct packet *row, const char *text)
{
    reply_text(row, *text != '\0' ? slice_of_text(text) : slice_empty());
}

static bool says_source(const struct replica *r)
{
    const struct server_facts *f = r->q->env->facts;
    return f->family == FAMILY_MYSQL && f->version_number >= SAYS_SOURCE;
}

static bool follows(const struct replica *r)
{
    return r->status.state == CHANNEL_FOLLOWING;
}

/* ---- values ---- */

static void put_io_state(const struct replica *r, struct packet *row)
{
    bool source = says_source(r);
    switch (r->status.state) {
    case CHANNEL_FOLLOWING:
        put_text(row,
                 source ? "Waiting for source to send event" : "Waiting for master to send event");
        break;
    case CHANNEL_CONNECTING:
        put_text(row, source ? "Connecting to source" : "Connecting to master");
        break;
    case CHANNEL_WAITING:
        put_text(row, source ? "Reconnecting after a failed source event read"
                             : "Reconnecting after a failed master event read");
        break;
    case CHANNEL_STOPPED:
        put_text(row, "");
        break;
    }
}

static void put_host(const struct replica *r, struct packet *row)
{
    put_text(row, r->host);
}
static void put_user(const struct replica *r, struct packet *row)
{
    put_text(row, r->status.user);
}
static void put_port(const struct replica *r, struct packet *row)
{
    reply_number(row, r->port);
}
static void put_retry(const struct replica *r, struct packet *row)
{
    (void)r;
    reply_number(row, 1); /* the first pause; later ones grow */
}
static void put_read_file(const struct replica *r, struct packet *row)
{
    put_text(row, r->status.source_file);
}
static void put_read_pos(const struct replica *r, struct packet *row)
{
    reply_number(row, r->status.source_offset);
}
static void put_relay_file(const struct replica *r, struct packet *row)
{
    put_text(row, r->held ? r->end.name : "");
}
/* Relay files are the source's, so both offsets are the same. */
static void put_published_pos(const struct replica *r, struct packet *row)
{
    reply_number(row, r->held ? r->end.size : 0);
}
static void put_published_file(const struct replica *r, struct packet *row)
{
    put_text(row, r->held ? r->end.source_file : "");
}
static void put_io_running(const struct replica *r, struct packet *row)
{
    put_text(row, follows(r) ? "Yes" : r->status.state == CHANNEL_STOPPED ? "No" : "Connecting");
}
static void put_sql_running(const struct replica *r, struct packet *row)
{
    put_text(row, r->status.state == CHANNEL_STOPPED ? "No" : "Yes");
}
static void put_nothing(const struct replica *r, struct packet *row)
{
    (void)r;
    put_text(row, "");
}
static void put_zero(const struct replica *r, struct packet *row)
{
    (void)r;
    reply_number(row, 0);
}
static void put_null(const struct replica *r, struct packet *row)
{
    (void)r;
    reply_null(row);
}
static void put_none(const struct replica *r, struct packet *row)
{
    (void)r;
    put_text(row, "None");
}
static void put_no(const struct replica *r, struct packet *row)
{
    (void)r;
    put_text(row, "No");
}

static void put_space(const struct replica *r, struct packet *row)
{
    struct binlogs_file file;
    uint32_t            ordinal = 0;
    uint64_t            bytes = 0;

    while (binlogs_next(r->q->env->store, &ordinal, &file))
        bytes += file.size;
    reply_number(row, bytes);
}

static void put_tls(const struct replica *r, struct packet *row)
{
    put_text(row, r->status.tls ? "Yes" : "No");
}
static void put_tls_ca(const struct replica *r, struct packet *row)
{
    put_text(row, r->status.tls_ca);
}
static void put_tls_cert(const struct replica *r, struct packet *row)
{
    put_text(row, r->status.tls_cert);
}
static void put_tls_key(const struct replica *r, struct packet *row)
{
    put_text(row, r->status.tls_key);
}
static void put_tls_verify(const struct replica *r, struct packet *row)
{
    put_text(row, r->status.tls_verify ? "Yes" : "No");
}

/* Behind by what was not received yet; not known while the source can't be heard. */
static void put_seconds_behind(const struct replica *r, struct packet *row)
{
    int64_t behind = (int64_t)time(NULL) - r->status.last_event_s;

    if (!follows(r))
        reply_null(row);
    else
        reply_number(row, r->status.caught_up || behind < 0 ? 0 : (uint64_t)behind);
}

static void put_io_errno(const struct replica *r, struct packet *row)
{
    enum { CANNOT_CONNECT = 2003, FATAL = 1236, FATAL_80 = 13114 };
    bool newer = says_source(r);

    if (r->status.problem[0] == '\0')
        reply_number(row, 0);
    else
        reply_number(row, r->status.state != CHANNEL_STOPPED ? CANNOT_CONNECT
                          : newer                            ? FATAL_80
                                                             : FATAL);
}
static void put_io_error(const struct replica *r, struct packet *row)
{
    put_text(row, r->status.problem);
}
static void put_io_error_time(const struct replica *r, struct packet *row)
{
    char      text[80] = "";
    struct tm t;
    time_t    at = (time_t)r->status.since_s;

    if (r->status.problem[0] != '\0' && localtime_r(&at, &t) != NULL)
        (void)snprintf(text, sizeof text, "%02d%02d%02d %02d:%02d:%02d", t.tm_year % 100,
                       t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
    put_text(row, text);
}

static void put_server_id(const struct replica *r, struct packet *row)
{
    reply_number(row, r->q->env->facts->server_id);
}
static void put_uuid(const struct replica *r, struct packet *row)
{
    put_text(row, r->q->env->facts->server_uuid);
}
static void put_info_file(const struct replica *r, struct packet *row)
{
    (void)r;
    put_text(row, "catalog.db");
}
static void put_sql_state(const struct replica *r, struct packet *row)
{
    if (r->status.state == CHANNEL_STOPPED)
        put_text(row, "");
    else
        put_text(row, says_source(r) ? "Replica has read all relay log; waiting for more updates"
                                     : "Slave has read all relay log; waiting for more updates");
}

/* With `from_here` only what is still held. A set that can't be read is left out. */
static void put_gtids(const struct replica *r, struct packet *row, bool from_here)
{
    struct gtids all = { 0 };
    struct gtids before = { 0 };
    struct err   e = { 0 };
    struct buf   text;

    buf_init(&text, QUERY_VALUES_BYTES);
    bool known = binlogs_executed(r->q->env->store, &all, &e) == 0 &&
                 (!from_here || (binlogs_purged(r->q->env->store, &before, &e) == 0 &&
                                 gtid_set_subtract(&all.set, &before.set, &e) == 0));
    if (known && r->q->env->facts->family == FAMILY_MYSQL)
        gtid_set_put_text(&all.set, &text, true);
    else if (known)
        gtid_state_put_text(&all.state, &text);
    reply_text(row, text.len > 0 ? buf_slice(&text) : slice_empty());
    buf_done(&text);
    gtids_done(&all);
    gtids_done(&before);
}
static void put_retrieved(const struct replica *r, struct packet *row)
{
    put_gtids(r, row, true);
}
static void put_executed(const struct replica *r, struct packet *row)
{
    put_gtids(r, row, false);
}
static void put_event_time(const struct replica *r, struct packet *row)
{
    char      text[32] = "";
    struct tm t;
    time_t    at = (time_t)r->status.last_event_s;

    if (at != 0 && localtime_r(&at, &t) != NULL)
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &t);
    if (text[0] != '\0')
        put_text(row, text);
    else
        reply_null(row);
}
static void put_heartbeat(const struct replica *r, struct packet *row)
{
    (void)r;
    put_text(row, "0.000");
}

/* ---- the table ---- */

#define EVER                     UINT32_MAX
#define NEVER                    EVER, EVER
#define ALL                      0, EVER, 0, EVER
#define MYSQL(from)              from, EVER, NEVER
#define MARIADB(from)            NEVER, from, EVER
#define BOTH(from, mariadb_from) from, EVER, mariadb_from, EVER
/* SHOW ALL SLAVES STATUS alone. */
#define MANY(from) MARIADB(from)

static const struct field {
    struct column column;
    put_value    *put;
    bool          of_all; /* not in SHOW SLAVE STATUS */
} fields[] = {
    /* clang-format off */
    { { "Connection_name",             COLUMN_TEXT,     192, MANY(0) },          put_nothing, true },
    { { "Slave_SQL_State",             COLUMN_TEXT,      30, MANY(0) },          put_sql_state, true },
    { { "Slave_IO_State",              COLUMN_TEXT,      14, MYSQL(0) },         put_io_state, false },
    { { "Slave_IO_State",              COLUMN_TEXT,      30, MARIADB(0) },       put_io_state, false },
    { { "Master_Host",                 COLUMN_TEXT,     256, ALL },              put_host, false },
    { { "Master_User",                 COLUMN_TEXT,      97, ALL },              put_user, false },
    { { "Master_Port",                 COLUMN_LONG,       7, ALL },              put_port, false },
    { { "Connect_Retry",               COLUMN_LONG,      10, ALL },              put_retry, false },
    { { "Master_Log_File",             COLUMN_TEXT,     512, ALL },              put_read_file, false },
    { { "Read_Master_Log_Pos",         COLUMN_LONGLONG,  10, ALL },              put_read_pos, false },
    { { "Relay_Log_File",              COLUMN_TEXT,     512, ALL },              put_relay_file, false },
    { { "Relay_Log_Pos",               COLUMN_LONGLONG,  10, ALL },              put_published_pos, false },
    { { "Relay_Master_Log_File",       COLUMN_TEXT,     512, ALL },              put_published_file, false },
    { { "Slave_IO_Running",            COLUMN_TEXT,       3, ALL },              put_io_running, false },
    { { "Slave_SQL_Running",           COLUMN_TEXT,       3, ALL },              put_sql_running, false },
    { { "Replicate_Do_DB",             COLUMN_TEXT,      20, ALL },              put_nothing, false },
    { { "Replicate_Ignore_DB",         COLUMN_TEXT,      20, ALL },              put_nothing, false },
    { { "Replicate_Do_Table",          COLUMN_TEXT,      20, ALL },              put_nothing, false },
    { { "Replicate_Ignore_Table",      COLUMN_TEXT,      23, ALL },              put_nothing, false },
    { { "Replicate_Wild_Do_Table",     COLUMN_TEXT,      24, ALL },              put_nothing, false },
    { { "Replicate_Wild_Ignore_Table", COLUMN_TEXT,      28, ALL },              put_nothing, false },
    { { "Last_Errno",                  COLUMN_LONG,       4, ALL },              put_zero, false },
    { { "Last_Error",                  COLUMN_TEXT,      20, ALL },              put_nothing, false },
    { { "Skip_Counter",                COLUMN_LONG,      10, ALL },              put_zero, false },
    { { "Exec_Master_Log_Pos",         COLUMN_LONGLONG,  10, ALL },              put_published_pos, false },
    { { "Relay_Log_Space",             COLUMN_LONGLONG,  10, ALL },              put_space, false },
    { { "Until_Condition",             COLUMN_TEXT,       6, ALL },              put_none, false },
    { { "Until_Log_File",              COLUMN_TEXT,     512, ALL },              put_nothing, false },
    { { "Until_Log_Pos",               COLUMN_LONGLONG,  10, ALL },              put_zero, false },
    { { "Master_SSL_Allowed",          COLUMN_TEXT,       7, ALL },              put_tls, false },
    { { "Master_SSL_CA_File",          COLUMN_TEXT,     512, ALL },              put_tls_ca, false },
    { { "Master_SSL_CA_Path",          COLUMN_TEXT,     512, ALL },              put_nothing, false },
    { { "Master_SSL_Cert",             COLUMN_TEXT,     512, ALL },              put_tls_cert, false },
    { { "Master_SSL_Cipher",           COLUMN_TEXT,     512, ALL },              put_nothing, false },
    { { "Master_SSL_Key",              COLUMN_TEXT,     512, ALL },              put_tls_key, false },
    { { "Seconds_Behind_Master",       COLUMN_LONGLONG,  10, ALL },              put_seconds_behind, false },
    { { "Master_SSL_Verify_Server_Cert", COLUMN_TEXT,     3, ALL },              put_tls_verify, false },
    { { "Last_IO_Errno",               COLUMN_LONG,       4, ALL },              put_io_errno, false },
    { { "Last_IO_Error",               COLUMN_TEXT,      20, ALL },              put_io_error, false },
    { { "Last_SQL_Errno",              COLUMN_LONG,       4, ALL },              put_zero, false },
    { { "Last_SQL_Error",              COLUMN_TEXT,      20, ALL },              put_nothing, false },
    { { "Replicate_Ignore_Server_Ids", COLUMN_TEXT,     512, ALL },              put_nothing, false },
    { { "Master_Server_Id",            COLUMN_LONG,       8, ALL },              put_server_id, false },
    { { "Master_UUID",                 COLUMN_TEXT,      36, MYSQL(50600) },     put_uuid, false },
    { { "Master_Info_File",            COLUMN_TEXT,    1024, MYSQL(50600) },     put_info_file, false },
    { { "Master_SSL_Crl",              COLUMN_TEXT,     512, MARIADB(0) },       put_nothing, false },
    { { "Master_SSL_Crlpath",          COLUMN_TEXT,     512, MARIADB(0) },       put_nothing, false },
    { { "Using_Gtid",                  COLUMN_TEXT,      11, MARIADB(0) },       put_no, false },
    { { "Gtid_IO_Pos",                 COLUMN_TEXT,      30, MARIADB(0) },       put_nothing, false },
    { { "Replicate_Do_Domain_Ids",     COLUMN_TEXT,     512, MARIADB(0) },       put_nothing, false },
    { { "Replicate_Ignore_Domain_Ids", COLUMN_TEXT,     512, MARIADB(0) },       put_nothing, false },
    { { "Parallel_Mode",               COLUMN_TEXT,      12, MARIADB(0) },       put_none, false },
    { { "SQL_Delay",                   COLUMN_LONG,      10, BOTH(50600, 0) },   put_zero, false },
    { { "SQL_Remaining_Delay",         COLUMN_LONG,       8, BOTH(50600, 0) },   put_null, false },
    { { "Slave_SQL_Running_State",     COLUMN_TEXT,      20, BOTH(50600, 0) },   put_sql_state, false },
    { { "Slave_DDL_Groups",            COLUMN_LONGLONG,  20, MARIADB(100307) },  put_zero, false },
    { { "Slave_Non_Transactional_Groups", COLUMN_LONGLONG, 20, MARIADB(100307) }, put_zero, false },
    { { "Slave_Transactional_Groups",  COLUMN_LONGLONG,  20, MARIADB(100307) },  put_zero, false },
    { { "Master_Retry_Count",          COLUMN_LONGLONG,  10, MYSQL(50600) },     put_zero, false },
    { { "Master_Bind",                 COLUMN_TEXT,     256, MYSQL(50600) },     put_nothing, false },
    { { "Last_IO_Error_Timestamp",     COLUMN_TEXT,      20, MYSQL(50600) },     put_io_error_time, false },
    { { "Last_SQL_Error_Timestamp",    COLUMN_TEXT,      20, MYSQL(50600) },     put_nothing, false },
    { { "Master_SSL_Crl",              COLUMN_TEXT,     512, MYSQL(50600) },     put_nothing, false },
    { { "Master_SSL_Crlpath",          COLUMN_TEXT,     512, MYSQL(50600) },     put_nothing, false },
    { { "Retrieved_Gtid_Set",          COLUMN_TEXT,       0, MYSQL(50600) },     put_retrieved, false },
    { { "Executed_Gtid_Set",           COLUMN_TEXT,      40, MYSQL(50600) },     put_executed, false },
    { { "Auto_Position",               COLUMN_LONG,       8, MYSQL(50600) },     put_zero, false },
    { { "Replicate_Rewrite_DB",        COLUMN_TEXT,      24, BOTH(50700, 101100) }, put_nothing, false },
    { { "Channel_Name",                COLUMN_TEXT,     192, MYSQL(50706) },     put_nothing, false },
    { { "Master_TLS_Version",          COLUMN_TEXT,     512, MYSQL(50710) },     put_nothing, false },
    { { "Master_public_key_path",      COLUMN_TEXT,     512, MYSQL(80000) },     put_nothing, false },
    { { "Get_master_public_key",       COLUMN_LONG,       8, MYSQL(80000) },     put_zero, false },
    { { "Network_Namespace",           COLUMN_TEXT,     193, MYSQL(80022) },     put_nothing, false },
    { { "Retried_transactions",        COLUMN_LONG,      10, MANY(0) },          put_zero, true },
    { { "Max_relay_log_size",          COLUMN_LONGLONG,  10, MANY(0) },          put_zero, true },
    { { "Executed_log_entries",        COLUMN_LONG,      10, MANY(0) },          put_zero, true },
    { { "Slave_received_heartbeats",   COLUMN_LONG,      10, MANY(0) },          put_zero, true },
    { { "Slave_heartbeat_period",      COLUMN_DOUBLE,    10, MANY(0) },          put_heartbeat, true },
    { { "Gtid_Slave_Pos",              COLUMN_TEXT,       9, MANY(0) },          put_executed, true },
    { { "Master_last_event_time",      COLUMN_TEXT_NULL, 19, MANY(110600) },     put_event_time, true },
    { { "Slave_last_event_time",       COLUMN_TEXT_NULL, 19, MANY(110600) },     put_event_time, true },
    { { "Master_Slave_time_diff",      COLUMN_SIGNED,    10, MANY(110600) },     put_zero, true },
    /* clang-format on */
};
enum { FIELD_COUNT = sizeof fields / sizeof fields[0], NAME_BYTES = 48 };

/* "Master_Host" as newer MySQL says it. */
static void rename_field(const char *name, char into[NAME_BYTES])
{
    static const char *const words[][2] = { { "Slave", "Replica" },
                                            { "Master", "Source" },
                                            { "master", "Source" } };
    size_t                   n = 0;

    while (*name != '\0') {
        size_t i = 0;
        while (i < 3 && strncmp(name, words[i][0], strlen(words[i][0])) != 0)
            i++;
        n += (size_t)snprintf(into + n, NAME_BYTES - n, "%.*s", i < 3 ? 16 : 1,
                              i < 3 ? words[i][1] : name);
        name += i < 3 ? strlen(words[i][0]) : 1;
    }
}

static size_t choose(const struct query *q, bool all, bool renamed,
                     struct column columns[FIELD_COUNT], const struct field *chosen[FIELD_COUNT],
                     char names[FIELD_COUNT][NAME_BYTES])
{
    size_t n = 0;

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (!column_exists(&fields[i].column, q->env->facts) || (fields[i].of_all && !all))
            continue;
        columns[n] = fields[i].column;
        chosen[n] = &fields[i];
        if (renamed) {
            rename_field(columns[n].name, names[n]);
            columns[n].name = names[n];
        }
        n++;
    }
    return n;
}

/* "host:port", "[address]:port", or a socket's path. */
static void read_address(struct replica *r)
{
    const char *address = r->status.address;
    const char *colon = strrchr(address, ':');
    size_t      n = colon != NULL ? (size_t)(colon - address) : strlen(address);

    if (colon != NULL)
        r->port = (unsigned)strtoul(colon + 1, NULL, 10);
    if (n >= 2 && address[0] == '[' && address[n - 1] == ']') {
        address++;
        n -= 2;
    }
    (void)snprintf(r->host, sizeof r->host, "%.*s", (int)n, address);
}

static void read_replica(struct query *q, struct replica *r)
{
    *r = (struct replica){ .q = q };
    q->env->status(q->env->status_arg, &r->status);
    read_address(r);
    r->held = binlogs_end(q->env->store, &r->end);
}

/* FOR CHANNEL '': the only one. */
static int read_channel(struct query *q)
{
    struct sql_token t;

    if (!sql_match(&q->sql, "FOR CHANNEL"))
        return 0;
    t = q->sql.now;
    if (t.kind != SQL_TEXT && t.kind != SQL_WORD && t.kind != SQL_NAME)
        return query_refuse_syntax(q);
    if (t.body.len > 0)
        return sql_refuse(&q->no, 3074, "HY000", "%s channel '%.*s' does not exist.",
                          q->env->facts->version_number >= SAYS_SOURCE ? "Replica" : "Slave",
                          (int)(t.body.len < 64 ? t.body.len : 64), (const char *)t.body.ptr);
    sql_step(&q->sql);
    return 0;
}

int query_show_replica(struct query *q, const char *text)
{
    struct column       columns[FIELD_COUNT];
    const struct field *chosen[FIELD_COUNT];
    char                names[FIELD_COUNT][NAME_BYTES];
    struct replica      r;
    bool                all = strcmp(text, "all") == 0;
    bool                renamed = strcmp(text, "source") == 0;

    if (q->env->facts->family == FAMILY_MYSQL)
        TRY(read_channel(q));
    TRY(query_expect_end(q));
    if (q->env->status == NULL)
        return sql_refuse(&q->no, 1105, "HY000", "binrelay: nothing is known of the source");
    if (q->env->facts->family == FAMILY_MYSQL && !renamed &&
        q->env->facts->version_number >= NOW_SOURCE)
        query_warn(q, 1287,
                   "'SHOW SLAVE STATUS' is deprecated and will be removed in a future release. "
                   "Please use SHOW REPLICA STATUS instead");
    size_t n = choose(q, all, renamed, columns, chosen, names);
    read_replica(q, &r);
    columns_put(q->env, q->reply, columns, n);
    struct packet row = reply_row(q->reply);
    for (size_t i = 0; i < n; i++)
        chosen[i]->put(&r, &row);
    reply_row_end(q->reply, &row);
    reply_rows_end(q->reply);
    return 0;
}
