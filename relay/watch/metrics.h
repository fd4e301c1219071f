/*
 * What /metrics says, in Prometheus' text format 0.0.4, from the table in
 * relay/watch/metric_table.h. Pure: any thread. Source: Prometheus documentation, "Exposition
 * formats".
 */
#pragma once
#include "protocol/base/buf.h"

struct overview;

void metrics_put(const struct overview *o, struct buf *out);

struct metric_info {
    const char *name, *type, *labels /* separated by commas */, *help;
};
size_t metrics_count(void);
void   metrics_info(size_t index, struct metric_info *out);
