#include "relay/upstream/landmark.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "protocol/client.h"
#include "relay/sources.h"
#include "relay/upstream/peer.h"
#include "relay/upstream/source.h"
#include "storage/name.h"
#include "storage/reader.h"

enum { GTIDS_BYTES_MAX = 16 << 20, HEAD_EVENTS = 4 };

void landmark_done(struct landmark *m)
{
    buf_done(&m->gtids);
    *m = (struct landmark){ 0 };
}

static int64_t monotonic_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- asking -------------------------------------------------------------------------------- */

struct place {
    char     file[STORE_NAME_BYTES + 1];
    uint64_t at;
};

static int take_place(void *arg, uint32_t columns, const char *const *values,
                      const unsigned long *lengths, struct err *e)
{
    struct place *p = arg;

    (void)lengths;
    if (columns < 2 || values[0] == NULL || values[1] == NULL)
        return 0;
    TRY(name_check(values[0], e));
    (void)snprintf(p->file, sizeof p->file, "%s", values[0]);
    p->at = strtoull(values[1], NULL, 10);
    return 0;
}

static int take_text(void *arg, uint32_t columns, const char *const *values,
                     const unsigned long *lengths, struct err *e)
{
    (void)e;
    if (columns > 0 && values[0] != NULL)
        buf_put(arg, (struct slice){ (const uint8_t *)values[0], lengths[0] });
    return 0;
}

/* "UUID:5#17:6#18": the numbers behind # are threads. */
static void put_owned(struct buf *into, struct slice owned)
{
    bool thread = false;

    if (owned.len == 0)
        return;
    buf_put_text(into, into->len > 0 ? "," : "");
    for (size_t i = 0; i < owned.len; i++) {
        thread = owned.ptr[i] == '#' || (thread && owned.ptr[i] >= '0' && owned.ptr[i] <= '9');
        if (!thread)
            buf_put(into, (struct slice){ owned.ptr + i, 1 });
    }
}

/* What is in the binlog is owned by its session until it is executed, so those are asked for first:
   none can slip through between. */
static int ask_mysql(struct client *c, struct landmark *m, struct err *e)
{
    struct buf owned;

    buf_init(&owned, GTIDS_BYTES_MAX);
    int rc = source_query(c, "SELECT @@GLOBAL.gtid_owned", take_text, &owned, e);
    if (rc == 0)
        rc = source_query(c, "SELECT @@GLOBAL.gtid_executed", take_text, &m->gtids, e);
    if (rc == 0)
        rc = buf_check(&owned, "GTIDs", e);
    if (rc == 0)
        put_owned(&m->gtids, buf_slice(&owned));
    buf_done(&owned);
    return rc;
}

/* The list is the place's own only if nothing was written meanwhile. */
static int ask_mariadb(struct client *c, const struct server_facts *facts, struct landmark *m,
                       bool *told, struct err *e)
{
    struct place after = { 0 };

    TRY(source_query(c, "SELECT @@GLOBAL.gtid_binlog_state", take_text, &m->gtids, e));
    TRY(source_query(c, source_status_statement(facts), take_place, &after, e));
    *told = after.at == m->at && strcmp(after.file, m->file) == 0;
    return 0;
}

static int ask(struct client *c, const struct server_facts *facts, struct landmark *m, bool *told,
               struct err *e)
{
    struct place now = { 0 };

    TRY(source_query(c, source_status_statement(facts), take_place, &now, e));
    memcpy(m->file, now.file, sizeof m->file);
    m->at = now.at;
    m->seen_ms = monotonic_ms();
    *told = true;
    TRY(facts->family == FAMILY_MARIADB ? ask_mariadb(c, facts, m, told, e) : ask_mysql(c, m, e));
    TRY(buf_check(&m->gtids, "GTIDs", e));
    /* COM_BINLOG_DUMP's position has 32 bits. */
    *told = *told && *m->file != '\0' && m->at <= UINT32_MAX && m->gtids.len > 0;
    return 0;
}

int landmark_take(struct client *c, const struct server_facts *facts, struct landmark *out,
                  bool *told, struct err *e)
{
    struct landmark m = { 0 };
    struct err      why = { 0 };

    *told = false;
    /* Where transactions may be without one, GTIDs do not tell all. */
    if (facts->family != FAMILY_MARIADB && strcmp(facts->gtid_mode, "ON") != 0)
        return 0;
    buf_init(&m.gtids, GTIDS_BYTES_MAX);
    if (ask(c, facts, &m, told, &why) != 0) {
        landmark_done(&m);
        *told = false;
        if (why.kind == E_REFUSED)
            return 0;
        *e = why;
        return -1;
    }
    if (*told)
        *out = m;
    else
        landmark_done(&m);
    return 0;
}

