#include "storage/range.h"
#include <inttypes.h>
#include "storage/locate.h"
#include "storage/nearest.h"
#include "storage/scan.h"

/* ---- between transactions ---- */

int range_first_transaction(struct store *s, const struct store_file *f, uint64_t from,
                            uint64_t end, uint64_t *out, struct err *e)
{
    struct scan scan;
    bool        more = true;

    TRY(scan_open(store_disk(s), f->name, end, false, &scan, e));
    int result = scan_seek(&scan, from, e);
    *out = end;
    while (result == 0 && more) {
        struct scan_event ev;
        result = scan_next(&scan, &ev, &more, e);
        if (result == 0 && more && ev.place != TXN_OUTSIDE) {
            *out = ev.at;
            break;
        }
    }
    scan_close(&scan);
    return result;
}

/* The places between transactions nearest to `offset`: equal when it is one. */
static int boundaries(struct store *s, const struct store_file *f, uint64_t offset, uint64_t *below,
                      uint64_t *above, struct err *e)
{
    struct scan scan;
    bool        more = true;
    store_pos   near;

    TRY(nearest_boundary(s, f->ordinal, offset, &near, e));
    TRY(scan_open(store_disk(s), f->name, f->size, false, &scan, e));
    int result = scan_seek(&scan, store_pos_offset(near), e);
    *below = *above = store_pos_offset(near);
    while (result == 0 && *above < offset) {
        struct scan_event ev;
        *below = *above;
        do
            result = scan_next(&scan, &ev, &more, e);
        while (result == 0 && more && scan.txn.open);
        if (result != 0 || !more)
            break;
        *above = scan.at;
    }
    scan_close(&scan);
    if (result == 0 && *above == offset)
        *below = offset;
    return result;
}

static int check_boundary(struct store *s, const struct store_file *f, uint64_t offset,
                          struct err *e)
{
    uint64_t below, above;

    if (offset < BINLOG_MAGIC_BYTES)
        return err_set(e, E_PROTOCOL, "a binlog's first position is %d", BINLOG_MAGIC_BYTES);
    if (offset > f->size)
        return err_set(e, E_PROTOCOL, "%s:%" PRIu64 " is behind its end, %s:%" PRIu64, f->name,
                       offset, f->name, f->size);
    TRY(boundaries(s, f, offset, &below, &above, e));
    if (below == offset)
        return 0;
    return err_set(e, E_PROTOCOL,
                   "%s:%" PRIu64 " is inside of a transaction; it goes from %s:%" PRIu64
                   " to %s:%" PRIu64 ": give one of these two",
                   f->name, offset, f->name, below, f->name, above);
}

/* ---- moments ---- */

static int locate_place(struct store *s, const struct place *p, store_pos *out, struct err *e)
{
    struct store_file f;
    struct err        none = { 0 };

    if (store_file_by_name(s, p->file, &f, &none) == 0) {
        TRY(check_boundary(s, &f, p->position, e));
        *out = store_pos_at(f.ordinal, p->position);
        return 0;
    }
    store_pos at = 0;
    TRY(locate_position(s, p->file, p->position, &at, e));
    TRY(store_file_by_ordinal(s, store_pos_ordinal(at), &f, e));
    TRY(check_boundary(s, &f, store_pos_offset(at), e));
    *out = at;
    return 0;
}

/* The end of what committed before; nothing as old being held is no error. */
static int locate_moment(struct store *s, int64_t time_s, store_pos oldest, store_pos *out,
                         bool *nothing_older, struct err *e)
{
    int result = locate_time(s, time_s - 1, out, e);

    *nothing_older = result != 0 && e->kind == E_PURGED;
    if (*nothing_older) {
        *e = (struct err){ 0 };
        *out = oldest;
        return 0;
    }
    return result;
}

/* Where all of them are there: the farthest of their ends. */
static int end_of_one(struct store *s, const struct gtid *g, store_pos *end, struct err *e)
{
    store_pos begin, one = 0;

    TRY(locate_gtid_one(s, g, &begin, &one, e));
    if (one > *end)
        *end = one;
    return 0;
}

static int end_of_all(struct store *s, const struct gtids *g, store_pos *end, struct err *e)
{
    for (size_t i = 0; i < g->set.count; i++) {
        const struct gtid_line *line = &g->set.lines[i];
        struct gtid             one = { .kind = GTID_MYSQL };
        memcpy(one.uuid, line->uuid, sizeof one.uuid);
        memcpy(one.tag, line->tag, sizeof one.tag);
        for (size_t k = 0; k < line->count; k++) {
            one.number = line->intervals[k].last;
            TRY(end_of_one(s, &one, end, e));
        }
    }
    for (size_t i = 0; i < g->state.count; i++)
        TRY(end_of_one(s, &g->state.entries[i], end, e));
    return 0;
}

static int behind_all(struct store *s, const struct gtids *g, store_pos *out, struct err *e)
{
    struct locate_gtid at;

    if (g->state.count > 0)
        TRY(locate_gtid_state(s, &g->state, &at, e));
    else
        TRY(locate_gtid_set(s, &g->set, &at, e));
    *out = at.first;
    return 0;
}

static int locate_from(struct store *s, const struct moment *m, store_pos oldest, struct range *r,
                       struct err *e)
{
    store_pos end = 0;

    switch (m->kind) {
    case MOMENT_OLDEST:
        r->begin = oldest;
        return 0;
    case MOMENT_NEWEST:
        r->begin = store_published(s);
        return 0;
    case MOMENT_PLACE:
        return locate_place(s, &m->place, &r->begin, e);
    case MOMENT_GTID:
        TRY(locate_gtid_one(s, &m->place.gtid, &r->begin, &end, e));
        if (m->side == MOMENT_AFTER)
            r->begin = end;
        return 0;
    case MOMENT_GTIDS:
        TRY(behind_all(s, &m->gtids, &r->begin, e));
        return gtids_copy(&r->without, &m->gtids, e);
    case MOMENT_TIME:
        return locate_moment(s, m->time_s, oldest, &r->begin, &r->from_first, e);
    }
    return 0;
}

