/* What a configuration file has to keep beside its form: one function for each kind of section. */
#include "relay/config/config_parse.h"
#include "relay/upstream/address.h"
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "protocol/hosts.h"
#include "storage/accounts.h"

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
            config_complain(p, t->line, "%s needs '%s': %s", config_part_title(t, title),
                            s->keys[i].name, s->keys[i].help);
        else if (config_put(config_part(p, t), &s->keys[i], s->keys[i].dflt, &e) != 0)
            config_complain(p, t->line, "%s", e.text);
    }
}

/* What is not given here is as in [relay], whose keys of the same name are of the same kind. */
static void inherit(struct parse *p, const struct part *t)
{
    const struct config_section *s = t->section, *relay = &config_sections[0];

    for (size_t i = 0; i < s->key_count; i++)
        for (size_t k = 0; k < relay->key_count && t->key_lines[i] == 0; k++)
            if (strcmp(relay->keys[k].name, s->keys[i].name) == 0)
                memcpy((char *)config_part(p, t) + s->keys[i].at,
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
            config_guess(&g, *channel, c->channels[i].name);
        }
        config_complain(p, key_line(t, "channel"), "channel: there is no [channel %s]%s%s%s",
                        *channel, g.word != NULL && c->has_channels ? "; did you mean '" : "",
                        g.word != NULL && c->has_channels ? g.word : "",
                        g.word != NULL && c->has_channels ? "'?" : "");
    } else if (c->channel_count == 1) {
        free(*channel);
        *channel = strdup(c->channels[0].name);
        p->no_memory |= *channel == NULL;
    } else if (needed) {
        buf_init(&names, SENTENCE_BYTES);
        put_channels(p, &names);
        config_complain(p, t->line, "%s needs 'channel': which one of %s",
                        config_part_title(t, title), buf_text(&names));
        buf_done(&names);
    }
}

static void check_file(struct parse *p, const struct part *t, const char *key, const char *path)
{
    if (!is_given(path) || access(path, R_OK) == 0)
        return;
    int why = errno;
    config_complain(p, key != NULL ? key_line(t, key) : t->line, "%s%s'%s' can't be read: %s",
                    key != NULL ? key : "", key != NULL ? ": " : "", path, strerror(why));
}

