/*
 * A publisher: reads the store from its checkpoint on, turns row changes into change events, writes
 * them to its sink.
 *
 * Runs in a thread of its own (publisher_run); all other functions may be called from any thread.
 * Its failure is its own: it stops with a state and a sentence, and nothing else is disturbed. Once
 * and only once: the checkpoint (catalog) names the transaction to go on with and the sink's size;
 * lines that are behind it in the file are counted and the same number of events is left out when
 * they come again.
 */
#pragma once
#include "publisher/convert.h"
#include "storage/catalog.h"
#include "storage/store.h"

struct publisher_options { /* texts are copied */
    const char            *name;
    const char            *path;        /* file to append to; NULL: standard output */
    bool                   from_newest; /* without a checkpoint */
    struct convert_options convert;
    definition_fetch      *fetch; /* asks the source for a table, see publisher/definition.h */
    void                  *fetch_arg;
};

struct publisher;
MUST_CHECK int publisher_new(struct store *s, const struct publisher_options *o,
                             struct publisher **out, struct err *e);
void           publisher_free(struct publisher *p);

/* The thread's body: 0 after publisher_stop(), with everything written and the checkpoint put; -1
 * when it can't go on. */
MUST_CHECK int publisher_run(struct publisher *p, struct err *e);
void           publisher_stop(struct publisher *p);

enum publisher_state {
    PUBLISHER_RUNNING,
    PUBLISHER_IDLE /* all that is published is written */,
    PUBLISHER_FAILED,
    PUBLISHER_ENDED
};
struct publisher_status {
    char                 name[64];
    enum publisher_state state;
    char                 problem[ERR_TEXT_BYTES];
    store_pos            next;         /* transaction to be written next */
    uint64_t             events;       /* written since the beginning of its checkpointed life */
    int64_t              last_event_s; /* source time of the last one written */
};
void publisher_status(struct publisher *p, struct publisher_status *out);
