/* One look of `binrelay top` as text for a terminal, or as one line of JSON. */
#pragma once
#include <stdio.h>
#include "tools/binrelay/top_sample.h"

MUST_CHECK int top_print(const struct top_pair *p, FILE *to, struct err *e);
void           top_put_json(const struct top_pair *p, struct buf *out);
