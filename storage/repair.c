#include "storage/repair.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "storage/catalog_salvage.h"
#include "storage/index.h"
#include "storage/name.h"
#include "storage/reconcile.h"

/* Whether the sidecar on the disk has exactly these bytes. */
static int is_same(struct disk *d, const char *name, struct slice should, bool *same, struct err *e)
{
    enum { STEP_BYTES = 16 * 1024 };
    uint8_t           block[STEP_BYTES];
    struct disk_file *file;
    uint64_t          size = 0;
    size_t            at = 0;
    size_t            got = 0;

    *same = false;
    if (d->open(d, name, false, false, &file, e) != 0)
        return e->kind == E_PURGED ? 0 : -1;
    int result = d->size(file, &size, e);
    for (*same = size == should.len; result == 0 && *same && at < should.len; at += got) {
        size_t n = should.len - at < STEP_BYTES ? should.len - at : STEP_BYTES;
        result = d->read(file, at, block, n, &got, e);
        *same = result == 0 && got == n && memcmp(block, should.ptr + at, n) == 0;
    }
    d->close(file);
    return result;
}

/* *held is what is held before the file, and becomes what is held behind it. */
static int repair_one(struct store *s, const struct store_file *f, struct gtids *held,
                      struct buf *bytes, bool *made, struct err *e)
{
    char name[STORE_NAME_BYTES + 1];
    bool same;

    name_sidecar(f->name, name);
    TRY(index_build(s, f, held, bytes, e));
    TRY(is_same(store_disk(s), name, buf_slice(bytes), &same, e));
    *made = !same;
    return same ? 0 : index_replace(s, f, buf_slice(bytes), e);
}

/* What was held before the first file only its sidecar tells, if files were forgotten. */
static int begin(struct store *s, const struct store_file *first, struct gtids *held, struct err *e)
{
    struct sidecar sc;

    if (sidecar_open(store_disk(s), first->name, &sc, e) != 0)
        return e->kind == E_PURGED || e->kind == E_CORRUPT ? 0 : -1;
    int result = gtids_parse(held, buf_slice(&sc.inherited), e);
    sidecar_close(&sc);
    return result;
}

struct repair {
    struct store              *store;
    const struct repair_watch *watch;
    struct verify_progress     at;
    struct gtids               held;  /* before the file at hand */
    bool                       known; /* false behind a damaged file that left no trace of it */
    struct buf                 bytes;
    uint32_t                   count;
};

static void tell(void (*say)(void *arg, const char *text), const struct repair *r, const char *name,
                 const char *text)
{
    char sentence[ERR_TEXT_BYTES + STORE_NAME_BYTES];
    (void)snprintf(sentence, sizeof sentence, "%s%s", name, text);
    say(r->watch->arg, sentence);
}

/* The footer of a sidecar that is whole tells what is held behind a file that can't be read. */
static int footer_gtids(struct repair *r, const struct store_file *f, struct err *e)
{
    struct sidecar       sc;
    struct sidecar_entry entry;
    bool                 more = true;
    int                  result = 0;

    r->known = false;
    if (sidecar_open(store_disk(r->store), f->name, &sc, e) != 0)
        return e->kind == E_PURGED || e->kind == E_CORRUPT ? 0 : -1;
    while (result == 0 && more) {
        result = sidecar_next(&sc, &entry, &more, e);
        if (result != 0 || !more || entry.kind != SIDECAR_FOOTER)
            continue;
        gtids_done(&r->held);
        r->held = (struct gtids){ 0 };
        r->known = gtids_parse(&r->held, entry.gtids, e) == 0;
    }
    sidecar_close(&sc);
    return result;
}

/* What was held before a file, by its own sidecar, when the file before it does not tell. */
static int head_gtids(struct repair *r, const struct store_file *f, struct err *e)
{
    if (r->known)
        return 0;
    gtids_done(&r->held);
    r->held = (struct gtids){ 0 };
    struct sidecar sc;
    if (sidecar_open(store_disk(r->store), f->name, &sc, e) != 0)
        return e->kind == E_PURGED || e->kind == E_CORRUPT ? 0 : -1;
    r->known = gtids_parse(&r->held, buf_slice(&sc.inherited), e) == 0;
    sidecar_close(&sc);
    return 0;
}

static int repair_sealed(struct repair *r, const struct store_file *f, struct err *e)
{
    bool made = false;

    TRY(head_gtids(r, f, e));
    if (!r->known) {
        tell(r->watch->cant, r, f->name,
             ".idx: can't be made again, since nothing tells any more what was held before it");
        return 0;
    }
    if (repair_one(r->store, f, &r->held, &r->bytes, &made, e) == 0) {
        if (made)
            tell(r->watch->did, r, f->name, ".idx was missing or wrong: made again");
        r->count += made ? 1 : 0;
        return 0;
    }
    if (e->kind != E_CORRUPT && e->kind != E_PROTOCOL && e->kind != E_PURGED)
        return -1;
    tell(r->watch->cant, r, "", e->text);
    return footer_gtids(r, f, e);
}

