/*
 * A relay that crashes again and again while a source sends it files of both families, on a disk
 * that loses, tears and reorders what was not synced, fails single calls and is full at times.
 * After every crash: nothing that was published is lost or changed (I1), what is published ends
 * with a transaction, the GTIDs are those of that place, and the writer asks for exactly what
 * follows. In the end every relay file is its source file byte for byte (I2), and each transaction
 * is there once (I3).
 *
 *     SEED=n   this seed alone        SEEDS=n   so many, from 1 on
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "storage/name.h"
#include "storage/reader.h"
#include "storage/store_core.h"
#include "storage/verify.h"
#include "tests/sim/fixture.h"
#include "tests/sim/sim_disk.h"

enum { FILES_MAX = 5, CRASHES_MAX = 40 };

struct source_file {
    char          name[64];
    char          relay_name[64];
    struct binlog sent;        /* what the source has */
    struct binlog expect;      /* what the relay file must become */
    uint64_t      expect_size; /* less than all where the source died in a transaction */
};

struct world {
    uint64_t            seed, random;
    struct sim_disk    *disk;
    char                folder[128];
    struct store_source source;
    struct source_file  files[FILES_MAX];
    size_t              file_count;
    store_pos           published; /* the greatest that was ever seen */
    struct store       *store;
    struct writer      *writer;
    unsigned            crashes, failures;
};

static uint64_t below(struct world *w, uint64_t n)
{
    return sim_random(&w->random) % n;
}

#define CHECK(w, condition, ...)                                                                   \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail(w, __LINE__, #condition, __VA_ARGS__);                                            \
    } while (0)

__attribute__((noreturn, format(printf, 4, 5))) static void
fail(const struct world *w, int line, const char *condition, const char *fmt, ...)
{
    char    text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)printf("SEED=%llu, crash %u: line %d: %s: %s\n", (unsigned long long)w->seed, w->crashes,
                 line, condition, text);
    exit(1);
}

/* ---- what the source has ---- */

static void fill_both(struct world *w, struct source_file *f, bool last)
{
    static const size_t sizes[] = { 20, 150, 150, 150, 1000, 9000, 70000, 400000 };
    uint64_t            count = below(w, 40);

    for (uint64_t i = 0; i < count; i++) {
        size_t bytes = sizes[below(w, 8)];
        bool   ddl = below(w, 10) == 0;
        for (int side = 0; side < 2; side++) {
            struct binlog *b = side == 0 ? &f->sent : &f->expect;
            if (ddl)
                binlog_ddl(b, "CREATE TABLE t (a INT)");
            else
                binlog_transaction(b, bytes);
        }
    }
    f->expect_size = f->expect.bytes.len;
    if (last)
        return;
    switch (below(w, 4)) {
    case 0: /* killed inside a transaction */
        for (int side = 0; side < 2; side++) {
            struct binlog *b = side == 0 ? &f->sent : &f->expect;
            binlog_gtid(b, false);
            binlog_rows(b, 3000);
            b->next_gtid--;
        }
        return;
    case 1:
        binlog_stop(&f->sent);
        binlog_stop(&f->expect);
        break;
    default: /* names are filled in by the caller */
        binlog_rotate(&f->sent, f[1].name);
        binlog_rotate(&f->expect, f[1].relay_name);
        break;
    }
    f->expect_size = f->expect.bytes.len;
}

static void build_source(struct world *w)
{
    static const struct binlog_style styles[] = {
        { .family = FAMILY_MYSQL, .crc = true, .gtids = true },
        { .family = FAMILY_MYSQL, .crc = true },
        { .family = FAMILY_MARIADB, .crc = true, .gtids = true },
        { .family = FAMILY_MARIADB, .crc = true, .gtids = true, .no_position = true },
        { .family = FAMILY_MYSQL, .gtids = true }, /* without checksums: */
        { .family = FAMILY_MARIADB, .gtids = true },
    };
    const struct binlog_style *style = &styles[below(w, 6)];
    unsigned long long         number = 1 + below(w, 3) * 999998;
    const char                *stem = "mysql-bin";

    w->source = fixture_source("a", style->family);
    w->file_count = 1 + below(w, FILES_MAX - 1);
    for (size_t i = 0; i < w->file_count + 1 && i < FILES_MAX; i++) {
        struct source_file *f = &w->files[i];
        (void)snprintf(f->name, sizeof f->name, "%s.%06llu", stem, number);
        if (i == 0)
            (void)snprintf(f->relay_name, sizeof f->relay_name, "%s", f->name);
        else {
            char next[STORE_NAME_BYTES + 1];
            name_next(w->files[i - 1].relay_name, next);
            (void)snprintf(f->relay_name, sizeof f->relay_name, "%.63s", next);
        }
        number++;
        if (below(w, 4) == 0) { /* names that are not ours, longer and shorter ones */
            stem = below(w, 2) == 0 ? "bin" : "another-binary-log";
            number += 9000;
        }
    }
    for (size_t i = 0; i < w->file_count; i++) {
        struct source_file *f = &w->files[i];
        if (i == 0) {
            binlog_begin(&f->sent, style);
            binlog_begin(&f->expect, style);
        } else {
            binlog_begin_next(&f->sent, &w->files[i - 1].sent);
            binlog_begin_next(&f->expect, &w->files[i - 1].expect);
        }
        binlog_format(&f->sent);
        binlog_format(&f->expect);
        binlog_head(&f->sent, binlog_gtids(&f->sent));
        binlog_head(&f->expect, binlog_gtids(&f->expect));
        fill_both(w, f, i + 1 == w->file_count);
    }
}

