/*
 * The compressed part of MariaDB's compressed events (log_bin_compress): rows, or a statement's
 * text; and the values of compressed columns.
 *
 * Any thread. Source: MariaDB sql/log_event.cc (binlog_buf_uncompress), sql/field_comp.cc.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/bytes.h"
#include "protocol/base/err.h"

enum { INFLATED_MAX = 1u << 30 };

/* Into the emptied buffer. E_PROTOCOL when it does not unpack, E_LIMIT past INFLATED_MAX. */
MUST_CHECK int inflate_field(struct slice packed, struct buf *into, struct err *e);
/* A column's value; it need not be compressed: then *out is a part of it, else what `into` holds.
 */
MUST_CHECK int inflate_column(struct slice packed, struct buf *into, struct slice *out,
                              struct err *e);
