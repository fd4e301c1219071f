#include "storage/catalog_wal.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEP_BYTES = 16 * 1024 };

static int fail(const char *path, const char *what, int code, struct err *e)
{
    return err_set(e, (code & 0xff) == SQLITE_FULL ? E_FULL : E_IO, "%s: %s: %s", path, what,
                   sqlite3_errstr(code));
}

static int renew(sqlite3_file *f, const char *path, struct err *e)
{
    const sqlite3_io_methods *m = f->pMethods;
    uint8_t                   block[STEP_BYTES];
    sqlite3_int64             size = 0;
    int                       code = m->xFileSize(f, &size);

    for (sqlite3_int64 at = 0; code == SQLITE_OK && at < size; at += STEP_BYTES) {
        int n = size - at < STEP_BYTES ? (int)(size - at) : STEP_BYTES;
        code = m->xRead(f, block, n, at);
        if (code == SQLITE_OK)
            code = m->xWrite(f, block, n, at);
    }
    if (code == SQLITE_OK && size > 0)
        code = m->xSync(f, SQLITE_SYNC_NORMAL);
    return code == SQLITE_OK ? 0 : fail(path, "write it again", code, e);
}

static int open_and_renew(sqlite3_vfs *vfs, const char *path, struct err *e)
{
    int there = 0;

    if (vfs->xAccess(vfs, path, SQLITE_ACCESS_EXISTS, &there) != SQLITE_OK || there == 0)
        return 0;
    sqlite3_file *f = calloc(1, (size_t)vfs->szOsFile);
    if (f == NULL)
        return err_set(e, E_NOMEM, "no memory to look at %s", path);
    int code = vfs->xOpen(vfs, path, f, SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL, NULL);
    int result = code == SQLITE_OK ? renew(f, path, e) : fail(path, "open", code, e);
    if (f->pMethods != NULL)
        (void)f->pMethods->xClose(f);
    free(f);
    return result;
}

int catalog_wal_renew(const char *catalog_path, struct err *e)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    char        *path = sqlite3_mprintf("%s-wal", catalog_path);
    int          result;

    /* The system's layer takes names only in the form that SQLite hands it: with zeros behind. */
    sqlite3_filename name =
        path != NULL ? sqlite3_create_filename(catalog_path, "", path, 0, NULL) : NULL;
    if (vfs == NULL || name == NULL)
        result = err_set(e, E_NOMEM, "no memory to look at the log of %s", catalog_path);
    else
        result = open_and_renew(vfs, sqlite3_filename_wal(name), e);
    sqlite3_free_filename(name);
    sqlite3_free(path);
    return result;
}
