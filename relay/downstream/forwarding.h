/*
 * What session_forward.c and session_prepared.c share: the command of a session that is at work,
 * and its connection to the source. For the session's own thread.
 */
#pragma once
#include "protocol/prepared.h"
#include "relay/downstream/prepared_list.h"
#include "relay/downstream/session_parts.h"
#include "relay/forward/binlog_end.h"
#include "relay/forward/forward.h"
#include "relay/sql/query_class.h"

/* What is done with the response under way. */
enum purpose { TO_CLIENT, TO_SET_DATABASE, TO_FIND_PLACE, TO_FIND_SNAPSHOT };

/* A command whose packets go to the source as they come. */
struct large {
    bool              comes; /* not all of it has come */
    bool              full;  /* the packet that comes now is: another one follows */
    uint32_t          packet_left;
    uint64_t          bytes, most; /* so far; the source's max_allowed_packet */
    struct query_scan scan;        /* of SQL; finds nothing for others */
};

struct forwarding {
    struct forward *to; /* NULL: none (any more) */
    bool pinned; /* the connection holds what a new one would not: locks, prepared statements */
    bool last_was_there; /* the last statement was the source's */

    /* The command at work. */
    struct buf        head;       /* in front of the SQL text: command, attributes */
    struct buf        rest;       /* statements that wait for their turn, the current one first */
    size_t            current;    /* bytes of it */
    bool              more;       /* others follow */
    bool              is_setting; /* the current one is one */
    enum purpose      purpose;
    struct buf        packets; /* of an answer to ourselves */
    uint8_t           packet_number;
    struct binlog_end place;

    struct large large; /* a command that is longer than a packet, on its way */

    struct prepared_list *prepared;        /* those that are answered here; NULL: there were none */
    bool                  binary;          /* the current one is: its rows are in the binary form */
    const struct query_parameters *values; /* with it */
};

/* NULL: no memory. */
struct forwarding *forwarding_of(struct session *s);
bool               forwarding_is_connected(const struct session *s);
/* An idle connection may have ended at the source. False: the session has ended with it. */
bool forwarding_look_after(struct session *s);
/* False: refused, and answered. */
bool forwarding_is_allowed(struct session *s);
/* Refused, since it would end a session's read-only mode at the source. */
bool forwarding_refuses_to_lift(struct session *s, struct slice text);
/* A command as it came. */
void forwarding_send(struct session *s, struct slice payload, enum response_kind kind,
                     enum purpose purpose);
/* The first packet of a command in several; the rest is expected where the session is FORWARDING
   then. */
void forwarding_begin(struct session *s, struct slice payload, enum response_kind kind);
/* Ends the current command with what went wrong. */
void forwarding_fail(struct session *s, const struct err *e);
/* One statement after the other of what is in `rest`, until one has to wait. */
void forwarding_go_on(struct session *s);
