#include "relay/config/config_table.h"
#include "relay/upstream/address.h"
#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ini.h>
#include "protocol/hosts.h"
#include "storage/accounts.h"

enum {
    NAME_BYTES = 64,
    SENTENCE_BYTES = 1024,
    SECRET_BYTES_MAX = 256,
    LOOPS_MAX = 64,
    OPTIONS_MAX = 128
};

/* One section as it stands in the file, to say lines for what is found wrong later. */
struct part {
    const struct config_section *section;
    size_t                       index; /* in the section's array */
    char                         name[NAME_BYTES + 1];
    int                          line;
    int                          key_lines[CONFIG_KEYS_MAX]; /* 0: not given */
    int                          option_lines[OPTIONS_MAX];
};

struct parse {
    struct config *config;
    const char    *path;
    void (*say)(void *arg, const char *sentence);
    void        *say_arg;
    FILE        *file;
    int          line;    /* last read */
    bool         content; /* that line holds a key and no handler has seen it yet */
    struct part *parts;
    size_t       part_count;
    struct part *current; /* NULL: before the first section, or in one that is wrong */
    bool         in_wrong_section;
    unsigned     errors;
    bool         no_memory;
};

static void PRINTF_ARGS(3, 4) complain(struct parse *p, int line, const char *fmt, ...)
{
    char    sentence[SENTENCE_BYTES];
    va_list args;

    int n = snprintf(sentence, sizeof sentence, "%s:%d: ", p->path, line);
    if (n < 0 || (size_t)n >= sizeof sentence)
        n = 0;
    va_start(args, fmt);
    (void)vsnprintf(sentence + n, sizeof sentence - (size_t)n, fmt, args);
    va_end(args);
    p->errors++;
    p->say(p->say_arg, sentence);
}

/* ---- did you mean -------------------------------------------------------------------------- */

/* Letters to add, take away or change to come from one word to the other; both short. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_BYTES + 1];
    size_t la = strnlen(a, NAME_BYTES), lb = strnlen(b, NAME_BYTES);

    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t changed = diagonal + (a[i - 1] != b[j - 1]);
            size_t shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = changed < shorter ? changed : shorter;
        }
    }
    return row[lb];
}

struct guess {
    const char *word; /* NULL: nothing is near enough */
    size_t      off;
};

static void guess_try(struct guess *g, const char *written, const char *word)
{
    size_t off = distance(written, word);
    if (off <= 1 + strlen(word) / 4 && (g->word == NULL || off < g->off))
        *g = (struct guess){ word, off };
}

/* ---- sections ------------------------------------------------------------------------------ */

static void *part_struct(const struct parse *p, const struct part *t)
{
    char *at = (char *)p->config + t->section->at;
    char *array;

    if (!t->section->named)
        return at;
    memcpy(&array, at, sizeof array);
    return array + t->index * t->section->size;
}

static size_t *section_count(const struct parse *p, const struct config_section *s)
{
    return (size_t *)(void *)((char *)p->config + s->count_at);
}

/* Adds one to a named section's array. */
static bool section_grow(struct parse *p, const struct config_section *s, const char *name)
{
    char  *at = (char *)p->config + s->at, *array;
    size_t count = *section_count(p, s);

    memcpy(&array, at, sizeof array);
    char *grown = realloc(array, (count + 1) * s->size);
    if (grown == NULL)
        return false;
    memcpy(at, &grown, sizeof grown);
    memset(grown + count * s->size, 0, s->size);
    *section_count(p, s) = count + 1;
    char *copy = strdup(name);
    memcpy(grown + count * s->size, &copy, sizeof copy);
    /* cppcheck-suppress memleak ; both are reached through *at now */
    return copy != NULL;
}

/* Of the section that was added last. */
static struct options *last_options(const struct parse *p, const struct config_section *s)
{
    char *array;

    memcpy(&array, (char *)p->config + s->at, sizeof array);
    void *last = array + (*section_count(p, s) - 1) * s->size;
    return &((struct config_publisher *)last)->options;
}

