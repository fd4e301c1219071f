#include "relay/upstream/skipper.h"

void skipper_init(struct skipper *s, const struct skip *skip)
{
    *s = (struct skipper){ .skip = skip, .on = skip != NULL };
    txn_reset(&s->txn);
}

void skipper_enter(struct skipper *s, const char *file)
{
    txn_reset(&s->txn);
    s->inside = s->skipping = false;
    s->open = 0; /* the source died in it */
    s->file = s->on ? skip_file_of(s->skip, file) : NULL;
}

void skipper_leap(struct skipper *s, uint64_t bytes)
{
    s->hole += bytes;
    s->bytes += bytes;
}

void skipper_taken(struct skipper *s)
{
    s->hole = 0;
}

/* An unfinished one in front of it is as good as none, and takes its place all the same. */
static void begin(struct skipper *s, const char *file, uint64_t at)
{
    s->hole += s->open;
    s->open = 0;
    s->skipping =
        !skip_is_over(s->skip, file, at) && skip_has(s->skip, s->file, at, &s->txn.current.gtid);
    s->any_new |= !s->skipping;
}

static enum skipper_verdict skip(struct skipper *s, const struct event *ev, enum txn_place place)
{
    if (place == TXN_OUTSIDE)
        return SKIPPER_DROP;
    s->open += ev->length;
    s->bytes += ev->length;
    if (place == TXN_CLOSED) {
        s->hole += s->open;
        s->open = 0;
        s->skipping = false;
        s->transactions++;
    }
    return SKIPPER_SKIP;
}

int skipper_look(struct skipper *s, const struct format *f, const struct event *ev,
                 const char *file, uint64_t at, enum skipper_verdict *out, struct err *e)
{
    enum txn_place place;

    *out = SKIPPER_STORE;
    if (!s->on)
        return 0;
    TRY(txn_feed(&s->txn, f, ev, &place, e));
    if (place == TXN_OPENED || (place == TXN_CLOSED && !s->inside))
        begin(s, file, at);
    s->inside = place == TXN_OPENED || place == TXN_INSIDE;
    if (s->skipping)
        *out = skip(s, ev, place);
    else if (!s->inside && s->any_new)
        s->on = !skip_is_over(s->skip, file, at + ev->length);
    return 0;
}
