#include "relay/sql/code_mask.h"

enum code_where { CODE = 0, SINGLE, DOUBLE, BACKTICK, LINE, BLOCK };

/* Where a backslash escapes. */
static bool escapes(enum sql_quotes reading, uint8_t where)
{
    return (where == SINGLE && reading != SQL_NO_ESCAPES) ||
           (where == DOUBLE && reading == SQL_ESCAPES);
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void enter(struct code_reading *r, enum code_where where)
{
    *r = (struct code_reading){ .where = (uint8_t)where };
}

/* False: what follows can't be told. */
static bool step_code(struct code_reading *r, uint8_t c)
{
    bool dashes = r->before == '-' && r->before_2 == '-';

    if (c == 0 || (dashes && !is_space(c) && (c < ' ' || c == 0x7f)))
        return false;
    if (c == '\'')
        enter(r, SINGLE);
    else if (c == '"')
        enter(r, DOUBLE);
    else if (c == '`')
        enter(r, BACKTICK);
    else if (c == '#' || (dashes && is_space(c) && c != '\n'))
        enter(r, LINE);
    else if (c == '*' && r->before == '/')
        enter(r, BLOCK);
    else {
        r->before_2 = r->before;
        r->before = c;
    }
    return true;
}

static bool step_block(struct code_reading *r, uint8_t c)
{
    bool first = r->before == 0;

    if ((first && (c == '!' || c == '+')) || (r->before == 'M' && r->before_2 == 0 && c == '!'))
        return false; /* of a version, or hints */
    if (c == '/' && r->before == '*') {
        enter(r, CODE);
        return true;
    }
    r->before_2 = first ? 0 : 1;
    r->before = c != 0 ? c : 1;
    return true;
}

static bool step(struct code_reading *r, enum sql_quotes reading, uint8_t c)
{
    static const uint8_t ends[] = {
        [SINGLE] = '\'', [DOUBLE] = '"', [BACKTICK] = '`', [LINE] = '\n'
    };

    if (r->where == CODE)
        return step_code(r, c);
    if (r->where == BLOCK)
        return step_block(r, c);
    if (r->escaped)
        r->escaped = false;
    else if (c == '\\' && escapes(reading, r->where))
        r->escaped = true;
    else if (c == ends[r->where])
        enter(r, CODE);
    return true;
}

static bool counts(uint8_t where)
{
    return where == CODE || where == DOUBLE || where == BACKTICK;
}

/* Whether it is code for one of them; *wild: it can't be told any more. */
static bool step_all(struct code_mask *m, uint8_t c)
{
    bool code = false;

    if (m->last >= 0x80 && (c == '\\' || c == '`'))
        m->wild = true;
    for (int i = 0; i < SQL_QUOTES && !m->wild; i++) {
        struct code_reading *r = &m->readings[i];
        code = code || counts(r->where);
        m->wild = !step(r, (enum sql_quotes)i, c);
    }
    m->last = c;
    return code || m->wild;
}

/* How many bytes of a text, in which all readings are, go on with it. */
static size_t run_of_text(const struct code_mask *m, struct slice rest)
{
    size_t n = 0;

    for (int i = 0; i < SQL_QUOTES; i++)
        if (m->readings[i].where != SINGLE || m->readings[i].escaped)
            return 0;
    while (n < rest.len && rest.ptr[n] != '\'' && rest.ptr[n] != '\\' && rest.ptr[n] != '`')
        n++;
    return n;
}

void code_mask_piece(struct code_mask *m, struct slice piece, uint8_t *out)
{
    for (size_t i = 0; i < piece.len;) {
        if (m->wild) {
            memcpy(out + i, piece.ptr + i, piece.len - i);
            return;
        }
        size_t n = run_of_text(m, (struct slice){ piece.ptr + i, piece.len - i });
        if (n > 0) {
            memset(out + i, ' ', n);
            i += n;
            m->last = piece.ptr[i - 1];
            continue;
        }
        out[i] = step_all(m, piece.ptr[i]) ? piece.ptr[i] : ' ';
        i++;
    }
}
