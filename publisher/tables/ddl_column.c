/* Columns of CREATE and ALTER TABLE: types, attributes, defaults. */
#include "publisher/tables/ddl_parser.h"
#include <stdio.h>
#include <strings.h>

/* ---- types ---- */

/* The names of types that have more than one word, the longest of each beginning first. */
enum { TYPE_WORDS_MAX = 3 };
static const char *const long_types[][TYPE_WORDS_MAX] = {
    { "NATIONAL", "CHARACTER", "VARYING" },
    { "NATIONAL", "CHAR", "VARYING" },
    { "NATIONAL", "CHARACTER", NULL },
    { "NATIONAL", "CHAR", NULL },
    { "NATIONAL", "VARCHARACTER", NULL },
    { "NATIONAL", "VARCHAR", NULL },
    { "NCHAR", "VARCHARACTER", NULL },
    { "NCHAR", "VARCHAR", NULL },
    { "NCHAR", "VARYING", NULL },
    { "CHARACTER", "VARYING", NULL },
    { "CHAR", "VARYING", NULL },
    { "DOUBLE", "PRECISION", NULL },
    { "LONG", "CHARACTER", "VARYING" },
    { "LONG", "CHAR", "VARYING" },
    { "LONG", "VARCHARACTER", NULL },
    { "LONG", "VARCHAR", NULL },
    { "LONG", "VARBINARY", NULL },
};

static int words_here(const struct ddl_parser *p, const char *const words[TYPE_WORDS_MAX])
{
    struct ddl_lexer ahead = p->lexer;
    struct ddl_token t = p->token;
    int              n = 0;
    for (; n < TYPE_WORDS_MAX && words[n] != NULL; n++) {
        if (!ddl_token_is(&t, words[n]))
            return 0;
        t = ddl_token_next(&ahead);
    }
    return n;
}

