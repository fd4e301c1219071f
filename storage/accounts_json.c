/* The users file's text read into accounts: apart from the rest, since json-c's names get in the
   way of protocol/base/json.h's. */
#include "storage/accounts.h"
#include <json-c/json.h>

enum { LINE_BYTES_MAX = 16 * 1024, DEPTH_MAX = 2 };

typedef int take_fn(struct account *a, json_object *value, struct err *e);

/* A text without zero bytes, of at most `most` bytes. */
static int take_text(json_object *value, char *into, size_t most, struct err *e)
{
    if (!json_object_is_type(value, json_type_string))
        return err_set(e, E_CONFIG, "must be a text");
    const char *text = json_object_get_string(value);
    size_t      n = (size_t)json_object_get_string_len(value);
    if (n > most || strlen(text) != n)
        return err_set(e, E_CONFIG, "a text of at most %zu bytes is possible", most);
    memcpy(into, text, n + 1);
    return 0;
}

static int take_number(json_object *value, uint64_t most, uint64_t *out, struct err *e)
{
    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0 ||
        json_object_get_uint64(value) > most)
        return err_set(e, E_CONFIG, "must be a number from 0 to %llu", (unsigned long long)most);
    *out = json_object_get_uint64(value);
    return 0;
}

static int take_name(struct account *a, json_object *value, struct err *e)
{
    return take_text(value, a->name, ACCOUNT_NAME_BYTES, e);
}

static int take_auth(struct account *a, json_object *value, struct err *e)
{
    char word[64];
    TRY(take_text(value, word, sizeof word - 1, e));
    return account_auth_parse(word, &a->auth, e);
}

static int take_rights(struct account *a, json_object *value, struct err *e)
{
    char words[128];
    TRY(take_text(value, words, sizeof words - 1, e));
    return rights_parse(slice_of_text(words), &a->rights, e);
}

static int take_hosts(struct account *a, json_object *value, struct err *e)
{
    return take_text(value, a->hosts, ACCOUNT_HOSTS_BYTES, e);
}

static int take_require_tls(struct account *a, json_object *value, struct err *e)
{
    if (!json_object_is_type(value, json_type_boolean))
        return err_set(e, E_CONFIG, "must be true or false");
    a->require_tls = json_object_get_boolean(value) != 0;
    return 0;
}

static int take_require_certificate(struct account *a, json_object *value, struct err *e)
{
    return take_text(value, a->require_certificate, ACCOUNT_SUBJECT_BYTES, e);
}

static int take_max_connections(struct account *a, json_object *value, struct err *e)
{
    uint64_t n;
    TRY(take_number(value, UINT32_MAX, &n, e));
    a->max_connections = (uint32_t)n;
    return 0;
}

static int take_bandwidth(struct account *a, json_object *value, struct err *e)
{
    return take_number(value, 1ull << 60, &a->bandwidth, e);
}

static int take_channel(struct account *a, json_object *value, struct err *e)
{
    return take_text(value, a->channel, ACCOUNT_NAME_BYTES, e);
}

static int take_coordinates(struct account *a, json_object *value, struct err *e)
{
    return take_text(value, a->coordinates, ACCOUNT_NAME_BYTES, e);
}

/* Each hash must stand under the name of its own method. */
static int take_hash(struct account *a, json_object *value, bool native, struct err *e)
{
    char               text[256];
    struct auth_hashes h = { 0 };

    TRY(take_text(value, text, sizeof text - 1, e));
    TRY(auth_hashes_take(&h, slice_of_text(text), e));
    if (h.has_native != native)
        return err_set(e, E_CONFIG, "is the hash of another method");
    return auth_hashes_take(&a->hashes, slice_of_text(text), e);
}

static int take_native(struct account *a, json_object *value, struct err *e)
{
    return take_hash(a, value, true, e);
}

static int take_sha2(struct account *a, json_object *value, struct err *e)
{
    return take_hash(a, value, false, e);
}

static const struct {
    const char *name;
    take_fn    *take;
} members[] = {
    { "name", take_name },
    { "auth", take_auth },
    { "rights", take_rights },
    { "hosts", take_hosts },
    { "require_tls", take_require_tls },
    { "require_certificate", take_require_certificate },
    { "max_connections", take_max_connections },
    { "bandwidth", take_bandwidth },
    { "channel", take_channel },
    { "coordinates", take_coordinates },
    { "mysql_native_password", take_native },
    { "caching_sha2_password", take_sha2 },
};

static int take_member(struct account *a, const char *name, json_object *value, struct err *e)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (strcmp(members[i].name, name) != 0)
            continue;
        if (members[i].take(a, value, e) != 0)
            return err_note(e, "\"%s\"", name);
        return 0;
    }
    return err_set(e, E_CONFIG, "this version knows no \"%.40s\"", name);
}

static int account_of_object(json_object *root, struct account *out, struct err *e)
{
    struct account a = account_default();

    if (!json_object_is_type(root, json_type_object))
        return err_set(e, E_CONFIG, "a line must be one JSON object");
    json_object_object_foreach(root, name, value) TRY(take_member(&a, name, value, e));
    TRY(account_check(&a, e));
    *out = a;
    return 0;
}

static int parse_line(struct slice line, struct account *out, struct err *e)
{
    struct json_tokener *t = json_tokener_new_ex(DEPTH_MAX);

    if (t == NULL)
        return err_set(e, E_NOMEM, "no memory to read JSON");
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    json_object            *root = json_tokener_parse_ex(t, (const char *)line.ptr, (int)line.len);
    enum json_tokener_error failure = json_tokener_get_error(t);
    json_tokener_free(t);
    int rc = failure == json_tokener_success
                 ? account_of_object(root, out, e)
                 : err_set(e, E_CONFIG, "a line must be one JSON object");
    (void)json_object_put(root);
    return rc;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static int add_line(struct accounts *a, struct slice line, struct err *e)
{
    struct account account;

    while (line.len > 0 && is_blank(line.ptr[line.len - 1]))
        line.len--;
    if (line.len == 0 || line.ptr[0] == '#')
        return 0;
    if (line.len > LINE_BYTES_MAX)
        return err_set(e, E_CONFIG, "is longer than %d bytes", LINE_BYTES_MAX);
    int rc = parse_line(line, &account, e);
    if (rc == 0 && accounts_find(a, account.name) != NULL)
        rc = err_set(e, E_CONFIG, "there is a '%s' already", account.name);
    if (rc == 0)
        rc = accounts_put(a, &account, e);
    if (rc == 0)
        explicit_bzero(&account, sizeof account);
    return rc;
}

int accounts_parse(struct slice text, struct accounts *out, struct err *e)
{
    struct accounts a = { 0 };

    for (unsigned number = 1; text.len > 0; number++) {
        const uint8_t *end = memchr(text.ptr, '\n', text.len);
        size_t         n = end != NULL ? (size_t)(end - text.ptr) : text.len;
        if (add_line(&a, (struct slice){ text.ptr, n }, e) != 0) {
            accounts_done(&a);
            return err_note(e, "line %u", number);
        }
        n += end != NULL ? 1 : 0;
        text = (struct slice){ text.ptr + n, text.len - n };
    }
    *out = a;
    return 0;
}
