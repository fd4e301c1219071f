#include "relay/config/config_table.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the keys ------------------------------------------------------------------------------ */

#define ROW(section, field, name, type, dflt, applies, help)                                       \
    { name,    TYPE_##type, offsetof(struct section, field),     dflt,                             \
      applies, help,        sizeof(((struct section *)0)->field) },
#define RELAY_ROW(...)     ROW(config_relay, __VA_ARGS__)
#define CHANNEL_ROW(...)   ROW(config_channel, __VA_ARGS__)
#define LISTENER_ROW(...)  ROW(config_listener, __VA_ARGS__)
#define HTTP_ROW(...)      ROW(config_http, __VA_ARGS__)
#define SOURCE_ROW(...)    ROW(config_source, __VA_ARGS__)
#define USER_ROW(...)      ROW(config_user, __VA_ARGS__)
#define PUBLISHER_ROW(...) ROW(config_publisher, __VA_ARGS__)

static const struct config_key relay_keys[] = { RELAY_KEYS(RELAY_ROW) };
static const struct config_key channel_keys[] = { CHANNEL_KEYS(CHANNEL_ROW) };
static const struct config_key listener_keys[] = { LISTENER_KEYS(LISTENER_ROW) };
static const struct config_key http_keys[] = { HTTP_KEYS(HTTP_ROW) };
static const struct config_key source_keys[] = { SOURCE_KEYS(SOURCE_ROW) };
static const struct config_key user_keys[] = { USER_KEYS(USER_ROW) };
static const struct config_key publisher_keys[] = { PUBLISHER_KEYS(PUBLISHER_ROW) };

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define ONE(field)      .at = offsetof(struct config, field), .size = sizeof((struct config *)0)->field
#define MANY(array, count)                                                                         \
    .named = true, .at = offsetof(struct config, array),                                           \
    .count_at = offsetof(struct config, count), .size = sizeof *((struct config *)0)->array

_Static_assert(COUNT_OF(relay_keys) <= CONFIG_KEYS_MAX, "raise CONFIG_KEYS_MAX");
_Static_assert(COUNT_OF(channel_keys) <= CONFIG_KEYS_MAX, "raise CONFIG_KEYS_MAX");
_Static_assert(COUNT_OF(listener_keys) <= CONFIG_KEYS_MAX, "raise CONFIG_KEYS_MAX");
_Static_assert(COUNT_OF(http_keys) <= CONFIG_KEYS_MAX, "raise CONFIG_KEYS_MAX");
_Static_assert(COUNT_OF(source_keys) <= CONFIG_KEYS_MAX, "raise CONFIG_KEYS_MAX");
_Static_assert(COUNT_OF(user_keys) <= CONFIG_KEYS_MAX, "raise CONFIG_KEYS_MAX");
_Static_assert(COUNT_OF(publisher_keys) <= CONFIG_KEYS_MAX, "raise CONFIG_KEYS_MAX");
/* config_put() reaches all of a named section's name this way. */
_Static_assert(offsetof(struct config_channel, name) == 0, "the name comes first");
_Static_assert(offsetof(struct config_listener, name) == 0, "the name comes first");
_Static_assert(offsetof(struct config_source, name) == 0, "the name comes first");
_Static_assert(offsetof(struct config_user, name) == 0, "the name comes first");
_Static_assert(offsetof(struct config_publisher, name) == 0, "the name comes first");

/* clang-format off */
const struct config_section config_sections[] = {
    { .name = "relay", ONE(relay), .keys = relay_keys,
      .key_count = COUNT_OF(relay_keys),
      .help = "The daemon itself." },
    { .name = "channel", MANY(channels, channel_count), .most = CONFIG_CHANNELS_MAX, .inherits = true,
      .keys = channel_keys,
      .key_count = COUNT_OF(channel_keys),
      .help = "One stream of a source, under a name of your choice: a store in a folder of its own, "
              "its publishers and its consumers. Only needed for several of them in one daemon: "
              "without any there is one, in the data folder itself. What is not given is as in "
              "[relay]." },
    { .name = "source", MANY(sources, source_count), .most = CONFIG_SOURCES_MAX, .keys = source_keys,
      .key_count = COUNT_OF(source_keys),
      .help = "A server to follow, under a name of your choice. Of several of one channel the first "
              "one is followed at first; the others are candidates, which 'binrelay sources' "
              "watches and 'binrelay switch NAME' goes over to. Their order is that in which "
              "failover = auto tries them." },
    { .name = "listener", MANY(listeners, listener_count), .most = CONFIG_LISTENERS_MAX,
      .name_optional = true,
      .keys = listener_keys,
      .key_count = COUNT_OF(listener_keys),
      .help = "Where consumers connect: replicas, mysqlbinlog, Debezium. More of them, for other "
              "addresses or channels, are called [listener NAME]." },
    { .name = "http", ONE(http), .keys = http_keys,
      .key_count = COUNT_OF(http_keys),
      .help = "Where people and monitoring look at the relay: / is a page for a browser, /metrics "
              "for Prometheus (see binrelayd(8)), /healthz and /readyz for a supervisor, /status "
              "what 'binrelay status --json' prints." },
    { .name = "user", MANY(users, user_count), .most = CONFIG_USERS_MAX, .keys = user_keys,
      .key_count = COUNT_OF(user_keys),
      .help = "An account for consumers, under its login name. Any number." },
    { .name = "publisher", MANY(publishers, publisher_count), .most = CONFIG_PUBLISHERS_MAX,
      .keys = publisher_keys, .has_options = true,
      .key_count = COUNT_OF(publisher_keys),
      .help = "Row changes as change events in Debezium's format, under a name of your choice. Any "
              "number." },
};
/* clang-format on */
const size_t config_section_count = COUNT_OF(config_sections);

