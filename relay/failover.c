#include "relay/failover.h"

enum failover_step failover_look(struct failover *f, const struct sources_policy *policy, bool down,
                                 int64_t silent_ms, int64_t now_ms)
{
    if (!down || policy->failover != FAILOVER_AUTO) {
        f->down_since_ms = 0;
        return FAILOVER_WAIT;
    }
    if (f->down_since_ms == 0)
        f->down_since_ms = now_ms - silent_ms;
    return now_ms - f->down_since_ms >= (int64_t)policy->after_s * 1000 ? FAILOVER_CONFIRM
                                                                        : FAILOVER_WAIT;
}

void failover_forget(struct failover *f)
{
    f->down_since_ms = 0;
}

int64_t failover_fenced_until(const struct sources_policy *policy,
                              const struct sources_change *last, int64_t now_s)
{
    int64_t until = last->at_s == 0 ? 0 : last->at_s + (int64_t)policy->fence_s;
    return now_s < until ? until : 0;
}

bool failover_accepts(const struct failover_candidate *c)
{
    return c->fit && (c->writable || c->highest) && (!c->behind || c->curable);
}