static bool name_is_good(const struct config_section *s, const char *name)
{
    /* A channel's folder lies beside these files. */
    if (strcmp(s->name, "channel") == 0 &&
        (strcmp(name, "users") == 0 || strcmp(name, "lock") == 0))
        return false;
    bool   any = strcmp(s->name, "user") == 0; /* login names are the consumers' matter */
    bool   folder = strcmp(s->name, "channel") == 0;
    size_t n = strlen(name);

    if (folder && strchr(name, '.') != NULL)
        return false;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)name[i];
        if (any ? iscntrl(c) : !isalnum(c) && strchr("_-.", c) == NULL)
            return false;
    }
    return n > 0 && n < NAME_BYTES;
}

static const struct config_section *section_find(struct parse *p, const char *word)
{
    struct guess g = { 0 };

    for (size_t i = 0; i < config_section_count; i++) {
        if (strcmp(config_sections[i].name, word) == 0)
            return &config_sections[i];
        guess_try(&g, word, config_sections[i].name);
    }
    complain(p, p->line, "there is no section [%s]%s%s%s", word,
             g.word != NULL ? "; did you mean '" : "", g.word != NULL ? g.word : "",
             g.word != NULL ? "'?" : "");
    return NULL;
}

/* "[user x]", "[relay]" */
static const char *part_title(const struct part *t, char into[2 * NAME_BYTES])
{
    (void)snprintf(into, (size_t)2 * NAME_BYTES, "[%s%s%s]", t->section->name,
                   *t->name != '\0' ? " " : "", t->name);
    return into;
}

/* The part that already has this section and name, or NULL. */
static const struct part *part_find(const struct parse *p, const struct config_section *s,
                                    const char *name)
{
    for (size_t i = 0; i < p->part_count; i++)
        if (p->parts[i].section == s && strcmp(p->parts[i].name, name) == 0)
            return &p->parts[i];
    return NULL;
}

static bool section_is_allowed(struct parse *p, const struct config_section *s, const char *name)
{
    if (s->named && *name == '\0' && !s->name_optional) {
        complain(p, p->line, "a %s needs a name: [%s NAME]", s->name, s->name);
        return false;
    }
    if (!s->named && *name != '\0') {
        complain(p, p->line, "there is only one [%s], without a name", s->name);
        return false;
    }
    if (*name != '\0' && !name_is_good(s, name)) {
        complain(p, p->line, "'%s' can't be the name of a %s: up to %d letters, digits, '_', '-'%s",
                 name, s->name, NAME_BYTES - 1, s->inherits ? "" : ", '.'");
        return false;
    }
    const struct part *twin = part_find(p, s, name);
    if (twin != NULL) {
        char title[2 * NAME_BYTES];
        complain(p, p->line, "%s again: it stands already in line %d", part_title(twin, title),
                 twin->line);
        return false;
    }
    if (s->named && *section_count(p, s) >= s->most) {
        complain(p, p->line, "at most %zu [%s NAME] sections are possible", s->most, s->name);
        return false;
    }
    return true;
}

static void section_begin(struct parse *p, const char *word, const char *name)
{
    p->current = NULL;
    p->in_wrong_section = true;
    const struct config_section *s = section_find(p, word);
    if (s == NULL || !section_is_allowed(p, s, name))
        return;
    struct part *grown = realloc(p->parts, (p->part_count + 1) * sizeof *p->parts);
    if (grown == NULL) {
        p->no_memory = true;
        return;
    }
    p->parts = grown;
    if (s->named && !section_grow(p, s, name)) {
        p->no_memory = true;
        return;
    }
    struct err e = { 0 };
    if (s->has_options && options_init(last_options(p, s), &e) != 0) {
        p->no_memory = true;
        return;
    }
    struct part *t = &p->parts[p->part_count++];
    *t = (struct part){ .section = s, .line = p->line };
    t->index = s->named ? *section_count(p, s) - 1 : 0;
    (void)snprintf(t->name, sizeof t->name, "%s", name);
    p->current = t;
    p->in_wrong_section = false;
}

