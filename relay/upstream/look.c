#include "relay/upstream/look.h"

int look_init(struct look *l, bool prints, struct err *e)
{
    *l = (struct look){ 0 };
    txn_reset(&l->txn);
    return prints ? fingerprinter_new(&l->prints, e) : 0;
}

void look_done(struct look *l)
{
    fingerprinter_free(l->prints);
    *l = (struct look){ 0 };
}

void look_enter_file(struct look *l)
{
    txn_reset(&l->txn);
    l->inside = false;
    if (l->prints != NULL)
        fingerprinter_enter_file(l->prints);
}

int look_feed(struct look *l, const struct format *f, const struct event *ev, uint64_t at,
              bool *closed, struct look_txn *out, struct err *e)
{
    enum txn_place  place;
    struct look_txn t = { 0 };

    TRY(txn_feed(&l->txn, f, ev, &place, e));
    if (place == TXN_OPENED || (place == TXN_CLOSED && !l->inside))
        l->from = at;
    l->inside = place == TXN_OPENED || place == TXN_INSIDE;
    if (l->prints != NULL)
        TRY(fingerprinter_feed(l->prints, f, ev, place, &t.has_content, &t.print, e));
    *closed = place == TXN_CLOSED;
    if (!*closed)
        return 0;
    t.from = l->from;
    t.to = at + ev->length;
    t.gtid = l->txn.current.gtid;
    t.second = t.has_content ? fingerprinter_second(l->prints) : 0;
    *out = t;
    return 0;
}
