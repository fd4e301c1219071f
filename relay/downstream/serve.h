/*
 * The downstream half: listeners and 1 to N loops that serve consumers from the channels' stores.
 *
 * Made, started, stopped and freed by main; serve_each_session() and serve_listener() from any
 * thread between start and free.
 */
#pragma once
#include "relay/channels.h"
#include "relay/config/config.h"

struct handover;
struct serve;

/* Opens the listening sockets, reads the certificates, makes keys and verifiers: whatever is wrong
 * with the configuration is said here. `config` and `channels` must outlive it. */
MUST_CHECK int serve_new(const struct config *config, const struct channels *channels,
                         struct serve **out, struct err *e);
/* Begins to accept. */
MUST_CHECK int serve_start(struct serve *s, struct err *e);
/* Ends all connections without a word, so that consumers connect again at once (streams within a
   second, where that does a replica no harm), and the threads.
   Before channels_stop(). May be called without serve_start(). */
void serve_stop(struct serve *s);
void serve_free(struct serve *s); /* accepts NULL; stops first if need be */

/* What may change while it runs, from a configuration that was read anew. Each takes effect as a
   whole or, on errors, not at all. One thread at a time. `config` need not outlive the call. */
/* Also ends the sessions of users that are gone. *changed: how many users are other than before. */
MUST_CHECK int serve_reload_users(struct serve *s, const struct config *config, size_t *changed,
                                  struct err *e);
/* For connections that begin later. `say` is told the names of listeners with other certificates
   than before. */
MUST_CHECK int serve_reload_certificates(struct serve *s, const struct config               *config,
                                         void (*say)(void *arg, const char *listener), void *arg,
                                         struct err *e);
/* For statements that are forwarded from here on; `source` must outlive it. */
void serve_reload_source(struct serve *s, const char *channel, const struct config_source *source);
/* Numbers and times of listeners' sessions. */
void serve_reload_bounds(struct serve *s, const struct config *config);

/* Whether all loops go round: waits for each of them for so long at most. Between serve_start() and
   serve_stop(). */
bool serve_answers(struct serve *s, unsigned wait_ms);

struct serve_logins {
    uint64_t failed;           /* since the start */
    uint64_t blocked;          /* connections that were turned away for failed logins */
    uint32_t slowed_addresses; /* whose failed logins are answered late now */
    size_t   users;
};
void serve_logins(struct serve *s, struct serve_logins *out);

struct serve_listener {
    const char *name; /* "" of the plain [listener] */
    const char *address;
    uint16_t    port;    /* it listens on */
    const char *channel; /* "": its users' */
};
/* The listening sockets stay open when all is freed, for the next program. After serve_stop(). */
MUST_CHECK int serve_keep_sockets(const struct serve *s, struct handover *h, struct err *e);

size_t serve_listener_count(const struct serve *s); /* at least one */
void   serve_listener(const struct serve *s, size_t index, struct serve_listener *out);

struct serve_session {
    uint32_t    id;   /* thread id */
    const char *user; /* "" before login */
    const char *address;
    const char *channel; /* "" before login */
    const char *what;    /* what it does, as words behind its name: "is idle" */
    bool        tls;
    bool        streaming;
    uint32_t    server_id;                  /* 0 before a dump */
    int64_t     since_s;                    /* connected, Unix time */
    char        file[STORE_NAME_BYTES + 1]; /* relay file sent so far; "" before a dump */
    uint64_t    offset;
    char        acked_file[STORE_NAME_BYTES + 1]; /* by a semi-synchronous replica; "": nothing */
    uint64_t    acked_offset;
    uint64_t    sent_bytes; /* of streams */
};
/* Oldest first; a snapshot. Texts are valid during the call of `each`. */
MUST_CHECK int serve_each_session(struct serve *s,
                                  void (*each)(void *arg, const struct serve_session *session),
                                  void *arg, struct err *e);
