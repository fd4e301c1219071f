#include "publisher/tables/ddl_parser.h"
#include <stdlib.h>

/* ---- room ---- */

enum { CHUNK_BYTES = 16 * 1024, ROOM_ALIGN = 16 };

struct ddl_chunk {
    struct ddl_chunk *next;
    size_t            used, size;
    _Alignas(ROOM_ALIGN) uint8_t bytes[];
};

void *ddl_room(struct ddl_parser *p, size_t size)
{
    struct ddl_chunk *c = p->ddl->chunks;

    size = (size + ROOM_ALIGN - 1) / ROOM_ALIGN * ROOM_ALIGN;
    if (c == NULL || c->size - c->used < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        c = calloc(1, sizeof *c + room);
        if (c == NULL) {
            p->no_memory = true;
            return NULL;
        }
        c->size = room;
        c->next = p->ddl->chunks;
        p->ddl->chunks = c;
    }
    void *room = c->bytes + c->used;
    c->used += size;
    return room;
}

void ddl_free(struct ddl *d)
{
    if (d == NULL)
        return;
    while (d->chunks != NULL) {
        struct ddl_chunk *next = d->chunks->next;
        free(d->chunks);
        d->chunks = next;
    }
    free(d);
}

const char *ddl_text(struct ddl_parser *p, struct slice text)
{
    char *copy = ddl_room(p, text.len + 1);
    if (copy == NULL)
        return "";
    memcpy(copy, text.ptr, text.len);
    return copy;
}

/* Grows at 0, 1, 2, 4, 8, ...: what is left behind is as much again. */
void *ddl_more(struct ddl_parser *p, void **array, uint32_t count, size_t size)
{
    if ((count & (count - 1)) == 0) {
        uint8_t *grown = ddl_room(p, (count == 0 ? 1 : (size_t)count * 2) * size);
        if (grown == NULL)
            return NULL;
        if (count > 0)
            memcpy(grown, *array, count * size);
        *array = grown;
    }
    return (uint8_t *)*array + count * size;
}

/* ---- words ---- */

void ddl_take(struct ddl_parser *p)
{
    p->token = ddl_token_next(&p->lexer);
}

bool ddl_at_word(const struct ddl_parser *p, const char *word)
{
    return ddl_token_is(&p->token, word);
}

bool ddl_at_punct(const struct ddl_parser *p, char c)
{
    return p->token.kind == DDL_TOKEN_PUNCT && p->token.text.ptr[0] == (uint8_t)c;
}

bool ddl_at_end(const struct ddl_parser *p)
{
    return p->lost || p->no_memory || p->token.kind == DDL_TOKEN_END || ddl_at_punct(p, ';');
}

bool ddl_at_name(const struct ddl_parser *p)
{
    return p->token.kind == DDL_TOKEN_WORD || p->token.kind == DDL_TOKEN_NAME;
}

struct ddl_token ddl_peek(const struct ddl_parser *p)
{
    struct ddl_lexer ahead = p->lexer;
    return ddl_token_next(&ahead);
}

bool ddl_word(struct ddl_parser *p, const char *word)
{
    if (!ddl_at_word(p, word))
        return false;
    ddl_take(p);
    return true;
}

bool ddl_words(struct ddl_parser *p, const char *first, const char *second)
{
    struct ddl_token next = ddl_peek(p);
    if (!ddl_at_word(p, first) || !ddl_token_is(&next, second))
        return false;
    ddl_take(p);
    ddl_take(p);
    return true;
}

bool ddl_punct(struct ddl_parser *p, char c)
{
    if (!ddl_at_punct(p, c))
        return false;
    ddl_take(p);
    return true;
}

bool ddl_if_exists(struct ddl_parser *p)
{
    if (ddl_words(p, "IF", "EXISTS"))
        return true;
    if (!ddl_words(p, "IF", "NOT"))
        return false;
    (void)ddl_word(p, "EXISTS");
    return true;
}

/* ---- names and texts ---- */

/* A quoted one has its quote doubled where it is part of the name. */
static const char *name_of(struct ddl_parser *p, const struct ddl_token *t)
{
    if (t->kind == DDL_TOKEN_WORD)
        return ddl_text(p, t->text);
    char *name = ddl_room(p, t->text.len);
    if (name == NULL)
        return "";
    uint8_t quote = t->text.ptr[0];
    size_t  n = 0;
    for (size_t i = 1; i + 1 < t->text.len; i++) {
        name[n++] = (char)t->text.ptr[i];
        if (t->text.ptr[i] == quote && t->text.ptr[i + 1] == quote)
            i++;
    }
    name[n] = 0;
    if (strlen(name) != n)
        p->lost = true; /* no server has a name with a zero byte */
    return name;
}

const char *ddl_name(struct ddl_parser *p)
{
    if (!ddl_at_name(p)) {
        p->lost = true;
        return "";
    }
    const char *name = name_of(p, &p->token);
    ddl_take(p);
    return name;
}

