#include "relay/downstream/meter.h"

enum { PORTION_LEAST = 512 };

static const int64_t ns_per_s = 1000000000;

size_t meter_portion(uint64_t bytes_a_second, size_t most)
{
    uint64_t part = bytes_a_second / METER_SHARE;

    if (bytes_a_second == 0 || part > most)
        return most;
    return part > PORTION_LEAST ? (size_t)part : PORTION_LEAST;
}

int64_t meter_charge(struct meter *m, uint64_t bytes, uint64_t bytes_a_second, int64_t now_ns)
{
    if (bytes_a_second == 0)
        return 0;
    int64_t price = (int64_t)((double)bytes / (double)bytes_a_second * (double)ns_per_s);
    int64_t until = atomic_load_explicit(&m->paid_until_ns, memory_order_relaxed), next;
    do {
        next = (until > now_ns - METER_SLACK_NS ? until : now_ns - METER_SLACK_NS) + price;
    } while (!atomic_compare_exchange_weak(&m->paid_until_ns, &until, next));
    return next > now_ns ? next - now_ns : 0;
}
