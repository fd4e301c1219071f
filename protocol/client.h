/*
 * A connection to a source: login, queries, and the binlog dump as raw bytes. The one place that
 * uses libmariadb.
 *
 * One thread owns a client; another one ends its waiting calls (E_STOPPED) by making interrupt_fd
 * readable. The dump's packets are read from the socket (or its TLS) directly into
 * the caller's buffer in large pieces, since the library's own reader copies each event and needs
 * memory for the largest. Source: MariaDB Connector/C documentation; MySQL protocol documentation
 * for the dump commands.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

enum client_tls {
    CLIENT_TLS_OFF,
    CLIENT_TLS_PREFERRED,
    CLIENT_TLS_REQUIRED,
    CLIENT_TLS_VERIFY_CA,
    CLIENT_TLS_VERIFY_IDENTITY
};

/* What a connection says of itself at the login when its packets shall go on to somebody else as
 * they are, so that both sides speak the same dialect of the protocol. */
struct client_guise {
    uint32_t capabilities; /* enum capability; what only the login is about stays the library's */
    uint8_t  charset;      /* see client_told_charset() */
};

struct client_options {              /* texts are borrowed for the time of client_connect() */
    const char                *host; /* one; a name, or an address of IPv4 or IPv6 */
    uint32_t                   port;
    const char                *socket; /* NULL: TCP */
    const char                *user;
    const char                *password;
    enum client_tls            tls;
    const char                *tls_ca, *tls_cert, *tls_key; /* NULL: none */
    bool                       compress;                    /* if the server can */
    const struct client_guise *guise;                       /* NULL: the library's own */
    uint32_t                   connect_timeout_s, read_timeout_s;
    int interrupt_fd; /* an eventfd, owned by the caller, outlives the client; 0: none */
};

struct client;

/* E_AUTH: refused login; E_REFUSED: the server's error otherwise (e->sys is its number); E_IO:
 * unreachable. Texts name user@host:port and say what to do. */
MUST_CHECK int client_connect(const struct client_options *o, struct client **out, struct err *e);
void           client_close(struct client *c);         /* accepts NULL */
const char    *client_address(const struct client *c); /* "host:port", or the socket's path */
const char    *client_server_version(const struct client *c); /* without "5.5.5-" */

/* Runs a statement; `row` (may be NULL) gets each row's texts (NULL for SQL NULL), its -1 ends it.
 * E_REFUSED: the server's error. */
MUST_CHECK int client_query(struct client *c, const char *sql,
                            int (*row)(void *arg, uint32_t columns, const char *const *values,
                                       const unsigned long *lengths, struct err *e),
                            void *arg, struct err *e);
/* The first column of the first row, "" when there is none; longer values are E_LIMIT. */
MUST_CHECK int client_query_text(struct client *c, const char *sql, char *into, size_t size,
                                 struct err *e);
/* Text quoted for use between single quotes. */
MUST_CHECK int client_quote(struct client *c, struct slice text, struct buf *into, struct err *e);

/* Capabilities that the server offered (enum capability), and its id of this connection. */
uint32_t client_server_capabilities(const struct client *c);
uint32_t client_thread_id(const struct client *c);
/* Did the login name its guise's charset? Through TLS it can't. */
bool client_told_charset(const struct client *c);

MUST_CHECK int client_register(struct client *c, uint32_t server_id, const char *host,
                               uint16_t port, struct err *e);
/* Sends COM_BINLOG_DUMP by file and position; from now on only client_read() (and close). Positions
   above 4 GiB can't be asked for with this command: E_LIMIT. */
MUST_CHECK int client_dump(struct client *c, const char *file, uint64_t position, uint16_t flags,
                           uint32_t server_id, struct err *e);

/* Of the dump: servers then count packets anew now and then, so that their numbers say nothing. */
bool client_is_compressed(const struct client *c);
/* Raw protocol bytes (packet headers included) into the caller's buffer, at least one. Waits at
 *most wait_ms, or until client_wake_on() says: got 0 then. wait_ms 0 only looks. E_IO when the
 *connection ended, E_STOPPED when interrupt_fd became readable. */
MUST_CHECK int client_read(struct client *c, uint8_t *into, size_t size, uint32_t wait_ms,
                           size_t *got, struct err *e);
/* From now on a waiting client_read() also returns when this eventfd becomes readable, and empties
 * it. The caller owns it; it outlives the client. */
void client_wake_on(struct client *c, int event_fd);
/* From now on another eventfd than that of the options ends waiting calls. */
void client_interrupt_by(struct client *c, int event_fd);
/* Raw bytes to the server while a dump runs (semi-sync acknowledgements). */
MUST_CHECK int client_write(struct client *c, struct slice bytes, struct err *e);

/* ---- for a loop: nothing waits ---- */

/* From now on only the next three (and close): raw bytes, packet headers included. */
MUST_CHECK int client_detach(struct client *c, struct err *e);
int            client_fd(const struct client *c);
/* As much as there is at once: fewer bytes than asked for mean that *wants (POLLIN, POLLOUT) has to
 * come first. E_IO when the connection ended. */
MUST_CHECK int client_read_some(struct client *c, uint8_t *into, size_t size, size_t *got,
                                short *wants, struct err *e);
MUST_CHECK int client_write_some(struct client *c, struct slice bytes, size_t *put, short *wants,
                                 struct err *e);
/* Makes the close say nothing to the server, which may have no ear for it. */
void client_cut(struct client *c);
