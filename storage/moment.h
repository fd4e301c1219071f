/*
 * What a person writes to name where a range of the binlog begins or ends:
 *
 *   oldest, newest                          all that is held, on either side
 *   FILE:POSITION, SOURCE:FILE:POSITION     a place between two transactions (see place.h)
 *   GTID                                    that transaction is the first or the last one
 *   before:GTID, after:GTID                 it is not, or no more, a part of the range
 *   several GTIDs, as a set or a state      begin behind all of them; end when all are there
 *   2026-11-21 10:00:00 (UTC), with T, Z, +02:00 or a fraction as well; @SECONDS
 *                                           the first transaction that committed then or later
 *
 * Plain data but for the GTIDs; any thread.
 */
#pragma once
#include "protocol/gtid.h"
#include "storage/place.h"

enum moment_kind {
    MOMENT_OLDEST,
    MOMENT_NEWEST,
    MOMENT_PLACE, /* a file and position */
    MOMENT_GTID,  /* one */
    MOMENT_GTIDS,
    MOMENT_TIME,
};

enum moment_side { MOMENT_UNSAID, MOMENT_BEFORE, MOMENT_AFTER };

struct moment {
    enum moment_kind kind;
    enum moment_side side;  /* of one GTID */
    struct place     place; /* PLACE, GTID */
    struct gtids     gtids;
    int64_t          time_s; /* Unix time; a fraction counts up */
};

/* E_CONFIG when it is none of these. Fills *out on success only; moment_done() it. */
MUST_CHECK int moment_parse(const char *text, struct moment *out, struct err *e);
void           moment_done(struct moment *m); /* accepts a zeroed one */

/* "2026-11-21 10:00:00" and its other forms, "@1700000000"; -1 for anything else. */
MUST_CHECK int moment_parse_time(const char *text, int64_t *out);
