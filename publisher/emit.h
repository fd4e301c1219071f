/*
 * Writes change events: envelopes around rows, tombstones, and the records that are no rows, each
 * with its topic, partition and headers; hands them to a sink.
 *
 * Owned by one converter; one thread. What is the same for all rows of an event is said once
 * (emit_begin_event), so that a row's own parts are all that is written for it.
 */
#pragma once
#include "publisher/change.h"
#include "publisher/convert.h"
#include "publisher/envelope.h"
#include "publisher/message.h"
#include "publisher/options.h"
#include "publisher/shape.h"
#include "publisher/tables/tables.h"

struct emit;
/* Options, encoding and schemas outlive it. */
MUST_CHECK int emit_new(const struct options *o, const struct shape_context *shapes,
                        const struct convert_registrar *registrar, change_sink *sink,
                        void *sink_arg, struct emit **out, struct err *e);
void           emit_free(struct emit *m); /* accepts NULL */

/* Where the binlog event is and what its source block says, up to the table. */
struct emit_place {
    store_pos              pos;
    struct envelope_source source; /* views that live as long as the event */
};

/* Told of each image of a row that is written (an update's key may be in the one as in the other);
   a column that `values` lacks is in `other`. */
struct emit_watch {
    int (*row)(void *arg, const struct shape *s, const struct value *values,
               const struct value *other, bool is_insert, struct err *e);
    void *arg;
};
void emit_set_watch(struct emit *m, const struct emit_watch *w); /* copied */

MUST_CHECK int emit_begin_event(struct emit *m, const struct emit_place *at, const struct shape *s,
                                struct err *e);
/* The images of one row in s->before and s->after. */
MUST_CHECK int emit_insert(struct emit *m, struct shape *s, uint32_t row, struct err *e);
MUST_CHECK int emit_update(struct emit *m, struct shape *s, uint32_t row, struct err *e);
MUST_CHECK int emit_delete(struct emit *m, struct shape *s, uint32_t row, struct err *e);
/* A row that was read, not changed: in s->before, with a `source` block as emit_begin_event() was
   told. */
MUST_CHECK int emit_read(struct emit *m, struct shape *s, struct err *e);
/* After a failure of these: whether the record was made, so that it is not the row's. */
bool           emit_is_made(const struct emit *m);
MUST_CHECK int emit_truncate(struct emit *m, const struct emit_place *at, struct shape *s,
                             struct err *e);

MUST_CHECK int emit_schema_change(struct emit *m, const struct emit_place *at,
                                  const struct schema_change *c, struct err *e);
/* The events between these two are numbered; `id` is copied. */
MUST_CHECK int emit_begin_transaction(struct emit *m, store_pos pos, const char *id,
                                      int64_t time_ms, struct err *e);
MUST_CHECK int emit_end_transaction(struct emit *m, store_pos pos, int64_t time_ms, struct err *e);
MUST_CHECK int emit_heartbeat(struct emit *m, store_pos pos, struct err *e);

/* Another binlog file begins: what Debezium's source block keeps from event to event begins anew.
 */
void emit_begin_file(struct emit *m);
/* Those of a change event that says nothing of a key's change. */
void emit_headers(struct emit *m, enum format_family family, const struct change_header **headers,
                  uint32_t *count);
/* Gives back what a large row needed. */
void emit_rest(struct emit *m);
