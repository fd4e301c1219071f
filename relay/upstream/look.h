/*
 * The transactions of a binlog, one by one, as joining wants to know them: where they lie, their
 * GTIDs, what of them survives when a replica logs them again.
 *
 * Owned by one thread; fed with the events of one file after the other.
 */
#pragma once
#include "protocol/fingerprint.h"
#include "protocol/txn.h"

struct look {
    struct fingerprinter *prints; /* NULL: not wanted */
    struct txn            txn;
    bool                  inside;
    uint64_t              from;
};
struct look_txn {
    uint64_t           from, to; /* in its file */
    struct gtid        gtid;
    bool               has_content; /* the next two are known: it changed something */
    struct fingerprint print;
    uint32_t           second; /* of its origin */
};

MUST_CHECK int look_init(struct look *l, bool prints, struct err *e);
void           look_done(struct look *l); /* accepts a zeroed one */
void           look_enter_file(struct look *l);
/* An event that begins at `at`, whole, or the head of one that is longer than
   FINGERPRINT_WHOLE_BYTES. *closed: it ended the transaction *out. */
MUST_CHECK int look_feed(struct look *l, const struct format *f, const struct event *ev,
                         uint64_t at, bool *closed, struct look_txn *out, struct err *e);
