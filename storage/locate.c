#include "storage/locate.h"
#include <stdio.h>
#include <stdlib.h>
#include "storage/index.h"
#include "storage/indexer.h"
#include "storage/name.h"
#include "storage/origin.h"
#include "storage/scan.h"

/* ---- walking a file's transactions ---- */

/* A stretch between two checkpoints, or behind the last one (then `known` is false: it has to be
   read). */
struct span {
    uint64_t              from, to;
    bool                  known;
    struct gtids          gtids;
    struct sidecar_counts counts;
};

struct walk {
    struct sidecar sidecar;
    uint64_t       visible;
    bool           ended;
    struct span    span;
};

static void walk_close(struct walk *w)
{
    sidecar_close(&w->sidecar);
    gtids_done(&w->span.gtids);
}

static int walk_open(struct store *s, const struct store_file *f, struct walk *out, struct err *e)
{
    *out = (struct walk){ 0 };
    TRY(index_open(s, f, &out->sidecar, e));
    out->visible = store_visible(s, f);
    out->span.to = BINLOG_MAGIC_BYTES;
    return 0;
}

/* *more false behind the last span. */
static int walk_next(struct walk *w, bool *more, struct err *e)
{
    struct sidecar_entry entry;
    bool                 found;

    *more = !w->ended;
    if (w->ended)
        return 0;
    w->span.from = w->span.to;
    for (;;) {
        TRY(sidecar_next(&w->sidecar, &entry, &found, e));
        if (!found || (entry.kind == SIDECAR_CHECKPOINT && entry.offset > w->visible))
            break;
        if (entry.kind != SIDECAR_CHECKPOINT)
            continue;
        w->span.to = entry.offset;
        w->span.known = true;
        w->span.counts = entry.counts;
        return gtids_parse(&w->span.gtids, entry.gtids, e);
    }
    w->span.to = w->visible;
    w->span.known = false;
    w->ended = true;
    *more = w->span.from < w->visible;
    return 0;
}

/* One transaction found by reading. */
struct found {
    uint64_t    begin, end;
    struct gtid gtid;
    uint32_t    commit_s;
};

/* Reads the transactions of a stretch; stops when `visit` says true, with *stopped. */
static int read_transactions(struct store *s, const struct store_file *f, uint64_t from,
                             uint64_t to, bool (*visit)(void *arg, const struct found *t),
                             void *arg, bool *stopped, struct err *e)
{
    struct scan  scan;
    struct found t = { 0 };
    bool         more = true;

    TRY(scan_open(s->disk, f->name, to, false, &scan, e));
    int result = scan_seek(&scan, from, e);
    *stopped = false;
    for (bool open = false; result == 0 && !*stopped;) {
        struct scan_event ev;
        result = scan_next(&scan, &ev, &more, e);
        if (result != 0 || !more)
            break;
        if (!open && (ev.place == TXN_OPENED || ev.place == TXN_CLOSED))
            t.begin = ev.at;
        open = ev.place == TXN_OPENED || ev.place == TXN_INSIDE;
        if (ev.place != TXN_CLOSED)
            continue;
        t.end = ev.end;
        t.gtid = scan.txn.current.gtid;
        t.commit_s = ev.event.timestamp_s;
        *stopped = visit(arg, &t);
    }
    scan_close(&scan);
    return result;
}

/* ---- file and position ---- */

/* A name of the relay's own series that is not held any more must not become another server's. */
static bool was_relay_file(struct store *s, const char *name)
{
    struct store_file first;
    struct err        none = { 0 };

    return store_first_file(s, &first) && name_check(name, &none) == 0 &&
           name_is_before(name, first.name);
}

static int locate_of_source(struct store *s, const char *file, uint64_t position, store_pos *out,
                            struct err *e)
{
    char        source[sizeof((struct store_source *)NULL)->name];
    const char *colon = strchr(file, ':');

