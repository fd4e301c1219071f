#include "storage/index.h"
#include <stdio.h>
#include "storage/indexer.h"
#include "storage/name.h"
#include "storage/scan.h"

static bool is_of(const struct sidecar *sc, const struct store_file *f)
{
    return sc->identity.ordinal == f->ordinal && strcmp(sc->identity.name, f->name) == 0;
}

/* True when the sidecar is that of this file and ends with the footer of its size. */
static int is_whole(struct sidecar *sc, const struct store_file *f, bool *out, struct err *e)
{
    struct sidecar_entry entry;
    bool                 more = true;
    bool                 whole = false;

    if (!is_of(sc, f)) {
        *out = false;
        return 0;
    }
    for (;;) {
        TRY(sidecar_next(sc, &entry, &more, e));
        if (!more)
            break;
        whole = entry.kind == SIDECAR_FOOTER && entry.offset == f->size;
    }
    *out = whole;
    return 0;
}

/* *whole false for one that is missing or damaged; an error only when reading failed. */
static int open_whole(struct store *s, const struct store_file *f, struct sidecar *out, bool *whole,
                      struct err *e)
{
    if (sidecar_open(s->disk, f->name, out, e) != 0) {
        *whole = false;
        return e->kind == E_PURGED || e->kind == E_CORRUPT ? 0 : -1;
    }
    if (is_whole(out, f, whole, e) != 0) {
        sidecar_close(out);
        return -1;
    }
    if (*whole)
        sidecar_rewind(out);
    else
        sidecar_close(out);
    return 0;
}

static int take_ready(struct indexer *ix, struct buf *out, struct err *e)
{
    struct slice ready = indexer_ready(ix, UINT64_MAX);
    buf_put(out, ready);
    indexer_taken(ix, ready.len);
    return buf_check(out, "sidecar", e);
}

static int feed_file(struct scan *scan, struct indexer *ix, struct buf *out, struct err *e)
{
    for (;;) {
        struct scan_event ev;
        bool              more;
        TRY(scan_next(scan, &ev, &more, e));
        if (!more)
            return 0;
        TRY(indexer_feed(ix, &ev.event, ev.place, &scan->txn, ev.end, e));
        TRY(take_ready(ix, out, e));
    }
}

static int put_text(const struct gtids *g, struct buf *text, struct err *e)
{
    buf_clear(text);
    gtids_put_text(g, text);
    return buf_check(text, "GTIDs of a sidecar", e);
}

int index_build(struct store *s, const struct store_file *f, struct gtids *at, struct buf *out,
                struct err *e)
{
    struct indexer ix;
    struct scan    scan = { 0 };
    struct buf     text;
    struct gtids   fresh = { 0 };

    indexer_init(&ix, s->index_bytes);
    buf_init(&text, SIDECAR_ENTRY_MAX);
    buf_clear(out);
    int result = put_text(at, &text, e);
    if (result == 0) {
        sidecar_put_head(out, f, buf_slice(&text));
        result = indexer_inherit(&ix, at, store_begins_epoch(s, f), e);
    }
    if (result == 0) {
        result = scan_open(s->disk, f->name, f->size, false, &scan, e);
    }
    if (result == 0)
        result = feed_file(&scan, &ix, out, e);
    if (result == 0)
        result = indexer_take_fresh(&ix, &fresh, e);
    if (result == 0)
        result = gtids_unite(at, &fresh, e);
    if (result == 0)
        result = put_text(at, &text, e);
    if (result == 0 && f->sealed)
        result = indexer_finish(&ix, f->size, buf_slice(&text), e);
    if (result == 0)
        result = take_ready(&ix, out, e);
    scan_close(&scan);
    gtids_done(&fresh);
    buf_done(&text);
    indexer_done(&ix);
    if (result != 0)
        return err_note(e, "make the sidecar of %s again", f->name);
    return 0;
}

int index_replace(struct store *s, const struct store_file *f, struct slice bytes, struct err *e)
{
    char              name[STORE_NAME_BYTES + 1];
    char              fresh[STORE_NAME_BYTES + 8];
    struct disk      *d = s->disk;
    struct disk_file *file = NULL;

    name_sidecar(f->name, name);
    (void)snprintf(fresh, sizeof fresh, "%s.new", name);
    TRY(d->open(d, fresh, true, true, &file, e));
    int result = d->cut(file, 0, e);
    if (result == 0)
        result = d->write(file, 0, bytes, e);
    if (result == 0)
        result = d->sync(file, e);
    d->close(file);
    if (result == 0)
        result = d->rename(d, fresh, name, e);
    if (result == 0)
        return d->sync_folder(d, e);
    struct err ignored;
    (void)d->remove(d, fresh, &ignored);
    return -1;
}

