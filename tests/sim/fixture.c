#include "tests/sim/fixture.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "protocol/checksum.h"
#include "storage/store_core.h"

static void must(int result, const struct err *e)
{
    if (result != 0)
        (void)fprintf(stderr, "fixture: %s: %s\n", err_kind_name(e->kind), e->text);
    assert(result == 0);
}

void fixture_folder(char *into, size_t room)
{
    const char *base = getenv("TMPDIR");

    /* Memory, where there is such a folder: the catalog's syncs cost nothing then. */
    if (base == NULL)
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(into, room, "%s/binrelay-test-XXXXXX", base);
    const char *made = mkdtemp(into);
    assert(made != NULL);
}

void fixture_remove(const char *folder)
{
    DIR *dir = opendir(folder);
    for (const struct dirent *d; dir != NULL && (d = readdir(dir)) != NULL;)
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
            (void)unlinkat(dirfd(dir), d->d_name, 0);
    if (dir != NULL)
        (void)closedir(dir);
    (void)rmdir(folder);
}

static void open_both(struct fixture *f, struct writer_resume *resume)
{
    struct err           e = { 0 };
    struct writer_resume unused;
    struct store_options o = { .folder = f->folder,
                               .disk = f->disk,
                               .sync = { .interval_ms = f->sync_interval_ms },
                               .index_bytes = f->index_bytes };

    must(store_open(&o, &f->store, &e), &e);
    must(writer_open(f->store, &f->writer, resume != NULL ? resume : &unused, &e), &e);
}

void fixture_begin(struct fixture *f, struct disk *disk)
{
    struct err e = { 0 };

    *f = (struct fixture){ .disk = disk };
    fixture_folder(f->folder, sizeof f->folder);
    if (disk == NULL) {
        must(disk_real_new(f->folder, &f->disk, &e), &e);
        f->own_disk = true;
    }
    open_both(f, NULL);
}

void fixture_done(struct fixture *f)
{
    writer_close(f->writer);
    store_close(f->store);
    if (f->own_disk)
        f->disk->free(f->disk);
    fixture_remove(f->folder);
    *f = (struct fixture){ 0 };
}

void fixture_reopen(struct fixture *f, struct writer_resume *resume)
{
    writer_close(f->writer);
    store_close(f->store);
    open_both(f, resume);
}

struct store_source fixture_source(const char *name, enum format_family family)
{
    struct store_source s = { .server_id = 1, .family = family };

    (void)snprintf(s.name, sizeof s.name, "%s", name);
    if (family == FAMILY_MYSQL) {
        (void)snprintf(s.uuid, sizeof s.uuid, "%s", binlog_uuid);
        (void)snprintf(s.version, sizeof s.version, "9.7.4");
    } else {
        (void)snprintf(s.version, sizeof s.version, "10.11.19-MariaDB-log");
    }
    return s;
}

void fixture_append(struct fixture *f, const struct binlog *b, size_t from, size_t to)
{
    struct err e = { 0 };

    for (size_t i = from; i < to && i < b->count; i++) {
        struct event ev;
        struct slice whole = binlog_slice(b, i);
        must(event_parse(whole, b->style.crc, &ev, &e), &e);
        must(writer_append(f->writer, &ev, &e), &e);
    }
}

static void move_event(struct buf *into, const struct binlog *b, size_t i, uint64_t at)
{
    struct slice whole = binlog_slice(b, i);
    size_t       tail = b->style.crc ? EVENT_CRC_BYTES : 0;

    buf_clear(into);
    buf_put(into, (struct slice){ whole.ptr, EVENT_HEADER_BYTES - 6 });
    buf_put_le(into, (uint32_t)(at + whole.len), 4);
    buf_put(into, (struct slice){ whole.ptr + EVENT_HEADER_BYTES - 2,
                                  whole.len - EVENT_HEADER_BYTES + 2 - tail });
    if (b->style.crc)
        buf_put_le(into, checksum_crc32(0, buf_slice(into)), EVENT_CRC_BYTES);
}

void fixture_append_moved(struct fixture *f, const struct binlog *b, size_t from, size_t to)
{
    struct err e = { 0 };
    struct buf bytes;

    buf_init(&bytes, (size_t)1 << 30);
    for (size_t i = from; i < to && i < b->count; i++) {
        struct event ev;
        move_event(&bytes, b, i, writer_offset(f->writer));
        must(buf_check(&bytes, "an event", &e), &e);
        must(event_parse(buf_slice(&bytes), b->style.crc, &ev, &e), &e);
        must(writer_append(f->writer, &ev, &e), &e);
    }
    buf_done(&bytes);
}

void fixture_publish(struct fixture *f)
{
    struct err e = { 0 };

    must(writer_flush(f->writer, &e), &e);
    must(store_round(f->store, false, &e), &e);
}

void fixture_file(struct fixture *f, const char *source_file, const struct binlog *b)
{
    struct err          e = { 0 };
    struct store_source source = fixture_source("a", b->style.family);

    must(writer_begin_file(f->writer, &source, source_file, 0, &e), &e);
    fixture_append(f, b, 0, SIZE_MAX);
    fixture_publish(f);
}
