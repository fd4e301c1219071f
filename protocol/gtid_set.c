#include "protocol/gtid.h"
#include <inttypes.h>
#include <stdlib.h>
#include "protocol/varlen.h"

/*
 * Two ways to build a set: in order, where each change keeps lines and intervals ascending and
 * apart (the hot path makes the last interval longer), and loosely, where everything is appended as
 * it comes to a new set, which is settled at the end and takes the old one's place. The second
 * makes hostile input cost a sort, not a move of everything for each interval, and a failure change
 * nothing.
 */

static void line_done(struct gtid_line *l)
{
    free(l->intervals);
    l->intervals = NULL;
    l->count = l->size = 0;
}

void gtid_set_done(struct gtid_set *s)
{
    for (size_t i = 0; i < s->count; i++)
        line_done(&s->lines[i]);
    free(s->lines);
    *s = (struct gtid_set){ 0 };
}

/* ---- room ---- */

static int no_memory(struct err *e)
{
    return err_set(e, E_NOMEM, "GTID set: no memory for more intervals");
}

/* Room for one more element of an array that grows by doubling. */
static int make_room(void **array, size_t element_bytes, size_t count, size_t *size, struct err *e)
{
    if (count < *size)
        return 0;
    size_t more = *size > 0 ? *size * 2 : 4;
    void  *grown = reallocarray(*array, more, element_bytes);
    if (grown == NULL)
        return no_memory(e);
    *array = grown;
    *size = more;
    return 0;
}

static int line_make_room(struct gtid_line *l, struct err *e)
{
    void *array = l->intervals;
    int   rc = make_room(&array, sizeof *l->intervals, l->count, &l->size, e);
    l->intervals = array;
    return rc;
}

static int set_make_room(struct gtid_set *s, struct err *e)
{
    void *array = s->lines;
    int   rc = make_room(&array, sizeof *s->lines, s->count, &s->size, e);
    s->lines = array;
    return rc;
}

static int check_bound(const struct gtid_set *s, struct err *e)
{
    if (s->intervals >= GTID_INTERVALS_MAX)
        return err_set(e, E_LIMIT, "GTID set: more than %u intervals", GTID_INTERVALS_MAX);
    return 0;
}

static int check_range(uint64_t first, uint64_t last, struct err *e)
{
    if (first == 0 || first > last || last > GTID_NUMBER_MAX)
        return err_set(e, E_PROTOCOL, "GTID set: %" PRIu64 "-%" PRIu64 " is no range of numbers",
                       first, last);
    return 0;
}

/* ---- finding ---- */

static int compare_names(const uint8_t *uuid_a, const char *tag_a, const uint8_t *uuid_b,
                         const char *tag_b)
{
    int by_uuid = memcmp(uuid_a, uuid_b, UUID_BYTES);
    return by_uuid != 0 ? by_uuid : strcmp(tag_a, tag_b);
}

static int compare_lines(const void *a, const void *b)
{
    const struct gtid_line *l = a;
    const struct gtid_line *m = b;
    return compare_names(l->uuid, l->tag, m->uuid, m->tag);
}

static int compare_intervals(const void *a, const void *b)
{
    const struct gtid_interval *i = a;
    const struct gtid_interval *j = b;
    return i->first < j->first ? -1 : i->first > j->first;
}

