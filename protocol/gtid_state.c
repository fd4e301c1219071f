#include "protocol/gtid.h"
#include <inttypes.h>
#include <stdlib.h>

/* GTID_LIST's first word: 28 bits of count below 4 bits of flags. */
enum { LIST_COUNT_MASK = 0x0fffffff, LIST_ENTRY_BYTES = 16, LIST_EMPTY_FILL_BYTES = 2 };

void gtid_state_done(struct gtid_state *s)
{
    free(s->entries);
    *s = (struct gtid_state){ 0 };
}

/* Where the domain is, or where it has to be put in. */
static size_t find_domain(const struct gtid_state *s, uint32_t domain)
{
    size_t low = 0;
    size_t high = s->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->entries[mid].domain < domain)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct gtid *gtid_state_get(const struct gtid_state *s, uint32_t domain)
{
    size_t at = find_domain(s, domain);
    return at < s->count && s->entries[at].domain == domain ? &s->entries[at] : NULL;
}

static int make_room(struct gtid_state *s, struct err *e)
{
    if (s->count >= GTID_DOMAINS_MAX)
        return err_set(e, E_LIMIT, "GTID state: more than %d domains", GTID_DOMAINS_MAX);
    if (s->count < s->size)
        return 0;
    size_t       size = s->size > 0 ? s->size * 2 : 4;
    struct gtid *grown = reallocarray(s->entries, size, sizeof *grown);
    if (grown == NULL)
        return err_set(e, E_NOMEM, "GTID state: no memory for %zu domains", size);
    s->entries = grown;
    s->size = size;
    return 0;
}

int gtid_state_set(struct gtid_state *s, const struct gtid *g, struct err *e)
{
    assert(g->kind == GTID_MARIADB);
    size_t at = find_domain(s, g->domain);
    if (at == s->count || s->entries[at].domain != g->domain) {
        TRY(make_room(s, e));
        memmove(&s->entries[at + 1], &s->entries[at], (s->count - at) * sizeof *s->entries);
        s->count++;
    }
    s->entries[at] = *g;
    return 0;
}

/* `built` takes the place of *s, or is given up. */
static int adopt(struct gtid_state *s, struct gtid_state *built, int failed)
{
    if (failed != 0) {
        gtid_state_done(built);
        return -1;
    }
    gtid_state_done(s);
    *s = *built;
    return 0;
}

static int set_all(struct gtid_state *s, const struct gtid_state *from, struct err *e)
{
    for (size_t i = 0; i < from->count; i++)
        TRY(gtid_state_set(s, &from->entries[i], e));
    return 0;
}

int gtid_state_copy(struct gtid_state *into, const struct gtid_state *from, struct err *e)
{
    struct gtid_state built = { 0 };
    int               failed = set_all(&built, from, e);
    return adopt(into, &built, failed);
}

/* ---- text ---- */

static bool take_number(struct cursor *c, uint64_t most, uint64_t *out)
{
    uint64_t n = 0;
    size_t   digits = 0;

    for (; c->left > 0 && *c->at >= '0' && *c->at <= '9'; digits++) {
        uint64_t digit = (uint64_t)(*c->at - '0');
        if (n > (most - digit) / 10)
            return false;
        n = n * 10 + digit;
        cursor_skip(c, 1);
    }
    *out = n;
    return digits > 0;
}

static bool take_sign(struct cursor *c, uint8_t sign)
{
    if (c->left == 0 || *c->at != sign)
        return false;
    cursor_skip(c, 1);
    return true;
}

static void skip_spaces(struct cursor *c)
{
    while (c->left > 0 && (*c->at == ' ' || (*c->at >= '\t' && *c->at <= '\r')))
        cursor_skip(c, 1);
}

static bool take_gtid(struct cursor *c, struct gtid *out)
{
    uint64_t domain = 0;
    uint64_t server_id = 0;
    uint64_t number = 0;

    if (!take_number(c, UINT32_MAX, &domain) || !take_sign(c, '-') ||
        !take_number(c, UINT32_MAX, &server_id) || !take_sign(c, '-') ||
        !take_number(c, UINT64_MAX, &number))
        return false;
    *out = (struct gtid){ .kind = GTID_MARIADB,
                          .number = number,
                          .domain = (uint32_t)domain,
                          .server_id = (uint32_t)server_id };
    return true;
}

static int parse_entries(struct gtid_state *s, struct slice text, struct err *e)
{
    struct cursor c = cursor_over(text);
    struct gtid   g;

    skip_spaces(&c);
    if (c.left == 0)
        return 0;
    do {
        skip_spaces(&c);
        if (!take_gtid(&c, &g))
            return err_set(e, E_PROTOCOL,
                           "GTID state: no DOMAIN-SERVER-NUMBER before character %zu of %zu",
                           text.len - c.left + 1, text.len);
        if (gtid_state_get(s, g.domain) != NULL)
            return err_set(e, E_PROTOCOL, "GTID state: two entries of domain %" PRIu32, g.domain);
        TRY(gtid_state_set(s, &g, e));
        skip_spaces(&c);
    } while (take_sign(&c, ','));
    if (c.left > 0)
        return err_set(e, E_PROTOCOL, "GTID state: no comma at character %zu of %zu",
                       text.len - c.left + 1, text.len);
    return 0;
}

int gtid_state_parse(struct gtid_state *s, struct slice text, struct err *e)
{
    struct gtid_state built = { 0 };
    int               failed = parse_entries(&built, text, e);
    return adopt(s, &built, failed);
}

void gtid_state_put_text(const struct gtid_state *s, struct buf *out)
{
    char text[GTID_TEXT_BYTES];

    for (size_t i = 0; i < s->count; i++) {
        gtid_format(&s->entries[i], text);
        if (i > 0)
            buf_put_u8(out, ',');
        buf_put_text(out, text);
    }
}

/* ---- GTID_LIST ---- */

static int decode_entries(struct gtid_state *s, struct slice body, struct err *e)
{
    struct cursor c = cursor_over(body);
    uint32_t      count = cursor_u32(&c) & LIST_COUNT_MASK;

    if (c.failed || count > c.left / LIST_ENTRY_BYTES)
        return err_set(e, E_PROTOCOL, "Gtid_list event: %" PRIu32 " entries in %zu bytes", count,
                       body.len);
    for (uint32_t i = 0; i < count; i++) {
        struct gtid g = { .kind = GTID_MARIADB };
        g.domain = cursor_u32(&c);
        g.server_id = cursor_u32(&c);
        g.number = cursor_u64(&c);
        TRY(gtid_state_set(s, &g, e));
    }
    return 0;
}

int gtid_state_decode(struct gtid_state *s, struct slice body, struct err *e)
{
    struct gtid_state built = { 0 };
    int               failed = decode_entries(&built, body, e);
    return adopt(s, &built, failed);
}

void gtid_state_put_list_body(const struct gtid_state *s, struct buf *out)
{
    buf_put_le(out, s->count, 4);
    for (size_t i = 0; i < s->count; i++) {
        buf_put_le(out, s->entries[i].domain, 4);
        buf_put_le(out, s->entries[i].server_id, 4);
        buf_put_le(out, s->entries[i].number, 8);
    }
    /* An empty list is filled up as servers do, because old replicas take a body of four bytes for
       a broken event. */
    if (s->count == 0)
        buf_put_le(out, 0, LIST_EMPTY_FILL_BYTES);
}
