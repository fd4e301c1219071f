#include "storage/writer.h"
#include <stdlib.h>
#include "protocol/checksum.h"
#include "storage/index.h"
#include "storage/name.h"
#include "storage/recovery.h"

/*
 *   0 ......... handed ......... written ......... at
 *     given to the   on the disk        in the buffer
 *     syncer
 *   boundary: behind the last complete transaction, anywhere from handed to at.
 */
enum { WRITER_BUFFER_BYTES = 1024 * 1024 };

struct writer {
    struct store     *store;
    struct disk      *disk;
    bool              has_file;
    bool              broken; /* a call failed */
    struct store_file file;
    char              next_name[STORE_NAME_BYTES + 1];
    uint64_t          at;
    uint64_t          boundary;
    uint64_t          handed;
    uint64_t          written;
    uint8_t          *buffer; /* of what follows `written` */
    size_t            filled;
    bool              has_format;
    bool              rotated; /* ROTATE was the last event: the file can only be sealed now */
    struct format     format;
    struct txn        txn;
    struct indexer    ix;
    uint64_t          index_end; /* size of the sidecar */
    uint32_t          created_s;
    uint32_t          last_s;
    /* an event in pieces */
    struct event   pieces;
    enum txn_place pieces_place;
    uint64_t       pieces_left;
    uint32_t       pieces_crc;
    uint8_t        pieces_tail[EVENT_CRC_BYTES]; /* the event's last bytes, as far as they came */
    size_t         pieces_tail_len;
};

/* Every public call goes through here: after a failure only closing is left. */
static int settle(struct writer *w, int result)
{
    if (result != 0)
        w->broken = true;
    return result;
}

static int check_usable(const struct writer *w, struct err *e)
{
    if (w->broken)
        return err_set(e, E_STOPPED, "the writer failed before: open it anew");
    return 0;
}

/* ---- bytes to the disk ---- */

static int write_out(struct writer *w, struct slice bytes, struct err *e)
{
    if (w->written + bytes.len > STORE_OFFSET_MAX)
        return err_set(e, E_LIMIT, "%s passes the greatest size of a relay file", w->file.name);
    TRY(w->disk->write(w->store->tail, w->written, bytes, e));
    w->written += bytes.len;
    return 0;
}

static int buffer_out(struct writer *w, struct err *e)
{
    if (w->filled == 0)
        return 0;
    TRY(write_out(w, (struct slice){ w->buffer, w->filled }, e));
    w->filled = 0;
    return 0;
}

/* What of the sidecar may be written now: checkpoints wait until all before them is published, so
   that recovery can trust them. */
static int index_out(struct writer *w, struct err *e)
{
    store_pos published = store_published(w->store);
    uint64_t  end =
        store_pos_ordinal(published) == w->file.ordinal ? store_pos_offset(published) : 0;
    struct slice ready = indexer_ready(&w->ix, end);

    if (ready.len == 0)
        return 0;
    TRY(w->disk->write(w->store->tail_index, w->index_end, ready, e));
    w->index_end += ready.len;
    indexer_taken(&w->ix, ready.len);
    return 0;
}

static int hand_over(struct writer *w, struct err *e)
{
    if (w->boundary == w->handed)
        return 0;
    struct gtids fresh;
    assert(w->boundary <= w->written);
    TRY(indexer_take_fresh(&w->ix, &fresh, e));
    TRY(store_hand_over(w->store, store_pos_at(w->file.ordinal, w->boundary), &fresh, w->created_s,
                        w->last_s, e));
    w->handed = w->boundary;
    return 0;
}

static int out(struct writer *w, struct err *e)
{
    TRY(buffer_out(w, e));
    TRY(index_out(w, e));
    return hand_over(w, e);
}

static int put_slow(struct writer *w, struct slice bytes, struct err *e)
{
    TRY(out(w, e));
    if (bytes.len >= WRITER_BUFFER_BYTES)
        return write_out(w, bytes, e);
    memcpy(w->buffer, bytes.ptr, bytes.len);
    w->filled = bytes.len;
    return 0;
}

