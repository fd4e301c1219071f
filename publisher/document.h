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

/* E_PROTOCOL for bytes that are no document. Failure of `out` is checked by its owner. */
MUST_CHECK int document_put_text(struct slice document, struct buf *out, struct err *e);
