/*
 * Connections to the source for forwarded statements: made, and broken by KILL, in short-lived
 * threads of their own, since a login waits and a loop must not.
 *
 * One pool per channel, shared by all loops; any thread. An errand is one such piece of work. Its
 * owner (a session, in its loop's thread) is woken when it is done, and takes or drops it; an
 * errand that was dropped cleans up after itself.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/client.h"
#include "relay/config/config.h"

struct pool;
struct errand;

/* `source` must outlive it. */
MUST_CHECK int pool_new(const struct config_source *source, struct pool **out, struct err *e);
/* Other settings of the same source, for connections that begin later; must outlive it, too. */
void pool_use_source(struct pool *p, const struct config_source *source);
/* Another server, for connections that begin later; those to the former one end. */
void pool_leave_source(struct pool *p, const struct config_source *next);
/* Ends what is under way and waits for it. Accepts NULL; no session may be left. */
void pool_free(struct pool *p);

struct pool_login {
    struct client_guise guise;
    struct slice        settings;  /* statements to begin with, each ended by a zero byte */
    bool                read_only; /* the server shall refuse whatever writes */
};

/* Who is told, from any thread, that an errand is done: must only wake somebody. */
struct pool_wake {
    void (*wake)(void *arg);
    void *arg;
};

/* Begins to connect. E_LIMIT when there are too many connections. Copies what `login` points to. */
MUST_CHECK int pool_connect(struct pool *p, const struct pool_login *login, struct pool_wake wake,
                            struct errand **out, struct err *e);
/* Begins to run KILL, or KILL QUERY, on one of our connections. */
MUST_CHECK int pool_kill(struct pool *p, uint32_t thread_id, bool query, struct pool_wake wake,
                         struct errand **out, struct err *e);

bool errand_done(struct errand *r);
/* Of one that is done: its connection (NULL after a KILL), or why there is none; frees the errand.
 * E_REFUSED: an answer of the server (e->sys is its number), also to a setting. */
MUST_CHECK int errand_take(struct errand *r, struct client **out, struct err *e);
/* One that connects ends at once, a KILL goes on. Accepts NULL. */
void errand_drop(struct errand *r);

/* Closes a connection that was taken. */
void pool_close(struct pool *p, struct client *c);
