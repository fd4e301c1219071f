#include "relay/upstream/health.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "relay/upstream/source.h"

enum {
    ER_UNKNOWN_VARIABLE = 1193,
    IMPATIENT_CONNECT_S = 3,
    IMPATIENT_READ_S = 5,
    TEXT_BYTES_MAX = 16 * 1024 * 1024,
};

void health_done(struct health *h)
{
    gtids_done(&h->executed);
}

int health_copy(struct health *into, const struct health *from, struct err *e)
{
    struct health copy = *from;

    copy.executed = (struct gtids){ 0 };
    TRY(gtids_copy(&copy.executed, &from->executed, e));
    *into = copy;
    return 0;
}

void health_subject_init(struct health_subject *s, const struct config_source *source)
{
    *s = (struct health_subject){ .source = source, .impatient = *source };
    if (s->impatient.connect_timeout > IMPATIENT_CONNECT_S)
        s->impatient.connect_timeout = IMPATIENT_CONNECT_S;
    if (s->impatient.read_timeout > IMPATIENT_READ_S)
        s->impatient.read_timeout = IMPATIENT_READ_S;
    s->impatient.compress = false;
}

void health_subject_done(struct health_subject *s)
{
    if (s->client != NULL && s->landmarks != NULL)
        landmarks_forget(s->landmarks, s->source->name);
    client_close(s->client);
    s->client = NULL;
}

/* ---- questions ----------------------------------------------------------------------------- */

static int take_text(void *arg, uint32_t columns, const char *const *values,
                     const unsigned long *lengths, struct err *e)
{
    struct buf *into = arg;

    (void)e;
    if (columns > 0 && values[0] != NULL)
        buf_put(into, (struct slice){ (const uint8_t *)values[0], lengths[0] });
    return 0;
}

/* "" where this version knows no such thing. */
static int ask(struct client *c, const char *sql, struct buf *into, struct err *e)
{
    struct err why = { 0 };

    buf_clear(into);
    if (client_query(c, sql, take_text, into, &why) == 0)
        return buf_check(into, "a server's answer", e);
    if (why.kind == E_REFUSED && why.sys == ER_UNKNOWN_VARIABLE)
        return 0;
    *e = why;
    return -1;
}

static bool is_on(struct buf *text)
{
    const char *t = buf_text(text);
    return *t != '\0' && strcmp(t, "0") != 0 && strcmp(t, "OFF") != 0;
}

static int take_place(void *arg, uint32_t columns, const char *const *values,
                      const unsigned long *lengths, struct err *e)
{
    struct health *h = arg;

    (void)lengths;
    (void)e;
    if (columns < 2 || values[0] == NULL || values[1] == NULL)
        return 0;
    (void)snprintf(h->file, sizeof h->file, "%s", values[0]);
    h->offset = strtoull(values[1], NULL, 10);
    return 0;
}

/* Columns of SHOW REPLICA STATUS that all versions have, counted from 0. */
enum { REPLICA_HOST = 1, REPLICA_PORT = 3, REPLICA_IO = 10, REPLICA_SQL = 11 };

static int take_replica(void *arg, uint32_t columns, const char *const *values,
                        const unsigned long *lengths, struct err *e)
{
    struct health *h = arg;

    (void)lengths;
    (void)e;
    if (columns <= REPLICA_SQL || values[REPLICA_HOST] == NULL || values[REPLICA_PORT] == NULL ||
        values[REPLICA_IO] == NULL || values[REPLICA_SQL] == NULL)
        return 0;
    (void)snprintf(h->replicates_from, sizeof h->replicates_from, "%.200s:%.10s",
                   values[REPLICA_HOST], values[REPLICA_PORT]);
    h->replicates =
        strcmp(values[REPLICA_IO], "Yes") == 0 && strcmp(values[REPLICA_SQL], "Yes") == 0;
    return 0;
}

/* What an account may not see stays unknown. */
static int ask_if_allowed(struct client *c, const char *sql,
                          int (*row)(void *arg, uint32_t columns, const char *const *values,
                                     const unsigned long *lengths, struct err *e),
                          void *arg, struct err *e)
{
    struct err why = { 0 };

    if (client_query(c, sql, row, arg, &why) == 0 || why.kind == E_REFUSED)
        return 0;
    *e = why;
    return -1;
}

