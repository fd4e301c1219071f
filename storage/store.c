#include "storage/store.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>
#include "protocol/base/deadline.h"
#include "protocol/base/own.h"
#include "storage/index.h"
#include "storage/locate.h"
#include "storage/name.h"
#include "storage/purge.h"
#include "storage/rebuild.h"
#include "storage/recovery.h"
#include "storage/scan.h"
#include "storage/store_core.h"

/* ---- opening and closing ---- */

int store_lock(const char *folder, int *out_fd, struct err *e)
{
    OWN_MEM char *path = NULL;

    if (asprintf(&path, "%s/lock", folder) < 0) {
        path = NULL;
        return err_set(e, E_NOMEM, "no memory to open the store in %s", folder);
    }
    OWN_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return err_sys(e, "open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return err_set(e, E_CONFIG,
                           "the folder %s is in use by another binrelayd: stop that one, or give "
                           "this one a folder of its own",
                           folder);
        return err_sys(e, "lock %s", path);
    }
    *out_fd = take_fd(&fd);
    return 0;
}

int store_table_put(struct store *s, const struct store_file *f, struct err *e)
{
    if (s->file_count != 0 && f->ordinal < s->files[0].ordinal + s->file_count) {
        assert(f->ordinal >= s->files[0].ordinal);
        struct store_file *held = &s->files[f->ordinal - s->files[0].ordinal];
        /* I5: a file that somebody may have seen keeps its name, its source and its size. */
        assert(s->readonly || store_pos_ordinal(store_published(s)) < f->ordinal ||
               (strcmp(held->name, f->name) == 0 &&
                strcmp(held->source_file, f->source_file) == 0 &&
                (!held->sealed || held->size == f->size)));
        *held = *f;
        return 0;
    }
    if (s->file_count != 0 && f->ordinal != s->files[0].ordinal + s->file_count)
        return err_set(e, E_CORRUPT, "the catalog has no row for relay file %zu",
                       s->files[0].ordinal + s->file_count);
    if (s->file_count == s->file_size) {
        size_t size = s->file_size != 0 ? s->file_size * 2 : 16;
        void  *more = reallocarray(s->files, size, sizeof *s->files);
        if (more == NULL)
            return err_set(e, E_NOMEM, "no memory for the table of %zu relay files", size);
        s->files = more;
        s->file_size = size;
    }
    s->files[s->file_count++] = *f;
    return 0;
}

static int put_row(void *arg, const struct store_file *f, struct err *e)
{
    return store_table_put(arg, f, e);
}

/* Sealed files are not read, but they have to be there. */
static int check_sealed(struct store *s, struct err *e)
{
    for (size_t i = 0; i < s->file_count; i++) {
        const struct store_file *f = &s->files[i];
        uint64_t                 size;
        if (!f->sealed && i + 1 < s->file_count)
            return err_set(e, E_CORRUPT, "relay file %s is not the last and yet not complete",
                           f->name);
        if (s->disk->size_of(s->disk, f->name, &size, e) != 0)
            return err_note(e, "relay file %s, restore it", f->name);
        if (f->sealed && size != f->size)
            return err_set(e, E_CORRUPT, "relay file %s has %llu bytes, it should have %llu",
                           f->name, (unsigned long long)size, (unsigned long long)f->size);
    }
    return 0;
}

/* A file that was made but never got its row: nothing of it was ever published. */
static int remove_unborn(struct store *s, const struct store_file *last, struct err *e)
{
    char     name[STORE_NAME_BYTES + 1];
    char     sidecar[STORE_NAME_BYTES + 1];
    uint64_t size;

    name_next(last->name, name);
    if (s->disk->size_of(s->disk, name, &size, e) != 0)
        return e->kind == E_PURGED ? 0 : -1;
    if (size > BINLOG_MAGIC_BYTES)
        return err_set(e, E_CORRUPT,
                       "%s/%s is not in the catalog, but its name is needed next: move it away",
                       s->folder, name);
    name_sidecar(name, sidecar);
    TRY(s->disk->remove(s->disk, sidecar, e));
    return s->disk->remove(s->disk, name, e);
}

