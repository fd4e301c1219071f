#include "storage/moment.h"
#include <string.h>
#include <time.h>

enum { EPOCH_MAX = 0x7fffffff, YEAR_BASE = 1900 };

/* ---- points of time ---- */

/* Exactly n digits. */
static bool take_digits(struct cursor *c, size_t n, int *out)
{
    int value = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t digit = cursor_u8(c);
        if (c->failed || digit < '0' || digit > '9')
            return false;
        value = value * 10 + (digit - '0');
    }
    *out = value;
    return true;
}

static bool take_one_of(struct cursor *c, const char *set)
{
    if (c->left == 0 || *c->at == 0 || strchr(set, *c->at) == NULL)
        return false;
    cursor_skip(c, 1);
    return true;
}

/* ".5": true when it is more than nothing. */
static bool take_fraction(struct cursor *c, bool *more)
{
    bool any = false;

    *more = false;
    if (!take_one_of(c, "."))
        return true;
    while (c->left > 0 && *c->at >= '0' && *c->at <= '9') {
        any = true;
        *more = *more || *c->at != '0';
        cursor_skip(c, 1);
    }
    return any;
}

/* Nothing, Z, or +02:00 and its like: seconds to the east. */
static bool take_zone(struct cursor *c, int *east_s)
{
    int  hours, minutes = 0;
    bool west = c->left > 0 && *c->at == '-';

    *east_s = 0;
    if (c->left == 0 || take_one_of(c, "Zz"))
        return c->left == 0;
    if (!take_one_of(c, "+-") || !take_digits(c, 2, &hours))
        return false;
    if (c->left > 0) {
        (void)take_one_of(c, ":");
        if (!take_digits(c, 2, &minutes))
            return false;
    }
    if (hours > 14 || minutes > 59)
        return false;
    *east_s = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
    return c->left == 0;
}

static bool take_clock(struct cursor *c, struct tm *t, bool *more)
{
    if (!take_digits(c, 2, &t->tm_hour) || !take_one_of(c, ":") || !take_digits(c, 2, &t->tm_min))
        return false;
    if (take_one_of(c, ":") && (!take_digits(c, 2, &t->tm_sec) || !take_fraction(c, more)))
        return false;
    return t->tm_hour <= 23 && t->tm_min <= 59 && t->tm_sec <= 59;
}

static bool take_date(struct cursor *c, struct tm *t)
{
    if (!take_digits(c, 4, &t->tm_year) || !take_one_of(c, "-") || !take_digits(c, 2, &t->tm_mon) ||
        !take_one_of(c, "-") || !take_digits(c, 2, &t->tm_mday))
        return false;
    t->tm_year -= YEAR_BASE;
    t->tm_mon -= 1;
    return true;
}

int moment_parse_time(const char *text, int64_t *out)
{
    struct cursor c = cursor_over(slice_of_text(text));
    struct tm     t = { 0 };
    uint64_t      number;
    bool          more = false;
    int           east_s = 0;

    if (text[0] == '@') {
        if (place_parse_number(text + 1, &number) != 0 || number > EPOCH_MAX)
            return -1;
        *out = (int64_t)number;
        return 0;
    }
    if (!take_date(&c, &t))
        return -1;
    if (c.left > 0 && (!take_one_of(&c, "Tt ") || !take_clock(&c, &t, &more)))
        return -1;
    (void)take_one_of(&c, " ");
    if (!take_zone(&c, &east_s))
        return -1;
    struct tm asked = t;
    time_t    seconds = timegm(&t);
    /* A date that the calendar does not have is carried on into the next month. */
    if (t.tm_mon != asked.tm_mon || t.tm_mday != asked.tm_mday || seconds < 0)
        return -1;
    *out = (int64_t)seconds - east_s + (more ? 1 : 0);
    return 0;
}

/* ---- all of them ---- */

static bool take_side(const char **text, enum moment_side *side)
{
    static const struct {
        const char      *word;
        enum moment_side side;
    } sides[] = { { "before:", MOMENT_BEFORE }, { "after:", MOMENT_AFTER } };

    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        size_t n = strlen(sides[i].word);
        if (strncmp(*text, sides[i].word, n) == 0) {
            *text += n;
            *side = sides[i].side;
            return true;
        }
    }
    return false;
}

static int no_moment(const char *text, struct err *e)
{
    return err_set(e, E_CONFIG,
                   "'%.200s' is neither FILE:POSITION, nor a GTID or a set of them, nor a time as "
                   "'2026-11-21 10:00:00' (UTC) or @SECONDS, nor oldest or newest",
                   text);
}

/* One, or more than one. */
static int take_gtids(const char *text, struct moment *m)
{
    struct err none = { 0 };

    if (gtid_parse(slice_of_text(text), &m->place.gtid)) {
        m->kind = MOMENT_GTID;
        m->place.is_gtid = true;
        return 0;
    }
    if (gtids_parse(&m->gtids, slice_of_text(text), &none) != 0 || gtids_is_empty(&m->gtids))
        return -1;
    m->kind = MOMENT_GTIDS;
    return 0;
}

int moment_parse(const char *text, struct moment *out, struct err *e)
{
    struct moment m = { 0 };
    const char   *rest = text;

    if (take_side(&rest, &m.side)) {
        if (take_gtids(rest, &m) == 0 && (m.kind == MOMENT_GTID || m.side == MOMENT_AFTER)) {
            *out = m;
            return 0;
        }
        moment_done(&m);
        return err_set(e, E_CONFIG, "'%.200s': behind 'before:' and 'after:' stands one GTID",
                       text);
    }
    if (strcmp(text, "oldest") == 0) {
        m.kind = MOMENT_OLDEST;
    } else if (strcmp(text, "newest") == 0) {
        m.kind = MOMENT_NEWEST;
    } else if (moment_parse_time(text, &m.time_s) == 0) {
        m.kind = MOMENT_TIME;
    } else if (take_gtids(text, &m) != 0) {
        moment_done(&m);
        m.kind = MOMENT_PLACE;
        /* A time that was mistyped has a colon and a number at its end, too. */
        if (strchr(text, ' ') != NULL || place_parse(text, &m.place, e) != 0)
            return no_moment(text, e);
    }
    *out = m;
    return 0;
}

void moment_done(struct moment *m)
{
    gtids_done(&m->gtids);
}
