#include "tools/binrelay/export_sift.h"
#include <inttypes.h>
#include <stdlib.h>
#include "protocol/rows.h"
#include "protocol/payload.h"
#include "storage/scan.h"
#include "tools/binrelay/sieve.h"

enum { PIECES_MAX = 1 << 26, PAYLOAD_BYTES_MAX = 1 << 30 };

/* Up to where the events are taken or left out; neighbours of a kind are one. */
struct piece {
    uint64_t to;
    bool     leave;
};

struct sift {
    struct store       *store;
    struct export_wish *wish;
    struct export_file *x;
    struct sieve        sieve;
    struct buf          pieces, marks; /* of the transaction at hand: struct piece, uint64_t */
    struct buf          payload;
    uint64_t            decided; /* up to where; what is behind is a prelude */
    uint64_t            rows_at; /* of the last rows event that was taken */
    bool                took, left, is_xa;
};

static void begin_transaction(struct sift *t, uint64_t at)
{
    buf_clear(&t->pieces);
    buf_clear(&t->marks);
    t->decided = at;
    t->took = t->left = t->is_xa = false;
    t->sieve.table_count = 0;
    t->sieve.rows_taken = false;
}

static void decide(struct sift *t, uint64_t to, bool leave)
{
    struct piece p = { .to = to, .leave = leave };
    struct piece last;

    if (to == t->decided)
        return;
    t->decided = to;
    if (t->pieces.len > 0) {
        memcpy(&last, t->pieces.ptr + t->pieces.len - sizeof last, sizeof last);
        if (last.leave == leave)
            t->pieces.len -= sizeof last;
    }
    buf_put(&t->pieces, (struct slice){ (const uint8_t *)&p, sizeof p });
}

/* ---- one event ---- */

static int sift_payload(struct sift *t, const struct format *f, const struct event *ev,
                        enum sieve_verdict *verdict, struct err *e)
{
    struct format   inner = *f;
    struct payload *p = NULL;
    bool            more = true, took = false, left = false, closes;

    inner.has_crc = false;
    TRY(payload_open(ev, &p, e));
    int result = 0;
    while (result == 0 && more) {
        struct event       in;
        enum sieve_verdict v = SIEVE_FRAME;
        result = payload_next(p, &in, &more, e);
        if (result == 0 && more)
            result = sieve_event(&t->sieve, &inner, &in, true, &v, &closes, e);
        took = took || v == SIEVE_TAKE;
        left = left || v == SIEVE_LEAVE;
    }
    payload_close(p);
    TRY(result);
    if (took && left)
        return err_set(e, E_LIMIT,
                       "it is compressed as a whole (binlog_transaction_compression) and changes "
                       "tables that are wanted and others: it can't be cut; let 'binrelay replay' "
                       "choose the tables, or take those of its other tables, too");
    *verdict = took ? SIEVE_TAKE : SIEVE_LEAVE;
    return 0;
}

/* Parsed from all of its bytes where the scan has only a part of them, and they are needed. */
static int whole_event(struct sift *t, const struct scan_event *ev, const struct format *f,
                       struct event *out, struct err *e)
{
    *out = ev->event;
    if (rows_is_any_event(ev->event.type) || ev->event.whole.len == ev->event.length)
        return 0;
    buf_clear(&t->payload);
    TRY(export_file_read(t->x, ev->at, ev->event.length, &t->payload, e));
    return event_parse(buf_slice(&t->payload), f->has_crc, out, e);
}

static int sift_event(struct sift *t, const struct scan *scan, const struct scan_event *ev,
                      bool begun, struct err *e)
{
    enum sieve_verdict verdict = SIEVE_FRAME;
    struct event       whole;
    bool               closes = false;

    TRY(whole_event(t, ev, &scan->format, &whole, e));
    if (whole.type == EVENT_TRANSACTION_PAYLOAD)
        TRY(sift_payload(t, &scan->format, &whole, &verdict, e));
    else
        TRY(sieve_event(&t->sieve, &scan->format, &whole, begun, &verdict, &closes, e));
    if (closes)
        buf_put(&t->marks, (struct slice){ (const uint8_t *)&t->rows_at, sizeof t->rows_at });
    if (verdict == SIEVE_PRELUDE)
        return 0;
    if (verdict == SIEVE_FRAME) {
        /* Both halves of a distributed transaction stay: of the second one nobody knows its tables.
         */
        t->is_xa = t->is_xa || whole.type == EVENT_XA_PREPARE ||
                   (whole.type == EVENT_QUERY && ev->place == TXN_CLOSED && !begun);
        decide(t, ev->at, true); /* a prelude to nothing */
        decide(t, ev->end, false);
        return 0;
    }
    if (verdict == SIEVE_TAKE && rows_is_any_event(whole.type))
        t->rows_at = ev->at;
    t->took = t->took || verdict == SIEVE_TAKE;
    t->left = t->left || verdict == SIEVE_LEAVE;
    decide(t, ev->end, verdict == SIEVE_LEAVE);
    return 0;
}

