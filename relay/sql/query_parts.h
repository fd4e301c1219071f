/* What the files query*.c share: one statement on its way to an answer. */
#pragma once
#include "relay/sql/expr.h"
#include "relay/sql/query.h"
#include "relay/sql/sql.h"

struct query {
    const struct query_env *env;
    struct sql              sql; /* behind the words that were recognised */
    struct reply           *reply;
    struct buf              values; /* bound QUERY_VALUES_BYTES */
    struct sql_refusal      no;
    bool                    wrapped; /* inside SET STATEMENT ... FOR */
};

/* Appends the answer, or fills q->no and returns -1 with nothing appended. `text`: the row's own
   word or sentence. */
typedef int query_handler(struct query *q, const char *text);

query_handler query_select;         /* query_select.c */
query_handler query_set;            /* query_set.c */
query_handler query_show_variables; /* query_show.c, like the next ones */
query_handler query_show_end;       /* SHOW MASTER STATUS and its other names */
query_handler query_show_files;     /* SHOW BINARY LOGS */
query_handler query_show_nothing;   /* SHOW WARNINGS, SHOW ERRORS */

/* Recognises and answers what q->sql stands on. */
MUST_CHECK int query_dispatch(struct query *q);

/* -1 with 1064 unless the statement ends here. */
MUST_CHECK int query_expect_end(struct query *q);
struct expr    query_expr(struct query *q);
int            query_refuse_syntax(struct query *q);