/* Where the line is, or where it has to be put in. */
static size_t find_line(const struct gtid_set *s, const uint8_t *uuid, const char *tag, bool *found)
{
    size_t low = 0;
    size_t high = s->count;

    *found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int    order = compare_names(s->lines[mid].uuid, s->lines[mid].tag, uuid, tag);
        if (order == 0) {
            *found = true;
            return mid;
        }
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static const struct gtid_line *get_line(const struct gtid_set *s, const struct gtid_line *like)
{
    bool   found = false;
    size_t at = find_line(s, like->uuid, like->tag, &found);
    return found ? &s->lines[at] : NULL;
}

/* Index of the first interval that ends at `number` or behind it. */
static size_t find_interval(const struct gtid_line *l, uint64_t number)
{
    size_t low = 0;
    size_t high = l->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (l->intervals[mid].last < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* ---- building in order ---- */

static int insert_line(struct gtid_set *s, size_t at, const uint8_t *uuid, const char *tag,
                       struct err *e)
{
    size_t tag_bytes = strlen(tag);
    assert(tag_bytes <= GTID_TAG_BYTES);

    TRY(set_make_room(s, e));
    memmove(&s->lines[at + 1], &s->lines[at], (s->count - at) * sizeof *s->lines);
    s->count++;
    struct gtid_line *l = &s->lines[at];
    *l = (struct gtid_line){ 0 };
    memcpy(l->uuid, uuid, UUID_BYTES);
    memcpy(l->tag, tag, tag_bytes);
    return 0;
}

static void remove_line(struct gtid_set *s, size_t at)
{
    line_done(&s->lines[at]);
    s->count--;
    memmove(&s->lines[at], &s->lines[at + 1], (s->count - at) * sizeof *s->lines);
}

static int insert_interval(struct gtid_set *s, struct gtid_line *l, size_t at,
                           struct gtid_interval v, struct err *e)
{
    TRY(check_bound(s, e));
    TRY(line_make_room(l, e));
    memmove(&l->intervals[at + 1], &l->intervals[at], (l->count - at) * sizeof v);
    l->intervals[at] = v;
    l->count++;
    s->intervals++;
    return 0;
}

static int line_add(struct gtid_set *s, struct gtid_line *l, struct gtid_interval v, struct err *e)
{
    /* Nearly always the next number of the last interval. */
    if (l->count > 0 && l->intervals[l->count - 1].last + 1 == v.first) {
        l->intervals[l->count - 1].last = v.last;
        return 0;
    }
    size_t from = find_interval(l, v.first - 1); /* the first that touches or is behind */
    size_t to = from;
    while (to < l->count && l->intervals[to].first <= v.last + 1)
        to++;
    if (from == to)
        return insert_interval(s, l, from, v, e);
    /* One interval takes the place of all that it touches. */
    struct gtid_interval *into = &l->intervals[from];
    if (v.first < into->first)
        into->first = v.first;
    into->last = l->intervals[to - 1].last > v.last ? l->intervals[to - 1].last : v.last;
    memmove(into + 1, &l->intervals[to], (l->count - to) * sizeof v);
    l->count -= to - from - 1;
    s->intervals -= to - from - 1;
    return 0;
}

int gtid_set_add_range(struct gtid_set *s, const uint8_t uuid[UUID_BYTES], const char *tag,
                       uint64_t first, uint64_t last, struct err *e)
{
    bool found = false;

    TRY(check_range(first, last, e));
    size_t at = find_line(s, uuid, tag, &found);
    if (!found) {
        TRY(check_bound(s, e));
        TRY(insert_line(s, at, uuid, tag, e));
    }
    struct gtid_interval v = { first, last };
    if (line_add(s, &s->lines[at], v, e) == 0)
        return 0;
    if (!found)
        remove_line(s, at); /* no line is ever empty */
    return -1;
}

int gtid_set_add(struct gtid_set *s, const struct gtid *g, struct err *e)
{
    assert(g->kind == GTID_MYSQL);
    return gtid_set_add_range(s, g->uuid, g->tag, g->number, g->number, e);
}

/* ---- building loosely ---- */

/* The last line, if it has this name, else a new one behind it. */
static int loose_line(struct gtid_set *s, const uint8_t *uuid, const char *tag, struct err *e)
{
    if (s->count > 0 &&
        compare_names(s->lines[s->count - 1].uuid, s->lines[s->count - 1].tag, uuid, tag) == 0)
        return 0;
    return insert_line(s, s->count, uuid, tag, e);
}

static int loose_interval(struct gtid_set *s, uint64_t first, uint64_t last, struct err *e)
{
    struct gtid_line *l = &s->lines[s->count - 1];

    TRY(check_range(first, last, e));
    TRY(check_bound(s, e));
    TRY(line_make_room(l, e));
    l->intervals[l->count++] = (struct gtid_interval){ first, last };
    s->intervals++;
    return 0;
}

static bool line_is_settled(const struct gtid_line *l)
{
    for (size_t i = 1; i < l->count; i++)
        if (l->intervals[i].first <= l->intervals[i - 1].last + 1)
            return false;
    return true;
}

static void settle_line(struct gtid_line *l)
{
    if (line_is_settled(l))
        return;
    qsort(l->intervals, l->count, sizeof *l->intervals, compare_intervals);
    size_t kept = 1;
    for (size_t i = 1; i < l->count; i++) {
        struct gtid_interval *before = &l->intervals[kept - 1];
        struct gtid_interval  v = l->intervals[i];
        if (v.first > before->last + 1)
            l->intervals[kept++] = v;
        else if (v.last > before->last)
            before->last = v.last;
    }
    l->count = kept;
}

/* Puts the intervals of a line behind those of another of the same name. */
static int join_lines(struct gtid_line *into, struct gtid_line *from, struct err *e)
{
    for (size_t i = 0; i < from->count; i++) {
        TRY(line_make_room(into, e));
        into->intervals[into->count++] = from->intervals[i];
    }
    return 0;
}

/* Orders the lines, joins those of the same name, leaves out empty ones. */
static int settle(struct gtid_set *s, struct err *e)
{
    size_t kept = 0;

    if (s->count > 1)
        qsort(s->lines, s->count, sizeof *s->lines, compare_lines);
    for (size_t i = 0; i < s->count; i++) {
        struct gtid_line *l = &s->lines[i];
        struct gtid_line *before = kept > 0 ? &s->lines[kept - 1] : NULL;
        if (before != NULL && compare_lines(before, l) == 0) {
            TRY(join_lines(before, l, e));
            line_done(l);
        } else if (l->count == 0) {
            line_done(l);
        } else if (kept == i) {
            kept++;
        } else {
            s->lines[kept++] = *l;
            *l = (struct gtid_line){ 0 };
        }
    }
    s->count = kept;
    s->intervals = 0;
    for (size_t i = 0; i < s->count; i++) {
        settle_line(&s->lines[i]);
        s->intervals += s->lines[i].count;
    }
    return 0;
}

/* The end of everything that builds loosely: `built` takes the place of *s, or is given up. */
static int adopt(struct gtid_set *s, struct gtid_set *built, int failed, struct err *e)
{
    if (failed == 0)
        failed = settle(built, e);
    if (failed == 0 && built->intervals > GTID_INTERVALS_MAX)
        failed = err_set(e, E_LIMIT, "GTID set: more than %u intervals", GTID_INTERVALS_MAX);
    if (failed != 0) {
        gtid_set_done(built);
        return -1;
    }
    gtid_set_done(s);
    *s = *built;
    return 0;
}

/* ---- whole sets ---- */

/* Appends what `from` has and `without` (NULL: nothing) has not. */
static int loose_difference(struct gtid_set *s, const struct gtid_line *from,
                            const struct gtid_line *without, struct err *e)
{
    size_t at = 0; /* in `without`: the first interval that may still matter */

    TRY(insert_line(s, s->count, from->uuid, from->tag, e));
    struct gtid_line *l = &s->lines[s->count - 1];
    for (size_t i = 0; i < from->count; i++) {
        struct gtid_interval left = from->intervals[i];
        while (without != NULL && at < without->count &&
               without->intervals[at].first <= left.last) {
            struct gtid_interval cut = without->intervals[at];
            if (cut.first > left.first) {
                TRY(line_make_room(l, e));
                l->intervals[l->count++] = (struct gtid_interval){ left.first, cut.first - 1 };
            }
            if (cut.last >= left.first)
                left.first = cut.last + 1;
            if (cut.last >= left.last)
                break; /* it may reach into the next interval, too */
            at++;
        }
        if (left.first <= left.last) {
            TRY(line_make_room(l, e));
            l->intervals[l->count++] = left;
        }
    }
    return 0;
}

static int loose_lines(struct gtid_set *s, const struct gtid_set *from,
                       const struct gtid_set *without, struct err *e)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct gtid_line *l = &from->lines[i];
        TRY(loose_difference(s, l, without != NULL ? get_line(without, l) : NULL, e));
    }
    return 0;
}

int gtid_set_copy(struct gtid_set *into, const struct gtid_set *from, struct err *e)
{
    struct gtid_set built = { 0 };
    int             failed = loose_lines(&built, from, NULL, e);
    return adopt(into, &built, failed, e);
}

int gtid_set_unite(struct gtid_set *s, const struct gtid_set *with, struct err *e)
{
    struct gtid_set built = { 0 };
    int             failed = loose_lines(&built, s, NULL, e);
    if (failed == 0)
        failed = loose_lines(&built, with, NULL, e);
    return adopt(s, &built, failed, e);
}

int gtid_set_subtract(struct gtid_set *s, const struct gtid_set *what, struct err *e)
{
    struct gtid_set built = { 0 };
    int             failed = loose_lines(&built, s, what, e);
    return adopt(s, &built, failed, e);
}

bool gtid_set_contains(const struct gtid_set *s, const struct gtid *g)
{
    bool   found = false;
    size_t at = g->kind == GTID_MYSQL ? find_line(s, g->uuid, g->tag, &found) : 0;
    if (!found)
        return false;
    const struct gtid_line *l = &s->lines[at];
    size_t                  i = find_interval(l, g->number);
    return i < l->count && l->intervals[i].first <= g->number;
}

static bool line_is_subset(const struct gtid_line *part, const struct gtid_line *of)
{
    size_t at = 0;

    for (size_t i = 0; i < part->count; i++) {
        while (at < of->count && of->intervals[at].last < part->intervals[i].last)
            at++;
        if (at == of->count || of->intervals[at].first > part->intervals[i].first)
            return false;
    }
    return true;
}

bool gtid_set_is_subset(const struct gtid_set *part, const struct gtid_set *of)
{
    for (size_t i = 0; i < part->count; i++) {
        const struct gtid_line *in = get_line(of, &part->lines[i]);
        if (in == NULL || !line_is_subset(&part->lines[i], in))
            return false;
    }
    return true;
}

bool gtid_set_equal(const struct gtid_set *a, const struct gtid_set *b)
{
    if (a->count != b->count || a->intervals != b->intervals)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct gtid_line *l = &a->lines[i];
        const struct gtid_line *m = &b->lines[i];
        if (compare_lines(l, m) != 0 || l->count != m->count ||
            memcmp(l->intervals, m->intervals, l->count * sizeof *l->intervals) != 0)
            return false;
    }
    return true;
}