    if (colon == NULL && was_relay_file(s, file))
        return err_set(e, E_PURGED, "the relay file '%.255s' is not held any more", file);
    if (colon == NULL)
        return origin_locate(s, "", file, position, out, e);
    size_t n = (size_t)(colon - file);
    if (n == 0 || n >= sizeof source)
        return err_set(e, E_PURGED, "'%.255s' names no source", file);
    memcpy(source, file, n);
    source[n] = 0;
    return origin_locate(s, source, colon + 1, position, out, e);
}

int locate_position(struct store *s, const char *file, uint64_t position, store_pos *out,
                    struct err *e)
{
    struct store_file f;
    struct err        why = { 0 };

    if (file[0] == '\0' && !store_first_file(s, &f))
        return err_set(e, E_PURGED, "the store is empty");
    if (file[0] != '\0' && store_file_by_name(s, file, &f, &why) != 0)
        return locate_of_source(s, file, position, out, e);
    TRY(index_check_place(s, &f, position, e));
    *out = store_pos_at(f.ordinal, position);
    return 0;
}

/* ---- GTIDs: which file ---- */

/*
 * What is looked for, as a question to the GTIDs in front of a file. When `fits` says yes to one
 * file, it does so to all older ones. `size` grows from file to file; `held` is how much of it is
 * on this side of the place: numbers to guess by, which may be wrong.
 */
struct question {
    bool (*fits)(const void *arg, const struct gtids *before);
    uint64_t (*size)(const void *arg, const struct gtids *before);
    uint64_t (*held)(const void *arg, const struct gtids *before);
    const void *arg;
};

struct probe {
    uint32_t ordinal;
    uint64_t size;
};

/* Files hold about as many transactions each, so that the sizes tell nearly where to look. Where
   they don't, halving does it. */
static uint32_t guess(const struct probe *good, const struct probe *bad, uint64_t held, bool halve)
{
    uint32_t between = bad->ordinal - good->ordinal;

    if (halve || bad->size <= good->size || held < good->size || held > bad->size)
        return good->ordinal + between / 2;
    double   part = (double)(held - good->size) / (double)(bad->size - good->size);
    uint32_t ahead = (uint32_t)(part * between);
    if (ahead < 1)
        ahead = 1;
    return good->ordinal + (ahead < between ? ahead : between - 1);
}

static int ask_file(struct store *s, const struct question *q, uint32_t ordinal, struct probe *out,
                    bool *fits, uint64_t *held, struct err *e)
{
    struct store_file f;
    struct gtids      before = { 0 };

    TRY(store_file_by_ordinal(s, ordinal, &f, e));
    TRY(index_gtids_before(s, &f, &before, e));
    *out = (struct probe){ .ordinal = ordinal, .size = q->size(q->arg, &before) };
    *fits = q->fits(q->arg, &before);
    if (held != NULL)
        *held = q->held(q->arg, &before);
    gtids_done(&before);
    return 0;
}

/* The newest file of a range that fits; 0 when not even the first does. Each file that is asked
   costs a few reads from all over the disk: mostly four are. */
static int newest_file_of(struct store *s, const struct question *q, uint32_t first, uint32_t last,
                          uint32_t *out, struct err *e)
{
    struct probe good;
    struct probe bad;
    struct probe probe;
    uint64_t     held = 0;
    bool         fits;
    bool         halve = false;

    /* Most consumers are near the end. */
    TRY(ask_file(s, q, last, &bad, &fits, &held, e));
    if (fits || first == last) {
        *out = fits ? last : 0;
        return 0;
    }
    TRY(ask_file(s, q, first, &good, &fits, NULL, e));
    while (fits && bad.ordinal - good.ordinal > 1) {
        uint32_t between = bad.ordinal - good.ordinal;
        bool     here;
        TRY(ask_file(s, q, guess(&good, &bad, held, halve), &probe, &here, NULL, e));
        if (here)
            good = probe;
        else
            bad = probe;
        halve = bad.ordinal - good.ordinal > between / 2;
    }
    *out = fits ? good.ordinal : 0;
    return 0;
}