/* ---- GTIDs --------------------------------------------------------------------------------- */

static uint64_t count_set(const struct gtid_set *s)
{
    uint64_t n = 0;

    for (size_t i = 0; i < s->count; i++)
        for (size_t k = 0; k < s->lines[i].count; k++)
            n += s->lines[i].intervals[k].last - s->lines[i].intervals[k].first + 1;
    return n;
}

static int count_beyond(const struct gtid_set *all, const struct gtid_set *have, uint64_t *out,
                        struct err *e)
{
    struct gtid_set rest = { 0 };

    int rc = gtid_set_copy(&rest, all, e);
    if (rc == 0)
        rc = gtid_set_subtract(&rest, have, e);
    if (rc == 0)
        *out = count_set(&rest);
    gtid_set_done(&rest);
    return rc;
}

/* MariaDB's sequence numbers count a domain's transactions. */
static uint64_t count_ahead(const struct gtid_state *all, const struct gtid_state *have)
{
    uint64_t n = 0;

    for (size_t i = 0; i < all->count; i++) {
        const struct gtid *mine = gtid_state_get(have, all->entries[i].domain);
        uint64_t           from = mine != NULL ? mine->number : 0;
        if (all->entries[i].number > from)
            n += all->entries[i].number - from;
    }
    return n;
}

int health_compare(const struct gtids *held, const struct gtids *executed,
                   const struct gtids *purged, struct health *out, struct err *e)
{
    uint64_t lacking = 0, more = 0, lost = 0;

    out->standing = HEALTH_UNKNOWN;
    out->lacking = out->more = 0;
    /* A server without GTIDs says nothing; one that has just begun its first says little. */
    if (gtids_is_empty(held))
        return 0;
    if (held->state.count > 0) {
        if (executed->state.count == 0)
            return 0;
        lacking = count_ahead(&held->state, &executed->state);
        more = count_ahead(&executed->state, &held->state);
    } else {
        if (gtid_set_is_empty(&executed->set))
            return 0;
        TRY(count_beyond(&held->set, &executed->set, &lacking, e));
        TRY(count_beyond(&executed->set, &held->set, &more, e));
        TRY(count_beyond(&purged->set, &held->set, &lost, e));
    }
    out->lacking = lacking;
    out->more = more;
    out->standing = lost > 0 ? HEALTH_PURGED : lacking > 0 ? HEALTH_BEHIND : HEALTH_EVEN;
    return 0;
}

static int ask_gtids(struct client *c, const char *sql, struct buf *text, struct gtids *out,
                     struct err *e)
{
    TRY(ask(c, sql, text, e));
    return gtids_parse(out, buf_slice(text), e);
}

static int look_at_gtids(struct health_subject *s, struct store *store, struct buf *text,
                         struct health *h, struct err *e)
{
    bool         mariadb = s->facts.family == FAMILY_MARIADB;
    struct gtids held = { 0 }, purged = { 0 };
    int          rc = 0;

    if (!mariadb && strncmp(s->facts.gtid_mode, "ON", 2) != 0)
        return 0;
    rc = ask_gtids(s->client,
                   mariadb ? "SELECT @@global.gtid_binlog_pos" : "SELECT @@global.gtid_executed",
                   text, &h->executed, e);
    if (rc == 0 && !mariadb)
        rc = ask_gtids(s->client, "SELECT @@global.gtid_purged", text, &purged, e);
    /* Asked last, so that what the server got meanwhile does not seem to be lacking there. */
    if (rc == 0)
        rc = store_gtids_published(store, &held, e);
    if (rc == 0)
        rc = health_compare(&held, &h->executed, &purged, h, e);
    gtids_done(&held);
    gtids_done(&purged);
    return rc;
}

/* ---- one look ------------------------------------------------------------------------------ */

static const char *place_statement(const struct server_facts *f)
{
    return f->family == FAMILY_MYSQL && f->version_number >= 80200 ? "SHOW BINARY LOG STATUS"
                                                                   : "SHOW MASTER STATUS";
}

