#include "storage/sidecar.h"
#include "protocol/checksum.h"
#include "storage/name.h"

enum {
    FRAME_BYTES = 5,
    CRC_BYTES = 4,
    FIRST_BYTES = 4 * 1024, /* most who open a sidecar want its head only */
    CHUNK_BYTES = 64 * 1024,
    KEPT_BYTES = 1024 * 1024, /* up to here nothing is read twice */
};
static const char head_magic[] = "BRIDX";

/* ---- writing ---- */

static size_t entry_begin(struct buf *out, enum sidecar_kind kind)
{
    size_t at = out->len;
    buf_put_le(out, 0, 4); /* the length is known at the end */
    buf_put_u8(out, (uint8_t)kind);
    return at;
}

static void entry_end(struct buf *out, size_t at)
{
    if (out->failed != BUF_FINE)
        return;
    size_t length = out->len - at - FRAME_BYTES;
    for (size_t i = 0; i < 4; i++)
        out->ptr[at + i] = (uint8_t)(length >> (8 * i));
    uint32_t crc = checksum_crc32(0, (struct slice){ out->ptr + at, out->len - at });
    buf_put_le(out, crc, 4);
}

static void put_text(struct buf *out, const char *text)
{
    size_t n = strlen(text);
    buf_put_le(out, n, 2);
    buf_put(out, (struct slice){ (const uint8_t *)text, n });
}

static void put_counts(struct buf *out, const struct sidecar_counts *c)
{
    buf_put_le(out, c->events, 8);
    buf_put_le(out, c->transactions, 8);
    buf_put_le(out, c->anonymous, 8);
    buf_put_le(out, c->first_s, 4);
    buf_put_le(out, c->last_s, 4);
}

void sidecar_put_head(struct buf *out, const struct store_file *f, struct slice gtids)
{
    size_t at = entry_begin(out, SIDECAR_HEAD);
    buf_put_text(out, head_magic);
    buf_put_u8(out, SIDECAR_VERSION);
    buf_put_le(out, f->ordinal, 4);
    buf_put_le(out, f->epoch, 4);
    put_text(out, f->name);
    put_text(out, f->source_file);
    put_text(out, f->source.name);
    put_text(out, f->source.uuid);
    put_text(out, f->source.version);
    buf_put_le(out, f->source.server_id, 4);
    buf_put_u8(out, f->source.family == FAMILY_MARIADB ? 1 : 0);
    buf_put(out, gtids);
    entry_end(out, at);
}

void sidecar_put_before(struct buf *out, uint64_t offset, struct slice gtids)
{
    size_t at = entry_begin(out, SIDECAR_BEFORE);
    buf_put_le(out, offset, 8);
    buf_put(out, gtids);
    entry_end(out, at);
}

void sidecar_put_checkpoint(struct buf *out, uint64_t offset, const struct sidecar_counts *added,
                            struct slice gtids)
{
    size_t at = entry_begin(out, SIDECAR_CHECKPOINT);
    buf_put_le(out, offset, 8);
    put_counts(out, added);
    buf_put(out, gtids);
    entry_end(out, at);
}

void sidecar_put_span(struct buf *out, uint64_t from, uint64_t to, uint32_t crc)
{
    size_t at = entry_begin(out, SIDECAR_SPAN);
    buf_put_le(out, to, 8);
    buf_put_le(out, from, 8);
    buf_put_le(out, crc, 4);
    entry_end(out, at);
}

void sidecar_put_footer(struct buf *out, uint64_t size, const struct sidecar_counts *totals,
                        struct slice gtids)
{
    size_t at = entry_begin(out, SIDECAR_FOOTER);
    buf_put_le(out, size, 8);
    put_counts(out, totals);
    buf_put(out, gtids);
    entry_end(out, at);
}

void sidecar_counts_add(struct sidecar_counts *into, const struct sidecar_counts *more)
{
    into->events += more->events;
    into->transactions += more->transactions;
    into->anonymous += more->anonymous;
    if (more->first_s != 0 && (into->first_s == 0 || more->first_s < into->first_s))
        into->first_s = more->first_s;
    if (more->last_s > into->last_s)
        into->last_s = more->last_s;
}

