#include "storage/hole.h"
#include "protocol/checksum.h"

enum { START_ENCRYPTION_BODY_BYTES = 1 + 4 + 12 };

uint32_t hole_least_bytes(bool has_crc)
{
    return EVENT_HEADER_BYTES + (has_crc ? EVENT_CRC_BYTES : 0);
}

void hole_put_head(struct buf *out, uint32_t length, uint64_t end, const struct format *f)
{
    assert(length >= EVENT_HEADER_BYTES && length <= end);
    buf_put_le(out, 0, 4);
    buf_put_u8(out, f->type_count >= EVENT_IGNORABLE ? EVENT_IGNORABLE : EVENT_STOP);
    buf_put_le(out, 0, 4);
    buf_put_le(out, length, 4);
    buf_put_le(out, (uint32_t)end, 4);
    buf_put_le(out, EVENT_FLAG_IGNORABLE, 2);
}

void hole_put(struct buf *out, uint32_t length, uint64_t end, const struct format *f)
{
    size_t start = out->len;
    bool   has_crc = f->has_crc;

    assert(length >= hole_least_bytes(has_crc));
    hole_put_head(out, length, end, f);
    uint32_t body = length - hole_least_bytes(has_crc);
    uint8_t *zeros = buf_extend(out, body);
    if (zeros == NULL)
        return;
    memset(zeros, 0, body);
    if (has_crc) {
        struct slice event = { out->ptr + start, out->len - start };
        buf_put_le(out, checksum_crc32(0, event), EVENT_CRC_BYTES);
    }
}

uint32_t hole_next_bytes(uint64_t left, bool has_crc)
{
    uint32_t least = hole_least_bytes(has_crc);

    assert(left >= least);
    if (left <= HOLE_EVENT_BYTES)
        return (uint32_t)left;
    uint64_t behind = left - HOLE_EVENT_BYTES;
    return behind >= least ? HOLE_EVENT_BYTES : HOLE_EVENT_BYTES - least;
}

uint32_t hole_checksum(struct slice head, uint32_t length)
{
    assert(head.len == EVENT_HEADER_BYTES && length >= hole_least_bytes(true));
    return checksum_crc32_zeros(checksum_crc32(0, head), length - hole_least_bytes(true));
}

bool hole_is(const struct event *ev)
{
    return (ev->type == EVENT_IGNORABLE || ev->type == EVENT_STOP) && ev->server_id == 0 &&
           ev->timestamp_s == 0 && (ev->flags & EVENT_FLAG_IGNORABLE) != 0;
}

uint32_t hole_start_encryption_bytes(bool has_crc)
{
    return hole_least_bytes(has_crc) + START_ENCRYPTION_BODY_BYTES;
}
