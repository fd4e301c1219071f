/*
 * Transactions of one side, oldest first, as they are compared with the other side's. Grows towards
 * the past: an older part is put in front. Plain data of one thread; bounded by MATCH_LIST_MAX.
 */
#pragma once
#include "protocol/join.h"
#include "relay/upstream/look.h"

enum { MATCH_LIST_MAX = 1 << 22 };

struct match_span {
    uint64_t from, to;
    uint32_t file; /* relay file's ordinal, or index of the peer's file */
};
struct match_list {
    struct fingerprint *prints;
    uint32_t           *seconds;
    struct match_span  *spans;
    struct gtid        *gtids; /* NULL unless `named` */
    bool                named;
    size_t              count, size;
};

void match_list_done(struct match_list *l); /* accepts a zeroed one */
/* As the newest one. */
MUST_CHECK int match_list_add(struct match_list *l, const struct look_txn *t, uint32_t file,
                              struct err *e);
/* `newer` behind those that are there, and left empty. */
MUST_CHECK int match_list_append(struct match_list *l, struct match_list *newer, struct err *e);
