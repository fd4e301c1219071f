/*
 * A relay that goes from server to server, on the disk of test_crash.c: each server has logged the
 * transactions of those before it again, elsewhere and in files of its own, and what of them is
 * held becomes holes. It crashes at any moment, before, during and after a switch. After every
 * crash: nothing that was published is lost or changed (I1), each relay file is its server's file
 * outside its holes and its closing ROTATE (I2), each transaction is there once (I3), what is
 * published is safe (I4) and places mean what they meant (I5). GTIDs are right in every place.
 *
 *     SEED=n    this seed alone           SEEDS=n   so many, from 1 on (600)
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "storage/hole.h"
#include "storage/locate.h"
#include "storage/name.h"
#include "storage/reader.h"
#include "storage/store_core.h"
#include "storage/verify.h"
#include "tests/sim/fixture.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_vfs.h"

enum {
    SERVERS_MAX = 4,
    FILES_MAX = 6,
    RELAY_FILES_MAX = SERVERS_MAX * FILES_MAX,
    CRASHES_MAX = 30
};

struct server_file {
    char          name[64];
    struct binlog sent;
    unsigned      before; /* transactions in front of it */
};

struct server {
    struct store_source source;
    struct server_file  files[FILES_MAX];
    size_t              count;
    unsigned            until; /* transactions that it has in all */
    size_t              begin; /* the file that is copied first */
};

/* What a relay file is made of. */
struct image {
    size_t     server, file;
    char       name[STORE_NAME_BYTES + 1];
    unsigned   held;     /* transactions before the server was joined */
    uint64_t   from, to; /* of its hole; equal: none */
    uint64_t   end;      /* of what is the server's */
    bool       closes;   /* a ROTATE of ours comes behind that */
    struct buf seen;     /* what was published of it so far */
};

struct world {
    uint64_t         seed, random;
    struct sim_disk *disk;
    char             folder[128];
    struct server    servers[SERVERS_MAX];
    size_t           server_count;
    struct image     images[RELAY_FILES_MAX];
    size_t           image_count;
    store_pos        published;
    struct store    *store;
    struct writer   *writer;
    unsigned         crashes, failures;
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
    (void)printf("SEED=%" PRIu64 ", crash %u: line %d: %s: %s\n", w->seed, w->crashes, line,
                 condition, text);
    fixture_remove(w->folder);
    exit(1);
}

/* ---- the servers ---- */

static size_t transaction_bytes(struct world *w)
{
    static const size_t sizes[] = { 20, 150, 150, 1000, 1000, 9000, 30000, 90000 };
    return sizes[below(w, 8)];
}

static void end_file(struct world *w, struct server *s, bool last)
{
    struct server_file *f = &s->files[s->count];

    if (below(w, 4) == 0)
        binlog_stop(&f->sent);
    else if (!last)
        binlog_rotate(&f->sent, below(w, 2) == 0 ? "another.000001" : "binlog.000002");
    s->count++;
}

static void begin_file(struct server *s, const struct binlog *before, unsigned txns,
                       unsigned number)
{
    struct server_file *f = &s->files[s->count];

    (void)snprintf(f->name, sizeof f->name, "binlog.%06u", number + (unsigned)s->count);
    f->before = txns;
    binlog_begin_next(&f->sent, before);
    binlog_format(&f->sent);
    binlog_head(&f->sent, binlog_gtids(&f->sent));
}

/* Transactions 1 to `until`, over some files; the last one may end in the middle of something. */
static void log_all(struct world *w, struct server *s, const struct binlog_style *style, bool last)
{
    struct binlog none;
    unsigned      number = 1 + (unsigned)below(w, 3);

    binlog_begin(&none, style);
    begin_file(s, &none, 0, number);
    for (unsigned i = 0; i < s->until; i++) {
        struct binlog *b = &s->files[s->count].sent;
        if (s->count + 1 < FILES_MAX && below(w, 8) == 0) {
            end_file(w, s, false);
            begin_file(s, b, i, number);
            b = &s->files[s->count].sent;
        }
        if (below(w, 10) == 0)
            binlog_ddl(b, "CREATE TABLE t (a INT)");
        else
            binlog_transaction(b, transaction_bytes(w));
    }
    if (!last && below(w, 3) == 0) {
        struct binlog *b = &s->files[s->count].sent;
        binlog_gtid(b, false);
        binlog_rows(b, 3000);
        s->count++;
    } else {
        end_file(w, s, true);
    }
    binlog_done(&none);
}

