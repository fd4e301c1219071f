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
/* As tables_definition(). */
int convert_definition(struct convert *c, const char *database, const char *table, store_pos at,
                       const struct definition **out, struct err *e);

/* What the stream does while a table is read; told from the converter's thread. */
struct convert_watch {
    struct emit_watch rows;
    /* A statement that is no change of rows and no end of a transaction; `database` is the current
       one. NULL: nobody watches. */
    void (*statement)(void *arg, struct slice database, struct slice text);
    void *arg;
};
void convert_set_watch(struct convert *c, const struct convert_watch *w); /* copied */

/* What a source block says of the last event, beside its file; zeros before the first one. */
struct convert_mark {
    store_pos pos;
    uint32_t  server_id;
    char      gtid[GTID_TEXT_BYTES];
    bool      has_thread;
    uint32_t  thread_id;
};
void convert_last(const struct convert *c, struct convert_mark *out);

/* As emit_headers(): who keeps records of another converter gives them this one's. */
void convert_headers(struct convert *c, enum format_family family,
                     const struct change_header **headers, uint32_t *count);
