/*
 * The server's side of the connection phase: greeting, the client's answer, SSL request.
 * Views point into the packet they were parsed from. Any thread.
 * Source: MySQL protocol documentation, "Connection Phase"; MariaDB knowledge base "Connecting"
 * (extended capabilities).
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

enum { SCRAMBLE_BYTES = 20 };

enum capability {
    CAP_LONG_PASSWORD = 1u << 0, /* clear: a MariaDB server with extended capabilities */
    CAP_FOUND_ROWS = 1u << 1,
    CAP_LONG_FLAG = 1u << 2,
    CAP_CONNECT_WITH_DB = 1u << 3,
    CAP_NO_SCHEMA = 1u << 4,
    CAP_COMPRESS = 1u << 5,
    CAP_ODBC = 1u << 6,
    CAP_IGNORE_SPACE = 1u << 8,
    CAP_PROTOCOL_41 = 1u << 9,
    CAP_INTERACTIVE = 1u << 10,
    CAP_SSL = 1u << 11,
    CAP_IGNORE_SIGPIPE = 1u << 12,
    CAP_TRANSACTIONS = 1u << 13,
    CAP_RESERVED = 1u << 14,
    CAP_SECURE_CONNECTION = 1u << 15,
    CAP_MULTI_STATEMENTS = 1u << 16,
    CAP_MULTI_RESULTS = 1u << 17,
    CAP_PS_MULTI_RESULTS = 1u << 18,
    CAP_PLUGIN_AUTH = 1u << 19,
    CAP_CONNECT_ATTRS = 1u << 20,
    CAP_PLUGIN_AUTH_LENENC = 1u << 21,
    CAP_EXPIRED_PASSWORDS = 1u << 22,
    CAP_SESSION_TRACK = 1u << 23,
    CAP_DEPRECATE_EOF = 1u << 24,
    CAP_QUERY_ATTRIBUTES = 1u << 27,

    /* All that this side of the protocol can do; CAP_SSL comes on top where there is a
       certificate. */
    CAP_OFFERED = CAP_LONG_PASSWORD | CAP_FOUND_ROWS | CAP_LONG_FLAG | CAP_CONNECT_WITH_DB |
                  CAP_IGNORE_SPACE | CAP_PROTOCOL_41 | CAP_INTERACTIVE | CAP_IGNORE_SIGPIPE |
                  CAP_TRANSACTIONS | CAP_SECURE_CONNECTION | CAP_MULTI_RESULTS |
                  CAP_PS_MULTI_RESULTS | CAP_PLUGIN_AUTH | CAP_CONNECT_ATTRS |
                  CAP_PLUGIN_AUTH_LENENC | CAP_DEPRECATE_EOF | CAP_QUERY_ATTRIBUTES,
};

struct greeting {
    const char
            *version; /* as the client shall see it, "5.5.5-" included where the server sends it */
    uint32_t thread_id;    /* true: KILL must work with it */
    uint32_t capabilities; /* ours */
    uint8_t  charset;
    uint8_t  scramble[SCRAMBLE_BYTES]; /* no zero bytes, no '$' */
    const char *plugin;
};
void handshake_put_greeting(struct buf *payload, const struct greeting *g);

struct handshake_response {
    bool is_ssl_request;       /* only capabilities and charset are filled; TLS starts now and the
                                  response comes again */
    uint32_t     capabilities; /* the client's, masked with ours */
    uint32_t     max_packet;
    uint8_t      charset;
    struct slice user, answer, database, plugin, attributes;
};
/* `ours`: the greeting's capabilities: bits that were not offered are masked away. E_PROTOCOL for
 * anything before 4.1. */
MUST_CHECK int handshake_parse_response(struct slice payload, uint32_t ours,
                                        struct handshake_response *out, struct err *e);
/* What follows the command byte of COM_CHANGE_USER: the same fields in another order, for a
   connection of these capabilities. */
MUST_CHECK int handshake_parse_change_user(struct slice payload, uint32_t capabilities,
                                           struct handshake_response *out, struct err *e);
