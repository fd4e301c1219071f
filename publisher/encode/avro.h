/*
 * Avro as Confluent's converter writes it: schema texts and records in Confluent's wire format
 * (a zero byte, the schema's number in four bytes, big-endian, then Avro binary).
 *
 * Any thread, as encodings (publisher/encode/encoding.h). The number is the registry's: it is put
 * in when the record is given away. Source: Apache Avro 1.11 specification; Confluent, "Wire
 * format"; AvroConverter's recorded output.
 */
#pragma once
#include "publisher/encode/encoding.h"

enum { AVRO_FRAME_BYTES = 5 };

struct encoding encoding_avro(const struct options *o, bool is_key);

/* Of a root that was prepared: the schema's text. */
static inline struct slice avro_text(const struct schema *root)
{
    return buf_slice(&root->prepared);
}
/* Puts the registry's number into a record that was written with `root`. */
void avro_put_id(uint32_t id, struct slice record);

/* The question by which it is registered. */
void avro_put_registration(const struct schema *root, struct buf *out);
/* Under which name a topic's schema is registered. */
void avro_put_subject(const struct options *o, struct slice topic, bool is_key,
                      const struct schema *root, struct buf *out);

/* ---- between the files avro*.c --------------------------------------------------------------- */

MUST_CHECK int avro_put_schema(const struct encoding *n, const struct schema *root, struct buf *out,
                               struct err *e);
/* JSON text of ours, by the schema. */
MUST_CHECK int avro_put_json(const struct encoding *n, const struct schema *s, struct slice json,
                             struct buf *out, struct err *e);