static uint64_t end_of_head(const struct binlog *b)
{
    return b->ends[b->style.old ? 0 : 1];
}

static uint64_t end_of_whole(const struct binlog *b)
{
    uint64_t last = b->txn_count != 0 ? b->txn_ends[b->txn_count - 1] : end_of_head(b);
    uint8_t  type = binlog_slice(b, b->count - 1).ptr[4];
    return type == EVENT_STOP || type == EVENT_ROTATE ? b->bytes.len : last;
}

static void add_images(struct world *w, size_t server)
{
    struct server *s = &w->servers[server];
    unsigned       held = server != 0 ? w->servers[server - 1].until : 0;

    for (size_t i = s->begin; i < s->count; i++) {
        const struct server_file *f = &s->files[i];
        struct image             *x = &w->images[w->image_count];
        size_t                    skipped = held > f->before ? held - f->before : 0;
        *x = (struct image){ .server = server, .file = i, .held = held };
        if (w->image_count == 0)
            (void)snprintf(x->name, sizeof x->name, "%s", f->name);
        else
            name_next(w->images[w->image_count - 1].name, x->name);
        x->from = x->to = end_of_head(&f->sent);
        if (skipped > f->sent.txn_count)
            skipped = f->sent.txn_count;
        if (skipped > 0)
            x->to = f->sent.txn_ends[skipped - 1];
        x->end = end_of_whole(&f->sent);
        x->closes = i + 1 == s->count && server + 1 < w->server_count &&
                    binlog_slice(&f->sent, f->sent.count - 1).ptr[4] != EVENT_STOP;
        buf_init(&x->seen, (size_t)1 << 30);
        w->image_count++;
    }
}

static void build(struct world *w)
{
    static const struct binlog_style styles[] = {
        { .family = FAMILY_MYSQL, .crc = true, .gtids = true },
        { .family = FAMILY_MYSQL, .crc = true },
        { .family = FAMILY_MYSQL, .old = true },
        { .family = FAMILY_MYSQL, .gtids = true },
        { .family = FAMILY_MARIADB, .crc = true, .gtids = true },
        { .family = FAMILY_MARIADB, .crc = true, .gtids = true, .no_position = true },
        { .family = FAMILY_MARIADB, .gtids = true },
    };
    const struct binlog_style *style = &styles[below(w, sizeof styles / sizeof styles[0])];
    unsigned                   until = 0;

    w->server_count = 2 + below(w, SERVERS_MAX - 1);
    for (size_t i = 0; i < w->server_count; i++) {
        struct server *s = &w->servers[i];
        unsigned       held = until;
        s->source = (struct store_source){ .server_id = (uint32_t)i + 1, .family = style->family };
        (void)snprintf(s->source.name, sizeof s->source.name, "s%zu", i);
        if (style->family == FAMILY_MYSQL && !style->old)
            (void)snprintf(s->source.uuid, sizeof s->source.uuid,
                           "0000000%u-0000-4000-8000-000000000001", (unsigned)(i % 10));
        (void)snprintf(s->source.version, sizeof s->source.version, "%s",
                       style->family == FAMILY_MYSQL ? "9.7.4" : "10.11.19-MariaDB-log");
        until += (unsigned)below(w, 12);
        s->until = until;
        log_all(w, s, style, i + 1 == w->server_count);
        /* Any file that begins within what is held will do; mostly it is the newest. */
        for (size_t k = 0; i != 0 && k < s->count; k++)
            if (s->files[k].before <= held && (s->begin == 0 || below(w, 4) != 0))
                s->begin = k;
    }
    for (size_t i = 0; i < w->server_count; i++)
        add_images(w, i);
}

static const struct binlog *sent_of(const struct world *w, const struct image *x)
{
    return &w->servers[x->server].files[x->file].sent;
}

/* ---- what must hold ---- */

/* Transactions that are held up to a place. */
static unsigned transactions_at(const struct world *w, const struct image *x, uint64_t offset)
{
    const struct binlog *b = sent_of(w, x);
    unsigned             n = w->servers[x->server].files[x->file].before;

    for (size_t i = 0; i < b->txn_count && b->txn_ends[i] <= offset; i++)
        n++;
    return n > x->held ? n : x->held;
}

