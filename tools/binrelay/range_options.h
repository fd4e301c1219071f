/* What export and replay have in common: --from, --to and which tables. Any thread. */
#pragma once
#include "storage/range.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/selection.h"

struct range_options {
    struct moment    from, to;
    struct selection selection;
};

MUST_CHECK int range_options_read(const struct call *c, struct range_options *out, struct err *e);
void           range_options_done(struct range_options *o); /* accepts a zeroed one */

struct json;
/* Members of an object: begin and end as FILE:POSITION and GTIDs. */
MUST_CHECK int range_put_json(struct store *s, const struct range *r, struct json *j,
                              struct err *e);
/* "FILE:POSITION". */
MUST_CHECK int range_place(struct store *s, store_pos at, struct buf *out, struct err *e);
