#include "storage/rebuild.h"
#include <stdlib.h>
#include "storage/name.h"
#include "storage/scan.h"
#include "storage/sidecar.h"

struct found {
    struct store      *store;
    struct store_file *files;
    size_t             count, size;
};

static int keep(struct found *all, const struct store_file *f, struct err *e)
{
    if (all->count == all->size) {
        size_t size = all->size != 0 ? all->size * 2 : 16;
        void  *more = reallocarray(all->files, size, sizeof *all->files);
        if (more == NULL)
            return err_set(e, E_NOMEM, "no memory for the table of %zu relay files", size);
        all->files = more;
        all->size = size;
    }
    all->files[all->count++] = *f;
    return 0;
}

/* A sidecar names its relay file; what is no sidecar, or a damaged one, tells nothing. */
static int look(void *arg, const char *name, struct err *e)
{
    static const char ending[] = ".idx";
    struct found     *all = arg;
    char              relay_name[STORE_NAME_BYTES + 1];
    size_t            n = strlen(name);
    struct sidecar    sc;

    if (n <= sizeof ending - 1 || n > STORE_NAME_BYTES ||
        strcmp(name + n - (sizeof ending - 1), ending) != 0)
        return 0;
    memcpy(relay_name, name, n);
    relay_name[n - (sizeof ending - 1)] = 0;
    if (name_check(relay_name, e) != 0)
        return 0;
    if (sidecar_open(all->store->disk, relay_name, &sc, e) != 0)
        return e->kind == E_CORRUPT ? 0 : -1;
    int result = 0;
    if (strcmp(sc.identity.name, relay_name) == 0 && sc.identity.ordinal != 0 &&
        sc.identity.ordinal <= STORE_ORDINAL_MAX)
        result = keep(all, &sc.identity, e);
    sidecar_close(&sc);
    return result;
}

static int by_ordinal(const void *a, const void *b)
{
    const struct store_file *x = a;
    const struct store_file *y = b;
    return x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

/* What the sidecar's head does not say. Only the last file can be in progress. */
static int complete(struct store *s, struct store_file *f, bool last, struct err *e)
{
    struct scan    scan;
    struct sidecar sc;

    f->sealed = !last;
    TRY(scan_open(s->disk, f->name, UINT64_MAX, false, &scan, e));
    f->size = scan.end;
    int result = scan.end > BINLOG_MAGIC_BYTES ? scan_format(&scan, e) : 0;
    f->created_s = scan.created_s;
    scan_close(&scan);
    if (result != 0)
        return last && e->kind == E_CORRUPT ? 0 : -1; /* recovery will look at the last one */
    TRY(sidecar_open(s->disk, f->name, &sc, e));
    for (bool more = true; more && result == 0;) {
        struct sidecar_entry entry;
        result = sidecar_next(&sc, &entry, &more, e);
        if (result == 0 && more && entry.counts.last_s != 0)
            f->last_s = entry.counts.last_s;
    }
    sidecar_close(&sc);
    return result;
}

static int write_rows(struct found *all, struct err *e)
{
    if (all->count == 0)
        return 0;
    qsort(all->files, all->count, sizeof *all->files, by_ordinal);
    for (size_t i = 0; i < all->count; i++) {
        struct store_file *f = &all->files[i];
        if (f->ordinal != all->files[0].ordinal + i)
            return err_set(e, E_CORRUPT,
                           "the catalog is lost and can't be made again: before relay file %s one "
                           "is missing, or has lost its sidecar",
                           f->name);
        bool last = i + 1 == all->count;
        if (complete(all->store, f, last, e) == 0)
            continue;
        if (!last || (e->kind != E_PURGED && e->kind != E_CORRUPT))
            return err_note(e, "make the catalog again");
        all->count--; /* its making was interrupted: the writer begins it again */
    }
    if (all->count == 0)
        return 0;
    /* A name that only the system's cache knows must not get a row. */
    TRY(all->store->disk->sync_folder(all->store->disk, e));
    return catalog_put_files(all->store->catalog, all->files, all->count, e);
}

int rebuild_files(struct store *s, struct err *e)
{
    struct found all = { .store = s };

    int result = s->disk->list(s->disk, look, &all, e);
    if (result == 0)
        result = write_rows(&all, e);
    free(all.files);
    return result;
}