/* "[word name]" */
static void section_line(struct parse *p, char *text)
{
    char *end = strchr(text, ']');

    if (end == NULL) {
        complain(p, p->line, "a section begins with [NAME]: ']' is missing");
        p->current = NULL;
        p->in_wrong_section = true;
        return;
    }
    *end = '\0';
    char *word = text + 1;
    word += strspn(word, " \t");
    char *name = word + strcspn(word, " \t");
    if (*name != '\0')
        *name++ = '\0';
    name += strspn(name, " \t");
    size_t n = strlen(name);
    while (n > 0 && isspace((unsigned char)name[n - 1]))
        name[--n] = '\0';
    section_begin(p, word, name);
}

/* ---- lines --------------------------------------------------------------------------------- */

/*
 * The parser asks for each line here, so that the line's number is known, and sections are seen
 * that hold no key: its own handler is told of neither in all of its versions. White space in front
 * is taken away, since the parser takes an indented line as a continuation.
 */
static char *next_line(char *into, int size, void *arg)
{
    struct parse *p = arg;

    if (p->content)
        complain(p, p->line, "expected KEY = VALUE");
    p->content = false;
    if (size < 2 || fgets(into, size, p->file) == NULL)
        return NULL;
    p->line++;
    size_t n = strlen(into);
    if (n + 1 == (size_t)size && into[n - 1] != '\n') {
        complain(p, p->line, "the line is longer than %d bytes", size - 2);
        for (int c = getc(p->file); c != EOF && c != '\n';)
            c = getc(p->file);
        into[0] = '\0';
        return into;
    }
    size_t skip = p->line == 1 && strncmp(into, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    skip += strspn(into + skip, " \t\r\n\f\v");
    memmove(into, into + skip, n - skip + 1);
    if (into[0] == '[') {
        section_line(p, into);
        into[0] = '\0'; /* the parser need not know */
    } else {
        p->content = into[0] != '\0' && into[0] != ';' && into[0] != '#';
    }
    return into;
}

static const struct config_key *key_named(const struct config_section *s, const char *name)
{
    for (size_t i = 0; i < s->key_count; i++)
        if (strcmp(s->keys[i].name, name) == 0)
            return &s->keys[i];
    return NULL;
}

static void complain_of_key(struct parse *p, const char *name)
{
    const struct config_section *s = p->current->section;
    struct guess                 g = { 0 };

    for (size_t i = 0; i < s->key_count; i++)
        guess_try(&g, name, s->keys[i].name);
    for (size_t i = 0; s->has_options && i < option_key_count; i++)
        guess_try(&g, name, option_keys[i].name);
    complain(p, p->line, "[%s] has no key '%s'%s%s%s", s->name, name,
             g.word != NULL ? "; did you mean '" : "", g.word != NULL ? g.word : "",
             g.word != NULL ? "'?" : "");
}

/* One of Debezium's options of a publisher. */
static void take_option(struct parse *p, const char *name, const char *value)
{
    struct config_publisher *u = part_struct(p, p->current);
    struct err               e = { 0 };

    for (size_t i = 0; i < option_key_count; i++) {
        if (strcmp(option_keys[i].name, name) != 0)
            continue;
        int *line = &p->current->option_lines[i];
        if (*line != 0 && !option_keys[i].is_list) {
            complain(p, p->line, "'%s' again: it stands already in line %d", name, *line);
            return;
        }
        *line = p->line;
    }
    if (options_add(&u->options, name, value, &e) == 0)
        return;
    if (e.kind == E_PURGED)
        complain_of_key(p, name);
    else
        complain(p, p->line, "%s", e.text);
}

static int take_key(void *arg, const char *section, const char *name, const char *value)
{
    struct parse *p = arg;
    struct err    e = { 0 };

    (void)section;
    p->content = false;
    if (p->in_wrong_section)
        return 1;
    if (p->current == NULL) {
        complain(p, p->line, "'%s' stands before any section", name);
        return 1;
    }
    const struct config_key *key = key_named(p->current->section, name);
    if (key == NULL) {
        if (p->current->section->has_options)
            take_option(p, name, value);
        else
            complain_of_key(p, name);
        return 1;
    }
    int *line = &p->current->key_lines[key - p->current->section->keys];
    if (*line != 0 && key->type != TYPE_LIST) {
        complain(p, p->line, "'%s' again: it stands already in line %d", name, *line);
        return 1;
    }
    *line = p->line;
    if (config_put(part_struct(p, p->current), key, value, &e) != 0)
        complain(p, p->line, "%s", e.text);
    return 1;
}

/* ---- checks -------------------------------------------------------------------------------- */

static int key_line(const struct part *t, const char *name)
{
    for (size_t i = 0; i < t->section->key_count; i++)
        if (strcmp(t->section->keys[i].name, name) == 0)
            return t->key_lines[i] != 0 ? t->key_lines[i] : t->line;
    assert(false && "a key of this section");
    return t->line;
}

static bool is_given(const char *text)
{
    return text != NULL && *text != '\0';
}

static void put_defaults(struct parse *p, const struct part *t)
{
    const struct config_section *s = t->section;
    char                         title[2 * NAME_BYTES];
    struct err                   e = { 0 };

    for (size_t i = 0; i < s->key_count; i++) {
        if (t->key_lines[i] != 0)
            continue;
        if (s->keys[i].dflt == NULL)
            complain(p, t->line, "%s needs '%s': %s", part_title(t, title), s->keys[i].name,
                     s->keys[i].help);
        else if (config_put(part_struct(p, t), &s->keys[i], s->keys[i].dflt, &e) != 0)
            complain(p, t->line, "%s", e.text);
    }
}

/* What is not given here is as in [relay], whose keys of the same name are of the same kind. */
static void inherit(struct parse *p, const struct part *t)
{
    const struct config_section *s = t->section, *relay = &config_sections[0];

    for (size_t i = 0; i < s->key_count; i++)
        for (size_t k = 0; k < relay->key_count && t->key_lines[i] == 0; k++)
            if (strcmp(relay->keys[k].name, s->keys[i].name) == 0)
                memcpy((char *)part_struct(p, t) + s->keys[i].at,
                       (const char *)&p->config->relay + relay->keys[k].at, s->keys[i].size);
}

/* "a, b" */
static void put_channels(const struct parse *p, struct buf *out)
{
    for (size_t i = 0; i < p->config->channel_count; i++)
        buf_printf(out, "%s%s", i > 0 ? ", " : "", p->config->channels[i].name);
}

/* Fills in the only channel where none is given. */
static void check_channel(struct parse *p, const struct part *t, char **channel, bool needed)
{
    const struct config *c = p->config;
    struct guess         g = { 0 };
    struct buf           names;
    char                 title[2 * NAME_BYTES];

    if (is_given(*channel)) {
        for (size_t i = 0; i < c->channel_count; i++) {
            if (strcmp(c->channels[i].name, *channel) == 0)
                return;
            guess_try(&g, *channel, c->channels[i].name);
        }
        complain(p, key_line(t, "channel"), "channel: there is no [channel %s]%s%s%s", *channel,
                 g.word != NULL && c->has_channels ? "; did you mean '" : "",
                 g.word != NULL && c->has_channels ? g.word : "",
                 g.word != NULL && c->has_channels ? "'?" : "");
    } else if (c->channel_count == 1) {
        free(*channel);
        *channel = strdup(c->channels[0].name);
        p->no_memory |= *channel == NULL;
    } else if (needed) {
        buf_init(&names, SENTENCE_BYTES);
        put_channels(p, &names);
        complain(p, t->line, "%s needs 'channel': which one of %s", part_title(t, title),
                 buf_text(&names));
        buf_done(&names);
    }
}

static void check_file(struct parse *p, const struct part *t, const char *key, const char *path)
{
    if (is_given(path) && access(path, R_OK) != 0)
        complain(p, key_line(t, key), "%s: '%s' can't be read: %s", key, path, strerror(errno));
}

static void check_pair(struct parse *p, const struct part *t, const char *cert, const char *key)
{
    check_file(p, t, "tls_cert", cert);
    check_file(p, t, "tls_key", key);
    if (is_given(cert) != is_given(key))
        complain(p, key_line(t, is_given(cert) ? "tls_cert" : "tls_key"),
                 "tls_cert and tls_key go together");
}

/* Puts the first line of the file that `key` names in the place of the password. */
static void read_secret(struct parse *p, const struct part *t, const char *key, char **password,
                        const char *path)
{
    char text[SECRET_BYTES_MAX + 2];

    if (!is_given(path))
        return;
    int line = key_line(t, key);
    if (is_given(*password)) {
        complain(p, line, "%s and the password itself exclude each other", key);
        return;
    }
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        complain(p, line, "%s: '%s' can't be read: %s", key, path, strerror(errno));
        return;
    }
    char *got = fgets(text, sizeof text, f);
    (void)fclose(f);
    if (got != NULL)
        text[strcspn(text, "\r\n")] = '\0';
    if (got == NULL || *text == '\0' || strlen(text) > SECRET_BYTES_MAX) {
        complain(p, line, "%s: the first line of '%s' has to be a password of 1 to %d bytes", key,
                 path, SECRET_BYTES_MAX);
        return;
    }
    free(*password);
    *password = strdup(text);
    explicit_bzero(text, sizeof text);
    p->no_memory |= *password == NULL;
}

