/*
 * The configuration file, read into one struct. INI: [relay], [channel NAME], [source NAME],
 * [listener], [listener NAME], [http], [user NAME], [publisher NAME].
 *
 * Made once at start and never changed; read by any thread. Texts belong to the struct.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "protocol/auth.h"
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/client.h"
#include "publisher/kafka/settings.h"
#include "publisher/options.h"
#include "protocol/rights.h"
#include "relay/config/config_keys.h"
#include "relay/log.h"
#include "storage/store.h"

enum config_applies { RELOAD, RECONNECT, RESTART };

enum config_auth { CONFIG_AUTH_ANY, CONFIG_AUTH_CACHING_SHA2, CONFIG_AUTH_NATIVE };
enum config_sink { CONFIG_SINK_FILE, CONFIG_SINK_STDOUT, CONFIG_SINK_KAFKA };
enum config_delivery { CONFIG_EXACTLY_ONCE, CONFIG_AT_LEAST_ONCE };
enum config_undeliverable { CONFIG_UNDELIVERABLE_STOP, CONFIG_DEAD_LETTER };
struct config_origin {
    enum { ORIGIN_OLDEST, ORIGIN_NEWEST, ORIGIN_DEBEZIUM } kind;
    char topic[KAFKA_NAME_BYTES_MAX + 1], connector[KAFKA_NAME_BYTES_MAX + 1];
};
/* Who decides to follow another source of the channel. */
enum failover_mode { FAILOVER_MANUAL, FAILOVER_AUTO };
/* What becomes of transactions that consumers were given and a source lacks for ever. */
enum fork_policy { FORK_STOP, FORK_KEEP };
struct config_start {
    enum { START_OLDEST, START_NEWEST, START_AT } kind;
    char     file[256];
    uint64_t position;
};

/* The C type of each type of key. */
#define C_TEXT                                               char *
#define C_SECRET                                             char *
#define C_LIST                                               char *
#define C_COUNT                                              uint32_t
#define C_PORT                                               uint16_t
#define C_SECONDS                                            uint32_t
#define C_BYTES                                              uint64_t
#define C_AGE                                                uint64_t
#define C_FLAG                                               bool
#define C_SYNC                                               struct store_sync
#define C_LEVEL                                              enum log_level
#define C_LOG_FORMAT                                         enum log_format
#define C_START                                              struct config_start
#define C_TLS                                                enum client_tls
#define C_AUTH                                               enum config_auth
#define C_LIMIT                                              uint32_t /* 0: none */
#define C_RIGHTS                                             unsigned /* of enum right */
#define C_SINK                                               enum config_sink
#define C_ORIGIN                                             struct config_origin
#define C_FAILOVER                                           enum failover_mode
#define C_FORK                                               enum fork_policy
#define C_DELIVERY                                           enum config_delivery
#define C_UNDELIVERABLE                                      enum config_undeliverable
#define CONFIG_FIELD(field, name, type, dflt, applies, help) C_##type field;

struct config_relay {
    RELAY_KEYS(CONFIG_FIELD)
};
struct config_channel {
    char *name;
    CHANNEL_KEYS(CONFIG_FIELD)
    char *folder;
};
struct config_listener {
    char *name; /* "" of the plain [listener] */
    LISTENER_KEYS(CONFIG_FIELD)
};
struct config_http {
    HTTP_KEYS(CONFIG_FIELD)
};
struct config_source {
    char *name;
    SOURCE_KEYS(CONFIG_FIELD)
};
struct config_user {
    char *name;
    USER_KEYS(CONFIG_FIELD)
};
struct config_publisher {
    char *name;
    PUBLISHER_KEYS(CONFIG_FIELD)
    struct options        options; /* Debezium's */
    struct kafka_settings kafka;   /* librdkafka's, and of topics */
};

enum {
    CONFIG_CHANNELS_MAX = 16,
    CONFIG_SOURCES_MAX = 16,
    CONFIG_LISTENERS_MAX = 32,
    CONFIG_USERS_MAX = 1024,
    CONFIG_PUBLISHERS_MAX = 64
};

/* Without any [channel NAME] there is one channel, "main", whose folder is [relay] data itself. A
   section's empty `channel` is filled in where there is only one; so it is "" for users and
   listeners alone. There is at least one listener, and one source for each channel; of several the
   order is that in which they are tried by failover = auto, and the first one is followed at
   first. */
struct config {
    char                    *path;
    struct config_relay      relay;
    bool                     has_channels; /* by sections */
    struct config_channel   *channels;
    size_t                   channel_count;
    struct config_listener  *listeners;
    size_t                   listener_count;
    struct config_http       http;
    bool                     has_http; /* its section is there */
    struct config_source    *sources;
    size_t                   source_count;
    struct config_user      *users;
    size_t                   user_count;
    struct config_publisher *publishers;
    size_t                   publisher_count;
};

/* Reads and checks everything. Each error is handed over as one sentence "FILE:LINE: ..."; E_CONFIG
   at the end when there was any. Password files are read; files named for TLS must be readable. */
MUST_CHECK int config_read(const char *path, void (*say)(void *arg, const char *sentence),
                           void *arg, struct config **out, struct err *e);
void           config_free(struct config *c);

/* The sample file and the manual page's list of keys, from the tables. */
void config_put_sample(struct buf *out);
void config_put_man(struct buf *out); /* whole binrelay.conf(5) */