static void put_word(char *into, size_t size, struct slice word)
{
    size_t n = strlen(into);
    if (n > 0 && n + 1 < size)
        into[n++] = ' ';
    for (size_t i = 0; i < word.len && n + 1 < size; i++) {
        uint8_t c = word.ptr[i];
        into[n++] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    into[n] = 0;
}

static const char *type_name(struct ddl_parser *p)
{
    enum { TYPE_BYTES = 64 };
    char             name[TYPE_BYTES] = "";
    int              count = 1;
    struct ddl_token next = ddl_peek(p);

    if (p->token.kind != DDL_TOKEN_WORD) {
        p->lost = true;
        return "";
    }
    if (next.kind == DDL_TOKEN_PUNCT && next.text.ptr[0] == '.') { /* mariadb_schema.date */
        ddl_take(p);
        ddl_take(p);
    }
    for (size_t i = 0; i < sizeof long_types / sizeof *long_types; i++) {
        int n = words_here(p, long_types[i]);
        if (n > count)
            count = n;
    }
    for (; count > 0; count--) {
        put_word(name, sizeof name, p->token.text);
        ddl_take(p);
    }
    return ddl_text(p, slice_of_text(name));
}

static int32_t number_of(struct ddl_parser *p)
{
    uint64_t v = 0;
    if (p->token.kind != DDL_TOKEN_NUMBER) {
        p->lost = true;
        return -1;
    }
    for (size_t i = 0; i < p->token.text.len && v <= INT32_MAX; i++) {
        uint8_t c = p->token.text.ptr[i];
        if (c < '0' || c > '9')
            break;
        v = v * 10 + (uint64_t)(c - '0');
    }
    ddl_take(p);
    return v <= INT32_MAX ? (int32_t)v : INT32_MAX;
}

static void members(struct ddl_parser *p, struct ddl_column *c)
{
    void *array = NULL;

    if (!ddl_punct(p, '(')) {
        p->lost = true;
        return;
    }
    while (!ddl_at_end(p) && !ddl_at_punct(p, ')')) {
        if (c->member_count >= UINT16_MAX) {
            p->lost = true;
            return;
        }
        const char **slot = ddl_more(p, &array, c->member_count, sizeof *slot);
        if (p->token.kind == DDL_TOKEN_BITS) { /* x'41' is a member, too; nobody needs its text */
            if (slot != NULL)
                *slot = ddl_text(p, p->token.text);
            ddl_take(p);
        } else {
            if (p->token.kind == DDL_TOKEN_WORD && p->token.text.ptr[0] == '_')
                ddl_take(p);
            const char *text = ddl_string(p);
            if (slot != NULL)
                *slot = text;
        }
        c->member_count += slot != NULL;
        if (!ddl_punct(p, ',') && !ddl_at_punct(p, ')'))
            p->lost = true;
    }
    c->members = array;
    (void)ddl_punct(p, ')');
}

static void type_of(struct ddl_parser *p, struct ddl_column *c)
{
    c->length = c->scale = -1;
    c->type = type_name(p);
    if (strcmp(c->type, "ENUM") == 0 || strcmp(c->type, "SET") == 0) {
        members(p, c);
        return;
    }
    if (!ddl_punct(p, '('))
        return;
    /* RAW(*) and NUMBER(*) of sql_mode=ORACLE, and whatever else is no number, count as no length.
     */
    if (p->token.kind == DDL_TOKEN_NUMBER)
        c->length = number_of(p);
    if (ddl_punct(p, ',') && p->token.kind == DDL_TOKEN_NUMBER)
        c->scale = number_of(p);
    while (!ddl_at_end(p) && !ddl_at_punct(p, ')'))
        ddl_take(p);
    (void)ddl_punct(p, ')');
}

/* ---- defaults ---- */

static bool is_now(const struct ddl_parser *p)
{
    return ddl_at_word(p, "CURRENT_TIMESTAMP") || ddl_at_word(p, "NOW") ||
           ddl_at_word(p, "LOCALTIME") || ddl_at_word(p, "LOCALTIMESTAMP");
}

static void take_now(struct ddl_parser *p)
{
    ddl_take(p);
    if (ddl_at_punct(p, '('))
        ddl_skip_parens(p);
}

/* x'41' and b'1' without their quotes. Of 0x41 and 0b1 the MySQL connector leaves out the last
   digit, MariaDB's has nothing at all. */
static const char *bits_text(struct ddl_parser *p)
{
    struct slice s = p->token.text;
    struct slice inside = { s.ptr + 2, s.len >= 3 ? s.len - 3 : 0 };
    const char  *text = NULL;

    if (s.ptr[0] != '0' || p->session->family == FAMILY_MYSQL)
        text = ddl_text(p, inside);
    ddl_take(p);
    return text;
}

static const char *signed_number(struct ddl_parser *p)
{
    enum { NUMBER_BYTES = 512 };
    char   text[NUMBER_BYTES];
    size_t n = 0;

    while (p->token.kind == DDL_TOKEN_PUNCT && strchr("+-.", p->token.text.ptr[0]) != NULL &&
           n < sizeof text - 1) {
        text[n++] = (char)p->token.text.ptr[0];
        ddl_take(p);
    }
    struct slice number = p->token.text;
    if (p->token.kind != DDL_TOKEN_NUMBER || number.len >= sizeof text - n) {
        p->lost = p->token.kind == DDL_TOKEN_END;
        return NULL;
    }
    memcpy(text + n, number.ptr, number.len);
    n += number.len;
    ddl_take(p);
    if (ddl_at_punct(p, '.')) { /* `5.` */
        text[n++] = '.';
        ddl_take(p);
    }
    return ddl_text(p, (struct slice){ (const uint8_t *)text, n });
}

/* MariaDB's connector knows it by two of its names only. */
static void now_default(struct ddl_parser *p, struct ddl_default *d)
{
    const uint8_t *from = p->token.text.ptr;
    bool           is_local = !ddl_at_word(p, "CURRENT_TIMESTAMP") && !ddl_at_word(p, "NOW");

    d->kind = DDL_DEFAULT_NOW;
    struct ddl_token word = p->token;
    ddl_take(p);
    const uint8_t *end = word.text.ptr + word.text.len;
    if (ddl_at_punct(p, '(')) {
        ddl_skip_parens(p);
        end = p->token.text.ptr;
    }
    if (!is_local || p->session->family != FAMILY_MARIADB)
        return;
    while (end > from && end[-1] != ')' && end > word.text.ptr + word.text.len)
        end--;
    d->text = ddl_text(p, (struct slice){ from, (size_t)(end - from) });
}

static void word_default(struct ddl_parser *p, struct ddl_default *d)
{
    struct ddl_token next = ddl_peek(p);

    if (ddl_word(p, "NULL")) {
        d->kind = DDL_DEFAULT_NULL;
    } else if (is_now(p)) {
        now_default(p, d);
    } else if (ddl_at_word(p, "TRUE") || ddl_at_word(p, "FALSE")) {
        d->kind = DDL_DEFAULT_LITERAL;
        d->text = ddl_text(p, p->token.text);
        ddl_take(p);
    } else if (next.kind == DDL_TOKEN_STRING || next.kind == DDL_TOKEN_BITS) {
        const uint8_t *from = p->token.text.ptr;
        ddl_take(p); /* _latin1'x', DATE '2020-01-01' */
        ddl_default_value(p, d);
        if (p->session->family == FAMILY_MARIADB) /* all of it to that connector */
            d->text =
                ddl_text(p, (struct slice){ from, (size_t)(next.text.ptr + next.text.len - from) });
    } else {
        d->kind = DDL_DEFAULT_EXPRESSION;
        if (ddl_words(p, "NEXT", "VALUE") || ddl_words(p, "PREVIOUS", "VALUE"))
            (void)ddl_word(p, "FOR");
        ddl_take(p);
        while (ddl_punct(p, '.'))
            ddl_take(p);
        if (ddl_at_punct(p, '('))
            ddl_skip_parens(p);
    }
}

void ddl_default_value(struct ddl_parser *p, struct ddl_default *d)
{
    *d = (struct ddl_default){ .kind = DDL_DEFAULT_LITERAL };
    switch (p->token.kind) {
    case DDL_TOKEN_STRING:
        d->text = ddl_raw_text(p);
        break;
    case DDL_TOKEN_BITS:
        d->text = bits_text(p);
        break;
    case DDL_TOKEN_WORD:
    case DDL_TOKEN_NAME:
        word_default(p, d);
        break;
    case DDL_TOKEN_PUNCT:
        if (ddl_at_punct(p, '(')) {
            d->kind = DDL_DEFAULT_EXPRESSION;
            ddl_skip_parens(p);
            break;
        }
        d->text = signed_number(p);
        if (d->text == NULL)
            d->kind = DDL_DEFAULT_EXPRESSION;
        break;
    case DDL_TOKEN_NUMBER:
        d->text = signed_number(p);
        break;
    default:
        p->lost = true;
    }
}

/* ---- attributes ---- */

/* REFERENCES t (a) ON DELETE SET NULL ON UPDATE CASCADE: its NULL and ON UPDATE are not ours. */
static void references(struct ddl_parser *p)
{
    struct ddl_name ignored;

    ddl_table_name(p, &ignored);
    if (ddl_at_punct(p, '('))
        ddl_skip_parens(p);
    if (ddl_word(p, "MATCH"))
        ddl_take(p);
    while (ddl_words(p, "ON", "DELETE") || ddl_words(p, "ON", "UPDATE")) {
        if (!ddl_word(p, "SET")) /* SET NULL, NO ACTION, CASCADE */
            (void)ddl_word(p, "NO");
        ddl_take(p);
    }
}

static void on_update(struct ddl_parser *p, struct ddl_column *c)
{
    if (is_now(p)) {
        c->on_update = true;
        take_now(p);
    }
}

static void generated(struct ddl_parser *p, struct ddl_column *c)
{
    if (ddl_word(p, "ROW")) {
        c->is_row_time = ddl_word(p, "START") || ddl_word(p, "END");
        return;
    }
    c->is_generated = true;
    if (ddl_at_punct(p, '('))
        ddl_skip_parens(p);
}

static void key_word(struct ddl_parser *p, struct ddl_column *c)
{
    if (ddl_word(p, "UNIQUE")) {
        c->is_unique = true;
    } else { /* KEY alone, too */
        (void)ddl_word(p, "PRIMARY");
        c->is_primary = c->is_required = true;
    }
    (void)ddl_word(p, "KEY");
}

static bool charset_attribute(struct ddl_parser *p, struct ddl_column *c)
{
    if (ddl_charset(p, &c->charset, &c->collation))
        return true;
    if (ddl_word(p, "ASCII"))
        c->charset = "latin1";
    else if (ddl_word(p, "UNICODE"))
        c->charset = "ucs2";
    else if (ddl_word(p, "BYTE"))
        c->byte = true;
    else if (ddl_word(p, "BINARY"))
        c->binary = true;
    else
        return false;
    return true;
}

static bool number_attribute(struct ddl_parser *p, struct ddl_column *c)
{
    if (ddl_word(p, "UNSIGNED"))
        c->is_unsigned = true;
    else if (ddl_word(p, "SIGNED"))
        c->is_signed = true;
    else if (ddl_word(p, "ZEROFILL"))
        c->zerofill = true;
    else
        return false;
    return true;
}

static bool null_attribute(struct ddl_parser *p, struct ddl_column *c)
{
    if (ddl_words(p, "NOT", "NULL"))
        c->null = DDL_NULL_NO;
    else if (ddl_word(p, "NULL"))
        c->null = DDL_NULL_YES;
    else
        return false;
    c->is_required = c->null == DDL_NULL_NO;
    return true;
}

static void attribute(struct ddl_parser *p, struct ddl_column *c)
{
    if (number_attribute(p, c) || null_attribute(p, c) || charset_attribute(p, c))
        return;
    if (ddl_words(p, "SERIAL", "DEFAULT")) {
        (void)ddl_word(p, "VALUE");
        c->null = DDL_NULL_NO;
        c->auto_increment = c->is_unique = c->is_required = true;
    } else if (ddl_word(p, "DEFAULT")) {
        ddl_default_value(p, &c->dflt);
    } else if (ddl_word(p, "AUTO_INCREMENT")) {
        c->auto_increment = true;
    } else if (ddl_at_word(p, "PRIMARY") || ddl_at_word(p, "UNIQUE") || ddl_at_word(p, "KEY")) {
        key_word(p, c);
    } else if (ddl_words(p, "ON", "UPDATE")) {
        on_update(p, c);
    } else if (ddl_word(p, "COMMENT")) {
        (void)ddl_punct(p, '=');
        c->comment = ddl_raw_text(p);
    } else if (ddl_word(p, "REFERENCES")) {
        references(p);
    } else if (ddl_word(p, "AS")) {
        generated(p, c);
    } else if (ddl_word(p, "NOT")) {
        ddl_take(p); /* ENFORCED, SECONDARY */
    } else if (ddl_at_punct(p, '(')) {
        ddl_skip_parens(p); /* of CHECK */
    } else {
        /* Words with a word behind them that could be taken for something else. */
        bool has_argument = ddl_at_word(p, "COLUMN_FORMAT") || ddl_at_word(p, "STORAGE") ||
                            ddl_at_word(p, "CONSTRAINT");
        struct ddl_token next = ddl_peek(p);
        ddl_take(p);
        if (has_argument && !ddl_token_is(&next, "CHECK") && !ddl_token_is(&next, "PRIMARY") &&
            !ddl_token_is(&next, "UNIQUE") && !ddl_token_is(&next, "REFERENCES") && !ddl_at_end(p))
            ddl_take(p);
    }
}

void ddl_column_body(struct ddl_parser *p, struct ddl_column *c)
{
    type_of(p, c);
    while (!ddl_at_end(p) && !ddl_at_punct(p, ',') && !ddl_at_punct(p, ')') &&
           !ddl_at_word(p, "FIRST") && !ddl_at_word(p, "AFTER"))
        attribute(p, c);
}
