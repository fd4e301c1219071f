#include "storage/scan.h"
#include <stdlib.h>
#include "protocol/checksum.h"
#include "storage/hole.h"

/* What the parsers call a peer's mistake is damage here: the bytes are from our own file. */
static int corrupt(const struct scan *s, struct err *e)
{
    if (e->kind == E_PROTOCOL)
        e->kind = E_CORRUPT;
    return err_note(e, "%s at %llu", s->name, (unsigned long long)s->at);
}

static int corrupt_text(const struct scan *s, struct err *e, const char *what)
{
    return err_set(e, E_CORRUPT, "%s at %llu: %s", s->name, (unsigned long long)s->at, what);
}

/* Who only wants the head of a file, or a few events, shall not wait for a whole block; who reads
   on gets more at a time, most if it is to verify the whole file. */
static size_t next_step(struct scan *s, bool goes_on)
{
    size_t most = s->verify ? SCAN_BLOCK_BYTES : SCAN_BLOCK_BYTES / 4;

    if (!goes_on || s->at < s->block_at)
        s->step = SCAN_STEP_BYTES;
    else if (s->step < most)
        s->step *= 4;
    return s->step;
}

/* Reads on until `need` bytes from s->at (or what there is, up to the block's size) are at hand. */
static int block_fill(struct scan *s, size_t need, struct slice *out, struct err *e)
{
    uint64_t left = s->end - s->at;
    if (need > left)
        need = (size_t)left;
    assert(need <= SCAN_BLOCK_BYTES);
    uint64_t block_end = s->block_at + s->block_len;
    if (s->at < s->block_at || s->at > block_end || block_end - s->at < need) {
        size_t want = next_step(s, s->block_len != 0 && s->at <= block_end);
        if (want < need)
            want = need;
        if (want > left)
            want = (size_t)left;
        size_t got;
        TRY(s->disk->read(s->file, s->at, s->block, want, &got, e));
        s->block_at = s->at;
        s->block_len = got;
        block_end = s->at + got;
    }
    *out = (struct slice){ s->block + (s->at - s->block_at), (size_t)(block_end - s->at) };
    return 0;
}

int scan_open(struct disk *d, const char *name, uint64_t end, bool verify, struct scan *out,
              struct err *e)
{
    struct scan s = { .disk = d, .verify = verify, .at = BINLOG_MAGIC_BYTES };
    uint8_t     magic[BINLOG_MAGIC_BYTES];
    size_t      got;
    uint64_t    size;

    memcpy(s.name, name, strnlen(name, STORE_NAME_BYTES));
    TRY(d->open(d, name, false, false, &s.file, e));
    s.block = malloc(SCAN_BLOCK_BYTES);
    if (s.block == NULL)
        err_set(e, E_NOMEM, "no memory to read %s", name);
    if (s.block == NULL || d->size(s.file, &size, e) != 0 ||
        d->read(s.file, 0, magic, sizeof magic, &got, e) != 0) {
        scan_close(&s);
        return -1;
    }
    if (got < sizeof magic || memcmp(magic, binlog_magic, sizeof magic) != 0) {
        scan_close(&s);
        return err_set(e, E_CORRUPT, "%s does not begin like a binlog file", name);
    }
    s.end = end < size ? end : size;
    if (s.end < BINLOG_MAGIC_BYTES)
        s.end = BINLOG_MAGIC_BYTES;
    txn_reset(&s.txn);
    *out = s;
    return 0;
}

void scan_close(struct scan *s)
{
    if (s->file != NULL)
        s->disk->close(s->file);
    s->file = NULL;
    free(s->block);
    s->block = NULL;
}

int scan_format(struct scan *s, struct err *e)
{
    struct scan_event ev;
    bool              more;
    uint64_t          at = s->at;

    if (s->has_format)
        return 0;
    s->at = BINLOG_MAGIC_BYTES;
    int result = scan_next(s, &ev, &more, e);
    if (result == 0 && !more)
        result = corrupt_text(s, e, "there is no format description");
    s->at = at;
    return result;
}

int scan_seek(struct scan *s, uint64_t at, struct err *e)
{
    assert(at >= BINLOG_MAGIC_BYTES);
    if (at > BINLOG_MAGIC_BYTES)
        TRY(scan_format(s, e));
    if (at > s->end)
        return err_set(e, E_CORRUPT, "%s ends at %llu, before %llu", s->name,
                       (unsigned long long)s->end, (unsigned long long)at);
    s->at = at;
    txn_reset(&s->txn);
    return 0;
}

