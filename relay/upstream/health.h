/*
 * One look at a server that the channel may follow: does it answer, who is it, may it be written
 * to, what has it executed, and how does that compare with what the relay holds.
 *
 * Cheap enough to be done every few seconds: the connection is kept, nothing of its binlogs is
 * read. What decides about a switch is the plan (relay/upstream/plan.h), which does. Used by one
 * thread each. Source: MySQL and MariaDB manuals (system variables, SHOW REPLICA STATUS).
 */
#pragma once
#include "relay/upstream/landmark.h"

enum health_standing {
    HEALTH_UNKNOWN, /* no GTIDs to compare, or not asked */
    HEALTH_EVEN,    /* has what the relay has, or more */
    HEALTH_BEHIND,  /* lacks something that the relay has */
    HEALTH_PURGED,  /* has deleted binlogs of what the relay has not got */
};

struct health {
    int64_t             looked_s; /* Unix time; 0: never */
    bool                answers;
    enum err_kind       kind;                    /* of the problem */
    char                problem[ERR_TEXT_BYTES]; /* why it does not, or can't be followed; or "" */
    char                address[300];
    struct server_facts facts; /* as of the last answer */
    bool                read_only;
    char                file[STORE_NAME_BYTES + 1]; /* end of its binlog; "": not asked */
    uint64_t            offset;
    char                replicates_from[300]; /* "" */
    bool                replicates;           /* both of its replication threads run */

    enum health_standing standing;
    uint64_t             lacking, more; /* transactions: the relay's alone, the server's alone */
    struct gtids         executed;
};
void           health_done(struct health *h);
MUST_CHECK int health_copy(struct health *into, const struct health *from, struct err *e);

/* A server that is looked at again and again. */
struct health_subject {
    const struct config_source *source;
    struct config_source        impatient; /* the same with short timeouts */
    struct client              *client;    /* NULL: none is open */
    struct server_facts         facts;     /* of this connection */
    struct landmarks *landmarks; /* of servers that are not followed; NULL: none are kept */
};
void health_subject_init(struct health_subject *s, const struct config_source *source);
void health_subject_done(struct health_subject *s);

/* `follows`: it is the active one, of which only little is asked, since commits there may be
   waiting for the relay. What can't be found out is said in *out; -1 only for E_STOPPED
   (interrupt_fd became readable) and E_NOMEM. */
MUST_CHECK int health_look(struct health_subject *s, struct store *store, bool follows,
                           int interrupt_fd, struct health *out, struct err *e);
/* Whether it can be reached over a new connection: E_IO when not. */
MUST_CHECK int health_try(const struct config_source *source, int interrupt_fd, struct err *e);

/* How `executed` and `purged` of a server compare with what is held. Pure. */
MUST_CHECK int health_compare(const struct gtids *held, const struct gtids *executed,
                              const struct gtids *purged, struct health *out, struct err *e);
