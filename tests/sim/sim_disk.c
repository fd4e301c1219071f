#include "tests/sim/sim_disk.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { SECTOR_BYTES = 512, INODES_MAX = 4096, FILES_MAX = 256, NAME_MAX_BYTES = 256 };

struct bytes {
    uint8_t *ptr;
    size_t   len, size;
};

enum op_kind { OP_WRITE, OP_CUT };

struct op { /* not synced */
    enum op_kind kind;
    uint64_t     at; /* of a cut: the size */
    uint8_t     *ptr;
    size_t       len;
};

struct inode {
    struct bytes now;
    struct bytes safe; /* as of the last sync */
    struct op   *ops;
    size_t       op_count, op_size;
};

struct name {
    char text[NAME_MAX_BYTES];
    int  now;  /* inode number, -1: none */
    int  safe; /* what the synced folder says */
};

struct sim_disk {
    struct disk     disk;
    pthread_mutex_t mutex;
    uint64_t        random;
    struct inode   *inodes;
    size_t          inode_count;
    struct name    *names;
    size_t          name_count;
    uint64_t        calls, crash_at, fail_at, limit;
    int             fail_sys;
    bool            crashed;
    enum sim_plant  plant;
};

struct disk_file {
    struct sim_disk *disk;
    int              inode;
    char             name[NAME_MAX_BYTES];
};

uint64_t sim_random(uint64_t *state)
{
    /* splitmix64 */
    uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static uint64_t below(struct sim_disk *d, uint64_t n)
{
    return sim_random(&d->random) % n;
}

/* ---- bytes and inodes ---- */

static void bytes_size(struct bytes *b, size_t len)
{
    if (len > b->size) {
        size_t size = b->size * 2 > len ? b->size * 2 : len;
        b->ptr = realloc(b->ptr, size);
        assert(b->ptr != NULL);
        b->size = size;
    }
    if (len > b->len)
        memset(b->ptr + b->len, 0, len - b->len);
    b->len = len;
}

static void bytes_write(struct bytes *b, uint64_t at, const uint8_t *from, size_t n)
{
    if (n == 0)
        return;
    if (at + n > b->len)
        bytes_size(b, at + n);
    memcpy(b->ptr + at, from, n);
}

static void bytes_copy(struct bytes *into, const struct bytes *from)
{
    bytes_size(into, 0);
    bytes_write(into, 0, from->ptr, from->len);
}

static void ops_forget(struct inode *n)
{
    for (size_t i = 0; i < n->op_count; i++)
        free(n->ops[i].ptr);
    n->op_count = 0;
}

static void op_note(struct inode *n, enum op_kind kind, uint64_t at, const uint8_t *ptr, size_t len)
{
    if (n->op_count == n->op_size) {
        n->op_size = n->op_size != 0 ? n->op_size * 2 : 16;
        n->ops = realloc(n->ops, n->op_size * sizeof *n->ops);
        assert(n->ops != NULL);
    }
    struct op op = { .kind = kind, .at = at, .len = len };
    if (len != 0) {
        op.ptr = malloc(len);
        assert(op.ptr != NULL);
        memcpy(op.ptr, ptr, len);
    }
    n->ops[n->op_count++] = op;
}

/* A torn write: each sector of it arrived or did not. */
static void tear(struct sim_disk *d, struct bytes *into, const struct op *op)
{
    for (size_t at = 0; at < op->len; at += SECTOR_BYTES) {
        size_t n = op->len - at < SECTOR_BYTES ? op->len - at : SECTOR_BYTES;
        if (below(d, 2) == 0)
            bytes_write(into, op->at + at, op->ptr + at, n);
    }
}

static void inode_crash(struct sim_disk *d, struct inode *n)
{
    for (size_t i = n->op_count; i > 1; i--) { /* any order */
        size_t    j = below(d, i);
        struct op op = n->ops[i - 1];
        n->ops[i - 1] = n->ops[j];
        n->ops[j] = op;
    }
    uint64_t mood = below(d, 4); /* all kept, all lost, or each for itself */
    for (size_t i = 0; i < n->op_count; i++) {
        const struct op *op = &n->ops[i];
        uint64_t         fate = mood == 0 ? 0 : mood == 1 ? 1 : below(d, 3);
        if (fate == 1)
            continue;
        if (op->kind == OP_CUT)
            bytes_size(&n->safe, op->at);
        else if (fate == 0)
            bytes_write(&n->safe, op->at, op->ptr, op->len);
        else
            tear(d, &n->safe, op);
    }
    ops_forget(n);
    bytes_copy(&n->now, &n->safe);
}

/* What was lost by a failed sync stays lost: only what was written since gets safe. */
static void inode_sync(struct inode *n)
{
    for (size_t i = 0; i < n->op_count; i++) {
        const struct op *op = &n->ops[i];
        if (op->kind == OP_CUT)
            bytes_size(&n->safe, op->at);
        else
            bytes_write(&n->safe, op->at, op->ptr, op->len);
    }
    ops_forget(n);
}

static int inode_new(struct sim_disk *d)
{
    assert(d->inode_count < INODES_MAX);
    d->inodes[d->inode_count] = (struct inode){ 0 };
    return (int)d->inode_count++;
}

static struct name *name_find(struct sim_disk *d, const char *text)
{
    for (size_t i = 0; i < d->name_count; i++)
        if (strcmp(d->names[i].text, text) == 0)
            return &d->names[i];
    return NULL;
}

static struct name *name_get(struct sim_disk *d, const char *text)
{
    struct name *n = name_find(d, text);
    if (n != NULL)
        return n;
    assert(d->name_count < FILES_MAX);
    n = &d->names[d->name_count++];
    *n = (struct name){ .now = -1, .safe = -1 };
    (void)snprintf(n->text, sizeof n->text, "%s", text);
    return n;
}

static uint64_t used(const struct sim_disk *d)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < d->name_count; i++)
        if (d->names[i].now >= 0)
            sum += d->inodes[d->names[i].now].now.len;
    return sum;
}

