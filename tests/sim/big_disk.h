/*
 * A disk that pretends to hold a store of any size, and counts what is asked of it.
 *
 * Each relay file is a head, transactions of 64 KiB and, unless it is the last one, a ROTATE; each
 * sidecar tells of all of it, with a checkpoint every 256 KiB. Nothing of it is kept: bytes are
 * made when they are read, so a store of 1 TiB costs no room. Can't be written to. One thread.
 */
#pragma once
#include "storage/catalog.h"
#include "tests/sim/binlog.h"

enum {
    BIG_TXN_BYTES = 64 * 1024,
    BIG_FILE_TXNS = 1680,
    BIG_CHECKPOINT_TXNS = 4,
};

struct big_disk {
    struct disk   disk;
    uint32_t      files;
    struct binlog txn;  /* the transaction that all others are made from */
    struct buf    made; /* the one of number `made_number`, which begins at `made_at` */
    uint64_t      made_number, made_at;
    /* counted since the caller set them to 0 */
    uint64_t opens, reads, bytes, sizes;
};

void big_disk_init(struct big_disk *d, enum format_family family, uint32_t files);
void big_disk_done(struct big_disk *d);

/* The rows that a catalog has of these files. */
void big_disk_fill(struct big_disk *d, struct catalog *c);

void     big_disk_name(uint32_t ordinal, char *into);              /* STORE_NAME_BYTES + 1 */
uint64_t big_disk_first_txn(struct big_disk *d, uint32_t ordinal); /* offset in the file */
uint64_t big_disk_size(struct big_disk *d, uint32_t ordinal);
/* GTIDs up to this number, counted through all files from 1 on; `into` has 128 bytes. */
void     big_disk_gtids(const struct big_disk *d, uint64_t last, char *into);
uint32_t big_disk_time(uint64_t number); /* of that transaction */
