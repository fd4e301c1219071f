#include "relay/sql/sql.h"
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Bytes above ASCII are letters: names may hold any character of UTF-8. */
static bool is_word(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '$' || c >= 0x80;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

static bool begins(const struct sql *s, const char *what)
{
    size_t n = strlen(what);
    return (size_t)(s->end - s->at) >= n && memcmp(s->at, what, n) == 0;
}

/* "--" needs a blank or a control character behind it, else it is two minus signs. */
static bool is_line_comment(const struct sql *s)
{
    return *s->at == '#' ||
           (begins(s, "--") && (s->end - s->at == 2 || s->at[2] <= ' ' || s->at[2] == 0x7f));
}

static void skip_line(struct sql *s)
{
    while (s->at < s->end && *s->at != '\n')
        s->at++;
}

/* Over a quoted text, up to `end`: false when it has no end there, or an escape that not every
 * sql_mode reads alike. */
static bool skip_plain_quoted(const uint8_t **at, const uint8_t *end)
{
    uint8_t quote = *(*at)++;
    while (*at < end && **at != quote && **at != '\\')
        ++*at;
    if (*at == end || **at != quote)
        return false;
    ++*at;
    return true;
}

/* Whether one server executes a comment and another one skips it, both go on behind the same
 * "star slash" if there is nothing in it that hides one. `s->at` is behind the opening. */
static bool is_tame(const struct sql *s, bool quotes)
{
    const uint8_t *close = memmem(s->at, (size_t)(s->end - s->at), "*/", 2);
    const uint8_t *at = s->at;

    if (close == NULL)
        return false;
    while (at < close) {
        bool pair = close - at >= 2;
        if (*at == '\'' || *at == '"' || *at == '`') {
            if (!quotes || !skip_plain_quoted(&at, close))
                return false;
        } else if (*at == '#' || *at == ';' || (pair && memcmp(at, "--", 2) == 0) ||
                   (pair && memcmp(at, "/*", 2) == 0)) {
            return false;
        } else {
            at++;
        }
    }
    return true;
}

/* Behind "slash star"; false when the comment has no end. A comment that servers execute is only
 * opened here: its content is read as SQL. */
static bool skip_comment(struct sql *s)
{
    s->at += 2;
    size_t mark = begins(s, "M!") ? 2 : begins(s, "!") ? 1 : 0;
    if (mark > 0 && !s->in_version_comment) {
        s->in_version_comment = true;
        s->version_comments++;
        s->at += mark;
        const uint8_t *digits = s->at;
        while (s->at < s->end && is_digit(*s->at))
            s->at++;
        size_t n = (size_t)(s->at - digits);
        s->wild = s->wild || (n != 0 && n != 5 && n != 6) || !is_tame(s, true);
        return true;
    }
    /* A hint has names in quotes, in which servers don't look for the end. */
    if (begins(s, "+"))
        s->wild = s->wild || !is_tame(s, false);
    for (; s->end - s->at >= 2; s->at++) {
        if (s->at[0] == '*' && s->at[1] == '/') {
            s->at += 2;
            return true;
        }
    }
    return false;
}

/* To the next token; false for a comment without end. */
static bool skip_blank(struct sql *s)
{
    for (;;) {
        if (s->at == s->end)
            return !s->in_version_comment;
        if (is_space(*s->at)) {
            s->at++;
        } else if (is_line_comment(s)) {
            skip_line(s);
        } else if (begins(s, "/*")) {
            if (!skip_comment(s))
                return false;
        } else if (s->in_version_comment && begins(s, "*/")) {
            s->in_version_comment = false;
            s->at += 2;
        } else {
            return true;
        }
    }
}

/* At an opening quote: the body between it and its fellow, which may stand doubled inside. */
static bool read_quoted(struct sql *s, struct slice *body)
{
    uint8_t        quote = *s->at++;
    const uint8_t *from = s->at;

    while (s->at < s->end) {
        bool pair = s->end - s->at >= 2;
        if (*s->at == quote && !(pair && s->at[1] == quote)) {
            *body = (struct slice){ from, (size_t)(s->at - from) };
            s->at++;
            return true;
        }
        bool plain = quote == '`' || (quote == '"' ? s->plain_double : s->plain_single);
        bool escape = *s->at == '\\' && !plain;
        s->at += pair && (escape || *s->at == quote) ? 2 : 1;
    }
    return false;
}

static void read_word(struct sql *s, bool dots)
{
    while (s->at < s->end && (is_word(*s->at) || (dots && *s->at == '.')))
        s->at++;
}

static enum sql_kind read_at_sign(struct sql *s, struct slice *body)
{
    bool system = begins(s, "@@");
    s->at += system ? 2 : 1;
    if (!system && s->at < s->end && (*s->at == '`' || *s->at == '\'' || *s->at == '"'))
        return read_quoted(s, body) ? SQL_USER : SQL_BAD;
    const uint8_t *from = s->at;
    read_word(s, true);
    *body = (struct slice){ from, (size_t)(s->at - from) };
    return system ? SQL_VARIABLE : SQL_USER;
}

/* Digits that run into letters are a name, as in servers. */
static enum sql_kind read_number(struct sql *s)
{
    const uint8_t *from = s->at;
    while (s->at < s->end && is_digit(*s->at))
        s->at++;
    if (s->at < s->end && *s->at == '.') {
        s->at++;
        while (s->at < s->end && is_digit(*s->at))
            s->at++;
        return SQL_NUMBER;
    }
    if (s->at == s->end || !is_word(*s->at))
        return SQL_NUMBER;
    s->at = from;
    read_word(s, false);
    return SQL_WORD;
}

static enum sql_kind read_token(struct sql *s, struct slice *body)
{
    switch (*s->at) {
    case '@':
        return read_at_sign(s, body);
    case '`':
        return read_quoted(s, body) ? SQL_NAME : SQL_BAD;
    case '\'':
    case '"':
        return read_quoted(s, body) ? SQL_TEXT : SQL_BAD;
    case 0:
        return SQL_BAD;
    default:
        break;
    }
    if (is_digit(*s->at))
        return read_number(s);
    if (is_word(*s->at)) {
        read_word(s, false);
        return SQL_WORD;
    }
    s->at++;
    return SQL_SIGN;
}

void sql_step(struct sql *s)
{
    if (s->now.kind == SQL_BAD)
        return; /* there is no telling where it ends */
    s->last_end = s->at;
    s->last_comments = s->version_comments;
    bool           fine = skip_blank(s);
    const uint8_t *from = s->at;
    struct slice   body = { from, 0 };
    enum sql_kind  kind = !fine ? SQL_BAD : s->at == s->end ? SQL_END : read_token(s, &body);

    if (kind == SQL_BAD)
        s->at = s->end;
    s->now =
        (struct sql_token){ .kind = kind, .whole = { from, (size_t)(s->at - from) }, .body = body };
    if (kind == SQL_WORD || kind == SQL_NUMBER || kind == SQL_SIGN)
        s->now.body = s->now.whole;
}

struct sql sql_over_as(struct slice text, enum sql_quotes quotes)
{
    struct sql s = { .at = text.ptr,
                     .end = text.ptr + text.len,
                     .plain_single = quotes == SQL_NO_ESCAPES,
                     .plain_double = quotes != SQL_ESCAPES };
    sql_step(&s);
    return s;
}

struct sql sql_over(struct slice text)
{
    return sql_over_as(text, SQL_ESCAPES);
}

bool sql_equal(struct slice a, const char *b)
{
    return a.len == strlen(b) && strncasecmp((const char *)a.ptr, b, a.len) == 0;
}

bool sql_is_name(const struct sql_token *t, const char *name)
{
    return (t->kind == SQL_WORD || t->kind == SQL_NAME) && sql_equal(t->body, name);
}

bool sql_take_word(struct sql *s, const char *word)
{
    if (s->now.kind != SQL_WORD || !sql_equal(s->now.body, word))
        return false;
    sql_step(s);
    return true;
}

bool sql_take_sign(struct sql *s, char sign)
{
    if (s->now.kind != SQL_SIGN || s->now.body.ptr[0] != (uint8_t)sign)
        return false;
    sql_step(s);
    return true;
}

bool sql_at_end(const struct sql *s)
{
    struct sql look = *s;
    while (sql_take_sign(&look, ';'))
        ;
    return look.now.kind == SQL_END;
}

/* One element of a pattern: words between bars. */
static bool matches_one(const struct sql_token *t, const char *words, size_t n)
{
    if (t->kind != SQL_WORD)
        return false;
    while (n > 0) {
        const char *bar = memchr(words, '|', n);
        size_t      len = bar != NULL ? (size_t)(bar - words) : n;
        if (t->body.len == len && strncasecmp((const char *)t->body.ptr, words, len) == 0)
            return true;
        len += bar != NULL ? 1 : 0;
        words += len;
        n -= len;
    }
    return false;
}

bool sql_match(struct sql *s, const char *pattern)
{
    struct sql look = *s;

    while (*pattern != 0) {
        size_t n = strcspn(pattern, " ");
        bool   optional = pattern[0] == '[';
        bool   same = matches_one(&look.now, pattern + optional, n - 2 * (size_t)optional);
        if (!same && !optional)
            return false;
        if (same)
            sql_step(&look);
        pattern += n;
        pattern += strspn(pattern, " ");
    }
    *s = look;
    return true;
}

/* What a backslash makes of the character behind it; % and _ keep it, for LIKE. */
static void put_escaped(uint8_t c, struct buf *out)
{
    static const char from[] = "0bnrtZ";
    static const char to[] = "\0\b\n\r\t\x1a";
    const char       *known = c != 0 ? strchr(from, c) : NULL;

    if (c == '%' || c == '_')
        buf_put_u8(out, '\\');
    buf_put_u8(out, known != NULL ? (uint8_t)to[known - from] : c);
}

void sql_put_text(const struct sql_token *t, struct buf *out)
{
    assert(t->kind == SQL_TEXT || t->kind == SQL_NAME || t->kind == SQL_USER);
    uint8_t quote = t->body.ptr > t->whole.ptr ? t->body.ptr[-1] : 0;

    for (size_t i = 0; i < t->body.len; i++) {
        uint8_t c = t->body.ptr[i];
        if (c == '\\' && quote != '`' && i + 1 < t->body.len) {
            put_escaped(t->body.ptr[++i], out);
            continue;
        }
        buf_put_u8(out, c);
        if (c == quote && i + 1 < t->body.len)
            i++; /* the second of two */
    }
}

/* Goes back to the last % only, so that the work is the product of the lengths at most. */
bool sql_like(struct slice pattern, struct slice text)
{
    size_t p = 0;
    size_t t = 0;
    size_t star_p = SIZE_MAX;
    size_t star_t = 0;

    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '%') {
            star_p = ++p;
            star_t = t;
            continue;
        }
        bool   escape = p + 1 < pattern.len && pattern.ptr[p] == '\\';
        size_t at = p + (escape ? 1 : 0);
        if (at < pattern.len &&
            ((!escape && pattern.ptr[at] == '_') || lower(pattern.ptr[at]) == lower(text.ptr[t]))) {
            p = at + 1;
            t++;
        } else if (star_p != SIZE_MAX) {
            p = star_p;
            t = ++star_t;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '%')
        p++;
    return p == pattern.len;
}

int sql_refuse(struct sql_refusal *r, uint16_t number, const char *state, const char *fmt, ...)
{
    va_list args;

    r->number = number;
    (void)snprintf(r->state, sizeof r->state, "%s", state);
    va_start(args, fmt);
    (void)vsnprintf(r->text, sizeof r->text, fmt, args);
    va_end(args);
    return -1;
}

int sql_refuse_syntax(struct sql_refusal *r, const struct sql *s, enum format_family family)
{
    enum { NEAR_BYTES = 80 };
    const uint8_t *from = s->now.whole.ptr;
    size_t         left = (size_t)(s->end - from);

    return sql_refuse(r, 1064, "42000",
                      "You have an error in your SQL syntax; check the manual that corresponds to "
                      "your %s server version for the right syntax to use near '%.*s' at line 1",
                      family == FAMILY_MARIADB ? "MariaDB" : "MySQL",
                      (int)(left < NEAR_BYTES ? left : NEAR_BYTES), (const char *)from);
}
