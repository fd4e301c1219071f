/*
 * The compressed part of MariaDB's compressed events (log_bin_compress): rows, or a statement's
 * text.
 *
 * Any thread. Source: MariaDB sql/log_event.cc (binlog_buf_uncompress).
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/base/bytes.h"
#include "protocol/base/err.h"

enum { INFLATED_MAX = 1u << 30 };

/* Into the emptied buffer. E_PROTOCOL when it does not unpack, E_LIMIT past INFLATED_MAX. */
MUST_CHECK int inflate_field(struct slice packed, struct buf *into, struct err *e);
