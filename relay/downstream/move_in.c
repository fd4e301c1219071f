#include "relay/downstream/move_in.h"
#include <stdio.h>
#include "storage/locate.h"
#include "storage/origin.h"

struct reading { /* of what is asked for */
    bool       valid;
    store_pos  at;
    struct err why;
};

static int take(struct store *s, store_pos at, struct command_dump *asked, struct err *e)
{
    struct store_file f;

    TRY(store_file_by_ordinal(s, store_pos_ordinal(at), &f, e));
    (void)snprintf(asked->file, sizeof asked->file, "%s", f.name);
    asked->position = store_pos_offset(at);
    return 0;
}

static bool was_sent(const struct catalog_consumer *row, store_pos at)
{
    return at >= row->held && at <= row->place;
}

int move_in_locate(struct store *s, struct consumers *consumers, const struct consumer_who *who,
                   const char *source, struct command_dump *asked, struct err *e)
{
    struct catalog_consumer row = { 0 };
    struct reading          relay = { 0 }, theirs = { 0 };

    if (strchr(asked->file, ':') != NULL)
        return 0; /* it says itself whose it is */
    relay.valid = locate_position(s, asked->file, asked->position, &relay.at, &relay.why) == 0;
    theirs.valid =
        origin_locate(s, source, asked->file, asked->position, &theirs.at, &theirs.why) == 0;
    if (!theirs.valid && !relay.valid && theirs.why.kind != E_PURGED) {
        *e = theirs.why;
        return -1;
    }
    if (!theirs.valid || (relay.valid && relay.at == theirs.at))
        return 0;
    bool known = consumers != NULL && consumers_recall(consumers, who, &row);
    if (!known || !relay.valid || !was_sent(&row, relay.at))
        return take(s, theirs.at, asked, e);
    if (theirs.at != row.held)
        return 0;
    return err_set(e, E_CONFIG,
                   "'%.200s' at %llu is a place of source '%s', where this consumer moved in, and "
                   "another one of the relay, which it was sent: nobody can tell which it means; "
                   "take 'coordinates' from its user, or give it the relay's name of the place "
                   "('binrelay map %s:%.200s:%llu')",
                   asked->file, (unsigned long long)asked->position, source, source, asked->file,
                   (unsigned long long)asked->position);
}
