#include "storage/hole.h"
#include "storage/scan.h"
#include "tests/sim/sim_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Walks to the end, or to what is no event; gives where that is. */
static uint64_t walk(struct disk *d, bool verify, size_t size)
{
    struct scan s;
    struct err  e;
    bool        more = true;

    if (scan_open(d, "bin.000001", UINT64_MAX, verify, &s, &e) != 0)
        return 0;
    while (more) {
        struct scan_event ev;
        uint64_t          at = s.at;
        if (scan_next(&s, &ev, &more, &e) != 0) {
            assert(e.kind == E_CORRUPT || e.kind == E_NOMEM);
            assert(s.at == at);
            break;
        }
        if (!more)
            break;
        assert(ev.at == at && ev.end == s.at && ev.end > at && ev.end <= size);
        assert(ev.event.whole.len <= ev.event.length);
        bool leapt = hole_is_sparse(&ev.event) && ev.event.whole.len == EVENT_HEADER_BYTES;
        assert(leapt || ev.event.length > SCAN_BLOCK_BYTES ||
               ev.event.whole.len == ev.event.length);
    }
    uint64_t end = s.at;
    scan_close(&s);
    return end;
}

/* No event reaches beyond the file, and looking closer never finds more. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t empty[1];
    struct sim_disk     *d = sim_disk_new(1);

    sim_disk_put(d, "bin.000001", (struct slice){ size > 0 ? data : empty, size });
    uint64_t loose = walk(sim_disk_disk(d), false, size);
    uint64_t close = walk(sim_disk_disk(d), true, size);
    assert(close <= loose);
    assert(walk(sim_disk_disk(d), true, size) == close);
    sim_disk_free(d);
    return 0;
}
