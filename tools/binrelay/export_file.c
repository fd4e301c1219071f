#include "tools/binrelay/export_file.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "protocol/base/own.h"
#include "protocol/checksum.h"
#include "storage/hole.h"
#include "tools/binrelay/sieve.h"

enum { COPY_BYTES = 8 * 1024 * 1024, PLAIN_BYTES = 1024 * 1024, EVENT_BYTES_MAX = 1 << 30 };

struct export_file {
    const struct export_job *job;
    int                      in, out;
    bool                     plain_copy; /* the kernel can't copy between these two */
    char                     from[PATH_MAX], path[PATH_MAX], part[PATH_MAX];
    uint64_t                 done; /* written, or sparse */
    uint64_t                 to;   /* end of the pending run */
    bool                     leaves;
    struct format            format; /* of the run that is left out */
};

/* ---- beginning and end ---- */

static int make_paths(struct export_file *x, const char *name, struct err *e)
{
    int a = snprintf(x->from, sizeof x->from, "%s/%s", x->job->folder, name);
    int b = snprintf(x->path, sizeof x->path, "%s/%s", x->job->directory, name);
    int c = snprintf(x->part, sizeof x->part, "%s/.%s.part", x->job->directory, name);

    if (a < 0 || b < 0 || c < 0 || (size_t)a >= sizeof x->from || (size_t)b >= sizeof x->path ||
        (size_t)c >= sizeof x->part)
        return err_set(e, E_CONFIG, "the path of %s in '%.200s' is too long", name,
                       x->job->directory);
    return 0;
}

