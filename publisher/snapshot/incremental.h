/*
 * Incremental snapshots: what tables hold already, chunk by chunk among the stream's changes, so
 * that no row is written older after newer (chunk_reader.h says why).
 *
 *   asked -> [chunk is read | stream goes on, its keys are noted] -> stream has passed H:
 *   what the stream did not write meanwhile is written -> the next chunk
 *
 * Part of a publisher: what is marked so is for its thread alone, the rest for any. A chunk is
 * thrown away and read again when the table was changed by a statement, another source is followed,
 * or more keys were touched than are kept. State: incremental_state.h, kept with the publisher's
 * checkpoint. Memory: CHUNK_BYTES of rows (or one row that is larger), twice that for keys.
 */
#pragma once
#include "publisher/snapshot/chunk_reader.h"
#include "publisher/publisher.h"
#include "publisher/snapshot/signal.h"

struct incremental;
struct publisher;
struct reader;

/* `source` is copied; its `open` NULL: there is no source to be asked. Of the publisher, which must
   outlive it. */
MUST_CHECK int incremental_new(struct publisher *p, const struct publisher_source *source,
                               struct incremental **out, struct err *e);
void           incremental_free(struct incremental *i); /* accepts NULL */

/* ---- the publisher's thread ---- */
/* The converter and the state of the checkpoint are there. */
MUST_CHECK int incremental_begin(struct incremental *i, struct err *e);
/* A transaction has ended, and the place behind it is about to be passed. */
MUST_CHECK int incremental_boundary(struct incremental *i, struct err *e);
/* Then the stream stands between two transactions, at the reader's place. */
MUST_CHECK int incremental_step(struct incremental *i, struct reader *r, struct err *e);
/* When to step again at the latest, -1: when there is news. */
int64_t incremental_due_ms(const struct incremental *i);
/* Nothing is written any more; what is being read is read again after the next begin. */
void incremental_end(struct incremental *i);

/* ---- any thread ---- */
/* Takes the signal over; returns when it was taken up, or refused with a sentence in *e. */
MUST_CHECK int incremental_signal(struct incremental *i, struct signal *s, struct err *e);
/* Who waits, waits no more: the publisher ends, fails or pauses. */
void incremental_refuse(struct incremental *i, const char *why);

void incremental_status(struct incremental *i, struct snapshot_progress *out);
