#include "relay/downstream/tail.h"

#include <stdlib.h>
#include "relay/downstream/frame.h"
#include "storage/reader.h"

enum {
    SPAN_BYTES = TAIL_BYTES / 2,      /* so far behind a consumer may be */
    EVENT_BYTES_MAX = TAIL_BYTES / 4, /* larger ones are read by each */
    EVENTS_MAX = TAIL_BYTES / (PACKET_HEADER_BYTES + 1 + EVENT_HEADER_BYTES),
};

/* What has to be looked at before an event goes out to a consumer. */
enum trait { PLAIN = 0, APART, GTID, ANONYMOUS, ANNOTATION };

/* clang-format off */
static const uint8_t traits[256] = {
    [EVENT_FORMAT_DESCRIPTION]        = APART,
    [EVENT_ROTATE]                    = APART,
    [EVENT_STOP]                      = APART,
    [EVENT_PREVIOUS_GTIDS]            = APART,
    [EVENT_IGNORABLE]                 = APART,
    [EVENT_MARIADB_GTID_LIST]         = APART,
    [EVENT_MARIADB_BINLOG_CHECKPOINT] = APART,
    [EVENT_MARIADB_START_ENCRYPTION]  = APART,
    [EVENT_GTID]                      = GTID,
    [EVENT_GTID_TAGGED]               = GTID,
    [EVENT_ANONYMOUS_GTID]            = ANONYMOUS,
    [EVENT_MARIADB_ANNOTATE_ROWS]     = ANNOTATION,
};
/* clang-format on */

struct placed {
    store_pos pos;  /* where its event begins */
    uint32_t  at;   /* in the bytes */
    uint32_t  name; /* GTID: its place among the names */
    uint8_t   type;
};

struct tail {
    struct store  *store;
    bool           annotations;
    bool           used;   /* since tail_rest() */
    struct reader *reader; /* NULL before the first use; stands at `end` */
    store_pos      begin, end;
    uint8_t       *bytes; /* of TAIL_BYTES */
    size_t         len;
    struct placed *packets; /* of EVENTS_MAX */
    size_t         count;
    struct gtid   *names; /* of the transactions */
    size_t         name_count, name_room;
};

int tail_new(struct store *s, bool annotations, struct tail **out, struct err *e)
{
    struct tail *t = calloc(1, sizeof *t);
    if (t == NULL)
        return err_set(e, E_NOMEM, "no memory for the newest events");
    t->store = s;
    t->annotations = annotations;
    *out = t;
    return 0;
}

static void forget_packets(struct tail *t, store_pos begin)
{
    t->begin = t->end = begin;
    t->len = t->count = t->name_count = 0;
}

static void let_go(struct tail *t)
{
    reader_close(t->reader);
    free(t->bytes);
    free(t->packets);
    free(t->names);
    t->reader = NULL;
    t->bytes = NULL;
    t->packets = NULL;
    t->names = NULL;
    t->name_room = 0;
    forget_packets(t, 0);
}

void tail_free(struct tail *t)
{
    if (t == NULL)
        return;
    let_go(t);
    free(t);
}

void tail_rest(struct tail *t)
{
    if (!t->used)
        let_go(t);
    t->used = false;
}

/* ---- what comes new ----------------------------------------------------------------------------
 */

/* The older half makes room. */
static void forget_half(struct tail *t)
{
    size_t first = t->count / 2 + 1;
    if (first >= t->count) {
        forget_packets(t, t->end);
        return;
    }
    size_t   gone = t->packets[first].at;
    uint32_t names = 0;
    for (size_t i = 0; i < first; i++)
        names += traits[t->packets[i].type] == GTID;
    t->begin = t->packets[first].pos;
    t->count -= first;
    t->len -= gone;
    t->name_count -= names;
    memmove(t->bytes, t->bytes + gone, t->len);
    memmove(t->packets, t->packets + first, t->count * sizeof t->packets[0]);
    memmove(t->names, t->names + names, t->name_count * sizeof t->names[0]);
    for (size_t i = 0; i < t->count; i++) {
        t->packets[i].at -= (uint32_t)gone;
        t->packets[i].name -= names;
    }
}

