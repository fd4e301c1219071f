#include "storage/reader.h"
#include <stdlib.h>
#include "storage/hole.h"
#include "storage/index.h"
#include "storage/scan.h"

/*
 * The block holds the file's bytes from block_at on. `at` is where the next piece begins: at an
 * event's start, or, in an event that does not fit the block, anywhere in it.
 */
struct reader {
    struct store     *store;
    struct disk      *disk;
    struct store_file info;
    struct disk_file *file;
    bool              has_format;
    struct format     format;
    uint64_t          at;
    uint64_t          event_at;     /* of the event that `at` is in */
    uint32_t          event_length; /* 0: `at` is an event's start */
    struct event      event;        /* its head, while it comes in pieces */
    bool              reads_holes;
    uint8_t          *block;       /* NULL while there is nothing to read */
    size_t            block_size;  /* of it now */
    size_t            block_bytes; /* at most */
    uint64_t          block_at;
    size_t            block_len;
};

enum { READER_BLOCK_MIN = 4096, READER_BLOCK_SMALL = 16 * 1024 };

static int corrupt(const struct reader *r, struct err *e)
{
    if (e->kind == E_PROTOCOL)
        e->kind = E_CORRUPT;
    return err_note(e, "%s at %llu", r->info.name, (unsigned long long)r->at);
}

/* As large as what is there to read asks for: of a thousand consumers that wait for the next
   transaction none holds more than that one needs. */
static int grow_block(struct reader *r, uint64_t want, struct err *e)
{
    size_t size = want <= READER_BLOCK_SMALL ? READER_BLOCK_SMALL : r->block_bytes;

    if (size > r->block_bytes)
        size = r->block_bytes;
    if (r->block_size >= size && r->block_size <= r->block_bytes)
        return 0;
    uint8_t *block = realloc(r->block, size);
    if (block == NULL)
        return err_set(e, E_NOMEM, "no memory for a block of %zu bytes", size);
    r->block = block;
    r->block_size = size;
    return 0;
}

void reader_read_holes(struct reader *r)
{
    r->reads_holes = true;
}

void reader_limit(struct reader *r, size_t bytes)
{
    if (r->event_length == 0)
        r->block_bytes = bytes < READER_BLOCK_SMALL ? READER_BLOCK_SMALL : bytes;
}

static void drop_block(struct reader *r)
{
    free(r->block);
    r->block = NULL;
    r->block_size = 0;
    r->block_len = 0;
    r->block_at = 0;
}

void reader_skip(struct reader *r, store_pos to)
{
    assert(r->event_length == 0);
    assert(store_pos_ordinal(to) == r->info.ordinal && store_pos_offset(to) >= r->at);
    assert(to <= store_published(r->store));
    drop_block(r);
    r->at = store_pos_offset(to);
}

/* At least `need` bytes from r->at; more when they are at hand. The caller knows that they are
   visible. */
static int fill(struct reader *r, size_t need, uint64_t visible, struct slice *out, struct err *e)
{
    uint64_t end = r->block_at + r->block_len;

    assert(need <= r->block_bytes);
    assert(need <= visible - r->at);
    if (r->at < r->block_at || r->at > end || end - r->at < need) {
        size_t kept = 0;
        if (r->at >= r->block_at && r->at < end) {
            kept = (size_t)(end - r->at);
            memmove(r->block, r->block + (r->at - r->block_at), kept);
        }
        r->block_at = r->at;
        r->block_len = kept;
        TRY(grow_block(r, visible - r->at, e));
        assert(kept <= r->block_size);
        size_t want = r->block_size - kept;
        if (want > visible - r->at - kept)
            want = (size_t)(visible - r->at - kept);
        size_t got;
        TRY(r->disk->read(r->file, r->at + kept, r->block + kept, want, &got, e));
        r->block_len += got;
        end = r->block_at + r->block_len;
        if (end - r->at < need)
            return err_set(e, E_CORRUPT, "%s ends at %llu, but up to %llu was published",
                           r->info.name, (unsigned long long)end, (unsigned long long)visible);
    }
    *out = (struct slice){ r->block + (r->at - r->block_at), (size_t)(end - r->at) };
    return 0;
}

/* Turns to a file, at its first event. */
static void enter(struct reader *r, const struct store_file *f)
{
    if (r->file != NULL)
        r->disk->close(r->file);
    r->file = NULL;
    r->info = *f;
    r->has_format = false;
    r->format = (struct format){ 0 };
    r->at = BINLOG_MAGIC_BYTES;
    r->event_length = 0;
    r->block_len = 0;
    r->block_at = 0;
}

/* Not before there is something to read: until then the file may still get another name. */
static int open_file(struct reader *r, struct err *e)
{
    if (r->file != NULL)
        return 0;
    TRY(store_file_by_ordinal(r->store, r->info.ordinal, &r->info, e));
    return r->disk->open(r->disk, r->info.name, false, false, &r->file, e);
}

