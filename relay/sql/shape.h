/*
 * What the columns of a SELECT look like on the wire: each kind of expression has its own type,
 * flags and length, which differ by family and version. Measured at real servers. Any thread.
 */
#pragma once
#include "relay/sql/columns.h"

enum shape {
    SHAPE_TEXT, /* a literal */
    SHAPE_INTEGER,
    SHAPE_DECIMAL,
    SHAPE_LOGICAL, /* TRUE, FALSE */
    SHAPE_NULL,
    SHAPE_VERSION,
    SHAPE_USER,
    SHAPE_DATABASE,
    SHAPE_CONNECTION_ID,
    SHAPE_NOW,
    SHAPE_UTC,
    SHAPE_SYSDATE,
    SHAPE_UNIX_TIME,
    SHAPE_COUNT,      /* a whole number of a function's */
    SHAPE_MAYBE,      /* the same, or NULL */
    SHAPE_WAITED,     /* of MASTER_GTID_WAIT() */
    SHAPE_NOT_WAITED, /* the same, asked for NULL */
    SHAPE_GTIDS,
    SHAPE_GTID_POS,
    SHAPE_JOINED, /* CONCAT() */
    /* system variables */
    SHAPE_OF_NUMBER,
    SHAPE_OF_SIGNED,
    SHAPE_OF_FLAG,
    SHAPE_OF_DOUBLE,
    SHAPE_OF_TEXT,
    /* user variables */
    SHAPE_SET_TEXT,
    SHAPE_SET_NUMBER,
    SHAPE_SET_DECIMAL,
    SHAPE_NEVER_SET,
};

/* `characters`: of the value, or for what is computed from a text, of that. `decimals`: of seconds,
   or behind a literal's point; of a whole number: 1 if it has a minus. */
struct reply_column shape_column(const struct query_env *env, enum shape shape, const char *name,
                                 uint32_t characters, uint8_t decimals);
