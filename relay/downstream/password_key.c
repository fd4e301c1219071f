#include "relay/downstream/password_key.h"

#include <stdio.h>
#include <string.h>
#include "relay/log.h"
#include "storage/private_file.h"

enum { PATH_BYTES = 4096, PEM_BYTES_MAX = 64 * 1024 };

static void wipe(struct buf *pem)
{
    if (pem->ptr != NULL)
        explicit_bzero(pem->ptr, pem->size);
    buf_done(pem);
}

static int read_key(const char *path, struct auth_key **out, struct err *e)
{
    struct buf pem;
    bool       exposed = false;

    buf_init(&pem, PEM_BYTES_MAX);
    int rc = private_file_read(path, &pem, &exposed, e);
    /* What others may have read is a secret no more. */
    if (rc == 0 && exposed)
        rc = err_set(e, E_CONFIG, "others than its owner may use it");
    if (rc == 0)
        rc = auth_key_from_pem(buf_slice(&pem), out, e);
    wipe(&pem);
    return rc;
}

static int write_key(const char *path, const struct auth_key *key, struct err *e)
{
    struct buf pem;

    buf_init(&pem, PEM_BYTES_MAX);
    int rc = auth_key_put_pem(key, &pem, e);
    if (rc == 0)
        rc = private_file_write(path, buf_slice(&pem), e);
    wipe(&pem);
    return rc;
}

int password_key_open(const char *data, struct auth_key **out, struct err *e)
{
    char             path[PATH_BYTES];
    struct auth_key *key = NULL;
    struct err       why = { 0 };
    int              n = snprintf(path, sizeof path, "%s/password_key.pem", data);

    if (n < 0 || (size_t)n >= sizeof path)
        return err_set(e, E_CONFIG, "the data folder's name is too long");
    if (read_key(path, out, &why) == 0)
        return 0;
    if (why.kind != E_PURGED)
        log_write(LOG_WARNING, "serve", "'%s' is made anew: %s", path, why.text);
    TRY(auth_key_new(&key, e));
    if (write_key(path, key, e) != 0) {
        auth_key_free(key);
        return err_note(e, "keep the key for passwords");
    }
    *out = key;
    return 0;
}
