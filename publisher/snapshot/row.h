/*
 * A table's SELECT, and its rows' texts as the publisher's values.
 *
 * The text protocol it is, as for Debezium: so FLOAT has the digits that the server shows, JSON the
 * server's spaces, YEAR 0 is 2000; and texts come in the column's own character set
 * (character_set_results = NULL), to be converted as those of the stream. ENUM and SET are asked
 * for as numbers, since their texts may be in any character set.
 *
 * Owned by one thread. Source: MySQL manual, "Data Types" (the texts); MySQL decimal.cc
 * (decimal2bin); recorded output of the connectors.
 */
#pragma once
#include "publisher/shape.h"

/* `name` between backticks. */
void snapshot_put_name(struct buf *sql, const char *name);
/* All columns of the table, in its order, as snapshot_row_take() wants them. */
void snapshot_put_columns(const struct definition *d, struct buf *sql);

struct snapshot_row;
/* For a shape of convert_read_table(), which outlives it. */
MUST_CHECK int snapshot_row_new(struct shape *s, bool adjust_years, struct snapshot_row **out,
                                struct err *e);
void           snapshot_row_free(struct snapshot_row *r); /* accepts NULL */

/* Into the shape's `before`; what has no number in it borrows the texts. E_PROTOCOL for a text that
   its type can't have. */
MUST_CHECK int snapshot_row_take(struct snapshot_row *r, const struct slice *texts, struct err *e);
