#include "storage/verify.h"
#include <stdarg.h>
#include <stdio.h>
#include "storage/hole.h"
#include "storage/index.h"
#include "storage/indexer.h"
#include "storage/name.h"
#include "storage/scan.h"

struct check {
    struct store *store;
    void (*problem)(void *arg, const char *text);
    void (*progress)(void *arg, const struct verify_progress *p);
    void                  *arg;
    struct verify_progress at;
    uint64_t               bytes_before; /* of the files that are done */
    struct verify_result   result;
    struct gtids           gtids;   /* behind the files that are done */
    struct gtids           earlier; /* ... of the epochs before */
};

PRINTF_ARGS(2, 3) static void found(struct check *c, const char *fmt, ...)
{
    char    text[ERR_TEXT_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    c->result.problems++;
    c->problem(c->arg, text);
}

/* A wrong file is a finding; a disk that does not read ends the check. */
static int finding(struct check *c, const struct err *e)
{
    if (e->kind != E_CORRUPT && e->kind != E_PURGED && e->kind != E_PROTOCOL)
        return -1;
    found(c, "%s", e->text);
    return 0;
}

static void tell(struct check *c, uint64_t in_file)
{
    c->at.bytes_done = c->bytes_before + in_file;
    if (c->progress != NULL)
        c->progress(c->arg, &c->at);
}

/* ---- the events ---- */

struct events {
    struct indexer ix;       /* what the sidecar should say */
    uint64_t       complete; /* behind the last event between transactions */
    uint64_t       told;
    bool           goes_on; /* with the epoch of the file before */
    bool           behind;  /* its head is */
    bool           holes;
    bool           rotated;
    bool           broken; /* reading ended early */
};

/* What the head of a file says was before it must hold what we have from the files before: else
   transactions would be given out twice or never (I3). What another server left behind it may not
   know, nor what is a hole in it. */
static int check_head(struct check *c, const struct event *ev, struct events *x, struct err *e)
{
    struct gtids    said = { 0 };
    struct gtid_set ours = { 0 };

    int result = gtids_take_event(&said, ev, e);
    if (result == 0)
        result = gtid_set_copy(&ours, &c->gtids.set, e);
    if (result == 0)
        result = gtid_set_subtract(&ours, &c->earlier.set, e);
    x->behind =
        result == 0 && ev->type == EVENT_PREVIOUS_GTIDS && !gtid_set_is_subset(&ours, &said.set);
    gtid_set_done(&ours);
    gtids_done(&said);
    return result;
}

static int check_event(struct check *c, const struct store_file *f, struct scan *scan,
                       const struct scan_event *ev, struct events *x, struct err *e)
{
    if (x->rotated)
        found(c, "%s at %llu: an event behind the ROTATE", f->name, (unsigned long long)ev->at);
    if (event_is_artificial(&ev->event))
        found(c, "%s at %llu: an artificial %s event", f->name, (unsigned long long)ev->at,
              event_name(ev->event.type));
    x->rotated = ev->event.type == EVENT_ROTATE;
    if (x->rotated) {
        struct event_rotate rotate;
        char                next[STORE_NAME_BYTES + 1];
        TRY(event_parse_rotate(&ev->event, &rotate, e));
        name_next(f->name, next);
        if (strcmp(rotate.file, next) != 0)
            found(c, "%s at %llu: the ROTATE leads to %s, the next file is %s", f->name,
                  (unsigned long long)ev->at, rotate.file, next);
    }
    if (ev->place == TXN_OUTSIDE || ev->place == TXN_CLOSED)
        x->complete = ev->end;
    c->result.events++;
    c->result.transactions += ev->place == TXN_CLOSED ? 1 : 0;
    if (x->broken)
        return 0; /* what came before is not whole: no sidecar can be made of it */
    if (x->goes_on && !x->ix.has_before && indexer_is_head_event(&ev->event))
        TRY(check_head(c, &ev->event, x, e));
    x->holes = x->holes || hole_is(&ev->event);
    return indexer_feed(&x->ix, &ev->event, ev->place, &scan->txn, ev->end, e);
}

/*
 * What is behind damage can be read again from the next checkpoint on: transactions end there. That
 * tells the GTIDs, too, between it and the one before. *resume is 0 when there is none.
 */
static int find_resume(struct check *c, const struct store_file *f, uint64_t damaged,
                       uint64_t *resume, uint64_t *intact, struct buf *gtids, struct err *e)
{
    struct sidecar       sc;
    struct sidecar_entry entry;
    bool                 more = true;
    int                  result = 0;

    *resume = 0;
    *intact = BINLOG_MAGIC_BYTES;
    if (sidecar_open(c->store->disk, f->name, &sc, e) != 0)
        return e->kind == E_PURGED || e->kind == E_CORRUPT ? 0 : -1;
    while (result == 0 && more && *resume == 0) {
        result = sidecar_next(&sc, &entry, &more, e);
        if (result != 0 || !more ||
            (entry.kind != SIDECAR_CHECKPOINT && entry.kind != SIDECAR_FOOTER))
            continue;
        if (entry.offset <= damaged) {
            *intact = entry.offset;
            continue;
        }
        *resume = entry.offset;
        if (entry.kind == SIDECAR_CHECKPOINT)
            buf_put(gtids, entry.gtids);
    }
    sidecar_close(&sc);
    return result != 0 ? result : buf_check(gtids, "GTIDs of a sidecar", e);
}

/* Says which bytes and transactions a damage costs, and goes on behind it where that is possible.
 */
static int leap(struct check *c, const struct store_file *f, uint64_t visible, struct scan *scan,
                bool *on, struct err *e)
{
    enum { GTIDS_SHOWN = 200 };
    uint64_t   damaged = scan->at;
    uint64_t   resume;
    uint64_t   intact;
    struct buf gtids;

    buf_init(&gtids, SIDECAR_ENTRY_MAX);
    int result = find_resume(c, f, damaged, &resume, &intact, &gtids, e);
    if (result == 0) {
        uint64_t end = resume != 0 && resume < visible ? resume : visible;
        found(c,
              "%s: damaged at %llu, readable again from %llu on; what is affected are the "
              "transactions between %llu and %llu%s%.*s",
              f->name, (unsigned long long)damaged, (unsigned long long)end,
              (unsigned long long)intact, (unsigned long long)end, gtids.len != 0 ? ": " : "",
              (int)(gtids.len < GTIDS_SHOWN ? gtids.len : GTIDS_SHOWN), buf_text(&gtids));
        result = gtids_unite_text(&c->gtids, buf_slice(&gtids), e);
        *on = end < visible;
    }
    buf_done(&gtids);
    if (result == 0 && *on && scan_seek(scan, resume, e) != 0) {
        *on = false;
        result = finding(c, e);
    }
    return result;
}

static int next_event(struct check *c, const struct store_file *f, struct scan *scan,
                      struct events *x, bool *more, struct err *e)
{
    struct scan_event ev;

    TRY(scan_next(scan, &ev, more, e));
    if (*more && check_event(c, f, scan, &ev, x, e) != 0)
        return err_note(e, "%s at %llu", f->name, (unsigned long long)ev.at);
    return 0;
}

/* Up to the end, or to damage that nothing leads over. */
static int read_on(struct check *c, const struct store_file *f, uint64_t visible, struct scan *scan,
                   struct events *x, struct err *e)
{
    enum { TELL_BYTES = 16 * 1024 * 1024 };
    bool more = true;

    while (more) {
        uint64_t at = scan->at;
        if (next_event(c, f, scan, x, &more, e) != 0) {
            x->broken = true;
            TRY(finding(c, e));
            scan->at = at;
            TRY(leap(c, f, visible, scan, &more, e));
        } else if (scan->at - x->told >= TELL_BYTES) {
            x->told = scan->at;
            tell(c, scan->at);
        }
    }
    return 0;
}

static int read_events(struct check *c, const struct store_file *f, uint64_t visible,
                       struct events *x, struct err *e)
{
    struct scan scan;

    if (scan_open(c->store->disk, f->name, visible, true, &scan, e) != 0) {
        x->broken = true;
        return finding(c, e);
    }
    int result = read_on(c, f, visible, &scan, x, e);
    if (result == 0 && !x->broken && scan.at != visible) {
        x->broken = true;
        found(c, "%s ends at %llu, it should go up to %llu", f->name, (unsigned long long)scan.at,
              (unsigned long long)visible);
    } else if (result == 0 && !x->broken && x->complete != visible) {
        found(c, "%s ends at %llu inside a transaction, which begins behind %llu", f->name,
              (unsigned long long)visible, (unsigned long long)x->complete);
    }
    c->result.bytes += scan.at;
    scan_close(&scan);
    return result;
}

/* ---- the sidecar against what was read ---- */

static int compare_gtids(struct check *c, const struct store_file *f, const char *what,
                         struct slice said, struct slice is)
{
    if (slice_equal(said, is))
        return 0;
    found(c, "%s.idx: %s are '%.*s', by the file they are '%.*s'", f->name, what,
          (int)(said.len < 120 ? said.len : 120), (const char *)said.ptr,
          (int)(is.len < 120 ? is.len : 120), (const char *)is.ptr);
    return 0;
}

/* The next entry that counts: a file in progress may have some that only recovery needs, or twice.
 */
static int next_lasting(const struct store_file *f, struct sidecar *sc, bool *has_before,
                        struct sidecar_entry *out, bool *more, struct err *e)
{
    for (;;) {
        TRY(sidecar_next(sc, out, more, e));
        if (!*more || f->sealed)
            return 0;
        bool again = out->kind == SIDECAR_BEFORE && *has_before;
        *has_before = *has_before || out->kind == SIDECAR_BEFORE;
        if (!again && out->kind != SIDECAR_SPAN && out->kind != SIDECAR_FOOTER)
            return 0;
    }
}

/* Both sidecars entry by entry: that on disk, and the one that the file would get. */
static int compare(struct check *c, const struct store_file *f, struct sidecar *is,
                   struct sidecar *should, struct err *e)
{
    struct sidecar_entry a;
    struct sidecar_entry b;
    bool                 more_a = true;
    bool                 more_b = true;
    bool                 has_before = false;

    if (is->identity.ordinal != f->ordinal || strcmp(is->identity.name, f->name) != 0 ||
        strcmp(is->identity.source_file, f->source_file) != 0 ||
        strcmp(is->identity.source.uuid, f->source.uuid) != 0 ||
        is->identity.source.server_id != f->source.server_id)
        found(c, "%s.idx: is of %s (%s), the catalog says %s (%s)", f->name, is->identity.name,
              is->identity.source_file, f->name, f->source_file);
    for (;;) {
        TRY(next_lasting(f, is, &has_before, &a, &more_a, e));
        TRY(sidecar_next(should, &b, &more_b, e));
        if (!more_a || !more_b)
            break;
        if (a.kind != b.kind || a.offset != b.offset) {
            found(c, "%s.idx: an entry for %llu where one for %llu should be", f->name,
                  (unsigned long long)a.offset, (unsigned long long)b.offset);
            return 0;
        }
        if (a.counts.events != b.counts.events || a.counts.transactions != b.counts.transactions)
            found(c, "%s.idx: at %llu it counts %llu events, the file has %llu", f->name,
                  (unsigned long long)a.offset, (unsigned long long)a.counts.events,
                  (unsigned long long)b.counts.events);
        TRY(compare_gtids(c, f, "the GTIDs of an entry", a.gtids, b.gtids));
    }
    if (f->sealed && more_a != more_b)
        found(c, "%s.idx: has %s entries than it should", f->name, more_a ? "more" : "fewer");
    return 0;
}

static int check_sidecar(struct check *c, const struct store_file *f, struct events *x,
                         struct err *e)
{
    struct sidecar is;
    struct sidecar should;
    struct buf     bytes;
    struct buf     text;

    if (sidecar_open(c->store->disk, f->name, &is, e) != 0) {
        if (e->kind == E_PURGED)
            return 0; /* it is made again when it is needed */
        return finding(c, e);
    }
    buf_init(&bytes, (size_t)SIDECAR_ENTRY_MAX * 4);
    buf_init(&text, SIDECAR_ENTRY_MAX);
    gtids_put_text(&c->gtids, &text);
    int result = f->sealed ? indexer_finish(&x->ix, f->size, buf_slice(&text), e) : 0;
    sidecar_put_head(&bytes, f, slice_empty());
    buf_put(&bytes, buf_slice(&x->ix.ready));
    if (result == 0)
        result = buf_check(&bytes, "sidecar", e);
    if (result == 0 && sidecar_open_bytes(&bytes, &should, e) == 0) {
        result = compare(c, f, &is, &should, e);
        sidecar_close(&should);
    }
    buf_done(&bytes);
    buf_done(&text);
    sidecar_close(&is);
    return result;
}

/* ---- a file ---- */

static int check_size(struct check *c, const struct store_file *f, struct err *e)
{
    struct disk      *d = c->store->disk;
    struct disk_file *file;
    uint64_t          size = 0;

    if (d->open(d, f->name, false, false, &file, e) != 0)
        return finding(c, e);
    int result = d->size(file, &size, e);
    d->close(file);
    if (result == 0 && f->sealed && size != f->size)
        found(c, "%s has %llu bytes, the catalog says %llu", f->name, (unsigned long long)size,
              (unsigned long long)f->size);
    return result;
}

static int check_file(struct check *c, const struct store_file *f, bool same_epoch, struct err *e)
{
    struct events x = { .complete = BINLOG_MAGIC_BYTES, .goes_on = same_epoch };
    struct gtids  fresh = { 0 };
    uint64_t      visible = store_visible(c->store, f);

    indexer_init(&x.ix, c->store->index_bytes);
    int result = check_size(c, f, e);
    if (result == 0)
        result = indexer_inherit(&x.ix, &c->gtids, store_begins_epoch(c->store, f), e);
    if (result == 0)
        result = read_events(c, f, visible, &x, e);
    if (result == 0 && x.behind && !x.holes)
        found(c, "%s: its head does not know all transactions of the files before it", f->name);
    if (result == 0)
        result = indexer_take_fresh(&x.ix, &fresh, e);
    if (result == 0)
        result = gtids_unite(&c->gtids, &fresh, e);
    if (result == 0 && !x.broken)
        result = check_sidecar(c, f, &x, e);
    gtids_done(&fresh);
    indexer_done(&x.ix);
    c->bytes_before += visible;
    tell(c, 0);
    return result;
}

/* Of files that were forgotten since, the first one's sidecar tells what they held. */
static int begin_gtids(struct check *c, const struct store_file *first, struct err *e)
{
    struct sidecar sc;

    if (sidecar_open(c->store->disk, first->name, &sc, e) != 0)
        return e->kind == E_PURGED || e->kind == E_CORRUPT ? 0 : -1; /* found later, if it counts */
    int result = gtids_unite_text(&c->gtids, buf_slice(&sc.inherited), e);
    sidecar_close(&sc);
    return result;
}

static int check_all(struct check *c, struct err *e)
{
    struct store_file first;
    struct store_file last;
    struct store_file before = { 0 };
    char              next[STORE_NAME_BYTES + 1];

    if (!store_first_file(c->store, &first) || !store_last_file(c->store, &last))
        return 0;
    TRY(begin_gtids(c, &first, e));
    c->at.file_count = last.ordinal - first.ordinal + 1;
    for (uint32_t o = first.ordinal; o <= last.ordinal; o++) {
        struct store_file f;
        TRY(store_file_by_ordinal(c->store, o, &f, e));
        c->at.bytes_total += store_visible(c->store, &f);
    }
    for (uint32_t o = first.ordinal; o <= last.ordinal; o++) {
        struct store_file f;
        TRY(store_file_by_ordinal(c->store, o, &f, e));
        if (o > first.ordinal) {
            name_next(before.name, next);
            if (strcmp(next, f.name) != 0)
                found(c, "the file behind %s is called %s", before.name, f.name);
        }
        bool goes_on = o > first.ordinal && f.epoch == before.epoch;
        if (!goes_on)
            TRY(gtids_copy(&c->earlier, &c->gtids, e));
        TRY(check_file(c, &f, goes_on, e));
        c->at.file_index++;
        c->result.files++;
        before = f;
    }
    return 0;
}

int verify_store(struct store *s, void (*problem)(void *arg, const char *text),
                 void (*progress)(void *arg, const struct verify_progress *p), void *arg,
                 struct verify_result *out, struct err *e)
{
    struct check c = { .store = s, .problem = problem, .progress = progress, .arg = arg };

    int result = check_all(&c, e);
    gtids_done(&c.gtids);
    gtids_done(&c.earlier);
    if (result == 0)
        *out = c.result;
    return result;
}
