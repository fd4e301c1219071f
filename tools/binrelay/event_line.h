/* One line about a binlog event, for people or as JSON. Any thread. */
#pragma once
#include <stdbool.h>
#include "protocol/base/buf.h"
#include "storage/reader.h"

enum { EVENT_LINE_TEXT_BYTES = 200 }; /* most that is shown of a statement */

/* Appends the line, with its newline. `ev` may be a head alone: then what it holds is told. */
void event_line_put(const struct format *f, const struct store_file *file, store_pos pos,
                    const struct event *ev, bool as_json, struct buf *out);
