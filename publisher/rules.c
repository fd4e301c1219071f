#include "publisher/rules.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "publisher/pattern.h"

enum { NAME_BYTES = 1024, MASK_BYTES_MAX = 1 << 20 };

struct rule {
    enum { RULE_CUT, RULE_STARS, RULE_DIGEST, RULE_SOURCE } kind;
    struct patterns *columns, *types; /* either may be NULL */
    uint32_t         length;
    bool             is_v2;
    EVP_MD          *digest;
    char            *salt;
};

struct key_rule {
    struct patterns *tables;
    char            *columns; /* separated by commas */
};

struct rules {
    struct rule     *each;
    size_t           count;
    struct key_rule *keys;
    size_t           key_count;
};

/* ---- made ---------------------------------------------------------------------------------- */

static struct rule *add(struct rules *r, struct err *e)
{
    struct rule *grown = realloc(r->each, (r->count + 1) * sizeof *grown);

    if (grown == NULL) {
        (void)err_set(e, E_NOMEM, "no memory for the options about columns");
        return NULL;
    }
    r->each = grown;
    r->each[r->count] = (struct rule){ .kind = RULE_SOURCE };
    return &r->each[r->count++];
}

static int fill_digest(struct rule *rule, const struct option_rule *o, struct err *e)
{
    rule->is_v2 = o->kind == RULE_HASH_V2;
    rule->salt = strdup(o->salt);
    rule->digest = EVP_MD_fetch(NULL, o->algorithm, NULL);
    if (rule->digest == NULL)
        return err_set(e, E_CONFIG, "there is no hash '%s'; known are MD5, SHA-1, SHA-256, ...",
                       o->algorithm);
    return rule->salt != NULL ? 0 : err_set(e, E_NOMEM, "no memory for a salt");
}

static int add_given(struct rules *r, const struct option_rule *o, struct err *e)
{
    struct rule *rule = add(r, e);

    if (rule == NULL)
        return -1;
    rule->length = o->length;
    rule->kind = o->kind == RULE_TRUNCATE ? RULE_CUT
                 : o->kind == RULE_MASK   ? RULE_STARS
                                          : RULE_DIGEST;
    if (rule->kind == RULE_DIGEST)
        TRY(fill_digest(rule, o, e));
    return patterns_new(o->columns, &rule->columns, e);
}

static int add_propagation(struct rules *r, const char *columns, const char *types, struct err *e)
{
    struct rule *rule = NULL;

    if (*columns != 0) {
        rule = add(r, e);
        if (rule == NULL)
            return -1;
        TRY(patterns_new(columns, &rule->columns, e));
    }
    if (*types != 0) {
        rule = add(r, e);
        if (rule == NULL)
            return -1;
        TRY(patterns_new(types, &rule->types, e));
    }
    return 0;
}

/* TABLE:COLUMN,COLUMN;TABLE:... */
static int add_keys(struct rules *r, const char *text, struct err *e)
{
    while (*text != 0) {
        size_t      length = strcspn(text, ";");
        const char *colon = memchr(text, ':', length);
        if (colon == NULL)
            return err_set(e, E_CONFIG,
                           "message.key.columns: '%.*s' is not of the form "
                           "DATABASE.TABLE:COLUMN,COLUMN",
                           (int)length, text);
        struct key_rule *grown = realloc(r->keys, (r->key_count + 1) * sizeof *grown);
        if (grown == NULL)
            return err_set(e, E_NOMEM, "no memory for message.key.columns");
        r->keys = grown;
        struct key_rule *k = &r->keys[r->key_count++];
        *k =
            (struct key_rule){ .columns = strndup(colon + 1, length - (size_t)(colon + 1 - text)) };
        if (k->columns == NULL)
            return err_set(e, E_NOMEM, "no memory for message.key.columns");
        text += strspn(text, " ");
        TRY(patterns_new_single(text, (size_t)(colon - text), &k->tables, e));
        text = colon + 1 + strcspn(colon + 1, ";");
        text += *text == ';';
    }
    return 0;
}

static int add_all_given(struct rules *r, const struct options *o, enum option_rule_kind kind,
                         struct err *e)
{
    for (size_t i = 0; i < o->rule_count; i++)
        if (o->rules[i].kind == kind)
            TRY(add_given(r, &o->rules[i], e));
    return 0;
}

static int fill(struct rules *r, const struct options *o, struct err *e)
{
    TRY(add_all_given(r, o, RULE_TRUNCATE, e));
    TRY(add_all_given(r, o, RULE_MASK, e));
    TRY(add_propagation(r, o->propagate_columns, o->propagate_types, e));
    TRY(add_all_given(r, o, RULE_HASH, e));
    TRY(add_all_given(r, o, RULE_HASH_V2, e));
    return add_keys(r, o->message_keys, e);
}

