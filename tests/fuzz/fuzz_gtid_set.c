#include "protocol/gtid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_BOUND = 1 << 24 };

/* Whatever was taken comes back the same from its text and from its bytes. */
static void round_trip(const struct gtid_set *s)
{
    struct gtid_set again = { 0 };
    struct err      e;
    struct buf      b;

    buf_init(&b, TEXT_BOUND);
    gtid_set_put_text(s, &b, true);
    int failed = gtid_set_parse(&again, buf_slice(&b), &e);
    assert(failed == 0 && gtid_set_equal(s, &again));
    buf_clear(&b);
    gtid_set_encode(s, &b);
    failed = gtid_set_decode(&again, buf_slice(&b), &e);
    assert(failed == 0 && gtid_set_equal(s, &again));
    assert(gtid_set_is_subset(s, &again));
    failed = gtid_set_subtract(&again, s, &e);
    assert(failed == 0 && gtid_set_is_empty(&again));
    gtid_set_done(&again);
    buf_done(&b);
}

static void state_round_trip(const struct gtid_state *s)
{
    struct gtid_state again = { 0 };
    struct err        e;
    struct buf        b;

    buf_init(&b, TEXT_BOUND);
    gtid_state_put_text(s, &b);
    int failed = gtid_state_parse(&again, buf_slice(&b), &e);
    assert(failed == 0 && again.count == s->count);
    buf_clear(&b);
    gtid_state_put_list_body(s, &b);
    failed = gtid_state_decode(&again, buf_slice(&b), &e);
    assert(failed == 0 && again.count == s->count);
    gtid_state_done(&again);
    buf_done(&b);
}

/* The first byte chooses the parser. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gtid_set   set = { 0 };
    struct gtid_state state = { 0 };
    struct err        e;

    if (size == 0)
        return 0;
    struct slice in = { data + 1, size - 1 };
    switch (data[0] % 4) {
    case 0:
        if (gtid_set_parse(&set, in, &e) == 0)
            round_trip(&set);
        break;
    case 1:
        if (gtid_set_decode(&set, in, &e) == 0)
            round_trip(&set);
        break;
    case 2:
        if (gtid_state_parse(&state, in, &e) == 0)
            state_round_trip(&state);
        break;
    default:
        if (gtid_state_decode(&state, in, &e) == 0)
            state_round_trip(&state);
    }
    gtid_set_done(&set);
    gtid_state_done(&state);
    return 0;
}