static int enter_at(struct reader *r, store_pos from, struct err *e)
{
    struct store_file f;
    uint64_t          offset = store_pos_offset(from);

    TRY(store_file_by_ordinal(r->store, store_pos_ordinal(from), &f, e));
    TRY(index_check_place(r->store, &f, offset, e));
    enter(r, &f);
    if (offset > BINLOG_MAGIC_BYTES) {
        TRY(store_format(r->store, f.ordinal, &r->format, e));
        r->has_format = true;
    }
    r->at = offset;
    return 0;
}

int reader_open(struct store *s, store_pos from, uint32_t block_bytes, struct reader **out,
                struct err *e)
{
    size_t size = block_bytes != 0 ? block_bytes : READER_BLOCK_BYTES;
    if (size < READER_BLOCK_MIN)
        size = READER_BLOCK_MIN;
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_set(e, E_NOMEM, "no memory for a reader");
    r->store = s;
    r->disk = store_disk(s);
    r->block_bytes = size;
    if (enter_at(r, from, e) != 0) {
        reader_close(r);
        return -1;
    }
    *out = r;
    return 0;
}

void reader_close(struct reader *r)
{
    if (r == NULL)
        return;
    if (r->file != NULL)
        r->disk->close(r->file);
    free(r->block);
    free(r);
}

/* Up to where this file may be read now; *sealed when that is its end for good. */
static int see(struct reader *r, uint64_t *visible, bool *sealed, struct err *e)
{
    store_pos published = store_published(r->store);

    /* The usual case costs no lock. A file before the published one is sealed. */
    if (!r->info.sealed && store_pos_ordinal(published) == r->info.ordinal &&
        store_pos_offset(published) > r->at) {
        *visible = store_pos_offset(published);
        *sealed = false;
        return 0;
    }
    if (!r->info.sealed)
        TRY(store_file_by_ordinal(r->store, r->info.ordinal, &r->info, e));
    *visible = store_visible(r->store, &r->info);
    *sealed = r->info.sealed;
    return 0;
}

static int take_format(struct reader *r, struct slice whole, struct err *e)
{
    if (format_parse(whole, &r->format, e) != 0)
        return corrupt(r, e);
    r->has_format = true;
    return 0;
}

/* Begins the event at r->at: parses its head and says how long it is. Into where it is wanted: to
   copy a struct whose fields were written just before makes a processor wait. */
static int begin_event(struct reader *r, uint64_t visible, struct slice *have, struct event *ev,
                       struct err *e)
{
    if (visible - r->at < EVENT_HEADER_BYTES)
        return err_set(e, E_CORRUPT, "%s at %llu: the file ends inside an event", r->info.name,
                       (unsigned long long)r->at);
    TRY(fill(r, EVENT_HEADER_BYTES, visible, have, e));
    if (event_parse_head(*have, r->has_format && r->format.has_crc, ev, e) != 0)
        return corrupt(r, e);
    if (ev->length > visible - r->at)
        return err_set(e, E_CORRUPT, "%s at %llu: the file ends inside an event", r->info.name,
                       (unsigned long long)r->at);
    return 0;
}

/* `have` is what begin_event() found at hand, as a rule all of the event. */
static int whole_event(struct reader *r, uint64_t visible, struct slice have,
                       struct reader_piece *piece, struct err *e)
{
    struct event *ev = &piece->event;
    uint32_t      length = ev->length;
    int           parsed;

    if (have.len < length)
        TRY(fill(r, length, visible, &have, e));
    struct slice whole = { have.ptr, length };
    if (ev->type == EVENT_FORMAT_DESCRIPTION) {
        /* Only now it is known whether it ends with a checksum. */
        TRY(take_format(r, whole, e));
        parsed = event_parse(whole, r->format.has_crc, ev, e);
    } else {
        parsed = event_complete(ev, whole, r->has_format && r->format.has_crc, e);
    }
    if (parsed != 0)
        return corrupt(r, e);
    piece->bytes = whole;
    piece->at = 0;
    piece->last = true;
    piece->leapt = false;
    piece->pos = store_pos_at(r->info.ordinal, r->at);
    piece->end = store_pos_at(r->info.ordinal, r->at + length);
    r->at += length;
    return 0;
}

/* The event at r->at is a sparse hole, of which `have` holds the header at least. */
static int leap(struct reader *r, struct slice have, struct reader_piece *piece, struct err *e)
{
    struct slice head = { have.ptr, EVENT_HEADER_BYTES };

    *piece = (struct reader_piece){
        .bytes = head, .last = true, .leapt = true, .pos = store_pos_at(r->info.ordinal, r->at)
    };
    if (event_parse_head(head, r->format.has_crc, &piece->event, e) != 0)
        return corrupt(r, e);
    r->at += piece->event.length;
    piece->end = store_pos_at(r->info.ordinal, r->at);
    return 0;
}