/* ---- reading ---- */

/* Makes `need` bytes at s->good_end available in s->bytes; *have false when the sidecar ends. */
static int bytes_fill(struct sidecar *s, size_t need, bool *have, struct err *e)
{
    uint64_t end = s->bytes_at + s->bytes.len;

    assert(s->good_end >= s->bytes_at);
    if (s->good_end <= end && end - s->good_end >= need) {
        *have = true;
        return 0;
    }
    *have = false;
    if (s->file == NULL)
        return 0;
    /* What a length claims is believed only as far as the sidecar is long. */
    uint64_t size;
    TRY(s->disk->size(s->file, &size, e));
    if (size < s->good_end || size - s->good_end < need)
        return 0;
    bool keep = s->bytes_at == 0 && s->bytes.len < KEPT_BYTES && s->good_end <= end;
    if (!keep) {
        buf_clear(&s->bytes);
        s->bytes_at = end = s->good_end;
    }
    size_t   kept = s->bytes.len;
    uint64_t least = s->good_end + need - end;
    uint64_t want = end == 0 ? FIRST_BYTES : CHUNK_BYTES;
    if (want < least)
        want = least;
    if (want > size - end)
        want = size - end;
    uint8_t *into = buf_extend(&s->bytes, (size_t)want);
    if (into == NULL)
        return buf_check(&s->bytes, "sidecar", e);
    size_t got = 0;
    int    result = s->disk->read(s->file, end, into, (size_t)want, &got, e);
    s->bytes.len = kept + got;
    *have = result == 0 && got >= least;
    return result;
}

static struct slice bytes_at_good_end(const struct sidecar *s, size_t n)
{
    return (struct slice){ s->bytes.ptr + (s->good_end - s->bytes_at), n };
}

/* The next whole entry with a right CRC: kind and payload. */
static int entry_read(struct sidecar *s, enum sidecar_kind *kind, struct slice *payload, bool *more,
                      struct err *e)
{
    *more = false;
    bool have;
    TRY(bytes_fill(s, FRAME_BYTES, &have, e));
    if (!have)
        return 0;
    struct cursor c = cursor_over(bytes_at_good_end(s, FRAME_BYTES));
    uint32_t      length = cursor_u32(&c);
    uint8_t       said = cursor_u8(&c);
    if (length > SIDECAR_ENTRY_MAX || said < SIDECAR_HEAD || said > SIDECAR_SPAN)
        return 0;
    TRY(bytes_fill(s, FRAME_BYTES + (size_t)length + CRC_BYTES, &have, e));
    if (!have)
        return 0;
    struct slice  entry = bytes_at_good_end(s, FRAME_BYTES + (size_t)length);
    struct cursor tail = cursor_over((struct slice){ entry.ptr + entry.len, CRC_BYTES });
    if (checksum_crc32(0, entry) != cursor_u32(&tail))
        return 0;
    *kind = (enum sidecar_kind)said;
    *payload = (struct slice){ entry.ptr + FRAME_BYTES, length };
    s->good_end += FRAME_BYTES + (uint64_t)length + CRC_BYTES;
    *more = true;
    return 0;
}

static void take_text(struct cursor *c, char *into, size_t room)
{
    struct slice text = cursor_slice(c, cursor_u16(c));
    if (text.len >= room || memchr(text.ptr, 0, text.len) != NULL) {
        c->failed = true;
        return;
    }
    memcpy(into, text.ptr, text.len);
    into[text.len] = 0;
}

