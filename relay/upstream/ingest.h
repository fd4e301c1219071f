/*
 * The dump reader: from the raw bytes of one COM_BINLOG_DUMP to the store's writer.
 *
 *   buffer   0 ...... at ........ end ...... INGEST_BUFFER_BYTES
 *              done      to parse     free
 *
 * Takes packets apart, checks their sequence, every event's length and checksum and that it begins
 * where the one before it ended, leaves out what the source makes up for the connection (fake
 * ROTATE, format description sent again, heartbeats) and transactions that are held already from
 * another source (they become holes), and appends the rest. An event that does not fit the buffer
 * passes through in pieces. Owned and used by the ingest thread alone. Source: MySQL
 * protocol documentation ("Binlog Network Stream", packets); recorded streams of real servers.
 */
#pragma once
#include <stdatomic.h>
#include "protocol/client.h"
#include "relay/upstream/skip.h"
#include "storage/writer.h"

enum { INGEST_BUFFER_BYTES = 2 * 1024 * 1024 };

/* What is known after each batch of bytes. */
struct ingest_progress {
    char     file[STORE_NAME_BYTES + 1]; /* of the source; "" before the first event */
    uint64_t offset;                     /* behind the last event that was received */
    uint64_t bytes, events;              /* since the dump began */
    uint32_t last_event_s;               /* of the last stored event; 0: none yet */
    bool     caught_up;                  /* the source had nothing more to read */
    bool     semi_sync;                  /* the source marks the events that it waits for */
    uint64_t acks;                       /* sent since the dump began */
    bool     any_new; /* with `skip`: a transaction came that is not held already */
    uint64_t skipped_transactions, skipped_bytes; /* since the dump began */
};

/* Semi-synchronous: the source was asked to mark the events whose commits wait for an
   acknowledgement. That goes out only when the event's end is safe. Called by the same thread. */
struct ingest_semi_sync {
    uint64_t (*mark)(void *arg, uint64_t offset); /* a place of the file at hand, as a number that
                                                     rises through all files */
    uint64_t (*safe)(void *arg);                  /* all before it would survive a power cut */
    int (*send)(void *arg, struct slice packet, struct err *e);
    void *arg;
};

struct ingest_order { /* borrowed for the time of ingest_follow() */
    const struct store_source *source;
    const char                *file;  /* asked for in the dump */
    uint64_t                   asked; /* position in the dump command, at most `offset`: what lies
                                         between has to be what is held */
    uint64_t offset;                  /* where the store goes on in `file`: 4 for a file that has
                                         to be begun, else what writer_open() said */
    bool               begin;         /* the file is not in the store yet */
    bool               joins;         /* and an epoch begins with it */
    const struct skip *skip;          /* what is held already; NULL: nothing is */
    bool              *leaps; /* NULL: what is held is read, too; else it ends with E_STOPPED and
                                 this set when the first of it comes */
    bool     leapt;           /* all between the store's end and `offset` is held */
    uint64_t source_start;    /* for writer_begin_file() of the first file */
    uint32_t created_s;       /* identity of the file that is held; 0: not known */
    uint32_t silence_ms;      /* this much of it means that the connection is dead */
    bool     loose_sequence;  /* the connection is compressed: packets are not counted on */
    const struct ingest_semi_sync *semi_sync; /* NULL: not asked for. client_read() then has to
                                                 return when more has become safe */
    _Atomic(bool) *waits; /* set while what came is kept until a sync has ended, see
                             writer_may_wait(): client_read() then has to return at its end. NULL:
                             nothing is kept */
    /* Called after each batch, from the same thread; -1 ends the dump. */
    int (*progress)(void *arg, const struct ingest_progress *p, struct err *e);
    void *arg;
};

/*
 * Reads until something ends it, so it always returns -1: E_STOPPED; E_IO (connection); E_REFUSED
 * (the source's error, see sys); E_PURGED (the source does not have the file (any more)); E_FORK
 * (its binlog is not the one that is held, or shorter); E_PROTOCOL, E_CORRUPT (bytes that make no
 * sense); and what the writer said. All whole transactions that were received are flushed, unless
 * it was the writer that failed (*writer_failed).
 */
int ingest_follow(struct client *c, struct writer *w, const struct ingest_order *order,
                  bool *writer_failed, struct err *e);

/*
 * Whether an event begins at this place of a file: asks for a dump from there and looks at the
 * first event. The connection can't be used for anything else afterwards. `file_bytes`: size of the
 * file, a good place too. E_CONFIG with a sentence when it is not.
 */
MUST_CHECK int ingest_probe(struct client *c, const char *file, uint64_t position,
                            uint64_t file_bytes, uint16_t flags, uint32_t server_id, struct err *e);
