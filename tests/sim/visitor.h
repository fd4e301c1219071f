/*
 * A client's half of a session without a socket, and the world that a session lives in: for tests
 * that talk to relay/downstream/session.c packet by packet.
 */
#pragma once
#include "relay/downstream/session.h"
#include "tests/sim/fixture.h"

struct visitor {
    struct session_world   world;
    struct session_channel channel;
    struct session_gate    gate;
    struct server_facts    facts;
    struct session         session;
    struct buf             out;      /* what the session answered and nobody took yet */
    uint8_t                sequence; /* of the next packet sent */
};

enum { VISITOR_CAPABILITIES = 0x008aa205 }; /* 4.1, secure, plugins, lenenc answers, transactions */

/* Whose users can log in: "u", "tls", "free" and "admin". */
struct config visitor_config(void);
/* One of them; lives until visitor_world_done(). */
struct user *visitor_user(struct visitor *c, const char *name);

/* The world: users "u" (password "secret"), "tls" (the same, TLS demanded), "free" (no password);
   a source of this family that is known. `store` stays the caller's. */
void visitor_world_begin(struct visitor *c, struct store *store, enum format_family family);
void visitor_world_done(struct visitor *c);

/* A session, greeted. */
void visitor_begin(struct visitor *c);
void visitor_done(struct visitor *c);
/* One packet with the right sequence number. */
void visitor_send(struct visitor *c, struct slice payload);
/* A command: begins a new sequence. */
void visitor_command(struct visitor *c, uint8_t command, struct slice body);
void visitor_query(struct visitor *c, const char *sql);
/* Takes the next packet's payload off the answers; false when there is none. Valid until the next
   packet is sent. */
bool visitor_take(struct visitor *c, struct slice *payload);
/* Answers the greeting: `scramble` is the greeting's, `password` in the native method. */
void visitor_log_in(struct visitor *c, const char *user, const char *password);
