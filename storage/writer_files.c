#include <stdlib.h>
#include "storage/hole.h"
#include "storage/index.h"
#include "storage/name.h"
#include "storage/recovery.h"
#include "storage/writer_core.h"

static void close_tail(struct store *s)
{
    if (s->tail != NULL)
        s->disk->close(s->tail);
    if (s->tail_index != NULL)
        s->disk->close(s->tail_index);
    s->tail = NULL;
    s->tail_index = NULL;
    s->tail_bare = false;
}

/* Everything of the writer that belongs to one file, at the file's start. */
static void start_file(struct writer *w, const struct store_file *f)
{
    w->file = *f;
    w->has_file = true;
    name_next(f->name, w->next_name);
    w->at = w->boundary = w->handed = w->written = BINLOG_MAGIC_BYTES;
    w->filled = 0;
    w->has_format = false;
    w->rotated = false;
    w->stopped = false;
    w->cut = false;
    w->compare_at = 0;
    w->created_s = 0;
    w->last_s = 0;
    w->pieces_left = 0;
    w->round_at = 0;
    txn_reset(&w->txn);
}

static struct slice magic(void)
{
    return (struct slice){ binlog_magic, BINLOG_MAGIC_BYTES };
}

/*
 * In a file without checksums its spans are what recovery believes: before what the old ones tell
 * of is cut, a new one for all that was published has to be safe, in a sidecar written anew, since
 * of the old one unsynced parts may be lost.
 */
static int renew_spans(struct writer *w, const struct tail *tail, struct err *e)
{
    struct buf entry;
    uint64_t   from = tail->checkpoint_at;
    uint32_t   crc = 0;

    TRY(tail_span_crc(w->disk, w->store->tail, from, tail->end, &crc, e));
    buf_init(&entry, SIDECAR_ENTRY_MAX);
    if (!tail->has_index)
        sidecar_put_head(&entry, &w->file, buf_slice(&tail->inherited));
    sidecar_put_span(&entry, from, tail->end, crc);
    int result = buf_check(&entry, "a span", e);
    if (result == 0 && !tail->has_index)
        result = index_replace(w->store, &w->file, buf_slice(&entry), e);
    else if (result == 0)
        result = index_rewrite(w->store, &w->file, tail->end, buf_slice(&entry), e);
    buf_done(&entry);
    return result;
}

/* The sidecar goes on behind its last checkpoint: the rest is made again. */
static int open_index(struct writer *w, const struct tail *tail, struct err *e)
{
    struct store *s = w->store;
    struct disk  *d = s->disk;
    char          sidecar[STORE_NAME_BYTES + 1];

    s->tail_bare = tail->has_format && !tail->format.has_crc;
    name_sidecar(w->file.name, sidecar);
    if (s->tail_bare)
        TRY(renew_spans(w, tail, e));
    TRY(d->open(d, sidecar, true, true, &s->tail_index, e));
    if (s->tail_bare)
        return d->size(s->tail_index, &w->index_end, e);
    TRY(d->cut(s->tail_index, tail->index_end, e));
    w->index_end = tail->index_end;
    if (tail->has_index)
        return 0;
    struct buf head;
    buf_init(&head, SIDECAR_ENTRY_MAX);
    sidecar_put_head(&head, &w->file, buf_slice(&tail->inherited));
    int result = buf_check(&head, "head of a sidecar", e);
    if (result == 0)
        result = d->write(s->tail_index, 0, buf_slice(&head), e);
    w->index_end = head.len;
    buf_done(&head);
    return result;
}

/* Cuts what was not published and opens both files for going on. Needs the sync mutex. */
static int open_tail(struct writer *w, const struct tail *tail, struct err *e)
{
    struct store *s = w->store;
    struct disk  *d = s->disk;

    close_tail(s);
    TRY(d->open(d, w->file.name, true, false, &s->tail, e));
    TRY(open_index(w, tail, e));
    assert(tail->end >= store_visible(s, &w->file)); /* I1 */
    uint64_t size;
    TRY(d->size(s->tail, &size, e));
    w->cut = size > tail->end;
    TRY(d->cut(s->tail, tail->end, e));
    if (tail->end == BINLOG_MAGIC_BYTES)
        TRY(d->write(s->tail, 0, magic(), e));
    return 0;
}

