/*
 * A secret in PEM that the daemon makes once and keeps in its data folder, for itself alone: the
 * same one after every restart, and made anew when it is gone or no good.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

enum { KEPT_PEM_PATH_BYTES = 4096 };

struct kept_pem {
    const char *name; /* of the file in the data folder */
    /* Takes over what the file holds, or says why it can't be used. */
    int (*take)(void *arg, struct slice pem, struct err *e);
    /* Makes a new one and appends its PEM; that is wiped afterwards. */
    int (*make)(void *arg, struct buf *pem, struct err *e);
    void *arg;
};

/* Makes the secret when there is none, or none that can be used (which is logged). Afterwards
   either `take` or `make` has succeeded; `path` is the file's. -1 also when a new one could not be
   kept: what `make` has put into `arg` is then the caller's to free. */
MUST_CHECK int kept_pem_open(const struct kept_pem *k, const char *data,
                             char path[KEPT_PEM_PATH_BYTES], struct err *e);
