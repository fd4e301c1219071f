/*
 * Records of what was read from a server, not from the stream: a converter's other way in, for
 * snapshots. As for convert.h: one thread.
 */
#pragma once
#include "publisher/convert.h"
#include "publisher/emit.h"

/* A table whose rows will be read from a server; freed by shape_free() before the converter. */
MUST_CHECK int convert_read_table(struct convert *c, enum format_family family,
                                  const struct definition *d, struct shape **out, struct err *e);
/* The row in s->before as a record of op `r`; at->source.snapshot says which. */
MUST_CHECK int convert_read(struct convert *c, const struct emit_place *at, struct shape *s,
                            struct err *e);
/* A schema change that no event told of; as for the stream's, the options may leave it out. */
MUST_CHECK int convert_schema_change(struct convert *c, struct emit_place *at,
                                     const struct schema_change *change, struct err *e);
/* As emit_headers(): who keeps records of another converter gives them this one's. */
void convert_headers(struct convert *c, enum format_family family,
                     const struct change_header **headers, uint32_t *count);
