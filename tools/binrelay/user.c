/* binrelay user: who may log in at the relay. Changes the users file and tells a running daemon. */
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "protocol/base/json.h"
#include "protocol/base/own.h"
#include "storage/accounts.h"
#include "storage/private_file.h"
#include "tools/binrelay/command.h"
#include "tools/binrelay/grid.h"
#include "tools/binrelay/password.h"
#include "tools/binrelay/question.h"

enum { PATH_BYTES_MAX = 4096, LIST_BYTES_MAX = 64 * 1024 * 1024, HASH_BYTES_MAX = 4096 };

/* ---- where the file is ---------------------------------------------------------------------- */

struct places {
    struct buf  path;
    const char *name;       /* of the user in question; NULL: none */
    bool        in_section; /* the configuration has a [user NAME] of that name */
};

static int take_key(void *arg, const char *section, const char *key, const char *value)
{
    struct places *p = arg;

    if (strcmp(section, "relay") == 0 && strcmp(key, "users") == 0 && value != NULL &&
        *value != '\0') {
        buf_clear(&p->path);
        buf_put_text(&p->path, value);
    }
    if (p->name != NULL && strncmp(section, "user ", 5) == 0 &&
        strcmp(section + 5 + strspn(section + 5, " \t"), p->name) == 0)
        p->in_section = true;
    return 1;
}

static int find_file(const struct call *c, const char *name, struct places *p, struct err *e)
{
    p->name = name;
    buf_printf(&p->path, "%s/users", c->at.data);
    if (c->config != NULL) {
        FILE *f = fopen(c->config, "re");
        if (f == NULL)
            return err_sys(e, "read the configuration '%s'", c->config);
        (void)ini_parse_file(f, take_key, p);
        (void)fclose(f);
    }
    if (p->in_section)
        return err_set(e, E_CONFIG,
                       "user '%s' is a section [user %s] of '%s': change it there, or take it out "
                       "first",
                       name, name, c->config);
    return buf_check(&p->path, "the users file's name", e);
}

/* ---- what is asked for ---------------------------------------------------------------------- */

static int put_text_option(const struct call *c, const char *option, char *into, size_t size,
                           struct err *e)
{
    const char *text = call_option(c, option);

    if (text != NULL && strlen(text) >= size)
        return err_set(e, E_CONFIG, "--%s: at most %zu bytes", option, size - 1);
    if (text != NULL)
        memcpy(into, text, strlen(text) + 1);
    return 0;
}

/* "none" or a number with K, M, G or T behind it. */
static int put_number_option(const struct call *c, const char *option, uint64_t most,
                             bool with_unit, uint64_t *out, struct err *e)
{
    static const char units[] = "KMGT";
    const char       *text = call_option(c, option);
    char             *end = NULL;

    if (text == NULL)
        return 0;
    if (strcmp(text, "none") == 0) {
        *out = 0;
        return 0;
    }
    errno = 0;
    unsigned long long n = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    unsigned           shift = 0;
    if (n > 0 && errno == 0 && *end != '\0' && with_unit) {
        const char *unit = strchr(units, *end & ~0x20);
        if (unit != NULL && end[1] == '\0') {
            shift = 10 * (unsigned)(unit - units + 1);
            end++;
        }
    }
    if (n == 0 || errno != 0 || *end != '\0' || n > most >> shift)
        return err_set(e, E_CONFIG, "--%s: 'none' or a number from 1 to %llu%s", option,
                       (unsigned long long)most, with_unit ? ", also as 500K, 20M, 1G" : "");
    *out = n << shift;
    return 0;
}

