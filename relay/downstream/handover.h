/*
 * Listening sockets that are older than this program: handed over by the one before it, which
 * became this one by exec, or by a service manager that keeps them. Consumers that connect in the
 * meantime wait in them, and are not refused.
 *
 * They come as descriptors from 3 on, LISTEN_FDS of them, for the process LISTEN_PID. Source:
 * systemd, sd_listen_fds(3). Main's thread only, before threads begin and after they have ended.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include "protocol/base/err.h"

enum { HANDOVER_MAX = 256 };

/* Looks once at what was handed over. */
void handover_begin(void);
/* One that listens on this address; it is the caller's from then on. */
bool handover_take(const struct sockaddr *address, socklen_t size, int *out);
/* Closes those that nobody took. */
void handover_end(void);

struct handover {
    size_t count;
    int    fds[HANDOVER_MAX];
};
/* Keeps a copy of the socket open when it is closed here. */
MUST_CHECK int handover_keep(struct handover *h, int fd, struct err *e);
void           handover_done(struct handover *h); /* closes them */
/* Becomes a new program with these arguments, which gets the sockets. Returns only when that
   failed. */
int handover_exec(struct handover *h, char *const *argv, struct err *e);