/* ---- what must hold ---- */

static size_t file_index(const struct world *w, const char *source_file)
{
    for (size_t i = 0; i < w->file_count; i++)
        if (strcmp(w->files[i].name, source_file) == 0)
            return i;
    fail(w, __LINE__, "the file is the source's", "%s", source_file);
}

static bool is_boundary(const struct source_file *f, uint64_t offset)
{
    if (offset <= f->expect.ends[1]) /* format description and head */
        return offset == f->expect.ends[0] || offset == f->expect.ends[1];
    for (size_t i = 0; i < f->expect.txn_count; i++)
        if (f->expect.txn_ends[i] == offset)
            return true;
    return offset == f->expect_size;
}

static uint64_t gtids_up_to(const struct source_file *f, uint64_t offset)
{
    uint64_t n = f->expect.next_gtid - 1;
    for (size_t i = f->expect.txn_count; i > 0 && f->expect.txn_ends[i - 1] > offset; i--)
        n--;
    return n;
}

static void check_gtids(struct world *w, const struct source_file *f, uint64_t offset)
{
    struct gtids  g = { 0 };
    struct err    e = { 0 };
    struct buf    text;
    struct binlog as_of = f->expect;

    as_of.next_gtid = gtids_up_to(f, offset) + 1;
    CHECK(w, store_gtids_published(w->store, &g, &e) == 0, "%s", e.text);
    buf_init(&text, 4096);
    gtids_put_text(&g, &text);
    CHECK(w, strcmp(buf_text(&text), binlog_gtids(&as_of)) == 0, "%s at %llu: %s, should be %s",
          f->name, (unsigned long long)offset, buf_text(&text), binlog_gtids(&as_of));
    buf_done(&text);
    gtids_done(&g);
}

static void check_published(struct world *w)
{
    store_pos published = store_published(w->store);
    uint32_t  ordinal = store_pos_ordinal(published);
    uint64_t  offset = store_pos_offset(published);

    CHECK(w, published >= w->published, "%llx became %llx", (unsigned long long)w->published,
          (unsigned long long)published);
    w->published = published;
    if (published == 0)
        return;
    CHECK(w, ordinal <= w->file_count, "%u", ordinal);
    for (uint32_t i = 0; i < ordinal; i++) {
        const struct source_file *f = &w->files[i];
        uint64_t                  visible = i + 1 == ordinal ? offset : f->expect_size;
        struct slice              is = sim_disk_bytes(w->disk, f->relay_name);
        CHECK(w, is.len >= visible, "%s has %zu of %llu bytes", f->relay_name, is.len,
              (unsigned long long)visible);
        CHECK(w, memcmp(is.ptr, f->expect.bytes.ptr, visible) == 0, "%s differs", f->relay_name);
    }
    CHECK(w, is_boundary(&w->files[ordinal - 1], offset), "%s at %llu", w->files[ordinal - 1].name,
          (unsigned long long)offset);
    check_gtids(w, &w->files[ordinal - 1], offset);
}

static void check_resume(struct world *w, const struct writer_resume *r)
{
    uint32_t ordinal = store_pos_ordinal(w->published);

    if (r->empty) {
        CHECK(w, w->published == 0, "something is published");
        return;
    }
    size_t i = file_index(w, r->source_file);
    if (i + 1 == ordinal)
        CHECK(w, r->offset == store_pos_offset(w->published), "%llu",
              (unsigned long long)r->offset);
    else
        CHECK(w, i == ordinal && r->offset == BINLOG_MAGIC_BYTES, "%s %llu", r->source_file,
              (unsigned long long)r->offset);
    if (r->offset > BINLOG_MAGIC_BYTES) {
        const struct binlog *b = &w->files[i].sent; /* the source has to know the place */
        size_t               k = 0;
        while (k < b->count && b->ends[k] != r->offset)
            k++;
        CHECK(w, k < b->count, "%s has no event that ends at %llu", r->source_file,
              (unsigned long long)r->offset);
        struct event ev;
        struct err   e = { 0 };
        CHECK(w, event_parse_head(binlog_slice(&w->files[i].sent, 0), false, &ev, &e) == 0, "%s",
              e.text);
        CHECK(w, r->file_created_s == ev.timestamp_s, "%u", r->file_created_s);
    }
}

