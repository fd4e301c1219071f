#include "storage/writer.h"
#include "protocol/checksum.h"
#include "storage/hole.h"
#include "storage/writer_core.h"

/* Every public call goes through here: after a failure only closing is left. */
int writer_settle(struct writer *w, int result)
{
    if (result != 0)
        w->broken = true;
    return result;
}

int writer_check_usable(const struct writer *w, struct err *e)
{
    if (w->broken)
        return err_set(e, E_STOPPED, "the writer failed before: open it anew");
    return 0;
}

/* ---- bytes to the disk ---- */

/* A file without checksums gets them here, so that recovery can tell a torn write. */
int writer_note_span(struct writer *w, uint64_t from, uint64_t to, uint32_t crc, struct err *e)
{
    struct buf entry;

    buf_init(&entry, 256);
    sidecar_put_span(&entry, from, to, crc);
    int result = buf_check(&entry, "a span", e);
    if (result == 0)
        result = w->disk->write(w->store->tail_index, w->index_end, buf_slice(&entry), e);
    if (result == 0)
        w->index_end += entry.len;
    buf_done(&entry);
    return result;
}

static bool is_bare(const struct writer *w)
{
    return w->has_format && !w->format.has_crc;
}

/* The reserve is for everybody else: consumers that read on, the catalog, a purge. */
static int check_room(const struct writer *w, struct err *e)
{
    uint64_t room;

    if (w->store->reserve_bytes == 0)
        return 0;
    TRY(w->disk->free_bytes(w->disk, &room, e));
    if (room < w->store->reserve_bytes)
        return err_set(e, E_FULL,
                       "the disk of %s has %llu bytes left and %llu are the reserve: make room, or "
                       "lower 'reserve'",
                       w->store->folder, (unsigned long long)room,
                       (unsigned long long)w->store->reserve_bytes);
    return 0;
}

