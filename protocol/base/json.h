/*
 * JSON text written into a buffer, compact, with the separators kept right by the writer.
 *
 * The bytes are those that Jackson (and so Kafka Connect's JsonConverter) writes for the same
 * values:
 * '"' and '\\' escaped, \b \t \n \f \r, other control characters as \u00XX in capitals, characters
 * outside of the first plane as two \uXXXX, everything else as it is in UTF-8. Source: RFC 8259 and
 * recorded converter output.
 *
 * Owned by the caller, who also owns the buffer; one thread at a time. Failure is the buffer's.
 */
#pragma once
#include "protocol/base/buf.h"

struct json {
    struct buf *out;
    bool        comma; /* the next value or name in this object or array needs one before it */
};

static inline struct json json_into(struct buf *out)
{
    return (struct json){ .out = out };
}

void json_open_object(struct json *j);
void json_close_object(struct json *j);
void json_open_array(struct json *j);
void json_close_array(struct json *j);
void json_name(struct json *j, const char *name); /* of the next value, in an object */
void json_name_slice(struct json *j, struct slice name);
void json_null(struct json *j);
void json_bool(struct json *j, bool value);
void json_int(struct json *j, int64_t value);
void json_uint(struct json *j, uint64_t value);
void json_text(struct json *j, const char *text);
/* Bytes that are not valid UTF-8 are written as U+FFFD, as Java's decoder does. */
void json_text_slice(struct json *j, struct slice text);
/* The same without quotes and escapes: UTF-8 with the broken bytes replaced, and how long that is.
 */
void   json_put_utf8(struct buf *out, struct slice text);
size_t json_utf8_length(struct slice text);
/* Bytes that are a JSON value already. */
void json_raw(struct json *j, struct slice value);
