/*
 * The relay's own certificate, for listeners that are given none: DATA/tls.pem, the private key and
 * a certificate that it signs itself, for the daemon alone. It encrypts, and a client that keeps it
 * knows the relay again, for it stays the same; nobody else vouches for it.
 */
#pragma once
#include "relay/downstream/kept_pem.h"

/* Makes it when there is none, or none that can be used any more (which is logged); gives the
   file's path. */
MUST_CHECK int certificate_open(const char *data, char path[KEPT_PEM_PATH_BYTES], struct err *e);