/* ---- one transaction ---- */

static int keep_pieces(struct sift *t, const struct format *f, struct err *e)
{
    for (size_t i = 0; i < t->pieces.len; i += sizeof(struct piece)) {
        struct piece p;
        memcpy(&p, t->pieces.ptr + i, sizeof p);
        TRY(p.leave ? export_file_leave(t->x, p.to, f, e) : export_file_keep(t->x, p.to, e));
    }
    for (size_t i = 0; i < t->marks.len; i += sizeof(uint64_t)) {
        uint64_t at;
        memcpy(&at, t->marks.ptr + i, sizeof at);
        TRY(export_file_end_statement(t->x, at, f, e));
    }
    return 0;
}

static int end_transaction(struct sift *t, const struct scan *scan, uint64_t end, struct err *e)
{
    const struct gtid *g = &scan->txn.current.gtid;
    bool               held = g->kind != GTID_NONE && gtids_contain(t->wish->without, g);
    bool               all = selection_is_all(t->wish->selection);

    decide(t, end, false);
    TRY(buf_check(&t->pieces, "the events of a transaction", e));
    TRY(buf_check(&t->marks, "the statements of a transaction", e));
    if (held || (!all && !t->took && !t->is_xa && !scan->txn.current.is_xa_prepare)) {
        t->wish->left_out++;
        return export_file_leave(t->x, end, &scan->format, e);
    }
    t->wish->taken++;
    if (all)
        return export_file_keep(t->x, end, e);
    t->wish->cut += t->left ? 1 : 0;
    return keep_pieces(t, &scan->format, e);
}

static int sift_all(struct sift *t, struct scan *scan, const struct store_file *f, struct err *e)
{
    struct scan_event ev;
    bool              more = true, open = false;

    for (;;) {
        bool begun = scan->txn.open && scan->txn.begun;
        TRY(scan_next(scan, &ev, &more, e));
        if (!more)
            return 0;
        if (ev.place == TXN_OUTSIDE) {
            TRY(export_file_keep(t->x, ev.end, e));
            continue;
        }
        if (!open)
            begin_transaction(t, ev.at);
        open = ev.place != TXN_CLOSED;
        if (sift_event(t, scan, &ev, begun, e) != 0 ||
            (!open && end_transaction(t, scan, ev.end, e) != 0))
            return err_note(e, "the transaction with %s:%" PRIu64, f->name, ev.at);
    }
}

int export_sift(struct store *s, const struct store_file *f, uint64_t to, struct export_wish *w,
                struct export_file *x, struct err *e)
{
    struct sift t = { .store = s, .wish = w, .x = x };
    struct scan scan;

    TRY(scan_open(store_disk(s), f->name, to, true, &scan, e));
    sieve_init(&t.sieve, w->selection);
    buf_init(&t.pieces, PIECES_MAX);
    buf_init(&t.marks, PIECES_MAX);
    buf_init(&t.payload, PAYLOAD_BYTES_MAX);
    uint64_t from = export_file_at(x);
    int      result = 0;
    if (from < BINLOG_MAGIC_BYTES)
        result = export_file_keep(x, BINLOG_MAGIC_BYTES, e);
    else
        result = scan_seek(&scan, from, e);
    if (result == 0)
        result = sift_all(&t, &scan, f, e);
    scan_close(&scan);
    sieve_done(&t.sieve);
    buf_done(&t.pieces);
    buf_done(&t.marks);
    buf_done(&t.payload);
    return result;
}
