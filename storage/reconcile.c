#include "storage/reconcile.h"
#include <stdio.h>
#include <stdlib.h>
#include "storage/name.h"
#include "storage/scan.h"
#include "storage/sidecar.h"

struct rows {
    struct store_file *at;
    size_t             count, size;
};

struct reconcile {
    struct disk    *disk;
    struct catalog *catalog;
    void (*did)(void *arg, const char *text);
    void       *arg;
    struct rows held;  /* by the catalog */
    struct rows files; /* on the disk: what their rows should be */
    bool       *known; /* of each of `files`: who it is; else only its name is */
    uint32_t    changes;
};

static int add(struct rows *r, const struct store_file *f, struct err *e)
{
    if (r->count == r->size) {
        size_t size = r->size != 0 ? r->size * 2 : 64;
        void  *more = reallocarray(r->at, size, sizeof *r->at);
        if (more == NULL)
            return err_set(e, E_NOMEM, "no memory for the table of %zu relay files", size);
        r->at = more;
        r->size = size;
    }
    r->at[r->count++] = *f;
    return 0;
}

static int add_held(void *arg, const struct store_file *f, struct err *e)
{
    struct reconcile *r = arg;
    return add(&r->held, f, e);
}

static const struct store_file *held_of_name(const struct reconcile *r, const char *name)
{
    for (size_t i = 0; i < r->held.count; i++)
        if (strcmp(r->held.at[i].name, name) == 0)
            return &r->held.at[i];
    return NULL;
}

static bool is_sidecar(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".idx") == 0;
}

/* ---- who a file is ---- */

/* A relay file is what has such a name and begins as binlogs do. */
static int is_binlog(struct disk *d, const char *name, bool *is, struct err *e)
{
    struct disk_file *f;
    uint8_t           head[BINLOG_MAGIC_BYTES];
    size_t            got = 0;

    *is = false;
    TRY(d->open(d, name, false, false, &f, e));
    int result = d->read(f, 0, head, sizeof head, &got, e);
    d->close(f);
    *is = got == sizeof head && memcmp(head, binlog_magic, sizeof head) == 0;
    return result;
}

static int add_file(void *arg, const char *name, struct err *e)
{
    struct reconcile *r = arg;
    struct store_file f = { 0 };
    struct err        ignored;
    bool              is;

    if (strlen(name) > STORE_NAME_BYTES || is_sidecar(name) || name_check(name, &ignored) != 0)
        return 0;
    TRY(is_binlog(r->disk, name, &is, e));
    /* Damaged where its magic was, it is a relay file all the same if somebody knows it. */
    struct sidecar sc;
    if (!is && held_of_name(r, name) == NULL) {
        if (sidecar_open(r->disk, name, &sc, &ignored) != 0)
            return 0;
        sidecar_close(&sc);
    }
    (void)snprintf(f.name, sizeof f.name, "%s", name);
    return add(&r->files, &f, e);
}

/* By its sidecar's head, or by its row. */
static int identify(struct reconcile *r, struct store_file *f, bool *known, struct err *e)
{
    const struct store_file *row = held_of_name(r, f->name);
    struct sidecar           sc;

    *known = row != NULL;
    if (row != NULL)
        *f = *row;
    if (sidecar_open(r->disk, f->name, &sc, e) != 0)
        return e->kind == E_PURGED || e->kind == E_CORRUPT ? 0 : -1;
    const struct store_file *id = &sc.identity;
    if (strcmp(id->name, f->name) == 0 && id->ordinal != 0 && id->ordinal <= STORE_ORDINAL_MAX) {
        f->ordinal = id->ordinal;
        f->epoch = id->epoch;
        memcpy(f->source_file, id->source_file, sizeof f->source_file);
        f->source = id->source;
        *known = true;
    }
    sidecar_close(&sc);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct store_file *x = a;
    const struct store_file *y = b;
    if (strcmp(x->name, y->name) == 0)
        return 0;
    /* Of one series by number; the stem can't differ, relay files have but one. */
    return name_is_before(x->name, y->name)   ? -1
           : name_is_before(y->name, x->name) ? 1
                                              : strcmp(x->name, y->name);
}

/* ---- what nobody remembers ---- */

/* As far as the names go on side by side, so do the source's. */
static void source_file_after(const struct store_file *before, struct store_file *f)
{
    if (strcmp(before->source_file, before->name) == 0)
        (void)snprintf(f->source_file, sizeof f->source_file, "%s", f->name);
    else
        name_next(before->source_file, f->source_file);
}

/* The server that wrote it, as its format description says. */
static int ask_format(struct disk *d, struct store_file *f, struct err *e)
{
    struct scan       scan;
    struct scan_event ev;
    bool              more = false;

    TRY(scan_open(d, f->name, UINT64_MAX, true, &scan, e));
    int result = scan_next(&scan, &ev, &more, e);
    if (result == 0 && more) {
        f->source.server_id = ev.event.server_id;
        f->source.family = scan.format.family;
        memcpy(f->source.version, scan.format.server_version, sizeof f->source.version);
    }
    scan_close(&scan);
    return result;
}

