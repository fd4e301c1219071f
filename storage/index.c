#include "storage/index.h"
#include <stdio.h>
#include "storage/indexer.h"
#include "storage/name.h"
#include "storage/scan.h"

/* True when the sidecar is that of this file and ends with the footer of its size. */
static int is_whole(struct sidecar *sc, const struct store_file *f, bool *out, struct err *e)
{
    struct sidecar_entry entry;
    bool                 more = true;
    bool                 whole = false;

    if (sc->identity.ordinal != f->ordinal || strcmp(sc->identity.name, f->name) != 0) {
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

/* Makes a file's sidecar from the file, as far as that is visible. `at` is what is held before it,
   and becomes what is held behind it. */
static int build(struct store *s, const struct store_file *f, struct gtids *at, struct buf *out,
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

/* A sidecar that can't be kept is no reason to fail: it is made again the next time. */
static void keep(struct store *s, const struct store_file *f, struct slice bytes)
{
    char              name[STORE_NAME_BYTES + 1];
    char              fresh[STORE_NAME_BYTES + 8];
    struct disk_file *file = NULL;
    struct err        ignored;

    name_sidecar(f->name, name);
    (void)snprintf(fresh, sizeof fresh, "%s.new", name);
    if (s->disk->open(s->disk, fresh, true, true, &file, &ignored) != 0)
        return;
    bool good = s->disk->cut(file, 0, &ignored) == 0 &&
                s->disk->write(file, 0, bytes, &ignored) == 0 && s->disk->sync(file, &ignored) == 0;
    s->disk->close(file);
    if (!good || s->disk->rename(s->disk, fresh, name, &ignored) != 0)
        (void)s->disk->remove(s->disk, fresh, &ignored);
    else
        (void)s->disk->sync_folder(s->disk, &ignored);
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
            result = build(s, &one, &at, out, e);
        if (result == 0 && one.sealed && !s->readonly)
            keep(s, &one, buf_slice(out));
    }
    (void)pthread_mutex_unlock(&s->rebuild_mutex);
    gtids_done(&at);
    return result;
}

int index_open(struct store *s, const struct store_file *f, struct sidecar *out, struct err *e)
{
    bool whole;

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