int rules_new(const struct options *o, struct rules **out, struct err *e)
{
    struct rules *r = calloc(1, sizeof *r);

    if (r == NULL)
        return err_set(e, E_NOMEM, "no memory for the options about columns");
    if (fill(r, o, e) != 0) {
        rules_free(r);
        return -1;
    }
    *out = r;
    return 0;
}

void rules_free(struct rules *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->count; i++) {
        patterns_free(r->each[i].columns);
        patterns_free(r->each[i].types);
        EVP_MD_free(r->each[i].digest);
        free(r->each[i].salt);
    }
    for (size_t i = 0; i < r->key_count; i++) {
        patterns_free(r->keys[i].tables);
        free(r->keys[i].columns);
    }
    free(r->each);
    free(r->keys);
    free(r);
}

/* ---- found --------------------------------------------------------------------------------- */

static bool type_matches(const struct rule *rule, const struct definition *d,
                         const struct definition_column *column)
{
    char name[NAME_BYTES];

    if (rule->types == NULL || column->type_name == NULL)
        return false;
    (void)snprintf(name, sizeof name, "%s.%s.%s", d->database, d->table, column->type_name);
    return patterns_match(rule->types, column->type_name) || patterns_match(rule->types, name);
}

const struct rule *rules_find(const struct rules *r, const struct definition *d,
                              const struct definition_column *column)
{
    char name[NAME_BYTES];

    (void)snprintf(name, sizeof name, "%s.%s.%s", d->database, d->table, column->name);
    for (size_t i = 0; i < r->count; i++)
        if ((r->each[i].columns != NULL && patterns_match(r->each[i].columns, name)) ||
            type_matches(&r->each[i], d, column))
            return &r->each[i];
    return NULL;
}

/* ---- schemas ------------------------------------------------------------------------------- */

static int add_number(struct schema *s, const char *name, int64_t number, struct err *e)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%lld", (long long)number);
    return schema_add_parameter(s, name, text, e);
}

static int add_source(const struct definition_column *column, bool with_comment, struct schema *s,
                      struct err *e)
{
    const char *type =
        column->type_name != NULL ? column->type_name : field_type_name(column->type);

    TRY(schema_add_parameter(s, "__debezium.source.column.type", type, e));
    if (column->length >= 0)
        TRY(add_number(s, "__debezium.source.column.length", column->length, e));
    if (column->scale >= 0)
        TRY(add_number(s, "__debezium.source.column.scale", column->scale, e));
    if (with_comment && column->comment != NULL && *column->comment != 0)
        TRY(schema_add_parameter(s, "__debezium.source.column.comment", column->comment, e));
    return schema_add_parameter(s, "__debezium.source.column.name", column->name, e);
}

static bool is_cut(const struct rule *rule, int32_t length)
{
    return length < 0 || (uint32_t)length > rule->length;
}

int rule_decorate(const struct rule *rule, const struct definition_column *column,
                  bool with_comment, struct schema *s, struct err *e)
{
    switch (rule->kind) {
    case RULE_CUT:
        return is_cut(rule, column->length) ? add_number(s, "truncateLength", rule->length, e) : 0;
    case RULE_SOURCE:
        return add_source(column, with_comment, s, e);
    default:
        return schema_add_parameter(s, "masked", "true", e);
    }
}

/* ---- values -------------------------------------------------------------------------------- */

/* The first so many UTF-16 units. */
static struct slice cut_text(struct slice text, uint32_t units)
{
    size_t i = 0;

    while (i < text.len && units > 0) {
        uint8_t  c = text.ptr[i];
        size_t   bytes = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        uint32_t takes = bytes == 4 ? 2 : 1;
        if (takes > units || bytes > text.len - i)
            break;
        units -= takes;
        i += bytes;
    }
    return (struct slice){ text.ptr, i };
}

static void cut(struct cell *c, uint32_t units)
{
    if (c->kind == CELL_TEXT)
        c->bytes = cut_text(c->bytes, units);
    else if (c->kind == CELL_BYTES && c->bytes.len > units)
        c->bytes.len = units;
}

/* Decimals and bits are bytes in a schema of their own, of which nothing is cut. */
static bool may_cut(const struct schema *s, const struct cell *c)
{
    return c->kind == CELL_TEXT || s->name == NULL;
}

static struct cell stars(uint32_t count, struct buf *room)
{
    buf_clear(room);
    uint8_t *p = buf_extend(room, count);
    if (p != NULL)
        memset(p, '*', count);
    return cell_text(buf_slice(room));
}

/* What Java's object stream makes of a String: a header, its type, its length, its text with zeros
   as two bytes and characters outside of the first plane as two of three. */
