/* The first packet of an unknown client. */
#include "protocol/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_within(struct slice part, struct slice whole)
{
    if (part.len > 0)
        assert(part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t  empty[1];
    static const uint32_t offered[] = { CAP_OFFERED, CAP_OFFERED | CAP_SSL, 0, UINT32_MAX };
    struct slice          in = { size > 0 ? data : empty, size };

    for (size_t i = 0; i < sizeof offered / sizeof offered[0]; i++) {
        struct handshake_response r;
        struct err                e = { 0 };
        if (handshake_parse_response(in, offered[i], &r, &e) != 0) {
            assert(e.kind == E_PROTOCOL);
            continue;
        }
        assert((r.capabilities & ~offered[i]) == 0);
        assert_within(r.user, in);
        assert_within(r.answer, in);
        assert_within(r.database, in);
        assert_within(r.plugin, in);
        assert_within(r.attributes, in);
    }
    return 0;
}
