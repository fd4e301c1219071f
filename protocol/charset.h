/*
 * Character sets of columns: from a collation's number or a set's name to a way to UTF-8.
 *
 * `struct charset` values are constants of this program. A converter holds iconv's state: one
 * thread at a time. Bytes that mean nothing in their set become U+FFFD, as Java's decoders do, so
 * that a broken text never stops a stream. latin1 is what MySQL means by it: Windows-1252.
 * Source: MySQL manual "Supported Character Sets and Collations" (ids from
 * INFORMATION_SCHEMA.COLLATIONS), MariaDB knowledge base "Supported Character Sets and Collations".
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/bytes.h"
#include "protocol/base/err.h"

struct charset {
    const char *name;  /* the server's, e.g. "latin1" */
    const char *iconv; /* NULL: the bytes are UTF-8 already (utf8mb4, utf8mb3, ascii) */
    bool        is_binary;
};

/* NULL when nobody told us about it. */
const struct charset *charset_of_collation(uint16_t id);
const struct charset *charset_of_name(const char *name);

struct charset_converter;

/* *out is NULL for a set that needs no conversion. E_CONFIG when iconv does not know it. */
MUST_CHECK int charset_converter_new(const struct charset *from, struct charset_converter **out,
                                     struct err *e);
void           charset_converter_free(struct charset_converter *c); /* accepts NULL */

/* The text in UTF-8, valid until the next call with this converter. E_LIMIT above
   CHARSET_TEXT_MAX. */
enum { CHARSET_TEXT_MAX = 1u << 30 };
MUST_CHECK int charset_convert(struct charset_converter *c, struct slice text, struct slice *out,
                               struct err *e);