/* ---- the table ---- */

static struct sim_disk *sim_of(struct disk *d)
{
    return (struct sim_disk *)d;
}

static int dead(const struct sim_disk *d, struct err *e)
{
    return d->crashed ? err_set(e, E_IO, "the simulated machine has no power") : 0;
}

/* Counts a change. -1: it fails; *torn: what a write may still do of it. */
static int call(struct sim_disk *d, const char *what, struct err *e)
{
    if (d->crashed)
        return dead(d, e);
    d->calls++;
    if (d->calls == d->crash_at) {
        d->crashed = true;
        return dead(d, e);
    }
    if (d->calls == d->fail_at) {
        errno = d->fail_sys;
        return err_sys(e, "simulated failure of %s", what);
    }
    return 0;
}

static int sim_open_locked(struct sim_disk *d, const char *text, bool create,
                           struct disk_file **out, struct err *e)
{
    struct name *n = name_find(d, text);

    if (d->crashed)
        return dead(d, e);
    if (n == NULL || n->now < 0) {
        if (!create)
            return err_set(e, E_PURGED, "there is no %s", text);
        if (call(d, "create", e) != 0)
            return -1;
        n = name_get(d, text);
        n->now = inode_new(d);
    }
    struct disk_file *f = calloc(1, sizeof *f);
    assert(f != NULL);
    f->disk = d;
    f->inode = n->now;
    (void)snprintf(f->name, sizeof f->name, "%s", text);
    *out = f;
    return 0;
}