/* The server's UUID, where the catalog still has what the source said of itself. */
static int ask_facts(struct reconcile *r, struct store_file *f, struct err *e)
{
    static const char key[] = "server_uuid=";
    struct buf        text;

    buf_init(&text, (size_t)64 * 1024);
    int found = catalog_get_value(r->catalog, "source.facts", &text, e);
    if (found > 0) {
        const char *at = strstr(buf_text(&text), key);
        size_t      n = at != NULL ? strcspn(at + sizeof key - 1, "\n") : 0;
        if (n == UUID_TEXT_BYTES)
            (void)snprintf(f->source.uuid, sizeof f->source.uuid, "%.*s", (int)n,
                           at + sizeof key - 1);
    }
    buf_done(&text);
    return found < 0 ? -1 : 0;
}

static int guess_first(struct reconcile *r, struct store_file *f, size_t index, struct err *e)
{
    char text[STORE_NAME_BYTES + 128];

    f->ordinal = (uint32_t)index + 1;
    f->epoch = 1;
    (void)snprintf(f->source.name, sizeof f->source.name, "main");
    (void)snprintf(f->source_file, sizeof f->source_file, "%s", f->name);
    TRY(ask_format(r->disk, f, e));
    TRY(ask_facts(r, f, e));
    (void)snprintf(text, sizeof text,
                   "%s: nothing tells which file of which server it was; taken for the source's of "
                   "the same name",
                   f->name);
    r->did(r->arg, text);
    return 0;
}

/* From the nearest one that is known, before or behind. */
static int guess(struct reconcile *r, size_t index, struct err *e)
{
    struct store_file *f = &r->files.at[index];
    size_t             near = index;

    if (index > 0) {
        struct store_file *before = &r->files.at[index - 1]; /* known by now */
        f->ordinal = before->ordinal + 1;
        f->epoch = before->epoch;
        f->source = before->source;
        source_file_after(before, f);
    } else {
        while (near < r->files.count && !r->known[near])
            near++;
        if (near == r->files.count)
            TRY(guess_first(r, f, index, e));
        else if (r->files.at[near].ordinal <= near - index ||
                 strcmp(r->files.at[near].source_file, r->files.at[near].name) != 0)
            return err_set(e, E_CORRUPT,
                           "nothing tells any more which file of the source %s was: its row in the "
                           "catalog and its sidecar are lost; restore one of them from a backup",
                           f->name);
        else {
            f->ordinal = r->files.at[near].ordinal - (uint32_t)(near - index);
            f->epoch = r->files.at[near].epoch;
            f->source = r->files.at[near].source;
            memcpy(f->source_file, f->name, sizeof f->source_file);
        }
    }
    r->known[index] = true;
    return 0;
}

/* ---- what the head does not say ---- */

static int last_time(struct disk *d, struct store_file *f, uint64_t *footer, struct err *e)
{
    struct sidecar       sc;
    struct sidecar_entry entry;
    bool                 more = true;
    int                  result = 0;

    *footer = 0;
    if (sidecar_open(d, f->name, &sc, e) != 0)
        return e->kind == E_PURGED || e->kind == E_CORRUPT ? 0 : -1;
    while (result == 0 && more) {
        result = sidecar_next(&sc, &entry, &more, e);
        if (result == 0 && more && entry.counts.last_s != 0)
            f->last_s = entry.counts.last_s;
        if (result == 0 && more && entry.kind == SIDECAR_FOOTER)
            *footer = entry.offset;
    }
    sidecar_close(&sc);
    return result;
}

static int file_size(struct disk *d, const char *name, uint64_t *out, struct err *e)
{
    struct disk_file *file;
    TRY(d->open(d, name, false, false, &file, e));
    int result = d->size(file, out, e);
    d->close(file);
    return result;
}

/* Its size is the footer's where there is one: that was written when nothing was missing. */
static int complete(struct reconcile *r, struct store_file *f, bool last, struct err *e)
{
    uint64_t    size;
    uint64_t    footer;
    struct scan scan;

    TRY(file_size(r->disk, f->name, &size, e));
    TRY(last_time(r->disk, f, &footer, e));
    const struct store_file *row = held_of_name(r, f->name);
    f->sealed = !last || (row != NULL && row->sealed && row->size == footer);
    f->size = !f->sealed ? 0 : footer != 0 ? footer : size;
    if (scan_open(r->disk, f->name, UINT64_MAX, false, &scan, e) != 0)
        return e->kind == E_CORRUPT ? 0 : -1;
    if (scan_format(&scan, e) == 0)
        f->created_s = scan.created_s;
    scan_close(&scan);
    return 0;
}

/* ---- the table ---- */

