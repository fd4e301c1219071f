/* What the files query*.c share: one statement on its way to an answer. */
#pragma once
#include "relay/sql/expr.h"
#include "relay/sql/query_class.h"
#include "relay/sql/sql.h"

struct query {
    const struct query_env *env;
    struct slice            text;   /* the whole statement */
    struct sql              sql;    /* behind the words that were recognised */
    struct reply           *reply;  /* NULL where it is only looked at: expr_notes.dry */
    struct buf              values; /* bound QUERY_VALUES_BYTES */
    struct sql_refusal      no;
    struct expr_notes       notes;
    unsigned                needs;   /* with a refusal: the right that would help */
    bool                    wrapped; /* inside SET STATEMENT ... FOR */
};

/* Appends the answer, or fills q->no and returns -1 with nothing appended. `text`: the row's own
   word or sentence. Where the statement is only looked at, nothing is appended or changed. */
typedef int query_handler(struct query *q, const char *text);

query_handler query_select;         /* query_select.c */
query_handler query_do;             /* query_select.c */
query_handler query_set;            /* query_set.c */
query_handler query_show_variables; /* query_show.c */
query_handler query_show_warnings;  /* query_show.c; any text: errors, which there are none of */
query_handler query_show_end;       /* query_binlog.c: SHOW MASTER STATUS and its other names */
query_handler query_show_files;     /* query_binlog.c: SHOW BINARY LOGS */

query_handler query_show_events;    /* query_events.c; any text: of the relay log */
query_handler query_show_replica;   /* query_replica.c: "source", "master" or "all" */
query_handler query_show_processes; /* query_process.c; any text: FULL */
query_handler query_show_replicas;  /* query_process.c; any text: the newer names */
query_handler query_show_status;    /* query_status.c; any text: GLOBAL */

enum { QUERY_FILTERS_MAX = 32 };
/* Any of the texts, which lie in the query's values; none: all that there is. */
struct query_filter {
    struct {
        struct value text;
        bool         like;
    } any[QUERY_FILTERS_MAX];
    size_t count;
};
/* [LIKE 'text' | WHERE Variable_name = 'text' | LIKE 'text' | IN (texts) [OR ...]] */
MUST_CHECK int query_read_filter(struct query *q, struct query_filter *f);
bool           query_filter_wants(struct query *q, const struct query_filter *f, const char *name);

/* Begins an answer of names and values: `what` is "variables" or "status". */
void query_put_pairs(struct query *q, const char *what, bool global);

/* Recognises and answers what q->sql stands on. */
MUST_CHECK int query_dispatch(struct query *q);
/* The same, but only says who would. */
void query_look(struct query *q, struct query_verdict *v);

/* Where the first words don't tell. `v` is what the row says; q->sql is behind its words. */
typedef void query_looker(struct query *q, struct query_verdict *v);

query_looker query_look_select; /* query_look.c, like all */
query_looker query_look_do;
query_looker query_look_set;
query_looker query_look_variables;
query_looker query_look_status;
query_looker query_look_parentheses;
query_looker query_look_with;
query_looker query_look_explain;
query_looker query_look_end;
query_looker query_look_lock;
query_looker query_look_flush;
query_looker query_look_prepare;
query_looker query_look_immediate;
/* A setting of one session that reaches further: "gtid_next", "global.read_only". */
bool query_is_privileged(struct slice name);

/* What the whole statement has in it that its first words don't show: raises the verdict. */
void query_look_through(struct slice sql, enum sql_quotes quotes, struct query_verdict *v);

/* Adds to the warnings of the answer that follows. `text` is static. */
void query_warn(struct query *q, uint16_t number, const char *text);
/* -1 with 1064 unless the statement ends here. */
MUST_CHECK int query_expect_end(struct query *q);
struct expr    query_expr(struct query *q);
/* [LIMIT rows | LIMIT offset, rows | LIMIT rows OFFSET offset]: numbers, or '?' for one. What is
   not said stays as it is. */
MUST_CHECK int query_read_limit(struct query *q, uint64_t *offset, uint64_t *rows);
int            query_refuse_syntax(struct query *q);
/* For what only the source could say. */
int query_refuse_forwarded(struct query *q);