/* Binlogs that were held before there were sections for channels would not be found again. */
static void check_no_store(struct parse *p, const char *data, int line)
{
    struct buf  path;
    struct stat st;

    if (!p->config->has_channels)
        return;
    buf_init(&path, SENTENCE_BYTES);
    buf_printf(&path, "%s/catalog.db", data);
    if (stat(buf_text(&path), &st) == 0)
        complain(p, line,
                 "data: '%s' holds the binlogs of a relay without [channel NAME]: move all files "
                 "in it to '%s/NAME', NAME being their channel",
                 data, data);
    buf_done(&path);
}

static void check_data(struct parse *p, const struct part *t)
{
    const char *data = p->config->relay.data;
    int         line = key_line(t, "data");
    struct stat st;

    if (!is_given(data)) {
        if (data != NULL)
            complain(p, line, "data: name a folder");
        return;
    }
    check_no_store(p, data, line);
    if (stat(data, &st) == 0) {
        if (!S_ISDIR(st.st_mode))
            complain(p, line, "data: '%s' is not a folder", data);
        else if (access(data, R_OK | W_OK | X_OK) != 0)
            complain(p, line, "data: the folder '%s' can't be written: %s", data, strerror(errno));
        return;
    }
    int   missing = errno;
    char *copy = strdup(data);
    if (copy == NULL) {
        p->no_memory = true;
        return;
    }
    const char *parent = dirname(copy);
    if (missing != ENOENT || access(parent, W_OK | X_OK) != 0)
        complain(p, line, "data: the folder '%s' can't be made in '%s': %s", data, parent,
                 strerror(errno));
    free(copy);
}