static int newest_file(struct store *s, const struct question *q, uint32_t *out, struct err *e)
{
    struct store_file first;
    struct store_file last;

    if (!store_first_file(s, &first) || !store_last_file(s, &last))
        return err_set(e, E_PURGED, "the store is empty");
    return newest_file_of(s, q, first.ordinal, last.ordinal, out, e);
}

static uint64_t set_size(const void *arg, const struct gtids *before)
{
    uint64_t size = 0;

    (void)arg;
    for (size_t i = 0; i < before->set.count; i++)
        for (size_t k = 0; k < before->set.lines[i].count; k++)
            size += before->set.lines[i].intervals[k].last -
                    before->set.lines[i].intervals[k].first + 1;
    return size;
}

static uint64_t state_size(const void *arg, const struct gtids *before)
{
    uint64_t size = 0;

    (void)arg;
    for (size_t i = 0; i < before->state.count; i++)
        size += before->state.entries[i].number;
    return size;
}

/* ---- GTIDs: where in the file ---- */

/* Of a MariaDB consumer's domain: it holds what stands before this place. By numbers that could
   not be told, since a server that takes another one's place may count on from a lower one. */
struct held_domain {
    uint32_t  domain;
    store_pos until;
};

struct have {
    const struct gtid_set *set;
    struct held_domain    *domains;
    size_t                 count;
};

static bool domain_is_held(const struct have *have, uint32_t domain, store_pos upto)
{
    for (size_t i = 0; i < have->count; i++)
        if (have->domains[i].domain == domain)
            return upto <= have->domains[i].until;
    return false;
}

static bool is_held(const struct have *have, const struct gtid *g, store_pos end)
{
    if (g->kind == GTID_MYSQL)
        return have->set != NULL && gtid_set_contains(have->set, g);
    /* Of an anonymous one nobody can say. */
    return g->kind == GTID_MARIADB && domain_is_held(have, g->domain, end);
}

/* `end` is that of the stretch that has these. */
static bool all_held(const struct have *have, const struct gtids *g, store_pos end)
{
    if (!gtid_set_is_empty(&g->set) &&
        (have->set == NULL || !gtid_set_is_subset(&g->set, have->set)))
        return false;
    for (size_t i = 0; i < g->state.count; i++)
        if (!domain_is_held(have, g->state.entries[i].domain, end))
            return false;
    return true;
}

struct first_missing {
    const struct have *have;
    uint32_t           ordinal;
    uint64_t           begin;
};

static bool is_missing(void *arg, const struct found *t)
{
    struct first_missing *m = arg;
    if (is_held(m->have, &t->gtid, store_pos_at(m->ordinal, t->end)))
        return false;
    m->begin = t->begin;
    return true;
}

/* The first transaction that is not held, or the end of what is visible. */
static int first_missing(struct store *s, const struct store_file *f, const struct have *have,
                         uint64_t *out, struct err *e)
{
    struct walk          w;
    struct first_missing m = { .have = have, .ordinal = f->ordinal };
    bool                 more = true;
    bool                 stopped = false;

    TRY(walk_open(s, f, &w, e));
    int result = 0;
    while (result == 0 && !stopped) {
        result = walk_next(&w, &more, e);
        if (result != 0 || !more)
            break;
        store_pos end = store_pos_at(f->ordinal, w.span.to);
        if (w.span.known && w.span.counts.anonymous == 0 && all_held(have, &w.span.gtids, end))
            continue;
        result = read_transactions(s, f, w.span.from, w.span.to, is_missing, &m, &stopped, e);
    }
    uint64_t visible = w.visible;
    walk_close(&w);
    if (result == 0)
        *out = stopped ? m.begin : visible;
    return result;
}

static int begin_in(struct store *s, uint32_t ordinal, const struct have *have,
                    struct locate_gtid *out, struct err *e)
{
    struct store_file f;
    uint64_t          first = 0;

