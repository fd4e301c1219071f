#include "protocol/inflate.h"
#include <zlib.h>

/* One byte (0x80 | algorithm << 4 | bytes of the length), the length big-endian, a zlib stream. */
int inflate_field(struct slice packed, struct buf *into, struct err *e)
{
    struct cursor c = cursor_over(packed);
    uint8_t       head = cursor_u8(&c);
    size_t        length_bytes = head & 0x07;
    unsigned      algorithm = (head >> 4) & 7u;

    if (c.failed || (head & 0x80) == 0 || length_bytes < 1 || length_bytes > 4 || algorithm != 0)
        return err_set(e, E_PROTOCOL, "a compressed field: unknown compression, first byte %02x",
                       head);
    uint64_t length = cursor_be(&c, length_bytes);
    if (length > INFLATED_MAX)
        return err_set(e, E_LIMIT, "a compressed field: %llu bytes, more than the bound of %d",
                       (unsigned long long)length, INFLATED_MAX);
    /* No zlib stream unpacks to more than 1032 times its size: room is not made on a mere claim. */
    if (c.failed || length > (uint64_t)c.left * 1032 + 64)
        return err_set(e, E_PROTOCOL, "a compressed field: %zu bytes can't hold %llu", c.left,
                       (unsigned long long)length);
    buf_clear(into);
    uint8_t *to = buf_extend(into, (size_t)length);
    TRY(buf_check(into, "a compressed field", e));
    uLongf got = (uLongf)length;
    if ((length > 0 && to == NULL) || uncompress(to, &got, c.at, (uLong)c.left) != Z_OK ||
        got != length)
        return err_set(e, E_PROTOCOL, "a compressed field: the zlib stream is broken");
    return 0;
}
