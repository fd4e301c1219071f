#include "storage/sidecar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is read of a sidecar lies in it, and is read the same the second time. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t empty[1];
    struct buf           bytes;
    struct sidecar       s;
    struct err           e;

    buf_init(&bytes, SIDECAR_ENTRY_MAX);
    buf_put(&bytes, (struct slice){ size > 0 ? data : empty, size });
    if (sidecar_open_bytes(&bytes, &s, &e) != 0)
        return 0;
    uint64_t end[2];
    for (int pass = 0; pass < 2; pass++) {
        struct sidecar_entry entry;
        bool                 more = true;
        sidecar_rewind(&s);
        while (more) {
            int failed = sidecar_next(&s, &entry, &more, &e);
            assert(failed == 0);
            assert(!more || entry.offset <= STORE_OFFSET_MAX);
            assert(!more || entry.gtids.len <= size);
        }
        end[pass] = s.good_end;
    }
    assert(end[0] == end[1] && end[0] <= size);
    assert(strlen(s.identity.name) <= STORE_NAME_BYTES);
    sidecar_close(&s);
    return 0;
}