/* Writes what is there once more. */
static int renew_part(struct disk_file *file, const struct disk *d, uint64_t from, uint64_t end,
                      struct err *e)
{
    enum { STEP_BYTES = 16 * 1024 };
    uint8_t block[STEP_BYTES];

    while (from < end) {
        size_t want = end - from < STEP_BYTES ? (size_t)(end - from) : STEP_BYTES;
        size_t got;
        TRY(d->read(file, from, block, want, &got, e));
        if (got == 0)
            return 0;
        TRY(d->write(file, from, (struct slice){ block, got }, e));
        from += got;
    }
    return 0;
}

/* All but the holes: what was never written is not to take room on disk now. */
static int renew(struct disk_file *file, const struct disk *d, uint64_t from, uint64_t end,
                 const struct tail *tail, struct err *e)
{
    for (size_t i = 0; tail != NULL && i < tail->hole_count; i++) {
        TRY(renew_part(file, d, from, tail->holes[i].from, e));
        from = tail->holes[i].to;
    }
    return renew_part(file, d, from, end, e);
}

/*
 * What was received but perhaps not synced is visible from now on: it has to be safe first (I4). A
 * sync alone is not enough. If one failed before the last process ended, the system still shows
 * what never came to the disk and holds it for clean: only what is written again gets there.
 */
static int make_safe(struct store *s, const char *name, uint64_t from, uint64_t end,
                     const struct tail *tail, struct err *e)
{
    struct disk_file *file;
    if (s->sync.never)
        return 0;
    if (s->disk->open(s->disk, name, true, false, &file, e) != 0)
        return e->kind == E_PURGED ? 0 : -1; /* a sidecar that is not there */
    int result = renew(file, s->disk, from, end, tail, e);
    if (result == 0)
        result = s->disk->sync(file, e);
    s->disk->close(file);
    return result;
}

/* From the last checkpoint on: what it tells of was published. */
static int make_tail_safe(struct store *s, const struct store_file *last, const struct tail *tail,
                          struct err *e)
{
    bool bare = tail->has_format && !tail->format.has_crc;
    char sidecar[STORE_NAME_BYTES + 1];
    /* A span counts only as a whole, also where it goes on behind the last transaction. */
    uint64_t end = bare && tail->covered > tail->end ? tail->covered : tail->end;

    TRY(make_safe(s, last->name, tail->checkpoint_at, end, tail, e));
    if (!bare)
        return 0;
    /* The next recovery will believe only what it tells of. */
    name_sidecar(last->name, sidecar);
    return make_safe(s, sidecar, 0, UINT64_MAX, NULL, e);
}

static int recover(struct store *s, struct err *e)
{
    if (s->file_count == 0)
        return 0;
    struct store_file last = s->files[s->file_count - 1];
    store_pos         end = 0;

    TRY(remove_unborn(s, &last, e));
    if (last.sealed) {
        end = store_pos_at(last.ordinal, last.size);
        TRY(index_gtids_after(s, &last, &s->gtids, e));
    } else {
        struct tail tail;
        if (tail_read(s, &last, UINT64_MAX, &tail, e) != 0)
            return err_note(e, "recover %s", last.name);
        s->gtids = tail.gtids;
        tail.gtids = (struct gtids){ 0 };
        s->files[s->file_count - 1].created_s = tail.created_s;
        if (tail.has_format)
            end = store_pos_at(last.ordinal, tail.end);
        else if (s->file_count > 1)
            end = store_pos_at(last.ordinal - 1, s->files[s->file_count - 2].size);
        int result = make_tail_safe(s, &last, &tail, e);
        tail_done(&tail);
        TRY(result);
    }
    atomic_store_explicit(&s->published, end, memory_order_release);
    s->boundary = end;
    return 0;
}

