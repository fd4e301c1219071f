/*
 * The words of a DDL statement: comments left out, what servers execute inside of comments kept.
 *
 * A view on the statement; one thread at a time. No statement is an error: what ends in the middle
 * of a quote or a comment ends there. Source: MySQL manual "Language Structure", MariaDB knowledge
 * base "Comment Syntax".
 */
#pragma once
#include "publisher/tables/ddl.h"

enum ddl_token_kind {
    DDL_TOKEN_END,
    DDL_TOKEN_WORD,   /* an unquoted identifier or keyword */
    DDL_TOKEN_NAME,   /* a quoted identifier */
    DDL_TOKEN_STRING, /* with its quotes, also n'...' */
    DDL_TOKEN_NUMBER,
    DDL_TOKEN_BITS, /* x'..', 0x.., b'..', 0b.. */
    DDL_TOKEN_PUNCT /* one character */
};

struct ddl_token {
    enum ddl_token_kind kind;
    struct slice        text;
};

struct ddl_lexer {
    const struct ddl_session *session;
    struct slice              text;
    size_t                    at;
    unsigned                  inside; /* of how many executed comments */
};

struct ddl_token ddl_token_next(struct ddl_lexer *l);
/* Of a WORD: whatever the case of its letters. */
bool ddl_token_is(const struct ddl_token *t, const char *word);
