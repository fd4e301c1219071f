#include "relay/upstream/plan.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "relay/upstream/peer_scan.h"
#include "relay/upstream/plan_core.h"
#include "relay/upstream/source.h"
#include "storage/name.h"

const char *plan_method_name(enum plan_method m)
{
    static const char *const names[] = {
        [PLAN_GTID] = "gtid", [PLAN_CONTENT] = "content", [PLAN_CHOSEN] = "chosen"
    };
    return names[m];
}

void plan_free(struct plan *p)
{
    skip_done(&p->skip);
    buf_done(&p->lacking);
    buf_done(&p->errant);
    buf_done(&p->lost);
    *p = (struct plan){ 0 };
}

/* ---- tools of the methods ------------------------------------------------------------------ */

int plan_name(struct buf *into, struct slice text, struct err *e)
{
    static const char more[] = ",...";

    if (text.len > PLAN_NAMED_BYTES_MAX) {
        text.len = PLAN_NAMED_BYTES_MAX - sizeof more;
        while (text.len > 0 && text.ptr[text.len] != ',')
            text.len--;
        buf_put(into, text);
        text = slice_of_text(more);
    }
    buf_put(into, text);
    return buf_check(into, "a list of transactions", e);
}

static int take_end(void *arg, uint32_t columns, const char *const *values,
                    const unsigned long *lengths, struct err *e)
{
    struct peer_file *f = arg;

    (void)lengths;
    if (columns < 2 || values[0] == NULL || values[1] == NULL)
        return err_set(e, E_PROTOCOL, "the source tells the end of its binlog without sense");
    TRY(name_check(values[0], e));
    (void)snprintf(f->name, sizeof f->name, "%s", values[0]);
    f->bytes = strtoull(values[1], NULL, 10);
    return 0;
}

int plan_ask_end(struct planner *p, char file[STORE_NAME_BYTES + 1], uint64_t *at, struct err *e)
{
    struct peer_file end = { 0 };

    TRY(source_query(p->peer.client, source_status_statement(&p->peer.facts), take_end, &end, e));
    if (*end.name == '\0')
        return err_set(e, E_CONFIG, "%s does not tell where its binlog ends", p->peer.address);
    memcpy(file, end.name, sizeof end.name);
    *at = end.bytes;
    return 0;
}

/* In steps that double from the newest one back, then between the two last. */
int plan_find_file(struct planner *p,
                   int (*is_within)(struct planner *p, const struct peer_file *f, bool *within,
                                    struct err *e),
                   size_t *index, bool *found, struct err *e)
{
    const struct peer_file *files = p->peer.files;
    size_t                  good = p->peer.file_count - 1, bad = p->peer.file_count, step = 1;
    bool                    within;

    TRY(is_within(p, &files[good], &within, e));
    while (!within && good > 0) {
        bad = good;
        good = good > step ? good - step : 0;
        step *= 2;
        TRY(is_within(p, &files[good], &within, e));
    }
    *found = within;
    while (within && bad - good > 1) {
        size_t middle = good + (bad - good) / 2;
        bool   fits;
        TRY(is_within(p, &files[middle], &fits, e));
        good = fits ? middle : good;
        bad = fits ? bad : middle;
    }
    *index = good;
    return 0;
}

void plan_note_new(struct plan *p, const char *file, const struct look_txn *t)
{
    if (p->new_transactions == 0) {
        (void)snprintf(p->first_new_file, sizeof p->first_new_file, "%s", file);
        p->first_new_at = t->from;
    }
    p->new_transactions++;
    p->new_bytes += t->to - t->from;
}

int plan_progress(void *arg, const char *file, uint64_t offset, uint64_t bytes, struct err *e)
{
    struct planner *const      *p = arg;
    const struct plan_question *q = (*p)->q;

    return q->progress != NULL ? q->progress(q->arg, file, offset, bytes, e) : 0;
}

struct counting {
    struct planner         *p;
    const struct skip_file *file;
    char                    name[STORE_NAME_BYTES + 1];
};

static int count_txn(void *arg, const char *file, const struct look_txn *t, bool *enough,
                     struct err *e)
{
    struct counting   *c = arg;
    struct plan       *plan = c->p->plan;
    const struct skip *skip = &plan->skip;

    (void)enough;
    (void)e;
    if (strcmp(file, c->name) != 0) {
        (void)snprintf(c->name, sizeof c->name, "%s", file);
        c->file = skip_file_of(skip, file);
    }
    if (skip_is_over(skip, file, t->from) || !skip_has(skip, c->file, t->from, &t->gtid)) {
        plan_note_new(plan, file, t);
        return 0;
    }
    plan->skipped_transactions++;
    plan->skipped_bytes += t->to - t->from;
    return 0;
}

int plan_count(struct planner *p, struct err *e)
{
    struct counting  c = { .p = p };
    struct plan     *plan = p->plan;
    struct peer_scan scan = {
        .file = plan->file, .each = count_txn, .progress = plan_progress, .arg = &c
    };

    plan->new_transactions = 0;
    TRY(peer_scan(&p->peer, &scan, e));
    plan->counted = true;
    if (plan->new_transactions > 0)
        return 0;
    memcpy(plan->first_new_file, scan.end_file, sizeof scan.end_file);
    plan->first_new_at = scan.end_at;
    return 0;
}