    TRY(store_file_by_ordinal(s, ordinal, &f, e));
    TRY(first_missing(s, &f, have, &first, e));
    out->file_start = store_pos_at(ordinal, BINLOG_MAGIC_BYTES);
    out->first = store_pos_at(ordinal, first);
    return 0;
}

/* ---- MySQL ---- */

static bool set_fits(const void *arg, const struct gtids *before)
{
    return gtid_set_is_subset(&before->set, arg);
}

static uint64_t set_held(const void *arg, const struct gtids *before)
{
    struct gtids missing = { 0 };
    struct err   ignored;
    uint64_t     held = set_size(NULL, before);

    if (gtid_set_copy(&missing.set, &before->set, &ignored) == 0 &&
        gtid_set_subtract(&missing.set, arg, &ignored) == 0)
        held -= set_size(NULL, &missing);
    gtid_set_done(&missing.set);
    return held;
}

static int set_purged(struct store *s, const struct gtid_set *have, struct err *e)
{
    struct store_file first;
    struct gtids      before = { 0 };
    struct buf        text;

    if (!store_first_file(s, &first))
        return err_set(e, E_PURGED, "the store is empty");
    TRY(store_gtids_before(s, first.ordinal, &before, e));
    buf_init(&text, 256);
    if (gtid_set_subtract(&before.set, have, e) == 0) {
        gtid_set_put_text(&before.set, &text, false);
        (void)err_set(e, E_PURGED,
                      "Cannot replicate because the source purged required binary logs. Replicate "
                      "the missing transactions from elsewhere, or provision a new replica from "
                      "backup. The missing transactions are '%s%s'",
                      buf_text(&text), text.failed != BUF_FINE ? "..." : "");
    }
    gtids_done(&before);
    buf_done(&text);
    return -1;
}

int locate_gtid_set(struct store *s, const struct gtid_set *have, struct locate_gtid *out,
                    struct err *e)
{
    uint32_t    ordinal = 0;
    struct have held = { .set = have };

    const struct question question = { set_fits, set_size, set_held, have };
    TRY(newest_file(s, &question, &ordinal, e));
    if (ordinal == 0)
        return set_purged(s, have, e);
    return begin_in(s, ordinal, &held, out, e);
}

/* ---- MariaDB ---- */

/* As the server judges a file by its GTID_LIST: whatever the list names was executed. */
static bool state_fits(const void *arg, const struct gtids *before)
{
    const struct gtid_state *have = arg;
    for (size_t i = 0; i < before->state.count; i++) {
        const struct gtid *last = &before->state.entries[i];
        const struct gtid *mine = gtid_state_get(have, last->domain);
        if (mine == NULL || mine->number < last->number)
            return false;
    }
    return true;
}

static uint64_t state_held(const void *arg, const struct gtids *before)
{
    const struct gtid_state *have = arg;
    uint64_t                 held = 0;

    for (size_t i = 0; i < before->state.count; i++) {
        const struct gtid *last = &before->state.entries[i];
        const struct gtid *mine = gtid_state_get(have, last->domain);
        if (mine != NULL)
            held += mine->number < last->number ? mine->number : last->number;
    }
    return held;
}

static bool same_gtid(const struct gtid *a, const struct gtid *b)
{
    if (a->kind != b->kind || a->number != b->number)
        return false;
    if (a->kind == GTID_MARIADB)
        return a->domain == b->domain && a->server_id == b->server_id;
    return memcmp(a->uuid, b->uuid, UUID_BYTES) == 0 && strcmp(a->tag, b->tag) == 0;
}

static int not_here(const struct gtid *g, const char *more, struct err *e)
{
    return err_set(e, E_PURGED,
                   "Error: connecting slave requested to start from GTID %u-%u-%llu, which is not "
                   "in the master's binlog%s",
                   g->domain, g->server_id, (unsigned long long)g->number, more);
}

/* Behind which place a consumer that is at `g` lacks something of its domain. One that claims what
   was never here has a history of its own. */
