#include "publisher/fields/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A byte that says how long the document is, the document, its changes: the text is bounded by
 * both. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e;
    struct buf out;

    if (size < 1 || (size_t)data[0] + 1 > size)
        return 0;
    struct slice document = { data + 1, data[0] };
    struct slice diffs = { data + 1 + data[0], size - 1 - data[0] };
    buf_init(&out, 1 << 24);
    if (patch_put_text(document, diffs, &out, &e) == 0)
        assert(out.len < (size + 1) * 2000); /* the digits of a double are the most */
    buf_done(&out);
    return 0;
}
