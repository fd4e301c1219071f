/*
 * A source's response, whatever it says, cut anywhere. The first byte is the kind (bits 0 to 2) and
 * whether EOF packets are left out (bit 3); the second one how many bytes come at a time. What
 * comes out is whole packets with true numbers, but for the one that is under way.
 */
#include "protocol/handshake.h"
#include "relay/forward/response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_packets(const struct response *r, struct slice out)
{
    uint8_t sequence = 1;

    while (out.len > 0) {
        assert(out.len >= PACKET_HEADER_BYTES && out.ptr[3] == sequence);
        sequence++;
        size_t whole = PACKET_HEADER_BYTES + packet_payload_bytes(out.ptr);
        if (whole > out.len) {
            assert(r->packet_left == whole - out.len);
            return;
        }
        out.ptr += whole;
        out.len -= whole;
    }
    assert(r->packet_left == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct response r;
    struct err      e = { 0 };
    struct buf      out;
    uint8_t         sequence = 1;
    size_t          step = (size_t)data[1] + 1, given = 0;
    struct slice    in = { data + 2, 0 };

    buf_init(&out, SIZE_MAX);
    response_begin(&r, (enum response_kind)(data[0] % (RESPONSE_PREPARE + 1)),
                   (data[0] & 8) != 0 ? CAP_DEPRECATE_EOF : 0, 0, 0);
    int rc = 0;
    while (rc == 0 && !r.over && given < size - 2) {
        size_t more = step < size - 2 - given ? step : size - 2 - given;
        in.len += more;
        given += more;
        rc = response_pass(&r, &in, &out, SIZE_MAX, &sequence, &e);
    }
    check_packets(&r, buf_slice(&out));
    buf_done(&out);
    return 0;
}
