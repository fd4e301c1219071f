/* What the catalog keeps of a join: whatever is read gives the same text again. */
#include <stdlib.h>
#include "relay/upstream/skip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t empty[1];
    struct slice         in = { size > 0 ? data : empty, size };
    struct err           e = { 0 };
    struct skip          s = { 0 }, again = { 0 };
    struct buf           text, twice;

    if (skip_parse(in, &s, &e) != 0)
        return 0;
    buf_init(&text, SKIP_TEXT_BYTES_MAX);
    buf_init(&twice, SKIP_TEXT_BYTES_MAX);
    skip_put_text(&s, &text);
    assert(skip_parse(buf_slice(&text), &again, &e) == 0);
    skip_put_text(&again, &twice);
    assert(slice_equal(buf_slice(&text), buf_slice(&twice)));
    buf_done(&text);
    buf_done(&twice);
    skip_done(&s);
    skip_done(&again);
    return 0;
}