/* Gathers the entries that last: the first BEFORE, the checkpoints, of a sealed file the FOOTER. */
static int gather_lasting(struct sidecar *sc, const struct store_file *f, uint64_t limit,
                          struct buf *out, struct err *e)
{
    struct sidecar_entry entry;
    bool                 has_before = false;

    for (;;) {
        bool more;
        TRY(sidecar_next(sc, &entry, &more, e));
        if (!more)
            return 0;
        if (entry.offset > limit)
            continue;
        if (entry.kind == SIDECAR_BEFORE && !has_before) {
            sidecar_put_before(out, entry.offset, entry.gtids);
            has_before = true;
        } else if (entry.kind == SIDECAR_CHECKPOINT) {
            sidecar_put_checkpoint(out, entry.offset, &entry.counts, entry.gtids);
        } else if (entry.kind == SIDECAR_FOOTER && f->sealed && entry.offset == f->size) {
            sidecar_put_footer(out, entry.offset, &entry.counts, entry.gtids);
        }
    }
}

int index_rewrite(struct store *s, const struct store_file *f, uint64_t limit, struct slice more,
                  struct err *e)
{
    struct sidecar sc;
    struct buf     bytes;

    TRY(sidecar_open(s->disk, f->name, &sc, e));
    buf_init(&bytes, (size_t)SIDECAR_ENTRY_MAX * 4);
    sidecar_put_head(&bytes, &sc.identity, buf_slice(&sc.inherited));
    int result = gather_lasting(&sc, f, limit, &bytes, e);
    buf_put(&bytes, more);
    if (result == 0)
        result = buf_check(&bytes, "sidecar", e);
    if (result == 0)
        result = index_replace(s, f, buf_slice(&bytes), e);
    buf_done(&bytes);
    sidecar_close(&sc);
    return result;
}

/* Where to begin so that the GTIDs before are known: behind the newest file with a whole sidecar.
 */
static int find_known(struct store *s, const struct store_file *f, uint32_t *first,
                      struct gtids *at, struct err *e)
{
    struct store_file begin;

    if (!store_first_file(s, &begin))
        return err_set(e, E_PURGED, "the store is empty");
    for (*first = f->ordinal; *first > begin.ordinal; --*first) {
        struct store_file before;
        struct sidecar    sc = { 0 };
        bool              whole;
        TRY(store_file_by_ordinal(s, *first - 1, &before, e));
        TRY(open_whole(s, &before, &sc, &whole, e));
        if (!whole)
            continue;
        struct sidecar_entry entry;
        bool                 more = true;
        int                  result = 0;
        while (result == 0 && more) {
            result = sidecar_next(&sc, &entry, &more, e);
            if (result == 0 && more && entry.kind == SIDECAR_FOOTER)
                result = gtids_unite_text(at, entry.gtids, e);
        }
        sidecar_close(&sc);
        return result;
    }
    return 0;
}

static int rebuild(struct store *s, const struct store_file *f, struct buf *out, struct err *e)
{
    struct gtids at = { 0 };
    uint32_t     ordinal = 0;

    (void)pthread_mutex_lock(&s->rebuild_mutex);
    int result = find_known(s, f, &ordinal, &at, e);
    for (; result == 0 && ordinal <= f->ordinal; ordinal++) {
        struct store_file one;
        result = store_file_by_ordinal(s, ordinal, &one, e);
        if (result == 0)
            result = index_build(s, &one, &at, out, e);
        /* One that can't be kept is no reason to fail: it is made again the next time. */
        struct err ignored;
        if (result == 0 && one.sealed && !s->readonly &&
            index_replace(s, &one, buf_slice(out), &ignored))
            continue;
    }
    (void)pthread_mutex_unlock(&s->rebuild_mutex);
    gtids_done(&at);
    return result;
}

int index_open(struct store *s, const struct store_file *f, struct sidecar *out, struct err *e)
{
    bool whole;

    atomic_fetch_add(&s->counts.index_opens, 1);
    if (!f->sealed) {
        if (sidecar_open(s->disk, f->name, out, e) == 0)
            return 0;
        if (e->kind != E_PURGED && e->kind != E_CORRUPT)
            return -1;
    } else {
        TRY(open_whole(s, f, out, &whole, e));
        if (whole)
            return 0;
    }
    struct buf bytes;
    atomic_fetch_add(&s->counts.index_rebuilds, 1);
    buf_init(&bytes, (size_t)SIDECAR_ENTRY_MAX * 4);
    int result = rebuild(s, f, &bytes, e);
    if (result == 0)
        result = sidecar_open_bytes(&bytes, out, e);
    buf_done(&bytes);
    return result;
}