void plan_begin_again(struct planner *p)
{
    struct plan *plan = p->plan;

    skip_done(&plan->skip);
    plan->skipped_transactions = plan->skipped_bytes = 0;
    plan->new_transactions = plan->new_bytes = 0;
    plan->first_new_file[0] = '\0';
    plan->first_new_at = 0;
}

/* ---- the plan ------------------------------------------------------------------------------ */

/* Numbers are for people, except where they came with the rest. */
static int by_set(struct planner *p, struct err *e)
{
    TRY(plan_by_set(p, e));
    return p->q->count ? plan_count(p, e) : 0;
}

/* Whether the transactions that are held had GTIDs at last is told by what their source said. */
static int held_have_gtids(struct planner *p, bool *have, struct err *e)
{
    struct server_facts former = { 0 };

    if (source_facts_load(store_catalog(p->q->store), &former, e) < 0)
        return -1;
    *have = p->last.source.family == FAMILY_MARIADB ? p->held.state.count > 0
                                                    : strcmp(former.gtid_mode, "ON") == 0;
    return 0;
}

static int by_state(struct planner *p, struct err *e)
{
    enum plan_state_tells tells;

    TRY(plan_by_state(p, &tells, e));
    if (tells == PLAN_STATE_TELLS)
        return 0;
    plan_begin_again(p);
    return plan_by_match(p, tells == PLAN_STATE_LACKS, e);
}

static int choose(struct planner *p, struct err *e)
{
    const struct server_facts *f = &p->peer.facts;
    bool                       have = false;

    if (p->q->at != NULL && *p->q->at != '\0')
        return plan_by_choice(p, e);
    TRY(held_have_gtids(p, &have, e));
    have = have && f->family == p->last.source.family &&
           (f->family == FAMILY_MARIADB || strcmp(f->gtid_mode, "ON") == 0);
    if (p->plan->same_server || !have)
        return plan_by_match(p, have, e);
    return f->family == FAMILY_MYSQL ? by_set(p, e) : by_state(p, e);
}

static int make(struct planner *p, struct err *e)
{
    struct store_file first;

    if (!store_last_file(p->q->store, &p->last) || !store_first_file(p->q->store, &first))
        return err_set(e, E_CONFIG, "nothing is held yet that another source could be joined to");
    p->held_end = store_published(p->q->store);
    if (p->held_end == 0)
        return err_set(e, E_CONFIG, "no transaction is held yet that could be looked for");
    /* Before the other server is asked, so that what is committed meanwhile is not missed there. */
    TRY(store_gtids_published(p->q->store, &p->held, e));
    TRY(store_gtids_before(p->q->store, first.ordinal, &p->stored_from, e));
    TRY(peer_open(p->q->source, p->q->interrupt_fd, &p->peer, e));
    p->plan->facts = p->peer.facts;
    memcpy(p->plan->address, p->peer.address, sizeof p->plan->address);
    p->plan->same_server = source_is(&p->last.source, &p->peer.facts);
    return choose(p, e);
}

int plan_make(const struct plan_question *q, struct plan *out, struct err *e)
{
    struct plan    plan = { 0 };
    struct planner p = { .q = q, .plan = &plan };

    buf_init(&plan.lacking, PLAN_NAMED_BYTES_MAX + 16);
    buf_init(&plan.errant, PLAN_NAMED_BYTES_MAX + 16);
    buf_init(&plan.lost, PLAN_NAMED_BYTES_MAX + 16);
    int rc = make(&p, e);
    peer_close(&p.peer);
    gtids_done(&p.held);
    gtids_done(&p.stored_from);
    if (rc != 0) {
        plan_free(&plan);
        return -1;
    }
    *out = plan;
    return 0;
}

/* ---- may it be done? ----------------------------------------------------------------------- */

/* As much of a list as an error's sentence has room for. */
static void shorten(const struct buf *list, char into[160])
{
    struct slice text = buf_slice(list);
    bool         whole = text.len < 150;

    (void)snprintf(into, 160, "%.*s%s", (int)(whole ? text.len : 145), (const char *)text.ptr,
                   whole ? "" : "...");
}

static int refuse_lost(const struct plan *p, struct err *e)
{
    char list[160];

    shorten(&p->lost, list);
    return err_set(e, E_PURGED,
                   "%s has deleted binlogs with %" PRIu64
                   " transactions that are not held: %s; what is missing can't come from there",
                   p->address, p->lost_transactions, list);
}

int plan_check(const struct plan *p, enum fork_policy policy, struct err *e)
{
    char list[160];

    if (p->lost_transactions > 0)
        return refuse_lost(p, e);
    if (policy == FORK_KEEP || (p->lacking_transactions == 0 && !p->reset))
        return 0;
    if (p->reset)
        return err_set(e, E_FORK,
                       "the binlogs of %s were reset: none of what is held is in them; set "
                       "fork = keep to go on with them all the same",
                       p->address);
    shorten(&p->lacking, list);
    if (p->same_server || p->errant_transactions > 0)
        return err_set(e, E_FORK,
                       "%s %s %" PRIu64 " transactions that consumers were given: %s; point "
                       "[source] back, or set fork = keep to go on without them",
                       p->address,
                       p->same_server ? "has lost"
                                      : "is another server and went another way, without",
                       p->lacking_transactions, list);
    return err_set(e, E_REFUSED,
                   "%s is another server and lacks %" PRIu64 " transactions that consumers were "
                   "given: %s; it can have them from the relay (binrelay switch --catch-up), or "
                   "set fork = keep to go on without them",
                   p->address, p->lacking_transactions, list);
}