static const char *gtids_text(const struct binlog *b, unsigned transactions)
{
    struct binlog as_of = *b;
    as_of.next_gtid = transactions + 1;
    return binlog_gtids(&as_of);
}

static void check_gtids(struct world *w, const struct gtids *g, const struct image *x,
                        uint64_t offset)
{
    const char *should = gtids_text(sent_of(w, x), transactions_at(w, x, offset));
    struct buf  text;

    buf_init(&text, 4096);
    gtids_put_text(g, &text);
    CHECK(w, strcmp(buf_text(&text), should) == 0, "%s at %" PRIu64 ": %s, should be %s", x->name,
          offset, buf_text(&text), should);
    buf_done(&text);
}

/* Holes, one behind the other, up to the end of the range or of what is visible. */
static void check_hole(struct world *w, const struct image *x, struct slice is)
{
    const struct binlog *b = sent_of(w, x);
    uint64_t             at = x->from;

    if (is.len <= x->from)
        return;
    while (at < x->to && at < is.len) {
        struct event ev;
        struct err   e = { 0 };
        struct slice rest = { is.ptr + at, is.len - at };
        CHECK(w, event_parse_head(rest, b->style.crc, &ev, &e) == 0, "%s", e.text);
        CHECK(w, hole_is(&ev), "%s at %" PRIu64 ": %s", x->name, at, event_name(ev.type));
        CHECK(w, ev.length <= rest.len, "%s at %" PRIu64, x->name, at);
        struct slice whole = { rest.ptr, ev.length };
        CHECK(w, !b->style.crc || event_verify(whole, &e) == 0, "%s", e.text);
        at += ev.length;
    }
    CHECK(w, at == x->to || at == is.len, "%s at %" PRIu64, x->name, at);
}

/* Outside its hole the server's file, up to a ROTATE, whose name is ours. */
static void check_i2_image(struct world *w, const struct image *x, struct slice is)
{
    const struct binlog *b = sent_of(w, x);
    uint64_t             end = x->end;

    if (binlog_slice(b, b->count - 1).ptr[4] == EVENT_ROTATE)
        end = b->ends[b->count - 2];
    uint64_t from = is.len < x->from ? is.len : x->from;
    CHECK(w, memcmp(is.ptr, b->bytes.ptr, from) == 0, "%s, its head", x->name);
    check_hole(w, x, is);
    if (is.len <= x->to)
        return;
    uint64_t to = is.len < end ? is.len : end;
    CHECK(w, memcmp(is.ptr + x->to, b->bytes.ptr + x->to, to - x->to) == 0, "%s behind its hole",
          x->name);
    if (is.len <= end)
        return;
    CHECK(w, x->end > end || x->closes, "%s has %zu bytes", x->name, is.len);
    struct event        ev;
    struct event_rotate rotate;
    struct err          e = { 0 };
    struct slice        rest = { is.ptr + end, is.len - end };
    CHECK(w, event_parse(rest, b->style.crc, &ev, &e) == 0, "%s", e.text);
    CHECK(w, event_parse_rotate(&ev, &rotate, &e) == 0, "%s", e.text);
    CHECK(w, strcmp(rotate.file, x[1].name) == 0, "%s", rotate.file);
}

static uint64_t visible_of(struct world *w, uint32_t ordinal)
{
    struct store_file f;
    struct err        e = { 0 };
    CHECK(w, store_file_by_ordinal(w->store, ordinal, &f, &e) == 0, "%s", e.text);
    CHECK(w, f.epoch == w->images[ordinal - 1].server + 1, "%s: epoch %u", f.name, f.epoch);
    CHECK(w, strcmp(f.name, w->images[ordinal - 1].name) == 0, "%s", f.name);
    return f.size;
}