/* It may be torn, which its writer makes good from the source, or damaged, after which these are
   the only bytes that somebody perhaps has seen. */
static int keep_rest(const struct repair *r, const struct store_file *f, struct err *e)
{
    enum { STEP_BYTES = 16 * 1024 };
    struct disk      *d = store_disk(r->store);
    struct disk_file *file;
    struct disk_file *kept = NULL;
    uint8_t           block[STEP_BYTES];
    char              name[STORE_NAME_BYTES + 8];
    uint64_t          at = f->size != 0 ? f->size : BINLOG_MAGIC_BYTES;
    uint64_t          size;
    const uint64_t    from = at;

    TRY(d->open(d, f->name, false, false, &file, e));
    int result = d->size(file, &size, e);
    if (result == 0 && size > from) {
        (void)snprintf(name, sizeof name, "%s.rest", f->name);
        result = d->open(d, name, true, true, &kept, e);
        if (result == 0)
            result = d->cut(kept, 0, e);
    }
    while (result == 0 && at < size) {
        size_t got = 0;
        result = d->read(file, at, block, STEP_BYTES, &got, e);
        if (result == 0 && got == 0)
            break;
        if (result == 0)
            result = d->write(kept, at - from, (struct slice){ block, got }, e);
        at += got;
    }
    if (result == 0 && kept != NULL)
        result = d->sync(kept, e);
    d->close(kept);
    d->close(file);
    if (result == 0 && kept != NULL) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       ": what is behind %llu, %llu bytes, is no whole transaction; it will come "
                       "from the source again, a copy is in %.40s.rest",
                       (unsigned long long)from, (unsigned long long)(size - from), f->name);
        tell(r->watch->did, r, f->name, text);
    }
    return result;
}

static int repair_all(struct repair *r, struct err *e)
{
    struct store_file first;
    struct store_file last;

    if (!store_first_file(r->store, &first) || !store_last_file(r->store, &last))
        return 0;
    TRY(begin(r->store, &first, &r->held, e));
    r->known = true;
    r->at.file_count = last.ordinal - first.ordinal + 1;
    for (uint32_t o = first.ordinal; o <= last.ordinal; o++) {
        struct store_file f;
        TRY(store_file_by_ordinal(r->store, o, &f, e));
        r->at.bytes_total += f.size;
    }
    for (uint32_t o = first.ordinal; o <= last.ordinal; o++) {
        struct store_file f;
        TRY(store_file_by_ordinal(r->store, o, &f, e));
        if (r->watch->progress != NULL)
            r->watch->progress(r->watch->arg, &r->at);
        /* Recovery and the writer see to the sidecar of the file in progress. */
        TRY(f.sealed ? repair_sealed(r, &f, e) : keep_rest(r, &f, e));
        r->at.bytes_done += f.size;
        r->at.file_index++;
    }
    return 0;
}

int repair_sidecars(struct store *s, const struct repair_watch *w, uint32_t *count, struct err *e)
{
    struct repair r = { .store = s, .watch = w };

    buf_init(&r.bytes, (size_t)SIDECAR_ENTRY_MAX * 4);
    int result = repair_all(&r, e);
    *count = r.count;
    buf_done(&r.bytes);
    gtids_done(&r.held);
    return result;
}

/* ---- the catalog ---- */

/* A new one with all that the damaged one still tells. */
static int renew_catalog(const char *folder, const char *why, const struct repair_watch *w,
                         struct err *e)
{
    struct catalog *c;
    char           *kept = NULL;
    char            text[ERR_TEXT_BYTES + 64];

    TRY(catalog_set_aside(folder, &kept, e));
    int result = catalog_open(folder, false, &c, e);
    if (result == 0) {
        (void)snprintf(text, sizeof text,
                       "catalog.db was damaged (%.300s): made again, the old one is %.100s", why,
                       strrchr(kept, '/') + 1);
        w->did(w->arg, text);
        result = catalog_salvage(c, kept, w->did, w->arg, e);
        catalog_close(c);
    }
    free(kept);
    return result;
}

static int repair_locked(const char *folder, struct disk *d, const struct repair_watch *w,
                         struct err *e)
{
    struct catalog *c;
    char            why[ERR_TEXT_BYTES];
    bool            sound;
    uint32_t        count;

    TRY(catalog_examine(folder, &sound, why, e));
    if (!sound)
        TRY(renew_catalog(folder, why, w, e));
    TRY(catalog_open(folder, false, &c, e));
    int result = reconcile_files(d, c, w->did, w->arg, &count, e);
    catalog_close(c);
    return result;
}

int repair_catalog(const char *folder, struct disk *d, const struct repair_watch *w, struct err *e)
{
    int lock;

    TRY(store_lock(folder, &lock, e));
    int result = repair_locked(folder, d, w, e);
    (void)close(lock);
    return result;
}
