/* Commands that are longer than a packet: they pass to the source in pieces, and never lie here as
   a whole. */
#include <stdio.h>
#include <stdlib.h>
#include "relay/downstream/forwarding.h"
#include "relay/upstream/remembered.h"

enum { LARGEST_COMMAND_BYTES = 1024 * 1024 * 1024 }; /* that any server takes */

void session_refuse_large(struct session *s)
{
    session_refuse(s, ER_NET_PACKET_TOO_LARGE, "08S01",
                   "Got a packet bigger than 'max_allowed_packet' bytes");
}

static uint64_t source_takes(const struct session *s)
{
    const struct remembered *r = remembered_find(s->variables, slice_of_text("max_allowed_packet"));
    uint64_t                 n = r != NULL ? strtoull(r->value, NULL, 10) : 0;

    return n != 0 && n < LARGEST_COMMAND_BYTES ? n : LARGEST_COMMAND_BYTES;
}

/* What has begun at the source is not finished there, and so has no effect. */
static void give_up(struct session *s)
{
    forward_close(s->forwarding->to);
    s->forwarding->to = NULL;
    s->forwarding->large.comes = false;
}

static void refuse_word(struct session *s, const char *word)
{
    char text[320];

    (void)snprintf(text, sizeof text,
                   "Access denied; this binrelay does not look into a statement of 16 MiB or more "
                   "further than for words, and '%s' in one needs a right that this user lacks: "
                   "send its values with a prepared statement, or in smaller statements",
                   word);
    session_say(s, LOG_INFO, text);
    session_refuse(s, ER_SPECIFIC_ACCESS_DENIED_ERROR, "42000", text);
}

static void begin(struct session *s, struct slice payload, enum response_kind kind, unsigned rights)
{
    struct forwarding *f = forwarding_of(s);

    if (f == NULL) {
        session_enter(s, GONE);
        return;
    }
    struct large *l = &f->large;
    *l = (struct large){ .full = true, .bytes = payload.len, .most = source_takes(s) };
    l->scan.rights = rights;
    if (l->bytes >= l->most) {
        session_refuse_large(s);
        return;
    }
    forwarding_begin(s, payload, kind);
}

static void begin_query(struct session *s, struct slice payload)
{
    struct query_scan scan = { .rights = s->user->rights };
    struct slice      sql;
    struct err        e = { 0 };

    if (command_parse_query(payload, s->capabilities, &sql, &e) != 0) {
        session_refuse_malformed(s);
        return;
    }
    struct forwarding *f = forwarding_of(s);
    if (f == NULL) {
        session_enter(s, GONE);
        return;
    }
    if (!s->facts.known || !query_may_be_long(sql, s->user->rights)) {
        session_refuse_large(s);
        return;
    }
    const char *word = query_scan(&scan, sql);
    if (word != NULL) {
        refuse_word(s, word);
        return;
    }
    begin(s, payload, RESPONSE_RESULTS, s->user->rights);
    if (s->state != FORWARDING)
        return;
    f->large.scan = scan;
    f->pinned = true; /* variables and locks that it leaves behind were not looked for */
}

/* Of a statement that was prepared at the source. */
static void begin_prepared(struct session *s, struct slice payload, enum response_kind kind)
{
    struct cursor c = cursor_over(payload);

    cursor_skip(&c, 1);
    uint32_t id = cursor_u32(&c);
    bool     connected = forwarding_is_connected(s);
    bool     here = s->forwarding != NULL && s->forwarding->prepared != NULL &&
                prepared_list_find(s->forwarding->prepared, id) != NULL;
    if (here || !connected)
        session_refuse_large(s);
    else
        begin(s, payload, kind, ~0U);
}

void session_on_large(struct session *s, struct slice payload)
{
    if (!forwarding_look_after(s))
        return;
    switch (payload.ptr[0]) {
    case COM_QUERY:
        begin_query(s, payload);
        break;
    case COM_STMT_EXECUTE:
        begin_prepared(s, payload, RESPONSE_RESULTS);
        break;
    case COM_STMT_LONG_DATA:
        begin_prepared(s, payload, RESPONSE_NONE);
        break;
    default:
        session_refuse_large(s);
    }
}

bool session_lacks_rest(const struct session *s)
{
    return s->state == FORWARDING && s->forwarding->large.comes;
}

bool session_takes_rest(const struct session *s)
{
    return session_lacks_rest(s) && forward_takes_rest(s->forwarding->to);
}

/* False: the session has ended with it. */
static bool begin_packet(struct session *s, const uint8_t *header)
{
    struct large *l = &s->forwarding->large;

    l->packet_left = packet_payload_bytes(header);
    l->full = l->packet_left == PACKET_PAYLOAD_MAX;
    l->bytes += l->packet_left;
    bool in_order = header[3] == s->sequence;
    s->sequence = (uint8_t)(header[3] + 1);
    if (!in_order) {
        session_say(s, LOG_INFO, "packets out of order");
        give_up(s);
        session_refuse(s, ER_NET_PACKETS_OUT_OF_ORDER, "08S01", "Got packets out of order");
        return false;
    }
    if (l->bytes > l->most) {
        session_say(s, LOG_INFO, "a command is longer than the source's max_allowed_packet");
        give_up(s);
        session_refuse_large(s);
        return false;
    }
    l->comes = l->full || l->packet_left > 0;
    return true;
}

static bool pass_piece(struct session *s, struct slice piece)
{
    struct large *l = &s->forwarding->large;
    const char   *word = query_scan(&l->scan, piece);

    if (word != NULL) {
        give_up(s);
        refuse_word(s, word);
        return false;
    }
    l->packet_left -= (uint32_t)piece.len;
    l->comes = l->full || l->packet_left > 0;
    return true;
}

size_t session_take_rest(struct session *s, struct slice bytes)
{
    struct large *l = &s->forwarding->large;
    size_t        taken = 0;
    struct err    e = { 0 };

    if (!session_takes_rest(s))
        return 0;
    while (l->comes && taken < bytes.len) {
        size_t left = bytes.len - taken;
        if (l->packet_left == 0 && left < PACKET_HEADER_BYTES)
            break;
        size_t n = l->packet_left == 0     ? (size_t)PACKET_HEADER_BYTES
                   : left < l->packet_left ? left
                                           : l->packet_left;
        bool   fine = l->packet_left == 0 ? begin_packet(s, bytes.ptr + taken)
                                          : pass_piece(s, (struct slice){ bytes.ptr + taken, n });
        taken += n;
        if (!fine)
            return taken;
    }
    if (taken > 0 &&
        forward_add(s->forwarding->to, (struct slice){ bytes.ptr, taken }, !l->comes, &e) != 0)
        forwarding_fail(s, &e);
    return taken;
}
