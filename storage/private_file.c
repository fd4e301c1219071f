#include "storage/private_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "protocol/base/own.h"

enum { PATH_BYTES = 4096, READ_BYTES = 4096 };

/* The folder of `path`, "." where it names none. */
static int open_folder(const char *path, struct err *e)
{
    char        folder[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    size_t      n = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

    if (n >= sizeof folder)
        return err_set(e, E_CONFIG, "the name of '%.40s...' is too long", path);
    memcpy(folder, n > 0 ? path : ".", n > 0 ? n : 1);
    folder[n > 0 ? n : 1] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "the folder '%s'", folder);
    return fd;
}

int private_file_read(const char *path, struct buf *out, bool *exposed, struct err *e)
{
    struct stat st;
    OWN_FD int  fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        return err_set(e, E_PURGED, "there is no '%s'", path);
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_sys(e, "read '%s'", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, E_CONFIG, "'%s' is not a file", path);
    for (;;) {
        uint8_t bytes[READ_BYTES];
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n > 0)
            buf_put(out, (struct slice){ bytes, (size_t)n });
        explicit_bzero(bytes, sizeof bytes);
        if (n < 0 && errno != EINTR)
            return err_sys(e, "read '%s'", path);
        if (n == 0)
            break;
        TRY(buf_check(out, path, e));
    }
    *exposed = (st.st_mode & (S_IRWXG | S_IRWXO)) != 0;
    return 0;
}

static int write_all(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes.ptr += n;
        bytes.len -= (size_t)n;
    }
    return 0;
}

static int give_to_owner(int fd, const char *path, int folder)
{
    struct stat st;

    if (geteuid() != 0 || (lstat(path, &st) != 0 && fstat(folder, &st) != 0))
        return 0;
    return fchown(fd, st.st_uid, st.st_gid);
}

int private_file_write(const char *path, struct slice content, struct err *e)
{
    char next[PATH_BYTES];
    int  n = snprintf(next, sizeof next, "%s.new", path);

    if (n < 0 || (size_t)n >= sizeof next)
        return err_set(e, E_CONFIG, "the name of '%.40s...' is too long", path);
    OWN_FD int folder = open_folder(path, e);
    if (folder < 0)
        return -1;
    /* What a write that was cut off has left. */
    (void)unlink(next);
    OWN_FD int fd =
        open(next, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return err_sys(e, "make '%s'", next);
    if (give_to_owner(fd, path, folder) != 0 || write_all(fd, content) != 0 || fsync(fd) != 0 ||
        rename(next, path) != 0 || fsync(folder) != 0) {
        (void)err_sys(e, "write '%s'", path);
        (void)unlink(next);
        return -1;
    }
    return 0;
}

int private_file_lock(const char *path, int *out_fd, struct err *e)
{
    OWN_FD int folder = open_folder(path, e);

    if (folder < 0)
        return -1;
    while (flock(folder, LOCK_EX) != 0)
        if (errno != EINTR)
            return err_sys(e, "lock the folder of '%s'", path);
    *out_fd = take_fd(&folder);
    return 0;
}
