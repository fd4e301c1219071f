/* Joining where a person said. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "relay/upstream/peer_scan.h"
#include "relay/upstream/plan_core.h"

struct choice {
    struct planner *p; /* first, see plan_progress() */
    char            file[STORE_NAME_BYTES + 1];
    uint64_t        at;
    bool            inside;
};

static int parse(const struct planner *p, struct choice *c, struct err *e)
{
    const char *text = p->q->at, *colon = strrchr(text, ':');
    char       *end = NULL;

    if (colon == NULL || colon == text || (size_t)(colon - text) > STORE_NAME_BYTES)
        return err_set(e, E_CONFIG, "'%s' is no place: write FILE:POSITION of a binlog there",
                       text);
    (void)snprintf(c->file, sizeof c->file, "%.*s", (int)(colon - text), text);
    c->at = strtoull(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || colon[1] == '-' || colon[1] == '+')
        return err_set(e, E_CONFIG, "'%s' is no place: behind the colon a position is wanted",
                       text);
    for (size_t i = 0; i < p->peer.file_count; i++)
        if (strcmp(p->peer.files[i].name, c->file) == 0)
            return 0;
    return err_set(e, E_CONFIG,
                   "%s has no binlog '%s' (any more); SHOW BINARY LOGS there lists "
                   "what it has",
                   p->peer.address, c->file);
}

static int take_txn(void *arg, const char *file, const struct look_txn *t, bool *enough,
                    struct err *e)
{
    struct choice *c = arg;
    struct plan   *plan = c->p->plan;

    (void)e;
    if (strcmp(file, c->file) != 0 || t->from >= c->at) {
        plan_note_new(plan, file, t);
        *enough = !c->p->q->count;
        return 0;
    }
    c->inside |= t->to > c->at;
    plan->skipped_transactions++;
    plan->skipped_bytes += t->to - t->from;
    return 0;
}

int plan_by_choice(struct planner *p, struct err *e)
{
    struct choice    c = { .p = p };
    struct plan     *plan = p->plan;
    struct peer_scan scan = {
        .file = c.file, .each = take_txn, .progress = plan_progress, .arg = &c
    };

    plan->method = PLAN_CHOSEN;
    TRY(peer_list(&p->peer, e));
    TRY(parse(p, &c, e));
    TRY(peer_scan(&p->peer, &scan, e));
    if (c.inside || c.at < BINLOG_MAGIC_BYTES ||
        (strcmp(scan.end_file, c.file) == 0 && scan.end_at < c.at))
        return err_set(e, E_CONFIG,
                       "no transaction begins or ends at %" PRIu64 " of '%s' of %s; SHOW BINLOG "
                       "EVENTS IN '%s' lists the positions",
                       c.at, c.file, p->peer.address, c.file);
    (void)snprintf(plan->file, sizeof plan->file, "%s", c.file);
    TRY(skip_add_range(&plan->skip, c.file, BINLOG_MAGIC_BYTES, c.at, e));
    skip_set_until(&plan->skip, c.file, c.at);
    if (plan->new_transactions == 0) {
        memcpy(plan->first_new_file, scan.end_file, sizeof scan.end_file);
        plan->first_new_at = scan.end_at;
    }
    plan->counted = p->q->count;
    return 0;
}
