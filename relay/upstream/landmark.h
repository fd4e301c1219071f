/*
 * Places of the binlogs of servers that may be followed, in front of which all is held: then a join
 * needs to read only what is behind.
 *
 * A server is asked for the end of its binlog and behind that for its GTIDs, which tell whatever is
 * in front of that end; as soon as all of those are held, so is all in front of the place. What is
 * known is of one unbroken connection: who loses it forgets the place.
 *
 * Plain data of its owner is struct landmark; struct landmarks is a channel's table of them, for
 * any thread. Sources: MySQL manual (gtid_owned: of transactions that are not yet in
 * gtid_executed), MariaDB manual (gtid_binlog_state).
 */
#pragma once
#include "relay/channel.h"

struct client;

struct landmark {
    char       file[STORE_NAME_BYTES + 1];
    uint64_t   at;
    int64_t    seen_ms; /* CLOCK_MONOTONIC */
    struct buf gtids;   /* text: at least all that stand in front; of MariaDB exactly those that its
                           GTID_LIST would name there */
};
void landmark_done(struct landmark *m); /* accepts a zeroed one */

/* *told false: the server can't tell, or was writing just then. */
MUST_CHECK int landmark_take(struct client *c, const struct server_facts *facts,
                             struct landmark *out, bool *told, struct err *e);
/* Whether all in front of it is among `held`. */
MUST_CHECK int landmark_is_held(const struct landmark *m, const struct gtids *held, struct store *s,
                                bool *is_held, struct err *e);

struct landmarks;

MUST_CHECK int landmarks_new(struct landmarks **out, struct err *e);
void           landmarks_free(struct landmarks *l); /* accepts NULL */
/* Looks, and keeps the newest place in front of which all is held, for the source of this name. */
MUST_CHECK int landmarks_look(struct landmarks *l, const char *source, struct client *c,
                              const struct server_facts *facts, struct store *s, struct err *e);
void           landmarks_forget(struct landmarks *l, const char *source);
/* A copy, for landmark_done(). *found false: none is known of this server. */
MUST_CHECK int landmarks_find(struct landmarks *l, const char *source,
                              const struct server_facts *facts, struct landmark *out, bool *found,
                              struct err *e);
