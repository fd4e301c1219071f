/*
 * Values in statements: literals, user and system variables, the functions that a relay knows.
 *
 * One reader (struct expr) serves one statement. All values lie one behind the other in a buffer
 * of the caller's, whose bound limits what a statement may cost; so they are kept as places in it.
 */
#pragma once
#include "relay/sql/query.h"
#include "relay/sql/query_class.h"
#include "relay/sql/shape.h"
#include "relay/sql/sql.h"

struct value {
    enum shape shape;
    bool       is_null;
    uint8_t    decimals;   /* for the shape */
    uint32_t   characters; /* of a text it was made from; 0: its own */
    size_t     at, bytes;  /* in the buffer */
};
/* Set from a number. */
bool value_is_number(const struct value *v);

/* What reading found out beside the value. */
struct expr_notes {
    bool           dry;     /* given: only see whether it can be read; values are all NULL */
    bool           settled; /* with a refusal: the source can't say anything else */
    enum query_tie tie;
    const char    *warning;    /* of number 1287; NULL: none */
    size_t         parameters; /* read so far */
};

struct expr {
    const struct query_env *env;
    struct sql             *sql; /* stands on the expression, then behind it */
    struct buf             *values;
    struct sql_refusal     *no; /* filled where -1 is returned */
    struct expr_notes      *notes;
    unsigned                depth;
};
MUST_CHECK int expr_read(struct expr *x, struct value *out);
struct slice   expr_text(const struct expr *x, const struct value *v);
/* A whole number without sign. */
bool expr_number(const struct expr *x, const struct value *v, uint64_t *out);

/* Splits "global.name", "session.name", "name": false for another scope, or more dots. */
enum expr_scope { EXPR_UNSAID, EXPR_OF_GLOBAL, EXPR_OF_SESSION };
bool expr_split(struct slice body, enum expr_scope *scope, struct slice *name);
/* Fills *no from an error of the relay's own. Returns -1. */
int expr_refuse_err(struct sql_refusal *no, const struct err *e);
