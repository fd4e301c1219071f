/*
 * A login of libmariadb's that says other things than the library would: for client.c alone, which
 * knows the library.
 *
 * The library has a fixed set of capabilities, and some of them change what a server's answers look
 * like. So the first packet that it sends, the login or the request for TLS, is changed on its way;
 * servers take the capabilities from that one. A guise is of one login, in one thread.
 * Source: MySQL protocol documentation, "Connection Phase"; MariaDB knowledge base, "Connecting".
 */
#pragma once
#include "protocol/client.h"
#include "protocol/client_library.h"

struct guise {
    const struct client_guise *as; /* NULL: none */
    PVIO_METHODS              *plain, changed;
    bool                       sent, charset_sent;
};

/* Once, before the first. */
MUST_CHECK int guise_start(void);
/* Around a login; -1 when it was not sent in its guise. */
void           guise_put_on(struct guise *g, MYSQL *m);
MUST_CHECK int guise_take_off(struct guise *g, MYSQL *m);
