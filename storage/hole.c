#include "storage/hole.h"
#include "protocol/checksum.h"

enum { START_ENCRYPTION_BODY_BYTES = 1 + 4 + 12 };

void hole_put(struct buf *out, uint32_t length, uint64_t end, bool has_crc)
{
    uint32_t tail = has_crc ? EVENT_CRC_BYTES : 0;
    size_t   start = out->len;

    assert(length >= EVENT_HEADER_BYTES + tail && length <= end);
    buf_put_le(out, 0, 4);
    buf_put_u8(out, EVENT_IGNORABLE);
    buf_put_le(out, 0, 4);
    buf_put_le(out, length, 4);
    buf_put_le(out, (uint32_t)end, 4);
    buf_put_le(out, EVENT_FLAG_IGNORABLE, 2);
    uint32_t body = length - EVENT_HEADER_BYTES - tail;
    uint8_t *zeros = buf_extend(out, body);
    if (zeros == NULL)
        return;
    memset(zeros, 0, body);
    if (has_crc) {
        struct slice event = { out->ptr + start, out->len - start };
        buf_put_le(out, checksum_crc32(0, event), EVENT_CRC_BYTES);
    }
}

bool hole_is(const struct event *ev)
{
    return ev->type == EVENT_IGNORABLE && ev->server_id == 0 && ev->timestamp_s == 0 &&
           (ev->flags & EVENT_FLAG_IGNORABLE) != 0;
}

uint32_t hole_start_encryption_bytes(bool has_crc)
{
    return EVENT_HEADER_BYTES + START_ENCRYPTION_BODY_BYTES + (has_crc ? EVENT_CRC_BYTES : 0);
}
