/*
 * Who is connected: gives thread ids, bounds the number of sessions, and lets one session (KILL, a
 * replica that came back) or the operator reach another one that lives in another loop.
 *
 * An entry lies inside its session. What others may look at is written under the roster's mutex
 * (roster_describe), or is an atomic. To end another session is to leave a word in its entry and to
 * wake its loop, which does it. Any thread.
 */
#pragma once
#include <stdatomic.h>
#include "protocol/base/err.h"
#include "protocol/gtid.h"
#include "storage/pos.h"

enum roster_end { ROSTER_STAYS = 0, ROSTER_KILLED, ROSTER_SUPERSEDED };

enum { ROSTER_USER_BYTES = 96, ROSTER_ADDRESS_BYTES = 64 };

/* Bounds the sessions that came in by one listener. The roster's own. */
struct roster_gate {
    uint32_t most, count;
};

struct roster_entry {
    /* set before roster_add() */
    struct roster_gate *gate;                          /* NULL: none but the roster's own bound */
    char                address[ROSTER_ADDRESS_BYTES]; /* "127.0.0.1:40000" */
    void (*wake)(void *arg);                           /* the session's loop should look at `end` */
    void *arg;

    /* set by roster_add() */
    uint32_t id; /* thread id */
    int64_t  since_s;

    /* changed by roster_describe() only, read under the mutex */
    char        user[ROSTER_USER_BYTES];
    const char *what; /* a static text */
    bool        tls;
    bool        streaming;
    int         channel;    /* index; -1 before login */
    const char *command;    /* of a stream; a static text */
    bool        registered; /* as a replica, with what follows */
    uint32_t    server_id;
    uint16_t    replica_port;
    char        replica_host[64];
    char        replica_uuid[UUID_TEXT_BYTES + 1];

    _Atomic(store_pos) pos;   /* 0 before a dump */
    _Atomic(store_pos) acked; /* by a semi-synchronous replica; 0: nothing yet */
    _Atomic(uint64_t)  sent_bytes;
    _Atomic(int)       end;       /* enum roster_end */
    _Atomic(bool)      cancel;    /* end what it is doing */
    _Atomic(bool)      semi_sync; /* the stream asks for acknowledgements */

    struct roster_entry *prev, *next;
};

struct roster;

MUST_CHECK int roster_new(uint32_t most, struct roster **out, struct err *e);
void           roster_free(struct roster *r); /* accepts NULL; must be empty */

/* E_LIMIT when there are `most` already, or the gate's. The entry must stay where it is until
 * roster_remove(). */
MUST_CHECK int roster_add(struct roster *r, struct roster_entry *entry, struct err *e);
/* Sessions above a lowered bound stay. */
void roster_resize(struct roster *r, struct roster_gate *gate, uint32_t gate_most, uint32_t most);
void roster_remove(struct roster *r, struct roster_entry *entry);

/* What is told of an entry. NULL texts and negative numbers leave what was. */
struct roster_change {
    const char *user, *what, *replica_uuid, *command, *replica_host;
    int         tls, streaming, channel;
    int64_t     server_id, replica_port;
};
static inline struct roster_change roster_no_change(void)
{
    return (struct roster_change){
        .tls = -1, .streaming = -1, .channel = -1, .server_id = -1, .replica_port = -1
    };
}
void roster_describe(struct roster *r, struct roster_entry *entry, const struct roster_change *c);

enum roster_kill_result { ROSTER_KILL_DONE, ROSTER_KILL_UNKNOWN, ROSTER_KILL_NOT_YOURS };
/* `user` NULL may end everybody's sessions. */
enum roster_kill_result roster_kill(struct roster *r, uint32_t id, const char *user, bool query);

/* Ends other streams of the same replica: of the same channel, the same server_id (not 0), and
 * where both name one, the same replica_uuid. Returns how many. */
unsigned roster_supersede(struct roster *r, const struct roster_entry *by);

/* How many there are now; may be old at once. */
uint32_t roster_count(const struct roster *r);

/* A copy of each entry, oldest first, made under the mutex; `each` is called without it. */
MUST_CHECK int roster_each(struct roster *r,
                           void (*each)(void *arg, const struct roster_entry *entry), void *arg,
                           struct err *e);