/* The checksum of an event that does not fit the block, read piece by piece. */
static int verify_large(struct scan *s, uint32_t length, struct err *e)
{
    uint64_t begin = s->at;
    uint64_t stop = begin + length - EVENT_CRC_BYTES;
    uint32_t crc = 0;
    int      result = 0;

    while (s->at < stop) {
        struct slice piece;
        size_t want = stop - s->at < SCAN_BLOCK_BYTES ? (size_t)(stop - s->at) : SCAN_BLOCK_BYTES;
        if (block_fill(s, want, &piece, e) != 0)
            return -1;
        if (piece.len < want)
            return corrupt_text(s, e, "the file ends inside an event");
        crc = checksum_crc32(crc, (struct slice){ piece.ptr, want });
        s->at += want;
    }
    struct slice tail;
    TRY(block_fill(s, EVENT_CRC_BYTES, &tail, e));
    struct cursor c = cursor_over(tail);
    uint32_t      said = cursor_u32(&c);
    s->at = begin;
    if (c.failed || said != crc)
        result = corrupt_text(s, e, "the event's checksum is wrong");
    return result;
}

/* A hole is leapt over if its checksum is that of zeros. *is false: something else, or too damaged
   to tell, which is read as everything is. */
static int pass_hole(struct scan *s, struct slice have, struct scan_event *got, bool *is,
                     struct err *e)
{
    struct slice head = { have.ptr, EVENT_HEADER_BYTES };
    uint8_t      tail[EVENT_CRC_BYTES];
    uint32_t     length = got->event.length;
    size_t       n;

    *is = s->has_format && hole_is_sparse(&got->event);
    if (!*is)
        return 0;
    TRY(s->disk->read(s->file, s->at + length - EVENT_CRC_BYTES, tail, sizeof tail, &n, e));
    struct cursor c = cursor_over((struct slice){ tail, n });
    uint32_t      said = cursor_u32(&c);
    *is = !c.failed && said == (s->format.has_crc ? hole_checksum(head, length) : 0);
    if (*is)
        TRY(event_parse_head(head, s->format.has_crc, &got->event, e));
    return 0;
}

static int check_event(struct scan *s, struct event *ev, struct slice have, struct err *e)
{
    if (event_parse_head(have, s->has_format && s->format.has_crc, ev, e) != 0)
        return corrupt(s, e);
    if (ev->length > s->end - s->at)
        return corrupt_text(s, e, "the file ends inside an event");
    uint64_t end = s->at + ev->length;
    if (ev->source_end != 0 && ev->source_end != (uint32_t)end)
        return err_set(e, E_CORRUPT, "%s at %llu: the event says it ends at %u, it ends at %llu",
                       s->name, (unsigned long long)s->at, ev->source_end, (unsigned long long)end);
    if (!s->has_format && ev->type != EVENT_FORMAT_DESCRIPTION)
        return corrupt_text(s, e, "the first event is no format description");
    return 0;
}

/* The event's bytes, or as many of them as the block holds. */
static int read_event(struct scan *s, struct scan_event *got, struct err *e)
{
    struct slice have;
    uint32_t     length = got->event.length;
    bool         fits = length <= SCAN_BLOCK_BYTES;
    bool         is_format = got->event.type == EVENT_FORMAT_DESCRIPTION;
    bool         has_crc = s->has_format && s->format.has_crc;

    if (!fits && s->verify && has_crc && !is_format)
        TRY(verify_large(s, length, e));
    TRY(block_fill(s, fits ? length : SCAN_BLOCK_BYTES, &have, e));
    if (have.len < (fits ? length : SCAN_BLOCK_BYTES))
        return corrupt_text(s, e, "the file ends inside an event");
    if (is_format) {
        if (!fits)
            return corrupt_text(s, e, "a format description of absurd length");
        if (format_parse((struct slice){ have.ptr, length }, &s->format, e) != 0)
            return corrupt(s, e);
        if (!s->has_format)
            s->created_s = got->event.timestamp_s;
        s->has_format = true;
        has_crc = s->format.has_crc;
    }
    if (fits) {
        struct slice whole = { have.ptr, length };
        if (event_parse(whole, has_crc, &got->event, e) != 0)
            return corrupt(s, e);
        if (s->verify && has_crc && !is_format && event_verify(whole, e) != 0)
            return corrupt(s, e);
    } else if (event_parse_head((struct slice){ have.ptr, SCAN_BLOCK_BYTES }, has_crc, &got->event,
                                e) != 0) {
        return corrupt(s, e);
    }
    return 0;
}

int scan_next(struct scan *s, struct scan_event *out, bool *more, struct err *e)
{
    struct scan_event got = { .at = s->at };
    struct slice      have;
    bool              hole;

    if (s->at == s->end) {
        *more = false;
        return 0;
    }
    TRY(block_fill(s, EVENT_HEADER_BYTES, &have, e));
    TRY(check_event(s, &got.event, have, e));
    TRY(pass_hole(s, have, &got, &hole, e));
    if (!hole)
        TRY(read_event(s, &got, e));
    bool was_open = s->txn.open;
    if (txn_feed(&s->txn, &s->format, &got.event, &got.place, e) != 0)
        return corrupt(s, e);
    if (was_open && got.place == TXN_OUTSIDE)
        return err_set(e, E_CORRUPT, "%s at %llu: a %s event inside a transaction", s->name,
                       (unsigned long long)s->at, event_name(got.event.type));
    got.end = s->at + got.event.length;
    s->at = got.end;
    *out = got;
    *more = true;
    return 0;
}
