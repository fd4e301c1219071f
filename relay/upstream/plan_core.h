/* The inside of plan.h, for relay/upstream/plan*.c alone. */
#pragma once
#include "relay/upstream/look.h"
#include "relay/upstream/peer.h"
#include "relay/upstream/plan.h"
#include "storage/catalog.h"

struct planner {
    const struct plan_question *q;
    struct peer                 peer;
    struct plan                *plan;
    struct store_file           last; /* relay file */
    struct gtids                held; /* of all that is published, what came before the first file
                                         included */
    store_pos    held_end;
    struct gtids stored_from; /* what came before the first file */
};

/* Each fills in the plan by its method. */
MUST_CHECK int plan_by_set(struct planner *p, struct err *e); /* MySQL's GTIDs */
/* MariaDB's. */
enum plan_state_tells {
    PLAN_STATE_TELLS, /* the plan is made */
    PLAN_STATE_LACKS, /* numbers rise, but not all that is held is there: compare one by one */
    PLAN_STATE_FAILS  /* they tell nothing of the order */
};
MUST_CHECK int plan_by_state(struct planner *p, enum plan_state_tells *tells, struct err *e);
/* By comparing transactions, by GTIDs or by what they contain. */
MUST_CHECK int plan_by_match(struct planner *p, bool by_gtid, struct err *e);
/* A person said where: FILE:POSITION. */
MUST_CHECK int plan_by_choice(struct planner *p, struct err *e);

MUST_CHECK int plan_count(struct planner *p, struct err *e);

/* The newest of the peer's files in front of which nothing stands that is not held; `is_within`
   answers for one. *found false: there is none. */
MUST_CHECK int plan_find_file(struct planner *p,
                              int (*is_within)(struct planner *p, const struct peer_file *f,
                                               bool *within, struct err *e),
                              size_t *index, bool *found, struct err *e);
/*
 * The newest place of the peer's binlog in front of which all is known to be held without reading
 * any of it: one that was seen before, or its end. *found false: none; out is to be given back by
 * landmark_done().
 */
MUST_CHECK int plan_find_landmark(struct planner *p, struct landmark *out, bool *found,
                                  struct err *e);
/* It is in one of the peer's files, this one or a newer one; *index is that then. */
bool plan_landmark_fits(const struct planner *p, const struct landmark *m, size_t *index);
/* Where the peer's binlog ends now. */
MUST_CHECK int plan_ask_end(struct planner *p, char file[STORE_NAME_BYTES + 1], uint64_t *at,
                            struct err *e);
/* As if nothing had been found out yet. */
void plan_begin_again(struct planner *p);
/* For peer_scan(): one more of theirs that is not held; what asks to be told how far it is (`arg`
   begins with a pointer to the planner). */
void           plan_note_new(struct plan *p, const char *file, const struct look_txn *t);
MUST_CHECK int plan_progress(void *arg, const char *file, uint64_t offset, uint64_t bytes,
                             struct err *e);
/* A text that may be longer than the bound of a list of names. */
MUST_CHECK int plan_name(struct buf *into, struct slice text, struct err *e);