static inline int put(struct writer *w, struct slice bytes, struct err *e)
{
    if (bytes.len > WRITER_BUFFER_BYTES - w->filled)
        return put_slow(w, bytes, e);
    memcpy(w->buffer + w->filled, bytes.ptr, bytes.len);
    w->filled += bytes.len;
    return 0;
}

/* ---- appending ---- */

static int fork_at(const struct writer *w, const struct event *ev, struct err *e)
{
    return err_set(e, E_FORK,
                   "%s event of %u bytes should begin at %llu of %s, by its log_pos %u it does "
                   "not: the stream has a gap or repeats itself",
                   event_name(ev->type), ev->length, (unsigned long long)w->at, w->file.source_file,
                   ev->source_end);
}

static inline int check_event(const struct writer *w, const struct event *ev, struct err *e)
{
    if (ev->source_end != 0 && ev->source_end != (uint32_t)(w->at + ev->length))
        return fork_at(w, ev, e);
    return 0;
}

/* The usual end of every append: the event is in, `place` says what it was. */
static inline int appended(struct writer *w, const struct event *ev, enum txn_place place,
                           struct err *e)
{
    w->at += ev->length;
    TRY(indexer_feed(&w->ix, ev, place, &w->txn, w->at, e));
    if (place == TXN_OUTSIDE || place == TXN_CLOSED) {
        w->boundary = w->at;
        w->last_s = ev->timestamp_s;
    }
    return 0;
}

static int append_format(struct writer *w, const struct event *ev, struct err *e)
{
    enum txn_place place;

    if (w->has_format)
        return err_set(e, E_PROTOCOL, "a second format description, at %llu of %s",
                       (unsigned long long)w->at, w->file.source_file);
    TRY(check_event(w, ev, e));
    TRY(format_parse(ev->whole, &w->format, e));
    TRY(txn_feed(&w->txn, &w->format, ev, &place, e));
    w->has_format = true;
    w->created_s = ev->timestamp_s;
    /* Under the sync mutex, since the syncer reads it. */
    (void)pthread_mutex_lock(&w->store->sync_mutex);
    w->store->tail_bare = !w->format.has_crc;
    (void)pthread_mutex_unlock(&w->store->sync_mutex);
    TRY(put(w, ev->whole, e));
    return appended(w, ev, TXN_OUTSIDE, e);
}

/* The ROTATE as it must be in our file: with the name that our next file will have. */
static int rename_rotate(const struct writer *w, const struct event *ev, uint64_t position,
                         struct buf *into, struct err *e)
{
    size_t name = strlen(w->next_name);
    size_t length = EVENT_HEADER_BYTES + 8 + name + (w->format.has_crc ? EVENT_CRC_BYTES : 0);

    buf_put_le(into, ev->timestamp_s, 4);
    buf_put_u8(into, ev->type);
    buf_put_le(into, ev->server_id, 4);
    buf_put_le(into, length, 4);
    buf_put_le(into, ev->source_end != 0 ? (uint32_t)(w->at + length) : 0, 4);
    buf_put_le(into, ev->flags, 2);
    buf_put_le(into, position, 8);
    buf_put(into, slice_of_text(w->next_name));
    if (w->format.has_crc)
        buf_put_le(into, checksum_crc32(0, buf_slice(into)), EVENT_CRC_BYTES);
    return buf_check(into, "a ROTATE event", e);
}

static int append_renamed(struct writer *w, const struct event *ev,
                          const struct event_rotate *rotate, struct err *e)
{
    struct buf   bytes;
    struct event renamed;

    if (strcmp(rotate->file, w->next_name) == 0) {
        TRY(put(w, ev->whole, e));
        w->at += ev->length;
        w->ix.loose_events++;
        return 0;
    }
    buf_init(&bytes, 4096);
    int result = rename_rotate(w, ev, rotate->position, &bytes, e);
    if (result == 0)
        result = event_parse(buf_slice(&bytes), w->format.has_crc, &renamed, e);
    if (result == 0)
        result = put(w, renamed.whole, e);
    if (result == 0) {
        w->at += renamed.length;
        w->ix.loose_events++;
    }
    buf_done(&bytes);
    return result;
}

