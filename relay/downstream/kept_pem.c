#include "relay/downstream/kept_pem.h"

#include <stdio.h>
#include <string.h>
#include "relay/log.h"
#include "storage/private_file.h"

enum { PEM_BYTES_MAX = 64 * 1024 };

static void wipe(struct buf *pem)
{
    if (pem->ptr != NULL)
        explicit_bzero(pem->ptr, pem->size);
    buf_done(pem);
}

static int take(const struct kept_pem *k, const char *path, struct err *e)
{
    struct buf pem;
    bool       exposed = false;

    buf_init(&pem, PEM_BYTES_MAX);
    int rc = private_file_read(path, &pem, &exposed, e);
    /* What others may have read is a secret no more. */
    if (rc == 0 && exposed)
        rc = err_set(e, E_CONFIG, "others than its owner may use it");
    if (rc == 0)
        rc = k->take(k->arg, buf_slice(&pem), e);
    wipe(&pem);
    return rc;
}

static int make(const struct kept_pem *k, const char *path, struct err *e)
{
    struct buf pem;

    buf_init(&pem, PEM_BYTES_MAX);
    int rc = k->make(k->arg, &pem, e);
    if (rc == 0)
        rc = buf_check(&pem, "a key's PEM", e);
    if (rc == 0)
        rc = private_file_write(path, buf_slice(&pem), e);
    wipe(&pem);
    return rc;
}

int kept_pem_open(const struct kept_pem *k, const char *data, char path[KEPT_PEM_PATH_BYTES],
                  struct err *e)
{
    struct err why = { 0 };
    int        n = snprintf(path, KEPT_PEM_PATH_BYTES, "%s/%s", data, k->name);

    if (n < 0 || n >= KEPT_PEM_PATH_BYTES)
        return err_set(e, E_CONFIG, "the data folder's name is too long");
    if (take(k, path, &why) == 0)
        return 0;
    if (why.kind != E_PURGED)
        log_write(LOG_WARNING, "serve", "'%s' is made anew: %s", path, why.text);
    if (make(k, path, e) != 0)
        return err_note(e, "keep '%s'", path);
    return 0;
}
