/*
 * An execution of a prepared statement, whatever it says: capabilities (4 bytes), the number of
 * parameters, then the packet. And the same bytes as an answer that is to become binary.
 */
#include "protocol/handshake.h"
#include "protocol/prepared.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct slice *const none[PREPARED_VALUES_MAX];
    uint16_t                         types[PREPARED_VALUES_MAX] = { 0 };
    struct cursor                    c = cursor_over((struct slice){ data, size });
    struct prepared_execute          x;
    struct buf                       values, out;
    struct err                       e = { 0 };

    uint32_t     capabilities = cursor_u32(&c);
    size_t       count = cursor_u8(&c) % (PREPARED_VALUES_MAX + 1);
    struct slice payload = cursor_rest(&c);
    if (c.failed)
        return 0;
    buf_init(&values, 4096);
    buf_init(&out, 1 << 20);
    if (prepared_parse_execute(payload, capabilities, count, types, none, &values, &x, &e) == 0) {
        assert(x.count == count);
        for (size_t i = 0; i < count; i++)
            assert(x.values[i].at + x.values[i].bytes <= values.len);
    }
    if (prepared_put_binary(payload, capabilities, &out, &e) == 0)
        assert(out.len > 0);
    buf_done(&values);
    buf_done(&out);
    return 0;
}