/* It is no boundary: it is published when its file is sealed, so that a source that sends it again
   never finds it held at another length (I5). */
static int append_rotate(struct writer *w, const struct event *ev, struct err *e)
{
    struct event_rotate rotate;

    TRY(check_event(w, ev, e));
    TRY(event_parse_rotate(ev, &rotate, e));
    TRY(append_renamed(w, ev, &rotate, e));
    w->rotated = true;
    return 0;
}

static inline int append_plain(struct writer *w, const struct event *ev, struct err *e)
{
    enum txn_place place;

    TRY(check_event(w, ev, e));
    TRY(txn_feed(&w->txn, &w->format, ev, &place, e));
    TRY(put(w, ev->whole, e));
    return appended(w, ev, place, e);
}

static int append_special(struct writer *w, const struct event *ev, struct err *e)
{
    if (event_is_artificial(ev) || ev->type == EVENT_HEARTBEAT || ev->type == EVENT_HEARTBEAT_V2)
        return err_set(e, E_PROTOCOL, "a made up %s event does not belong in a file",
                       event_name(ev->type));
    if (ev->type == EVENT_FORMAT_DESCRIPTION)
        return append_format(w, ev, e);
    if (!w->has_format)
        return err_set(e, E_PROTOCOL, "%s begins with a %s event, not with a format description",
                       w->file.source_file, event_name(ev->type));
    if (w->txn.open) {
        /* The source died in a transaction that never ended: the file's end is cut off with it. */
        if (ev->type == EVENT_ROTATE || ev->type == EVENT_STOP)
            return 0;
        return err_set(e, E_PROTOCOL, "%s event inside a transaction, at %llu of %s",
                       event_name(ev->type), (unsigned long long)w->at, w->file.source_file);
    }
    return ev->type == EVENT_ROTATE ? append_rotate(w, ev, e) : append_plain(w, ev, e);
}

static inline bool is_special(const struct event *ev)
{
    return ev->type == EVENT_FORMAT_DESCRIPTION || ev->type == EVENT_ROTATE ||
           ev->type == EVENT_STOP || indexer_is_head_event(ev) || ev->type == EVENT_HEARTBEAT ||
           ev->type == EVENT_HEARTBEAT_V2 || (ev->flags & EVENT_FLAG_ARTIFICIAL) != 0;
}

static int check_ready(const struct writer *w, struct err *e)
{
    TRY(check_usable(w, e));
    assert(w->has_file);
    assert(w->pieces_left == 0);
    if (w->rotated)
        return err_set(e, E_PROTOCOL, "an event behind the ROTATE of %s", w->file.source_file);
    return 0;
}

static int append(struct writer *w, const struct event *ev, struct err *e)
{
    TRY(check_ready(w, e));
    assert(ev->whole.len == ev->length);
    if (!w->has_format || is_special(ev))
        return append_special(w, ev, e);
    return append_plain(w, ev, e);
}

int writer_append(struct writer *w, const struct event *ev, struct err *e)
{
    return settle(w, append(w, ev, e));
}

/* ---- an event in pieces ---- */

/* The last four bytes that came are held back from the checksum: they may be the checksum. */
static void pieces_checksum(struct writer *w, struct slice bytes)
{
    uint8_t *tail = w->pieces_tail;
    size_t   keep = bytes.len < EVENT_CRC_BYTES ? bytes.len : EVENT_CRC_BYTES;
    size_t   together = w->pieces_tail_len + keep;
    size_t   old = together > EVENT_CRC_BYTES ? together - EVENT_CRC_BYTES : 0;

    w->pieces_crc = checksum_crc32(w->pieces_crc, (struct slice){ tail, old });
    memmove(tail, tail + old, w->pieces_tail_len - old);
    w->pieces_tail_len -= old;
    w->pieces_crc = checksum_crc32(w->pieces_crc, (struct slice){ bytes.ptr, bytes.len - keep });
    memcpy(tail + w->pieces_tail_len, bytes.ptr + bytes.len - keep, keep);
    w->pieces_tail_len += keep;
}

