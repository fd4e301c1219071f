#include "protocol/join.h"
#include <stdlib.h>

/* How often a fingerprint stands on each side; `left` are those of `held` not yet matched. */
struct entry {
    uint32_t held, theirs, left;
    uint32_t held_at, theirs_at; /* behind the last one's index; 0: none */
};

struct table {
    const struct join_side *held, *theirs;
    struct entry           *entries;
    size_t                  mask;
};

static bool entry_is(const struct table *t, const struct entry *x, const struct fingerprint *f)
{
    const struct fingerprint *is =
        x->held_at != 0 ? &t->held->prints[x->held_at - 1] : &t->theirs->prints[x->theirs_at - 1];
    return fingerprint_equal(is, f);
}

/* Its place, which may be an empty one. The bits of a fingerprint are as good as random, so they
   are their own hash. */
static struct entry *entry_of(const struct table *t, const struct fingerprint *f)
{
    uint64_t bits;
    memcpy(&bits, f->bytes, sizeof bits);
    for (size_t i = (size_t)bits & t->mask;; i = (i + 1) & t->mask) {
        struct entry *x = &t->entries[i];
        if ((x->held_at == 0 && x->theirs_at == 0) || entry_is(t, x, f))
            return x;
    }
}

static int count_all(struct table *t, struct err *e)
{
    const size_t count = t->held->count + t->theirs->count;
    size_t       size = 64;

    assert(t->held->count <= JOIN_SIDE_MAX && t->theirs->count <= JOIN_SIDE_MAX);
    while (size < count + count / 2)
        size *= 2;
    t->entries = calloc(size, sizeof *t->entries);
    if (t->entries == NULL)
        return err_set(e, E_NOMEM, "no memory to compare %zu transactions", count);
    t->mask = size - 1;
    for (size_t i = 0; i < t->held->count; i++) {
        struct entry *x = entry_of(t, &t->held->prints[i]);
        x->held++;
        x->held_at = (uint32_t)i + 1;
    }
    for (size_t i = 0; i < t->theirs->count; i++) {
        struct entry *x = entry_of(t, &t->theirs->prints[i]);
        x->theirs++;
        x->theirs_at = (uint32_t)i + 1;
    }
    return 0;
}

/* Of this second and before, one more may be in front of the list: as far as its order may have
   been changed there, and half of a short one. */
static int64_t edge_of(const struct join_side *s)
{
    size_t  n = s->count / 2 < JOIN_REORDER_MAX ? s->count / 2 + 1 : JOIN_REORDER_MAX;
    int64_t edge = -1;

    if (s->whole)
        return -1;
    for (size_t i = 0; i < n && i < s->count; i++)
        edge = s->seconds[i] > edge ? s->seconds[i] : edge;
    return edge;
}

/*
 * The oldest transaction that stands once on each side, so that all behind it is compared; if there
 * is one with JOIN_REORDER_MAX in front of it on the held side, so that what a parallel replica put
 * elsewhere is in sight.
 */
static bool find_anchor(const struct table *t, int64_t edge, bool *common, struct join *j)
{
    const struct join_side *theirs = t->theirs;
    bool                    found = false;

    *common = false;
    for (size_t i = 0; i < theirs->count; i++) {
        const struct entry *x = entry_of(t, &theirs->prints[i]);
        *common |= x->held > 0;
        if (x->held != 1 || x->theirs != 1 || theirs->seconds[i] <= edge)
            continue;
        if (!found || x->held_at > JOIN_REORDER_MAX) {
            j->anchor_held = x->held_at - 1;
            j->anchor_theirs = i;
        }
        found = true;
        if (x->held_at > JOIN_REORDER_MAX)
            break;
    }
    return found;
}

/*
 * In front of the anchor one can't count, but what one side has and the other has not at all is
 * seen, once both lists have begun: behind what they have in common first and later than the edges.
 */
static void match_front(const struct table *t, int64_t edge, bool *is_held, bool *is_lacking,
                        const struct join *j)
{
    bool common = false;

    for (size_t i = 0; i < j->anchor_theirs; i++) {
        bool there = entry_of(t, &t->theirs->prints[i])->held > 0;
        is_held[i] = there || !common || t->theirs->seconds[i] <= edge;
        common |= there;
    }
    common = false;
    for (size_t i = 0; i < j->anchor_held; i++) {
        bool there = entry_of(t, &t->held->prints[i])->theirs > 0;
        is_lacking[i] = !there && common && t->held->seconds[i] > edge;
        common |= there;
    }
}

/* Every one of theirs behind the anchor takes one equal of the held ones away. */
static void match_behind(const struct table *t, bool *is_held, bool *is_lacking,
                         const struct join *j)
{
    const struct join_side *held = t->held, *theirs = t->theirs;
    size_t from = j->anchor_held > JOIN_REORDER_MAX ? j->anchor_held - JOIN_REORDER_MAX : 0;

    for (size_t i = from; i < held->count; i++)
        entry_of(t, &held->prints[i])->left++;
    for (size_t i = 0; i < theirs->count; i++) {
        struct entry *x = entry_of(t, &theirs->prints[i]);
        if (i >= j->anchor_theirs)
            is_held[i] = x->left > 0;
        x->left -= x->left > 0;
    }
    /* From the newest on: of equal ones it is the later that are lacking. */
    for (size_t i = held->count; i-- > j->anchor_held;) {
        struct entry *x = entry_of(t, &held->prints[i]);
        is_lacking[i] = x->left > 0;
        x->left -= x->left > 0;
    }
}

static void sum_up(const struct table *t, const bool *is_held, const bool *is_lacking,
                   struct join *j)
{
    j->first_new = t->theirs->count;
    for (size_t i = 0; i < t->theirs->count; i++) {
        if (!is_held[i] && j->first_new == t->theirs->count)
            j->first_new = i;
        j->held_after_first_new += is_held[i] && j->first_new < i;
    }
    j->first_lacking = t->held->count;
    for (size_t i = t->held->count; i-- > 0;) {
        if (!is_lacking[i])
            continue;
        j->lacking++;
        j->first_lacking = i;
    }
}

int join_find(const struct join_side *held, const struct join_side *theirs, bool *is_held,
              bool *is_lacking, enum join_found *found, struct join *out, struct err *e)
{
    struct table  t = { .held = held, .theirs = theirs };
    struct join   j = { 0 };
    const int64_t a = edge_of(held), b = edge_of(theirs), edge = a > b ? a : b;
    bool          common;

    TRY(count_all(&t, e));
    if (find_anchor(&t, edge, &common, &j)) {
        match_front(&t, edge, is_held, is_lacking, &j);
        match_behind(&t, is_held, is_lacking, &j);
        sum_up(&t, is_held, is_lacking, &j);
        *out = j;
        *found = JOIN_FOUND;
    } else {
        *found = common ? JOIN_AMBIGUOUS : JOIN_NONE;
    }
    free(t.entries);
    return 0;
}
