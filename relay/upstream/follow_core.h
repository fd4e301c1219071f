/* The inside of follow.h, for relay/upstream/follow*.c alone. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "relay/upstream/follow.h"
#include "relay/upstream/plan.h"
#include "relay/upstream/source.h"
#include "storage/writer.h"

struct follow {
    const struct config_source           *source; /* the ingest thread's */
    _Atomic(const struct config_source *) next;   /* what it shall be */
    struct store                         *store;
    struct landmarks                     *landmarks;
    bool                                  publishes;
    char                                  relay_uuid[UUID_TEXT_BYTES + 1];
    int                                   stop_fd;
    int                                   wake_fd; /* a sync has ended: see wake_ingest() */
    _Atomic(bool)                         stopping;

    pthread_mutex_t         lock; /* of what follows */
    struct remembered_list *variables;
    struct server_facts     facts;
    struct channel_status   status;
    struct channel_warnings warnings;
    uint64_t                bytes_before, events_before, acks_before; /* of dumps that are over */

    enum fork_policy     policy;
    struct follow_order  order; /* the last one, with its ticket */
    uint64_t             ticket;
    bool                 order_waits; /* the ingest thread has not seen it yet */
    struct follow_joined joined;      /* what became of it */
    pthread_cond_t       joined_now;  /* that has changed */
    void (*on_switched)(void *arg);
    void *on_switched_arg;

    /* The ingest thread's own. */
    bool                ordered; /* this attempt is for the order */
    struct follow_order at_hand; /* that one */
    uint64_t            ordered_ticket;
    bool                awaits_first; /* new transaction since it was joined */
    struct err          fork_why;
    bool                fork_stands; /* stopped by one, and nothing was followed since */
    bool                forked;      /* the source's binlog turned out not to be what is held */
    bool                progressed;  /* in this attempt */
    bool                attached;    /* ever */
    bool                refused;     /* the attempt before this one: the file is not there */
    bool                well;        /* this attempt has received all that there was */
    int64_t             began_s;     /* the dump, by the monotonic clock */
    uint32_t            pause_s;
    struct client      *client; /* of the dump */
    struct store_watch  watch;
    bool                acks;             /* of this dump */
    _Atomic(bool)       waits;            /* see struct ingest_order */
    char          logged[ERR_TEXT_BYTES]; /* the problem that was logged last, not to repeat it */
    enum err_kind logged_kind;
};

void follow_set_state(struct follow *f, enum channel_state state, const char *problem);

/* What the source says of itself: to the catalog, where it differs from what was known. */
MUST_CHECK int follow_keep_facts(struct follow *f, const struct server_facts *facts, struct err *e);
MUST_CHECK int follow_keep_variables(struct follow *f, struct client *c, struct err *e);
MUST_CHECK int follow_load_facts(struct follow *f, struct err *e);

/* ---- another server -------------------------------------------------------------------------- */

/* Where and how the held data goes on. */
struct follow_place {
    char        file[STORE_NAME_BYTES + 1]; /* with `joins` */
    bool        joins;                      /* an epoch begins with it */
    struct skip skip;
};
/* For a store that holds something: goes on at the same server, or joins another one, which is then
   durable in the catalog. *out is to be given back by skip_done(). */
MUST_CHECK int follow_find_place(struct follow *f, struct writer *w,
                                 const struct writer_resume *resume,
                                 const struct server_facts *facts, struct follow_place *out,
                                 struct err *e);
/* The row of a store's first epoch. */
MUST_CHECK int follow_first_epoch(struct follow *f, const struct writer *w,
                                  const struct server_facts *facts, const char *file,
                                  struct err *e);
void           follow_source_fill(const struct follow *f, const struct server_facts *facts,
                                  struct store_source *out);

/* Makes whatever the ingest thread waits for end. */
void follow_interrupt(struct follow *f);

/* An order that waits becomes the one at hand: true. */
bool follow_take_order(struct follow *f);
bool follow_has_order(struct follow *f); /* one waits */
/* Of the one at hand, if there is one. */
void    follow_order_fails(struct follow *f, const struct err *why);
void    follow_order_joined(struct follow *f, uint32_t epoch, const char *file);
void    follow_order_flows(struct follow *f);
int64_t follow_now_us(void);
