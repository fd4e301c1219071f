/*
 * What a statement means for a session that has its own connection to the source, beside its class
 * (relay/sql/query_class.h). In doubt the answer is the careful one. Pure; any thread.
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/bytes.h"

/* Does it leave something behind at the source that a new connection would not have: locks,
   prepared statements, user variables, temporary tables? */
bool statement_leaves_something(struct slice text);
/* Would it end the read-only mode in which the source keeps a session without the right to write?
 */
bool statement_lifts_read_only(struct slice text);
/* Does it ask for values that the session's own connection knows best: its variables, but none that
   tells one server from another, or is the binlog's, which are the relay's? */
bool statement_asks_settings(struct slice text);
/* Does it ask where MariaDB's transaction with a consistent snapshot begins? */
bool statement_asks_snapshot(struct slice text);
