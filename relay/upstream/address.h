/*
 * The addresses of one server, as the configuration lists them: "db1, db2:3307, [::1]:3306".
 *
 * Pure functions. IPv6 addresses with a port stand in brackets; without a port the brackets may be
 * left out.
 */
#pragma once
#include <stdint.h>
#include "protocol/base/err.h"

enum { ADDRESS_HOST_BYTES = 255 };

struct address {
    char     host[ADDRESS_HOST_BYTES + 1]; /* without brackets */
    uint16_t port;
};

/* Takes the next one off *list; 1 when there was one, 0 at the end, -1 with E_CONFIG when it is
 * none.
 */
MUST_CHECK int address_next(const char **list, uint16_t default_port, struct address *out,
                            struct err *e);
