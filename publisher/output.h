/*
 * Where a publisher's change events go, and where it is kept how far it is: one table of functions
 * for each kind of sink, driven by publisher.c.
 *
 *   find -> open -> (put ... boundary)* -> rest -> ... -> finish -> shut,  and again
 *
 * Owned by one publisher; one thread, its own. After a failure shut() is called, and find() begins
 * anew from what was kept. Errors: E_STOPPED where host->wait() gave it; with `again` set the same
 * may succeed later without anybody's help.
 */
#pragma once
#include "protocol/gtid.h"
#include "publisher/adopt.h"
#include "publisher/change.h"
#include "storage/catalog.h"
#include "storage/store.h"

/* What an output may ask of its publisher. */
struct output_host {
    void         *arg;
    struct store *store;
    const char   *name; /* of the publisher */
    /* Says what is waited for ("": nothing), and waits so long or until wake(). E_STOPPED: asked to
       end. */
    int (*wait)(void *arg, const char *problem, int64_t ms, struct err *e);
    void (*wake)(void *arg); /* from any thread */
    bool (*is_interrupted)(void *arg);
};

enum { OUTPUT_STATE_BYTES_MAX = 16 << 20 };
/* A place between two transactions. */
struct output_place {
    store_pos           next;   /* the transaction to begin with */
    uint64_t            events; /* put so far */
    const struct gtids *gtids;  /* of all before it; NULL where `wants_gtids` is not set */
    /* Kept and found again with the place: what snapshots have done. "" (NULL): nothing. Lives
       until the next boundary, or the next find(). */
    const char *state;
    uint64_t    state_serial; /* another one for every other state */
    /* For open(): what was put behind the checkpoint does not come again, it stays as it is. */
    bool is_anew;
};

struct output_kind;

struct output {
    const struct output_kind *kind;
    bool                      again;    /* why it failed passes by itself */
    bool                      at_once;  /* and it need not be waited for */
    bool                      is_stuck; /* at one record, which skip() would leave out */
    bool                      repeats;  /* what is put now is there already, and only counted */
    store_pos                 kept; /* what is behind this must stay in the store; 0: not known */
};

struct output_kind {
    bool wants_gtids;
    bool counts; /* what comes again behind the checkpoint, so it must come in the same way */
    /* 1: it was here before, and is to go on at *at (without GTIDs); 0: it never was. */
    int (*find)(struct output *o, struct output_place *at, struct err *e);
    /* Ready for what begins at `at`. */
    int (*open)(struct output *o, const struct output_place *at, bool is_found, struct err *e);
    int (*put)(struct output *o, const struct change_event *ev, struct err *e);
    int (*boundary)(struct output *o, const struct output_place *at, struct err *e);
    /* All that is published was put: *idle tells that all of it arrived, *due_ms when to come again
       at the latest, -1: when there is news. */
    int (*rest)(struct output *o, bool *idle, int64_t *due_ms, struct err *e);
    int (*finish)(struct output *o, struct err *e); /* all arrives, and it is kept how far */
    void (*shut)(struct output *o);
    void (*free)(struct output *o);
    /* Where a Debezium connector is. NULL: that can't be known here. */
    int (*adopt)(struct output *o, const char *topic, const char *connector,
                 struct adopt_offset *out, struct err *e);
    /* The record that it is stuck at is not put when it comes again. NULL: it never is. */
    int (*skip)(struct output *o, struct err *e);
};

/* Lines in a file or on standard output (`path` NULL), with checkpoints in the catalog.
   `uncounted` is how lines begin that do not count. */
MUST_CHECK int output_file_new(const struct output_host *host, const char *path,
                               const char *uncounted, struct output **out, struct err *e);

/* Milliseconds of a clock that only goes forward, in steps of some; cheap enough for each event. */
int64_t output_now_ms(void);
