/*
 * What of a transaction's events a selection takes.
 *
 * Fed with each event of a transaction in order (those inside of a TRANSACTION_PAYLOAD in its
 * place). Owned by one command; one thread.
 */
#pragma once
#include "protocol/base/buf.h"
#include "tools/binrelay/selection.h"

enum { SIEVE_TABLES_MAX = 4096 };

enum sieve_verdict {
    SIEVE_FRAME,   /* begins, structures or ends the transaction, whatever is in it */
    SIEVE_PRELUDE, /* belongs to what comes next, which decides */
    SIEVE_TAKE,
    SIEVE_LEAVE,
};

struct sieve {
    const struct selection *selection;
    struct {
        uint64_t id;
        bool     taken;
    } tables[SIEVE_TABLES_MAX]; /* of the statement at hand */
    size_t     table_count;
    bool       rows_taken; /* of the statement at hand */
    struct buf text;       /* a compressed statement's */
};

void sieve_init(struct sieve *s, const struct selection *selection);
void sieve_done(struct sieve *s); /* accepts a zeroed one */

/*
 * `ev` has all of its body but for rows, of which a head is enough; `begun`: inside of BEGIN and
 * COMMIT. *closes: this event is left out and was the last one of a statement of which rows were
 * taken, so that the last one of those has to say that it is the last. E_LIMIT for a change that
 * stands in the binlog as a statement where only some tables of its database are wanted.
 */
MUST_CHECK int sieve_event(struct sieve *s, const struct format *f, const struct event *ev,
                           bool begun, enum sieve_verdict *verdict, bool *closes, struct err *e);

enum { ROWS_FLAG_STATEMENT_END = 1 };
/* Where in the event its flags stand, two bytes. */
uint32_t rows_flags_at(const struct format *f, uint8_t type);
