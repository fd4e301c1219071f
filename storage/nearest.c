#include "storage/nearest.h"
#include "storage/index.h"

int nearest_boundary(struct store *s, uint32_t ordinal, uint64_t offset, store_pos *out,
                     struct err *e)
{
    struct store_file f;
    uint64_t          at;

    TRY(store_file_by_ordinal(s, ordinal, &f, e));
    TRY(index_nearest(s, &f, offset, &at, e));
    *out = store_pos_at(ordinal, at);
    return 0;
}
