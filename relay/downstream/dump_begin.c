/* Where a stream begins: the place that a consumer asked for, in the store. */
#include "relay/downstream/dump_core.h"
#include "relay/downstream/dump_words.h"
#include "storage/locate.h"

enum { PEEK_EVENTS = 16 }; /* in front of a file's first GTID */

int dump_begin_at_position(struct dump *d, struct err *e)
{
    if (d->req.position < BINLOG_MAGIC_BYTES)
        return dump_words_impossible(&d->req, e);
    struct err why = { 0 };
    if (locate_position(d->store, d->asked, d->req.position, &d->first, &why) != 0)
        return dump_words_position(d->store, &d->req, &why, e);
    d->file_start = store_pos_at(store_pos_ordinal(d->first), BINLOG_MAGIC_BYTES);
    return 0;
}

/* A replica that holds more of the source's own transactions than were published here would
   silently lose what comes next under the same numbers. */
static int check_not_ahead(const struct dump *d, struct err *e)
{
    struct gtid_set own = { 0 };
    struct gtids    published = { 0 };
    int             result = -1;
    uint8_t         uuid[UUID_BYTES];
    if (!dump_words_uuid(d->req.source_uuid, uuid))
        return 0;
    if (store_gtids_published(d->store, &published, e) != 0)
        goto out;
    for (size_t i = 0; i < d->req.have.count; i++) {
        const struct gtid_line *line = &d->req.have.lines[i];
        if (memcmp(line->uuid, uuid, UUID_BYTES) != 0)
            continue;
        for (size_t k = 0; k < line->count; k++)
            if (gtid_set_add_range(&own, uuid, line->tag, line->intervals[k].first,
                                   line->intervals[k].last, e) != 0)
                goto out;
    }
    if (gtid_set_subtract(&own, &published.set, e) != 0)
        goto out;
    result = gtid_set_is_empty(&own) ? 0 : dump_words_ahead(&d->req, &own, e);
out:
    gtid_set_done(&own);
    gtids_done(&published);
    return result;
}

/* Whether the consumer holds the first transaction of the file, so that the format description
   must not tell it that the server has just started (it would drop its temporary tables). */
static int peek_first_held(struct dump *d, struct err *e)
{
    struct reader *r = NULL;
    int            result = -1;
    if (reader_open(d->store, d->file_start, DUMP_PEEK_BYTES, &r, e) != 0)
        return -1;
    for (int i = 0; i < PEEK_EVENTS; i++) {
        struct reader_piece p;
        enum reader_step    step;
        struct gtid_event   g;
        if (reader_next(r, &p, &step, e) != 0)
            goto out;
        if (step != READER_PIECE)
            break;
        if (dump_is_left_out(&p)) {
            d->zero_created = true; /* it was there before the switch that made the hole */
            break;
        }
        if (p.at != 0 || (p.event.type != EVENT_GTID && p.event.type != EVENT_GTID_TAGGED))
            continue;
        if (gtid_parse_event(reader_format(r), &p.event, &g, e) != 0)
            goto out;
        d->zero_created = gtid_set_contains(&d->req.have, &g.gtid);
        break;
    }
    result = 0;
out:
    reader_close(r);
    return result;
}

int dump_begin_at_gtid_set(struct dump *d, struct err *e)
{
    struct locate_gtid place;
    struct err         why = { 0 };
    TRY(check_not_ahead(d, e));
    if (d->asked[0] != '\0') {
        /* As servers do: a named file is where to begin, the set only says what to leave out. */
        if (locate_position(d->store, d->asked, BINLOG_MAGIC_BYTES, &d->first, &why) != 0)
            return dump_words_position(d->store, &d->req, &why, e);
        d->file_start = d->first;
        return gtid_set_is_empty(&d->req.have) ? 0 : peek_first_held(d, e);
    }
    if (locate_gtid_set(d->store, &d->req.have, &place, &why) != 0)
        return dump_words_gtid_set(d->store, &d->req, &why, e);
    d->file_start = place.file_start;
    d->first = place.first;
    return gtid_set_is_empty(&d->req.have) ? 0 : peek_first_held(d, e);
}

/* What the binlog holds up to `first` may already be the last of some domains: those wait for
   nothing. (An exact match later on would never come for them.) */
int dump_begin_at_gtid_state(struct dump *d, struct err *e)
{
    struct locate_gtid place;
    struct gtids       there = { 0 };
    TRY(locate_gtid_state(d->store, &d->req.state, &place, e));
    d->file_start = place.file_start;
    d->first = place.first;
    if (locate_gtids_at(d->store, place.first, &there, e) != 0)
        return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < d->req.state.count; i++) {
        const struct gtid *want = &d->req.state.entries[i];
        const struct gtid *held = gtid_state_get(&there.state, want->domain);
        if (held == NULL || held->server_id != want->server_id || held->number != want->number)
            result = gtid_state_set(&d->waiting, want, e);
    }
    gtids_done(&there);
    return result;
}
