#include "relay/operator/control_consumers.h"
#include <time.h>
#include "relay/hold.h"
#include "relay/lag.h"
#include "relay/operator/control_json.h"
#include "storage/locate.h"

/* ---- lag ----------------------------------------------------------------------------------- */

static uint64_t bytes_between(struct store *s, store_pos from, store_pos to)
{
    struct store_file f;
    struct err        ignored;
    uint64_t          bytes = 0;
    uint32_t          last = store_pos_ordinal(to);

    if (from >= to)
        return 0;
    if (store_pos_ordinal(from) == last)
        return to - from;
    for (uint32_t o = store_pos_ordinal(from); o < last; o++)
        if (store_file_by_ordinal(s, o, &f, &ignored) == 0)
            bytes += f.size;
    return bytes + store_pos_offset(to) - store_pos_offset(from);
}

static uint64_t count_set(const struct gtid_set *set)
{
    uint64_t n = 0;

    for (size_t i = 0; i < set->count; i++)
        for (size_t k = 0; k < set->lines[i].count; k++)
            n += set->lines[i].intervals[k].last - set->lines[i].intervals[k].first + 1;
    return n;
}

/* MariaDB's sequence numbers count a domain's transactions. */
static uint64_t count_state(const struct gtid_state *all, const struct gtid_state *have)
{
    uint64_t n = 0;

    for (size_t i = 0; i < all->count; i++) {
        const struct gtid *mine = gtid_state_get(have, all->entries[i].domain);
        uint64_t           from = mine != NULL ? mine->number : 0;
        if (all->entries[i].number > from)
            n += all->entries[i].number - from;
    }
    return n;
}

static int transactions_between(struct store *s, store_pos from, uint64_t *out, struct err *e)
{
    struct gtids all = { 0 }, have = { 0 };

    int result = store_gtids_published(s, &all, e);
    if (result == 0 && gtids_is_empty(&all))
        result = err_set(e, E_PURGED, "no GTIDs to count");
    if (result == 0)
        result = locate_gtids_at(s, from, &have, e);
    if (result == 0)
        result = gtid_set_subtract(&all.set, &have.set, e);
    if (result == 0)
        *out = count_set(&all.set) + count_state(&all.state, &have.state);
    gtids_done(&all);
    gtids_done(&have);
    return result;
}

static void put_lags(struct json *j, struct store *s, store_pos at)
{
    struct store_file f;
    struct err        ignored;
    store_pos         end = store_published(s);
    uint64_t          transactions = 0;
    int64_t           since_s = 0, now = (int64_t)time(NULL);
    bool              held = store_file_by_ordinal(s, store_pos_ordinal(at), &f, &ignored) == 0;
    bool              all = held && at >= end;

    json_name(j, "lag_bytes");
    if (held)
        json_uint(j, bytes_between(s, at, end));
    else
        json_null(j);
    json_name(j, "lag_transactions");
    if (all || (held && transactions_between(s, at, &transactions, &ignored) == 0))
        json_uint(j, transactions);
    else
        json_null(j);
    json_name(j, "lag_s");
    if (all)
        json_uint(j, 0);
    else if (held && lag_since(s, at, &since_s, &ignored) == 0)
        json_uint(j, since_s < now ? (uint64_t)(now - since_s) : 0); /* clocks differ */
    else
        json_null(j);
}

/* ---- hold ---------------------------------------------------------------------------------- */

static void put_hold(struct json *j, struct store *s, const struct config_channel *keys,
                     const struct consumer_info *x)
{
    static const char *const states[] = {
        [HOLD_NONE] = "none", [HOLD_KEPT] = "kept", [HOLD_OVER] = "over", [HOLD_LOST] = "lost"
    };
    struct store_file f;
    struct err        ignored;
    struct hold       h;
    int64_t           now = (int64_t)time(NULL);
    struct holder     who = { .from = x->needs };

    if (!x->connected)
        who.away_s = now > x->row.seen_s ? now - x->row.seen_s : 1;
    hold_look(s, keys, &who, now, &h);
    json_name(j, "hold");
    json_open_object(j);
    put_text(j, "state", states[h.state]);
    bool known = store_file_by_ordinal(s, store_pos_ordinal(x->needs), &f, &ignored) == 0;
    put_text_or_null(j, "file", known ? f.name : "");
    put_uint(j, "bytes", h.bytes);
    put_uint_or_null(j, "bytes_limit", keys->hold_bytes);
    put_uint(j, "age_s", (uint64_t)h.age_s);
    put_uint_or_null(j, "age_limit_s", keys->hold_age);
    put_uint(j, "away_s", (uint64_t)h.away_s);
    put_uint_or_null(j, "away_limit_s", keys->hold_away);
    put_text_or_null(j, "limit", h.limit);
    put_uint(j, "used_percent", h.used_percent);
    json_close_object(j);
}

void control_put_consumer(struct channel *c, const struct config_channel *keys,
                          const struct consumer_info *x, struct buf *out)
{
    struct store     *s = channel_store(c);
    struct json       j = json_into(out);
    struct store_file f;
    struct err        ignored;
    bool known = store_file_by_ordinal(s, store_pos_ordinal(x->row.place), &f, &ignored) == 0;

    json_open_object(&j);
    put_text(&j, "name", x->row.name);
    put_text(&j, "channel", keys->name);
    put_text(&j, "user", x->row.user);
    put_uint(&j, "server_id", x->row.server_id);
    put_text_or_null(&j, "server_uuid", x->row.uuid);
    put_text(&j, "address", x->row.address);
    put_bool(&j, "connected", x->connected);
    put_time_or_null(&j, "seen_s", x->row.seen_s);
    put_text_or_null(&j, "file", known ? f.name : "");
    put_uint(&j, "offset", store_pos_offset(x->row.place));
    put_lags(&j, s, x->row.place);
    put_hold(&j, s, keys, x);
    json_close_object(&j);
}
