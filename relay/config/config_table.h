/*
 * The tables of relay/config/config_keys.h as data: sections, keys, and how a text becomes a value.
 * Used by config.c and config_print.c alone.
 */
#pragma once
#include "relay/config/config.h"

enum config_type {
    TYPE_TEXT,
    TYPE_SECRET,
    TYPE_LIST, /* may be given several times, joined by commas */
    TYPE_COUNT,
    TYPE_PORT,
    TYPE_SECONDS,
    TYPE_BYTES,
    TYPE_AGE,
    TYPE_FLAG,
    TYPE_SYNC,
    TYPE_LEVEL,
    TYPE_LOG_FORMAT,
    TYPE_START,
    TYPE_TLS,
    TYPE_AUTH,
    TYPE_RIGHTS,
    TYPE_LIMIT,
    TYPE_SINK,
    TYPE_ORIGIN,
    TYPE_FAILOVER,
    TYPE_FORK,
    TYPE_DELIVERY,
    TYPE_UNDELIVERABLE,
    CONFIG_TYPES
};

struct config_key {
    const char         *name;
    enum config_type    type;
    size_t              at;   /* offset in the section's struct */
    const char         *dflt; /* NULL: must be given */
    enum config_applies applies;
    const char         *help;
    size_t              size; /* of the value in the struct */
};

enum { CONFIG_KEYS_MAX = 40 };

struct config_section {
    const char              *name;
    bool                     named;         /* [NAME one] [NAME two]: an array in struct config */
    bool                     name_optional; /* one of them may go without */
    bool                     inherits;      /* what is not given is [relay]'s */
    size_t                   at; /* in struct config: the struct, or the pointer to the array */
    size_t                   count_at;
    size_t                   size; /* of one */
    size_t                   most;
    const char              *help;
    const struct config_key *keys;
    size_t                   key_count;
    bool                     has_options; /* a publisher: Debezium's options, too */
};

extern const struct config_section config_sections[];
extern const size_t                config_section_count;

/* What values of the type look like, for messages and the manual. */
const char *config_type_allowed(enum config_type type);
bool        config_type_owns_text(enum config_type type);
/* Puts the value into its section's struct; E_CONFIG says what is allowed. */
MUST_CHECK int config_put(void *section, const struct config_key *key, const char *value,
                          struct err *e);