static void put_java_text(struct slice text, struct buf *out)
{
    static const uint8_t head[] = { 0xac, 0xed, 0x00, 0x05 };
    size_t               length = 0;

    for (size_t i = 0; i < text.len; i++)
        length += text.ptr[i] == 0 ? 2 : text.ptr[i] >= 0xf0 ? 3 : 1;
    buf_put(out, (struct slice){ head, sizeof head });
    buf_put_u8(out, length < 0x10000 ? 0x74 : 0x7c);
    for (int shift = length < 0x10000 ? 8 : 56; shift >= 0; shift -= 8)
        buf_put_u8(out, (uint8_t)((uint64_t)length >> shift));
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == 0) {
            buf_put_u8(out, 0xc0);
            buf_put_u8(out, 0x80);
        } else if (c >= 0xf0 && text.len - i >= 4) {
            uint32_t point = (c & 7u) << 18 | (text.ptr[i + 1] & 63u) << 12 |
                             (text.ptr[i + 2] & 63u) << 6 | (text.ptr[i + 3] & 63u);
            uint32_t unit[2] = { 0xd800 + ((point - 0x10000) >> 10), 0xdc00 + (point & 0x3ff) };
            for (int k = 0; k < 2; k++) {
                buf_put_u8(out, (uint8_t)(0xe0 | unit[k] >> 12));
                buf_put_u8(out, (uint8_t)(0x80 | (unit[k] >> 6 & 63)));
                buf_put_u8(out, (uint8_t)(0x80 | (unit[k] & 63)));
            }
            i += 3;
        } else {
            buf_put_u8(out, c);
        }
    }
}

static int digest(const struct rule *rule, struct slice text, struct buf *room, struct cell *out,
                  struct err *e)
{
    uint8_t     made[EVP_MAX_MD_SIZE];
    unsigned    length = 0;
    struct buf  input;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    buf_init(&input, SIZE_MAX / 2);
    if (rule->is_v2)
        buf_put(&input, text);
    else
        put_java_text(text, &input);
    int fine = buf_check(&input, "a text to hash", e) == 0 && ctx != NULL &&
               EVP_DigestInit_ex(ctx, rule->digest, NULL) == 1 &&
               EVP_DigestUpdate(ctx, rule->salt, strlen(rule->salt)) == 1 &&
               EVP_DigestUpdate(ctx, input.ptr, input.len) == 1 &&
               EVP_DigestFinal_ex(ctx, made, &length) == 1;
    EVP_MD_CTX_free(ctx);
    buf_done(&input);
    if (!fine)
        return err_set(e, E_NOMEM, "a hash can't be made");
    buf_clear(room);
    for (unsigned i = 0; i < length; i++)
        buf_printf(room, "%02x", made[i]);
    *out = cell_text(buf_slice(room));
    return 0;
}

int rule_apply(const struct rule *rule, const struct schema *s, bool is_text, int32_t length,
               struct buf *room, struct cell *c, struct err *e)
{
    switch (rule->kind) {
    case RULE_CUT:
        if (is_cut(rule, length) && may_cut(s, c))
            cut(c, rule->length);
        return 0;
    case RULE_STARS:
        if (is_text)
            *c = stars(rule->length, room);
        return 0;
    case RULE_DIGEST:
        if (!is_text || c->kind != CELL_TEXT)
            return 0;
        TRY(digest(rule, c->bytes, room, c, e));
        if (length > 0)
            cut(c, (uint32_t)length);
        return 0;
    default:
        return 0;
    }
}

/* ---- keys ---------------------------------------------------------------------------------- */

static int column_named(const struct definition *d, const char *name, size_t length)
{
    for (uint32_t i = 0; i < d->column_count; i++)
        if (strlen(d->columns[i].name) == length &&
            strncasecmp(d->columns[i].name, name, length) == 0)
            return (int)i;
    return -1;
}

static int take_columns(const struct key_rule *k, const struct definition *d,
                        uint16_t columns[DEFINITION_COLUMNS_MAX], uint32_t *count, struct err *e)
{
    const char *at = k->columns;

    *count = 0;
    while (*at != 0 && *count < d->column_count) {
        at += strspn(at, " ,");
        size_t length = strcspn(at, ",");
        while (length > 0 && at[length - 1] == ' ')
            length--;
        int found = column_named(d, at, length);
        if (found < 0)
            return err_set(e, E_CONFIG, "message.key.columns: %s.%s has no column '%.*s'",
                           d->database, d->table, (int)length, at);
        columns[(*count)++] = (uint16_t)found;
        at += length;
        at += strspn(at, " ,");
    }
    return 1;
}

int rules_key(const struct rules *r, const struct definition *d,
              uint16_t columns[DEFINITION_COLUMNS_MAX], uint32_t *count, struct err *e)
{
    char name[NAME_BYTES];

    (void)snprintf(name, sizeof name, "%s.%s", d->database, d->table);
    for (size_t i = 0; i < r->key_count; i++)
        if (patterns_match(r->keys[i].tables, name))
            return take_columns(&r->keys[i], d, columns, count, e);
    return 0;
}