/* ---- the relay ---- */

static void close_all(struct world *w)
{
    writer_close(w->writer);
    w->writer = NULL;
    store_close(w->store);
    w->store = NULL;
}

static void come_back(struct world *w)
{
    close_all(w);
    if (below(w, 3) == 0)
        sim_disk_revive(w->disk); /* a kill -9; the power may go later */
    else
        sim_disk_restart(w->disk);
    sim_disk_fail_at(w->disk, 0, 0);
    sim_disk_limit(w->disk, 0);
    w->crashes++;
}

/* A sidecar may be lost or damaged at any time while the relay is down. */
static void harm_sidecar(struct world *w)
{
    char name[STORE_NAME_BYTES + 1];

    /* One of a file without checksums is what its recovery rests on. */
    if (below(w, 4) != 0 || !w->files[0].sent.style.crc)
        return;
    name_sidecar(w->files[below(w, w->file_count)].relay_name, name);
    struct slice is = sim_disk_bytes(w->disk, name);
    if (is.len == 0)
        return;
    uint8_t *copy = malloc(is.len);
    assert(copy != NULL);
    memcpy(copy, is.ptr, is.len);
    struct slice harmed = { copy, is.len };
    if (below(w, 2) == 0)
        harmed.len = below(w, is.len);
    else
        copy[below(w, is.len)] ^= (uint8_t)(1 + below(w, 255));
    sim_disk_put(w->disk, name, harmed);
    free(copy);
}

static void plan_trouble(struct world *w)
{
    uint64_t calls = sim_disk_calls(w->disk);

    sim_disk_crash_at(w->disk, w->crashes < CRASHES_MAX ? calls + 1 + below(w, 30) : 0);
    if (w->failures < 20 && below(w, 2) == 0)
        sim_disk_fail_at(w->disk, calls + 1 + below(w, 40), below(w, 2) == 0 ? EIO : ENOSPC);
}

static bool open_store(struct world *w)
{
    struct err           e = { 0 };
    struct store_options o = { .folder = w->folder,
                               .disk = sim_disk_disk(w->disk),
                               .index_bytes = 4096 };

    if (store_open(&o, &w->store, &e) == 0) {
        store_stop_sync(w->store); /* there is no syncer thread: store_sync() must not wait */
        return true;
    }
    w->store = NULL;
    w->failures++;
    CHECK(w, e.kind == E_IO || e.kind == E_FULL, "%s", e.text);
    return false;
}

static bool open_writer(struct world *w, struct writer_resume *r)
{
    struct err e = { 0 };

    if (writer_open(w->store, &w->writer, r, &e) == 0)
        return true;
    w->writer = NULL;
    w->failures++;
    CHECK(w, e.kind == E_IO || e.kind == E_FULL, "%s", e.text);
    return false;
}

static int publish(struct world *w, struct err *e)
{
    TRY(writer_flush(w->writer, e));
    if (below(w, 4) == 0)
        return 0; /* the syncer is late */
    int result = store_sync(w->store, e);
    if (result >= 0)
        check_published(w);
    return result < 0 ? -1 : 0;
}

/* As the upstream does it: from where the store ends to where the source ends. */
static int send_rest(struct world *w, const struct writer_resume *r, struct err *e)
{
    size_t   i = r->empty ? 0 : file_index(w, r->source_file);
    uint64_t from = r->empty ? 0 : r->offset;
    uint64_t hurry = 1 + below(w, 30);

    for (; i < w->file_count; i++, from = 0) {
        const struct binlog *b = &w->files[i].sent;
        if (from == 0) {
            TRY(writer_begin_file(w->writer, &w->source, w->files[i].name, 0, e));
            check_published(w);
        }
        for (size_t k = 0; k < b->count; k++) {
            struct event ev;
            uint64_t     at = k == 0 ? BINLOG_MAGIC_BYTES : b->ends[k - 1];
            if (at < from)
                continue;
            CHECK(w, writer_offset(w->writer) == at, "%llu", (unsigned long long)at);
            CHECK(w, event_parse(binlog_slice(b, k), b->style.crc, &ev, e) == 0, "%s", e->text);
            TRY(writer_append(w->writer, &ev, e));
            if (below(w, hurry) == 0)
                TRY(publish(w, e));
        }
    }
    TRY(writer_flush(w->writer, e));
    return store_sync(w->store, e) < 0 ? -1 : 0;
}

