/*
 * The store's inside, shared by the files of this folder only.
 *
 * Order of locks: sync_mutex, then mutex. watch_mutex and rebuild_mutex are taken alone.
 */
#pragma once
#include <pthread.h>
#include <time.h>
#include "storage/catalog.h"

struct store {
    char             *folder;
    struct disk      *disk;
    struct store_sync sync;
    uint32_t          index_bytes;
    uint64_t          reserve_bytes;
    bool              readonly;
    int               lock_fd;
    struct catalog   *catalog;

    _Atomic store_pos published; /* only rises (I1); read without a lock */
    _Atomic unsigned  rounds;    /* of syncing, begun and ended: odd during one */

    struct { /* since it was opened; storage/numbers.h tells them */
        _Atomic(uint64_t) syncs, sync_us, purged_files, purged_bytes, index_opens, index_rebuilds;
    } counts;

    pthread_mutex_t    mutex; /* for all up to the next line */
    pthread_cond_t     work;  /* something was handed over, or stop */
    pthread_cond_t     done;  /* a round ended */
    struct store_file *files; /* ordinal = files[0].ordinal + index */
    size_t             file_count, file_size;
    store_pos          start;
    store_pos          boundary;  /* handed over: written, behind a complete transaction */
    struct gtids       pending;   /* of the transactions between published and boundary */
    struct gtids       gtids;     /* of all that is published */
    bool               stop;      /* the syncer shall end, for good */
    struct timespec    next_sync; /* not before this (CLOCK_MONOTONIC), with a sync interval */
    bool               failed;    /* a sync failed: what was handed over may be lost */
    bool               has_writer;

    pthread_mutex_t   sync_mutex;   /* one sync at a time; holds the files in place during it */
    struct disk_file *tail;         /* the last relay file, while there is a writer */
    struct disk_file *tail_index;   /* its sidecar */
    struct disk_file *sealed_index; /* that of the file before, until the next sync: should its end
                                       be lost, it is made again */
    bool tail_bare;                 /* without checksums: the sidecar's spans must be safe too */

    pthread_mutex_t     watch_mutex;
    struct store_watch *watches;
    pthread_mutex_t     rebuild_mutex; /* one sidecar is made again at a time */
};

/* The one owner's lock of a folder; close(*out_fd) gives it back. E_CONFIG when another has it. */
MUST_CHECK int store_lock(const char *folder, int *out_fd, struct err *e);
/* Syncs what was handed over and publishes it; nothing happens when there is nothing, unless
   `force` asks for the sync alone. */
MUST_CHECK int store_round(struct store *s, bool force, struct err *e);
/* The writer's: behind `boundary` all is written. Takes over *fresh (left empty). */
MUST_CHECK int store_hand_over(struct store *s, store_pos boundary, struct gtids *fresh,
                               int64_t created_s, int64_t last_s, struct err *e);
void           store_wake(struct store *s);
/* Adds a row, or replaces the one with its ordinal; needs the mutex. */
MUST_CHECK int store_table_put(struct store *s, const struct store_file *f, struct err *e);
/* True for the first file of an epoch but the store's first one: what its head says is another
   server's word. */
bool store_begins_epoch(struct store *s, const struct store_file *f);
/* How much of a file may be read: its size when it is sealed, else what is published (at least the
   magic). */
uint64_t store_visible(struct store *s, const struct store_file *f);
