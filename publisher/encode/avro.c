#include "publisher/encode/avro.h"
#include <string.h>
#include "protocol/base/json.h"

static int put(const struct encoding *n, const struct schema *s, const struct cell *c,
               struct buf *out, struct err *e);

static int prepare(const struct encoding *n, struct schema *root, struct err *e)
{
    const struct encoding plain = encoding_json_plain();

    /* Keys are written as JSON into headers, too. */
    TRY(plain.kind->prepare(&plain, root, e));
    buf_clear(&root->prepared);
    TRY(avro_put_schema(n, root, &root->prepared, e));
    return buf_check(&root->prepared, "a schema", e);
}

static void open_record(const struct encoding *n, const struct schema *root, bool is_key,
                        struct buf *out)
{
    static const uint8_t frame[AVRO_FRAME_BYTES];

    (void)n;
    (void)root;
    (void)is_key;
    buf_put(out, (struct slice){ frame, sizeof frame });
}

static void close_record(const struct encoding *n, const struct schema *root, bool is_key,
                         struct buf *out)
{
    (void)n;
    (void)root;
    (void)is_key;
    (void)out;
}

void avro_put_id(uint32_t id, struct slice record)
{
    uint8_t *at = (uint8_t *)(uintptr_t)record.ptr; /* the caller's own buffer */

    assert(record.len >= AVRO_FRAME_BYTES && at[0] == 0);
    for (int i = 1; i < AVRO_FRAME_BYTES; i++)
        at[i] = (uint8_t)(id >> (8 * (AVRO_FRAME_BYTES - 1 - i)));
}

void avro_put_registration(const struct schema *root, struct buf *out)
{
    struct json j = json_into(out);

    json_open_object(&j);
    json_name(&j, "schema");
    json_text_slice(&j, avro_text(root));
    json_close_object(&j);
}

void avro_put_subject(const struct options *o, struct slice topic, bool is_key,
                      const struct schema *root, struct buf *out)
{
    enum option_subject how = is_key ? o->key_subject : o->value_subject;

    if (how != SUBJECT_RECORD)
        buf_put(out, topic);
    if (how == SUBJECT_TOPIC_RECORD)
        buf_put_u8(out, '-');
    buf_put_text(out, how != SUBJECT_TOPIC ? root->name : is_key ? "-key" : "-value");
}

/* ---- values -------------------------------------------------------------------------------- */

/* Zigzag, seven bits a byte, the least first. */
static void put_long(struct buf *out, int64_t v)
{
    uint64_t z = (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);

    for (; z > 0x7f; z >>= 7)
        buf_put_u8(out, (uint8_t)(0x80 | (z & 0x7f)));
    buf_put_u8(out, (uint8_t)z);
}

/* A nullable type is a union; the one of its default comes first. */
static void put_branch(const struct schema *s, bool is_null, struct buf *out)
{
    if (s->optional)
        buf_put_u8(out, is_null == s->has_fallback ? 2 : 0);
}

static void open_struct(const struct schema *s, struct buf *out)
{
    put_branch(s, false, out);
}

static void put_member(const struct schema *s, uint32_t index, struct buf *out)
{
    (void)s;
    (void)index;
    (void)out;
}

static void close_struct(const struct schema *s, struct buf *out)
{
    (void)s;
    (void)out;
}

static int put_null(const struct encoding *n, const struct schema *s, struct buf *out,
                    struct err *e)
{
    if (s->has_fallback && (n->null_as_default || !s->optional))
        return put(n, s, &s->fallback, out, e);
    if (!s->optional)
        return err_set(e, E_CONFIG,
                       "there is no value, and Avro has no null for a column that is NOT NULL; set "
                       "binlog_row_image = FULL at the source");
    put_branch(s, true, out);
    return 0;
}

static int put_list(const struct encoding *n, const struct schema *s, const struct cell *c,
                    struct buf *out, struct err *e)
{
    bool is_array = s->type == SCHEMA_ARRAY;

    if (is_array && c->list.count > 0)
        put_long(out, c->list.count);
    for (uint32_t i = 0; i < c->list.count; i++)
        TRY(put(n, s->members[is_array ? 0 : i].schema, &c->list.items[i], out, e));
    if (is_array)
        buf_put_u8(out, 0);
    return 0;
}

/* Its length is known when its broken characters are replaced. */
static void put_text(struct slice text, struct buf *out)
{
    size_t length = json_utf8_length(text);

    put_long(out, (int64_t)length);
    if (length == text.len)
        buf_put(out, text);
    else
        json_put_utf8(out, text);
}

static void put_float(float v, struct buf *out)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    buf_put_le(out, bits, sizeof bits);
}

static void put_double(double v, struct buf *out)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    buf_put_le(out, bits, sizeof bits);
}

static int put(const struct encoding *n, const struct schema *s, const struct cell *c,
               struct buf *out, struct err *e)
{
    if (c->kind == CELL_ENCODED) {
        buf_put(out, c->bytes);
        return 0;
    }
    if (c->kind == CELL_JSON)
        return avro_put_json(n, s, c->bytes, out, e);
    if (c->kind == CELL_NULL)
        return put_null(n, s, out, e);
    put_branch(s, false, out);
    switch (c->kind) {
    case CELL_BOOLEAN:
        buf_put_u8(out, c->truth);
        return 0;
    case CELL_INTEGER:
        put_long(out, c->integer);
        return 0;
    case CELL_FLOAT:
        put_float(c->single, out);
        return 0;
    case CELL_DOUBLE:
        put_double(c->real, out);
        return 0;
    case CELL_TEXT:
        put_text(c->bytes, out);
        return 0;
    case CELL_BYTES:
        put_long(out, (int64_t)c->bytes.len);
        buf_put(out, c->bytes);
        return 0;
    default:
        assert(c->kind == CELL_LIST);
        return put_list(n, s, c, out, e);
    }
}

static const struct encoding_kind avro_kind = {
    .prepare = prepare,
    .open = open_record,
    .close = close_record,
    .open_struct = open_struct,
    .member = put_member,
    .close_struct = close_struct,
    .put = put,
};

struct encoding encoding_avro(const struct options *o, bool is_key)
{
    return (struct encoding){ .kind = &avro_kind,
                              .null_as_default = o->null_as_default,
                              .is_avro = true,
                              .tells_connect = is_key ? o->key_meta : o->value_meta };
}