static int resume_tail(struct writer *w, const struct store_file *last, struct err *e)
{
    struct store *s = w->store;
    struct tail   tail;
    uint64_t      limit = store_visible(s, last);

    TRY(tail_read(s, last, limit, &tail, e));
    if (tail.end != limit) {
        tail_done(&tail);
        return err_set(e, E_CORRUPT, "%s is published up to %llu, but good only up to %llu",
                       last->name, (unsigned long long)limit, (unsigned long long)tail.end);
    }
    start_file(w, last);
    (void)pthread_mutex_lock(&s->sync_mutex);
    int result = open_tail(w, &tail, e);
    (void)pthread_mutex_unlock(&s->sync_mutex);
    if (result == 0) {
        w->at = w->boundary = w->handed = w->written = tail.end;
        w->overlap_at = tail.overlap_at;
        w->stopped = tail.stopped;
        w->has_format = tail.has_format;
        w->format = tail.format;
        w->created_s = tail.created_s;
        w->last_s = (uint32_t)last->last_s;
        w->ix = tail.ix;
        tail.ix = (struct indexer){ 0 };
        result = writer_index_out(w, e);
    }
    tail_done(&tail);
    return result;
}

/* What the last writer handed over is synced if that is still possible, else given up. */
static void forget_unsynced(struct store *s)
{
    struct err ignored;

    bool synced = store_round(s, false, &ignored) == 0;
    (void)pthread_mutex_lock(&s->sync_mutex);
    (void)pthread_mutex_lock(&s->mutex);
    gtids_done(&s->pending);
    s->pending = (struct gtids){ 0 };
    assert(!synced || s->boundary == store_published(s));
    s->boundary = store_published(s);
    s->failed = false;
    (void)pthread_mutex_unlock(&s->mutex);
    (void)pthread_mutex_unlock(&s->sync_mutex);
}

int writer_open(struct store *s, struct writer **result, struct writer_resume *resume,
                struct err *e)
{
    struct store_file    last;
    struct writer_resume r = { .empty = true };

    assert(!s->readonly);
    assert(!s->has_writer);
    struct writer *w = calloc(1, sizeof *w);
    if (w != NULL)
        w->buffer = malloc(WRITER_BUFFER_BYTES);
    if (w == NULL || w->buffer == NULL) {
        free(w);
        return err_set(e, E_NOMEM, "no memory for the buffer of %d bytes", WRITER_BUFFER_BYTES);
    }
    w->store = s;
    w->disk = s->disk;
    s->has_writer = true;
    forget_unsynced(s);
    /* A row that could not be written must not turn up when its file has become another. */
    if (catalog_settle(s->catalog, e) != 0) {
        writer_close(w);
        return -1;
    }
    if (store_last_file(s, &last)) {
        if (!last.sealed && resume_tail(w, &last, e) != 0) {
            writer_close(w);
            return err_note(e, "go on with %s", last.name);
        }
        r.empty = false;
        memcpy(r.source_file, last.source_file, sizeof r.source_file);
        r.offset = last.sealed ? last.size : w->at;
        r.overlap_at = last.sealed ? last.size : w->overlap_at;
        r.source = last.source;
        r.file_created_s = w->created_s;
    }
    if (!w->has_file)
        indexer_init(&w->ix, s->index_bytes);
    *result = w;
    *resume = r;
    return 0;
}

/* Of the held event at compare_at: where it ends, and whether it is a hole. */
static int compare_begin(struct writer *w, struct err *e)
{
    uint8_t      head[EVENT_HEADER_BYTES];
    struct event ev;
    size_t       got;

    TRY(w->disk->read(w->store->tail, w->compare_at, head, sizeof head, &got, e));
    TRY(event_parse_head((struct slice){ head, got }, false, &ev, e));
    w->compare_end = w->compare_at + ev.length;
    w->compare_hole = hole_is(&ev);
    return 0;
}

static int compare_bytes(const struct writer *w, uint64_t at, struct slice bytes, struct err *e)
{
    enum { STEP_BYTES = 16 * 1024 };
    uint8_t held[STEP_BYTES];

    while (bytes.len > 0) {
        size_t n = bytes.len < STEP_BYTES ? bytes.len : STEP_BYTES, got;
        TRY(w->disk->read(w->store->tail, at, held, n, &got, e));
        if (got != n || memcmp(held, bytes.ptr, n) != 0)
            return err_set(e, E_FORK, "other bytes than the held ones, from %llu of %s on",
                           (unsigned long long)at, w->file.source_file);
        at += n;
        bytes.ptr += n;
        bytes.len -= n;
    }
    return 0;
}

