/*
 * A consumer's MySQL session: from greeting to stream, as a state and a table of states.
 *
 *   AWAIT_HANDSHAKE -> [AWAIT_TLS -> AWAIT_HANDSHAKE ->] [AWAIT_AUTH ->] AWAIT_COMMAND
 *   AWAIT_COMMAND   -> STREAMING                       any -> CLOSING
 *   AWAIT_COMMAND   -> FORWARDING [-> AWAIT_PLACE] -> AWAIT_COMMAND
 *   AWAIT_COMMAND   -> AWAIT_RISE -> AWAIT_COMMAND
 *
 * Its channel is its user's, or else the listener's. Since a server speaks first, the greeting is
 * of the listener's channel; where that names none, of the first one that knows its source.
 *
 * Knows no socket: it is fed whole packets and fills a buffer, so that a test or a fuzzer can be
 * the client. Its peer (relay/downstream/peer.h) owns both, and does what the state says: begins
 * TLS, asks for the stream's next bytes, closes. Nothing here blocks or fails towards the caller:
 * what goes wrong is answered, logged once and ends in CLOSING.
 */
#pragma once
#include "protocol/auth.h"
#include "protocol/command.h"
#include "relay/channel.h"
#include "relay/downstream/dump.h"
#include "relay/forward/forward.h"
#include "relay/sql/query.h"
#include "relay/downstream/roster.h"
#include "relay/downstream/penalty.h"
#include "relay/downstream/tls.h"
#include "relay/downstream/users.h"

/* A channel as its sessions see it. */
struct session_channel {
    const char   *name;
    struct store *store;     /* NULL: the channel could not be opened */
    struct pool  *pool;      /* of connections to its source; NULL with store */
    uint32_t      server_id; /* the relay's own */
    const char   *server_uuid;
    /* What is known of the source now. */
    void (*facts)(void *arg, struct server_facts *out);
    struct remembered_list *(*variables)(void *arg); /* the same, to be released; NULL: not known */
    void (*status)(void *arg, struct channel_status *out); /* the same; NULL: not known */
    void             *facts_arg;
    struct consumers *consumers; /* NULL: they are not remembered */
};

/* Where sessions come in: one listener. */
struct session_gate {
    const struct session_channel *channel;  /* of users without one of their own; NULL: none */
    const struct tls_config      *tls;      /* for the peer */
    _Atomic(uint32_t)             login_ms; /* time to log in */
    _Atomic(uint32_t)             idle_ms;  /* between two commands */
    _Atomic(uint32_t)             write_ms; /* without taking any of the bytes that are there */
    struct roster_gate            room;
};

/* What all sessions share; outlives them. */
struct session_world {
    struct users                 *users;
    struct penalty               *penalty;
    const struct auth_key        *key;
    struct roster                *roster;
    const struct session_channel *channels;
    size_t                        channel_count;
    int64_t                       started_s;
};

enum session_state {
    AWAIT_HANDSHAKE,
    AWAIT_TLS,
    AWAIT_AUTH,
    AWAIT_COMMAND,
    FORWARDING,  /* the source is asked */
    AWAIT_PLACE, /* the source has answered with a place that is not published here yet */
    AWAIT_RISE,  /* a statement asks to wait until something is published */
    STREAMING,
    SLOWED,  /* a failed login's answer waits */
    CLOSING, /* the answer goes out, then the connection ends */
    GONE,    /* the connection ends at once */
    SESSION_STATES
};

