#include "storage/accounts.h"
#include <stdio.h>
#include <stdlib.h>
#include "protocol/base/json.h"
#include "protocol/hosts.h"
#include "storage/private_file.h"

/* ---- one account --------------------------------------------------------------------------- */

static const char *const auth_words[] = {
    [ACCOUNT_AUTH_ANY] = "any",
    [ACCOUNT_AUTH_CACHING_SHA2] = "caching_sha2_password",
    [ACCOUNT_AUTH_NATIVE] = "mysql_native_password",
};

const char *account_auth_word(enum account_auth auth)
{
    return auth_words[auth];
}

int account_auth_parse(const char *word, enum account_auth *out, struct err *e)
{
    for (size_t i = 0; i < sizeof auth_words / sizeof auth_words[0]; i++) {
        if (strcmp(word, auth_words[i]) == 0) {
            *out = (enum account_auth)i;
            return 0;
        }
    }
    return err_set(e, E_CONFIG,
                   "'%.40s' is no method: any, caching_sha2_password or mysql_native_password",
                   word);
}

struct account account_default(void)
{
    return (struct account){ .rights = RIGHTS_DEFAULT, .require_certificate = "no" };
}

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

int account_check(const struct account *a, struct err *e)
{
    bool needs_native = a->auth == ACCOUNT_AUTH_NATIVE;
    bool needs_sha2 = a->auth == ACCOUNT_AUTH_CACHING_SHA2;

    if (a->name[0] == '\0' || !is_printable(a->name))
        return err_set(e, E_CONFIG, "a user's name has 1 to %d printable bytes",
                       ACCOUNT_NAME_BYTES);
    TRY(hosts_check(a->hosts, e));
    if (a->require_certificate[0] == '\0' || !is_printable(a->require_certificate))
        return err_set(e, E_CONFIG,
                       "require_certificate: no, yes, or the subject that the certificate must "
                       "have");
    if (!is_printable(a->channel))
        return err_set(e, E_CONFIG, "channel: the name of one");
    if (!is_printable(a->coordinates))
        return err_set(e, E_CONFIG, "coordinates: the name of a source");
    if (a->bandwidth != 0 && a->bandwidth < ACCOUNT_BANDWIDTH_MIN)
        return err_set(e, E_CONFIG, "bandwidth: at least %d bytes a second", ACCOUNT_BANDWIDTH_MIN);
    if ((needs_native && !a->hashes.has_native) || (needs_sha2 && !a->hashes.has_sha2) ||
        (!a->hashes.has_native && !a->hashes.has_sha2))
        return err_set(e, E_CONFIG, "there is no password for the method '%s'",
                       auth_words[a->auth]);
    return 0;
}

/* ---- the list ------------------------------------------------------------------------------ */

void accounts_done(struct accounts *a)
{
    if (a->list != NULL)
        explicit_bzero(a->list, a->count * sizeof *a->list);
    free(a->list);
    *a = (struct accounts){ 0 };
}

struct account *accounts_find(const struct accounts *a, const char *name)
{
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->list[i].name, name) == 0)
            return &a->list[i];
    return NULL;
}

int accounts_put(struct accounts *a, const struct account *account, struct err *e)
{
    struct account *there = accounts_find(a, account->name);

    if (there != NULL) {
        *there = *account;
        return 0;
    }
    if (a->count >= ACCOUNTS_MAX)
        return err_set(e, E_LIMIT, "there can be at most %d users", ACCOUNTS_MAX);
    struct account *grown = realloc(a->list, (a->count + 1) * sizeof *grown);
    if (grown == NULL)
        return err_set(e, E_NOMEM, "no memory for %zu users", a->count + 1);
    a->list = grown;
    a->list[a->count++] = *account;
    return 0;
}

bool accounts_remove(struct accounts *a, const char *name)
{
    struct account *there = accounts_find(a, name);

    if (there == NULL)
        return false;
    size_t behind = a->count - (size_t)(there - a->list) - 1;
    memmove(there, there + 1, behind * sizeof *there);
    a->count--;
    return true;
}

/* ---- accounts to text ---------------------------------------------------------------------- */

static void put_member(struct json *j, const char *name, const char *value)
{
    json_name(j, name);
    json_text(j, value);
}

static void put_hash(struct json *j, const char *name, const struct auth_hashes *h,
                     void (*put)(const struct auth_hashes *h, struct buf *out))
{
    struct buf text;

    buf_init(&text, 256);
    put(h, &text);
    put_member(j, name, buf_text(&text));
    buf_done(&text);
}

static void put_account(const struct account *a, struct buf *out)
{
    struct json j = json_into(out);
    struct buf  rights;

    buf_init(&rights, 256);
    rights_put_text(a->rights, &rights);
    json_open_object(&j);
    put_member(&j, "name", a->name);
    put_member(&j, "auth", auth_words[a->auth]);
    put_member(&j, "rights", buf_text(&rights));
    put_member(&j, "hosts", a->hosts);
    json_name(&j, "require_tls");
    json_bool(&j, a->require_tls);
    put_member(&j, "require_certificate", a->require_certificate);
    json_name(&j, "max_connections");
    json_uint(&j, a->max_connections);
    json_name(&j, "bandwidth");
    json_uint(&j, a->bandwidth);
    put_member(&j, "channel", a->channel);
    if (a->coordinates[0] != '\0')
        put_member(&j, "coordinates", a->coordinates);
    if (a->hashes.has_native)
        put_hash(&j, "mysql_native_password", &a->hashes, auth_hashes_put_native);
    if (a->hashes.has_sha2)
        put_hash(&j, "caching_sha2_password", &a->hashes, auth_hashes_put_sha2);
    json_close_object(&j);
    buf_put_u8(out, '\n');
    buf_done(&rights);
}

void accounts_put_text(const struct accounts *a, struct buf *out)
{
    buf_put_text(out, "# Who may log in at the relay; changed by `binrelay user`. Hashes, no "
                      "passwords.\n");
    for (size_t i = 0; i < a->count; i++)
        put_account(&a->list[i], out);
}

/* ---- the file ------------------------------------------------------------------------------ */

int accounts_read(const char *path, struct accounts *out, bool *exposed, struct err *e)
{
    struct buf text;
    bool       open = false;
    struct err why = { 0 };

    buf_init(&text, ACCOUNTS_BYTES_MAX);
    int rc = private_file_read(path, &text, &open, &why);
    if (rc != 0 && why.kind == E_PURGED) {
        *out = (struct accounts){ 0 };
        rc = 0;
    } else if (rc != 0) {
        *e = why;
    } else if (rc == 0 && (rc = accounts_parse(buf_slice(&text), out, e)) != 0) {
        rc = err_note(e, "users file '%s'", path);
    }
    if (text.ptr != NULL)
        explicit_bzero(text.ptr, text.len);
    buf_done(&text);
    if (rc == 0)
        *exposed = open;
    return rc;
}

int accounts_write(const char *path, const struct accounts *a, struct err *e)
{
    struct buf text;

    buf_init(&text, ACCOUNTS_BYTES_MAX);
    accounts_put_text(a, &text);
    int rc = buf_check(&text, "the users file", e);
    if (rc == 0)
        rc = private_file_write(path, buf_slice(&text), e);
    if (text.ptr != NULL)
        explicit_bzero(text.ptr, text.len);
    buf_done(&text);
    return rc;
}
