#include "relay/upstream/acks.h"
#include <stdio.h>

static struct ack *waiting_at(struct acks *a, size_t index)
{
    assert(index < ACKS_WAITING_MAX);
    return &a->waiting[(a->first + index) % ACKS_WAITING_MAX];
}

void acks_put(struct acks *a, const char *file, uint64_t offset, uint64_t mark)
{
    assert(a->count == 0 || waiting_at(a, a->count - 1)->mark <= mark);
    if (a->count < ACKS_WAITING_MAX)
        a->count++;
    struct ack *last = waiting_at(a, a->count - 1);
    (void)snprintf(last->file, sizeof last->file, "%s", file);
    last->offset = offset;
    last->mark = mark;
}

bool acks_take(struct acks *a, uint64_t safe, struct ack *out)
{
    bool any = false;

    while (a->count > 0 && waiting_at(a, 0)->mark <= safe) {
        *out = *waiting_at(a, 0);
        a->first = (a->first + 1) % ACKS_WAITING_MAX;
        a->count--;
        any = true;
    }
    return any;
}

void ack_put_packet(const struct ack *ack, struct buf *out)
{
    size_t name_bytes = strnlen(ack->file, STORE_NAME_BYTES);

    buf_put_le(out, 1 + 8 + name_bytes, 3);
    buf_put_u8(out, 0); /* sequence: each one begins a conversation of its own, without an answer */
    buf_put_u8(out, ACKS_MARKER);
    buf_put_le(out, ack->offset, 8);
    buf_put(out, (struct slice){ (const uint8_t *)ack->file, name_bytes });
}
