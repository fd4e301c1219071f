#include "relay/downstream/password_key.h"

#include "relay/downstream/kept_pem.h"

static int take_key(void *arg, struct slice pem, struct err *e)
{
    return auth_key_from_pem(pem, arg, e);
}

static int make_key(void *arg, struct buf *pem, struct err *e)
{
    struct auth_key **key = arg;

    TRY(auth_key_new(key, e));
    return auth_key_put_pem(*key, pem, e);
}

int password_key_open(const char *data, struct auth_key **out, struct err *e)
{
    struct auth_key      *key = NULL;
    char                  path[KEPT_PEM_PATH_BYTES];
    const struct kept_pem kept = {
        .name = "password_key.pem", .take = take_key, .make = make_key, .arg = &key
    };

    if (kept_pem_open(&kept, data, path, e) != 0) {
        auth_key_free(key);
        return err_note(e, "the key for passwords");
    }
    *out = key;
    return 0;
}
