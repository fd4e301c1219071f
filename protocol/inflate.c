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

/* A raw deflate stream, as columns have it unless column_compression_zlib_wrap is on. */
static int inflate_raw(struct slice packed, uint8_t *to, size_t length)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)packed.ptr,
                   .avail_in = (uInt)packed.len,
                   .next_out = to,
                   .avail_out = (uInt)length };

    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return -1;
    int result = inflate(&z, Z_FINISH);
    (void)inflateEnd(&z);
    return result == Z_STREAM_END && z.total_out == length ? 0 : -1;
}

/* One byte (algorithm << 4 | 8 for a raw stream | bytes of the length), the length big-endian, the
   stream; 0 and the value itself where that is shorter. */
int inflate_column(struct slice packed, struct buf *into, struct slice *out, struct err *e)
{
    enum { METHOD_NONE = 0, METHOD_ZLIB = 8, RAW = 8 };
    struct cursor c = cursor_over(packed);
    uint8_t       head = packed.len > 0 ? cursor_u8(&c) : 0;
    size_t        length_bytes = head & 0x07;

    if (head >> 4 == METHOD_NONE) {
        *out = cursor_rest(&c);
        return 0;
    }
    if (head >> 4 != METHOD_ZLIB || length_bytes < 1 || length_bytes > 4)
        return err_set(e, E_PROTOCOL, "a compressed column: unknown compression, first byte %02x",
                       head);
    uint64_t length = cursor_be(&c, length_bytes);
    if (c.failed || length > INFLATED_MAX || length > (uint64_t)c.left * 1032 + 64)
        return err_set(e, E_PROTOCOL, "a compressed column: %zu bytes can't hold %llu", c.left,
                       (unsigned long long)length);
    buf_clear(into);
    uint8_t *to = buf_extend(into, (size_t)length);
    TRY(buf_check(into, "a compressed column", e));
    uLongf got = (uLongf)length;
    int    bad = (length > 0 && to == NULL) ||
              ((head & RAW) != 0 ? inflate_raw(cursor_rest(&c), to, (size_t)length) != 0
                                 : uncompress(to, &got, c.at, (uLong)c.left) != Z_OK);
    if (bad || got != length)
        return err_set(e, E_PROTOCOL, "a compressed column: its zlib stream is broken");
    *out = buf_slice(into);
    return 0;
}