struct session {
    const struct session_world *world;
    struct session_gate        *gate;
    /* The greeting's, and from the login on the one that it is served from. */
    const struct session_channel *channel;
    struct buf                   *out; /* framed packets for the client */
    enum session_state            state;
    uint8_t                       sequence; /* of the next packet, in either direction */
    bool                          secure;
    const char                   *tls_version, *tls_cipher; /* static texts; set by the peer */
    uint32_t                      offered, capabilities;
    uint8_t                       charset; /* of the client's login */
    uint8_t                       scramble[SCRAMBLE_BYTES];
    struct auth_exchange          exchange;
    struct user                  *user;        /* held; NULL: not known (yet) */
    const char                   *unfit;       /* why one that is there may not log in */
    struct tls_peer               certificate; /* that the client showed */
    bool                          counted;     /* as one of its user's connections */
    uint32_t                      slow_ms;     /* SLOWED: for so long */
    char                          user_name[ROSTER_USER_BYTES]; /* as asked for, printable */
    bool                          with_password;
    struct server_facts facts; /* as of the greeting or login, so that a session is of one piece */
    char                host[ROSTER_ADDRESS_BYTES]; /* of the client, without its port */
    struct command_register replica;
    struct query_session    query;
    struct remembered_list *variables; /* the source's, as of the login */
    struct dump            *dump;
    struct forwarding      *forwarding;   /* NULL: nothing was ever asked */
    struct query_wait       wait;         /* AWAIT_RISE: of the statement */
    bool                    times_anew;   /* the state's time begins again, for the peer */
    struct consumer        *consumer;     /* NULL: none that is remembered */
    bool                    ends_soon;    /* without a word */
    int64_t                 heartbeat_ns; /* of the dump; 0: none */
    int64_t                 pay_ns;       /* how long the stream must rest for what it was given */
    struct roster_entry     entry;
};

/* `entry.address`, `entry.wake` and `entry.arg` must be set. The session stays where it is. */
void session_init(struct session *s, const struct session_world *w, struct session_gate *gate,
                  struct buf *out);
void session_done(struct session *s);

/* Joins the roster and greets; or is refused (CLOSING). */
void session_greet(struct session *s);
void session_on_packet(struct session *s, uint8_t sequence, struct slice payload);
/* After AWAIT_TLS, when the handshake is done. */
void session_secured(struct session *s, const struct tls_peer *peer);
/* What the transport found wrong: an oversized packet, a failed TLS handshake. */
void session_on_error(struct session *s, const struct err *why);
void session_on_timeout(struct session *s);
/* The client takes no bytes any more. */
void session_on_stuck(struct session *s);
/* The relay stops: a stream goes on to a place where it can be cut off (then CLOSING), all else is
   GONE at once. */
void session_finish(struct session *s);
/* The users were read anew: one that is gone ends, and so does the stream of one that may not
   replicate any more; all else goes on by its user's new limits and rights. */
void session_on_reload(struct session *s);
/* Does what another session or the operator left in entry.end. */
void session_on_end(struct session *s);

/* STREAMING: the stream's next bytes into `out`, which must be empty, and the bodies of large
 * events into `stretches` (NULL: into `out`, too). Without more to send *step is DUMP_AT_END: ask
 * again after a wake. */
void session_stream(struct session *s, struct stretches *stretches, enum dump_step *step);
/* STREAMING: the same for a stream that waited at the end, as far as it lies in one of the tails
   (without and with annotations). False: ask session_stream(). */
bool session_tail(struct session *s, struct tail *const tails[2], struct slice *out);
/* STREAMING: a heartbeat, for the next session_stream(). */
void session_heartbeat(struct session *s);

/* FORWARDING: moves what can be moved between the source and `out`, which must be empty. */
void session_forward(struct session *s, enum forward_step *step);
/* FORWARDING: what to wait for on the source's socket (POLLIN, POLLOUT); -1: nothing there. */
int session_forward_watch(const struct session *s, short *events);
/* FORWARDING: the client's command is longer than a packet and not all of it has come; may more of
   it be given now; and gives it, framed: how much of it was taken. */
bool   session_lacks_rest(const struct session *s);
bool   session_takes_rest(const struct session *s);
size_t session_take_rest(struct session *s, struct slice bytes);
/* More was published: an AWAIT_PLACE or AWAIT_RISE may go on. */
void session_on_published(struct session *s);
/* Does what KILL QUERY left in entry.cancel. */
void session_on_cancel(struct session *s);

/* Largest payload taken from the client now. */
size_t session_packet_max(const struct session *s);
/* How long the client may be silent in this state; 0: for ever. Login states share one limit. */
uint32_t session_wait_ms(const struct session *s);
bool     session_logging_in(const struct session *s);
/* Of the session's channel in the world's array. Once logged in. */
size_t session_channel_index(const struct session *s);