static int put_options(const struct call *c, struct account *a, struct err *e)
{
    uint64_t    connections = a->max_connections;
    const char *rights = call_option(c, "rights"), *auth = call_option(c, "auth"),
               *certificate = call_option(c, "require-certificate"),
               *tls = call_option(c, "require-tls");

    if (rights != NULL)
        TRY(rights_parse(slice_of_text(rights), &a->rights, e));
    if (auth != NULL)
        TRY(account_auth_parse(auth, &a->auth, e));
    TRY(put_text_option(c, "hosts", a->hosts, sizeof a->hosts, e));
    if (tls != NULL && *tls != '\0' && strcmp(tls, "yes") != 0 && strcmp(tls, "no") != 0)
        return err_set(e, E_CONFIG, "--require-tls: yes or no");
    if (tls != NULL)
        a->require_tls = strcmp(tls, "no") != 0;
    if (certificate != NULL && *certificate == '\0')
        (void)snprintf(a->require_certificate, sizeof a->require_certificate, "yes");
    else
        TRY(put_text_option(c, "require-certificate", a->require_certificate,
                            sizeof a->require_certificate, e));
    TRY(put_text_option(c, "coordinates", a->coordinates, sizeof a->coordinates, e));
    TRY(put_number_option(c, "max-connections", UINT32_MAX, false, &connections, e));
    a->max_connections = (uint32_t)connections;
    TRY(put_number_option(c, "bandwidth", 1ull << 60, true, &a->bandwidth, e));
    if (c->channel != NULL && strlen(c->channel) >= sizeof a->channel)
        return err_set(e, E_CONFIG, "--channel: at most %zu bytes", sizeof a->channel - 1);
    if (c->channel != NULL)
        memcpy(a->channel, c->channel, strlen(c->channel) + 1);
    return 0;
}

/* `any` keeps both hashes, since clients that know only the older method have to be let in. */
static int put_password(const struct call *c, struct account *a, struct err *e)
{
    const char *hash = call_option(c, "hash-file"), *file = call_option(c, "password-file");
    bool        native = a->auth != ACCOUNT_AUTH_CACHING_SHA2;
    bool        sha2 = a->auth != ACCOUNT_AUTH_NATIVE;
    struct buf  text;
    int         rc;

    if (hash != NULL && file != NULL)
        return err_set(e, E_CONFIG, "give --hash-file or --password-file, not both");
    a->hashes = (struct auth_hashes){ 0 };
    buf_init(&text, HASH_BYTES_MAX);
    if (hash != NULL) {
        rc = password_read_hash(hash, &text, e);
        if (rc == 0)
            rc = auth_hashes_take(&a->hashes, buf_slice(&text), e);
    } else {
        rc = password_read(file, a->name, &text, e);
        if (rc == 0)
            rc = auth_hashes_make(buf_slice(&text), native, sha2, &a->hashes, e);
    }
    password_wipe(&text);
    return rc;
}

/* ---- changing the file ---------------------------------------------------------------------- */

enum verb { ADD, CHANGE, PASSWD, REMOVE };

static int change_list(const struct call *c, enum verb verb, const char *name, struct accounts *a,
                       struct err *e)
{
    struct account *there = accounts_find(a, name);
    struct account  account = there != NULL ? *there : account_default();

    if (verb == ADD && there != NULL)
        return err_set(e, E_CONFIG,
                       "there is a user '%s' already: 'binrelay user passwd %s' gives it another "
                       "password, 'binrelay user change %s' changes the rest",
                       name, name, name);
    if (verb != ADD && there == NULL)
        return err_set(e, E_CONFIG, "there is no user '%s': see 'binrelay user list'", name);
    if (strlen(name) >= sizeof account.name)
        return err_set(e, E_CONFIG, "a user's name has 1 to %d bytes", ACCOUNT_NAME_BYTES);
    if (verb == REMOVE) {
        (void)accounts_remove(a, name);
        return 0;
    }
    memcpy(account.name, name, strlen(name) + 1);
    int rc = put_options(c, &account, e);
    if (rc == 0 && (verb != CHANGE || call_option(c, "password-file") != NULL ||
                    call_option(c, "hash-file") != NULL))
        rc = put_password(c, &account, e);
    if (rc == 0)
        rc = account_check(&account, e);
    if (rc == 0)
        rc = accounts_put(a, &account, e);
    explicit_bzero(&account.hashes, sizeof account.hashes);
    return rc;
}

