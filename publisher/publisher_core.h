/* A publisher's parts, between the files publisher*.c; no one else's. */
#pragma once
#include <pthread.h>
#include "publisher/adopt.h"
#include "publisher/output.h"
#include "publisher/publisher.h"
#include "publisher/publisher_snapshot.h"

struct incremental;

struct publisher {
    struct store      *store;
    struct catalog    *catalog;
    char              *name, *paused_name; /* in the catalog */
    bool               from_newest;
    bool               has_begun;
    store_pos          newest; /* when it began; 0: there was nothing */
    struct options     options;
    definition_fetch  *fetch;
    definition_survey *survey;
    void              *fetch_arg;
    void (*say)(void *arg, const char *name, const char *sentence);
    void               *say_arg;
    struct registry    *registry; /* NULL: no Avro */
    struct convert     *convert;
    char               *adopt_topic, *adopt_connector; /* NULL: nothing to adopt */
    struct adopt        adopt;
    struct output_host  host;
    struct output      *output;
    struct buf          hold;        /* an event larger than the reader's block */
    int64_t             event_s;     /* time of the event being converted */
    struct output_place at;          /* behind the last whole transaction */
    uint64_t            events;      /* put */
    struct gtids        gtids;       /* of all before `at` */
    struct gtid         gtid;        /* of the open transaction */
    bool                keeps_gtids; /* although the output wants none */
    struct incremental *incremental;
    int64_t             told_ms;
    int64_t             beat_ms; /* the last heartbeat into the silence, or the beginning */
    bool                said_waiting;
    /* Kept with the place, see output_place: a line of the consistent snapshot, and what the
       incremental ones write. Changed right before publisher_pass() alone. */
    struct buf                snapshot_state, incremental_state;
    struct publisher_snapshot snapshot;
    struct buf                state; /* both */
    uint64_t                  state_serial;

    pthread_mutex_t         mutex; /* of what is below */
    pthread_cond_t          woken;
    bool                    has_news, stopping, paused, ordered;
    bool                    skips; /* the record that the output is stuck at */
    struct publisher_status status;
};

/* What it does now; `problem` may be "". */
void publisher_tell(struct publisher *p, enum publisher_state state, const char *problem);
/* Until there is news (only where it is waited for), an order, a stop, or the time is over; below
   zero: it never is. */
void publisher_wait(struct publisher *p, bool for_news, int64_t ms);
void publisher_wake(void *arg); /* a publisher; from any thread */
/* It shall stop, or pause. */
bool publisher_is_interrupted(struct publisher *p);
/* All before `next` was put. */
MUST_CHECK int publisher_pass(struct publisher *p, store_pos next, struct err *e);
/* Puts both states together, for the next publisher_pass(). */
MUST_CHECK int publisher_renew_state(struct publisher *p, struct err *e);
/* What a person should know that is no failure. */
void publisher_say(struct publisher *p, const char *sentence);