static void check_pair(struct parse *p, const struct part *t, const char *cert, const char *key)
{
    check_file(p, t, "tls_cert", cert);
    check_file(p, t, "tls_key", key);
    if (is_given(cert) != is_given(key))
        config_complain(p, key_line(t, is_given(cert) ? "tls_cert" : "tls_key"),
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
        config_complain(p, line, "%s and the password itself exclude each other", key);
        return;
    }
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        config_complain(p, line, "%s: '%s' can't be read: %s", key, path, strerror(errno));
        return;
    }
    char *got = fgets(text, sizeof text, f);
    (void)fclose(f);
    if (got != NULL)
        text[strcspn(text, "\r\n")] = '\0';
    if (got == NULL || *text == '\0' || strlen(text) > SECRET_BYTES_MAX) {
        config_complain(p, line, "%s: the first line of '%s' has to be a password of 1 to %d bytes",
                        key, path, SECRET_BYTES_MAX);
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
        config_complain(
            p, line,
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
            config_complain(p, line, "data: name a folder");
        return;
    }
    check_no_store(p, data, line);
    if (stat(data, &st) == 0) {
        if (!S_ISDIR(st.st_mode))
            config_complain(p, line, "data: '%s' is not a folder", data);
        else if (access(data, R_OK | W_OK | X_OK) != 0)
            config_complain(p, line, "data: the folder '%s' can't be written: %s", data,
                            strerror(errno));
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
        config_complain(p, line, "data: the folder '%s' can't be made in '%s': %s", data, parent,
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
        config_complain(p, key_line(t, "host"), "host: name the server to follow");
    while ((rc = address_next(&list, s->port, &a, &e)) > 0)
        continue;
    if (rc < 0)
        config_complain(p, key_line(t, "host"), "host: %s", e.text);
    if (is_given(s->socket) && key_line(t, "host") != t->line)
        config_complain(p, key_line(t, "socket"), "socket and host exclude each other");
}

static void check_catch_up(struct parse *p, const struct part *t, const struct config_source *s)
{
    struct address a;
    struct err     e = { 0 };
    const char    *list = s->relay_host != NULL ? s->relay_host : "";

    if (address_next(&list, s->port, &a, &e) < 0)
        config_complain(p, key_line(t, "relay_host"), "relay_host: %s", e.text);
    else if (*list != '\0')
        config_complain(p, key_line(t, "relay_host"), "relay_host: only one address is possible");
    if (is_given(s->admin_user) && !is_given(s->relay_user))
        config_complain(p, key_line(t, "admin_user"),
                        "admin_user needs relay_user: who the server is at the relay to catch up");
}

static void check_source(struct parse *p, const struct part *t)
{
    struct config_source *s = config_part(p, t);

    check_hosts(p, t, s);

    read_secret(p, t, "password_file", &s->password, s->password_file);
    read_secret(p, t, "forward_password_file", &s->forward_password, s->forward_password_file);
    read_secret(p, t, "admin_password_file", &s->admin_password, s->admin_password_file);
    read_secret(p, t, "relay_password_file", &s->relay_password, s->relay_password_file);
    check_catch_up(p, t, s);
    check_file(p, t, "tls_ca", s->tls_ca);
    check_pair(p, t, s->tls_cert, s->tls_key);
    if (s->tls == CLIENT_TLS_VERIFY_CA && !is_given(s->tls_ca))
        config_complain(p, key_line(t, "tls"),
                        "tls = verify-ca needs tls_ca: the authorities to trust");
    if (s->retry_max != 0 && s->retry_max < s->retry_min)
        config_complain(p, key_line(t, "retry_max"), "retry_max is less than retry_min (%u s)",
                        s->retry_min);
    if (s->semi_sync && s->compress)
        config_complain(p, key_line(t, "compress"), "compress and semi_sync exclude each other");
    check_channel(p, t, &s->channel, true);
    for (size_t i = 0; i < p->config->channel_count; i++)
        if (s->semi_sync && is_given(s->channel) && p->config->channels[i].sync.never &&
            strcmp(p->config->channels[i].name, s->channel) == 0)
            config_complain(
                p, key_line(t, "semi_sync"),
                "semi_sync with sync = os would acknowledge what a power cut can take away: "
                "set sync = commit, or semi_sync = off");
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
        config_complain(p, key_line(t, "hosts"), "%s", e.text);
    if (u->bandwidth != 0 && u->bandwidth < ACCOUNT_BANDWIDTH_MIN)
        config_complain(p, key_line(t, "bandwidth"), "bandwidth: at least %d bytes a second",
                        ACCOUNT_BANDWIDTH_MIN);
    if (u->require_certificate != NULL &&
        (*u->require_certificate == '\0' || strlen(u->require_certificate) > ACCOUNT_SUBJECT_BYTES))
        config_complain(p, key_line(t, "require_certificate"),
                        "require_certificate: no, yes, or a subject of at most %d bytes",
                        ACCOUNT_SUBJECT_BYTES);
    else if (u->require_certificate != NULL && strcmp(u->require_certificate, "no") != 0 &&
             !any_tls_ca(p->config))
        config_complain(
            p, key_line(t, "require_certificate"),
            "require_certificate needs tls_ca in a [listener]: the authorities to trust");
}

static void check_user(struct parse *p, const struct part *t)
{
    struct config_user *u = config_part(p, t);

    read_secret(p, t, "password_file", &u->password, u->password_file);
    if (!is_given(u->password) && !is_given(u->password_file))
        config_complain(p, t->line, "[user %s] needs 'password' or 'password_file'", t->name);
    check_user_bounds(p, t, u);
    bool by_listener = false;
    for (size_t i = 0; i < p->config->listener_count; i++)
        by_listener |= is_given(p->config->listeners[i].channel);
    check_channel(p, t, &u->channel, !by_listener);
}

static void check_listener(struct parse *p, const struct part *t)
{
    struct config_listener *l = config_part(p, t);

    check_pair(p, t, l->tls_cert, l->tls_key);
    check_file(p, t, "tls_ca", l->tls_ca);
    check_channel(p, t, &l->channel, false);
    for (size_t i = 0; i < t->index; i++) {
        const struct config_listener *other = &p->config->listeners[i];
        if (other->port == l->port && other->port != 0 && other->address != NULL &&
            l->address != NULL && strcmp(other->address, l->address) == 0)
            config_complain(p, key_line(t, "port"),
                            "[listener%s%s] has this address and port already",
                            *other->name != '\0' ? " " : "", other->name);
    }
}

static void check_http(struct parse *p, const struct part *t)
{
    const struct config_http *h = config_part(p, t);

    for (size_t i = 0; h->enabled && i < p->config->listener_count; i++) {
        const struct config_listener *l = &p->config->listeners[i];
        if (l->port == h->port && p->config->has_http && l->address != NULL && h->address != NULL &&
            strcmp(l->address, h->address) == 0)
            config_complain(p, key_line(t, "port"),
                            "[listener%s%s] has this address and port already",
                            *l->name != '\0' ? " " : "", l->name);
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
        config_complain(p, t->line, "[channel %s] has no source: give one 'channel = %s'", t->name,
                        t->name);
}

/* Its settings are judged by librdkafka, as it will when the publisher begins. */
static void check_kafka(struct parse *p, const struct part *t, const struct config_publisher *u)
{
    const struct kafka_producing how = { .transactional_id =
                                             u->delivery == CONFIG_EXACTLY_ONCE ? "check" : NULL };
    struct err                   e = { 0 };

    if (u->sink != CONFIG_SINK_KAFKA) {
        if (u->kafka.count > 0)
            config_complain(p, t->line, "[publisher %s]: kafka.%s needs sink = kafka", t->name,
                            u->kafka.items[0].name);
        return;
    }
    if (is_given(u->path))
        config_complain(p, key_line(t, "path"), "a kafka sink has no path");
    if (kafka_settings_get(&u->kafka, "bootstrap.servers") == NULL &&
        kafka_settings_get(&u->kafka, "metadata.broker.list") == NULL)
        config_complain(p, t->line,
                        "[publisher %s] needs 'kafka.bootstrap.servers': HOST:PORT of brokers, "
                        "separated by commas",
                        t->name);
    else if (kafka_settings_check(&u->kafka, &how, &e) != 0)
        config_complain(p, t->line, "[publisher %s]: %s", t->name, e.text);
    if (u->undeliverable == CONFIG_DEAD_LETTER && !is_given(u->dead_letter_topic))
        config_complain(p, key_line(t, "undeliverable"),
                        "undeliverable = dead_letter needs 'dead_letter_topic'");
    if (u->undeliverable == CONFIG_UNDELIVERABLE_STOP && is_given(u->dead_letter_topic))
        config_complain(p, key_line(t, "dead_letter_topic"),
                        "dead_letter_topic needs undeliverable = dead_letter");
}

static void check_origin(struct parse *p, const struct part *t, const struct config_publisher *u)
{
    if (u->start.kind == ORIGIN_DEBEZIUM && u->sink != CONFIG_SINK_KAFKA)
        config_complain(p, key_line(t, "start"), "start = debezium:... needs sink = kafka");
}

static void check_avro(struct parse *p, const struct part *t, const struct config_publisher *u)
{
    if (u->options.key_converter != CONVERTER_AVRO && u->options.value_converter != CONVERTER_AVRO)
        return;
    if (u->sink != CONFIG_SINK_KAFKA)
        config_complain(p, t->line, "[publisher %s]: avro needs sink = kafka", t->name);
    else if (!is_given(u->options.registry_url))
        config_complain(p, t->line,
                        "[publisher %s]: avro needs 'schema.registry.url': the registry's address",
                        t->name);
    check_file(p, t, NULL, u->options.registry_ca);
    check_file(p, t, NULL, u->options.registry_cert);
    check_file(p, t, NULL, u->options.registry_key);
}

static void check_publisher(struct parse *p, const struct part *t)
{
    struct config_publisher *u = config_part(p, t);
    struct err               e = { 0 };

    check_channel(p, t, &u->channel, true);
    check_kafka(p, t, u);
    check_avro(p, t, u);
    check_origin(p, t, u);
    if (u->sink == CONFIG_SINK_FILE && !is_given(u->path))
        config_complain(p, t->line, "[publisher %s] needs 'path': %s", t->name,
                        "the file of a file sink");
    if (u->sink == CONFIG_SINK_STDOUT && is_given(u->path))
        config_complain(p, key_line(t, "path"), "a stdout sink has no path");
    if (!is_given(u->options.topic_prefix))
        config_complain(p, t->line,
                        "[publisher %s] needs 'topic.prefix': the first part of every topic",
                        t->name);
    else if (options_check(&u->options, &e) != 0)
        config_complain(p, t->line, "[publisher %s]: %s", t->name, e.text);
    for (size_t i = 0; i < t->index; i++) {
        const struct config_publisher *other = &p->config->publishers[i];
        if (other->sink == u->sink && other->path != NULL && u->path != NULL &&
            (is_given(u->path) || u->sink == CONFIG_SINK_STDOUT) &&
            strcmp(other->path, u->path) == 0)
            config_complain(p, t->line, "[publisher %s] already writes there", other->name);
    }
}

static void check_part(struct parse *p, const struct part *t)
{
    if (strcmp(t->section->name, "relay") == 0) {
        check_data(p, t);
        if (p->config->relay.loops > LOOPS_MAX)
            config_complain(p, key_line(t, "loops"), "loops: at most %d", LOOPS_MAX);
    } else if (strcmp(t->section->name, "listener") == 0) {
        check_listener(p, t);
    } else if (strcmp(t->section->name, "http") == 0) {
        check_http(p, t);
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

    for (size_t i = 0; i < p->config->publisher_count; i++)
        secrets |= kafka_settings_have_secret(&p->config->publishers[i].kafka) ||
                   is_given(p->config->publishers[i].options.registry_user) ||
                   is_given(p->config->publishers[i].options.registry_token);
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

void config_check(struct parse *p)
{
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
