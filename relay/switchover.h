/*
 * Going over to another source: looks how its binlog joins what is held, checks that by the policy,
 * brings the server up where it lacks something and that is wished, and has it followed.
 *
 * One for each channel, owned by it. switchover_run() may be called from any thread; a second one
 * meanwhile is refused.
 */
#pragma once
#include "relay/upstream/follow.h"
#include "relay/upstream/plan.h"

struct switchover;

struct landmarks;

struct switchover_options {
    struct channel      *channel;
    struct sources      *sources;
    struct store        *store;
    struct follow       *follow;
    struct landmarks    *landmarks;
    const char          *relay_uuid;
    const struct config *config; /* its listeners */
};
/* Everything in the options must outlive it. */
MUST_CHECK int switchover_new(const struct switchover_options *o, struct switchover **out,
                              struct err *e);
void           switchover_free(struct switchover *s); /* accepts NULL */
/* Ends what is under way, and refuses all that comes later. */
void switchover_stop(struct switchover *s);
/* Of follow_on_switched(). */
void switchover_wake(struct switchover *s);

struct switchover_order {
    const struct config_source *to;
    const char                 *at;        /* FILE:POSITION of the new source to join at; "" */
    bool                        dry_run;   /* tells what would be done */
    bool                        catch_up;  /* where it lacks something it may get that from here */
    bool                        keep_fork; /* whatever the configuration says */
    bool                        by_itself; /* nobody asked for it */
};

enum switchover_stage {
    SWITCHOVER_LOOKS,   /* reads the new source's binlogs: file, offset, bytes */
    SWITCHOVER_PLANNED, /* plan, and a refusal or NULL */
    SWITCHOVER_CATCHES_UP /* sentence */,
    SWITCHOVER_JOINS,   /* the new source is told of */
    SWITCHOVER_FOLLOWS, /* joined */
};
struct switchover_news {
    enum switchover_stage stage;
    const char           *sentence; /* or NULL */
    const char           *file;     /* or NULL */
    uint64_t              offset, bytes;

    const struct plan *plan;
    int64_t            look_ms;    /* that making the plan took */
    const struct err  *refusal;    /* why it is not done as things are */
    const char        *statements; /* for a person to run at the new source; "" */
    const char        *warning;    /* "" */

    const struct follow_joined *joined;
};
/* From the calling thread; -1 gives up as long as nothing is changed. */
typedef int switchover_tell(void *arg, const struct switchover_news *news, struct err *e);

/* Returns when the new source is followed. Errors of plan_make() and plan_check(), and E_LIMIT when
   another one is under way. A dry run that finds a reason against it ends well. */
MUST_CHECK int switchover_run(struct switchover *s, const struct switchover_order *order,
                              switchover_tell *tell, void *tell_arg, struct err *e);

/* Was the last one that was begun one that nobody asked for? */
bool switchover_by_itself(const struct switchover *s);

/*
 * Where a server that lacks these places of relay files ("FILE:FROM-TO,...") can begin to get them
 * by file and position. Pure. E_REFUSED when it has something behind the first of them, which it
 * would execute twice.
 */
MUST_CHECK int switchover_first_lacking(struct slice places, const char *end_file,
                                        uint64_t end_offset, char *file, size_t size,
                                        uint64_t *offset, struct err *e);