/* ---- the types ----------------------------------------------------------------------------- */

struct word {
    const char *text;
    int         value;
};

/* clang-format off */
static const struct word flag_words[] = {
    { "yes", 1 }, { "no", 0 }, { "true", 1 }, { "false", 0 }, { "on", 1 }, { "off", 0 }, { NULL, 0 },
};
static const struct word level_words[] = {
    { "error", LOG_ERROR }, { "warning", LOG_WARNING }, { "info", LOG_INFO }, { "debug", LOG_DEBUG },
    { NULL, 0 },
};
static const struct word log_format_words[] = {
    { "pairs", LOG_PAIRS }, { "json", LOG_JSON }, { "plain", LOG_PLAIN }, { NULL, 0 },
};
static const struct word tls_words[] = {
    { "off", CLIENT_TLS_OFF }, { "preferred", CLIENT_TLS_PREFERRED },
    { "required", CLIENT_TLS_REQUIRED }, { "verify-ca", CLIENT_TLS_VERIFY_CA },
    { "verify-identity", CLIENT_TLS_VERIFY_IDENTITY }, { NULL, 0 },
};
static const struct word auth_words[] = {
    { "any", CONFIG_AUTH_ANY }, { "caching_sha2_password", CONFIG_AUTH_CACHING_SHA2 },
    { "mysql_native_password", CONFIG_AUTH_NATIVE }, { NULL, 0 },
};
static const struct word sink_words[] = {
    { "file", CONFIG_SINK_FILE }, { "stdout", CONFIG_SINK_STDOUT }, { "kafka", CONFIG_SINK_KAFKA },
    { NULL, 0 },
};
static const struct word delivery_words[] = {
    { "exactly_once", CONFIG_EXACTLY_ONCE }, { "at_least_once", CONFIG_AT_LEAST_ONCE }, { NULL, 0 },
};
static const struct word undeliverable_words[] = {
    { "stop", CONFIG_UNDELIVERABLE_STOP }, { "dead_letter", CONFIG_DEAD_LETTER }, { NULL, 0 },
};
static const struct word failover_words[] = {
    { "manual", FAILOVER_MANUAL }, { "auto", FAILOVER_AUTO }, { NULL, 0 },
};
static const struct word fork_words[] = {
    { "stop", FORK_STOP }, { "keep", FORK_KEEP }, { NULL, 0 },
};
/* clang-format on */

typedef bool value_fn(const char *text, void *into);

static bool put_text(const char *text, void *into)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return false;
    memcpy(into, &copy, sizeof copy);
    /* cppcheck-suppress memleak ; the section's struct owns it now */
    return true;
}

/* Decimal digits and nothing else, in [least, most]; what follows them is given back. */
static bool parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *out,
                         const char **rest)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno != 0 || n < least || n > most)
        return false;
    *out = n;
    *rest = end;
    return true;
}

static bool put_count(const char *text, void *into)
{
    uint64_t    n;
    const char *rest;

    if (!parse_number(text, 1, UINT32_MAX, &n, &rest) || *rest != '\0')
        return false;
    *(uint32_t *)into = (uint32_t)n;
    return true;
}

static bool put_port(const char *text, void *into)
{
    uint64_t    n;
    const char *rest;

    if (!parse_number(text, 1, UINT16_MAX, &n, &rest) || *rest != '\0')
        return false;
    *(uint16_t *)into = (uint16_t)n;
    return true;
}