int writer_compare(struct writer *w, uint64_t at, struct slice bytes, struct err *e)
{
    assert(w->has_file && at + bytes.len <= w->handed);
    if (at != w->compare_at)
        w->compare_end = at;
    w->compare_at = at;
    while (bytes.len > 0) {
        if (w->compare_at == w->compare_end)
            TRY(compare_begin(w, e));
        uint64_t     left = w->compare_end - w->compare_at;
        struct slice part = { bytes.ptr, bytes.len < left ? bytes.len : (size_t)left };
        if (!w->compare_hole)
            TRY(compare_bytes(w, w->compare_at, part, e));
        w->compare_at += part.len;
        bytes.ptr += part.len;
        bytes.len -= part.len;
    }
    return 0;
}

void writer_close(struct writer *w)
{
    struct err ignored;

    if (w == NULL)
        return;
    /* Checkpoints that are due by now spare the next opening some reading: nothing depends on it.
     */
    if (w->has_file && !w->broken && writer_index_out(w, &ignored) != 0)
        w->broken = true;
    w->store->has_writer = false;
    indexer_done(&w->ix);
    free(w->buffer);
    free(w);
}

/* ---- a new file ---- */

/* The source died inside a transaction: what came of it is cut off. Nobody saw these bytes (I1). */
static int cut_unfinished(struct writer *w, uint64_t size, struct err *e)
{
    struct store *s = w->store;

    if (w->has_format && !w->format.has_crc) {
        /* The last span reaches further and will not hold: one for what is left comes first. */
        uint32_t crc = 0;
        TRY(tail_span_crc(w->disk, s->tail, BINLOG_MAGIC_BYTES, size, &crc, e));
        TRY(writer_note_span(w, BINLOG_MAGIC_BYTES, size, crc, e));
        if (!s->sync.never)
            TRY(w->disk->sync(s->tail_index, e));
    }
    assert(size >= store_visible(s, &w->file)); /* I1 */
    TRY(w->disk->cut(s->tail, size, e));
    w->written = size;
    return 0;
}

/* Brings the old file to its end: all of it safe, the unfinished rest cut, the footer written. */
static int finish_file(struct writer *w, struct err *e)
{
    struct store *s = w->store;
    uint64_t      size = w->rotated ? w->at : w->boundary;
    struct buf    text;

    TRY(writer_out(w, e));
    if (w->written > size)
        TRY(cut_unfinished(w, size, e));
    TRY(store_round(s, true, e));
    buf_init(&text, SIDECAR_ENTRY_MAX);
    (void)pthread_mutex_lock(&s->mutex);
    gtids_put_text(&s->gtids, &text);
    (void)pthread_mutex_unlock(&s->mutex);
    int result = buf_check(&text, "GTIDs of a footer", e);
    if (result == 0)
        result = indexer_finish(&w->ix, size, buf_slice(&text), e);
    buf_done(&text);
    TRY(result);
    struct slice rest = indexer_ready(&w->ix, UINT64_MAX);
    TRY(w->disk->write(s->tail_index, w->index_end, rest, e));
    indexer_taken(&w->ix, rest.len);
    w->file.sealed = true;
    w->file.size = size;
    w->file.created_s = w->created_s;
    w->file.last_s = w->last_s;
    if (w->has_format && !w->format.has_crc)
        TRY(index_rewrite(s, &w->file, size, slice_empty(), e)); /* without the spans */
    return 0;
}

/* A file of that name without a row is one whose making was interrupted, if it is empty. */
static int make_file(struct writer *w, const struct store_file *f, struct disk_file **out_file,
                     struct err *e)
{
    struct disk      *d = w->disk;
    struct disk_file *file;
    uint64_t          size;

    TRY(d->open(d, f->name, true, true, &file, e));
    int result = d->size(file, &size, e);
    if (result == 0 && size > BINLOG_MAGIC_BYTES)
        result = err_set(e, E_CORRUPT,
                         "%s/%s is not in the catalog, but its name is needed now: move it away",
                         w->store->folder, f->name);
    if (result == 0)
        result = d->write(file, 0, magic(), e);
    if (result == 0)
        result = d->sync(file, e);
    if (result != 0) {
        d->close(file);
        return -1;
    }
    *out_file = file;
    return 0;
}