/* ---- text ---- */

static void skip_spaces(struct cursor *c)
{
    while (c->left > 0 && (*c->at == ' ' || (*c->at >= '\t' && *c->at <= '\r')))
        cursor_skip(c, 1);
}

static bool take_sign(struct cursor *c, uint8_t sign)
{
    skip_spaces(c);
    if (c->left == 0 || *c->at != sign)
        return false;
    cursor_skip(c, 1);
    return true;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool take_uuid(struct cursor *c, uint8_t uuid[UUID_BYTES])
{
    struct cursor text = cursor_over(cursor_slice(c, UUID_TEXT_BYTES));

    for (size_t i = 0; i < UUID_BYTES; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && cursor_u8(&text) != '-')
            return false;
        int high = hex_digit(cursor_u8(&text));
        int low = hex_digit(cursor_u8(&text));
        if (high < 0 || low < 0)
            return false;
        uuid[i] = (uint8_t)(high << 4 | low);
    }
    return !text.failed;
}

static bool take_number(struct cursor *c, uint64_t *out)
{
    uint64_t n = 0;
    size_t   digits = 0;

    skip_spaces(c);
    for (; c->left > 0 && *c->at >= '0' && *c->at <= '9'; digits++) {
        if (n > GTID_NUMBER_MAX / 10)
            return false;
        n = n * 10 + (uint64_t)(*c->at - '0');
        cursor_skip(c, 1);
    }
    *out = n;
    return digits > 0;
}

