/*
 * The system variables that a relay has, as the source's family and version would have them: one
 * table. Any thread; the table never changes.
 */
#pragma once
#include "relay/sql/query.h"
#include "relay/sql/query_class.h"
#include "relay/sql/shape.h"
#include "relay/sql/sql.h"

enum variable_type {
    VARIABLE_NUMBER,
    VARIABLE_SIGNED,
    VARIABLE_DOUBLE,
    VARIABLE_FLAG, /* SELECT answers 1 or 0, SHOW answers ON or OFF */
    VARIABLE_TEXT,
};
enum variable_scope {
    VARIABLE_GLOBAL,  /* SET SESSION is refused */
    VARIABLE_BOTH,    /* SET SESSION is taken; only autocommit changes what is done */
    VARIABLE_SESSION, /* has no global value */
};

struct variable {
    const char         *name; /* lower case; the table ascends by it */
    enum variable_type  type;
    enum variable_scope scope;
    uint32_t            mysql_from, mysql_until;     /* version_number, the latter excluded */
    uint32_t            mariadb_from, mariadb_until; /* the same */
    const char         *value;                       /* a constant, or: */
    size_t              fact_at, fact_size; /* a text in struct server_facts; empty: not there */
    int (*put)(const struct query_env *env, bool global, struct buf *out, struct err *e);
    enum query_tie tie;
};

/* Does a server of any family and version have it? */
bool       variable_is_known(struct slice name);
enum shape variable_shape(const struct variable *v);
/* NULL when a server of this family and version has no such variable. */
const struct variable *variable_find(struct slice name, const struct server_facts *facts);
/* One after the other, those that exist; NULL at the end. Begin with *index 0. */
const struct variable *variable_next(size_t *index, const struct server_facts *facts);
/* What a server warns of when it is read; NULL: nothing. */
const char *variable_warning(const struct variable *v, const struct server_facts *facts);
/* Its value as text: a flag is "1" or "0". */
MUST_CHECK int variable_put(const struct variable *v, const struct query_env *env, bool global,
                            struct buf *out, struct err *e);
