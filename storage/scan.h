/*
 * Walks the events of one relay file in order: for recovery, sidecars that are made again, checking
 * and finding.
 *
 * Follows the format description and the transactions. Memory is one block; of an event larger than
 * that only the head is handed out, yet its checksum is computed. Owned by one thread.
 */
#pragma once
#include "protocol/txn.h"
#include "storage/store.h"

enum { SCAN_BLOCK_BYTES = 256 * 1024, SCAN_STEP_BYTES = 16 * 1024 };

struct scan {
    struct disk      *disk;
    struct disk_file *file;
    char              name[STORE_NAME_BYTES + 1];
    uint64_t          at;  /* where the next event begins */
    uint64_t          end; /* nothing behind it is looked at */
    bool              verify;
    bool              has_format;
    struct format     format;    /* what governs the next event */
    uint32_t          created_s; /* time of the format description */
    struct txn        txn;
    uint8_t          *block;
    uint64_t          block_at;
    size_t            block_len;
    size_t            step; /* of the last read */
};

struct scan_event {
    struct event event; /* whole, or the first SCAN_BLOCK_BYTES of it, of a sparse hole the header
                           alone; valid until the next call */
    uint64_t       at;
    uint64_t       end;
    enum txn_place place;
};

/* `end` is cut to the file's size. Begins at the first event. With `verify` checksums are computed
   where the file has them. E_CORRUPT when the file is no binlog. */
MUST_CHECK int scan_open(struct disk *d, const char *name, uint64_t end, bool verify,
                         struct scan *out, struct err *e);
void           scan_close(struct scan *s); /* accepts a zeroed one */

/* Reads the format description, without moving; E_CORRUPT when there is none. */
MUST_CHECK int scan_format(struct scan *s, struct err *e);
/* Goes to a place between transactions, having read the format description at the file's start. */
MUST_CHECK int scan_seek(struct scan *s, uint64_t at, struct err *e);

/* *more false at the end. E_CORRUPT, with file and offset, when what follows is no whole and right
   event; s->at then still is where it would begin. */
MUST_CHECK int scan_next(struct scan *s, struct scan_event *out, bool *more, struct err *e);