static int locate_to(struct store *s, const struct moment *m, store_pos oldest, store_pos *out,
                     struct err *e)
{
    store_pos begin = 0;
    bool      nothing_older;

    switch (m->kind) {
    case MOMENT_OLDEST:
        *out = oldest;
        return 0;
    case MOMENT_NEWEST:
        *out = store_published(s);
        return 0;
    case MOMENT_PLACE:
        return locate_place(s, &m->place, out, e);
    case MOMENT_GTID:
        TRY(locate_gtid_one(s, &m->place.gtid, &begin, out, e));
        if (m->side == MOMENT_BEFORE)
            *out = begin;
        return 0;
    case MOMENT_GTIDS:
        *out = 0;
        return end_of_all(s, &m->gtids, out, e);
    case MOMENT_TIME:
        return locate_moment(s, m->time_s, oldest, out, &nothing_older, e);
    }
    return 0;
}

/* ---- the two together ---- */

/* Behind the last transaction of its file: begin is the next file's start; behind a head alone, its
   own file's. */
static int trim_begin(struct store *s, struct range *r, struct err *e)
{
    struct store_file f;
    uint64_t          first = 0;

    TRY(store_file_by_ordinal(s, store_pos_ordinal(r->begin), &f, e));
    TRY(range_first_transaction(s, &f, BINLOG_MAGIC_BYTES, f.size, &first, e));
    if (store_pos_offset(r->begin) <= first && first < f.size) {
        r->begin = store_pos_at(f.ordinal, BINLOG_MAGIC_BYTES);
        return 0;
    }
    if (store_pos_offset(r->begin) == BINLOG_MAGIC_BYTES)
        return 0;
    TRY(range_first_transaction(s, &f, store_pos_offset(r->begin), f.size, &first, e));
    if (first == f.size && f.sealed && store_pos_ordinal(store_published(s)) > f.ordinal)
        r->begin = store_pos_at(f.ordinal + 1, BINLOG_MAGIC_BYTES);
    return 0;
}

/* Before the first transaction of its file: end is the end of the file before; behind the last
   one, of its own. */
static int trim_end(struct store *s, struct range *r, uint32_t oldest, struct err *e)
{
    struct store_file f;
    uint64_t          first = 0;

    TRY(store_file_by_ordinal(s, store_pos_ordinal(r->end), &f, e));
    TRY(range_first_transaction(s, &f, BINLOG_MAGIC_BYTES, f.size, &first, e));
    if (store_pos_offset(r->end) <= first && store_pos_offset(r->end) < f.size &&
        f.ordinal > oldest) {
        TRY(store_file_by_ordinal(s, f.ordinal - 1, &f, e));
        r->end = store_pos_at(f.ordinal, f.size);
        return 0;
    }
    TRY(range_first_transaction(s, &f, store_pos_offset(r->end), f.size, &first, e));
    if (first == f.size && store_pos_offset(r->end) > BINLOG_MAGIC_BYTES)
        r->end = store_pos_at(f.ordinal, f.size);
    return 0;
}

static int locate_both(struct store *s, const struct moment *from, const struct moment *to,
                       struct range *r, struct err *e)
{
    struct store_file first;

    if (!store_first_file(s, &first) || store_published(s) == 0)
        return err_set(e, E_PURGED, "the relay has received nothing so far");
    store_pos oldest = store_pos_at(first.ordinal, BINLOG_MAGIC_BYTES);
    if (locate_from(s, from, oldest, r, e) != 0)
        return err_note(e, "--from");
    if (locate_to(s, to, oldest, &r->end, e) != 0)
        return err_note(e, "--to");
    if (r->end < r->begin)
        return err_set(e, E_CONFIG, "--to lies before --from: nothing is between them");
    if (r->begin == r->end)
        return 0;
    TRY(trim_begin(s, r, e));
    TRY(trim_end(s, r, first.ordinal, e));
    if (r->end < r->begin) /* only the end of a file and the head of the next were between them */
        r->end = r->begin;
    return 0;
}

int range_locate(struct store *s, const struct moment *from, const struct moment *to,
                 struct range *out, struct err *e)
{
    struct range r = { 0 };

    if (locate_both(s, from, to, &r, e) != 0) {
        range_done(&r);
        return -1;
    }
    *out = r;
    return 0;
}

void range_done(struct range *r)
{
    gtids_done(&r->without);
}

int range_bytes(struct store *s, const struct range *r, uint64_t *out, struct err *e)
{
    uint64_t bytes = 0;

    for (uint32_t n = store_pos_ordinal(r->begin); n <= store_pos_ordinal(r->end); n++) {
        struct store_file f;
        TRY(store_file_by_ordinal(s, n, &f, e));
        bytes += n == store_pos_ordinal(r->end) ? store_pos_offset(r->end) : f.size;
    }
    *out = bytes - store_pos_offset(r->begin);
    return 0;
}

int range_takes_all(struct store *s, const struct range *r, uint32_t ordinal, bool *out,
                    struct err *e)
{
    struct gtids before = { 0 };
    bool         all = gtids_is_empty(&r->without);

    if (!all) {
        TRY(store_gtids_before(s, ordinal, &before, e));
        all = gtid_set_is_subset(&r->without.set, &before.set);
        for (size_t i = 0; i < r->without.state.count; i++)
            all = all && gtids_contain(&before, &r->without.state.entries[i]);
        gtids_done(&before);
    }
    *out = all;
    return 0;
}
