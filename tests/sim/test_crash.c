/*
 * A relay that crashes again and again while a source sends it files of both families, on a disk
 * that loses, tears and reorders what was not synced, fails single calls and is full at times; the
 * catalog's SQLite is on the same disk. Every other relay is fed by the test event by event, the
 * others follow a simulated source through the real relay/upstream, over a connection that is cut
 * anywhere. After every crash: nothing that was published is lost or changed (I1), what is
 * published ends with a transaction, the GTIDs are those of that place, and what is asked for is
 * exactly what follows. In the end every relay file is its source file byte for byte (I2), and each
 * transaction is there once (I3). What was acknowledged is safe at that moment (I4). Before that,
 * disks that lie are found out.
 *
 *     SEED=n    this seed alone           SEEDS=n   so many, from 1 on (4000)
 *     JOBS=n    in so many processes (2)  SOAK=1    new seeds without end (make soak)
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "relay/upstream/follow.h"
#include "storage/name.h"
#include "storage/reader.h"
#include "storage/store_core.h"
#include "storage/verify.h"
#include "tests/sim/fixture.h"
#include "tests/sim/history.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_vfs.h"
#include "tests/sim/source/sim_source.h"

enum { CRASHES_MAX = 40 };

struct world {
    uint64_t          seed, random;
    struct sim_disk  *disk;
    char              folder[128];
    struct history    history;
    store_pos         published; /* the greatest that was ever seen */
    struct store     *store;
    struct writer    *writer; /* not when it follows */
    struct follow    *follow;
    struct sim_source source;
    bool              sync_failed;
    unsigned          crashes, failures;
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
    fixture_remove(w->folder); /* only its lock is on a real disk */
    exit(1);
}

/* ---- what must hold ---- */

static void check_gtids(struct world *w, const struct history_file *f, uint64_t offset)
{
    struct gtids g = { 0 };
    struct err   e = { 0 };
    struct buf   text;
    const char  *should = history_gtids(f, offset);

    CHECK(w, store_gtids_published(w->store, &g, &e) == 0, "%s", e.text);
    buf_init(&text, 4096);
    gtids_put_text(&g, &text);
    CHECK(w, strcmp(buf_text(&text), should) == 0, "%s at %llu: %s, should be %s", f->name,
          (unsigned long long)offset, buf_text(&text), should);
    buf_done(&text);
    gtids_done(&g);
}

/* What a power cut would leave at this moment is enough for all up to there. */
static void check_i4_safe(struct world *w, uint32_t ordinal, uint64_t offset)
{
    for (uint32_t i = 0; i < ordinal; i++) {
        const struct history_file *f = &w->history.files[i];
        uint64_t                   upto = i + 1 == ordinal ? offset : f->expect_size;
        struct slice               safe = sim_disk_safe(w->disk, f->relay_name);
        CHECK(w, safe.len >= upto, "of %s %zu of %llu bytes are safe", f->relay_name, safe.len,
              (unsigned long long)upto);
        CHECK(w, memcmp(safe.ptr, f->expect.ptr, upto) == 0, "what is safe of %s differs",
              f->relay_name);
    }
}

/* All of it, from the first byte on. */
static void check_i1_published(struct world *w)
{
    store_pos published = store_published(w->store);
    uint32_t  ordinal = store_pos_ordinal(published);
    uint64_t  offset = store_pos_offset(published);

    CHECK(w, published >= w->published, "%llx became %llx", (unsigned long long)w->published,
          (unsigned long long)published);
    w->published = published;
    if (published == 0)
        return;
    CHECK(w, ordinal <= w->history.count, "%u", ordinal);
    for (uint32_t i = 0; i < ordinal; i++) {
        const struct history_file *f = &w->history.files[i];
        uint64_t                   visible = i + 1 == ordinal ? offset : f->expect_size;
        struct slice               is = sim_disk_bytes(w->disk, f->relay_name);
        CHECK(w, is.len >= visible, "%s has %zu of %llu bytes", f->relay_name, is.len,
              (unsigned long long)visible);
        CHECK(w, memcmp(is.ptr, f->expect.ptr, visible) == 0, "%s differs", f->relay_name);
    }
    const struct history_file *last = &w->history.files[ordinal - 1];
    CHECK(w, history_is_boundary(last, offset), "%s at %llu", last->name,
          (unsigned long long)offset);
    check_gtids(w, last, offset);
    check_i4_safe(w, ordinal, offset);
}

