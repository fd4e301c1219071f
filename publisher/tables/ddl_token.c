#include "publisher/tables/ddl_token.h"
#include <strings.h>

static uint8_t char_at(const struct ddl_lexer *l, size_t i)
{
    return i < l->text.len ? l->text.ptr[i] : 0;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '$' || c >= 0x80;
}

/* ---- comments ---- */

static void skip_line(struct ddl_lexer *l)
{
    while (l->at < l->text.len && l->text.ptr[l->at] != '\n')
        l->at++;
}

/* Up to the end of a comment; one in it ends before it, as servers have it in what they skip. */
static void skip_comment(struct ddl_lexer *l, bool nested)
{
    unsigned depth = 1;
    while (l->at < l->text.len && depth > 0) {
        if (char_at(l, l->at) == '*' && char_at(l, l->at + 1) == '/') {
            depth--;
            l->at += 2;
        } else if (nested && char_at(l, l->at) == '/' && char_at(l, l->at + 1) == '*') {
            depth++;
            l->at += 2;
        } else {
            l->at++;
        }
    }
}

/* MariaDB leaves out what MySQL 5.7 and later would execute. */
static bool is_executed(const struct ddl_session *s, bool only_mariadb, uint32_t version)
{
    enum { MARIADB_SKIPS_FROM = 50700, MARIADB_SKIPS_TO = 99999 };

    if (s->family != FAMILY_MARIADB)
        return !only_mariadb && (s->version == 0 || version <= s->version);
    if (!only_mariadb && version >= MARIADB_SKIPS_FROM && version <= MARIADB_SKIPS_TO)
        return false;
    return s->version == 0 || version <= s->version;
}

static void begin_comment(struct ddl_lexer *l)
{
    enum { VERSION_DIGITS_MAX = 6 };
    bool only_mariadb = char_at(l, l->at + 2) == 'M' && char_at(l, l->at + 3) == '!';

    if (char_at(l, l->at + 2) != '!' && !only_mariadb) {
        l->at += 2;
        skip_comment(l, false);
        return;
    }
    l->at += only_mariadb ? 4 : 3;
    uint32_t version = 0;
    for (int i = 0; i < VERSION_DIGITS_MAX && is_digit(char_at(l, l->at)); i++)
        version = version * 10 + (char_at(l, l->at++) - (uint32_t)'0');
    if (is_executed(l->session, only_mariadb, version))
        l->inside++;
    else
        skip_comment(l, true);
}

static bool is_dash_comment(const struct ddl_lexer *l)
{
    uint8_t third = char_at(l, l->at + 2);
    return char_at(l, l->at + 1) == '-' && (third <= ' ' || third == 0x7f);
}

static void skip_blanks(struct ddl_lexer *l)
{
    while (l->at < l->text.len) {
        uint8_t c = char_at(l, l->at);
        uint8_t next = char_at(l, l->at + 1);
        if (is_space(c)) {
            l->at++;
        } else if (c == '#' || (c == '-' && is_dash_comment(l))) {
            skip_line(l);
        } else if (c == '/' && next == '*') {
            begin_comment(l);
        } else if (c == '*' && next == '/' && l->inside > 0) {
            l->inside--;
            l->at += 2;
        } else {
            return;
        }
    }
}

/* ---- tokens ---- */

static void skip_quoted(struct ddl_lexer *l, uint8_t quote, bool escapes)
{
    l->at++;
    while (l->at < l->text.len) {
        uint8_t c = char_at(l, l->at);
        if (escapes && c == '\\') {
            l->at += l->at + 1 < l->text.len ? 2 : 1;
        } else if (c != quote) {
            l->at++;
        } else if (char_at(l, l->at + 1) == quote && l->at + 1 < l->text.len) {
            l->at += 2;
        } else {
            l->at++;
            return;
        }
    }
}

static enum ddl_token_kind take_quoted(struct ddl_lexer *l, uint8_t quote)
{
    bool is_name = quote == '`' || (quote == '"' && l->session->ansi_quotes);
    skip_quoted(l, quote, !is_name && !l->session->no_backslash_escapes);
    return is_name ? DDL_TOKEN_NAME : DDL_TOKEN_STRING;
}

static void skip_digits(struct ddl_lexer *l)
{
    while (is_digit(char_at(l, l->at)))
        l->at++;
}

/* What begins with a digit: a number, or an identifier like `1st`. */
static enum ddl_token_kind take_number(struct ddl_lexer *l)
{
    size_t  from = l->at;
    uint8_t second = char_at(l, l->at + 1) | 0x20;

    if (char_at(l, from) == '0' && (second == 'x' || second == 'b')) {
        while (is_word(char_at(l, l->at)))
            l->at++;
        return DDL_TOKEN_BITS;
    }
    skip_digits(l);
    if (char_at(l, l->at) == '.' && is_digit(char_at(l, l->at + 1))) {
        l->at++;
        skip_digits(l);
    }
    if ((char_at(l, l->at) | 0x20) == 'e') {
        size_t  sign = l->at + 1;
        uint8_t c = char_at(l, sign);
        if (is_digit(c) || ((c == '+' || c == '-') && is_digit(char_at(l, sign + 1)))) {
            l->at = sign + 1;
            skip_digits(l);
        }
    }
    if (!is_word(char_at(l, l->at)))
        return DDL_TOKEN_NUMBER;
    while (is_word(char_at(l, l->at)))
        l->at++;
    return DDL_TOKEN_WORD;
}

static enum ddl_token_kind take_word(struct ddl_lexer *l)
{
    size_t from = l->at;
    while (is_word(char_at(l, l->at)))
        l->at++;
    if (l->at != from + 1 || char_at(l, l->at) != '\'')
        return DDL_TOKEN_WORD;
    uint8_t prefix = char_at(l, from) | 0x20;
    if (prefix != 'x' && prefix != 'b' && prefix != 'n')
        return DDL_TOKEN_WORD;
    skip_quoted(l, '\'', !l->session->no_backslash_escapes);
    return prefix == 'n' ? DDL_TOKEN_STRING : DDL_TOKEN_BITS;
}

struct ddl_token ddl_token_next(struct ddl_lexer *l)
{
    struct ddl_token t = { .kind = DDL_TOKEN_END };

    skip_blanks(l);
    size_t  from = l->at;
    uint8_t c = char_at(l, from);
    if (from >= l->text.len) {
        t.text = (struct slice){ l->text.ptr + l->text.len, 0 };
        return t;
    }
    if (c == '\'' || c == '"' || c == '`') {
        t.kind = take_quoted(l, c);
    } else if (is_digit(c)) {
        t.kind = take_number(l);
    } else if (is_word(c)) {
        t.kind = take_word(l);
    } else {
        t.kind = DDL_TOKEN_PUNCT;
        l->at++;
    }
    t.text = (struct slice){ l->text.ptr + from, l->at - from };
    return t;
}

bool ddl_token_is(const struct ddl_token *t, const char *word)
{
    return t->kind == DDL_TOKEN_WORD && t->text.len == strlen(word) &&
           strncasecmp((const char *)t->text.ptr, word, t->text.len) == 0;
}
