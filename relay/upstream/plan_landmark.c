/* Where reading a peer's binlog may begin, as far as looks at it have told. */
#include <stdlib.h>
#include <time.h>
#include "relay/upstream/plan_core.h"
#include "relay/upstream/source.h"

static int take_uptime(void *arg, uint32_t columns, const char *const *values,
                       const unsigned long *lengths, struct err *e)
{
    (void)lengths;
    (void)e;
    if (columns > 1 && values[1] != NULL)
        *(int64_t *)arg = strtoll(values[1], NULL, 10) * 1000;
    return 0;
}

/* A server that was started since may have lost the last of its binlog. */
static int check_age(struct planner *p, const struct landmark *m, bool *good, struct err *e)
{
    struct timespec t;
    int64_t         uptime_ms = 0;

    TRY(source_query(p->peer.client, "SHOW GLOBAL STATUS LIKE 'Uptime'", take_uptime, &uptime_ms,
                     e));
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    *good = uptime_ms > (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 - m->seen_ms;
    return 0;
}

static int find_known(struct planner *p, struct landmark *out, bool *found, struct err *e)
{
    const struct plan_question *q = p->q;
    struct landmark             m = { 0 };
    bool                        good = false;

    TRY(landmarks_find(q->landmarks, q->source->name, &p->peer.facts, &m, &good, e));
    if (!good)
        return 0;
    int rc = check_age(p, &m, &good, e);
    *found = rc == 0 && good;
    if (*found)
        *out = m;
    else
        landmark_done(&m);
    return rc;
}

int plan_find_landmark(struct planner *p, struct landmark *out, bool *found, struct err *e)
{
    struct landmark here = { 0 };
    bool            told, is_held = false;

    *found = false;
    /* For all numbers all of it has to be read. */
    if (p->q->count || p->plan->same_server)
        return 0;
    TRY(landmark_take(p->peer.client, &p->peer.facts, &here, &told, e));
    int rc = told ? landmark_is_held(&here, &p->held, p->q->store, &is_held, e) : 0;
    if (rc == 0 && is_held) {
        *out = here;
        *found = true;
        return 0;
    }
    landmark_done(&here);
    if (rc != 0 || p->q->landmarks == NULL)
        return rc;
    return find_known(p, out, found, e);
}

bool plan_landmark_fits(const struct planner *p, const struct landmark *m, size_t *index)
{
    for (size_t i = p->peer.file_count; i-- > *index;)
        if (strcmp(p->peer.files[i].name, m->file) == 0 && p->peer.files[i].bytes >= m->at) {
            *index = i;
            return true;
        }
    return false;
}
