/* Joining by MySQL's GTID sets. */
#include <stdio.h>
#include "relay/upstream/plan_core.h"

enum { SET_BYTES_MAX = 64 << 20 };

static int ask_set(struct planner *p, const char *sql, struct gtid_set *out, struct err *e)
{
    struct buf text;

    buf_init(&text, SET_BYTES_MAX);
    int rc = peer_ask(&p->peer, sql, &text, e);
    if (rc == 0)
        rc = gtid_set_parse(out, buf_slice(&text), e);
    buf_done(&text);
    return rc;
}

static uint64_t count_of(const struct gtid_set *s)
{
    uint64_t count = 0;

    for (size_t i = 0; i < s->count; i++)
        for (size_t n = 0; n < s->lines[i].count; n++)
            count += s->lines[i].intervals[n].last - s->lines[i].intervals[n].first + 1;
    return count;
}

/* *out = a without b. */
static int difference(const struct gtid_set *a, const struct gtid_set *b, struct gtid_set *out,
                      struct err *e)
{
    TRY(gtid_set_copy(out, a, e));
    return gtid_set_subtract(out, b, e);
}

/* Of `s`, what a server with this UUID made. */
static int add_own(const struct gtid_set *s, const char *uuid, struct gtid_set *out, struct err *e)
{
    char text[UUID_TEXT_BYTES + 1];

    for (size_t i = 0; i < s->count; i++) {
        const struct gtid_line *l = &s->lines[i];
        gtid_uuid_format(l->uuid, text);
        if (strcasecmp(text, uuid) != 0)
            continue;
        for (size_t n = 0; n < l->count; n++)
            TRY(gtid_set_add_range(out, l->uuid, l->tag, l->intervals[n].first,
                                   l->intervals[n].last, e));
    }
    return 0;
}

/* A row that tells of places, not of GTIDs, is none of ours. */
static int take_ghosts(void *arg, const struct catalog_epoch *x, struct err *e)
{
    struct gtid_set lacking = { 0 };
    struct err      none;
    int             rc = 0;

    if (x->forked && gtid_set_parse(&lacking, slice_of_text(x->lacking), &none) == 0)
        rc = gtid_set_unite(arg, &lacking, e);
    gtid_set_done(&lacking);
    return rc;
}

struct sets {
    struct gtid_set executed, purged; /* of the candidate */
    struct gtid_set ghosts;           /* of forks that were kept */
    struct gtid_set lacking, fresh, lost, own;
};

static void sets_done(struct sets *s)
{
    gtid_set_done(&s->executed);
    gtid_set_done(&s->purged);
    gtid_set_done(&s->ghosts);
    gtid_set_done(&s->lacking);
    gtid_set_done(&s->fresh);
    gtid_set_done(&s->lost);
    gtid_set_done(&s->own);
}

/*
 * What a server lost of its own it will write again under equal numbers, and that is new. So the
 * ghosts of its own UUID don't count as held, those of others do.
 */
static int compare(struct planner *p, struct sets *s, struct err *e)
{
    struct gtid_set *held = &p->plan->skip.held;
    const char      *uuid = p->peer.facts.server_uuid;

    TRY(catalog_each_epoch(store_catalog(p->q->store), take_ghosts, &s->ghosts, e));
    TRY(difference(&p->held.set, &s->executed, &s->lacking, e));
    /* Of what was never stored here the relay can tell nothing, and nobody has it from here. */
    TRY(gtid_set_subtract(&s->lacking, &p->stored_from.set, e));
    TRY(add_own(&s->ghosts, uuid, &s->own, e));
    TRY(add_own(&s->lacking, uuid, &s->own, e));
    TRY(difference(&p->held.set, &s->own, held, e));
    TRY(gtid_set_subtract(&s->lacking, &s->ghosts, e));
    TRY(difference(&s->executed, held, &s->fresh, e));
    return difference(&s->purged, held, &s->lost, e);
}

static int name_set(struct buf *into, const struct gtid_set *s, struct err *e)
{
    struct buf text;

    buf_init(&text, SET_BYTES_MAX);
    gtid_set_put_text(s, &text, false);
    int rc = buf_check(&text, "GTIDs", e);
    if (rc == 0)
        rc = plan_name(into, buf_slice(&text), e);
    buf_done(&text);
    return rc;
}

static int report(struct planner *p, const struct sets *s, struct err *e)
{
    struct plan *plan = p->plan;

    plan->lacking_transactions = count_of(&s->lacking);
    plan->lost_transactions = count_of(&s->lost);
    plan->new_transactions = count_of(&s->fresh);
    TRY(name_set(&plan->lacking, &s->lacking, e));
    TRY(name_set(&plan->lost, &s->lost, e));
    if (plan->lacking_transactions == 0)
        return 0;
    plan->errant_transactions = plan->new_transactions;
    return name_set(&plan->errant, &s->fresh, e);
}

static int is_within(struct planner *p, const struct peer_file *f, bool *within, struct err *e)
{
    struct buf      text;
    struct gtid_set before = { 0 };

    buf_init(&text, SET_BYTES_MAX);
    int rc = peer_gtids_before(&p->peer, f, &text, e);
    if (rc == 0)
        rc = gtid_set_parse(&before, buf_slice(&text), e);
    if (rc == 0)
        *within = gtid_set_is_subset(&before, &p->plan->skip.held);
    gtid_set_done(&before);
    buf_done(&text);
    return rc;
}

/* What it was known to have then it has now, unless it has begun anew. */
static int begin_at_landmark(struct planner *p, const struct sets *s, const struct landmark *m,
                             size_t *index, struct err *e)
{
    struct gtid_set before = { 0 };

    TRY(gtid_set_parse(&before, buf_slice(&m->gtids), e));
    const bool has_all = gtid_set_is_subset(&before, &s->executed);
    gtid_set_done(&before);
    if (!has_all || s->lacking.count > 0 || s->own.count > 0 || !plan_landmark_fits(p, m, index))
        return 0;
    return skip_add_range(&p->plan->skip, m->file, BINLOG_MAGIC_BYTES, m->at, e);
}

static int by_set(struct planner *p, struct sets *s, const struct landmark *m, struct err *e)
{
    char     end_file[STORE_NAME_BYTES + 1];
    uint64_t end_at;
    size_t   index = 0;
    bool     found = false;

    TRY(ask_set(p, "SELECT @@GLOBAL.gtid_executed", &s->executed, e));
    TRY(ask_set(p, "SELECT @@GLOBAL.gtid_purged", &s->purged, e));
    TRY(compare(p, s, e));
    TRY(report(p, s, e));
    /* All that it has executed is in its binlogs up to here. */
    TRY(plan_ask_end(p, end_file, &end_at, e));
    if (p->plan->lacking_transactions == 0)
        skip_set_until(&p->plan->skip, end_file, end_at);
    TRY(peer_list(&p->peer, e));
    TRY(plan_find_file(p, is_within, &index, &found, e));
    if (found && m != NULL)
        TRY(begin_at_landmark(p, s, m, &index, e));
    /* What is before its oldest file is told by `lost`. */
    (void)snprintf(p->plan->file, sizeof p->plan->file, "%s",
                   p->peer.files[found ? index : 0].name);
    return 0;
}

int plan_by_set(struct planner *p, struct err *e)
{
    struct sets     s = { 0 };
    struct landmark m = { 0 };
    bool            found;

    p->plan->method = PLAN_GTID;
    TRY(plan_find_landmark(p, &m, &found, e));
    int rc = by_set(p, &s, found ? &m : NULL, e);
    landmark_done(&m);
    sets_done(&s);
    return rc;
}
