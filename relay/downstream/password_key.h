/*
 * The RSA key by which consumers without TLS send their passwords: DATA/password_key.pem, for the
 * daemon alone. Kept, since making one takes a good part of a second, and since clients that hold
 * its public half (--server-public-key-path) expect to find the same one after a restart.
 */
#pragma once
#include "protocol/auth.h"

/* Makes the key when there is none, or none that can be used (which is logged). */
MUST_CHECK int password_key_open(const char *data, struct auth_key **out, struct err *e);
