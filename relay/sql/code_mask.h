/*
 * Which bytes of a statement that comes in pieces lie in no text and no comment, by any of the ways
 * in which a server may read it: whether a backslash escapes depends on its sql_mode (see
 * sql_quotes in sql.h), of which nothing is believed here.
 *
 * What "..." and `...` hold may be a name, and so counts as code. Where it can't be told what a
 * server reads, all behind counts as code: after a comment that some servers execute, or one of
 * hints; after a backslash or a backtick that may be the second half of a character.
 *
 * Plain data, any thread; linear in the text. Source: MySQL manual, "String Literals", "Comments",
 * "Schema Object Names"; the lexer's rules for "--" and quotes in sql/sql_lex.cc.
 */
#pragma once
#include "relay/sql/sql.h"

struct code_reading {
    uint8_t where;    /* enum code_where */
    bool    escaped;  /* the next byte means nothing */
    uint8_t before;   /* the byte before, of code or of the comment; 0: none that counts */
    uint8_t before_2; /* the one before that */
};

struct code_mask {
    struct code_reading readings[SQL_QUOTES];
    uint8_t             last; /* byte */
    bool                wild; /* all is code from here on */
};

/* Writes piece.len bytes: those of code as they are, a space for each other one. Zeroed at the
   statement's beginning. */
void code_mask_piece(struct code_mask *m, struct slice piece, uint8_t *out);