static void check_published(struct world *w)
{
    store_pos    published = store_published(w->store);
    uint32_t     ordinal = store_pos_ordinal(published);
    struct gtids g = { 0 };
    struct err   e = { 0 };

    CHECK(w, published >= w->published, "%" PRIx64, published);
    w->published = published;
    if (published == 0)
        return;
    CHECK(w, ordinal <= w->image_count, "%u", ordinal);
    for (uint32_t o = 1; o <= ordinal; o++) {
        struct image *x = &w->images[o - 1];
        struct slice  is = sim_disk_bytes(w->disk, x->name);
        struct slice  safe = sim_disk_safe(w->disk, x->name);
        uint64_t      visible = visible_of(w, o);
        CHECK(w, is.len >= visible, "%s has %zu of %" PRIu64, x->name, is.len, visible);
        CHECK(w, safe.len >= visible && memcmp(safe.ptr, is.ptr, visible) == 0, /* I4 */
              "%s: %zu of %" PRIu64 " are safe", x->name, safe.len, visible);
        CHECK(w, x->seen.len <= visible, "%s became shorter", x->name);
        CHECK(w, x->seen.len == 0 || memcmp(x->seen.ptr, is.ptr, x->seen.len) == 0, /* I1 */
              "%s changed", x->name);
        check_i2_image(w, x, (struct slice){ is.ptr, visible });
        buf_clear(&x->seen);
        buf_put(&x->seen, (struct slice){ is.ptr, visible });
    }
    CHECK(w, store_gtids_published(w->store, &g, &e) == 0, "%s", e.text);
    check_gtids(w, &g, &w->images[ordinal - 1], store_pos_offset(published));
    gtids_done(&g);
}

static void check_resume(struct world *w, const struct writer_resume *r)
{
    struct store_file last;

    if (r->empty) {
        CHECK(w, w->published == 0, "something is published");
        return;
    }
    CHECK(w, store_last_file(w->store, &last), "a file");
    const struct image *x = &w->images[last.ordinal - 1];
    CHECK(w, strcmp(r->source_file, w->servers[x->server].files[x->file].name) == 0, "%s",
          r->source_file);
    CHECK(w, r->overlap_at <= r->offset, "%" PRIu64, r->overlap_at);
    if (r->offset > x->from && r->offset <= x->to)
        CHECK(w, r->overlap_at == r->offset, "%s: the source is asked for what is left out",
              x->name);
}

/* ---- the relay ---- */

static void close_all(struct world *w)
{
    writer_close(w->writer);
    w->writer = NULL;
    store_close(w->store);
    w->store = NULL;
}

static void harm_sidecar(struct world *w)
{
    char                name[STORE_NAME_BYTES + 1];
    const struct image *x = &w->images[below(w, w->image_count)];

    if (below(w, 4) != 0 || !sent_of(w, x)->style.crc)
        return;
    name_sidecar(x->name, name);
    struct slice is = sim_disk_bytes(w->disk, name);
    if (is.len != 0)
        sim_disk_put(w->disk, name, (struct slice){ is.ptr, below(w, is.len) });
}

static void plan_trouble(struct world *w)
{
    static const uint64_t distances[] = { 15, 40, 40, 300 };
    uint64_t              calls = sim_disk_calls(w->disk);
    uint64_t              soon = distances[below(w, 4)];

    sim_disk_crash_at(w->disk, w->crashes < CRASHES_MAX ? calls + 1 + below(w, soon) : 0);
    sim_disk_fail_at(w->disk, 0, 0);
    if (w->failures < 15 && below(w, 2) == 0)
        sim_disk_fail_at(w->disk, calls + 1 + below(w, 40), below(w, 2) == 0 ? EIO : ENOSPC);
}

static void come_back(struct world *w)
{
    close_all(w);
    if (below(w, 3) == 0)
        sim_disk_revive(w->disk);
    else
        sim_disk_restart(w->disk);
    w->crashes++;
}

static int publish(struct world *w, struct err *e)
{
    TRY(writer_flush(w->writer, e));
    if (below(w, 4) == 0)
        return 0;
    int result = store_sync(w->store, e);
    if (result >= 0)
        check_published(w);
    return result < 0 ? -1 : 0;
}

/* As the ingest does it: the row first, then the file. */
static int enter(struct world *w, size_t index, struct err *e)
{
    const struct image       *x = &w->images[index];
    const struct server      *s = &w->servers[x->server];
    const struct server_file *f = &s->files[x->file];
    struct catalog_epoch      row = { .source = s->source, .method = "gtid" };

    if (index == 0 || x[-1].server == x->server)
        return writer_begin_file(w->writer, &s->source, f->name, 0, e);
    row.skipped = row.lacking = row.errant = row.lost = "";
    writer_next_epoch(w->writer, &row.epoch, &row.ordinal);
    CHECK(w, row.epoch == x->server + 1 && row.ordinal == index + 1, "epoch %u, file %u", row.epoch,
          row.ordinal);
    memcpy(row.source_file, f->name, sizeof f->name);
    TRY(catalog_put_epoch(w->store->catalog, &row, e));
    return writer_begin_epoch(w->writer, &s->source, f->name, e);
}