static void check_hosts(struct parse *p, const struct part *t, const struct config_source *s)
{
    struct address a;
    struct err     e = { 0 };
    const char    *list = s->host != NULL ? s->host : "";
    int            rc;

    if (*list == '\0')
        complain(p, key_line(t, "host"), "host: name the server to follow");
    while ((rc = address_next(&list, s->port, &a, &e)) > 0)
        continue;
    if (rc < 0)
        complain(p, key_line(t, "host"), "host: %s", e.text);
    if (is_given(s->socket) && key_line(t, "host") != t->line)
        complain(p, key_line(t, "socket"), "socket and host exclude each other");
}

static void check_source(struct parse *p, const struct part *t)
{
    struct config_source *s = part_struct(p, t);

    check_hosts(p, t, s);

    read_secret(p, t, "password_file", &s->password, s->password_file);
    read_secret(p, t, "forward_password_file", &s->forward_password, s->forward_password_file);
    check_file(p, t, "tls_ca", s->tls_ca);
    check_pair(p, t, s->tls_cert, s->tls_key);
    if (s->tls == CLIENT_TLS_VERIFY_CA && !is_given(s->tls_ca))
        complain(p, key_line(t, "tls"), "tls = verify-ca needs tls_ca: the authorities to trust");
    if (s->retry_max != 0 && s->retry_max < s->retry_min)
        complain(p, key_line(t, "retry_max"), "retry_max is less than retry_min (%u s)",
                 s->retry_min);
    if (s->semi_sync && s->compress)
        complain(p, key_line(t, "compress"), "compress and semi_sync exclude each other");
    check_channel(p, t, &s->channel, true);
    for (size_t i = 0; i < p->config->channel_count; i++)
        if (s->semi_sync && is_given(s->channel) && p->config->channels[i].sync.never &&
            strcmp(p->config->channels[i].name, s->channel) == 0)
            complain(p, key_line(t, "semi_sync"),
                     "semi_sync with sync = os would acknowledge what a power cut can take away: "
                     "set sync = commit, or semi_sync = off");
    for (size_t i = 0; i < t->index; i++)
        if (is_given(s->channel) && strcmp(p->config->sources[i].channel, s->channel) == 0) {
            complain(p, t->line,
                     "a channel follows one source: [source %s] is that of channel '%s'; take "
                     "this section out or give it a [channel NAME] of its own",
                     p->config->sources[i].name, s->channel);
            break;
        }
}