static bool take_tag(struct cursor *c, char tag[GTID_TAG_BYTES + 1])
{
    const uint8_t *from = c->at;
    size_t         n = 0;

    while (n < c->left &&
           (from[n] == '_' || (from[n] >= '0' && from[n] <= '9') ||
            (from[n] >= 'a' && from[n] <= 'z') || (from[n] >= 'A' && from[n] <= 'Z')))
        n++;
    return n > 0 && gtid_tag_read(cursor_slice(c, n), tag);
}

static int unreadable(const struct cursor *c, struct slice text, const char *wanted, struct err *e)
{
    return err_set(e, E_PROTOCOL, "GTID set: no %s at character %zu of %zu", wanted,
                   text.len - c->left + 1, text.len);
}

/* ":1-5:7:tag:3" behind a UUID, to the comma or the end. */
static int parse_items(struct gtid_set *s, struct cursor *c, struct slice text,
                       const uint8_t uuid[UUID_BYTES], struct err *e)
{
    char tag[GTID_TAG_BYTES + 1] = "";
    bool has_numbers = false; /* since the UUID or the latest tag */

    TRY(loose_line(s, uuid, tag, e));
    while (take_sign(c, ':')) {
        uint64_t first = 0;
        uint64_t last = 0;
        skip_spaces(c);
        if (c->left > 0 && (*c->at < '0' || *c->at > '9')) {
            if ((tag[0] != 0 && !has_numbers) || !take_tag(c, tag))
                return unreadable(c, text, "number or tag", e);
            TRY(loose_line(s, uuid, tag, e));
            has_numbers = false;
            continue;
        }
        if (!take_number(c, &first))
            return unreadable(c, text, "number", e);
        last = first;
        if (take_sign(c, '-') && !take_number(c, &last))
            return unreadable(c, text, "number", e);
        TRY(loose_interval(s, first, last, e));
        has_numbers = true;
    }
    return has_numbers ? 0 : unreadable(c, text, "number", e);
}

