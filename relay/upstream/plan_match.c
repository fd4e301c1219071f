/*
 * Joining by comparing transactions one by one: by what they contain, or by GTIDs where these alone
 * do not tell the order. From the newest ones back, as far as it takes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "relay/upstream/held_scan.h"
#include "relay/upstream/match_list.h"
#include "relay/upstream/peer_scan.h"
#include "relay/upstream/plan_core.h"
#include "storage/nearest.h"

enum { WINDOW_BYTES = 32 * 1024 * 1024 };

struct match {
    struct planner   *p; /* first, see plan_progress() */
    bool              by_gtid;
    struct match_list held, theirs, part; /* `part` is being read */
    store_pos         held_from;          /* what is in the list begins here */
    uint64_t          window;
    size_t            theirs_from; /* index of the peer's file */
    bool              held_all, theirs_all;
    uint32_t          oldest_created_s; /* of the peer's oldest file that was read */
    bool             *is_held, *is_lacking;
    struct join       join;
    enum join_found   found;
};

/* ---- lists --------------------------------------------------------------------------------- */

/* Does the GTID come from this server itself? What it lost it writes again under equal ones. */
static bool is_own(const struct server_facts *f, const struct gtid *g)
{
    char text[UUID_TEXT_BYTES + 1];

    if (g->kind == GTID_MARIADB)
        return g->server_id == f->server_id;
    gtid_uuid_format(g->uuid, text);
    return strcasecmp(text, f->server_uuid) == 0;
}

/* A GTID in place of what the transaction contains, or for its own ones both. */
static void key_by_gtid(const struct server_facts *f, struct look_txn *t)
{
    struct fingerprint key = { 0 };
    uint64_t           number = t->gtid.number * 0x9e3779b97f4a7c15u;

    memcpy(key.bytes, t->gtid.uuid, UUID_BYTES);
    for (size_t i = 0; i < sizeof number; i++)
        key.bytes[i] ^= (uint8_t)(number >> 8 * i);
    for (size_t i = 0; i < 4; i++) {
        key.bytes[8 + i] ^= (uint8_t)(t->gtid.server_id >> 8 * i);
        key.bytes[12 + i] ^= (uint8_t)(t->gtid.domain >> 8 * i);
    }
    for (size_t i = 0; t->gtid.tag[i] != '\0'; i++)
        key.bytes[8 + i % 8] ^= (uint8_t)t->gtid.tag[i];
    for (size_t i = 0; is_own(f, &t->gtid) && i < FINGERPRINT_BYTES; i++)
        key.bytes[i] ^= t->print.bytes[i];
    t->print = key;
}

static int add(struct match *m, const struct look_txn *txn, uint32_t file, struct err *e)
{
    struct look_txn t = *txn;

    if (m->by_gtid && t.gtid.kind != GTID_NONE)
        key_by_gtid(&m->p->peer.facts, &t);
    else if (!t.has_content)
        return 0;
    return match_list_add(&m->part, &t, file, e);
}

static int take_theirs(void *arg, const char *file, const struct look_txn *t, bool *enough,
                       struct err *e)
{
    struct match *m = arg;
    size_t        index;

    (void)enough;
    TRY(peer_file_index(&m->p->peer, file, &index, e));
    return add(m, t, (uint32_t)index, e);
}

static int take_held(void *arg, const struct look_txn *t, struct err *e)
{
    struct match *m = arg;
    return add(m, t, store_pos_ordinal(m->held_from), e);
}

/* The part that was read stands in front of the list. */
static int put_in_front(struct match_list *part, struct match_list *list, struct err *e)
{
    TRY(match_list_append(part, list, e));
    *list = *part;
    *part = (struct match_list){ .named = list->named };
    return 0;
}

