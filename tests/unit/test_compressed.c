/* Frames of the compressed protocol, cut anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>
#include "protocol/base/buf.h"
#include "protocol/compressed.h"

enum { BOUND = 8 * 1024 * 1024, METHODS = 3 };

/* method 0: as it is, 1: zlib, 2: zstd. */
static void put_frame(struct buf *out, int method, struct slice content)
{
    uint8_t *packed = malloc(content.len + 1024);
    size_t   n = content.len;

    assert_non_null(packed);
    if (method == 0) {
        memcpy(packed, content.ptr, n);
    } else if (method == 1) {
        uLongf room = content.len + 1024;
        assert_int_equal(compress(packed, &room, content.ptr, content.len), Z_OK);
        n = room;
    } else {
        n = ZSTD_compress(packed, content.len + 1024, content.ptr, content.len, 3);
        assert_false(ZSTD_isError(n));
    }
    buf_put_le(out, n, 3);
    buf_put_u8(out, 7);
    buf_put_le(out, method == 0 ? 0 : content.len, 3);
    buf_put(out, (struct slice){ packed, n });
    free(packed);
}

/* Unpacks `stream` in pieces; -1 when it is refused. */
static int unpack_all(struct slice stream, size_t piece, size_t room, struct buf *out)
{
    struct unpacker *u;
    struct err       e = { 0 };
    uint8_t          into[4096];
    int              rc = 0;

    assert_int_equal(unpacker_new(&u, &e), 0);
    while (rc == 0 && stream.len > 0) {
        struct slice in = { stream.ptr, stream.len < piece ? stream.len : piece };
        size_t       before = in.len, got = 1;
        while (rc == 0 && got > 0) {
            rc = unpacker_take(u, &in, into, room, &got, &e);
            if (rc == 0)
                buf_put(out, (struct slice){ into, got });
        }
        if (rc == 0)
            assert_int_equal(in.len, 0);
        stream.ptr += before;
        stream.len -= before;
    }
    assert_true(rc == 0 || e.kind == E_PROTOCOL);
    unpacker_free(u);
    return rc;
}

static void make_content(struct buf *content, size_t bytes, unsigned kind)
{
    for (size_t i = 0; i < bytes; i++)
        buf_put_u8(content, (uint8_t)(kind == 0 ? i / 50 : (i * 2654435761u) >> 13));
}

static void frames_of_every_method_unpack_however_they_are_cut(void **state)
{
    (void)state;
    static const size_t pieces[] = { 1, 2, 6, 7, 8, 100, 4096, SIZE_MAX };
    static const size_t rooms[] = { 1, 13, 4096 };
    struct buf          stream, expected;

    buf_init(&stream, BOUND);
    buf_init(&expected, BOUND);
    for (int round = 0; round < 12; round++) {
        struct buf content;
        buf_init(&content, BOUND);
        make_content(&content, (size_t)(1 + round * round * 97), (unsigned)round % 2);
        put_frame(&stream, round % METHODS, buf_slice(&content));
        buf_put(&expected, buf_slice(&content));
        buf_done(&content);
    }
    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++)
        for (size_t r = 0; r < sizeof rooms / sizeof rooms[0]; r++) {
            struct buf out;
            buf_init(&out, BOUND);
            assert_int_equal(unpack_all(buf_slice(&stream), pieces[p], rooms[r], &out), 0);
            assert_int_equal(out.len, expected.len);
            assert_memory_equal(out.ptr, expected.ptr, out.len);
            buf_done(&out);
        }
    buf_done(&stream);
    buf_done(&expected);
}

static void a_frame_of_another_size_than_it_says_is_refused(void **state)
{
    (void)state;
    for (int method = 1; method < METHODS; method++)
        for (int off = -1; off <= 1; off += 2) {
            struct buf stream, content, out;
            buf_init(&stream, BOUND);
            buf_init(&content, BOUND);
            buf_init(&out, BOUND);
            make_content(&content, 3000, 0);
            put_frame(&stream, method, buf_slice(&content));
            put_frame(&stream, 0, buf_slice(&content));
            uint32_t said = (uint32_t)(3000 + off);
            stream.ptr[4] = (uint8_t)said;
            stream.ptr[5] = (uint8_t)(said >> 8);
            assert_int_equal(unpack_all(buf_slice(&stream), SIZE_MAX, 4096, &out), -1);
            buf_done(&stream);
            buf_done(&content);
            buf_done(&out);
        }
}

static void no_flipped_byte_does_harm(void **state)
{
    (void)state;
    for (int method = 0; method < METHODS; method++) {
        struct buf stream, content;
        buf_init(&stream, BOUND);
        buf_init(&content, BOUND);
        make_content(&content, 400, 0);
        put_frame(&stream, method, buf_slice(&content));
        put_frame(&stream, method, buf_slice(&content));
        for (size_t i = 0; i < stream.len; i++)
            for (int bit = 0; bit < 8; bit++) {
                struct buf out;
                buf_init(&out, BOUND);
                stream.ptr[i] ^= (uint8_t)(1 << bit);
                (void)unpack_all(buf_slice(&stream), 64, 4096, &out);
                stream.ptr[i] ^= (uint8_t)(1 << bit);
                buf_done(&out);
            }
        buf_done(&stream);
        buf_done(&content);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_every_method_unpack_however_they_are_cut),
        cmocka_unit_test(a_frame_of_another_size_than_it_says_is_refused),
        cmocka_unit_test(no_flipped_byte_does_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