/* Nobody else changes the file between reading and writing. */
static int change_file(const struct call *c, enum verb verb, const char *name, const char *path,
                       struct err *e)
{
    struct accounts a = { 0 };
    OWN_FD int      lock = -1;
    bool            exposed;

    if (private_file_lock(path, &lock, e) != 0)
        return err_note(e, "the users file can't be written (start binrelayd once, or make the "
                           "folder for the account that binrelayd runs as)");
    TRY(accounts_read(path, &a, &exposed, e));
    int rc = change_list(c, verb, name, &a, e);
    if (rc == 0)
        rc = accounts_write(path, &a, e);
    accounts_done(&a);
    return rc;
}

/* *taken: a daemon runs and has read the file. */
static int tell_daemon(const struct call *c, bool *taken, struct err *e)
{
    static const char *const ask[] = { "reload", "users", NULL };
    struct buf               lines;
    struct err               why = { 0 };

    buf_init(&lines, QUESTION_BYTES_MAX);
    int rc = question_ask(&c->at, ask, &lines, &why);
    buf_done(&lines);
    *taken = rc == 0;
    if (rc == 0 || why.kind == E_STOPPED)
        return 0;
    *e = why;
    return err_note(e, "the users file is written, but the running relay did not take it over");
}

static int print_done(const struct call *c, enum verb verb, const char *name, bool taken,
                      struct err *e)
{
    static const char *const words[] = { [ADD] = "added",
                                         [CHANGE] = "changed",
                                         [PASSWD] = "changed the password of",
                                         [REMOVE] = "removed" };
    struct buf               line;

    if (!c->json) {
        (void)printf("%s user '%s'; %s\n", words[verb], name,
                     taken ? "the running relay has taken it over"
                           : "no relay runs here, it counts from the next start on");
        return 0;
    }
    buf_init(&line, PATH_BYTES_MAX);
    struct json j = json_into(&line);
    json_open_object(&j);
    json_name(&j, "user");
    json_text(&j, name);
    json_name(&j, "in_force");
    json_bool(&j, taken);
    json_close_object(&j);
    int rc = buf_check(&line, "the result", e);
    if (rc == 0)
        (void)puts(buf_text(&line));
    buf_done(&line);
    return rc;
}

static int run_change(const struct call *c, enum verb verb, const char *name, struct err *e)
{
    struct places p = { 0 };
    bool          taken = false;

    buf_init(&p.path, PATH_BYTES_MAX);
    int rc = find_file(c, name, &p, e);
    if (rc == 0)
        rc = change_file(c, verb, name, buf_text(&p.path), e);
    buf_done(&p.path);
    if (rc == 0)
        rc = tell_daemon(c, &taken, e);
    return rc == 0 ? print_done(c, verb, name, taken, e) : -1;
}

/* ---- the list ------------------------------------------------------------------------------- */

static void put_member(struct json *j, const char *name, const char *text)
{
    json_name(j, name);
    json_text(j, text);
}

static void put_limit(struct json *j, const char *name, uint64_t limit)
{
    json_name(j, name);
    if (limit != 0)
        json_uint(j, limit);
    else
        json_null(j);
}

static void put_json(const struct account *a, const char *rights, struct buf *out)
{
    struct json j = json_into(out);

    json_open_object(&j);
    put_member(&j, "name", a->name);
    put_member(&j, "auth", account_auth_word(a->auth));
    put_member(&j, "rights", rights);
    put_member(&j, "hosts", *a->hosts != '\0' ? a->hosts : "%");
    json_name(&j, "require_tls");
    json_bool(&j, a->require_tls);
    put_member(&j, "require_certificate", a->require_certificate);
    put_limit(&j, "max_connections", a->max_connections);
    put_limit(&j, "bandwidth", a->bandwidth);
    put_member(&j, "channel", a->channel);
    put_member(&j, "coordinates", a->coordinates);
    json_close_object(&j);
    buf_put_u8(out, '\n');
}

