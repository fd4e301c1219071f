/*
 * The ingest thread's life: connect, follow, and on an error say it once, wait, begin again exactly
 * where the held data ends.
 *
 * Owned by the channel. follow_run() is the thread's body; everything else may be called from any
 * thread.
 */
#pragma once
#include "relay/channel.h"
#include "relay/upstream/remembered.h"

struct follow;
struct landmarks;

/* `source` and `store` must outlive it. The facts of the last attach are read from the catalog.
   `publishes`: somebody needs rows whole. */
MUST_CHECK int follow_new(const struct config_source *source, struct store *store,
                          const char *relay_uuid, bool publishes, struct follow **out,
                          struct err *e);
/* Before follow_run(); must outlive it. */
void follow_landmarks(struct follow *f, struct landmarks *l);
void follow_free(struct follow *f); /* accepts NULL */

/* Returns after follow_stop(), or when it takes a person to go on (the state says so). */
void follow_run(struct follow *f);
void follow_stop(struct follow *f);
/* As follow_stop(), but for a reason that status and log shall tell. */
void follow_fail(struct follow *f, const struct err *why);

/* Connects anew by other settings of the same source, or to another one; they must outlive it. */
void follow_use(struct follow *f, const struct config_source *source);

/* ---- another server -------------------------------------------------------------------------- */

/* What is done about forks when another server answers at the source's address; FORK_STOP at first.
 */
void follow_policy(struct follow *f, enum fork_policy policy);

struct follow_order {
    const struct config_source *source;                    /* must outlive it */
    char                        at[STORE_NAME_BYTES + 32]; /* FILE:POSITION to join at; "": found */
    enum fork_policy            policy;
};
/* How an order ended, or went so far. */
struct follow_joined {
    bool       done; /* the join has begun in the catalog (ok), or it was given up */
    bool       ok;   /* else `why` says why, and the former source is followed on */
    struct err why;
    uint32_t   epoch;                               /* that began */
    char       file[STORE_NAME_BYTES + 1];          /* of the new source, from which it is copied */
    int64_t    began_us, joined_us, first_event_us; /* CLOCK_MONOTONIC; 0: not yet. The last: a new
                                                       transaction was received */
};
/*
 * Follows this source from now on, joined to what is held (plan.h); when that can't be, the former
 * one again. One order at a time: a second one replaces it, and the first ends with E_STOPPED. The
 * ticket is for the calls below. A thread that has stopped for want of a person (E_FORK) goes on.
 */
uint64_t follow_switch(struct follow *f, const struct follow_order *order);
/* False for a ticket that is not the last one's. */
bool follow_switched(struct follow *f, uint64_t ticket, struct follow_joined *out);
/* Waits until it is done, or follow_stop(). */
bool follow_wait_switched(struct follow *f, uint64_t ticket, struct follow_joined *out);
/* The source that is followed, or the one that an order goes to once it is joined. */
const struct config_source *follow_source(struct follow *f);
/* Called when that has changed, and when an order is done, from the ingest thread; before
   follow_run(). */
void follow_on_switched(struct follow *f, void (*wake)(void *arg), void *arg);

/* NULL before the first attach; the caller releases it. */
struct remembered_list *follow_variables(struct follow *f);
void                    follow_facts(struct follow *f, struct server_facts *out);
void                    follow_status(struct follow *f, struct channel_status *out);
void                    follow_warnings(struct follow *f, struct channel_warnings *out);
/* Becomes readable at follow_stop(): for other connections to the source. */
int follow_interrupt_fd(const struct follow *f);