static int parse_lines(struct gtid_set *s, struct slice text, struct err *e)
{
    struct cursor c = cursor_over(text);

    do {
        uint8_t uuid[UUID_BYTES];
        skip_spaces(&c);
        if (c.left == 0 || *c.at == ',')
            continue; /* servers take empty pieces, too */
        struct cursor before = c;
        if (!take_uuid(&c, uuid))
            return unreadable(&before, text, "UUID", e);
        TRY(parse_items(s, &c, text, uuid, e));
    } while (take_sign(&c, ','));
    return c.left == 0 ? 0 : unreadable(&c, text, "comma", e);
}

int gtid_set_parse(struct gtid_set *s, struct slice text, struct err *e)
{
    struct gtid_set built = { 0 };
    int             failed = parse_lines(&built, text, e);
    return adopt(s, &built, failed, e);
}

void gtid_set_put_text(const struct gtid_set *s, struct buf *out, bool newlines)
{
    char uuid[UUID_TEXT_BYTES + 1];

    for (size_t i = 0; i < s->count; i++) {
        const struct gtid_line *l = &s->lines[i];
        if (i == 0 || memcmp(s->lines[i - 1].uuid, l->uuid, UUID_BYTES) != 0) {
            if (i > 0)
                buf_put_text(out, newlines ? ",\n" : ",");
            gtid_uuid_format(l->uuid, uuid);
            buf_put_text(out, uuid);
        }
        if (l->tag[0] != 0) {
            buf_put_u8(out, ':');
            buf_put_text(out, l->tag);
        }
        for (size_t k = 0; k < l->count; k++) {
            buf_put_u8(out, ':');
            buf_put_decimal(out, (int64_t)l->intervals[k].first);
            if (l->intervals[k].last == l->intervals[k].first)
                continue;
            buf_put_u8(out, '-');
            buf_put_decimal(out, (int64_t)l->intervals[k].last);
        }
    }
}

