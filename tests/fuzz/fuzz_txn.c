#include "protocol/txn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A whole binlog file, as a reader of stored files goes through it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = cursor_over((struct slice){ data, size });
    struct format f = { .has_crc = true };
    struct gtids  executed = { 0 };
    struct txn    t;
    struct err    e;

    cursor_skip(&c, BINLOG_MAGIC_BYTES);
    txn_reset(&t);
    while (c.left > 0) {
        struct event   ev;
        enum txn_place place = TXN_OUTSIDE;
        bool           was_open = t.open;
        if (event_parse_head((struct slice){ c.at, c.left }, f.has_crc, &ev, &e) != 0)
            break;
        cursor_skip(&c, ev.whole.len);
        if (ev.type == EVENT_FORMAT_DESCRIPTION)
            (void)!format_parse(ev.whole, &f, &e);
        if (gtids_take_event(&executed, &ev, &e) != 0 || txn_feed(&t, &f, &ev, &place, &e) != 0)
            continue;
        assert(t.open == (place == TXN_OPENED || place == TXN_INSIDE));
        assert(place != TXN_INSIDE || was_open);
        assert(!t.begun || t.open);
        if (place == TXN_CLOSED && gtids_add(&executed, &t.current.gtid, &e) == 0 &&
            t.current.gtid.kind == GTID_MYSQL)
            assert(gtid_set_contains(&executed.set, &t.current.gtid));
    }
    gtids_done(&executed);
    return 0;
}