static bool put_seconds(const char *text, void *into)
{
    static const struct word units[] = {
        { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { NULL, 0 }
    };
    uint64_t    n;
    const char *rest;

    if (!parse_number(text, 1, 86400, &n, &rest))
        return false;
    for (const struct word *u = units; u->text != NULL; u++)
        if (strcmp(rest, u->text) == 0 && n * (uint64_t)u->value <= 86400) {
            *(uint32_t *)into = (uint32_t)(n * (uint64_t)u->value);
            return true;
        }
    return false;
}

struct unit {
    const char *text;
    uint64_t    times;
};

/* A number and its unit, or "none" (0). */
static bool put_measure(const struct unit *units, uint64_t most, const char *text, void *into)
{
    uint64_t    n = 0;
    const char *rest;

    if (strcmp(text, "none") == 0) {
        *(uint64_t *)into = 0;
        return true;
    }
    if (!parse_number(text, 1, most, &n, &rest))
        return false;
    for (const struct unit *u = units; u->text != NULL; u++)
        if (strcasecmp(rest, u->text) == 0 && n <= most / u->times) {
            *(uint64_t *)into = n * u->times;
            return true;
        }
    return false;
}

static bool put_bytes(const char *text, void *into)
{
    static const struct unit units[] = { { "", 1 },           { "K", 1ull << 10 },
                                         { "M", 1ull << 20 }, { "G", 1ull << 30 },
                                         { "T", 1ull << 40 }, { NULL, 0 } };
    return put_measure(units, 1ull << 60, text, into);
}

static bool put_age(const char *text, void *into)
{
    static const struct unit units[] = {
        { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }, { NULL, 0 }
    };
    return put_measure(units, 100ull * 366 * 86400, text, into);
}

static bool put_sync(const char *text, void *into)
{
    static const char interval[] = "interval:";
    struct store_sync sync = { 0 };
    uint64_t          ms;
    const char       *rest;

    if (strcmp(text, "os") == 0) {
        sync.never = true;
    } else if (strncmp(text, interval, sizeof interval - 1) == 0) {
        if (!parse_number(text + sizeof interval - 1, 1, 60000, &ms, &rest) || *rest != '\0')
            return false;
        sync.interval_ms = (uint32_t)ms;
    } else if (strcmp(text, "commit") != 0) {
        return false;
    }
    memcpy(into, &sync, sizeof sync);
    return true;
}

static bool put_flag(const char *text, void *into)
{
    for (const struct word *w = flag_words; w->text != NULL; w++)
        if (strcasecmp(text, w->text) == 0) {
            *(bool *)into = w->value != 0;
            return true;
        }
    return false;
}

/* "debezium:TOPIC:CONNECTOR"; a connector's name may hold colons, a topic's can't. */
static bool put_origin(const char *text, void *into)
{
    static const char    adopt[] = "debezium:";
    struct config_origin origin = { .kind = ORIGIN_OLDEST };
    const char          *topic = text + sizeof adopt - 1;

    if (strcmp(text, "newest") == 0) {
        origin.kind = ORIGIN_NEWEST;
    } else if (strncmp(text, adopt, sizeof adopt - 1) == 0) {
        size_t      n = strcspn(topic, ":");
        const char *connector = topic + n + (topic[n] != 0);
        if (n == 0 || n > KAFKA_NAME_BYTES_MAX || *connector == 0 ||
            strlen(connector) > KAFKA_NAME_BYTES_MAX)
            return false;
        origin.kind = ORIGIN_DEBEZIUM;
        memcpy(origin.topic, topic, n);
        memcpy(origin.connector, connector, strlen(connector));
    } else if (strcmp(text, "oldest") != 0) {
        return false;
    }
    memcpy(into, &origin, sizeof origin);
    return true;
}

static bool put_start(const char *text, void *into)
{
    struct config_start start = { .kind = START_OLDEST };
    const char         *colon = strrchr(text, ':'), *rest;

    if (strcmp(text, "newest") == 0)
        start.kind = START_NEWEST;
    else if (strcmp(text, "oldest") != 0) {
        if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof start.file ||
            memchr(text, '/', (size_t)(colon - text)) != NULL ||
            !parse_number(colon + 1, BINLOG_MAGIC_BYTES, STORE_OFFSET_MAX, &start.position,
                          &rest) ||
            *rest != '\0')
            return false;
        start.kind = START_AT;
        memcpy(start.file, text, (size_t)(colon - text));
    }
    memcpy(into, &start, sizeof start);
    return true;
}

static bool put_limit(const char *text, void *into)
{
    if (strcmp(text, "none") != 0)
        return put_count(text, into);
    *(uint32_t *)into = 0;
    return true;
}