/* One life of the process; true when all was sent. */
static bool live(struct world *w)
{
    struct writer_resume r;
    struct err           e = { 0 };

    plan_trouble(w);
    if (!open_store(w))
        return false;
    for (;;) {
        check_published(w);
        if (!open_writer(w, &r)) {
            if (sim_disk_crashed(w->disk))
                return false;
            continue;
        }
        check_published(w);
        check_resume(w, &r);
        if (send_rest(w, &r, &e) == 0) {
            check_published(w);
            return true;
        }
        CHECK(w, e.kind == E_IO || e.kind == E_FULL, "%s", e.text);
        if (sim_disk_crashed(w->disk))
            return false;
        w->failures++;
        writer_close(w->writer); /* the disk said no: go on in the same process */
        w->writer = NULL;
    }
}

static void problem(void *arg, const char *text)
{
    fail(arg, __LINE__, "the store verifies", "%s", text);
}

static void read_back(struct world *w)
{
    struct reader      *r;
    struct reader_piece piece;
    enum reader_step    step;
    struct err          e = { 0 };
    size_t              i = 0;

    CHECK(w, reader_open(w->store, store_pos_at(1, 4), 16384, &r, &e) == 0, "%s", e.text);
    for (uint64_t at = 4;;) {
        CHECK(w, reader_next(r, &piece, &step, &e) == 0, "%s", e.text);
        if (step == READER_AT_END)
            break;
        if (step == READER_FILE_DONE) {
            CHECK(w, at == w->files[i].expect_size, "%llu", (unsigned long long)at);
            CHECK(w, reader_next_file(r, &step, &e) == 0 && step == READER_PIECE, "%s", e.text);
            i++;
            at = 4;
            continue;
        }
        CHECK(w, memcmp(w->files[i].expect.bytes.ptr + at, piece.bytes.ptr, piece.bytes.len) == 0,
              "%s at %llu", w->files[i].name, (unsigned long long)at);
        at += piece.bytes.len;
    }
    CHECK(w, i + 1 == w->file_count, "%zu", i);
    reader_close(r);
}

static void check_end(struct world *w)
{
    struct verify_result result;
    struct err           e = { 0 };

    sim_disk_crash_at(w->disk, 0);
    sim_disk_fail_at(w->disk, 0, 0);
    const struct source_file *last = &w->files[w->file_count - 1];
    CHECK(w, w->published == store_pos_at((uint32_t)w->file_count, last->expect_size), "%llx",
          (unsigned long long)w->published);
    /* A sidecar that was harmed is made again when somebody asks for it. */
    for (uint32_t i = 1; i <= w->file_count; i++) {
        struct gtids g = { 0 };
        CHECK(w, store_gtids_before(w->store, i, &g, &e) == 0, "%s", e.text);
        gtids_done(&g);
    }
    CHECK(w, verify_store(w->store, problem, NULL, w, &result, &e) == 0, "%s", e.text);
    CHECK(w, result.files == w->file_count, "%u", result.files);
    read_back(w);
}

static void run(uint64_t seed, unsigned *crashes)
{
    struct world *w = calloc(1, sizeof *w);
    assert(w != NULL);

    w->seed = w->random = seed;
    w->disk = sim_disk_new(seed * 31);
    fixture_folder(w->folder, sizeof w->folder);
    build_source(w);
    while (!live(w)) {
        if (sim_disk_crashed(w->disk) || below(w, 2) == 0)
            come_back(w);
        else
            close_all(w);
        harm_sidecar(w);
    }
    check_end(w);
    close_all(w);
    for (size_t i = 0; i < w->file_count; i++) {
        binlog_done(&w->files[i].sent);
        binlog_done(&w->files[i].expect);
    }
    *crashes += w->crashes;
    sim_disk_free(w->disk);
    fixture_remove(w->folder);
    free(w);
}

int main(void)
{
    const char *one = getenv("SEED");
    const char *many = getenv("SEEDS");
    uint64_t    first = one != NULL ? strtoull(one, NULL, 10) : 1;
    uint64_t    count = one != NULL ? 1 : many != NULL ? strtoull(many, NULL, 10) : 200;
    unsigned    crashes = 0;

    (void)printf("seeds %llu to %llu; SEED=n repeats one\n", (unsigned long long)first,
                 (unsigned long long)(first + count - 1));
    for (uint64_t seed = first; seed < first + count; seed++)
        run(seed, &crashes);
    (void)printf("%llu runs, %u crashes: all held\n", (unsigned long long)count, crashes);
    return 0;
}
