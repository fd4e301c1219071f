/*
 * The store: relay files that are source files byte for byte, and the one number up to which
 * readers may see them.
 *
 *   relay file   0 ... published ............ synced ... written
 *                      readers see            safe       in the system's cache
 *   published end = synced and the end of a complete transaction; it only rises.
 *
 * Folder: NAME.NNNNNN (relay files), NAME.NNNNNN.idx (sidecars, see sidecar.h), catalog.db (see
 * catalog.h), `lock` (one owner).
 *
 * Threads: one writer (storage/writer.h, the ingest thread), one syncer (store_sync), any number of
 * readers (storage/reader.h). The table of files is behind a mutex; the published end is an atomic.
 * Opening recovers: the last file is read on from its last good index entry, checksums verified (or
 * the sidecar's spans, in a file without them), and what is behind the last complete transaction is
 * not shown, and cut off by the writer; files before the last are not read. A ROTATE is published
 * when the next file begins, with its file's sealing.
 */
#pragma once
#include <stdatomic.h>
#include "protocol/format.h"
#include "protocol/gtid.h"
#include "storage/disk.h"
#include "storage/pos.h"

enum { STORE_NAME_BYTES = 255 };

/* Which server a file was copied from. MariaDB and MySQL 5.5 have no UUID: then it is "". */
struct store_source {
    char               name[64]; /* of the [source NAME] section */
    char               uuid[UUID_TEXT_BYTES + 1];
    uint32_t           server_id;
    char               version[FORMAT_VERSION_BYTES + 1];
    enum format_family family;
};

/* When received transactions are synced, and so shown. */
struct store_sync {
    bool     never;       /* the system decides; what is shown can be lost by a power cut */
    uint32_t interval_ms; /* not more often than this; 0: as soon as the sync before has ended */
};

struct store_options {
    const char       *folder;
    struct disk      *disk; /* owned by the caller, outlives the store */
    struct store_sync sync;
    uint64_t          reserve_bytes; /* writing stops while the disk has less room: E_FULL */
    uint32_t          index_bytes;   /* distance of index entries; 0: 256 KiB */
};

struct store;

/* Takes the folder's lock (E_CONFIG when another process holds it), reads the catalog, recovers. */
MUST_CHECK int store_open(const struct store_options *options, struct store **out, struct err *e);
/* For tools beside a running daemon: no lock, no recovery, no writing; the published end is what
   store_show_end() was told last (at first: the catalog's sealed files). */
MUST_CHECK int store_open_readonly(const struct store_options *options, struct store **out,
                                   struct err *e);
void           store_close(struct store *s); /* accepts NULL; no reader or writer may be left */
struct disk   *store_disk(struct store *s);
void           store_show_end(struct store *s, store_pos end); /* read-only stores */

/* ---- published end ---- */
store_pos store_published(const struct store *s); /* 0: nothing yet */

/* Called after every rise of the published end and after a file was opened or sealed, from the
   thread that did it: must only wake somebody. `arg` must live until store_unwatch() returned. */
struct store_watch {
    void (*wake)(void *arg);
    void               *arg;
    struct store_watch *next; /* the store's own */
};
void store_watch(struct store *s, struct store_watch *w);
void store_unwatch(struct store *s, struct store_watch *w);

/* The syncer's body: waits until there is something written but not synced, or store_stop_sync();
   syncs (or not, by policy), raises the published end, wakes. Returns -1 once when a sync failed
   (E_IO, E_FULL): what was handed over and not published is lost, and nothing more is published
   until the writer is closed and opened again. It may be called again at once: it waits for that.
   Returns 1 after store_stop_sync() with all synced, 0 after a round. */
int store_sync(struct store *s, struct err *e);
/* The writer's: true while a sync is under way, or about to begin for what was handed over up to
   `handed`; *round tells one from the next. Whoever finds it true and has a watch is woken when it
   has ended. */
bool store_syncing(const struct store *s, store_pos handed, unsigned *round);
/* For good: a store whose syncer was stopped is closed next. */
void store_stop_sync(struct store *s);
/* Waits until all that was flushed so far is synced (or the syncer failed: -1). For the writer's
 * orderly stop. */
MUST_CHECK int store_wait_synced(struct store *s, struct err *e);

/* ---- files ---- */
struct store_file {
    uint32_t            ordinal;
    uint32_t            epoch;
    bool                sealed;    /* complete: nothing will be added */
    uint64_t            size;      /* of a sealed file; else what is published of it */
    int64_t             created_s; /* first event's time, 0 unknown */
    int64_t             last_s;    /* last event's time, 0 unknown */
    char                name[STORE_NAME_BYTES + 1];
    char                source_file[STORE_NAME_BYTES + 1];
    struct store_source source;
};

/* -1 with E_PURGED when there is none. */
MUST_CHECK int store_file_by_ordinal(struct store *s, uint32_t ordinal, struct store_file *out,
                                     struct err *e);
MUST_CHECK int store_file_by_name(struct store *s, const char *name, struct store_file *out,
                                  struct err *e);
/* The newest one with a lower ordinal than `below` that was begun at or before this time; E_PURGED
 * when there is none. */
MUST_CHECK int store_file_by_time(struct store *s, int64_t time_s, uint32_t below,
                                  struct store_file *out, struct err *e);
bool     store_first_file(struct store *s, struct store_file *out); /* false: the store is empty */
bool     store_last_file(struct store *s, struct store_file *out);
uint32_t store_file_count(struct store *s);

/* GTIDs in front of a file (what PREVIOUS_GTIDS or GTID_LIST at its head says). */
MUST_CHECK int store_gtids_before(struct store *s, uint32_t ordinal, struct gtids *out,
                                  struct err *e);
/* GTIDs of all that is published, incl. what came before the store's first file: @@gtid_executed.
 */
MUST_CHECK int store_gtids_published(struct store *s, struct gtids *out, struct err *e);
/* The format description that governs a file (its first event). E_PURGED when the file has none
 * published yet. */
MUST_CHECK int store_format(struct store *s, uint32_t ordinal, struct format *out, struct err *e);

/* Where consumers that ask for nothing older begin: FILE:POS of the first attach, or the start of
 * the first file. */
store_pos store_start(const struct store *s);