/* One file more, the newest one at first, with what was begun behind it meanwhile. */
static int extend_theirs(struct match *m, struct err *e)
{
    struct peer     *peer = &m->p->peer;
    const bool       newest = m->theirs_from == peer->file_count;
    char             name[STORE_NAME_BYTES + 1];
    struct peer_scan scan = { .file = name,
                              .one_file = !newest,
                              .prints = true,
                              .each = take_theirs,
                              .progress = plan_progress,
                              .arg = m };

    memcpy(name, peer->files[--m->theirs_from].name, sizeof name);
    m->theirs_all = m->theirs_from == 0;
    TRY(peer_scan(peer, &scan, e));
    m->oldest_created_s = scan.first_created_s;
    if (newest)
        skip_set_until(&m->p->plan->skip, scan.end_file, scan.end_at);
    return put_in_front(&m->part, &m->theirs, e);
}

/* At least the window's bytes more, in whole files or a part of one. */
static int extend_held(struct match *m, struct err *e)
{
    struct store     *s = m->p->q->store;
    uint64_t          left = m->window;
    struct store_file f;

    m->window *= 2;
    while (left > 0 && !m->held_all) {
        uint32_t ordinal = store_pos_ordinal(m->held_from);
        uint64_t to = store_pos_offset(m->held_from);
        if (to <= BINLOG_MAGIC_BYTES) {
            if (store_file_by_ordinal(s, --ordinal, &f, e) != 0) {
                m->held_all = e->kind == E_PURGED;
                return m->held_all ? 0 : -1;
            }
            to = f.size;
        }
        TRY(nearest_boundary(s, ordinal, to > left ? to - left : BINLOG_MAGIC_BYTES, &m->held_from,
                             e));
        TRY(held_scan(s, m->held_from, to, true, m->p->q->interrupt_fd, take_held, m, e));
        TRY(put_in_front(&m->part, &m->held, e));
        uint64_t read = to - store_pos_offset(m->held_from);
        left -= read < left ? read : left;
    }
    return 0;
}

/* ---- the search ---------------------------------------------------------------------------- */

/* The server's first binlog ever, as far as that can be told. */
static bool is_first_file(const char *name)
{
    const char *number = strrchr(name, '.');
    return number != NULL && strtoull(number + 1, NULL, 10) == 1;
}

static bool held_is_whole(const struct match *m)
{
    struct store_file f;
    struct err        none;

    return m->held_all && store_file_by_ordinal(m->p->q->store, 1, &f, &none) == 0 &&
           is_first_file(f.source_file);
}

static int compare(struct match *m, struct err *e)
{
    /* GTIDs that stand once stand once: there is no need to be wary of what is not in sight. */
    const bool       whole = m->by_gtid;
    struct join_side held = { .prints = m->held.prints,
                              .seconds = m->held.seconds,
                              .count = m->held.count,
                              .whole = whole || held_is_whole(m) };
    struct join_side theirs = { .prints = m->theirs.prints,
                                .seconds = m->theirs.seconds,
                                .count = m->theirs.count,
                                .whole = whole || (m->theirs_all &&
                                                   is_first_file(m->p->peer.files[0].name)) };

    free(m->is_held);
    free(m->is_lacking);
    m->is_held = calloc(theirs.count + 1, sizeof *m->is_held);
    m->is_lacking = calloc(held.count + 1, sizeof *m->is_lacking);
    if (m->is_held == NULL || m->is_lacking == NULL)
        return err_set(e, E_NOMEM, "no memory to compare transactions");
    TRY(join_find(&held, &theirs, m->is_held, m->is_lacking, &m->found, &m->join, e));
    /* Its binlogs that began after all that is held have none of that, although equal transactions
       of the same second may look so. */
    if (m->p->plan->same_server && m->held.count > 0 &&
        m->oldest_created_s >= m->held.seconds[m->held.count - 1])
        m->found = JOIN_NONE;
    return 0;
}

/* Of what the other list reaches back to. */
static uint32_t oldest_s(const struct match_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->seconds[i] != 0)
            return l->seconds[i];
    return UINT32_MAX;
}

/* True: one list was made longer. Theirs reach back to where the held ones begin, so that what is
   theirs alone is seen as far as those go. */
