/*
 * How far files are held for somebody who may still need them: a publisher, a consumer that is
 * connected or away. Pure: looks at the store's table of files and the configured limits. Any
 * thread.
 */
#pragma once
#include "relay/config/config.h"
#include "storage/store.h"

struct holder {
    store_pos from;   /* it may need all from here on; 0: nothing */
    int64_t   away_s; /* since it was connected; 0: it is, or is a publisher */
};

enum hold_state {
    HOLD_NONE, /* it needs nothing */
    HOLD_KEPT,
    HOLD_OVER, /* past one of its limits: the files stay only as long as nothing else wants room */
    HOLD_LOST, /* they are gone */
};

struct hold {
    enum hold_state state;
    uint32_t        ordinal; /* the first file held; 0 unless HOLD_KEPT */
    uint64_t        bytes;   /* from that file on */
    int64_t         age_s;   /* of that file's last event; 0: not known */
    int64_t         away_s;
    const char     *limit;        /* the nearest of hold_bytes, hold_age, hold_away; "" for none */
    unsigned        used_percent; /* of it; 0 when there is no limit */
};

/* `now_s` is Unix time. */
void hold_look(struct store *s, const struct config_channel *keys, const struct holder *who,
               int64_t now_s, struct hold *out);
/* The same for somebody who looks at many and has summed up `bytes` (of the files from its first
   one on) already. */
void hold_judge(struct store *s, const struct config_channel *keys, const struct holder *who,
                uint64_t bytes, int64_t now_s, struct hold *out);