/* Needs no sync as yet: what is lost of it is made again. */
static int make_sidecar(struct writer *w, const struct store_file *f, struct disk_file **out_file,
                        struct err *e)
{
    struct disk      *d = w->disk;
    struct disk_file *file;
    struct buf        head;
    struct buf        text;
    char              name[STORE_NAME_BYTES + 1];

    name_sidecar(f->name, name);
    TRY(d->open(d, name, true, true, &file, e));
    buf_init(&head, SIDECAR_ENTRY_MAX);
    buf_init(&text, SIDECAR_ENTRY_MAX);
    (void)pthread_mutex_lock(&w->store->mutex);
    gtids_put_text(&w->store->gtids, &text);
    (void)pthread_mutex_unlock(&w->store->mutex);
    sidecar_put_head(&head, f, buf_slice(&text));
    int result = buf_check(&text, "GTIDs of a sidecar", e);
    if (result == 0)
        result = buf_check(&head, "head of a sidecar", e);
    if (result == 0)
        result = d->cut(file, 0, e);
    if (result == 0)
        result = d->write(file, 0, buf_slice(&head), e);
    w->index_end = head.len;
    buf_done(&head);
    buf_done(&text);
    if (result != 0) {
        d->close(file);
        return -1;
    }
    *out_file = file;
    return 0;
}

/* The rows are the moment: before it there is one file less, after it the old one is sealed. */
static int switch_files(struct writer *w, const struct store_file *f, struct disk_file *file,
                        struct disk_file *sidecar, struct err *e)
{
    struct store     *s = w->store;
    struct store_file rows[2] = { w->file, *f };
    bool              with_old = w->has_file && w->file.ordinal != f->ordinal;

    TRY(catalog_put_files(s->catalog, with_old ? rows : rows + 1, with_old ? 2 : 1, e));
    (void)pthread_mutex_lock(&s->sync_mutex);
    (void)pthread_mutex_lock(&s->mutex);
    int result = with_old ? store_table_put(s, &w->file, e) : 0;
    if (result == 0)
        result = store_table_put(s, f, e);
    if (result == 0) {
        if (with_old && !s->sync.never && s->sealed_index == NULL) {
            s->sealed_index = s->tail_index;
            s->tail_index = NULL;
        }
        close_tail(s);
        s->tail = file;
        s->tail_index = sidecar;
        if (with_old && w->file.size > BINLOG_MAGIC_BYTES) {
            /* Only now the closing ROTATE shows. */
            s->boundary = store_pos_at(w->file.ordinal, w->file.size);
            assert(s->boundary >= store_published(s));
            atomic_store_explicit(&s->published, s->boundary, memory_order_release);
        }
    }
    (void)pthread_mutex_unlock(&s->mutex);
    (void)pthread_mutex_unlock(&s->sync_mutex);
    return result;
}

static int enter_file(struct writer *w, const struct store_file *f, struct err *e)
{
    struct disk_file *file = NULL;
    struct disk_file *sidecar = NULL;
    struct gtids      held = { 0 };

    TRY(make_file(w, f, &file, e));
    int result = make_sidecar(w, f, &sidecar, e);
    if (result == 0)
        result = w->disk->sync_folder(w->disk, e);
    if (result == 0)
        result = switch_files(w, f, file, sidecar, e);
    if (result != 0) {
        w->disk->close(file);
        if (sidecar != NULL)
            w->disk->close(sidecar);
        return -1;
    }
    start_file(w, f);
    indexer_reset(&w->ix);
    store_wake(w->store);
    (void)pthread_mutex_lock(&w->store->mutex);
    result = gtids_copy(&held, &w->store->gtids, e);
    (void)pthread_mutex_unlock(&w->store->mutex);
    if (result == 0)
        result = indexer_inherit(&w->ix, &held, store_begins_epoch(w->store, f), e);
    gtids_done(&held);
    return result;
}

/* The section's name may have changed: it is the same server all the same. */
static bool same_server(const struct store_source *a, const struct store_source *b)
{
    return strcmp(a->uuid, b->uuid) == 0 && a->server_id == b->server_id;
}

/* An epoch is an unbroken run of files copied from one source. */
static uint32_t epoch_of(const struct store_file *last, const struct store_file *next, bool joins)
{
    char expected[STORE_NAME_BYTES + 1];

    name_next(last->source_file, expected);
    bool goes_on = !joins && same_server(&last->source, &next->source) &&
                   strcmp(expected, next->source_file) == 0;
    return goes_on ? last->epoch : last->epoch + 1;
}