void ddl_table_name(struct ddl_parser *p, struct ddl_name *out)
{
    const uint8_t *from = p->token.text.ptr;

    *out = (struct ddl_name){ .database = "", .name = "", .text = slice_empty() };
    (void)ddl_punct(p, '.');
    struct ddl_token last = p->token;
    out->name = ddl_name(p);
    if (ddl_punct(p, '.')) {
        out->database = out->name;
        last = p->token;
        out->name = ddl_name(p);
    }
    if (!p->lost)
        out->text = (struct slice){ from, (size_t)(last.text.ptr + last.text.len - from) };
}

static char unescaped(uint8_t c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'b':
        return '\b';
    case '0':
        return '\0';
    case 'Z':
        return 0x1a;
    default:
        return (char)c;
    }
}

/* The inside of a string; a prefix like that of n'...' counts as its quote. */
static struct slice inside_of(const struct ddl_token *t)
{
    size_t from = 0;
    while (from < t->text.len && t->text.ptr[from] != '\'' && t->text.ptr[from] != '"')
        from++;
    if (t->text.len < from + 2)
        return slice_empty();
    return (struct slice){ t->text.ptr + from + 1, t->text.len - from - 2 };
}

static size_t unquote(const struct ddl_parser *p, const struct ddl_token *t, char *into)
{
    struct slice s = inside_of(t);
    uint8_t      quote = s.len > 0 ? s.ptr[-1] : 0;
    size_t       n = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\\' && !p->session->no_backslash_escapes && i + 1 < s.len) {
            i++;
            if (s.ptr[i] == '%' || s.ptr[i] == '_') /* kept for LIKE's sake */
                into[n++] = '\\';
            into[n++] = unescaped(s.ptr[i]);
        } else {
            into[n++] = (char)s.ptr[i];
            if (s.ptr[i] == quote && i + 1 < s.len && s.ptr[i + 1] == quote)
                i++;
        }
    }
    return n;
}

/* Neighbours are one text. */
const char *ddl_string(struct ddl_parser *p)
{
    struct ddl_lexer ahead = p->lexer;
    struct ddl_token t = p->token;
    size_t           size = 0;

    if (p->token.kind != DDL_TOKEN_STRING) {
        p->lost = true;
        return "";
    }
    for (; t.kind == DDL_TOKEN_STRING; t = ddl_token_next(&ahead))
        size += t.text.len;
    char *text = ddl_room(p, size + 1);
    for (size_t n = 0; text != NULL && p->token.kind == DDL_TOKEN_STRING; ddl_take(p))
        n += unquote(p, &p->token, text + n);
    return text != NULL ? text : "";
}

const char *ddl_raw_text(struct ddl_parser *p)
{
    struct ddl_lexer ahead = p->lexer;
    struct ddl_token t = p->token;
    size_t           size = 0;

    if (p->token.kind != DDL_TOKEN_STRING) {
        p->lost = true;
        return "";
    }
    for (; t.kind == DDL_TOKEN_STRING; t = ddl_token_next(&ahead))
        size += t.text.len;
    char  *text = ddl_room(p, size + 1);
    size_t n = 0;
    for (; text != NULL && p->token.kind == DDL_TOKEN_STRING; ddl_take(p)) {
        memcpy(text + n, p->token.text.ptr, p->token.text.len);
        n += p->token.text.len;
    }
    if (text == NULL)
        return "";
    if (text[0] != '\'' && text[0] != '"') /* n'...' keeps all of it */
        return text;
    text[n > 1 ? n - 1 : n] = 0;
    return text + 1;
}

/* ---- skipping ---- */

void ddl_skip_parens(struct ddl_parser *p)
{
    size_t depth = 0;
    do {
        if (ddl_at_punct(p, '('))
            depth++;
        else if (ddl_at_punct(p, ')') && depth > 0)
            depth--;
        ddl_take(p);
    } while (depth > 0 && p->token.kind != DDL_TOKEN_END);
}

void ddl_skip_element(struct ddl_parser *p)
{
    while (!ddl_at_end(p) && !ddl_at_punct(p, ',') && !ddl_at_punct(p, ')')) {
        if (ddl_at_punct(p, '('))
            ddl_skip_parens(p);
        else
            ddl_take(p);
    }
}

/* ---- character sets ---- */

static const char *charset_name(struct ddl_parser *p)
{
    (void)ddl_punct(p, '=');
    if (ddl_word(p, "DEFAULT"))
        return "";
    if (p->token.kind == DDL_TOKEN_STRING)
        return ddl_string(p);
    return ddl_name(p);
}

bool ddl_charset(struct ddl_parser *p, const char **charset, const char **collation)
{
    struct ddl_token next = ddl_peek(p);

    if (ddl_at_word(p, "DEFAULT") &&
        (ddl_token_is(&next, "CHARACTER") || ddl_token_is(&next, "CHAR") ||
         ddl_token_is(&next, "CHARSET") || ddl_token_is(&next, "COLLATE")))
        ddl_take(p);
    if (ddl_words(p, "CHARACTER", "SET") || ddl_words(p, "CHAR", "SET") || ddl_word(p, "CHARSET")) {
        *charset = charset_name(p);
        return true;
    }
    if (ddl_word(p, "COLLATE")) {
        *collation = charset_name(p);
        return true;
    }
    return false;
}