static int new_store(const struct store_options *o, bool readonly, struct store **out,
                     struct err *e)
{
    assert(o->disk != NULL && o->folder != NULL);
    struct store *s = calloc(1, sizeof *s);
    char         *folder = strdup(o->folder);
    if (s == NULL || folder == NULL) {
        free(s);
        free(folder);
        return err_set(e, E_NOMEM, "no memory to open the store in %s", o->folder);
    }
    s->folder = folder;
    s->disk = o->disk;
    s->sync = o->sync;
    s->index_bytes = o->index_bytes;
    s->reserve_bytes = o->reserve_bytes;
    s->readonly = readonly;
    s->lock_fd = -1;
    (void)pthread_mutex_init(&s->mutex, NULL);
    (void)pthread_mutex_init(&s->sync_mutex, NULL);
    (void)pthread_mutex_init(&s->watch_mutex, NULL);
    (void)pthread_mutex_init(&s->rebuild_mutex, NULL);
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->work, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_cond_init(&s->done, NULL);
    *out = s;
    return 0;
}

static int load(struct store *s, struct err *e)
{
    if (!s->readonly)
        TRY(store_lock(s->folder, &s->lock_fd, e));
    if (catalog_open(s->folder, s->readonly, &s->catalog, e) != 0)
        return e->kind != E_CORRUPT ? -1
                                    : err_note(e, "run 'binrelay verify --repair', which makes it "
                                                  "again");
    TRY(catalog_each_file(s->catalog, put_row, s, e));
    if (s->file_count == 0 && !s->readonly) {
        TRY(rebuild_files(s, e));
        TRY(catalog_each_file(s->catalog, put_row, s, e));
    }
    return catalog_get_start(s->catalog, &s->start, e);
}

int store_open(const struct store_options *options, struct store **out, struct err *e)
{
    struct store *s;
    TRY(new_store(options, false, &s, e));
    if (load(s, e) != 0 || purge_finish(s, e) != 0 || check_sealed(s, e) != 0 ||
        recover(s, e) != 0) {
        store_close(s);
        return -1;
    }
    *out = s;
    return 0;
}

static store_pos sealed_end(const struct store *s)
{
    for (size_t i = s->file_count; i > 0; i--)
        if (s->files[i - 1].sealed)
            return store_pos_at(s->files[i - 1].ordinal, s->files[i - 1].size);
    return 0;
}

int store_open_readonly(const struct store_options *options, struct store **out, struct err *e)
{
    struct store *s;
    TRY(new_store(options, true, &s, e));
    if (load(s, e) != 0) {
        store_close(s);
        return -1;
    }
    atomic_store_explicit(&s->published, sealed_end(s), memory_order_release);
    *out = s;
    return 0;
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    assert(!s->has_writer);
    assert(s->watches == NULL);
    if (s->tail != NULL)
        s->disk->close(s->tail);
    if (s->tail_index != NULL)
        s->disk->close(s->tail_index);
    if (s->sealed_index != NULL)
        s->disk->close(s->sealed_index);
    catalog_close(s->catalog);
    gtids_done(&s->pending);
    gtids_done(&s->gtids);
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd);
    (void)pthread_mutex_destroy(&s->mutex);
    (void)pthread_mutex_destroy(&s->sync_mutex);
    (void)pthread_mutex_destroy(&s->watch_mutex);
    (void)pthread_mutex_destroy(&s->rebuild_mutex);
    (void)pthread_cond_destroy(&s->work);
    (void)pthread_cond_destroy(&s->done);
    free(s->files);
    free(s->folder);
    free(s);
}

struct disk *store_disk(struct store *s)
{
    return s->disk;
}

struct catalog *store_catalog(struct store *s)
{
    return s->catalog;
}

/* ---- published end ---- */

store_pos store_published(const struct store *s)
{
    return atomic_load_explicit(&s->published, memory_order_acquire);
}

void store_watch(struct store *s, struct store_watch *w)
{
    (void)pthread_mutex_lock(&s->watch_mutex);
    w->next = s->watches;
    s->watches = w;
    (void)pthread_mutex_unlock(&s->watch_mutex);
}

void store_unwatch(struct store *s, struct store_watch *w)
{
    (void)pthread_mutex_lock(&s->watch_mutex);
    for (struct store_watch **at = &s->watches; *at != NULL; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            break;
        }
    }
    (void)pthread_mutex_unlock(&s->watch_mutex);
}

