/*
 * The system variables as the source's family and version has them: those that speak of the relay,
 * by one table; all others with the values that the source had at the last attach, or before the
 * first one with a server's defaults, for what clients can't do without. Any thread.
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
    bool           guessed; /* a server's default, for where the source has not told its value */
};

enum shape variable_shape(const struct variable *v);
/* What a server warns of when it is read; NULL: nothing. */
const char *variable_warning(const struct variable *v, const struct server_facts *facts);
/* Does the relay know without asking whether the source has it? */
bool variable_is_known(struct slice name, const struct query_env *env);
/* False when the source has no such variable. What *out points to lives as long as env->variables.
 */
bool variable_find(struct slice name, const struct query_env *env, struct variable *out);
/* One after the other, those that exist, by name; false at the end. Begin with zeros. */
struct variable_walk {
    size_t own, remembered;
};
bool variable_next(struct variable_walk *w, const struct query_env *env, struct variable *out);
/* Its value as text: a flag is "1" or "0". */
MUST_CHECK int variable_put(const struct variable *v, const struct query_env *env, bool global,
                            struct buf *out, struct err *e);