static int open_both(struct export_file *x, struct err *e)
{
    x->in = open(x->from, O_RDONLY | O_CLOEXEC);
    if (x->in < 0 && errno == ENOENT)
        return err_set(e, E_PURGED, "'%s' is not held any more: it was purged meanwhile", x->from);
    if (x->in < 0)
        return err_sys(e, "open '%s'", x->from);
    if (!x->job->force && access(x->path, F_OK) == 0)
        return err_set(e, E_CONFIG, "'%s' is there already: choose another folder, or --force",
                       x->path);
    x->out = open(x->part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (x->out < 0)
        return err_sys(e, "create '%s'", x->part);
    return 0;
}

int export_file_begin(const struct export_job *job, const char *name, struct export_file **out,
                      struct err *e)
{
    struct export_file *x = calloc(1, sizeof *x);

    if (x == NULL)
        return err_set(e, E_NOMEM, "no memory for a file");
    x->job = job;
    x->in = x->out = -1;
    if (make_paths(x, name, e) != 0 || open_both(x, e) != 0) {
        export_file_close(x);
        return -1;
    }
    *out = x;
    return 0;
}

void export_file_close(struct export_file *x)
{
    if (x == NULL)
        return;
    if (x->in >= 0)
        (void)close(x->in);
    if (x->out >= 0) { /* not complete */
        (void)close(x->out);
        (void)unlink(x->part);
    }
    free(x);
}

/* ---- writing ---- */

static int write_at(struct export_file *x, uint64_t at, struct slice bytes, struct err *e)
{
    while (bytes.len > 0) {
        ssize_t n = pwrite(x->out, bytes.ptr, bytes.len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, "write '%s'", x->path);
        bytes.ptr += n;
        bytes.len -= (size_t)n;
        at += (uint64_t)n;
    }
    return 0;
}

static int copy_plain(struct export_file *x, uint64_t at, uint64_t bytes, uint64_t *copied,
                      struct err *e)
{
    size_t           want = bytes < PLAIN_BYTES ? (size_t)bytes : PLAIN_BYTES;
    OWN_MEM uint8_t *block = malloc(want);

    if (block == NULL)
        return err_set(e, E_NOMEM, "no memory for a block of %zu bytes", want);
    ssize_t n = pread(x->in, block, want, (off_t)at);
    if (n < 0)
        return err_sys(e, "read '%s'", x->from);
    TRY(write_at(x, at, (struct slice){ block, (size_t)n }, e));
    *copied = (uint64_t)n;
    return 0;
}

/* Some of the bytes; by the kernel alone where both files' systems allow it. */
static int copy_some(struct export_file *x, uint64_t at, uint64_t bytes, uint64_t *copied,
                     struct err *e)
{
    off_t from = (off_t)at, to = (off_t)at;

    if (x->plain_copy)
        return copy_plain(x, at, bytes, copied, e);
    ssize_t n = copy_file_range(x->in, &from, x->out, &to,
                                bytes < COPY_BYTES ? (size_t)bytes : COPY_BYTES, 0);
    if (n > 0 || (n == 0 && bytes == 0)) {
        *copied = (uint64_t)n;
        return 0;
    }
    if (n < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        return err_sys(e, "copy to '%s'", x->path);
    x->plain_copy = true;
    return copy_plain(x, at, bytes, copied, e);
}

static int copy_data(struct export_file *x, uint64_t from, uint64_t to, struct err *e)
{
    while (from < to) {
        uint64_t n = 0;
        TRY(copy_some(x, from, to - from, &n, e));
        if (n == 0)
            return err_set(e, E_CORRUPT, "'%s' ends at %" PRIu64 ", before %" PRIu64, x->from, from,
                           to);
        /* Else the disk would begin when all is copied. */
        (void)sync_file_range(x->out, (off_t)from, (off_t)n, SYNC_FILE_RANGE_WRITE);
        x->job->progress(x->job->arg, n);
        from += n;
    }
    return 0;
}

/* What was never written in the relay file isn't here either. */
static int copy_sparse(struct export_file *x, uint64_t from, uint64_t to, struct err *e)
{
    while (from < to) {
        off_t data = lseek(x->in, (off_t)from, SEEK_DATA);
        if (data < 0 && errno != ENXIO)
            return copy_data(x, from, to, e); /* a file system that can't tell */
        uint64_t begin = data < 0 || (uint64_t)data > to ? to : (uint64_t)data;
        x->job->progress(x->job->arg, begin - from);
        if (begin == to)
            return 0;
        off_t    hole = lseek(x->in, (off_t)begin, SEEK_HOLE);
        uint64_t end = hole < 0 || (uint64_t)hole > to ? to : (uint64_t)hole;
        TRY(copy_data(x, begin, end, e));
        from = end;
    }
    return 0;
}

static int write_hole(struct export_file *x, uint64_t at, uint64_t to, struct err *e)
{
    struct buf head;
    int        result = 0;

    x->job->progress(x->job->arg, to - at);
    buf_init(&head, EVENT_HEADER_BYTES + EVENT_CRC_BYTES);
    while (at < to && result == 0) {
        uint32_t length = hole_next_bytes(to - at, x->format.has_crc);
        buf_clear(&head);
        hole_put_head(&head, length, at + length, &x->format);
        struct slice h = buf_slice(&head);
        uint32_t     crc = x->format.has_crc ? hole_checksum(h, length) : 0;
        result = write_at(x, at, h, e);
        at += length;
        if (result == 0 && x->format.has_crc) {
            buf_clear(&head);
            buf_put_le(&head, crc, EVENT_CRC_BYTES);
            result = write_at(x, at - EVENT_CRC_BYTES, buf_slice(&head), e);
        }
    }
    buf_done(&head);
    return result;
}

static int flush_run(struct export_file *x, struct err *e)
{
    uint64_t from = x->done;

    if (from == x->to)
        return 0;
    x->done = x->to;
    if (!x->leaves)
        return copy_sparse(x, from, x->to, e);
    if (x->to - from < hole_least_bytes(x->format.has_crc))
        return err_set(e, E_LIMIT, "%" PRIu64 " bytes at %" PRIu64 " are too few to be left out",
                       x->to - from, from);
    return write_hole(x, from, x->to, e);
}

static int run(struct export_file *x, uint64_t to, bool leaves, struct err *e)
{
    assert(to >= x->to);
    if (x->leaves != leaves)
        TRY(flush_run(x, e));
    x->leaves = leaves;
    x->to = to;
    return 0;
}

int export_file_keep(struct export_file *x, uint64_t to, struct err *e)
{
    return run(x, to, false, e);
}

int export_file_leave(struct export_file *x, uint64_t to, const struct format *f, struct err *e)
{
    x->format = *f;
    return run(x, to, true, e);
}

int export_file_put(struct export_file *x, struct slice bytes, struct err *e)
{
    TRY(flush_run(x, e));
    TRY(write_at(x, x->to, bytes, e));
    x->job->progress(x->job->arg, bytes.len);
    x->to += bytes.len;
    x->done = x->to;
    return 0;
}

uint64_t export_file_at(const struct export_file *x)
{
    return x->to;
}

/* ---- events ---- */

int export_file_read(struct export_file *x, uint64_t at, uint64_t bytes, struct buf *into,
                     struct err *e)
{
    uint8_t *to = bytes <= EVENT_BYTES_MAX ? buf_extend(into, (size_t)bytes) : NULL;

    if (to == NULL)
        return err_set(e, E_LIMIT, "an event of %" PRIu64 " bytes is too large", bytes);
    for (uint64_t got = 0; got < bytes;) {
        ssize_t n = pread(x->in, to + got, (size_t)(bytes - got), (off_t)(at + got));
        if (n < 0)
            return err_sys(e, "read '%s'", x->from);
        if (n == 0)
            return err_set(e, E_CORRUPT, "'%s' ends inside of an event", x->from);
        got += (uint64_t)n;
    }
    return 0;
}

static int mark_last(struct buf *event, const struct format *f, struct err *e)
{
    struct cursor c = cursor_over(buf_slice(event));

    cursor_skip(&c, 4);
    uint32_t flags_at = rows_flags_at(f, cursor_u8(&c));
    if (c.failed || event->len < flags_at + 2 + EVENT_CRC_BYTES)
        return err_set(e, E_CORRUPT, "a rows event is too short");
    event->ptr[flags_at] |= ROWS_FLAG_STATEMENT_END;
    if (!f->has_crc)
        return 0;
    event->len -= EVENT_CRC_BYTES;
    buf_put_le(event, checksum_crc32(0, buf_slice(event)), EVENT_CRC_BYTES);
    return 0;
}

int export_file_end_statement(struct export_file *x, uint64_t at, const struct format *f,
                              struct err *e)
{
    struct buf    event;
    struct cursor c;

    TRY(flush_run(x, e));
    buf_init(&event, EVENT_BYTES_MAX);
    int result = export_file_read(x, at, EVENT_HEADER_BYTES, &event, e);
    c = cursor_over(buf_slice(&event));
    cursor_skip(&c, 9);
    uint32_t length = cursor_u32(&c);
    buf_clear(&event);
    if (result == 0)
        result = export_file_read(x, at, length, &event, e);
    if (result == 0)
        result = mark_last(&event, f, e);
    if (result == 0)
        result = write_at(x, at, buf_slice(&event), e);
    buf_done(&event);
    return result;
}

/* Another process may have made one of that name since the look. */
static int take_name(const struct export_file *x)
{
    unsigned how = x->job->force ? 0 : RENAME_NOREPLACE;

    if (renameat2(AT_FDCWD, x->part, AT_FDCWD, x->path, how) == 0)
        return 0;
    return errno == EINVAL && how != 0 ? rename(x->part, x->path) : -1;
}

int export_file_complete(struct export_file *x, struct err *e)
{
    TRY(flush_run(x, e));
    if (ftruncate(x->out, (off_t)x->to) != 0 || fsync(x->out) != 0)
        return err_sys(e, "write '%s'", x->path);
    int failed = close(x->out);
    x->out = -1;
    if (failed != 0 || take_name(x) != 0) {
        (void)err_sys(e, "write '%s'", x->path);
        (void)unlink(x->part);
        return -1;
    }
    return 0;
}
