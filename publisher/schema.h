/*
 * Kafka Connect's schemas: what a value is, beside the value itself.
 *
 * A tree, made once a table (or once a converter for the fixed ones) and only read afterwards. A
 * member's schema is either owned by the struct or borrowed from somewhere that lives longer (so
 * that before and after share one). One thread at a time while it is made.
 * Source: org.apache.kafka.connect.data.Schema and its JSON form in JsonConverter.asJsonSchema.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "publisher/fields/cell.h"

enum schema_type {
    SCHEMA_BOOLEAN,
    SCHEMA_INT16,
    SCHEMA_INT32,
    SCHEMA_INT64,
    SCHEMA_FLOAT,
    SCHEMA_DOUBLE,
    SCHEMA_STRING,
    SCHEMA_BYTES,
    SCHEMA_ARRAY,
    SCHEMA_STRUCT,
    SCHEMA_TYPES
};

struct schema;

struct schema_member {
    char          *name;
    struct schema *schema;
    bool           borrowed;
    struct slice   prefix; /* what the encoding writes before the value */
};

struct schema_parameter {
    char *name, *value;
};

struct schema {
    enum schema_type         type;
    bool                     optional;
    char                    *name; /* NULL: none */
    uint32_t                 version;
    char                    *doc;
    struct schema_parameter *parameters;
    uint32_t                 parameter_count;
    bool                     has_fallback; /* the default */
    struct cell              fallback;
    struct schema_member    *members; /* of a struct; of an array the one of its items */
    uint32_t                 member_count;
    struct buf               texts;    /* the encoding's: prefixes of the members */
    struct buf               prepared; /* the encoding's: of a root */
    uint8_t                 *own_fallback;
    bool                     is_registered; /* Avro: a root, under this number */
    uint32_t                 registered;
};

/* `name` may be NULL; texts are copied. NULL and *e on E_NOMEM. */
struct schema *schema_new(enum schema_type type, bool optional, const char *name, uint32_t version,
                          struct err *e);
void           schema_free(struct schema *s); /* accepts NULL */
MUST_CHECK int schema_set_doc(struct schema *s, const char *doc, struct err *e);
MUST_CHECK int schema_add_parameter(struct schema *s, const char *name, const char *value,
                                    struct err *e);
/* Texts and bytes of the cell are copied. */
MUST_CHECK int schema_set_fallback(struct schema *s, const struct cell *c, struct err *e);
/* Takes `member` over, also when it fails, and accepts NULL as a failure already told in *e. */
MUST_CHECK int schema_add(struct schema *s, const char *name, struct schema *member, struct err *e);
/* `member` stays the caller's and outlives `s`. */
MUST_CHECK int schema_borrow(struct schema *s, const char *name, struct schema *member,
                             struct err *e);
/* Shorthand for members without a name of their own. */
MUST_CHECK int schema_add_plain(struct schema *s, const char *name, enum schema_type type,
                                bool optional, struct err *e);
