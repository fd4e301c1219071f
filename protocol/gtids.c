#include "protocol/gtid.h"

void gtids_done(struct gtids *g)
{
    gtid_set_done(&g->set);
    gtid_state_done(&g->state);
}

bool gtids_contain(const struct gtids *g, const struct gtid *one)
{
    if (one->kind != GTID_MARIADB)
        return gtid_set_contains(&g->set, one);
    const struct gtid *last = gtid_state_get(&g->state, one->domain);
    return last != NULL && last->number >= one->number;
}

bool gtids_is_empty(const struct gtids *g)
{
    return gtid_set_is_empty(&g->set) && g->state.count == 0;
}

/* `built` takes the place of *g, or is given up. */
static int adopt(struct gtids *g, struct gtids *built, int failed)
{
    if (failed != 0) {
        gtids_done(built);
        return -1;
    }
    gtids_done(g);
    *g = *built;
    return 0;
}

int gtids_copy(struct gtids *into, const struct gtids *from, struct err *e)
{
    struct gtids built = { 0 };
    int          failed = gtid_set_copy(&built.set, &from->set, e);
    if (failed == 0)
        failed = gtid_state_copy(&built.state, &from->state, e);
    return adopt(into, &built, failed);
}

int gtids_add(struct gtids *g, const struct gtid *one, struct err *e)
{
    switch (one->kind) {
    case GTID_MYSQL:
        return gtid_set_add(&g->set, one, e);
    case GTID_MARIADB:
        return gtid_state_set(&g->state, one, e);
    default:
        return 0;
    }
}

int gtids_parse(struct gtids *g, struct slice text, struct err *e)
{
    struct gtids built = { 0 };
    bool         is_set = memchr(text.ptr, ':', text.len) != NULL;
    int          failed =
        is_set ? gtid_set_parse(&built.set, text, e) : gtid_state_parse(&built.state, text, e);
    return adopt(g, &built, failed);
}

void gtids_put_text(const struct gtids *g, struct buf *out)
{
    gtid_set_put_text(&g->set, out, false);
    gtid_state_put_text(&g->state, out);
}

int gtids_take_event(struct gtids *g, const struct event *ev, struct err *e)
{
    struct gtids built = { 0 };
    int          failed = 0;

    switch (ev->type) {
    case EVENT_PREVIOUS_GTIDS:
        failed = gtid_set_decode(&built.set, ev->body, e);
        break;
    case EVENT_MARIADB_GTID_LIST:
        failed = gtid_state_decode(&built.state, ev->body, e);
        break;
    default:
        return 0;
    }
    return adopt(g, &built, failed);
}

/* A set or state that holds exactly one transaction names it. */
static bool single(const struct gtids *g, struct gtid *out)
{
    if (g->state.count == 1 && g->set.count == 0) {
        *out = g->state.entries[0];
        return true;
    }
    if (g->state.count != 0 || g->set.count != 1 || g->set.intervals != 1)
        return false;
    const struct gtid_line *line = &g->set.lines[0];
    if (line->intervals[0].first != line->intervals[0].last)
        return false;
    *out = (struct gtid){ .kind = GTID_MYSQL, .number = line->intervals[0].first };
    memcpy(out->uuid, line->uuid, sizeof out->uuid);
    memcpy(out->tag, line->tag, sizeof out->tag);
    return true;
}

bool gtid_parse(struct slice text, struct gtid *out)
{
    struct gtids g = { 0 };
    struct err   ignored;
    bool         is = gtids_parse(&g, text, &ignored) == 0 && single(&g, out);

    gtids_done(&g);
    return is;
}
