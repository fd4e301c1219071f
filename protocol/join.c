#include "protocol/join.h"
#include <stdlib.h>

/* How often a fingerprint stands on each side; `left` are those of `held` not yet matched. */
struct entry {
    struct fingerprint is;
    bool               used;
    uint32_t           held, theirs, left;
    size_t             held_at, theirs_at; /* of the last one */
};

struct table {
    struct entry *entries;
    size_t        mask;
};

/* The bits of a fingerprint are as good as random, so they are their own hash. */
static struct entry *entry_of(const struct table *t, const struct fingerprint *f)
{
    uint64_t bits;
    memcpy(&bits, f->bytes, sizeof bits);
    for (size_t i = (size_t)bits & t->mask;; i = (i + 1) & t->mask) {
        struct entry *e = &t->entries[i];
        if (!e->used) {
            e->used = true;
            e->is = *f;
            return e;
        }
        if (fingerprint_equal(&e->is, f))
            return e;
    }
}

static int count_all(struct table *t, const struct fingerprint *held, size_t held_count,
                     const struct fingerprint *theirs, size_t theirs_count, struct err *e)
{
    size_t size = 64;

    while (size < 2 * (held_count + theirs_count))
        size *= 2;
    t->entries = calloc(size, sizeof *t->entries);
    if (t->entries == NULL)
        return err_set(e, E_NOMEM, "no memory to compare %zu transactions",
                       held_count + theirs_count);
    t->mask = size - 1;
    for (size_t i = 0; i < held_count; i++) {
        struct entry *x = entry_of(t, &held[i]);
        x->held++;
        x->held_at = i;
    }
    for (size_t i = 0; i < theirs_count; i++) {
        struct entry *x = entry_of(t, &theirs[i]);
        x->theirs++;
        x->theirs_at = i;
    }
    return 0;
}

/*
 * The oldest transaction that stands once on each side, so that all behind it is compared; if there
 * is one with JOIN_REORDER_MAX in front of it on the held side, so that what a parallel replica put
 * elsewhere is in sight.
 */
static bool find_anchor(const struct table *t, const struct fingerprint *theirs,
                        size_t theirs_count, bool *common, struct join *j)
{
    bool found = false;

    *common = false;
    for (size_t i = 0; i < theirs_count; i++) {
        const struct entry *x = entry_of(t, &theirs[i]);
        *common |= x->held > 0;
        if (x->held != 1 || x->theirs != 1)
            continue;
        if (!found || x->held_at >= JOIN_REORDER_MAX) {
            j->anchor_held = x->held_at;
            j->anchor_theirs = i;
        }
        found = true;
        if (x->held_at >= JOIN_REORDER_MAX)
            break;
    }
    return found;
}

/* Every one of theirs behind the anchor takes one equal of the held ones away; those in front of it
   are held, too: they are older. Held ones in front of the anchor may be missed, for theirs need
   not begin as early. */
static void match(const struct table *t, const struct fingerprint *held, size_t held_count,
                  const struct fingerprint *theirs, size_t theirs_count, bool *is_held,
                  struct join *j)
{
    size_t from = j->anchor_held > JOIN_REORDER_MAX ? j->anchor_held - JOIN_REORDER_MAX : 0;

    for (size_t i = from; i < held_count; i++)
        entry_of(t, &held[i])->left++;
    j->first_new = theirs_count;
    for (size_t i = 0; i < theirs_count; i++) {
        struct entry *x = entry_of(t, &theirs[i]);
        is_held[i] = i < j->anchor_theirs || x->left > 0;
        x->left -= x->left > 0;
        if (!is_held[i] && j->first_new == theirs_count)
            j->first_new = i;
        j->held_after_first_new += is_held[i] && j->first_new < i;
    }
    j->first_lacking = held_count;
    /* From the newest on: of equal ones it is the later that are lacking. */
    for (size_t i = held_count; i-- > j->anchor_held;) {
        struct entry *x = entry_of(t, &held[i]);
        if (x->left == 0)
            continue;
        x->left--;
        j->lacking++;
        j->first_lacking = i;
    }
}

int join_find(const struct fingerprint *held, size_t held_count, const struct fingerprint *theirs,
              size_t theirs_count, bool *is_held, enum join_found *found, struct join *out,
              struct err *e)
{
    struct table t;
    struct join  j = { 0 };
    bool         common;

    TRY(count_all(&t, held, held_count, theirs, theirs_count, e));
    if (find_anchor(&t, theirs, theirs_count, &common, &j)) {
        match(&t, held, held_count, theirs, theirs_count, is_held, &j);
        *out = j;
        *found = JOIN_FOUND;
    } else {
        *found = common ? JOIN_AMBIGUOUS : JOIN_NONE;
    }
    free(t.entries);
    return 0;
}
