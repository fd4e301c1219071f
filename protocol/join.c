#include "protocol/join.h"
#include <stdlib.h>

/* How often a fingerprint stands on each side, and how often that was told so far. */
struct entry {
    uint32_t held, theirs, matched, lacking;
    uint32_t held_at, theirs_at; /* behind the last one's index; 0: none */
};

struct table {
    const struct join_side *held, *theirs;
    struct entry           *entries;
    size_t                  mask;
    int64_t                 edge;
    size_t                  held_start, theirs_start;
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

/* Equal ones have the same second, so they are all sure or none is. */
static bool is_sure(const struct table *t, uint32_t second)
{
    return second > t->edge;
}

/* The first sure ones that the other side has, too: behind them it is told apart what one side
   alone has. False: nothing surely is in common. */
static bool find_start(struct table *t, bool *common)
{
    bool found = false;

    *common = false;
    t->theirs_start = t->theirs->count;
    for (size_t i = t->theirs->count; i-- > 0;) {
        if (entry_of(t, &t->theirs->prints[i])->held == 0)
            continue;
        *common = true;
        if (!is_sure(t, t->theirs->seconds[i]))
            continue;
        t->theirs_start = i;
        found = true;
    }
    t->held_start = t->held->count;
    for (size_t i = t->held->count; i-- > 0;)
        if (is_sure(t, t->held->seconds[i]) && entry_of(t, &t->held->prints[i])->theirs > 0)
            t->held_start = i;
    return found;
}

/*
 * Of sure ones so many are held as there are on the held side, whatever their order. Those in front
 * of all that is in common are older than it, or new ones that a parallel replica put there: that
 * is known only where all is in sight. Of others all in front of the start are held, and what
 * follows has to agree.
 */
static bool match_theirs(const struct table *t, bool *is_held)
{
    for (size_t i = 0; i < t->theirs->count; i++) {
        struct entry *x = entry_of(t, &t->theirs->prints[i]);
        if (is_sure(t, t->theirs->seconds[i])) {
            is_held[i] = x->matched < x->held || (x->held == 0 && i < t->theirs_start);
            if (x->held == 0 && is_held[i] && !(t->held->whole && t->theirs->whole))
                return false;
            x->matched++;
            continue;
        }
        is_held[i] = true;
        if (i > t->theirs_start && x->held != x->theirs)
            return false;
    }
    return true;
}

/* From the newest on: of equal ones it is the later that are lacking. */
static bool match_held(const struct table *t, bool *is_lacking)
{
    for (size_t i = t->held->count; i-- > 0;) {
        struct entry *x = entry_of(t, &t->held->prints[i]);
        is_lacking[i] = false;
        if (i < t->held_start && x->theirs == 0)
            continue; /* older than what they have in sight */
        if (is_sure(t, t->held->seconds[i])) {
            is_lacking[i] = x->lacking + x->theirs < x->held;
            x->lacking += is_lacking[i];
        } else if (i > t->held_start && x->held != x->theirs) {
            return false;
        }
    }
    return true;
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
    const int64_t a = edge_of(held), b = edge_of(theirs);
    struct table  t = { .held = held, .theirs = theirs, .edge = a > b ? a : b };
    struct join   j = { 0 };
    bool          common;

    TRY(count_all(&t, e));
    if (find_start(&t, &common) && match_theirs(&t, is_held) && match_held(&t, is_lacking)) {
        sum_up(&t, is_held, is_lacking, &j);
        *out = j;
        *found = JOIN_FOUND;
    } else {
        *found = common ? JOIN_AMBIGUOUS : JOIN_NONE;
    }
    free(t.entries);
    return 0;
}
