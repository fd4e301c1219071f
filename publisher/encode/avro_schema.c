/* Schema texts, with the order of properties that Confluent's converter and Avro's own printer
   give them. */
#include "publisher/encode/avro.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "protocol/base/json.h"
#include "publisher/fields/number.h"

enum { NAMES_MAX = 256, FALLBACK_BYTES_MAX = 16 << 20 };

/* While a text is written. */
struct writer {
    const struct encoding *encoding;
    struct json            j;
    const char            *names[NAMES_MAX]; /* of records that stand in it already */
    size_t                 name_count;
};

static int put_type(struct writer *w, const struct schema *s, struct slice space, struct err *e);

/* ---- names --------------------------------------------------------------------------------- */

static bool is_letter(uint8_t c)
{
    return isalpha(c) || c == '_' || c >= 0x80; /* Java's letters are more than ASCII's */
}

static bool is_name(struct slice name)
{
    if (name.len == 0 || !is_letter(name.ptr[0]))
        return false;
    for (size_t i = 1; i < name.len; i++)
        if (!is_letter(name.ptr[i]) && !isdigit(name.ptr[i]))
            return false;
    return true;
}

static int check_name(const char *what, struct slice name, struct err *e)
{
    struct slice rest = name;

    for (;;) {
        const uint8_t *dot = memchr(rest.ptr, '.', rest.len);
        size_t         len = dot != NULL ? (size_t)(dot - rest.ptr) : rest.len;
        if (!is_name((struct slice){ rest.ptr, len }))
            return err_set(e, E_CONFIG,
                           "Avro does not take the %s '%.*s': set schema.name.adjustment.mode and "
                           "field.name.adjustment.mode to avro, or choose another topic.prefix",
                           what, (int)name.len, (const char *)name.ptr);
        if (dot == NULL)
            return 0;
        rest = (struct slice){ dot + 1, rest.len - len - 1 };
    }
}

/* "a.b.C": "a.b" and "C". */
static struct slice space_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return (struct slice){ (const uint8_t *)name, dot != NULL ? (size_t)(dot - name) : 0 };
}

static const char *short_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL ? dot + 1 : name;
}

/* ---- defaults ------------------------------------------------------------------------------ */

/* Bytes are characters of ISO-8859-1. */
static int put_bytes(struct json *j, struct slice bytes, struct err *e)
{
    struct buf text;

    buf_init(&text, FALLBACK_BYTES_MAX);
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t c = bytes.ptr[i];
        if (c >= 0x80)
            buf_put_u8(&text, (uint8_t)(0xc0 | c >> 6));
        buf_put_u8(&text, c >= 0x80 ? (uint8_t)(0x80 | (c & 0x3f)) : c);
    }
    int result = buf_check(&text, "a default", e);
    if (result == 0)
        json_text_slice(j, buf_slice(&text));
    buf_done(&text);
    return result;
}

static int put_fallback(struct json *j, const struct schema *s, struct err *e)
{
    const struct cell *c = &s->fallback;
    struct buf         number;

    switch (c->kind) {
    case CELL_BOOLEAN:
        json_bool(j, c->truth);
        return 0;
    case CELL_INTEGER:
        json_int(j, c->integer);
        return 0;
    case CELL_TEXT:
        json_text_slice(j, c->bytes);
        return 0;
    case CELL_BYTES:
        return put_bytes(j, c->bytes, e);
    case CELL_FLOAT:
    case CELL_DOUBLE:
        buf_init(&number, FALLBACK_BYTES_MAX);
        if (c->kind == CELL_FLOAT)
            number_put_float(&number, c->single);
        else
            number_put_double(&number, c->real);
        json_raw(j, buf_slice(&number));
        buf_done(&number);
        return 0;
    default:
        return err_set(e, E_CONFIG, "Avro has no default of this kind");
    }
}

/* ---- types --------------------------------------------------------------------------------- */

static const char *const plain_types[SCHEMA_TYPES] = {
    [SCHEMA_BOOLEAN] = "boolean", [SCHEMA_INT16] = "int",   [SCHEMA_INT32] = "int",
    [SCHEMA_INT64] = "long",      [SCHEMA_FLOAT] = "float", [SCHEMA_DOUBLE] = "double",
    [SCHEMA_STRING] = "string",   [SCHEMA_BYTES] = "bytes",
};

#define CONNECT "org.apache.kafka.connect.data."
/* Connect's own logical types are Avro's, too. */
static const char *logical_of(const struct schema *s)
{
    static const struct {
        const char *name, *logical;
    } types[] = {
        { CONNECT "Decimal", "decimal" },
        { CONNECT "Date", "date" },
        { CONNECT "Time", "time-millis" },
        { CONNECT "Timestamp", "timestamp-millis" },
    };

    for (size_t i = 0; s->name != NULL && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, s->name) == 0)
            return types[i].logical;
    return NULL;
}

static const char *parameter(const struct schema *s, const char *name)
{
    for (uint32_t i = 0; i < s->parameter_count; i++)
        if (strcmp(s->parameters[i].name, name) == 0)
            return s->parameters[i].value;
    return NULL;
}

static void put_number(struct json *j, const char *name, const char *value)
{
    if (value == NULL)
        return;
    json_name(j, name);
    json_int(j, strtol(value, NULL, 10));
}

