#include "relay/hold.h"

enum { PERCENT_MAX = 1000000 };

static uint64_t bytes_from(struct store *s, uint32_t ordinal)
{
    struct store_file f;
    struct err        ignored;
    uint64_t          bytes = 0;

    for (; store_file_by_ordinal(s, ordinal, &f, &ignored) == 0; ordinal++)
        bytes += f.size;
    return bytes;
}

/* The limit that is used up most is the one to tell of. */
static void use_up(struct hold *h, const char *limit, uint64_t used, uint64_t most)
{
    if (most == 0)
        return;
    double   percent = (double)used / (double)most * 100;
    unsigned whole = percent < PERCENT_MAX ? (unsigned)percent : PERCENT_MAX;
    if (*h->limit == '\0' || whole > h->used_percent) {
        h->limit = limit;
        h->used_percent = whole;
    }
    if (used > most)
        h->state = HOLD_OVER;
}

void hold_judge(struct store *s, const struct config_channel *keys, const struct holder *who,
                uint64_t bytes, int64_t now_s, struct hold *out)
{
    struct store_file f;
    struct err        ignored;
    struct hold       h = { .limit = "", .away_s = who->away_s };

    if (who->from != 0) {
        uint32_t ordinal = store_pos_ordinal(who->from);
        h.state = HOLD_LOST;
        if (store_file_by_ordinal(s, ordinal, &f, &ignored) == 0) {
            h.state = HOLD_KEPT;
            h.bytes = bytes;
            if (f.last_s != 0 && f.last_s < now_s)
                h.age_s = now_s - f.last_s;
            use_up(&h, "hold_bytes", h.bytes, keys->hold_bytes);
            use_up(&h, "hold_age", (uint64_t)h.age_s, keys->hold_age);
            if (who->away_s > 0)
                use_up(&h, "hold_away", (uint64_t)who->away_s, keys->hold_away);
            h.ordinal = h.state == HOLD_KEPT ? ordinal : 0;
        }
    }
    *out = h;
}

void hold_look(struct store *s, const struct config_channel *keys, const struct holder *who,
               int64_t now_s, struct hold *out)
{
    uint64_t bytes = who->from != 0 ? bytes_from(s, store_pos_ordinal(who->from)) : 0;
    hold_judge(s, keys, who, bytes, now_s, out);
}