/* The next stretch of an event that does not fit the block. */
static int part_of_event(struct reader *r, uint64_t visible, struct reader_piece *piece,
                         struct err *e)
{
    uint64_t     end = r->event_at + r->event_length;
    uint64_t     left = end - r->at;
    size_t       want = left < r->block_bytes ? (size_t)left : r->block_bytes;
    struct slice have;

    TRY(fill(r, want, visible, &have, e));
    piece->bytes = (struct slice){ have.ptr, want };
    piece->at = (uint32_t)(r->at - r->event_at);
    if (piece->at == 0 && event_parse_head(piece->bytes, r->format.has_crc, &r->event, e) != 0)
        return corrupt(r, e);
    piece->event = r->event;
    if (piece->at != 0) /* the head's bytes are gone from the block */
        piece->event.whole = piece->event.body = slice_empty();
    piece->last = want == left;
    piece->leapt = false;
    piece->pos = store_pos_at(r->info.ordinal, r->event_at);
    piece->end = store_pos_at(r->info.ordinal, end);
    r->at += want;
    if (piece->last)
        r->event_length = 0;
    return 0;
}

bool reader_at_hand(const struct reader *r)
{
    uint64_t end = r->block_at + r->block_len;

    if (r->at < r->block_at || r->at >= end)
        return false;
    uint64_t left = end - r->at;
    if (r->event_length != 0) {
        uint64_t rest = r->event_at + r->event_length - r->at;
        return left >= (rest < r->block_bytes ? rest : r->block_bytes);
    }
    struct cursor c = cursor_over((struct slice){ r->block + (r->at - r->block_at), (size_t)left });
    cursor_skip(&c, 9); /* timestamp, type, server_id */
    uint32_t length = cursor_u32(&c);
    return !c.failed && left >= EVENT_HEADER_BYTES && left >= length;
}

int reader_next(struct reader *r, struct reader_piece *piece, enum reader_step *step, struct err *e)
{
    uint64_t     visible;
    bool         sealed;
    struct slice have = slice_empty();

    TRY(see(r, &visible, &sealed, e));
    assert(r->at <= visible); /* I1: the one place where a reader sees an end */
    if (r->at == visible) {
        drop_block(r);
        *step = sealed ? READER_FILE_DONE : READER_AT_END;
        return 0;
    }
    TRY(open_file(r, e));
    *step = READER_PIECE;
    if (r->event_length == 0) {
        const struct event *ev = &piece->event;
        TRY(begin_event(r, visible, &have, &piece->event, e));
        if (hole_is_sparse(ev) && r->has_format && !r->reads_holes)
            return leap(r, have, piece, e);
        if (ev->length > r->block_bytes) {
            if (!r->has_format || ev->type == EVENT_FORMAT_DESCRIPTION)
                return err_set(e, E_CORRUPT, "%s at %llu: an event of absurd length", r->info.name,
                               (unsigned long long)r->at);
            r->event_at = r->at;
            r->event_length = ev->length;
        }
    }
    return r->event_length == 0 ? whole_event(r, visible, have, piece, e)
                                : part_of_event(r, visible, piece, e);
}

int reader_next_file(struct reader *r, enum reader_step *step, struct err *e)
{
    store_pos         published = store_published(r->store);
    struct store_file f;

    assert(r->event_length == 0);
    if (store_pos_ordinal(published) <= r->info.ordinal) {
        *step = READER_AT_END;
        return 0;
    }
    TRY(store_file_by_ordinal(r->store, r->info.ordinal + 1, &f, e));
    assert(r->info.sealed && r->at == r->info.size && f.ordinal == r->info.ordinal + 1); /* I3 */
    enter(r, &f);
    *step = READER_PIECE;
    return 0;
}

store_pos reader_pos(const struct reader *r)
{
    return store_pos_at(r->info.ordinal, r->event_length == 0 ? r->at : r->event_at);
}

const struct format *reader_format(const struct reader *r)
{
    return &r->format;
}

const struct store_file *reader_file(const struct reader *r)
{
    return &r->info;
}

int reader_next_event(struct reader *r, struct buf *hold, struct event *ev, store_pos *pos,
                      enum reader_step *step, struct err *e)
{
    struct reader_piece piece;

    TRY(reader_next(r, &piece, step, e));
    if (*step != READER_PIECE)
        return 0;
    if (piece.at == 0 && piece.last) {
        *ev = piece.event;
        *pos = piece.pos;
        return 0;
    }
    buf_clear(hold);
    buf_put(hold, piece.bytes);
    while (!piece.last) {
        TRY(reader_next(r, &piece, step, e));
        assert(*step == READER_PIECE); /* a published event is whole */
        buf_put(hold, piece.bytes);
        TRY(buf_check(hold, "an event", e));
    }
    TRY(buf_check(hold, "an event", e));
    if (event_parse(buf_slice(hold), r->format.has_crc, ev, e) != 0)
        return corrupt(r, e);
    *pos = piece.pos;
    return 0;
}