static void put_row(const struct account *a, const char *rights, struct grid *g)
{
    grid_put(g, "%s", a->name);
    grid_put(g, "%s", rights);
    grid_put(g, "%s", *a->hosts != '\0' ? a->hosts : "%");
    grid_put(g, "%s", account_auth_word(a->auth));
    grid_put(g, "%s", a->require_tls ? "required" : "-");
    grid_put(g, "%s", strcmp(a->require_certificate, "no") == 0 ? "-" : a->require_certificate);
    if (a->max_connections != 0)
        grid_put(g, "%u", a->max_connections);
    else
        grid_put(g, "-");
    if (a->bandwidth != 0)
        grid_put(g, "%llu", (unsigned long long)a->bandwidth);
    else
        grid_put(g, "-");
    grid_put(g, "%s", *a->channel != '\0' ? a->channel : "-");
}

static int print_list(const struct call *c, const struct accounts *a, struct err *e)
{
    static const char *const titles[] = { "user",         "rights",        "hosts",
                                          "method",       "TLS",           "certificate",
                                          ">connections", ">bytes/second", "channel" };
    struct grid              g;
    struct buf               out, rights;

    grid_init(&g, titles, sizeof titles / sizeof titles[0]);
    buf_init(&out, LIST_BYTES_MAX);
    buf_init(&rights, 256);
    for (size_t i = 0; i < a->count; i++) {
        buf_clear(&rights);
        rights_put_text(a->list[i].rights, &rights);
        if (c->json)
            put_json(&a->list[i], buf_text(&rights), &out);
        else
            put_row(&a->list[i], buf_text(&rights), &g);
    }
    int rc = buf_check(&out, "the list", e);
    if (rc == 0 && c->json)
        (void)fputs(buf_text(&out), stdout);
    else if (rc == 0 && a->count == 0)
        (void)puts("no users yet: add one by 'binrelay user add NAME'");
    else if (rc == 0)
        rc = grid_print(&g, stdout, e);
    buf_done(&rights);
    buf_done(&out);
    grid_done(&g);
    return rc;
}

static int run_list(const struct call *c, struct err *e)
{
    struct places   p = { 0 };
    struct accounts a = { 0 };
    bool            exposed = false;

    buf_init(&p.path, PATH_BYTES_MAX);
    int rc = find_file(c, NULL, &p, e);
    if (rc == 0)
        rc = accounts_read(buf_text(&p.path), &a, &exposed, e);
    if (rc == 0 && exposed)
        (void)fprintf(stderr, "binrelay user: others may read '%s': chmod 600 '%s'\n",
                      buf_text(&p.path), buf_text(&p.path));
    if (rc == 0)
        rc = print_list(c, &a, e);
    accounts_done(&a);
    buf_done(&p.path);
    return rc;
}

/* ---- the command ---------------------------------------------------------------------------- */

static enum command_exit misused(struct err *e)
{
    (void)err_set(e, E_CONFIG,
                  "say what to do: add NAME, passwd NAME, change NAME, remove NAME or list");
    return COMMAND_MISUSED;
}

enum command_exit user_run(const struct call *c, struct err *e)
{
    static const char *const verbs[] = {
        [ADD] = "add", [CHANGE] = "change", [PASSWD] = "passwd", [REMOVE] = "remove"
    };
    const char *verb = c->operands[0], *name = c->operands[1];

    if (strcmp(verb, "list") == 0 && name == NULL)
        return run_list(c, e) == 0 ? COMMAND_OK : COMMAND_FAILED;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verb, verbs[i]) == 0 && name != NULL)
            return run_change(c, (enum verb)i, name, e) == 0 ? COMMAND_OK : COMMAND_FAILED;
    return misused(e);
}
