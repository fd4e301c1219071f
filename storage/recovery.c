#include "storage/recovery.h"
#include <stdlib.h>
#include "protocol/checksum.h"
#include "storage/hole.h"
#include "storage/index.h"
#include "storage/scan.h"

void tail_done(struct tail *t)
{
    gtids_done(&t->gtids);
    buf_done(&t->inherited);
    indexer_done(&t->ix);
    free(t->holes);
    *t = (struct tail){ 0 };
}

/* Without a sidecar all is found in the file itself and in what ended the one before. */
static int inherit(struct store *s, const struct store_file *f, struct tail *t, struct err *e)
{
    struct store_file first;
    struct store_file before;

    if (store_first_file(s, &first) && first.ordinal < f->ordinal) {
        TRY(store_file_by_ordinal(s, f->ordinal - 1, &before, e));
        TRY(index_gtids_after(s, &before, &t->gtids, e));
    }
    gtids_put_text(&t->gtids, &t->inherited);
    return buf_check(&t->inherited, "GTIDs of a sidecar", e);
}

/* Takes over the sidecar's checkpoints up to `limit`; *from is the last one. */
static int take_index(struct store *s, struct sidecar *sc, uint64_t limit, struct tail *t,
                      uint64_t *from, struct err *e)
{
    struct sidecar_entry entry;
    bool                 more;

    buf_put(&t->inherited, buf_slice(&sc->inherited));
    TRY(buf_check(&t->inherited, "GTIDs of a sidecar", e));
    TRY(gtids_unite_text(&t->gtids, buf_slice(&sc->inherited), e));
    t->has_index = true;
    t->index_end = sc->head_end;
    /* Where nothing was synced, a power cut may have lost what a checkpoint tells of: then the file
       itself is read from its start. */
    if (s->sync.never)
        return 0;
    struct buf before;
    buf_init(&before, SIDECAR_ENTRY_MAX);
    int result = 0;
    while (result == 0) {
        result = sidecar_next(sc, &entry, &more, e);
        if (result != 0 || !more)
            break;
        if (entry.offset > limit)
            continue; /* a span may reach further than what was published */
        if (entry.kind == SIDECAR_BEFORE) {
            buf_clear(&before);
            buf_put(&before, entry.gtids);
        }
        if (entry.kind != SIDECAR_CHECKPOINT)
            continue;
        result = gtids_unite_text(&t->gtids, buf_slice(&before), e);
        buf_clear(&before);
        if (result == 0)
            result = gtids_unite_text(&t->gtids, entry.gtids, e);
        indexer_resume(&t->ix, &entry);
        t->index_end = sc->good_end;
        /* Behind a hole stands one that counts no transactions: what is before is not asked for
           again. */
        t->overlap_at = entry.counts.transactions != 0 ? *from : entry.offset;
        *from = entry.offset;
    }
    buf_done(&before);
    return result;
}

int tail_span_crc(struct disk *d, struct disk_file *f, uint64_t from, uint64_t to, uint32_t *out,
                  struct err *e)
{
    enum { STEP_BYTES = 16 * 1024 };
    uint8_t  block[STEP_BYTES];
    uint32_t crc = 0;

    while (from < to) {
        size_t want = to - from < STEP_BYTES ? (size_t)(to - from) : STEP_BYTES;
        size_t got;
        TRY(d->read(f, from, block, want, &got, e));
        if (got < want)
            return err_set(e, E_CORRUPT, "the file ends before %llu", (unsigned long long)to);
        crc = checksum_crc32(crc, (struct slice){ block, want });
        from += want;
    }
    *out = crc;
    return 0;
}

/* Does a SPAN go on from `covered`, and is the file still what it says? */
static int take_span(struct store *s, struct disk_file *file, const struct sidecar_entry *span,
                     uint64_t *covered, struct err *e)
{
    uint32_t crc = 0;

    if (span->span_from > *covered || span->offset <= *covered)
        return 0;
    if (tail_span_crc(s->disk, file, span->span_from, span->offset, &crc, e) != 0)
        return e->kind == E_CORRUPT ? 0 : -1;
    if (crc == span->span_crc)
        *covered = span->offset;
    return 0;
}

/*
 * A file without checksums can't tell a torn write from a whole one. Its stretches are judged by
 * their SPANs, beginning at the last checkpoint; when FOOTER is the last entry, all before it was
 * synced.
 */
static int read_spans(struct store *s, const struct store_file *f, struct sidecar *sc,
                      uint64_t from, struct tail *t, struct err *e)
{
    struct sidecar_entry entry;
    struct disk_file    *file;
    bool                 more = true;
    uint64_t             footer = 0;
    int                  result = 0;

    t->covered = from;
    t->checkpoint_at = from;
    TRY(s->disk->open(s->disk, f->name, false, false, &file, e));
    sidecar_rewind(sc);
    while (result == 0) {
        result = sidecar_next(sc, &entry, &more, e);
        if (result != 0 || !more)
            break;
        footer = entry.kind == SIDECAR_FOOTER ? entry.offset : 0;
        if (entry.kind == SIDECAR_SPAN)
            result = take_span(s, file, &entry, &t->covered, e);
    }
    s->disk->close(file);
    if (footer > t->covered)
        t->covered = footer;
    return result;
}

