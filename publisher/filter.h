/*
 * Which databases, tables and columns are published: Debezium's include and exclude lists.
 *
 * Owned by one converter; after filter_new() it is only read, so any thread may ask. The system's
 * databases are never published.
 */
#pragma once
#include <stdbool.h>
#include "protocol/base/err.h"
#include "publisher/options.h"

struct filter;

/* E_CONFIG names the expression that is wrong. */
MUST_CHECK int filter_new(const struct options *o, struct filter **out, struct err *e);
void           filter_free(struct filter *f); /* accepts NULL */
bool           filter_is_system(const char *database);
bool           filter_takes_database(const struct filter *f, const char *database);
bool           filter_takes(const struct filter *f, const char *database, const char *table);
bool           filter_takes_column(const struct filter *f, const char *database, const char *table,
                                   const char *column);
