/*
 * TRANSACTION_PAYLOAD: a whole transaction compressed into one event
 * (binlog_transaction_compression of MySQL 8.0.20 and later). Gives the events inside, one after
 * the other.
 *
 * Unpacks as it goes: memory is zstd's window (PAYLOAD_WINDOW_LOG) and the largest event inside
 * (PAYLOAD_EVENT_MAX, E_LIMIT), whatever the transaction's size. Owned by one reader; one thread.
 * Source: MySQL libbinlogevents, codecs/binary.cpp and compression/payload_event_buffer_istream.
 */
#pragma once
#include "protocol/base/buf.h"
#include "protocol/event.h"

enum { PAYLOAD_EVENT_MAX = 1 << 30, PAYLOAD_WINDOW_LOG = 27 };

struct payload;

/* `ev` is the whole TRANSACTION_PAYLOAD event; its bytes must outlive the payload. */
MUST_CHECK int payload_open(const struct event *ev, struct payload **out, struct err *e);
void           payload_close(struct payload *p); /* accepts NULL */

/* The next event inside, valid until the next call; they carry no checksums. *more is false, and
 *ev is left alone, at the end. */
MUST_CHECK int payload_next(struct payload *p, struct event *ev, bool *more, struct err *e);
