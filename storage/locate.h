/*
 * From what a consumer asks for to a place in the store. Any thread; reads sidecars, not files, as
 * far as it can.
 */
#pragma once
#include "storage/store.h"

/* File and position: must be a relay file and an event's start (or its end of data). name "" is the
   first held file. A name that is no relay file but is exactly one known source file resolves by
   itself; "SOURCE:FILE" asks for a source's coordinates. Errors: E_PURGED (unknown or purged file),
   E_PROTOCOL (position inside an event or past the end). */
MUST_CHECK int locate_position(struct store *s, const char *file, uint64_t position, store_pos *out,
                               struct err *e);

/* A MySQL dump by GTID set: the file to begin in (its start, for the preamble), and in it the place
   from which something may be missing from `have` (everything between is held by the consumer).
   E_PURGED with the missing set in the text when transactions before the first file are not in
   `have`. */
struct locate_gtid {
    store_pos file_start; /* offset 4 of the newest file whose set in front is within `have` */
    store_pos first;      /* >= file_start; a transaction's start or the file's data end */
};
MUST_CHECK int locate_gtid_set(struct store *s, const struct gtid_set *have,
                               struct locate_gtid *out, struct err *e);

/* MariaDB's @slave_connect_state. E_PURGED with the server's own texts: too old, or not in the
 * binlog. */
MUST_CHECK int locate_gtid_state(struct store *s, const struct gtid_state *have,
                                 struct locate_gtid *out, struct err *e);

/* One transaction: where it begins and ends. E_PURGED when it is not held. */
MUST_CHECK int locate_gtid_one(struct store *s, const struct gtid *g, store_pos *begin,
                               store_pos *end, struct err *e);
/* The last transaction end at or before this time (seconds); GTIDs up to a place. */
MUST_CHECK int locate_time(struct store *s, int64_t time_s, store_pos *out, struct err *e);
MUST_CHECK int locate_gtids_at(struct store *s, store_pos at, struct gtids *out, struct err *e);