/* The very first file: its name is the source's, and consumers begin in it. */
static int enter_first(struct writer *w, struct store_file *f, uint64_t source_start, struct err *e)
{
    struct store *s = w->store;
    store_pos     start = store_pos_at(
            f->ordinal, source_start > BINLOG_MAGIC_BYTES ? source_start : BINLOG_MAGIC_BYTES);

    memcpy(f->name, f->source_file, sizeof f->name);
    TRY(catalog_put_start(s->catalog, start, e));
    (void)pthread_mutex_lock(&s->mutex);
    s->start = start;
    (void)pthread_mutex_unlock(&s->mutex);
    return enter_file(w, f, e);
}

/* Nothing of the last file was published: the new one's image takes its place. */
static int replace_file(struct writer *w, struct store_file *f, uint64_t source_start, bool joins,
                        struct err *e)
{
    struct disk      *d = w->disk;
    struct store_file old = w->file;
    struct store_file before;
    struct err        none;
    char              sidecar[STORE_NAME_BYTES + 1];

    f->ordinal = old.ordinal;
    f->epoch = old.epoch;
    if (store_file_by_ordinal(w->store, old.ordinal - 1, &before, &none) == 0) {
        f->epoch = epoch_of(&before, f, joins);
        memcpy(f->name, old.name, sizeof f->name);
        return enter_file(w, f, e);
    }
    TRY(enter_first(w, f, source_start, e));
    if (strcmp(old.name, f->name) == 0)
        return 0;
    name_sidecar(old.name, sidecar);
    TRY(d->remove(d, sidecar, e));
    return d->remove(d, old.name, e);
}

/* The unfinished rest goes first, then comes the ROTATE that the source never sent. */
static int close_epoch(struct writer *w, struct err *e)
{
    TRY(writer_out(w, e));
    if (w->written > w->boundary)
        TRY(cut_unfinished(w, w->boundary, e));
    w->at = w->boundary;
    txn_reset(&w->txn);
    return writer_put_rotate(w, e);
}

static int begin_file(struct writer *w, const struct store_source *source, const char *source_file,
                      uint64_t source_start, bool joins, struct err *e)
{
    struct store_file f = { .epoch = 1, .ordinal = 1, .source = *source };
    struct store_file last;

    TRY(writer_check_usable(w, e));
    TRY(name_check(source_file, e));
    memcpy(f.source_file, source_file, strlen(source_file));
    if (!store_last_file(w->store, &last))
        return enter_first(w, &f, source_start, e);
    if (w->has_file && w->at == BINLOG_MAGIC_BYTES)
        return replace_file(w, &f, source_start, joins, e);
    if (w->has_file && joins && !w->rotated && !w->stopped)
        TRY(close_epoch(w, e));
    if (w->has_file)
        TRY(finish_file(w, e));
    if (last.ordinal == STORE_ORDINAL_MAX)
        return err_set(e, E_LIMIT, "the store has as many files as it can have");
    f.ordinal = last.ordinal + 1;
    f.epoch = epoch_of(&last, &f, joins);
    name_next(last.name, f.name);
    TRY(name_check(f.name, e));
    return enter_file(w, &f, e);
}

int writer_begin_file(struct writer *w, const struct store_source *source, const char *source_file,
                      uint64_t source_start, struct err *e)
{
    return writer_settle(w, begin_file(w, source, source_file, source_start, false, e));
}

int writer_begin_epoch(struct writer *w, const struct store_source *source, const char *source_file,
                       struct err *e)
{
    return writer_settle(w, begin_file(w, source, source_file, 0, true, e));
}

/* As begin_file() will have it. */
void writer_next_epoch(const struct writer *w, uint32_t *epoch, uint32_t *ordinal)
{
    struct store_file last;
    struct err        none;

    *epoch = *ordinal = 1;
    if (!store_last_file(w->store, &last))
        return;
    *ordinal = last.ordinal + 1;
    if (w->has_file && w->at == BINLOG_MAGIC_BYTES) {
        *ordinal = last.ordinal;
        if (store_file_by_ordinal(w->store, last.ordinal - 1, &last, &none) != 0)
            return;
    }
    *epoch = last.epoch + 1;
}
