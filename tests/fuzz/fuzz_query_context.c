#include "protocol/query_context.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct query_context q;
    struct err           e;

    if (query_context_read((struct slice){ data, size }, &q, &e) == 0)
        assert(q.time_zone.len <= size);
    return 0;
}
