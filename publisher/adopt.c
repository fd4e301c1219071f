#include "publisher/adopt.h"
#include <stdlib.h>
#include "storage/locate.h"
#include "storage/origin.h"

void adopt_offset_done(struct adopt_offset *o)
{
    free(o->file);
    free(o->gtids);
    *o = (struct adopt_offset){ .file = NULL };
}

void adopt_done(struct adopt *a)
{
    gtids_done(&a->held);
    *a = (struct adopt){ .is_on = false };
}

static int locate(struct store *s, const struct gtids *held, store_pos *start, struct err *e)
{
    struct locate_gtid found;

    if (held->state.count > 0)
        TRY(locate_gtid_state(s, &held->state, &found, e));
    else
        TRY(locate_gtid_set(s, &held->set, &found, e));
    *start = found.first;
    return 0;
}

int adopt_begin(struct adopt *a, const struct adopt_offset *o, bool counts_notes, struct store *s,
                store_pos *start, struct err *e)
{
    struct adopt made = {
        .is_on = true, .events = o->events, .rows = o->rows, .counts_notes = counts_notes
    };
    int result;

    if (*o->gtids != 0) {
        result = gtids_parse(&made.held, slice_of_text(o->gtids), e);
        if (result == 0)
            result = locate(s, &made.held, start, e);
    } else {
        /* From the file's head on, since the place may be inside a transaction. */
        result = origin_locate(s, "", o->file, o->position, &made.from, e);
        if (result == 0)
            *start = store_pos_at(store_pos_ordinal(made.from), BINLOG_MAGIC_BYTES);
    }
    if (result != 0) {
        adopt_done(&made);
        return err_note(e, "go on where the connector is (%s:%llu)", o->file,
                        (unsigned long long)o->position);
    }
    made.is_counted = o->events == 0 && o->rows == 0;
    adopt_done(a);
    *a = made;
    return 0;
}

static bool is_held(const struct adopt *a, const struct gtid *g)
{
    if (g->kind == GTID_MYSQL)
        return gtid_set_contains(&a->held.set, g);
    if (g->kind != GTID_MARIADB)
        return false;
    const struct gtid *last = gtid_state_get(&a->held.state, g->domain);
    return last != NULL && last->number >= g->number;
}

/* The connector counts from the begin on, which is a statement in MySQL, and a GTID in MariaDB. */
static bool is_begin(const struct event *ev)
{
    return ev->type == EVENT_QUERY || ev->type == EVENT_MARIADB_GTID;
}

void adopt_event(struct adopt *a, const struct event *ev, store_pos pos, const struct gtid *gtid)
{
    if (!a->is_on)
        return;
    a->is_held = pos < a->from || is_held(a, gtid);
    if (a->is_held || a->is_counted)
        return;
    bool is_note = ev->type == EVENT_MARIADB_ANNOTATE_ROWS && !a->counts_notes;
    if (a->index > 0 || is_begin(ev))
        a->index += is_note ? 0 : 1;
}

void adopt_boundary(struct adopt *a)
{
    a->is_counted |= a->index > 0;
    a->index = 0;
}

bool adopt_has(const struct adopt *a, const struct change_event *ev)
{
    if (!a->is_on)
        return false;
    if (a->is_held)
        return true;
    if (a->is_counted)
        return false;
    return a->index <= a->events || (a->index == a->events + 1 && ev->row < a->rows);
}
