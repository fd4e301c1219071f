#include "publisher/fields/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A byte of a document becomes at most six of text, a number at most 1500. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out;
    struct err e;

    buf_init(&out, 1 << 30);
    if (document_put_text((struct slice){ data, size }, &out, &e) == 0) {
        assert(out.failed == BUF_FINE);
        assert(out.len <= (size + 1) * 1500);
    }
    buf_done(&out);
    return 0;
}