static int send_hole(struct world *w, uint64_t *hole, struct err *e)
{
    uint64_t bytes = *hole;

    if (bytes == 0)
        return 0;
    *hole = 0;
    return writer_skip(w->writer, bytes, e);
}

static bool ends_transaction(const struct binlog *b, uint64_t end)
{
    for (size_t i = 0; i < b->txn_count && b->txn_ends[i] <= end; i++)
        if (b->txn_ends[i] == end)
            return true;
    return false;
}

static int send_file(struct world *w, const struct image *x, uint64_t from, uint64_t hurry,
                     struct err *e)
{
    const struct binlog *b = sent_of(w, x);
    uint64_t             hole = 0;

    for (size_t k = 0; k < b->count; k++) {
        struct event ev;
        uint64_t     at = k == 0 ? BINLOG_MAGIC_BYTES : b->ends[k - 1];
        if (at < from)
            continue;
        if (at >= x->from && at < x->to) {
            hole += b->ends[k] - at;
            if (ends_transaction(b, b->ends[k]) && below(w, 3) == 0) {
                TRY(send_hole(w, &hole, e));
                TRY(publish(w, e));
            }
            continue;
        }
        TRY(send_hole(w, &hole, e));
        CHECK(w, writer_offset(w->writer) == at, "%" PRIu64, at);
        CHECK(w, event_parse(binlog_slice(b, k), b->style.crc, &ev, e) == 0, "%s", e->text);
        TRY(writer_append(w->writer, &ev, e));
        if (below(w, hurry) == 0)
            TRY(publish(w, e));
    }
    return send_hole(w, &hole, e);
}

static int send_rest(struct world *w, const struct writer_resume *r, struct err *e)
{
    struct store_file last;
    size_t            index = 0;
    uint64_t          hurry = 1 + below(w, 20);
    bool              begun = store_last_file(w->store, &last);

    if (begun)
        index = last.ordinal - 1;
    for (uint64_t from = begun ? r->offset : 0; index < w->image_count; index++, from = 0) {
        if (from == 0) {
            TRY(enter(w, index, e));
            check_published(w);
        }
        TRY(send_file(w, &w->images[index], from, hurry, e));
    }
    TRY(writer_flush(w->writer, e));
    return store_sync(w->store, e) < 0 ? -1 : 0;
}

/* One life of the process; true when all was sent. */
static bool live(struct world *w)
{
    struct err           e = { 0 };
    struct writer_resume r;
    struct store_options o = { .folder = w->folder,
                               .disk = sim_disk_disk(w->disk),
                               .index_bytes = 4096 };

    plan_trouble(w);
    bool good = store_open(&o, &w->store, &e) == 0;
    if (good) {
        store_stop_sync(w->store);
        check_published(w);
        good = writer_open(w->store, &w->writer, &r, &e) == 0;
    } else {
        w->store = NULL;
    }
    if (!good)
        w->writer = NULL;
    if (good) {
        check_published(w);
        check_resume(w, &r);
        good = send_rest(w, &r, &e) == 0;
    }
    if (good) {
        check_published(w);
        return true;
    }
    CHECK(w, e.kind == E_IO || e.kind == E_FULL, "%s", e.text);
    w->failures++;
    return false;
}

/* ---- in the end ---- */

static void problem(void *arg, const char *text)
{
    fail(arg, __LINE__, "the store verifies", "%s", text);
}

static unsigned total(const struct world *w)
{
    return w->servers[w->server_count - 1].until;
}

