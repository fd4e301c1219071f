/* Who is connected to the relay: SHOW PROCESSLIST, SHOW REPLICAS. */
#include <stdio.h>
#include <time.h>
#include "relay/sql/columns.h"
#include "relay/sql/query_parts.h"

#define EVER UINT32_MAX

/* ---- SHOW PROCESSLIST ---- */

static const char *state_of(const struct query_env *env, const struct query_peer *p)
{
    const struct server_facts *f = env->facts;
    bool                       mysql = f->family == FAMILY_MYSQL;
    uint32_t                   v = f->version_number;

    if (!p->streaming)
        return p->id == env->thread_id ? (mysql && v >= 80000 ? "init" : "starting") : "";
    if (mysql && v >= 80026)
        return p->at_end ? "Source has sent all binlog to replica; waiting for more updates"
                         : "Sending binlog event to replica";
    if (!p->at_end)
        return "Sending binlog event to slave";
    bool newer = v >= (mysql ? 50700u : 100500u);
    return newer ? "Master has sent all binlog to slave; waiting for more updates"
                 : "Master has sent all binlog to slave; waiting for binlog to be updated";
}

struct listing {
    struct query *q;
    bool          progress; /* MariaDB's column */
    struct slice  own;      /* this statement */
};

static void put_peer(void *arg, const struct query_peer *p)
{
    const struct listing   *l = arg;
    const struct query_env *env = l->q->env;
    bool                    own = p->id == env->thread_id;
    int64_t                 age = (int64_t)time(NULL) - p->since_s;
    struct packet           row = reply_row(l->q->reply);

    reply_number(&row, p->id);
    reply_text(&row, slice_of_text(p->user[0] != '\0' ? p->user : "unauthenticated user"));
    reply_text(&row, slice_of_text(p->address));
    if (own && env->session->database[0] != '\0')
        reply_text(&row, slice_of_text(env->session->database));
    else
        reply_null(&row);
    reply_text(&row, slice_of_text(own                  ? "Query"
                                   : p->streaming       ? p->command
                                   : p->user[0] == '\0' ? "Connect"
                                                        : "Sleep"));
    reply_number(&row, own || age < 0 ? 0 : (uint64_t)age);
    const char *state = state_of(env, p);
    reply_text(&row, *state != '\0' ? slice_of_text(state) : slice_empty());
    if (own)
        reply_text(&row, l->own);
    else
        reply_null(&row);
    if (l->progress)
        reply_text(&row, slice_of_text("0.000"));
    reply_row_end(l->q->reply, &row);
}

static int each_peer(struct query *q, query_each_peer *each, struct listing *l)
{
    struct err e = { 0 };

    if (q->env->each_peer == NULL)
        return 0;
    return q->env->each_peer(q->env->kill_arg, each, l, &e) == 0 ? 0 : expr_refuse_err(&q->no, &e);
}

