/*
 * MySQL's binary JSON as text: compact, members in stored order, numbers as Debezium's reader of
 * binlogs writes them (a double never with an exponent; decimals plainly with their scale; dates
 * and times as texts; what JSON has no form for as base64).
 *
 * Any thread. A document may say anything: offsets are checked, its depth is bounded by
 * DOCUMENT_DEPTH_MAX, and no byte of it is written twice, so that the text's size is bounded by the
 * document's.
 * Source: MySQL sql-common/json_binary.h (the format), recorded output of the connector (the text).
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

enum { DOCUMENT_DEPTH_MAX = 128 }; /* servers refuse more than 100 */

/* A value in a document. */
struct document_value {
    uint8_t      type;
    struct slice bytes; /* up to the end of what holds it */
};
MUST_CHECK int document_root(struct slice document, struct document_value *out, struct err *e);
/* What an array or object holds, in its order; `name` is empty in an array. */
enum document_container { DOCUMENT_SCALAR, DOCUMENT_ARRAY, DOCUMENT_OBJECT };
enum document_container document_container_of(const struct document_value *v);
typedef int             document_visit(void *arg, struct slice name, const struct document_value *v,
                                       struct err *e);
MUST_CHECK int document_each(const struct document_value *v, document_visit *visit, void *arg,
                             struct err *e);
/* `budget` is how many bytes of documents may still be written, so that no byte is told twice. */
MUST_CHECK int document_put_value(const struct document_value *v, size_t *budget, struct buf *out,
                                  struct err *e);
void           document_put_string(struct buf *out, struct slice text);

/* E_PROTOCOL for bytes that are no document. Failure of `out` is checked by its owner. */
MUST_CHECK int document_put_text(struct slice document, struct buf *out, struct err *e);