static int find_domain(struct store *s, uint32_t ordinal, const struct gtid *g,
                       const struct gtids *published, store_pos *until, struct err *e)
{
    struct gtids       before = { 0 };
    store_pos          begin;
    const struct gtid *newest = gtid_state_get(&published->state, g->domain);

    *until = UINT64_MAX;
    if (newest == NULL || same_gtid(newest, g))
        return 0; /* a domain that only others write to, or all of it is held */
    if (newest->number < g->number)
        return not_here(g, "", e);
    *until = store_pos_at(ordinal, BINLOG_MAGIC_BYTES);
    TRY(store_gtids_before(s, ordinal, &before, e));
    const struct gtid *last = gtid_state_get(&before.state, g->domain);
    bool               there = last != NULL && same_gtid(last, g);
    gtids_done(&before);
    if (there || locate_gtid_one(s, g, &begin, until, e) == 0)
        return 0;
    if (e->kind != E_PURGED)
        return -1;
    return not_here(g,
                    ". Since the master's binlog contains GTIDs with higher sequence numbers, it "
                    "probably means that the slave has diverged due to executing extra erroneous "
                    "transactions",
                    e);
}

static int begin_in_domains(struct store *s, uint32_t ordinal, const struct gtid_state *state,
                            struct have *have, struct locate_gtid *out, struct err *e)
{
    struct gtids published = { 0 };
    uint32_t     first = ordinal;

    TRY(store_gtids_published(s, &published, e));
    int result = 0;
    for (; have->count < state->count && result == 0; have->count++) {
        const struct gtid  *g = &state->entries[have->count];
        struct held_domain *d = &have->domains[have->count];
        d->domain = g->domain;
        result = find_domain(s, ordinal, g, &published, &d->until, e);
        if (store_pos_ordinal(d->until) < first)
            first = store_pos_ordinal(d->until);
    }
    gtids_done(&published);
    TRY(result);
    return begin_in(s, first, have, out, e);
}

int locate_gtid_state(struct store *s, const struct gtid_state *state, struct locate_gtid *out,
                      struct err *e)
{
    uint32_t    ordinal = 0;
    struct have have = { 0 };

    const struct question question = { state_fits, state_size, state_held, state };
    TRY(newest_file(s, &question, &ordinal, e));
    if (ordinal == 0)
        return err_set(e, E_PURGED,
                       "Could not find GTID state requested by slave in any binlog files. Probably "
                       "the slave state is too old and required binlog files have been purged.");
    have.domains = calloc(state->count + 1, sizeof *have.domains);
    if (have.domains == NULL)
        return err_set(e, E_NOMEM, "no memory for %zu domains", state->count);
    int result = begin_in_domains(s, ordinal, state, &have, out, e);
    free(have.domains);
    return result;
}

/* ---- one GTID ---- */

static bool covers(const struct gtids *g, const struct gtid *one)
{
    if (one->kind == GTID_MYSQL)
        return gtid_set_contains(&g->set, one);
    const struct gtid *last = gtid_state_get(&g->state, one->domain);
    return last != NULL && last->number >= one->number;
}

static bool lies_behind(const void *arg, const struct gtids *before)
{
    return !covers(before, arg);
}

/* The greatest number of its own kind. */
static uint64_t one_size(const void *arg, const struct gtids *before)
{
    const struct gtid *one = arg;

    if (one->kind != GTID_MYSQL) {
        const struct gtid *last = gtid_state_get(&before->state, one->domain);
        return last != NULL ? last->number : 0;
    }
    for (size_t i = 0; i < before->set.count; i++) {
        const struct gtid_line *line = &before->set.lines[i];
        if (memcmp(line->uuid, one->uuid, UUID_BYTES) == 0 && strcmp(line->tag, one->tag) == 0 &&
            line->count > 0)
            return line->intervals[line->count - 1].last;
    }
    return 0;
}

static uint64_t one_held(const void *arg, const struct gtids *before)
{
    (void)before;
    return ((const struct gtid *)arg)->number - 1;
}