int query_show_processes(struct query *q, const char *text)
{
    enum { SHORT_BYTES = 100 };
    static const struct column columns[] = {
        { "Id", COLUMN_SIGNED_LONG, 21, 50600, EVER, EVER, EVER },
        { "Id", COLUMN_SIGNED_LONG, 11, 0, 50600, 0, EVER },
        { "User", COLUMN_TEXT, 32, 50700, EVER, EVER, EVER },
        { "User", COLUMN_TEXT, 16, 0, 50700, EVER, EVER },
        { "User", COLUMN_TEXT, 128, EVER, EVER, 0, EVER },
        { "Host", COLUMN_TEXT, 255, 80000, EVER, EVER, EVER },
        { "Host", COLUMN_TEXT, 64, 0, 80000, 0, EVER },
        { "db", COLUMN_TEXT_NULL, 64, COLUMNS_EVER },
        { "Command", COLUMN_TEXT, 16, COLUMNS_EVER },
        { "Time", COLUMN_SIGNED, 7, COLUMNS_EVER },
        { "State", COLUMN_TEXT_NULL, 30, COLUMNS_EVER },
    };
    enum { COUNT = sizeof columns / sizeof columns[0] };
    struct column  list[COUNT + 2];
    struct listing l = { .q = q,
                         .progress = q->env->facts->family == FAMILY_MARIADB,
                         .own = q->text };

    TRY(query_expect_end(q));
    memcpy(list, columns, sizeof columns);
    list[COUNT] = (struct column){ "Info", text != NULL ? COLUMN_STATEMENT : COLUMN_TEXT_NULL,
                                   SHORT_BYTES, COLUMNS_EVER };
    list[COUNT + 1] = (struct column){ "Progress", COLUMN_DOUBLE, 7, EVER, EVER, 0, EVER };
    if (text == NULL && l.own.len > SHORT_BYTES)
        l.own.len = SHORT_BYTES;
    if (q->env->facts->family == FAMILY_MYSQL && q->env->facts->version_number >= 80035)
        query_warn(q, 1287,
                   "'INFORMATION_SCHEMA.PROCESSLIST' is deprecated and will be removed in a future "
                   "release. Please use performance_schema.processlist instead");
    columns_put(q->env, q->reply, list, COUNT + 2);
    TRY(each_peer(q, put_peer, &l));
    reply_rows_end(q->reply);
    return 0;
}

/* ---- SHOW REPLICAS ---- */

static void put_replica(void *arg, const struct query_peer *p)
{
    const struct listing   *l = arg;
    const struct query_env *env = l->q->env;

    if (!p->registered)
        return;
    struct packet row = reply_row(l->q->reply);
    reply_number(&row, p->server_id);
    reply_text(&row, p->replica_host[0] != '\0' ? slice_of_text(p->replica_host) : slice_empty());
    reply_number(&row, p->replica_port);
    reply_number(&row, env->relay_server_id);
    if (env->facts->family == FAMILY_MYSQL && env->facts->version_number >= 50600)
        reply_text(&row,
                   p->replica_uuid[0] != '\0' ? slice_of_text(p->replica_uuid) : slice_empty());
    reply_row_end(l->q->reply, &row);
}

int query_show_replicas(struct query *q, const char *text)
{
    static const struct column sources[] = {
        { "Server_Id", COLUMN_LONG, 10, COLUMNS_EVER },
        { "Host", COLUMN_TEXT, 255, COLUMNS_EVER },
        { "Port", COLUMN_LONG, 7, COLUMNS_EVER },
        { "Source_Id", COLUMN_LONG, 10, COLUMNS_EVER },
        { "Replica_UUID", COLUMN_TEXT, 36, COLUMNS_EVER },
    };
    static const struct column masters[] = {
        { "Server_id", COLUMN_LONG, 10, COLUMNS_EVER },
        { "Host", COLUMN_TEXT, 255, 80000, EVER, EVER, EVER },
        { "Host", COLUMN_TEXT, 20, 0, 80000, 0, EVER },
        { "Port", COLUMN_LONG, 7, COLUMNS_EVER },
        { "Master_id", COLUMN_LONG, 10, COLUMNS_EVER },
        { "Slave_UUID", COLUMN_TEXT, 36, 50600, EVER, EVER, EVER },
    };
    struct listing l = { .q = q };

    TRY(query_expect_end(q));
    if (text == NULL && q->env->facts->family == FAMILY_MYSQL &&
        q->env->facts->version_number >= 80022)
        query_warn(q, 1287,
                   "'SHOW SLAVE HOSTS' is deprecated and will be removed in a future release. "
                   "Please use SHOW REPLICAS instead");
    if (text != NULL)
        columns_put(q->env, q->reply, sources, sizeof sources / sizeof sources[0]);
    else
        columns_put(q->env, q->reply, masters, sizeof masters / sizeof masters[0]);
    TRY(each_peer(q, put_replica, &l));
    reply_rows_end(q->reply);
    return 0;
}
