#include "relay/upstream/held_scan.h"
#include <poll.h>
#include "storage/reader.h"

enum { LOOK_EVERY = 4096 }; /* events */

struct scanner {
    struct reader *reader;
    struct look    look;
    struct buf     hold; /* an event that came in pieces, or its head */
    int (*each)(void *arg, const struct look_txn *t, struct err *e);
    void *arg;
};

static int take(struct scanner *n, const struct event *ev, store_pos at, struct err *e)
{
    bool            closed = false;
    struct look_txn t;

    TRY(look_feed(&n->look, reader_format(n->reader), ev, store_pos_offset(at), &closed, &t, e));
    return closed ? n->each(n->arg, &t, e) : 0;
}

/* The rest of an event whose first piece is at hand: as much as is looked at is kept. */
static int take_pieces(struct scanner *n, struct reader_piece *piece, struct err *e)
{
    const uint32_t   length = piece->event.length;
    const size_t     wanted = length <= FINGERPRINT_WHOLE_BYTES ? length : TXN_HEAD_BYTES;
    struct event     ev;
    enum reader_step step;

    buf_clear(&n->hold);
    for (;;) {
        size_t left = wanted - n->hold.len;
        buf_put(&n->hold, (struct slice){ piece->bytes.ptr,
                                          piece->bytes.len < left ? piece->bytes.len : left });
        if (piece->last)
            break;
        TRY(reader_next(n->reader, piece, &step, e));
        assert(step == READER_PIECE); /* a published event is whole */
    }
    TRY(buf_check(&n->hold, "an event", e));
    const bool has_crc = reader_format(n->reader)->has_crc;
    if (wanted == length)
        TRY(event_parse(buf_slice(&n->hold), has_crc, &ev, e));
    else
        TRY(event_parse_head(buf_slice(&n->hold), has_crc, &ev, e));
    return take(n, &ev, piece->pos, e);
}

static int scan(struct scanner *n, uint64_t to, int interrupt_fd, struct err *e)
{
    struct reader_piece piece;
    enum reader_step    step;

    for (unsigned count = 1;; count++) {
        TRY(reader_next(n->reader, &piece, &step, e));
        if (step != READER_PIECE || store_pos_offset(piece.pos) >= to)
            return 0;
        if (piece.leapt)
            continue;
        if (piece.last)
            TRY(take(n, &piece.event, piece.pos, e));
        else
            TRY(take_pieces(n, &piece, e));
        struct pollfd p = { .fd = interrupt_fd, .events = POLLIN };
        if (count % LOOK_EVERY == 0 && interrupt_fd > 0 && poll(&p, 1, 0) > 0)
            return err_set(e, E_STOPPED, "asked to end");
    }
}

int held_scan(struct store *s, store_pos from, uint64_t to, bool prints, int interrupt_fd,
              int (*each)(void *arg, const struct look_txn *t, struct err *e), void *arg,
              struct err *e)
{
    struct scanner n = { .each = each, .arg = arg };

    if (store_pos_offset(from) == 0)
        from = store_pos_at(store_pos_ordinal(from), BINLOG_MAGIC_BYTES);
    buf_init(&n.hold, FINGERPRINT_WHOLE_BYTES);
    int rc = look_init(&n.look, prints, e);
    if (rc == 0)
        rc = reader_open(s, from, 0, &n.reader, e);
    if (rc == 0)
        rc = scan(&n, to, interrupt_fd, e);
    reader_close(n.reader);
    look_done(&n.look);
    buf_done(&n.hold);
    return rc;
}
