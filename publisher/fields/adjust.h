/*
 * Names made to fit Avro, as Debezium's schema.name.adjustment.mode and field.name.adjustment.mode
 * do: letters, digits and '_' stay, no digit first; '.' stays in schema names only.
 *
 * Any thread; failure is the buffer's. UTF-16 units count, as in Java.
 */
#pragma once
#include "protocol/base/buf.h"
#include "publisher/options.h"

void adjust_put(struct buf *out, enum option_adjustment mode, bool is_field, const char *name);
