/*
 * Goes on in a store with another server's binlog file, as a switch does: for tests of what readers
 * make of a hole. The transactions before HELD_END are left out, all others of the file are taken.
 * No daemon may run over the store.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "protocol/base/own.h"
#include "protocol/txn.h"
#include "storage/store_core.h"
#include "storage/writer.h"

struct joining {
    struct writer *writer;
    struct slice   file;
    uint64_t       held_end;
    struct format  format;
    struct txn     txn;
};

/* The event at `at`, and whether it is a part of a transaction. */
static int next_event(struct joining *j, uint64_t at, struct event *ev, bool *in_txn, struct err *e)
{
    struct slice   rest = { j->file.ptr + at, j->file.len - at };
    enum txn_place place;

    TRY(event_parse_head(rest, j->format.has_crc, ev, e));
    if (ev->length > rest.len)
        return err_set(e, E_PROTOCOL, "the file ends inside an event");
    struct slice whole = { rest.ptr, ev->length };
    if (ev->type == EVENT_FORMAT_DESCRIPTION)
        TRY(format_parse(whole, &j->format, e));
    TRY(event_parse(whole, j->format.has_crc, ev, e));
    TRY(txn_feed(&j->txn, &j->format, ev, &place, e));
    *in_txn = place != TXN_OUTSIDE;
    return 0;
}

static int take_file(struct joining *j, struct err *e)
{
    for (uint64_t at = BINLOG_MAGIC_BYTES; at < j->file.len;) {
        struct event ev;
        bool         in_txn;
        TRY(next_event(j, at, &ev, &in_txn, e));
        if (in_txn && at < j->held_end && at == writer_offset(j->writer))
            TRY(writer_skip(j->writer, j->held_end - at, e));
        if (at >= writer_offset(j->writer))
            TRY(writer_append(j->writer, &ev, e));
        at += ev.length;
    }
    return 0;
}

static int join(const char *folder, const char *name, const struct store_source *like,
                struct joining *j, struct err *e)
{
    struct disk         *disk;
    struct store        *store = NULL;
    struct store_file    last;
    struct writer_resume unused;

    TRY(disk_real_new(folder, &disk, e));
    struct store_options options = { .folder = folder, .disk = disk };
    int                  result = store_open(&options, &store, e);
    if (result == 0)
        result = writer_open(store, &j->writer, &unused, e);
    if (result == 0 && !store_last_file(store, &last))
        result = err_set(e, E_CONFIG, "the store is empty");
    if (result == 0) {
        struct store_source source = last.source;
        memcpy(source.name, like->name, sizeof source.name);
        memcpy(source.uuid, like->uuid, sizeof source.uuid);
        source.server_id = like->server_id;
        result = writer_begin_epoch(j->writer, &source, name, e);
    }
    if (result == 0)
        result = take_file(j, e);
    if (result == 0)
        result = writer_flush(j->writer, e);
    if (result == 0)
        result = store_round(store, true, e);
    writer_close(j->writer);
    store_close(store);
    disk->free(disk);
    return result;
}

int main(int argc, char **argv)
{
    struct joining      j = { 0 };
    struct store_source source = { 0 };
    struct stat         st;
    struct err          e = { 0 };

    if (argc != 7) {
        (void)fprintf(stderr, "usage: joined FOLDER SOURCE UUID SERVER_ID BINLOG HELD_END\n");
        return 1;
    }
    (void)snprintf(source.name, sizeof source.name, "%s", argv[2]);
    (void)snprintf(source.uuid, sizeof source.uuid, "%s", argv[3]);
    source.server_id = (uint32_t)strtoul(argv[4], NULL, 10);
    j.held_end = strtoull(argv[6], NULL, 10);
    OWN_FD int fd = open(argv[5], O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < BINLOG_MAGIC_BYTES) {
        (void)fprintf(stderr, "%s: can't be read\n", argv[5]);
        return 1;
    }
    const void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        (void)fprintf(stderr, "%s: can't be mapped\n", argv[5]);
        return 1;
    }
    const char *slash = strrchr(argv[5], '/');
    j.file = (struct slice){ bytes, (size_t)st.st_size };
    txn_reset(&j.txn);
    if (join(argv[1], slash != NULL ? slash + 1 : argv[5], &source, &j, &e) == 0)
        return 0;
    (void)fprintf(stderr, "%s: %s\n", argv[5], e.text);
    return 1;
}