static const char *replica_statement(const struct server_facts *f)
{
    return f->family == FAMILY_MYSQL && f->version_number >= 80022 ? "SHOW REPLICA STATUS"
                                                                   : "SHOW SLAVE STATUS";
}

/* A replica that does not log what it replicates has only a part of what consumers need. */
static int check_logging(struct health_subject *s, struct buf *text, struct health *h,
                         struct err *e)
{
    bool renamed = s->facts.family == FAMILY_MYSQL && s->facts.version_number >= 80026;

    TRY(ask(s->client,
            renamed ? "SELECT @@global.log_replica_updates" : "SELECT @@global.log_slave_updates",
            text, e));
    if (!is_on(text) && h->problem[0] == '\0') {
        h->kind = E_CONFIG;
        (void)snprintf(h->problem, sizeof h->problem,
                       "it does not log what it replicates: set %s there and restart it",
                       renamed ? "log_replica_updates" : "log_slave_updates");
    }
    return 0;
}

static int ask_all(struct health_subject *s, struct store *store, bool follows, struct buf *text,
                   struct health *h, struct err *e)
{
    struct err why = { 0 };

    TRY(ask(s->client, "SELECT @@global.read_only", text, e));
    h->read_only = is_on(text);
    h->answers = true;
    if (source_check(s->source, &s->facts, h->address, &why) != 0) {
        h->kind = why.kind;
        (void)snprintf(h->problem, sizeof h->problem, "%s", why.text);
    }
    if (follows)
        return 0;
    TRY(check_logging(s, text, h, e));
    TRY(ask_if_allowed(s->client, place_statement(&s->facts), take_place, h, e));
    TRY(ask_if_allowed(s->client, replica_statement(&s->facts), take_replica, h, e));
    if (s->landmarks != NULL)
        TRY(landmarks_look(s->landmarks, s->source->name, s->client, &s->facts, store, e));
    return look_at_gtids(s, store, text, h, e);
}

static int open_client(struct health_subject *s, int interrupt_fd, struct err *e)
{
    TRY(source_connect(&s->impatient, interrupt_fd, &s->client, e));
    if (source_learn(s->client, &s->facts, e) == 0)
        return 0;
    health_subject_done(s);
    return -1;
}

static int look(struct health_subject *s, struct store *store, bool follows, int interrupt_fd,
                struct buf *text, struct health *h, struct err *e)
{
    if (s->client == NULL)
        TRY(open_client(s, interrupt_fd, e));
    h->facts = s->facts;
    (void)snprintf(h->address, sizeof h->address, "%s", client_address(s->client));
    return ask_all(s, store, follows, text, h, e);
}

static void begin_anew(struct health *h)
{
    health_done(h);
    *h = (struct health){ .facts = h->facts };
}

int health_look(struct health_subject *s, struct store *store, bool follows, int interrupt_fd,
                struct health *out, struct err *e)
{
    bool       kept = s->client != NULL;
    struct err why = { 0 };
    struct buf text;

    buf_init(&text, TEXT_BYTES_MAX);
    begin_anew(out);
    int rc = look(s, store, follows, interrupt_fd, &text, out, &why);
    if (rc != 0)
        health_subject_done(s);
    /* One that was idle may have been closed by the server, which means nothing. */
    if (rc != 0 && kept && why.kind != E_STOPPED) {
        why = (struct err){ 0 };
        begin_anew(out);
        rc = look(s, store, follows, interrupt_fd, &text, out, &why);
        if (rc != 0)
            health_subject_done(s);
    }
    buf_done(&text);
    if (rc != 0 && (why.kind == E_STOPPED || why.kind == E_NOMEM)) {
        *e = why;
        return -1;
    }
    out->looked_s = (int64_t)time(NULL);
    if (rc != 0) {
        out->kind = why.kind;
        (void)snprintf(out->problem, sizeof out->problem, "%s", why.text);
    }
    return 0;
}

int health_try(const struct config_source *source, int interrupt_fd, struct err *e)
{
    struct health_subject s;

    health_subject_init(&s, source);
    int rc = source_connect(&s.impatient, interrupt_fd, &s.client, e);
    health_subject_done(&s);
    return rc;
}