static bool put_rights(const char *text, void *into)
{
    unsigned   rights;
    struct err ignored;

    if (rights_parse(slice_of_text(text), &rights, &ignored) != 0)
        return false;
    *(unsigned *)into = rights;
    return true;
}

/* All enums of the configuration are plain ones of int's size. */
_Static_assert(sizeof(enum client_tls) == sizeof(int), "enum size");
_Static_assert(sizeof(enum log_level) == sizeof(int), "enum size");
_Static_assert(sizeof(enum log_format) == sizeof(int), "enum size");

static bool put_word(const struct word *words, const char *text, void *into)
{
    for (; words->text != NULL; words++)
        if (strcmp(text, words->text) == 0) {
            memcpy(into, &words->value, sizeof words->value);
            return true;
        }
    return false;
}

/* clang-format off */
static const struct value_type {
    const char        *allowed;
    value_fn          *put;
    const struct word *words; /* in place of put */
} types[CONFIG_TYPES] = {
    [TYPE_TEXT]     = { "a text", put_text, NULL },
    [TYPE_SECRET]   = { "a text", put_text, NULL },
    [TYPE_LIST]     = { "a list separated by commas (the key may be given several times)", put_text, NULL },
    [TYPE_COUNT]    = { "a number from 1 to 4294967295", put_count, NULL },
    [TYPE_PORT]     = { "a port from 1 to 65535", put_port, NULL },
    [TYPE_SECONDS]  = { "a time from 1 s to 24 h, as in 30, 30s, 5m, 1h", put_seconds, NULL },
    [TYPE_BYTES]    = { "none, or bytes as in 500M, 20G, 1T", put_bytes, NULL },
    [TYPE_AGE]      = { "none, or a time as in 30m, 12h, 7d", put_age, NULL },
    [TYPE_FLAG]     = { "yes or no", put_flag, NULL },
    [TYPE_SYNC]     = { "commit, os, or interval:MILLISECONDS as in interval:100", put_sync, NULL },
    [TYPE_LEVEL]    = { "error, warning, info or debug", NULL, level_words },
    [TYPE_LOG_FORMAT] = { "pairs, json or plain", NULL, log_format_words },
    [TYPE_START]    = { "oldest, newest, or FILE:POSITION as in binlog.000007:4", put_start, NULL },
    [TYPE_TLS]      = { "off, preferred, required, verify-ca or verify-identity", NULL, tls_words },
    [TYPE_AUTH]     = { "any, caching_sha2_password or mysql_native_password", NULL, auth_words },
    [TYPE_RIGHTS]   = { "a list of replicate, forward, write and admin, or all, or none", put_rights, NULL },
    [TYPE_LIMIT]    = { "none, or a number from 1 to 4294967295", put_limit, NULL },
    [TYPE_SINK]     = { "file, stdout or kafka", NULL, sink_words },
    [TYPE_ORIGIN]   = { "oldest, newest, or debezium:TOPIC:CONNECTOR", put_origin, NULL },
    [TYPE_DELIVERY] = { "exactly_once or at_least_once", NULL, delivery_words },
    [TYPE_UNDELIVERABLE] = { "stop or dead_letter", NULL, undeliverable_words },
    [TYPE_FAILOVER] = { "manual or auto", NULL, failover_words },
    [TYPE_FORK]     = { "stop or keep", NULL, fork_words },
};
/* clang-format on */

const char *config_type_allowed(enum config_type type)
{
    assert(type < CONFIG_TYPES);
    return types[type].allowed;
}

bool config_type_owns_text(enum config_type type)
{
    return type == TYPE_TEXT || type == TYPE_SECRET || type == TYPE_LIST;
}

/* A list given again grows; any other text is replaced. */
static int put_owned(const struct config_key *key, const char *value, void *into, struct err *e)
{
    char *old, *joined = NULL;

    memcpy(&old, into, sizeof old);
    if (key->type == TYPE_LIST && old != NULL && *old != '\0') {
        if (asprintf(&joined, "%s,%s", old, value) < 0)
            return err_set(e, E_NOMEM, "no memory for the configuration");
        memcpy(into, &joined, sizeof joined);
    } else if (!put_text(value, into)) {
        return err_set(e, E_NOMEM, "no memory for the configuration");
    }
    free(old);
    return 0;
}

int config_put(void *section, const struct config_key *key, const char *value, struct err *e)
{
    const struct value_type *t = &types[key->type];
    void                    *into = (char *)section + key->at;

    if (config_type_owns_text(key->type))
        return put_owned(key, value, into, e);
    if (t->words != NULL ? put_word(t->words, value, into) : t->put(value, into))
        return 0;
    return err_set(e, E_CONFIG, "'%s' is no value for '%s': allowed is %s", value, key->name,
                   t->allowed);
}