/* Transactions from a place on, which must be number `next` and those behind it. */
static void check_i3_from(struct world *w, store_pos from, unsigned next)
{
    struct reader *r = NULL;
    struct err     e = { 0 };
    unsigned       n = next;

    CHECK(w, reader_open(w->store, from, 0, &r, &e) == 0, "%s", e.text);
    for (;;) {
        struct reader_piece p;
        enum reader_step    step;
        struct gtid_event   g;
        CHECK(w, reader_next(r, &p, &step, &e) == 0, "%s", e.text);
        if (step == READER_FILE_DONE)
            CHECK(w, reader_next_file(r, &step, &e) == 0, "%s", e.text);
        if (step == READER_AT_END)
            break;
        if (step != READER_PIECE || p.at != 0)
            continue;
        if (p.event.type == EVENT_GTID || p.event.type == EVENT_MARIADB_GTID) {
            CHECK(w, gtid_parse_event(reader_format(r), &p.event, &g, &e) == 0, "%s", e.text);
            CHECK(w, g.gtid.number == n, "transaction %" PRIu64 " where %u should be",
                  g.gtid.number, n);
        }
        bool ddl = p.event.type == EVENT_QUERY && memmem(p.bytes.ptr, p.bytes.len, "CREATE", 6);
        n += p.event.type == EVENT_XID || ddl ? 1 : 0;
    }
    CHECK(w, n == total(w) + 1, "%u transactions of %u", n - 1, total(w));
    reader_close(r);
}

static void check_located(struct world *w, unsigned have)
{
    const struct binlog *b = &w->servers[0].files[0].sent;
    struct gtids         g = { 0 };
    struct locate_gtid   at;
    struct err           e = { 0 };

    if (!b->style.gtids || total(w) == 0)
        return;
    CHECK(w, gtids_parse(&g, slice_of_text(gtids_text(b, have)), &e) == 0, "%s", e.text);
    int result = b->style.family == FAMILY_MYSQL ? locate_gtid_set(w->store, &g.set, &at, &e)
                                                 : locate_gtid_state(w->store, &g.state, &at, &e);
    CHECK(w, result == 0, "%u: %s", have, e.text);
    check_i3_from(w, at.first, have + 1);
    gtids_done(&g);
}

static void check_end(struct world *w)
{
    struct verify_result result;
    struct err           e = { 0 };

    sim_disk_crash_at(w->disk, 0);
    sim_disk_fail_at(w->disk, 0, 0);
    for (uint32_t o = 1; o <= w->image_count; o++) {
        const struct image *x = &w->images[o - 1];
        struct gtids        g = { 0 };
        CHECK(w, store_gtids_before(w->store, o, &g, &e) == 0, "%s", e.text);
        check_gtids(w, &g, x, end_of_head(sent_of(w, x)));
        CHECK(w, locate_gtids_at(w->store, store_pos_at(o, x->to), &g, &e) == 0, "%s", e.text);
        check_gtids(w, &g, x, x->to);
        gtids_done(&g);
    }
    CHECK(w, verify_store(w->store, problem, NULL, w, &result, &e) == 0, "%s", e.text);
    CHECK(w, result.files == w->image_count && result.transactions == total(w),
          "%u files, %" PRIu64 " transactions", result.files, result.transactions);
    check_i3_from(w, store_pos_at(1, BINLOG_MAGIC_BYTES), 1);
    for (int i = 0; i < 5; i++)
        check_located(w, (unsigned)below(w, total(w) + 1));
}

static void done(struct world *w)
{
    for (size_t i = 0; i < w->server_count; i++)
        for (size_t k = 0; k < w->servers[i].count; k++)
            binlog_done(&w->servers[i].files[k].sent);
    for (size_t i = 0; i < w->image_count; i++)
        buf_done(&w->images[i].seen);
    sim_disk_free(w->disk);
    fixture_remove(w->folder);
    free(w);
}

static unsigned run(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    assert(w != NULL);

    w->seed = w->random = seed;
    w->disk = sim_disk_new(seed * 31);
    sim_vfs_use(sim_disk_disk(w->disk));
    fixture_folder(w->folder, sizeof w->folder);
    build(w);
    while (!live(w)) {
        if (sim_disk_crashed(w->disk) || below(w, 2) == 0)
            come_back(w);
        else
            close_all(w);
        harm_sidecar(w);
    }
    check_end(w);
    close_all(w);
    unsigned crashes = w->crashes;
    done(w);
    return crashes;
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

int main(void)
{
    enum { SEED_S = 120 };
    uint64_t one = number_of("SEED", 0);
    uint64_t end = one != 0 ? one + 1 : number_of("SEEDS", 600) + 1;
    uint64_t crashes = 0;

    for (uint64_t seed = one != 0 ? one : 1; seed < end; seed++) {
        (void)alarm(SEED_S);
        crashes += run(seed);
    }
    (void)printf("%" PRIu64 " crashes around switches: all held\n", crashes);
    return 0;
}
