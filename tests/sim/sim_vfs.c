#include "tests/sim/sim_vfs.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include "protocol/base/err.h"

enum { REGIONS_MAX = 64, SECTOR_BYTES = 4096 };

struct sim_file {
    sqlite3_file      base;
    struct disk_file *file;
    bool              sync_name;  /* a journal or WAL: its name is synced with it */
    char              remove[64]; /* at closing; "" for most */
    void             *regions[REGIONS_MAX];
};

static struct disk *disk_now;

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static struct sim_file *file_of(sqlite3_file *f)
{
    return (struct sim_file *)(void *)f;
}

static int code(const struct err *e, int otherwise)
{
    return e->kind == E_FULL ? SQLITE_FULL : otherwise;
}

static int shm_unmap(sqlite3_file *f, int drop)
{
    struct sim_file *s = file_of(f);
    (void)drop;
    for (int i = 0; i < REGIONS_MAX; i++) {
        free(s->regions[i]);
        s->regions[i] = NULL;
    }
    return SQLITE_OK;
}

static int sim_close(sqlite3_file *f)
{
    struct sim_file *s = file_of(f);
    struct err       ignored;
    (void)shm_unmap(f, 0);
    disk_now->close(s->file);
    if (s->remove[0] != 0 && disk_now->remove(disk_now, s->remove, &ignored) != 0)
        return SQLITE_IOERR_DELETE;
    return SQLITE_OK;
}

static int sim_read(sqlite3_file *f, void *into, int n, sqlite3_int64 at)
{
    struct err e = { 0 };
    size_t     got = 0;
    if (disk_now->read(file_of(f)->file, (uint64_t)at, into, (size_t)n, &got, &e) != 0)
        return SQLITE_IOERR_READ;
    if (got == (size_t)n)
        return SQLITE_OK;
    memset((uint8_t *)into + got, 0, (size_t)n - got);
    return SQLITE_IOERR_SHORT_READ;
}

static int sim_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    struct err e = { 0 };
    if (disk_now->write(file_of(f)->file, (uint64_t)at, (struct slice){ from, (size_t)n }, &e) != 0)
        return code(&e, SQLITE_IOERR_WRITE);
    return SQLITE_OK;
}

static int sim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct err e = { 0 };
    if (disk_now->cut(file_of(f)->file, (uint64_t)size, &e) != 0)
        return code(&e, SQLITE_IOERR_TRUNCATE);
    return SQLITE_OK;
}

static int sim_sync(sqlite3_file *f, int flags)
{
    struct sim_file *s = file_of(f);
    struct err       e = { 0 };
    (void)flags;
    if (disk_now->sync(s->file, &e) != 0)
        return code(&e, SQLITE_IOERR_FSYNC);
    if (s->sync_name && disk_now->sync_folder(disk_now, &e) != 0)
        return code(&e, SQLITE_IOERR_DIR_FSYNC);
    s->sync_name = false;
    return SQLITE_OK;
}

static int sim_size(sqlite3_file *f, sqlite3_int64 *out)
{
    struct err e = { 0 };
    uint64_t   size;
    if (disk_now->size(file_of(f)->file, &size, &e) != 0)
        return SQLITE_IOERR_FSTAT;
    *out = (sqlite3_int64)size;
    return SQLITE_OK;
}

static int no_lock(sqlite3_file *f, int kind)
{
    (void)f;
    (void)kind;
    return SQLITE_OK;
}

static int no_reserved(sqlite3_file *f, int *out)
{
    (void)f;
    *out = 0;
    return SQLITE_OK;
}

static int no_control(sqlite3_file *f, int op, void *arg)
{
    (void)f;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *f)
{
    (void)f;
    return SECTOR_BYTES;
}

/* As SQLite takes real disks: a torn write harms nothing beside itself. */
static int characteristics(sqlite3_file *f)
{
    (void)f;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    struct sim_file *s = file_of(f);
    assert(page < REGIONS_MAX);
    if (s->regions[page] == NULL && extend != 0) {
        s->regions[page] = calloc(1, (size_t)size);
        if (s->regions[page] == NULL)
            return SQLITE_NOMEM;
    }
    *out = s->regions[page];
    return SQLITE_OK;
}

static int shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    (void)f;
    (void)offset;
    (void)n;
    (void)flags;
    return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *f)
{
    (void)f;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = sim_close,
    .xRead = sim_read,
    .xWrite = sim_write,
    .xTruncate = sim_truncate,
    .xSync = sim_sync,
    .xFileSize = sim_size,
    .xLock = no_lock,
    .xUnlock = no_lock,
    .xCheckReservedLock = no_reserved,
    .xFileControl = no_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

static int sim_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out_flags)
{
    struct sim_file *s = file_of(f);
    struct err       e = { 0 };
    static unsigned  temporary;

    (void)vfs;
    *s = (struct sim_file){ 0 };
    char own[64];
    if (path == NULL)
        (void)snprintf(own, sizeof own, "temporary-%u", temporary++);
    const char *name = path != NULL ? name_of(path) : own;
    bool        create = (flags & SQLITE_OPEN_CREATE) != 0;
    bool        is_new = disk_now->open(disk_now, name, true, false, &s->file, &e) != 0;
    if (is_new && (!create || disk_now->open(disk_now, name, true, true, &s->file, &e) != 0))
        return code(&e, SQLITE_CANTOPEN);
    /* Whoever made it: a process that was killed may not have got to that. */
    s->sync_name = create && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
    if ((flags & SQLITE_OPEN_DELETEONCLOSE) != 0)
        (void)snprintf(s->remove, sizeof s->remove, "%.63s", name);
    s->base.pMethods = &methods;
    if (out_flags != NULL)
        *out_flags = flags;
    return SQLITE_OK;
}

static int sim_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    struct err e = { 0 };
    (void)vfs;
    if (disk_now->remove(disk_now, name_of(path), &e) != 0)
        return SQLITE_IOERR_DELETE;
    if (sync_folder != 0 && disk_now->sync_folder(disk_now, &e) != 0)
        return SQLITE_IOERR_DIR_FSYNC;
    return SQLITE_OK;
}

static int sim_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    struct err        e = { 0 };
    struct disk_file *file;
    uint64_t          size = 0;

    (void)vfs;
    (void)flags;
    *out = 0;
    if (disk_now->open(disk_now, name_of(path), false, false, &file, &e) != 0)
        return SQLITE_OK;
    if (disk_now->size(file, &size, &e) == 0 && size > 0)
        *out = 1;
    disk_now->close(file);
    return SQLITE_OK;
}

static int sim_full_path(sqlite3_vfs *vfs, const char *path, int room, char *out)
{
    (void)vfs;
    (void)snprintf(out, (size_t)room, "%s", path);
    return SQLITE_OK;
}

void sim_vfs_use(struct disk *disk)
{
    static sqlite3_vfs vfs;

    disk_now = disk;
    if (vfs.zName != NULL)
        return;
    const sqlite3_vfs *usual = sqlite3_vfs_find(NULL);
    assert(usual != NULL);
    vfs = *usual; /* clock and random numbers stay the system's */
    vfs.zName = "sim";
    vfs.szOsFile = (int)sizeof(struct sim_file);
    vfs.pNext = NULL;
    vfs.xOpen = sim_open;
    vfs.xDelete = sim_delete;
    vfs.xAccess = sim_access;
    vfs.xFullPathname = sim_full_path;
    int registered = sqlite3_vfs_register(&vfs, 1);
    assert(registered == SQLITE_OK);
}