/* ---- held or not --------------------------------------------------------------------------- */

struct listed {
    const struct gtids *held;
    struct buf          head; /* GTID_LIST of the newest relay file */
    bool                has_head, all_held;
    struct store       *store;
};

/* In front of its first transaction, if anywhere. */
static int read_head(struct listed *l, struct err *e)
{
    struct store_file   last;
    struct reader      *r;
    struct reader_piece piece;
    enum reader_step    step = READER_PIECE;
    int                 rc = 0;

    l->has_head = true;
    if (!store_last_file(l->store, &last))
        return 0;
    TRY(reader_open(l->store, store_pos_at(last.ordinal, BINLOG_MAGIC_BYTES), 0, &r, e));
    for (int i = 0; i < HEAD_EVENTS && rc == 0 && step == READER_PIECE; i++) {
        rc = reader_next(r, &piece, &step, e);
        if (rc == 0 && step == READER_PIECE && piece.last && piece.at == 0 &&
            piece.event.type == EVENT_MARIADB_GTID_LIST)
            buf_put(&l->head, piece.event.body);
    }
    reader_close(r);
    return rc == 0 ? buf_check(&l->head, "a list of GTIDs", e) : rc;
}

/* The list: a number of entries, each a domain, a server and its last number. */
static bool is_in_head(const struct listed *l, const struct gtid *g)
{
    struct cursor c = cursor_over(buf_slice(&l->head));
    bool          found = false;

    cursor_skip(&c, 4);
    while (!found && c.left > 0 && !c.failed) {
        uint32_t domain = cursor_u32(&c), server = cursor_u32(&c);
        uint64_t number = cursor_u64(&c);
        found = !c.failed && domain == g->domain && server == g->server_id && number >= g->number;
    }
    return found;
}

/*
 * A number that is reached in its domain is not enough, since without strict mode two servers may
 * have given the same one out: it has to be of the server that came last, or of one that the
 * relay's own newest file knows to have got as far.
 */
static int check_listed(void *arg, const struct gtid *g, struct err *e)
{
    struct listed     *l = arg;
    const struct gtid *tip = gtid_state_get(&l->held->state, g->domain);

    if (tip == NULL || tip->number < g->number) {
        l->all_held = false;
        return 0;
    }
    if (tip->server_id == g->server_id)
        return 0;
    if (!l->has_head)
        TRY(read_head(l, e));
    l->all_held &= is_in_head(l, g);
    return 0;
}

int landmark_is_held(const struct landmark *m, const struct gtids *held, struct store *s,
                     bool *is_held, struct err *e)
{
    struct gtid_set set = { 0 };
    struct listed   l = { .held = held, .all_held = true, .store = s };
    int             rc;

    if (held->state.count > 0) {
        buf_init(&l.head, GTIDS_BYTES_MAX);
        rc = peer_each_listed(buf_slice(&m->gtids), check_listed, &l, e);
        buf_done(&l.head);
        *is_held = rc == 0 && l.all_held;
        return rc;
    }
    rc = gtid_set_parse(&set, buf_slice(&m->gtids), e);
    *is_held = rc == 0 && gtid_set_is_subset(&set, &held->set);
    gtid_set_done(&set);
    return rc;
}

/* ---- the table ----------------------------------------------------------------------------- */

struct row {
    char           *source;
    char            uuid[UUID_TEXT_BYTES + 1];
    uint32_t        server_id;
    struct landmark sure, waits; /* `waits`: not all in front of it is held yet */
};
struct landmarks {
    pthread_mutex_t lock;
    struct row      rows[SOURCES_MAX];
    size_t          count;
};

int landmarks_new(struct landmarks **out, struct err *e)
{
    struct landmarks *l = calloc(1, sizeof *l);

    if (l == NULL)
        return err_set(e, E_NOMEM, "no memory to watch sources");
    (void)pthread_mutex_init(&l->lock, NULL);
    *out = l;
    return 0;
}

static void row_done(struct row *r)
{
    landmark_done(&r->sure);
    landmark_done(&r->waits);
    free(r->source);
    *r = (struct row){ 0 };
}

