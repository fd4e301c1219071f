/*
 * Which tables are published: Debezium's database.include.list and table.include.list.
 *
 * Owned by one converter; after filter_new() it is only read, so any thread may ask. The lists hold
 * regular expressions separated by commas (a comma inside one is written "\,"), each must match the
 * whole name, letters in either case. They are POSIX extended ones, not Java's: no \d, \w is GNU's.
 * The system's databases are never published.
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/err.h"

struct filter;

/* NULL or "": everything. E_CONFIG names the expression that is wrong. */
MUST_CHECK int filter_new(const char *databases, const char *tables, struct filter **out,
                          struct err *e);
void           filter_free(struct filter *f); /* accepts NULL */
bool           filter_takes(const struct filter *f, const char *database, const char *table);
