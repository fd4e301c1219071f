/*
 * Tells, event by event of a joined source, which transactions are held already, and how many bytes
 * of them have to become a hole before the next event is stored.
 *
 * Pure; owned by ingest. Whole events or heads (TXN_HEAD_BYTES).
 */
#pragma once
#include "protocol/txn.h"
#include "relay/upstream/skip.h"

struct skipper {
    const struct skip      *skip; /* NULL: nothing is held already */
    const struct skip_file *file;
    bool                    on;       /* something that comes may be */
    bool                    inside;   /* a transaction */
    bool                    skipping; /* that is held already */
    bool                    any_new;  /* one came that is not */
    struct txn              txn;
    uint64_t                hole; /* bytes of whole ones that were skipped since skipper_taken() */
    uint64_t                open; /* of the one at hand, as far as it came */
    uint64_t                transactions, bytes; /* skipped so far */
};

enum skipper_verdict {
    SKIPPER_STORE,
    SKIPPER_SKIP, /* counted into the hole */
    SKIPPER_DROP  /* the source died in a skipped transaction: what ends its file is left away */
};

/* `skip` is borrowed. */
void skipper_init(struct skipper *s, const struct skip *skip);
/* The next event is of this file, between two transactions. */
void skipper_enter(struct skipper *s, const char *file);
/* The event begins at `at` of `file`, the one that was entered. E_PROTOCOL as of txn_feed(). */
MUST_CHECK int skipper_look(struct skipper *s, const struct format *f, const struct event *ev,
                            const char *file, uint64_t at, enum skipper_verdict *out,
                            struct err *e);
/* So many bytes in front of the next event are held and did not come. */
void skipper_leap(struct skipper *s, uint64_t bytes);
/* The hole is in the store. */
void skipper_taken(struct skipper *s);