void landmarks_free(struct landmarks *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->count; i++)
        row_done(&l->rows[i]);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

static struct row *row_of(struct landmarks *l, const char *source)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->rows[i].source, source) == 0)
            return &l->rows[i];
    return NULL;
}

static void remove_row(struct landmarks *l, struct row *r)
{
    row_done(r);
    *r = l->rows[--l->count];
    l->rows[l->count] = (struct row){ 0 };
}

void landmarks_forget(struct landmarks *l, const char *source)
{
    (void)pthread_mutex_lock(&l->lock);
    struct row *r = row_of(l, source);
    if (r != NULL)
        remove_row(l, r);
    (void)pthread_mutex_unlock(&l->lock);
}

static bool is_of(const struct row *r, const struct server_facts *facts)
{
    return r->server_id == facts->server_id && strcmp(r->uuid, facts->server_uuid) == 0;
}

static bool is_behind(const struct landmark *a, const struct landmark *b)
{
    if (*b->file == '\0')
        return false;
    return strcmp(a->file, b->file) == 0 ? a->at < b->at : name_is_before(a->file, b->file);
}

/* The row of this server, made anew where it is another one or has begun its binlogs again; NULL
   when there is no room for it. */
static struct row *row_for(struct landmarks *l, const char *source,
                           const struct server_facts *facts, const struct landmark *seen)
{
    struct row *r = row_of(l, source);

    if (r != NULL &&
        (!is_of(r, facts) || is_behind(seen, &r->sure) || is_behind(seen, &r->waits))) {
        remove_row(l, r);
        r = NULL;
    }
    if (r != NULL || l->count == SOURCES_MAX)
        return r;
    char *name = strdup(source);
    if (name == NULL)
        return NULL;
    r = &l->rows[l->count++];
    *r = (struct row){ .source = name, .server_id = facts->server_id };
    (void)snprintf(r->uuid, sizeof r->uuid, "%s", facts->server_uuid);
    return r;
}

static void replace(struct landmark *old, struct landmark *by)
{
    landmark_done(old);
    *old = *by;
    *by = (struct landmark){ 0 };
}

/* The newer one of two that are held; one that is not waits, unless an older one does. */
static int keep(struct row *r, struct landmark *seen, const struct gtids *held, struct store *s,
                struct err *e)
{
    bool is_held = false;

    TRY(landmark_is_held(seen, held, s, &is_held, e));
    if (is_held) {
        replace(&r->sure, seen);
        landmark_done(&r->waits);
        return 0;
    }
    if (*r->waits.file != '\0')
        TRY(landmark_is_held(&r->waits, held, s, &is_held, e));
    if (is_held)
        replace(&r->sure, &r->waits);
    if (*r->waits.file == '\0')
        replace(&r->waits, seen);
    return 0;
}

int landmarks_look(struct landmarks *l, const char *source, struct client *c,
                   const struct server_facts *facts, struct store *s, struct err *e)
{
    struct landmark seen = { 0 };
    struct gtids    held = { 0 };
    bool            told;

    TRY(landmark_take(c, facts, &seen, &told, e));
    int rc = told ? store_gtids_published(s, &held, e) : 0;
    if (rc == 0 && told) {
        (void)pthread_mutex_lock(&l->lock);
        struct row *r = row_for(l, source, facts, &seen);
        rc = r != NULL ? keep(r, &seen, &held, s, e) : 0;
        (void)pthread_mutex_unlock(&l->lock);
    }
    gtids_done(&held);
    landmark_done(&seen);
    return rc;
}

int landmarks_find(struct landmarks *l, const char *source, const struct server_facts *facts,
                   struct landmark *out, bool *found, struct err *e)
{
    struct landmark copy = { 0 };

    (void)pthread_mutex_lock(&l->lock);
    const struct row *r = row_of(l, source);
    *found = r != NULL && is_of(r, facts) && *r->sure.file != '\0';
    if (*found) {
        copy = r->sure;
        buf_init(&copy.gtids, GTIDS_BYTES_MAX);
        buf_put(&copy.gtids, buf_slice(&r->sure.gtids));
    }
    (void)pthread_mutex_unlock(&l->lock);
    if (*found && buf_check(&copy.gtids, "GTIDs", e) != 0) {
        landmark_done(&copy);
        return -1;
    }
    *out = copy;
    return 0;
}