static void check_i5_resume(struct world *w, const struct writer_resume *r)
{
    uint32_t ordinal = store_pos_ordinal(w->published);

    if (r->empty) {
        CHECK(w, w->published == 0, "something is published");
        return;
    }
    size_t i = history_find(&w->history, r->source_file);
    CHECK(w, i < w->history.count, "%s", r->source_file);
    if (i + 1 == ordinal)
        CHECK(w, r->offset == store_pos_offset(w->published), "%llu",
              (unsigned long long)r->offset);
    else
        CHECK(w, i == ordinal && r->offset == BINLOG_MAGIC_BYTES, "%s %llu", r->source_file,
              (unsigned long long)r->offset);
    if (r->offset > BINLOG_MAGIC_BYTES) {
        const struct binlog *b = &w->history.files[i].sent; /* the source has to know the place */
        size_t               k = 0;
        while (k < b->count && b->ends[k] != r->offset)
            k++;
        CHECK(w, k < b->count, "%s has no event that ends at %llu", r->source_file,
              (unsigned long long)r->offset);
        struct event ev;
        struct err   e = { 0 };
        CHECK(w, event_parse_head(binlog_slice(b, 0), false, &ev, &e) == 0, "%s", e.text);
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
    if (below(w, 4) != 0 || !w->history.files[0].sent.style.crc)
        return;
    name_sidecar(w->history.files[below(w, w->history.count)].relay_name, name);
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

    /* Opening the catalog alone takes some calls. */
    static const uint64_t distances[] = { 15, 40, 40, 300 };
    uint64_t              soon = distances[below(w, 4)];
    w->source.hasty = w->crashes >= CRASHES_MAX;
    sim_disk_crash_at(w->disk, w->crashes < CRASHES_MAX ? calls + 1 + below(w, soon) : 0);
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
        check_i1_published(w);
    return result < 0 ? -1 : 0;
}

/* As the upstream does it: from where the store ends to where the source ends. */
static int send_rest(struct world *w, const struct writer_resume *r, struct err *e)
{
    size_t   i = r->empty ? 0 : history_find(&w->history, r->source_file);
    uint64_t from = r->empty ? 0 : r->offset;
    uint64_t hurry = 1 + below(w, 30);

    for (; i < w->history.count; i++, from = 0) {
        const struct binlog *b = &w->history.files[i].sent;
        if (from == 0) {
            TRY(writer_begin_file(w->writer, &w->history.source, w->history.files[i].name, 0, e));
            check_i1_published(w);
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

/* ---- the relay's own way to the source ---- */

/* What the syncer's thread does, at a moment that the seed chooses. */
static int turn(void *arg, struct err *e)
{
    struct world *w = arg;

    if (sim_disk_crashed(w->disk)) {
        follow_stop(w->follow);
        return err_set(e, E_STOPPED, "the simulated machine has no power");
    }
    if (below(w, 3) == 0) {
        if (store_sync(w->store, e) < 0) { /* as the channel reacts to it */
            CHECK(w, e->kind == E_IO || e->kind == E_FULL, "%s", e->text);
            w->sync_failed = true;
            follow_fail(w->follow, e);
            return -1;
        }
    }
    if (store_published(w->store) != w->published)
        check_i1_published(w);
    return 0;
}

static store_pos end_of_all(const struct world *w)
{
    return store_pos_at((uint32_t)w->history.count,
                        w->history.files[w->history.count - 1].expect_size);
}

static int idle(void *arg, struct err *e)
{
    struct world *w = arg;

    if (store_published(w->store) != end_of_all(w))
        return 0;
    follow_stop(w->follow);
    return err_set(e, E_STOPPED, "all was received");
}

static void acked(void *arg, const char *file, uint64_t offset)
{
    struct world *w = arg;
    size_t        i = history_find(&w->history, file);

    CHECK(w, i < w->history.count, "%s", file);
    check_i4_safe(w, (uint32_t)i + 1, offset);
}

/* The ingest thread waits here for the syncer, which is nobody in this program (see Makefile). */
int __real_store_wait_synced(struct store *s, struct err *e);
int __wrap_store_wait_synced(struct store *s, struct err *e);
int __wrap_store_wait_synced(struct store *s, struct err *e)
{
    struct err ignored;
    while (store_sync(s, &ignored) == 0)
        continue;
    return __real_store_wait_synced(s, e);
}

static bool follow_to_the_end(struct world *w)
{
    static char           name[] = "a", host[] = "simulated", none[] = "", user[] = "relay";
    struct config_source  source = { .name = name,
                                     .host = host,
                                     .port = 3306,
                                     .socket = none,
                                     .user = user,
                                     .password = none,
                                     .server_id = 4711,
                                     .tls_ca = none,
                                     .tls_cert = none,
                                     .tls_key = none,
                                     .semi_sync = w->source.semi_sync,
                                     .heartbeat = 1 };
    struct err            e = { 0 };
    struct channel_status status;

    check_i1_published(w);
    if (follow_new(&source, w->store, "00000000-0000-4000-8000-000000000001", false, &w->follow,
                   &e) != 0) {
        CHECK(w, e.kind == E_IO || e.kind == E_FULL, "%s", e.text);
        return false;
    }
    sim_source_use(&w->source);
    w->sync_failed = false;
    follow_run(w->follow);
    follow_status(w->follow, &status);
    follow_free(w->follow);
    w->follow = NULL;
    CHECK(w, status.state != CHANNEL_STOPPED || w->sync_failed, "%s", status.problem);
    if (sim_disk_crashed(w->disk) || w->sync_failed)
        return false;
    check_i1_published(w);
    return store_published(w->store) == end_of_all(w);
}

/* One life of the process; true when all was sent. */
static bool live(struct world *w)
{
    struct writer_resume r;
    struct err           e = { 0 };

    plan_trouble(w);
    if (!open_store(w))
        return false;
    if (w->source.history != NULL)
        return follow_to_the_end(w);
    for (;;) {
        check_i1_published(w);
        if (!open_writer(w, &r)) {
            if (sim_disk_crashed(w->disk))
                return false;
            continue;
        }
        check_i1_published(w);
        check_i5_resume(w, &r);
        if (send_rest(w, &r, &e) == 0) {
            check_i1_published(w);
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
            CHECK(w, at == w->history.files[i].expect_size, "%llu", (unsigned long long)at);
            CHECK(w, reader_next_file(r, &step, &e) == 0 && step == READER_PIECE, "%s", e.text);
            i++;
            at = 4;
            continue;
        }
        CHECK(w, memcmp(w->history.files[i].expect.ptr + at, piece.bytes.ptr, piece.bytes.len) == 0,
              "%s at %llu", w->history.files[i].name, (unsigned long long)at);
        at += piece.bytes.len;
    }
    CHECK(w, i + 1 == w->history.count, "%zu", i);
    reader_close(r);
}

static void check_i2_i3_end(struct world *w)
{
    struct verify_result result;
    struct err           e = { 0 };

    sim_disk_crash_at(w->disk, 0);
    sim_disk_fail_at(w->disk, 0, 0);
    CHECK(w, w->published == end_of_all(w), "%llx", (unsigned long long)w->published);
    /* A sidecar that was harmed is made again when somebody asks for it. */
    for (uint32_t i = 1; i <= w->history.count; i++) {
        struct gtids g = { 0 };
        CHECK(w, store_gtids_before(w->store, i, &g, &e) == 0, "%s", e.text);
        gtids_done(&g);
    }
    CHECK(w, verify_store(w->store, problem, NULL, w, &result, &e) == 0, "%s", e.text);
    CHECK(w, result.files == w->history.count, "%u", result.files);
    read_back(w);
}

static void run(uint64_t seed, enum sim_plant plant, unsigned *crashes)
{
    struct world *w = calloc(1, sizeof *w);
    assert(w != NULL);

    w->seed = w->random = seed;
    w->disk = sim_disk_new(seed * 31);
    sim_disk_plant(w->disk, plant);
    sim_vfs_use(sim_disk_disk(w->disk));
    fixture_folder(w->folder, sizeof w->folder);
    history_build(&w->history, &w->random);
    if (below(w, 2) == 0)
        w->source = (struct sim_source){ .history = &w->history,
                                         .random = &w->random,
                                         .semi_sync = below(w, 2) == 0,
                                         .turn = turn,
                                         .idle = idle,
                                         .acked = acked,
                                         .arg = w };
    while (!live(w)) {
        if (sim_disk_crashed(w->disk) || below(w, 2) == 0)
            come_back(w);
        else
            close_all(w);
        harm_sidecar(w);
    }
    check_i2_i3_end(w);
    close_all(w);
    history_done(&w->history);
    *crashes += w->crashes;
    sim_disk_free(w->disk);
    fixture_remove(w->folder);
    free(w);
}

/* ---- many of them ---- */

enum { SEED_S = 120 }; /* one that takes so long goes round in circles */

struct job { /* in memory that both see */
    uint64_t seed, done, crashes;
};

static void work(struct job *job, uint64_t first, uint64_t end, unsigned step, enum sim_plant plant)
{
    for (uint64_t seed = first; end == 0 || seed < end; seed += step) {
        unsigned crashes = 0;
        job->seed = seed;
        (void)alarm(SEED_S);
        run(seed, plant, &crashes);
        job->crashes += crashes;
        job->done++;
    }
}

static pid_t start_job(struct job *job, uint64_t first, uint64_t end, unsigned step,
                       enum sim_plant plant)
{
    (void)fflush(NULL);
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid != 0)
        return pid;
    if (plant != SIM_PLANT_NONE &&
        (freopen("/dev/null", "w", stdout) == NULL || freopen("/dev/null", "w", stderr) == NULL))
        _exit(0);
    work(job, first, end, step, plant);
    _exit(0); /* cmocka and the sanitizers have nothing to add */
}

static bool ended_well(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* If the simulation does not find these, it finds nothing. */
static bool finds_lying_disks(struct job *job)
{
    enum { SEEDS_ENOUGH = 200 };
    bool all = true;

    for (int plant = SIM_PLANT_NONE + 1; plant < SIM_PLANTS; plant++) {
        *job = (struct job){ 0 };
        bool missed = ended_well(start_job(job, 1, SEEDS_ENOUGH, 1, (enum sim_plant)plant));
        (void)printf("lying disk %d: %s after %" PRIu64 " runs\n", plant,
                     missed ? "not found out" : "found out", job->done + 1);
        all = all && !missed;
    }
    return all;
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

enum { JOBS_MAX = 64, TELL_S = 10 };

static void tell(const struct job *jobs, unsigned count, const char *what)
{
    uint64_t done = 0;
    uint64_t crashes = 0;
    for (unsigned i = 0; i < count; i++) {
        done += jobs[i].done;
        crashes += jobs[i].crashes;
    }
    (void)printf("%" PRIu64 " runs, %" PRIu64 " crashes: %s\n", done, crashes, what);
    (void)fflush(stdout);
}

/* Until one of them fails, or all have ended. */
static bool run_jobs(struct job *jobs, unsigned count, uint64_t first, uint64_t end,
                     const char *program)
{
    pid_t    pids[JOBS_MAX];
    unsigned running = count;

    for (unsigned i = 0; i < count; i++)
        pids[i] = start_job(&jobs[i], first + i, end, count, SIM_PLANT_NONE);
    while (running > 0) {
        int   status = 0;
        pid_t pid = end != 0 ? waitpid(-1, &status, 0) : waitpid(-1, &status, WNOHANG);
        if (pid == 0) {
            (void)sleep(TELL_S);
            tell(jobs, count, "all held so far");
            continue;
        }
        running--;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            continue;
        for (unsigned i = 0; i < count; i++)
            if (pids[i] == pid)
                (void)printf("repeat it with: SEED=%" PRIu64 " %s\n", jobs[i].seed, program);
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    const char *program = argc > 0 ? argv[0] : "test_crash";
    uint64_t    one = number_of("SEED", 0);
    bool        soak = getenv("SOAK") != NULL;
    uint64_t    first = soak ? (uint64_t)time(NULL) * 1000000 : 1;
    uint64_t    end = soak ? 0 : first + number_of("SEEDS", 4000);
    unsigned    count = (unsigned)number_of("JOBS", 2);
    struct job *jobs = mmap(NULL, JOBS_MAX * sizeof *jobs, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert(jobs != MAP_FAILED && count >= 1 && count <= JOBS_MAX);
    if (one != 0) { /* in this process, for a debugger */
        work(&jobs[0], one, one + 1, 1, SIM_PLANT_NONE);
        tell(jobs, 1, "all held");
        return 0;
    }
    if (!soak && !finds_lying_disks(&jobs[0]))
        return 1;
    jobs[0] = (struct job){ 0 };
    if (!run_jobs(jobs, count, first, end, program))
        return 1;
    tell(jobs, count, "all held");
    return 0;
}
