/*
 * The sidecar of a relay file, NAME.idx: where transactions end in it, so that nobody has to read
 * the file from its start. Deleting one is safe: it is made again from the file.
 *
 * A sequence of entries, only ever appended to, all numbers little-endian:
 *
 *   length u32 | kind u8 | payload (length bytes) | CRC-32 u32 of all before it in the entry
 *
 *   HEAD        "BRIDX" version u8, the identity of source file and relay file, and the GTIDs held
 *               before this file began
 *   BEFORE      what PREVIOUS_GTIDS or GTID_LIST at the file's head says; replaces HEAD's GTIDs
 *   CHECKPOINT  a transaction's end: its offset, what was added since the last one. Written only
 *               when all before it is published, so recovery may begin there.
 *   SPAN        from, to and the CRC-32 of a stretch of a file without checksums of its own: what
 *               recovery judges unsynced bytes by
 *   FOOTER      the file is complete: its size, totals, the GTIDs behind it. The last entry.
 *
 * One thread at a time for each reader; a reader may run while the owner appends: an entry that is
 * not whole yet ends it.
 */
#pragma once
#include "storage/store.h"

enum sidecar_kind {
    SIDECAR_HEAD = 1,
    SIDECAR_BEFORE = 2,
    SIDECAR_CHECKPOINT = 3,
    SIDECAR_FOOTER = 4,
    SIDECAR_SPAN = 5,
};

enum { SIDECAR_VERSION = 1, SIDECAR_ENTRY_MAX = 64 * 1024 * 1024 };

struct sidecar_counts {
    uint64_t events;
    uint64_t transactions;
    uint64_t anonymous; /* of the transactions: those without a GTID */
    uint32_t first_s;   /* least and greatest time of commit events, 0 if there is none */
    uint32_t last_s;
};

struct sidecar_entry {
    enum sidecar_kind     kind;
    uint64_t              offset; /* in the relay file: behind what the entry tells about */
    struct slice          gtids;  /* text; valid until the next call */
    struct sidecar_counts counts; /* CHECKPOINT: since the last one; FOOTER: of the file */
    uint64_t              span_from;
    uint32_t              span_crc;
};

struct sidecar {
    struct store_file identity;  /* ordinal, epoch, name, source_file, source */
    struct buf        inherited; /* HEAD's GTIDs, text */
    uint64_t          head_end;
    uint64_t          good_end; /* in the sidecar: behind the last entry that was handed out */
    /* the reader's own */
    struct disk      *disk;
    struct disk_file *file; /* NULL: the bytes below are all there is */
    struct buf        bytes;
    uint64_t          bytes_at; /* where `bytes` lies in the sidecar */
};

/* Opens and reads HEAD. E_PURGED when there is none, E_CORRUPT when it is not one of this version.
 */
MUST_CHECK int sidecar_open(struct disk *d, const char *relay_name, struct sidecar *out,
                            struct err *e);
/* The same over bytes in memory, which it takes over (and empties), also when it fails. */
MUST_CHECK int sidecar_open_bytes(struct buf *bytes, struct sidecar *out, struct err *e);
void           sidecar_close(struct sidecar *s); /* accepts a zeroed one */
/* *more false: no further whole and good entry, for whatever reason; only reading errors are -1. */
MUST_CHECK int sidecar_next(struct sidecar *s, struct sidecar_entry *out, bool *more,
                            struct err *e);
/* Back to the entry behind HEAD. */
void sidecar_rewind(struct sidecar *s);

void sidecar_put_head(struct buf *out, const struct store_file *identity, struct slice gtids);
void sidecar_put_before(struct buf *out, uint64_t offset, struct slice gtids);
void sidecar_put_checkpoint(struct buf *out, uint64_t offset, const struct sidecar_counts *added,
                            struct slice gtids);
void sidecar_put_span(struct buf *out, uint64_t from, uint64_t to, uint32_t crc);
void sidecar_put_footer(struct buf *out, uint64_t size, const struct sidecar_counts *totals,
                        struct slice gtids);

void sidecar_counts_add(struct sidecar_counts *into, const struct sidecar_counts *more);
