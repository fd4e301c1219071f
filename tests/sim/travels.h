/*
 * A store that went from source a to b, whose file has a name that the relay uses, too, and back to
 * a, which has got b's transactions meanwhile:
 *
 *   a: bin.000001 [1 2 3 4 5]      ->  relay 1
 *   a: bin.000002 [6 7 8           ->  relay 2, closed by the relay
 *   b: bin.000002 [hole(6 7) 8 9]  ->  relay 3, the same events as a's
 *   a: bin.000002 [hole(6 - 10) 11 ->  relay 4
 */
#pragma once
#include "tests/sim/fixture.h"

struct travels {
    struct fixture      f;
    struct binlog       a1, a2, b; /* the sources' files, of 5, 6 and 4 transactions */
    struct store_source source_a, source_b;
};

void travels_begin(struct travels *t);
void travels_done(struct travels *t);
/* A file of `txns` transactions that goes on behind `before` (NULL: the first). */
void travels_make_file(struct binlog *b, const struct binlog *before, int txns);