static int pieces_put(struct writer *w, struct slice bytes, struct err *e)
{
    if (bytes.len > w->pieces_left)
        return err_set(e, E_PROTOCOL, "%s event at %llu of %s has more bytes than it says",
                       event_name(w->pieces.type), (unsigned long long)w->at, w->file.source_file);
    if (w->format.has_crc)
        pieces_checksum(w, bytes);
    TRY(put(w, bytes, e));
    w->pieces_left -= bytes.len;
    if (w->pieces_left != 0)
        return 0;
    struct cursor c = cursor_over((struct slice){ w->pieces_tail, w->pieces_tail_len });
    if (w->format.has_crc && cursor_u32(&c) != w->pieces_crc)
        return err_set(e, E_CORRUPT, "%s event at %llu of %s: the checksum is wrong",
                       event_name(w->pieces.type), (unsigned long long)w->at, w->file.source_file);
    return appended(w, &w->pieces, w->pieces_place, e);
}

static int append_head(struct writer *w, const struct event *head, struct err *e)
{
    TRY(check_ready(w, e));
    assert(head->whole.len < head->length);
    assert(head->whole.len >= TXN_HEAD_BYTES);
    if (!w->has_format || is_special(head))
        return err_set(e, E_PROTOCOL, "a %s event of %u bytes", event_name(head->type),
                       head->length);
    if (indexer_is_head_event(head))
        return err_set(e, E_LIMIT, "a %s event of %u bytes: too many GTIDs", event_name(head->type),
                       head->length);
    TRY(check_event(w, head, e));
    TRY(txn_feed(&w->txn, &w->format, head, &w->pieces_place, e));
    w->pieces = *head;
    w->pieces_left = head->length;
    w->pieces_crc = 0;
    w->pieces_tail_len = 0;
    return pieces_put(w, head->whole, e);
}

int writer_append_head(struct writer *w, const struct event *head, struct err *e)
{
    return settle(w, append_head(w, head, e));
}

int writer_append_rest(struct writer *w, struct slice bytes, struct err *e)
{
    TRY(check_usable(w, e));
    assert(w->pieces_left != 0 || bytes.len == 0);
    return settle(w, bytes.len != 0 ? pieces_put(w, bytes, e) : 0);
}

int writer_flush(struct writer *w, struct err *e)
{
    TRY(check_usable(w, e));
    if (!w->has_file)
        return 0;
    return settle(w, out(w, e));
}

uint64_t writer_offset(const struct writer *w)
{
    return w->has_file ? w->at : 0;
}

/* ---- files ---- */

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
    w->created_s = 0;
    w->last_s = 0;
    w->pieces_left = 0;
    txn_reset(&w->txn);
}

static struct slice magic(void)
{
    return (struct slice){ binlog_magic, BINLOG_MAGIC_BYTES };
}

