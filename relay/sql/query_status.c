/* SHOW STATUS of the relay and of this session; anything else is the source's. */
#include <stdio.h>
#include <time.h>
#include "relay/sql/query_parts.h"

struct counts {
    unsigned peers, streams, semi_sync;
    bool     follows_semi_sync; /* the relay, as a replica */
};

static void count_peer(void *arg, const struct query_peer *p)
{
    struct counts *c = arg;
    c->peers++;
    c->streams += p->streaming ? 1 : 0;
    c->semi_sync += p->streaming && p->semi_sync ? 1 : 0;
}

typedef void put_value(const struct query_env *env, const struct counts *c, struct buf *out);

static void put_cipher(const struct query_env *env, const struct counts *c, struct buf *out)
{
    (void)c;
    buf_put_text(out, env->tls_cipher != NULL ? env->tls_cipher : "");
}
static void put_tls_version(const struct query_env *env, const struct counts *c, struct buf *out)
{
    (void)c;
    buf_put_text(out, env->tls_version != NULL ? env->tls_version : "");
}
static void put_connected(const struct query_env *env, const struct counts *c, struct buf *out)
{
    (void)env;
    buf_put_decimal(out, c->peers);
}
static void put_running(const struct query_env *env, const struct counts *c, struct buf *out)
{
    (void)env;
    buf_put_decimal(out, (int64_t)c->streams + 1);
}
static void put_uptime(const struct query_env *env, const struct counts *c, struct buf *out)
{
    (void)c;
    buf_put_decimal(out, (int64_t)time(NULL) - env->started_s);
}
static void put_clients(const struct query_env *env, const struct counts *c, struct buf *out)
{
    (void)env;
    buf_put_decimal(out, c->semi_sync);
}
static void put_on(const struct query_env *env, const struct counts *c, struct buf *out)
{
    (void)env, (void)c;
    buf_put_text(out, "ON");
}
static void put_follows(const struct query_env *env, const struct counts *c, struct buf *out)
{
    (void)env;
    buf_put_text(out, c->follows_semi_sync ? "ON" : "OFF");
}
/* It commits nothing itself, so it never waits. */
static void put_zero(const struct query_env *env, const struct counts *c, struct buf *out)
{
    (void)env, (void)c;
    buf_put_text(out, "0");
}

enum version { EVERY, ROLES_RENAMED /* MySQL 8.0.26 */ };

#define SEMI_SYNC(version, source, replica)                                                        \
    { "Rpl_semi_sync_" source "_clients", version, put_clients },                                  \
        { "Rpl_semi_sync_" source "_net_avg_wait_time", version, put_zero },                       \
        { "Rpl_semi_sync_" source "_net_wait_time", version, put_zero },                           \
        { "Rpl_semi_sync_" source "_net_waits", version, put_zero },                               \
        { "Rpl_semi_sync_" source "_no_times", version, put_zero },                                \
        { "Rpl_semi_sync_" source "_no_tx", version, put_zero },                                   \
        { "Rpl_semi_sync_" source "_status", version, put_on },                                    \
        { "Rpl_semi_sync_" source "_timefunc_failures", version, put_zero },                       \
        { "Rpl_semi_sync_" source "_tx_avg_wait_time", version, put_zero },                        \
        { "Rpl_semi_sync_" source "_tx_wait_time", version, put_zero },                            \
        { "Rpl_semi_sync_" source "_tx_waits", version, put_zero },                                \
        { "Rpl_semi_sync_" source "_wait_pos_backtraverse", version, put_zero },                   \
        { "Rpl_semi_sync_" source "_wait_sessions", version, put_zero },                           \
        { "Rpl_semi_sync_" source "_yes_tx", version, put_zero },                                  \
    {                                                                                              \
        "Rpl_semi_sync_" replica "_status", version, put_follows                                   \
    }

static const struct known {
    const char  *name;
    enum version version;
    put_value   *put;
} all[] = {
    SEMI_SYNC(EVERY, "master", "slave"),
    SEMI_SYNC(ROLES_RENAMED, "source", "replica"),
    { "Ssl_cipher", EVERY, put_cipher },
    { "Ssl_version", EVERY, put_tls_version },
    { "Threads_connected", EVERY, put_connected },
    { "Threads_running", EVERY, put_running },
    { "Uptime", EVERY, put_uptime },
};
enum { ALL = sizeof all / sizeof all[0] };

static bool exists(const struct known *k, const struct server_facts *f)
{
    enum { RENAMED = 80026 };
    return k->version == EVERY || (f->family == FAMILY_MYSQL && f->version_number >= RENAMED);
}

/* Is it about names of the relay's alone? */
static bool is_ours(struct query *q, const struct query_filter *f)
{
    struct expr x = query_expr(q);

    for (size_t i = 0; i < f->count; i++) {
        struct slice text = expr_text(&x, &f->any[i].text);
        bool         ours = f->any[i].like && sql_like(slice_of_text("rpl\\_semi\\_sync%"), text);
        for (size_t k = 0; k < ALL && !ours; k++)
            ours = sql_equal(text, all[k].name);
        if (!ours)
            return false;
    }
    return f->count > 0;
}

static void put_row(struct query *q, const struct known *k, const struct counts *c)
{
    size_t at = q->values.len;

    k->put(q->env, c, &q->values);
    struct slice  value = { q->values.ptr + at, q->values.len - at };
    struct packet row = reply_row(q->reply);
    reply_text(&row, slice_of_text(k->name));
    reply_text(&row, value.len > 0 ? value : slice_empty());
    reply_row_end(q->reply, &row);
}

int query_show_status(struct query *q, const char *text)
{
    const struct query_env *env = q->env;
    struct query_filter     f = { .count = 0 };
    struct counts           c = { 0 };
    struct channel_status   status = { 0 };
    struct err              e = { 0 };

    TRY(query_read_filter(q, &f));
    TRY(query_expect_end(q));
    if (buf_check(&q->values, "the statement", &e) != 0)
        return expr_refuse_err(&q->no, &e);
    if (!is_ours(q, &f))
        return query_refuse_forwarded(q);
    if (q->notes.dry)
        return 0;
    if (env->each_peer != NULL && env->each_peer(env->kill_arg, count_peer, &c, &e) != 0)
        return expr_refuse_err(&q->no, &e);
    if (env->status != NULL)
        env->status(env->status_arg, &status);
    c.follows_semi_sync = status.semi_sync;
    query_put_pairs(q, "status", text != NULL);
    for (size_t k = 0; k < ALL; k++) {
        if (exists(&all[k], env->facts) && query_filter_wants(q, &f, all[k].name))
            put_row(q, &all[k], &c);
    }
    reply_rows_end(q->reply);
    return 0;
}
