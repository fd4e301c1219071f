/*
 * The schema changes at the head of a consistent snapshot, as Debezium writes them: the server's
 * character set, DROP of each table, then each database and CREATE of its tables. Source: the
 * records of its connectors, tests/golden/debezium/.
 *
 * The publisher's thread.
 */
#pragma once
#include <stdint.h>
#include "protocol/base/err.h"

struct emit_place;
struct publisher;

/* Writes those of the open view's plan, but for tables that are done, and has the publisher know
   their definitions from the view's place on. */
MUST_CHECK int snapshot_announce(struct publisher *p, const struct emit_place *place,
                                 struct err *e);
/* The clock that such records tell, in microseconds since 1970. */
int64_t snapshot_now_us(void);
