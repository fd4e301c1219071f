/*
 * All that is told of the running relay to those who watch it, as of one moment: what /metrics
 * prints, what the page shows, what the history samples and /readyz judges by.
 *
 * Made for each look, owned by who asked for it; texts belong to it. Any thread: it asks each part
 * what the operator's command would ask, and measures each store once. Lists are bounded as what
 * they tell of is (channels and sources by the configuration, consumers by CONSUMERS_MAX).
 */
#pragma once
#include "relay/channels.h"

struct serve;

/* Every thing that is told of begins with the values of its labels (relay/watch/metrics.h says
   which they are), in their order; NULL behind the last one. */
enum { OVERVIEW_LABELS = 3 };

struct overview_process {
    const char *label[OVERVIEW_LABELS];
    int64_t     started_ms; /* Unix time in milliseconds */
    double      cpu_s;
    double      resident_bytes, virtual_bytes, open_fds, max_fds, threads; /* NAN: not known */
    size_t      sessions, streams;
    uint64_t    logins_failed, logins_blocked;
    uint32_t    slowed_addresses;
    size_t      users;
};

struct overview_channel {
    const char *label[OVERVIEW_LABELS];
    const char *name, *state, *problem;
    bool        open;      /* else there is nothing behind this line */
    bool        following; /* its source */
    uint32_t    server_id;
    uint32_t    epoch, forks; /* newest one; how many of them are forks */
    const char *published;    /* FILE:OFFSET, "" for nothing */
    uint64_t    unpublished_bytes;

    uint32_t files;
    uint64_t bytes, free_bytes, reserve_bytes;
    bool     free_known;
    int64_t  oldest_s, newest_s; /* events held; 0: not known */
    uint64_t syncs, sync_us, purged_files, purged_bytes, index_opens, index_rebuilds;
    uint64_t keep_bytes, keep_age_s; /* limits; 0: none */
    uint64_t held_bytes;             /* of files that somebody still needs */
    size_t   consumers, connected;
};

/* The one that is followed. */
struct overview_source {
    const char *label[OVERVIEW_LABELS];
    const char *channel, *name, *address, *state, *problem, *server, *file;
    uint64_t    offset;
    int64_t     since_s;
    bool        following, caught_up;
    double      lag_s; /* of what is held behind the source */
    double      silence_s;
    int64_t     last_event_s, last_contact_s; /* 0: none since the start */
    uint64_t    received_bytes, received_events;
    uint32_t    reconnects;
    bool        semi_sync_wanted, semi_sync;
    uint64_t    acks;
    size_t      warnings;
};

/* Any one that may be followed, as of the last look at it. */
struct overview_candidate {
    const char *label[OVERVIEW_LABELS];
    const char *channel, *name, *address, *server, *problem;
    bool        active, looked, answers, ready;
    double      lacking; /* transactions; NAN: not known */
};

struct overview_consumer {
    const char *label[OVERVIEW_LABELS];
    const char *channel, *name, *user, *address, *place;
    bool        connected, held; /* held: all that it needs is there */
    int64_t     seen_s;
    double      lag_bytes, lag_s; /* NAN: not known */
    uint64_t    hold_bytes;
    unsigned    hold_percent; /* of the limit that is nearest */
    const char *hold_limit;   /* its name, "" for none */
};

struct overview_publisher {
    const char *label[OVERVIEW_LABELS];
    const char *channel, *name, *sink, *state, *problem, *place;
    uint64_t    events;
    int64_t     last_event_s;
    double      lag_bytes, lag_s; /* NAN: not known */

    /* Its incremental snapshot. */
    const char *snapshot_table; /* being read; "": none */
    bool        snapshot_active, snapshot_paused;
    size_t      snapshot_tables_left;
    uint64_t    snapshot_rows, snapshot_rows_guessed; /* of that table; guessed: 0 for not known */
    uint64_t    snapshot_rows_total, snapshot_chunks_again;
};

/* One of the states that a thing may be in, and whether it is. */
struct overview_state {
    const char *label[OVERVIEW_LABELS];
    bool        is;
};

struct overview_epoch {
    const char *channel, *source, *method,
        *file; /* file: relay file it begins with, "" when gone */
    uint32_t epoch;
    int64_t  begun_s;
    bool     forked;
};

struct overview_info {
    const char *label[OVERVIEW_LABELS];
};

#define OVERVIEW_LIST(type)                                                                        \
    struct {                                                                                       \
        struct type *items;                                                                        \
        size_t       count;                                                                        \
    }

struct overview_text;
struct overview {
    int64_t now_s, now_ms;
    OVERVIEW_LIST(overview_info) info;       /* one */
    OVERVIEW_LIST(overview_process) process; /* one */
    OVERVIEW_LIST(overview_channel) channels;
    OVERVIEW_LIST(overview_source) sources;
    OVERVIEW_LIST(overview_candidate) candidates;
    OVERVIEW_LIST(overview_consumer) consumers;
    OVERVIEW_LIST(overview_publisher) publishers;
    OVERVIEW_LIST(overview_state) channel_states;
    OVERVIEW_LIST(overview_state) publisher_states;
    OVERVIEW_LIST(overview_epoch) epochs;
    struct overview_text *texts;
};

struct overview_of { /* borrowed */
    const struct config   *config;
    const struct channels *channels;
    struct serve          *serve;
    int64_t                started_ms;
};

MUST_CHECK int overview_take(const struct overview_of *of, struct overview *out, struct err *e);
void           overview_done(struct overview *o); /* accepts a zeroed one */

/* Why the relay is not ready: a line for each channel that is not open and following; true when
   there is none. */
bool overview_ready(const struct overview *o, struct buf *why);

/* How old the source's word is by which the relay is up to date: 0 while it had nothing more and
   was heard within its heartbeat, growing with the clock while it is silent or away; while there is
   more to receive, the age of what was received last. */
double overview_source_lag(const struct channel_status *s, int64_t heartbeat_s, int64_t started_s,
                           int64_t now_s);
