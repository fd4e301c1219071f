#include "relay/upstream/match_list.h"
#include <stdlib.h>

void match_list_done(struct match_list *l)
{
    free(l->prints);
    free(l->seconds);
    free(l->spans);
    free(l->gtids);
    *l = (struct match_list){ .named = l->named };
}

static bool grow(void **items, size_t size, size_t each)
{
    void *more = reallocarray(*items, size, each);
    if (more != NULL)
        *items = more;
    return more != NULL;
}

static int make_room(struct match_list *l, size_t wanted, struct err *e)
{
    size_t size = l->size > 0 ? l->size : 4096;

    if (wanted <= l->size)
        return 0;
    if (wanted > MATCH_LIST_MAX)
        return err_set(e, E_LIMIT, "more than %d transactions would have to be compared",
                       MATCH_LIST_MAX);
    while (size < wanted)
        size *= 2;
    void *prints = l->prints, *seconds = l->seconds, *spans = l->spans, *gtids = l->gtids;
    bool  good = grow(&prints, size, sizeof *l->prints) &&
                grow(&seconds, size, sizeof *l->seconds) && grow(&spans, size, sizeof *l->spans) &&
                (!l->named || grow(&gtids, size, sizeof *l->gtids));
    l->prints = prints;
    l->seconds = seconds;
    l->spans = spans;
    l->gtids = gtids;
    if (!good)
        return err_set(e, E_NOMEM, "no memory to compare %zu transactions", size);
    l->size = size;
    return 0;
}

int match_list_add(struct match_list *l, const struct look_txn *t, uint32_t file, struct err *e)
{
    TRY(make_room(l, l->count + 1, e));
    l->prints[l->count] = t->print;
    l->seconds[l->count] = t->second;
    l->spans[l->count] = (struct match_span){ .from = t->from, .to = t->to, .file = file };
    if (l->named)
        l->gtids[l->count] = t->gtid;
    l->count++;
    return 0;
}

int match_list_append(struct match_list *l, struct match_list *newer, struct err *e)
{
    if (newer->count > 0) {
        TRY(make_room(l, l->count + newer->count, e));
        memcpy(l->prints + l->count, newer->prints, newer->count * sizeof *l->prints);
        memcpy(l->seconds + l->count, newer->seconds, newer->count * sizeof *l->seconds);
        memcpy(l->spans + l->count, newer->spans, newer->count * sizeof *l->spans);
        if (l->named)
            memcpy(l->gtids + l->count, newer->gtids, newer->count * sizeof *l->gtids);
        l->count += newer->count;
    }
    match_list_done(newer);
    return 0;
}
