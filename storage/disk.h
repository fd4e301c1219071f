/*
 * The disk as the store sees it: one folder, named files, and a sync that may fail.
 *
 * Everything but the catalog goes through this table, so the same store runs on the real disk
 * (disk_real_new), and in tests on one that loses, tears and reorders what was not synced, or is
 * full. Names are bare file names inside the folder. All functions may be called from any thread;
 * one file is written by one thread, and read and synced by any. Errors name the file; E_FULL when
 * there is no room.
 */
#pragma once
#include "protocol/base/bytes.h"
#include "protocol/base/err.h"

struct disk_file; /* each disk's own */

struct disk {
    /* Opens for reading, and for writing too where `writable`; creates an empty one where `create`.
     * E_PURGED when there is none. */
    int (*open)(struct disk *d, const char *name, bool writable, bool create,
                struct disk_file **out, struct err *e);
    int (*read)(struct disk_file *f, uint64_t at, uint8_t *into, size_t n, size_t *got,
                struct err *e); /* fewer than n only at the end */
    int (*write)(struct disk_file *f, uint64_t at, struct slice bytes, struct err *e);
    int (*sync)(struct disk_file *f,
                struct err       *e); /* data and size survive a power cut afterwards */
    int (*cut)(struct disk_file *f, uint64_t size, struct err *e);
    int (*size)(struct disk_file *f, uint64_t *out, struct err *e);
    void (*close)(struct disk_file *f); /* accepts NULL */

    /* Of a file that need not be opened for it. E_PURGED when there is none. */
    int (*size_of)(struct disk *d, const char *name, uint64_t *out, struct err *e);
    int (*rename)(struct disk *d, const char *from, const char *to, struct err *e);
    int (*remove)(struct disk *d, const char *name, struct err *e); /* absent is fine */
    int (*sync_folder)(struct disk *d, struct err *e); /* names survive a power cut afterwards */
    /* Calls `each` for every name; stops at its first -1. */
    int (*list)(struct disk *d, int (*each)(void *arg, const char *name, struct err *e), void *arg,
                struct err *e);
    int (*free_bytes)(struct disk *d, uint64_t *out, struct err *e);
    void (*free)(struct disk *d);
};

/* Makes the folder (0750) when it is missing. */
MUST_CHECK int disk_real_new(const char *folder, struct disk **out, struct err *e);
