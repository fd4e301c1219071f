/*
 * Columns of an answer as the source's family and version defines them: types, flags, lengths,
 * charset. Measured at real servers of each version. Any thread.
 */
#pragma once
#include "relay/sql/query.h"

enum column_kind {
    COLUMN_TEXT,        /* never NULL */
    COLUMN_TEXT_NULL,   /* may be */
    COLUMN_LONG,        /* unsigned, never NULL */
    COLUMN_LONGLONG,    /* the same */
    COLUMN_SIGNED,      /* a LONG, never NULL */
    COLUMN_SIGNED_LONG, /* a LONGLONG, never NULL */
    COLUMN_DOUBLE,
    COLUMN_STATEMENT, /* a text without bound, may be NULL */
};

/* One column of a SHOW statement; the version spans as in variables.h. */
struct column {
    const char      *name;
    enum column_kind kind;
    uint32_t         length; /* in characters or digits */
    uint32_t         mysql_from, mysql_until, mariadb_from, mariadb_until;
};
#define COLUMNS_EVER 0, UINT32_MAX, 0, UINT32_MAX

enum { COLUMNS_MAX = 72 };

bool column_exists(const struct column *c, const struct server_facts *f);
/* Begins an answer with those that exist; at most COLUMNS_MAX. */
void columns_put(const struct query_env *env, struct reply *r, const struct column *list,
                 size_t count);

/* A text column in the charset of the session's results; `characters` long. */
struct reply_column column_of_text(const struct query_env *env, const char *name,
                                   uint32_t characters, uint16_t flags);
/* Does the collation of the session's texts tell letters apart by their bytes? */
bool column_is_binary(const struct query_env *env);
/* Bytes of a character at most. */
uint32_t column_character_bytes(const struct query_env *env);
