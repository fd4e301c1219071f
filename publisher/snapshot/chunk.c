#include "publisher/snapshot/chunk.h"
#include <string.h>
#include <strings.h>

/* ---- the key ------------------------------------------------------------------------------- */

/* -1: the type's order or equality is not that of what it is written as. */
static int form_of(const struct definition_column *c)
{
    switch (c->type) {
    case FIELD_TINY:
    case FIELD_SHORT:
    case FIELD_INT24:
    case FIELD_LONG:
    case FIELD_LONGLONG:
    case FIELD_YEAR:
    case FIELD_NEWDECIMAL:
    case FIELD_BIT:
    case FIELD_ENUM:
    case FIELD_SET:
        return CHUNK_NUMBER;
    case FIELD_DATE:
    case FIELD_NEWDATE:
    case FIELD_TIME:
    case FIELD_TIME2:
    case FIELD_DATETIME:
    case FIELD_DATETIME2:
    case FIELD_TIMESTAMP:
    case FIELD_TIMESTAMP2:
        return CHUNK_PLAIN;
    case FIELD_STRING:
    case FIELD_VARCHAR:
    case FIELD_VAR_STRING:
    case FIELD_TINY_BLOB:
    case FIELD_BLOB:
    case FIELD_MEDIUM_BLOB:
    case FIELD_LONG_BLOB:
    case FIELD_MARIADB_VARCHAR_COMPRESSED:
    case FIELD_MARIADB_BLOB_COMPRESSED:
        if (c->form == FORM_UUID || c->form == FORM_INET4 || c->form == FORM_INET6)
            return CHUNK_PLAIN;
        return c->charset == NULL || c->charset->is_binary ? CHUNK_BINARY : CHUNK_TEXT;
    default:
        return -1;
    }
}

static int take_column(struct chunk_key *k, uint16_t column, struct err *e)
{
    const struct definition        *d = k->definition;
    const struct definition_column *c = &d->columns[column];
    int                             form = form_of(c);

    if (form < 0)
        return err_set(e, E_CONFIG,
                       "table %s.%s can't be read in chunks by its column %s: values of type %s "
                       "don't come back from their text. Use the consistent method, or another "
                       "column as surrogate-key",
                       d->database, d->table, c->name, field_type_name(c->type));
    k->columns[k->count] = column;
    k->forms[k->count++] = (enum chunk_form)form;
    return 0;
}

static int take_surrogate(struct chunk_key *k, const char *name, struct err *e)
{
    const struct definition *d = k->definition;

    for (uint32_t i = 0; i < d->column_count; i++) {
        if (strcasecmp(d->columns[i].name, name) != 0)
            continue;
        if (d->columns[i].nullable)
            return err_set(e, E_CONFIG,
                           "column %s of table %s.%s may be NULL: a surrogate-key must not be",
                           name, d->database, d->table);
        return take_column(k, (uint16_t)i, e);
    }
    return err_set(e, E_CONFIG, "table %s.%s has no column '%.64s' for a surrogate-key",
                   d->database, d->table, name);
}

int chunk_key_of(const struct definition *d, const char *surrogate, struct chunk_key *out,
                 struct err *e)
{
    struct chunk_key k = { .definition = d };

    if (surrogate != NULL && *surrogate != 0) {
        TRY(take_surrogate(&k, surrogate, e));
        *out = k;
        return 0;
    }
    if (d->key_count == 0)
        return err_set(e, E_CONFIG,
                       "table %s.%s has no primary key and no unique key without NULL, so that it "
                       "can't be read in chunks: use the consistent method, or name a unique "
                       "column as surrogate-key",
                       d->database, d->table);
    if (d->key_count > CHUNK_KEYS_MAX)
        return err_set(e, E_LIMIT, "table %s.%s has a key of %u columns", d->database, d->table,
                       d->key_count);
    for (uint32_t i = 0; i < d->key_count; i++)
        TRY(take_column(&k, d->key[i], e));
    *out = k;
    return 0;
}

/* ---- literals ------------------------------------------------------------------------------ */

static bool is_made_of(struct slice value, const char *letters)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] == 0 || strchr(letters, value.ptr[i]) == NULL)
            return false;
    return true;
}

int chunk_put_literal(enum chunk_form form, struct slice value, struct buf *out, struct err *e)
{
    static const char *const letters[] = {
        [CHUNK_NUMBER] = "0123456789-+.eE",
        [CHUNK_PLAIN] = "0123456789-+.:/ abcdefABCDEF",
        [CHUNK_BINARY] = "0123456789ABCDEFabcdef",
        [CHUNK_TEXT] = "0123456789ABCDEFabcdef",
    };

    bool may_be_empty = form == CHUNK_BINARY || form == CHUNK_TEXT;
    if (!is_made_of(value, letters[form]) || (value.len == 0 && !may_be_empty))
        return err_set(e, E_PROTOCOL, "a key of '%.*s', which is no value of its type",
                       value.len < 40 ? (int)value.len : 40, (const char *)value.ptr);
    if (value.len > CHUNK_LITERAL_BYTES_MAX)
        return err_set(e, E_LIMIT, "a key of %zu bytes", value.len);
    buf_put_text(out, form == CHUNK_NUMBER   ? ""
                      : form == CHUNK_PLAIN  ? "'"
                      : form == CHUNK_BINARY ? "x'"
                                             : "_utf8mb4 x'");
    buf_put(out, value);
    buf_put_text(out, form == CHUNK_NUMBER ? "" : "'");
    return 0;
}