static int sim_open(struct disk *disk, const char *name, bool writable, bool create,
                    struct disk_file **out, struct err *e)
{
    struct sim_disk *d = sim_of(disk);
    (void)writable;
    (void)pthread_mutex_lock(&d->mutex);
    int result = sim_open_locked(d, name, create, out, e);
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

static int sim_read(struct disk_file *f, uint64_t at, uint8_t *into, size_t n, size_t *got,
                    struct err *e)
{
    struct sim_disk *d = f->disk;
    (void)pthread_mutex_lock(&d->mutex);
    int result = dead(d, e);
    if (result == 0) {
        const struct bytes *b = &d->inodes[f->inode].now;
        size_t              have = at < b->len ? b->len - at : 0;
        *got = have < n ? have : n;
        if (*got != 0)
            memcpy(into, b->ptr + at, *got);
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

/* What fits is written, as a real disk does before it says that it is full. */
static int write_limited(struct sim_disk *d, struct inode *n, uint64_t at, struct slice bytes,
                         struct err *e)
{
    size_t   room = bytes.len;
    uint64_t in_use = used(d);

    if (d->limit != 0 && at + bytes.len > n->now.len) {
        uint64_t grows = at + bytes.len - n->now.len;
        uint64_t left = d->limit > in_use ? d->limit - in_use : 0;
        if (grows > left)
            room = grows - left < bytes.len ? bytes.len - (size_t)(grows - left) : 0;
    }
    if (room != 0) {
        bytes_write(&n->now, at, bytes.ptr, room);
        op_note(n, OP_WRITE, at, bytes.ptr, room);
    }
    if (room == bytes.len)
        return 0;
    errno = ENOSPC;
    return err_sys(e, "simulated write");
}

static int sim_write(struct disk_file *f, uint64_t at, struct slice bytes, struct err *e)
{
    struct sim_disk *d = f->disk;
    (void)pthread_mutex_lock(&d->mutex);
    struct inode *n = &d->inodes[f->inode];
    bool          was_alive = !d->crashed;
    int           result = call(d, "write", e);
    if (result == 0) {
        result = write_limited(d, n, at, bytes, e);
    } else if (was_alive && bytes.len != 0) {
        /* A part of it may have got through. */
        size_t part = below(d, bytes.len + 1);
        bytes_write(&n->now, at, bytes.ptr, part);
        op_note(n, OP_WRITE, at, bytes.ptr, part);
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

static int sim_sync(struct disk_file *f, struct err *e)
{
    struct sim_disk *d = f->disk;
    (void)pthread_mutex_lock(&d->mutex);
    struct inode *n = &d->inodes[f->inode];
    bool          was_alive = !d->crashed;
    int           result = call(d, "sync", e);
    if (result != 0 && was_alive && !d->crashed && d->plant == SIM_PLANT_HIDDEN_FAILURE) {
        ops_forget(n);
        result = 0;
    } else if (result == 0) {
        if (d->plant != SIM_PLANT_NO_SYNC)
            inode_sync(n);
    } else if (was_alive && !d->crashed) {
        /* Linux marks the pages clean all the same: they never get to the disk, not even by a later
           sync, unless they are written again. */
        ops_forget(n);
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

static int sim_cut(struct disk_file *f, uint64_t size, struct err *e)
{
    struct sim_disk *d = f->disk;
    (void)pthread_mutex_lock(&d->mutex);
    int result = call(d, "cut", e);
    if (result == 0) {
        bytes_size(&d->inodes[f->inode].now, size);
        op_note(&d->inodes[f->inode], OP_CUT, size, NULL, 0);
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

static int sim_size(struct disk_file *f, uint64_t *out, struct err *e)
{
    struct sim_disk *d = f->disk;
    (void)pthread_mutex_lock(&d->mutex);
    int result = dead(d, e);
    if (result == 0)
        *out = d->inodes[f->inode].now.len;
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

static int sim_size_of(struct disk *disk, const char *name, uint64_t *out, struct err *e)
{
    struct disk_file *f;
    TRY(sim_open(disk, name, false, false, &f, e));
    int result = sim_size(f, out, e);
    free(f);
    return result;
}

static void sim_close(struct disk_file *f)
{
    free(f);
}

static int sim_rename(struct disk *disk, const char *from, const char *to, struct err *e)
{
    struct sim_disk *d = sim_of(disk);
    (void)pthread_mutex_lock(&d->mutex);
    int result = call(d, "rename", e);
    if (result == 0) {
        int moved = name_get(d, from)->now;
        name_get(d, to)->now = moved;
        name_get(d, from)->now = -1;
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

static int sim_remove(struct disk *disk, const char *name, struct err *e)
{
    struct sim_disk *d = sim_of(disk);
    (void)pthread_mutex_lock(&d->mutex);
    int result = call(d, "remove", e);
    if (result == 0)
        name_get(d, name)->now = -1;
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

static int sim_sync_folder(struct disk *disk, struct err *e)
{
    struct sim_disk *d = sim_of(disk);
    (void)pthread_mutex_lock(&d->mutex);
    int result = call(d, "sync of the folder", e);
    for (size_t i = 0; result == 0 && d->plant != SIM_PLANT_NO_FOLDER_SYNC && i < d->name_count;
         i++)
        d->names[i].safe = d->names[i].now;
    (void)pthread_mutex_unlock(&d->mutex);
    return result;
}

static int sim_list(struct disk *disk, int (*each)(void *arg, const char *name, struct err *e),
                    void *arg, struct err *e)
{
    struct sim_disk *d = sim_of(disk);
    TRY(dead(d, e));
    for (size_t i = 0; i < d->name_count; i++)
        if (d->names[i].now >= 0)
            TRY(each(arg, d->names[i].text, e));
    return 0;
}

static int sim_free_bytes(struct disk *disk, uint64_t *out, struct err *e)
{
    struct sim_disk *d = sim_of(disk);
    TRY(dead(d, e));
    uint64_t in_use = used(d);
    *out = d->limit == 0 ? UINT64_MAX : d->limit > in_use ? d->limit - in_use : 0;
    return 0;
}

static void sim_free(struct disk *disk)
{
    sim_disk_free(sim_of(disk));
}

/* ---- the test's side ---- */

struct sim_disk *sim_disk_new(uint64_t seed)
{
    struct sim_disk *d = calloc(1, sizeof *d);
    assert(d != NULL);
    d->inodes = calloc(INODES_MAX, sizeof *d->inodes);
    d->names = calloc(FILES_MAX, sizeof *d->names);
    assert(d->inodes != NULL && d->names != NULL);
    d->random = seed;
    (void)pthread_mutex_init(&d->mutex, NULL);
    d->disk = (struct disk){
        .open = sim_open,
        .read = sim_read,
        .write = sim_write,
        .sync = sim_sync,
        .cut = sim_cut,
        .size = sim_size,
        .close = sim_close,
        .size_of = sim_size_of,
        .rename = sim_rename,
        .remove = sim_remove,
        .sync_folder = sim_sync_folder,
        .list = sim_list,
        .free_bytes = sim_free_bytes,
        .free = sim_free,
    };
    return d;
}

void sim_disk_free(struct sim_disk *d)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->inode_count; i++) {
        ops_forget(&d->inodes[i]);
        free(d->inodes[i].ops);
        free(d->inodes[i].now.ptr);
        free(d->inodes[i].safe.ptr);
    }
    (void)pthread_mutex_destroy(&d->mutex);
    free(d->inodes);
    free(d->names);
    free(d);
}

struct disk *sim_disk_disk(struct sim_disk *d)
{
    return &d->disk;
}

uint64_t sim_disk_calls(const struct sim_disk *d)
{
    return d->calls;
}

void sim_disk_crash_at(struct sim_disk *d, uint64_t at)
{
    d->crash_at = at;
}

bool sim_disk_crashed(const struct sim_disk *d)
{
    return d->crashed;
}

void sim_disk_restart(struct sim_disk *d)
{
    for (size_t i = 0; i < d->inode_count; i++)
        inode_crash(d, &d->inodes[i]);
    for (size_t i = 0; i < d->name_count; i++) {
        struct name *n = &d->names[i];
        if (n->now != n->safe && below(d, 2) == 0)
            n->now = n->safe;
        n->safe = n->now;
    }
    d->crashed = false;
    d->crash_at = 0;
}

void sim_disk_revive(struct sim_disk *d)
{
    d->crashed = false;
    d->crash_at = 0;
}

void sim_disk_fail_at(struct sim_disk *d, uint64_t at, int sys)
{
    d->fail_at = at;
    d->fail_sys = sys;
}

void sim_disk_limit(struct sim_disk *d, uint64_t bytes)
{
    d->limit = bytes;
}

struct slice sim_disk_bytes(struct sim_disk *d, const char *name)
{
    const struct name *n = name_find(d, name);
    if (n == NULL || n->now < 0 || d->inodes[n->now].now.len == 0)
        return slice_empty();
    return (struct slice){ d->inodes[n->now].now.ptr, d->inodes[n->now].now.len };
}

void sim_disk_plant(struct sim_disk *d, enum sim_plant plant)
{
    d->plant = plant;
}

struct slice sim_disk_safe(struct sim_disk *d, const char *name)
{
    const struct name *n = name_find(d, name);
    if (n == NULL || n->safe < 0 || d->inodes[n->safe].safe.len == 0)
        return slice_empty();
    return (struct slice){ d->inodes[n->safe].safe.ptr, d->inodes[n->safe].safe.len };
}

void sim_disk_put(struct sim_disk *d, const char *name, struct slice bytes)
{
    struct name *n = name_get(d, name);
    if (n->now < 0)
        n->now = inode_new(d);
    n->safe = n->now;
    struct inode *in = &d->inodes[n->now];
    ops_forget(in);
    bytes_size(&in->now, 0);
    bytes_write(&in->now, 0, bytes.ptr, bytes.len);
    bytes_copy(&in->safe, &in->now);
}
