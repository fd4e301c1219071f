#include "publisher/sink.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "protocol/base/own.h"

enum { SCAN_BYTES = 256 * 1024 };

struct sink {
    int   fd;
    bool  is_file; /* a regular one of our own */
    char *name;    /* for messages */
};

bool sink_is_file(const struct sink *s)
{
    return s->is_file;
}

void sink_close(struct sink *s)
{
    if (s == NULL)
        return;
    if (s->fd > STDERR_FILENO)
        (void)close(s->fd);
    free(s->name);
    free(s);
}

/* Follows lines through the bytes behind the checkpoint. */
struct scan {
    uint64_t lines;
    uint64_t good; /* offset behind the last complete line */
    uint64_t at;
    uint8_t  last; /* byte before `at` */
    bool     broken;
    /* Lines that don't count are known by their beginning. */
    struct slice uncounted;
    size_t       column, alike; /* in the line: where, and how far it is like that */
};

static void scan_bytes(struct scan *s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n && !s->broken; i++) {
        s->at++;
        if (s->alike == s->column && s->alike < s->uncounted.len &&
            p[i] == s->uncounted.ptr[s->alike])
            s->alike++;
        s->column++;
        if (p[i] == 0 || (p[i] == '\n' && s->last != '}')) {
            s->broken = true;
        } else if (p[i] == '\n') {
            s->lines += s->uncounted.len == 0 || s->alike < s->uncounted.len;
            s->good = s->at;
            s->column = s->alike = 0;
        }
        s->last = p[i];
    }
}

static int scan_rest(const struct sink *s, uint64_t from, struct slice uncounted, struct scan *out,
                     struct err *e)
{
    OWN_MEM uint8_t *block = malloc(SCAN_BYTES);
    struct scan      scan = { .good = from, .at = from, .uncounted = uncounted };
    uint64_t         at = from;

    if (block == NULL)
        return err_set(e, E_NOMEM, "no memory to look through '%s'", s->name);
    while (!scan.broken) {
        ssize_t n = pread(s->fd, block, SCAN_BYTES, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, "read '%s'", s->name);
        if (n == 0)
            break;
        scan_bytes(&scan, block, (size_t)n);
        at += (uint64_t)n;
    }
    *out = scan;
    return 0;
}

static int recover(struct sink *s, bool has_checkpoint, uint64_t checkpoint_bytes,
                   struct slice uncounted, struct sink_found *found, struct err *e)
{
    struct stat st;
    struct scan scan = { .lines = 0 };

    if (fstat(s->fd, &st) != 0)
        return err_sys(e, "look at '%s'", s->name);
    uint64_t size = (uint64_t)st.st_size;
    if (!has_checkpoint || size == 0) {
        *found = (struct sink_found){ .bytes = size };
        return 0;
    }
    if (size < checkpoint_bytes)
        return err_set(
            e, E_CORRUPT,
            "'%s' has %llu bytes, but %llu were written: put the whole file back, or move "
            "it away to begin a new one",
            s->name, (unsigned long long)size, (unsigned long long)checkpoint_bytes);
    TRY(scan_rest(s, checkpoint_bytes, uncounted, &scan, e));
    if (scan.good < size && ftruncate(s->fd, (off_t)scan.good) != 0)
        return err_sys(e, "cut the torn end of '%s'", s->name);
    *found = (struct sink_found){ .bytes = scan.good, .lines = scan.lines };
    return 0;
}

static int open_file(struct sink *s, const char *path, struct err *e)
{
    struct stat st;

    s->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (s->fd < 0 && (errno == EACCES || errno == ENXIO || errno == EISDIR))
        s->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC); /* perhaps a pipe or a terminal */
    if (s->fd < 0)
        return err_sys(e, "open '%s' to append change events", path);
    if (fstat(s->fd, &st) != 0)
        return err_sys(e, "look at '%s'", path);
    s->is_file = S_ISREG(st.st_mode);
    if (s->is_file && flock(s->fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(e, E_CONFIG, "'%s' is written by another publisher", path);
    return 0;
}

int sink_open(const char *path, bool has_checkpoint, uint64_t checkpoint_bytes,
              const char *uncounted, struct sink **out, struct sink_found *found, struct err *e)
{
    struct sink *s = calloc(1, sizeof *s);

    if (s != NULL) {
        s->fd = path != NULL ? -1 : STDOUT_FILENO;
        s->name = strdup(path != NULL ? path : "standard output");
    }
    if (s == NULL || s->name == NULL) {
        sink_close(s);
        return err_set(e, E_NOMEM, "no memory for an output");
    }
    struct sink_found there = { .bytes = 0 };
    if ((path != NULL && open_file(s, path, e) != 0) ||
        (s->is_file &&
         recover(s, has_checkpoint, checkpoint_bytes,
                 slice_of_text(uncounted != NULL ? uncounted : ""), &there, e) != 0)) {
        sink_close(s);
        return -1;
    }
    *found = there;
    *out = s;
    return 0;
}

int sink_write(struct sink *s, struct slice bytes, size_t *written, struct err *e)
{
    size_t done = 0;

    while (done < bytes.len) {
        ssize_t n = write(s->fd, bytes.ptr + done, bytes.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            *written = done;
            return err_sys(e, "write change events to '%s'", s->name);
        }
        done += (size_t)n;
    }
    *written = done;
    return 0;
}

int sink_sync(struct sink *s, struct err *e)
{
    if (s->is_file && fdatasync(s->fd) != 0)
        return err_sys(e, "sync '%s'", s->name);
    return 0;
}
