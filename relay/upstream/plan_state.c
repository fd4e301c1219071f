/*
 * Joining by MariaDB's GTIDs, where they tell the order: within a domain the numbers rise in the
 * candidate's binlog, and the last one that is held of each domain is there. Then whatever has a
 * number up to that is held. Where it is not so (gtid_strict_mode = OFF and two servers that were
 * written to, a server that lost what it had), something else has to tell.
 */
#include <stdio.h>
#include "relay/upstream/peer_scan.h"
#include "relay/upstream/plan_core.h"

enum { LIST_BYTES_MAX = 4 << 20 };

struct states {
    struct planner   *p;
    struct gtid_state last; /* of the candidate's, so far */
    struct gtid_state tips; /* of held.state, those that were found */
    bool              sane;
};

static bool is_held(const struct planner *p, const struct gtid *g)
{
    return gtids_contain(&p->held, g);
}

static int all_held(void *arg, const struct gtid *g, struct err *e)
{
    const struct planner *p = arg;
    return is_held(p, g) ? 0 : err_set(e, E_PURGED, "not held");
}

/* -1 is an error or, with E_PURGED, a list that is not. */
static int is_within(struct planner *p, const struct peer_file *f, bool *within, struct err *e)
{
    struct buf text;

    buf_init(&text, LIST_BYTES_MAX);
    int rc = peer_gtids_before(&p->peer, f, &text, e);
    if (rc == 0)
        rc = peer_each_listed(buf_slice(&text), all_held, p, e);
    buf_done(&text);
    *within = rc == 0;
    return rc != 0 && e->kind == E_PURGED ? 0 : rc;
}

/* What stands in front of the file that is begun with. */
static int take_before(void *arg, const struct gtid *g, struct err *e)
{
    struct states     *s = arg;
    const struct gtid *last = gtid_state_get(&s->last, g->domain);
    const struct gtid *tip = gtid_state_get(&s->p->held.state, g->domain);

    if (last == NULL || last->number < g->number)
        TRY(gtid_state_set(&s->last, g, e));
    if (tip != NULL && tip->number == g->number && tip->server_id == g->server_id)
        TRY(gtid_state_set(&s->tips, g, e));
    return 0;
}

static int load_before(struct states *s, const struct peer_file *f, struct err *e)
{
    struct buf text;

    buf_init(&text, LIST_BYTES_MAX);
    int rc = peer_gtids_before(&s->p->peer, f, &text, e);
    if (rc == 0)
        rc = peer_each_listed(buf_slice(&text), take_before, s, e);
    buf_done(&text);
    return rc;
}

static bool has_all_tips(const struct states *s)
{
    return s->tips.count == s->p->held.state.count;
}

static int take_txn(void *arg, const char *file, const struct look_txn *t, bool *enough,
                    struct err *e)
{
    struct states     *s = arg;
    struct plan       *plan = s->p->plan;
    const struct gtid *last = gtid_state_get(&s->last, t->gtid.domain);
    const struct gtid *tip = gtid_state_get(&s->p->held.state, t->gtid.domain);

    s->sane = t->gtid.kind == GTID_MARIADB && (last == NULL || last->number < t->gtid.number);
    if (s->sane && tip != NULL && tip->number == t->gtid.number)
        s->sane = tip->server_id == t->gtid.server_id;
    if (!s->sane) {
        *enough = true;
        return 0;
    }
    TRY(gtid_state_set(&s->last, &t->gtid, e));
    if (tip != NULL && tip->number == t->gtid.number)
        TRY(gtid_state_set(&s->tips, &t->gtid, e));
    if (is_held(s->p, &t->gtid)) {
        plan->skipped_transactions++;
        plan->skipped_bytes += t->to - t->from;
        skip_set_until(&plan->skip, file, t->to);
        return skip_add_range(&plan->skip, file, t->from, t->to, e);
    }
    plan_note_new(plan, file, t);
    *enough = has_all_tips(s) && !s->p->q->count;
    return 0;
}

struct reached {
    const struct gtid *g;
    bool              *found;
};

static int is_reached(void *arg, const struct gtid *now, struct err *e)
{
    const struct reached *r = arg;

    (void)e;
    *r->found |= now->domain == r->g->domain && now->server_id == r->g->server_id &&
                 now->number >= r->g->number;
    return 0;
}