struct wanted {
    const struct gtid *gtid;
    struct found       found;
};

static bool is_wanted(void *arg, const struct found *t)
{
    struct wanted *w = arg;
    w->found = *t;
    return same_gtid(&t->gtid, w->gtid);
}

/* In the one file of a range where it can be. */
static int find_in(struct store *s, uint32_t ordinal, struct wanted *wanted, bool *found,
                   struct err *e)
{
    struct store_file f;
    struct walk       w;
    bool              more = true;

    *found = false;
    TRY(store_file_by_ordinal(s, ordinal, &f, e));
    TRY(walk_open(s, &f, &w, e));
    int result = 0;
    while (result == 0 && !*found) {
        result = walk_next(&w, &more, e);
        if (result != 0 || !more)
            break;
        if (w.span.known && !covers(&w.span.gtids, wanted->gtid))
            continue;
        result = read_transactions(s, &f, w.span.from, w.span.to, is_wanted, wanted, found, e);
    }
    walk_close(&w);
    return result;
}

/* The first file of the epoch that has this one. */
static int epoch_begin(struct store *s, uint32_t ordinal, uint32_t *out, struct err *e)
{
    struct store_file f;
    struct store_file first;

    TRY(store_file_by_ordinal(s, ordinal, &f, e));
    if (!store_first_file(s, &first))
        return err_set(e, E_PURGED, "the store is empty");
    while (f.ordinal > first.ordinal && !store_begins_epoch(s, &f))
        TRY(store_file_by_ordinal(s, f.ordinal - 1, &f, e));
    *out = f.ordinal;
    return 0;
}

/* Newest epoch first: in each, numbers only rise, but one server may count on from less than
   another one had. */
int locate_gtid_one(struct store *s, const struct gtid *g, store_pos *begin, store_pos *end,
                    struct err *e)
{
    struct store_file first;
    struct store_file last;
    struct wanted     wanted = { .gtid = g };
    bool              found = false;
    char              text[GTID_TEXT_BYTES];

    assert(g->kind != GTID_NONE);
    gtid_format(g, text);
    if (!store_first_file(s, &first) || !store_last_file(s, &last))
        return err_set(e, E_PURGED, "the store is empty");
    const struct question question = { lies_behind, one_size, one_held, g };
    uint32_t              ordinal = 0;
    for (uint32_t to = last.ordinal; to >= first.ordinal && !found; to--) {
        uint32_t from = to;
        TRY(epoch_begin(s, to, &from, e));
        TRY(newest_file_of(s, &question, from, to, &ordinal, e));
        if (ordinal == 0 && from == first.ordinal)
            return err_set(e, E_PURGED, "%s is from before the first held file", text);
        /* What is in front of an epoch's first file is not all from its own server. */
        ordinal = ordinal != 0 ? ordinal : from;
        TRY(find_in(s, ordinal, &wanted, &found, e));
        to = from;
    }
    if (!found)
        return err_set(e, E_PURGED, "%s is not held", text);
    *begin = store_pos_at(ordinal, wanted.found.begin);
    *end = store_pos_at(ordinal, wanted.found.end);
    return 0;
}

/* ---- time ---- */

struct by_time {
    int64_t  time_s;
    uint64_t end; /* of the last one that is old enough; 0: none */
};

static bool note_old(void *arg, const struct found *t)
{
    struct by_time *b = arg;
    if (t->commit_s != 0 && (int64_t)t->commit_s <= b->time_s)
        b->end = t->end;
    return false;
}

static int last_before(struct store *s, const struct store_file *f, struct by_time *b,
                       struct err *e)
{
    struct walk w;
    struct span newest = { 0 };
    bool        more = true;
    bool        stopped;