static int read_index(struct store *s, const struct store_file *f, uint64_t limit, struct tail *t,
                      uint64_t *from, struct err *e)
{
    struct sidecar sc;

    if (sidecar_open(s->disk, f->name, &sc, e) != 0) {
        if (e->kind != E_PURGED && e->kind != E_CORRUPT)
            return -1;
        return inherit(s, f, t, e);
    }
    int result;
    if (sc.identity.ordinal == f->ordinal && strcmp(sc.identity.name, f->name) == 0 &&
        strcmp(sc.identity.source_file, f->source_file) == 0) {
        result = take_index(s, &sc, limit, t, from, e);
        if (result == 0)
            result = read_spans(s, f, &sc, *from, t, e);
    } else {
        result = inherit(s, f, t, e);
    }
    sidecar_close(&sc);
    return result;
}

static int note_hole(struct tail *t, uint64_t at, uint64_t end, struct err *e)
{
    if (t->hole_count == t->hole_size) {
        size_t size = t->hole_size != 0 ? t->hole_size * 2 : 16;
        void  *more = reallocarray(t->holes, size, sizeof *t->holes);
        if (more == NULL)
            return err_set(e, E_NOMEM, "no memory for the holes of a relay file");
        t->holes = more;
        t->hole_size = size;
    }
    t->holes[t->hole_count++] =
        (struct tail_hole){ at + EVENT_HEADER_BYTES, end - EVENT_CRC_BYTES };
    return 0;
}

/* Feeds the indexer up to the last place where transactions are complete. */
static int read_events(struct scan *scan, struct tail *t, struct err *e)
{
    for (;;) {
        struct scan_event ev;
        bool              more;
        if (scan_next(scan, &ev, &more, e) != 0) {
            /* A torn or half written event: here ends what counts. */
            return e->kind == E_CORRUPT ? 0 : -1;
        }
        /* A ROTATE counts only in a file that is sealed: in the other the source may yet send it
           anew, under another name's length. */
        if (!more || ev.event.type == EVENT_ROTATE)
            return 0;
        if (indexer_feed(&t->ix, &ev.event, ev.place, &scan->txn, ev.end, e) != 0)
            return e->kind == E_PROTOCOL ? 0 : -1;
        if (ev.place == TXN_OUTSIDE || ev.place == TXN_CLOSED) {
            t->end = ev.end;
            t->stopped = ev.event.type == EVENT_STOP && !hole_is(&ev.event);
            /* Not at START_ENCRYPTION's hole: the source may not begin where it has what it leaves
               out. What another server skipped is nothing to compare. */
            if (!hole_is(&ev.event))
                t->overlap_at = ev.at;
            else if (hole_is_left_out(&ev.event))
                t->overlap_at = ev.end;
            if (hole_is_sparse(&ev.event))
                TRY(note_hole(t, ev.at, ev.end, e));
        }
    }
}

static int seek(struct scan *scan, uint64_t from, const struct tail *t, struct err *e)
{
    if (scan->end == BINLOG_MAGIC_BYTES)
        return 0;
    if (scan_format(scan, e) != 0)
        return e->kind == E_CORRUPT && from == BINLOG_MAGIC_BYTES ? 0 : -1;
    if (!scan->format.has_crc && t->has_index && scan->end > t->covered)
        scan->end = t->covered;
    return scan_seek(scan, from, e);
}

static int read_file(struct store *s, const struct store_file *f, uint64_t limit, uint64_t from,
                     struct tail *t, struct err *e)
{
    struct disk_file *file;
    uint64_t          size;
    struct scan       scan;

    TRY(s->disk->open(s->disk, f->name, false, false, &file, e));
    int result = s->disk->size(file, &size, e);
    s->disk->close(file);
    TRY(result);
    if (size < from && from > BINLOG_MAGIC_BYTES)
        return err_set(e, E_CORRUPT,
                       "%s has %llu bytes, but transactions up to %llu were published: the file "
                       "was cut or replaced; restore it",
                       f->name, (unsigned long long)size, (unsigned long long)from);
    t->end = from;
    if (size < BINLOG_MAGIC_BYTES)
        return 0;
    TRY(scan_open(s->disk, f->name, limit, true, &scan, e));
    result = seek(&scan, from, t, e);
    if (result == 0)
        result = read_events(&scan, t, e);
    t->ix.open_events = 0;
    t->has_format = scan.has_format && t->end > BINLOG_MAGIC_BYTES;
    t->format = scan.format;
    t->created_s = scan.created_s;
    scan_close(&scan);
    return result;
}

static int read_all(struct store *s, const struct store_file *f, uint64_t limit, struct tail *t,
                    struct err *e)
{
    uint64_t     from = BINLOG_MAGIC_BYTES;
    struct gtids fresh = { 0 };

    TRY(read_index(s, f, limit, t, &from, e));
    TRY(indexer_inherit(&t->ix, &t->gtids, store_begins_epoch(s, f), e));
    TRY(read_file(s, f, limit, from, t, e));
    TRY(indexer_take_fresh(&t->ix, &fresh, e));
    int result = gtids_unite(&t->gtids, &fresh, e);
    gtids_done(&fresh);
    return result;
}

int tail_read(struct store *s, const struct store_file *f, uint64_t limit, struct tail *out,
              struct err *e)
{
    struct tail t = { .end = BINLOG_MAGIC_BYTES,
                      .checkpoint_at = BINLOG_MAGIC_BYTES,
                      .overlap_at = BINLOG_MAGIC_BYTES };

    indexer_init(&t.ix, s->index_bytes);
    buf_init(&t.inherited, SIDECAR_ENTRY_MAX);
    if (read_all(s, f, limit, &t, e) != 0) {
        tail_done(&t);
        return -1;
    }
    *out = t;
    return 0;
}
