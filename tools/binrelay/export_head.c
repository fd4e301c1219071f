#include "tools/binrelay/export_head.h"
#include "storage/range.h"
#include "protocol/checksum.h"
#include "storage/hole.h"
#include "storage/locate.h"
#include "storage/scan.h"

enum { HEAD_BYTES_MAX = 64 * 1024 * 1024, LEAST_BYTES = EVENT_HEADER_BYTES + EVENT_CRC_BYTES };

/* One whole event that ends where the buffer then does in the file. */
static void put_event(struct buf *out, const struct event *like, uint8_t type, struct slice body,
                      bool has_crc)
{
    size_t   at = out->len;
    uint32_t length = (uint32_t)(EVENT_HEADER_BYTES + body.len + (has_crc ? EVENT_CRC_BYTES : 0));

    buf_put_le(out, like->timestamp_s, 4);
    buf_put_u8(out, type);
    buf_put_le(out, like->server_id, 4);
    buf_put_le(out, length, 4);
    buf_put_le(out, (uint32_t)(at + length), 4);
    buf_put_le(out, like->flags, 2);
    buf_put(out, body);
    if (has_crc && out->failed == BUF_FINE)
        buf_put_le(out, checksum_crc32(0, (struct slice){ out->ptr + at, out->len - at }),
                   EVENT_CRC_BYTES);
}

/* What the head of the file says, and where its events are. */
struct head {
    struct buf    format_event;
    struct format format;
    struct event  gtids_event;  /* its header; type 0: there is none */
    struct gtids  said, behind; /* by it; and by it and the transactions up to the place */
};

static int take_head_event(struct head *h, const struct scan_event *ev, struct err *e)
{
    if (ev->event.type == EVENT_FORMAT_DESCRIPTION && h->format_event.len == 0)
        buf_put(&h->format_event, ev->event.whole);
    if (ev->event.type != EVENT_PREVIOUS_GTIDS && ev->event.type != EVENT_MARIADB_GTID_LIST)
        return 0;
    h->gtids_event = ev->event;
    TRY(gtids_take_event(&h->said, &ev->event, e));
    return gtids_copy(&h->behind, &h->said, e);
}

/* Up to `until`, which is near the file's start. */
static int read_head(struct store *s, const struct store_file *f, uint64_t until, struct head *h,
                     struct err *e)
{
    struct scan scan;
    bool        more = true;

    buf_init(&h->format_event, HEAD_BYTES_MAX);
    TRY(scan_open(store_disk(s), f->name, until, false, &scan, e));
    int result = 0;
    while (result == 0 && more) {
        struct scan_event ev;
        result = scan_next(&scan, &ev, &more, e);
        if (result != 0 || !more)
            break;
        if (ev.place == TXN_OUTSIDE)
            result = take_head_event(h, &ev, e);
        else if (ev.place == TXN_CLOSED)
            result = gtids_add(&h->behind, &scan.txn.current.gtid, e);
    }
    h->format = scan.format;
    scan_close(&scan);
    return result;
}

static void put_head(const struct head *h, const struct gtids *at, struct buf *out)
{
    struct buf body;

    buf_init(&body, HEAD_BYTES_MAX);
    buf_clear(out);
    buf_put(out, (struct slice){ binlog_magic, BINLOG_MAGIC_BYTES });
    format_put_resent(out, buf_slice(&h->format_event), false, true);
    if (h->gtids_event.type == EVENT_PREVIOUS_GTIDS)
        gtid_set_encode(&at->set, &body);
    else if (h->gtids_event.type != 0)
        gtid_state_put_list_body(&at->state, &body);
    if (body.failed != BUF_FINE)
        out->failed = body.failed;
    if (h->gtids_event.type != 0)
        put_event(out, &h->gtids_event, h->gtids_event.type, buf_slice(&body), h->format.has_crc);
    buf_done(&body);
}

static bool fits(const struct buf *head, uint64_t begin)
{
    return head->len == begin || head->len + LEAST_BYTES <= begin;
}

/* All that was held before the place, as anyone who begins there is told. Behind a change of the
   source that can be more than what its own head and the few transactions behind that have room
   for; those then, as the server itself would. */
static int make_head(struct store *s, const struct store_file *f, uint64_t begin, struct buf *out,
                     struct format *format, struct err *e)
{
    struct head  h = { 0 };
    struct gtids at = { 0 };
    uint64_t     first = 0;
    int          result = range_first_transaction(s, f, BINLOG_MAGIC_BYTES, f->size, &first, e);

    if (result == 0)
        result = read_head(s, f, first, &h, e);
    if (result == 0)
        result = locate_gtids_at(s, store_pos_at(f->ordinal, begin), &at, e);
    if (result == 0)
        put_head(&h, &at, out);
    if (result == 0 && !fits(out, begin)) {
        buf_done(&h.format_event);
        gtids_done(&h.said);
        gtids_done(&h.behind);
        result = read_head(s, f, begin, &h, e);
        if (result == 0)
            put_head(&h, &h.behind, out);
    }
    *format = h.format;
    buf_done(&h.format_event);
    gtids_done(&h.said);
    gtids_done(&h.behind);
    gtids_done(&at);
    TRY(result);
    TRY(buf_check(out, "the head of a file", e));
    if (!fits(out, begin))
        return err_set(e, E_LIMIT, "%s:%llu is too near to the start of its file: export from %s:4",
                       f->name, (unsigned long long)begin, f->name);
    return 0;
}

int export_head(struct store *s, const struct store_file *f, uint64_t begin, struct export_file *x,
                struct err *e)
{
    struct buf    head;
    struct format format = { 0 };

    buf_init(&head, HEAD_BYTES_MAX);
    int result = make_head(s, f, begin, &head, &format, e);
    if (result == 0)
        result = export_file_put(x, buf_slice(&head), e);
    buf_done(&head);
    TRY(result);
    return export_file_at(x) < begin ? export_file_leave(x, begin, &format, e) : 0;
}

int export_stop(struct export_file *x, const struct format *f, uint32_t server_id,
                uint32_t timestamp_s, struct err *e)
{
    struct buf out;
    uint64_t   end = export_file_at(x) + EVENT_HEADER_BYTES + (f->has_crc ? EVENT_CRC_BYTES : 0);

    buf_init(&out, LEAST_BYTES);
    buf_put_le(&out, timestamp_s, 4);
    buf_put_u8(&out, EVENT_STOP);
    buf_put_le(&out, server_id, 4);
    buf_put_le(&out, end - export_file_at(x), 4);
    buf_put_le(&out, (uint32_t)end, 4);
    buf_put_le(&out, 0, 2);
    if (f->has_crc)
        buf_put_le(&out, checksum_crc32(0, buf_slice(&out)), EVENT_CRC_BYTES);
    int result = buf_check(&out, "a STOP event", e);
    if (result == 0)
        result = export_file_put(x, buf_slice(&out), e);
    buf_done(&out);
    return result;
}