    TRY(walk_open(s, f, &w, e));
    int result = 0;
    for (;;) {
        result = walk_next(&w, &more, e);
        if (result != 0 || !more)
            break;
        if (!w.span.known)
            result = read_transactions(s, f, w.span.from, w.span.to, note_old, b, &stopped, e);
        else if (w.span.counts.first_s != 0 && (int64_t)w.span.counts.first_s <= b->time_s)
            newest = (struct span){ .from = w.span.from, .to = w.span.to };
        if (result != 0)
            break;
    }
    walk_close(&w);
    if (result == 0 && b->end == 0 && newest.to != 0)
        result = read_transactions(s, f, newest.from, newest.to, note_old, b, &stopped, e);
    return result;
}

int locate_time(struct store *s, int64_t time_s, store_pos *out, struct err *e)
{
    struct store_file f = { .ordinal = UINT32_MAX };
    struct store_file last;

    if (!store_last_file(s, &last))
        return err_set(e, E_PURGED, "the store is empty");
    for (;;) {
        struct by_time b = { .time_s = time_s };
        if (store_file_by_time(s, time_s, f.ordinal, &f, e) != 0)
            return err_set(e, E_PURGED, "no transaction is held that is as old as that");
        TRY(last_before(s, &f, &b, e));
        if (b.end != 0) {
            *out = store_pos_at(f.ordinal, b.end);
            return 0;
        }
    }
}

/* ---- GTIDs up to a place ---- */

static int add_to(struct scan *scan, uint64_t offset, bool begins_epoch, struct gtids *out,
                  struct err *e)
{
    while (scan->at < offset) {
        struct scan_event ev;
        bool              more;
        TRY(scan_next(scan, &ev, &more, e));
        if (!more)
            break;
        if (ev.place == TXN_CLOSED && ev.end <= offset)
            TRY(gtids_add(out, &scan->txn.current.gtid, e));
        if (ev.place == TXN_OUTSIDE && indexer_is_head_event(&ev.event)) {
            struct gtids said = { 0 };
            int          result = gtids_take_event(&said, &ev.event, e);
            if (result == 0)
                result = gtids_pass_head(out, &said, begins_epoch, e);
            gtids_done(&said);
            TRY(result);
        }
    }
    return 0;
}

static int gtids_up_to(struct store *s, const struct store_file *f, uint64_t offset,
                       struct gtids *out, struct err *e)
{
    struct sidecar       sc;
    struct sidecar_entry entry;
    bool                 more = true;
    uint64_t             from = BINLOG_MAGIC_BYTES;

    TRY(index_open(s, f, &sc, e));
    int result = gtids_unite_text(out, buf_slice(&sc.inherited), e);
    while (result == 0) {
        result = sidecar_next(&sc, &entry, &more, e);
        if (result != 0 || !more || (entry.kind == SIDECAR_CHECKPOINT && entry.offset > offset))
            break;
        if (entry.offset > offset)
            continue;
        if (entry.kind == SIDECAR_BEFORE || entry.kind == SIDECAR_CHECKPOINT)
            result = gtids_unite_text(out, entry.gtids, e);
        if (entry.kind == SIDECAR_CHECKPOINT)
            from = entry.offset;
    }
    sidecar_close(&sc);
    TRY(result);
    if (from == offset)
        return 0;
    struct scan scan;
    TRY(scan_open(s->disk, f->name, offset, false, &scan, e));
    result = scan_seek(&scan, from, e);
    if (result == 0)
        result = add_to(&scan, offset, store_begins_epoch(s, f), out, e);
    scan_close(&scan);
    return result;
}

int locate_gtids_at(struct store *s, store_pos at, struct gtids *out, struct err *e)
{
    struct store_file f;
    struct gtids      gathered = { 0 };

    TRY(store_file_by_ordinal(s, store_pos_ordinal(at), &f, e));
    TRY(index_check_place(s, &f, store_pos_offset(at), e));
    if (gtids_up_to(s, &f, store_pos_offset(at), &gathered, e) != 0) {
        gtids_done(&gathered);
        return -1;
    }
    gtids_done(out);
    *out = gathered;
    return 0;
}
