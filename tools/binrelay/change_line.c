#include "tools/binrelay/change_line.h"
#include "protocol/base/json.h"
#include "publisher/encode/avro.h"
#include "tools/binrelay/answer.h"
#include "tools/binrelay/text.h"

enum { SUBJECT_BYTES_MAX = 64 * 1024 };

void change_line_put_json(const struct change_event *ev, struct buf *out)
{
    struct json j = json_into(out);
    json_open_object(&j);
    json_name(&j, "topic");
    json_text_slice(&j, ev->topic);
    json_name(&j, "key");
    json_raw(&j, ev->key.len > 0 ? ev->key : slice_of_text("null"));
    json_name(&j, "value");
    json_raw(&j, ev->value.len > 0 ? ev->value : slice_of_text("null"));
    json_close_object(&j);
    buf_put_u8(out, '\n');
}

static struct slice or_null(struct slice value)
{
    return value.len > 0 ? value : slice_of_text("null");
}

static void put_hex(struct json *j, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";

    json_raw(j, slice_of_text("\""));
    for (size_t i = 0; i < bytes.len; i++) {
        buf_put_u8(j->out, (uint8_t)digits[bytes.ptr[i] >> 4]);
        buf_put_u8(j->out, (uint8_t)digits[bytes.ptr[i] & 15]);
    }
    buf_put_u8(j->out, '"');
}

static void put_side(struct json *j, const struct schema *schema, struct slice bytes)
{
    if (schema != NULL)
        put_hex(j, bytes);
    else
        json_raw(j, or_null(bytes));
}

static void put_schema(struct json *j, const struct options *o, struct slice topic, bool is_key,
                       const struct schema *schema)
{
    struct buf subject;

    if (schema == NULL)
        return;
    buf_init(&subject, SUBJECT_BYTES_MAX);
    avro_put_subject(o, topic, is_key, schema, &subject);
    json_name(j, is_key ? "key_subject" : "value_subject");
    json_text_slice(j, buf_slice(&subject));
    json_name(j, is_key ? "key_id" : "value_id");
    json_uint(j, schema->registered);
    json_name(j, is_key ? "key_schema" : "value_schema");
    json_text_slice(j, avro_text(schema));
    buf_done(&subject);
}

void change_line_put_record(const struct options *o, const struct change_event *ev, struct buf *out)
{
    struct json j = json_into(out);

    json_open_object(&j);
    json_name(&j, "topic");
    json_text_slice(&j, ev->topic);
    json_name(&j, "partition");
    if (ev->partition == CHANGE_ANY_PARTITION)
        json_null(&j);
    else
        json_int(&j, ev->partition);
    json_name(&j, "key");
    put_side(&j, ev->key_schema, ev->key);
    json_name(&j, "value");
    put_side(&j, ev->value_schema, ev->value);
    json_name(&j, "headers");
    json_open_array(&j);
    for (uint32_t i = 0; i < ev->header_count; i++) {
        json_open_object(&j);
        json_name(&j, "name");
        json_text_slice(&j, ev->headers[i].name);
        json_name(&j, "simple");
        json_text_slice(&j, ev->headers[i].text);
        json_close_object(&j);
    }
    json_close_array(&j);
    put_schema(&j, o, ev->topic, true, ev->key_schema);
    put_schema(&j, o, ev->topic, false, ev->value_schema);
    json_close_object(&j);
    buf_put_u8(out, '\n');
}

struct columns {
    struct buf         *out;
    const char         *join;   /* between name and value */
    struct json_object *before; /* when set: only what differs from it */
};

/* Text of a row that reaches a terminal: JSON escapes control characters below 0x20, not DEL. */
static void put_value(struct json_object *value, struct buf *out)
{
    size_t at = out->len;
    answer_put(value, out);
    for (; at < out->len; at++)
        if (out->ptr[at] == 0x7f)
            out->ptr[at] = '?';
}

static void put_column(void *arg, const char *name, struct json_object *value)
{
    struct columns *c = arg;
    if (c->before != NULL && answer_equal(answer_member(c->before, name), value))
        return;
    buf_printf(c->out, " %s%s", name, c->join);
    if (c->before != NULL) {
        put_value(answer_member(c->before, name), c->out);
        buf_put_text(c->out, " -> ");
    }
    put_value(value, c->out);
}

static const char *word_of(const char *op)
{
    switch (op[0]) {
    case 'c':
        return "insert";
    case 'u':
        return "update";
    case 'd':
        return "delete";
    case 'r':
        return "read";
    case 't':
        return "truncate";
    default:
        return op;
    }
}

/* The topic behind its prefix is DATABASE.TABLE. */
static struct slice table_of(struct slice topic)
{
    size_t prefix = sizeof CHANGE_LINE_PREFIX; /* with the dot */
    return topic.len > prefix ? (struct slice){ topic.ptr + prefix, topic.len - prefix } : topic;
}

static void put_line(const struct change_event *ev, struct json_object *key,
                     struct json_object *value, struct buf *out)
{
    char                when[TEXT_BYTES] = "";
    struct json_object *before = answer_member(value, "before");
    struct json_object *after = answer_member(value, "after");
    struct columns      plain = { .out = out, .join = "=" };
    struct columns      changed = { .out = out, .join = ": ", .before = before };
    struct slice        table = table_of(ev->topic);

    if (value != NULL)
        (void)text_of_time(answer_int(answer_member(value, "source"), "ts_ms") / 1000, when);
    buf_printf(out, "%-20s  %-9s  %.*s ", when,
               value != NULL ? word_of(answer_text(value, "op")) : "tombstone", (int)table.len,
               (const char *)table.ptr);
    if (before != NULL && after != NULL) {
        answer_each(key, put_column, &plain);
        buf_put_u8(out, ' ');
        answer_each(after, put_column, &changed);
    } else {
        answer_each(value == NULL ? key : after != NULL ? after : before, put_column, &plain);
    }
    buf_put_u8(out, '\n');
}

int change_line_put_text(const struct change_event *ev, struct buf *out, struct err *e)
{
    struct json_object *key = NULL, *value = NULL;
    int                 result = 0;

    if (ev->key.len > 0)
        result = answer_parse(ev->key, &key, e);
    if (result == 0 && ev->value.len > 0)
        result = answer_parse(ev->value, &value, e);
    if (result == 0)
        put_line(ev, key, value, out);
    answer_free(key);
    answer_free(value);
    return result != 0 ? err_note(e, "change event") : 0;
}