/* Cuts what was not published and opens both files for going on. Needs the sync mutex. */
static int open_tail(struct writer *w, struct tail *tail, struct err *e)
{
    struct store *s = w->store;
    struct disk  *d = s->disk;
    char          sidecar[STORE_NAME_BYTES + 1];

    close_tail(s);
    name_sidecar(w->file.name, sidecar);
    TRY(d->open(d, w->file.name, true, false, &s->tail, e));
    TRY(d->cut(s->tail, tail->end, e));
    if (tail->end == BINLOG_MAGIC_BYTES)
        TRY(d->write(s->tail, 0, magic(), e));
    TRY(d->open(d, sidecar, true, true, &s->tail_index, e));
    TRY(d->cut(s->tail_index, tail->has_index ? tail->index_end : 0, e));
    w->index_end = tail->has_index ? tail->index_end : 0;
    if (!tail->has_index) {
        struct buf head;
        buf_init(&head, SIDECAR_ENTRY_MAX);
        sidecar_put_head(&head, &w->file, buf_slice(&tail->inherited));
        int result = buf_check(&head, "head of a sidecar", e);
        if (result == 0)
            result = d->write(s->tail_index, 0, buf_slice(&head), e);
        w->index_end = head.len;
        buf_done(&head);
        TRY(result);
    }
    s->tail_bare = tail->has_format && !tail->format.has_crc;
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
        w->has_format = tail.has_format;
        w->format = tail.format;
        w->created_s = tail.created_s;
        w->last_s = (uint32_t)last->last_s;
        w->ix = tail.ix;
        tail.ix = (struct indexer){ 0 };
        result = index_out(w, e);
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
    if (store_last_file(s, &last)) {
        if (!last.sealed && resume_tail(w, &last, e) != 0) {
            writer_close(w);
            return err_note(e, "go on with %s", last.name);
        }
        r.empty = false;
        memcpy(r.source_file, last.source_file, sizeof r.source_file);
        r.offset = last.sealed ? last.size : w->at;
        r.source = last.source;
        r.file_created_s = w->created_s;
    }
    if (!w->has_file)
        indexer_init(&w->ix, s->index_bytes);
    *result = w;
    *resume = r;
    return 0;
}

void writer_close(struct writer *w)
{
    if (w == NULL)
        return;
    w->store->has_writer = false;
    indexer_done(&w->ix);
    free(w->buffer);
    free(w);
}

/* ---- a new file ---- */

/* Brings the old file to its end: all of it safe, the unfinished rest cut, the footer written. */
static int finish_file(struct writer *w, struct err *e)
{
    struct store *s = w->store;
    uint64_t      size = w->rotated ? w->at : w->boundary;
    struct buf    text;

    TRY(out(w, e));
    if (w->written > size) {
        /* The source died inside a transaction: nobody saw these bytes (I1). */
        TRY(w->disk->cut(s->tail, size, e));
        w->written = size;
    }
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
    if (s->sync == STORE_SYNC_COMMIT)
        TRY(w->disk->sync(s->tail_index, e));
    w->file.sealed = true;
    w->file.size = size;
    w->file.created_s = w->created_s;
    w->file.last_s = w->last_s;
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
    return 0;
}

static bool same_server(const struct store_source *a, const struct store_source *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->uuid, b->uuid) == 0 &&
           a->server_id == b->server_id;
}

/* An epoch is an unbroken run of files copied from one source. */
static uint32_t epoch_of(const struct store_file *last, const struct store_source *source,
                         const char *source_file)
{
    char expected[STORE_NAME_BYTES + 1];

    name_next(last->source_file, expected);
    bool goes_on = same_server(&last->source, source) && strcmp(expected, source_file) == 0;
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
static int replace_file(struct writer *w, struct store_file *f, uint64_t source_start,
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
        f->epoch = epoch_of(&before, &f->source, f->source_file);
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

static int begin_file(struct writer *w, const struct store_source *source, const char *source_file,
                      uint64_t source_start, struct err *e)
{
    struct store_file f = { .epoch = 1, .ordinal = 1, .source = *source };
    struct store_file last;

    TRY(check_usable(w, e));
    TRY(name_check(source_file, e));
    memcpy(f.source_file, source_file, strlen(source_file));
    if (!store_last_file(w->store, &last))
        return enter_first(w, &f, source_start, e);
    if (w->has_file && w->at == BINLOG_MAGIC_BYTES)
        return replace_file(w, &f, source_start, e);
    if (w->has_file)
        TRY(finish_file(w, e));
    if (last.ordinal == STORE_ORDINAL_MAX)
        return err_set(e, E_LIMIT, "the store has as many files as it can have");
    f.ordinal = last.ordinal + 1;
    f.epoch = epoch_of(&last, source, source_file);
    name_next(last.name, f.name);
    TRY(name_check(f.name, e));
    return enter_file(w, &f, e);
}

int writer_begin_file(struct writer *w, const struct store_source *source, const char *source_file,
                      uint64_t source_start, struct err *e)
{
    return settle(w, begin_file(w, source, source_file, source_start, e));
}
