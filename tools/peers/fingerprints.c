/*
 * Prints the fingerprint of each transaction of a plain binlog file, a line each: where it ends and
 * its 128 bits. For comparing what two real servers logged of the same changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>
#include "protocol/base/own.h"
#include "protocol/fingerprint.h"

static int print_all(struct slice file, struct fingerprinter *p, struct err *e)
{
    struct format f = { .family = FAMILY_MYSQL };
    struct txn    txn;
    size_t        at = BINLOG_MAGIC_BYTES;

    txn_reset(&txn);
    while (at < file.len) {
        struct event       ev;
        enum txn_place     place;
        bool               closed;
        struct fingerprint is;
        struct slice       rest = { file.ptr + at, file.len - at };

        TRY(event_parse_head(rest, f.has_crc, &ev, e));
        struct slice whole = { rest.ptr, ev.length };
        if (ev.length > rest.len)
            return err_set(e, E_PROTOCOL, "the file ends inside an event");
        if (ev.type == EVENT_FORMAT_DESCRIPTION)
            TRY(format_parse(whole, &f, e));
        TRY(event_parse(whole, f.has_crc, &ev, e));
        at += ev.length;
        TRY(txn_feed(&txn, &f, &ev, &place, e));
        TRY(fingerprinter_feed(p, &f, &ev, place, &closed, &is, e));
        if (!closed)
            continue;
        (void)printf("%zu ", at);
        for (size_t i = 0; i < FINGERPRINT_BYTES; i++)
            (void)printf("%02x", is.bytes[i]);
        (void)printf("\n");
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct fingerprinter *p = NULL;
    struct stat           st;
    struct err            e = { 0 };

    if (argc != 2) {
        (void)fprintf(stderr, "usage: fingerprints BINLOG\n");
        return 1;
    }
    OWN_FD int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < BINLOG_MAGIC_BYTES) {
        (void)fprintf(stderr, "%s: can't be read\n", argv[1]);
        return 1;
    }
    const void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        (void)fprintf(stderr, "%s: can't be mapped\n", argv[1]);
        return 1;
    }
    int failed = fingerprinter_new(&p, &e) != 0 ||
                 print_all((struct slice){ bytes, (size_t)st.st_size }, p, &e) != 0;
    if (failed)
        (void)fprintf(stderr, "%s: %s\n", argv[1], e.text);
    fingerprinter_free(p);
    return failed;
}