static bool is_same(const struct store_file *a, const struct store_file *b)
{
    return a->ordinal == b->ordinal && a->epoch == b->epoch && a->sealed == b->sealed &&
           (!a->sealed || a->size == b->size) && strcmp(a->name, b->name) == 0 &&
           strcmp(a->source_file, b->source_file) == 0 &&
           strcmp(a->source.name, b->source.name) == 0 &&
           strcmp(a->source.uuid, b->source.uuid) == 0 &&
           strcmp(a->source.version, b->source.version) == 0 &&
           a->source.server_id == b->source.server_id && a->source.family == b->source.family;
}

static int check_sequence(const struct reconcile *r, struct err *e)
{
    char next[STORE_NAME_BYTES + 1];

    for (size_t i = 1; i < r->files.count; i++) {
        const struct store_file *before = &r->files.at[i - 1];
        const struct store_file *f = &r->files.at[i];
        name_next(before->name, next);
        if (strcmp(f->name, next) != 0 || f->ordinal != before->ordinal + 1)
            return err_set(e, E_CORRUPT,
                           "between the relay files %s and %s there should be others: restore them "
                           "from a backup, or move one side away",
                           before->name, f->name);
    }
    return 0;
}

static void tell_changes(struct reconcile *r)
{
    char text[STORE_NAME_BYTES + 128];

    for (size_t i = 0; i < r->files.count; i++) {
        const struct store_file *f = &r->files.at[i];
        const struct store_file *row = held_of_name(r, f->name);
        if (row != NULL && is_same(row, f))
            continue;
        (void)snprintf(text, sizeof text, "catalog.db: the row of %s was %s: made again", f->name,
                       row != NULL ? "wrong" : "missing");
        r->did(r->arg, text);
        r->changes++;
    }
    for (size_t i = 0; i < r->held.count; i++) {
        const struct store_file *row = &r->held.at[i];
        bool                     there = false;
        for (size_t k = 0; k < r->files.count && !there; k++)
            there = strcmp(r->files.at[k].name, row->name) == 0;
        if (there)
            continue;
        (void)snprintf(text, sizeof text, "catalog.db: a row of '%.200s', which is not there: gone",
                       row->name);
        r->did(r->arg, text);
        r->changes++;
    }
}

/* One that was made and never got its row: recovery takes it away. */
static int leave_unborn(struct reconcile *r, struct err *e)
{
    while (r->files.count != 0) {
        const struct store_file *f = &r->files.at[r->files.count - 1];
        uint64_t                 size;
        TRY(file_size(r->disk, f->name, &size, e));
        if (size > BINLOG_MAGIC_BYTES || held_of_name(r, f->name) != NULL)
            break;
        r->files.count--;
    }
    return 0;
}

/* A file whose row is right but that is gone is no wrong row: it was shown to consumers. */
static int check_missing(const struct reconcile *r, struct err *e)
{
    for (size_t i = 0; i < r->held.count; i++) {
        const struct store_file *row = &r->held.at[i];
        struct err               ignored;
        struct sidecar           sc;
        bool                     there = false;
        for (size_t k = 0; k < r->files.count && !there; k++)
            there = strcmp(r->files.at[k].name, row->name) == 0;
        if (there || sidecar_open(r->disk, row->name, &sc, &ignored) != 0)
            continue;
        sidecar_close(&sc);
        return err_set(e, E_CORRUPT, "the relay file %s is gone, its sidecar is there: restore it",
                       row->name);
    }
    return 0;
}

static int make_rows(struct reconcile *r, struct err *e)
{
    uint32_t rubbish;

    TRY(catalog_each_sound_file(r->catalog, add_held, r, &rubbish, e));
    TRY(r->disk->list(r->disk, add_file, r, e));
    TRY(check_missing(r, e));
    if (r->files.count == 0)
        return 0;
    qsort(r->files.at, r->files.count, sizeof *r->files.at, by_name);
    TRY(leave_unborn(r, e));
    r->known = calloc(r->files.count + 1, sizeof *r->known);
    if (r->known == NULL)
        return err_set(e, E_NOMEM, "no memory for the table of %zu relay files", r->files.count);
    for (size_t i = 0; i < r->files.count; i++)
        TRY(identify(r, &r->files.at[i], &r->known[i], e));
    for (size_t i = 0; i < r->files.count; i++)
        if (!r->known[i])
            TRY(guess(r, i, e));
    TRY(check_sequence(r, e));
    for (size_t i = 0; i < r->files.count; i++)
        TRY(complete(r, &r->files.at[i], i + 1 == r->files.count, e));
    tell_changes(r);
    r->changes += rubbish;
    if (r->changes == 0)
        return 0;
    TRY(r->disk->sync_folder(r->disk, e));
    return catalog_replace_files(r->catalog, r->files.at, r->files.count, e);
}

int reconcile_files(struct disk *d, struct catalog *c, void (*did)(void *arg, const char *text),
                    void *arg, uint32_t *count, struct err *e)
{
    struct reconcile r = { .disk = d, .catalog = c, .did = did, .arg = arg };

    int result = make_rows(&r, e);
    *count = r.changes;
    free(r.held.at);
    free(r.files.at);
    free(r.known);
    return result;
}
