/* The real disk: one folder, plain files, positioned reads and writes, fdatasync. */
#include "storage/disk.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "protocol/base/own.h"

struct disk_real {
    struct disk disk;
    int         folder;
    char       *path; /* for messages */
};

struct disk_file {
    struct disk_real *disk;
    int               fd;
    char              name[256];
};

static struct disk_real *real_of(struct disk *d)
{
    return (struct disk_real *)d;
}

static int real_open(struct disk *d, const char *name, bool writable, bool create,
                     struct disk_file **out, struct err *e)
{
    struct disk_real *r = real_of(d);
    int flags = O_CLOEXEC | O_NOFOLLOW | (writable ? O_RDWR : O_RDONLY) | (create ? O_CREAT : 0);

    int fd = openat(r->folder, name, flags, 0640);
    if (fd < 0 && errno == ENOENT)
        return err_set(e, E_PURGED, "there is no %s/%s", r->path, name);
    if (fd < 0)
        return err_sys(e, "open %s/%s", r->path, name);
    struct disk_file *f = calloc(1, sizeof *f);
    if (f == NULL) {
        (void)close(fd);
        return err_set(e, E_NOMEM, "no memory to open %s/%s", r->path, name);
    }
    f->disk = r;
    f->fd = fd;
    size_t n = strnlen(name, sizeof f->name - 1);
    memcpy(f->name, name, n);
    *out = f;
    return 0;
}

static int real_read(struct disk_file *f, uint64_t at, uint8_t *into, size_t n, size_t *got,
                     struct err *e)
{
    size_t done = 0;
    while (done < n) {
        ssize_t k = pread(f->fd, into + done, n - done, (off_t)(at + done));
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return err_sys(e, "read %s/%s at %llu", f->disk->path, f->name,
                           (unsigned long long)(at + done));
        if (k == 0)
            break;
        done += (size_t)k;
    }
    *got = done;
    return 0;
}

static int real_write(struct disk_file *f, uint64_t at, struct slice bytes, struct err *e)
{
    size_t done = 0;
    while (done < bytes.len) {
        ssize_t k = pwrite(f->fd, bytes.ptr + done, bytes.len - done, (off_t)(at + done));
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return err_sys(e, "write %s/%s at %llu", f->disk->path, f->name,
                           (unsigned long long)(at + done));
        done += (size_t)k;
    }
    return 0;
}

static int real_sync(struct disk_file *f, struct err *e)
{
    if (fdatasync(f->fd) != 0)
        return err_sys(e, "sync %s/%s", f->disk->path, f->name);
    return 0;
}

static int real_cut(struct disk_file *f, uint64_t size, struct err *e)
{
    if (ftruncate(f->fd, (off_t)size) != 0)
        return err_sys(e, "cut %s/%s to %llu bytes", f->disk->path, f->name,
                       (unsigned long long)size);
    return 0;
}

static int real_size(struct disk_file *f, uint64_t *out, struct err *e)
{
    struct stat st;
    if (fstat(f->fd, &st) != 0)
        return err_sys(e, "stat %s/%s", f->disk->path, f->name);
    *out = (uint64_t)st.st_size;
    return 0;
}

static void real_close(struct disk_file *f)
{
    if (f == NULL)
        return;
    (void)close(f->fd);
    free(f);
}

static int real_size_of(struct disk *d, const char *name, uint64_t *out, struct err *e)
{
    struct disk_real *r = real_of(d);
    struct stat       st;
    if (fstatat(r->folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return err_set(e, E_PURGED, "there is no %s/%s", r->path, name);
        return err_sys(e, "stat %s/%s", r->path, name);
    }
    if (!S_ISREG(st.st_mode))
        return err_set(e, E_CORRUPT, "%s/%s is not a file", r->path, name);
    *out = (uint64_t)st.st_size;
    return 0;
}

static int real_rename(struct disk *d, const char *from, const char *to, struct err *e)
{
    struct disk_real *r = real_of(d);
    if (renameat(r->folder, from, r->folder, to) != 0)
        return err_sys(e, "rename %s/%s to %s", r->path, from, to);
    return 0;
}

static int real_remove(struct disk *d, const char *name, struct err *e)
{
    struct disk_real *r = real_of(d);
    if (unlinkat(r->folder, name, 0) != 0 && errno != ENOENT)
        return err_sys(e, "remove %s/%s", r->path, name);
    return 0;
}

static int real_sync_folder(struct disk *d, struct err *e)
{
    struct disk_real *r = real_of(d);
    if (fsync(r->folder) != 0)
        return err_sys(e, "sync the folder %s", r->path);
    return 0;
}

static int real_list(struct disk *d, int (*each)(void *arg, const char *name, struct err *e),
                     void *arg, struct err *e)
{
    struct disk_real *r = real_of(d);
    DIR              *dir = opendir(r->path);
    int               result = 0;

    if (dir == NULL)
        return err_sys(e, "list the folder %s", r->path);
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            if (errno != 0)
                result = err_sys(e, "list the folder %s", r->path);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        result = each(arg, entry->d_name, e);
        if (result != 0)
            break;
    }
    (void)closedir(dir);
    return result;
}

static int real_free_bytes(struct disk *d, uint64_t *out, struct err *e)
{
    struct disk_real *r = real_of(d);
    struct statvfs    v;
    if (fstatvfs(r->folder, &v) != 0)
        return err_sys(e, "ask for the free space of %s", r->path);
    *out = (uint64_t)v.f_bavail * v.f_frsize;
    return 0;
}

static void real_free(struct disk *d)
{
    struct disk_real *r = real_of(d);
    if (r == NULL)
        return;
    (void)close(r->folder);
    free(r->path);
    free(r);
}

static const struct disk real_functions = {
    .open = real_open,
    .read = real_read,
    .write = real_write,
    .sync = real_sync,
    .cut = real_cut,
    .size = real_size,
    .close = real_close,
    .size_of = real_size_of,
    .rename = real_rename,
    .remove = real_remove,
    .sync_folder = real_sync_folder,
    .list = real_list,
    .free_bytes = real_free_bytes,
    .free = real_free,
};

int disk_real_new(const char *folder, struct disk **out, struct err *e)
{
    if (mkdir(folder, 0750) != 0 && errno != EEXIST)
        return err_sys(e, "make the folder %s", folder);
    OWN_FD int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "open the folder %s", folder);
    struct disk_real *r = calloc(1, sizeof *r);
    char             *path = strdup(folder);
    if (r == NULL || path == NULL) {
        free(path);
        free(r);
        return err_set(e, E_NOMEM, "no memory to open the folder %s", folder);
    }
    r->disk = real_functions;
    r->folder = take_fd(&fd);
    r->path = path;
    *out = &r->disk;
    return 0;
}
