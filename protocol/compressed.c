#include "protocol/compressed.h"
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

enum { FRAME_HEADER_BYTES = 7, ZSTD_FIRST_BYTE = 0x28 };

struct unpacker {
    uint8_t  header[FRAME_HEADER_BYTES];
    size_t   header_len;
    uint32_t left_in;  /* of the frame, as it comes */
    uint32_t left_out; /* of what it unpacks to */
    enum { PLAIN, UNDECIDED, ZLIB, ZSTD } method;
    bool          ended; /* the frame's compressed stream says so itself */
    z_stream      z;
    ZSTD_DStream *zstd;
};

int unpacker_new(struct unpacker **out, struct err *e)
{
    struct unpacker *u = calloc(1, sizeof *u);

    if (u == NULL || inflateInit(&u->z) != Z_OK) {
        free(u);
        return err_set(e, E_NOMEM, "no memory to unpack a compressed connection");
    }
    u->zstd = ZSTD_createDStream();
    if (u->zstd == NULL) {
        unpacker_free(u);
        return err_set(e, E_NOMEM, "no memory to unpack a compressed connection");
    }
    *out = u;
    return 0;
}

void unpacker_free(struct unpacker *u)
{
    if (u == NULL)
        return;
    (void)inflateEnd(&u->z);
    (void)ZSTD_freeDStream(u->zstd);
    free(u);
}

static int broken(struct err *e)
{
    return err_set(e, E_PROTOCOL, "a compressed packet from the source does not unpack");
}

/* False while it is not whole. */
static bool take_header(struct unpacker *u, struct slice *in)
{
    while (u->header_len < FRAME_HEADER_BYTES && in->len > 0) {
        u->header[u->header_len++] = *in->ptr++;
        in->len--;
    }
    if (u->header_len < FRAME_HEADER_BYTES)
        return false;
    struct cursor c = cursor_over((struct slice){ u->header, sizeof u->header });
    u->left_in = cursor_u24(&c);
    cursor_skip(&c, 1);
    u->left_out = cursor_u24(&c);
    u->method = u->left_out == 0 ? PLAIN : UNDECIDED;
    u->ended = u->method == PLAIN;
    if (u->method == PLAIN)
        u->left_out = u->left_in;
    return true;
}

static int unpack_zlib(struct unpacker *u, struct slice in, uint8_t *into, size_t size,
                       size_t *taken, size_t *made, struct err *e)
{
    u->z.next_in = in.ptr;
    u->z.avail_in = (uInt)in.len;
    u->z.next_out = into;
    u->z.avail_out = (uInt)size;
    int rc = inflate(&u->z, Z_NO_FLUSH);
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return broken(e);
    u->ended = rc == Z_STREAM_END;
    *taken = in.len - u->z.avail_in;
    *made = size - u->z.avail_out;
    return 0;
}

static int unpack_zstd(struct unpacker *u, struct slice in, uint8_t *into, size_t size,
                       size_t *taken, size_t *made, struct err *e)
{
    ZSTD_inBuffer  from = { .src = in.ptr, .size = in.len };
    ZSTD_outBuffer to = { .dst = into, .size = size };
    size_t         rc = ZSTD_decompressStream(u->zstd, &to, &from);

    if (ZSTD_isError(rc))
        return broken(e);
    u->ended = rc == 0;
    *taken = from.pos;
    *made = to.pos;
    return 0;
}

/* Some of the frame at hand. */
static int unpack(struct unpacker *u, struct slice in, uint8_t *into, size_t size, size_t *taken,
                  size_t *made, struct err *e)
{
    uint8_t beyond; /* a frame that unpacks to more than it says is found out by this one */

    in.len = in.len < u->left_in ? in.len : u->left_in;
    size = size < u->left_out ? size : u->left_out;
    *taken = *made = 0;
    if (u->method == PLAIN) {
        *taken = *made = in.len < size ? in.len : size;
        memcpy(into, in.ptr, *made);
        return 0;
    }
    if (u->method == UNDECIDED) {
        if (in.len == 0)
            return 0;
        u->method = *in.ptr == ZSTD_FIRST_BYTE ? ZSTD : ZLIB;
        (void)inflateReset(&u->z);
        (void)ZSTD_initDStream(u->zstd);
    }
    if (u->ended)
        return in.len > 0 ? broken(e) : 0;
    if (u->left_out == 0) {
        into = &beyond;
        size = 1;
    }
    TRY(u->method == ZLIB ? unpack_zlib(u, in, into, size, taken, made, e)
                          : unpack_zstd(u, in, into, size, taken, made, e));
    return *made > u->left_out ? broken(e) : 0;
}

int unpacker_take(struct unpacker *u, struct slice *in, uint8_t *into, size_t size, size_t *got,
                  struct err *e)
{
    size_t filled = 0;

    while (filled < size) {
        size_t taken, made;
        bool   fresh = u->header_len < FRAME_HEADER_BYTES;
        if (fresh && !take_header(u, in))
            break;
        TRY(unpack(u, *in, into + filled, size - filled, &taken, &made, e));
        in->ptr += taken;
        in->len -= taken;
        filled += made;
        u->left_in -= (uint32_t)taken;
        u->left_out -= (uint32_t)made;
        if (u->left_in == 0 && u->left_out == 0 && u->ended) {
            u->header_len = 0;
            continue;
        }
        if (taken > 0 || made > 0)
            continue;
        if (u->left_in == 0 || in->len > 0)
            return broken(e); /* nothing more will come of it */
        break;
    }
    *got = filled;
    return 0;
}