/* Under the mutex, so that nobody is woken after store_unwatch(). */
void store_wake(struct store *s)
{
    (void)pthread_mutex_lock(&s->watch_mutex);
    for (struct store_watch *w = s->watches; w != NULL; w = w->next)
        w->wake(w->arg);
    (void)pthread_mutex_unlock(&s->watch_mutex);
}

void store_show_end(struct store *s, store_pos end)
{
    struct err ignored;

    assert(s->readonly);
    (void)pthread_mutex_lock(&s->mutex);
    /* A file that is new to us, or was sealed meanwhile: the catalog knows. What it can't tell now
       is asked for again the next time. */
    if (store_pos_ordinal(end) != store_pos_ordinal(s->boundary))
        if (catalog_each_file(s->catalog, put_row, s, &ignored) == 0)
            s->boundary = end;
    bool known = s->file_count != 0 && store_pos_ordinal(end) < s->files[0].ordinal + s->file_count;
    if (known && end > store_published(s))
        atomic_store_explicit(&s->published, end, memory_order_release);
    (void)pthread_mutex_unlock(&s->mutex);
    store_wake(s);
}

int store_hand_over(struct store *s, store_pos boundary, struct gtids *fresh, int64_t created_s,
                    int64_t last_s, struct err *e)
{
    (void)pthread_mutex_lock(&s->mutex);
    int result = gtids_unite(&s->pending, fresh, e);
    if (result == 0) {
        struct store_file *f = &s->files[s->file_count - 1];
        assert(boundary >= s->boundary);
        s->boundary = boundary;
        f->created_s = created_s;
        f->last_s = last_s;
        (void)pthread_cond_signal(&s->work);
    }
    (void)pthread_mutex_unlock(&s->mutex);
    gtids_done(fresh);
    *fresh = (struct gtids){ 0 };
    return result;
}

static int sync_tail(struct store *s, struct err *e)
{
    if (s->sync.never || s->tail == NULL)
        return 0;
    TRY(s->disk->sync(s->tail, e));
    if (s->sealed_index != NULL) {
        TRY(s->disk->sync(s->sealed_index, e));
        s->disk->close(s->sealed_index);
        s->sealed_index = NULL;
    }
    return s->tail_bare ? s->disk->sync(s->tail_index, e) : 0;
}

/* The one place where an owner's published end moves (I1): only up, and only to what was handed
   over and synced. Needs the mutex. */
static void raise_published(struct store *s, store_pos synced)
{
    assert(synced >= store_published(s)); /* I1 */
    assert(synced <= s->boundary);        /* I1 */
    atomic_store_explicit(&s->published, synced, memory_order_release);
}

static int64_t monotonic_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int sync_counted(struct store *s, struct err *e)
{
    atomic_fetch_add(&s->rounds, 1);
    int64_t began_us = monotonic_us();
    int     result = sync_tail(s, e);
    atomic_fetch_add(&s->counts.sync_us, (uint64_t)(monotonic_us() - began_us));
    atomic_fetch_add(&s->counts.syncs, 1);
    atomic_fetch_add(&s->rounds, 1);
    return result;
}

bool store_syncing(const struct store *s, store_pos handed, unsigned *round)
{
    unsigned rounds = atomic_load(&s->rounds);
    bool     due = !s->sync.never && s->sync.interval_ms == 0 && handed > store_published(s);

    *round = rounds / 2;
    return due || rounds % 2 == 1;
}