/* ---- binary ---- */

/*
 * Eight bytes of count and form, then per line UUID, tag (tagged form only: its length as varlen,
 * then the letters), count of intervals, and for each interval first and one past the last. The
 * form stands in the highest byte; the tagged one repeats it in the lowest and has the count
 * between.
 */
enum binary_form { FORM_UNTAGGED = 0, FORM_TAGGED = 1 };

static int decode_line(struct gtid_set *s, struct cursor *c, enum binary_form form, struct err *e)
{
    char         tag[GTID_TAG_BYTES + 1] = "";
    struct slice uuid = cursor_slice(c, UUID_BYTES);

    if (form == FORM_TAGGED) {
        uint64_t bytes = cursor_varlen(c);
        if (bytes > GTID_TAG_BYTES || !gtid_tag_read(cursor_slice(c, (size_t)bytes), tag))
            return err_set(e, E_PROTOCOL, "GTID set: a tag of %" PRIu64 " bytes", bytes);
    }
    uint64_t count = cursor_u64(c);
    if (c->failed || count > c->left / 16)
        return err_set(e, E_PROTOCOL, "GTID set: cut short");
    if (count == 0)
        return 0;
    TRY(loose_line(s, uuid.ptr, tag, e));
    for (uint64_t i = 0; i < count; i++) {
        uint64_t first = cursor_u64(c);
        uint64_t end = cursor_u64(c);
        TRY(loose_interval(s, first, end - 1, e));
    }
    return 0;
}

static int decode_lines(struct gtid_set *s, struct slice bytes, struct err *e)
{
    struct cursor c = cursor_over(bytes);
    uint64_t      head = cursor_u64(&c);
    uint64_t      form = head >> 56;
    uint64_t      count = form == FORM_TAGGED ? head << 8 >> 16 : head;

    if (c.failed || form > FORM_TAGGED)
        return err_set(e, E_PROTOCOL, "GTID set: %zu bytes in form %" PRIu64, bytes.len, form);
    for (uint64_t i = 0; i < count; i++)
        TRY(decode_line(s, &c, (enum binary_form)form, e));
    if (c.left > 0)
        return err_set(e, E_PROTOCOL, "GTID set: %zu bytes too many", c.left);
    return 0;
}

int gtid_set_decode(struct gtid_set *s, struct slice bytes, struct err *e)
{
    struct gtid_set built = { 0 };
    int             failed = decode_lines(&built, bytes, e);
    return adopt(s, &built, failed, e);
}

void gtid_set_encode(const struct gtid_set *s, struct buf *out)
{
    bool tagged = false;
    for (size_t i = 0; i < s->count; i++)
        tagged |= s->lines[i].tag[0] != 0;

    uint64_t form = tagged ? FORM_TAGGED : FORM_UNTAGGED;
    buf_put_le(out, tagged ? form << 56 | (uint64_t)s->count << 8 | form : s->count, 8);
    for (size_t i = 0; i < s->count; i++) {
        const struct gtid_line *l = &s->lines[i];
        buf_put(out, (struct slice){ l->uuid, UUID_BYTES });
        if (tagged) {
            struct slice tag = slice_of_text(l->tag);
            buf_put_u8(out, (uint8_t)(tag.len << 1)); /* a varlen of one byte */
            buf_put(out, tag);
        }
        buf_put_le(out, l->count, 8);
        for (size_t k = 0; k < l->count; k++) {
            buf_put_le(out, l->intervals[k].first, 8);
            buf_put_le(out, l->intervals[k].last + 1, 8);
        }
    }
}
