/* Any bytes as a users file: what is taken is written and read again the same. */
#include <stdlib.h>
#include "storage/accounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t empty[1];
    struct slice         in = { size > 0 ? data : empty, size };
    struct accounts      first = { 0 }, second = { 0 };
    struct buf           a, b;
    struct err           e = { 0 };

    if (accounts_parse(in, &first, &e) != 0)
        return 0;
    buf_init(&a, ACCOUNTS_BYTES_MAX);
    buf_init(&b, ACCOUNTS_BYTES_MAX);
    accounts_put_text(&first, &a);
    if (accounts_parse(buf_slice(&a), &second, &e) != 0)
        abort();
    accounts_put_text(&second, &b);
    if (!slice_equal(buf_slice(&a), buf_slice(&b)))
        abort();
    buf_done(&a);
    buf_done(&b);
    accounts_done(&first);
    accounts_done(&second);
    return 0;
}
