/*
 * Names of topics: PREFIX.DATABASE.TABLE with what Kafka does not allow replaced.
 *
 * Any thread. Source: Debezium documentation, "Topic names"; its sanitizing: A-Z a-z 0-9 . _ -
 * stay, every other character becomes '_', 249 characters at most.
 */
#pragma once
#include "protocol/base/buf.h"

enum { TOPIC_BYTES_MAX = 249 };

/* The parts joined by the delimiter; `table` NULL: two parts, `database` NULL: one. */
void topic_put(struct buf *out, const char *delimiter, const char *prefix, const char *database,
               const char *table);
