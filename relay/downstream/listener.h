/*
 * The listening sockets: accepts consumers and hands their sockets over.
 *
 * Opened by main; used by the thread of the loop it is attached to.
 */
#pragma once
#include <stdint.h>
#include "protocol/base/err.h"
#include "relay/downstream/handover.h"
#include "relay/downstream/roster.h"

struct ev_loop;
struct listener;

/* '*' is all of IPv4 and IPv6; a host name may give several addresses, of which one must do.
   Port 0: any free one, see listener_port(). */
MUST_CHECK int listener_open(const char *address, uint16_t port, struct listener **out,
                             struct err *e);
void           listener_close(struct listener *l); /* accepts NULL; detached */
uint16_t       listener_port(const struct listener *l);
/* Its sockets stay open, with all who wait in them, when it is closed. */
MUST_CHECK int listener_keep(const struct listener *l, struct handover *h, struct err *e);

/* `accepted` gets each new socket, non-blocking, as its own. When the process has no descriptors
   left, accepting pauses a while. */
void listener_attach(struct listener *l, struct ev_loop *loop,
                     void (*accepted)(void *arg, int fd, const char address[ROSTER_ADDRESS_BYTES]),
                     void *arg);
void listener_detach(struct listener *l);