static int look_further(struct match *m, bool *more, struct err *e)
{
    const bool found = m->found == JOIN_FOUND;
    const bool late = oldest_s(&m->theirs) >= oldest_s(&m->held);

    *more = true;
    if (found && late && !m->theirs_all)
        return extend_theirs(m, e);
    if (!found && !m->theirs_all && (late || m->held_all))
        return extend_theirs(m, e);
    if (!found && !m->held_all)
        return extend_held(m, e);
    *more = false;
    return 0;
}

static int search(struct match *m, struct err *e)
{
    bool more = true;

    TRY(extend_theirs(m, e));
    TRY(extend_held(m, e));
    while (more) {
        TRY(compare(m, e));
        TRY(look_further(m, &more, e));
    }
    return 0;
}

/* ---- the result ---------------------------------------------------------------------------- */

static int put_gtid(struct buf *out, const struct gtid *g)
{
    char text[GTID_TEXT_BYTES];

    gtid_format(g, text);
    buf_printf(out, "%s%s", out->len > 0 ? "," : "", text);
    return 0;
}

/* What is marked, by GTIDs or by places FILE:FROM-TO, neighbours as one. */
static int name_marked(struct match *m, const struct match_list *l, const bool *marks, bool value,
                       bool held, struct buf *into, struct err *e)
{
    struct buf text;
    int        rc = 0;

    buf_init(&text, (size_t)PLAN_NAMED_BYTES_MAX * 2);
    for (size_t i = 0; i < l->count && rc == 0 && text.len <= PLAN_NAMED_BYTES_MAX; i++) {
        size_t first = i;
        if (marks[i] != value)
            continue;
        if (l->named && l->gtids[i].kind != GTID_NONE) {
            rc = put_gtid(&text, &l->gtids[i]);
            continue;
        }
        while (i + 1 < l->count && marks[i + 1] == value &&
               l->spans[i + 1].file == l->spans[i].file)
            i++;
        struct store_file f;
        const char       *name = f.name;
        if (held)
            rc = store_file_by_ordinal(m->p->q->store, l->spans[i].file, &f, e);
        else
            name = m->p->peer.files[l->spans[i].file].name;
        if (rc == 0)
            buf_printf(&text, "%s%s:%" PRIu64 "-%" PRIu64, text.len > 0 ? "," : "", name,
                       l->spans[first].from, l->spans[i].to);
    }
    if (rc == 0)
        rc = buf_check(&text, "a list of transactions", e);
    if (rc == 0)
        rc = plan_name(into, buf_slice(&text), e);
    buf_done(&text);
    return rc;
}

/* Between two held ones of a file nothing is that has to be stored: transactions without content.
 */
static int skip_held(struct match *m, size_t index, struct err *e)
{
    const struct match_list *l = &m->theirs;
    struct skip             *skip = &m->p->plan->skip;
    const struct match_span *s = &l->spans[index];
    const bool               first = index == 0 || l->spans[index - 1].file != s->file;
    const bool               joined = !first && m->is_held[index - 1];
    uint64_t from = first ? BINLOG_MAGIC_BYTES : joined ? l->spans[index - 1].to : s->from;

    return skip_add_range(skip, m->p->peer.files[s->file].name, from, s->to, e);
}

static int fill_in(struct match *m, struct err *e)
{
    struct plan             *plan = m->p->plan;
    const struct match_list *l = &m->theirs;
    size_t                   first = m->join.first_new;
    uint32_t                 file = (uint32_t)m->p->peer.file_count - 1;

    if (first < l->count)
        file = l->spans[first].file;
    (void)snprintf(plan->file, sizeof plan->file, "%s", m->p->peer.files[file].name);
    memcpy(plan->first_new_file, plan->skip.until_file, sizeof plan->first_new_file);
    plan->first_new_at = plan->skip.until_at;
    skip_set_until(&plan->skip, plan->file, BINLOG_MAGIC_BYTES);
    for (size_t i = 0; i < l->count; i++) {
        const struct match_span *s = &l->spans[i];
        if (!m->is_held[i]) {
            struct look_txn t = { .from = s->from, .to = s->to };
            plan_note_new(plan, m->p->peer.files[s->file].name, &t);
        } else if (s->file >= file) {
            plan->skipped_transactions++;
            plan->skipped_bytes += s->to - s->from;
            TRY(skip_held(m, i, e));
            skip_set_until(&plan->skip, m->p->peer.files[s->file].name, s->to);
        }
    }
    plan->counted = true;
    plan->lacking_transactions = m->join.lacking;
    if (m->join.lacking == 0)
        return 0;
    TRY(name_marked(m, &m->held, m->is_lacking, true, true, &plan->lacking, e));
    plan->errant_transactions = plan->new_transactions;
    return name_marked(m, l, m->is_held, false, false, &plan->errant, e);
}

