#include "storage/moment.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a person may write; a time that was taken is taken again from its number. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct moment m, again;
    struct err    e;
    struct buf    text;

    buf_init(&text, 1 << 20);
    buf_put(&text, (struct slice){ data, size });
    if (moment_parse(buf_text(&text), &m, &e) == 0) {
        if (m.kind == MOMENT_TIME && m.time_s >= 0 && m.time_s <= INT32_MAX) {
            buf_clear(&text);
            buf_printf(&text, "@%lld", (long long)m.time_s);
            int failed = moment_parse(buf_text(&text), &again, &e);
            assert(failed == 0 && again.kind == MOMENT_TIME && again.time_s == m.time_s);
        }
        moment_done(&m);
    }
    buf_done(&text);
    return 0;
}