/* ---- SQL ----------------------------------------------------------------------------------- */

void chunk_put_name(const char *name, struct buf *sql)
{
    buf_put_u8(sql, '`');
    for (const char *p = name; *p != 0; p++) {
        if (*p == '`')
            buf_put_u8(sql, '`');
        buf_put_u8(sql, (uint8_t)*p);
    }
    buf_put_u8(sql, '`');
}

static const struct definition_column *column_of(const struct chunk_key *k, uint32_t i)
{
    return &k->definition->columns[k->columns[i]];
}

static void put_column(const struct chunk_key *k, uint32_t i, struct buf *sql)
{
    chunk_put_name(column_of(k, i)->name, sql);
}

/* Numbers that have another text are asked for as what they are ordered by. */
static void put_key_column(const struct chunk_key *k, uint32_t i, struct buf *sql)
{
    const struct definition_column *c = column_of(k, i);
    bool is_coded = c->type == FIELD_BIT || c->type == FIELD_ENUM || c->type == FIELD_SET;

    buf_put_text(sql, k->forms[i] == CHUNK_TEXT     ? "HEX(CONVERT("
                      : k->forms[i] == CHUNK_BINARY ? "HEX("
                                                    : "");
    put_column(k, i, sql);
    buf_put_text(sql, k->forms[i] == CHUNK_TEXT     ? " USING utf8mb4))"
                      : k->forms[i] == CHUNK_BINARY ? ")"
                      : is_coded                    ? "+0"
                                                    : "");
}

void chunk_put_key_columns(const struct chunk_key *k, struct buf *sql)
{
    for (uint32_t i = 0; i < k->count; i++) {
        buf_put_text(sql, i > 0 ? ", " : "");
        put_key_column(k, i, sql);
    }
}

static void put_compared(const struct chunk_key *k, uint32_t i, const char *how,
                         const char *literal, struct buf *sql)
{
    put_column(k, i, sql);
    buf_put_text(sql, how);
    buf_put_text(sql, literal);
}

/* (a > A OR (a = A AND b > B)), with the last sign as told, behind what an index can begin with. */
static void put_side(const struct chunk_key *k, const char *strict, const char *last,
                     const char *first, const char *const *literals, struct buf *sql)
{
    if (k->count > 1) {
        put_compared(k, 0, first, literals[0], sql);
        buf_put_text(sql, " AND ");
    }
    buf_put_u8(sql, '(');
    for (uint32_t i = 0; i < k->count; i++) {
        buf_put_text(sql, i > 0 ? " OR (" : "");
        for (uint32_t n = 0; n < i; n++) {
            put_compared(k, n, " = ", literals[n], sql);
            buf_put_text(sql, " AND ");
        }
        put_compared(k, i, i + 1 == k->count ? last : strict, literals[i], sql);
        buf_put_text(sql, i > 0 ? ")" : "");
    }
    buf_put_u8(sql, ')');
}

static void put_from(const struct chunk_key *k, struct buf *sql)
{
    buf_put_text(sql, " FROM ");
    chunk_put_name(k->definition->database, sql);
    buf_put_u8(sql, '.');
    chunk_put_name(k->definition->table, sql);
}

static void put_condition(const char *condition, bool *first, struct buf *sql)
{
    if (condition == NULL || *condition == 0)
        return;
    buf_put_text(sql, " WHERE (");
    buf_put_text(sql, condition);
    buf_put_u8(sql, ')');
    *first = false;
}

static void put_order(const struct chunk_key *k, const char *direction, uint32_t rows,
                      struct buf *sql)
{
    buf_put_text(sql, " ORDER BY ");
    for (uint32_t i = 0; i < k->count; i++) {
        buf_put_text(sql, i > 0 ? ", " : "");
        put_column(k, i, sql);
        buf_put_text(sql, direction);
    }
    buf_printf(sql, " LIMIT %u", rows);
}

void chunk_put_select(const struct chunk *c, struct buf *sql)
{
    bool first = true;

    buf_put_text(sql, "SELECT ");
    buf_put(sql, c->columns);
    buf_put_text(sql, ", ");
    chunk_put_key_columns(c->key, sql);
    put_from(c->key, sql);
    put_condition(c->condition, &first, sql);
    if (c->behind != NULL) {
        buf_put_text(sql, first ? " WHERE " : " AND ");
        put_side(c->key, " > ", " > ", " >= ", c->behind, sql);
        first = false;
    }
    if (c->upto != NULL) {
        buf_put_text(sql, first ? " WHERE " : " AND ");
        put_side(c->key, " < ", " <= ", " <= ", c->upto, sql);
    }
    put_order(c->key, "", c->rows, sql);
}

void chunk_put_last_key(const struct chunk_key *k, const char *condition, struct buf *sql)
{
    bool first = true;

    buf_put_text(sql, "SELECT ");
    chunk_put_key_columns(k, sql);
    put_from(k, sql);
    put_condition(condition, &first, sql);
    put_order(k, " DESC", 1, sql);
}
