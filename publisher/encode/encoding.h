/*
 * How keys and values are written: the one interface between change events and their bytes.
 *
 * A record is written in order: open, then the value by its schema, close. Structs are written
 * member by member, so that a row's values need not be gathered, and parts written once (a rows
 * event's source block) can be put again. Failure of the buffer is checked by its owner.
 *
 * An encoding is only read after it was made; a schema belongs to one encoding. JSON with and
 * without schemas is made here (source: org.apache.kafka.connect.json.JsonConverter), Avro in
 * publisher/encode/avro.h.
 */
#pragma once
#include "publisher/options.h"
#include "publisher/schema.h"

struct encoding;

struct encoding_kind {
    /* Once for each schema that is the root of a record, and its members: texts that are the same
       in every record. */
    int (*prepare)(const struct encoding *n, struct schema *root, struct err *e);
    void (*open)(const struct encoding *n, const struct schema *root, bool is_key, struct buf *out);
    void (*close)(const struct encoding *n, const struct schema *root, bool is_key,
                  struct buf *out);
    void (*open_struct)(const struct schema *s, struct buf *out);
    void (*member)(const struct schema *s, uint32_t index, struct buf *out);
    void (*close_struct)(const struct schema *s, struct buf *out);
    int (*put)(const struct encoding *n, const struct schema *s, const struct cell *c,
               struct buf *out, struct err *e);
};

struct encoding {
    const struct encoding_kind *kind;
    bool                        key_schemas, value_schemas;
    bool                        null_as_default;
    bool                        numeric_decimals;
    bool                        is_avro;
    bool                        tells_connect; /* Avro: Connect's properties in the schema */
};

/* As the options say for keys or for values. */
struct encoding encoding_of(const struct options *o, bool is_key);
/* JSON, as the options of the converters say. */
struct encoding encoding_json(const struct options *o);
/* Nothing: for who only counts. */
struct encoding encoding_none(void);
/* JSON without schemas, as SimpleHeaderConverter writes structs. */
struct encoding encoding_json_plain(void);

/* A whole record from one cell. */
MUST_CHECK int encoding_put(const struct encoding *n, const struct schema *root, bool is_key,
                            const struct cell *c, struct buf *out, struct err *e);
