/* The names of several tables as Debezium lists them: in the order of a Java HashSet of their ids.
   Any thread. */
#pragma once
#include "protocol/base/buf.h"

struct table_names {
    const char *database, *table;
};
/* Appends the tables' names, separated by ',', each once. */
void table_names_put(const struct table_names *names, uint32_t count, struct buf *out);