int index_nearest(struct store *s, const struct store_file *f, uint64_t offset, uint64_t *out,
                  struct err *e)
{
    struct sidecar       sc;
    struct sidecar_entry entry;
    uint64_t             nearest = BINLOG_MAGIC_BYTES;
    bool                 more = true;
    int                  result = 0;

    if (offset <= BINLOG_MAGIC_BYTES) {
        *out = BINLOG_MAGIC_BYTES;
        return 0;
    }
    TRY(index_open(s, f, &sc, e));
    while (result == 0) {
        result = sidecar_next(&sc, &entry, &more, e);
        if (result != 0 || !more || (entry.kind == SIDECAR_CHECKPOINT && entry.offset > offset))
            break;
        if (entry.kind == SIDECAR_CHECKPOINT)
            nearest = entry.offset;
    }
    sidecar_close(&sc);
    if (result == 0)
        *out = nearest;
    return result;
}

/* BEFORE is the entry behind the head; a file whose server knows no GTIDs has none. */
static int read_before(struct sidecar *sc, bool *there, struct gtids *out, struct err *e)
{
    struct sidecar_entry entry;

    TRY(sidecar_next(sc, &entry, there, e));
    bool own = *there && entry.kind == SIDECAR_BEFORE;
    return gtids_parse(out, own ? entry.gtids : buf_slice(&sc->inherited), e);
}

int index_gtids_before(struct store *s, const struct store_file *f, struct gtids *out,
                       struct err *e)
{
    struct sidecar sc;
    bool           there = false;

    /* Each entry has a checksum of its own: a good one behind the head is enough to trust both. */
    if (sidecar_open(s->disk, f->name, &sc, e) == 0) {
        int result = is_of(&sc, f) ? read_before(&sc, &there, out, e) : 0;
        sidecar_close(&sc);
        if (result == 0 && there)
            return 0;
        gtids_done(out);
        *out = (struct gtids){ 0 };
        TRY(result);
    } else if (e->kind != E_PURGED && e->kind != E_CORRUPT) {
        return -1;
    }
    TRY(index_open(s, f, &sc, e));
    int result = read_before(&sc, &there, out, e);
    sidecar_close(&sc);
    return result;
}

int index_gtids_after(struct store *s, const struct store_file *f, struct gtids *out, struct err *e)
{
    struct sidecar       sc;
    struct sidecar_entry entry;
    bool                 more = true;

    assert(f->sealed);
    TRY(index_open(s, f, &sc, e));
    int result = 0;
    while (result == 0 && more) {
        result = sidecar_next(&sc, &entry, &more, e);
        if (result == 0 && more && entry.kind == SIDECAR_FOOTER)
            result = gtids_unite_text(out, entry.gtids, e);
    }
    sidecar_close(&sc);
    return result;
}

int index_check_place(struct store *s, const struct store_file *f, uint64_t offset, struct err *e)
{
    uint64_t    visible = store_visible(s, f);
    uint64_t    from;
    struct scan scan;

    if (offset > visible)
        return err_set(e, E_PROTOCOL, "position %llu is behind the end of %s (%llu)",
                       (unsigned long long)offset, f->name, (unsigned long long)visible);
    if (offset < BINLOG_MAGIC_BYTES)
        return err_set(e, E_PROTOCOL, "position %llu: the first event of a file is at %d",
                       (unsigned long long)offset, BINLOG_MAGIC_BYTES);
    if (offset == BINLOG_MAGIC_BYTES || offset == visible)
        return 0;
    TRY(index_nearest(s, f, offset, &from, e));
    TRY(scan_open(s->disk, f->name, visible, false, &scan, e));
    int result = scan_seek(&scan, from, e);
    while (result == 0 && scan.at < offset) {
        struct scan_event ev;
        bool              more;
        result = scan_next(&scan, &ev, &more, e);
        if (result == 0 && !more)
            break;
    }
    if (result == 0 && scan.at != offset)
        result = err_set(e, E_PROTOCOL, "position %llu of %s is inside an event",
                         (unsigned long long)offset, f->name);
    scan_close(&scan);
    return result;
}