static void put_text(struct json *j, const char *name, const char *text)
{
    json_name(j, name);
    json_text(j, text);
}

static int put_connect(struct writer *w, const struct schema *s, struct err *e)
{
    struct json *j = &w->j;

    if (!w->encoding->tells_connect)
        return 0;
    if (s->doc != NULL)
        put_text(j, "connect.doc", s->doc);
    if (s->version != 0) {
        json_name(j, "connect.version");
        json_uint(j, s->version);
    }
    if (s->parameter_count > 0) {
        json_name(j, "connect.parameters");
        json_open_object(j);
        for (uint32_t i = 0; i < s->parameter_count; i++)
            put_text(j, s->parameters[i].name, s->parameters[i].value);
        json_close_object(j);
    }
    if (s->has_fallback) {
        json_name(j, "connect.default");
        TRY(put_fallback(j, s, e));
    }
    if (s->name != NULL)
        put_text(j, "connect.name", s->name);
    if (s->type == SCHEMA_INT16)
        put_text(j, "connect.type", "int16");
    return 0;
}

static bool is_bare(const struct writer *w, const struct schema *s)
{
    if (s->type == SCHEMA_ARRAY || logical_of(s) != NULL)
        return false;
    return !w->encoding->tells_connect ||
           (s->doc == NULL && s->version == 0 && s->parameter_count == 0 && !s->has_fallback &&
            s->name == NULL && s->type != SCHEMA_INT16);
}

/* The type itself, whether or not there may be null. */
static int put_plain(struct writer *w, const struct schema *s, struct slice space, struct err *e)
{
    struct json *j = &w->j;
    const char  *logical = logical_of(s);

    if (is_bare(w, s)) {
        json_text(j, plain_types[s->type]);
        return 0;
    }
    json_open_object(j);
    put_text(j, "type", s->type == SCHEMA_ARRAY ? "array" : plain_types[s->type]);
    if (s->type == SCHEMA_ARRAY) {
        json_name(j, "items");
        TRY(put_type(w, s->members[0].schema, space, e));
    }
    if (logical != NULL && strcmp(logical, "decimal") == 0) {
        put_number(j, "scale", parameter(s, "scale"));
        put_number(j, "precision", parameter(s, "connect.decimal.precision"));
    }
    TRY(put_connect(w, s, e));
    if (logical != NULL)
        put_text(j, "logicalType", logical);
    json_close_object(j);
    return 0;
}

static int put_field(struct writer *w, const struct schema_member *m, struct slice space,
                     struct err *e)
{
    struct json *j = &w->j;

    TRY(check_name("name of a column", slice_of_text(m->name), e));
    json_open_object(j);
    put_text(j, "name", m->name);
    json_name(j, "type");
    TRY(put_type(w, m->schema, space, e));
    if (m->schema->has_fallback) {
        json_name(j, "default");
        TRY(put_fallback(j, m->schema, e));
    } else if (m->schema->optional) {
        json_name(j, "default");
        json_null(j);
    }
    json_close_object(j);
    return 0;
}

static bool stands_already(const struct writer *w, const char *name)
{
    for (size_t i = 0; i < w->name_count; i++)
        if (strcmp(w->names[i], name) == 0)
            return true;
    return false;
}

/* A record is described once; a second time its name does, short where that is enough. */
static int put_record(struct writer *w, const struct schema *s, struct slice space, struct err *e)
{
    const char  *name = s->name != NULL ? s->name : "io.confluent.connect.avro.ConnectDefault";
    struct slice own = space_of(name);
    struct json *j = &w->j;
    bool         is_same = slice_equal(own, space);

    if (stands_already(w, name)) {
        json_text(j, is_same ? short_of(name) : name);
        return 0;
    }
    TRY(check_name("name of a schema", slice_of_text(name), e));
    if (w->name_count == NAMES_MAX)
        return err_set(e, E_LIMIT, "more than %d records in a schema", NAMES_MAX);
    w->names[w->name_count++] = name;
    json_open_object(j);
    put_text(j, "type", "record");
    put_text(j, "name", short_of(name));
    if (!is_same) {
        json_name(j, "namespace");
        json_text_slice(j, own);
    }
    json_name(j, "fields");
    json_open_array(j);
    for (uint32_t i = 0; i < s->member_count; i++)
        TRY(put_field(w, &s->members[i], own, e));
    json_close_array(j);
    TRY(put_connect(w, s, e));
    json_close_object(j);
    return 0;
}

static int put_not_null(struct writer *w, const struct schema *s, struct slice space, struct err *e)
{
    return s->type == SCHEMA_STRUCT ? put_record(w, s, space, e) : put_plain(w, s, space, e);
}

static int put_type(struct writer *w, const struct schema *s, struct slice space, struct err *e)
{
    if (!s->optional)
        return put_not_null(w, s, space, e);
    json_open_array(&w->j);
    if (!s->has_fallback)
        json_text(&w->j, "null");
    TRY(put_not_null(w, s, space, e));
    if (s->has_fallback)
        json_text(&w->j, "null");
    json_close_array(&w->j);
    return 0;
}

int avro_put_schema(const struct encoding *n, const struct schema *root, struct buf *out,
                    struct err *e)
{
    struct writer w = { .encoding = n, .j = json_into(out) };

    return put_not_null(&w, root, slice_empty(), e);
}