static int check_still(void *arg, const struct gtid *g, struct err *e)
{
    struct slice rest = *(const struct slice *)arg;
    bool         found = false;

    TRY(peer_each_listed(rest, is_reached, &(struct reached){ g, &found }, e));
    return found ? 0 : err_set(e, E_PURGED, "begun anew");
}

/* What stood in its list then stands there now, unless it has begun anew. */
static int is_usable(struct planner *p, const struct landmark *m, size_t *index, bool *usable,
                     struct err *e)
{
    struct buf now;

    buf_init(&now, LIST_BYTES_MAX);
    int          rc = peer_ask(&p->peer, "SELECT @@GLOBAL.gtid_binlog_state", &now, e);
    struct slice list = buf_slice(&now);
    if (rc == 0)
        rc = peer_each_listed(buf_slice(&m->gtids), check_still, &list, e);
    buf_done(&now);
    *usable = rc == 0 && plan_landmark_fits(p, m, index);
    return rc != 0 && e->kind == E_PURGED ? 0 : rc;
}

/* What is held is in the files from this one on, whose end shows whether all of it is there. */
static int read_on(struct states *s, size_t index, const struct landmark *m, struct err *e)
{
    struct planner  *p = s->p;
    bool             usable = false;
    struct peer_scan scan = { .each = take_txn, .progress = plan_progress, .arg = s };

    if (m != NULL)
        TRY(is_usable(p, m, &index, &usable, e));
    scan.file = p->peer.files[index].name;
    scan.from = usable ? m->at : BINLOG_MAGIC_BYTES;
    (void)snprintf(p->plan->file, sizeof p->plan->file, "%s", scan.file);
    TRY(skip_add_range(&p->plan->skip, scan.file, BINLOG_MAGIC_BYTES, scan.from, e));
    skip_set_until(&p->plan->skip, scan.file, scan.from);
    TRY(usable ? peer_each_listed(buf_slice(&m->gtids), take_before, s, e)
               : load_before(s, &p->peer.files[index], e));
    TRY(peer_scan(&p->peer, &scan, e));
    if (*p->plan->first_new_file != '\0')
        return 0;
    memcpy(p->plan->first_new_file, scan.end_file, sizeof scan.end_file);
    p->plan->first_new_at = scan.end_at;
    return 0;
}

/* Its oldest file begins behind what is held: what was in front of it can't be had. */
static int take_lost(void *arg, const struct gtid *g, struct err *e)
{
    const struct planner *p = arg;
    const struct gtid    *held = gtid_state_get(&p->held.state, g->domain);
    char                  text[GTID_TEXT_BYTES];

    (void)e;
    if (is_held(p, g))
        return 0;
    p->plan->lost_transactions += g->number - (held != NULL ? held->number : 0);
    gtid_format(g, text);
    buf_printf(&p->plan->lost, "%sup to %s", p->plan->lost.len > 0 ? ", " : "", text);
    return 0;
}

static int name_lost(struct planner *p, struct err *e)
{
    struct buf text;

    buf_init(&text, LIST_BYTES_MAX);
    int rc = peer_gtids_before(&p->peer, &p->peer.files[0], &text, e);
    if (rc == 0)
        rc = peer_each_listed(buf_slice(&text), take_lost, p, e);
    buf_done(&text);
    if (rc == 0)
        rc = buf_check(&p->plan->lost, "a list of transactions", e);
    return rc;
}

static int by_state(struct states *s, const struct landmark *m, bool *found, struct err *e)
{
    struct planner *p = s->p;
    size_t          index = 0;

    TRY(peer_list(&p->peer, e));
    TRY(plan_find_file(p, is_within, &index, found, e));
    if (*found)
        return read_on(s, index, m, e);
    (void)snprintf(p->plan->file, sizeof p->plan->file, "%s", p->peer.files[index].name);
    return name_lost(p, e);
}

int plan_by_state(struct planner *p, enum plan_state_tells *tells, struct err *e)
{
    struct states   s = { .p = p, .sane = true };
    struct landmark m = { 0 };
    bool            found = false, known;

    p->plan->method = PLAN_GTID;
    TRY(plan_find_landmark(p, &m, &known, e));
    int rc = by_state(&s, known ? &m : NULL, &found, e);
    landmark_done(&m);
    *tells = !found || (s.sane && has_all_tips(&s)) ? PLAN_STATE_TELLS
             : s.sane                               ? PLAN_STATE_LACKS
                                                    : PLAN_STATE_FAILS;
    p->plan->counted = p->q->count;
    gtid_state_done(&s.last);
    gtid_state_done(&s.tips);
    return rc;
}