int store_round(struct store *s, bool force, struct err *e)
{
    (void)pthread_mutex_lock(&s->sync_mutex);
    (void)pthread_mutex_lock(&s->mutex);
    store_pos    boundary = s->boundary;
    struct gtids fresh = s->pending;
    bool         failed = s->failed;
    bool         raise = boundary > store_published(s);
    s->pending = (struct gtids){ 0 };
    (void)pthread_mutex_unlock(&s->mutex);

    int result = 0;
    if (failed)
        result = err_set(e, E_STOPPED, "an earlier sync failed: the source has to send again");
    else if (raise || force)
        result = sync_counted(s, e);

    (void)pthread_mutex_lock(&s->mutex);
    if (result == 0 && raise)
        result = gtids_unite(&s->gtids, &fresh, e);
    if (result == 0 && raise)
        raise_published(s, boundary);
    if (result != 0)
        s->failed = true;
    (void)pthread_cond_broadcast(&s->done);
    (void)pthread_mutex_unlock(&s->mutex);
    (void)pthread_mutex_unlock(&s->sync_mutex);
    gtids_done(&fresh);
    if (raise)
        store_wake(s);
    return result;
}

/* With a sync interval, what comes meanwhile is synced together. Needs the mutex. */
static void await_interval(struct store *s)
{
    if (s->sync.interval_ms == 0)
        return;
    while (!s->stop && pthread_cond_timedwait(&s->work, &s->mutex, &s->next_sync) == 0)
        continue;
    s->next_sync = deadline_in_ms(s->sync.interval_ms);
}

int store_sync(struct store *s, struct err *e)
{
    (void)pthread_mutex_lock(&s->mutex);
    while (!s->stop && (s->failed || s->boundary <= store_published(s)))
        (void)pthread_cond_wait(&s->work, &s->mutex);
    await_interval(s);
    bool done = s->failed || s->boundary <= store_published(s);
    (void)pthread_mutex_unlock(&s->mutex);
    return done ? 1 : store_round(s, false, e);
}

void store_stop_sync(struct store *s)
{
    (void)pthread_mutex_lock(&s->mutex);
    s->stop = true;
    (void)pthread_cond_broadcast(&s->work);
    (void)pthread_mutex_unlock(&s->mutex);
}

int store_wait_synced(struct store *s, struct err *e)
{
    (void)pthread_mutex_lock(&s->mutex);
    store_pos until = s->boundary;
    while (!s->failed && store_published(s) < until)
        (void)pthread_cond_wait(&s->done, &s->mutex);
    bool safe = store_published(s) >= until;
    (void)pthread_mutex_unlock(&s->mutex);
    return safe ? 0 : err_set(e, E_IO, "a sync failed: what was received last is not safe");
}

/* ---- files ---- */

/* `size` of a copy is what may be seen of the file. */
static void show_file(struct store *s, const struct store_file *f, struct store_file *out)
{
    *out = *f;
    if (!f->sealed) {
        store_pos published = store_published(s);
        out->size = store_pos_ordinal(published) == f->ordinal ? store_pos_offset(published) : 0;
    }
}

uint64_t store_visible(struct store *s, const struct store_file *f)
{
    if (f->sealed)
        return f->size;
    store_pos published = store_published(s);
    return store_pos_ordinal(published) == f->ordinal ? store_pos_offset(published)
                                                      : BINLOG_MAGIC_BYTES;
}

int store_file_by_ordinal(struct store *s, uint32_t ordinal, struct store_file *out, struct err *e)
{
    int result = 0;

    (void)pthread_mutex_lock(&s->mutex);
    if (s->file_count == 0 || ordinal < s->files[0].ordinal ||
        ordinal >= s->files[0].ordinal + s->file_count)
        result = err_set(e, E_PURGED, "relay file number %u is not held", ordinal);
    else
        show_file(s, &s->files[ordinal - s->files[0].ordinal], out);
    (void)pthread_mutex_unlock(&s->mutex);
    return result;
}

bool store_begins_epoch(struct store *s, const struct store_file *f)
{
    struct store_file before;
    struct err        none;

    return f->ordinal > 1 && store_file_by_ordinal(s, f->ordinal - 1, &before, &none) == 0 &&
           before.epoch != f->epoch;
}

int store_file_by_name(struct store *s, const char *name, struct store_file *out, struct err *e)
{
    int result = -1;

    (void)pthread_mutex_lock(&s->mutex);
    for (size_t i = s->file_count; i > 0 && result != 0; i--) {
        if (strcmp(s->files[i - 1].name, name) == 0) {
            show_file(s, &s->files[i - 1], out);
            result = 0;
        }
    }
    (void)pthread_mutex_unlock(&s->mutex);
    return result == 0 ? 0 : err_set(e, E_PURGED, "there is no relay file '%.255s'", name);
}