static bool any_tls_ca(const struct config *c)
{
    for (size_t i = 0; i < c->listener_count; i++)
        if (is_given(c->listeners[i].tls_ca))
            return true;
    return false;
}

static void check_user_bounds(struct parse *p, const struct part *t, const struct config_user *u)
{
    struct err e = { 0 };

    if (u->hosts != NULL && hosts_check(u->hosts, &e) != 0)
        complain(p, key_line(t, "hosts"), "%s", e.text);
    if (u->bandwidth != 0 && u->bandwidth < ACCOUNT_BANDWIDTH_MIN)
        complain(p, key_line(t, "bandwidth"), "bandwidth: at least %d bytes a second",
                 ACCOUNT_BANDWIDTH_MIN);
    if (u->require_certificate != NULL &&
        (*u->require_certificate == '\0' || strlen(u->require_certificate) > ACCOUNT_SUBJECT_BYTES))
        complain(p, key_line(t, "require_certificate"),
                 "require_certificate: no, yes, or a subject of at most %d bytes",
                 ACCOUNT_SUBJECT_BYTES);
    else if (u->require_certificate != NULL && strcmp(u->require_certificate, "no") != 0 &&
             !any_tls_ca(p->config))
        complain(p, key_line(t, "require_certificate"),
                 "require_certificate needs tls_ca in a [listener]: the authorities to trust");
}

static void check_user(struct parse *p, const struct part *t)
{
    struct config_user *u = part_struct(p, t);

    read_secret(p, t, "password_file", &u->password, u->password_file);
    if (!is_given(u->password) && !is_given(u->password_file))
        complain(p, t->line, "[user %s] needs 'password' or 'password_file'", t->name);
    check_user_bounds(p, t, u);
    bool by_listener = false;
    for (size_t i = 0; i < p->config->listener_count; i++)
        by_listener |= is_given(p->config->listeners[i].channel);
    check_channel(p, t, &u->channel, !by_listener);
}

