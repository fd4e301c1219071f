/*
 * A binlog file of a real server in memory, for tests, event by event. Paths are relative to the
 * project's root, where `make` runs the tests.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "protocol/event.h"

struct binlog_file {
    struct slice  bytes;
    struct cursor at;    /* behind the magic, before the next event */
    uint8_t      *owned; /* to be freed */
};

static inline struct binlog_file binlog_file_read(const char *path)
{
    struct binlog_file f = { 0 };
    FILE              *in = fopen(path, "rb");
    if (in == NULL)
        fail_msg("%s can't be opened", path);
    assert_int_equal(fseek(in, 0, SEEK_END), 0);
    long size = ftell(in);
    assert_true(size > BINLOG_MAGIC_BYTES);
    rewind(in);
    f.owned = malloc((size_t)size);
    assert_non_null(f.owned);
    assert_int_equal(fread(f.owned, 1, (size_t)size, in), size);
    assert_int_equal(fclose(in), 0);
    f.bytes = (struct slice){ f.owned, (size_t)size };
    f.at = cursor_over(f.bytes);
    assert_memory_equal(cursor_take(&f.at, BINLOG_MAGIC_BYTES), binlog_magic, BINLOG_MAGIC_BYTES);
    return f;
}

static inline void binlog_file_done(struct binlog_file *f)
{
    free(f->owned);
}

/* False at the end. */
static inline bool binlog_file_next(struct binlog_file *f, bool has_crc, struct event *out)
{
    struct err e = { 0 };
    if (f->at.left == 0)
        return false;
    struct event head;
    if (event_parse_head((struct slice){ f->at.at, f->at.left }, has_crc, &head, &e) != 0 ||
        event_parse(cursor_slice(&f->at, head.length), has_crc, out, &e) != 0)
        fail_msg("at %zu: %s", (size_t)(f->at.at - f->bytes.ptr), e.text);
    return true;
}

/* Where the event ends that has this text in it: a place to begin behind a statement. */
static inline uint64_t binlog_file_behind(const char *path, bool has_crc, const char *text)
{
    struct binlog_file file = binlog_file_read(path);
    struct event       ev;
    uint64_t           at = 0;

    while (at == 0 && binlog_file_next(&file, has_crc, &ev))
        if (memmem(ev.body.ptr, ev.body.len, text, strlen(text)) != NULL)
            at = (uint64_t)(file.at.at - file.bytes.ptr);
    binlog_file_done(&file);
    assert_true(at > 0);
    return at;
}