static int write_out(struct writer *w, struct slice bytes, struct err *e)
{
    TRY(check_room(w, e));
    if (w->written + bytes.len > STORE_OFFSET_MAX)
        return err_set(e, E_LIMIT, "%s passes the greatest size of a relay file", w->file.name);
    assert(w->written >= store_visible(w->store, &w->file)); /* I1 */
    TRY(w->disk->write(w->store->tail, w->written, bytes, e));
    if (is_bare(w))
        TRY(writer_note_span(w, w->written, w->written + bytes.len, checksum_crc32(0, bytes), e));
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
int writer_index_out(struct writer *w, struct err *e)
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

int writer_out(struct writer *w, struct err *e)
{
    TRY(buffer_out(w, e));
    TRY(writer_index_out(w, e));
    return hand_over(w, e);
}

/* Up to the next multiple of the buffer's size in the file: the system keeps such pieces in large
   pages, which cost it a fraction of the work of small ones. */
static inline size_t buffer_room(const struct writer *w)
{
    return WRITER_BUFFER_BYTES - (size_t)(w->written % WRITER_BUFFER_BYTES) - w->filled;
}

static int put_slow(struct writer *w, struct slice bytes, struct err *e)
{
    while (bytes.len > buffer_room(w)) {
        size_t n = buffer_room(w);
        memcpy(w->buffer + w->filled, bytes.ptr, n);
        w->filled += n;
        bytes.ptr += n;
        bytes.len -= n;
        TRY(buffer_out(w, e));
    }
    memcpy(w->buffer + w->filled, bytes.ptr, bytes.len);
    w->filled += bytes.len;
    TRY(writer_index_out(w, e));
    return hand_over(w, e);
}

static inline int put(struct writer *w, struct slice bytes, struct err *e)
{
    if (bytes.len > buffer_room(w))
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
        w->last_s = ev->timestamp_s != 0 ? ev->timestamp_s : w->last_s;
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
    /* Without checksums recovery believes nothing but the sidecar, which therefore has to be there.
     */
    if (!w->format.has_crc && !w->store->sync.never)
        TRY(w->disk->sync(w->store->tail_index, e));
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

int writer_put_rotate(struct writer *w, struct err *e)
{
    struct buf         bytes;
    struct event       ours;
    const struct event like = { .type = EVENT_ROTATE,
                                .timestamp_s = w->last_s != 0 ? w->last_s : w->created_s,
                                .server_id = w->file.source.server_id,
                                .source_end = (uint32_t)w->at };

    buf_init(&bytes, 4096);
    int result = rename_rotate(w, &like, BINLOG_MAGIC_BYTES, &bytes, e);
    if (result == 0)
        result = event_parse(buf_slice(&bytes), w->format.has_crc, &ours, e);
    if (result == 0)
        result = put(w, ours.whole, e);
    if (result == 0) {
        w->at += ours.length;
        w->ix.loose_events++;
        w->rotated = true;
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
    if (ev->type == EVENT_ROTATE)
        return append_rotate(w, ev, e);
    TRY(append_plain(w, ev, e));
    w->stopped = ev->type == EVENT_STOP;
    return 0;
}

static inline bool is_special(const struct event *ev)
{
    return ev->type == EVENT_FORMAT_DESCRIPTION || ev->type == EVENT_ROTATE ||
           (ev->type == EVENT_STOP && !hole_is(ev)) || indexer_is_head_event(ev) ||
           ev->type == EVENT_HEARTBEAT || ev->type == EVENT_HEARTBEAT_V2 ||
           (ev->flags & EVENT_FLAG_ARTIFICIAL) != 0;
}

static int check_ready(const struct writer *w, struct err *e)
{
    TRY(writer_check_usable(w, e));
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
    return writer_settle(w, append(w, ev, e));
}

/* ---- holes ---- */

/* Leaps over what is not written. The span of a file without checksums tells of it all the same. */
static int leave_zeros(struct writer *w, uint64_t n, struct err *e)
{
    TRY(buffer_out(w, e));
    /* Of a file that was cut, and of which the system has not written that down, old bytes could be
       in the hole after a power cut. */
    if (w->cut && !w->store->sync.never)
        TRY(w->disk->sync(w->store->tail, e));
    w->cut = false;
    if (n > STORE_OFFSET_MAX - w->written)
        return err_set(e, E_LIMIT, "%s passes the greatest size of a relay file", w->file.name);
    if (is_bare(w))
        TRY(writer_note_span(w, w->written, w->written + n, checksum_crc32_zeros(0, n), e));
    w->written += n;
    return 0;
}

/* One event: its head, and its last four bytes, which give the file its length. */
static int skip_sparse(struct writer *w, uint32_t length, struct err *e)
{
    struct buf     bytes;
    struct event   hole;
    enum txn_place place;

    buf_init(&bytes, EVENT_HEADER_BYTES + EVENT_CRC_BYTES);
    hole_put_head(&bytes, length, w->at + length, &w->format);
    uint32_t crc = w->format.has_crc ? hole_checksum(buf_slice(&bytes), length) : 0;
    buf_put_le(&bytes, crc, EVENT_CRC_BYTES);
    int          result = buf_check(&bytes, "a hole", e);
    struct slice head = { bytes.ptr, EVENT_HEADER_BYTES };
    if (result == 0)
        result = event_parse_head(head, w->format.has_crc, &hole, e);
    if (result == 0)
        result = txn_feed(&w->txn, &w->format, &hole, &place, e);
    if (result == 0)
        result = put(w, head, e);
    if (result == 0)
        result = leave_zeros(w, length - bytes.len, e);
    if (result == 0)
        result = put(w, (struct slice){ head.ptr + head.len, EVENT_CRC_BYTES }, e);
    if (result == 0)
        result = appended(w, &hole, place, e);
    buf_done(&bytes);
    return result;
}

static int skip_small(struct writer *w, uint32_t length, struct err *e)
{
    struct buf   bytes;
    struct event hole;

    buf_init(&bytes, HOLE_SPARSE_BYTES);
    hole_put(&bytes, length, w->at + length, &w->format);
    int result = buf_check(&bytes, "a hole", e);
    if (result == 0)
        result = event_parse(buf_slice(&bytes), w->format.has_crc, &hole, e);
    if (result == 0)
        result = append_plain(w, &hole, e);
    buf_done(&bytes);
    return result;
}

static int skip(struct writer *w, uint64_t length, struct err *e)
{
    TRY(check_ready(w, e));
    assert(w->has_format);
    if (w->txn.open || length < hole_least_bytes(w->format.has_crc))
        return err_set(e, E_FORK, "%llu bytes can't be left out at %llu of %s: %s",
                       (unsigned long long)length, (unsigned long long)w->at, w->file.source_file,
                       w->txn.open ? "that is inside a transaction" : "no event is that short");
    while (length > 0) {
        uint32_t n = hole_next_bytes(length, w->format.has_crc);
        TRY(n < HOLE_SPARSE_BYTES ? skip_small(w, n, e) : skip_sparse(w, n, e));
        length -= n;
    }
    return 0;
}

int writer_skip(struct writer *w, uint64_t length, struct err *e)
{
    return writer_settle(w, skip(w, length, e));
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
    return writer_settle(w, append_head(w, head, e));
}

int writer_append_rest(struct writer *w, struct slice bytes, struct err *e)
{
    TRY(writer_check_usable(w, e));
    assert(w->pieces_left != 0 || bytes.len == 0);
    return writer_settle(w, bytes.len != 0 ? pieces_put(w, bytes, e) : 0);
}

int writer_flush(struct writer *w, struct err *e)
{
    TRY(writer_check_usable(w, e));
    if (!w->has_file)
        return 0;
    /* Of a transaction that goes on nobody may see anything: its bytes can wait for more. */
    if (w->boundary == w->handed)
        return writer_settle(w, writer_index_out(w, e));
    return writer_settle(w, writer_out(w, e));
}

/* What comes during a round of the syncer waits for its end where much is coming: then there are
   few large writes and syncs in place of many small ones. A single commit is never kept. */
bool writer_may_wait(struct writer *w)
{
    unsigned round;

    if (!w->has_file || w->broken)
        return false;
    /* Of a file that has just begun nothing was handed over: no round will come by itself. */
    store_pos handed =
        w->handed > BINLOG_MAGIC_BYTES ? store_pos_at(w->file.ordinal, w->handed) : 0;
    if (!store_syncing(w->store, handed, &round))
        return false;
    if (round != w->round) {
        w->much = w->at - w->round_at >= WRITER_MUCH_BYTES;
        w->round = round;
        w->round_at = w->at;
    }
    return w->much || w->at - w->round_at >= WRITER_MUCH_BYTES;
}

uint64_t writer_offset(const struct writer *w)
{
    return w->has_file ? w->at : 0;
}
