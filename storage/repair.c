#include "storage/repair.h"
#include <stdio.h>
#include "storage/index.h"
#include "storage/name.h"

/* Whether the sidecar on the disk has exactly these bytes. */
static int is_same(struct disk *d, const char *name, struct slice should, bool *same, struct err *e)
{
    enum { STEP_BYTES = 16 * 1024 };
    uint8_t           block[STEP_BYTES];
    struct disk_file *file;
    uint64_t          size = 0;
    size_t            at = 0;
    size_t            got = 0;

    *same = false;
    if (d->open(d, name, false, false, &file, e) != 0)
        return e->kind == E_PURGED ? 0 : -1;
    int result = d->size(file, &size, e);
    for (*same = size == should.len; result == 0 && *same && at < should.len; at += got) {
        size_t n = should.len - at < STEP_BYTES ? should.len - at : STEP_BYTES;
        result = d->read(file, at, block, n, &got, e);
        *same = result == 0 && got == n && memcmp(block, should.ptr + at, n) == 0;
    }
    d->close(file);
    return result;
}

/* *held is what is held before the file, and becomes what is held behind it. */
static int repair_one(struct store *s, const struct store_file *f, struct gtids *held,
                      struct buf *bytes, bool *made, struct err *e)
{
    char name[STORE_NAME_BYTES + 1];
    bool same;

    name_sidecar(f->name, name);
    TRY(index_build(s, f, held, bytes, e));
    TRY(is_same(store_disk(s), name, buf_slice(bytes), &same, e));
    *made = !same;
    return same ? 0 : index_replace(s, f, buf_slice(bytes), e);
}

/* What was held before the first file only its sidecar tells, if files were forgotten. */
static int begin(struct store *s, const struct store_file *first, struct gtids *held, struct err *e)
{
    struct sidecar sc;

    if (sidecar_open(store_disk(s), first->name, &sc, e) != 0)
        return e->kind == E_PURGED || e->kind == E_CORRUPT ? 0 : -1;
    int result = gtids_parse(held, buf_slice(&sc.inherited), e);
    sidecar_close(&sc);
    return result;
}

static int repair_all(struct store *s, void (*did)(void *arg, const char *text), void *arg,
                      struct gtids *held, struct buf *bytes, uint32_t *count, struct err *e)
{
    struct store_file first;
    struct store_file last;

    if (!store_first_file(s, &first) || !store_last_file(s, &last))
        return 0;
    TRY(begin(s, &first, held, e));
    for (uint32_t o = first.ordinal; o <= last.ordinal; o++) {
        struct store_file f;
        char              text[STORE_NAME_BYTES + 64];
        bool              made;
        TRY(store_file_by_ordinal(s, o, &f, e));
        if (!f.sealed)
            continue; /* recovery and the writer see to that of the file in progress */
        TRY(repair_one(s, &f, held, bytes, &made, e));
        if (!made)
            continue;
        (void)snprintf(text, sizeof text, "%s.idx was missing or wrong: made again", f.name);
        did(arg, text);
        ++*count;
    }
    return 0;
}

int repair_sidecars(struct store *s, void (*did)(void *arg, const char *text), void *arg,
                    uint32_t *count, struct err *e)
{
    struct gtids held = { 0 };
    struct buf   bytes;

    *count = 0;
    buf_init(&bytes, (size_t)SIDECAR_ENTRY_MAX * 4);
    int result = repair_all(s, did, arg, &held, &bytes, count, e);
    buf_done(&bytes);
    gtids_done(&held);
    return result;
}