static int head_read(struct sidecar *s, struct err *e)
{
    enum sidecar_kind kind;
    struct slice      payload;
    bool              more;

    TRY(entry_read(s, &kind, &payload, &more, e));
    if (!more || kind != SIDECAR_HEAD)
        return err_set(e, E_CORRUPT, "the sidecar does not begin with a good head");
    struct cursor c = cursor_over(payload);
    struct slice  magic = cursor_slice(&c, sizeof head_magic - 1);
    uint8_t       version = cursor_u8(&c);
    if (!slice_equal(magic, slice_of_text(head_magic)) || version != SIDECAR_VERSION)
        return err_set(e, E_CORRUPT, "the sidecar is of another format (%u)", version);
    struct store_file *f = &s->identity;
    f->ordinal = cursor_u32(&c);
    f->epoch = cursor_u32(&c);
    take_text(&c, f->name, sizeof f->name);
    take_text(&c, f->source_file, sizeof f->source_file);
    take_text(&c, f->source.name, sizeof f->source.name);
    take_text(&c, f->source.uuid, sizeof f->source.uuid);
    take_text(&c, f->source.version, sizeof f->source.version);
    f->source.server_id = cursor_u32(&c);
    f->source.family = cursor_u8(&c) == 1 ? FAMILY_MARIADB : FAMILY_MYSQL;
    struct slice gtids = cursor_rest(&c);
    if (c.failed)
        return err_set(e, E_CORRUPT, "the head of the sidecar does not parse");
    buf_put(&s->inherited, gtids);
    TRY(buf_check(&s->inherited, "GTIDs of a sidecar", e));
    s->head_end = s->good_end;
    return 0;
}

static void reader_init(struct sidecar *s)
{
    *s = (struct sidecar){ 0 };
    buf_init(&s->inherited, SIDECAR_ENTRY_MAX);
    buf_init(&s->bytes, (size_t)SIDECAR_ENTRY_MAX + KEPT_BYTES + CHUNK_BYTES);
}

static int opened(struct sidecar *s, struct sidecar *out, struct err *e)
{
    if (head_read(s, e) != 0) {
        sidecar_close(s);
        return -1;
    }
    *out = *s;
    return 0;
}

int sidecar_open(struct disk *d, const char *relay_name, struct sidecar *out, struct err *e)
{
    char           name[STORE_NAME_BYTES + 1];
    struct sidecar s;

    name_sidecar(relay_name, name);
    reader_init(&s);
    s.disk = d;
    TRY(d->open(d, name, false, false, &s.file, e));
    return opened(&s, out, e);
}

int sidecar_open_bytes(struct buf *bytes, struct sidecar *out, struct err *e)
{
    struct sidecar s;

    reader_init(&s);
    s.bytes = *bytes;
    buf_init(bytes, bytes->bound);
    return opened(&s, out, e);
}

void sidecar_close(struct sidecar *s)
{
    if (s->file != NULL)
        s->disk->close(s->file);
    s->file = NULL;
    buf_done(&s->bytes);
    buf_done(&s->inherited);
}

void sidecar_rewind(struct sidecar *s)
{
    s->good_end = s->head_end;
    if (s->file != NULL && s->bytes_at != 0) {
        buf_clear(&s->bytes);
        s->bytes_at = s->good_end;
    }
}

static struct sidecar_counts take_counts(struct cursor *c)
{
    struct sidecar_counts n = { 0 };
    n.events = cursor_u64(c);
    n.transactions = cursor_u64(c);
    n.anonymous = cursor_u64(c);
    n.first_s = cursor_u32(c);
    n.last_s = cursor_u32(c);
    return n;
}

int sidecar_next(struct sidecar *s, struct sidecar_entry *out, bool *more, struct err *e)
{
    struct sidecar_entry entry = { 0 };
    struct slice         payload;
    uint64_t             before = s->good_end;

    TRY(entry_read(s, &entry.kind, &payload, more, e));
    if (!*more)
        return 0;
    struct cursor c = cursor_over(payload);
    entry.offset = cursor_u64(&c);
    if (entry.kind == SIDECAR_CHECKPOINT || entry.kind == SIDECAR_FOOTER)
        entry.counts = take_counts(&c);
    if (entry.kind == SIDECAR_SPAN) {
        entry.span_from = cursor_u64(&c);
        entry.span_crc = cursor_u32(&c);
    }
    entry.gtids = cursor_rest(&c);
    if (c.failed || entry.kind == SIDECAR_HEAD || entry.offset > STORE_OFFSET_MAX) {
        s->good_end = before;
        *more = false;
        return 0;
    }
    *out = entry;
    return 0;
}