static int add_name(struct tail *t, const struct event *ev, struct err *e)
{
    struct gtid_event g;
    TRY(gtid_parse_event(reader_format(t->reader), ev, &g, e));
    if (t->name_count == t->name_room) {
        size_t       room = t->name_room != 0 ? 2 * t->name_room : 256;
        struct gtid *names = realloc(t->names, room * sizeof names[0]);
        if (names == NULL)
            return err_set(e, E_NOMEM, "no memory for %zu GTIDs", room);
        t->names = names;
        t->name_room = room;
    }
    t->names[t->name_count++] = g.gtid;
    return 0;
}

static int add_packet(struct tail *t, const struct reader_piece *p, struct err *e)
{
    static const struct frame_lead plain = { { 0 }, 1 };
    size_t                         need = p->bytes.len + FRAME_SMALL_BYTES;
    uint8_t                        sequence = 0;

    while (TAIL_BYTES - t->len < need || t->count == EVENTS_MAX)
        forget_half(t);
    uint32_t name = (uint32_t)t->name_count;
    if (traits[p->event.type] == GTID)
        TRY(add_name(t, &p->event, e));
    t->packets[t->count++] = (struct placed){ p->pos, (uint32_t)t->len, name, p->event.type };
    struct frame_room room = { .at = t->bytes + t->len, .left = TAIL_BYTES - t->len };
    frame_put_small(p->bytes, plain, &room, &sequence);
    t->len = TAIL_BYTES - room.left;
    return 0;
}

/* Up to the published end, or that of the file. */
static int read_on(struct tail *t, struct err *e)
{
    for (;;) {
        struct reader_piece p;
        enum reader_step    step;
        TRY(reader_next(t->reader, &p, &step, e));
        if (step != READER_PIECE)
            return 0;
        bool apart = traits[p.event.type] == APART || p.leapt || p.event.length > EVENT_BYTES_MAX;
        if (!apart && (t->annotations || traits[p.event.type] != ANNOTATION))
            TRY(add_packet(t, &p, e));
        if (p.last)
            t->end = p.end;
        if (apart)
            forget_packets(t, t->end);
    }
}

static int begin_at(struct tail *t, store_pos from, struct err *e)
{
    if (t->bytes == NULL)
        t->bytes = malloc(TAIL_BYTES);
    if (t->packets == NULL)
        t->packets = malloc(EVENTS_MAX * sizeof t->packets[0]);
    if (t->bytes == NULL || t->packets == NULL)
        return err_set(e, E_NOMEM, "no memory for the newest events");
    reader_close(t->reader);
    t->reader = NULL;
    forget_packets(t, from);
    return reader_open(t->store, from, 0, &t->reader, e);
}

/* Makes `from` up to the published end be there, if that is little. */
static bool reach(struct tail *t, store_pos from)
{
    store_pos  published = store_published(t->store);
    struct err unheard = { 0 };

    /* Offsets of different files are never that close. */
    if (published < from || published - from > SPAN_BYTES)
        return false;
    if (t->reader != NULL && from < t->begin)
        return false;
    bool goes_on = t->reader != NULL && (from <= t->end || from - t->end <= SPAN_BYTES);
    if ((!goes_on && begin_at(t, from, &unheard) != 0) ||
        (t->end < published && read_on(t, &unheard) != 0)) {
        let_go(t);
        return false;
    }
    return t->begin <= from && from <= t->end;
}

/* The first packet at or behind `from`. */
static size_t find(const struct tail *t, store_pos from)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->packets[middle].pos < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool holds_any(const struct tail *t, size_t first, const struct gtid_set *have)
{
    for (size_t i = first; i < t->count; i++)
        if (traits[t->packets[i].type] == ANONYMOUS)
            return true; /* can't be told */
    if (first < t->count && !gtid_set_is_empty(have))
        for (size_t i = t->packets[first].name; i < t->name_count; i++)
            if (gtid_set_contains(have, &t->names[i]))
                return true;
    return false;
}

bool tail_take(struct tail *t, const struct tail_want *want, uint8_t *sequence,
               struct tail_run *out)
{
    t->used = true;
    if (!reach(t, want->from))
        return false;
    size_t first = find(t, want->from);
    if (want->have != NULL && holds_any(t, first, want->have))
        return false;
    *out = (struct tail_run){ .bytes = slice_empty(), .end = t->end };
    if (first == t->count)
        return true;
    for (size_t i = first; i < t->count; i++)
        t->bytes[t->packets[i].at + PACKET_HEADER_BYTES - 1] = (*sequence)++;
    size_t at = t->packets[first].at;
    out->bytes = (struct slice){ t->bytes + at, t->len - at };
    out->last_type = t->packets[t->count - 1].type;
    return true;
}
