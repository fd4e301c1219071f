/*
 * What the parts of the DDL reader share: the statement being read, its next word, and room for
 * what is made of it. Private to publisher/ddl*.c. Failure is sticky: `lost` (not understood) and
 * `no_memory` end the reading, nothing needs a check in each line.
 */
#pragma once
#include "publisher/tables/ddl_token.h"

struct ddl_parser {
    const struct ddl_session *session;
    struct ddl               *ddl;
    struct ddl_lexer          lexer;
    struct ddl_token          token; /* the next one, not taken yet */
    bool                      lost, no_memory;
};

/* Zeroed; NULL when there is no memory. */
void *ddl_room(struct ddl_parser *p, size_t size);
/* A copy that ends with a zero byte; "" when there is no memory. */
const char *ddl_text(struct ddl_parser *p, struct slice text);
/* Room for one more in an array of `count`; NULL when there is no memory. */
void *ddl_more(struct ddl_parser *p, void **array, uint32_t count, size_t size);

void ddl_take(struct ddl_parser *p);
bool ddl_at_word(const struct ddl_parser *p, const char *word);
bool ddl_at_punct(const struct ddl_parser *p, char c);
bool ddl_at_end(const struct ddl_parser *p); /* also when it is lost */
bool ddl_at_name(const struct ddl_parser *p);
/* Of the token behind the next one. */
struct ddl_token ddl_peek(const struct ddl_parser *p);

/* Take it if it is there. */
bool ddl_word(struct ddl_parser *p, const char *word);
bool ddl_words(struct ddl_parser *p, const char *first, const char *second);
bool ddl_punct(struct ddl_parser *p, char c);
bool ddl_if_exists(struct ddl_parser *p); /* IF EXISTS or IF NOT EXISTS */

/* Take it or be lost. */
const char *ddl_name(struct ddl_parser *p);
void        ddl_table_name(struct ddl_parser *p, struct ddl_name *out);
const char *ddl_string(struct ddl_parser *p);   /* what it means */
const char *ddl_raw_text(struct ddl_parser *p); /* what stands between its outer quotes */

/* Over a parenthesis and all in it; over the rest of an element, before its ',' or ')'. */
void ddl_skip_parens(struct ddl_parser *p);
void ddl_skip_element(struct ddl_parser *p);

/* [DEFAULT] CHARACTER SET [=] x or COLLATE [=] x; false when something else is there. */
bool ddl_charset(struct ddl_parser *p, const char **charset, const char **collation);

/* ---- ddl_column.c ---- */
/* Type and attributes, up to the end of the element or FIRST or AFTER. */
void ddl_column_body(struct ddl_parser *p, struct ddl_column *c);
void ddl_default_value(struct ddl_parser *p, struct ddl_default *d);

/* ---- ddl_table.c ---- */
void ddl_create_table(struct ddl_parser *p);
void ddl_alter_table(struct ddl_parser *p);
/* The name behind DROP INDEX or CONSTRAINT: only that of the primary key matters. */
void ddl_drop_index(struct ddl_parser *p);
/* (a, b(10) DESC, (c + 1)) */
struct ddl_key    *ddl_key_parts(struct ddl_parser *p, enum ddl_key_kind kind);
struct ddl_action *ddl_action(struct ddl_parser *p, enum ddl_action_kind kind);
struct ddl_name   *ddl_table(struct ddl_parser *p); /* a new one in `tables`, NULL: no memory */