int store_file_by_time(struct store *s, int64_t time_s, uint32_t below, struct store_file *out,
                       struct err *e)
{
    int result = -1;

    (void)pthread_mutex_lock(&s->mutex);
    for (size_t i = s->file_count; i > 0 && result != 0; i--) {
        const struct store_file *f = &s->files[i - 1];
        if (f->ordinal < below && f->created_s <= time_s) {
            show_file(s, f, out);
            result = 0;
        }
    }
    (void)pthread_mutex_unlock(&s->mutex);
    return result == 0 ? 0 : err_set(e, E_PURGED, "no file is held that is as old as that");
}

bool store_first_file(struct store *s, struct store_file *out)
{
    (void)pthread_mutex_lock(&s->mutex);
    bool has = s->file_count != 0;
    if (has)
        show_file(s, &s->files[0], out);
    (void)pthread_mutex_unlock(&s->mutex);
    return has;
}

bool store_last_file(struct store *s, struct store_file *out)
{
    (void)pthread_mutex_lock(&s->mutex);
    bool has = s->file_count != 0;
    if (has)
        show_file(s, &s->files[s->file_count - 1], out);
    (void)pthread_mutex_unlock(&s->mutex);
    return has;
}

uint32_t store_file_count(struct store *s)
{
    (void)pthread_mutex_lock(&s->mutex);
    size_t count = s->file_count;
    (void)pthread_mutex_unlock(&s->mutex);
    return (uint32_t)count;
}

store_pos store_start(const struct store *s)
{
    struct store     *in = (struct store *)(uintptr_t)s; /* only its lock is touched */
    struct store_file first;

    if (!store_first_file(in, &first))
        return 0;
    (void)pthread_mutex_lock(&in->mutex);
    store_pos start = s->start;
    (void)pthread_mutex_unlock(&in->mutex);
    store_pos oldest = store_pos_at(first.ordinal, BINLOG_MAGIC_BYTES);
    return start > oldest ? start : oldest;
}

/* ---- GTIDs and format ---- */

/* Asks for the whole sidecar: where that is damaged, here it is made again. */
int store_gtids_before(struct store *s, uint32_t ordinal, struct gtids *out, struct err *e)
{
    struct store_file    f;
    struct sidecar       sc;
    struct sidecar_entry entry;
    bool                 more;
    struct gtids         said = { 0 };

    TRY(store_file_by_ordinal(s, ordinal, &f, e));
    TRY(index_open(s, &f, &sc, e));
    int result = sidecar_next(&sc, &entry, &more, e);
    if (result == 0) {
        bool own = more && entry.kind == SIDECAR_BEFORE;
        result = gtids_parse(&said, own ? entry.gtids : buf_slice(&sc.inherited), e);
    }
    sidecar_close(&sc);
    if (result == 0) {
        gtids_done(out);
        *out = said;
    }
    return result;
}

int store_gtids_published(struct store *s, struct gtids *out, struct err *e)
{
    store_pos published = store_published(s);

    if (s->readonly && published != 0)
        return locate_gtids_at(s, published, out, e);
    (void)pthread_mutex_lock(&s->mutex);
    int result = gtids_copy(out, &s->gtids, e);
    (void)pthread_mutex_unlock(&s->mutex);
    return result;
}

int store_format(struct store *s, uint32_t ordinal, struct format *out, struct err *e)
{
    struct store_file f;
    struct scan       scan;
    struct scan_event ev;
    bool              more = false;

    TRY(store_file_by_ordinal(s, ordinal, &f, e));
    TRY(scan_open(s->disk, f.name, store_visible(s, &f), false, &scan, e));
    int result = scan_next(&scan, &ev, &more, e);
    if (result == 0 && !more)
        result = err_set(e, E_PURGED, "%s has no format description yet", f.name);
    if (result == 0)
        *out = scan.format;
    scan_close(&scan);
    return result;
}
