/*
 * A publisher: reads the store from its checkpoint on, turns row changes into change events, puts
 * them into its output (publisher/output.h): lines of a file, or Kafka.
 *
 * Runs in a thread of its own (publisher_run); all other functions may be called from any thread.
 * Its failure is its own: it stops with a state and a sentence, and nothing else is disturbed. A
 * full disk is no failure: it waits, saying so, until there is room; so it does for a source that
 * must be asked for a table and is away, and for a Kafka that does not take what it is given.
 *
 * Once and only once in a file: the checkpoint (catalog) names the transaction to go on with and
 * the sink's size; it is put after a sync of the file, about every second and at the end. Complete
 * lines that are behind it in the file stay, and as many events are left out when they come again.
 * (So the include lists and tombstones.on.delete must not be changed between a crash and the next
 * start.) Standard output has no lines to look at: after a crash up to a second of events comes
 * again. In Kafka: publisher/kafka/kafka.h.
 *
 * A line is {"topic":"...","key":...,"value":...}, null for no key and for a tombstone's value.
 */
#pragma once
#include "publisher/convert.h"
#include "storage/catalog.h"
#include "storage/store.h"

struct kafka_options;
struct select;
struct signal;

/* How tables are read at the source. */
struct publisher_source {
    /* A connection to the server that the stream comes from, prepared for reading rows
       (publisher/snapshot/row.h); `interrupt_fd` as in protocol/client.h. */
    int (*open)(void *arg, int interrupt_fd, struct select **out, struct err *e);
    void *arg;
};

struct publisher_options { /* texts are copied */
    const char                 *name;
    const char                 *path;        /* file to append to; NULL: standard output */
    const struct kafka_options *kafka;       /* in its place; NULL: not Kafka */
    bool                        from_newest; /* without a checkpoint */
    /* In its place: where a Debezium connector is; NULL: not that. Only with `kafka`. */
    const char            *adopt_topic, *adopt_connector;
    struct convert_options convert; /* `remember` is set by the publisher */
    definition_fetch  *fetch;  /* asks the source for a table, see publisher/tables/definition.h */
    definition_survey *survey; /* asks it for all of them, at the first start; may be NULL */
    void              *fetch_arg;
    struct publisher_source source; /* its `open` NULL: no snapshots */
    /* What a person should know that is no failure: it waits, it goes on. May be NULL. */
    void (*say)(void *arg, const char *name, const char *sentence);
    void *say_arg;
};

struct publisher;
/* The store must have a catalog that can be written. E_CONFIG for a wrong include list. */
MUST_CHECK int publisher_new(struct store *s, const struct publisher_options *o,
                             struct publisher **out, struct err *e);
void           publisher_free(struct publisher *p); /* accepts NULL; its thread must have ended */

/* The thread's body: 0 after publisher_stop(), with everything written and the checkpoint put; -1
 * when it can't go on without a person. */
MUST_CHECK int publisher_run(struct publisher *p, struct err *e);
/* After -1: until somebody says that it shall go on (true: run it again) or stop. */
bool publisher_await(struct publisher *p);
void publisher_stop(struct publisher *p);

enum publisher_order {
    PUBLISHER_PAUSE, /* holds still, also after a restart of the relay */
    PUBLISHER_RESUME,
    PUBLISHER_RETRY, /* what it waits for, or why it failed */
    PUBLISHER_SKIP,  /* leaves out the record that it failed at */
};
/* E_CONFIG when that is not possible now. */
MUST_CHECK int publisher_order(struct publisher *p, enum publisher_order order, struct err *e);

enum publisher_state {
    PUBLISHER_RUNNING,
    PUBLISHER_IDLE /* all that is published is written */,
    PUBLISHER_WAITING /* for what is told in `problem`; goes on by itself */,
    PUBLISHER_PAUSED,
    PUBLISHER_FAILED /* needs a person */,
    PUBLISHER_ENDED
};
/* How far a publisher's incremental snapshot is. */
struct snapshot_progress {
    bool     known; /* false: the publisher's checkpoint was not looked at yet */
    bool     active, paused;
    char     table[2 * 256 + 2]; /* being read, DATABASE.TABLE; "": none */
    size_t   tables_left;        /* with that one */
    uint64_t tables_done, rows;  /* rows of that one */
    uint64_t rows_guessed;       /* of that one, as the server guesses; 0: it does not */
    uint64_t rows_total;         /* of all, since the start of the relay */
    uint64_t rows_left_out;      /* since the stream wrote them newer */
    uint64_t chunks_again;       /* thrown away and read again */
    uint64_t rows_per_s;         /* of the last chunks */
    uint32_t chunk_rows;
    int64_t  begun_s;                 /* this table; Unix time */
    char     waits[ERR_TEXT_BYTES];   /* what for; "": it does not */
    char     problem[ERR_TEXT_BYTES]; /* why a table was left out last; "": none */
};

/* How far a consistent snapshot is. */
struct snapshot_status {
    bool     running;
    char     table[2 * 256 + 2]; /* that was read last, DATABASE.TABLE */
    uint32_t tables, tables_done;
    uint64_t rows, bytes;              /* written from this view */
    uint64_t rows_guessed, rows_ahead; /* by the server: of all, of the tables that are not done */
    int64_t  begun_s, ended_s;         /* Unix time; 0: not yet */
};

struct publisher_status {
    char                   name[64];
    enum publisher_state   state;
    char                   problem[ERR_TEXT_BYTES]; /* "": none */
    bool                   can_skip;                /* failed at one record */
    store_pos              next;         /* transaction to be written next; held in the store */
    uint64_t               events;       /* written since the beginning of its checkpointed life */
    int64_t                last_event_s; /* source time of the last one written */
    struct snapshot_status snapshot;
};
void publisher_status(struct publisher *p, struct publisher_status *out);

/* A signal (publisher/snapshot/signal.h), taken over, from a person: returns when it was taken up.
   E_CONFIG and others say why it was not. */
MUST_CHECK int publisher_signal(struct publisher *p, struct signal *s, struct err *e);
void           publisher_progress(struct publisher *p, struct snapshot_progress *out);