/* ---- nothing found ------------------------------------------------------------------------- */

/* Where in theirs the newest held one stands that stands there at all, each time. */
static void list_candidates(const struct match *m, char *into, size_t size)
{
    size_t at = 0, found = 0;

    into[0] = '\0';
    for (size_t h = m->held.count; h-- > 0 && found == 0;)
        for (size_t i = m->theirs.count; i-- > 0 && found < 4 && at + 60 < size;) {
            if (!fingerprint_equal(&m->held.prints[h], &m->theirs.prints[i]))
                continue;
            const struct match_span *s = &m->theirs.spans[i];
            int n = snprintf(into + at, size - at, "%s%s:%" PRIu64 " (second %" PRIu32 ")",
                             found > 0 ? ", " : "", m->p->peer.files[s->file].name, s->to,
                             m->theirs.seconds[i]);
            at += n > 0 && (size_t)n < size - at ? (size_t)n : 0;
            found++;
        }
}

static int not_found(const struct match *m, struct err *e)
{
    const struct planner *p = m->p;
    char                  places[200];
    const char           *name = p->q->source->name;

    if (m->found == JOIN_NONE)
        return err_set(e, E_CONFIG,
                       "%s is another server, and none of its transactions since %s is one that is "
                       "held (%zu looked at); if it has all of them, say from where on they are "
                       "new: binrelay switch %s --at FILE:POSITION",
                       p->peer.address, p->peer.files[m->theirs_from].name, m->theirs.count, name);
    list_candidates(m, places, sizeof places);
    return err_set(e, E_CONFIG,
                   "%s is another server, and where its binlog joins what is held is not certain: "
                   "behind %s; choose: binrelay switch %s --at FILE:POSITION",
                   p->peer.address, places, name);
}

/* Its binlogs were begun anew: all of them is new, and none of what is held is in them. */
static int begin_anew(struct match *m)
{
    struct plan *plan = m->p->plan;

    plan->reset = true;
    plan->lacking_transactions = 0;
    memcpy(plan->file, m->p->peer.files[0].name, sizeof plan->file);
    skip_set_until(&plan->skip, plan->file, BINLOG_MAGIC_BYTES);
    plan->new_transactions = m->theirs.count;
    return 0;
}

int plan_by_match(struct planner *p, bool by_gtid, struct err *e)
{
    struct match m = { .p = p, .by_gtid = by_gtid, .window = WINDOW_BYTES };

    p->plan->method = by_gtid ? PLAN_GTID : PLAN_CONTENT;
    m.held.named = m.theirs.named = m.part.named = by_gtid;
    m.held_from = p->held_end;
    int rc = peer_list(&p->peer, e);
    m.theirs_from = p->peer.file_count;
    if (rc == 0)
        rc = search(&m, e);
    if (rc == 0 && m.found == JOIN_FOUND)
        rc = fill_in(&m, e);
    else if (rc == 0 && m.found == JOIN_NONE && p->plan->same_server)
        rc = begin_anew(&m);
    else if (rc == 0)
        rc = not_found(&m, e);
    if (rc != 0 && e->kind == E_LIMIT)
        (void)err_set(e, E_CONFIG,
                      "none of the %d newest transactions of %s is one that is held; if it has all "
                      "of them, say from where on they are new: binrelay switch %s --at "
                      "FILE:POSITION",
                      MATCH_LIST_MAX, p->peer.address, p->q->source->name);
    match_list_done(&m.held);
    match_list_done(&m.theirs);
    match_list_done(&m.part);
    free(m.is_held);
    free(m.is_lacking);
    return rc;
}