static void check_listener(struct parse *p, const struct part *t)
{
    struct config_listener *l = part_struct(p, t);

    check_pair(p, t, l->tls_cert, l->tls_key);
    check_file(p, t, "tls_ca", l->tls_ca);
    check_channel(p, t, &l->channel, false);
    for (size_t i = 0; i < t->index; i++) {
        const struct config_listener *other = &p->config->listeners[i];
        if (other->port == l->port && other->port != 0 && other->address != NULL &&
            l->address != NULL && strcmp(other->address, l->address) == 0)
            complain(p, key_line(t, "port"), "[listener%s%s] has this address and port already",
                     *other->name != '\0' ? " " : "", other->name);
    }
}

static void check_has_source(struct parse *p, const struct part *t)
{
    for (size_t i = 0; i < p->config->source_count; i++) {
        const char *channel = p->config->sources[i].channel;
        if (channel != NULL &&
            (strcmp(channel, t->name) == 0 || (*channel == '\0' && t->index == 0)))
            return;
    }
    if (p->config->source_count > 0)
        complain(p, t->line, "[channel %s] has no source: give one 'channel = %s'", t->name,
                 t->name);
}

static void check_publisher(struct parse *p, const struct part *t)
{
    struct config_publisher *u = part_struct(p, t);
    struct err               e = { 0 };

    check_channel(p, t, &u->channel, true);
    if (u->sink == CONFIG_SINK_FILE && !is_given(u->path))
        complain(p, t->line, "[publisher %s] needs 'path': %s", t->name, "the file of a file sink");
    if (u->sink == CONFIG_SINK_STDOUT && is_given(u->path))
        complain(p, key_line(t, "path"), "a stdout sink has no path");
    if (!is_given(u->options.topic_prefix))
        complain(p, t->line, "[publisher %s] needs 'topic.prefix': the first part of every topic",
                 t->name);
    else if (options_check(&u->options, &e) != 0)
        complain(p, t->line, "[publisher %s]: %s", t->name, e.text);
    for (size_t i = 0; i < t->index; i++) {
        const struct config_publisher *other = &p->config->publishers[i];
        if (other->sink == u->sink && other->path != NULL && u->path != NULL &&
            (is_given(u->path) || u->sink == CONFIG_SINK_STDOUT) &&
            strcmp(other->path, u->path) == 0)
            complain(p, t->line, "[publisher %s] already writes there", other->name);
    }
}

static void check_part(struct parse *p, const struct part *t)
{
    if (strcmp(t->section->name, "relay") == 0) {
        check_data(p, t);
        if (p->config->relay.loops > LOOPS_MAX)
            complain(p, key_line(t, "loops"), "loops: at most %d", LOOPS_MAX);
    } else if (strcmp(t->section->name, "listener") == 0) {
        check_listener(p, t);
    } else if (strcmp(t->section->name, "channel") == 0) {
        check_has_source(p, t);
    } else if (strcmp(t->section->name, "source") == 0) {
        check_source(p, t);
    } else if (strcmp(t->section->name, "user") == 0) {
        check_user(p, t);
    } else {
        check_publisher(p, t);
    }
}

/* A warning is a sentence that does not count as an error. */
static void warn_readable(struct parse *p)
{
    struct stat st;
    char        sentence[SENTENCE_BYTES];
    bool        secrets = false;

    for (size_t i = 0; i < p->part_count; i++)
        for (size_t k = 0; k < p->parts[i].section->key_count; k++)
            secrets |=
                p->parts[i].section->keys[k].type == TYPE_SECRET && p->parts[i].key_lines[k] != 0;
    if (!secrets || fstat(fileno(p->file), &st) != 0 || (st.st_mode & S_IROTH) == 0)
        return;
    (void)snprintf(sentence, sizeof sentence,
                   "%s: warning: the file holds passwords and everybody can read it: chmod o-r %s",
                   p->path, p->path);
    p->say(p->say_arg, sentence);
}

/* Sections that have only defaults need not be in the file. */
static void add_absent_sections(struct parse *p)
{
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section *s = &config_sections[i];
        if (!s->named && part_find(p, s, "") == NULL)
            section_begin(p, s->name, "");
    }
    p->config->has_channels = p->config->channel_count > 0;
    if (p->config->channel_count == 0)
        section_begin(p, "channel", "main");
    if (p->config->listener_count == 0)
        section_begin(p, "listener", "");
    if (p->config->source_count == 0)
        complain(p, p->line, "there is no [source NAME] section: name the server to follow");
}

static void put_folders(struct parse *p)
{
    for (size_t i = 0; i < p->config->channel_count; i++) {
        struct config_channel *c = &p->config->channels[i];
        const char            *data = p->config->relay.data != NULL ? p->config->relay.data : "";
        if (p->config->has_channels) {
            if (asprintf(&c->folder, "%s/%s", data, c->name) < 0)
                c->folder = NULL;
        } else {
            c->folder = strdup(data);
        }
        p->no_memory |= c->folder == NULL;
    }
}

static void parse_file(struct parse *p)
{
    (void)ini_parse_stream(next_line, p, take_key, p);
    add_absent_sections(p);
    for (size_t i = 0; i < p->part_count && !p->no_memory; i++)
        if (!p->parts[i].section->inherits)
            put_defaults(p, &p->parts[i]);
    for (size_t i = 0; i < p->part_count && !p->no_memory; i++)
        if (p->parts[i].section->inherits)
            inherit(p, &p->parts[i]);
    for (size_t i = 0; i < p->part_count && !p->no_memory; i++)
        check_part(p, &p->parts[i]);
    warn_readable(p);
    put_folders(p);
}

int config_read(const char *path, void (*say)(void *arg, const char *sentence), void *arg,
                struct config **out, struct err *e)
{
    struct parse   p = { .path = path, .say = say, .say_arg = arg };
    struct config *c = calloc(1, sizeof *c);

    if (c == NULL || (c->path = strdup(path)) == NULL) {
        free(c);
        return err_set(e, E_NOMEM, "no memory for the configuration");
    }
    p.config = c;
    p.file = fopen(path, "re");
    if (p.file == NULL) {
        (void)err_sys(e, "read the configuration '%s'", path);
        e->kind = E_CONFIG;
        config_free(c);
        return -1;
    }
    parse_file(&p);
    (void)fclose(p.file);
    free(p.parts);
    if (p.errors == 0 && !p.no_memory) {
        *out = c;
        return 0;
    }
    config_free(c);
    if (p.no_memory)
        return err_set(e, E_NOMEM, "no memory for the configuration");
    return err_set(e, E_CONFIG, "%s: %u error%s", path, p.errors, p.errors == 1 ? "" : "s");
}

static void free_texts(void *section, const struct config_section *s)
{
    for (size_t i = 0; i < s->key_count; i++) {
        char *text;
        if (!config_type_owns_text(s->keys[i].type))
            continue;
        memcpy(&text, (char *)section + s->keys[i].at, sizeof text);
        if (text != NULL && s->keys[i].type == TYPE_SECRET)
            explicit_bzero(text, strlen(text));
        free(text);
    }
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->channel_count; i++)
        free(c->channels[i].folder);
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section *s = &config_sections[i];
        char                        *array, *name;
        if (!s->named) {
            free_texts((char *)c + s->at, s);
            continue;
        }
        memcpy(&array, (char *)c + s->at, sizeof array);
        for (size_t k = 0; k < *(size_t *)(void *)((char *)c + s->count_at); k++) {
            free_texts(array + k * s->size, s);
            if (s->has_options)
                options_done(&((struct config_publisher *)(void *)(array + k * s->size))->options);
            memcpy(&name, array + k * s->size, sizeof name);
            free(name);
        }
        free(array);
    }
    free(c->path);
    free(c);
}
