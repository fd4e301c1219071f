#include "storage/purge.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "storage/name.h"
#include "storage/store_core.h"

/* The catalog's value that says how far a purge was meant to go. */
static const char intent[] = "purge_before";

/* Should this file go, when so much is held with it and so much would be free without those before
 * it? */
static bool is_over(const struct store_file *f, const struct purge_limits *l, uint64_t held,
                    uint64_t room)
{
    return f->ordinal < l->keep_ordinal || (l->keep_bytes != 0 && held > l->keep_bytes) ||
           (l->free_bytes != 0 && room < l->free_bytes) ||
           (l->keep_since_s != 0 && f->last_s != 0 && f->last_s < l->keep_since_s);
}

int purge_plan(struct store *s, const struct purge_limits *limits, uint32_t hold,
               struct purge_plan *out, struct err *e)
{
    struct purge_plan p = { 0 };
    uint64_t          room = 0;
    uint64_t          held = 0;

    if (limits->free_bytes != 0)
        TRY(s->disk->free_bytes(s->disk, &room, e));
    (void)pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < s->file_count; i++)
        held += store_visible(s, &s->files[i]);
    p.keep_from = s->file_count != 0 ? s->files[0].ordinal : 0;
    for (size_t i = 0; i + 1 < s->file_count; i++) {
        const struct store_file *f = &s->files[i];
        if (!f->sealed || !is_over(f, limits, held, room))
            break;
        if (hold != 0 && f->ordinal >= hold) {
            p.held = true;
            break;
        }
        p.keep_from = f->ordinal + 1;
        p.files++;
        p.bytes += f->size;
        held -= f->size;
        room += f->size;
    }
    (void)pthread_mutex_unlock(&s->mutex);
    *out = p;
    return 0;
}

static int remove_files(struct store *s, const struct store_file *f, struct err *e)
{
    char sidecar[STORE_NAME_BYTES + 1];

    name_sidecar(f->name, sidecar);
    TRY(s->disk->remove(s->disk, sidecar, e));
    return s->disk->remove(s->disk, f->name, e);
}

/* From here on nobody can come to them; the bytes go afterwards. */
static struct store_file *take_from_table(struct store *s, uint32_t keep_from, size_t *count)
{
    struct store_file *gone = NULL;

    (void)pthread_mutex_lock(&s->mutex);
    size_t n = 0;
    while (n + 1 < s->file_count && s->files[n].ordinal < keep_from)
        n++;
    if (n != 0)
        gone = malloc(n * sizeof *gone);
    if (gone != NULL) {
        memcpy(gone, s->files, n * sizeof *gone);
        memmove(s->files, s->files + n, (s->file_count - n) * sizeof *gone);
        s->file_count -= n;
        *count = n;
    }
    (void)pthread_mutex_unlock(&s->mutex);
    return gone;
}

static int forget(struct store *s, uint32_t keep_from, struct err *e)
{
    size_t             count = 0;
    struct store_file *gone = take_from_table(s, keep_from, &count);
    int                result = 0;

    for (size_t i = 0; i < count && result == 0; i++) {
        result = remove_files(s, &gone[i], e);
        atomic_fetch_add(&s->counts.purged_files, 1);
        atomic_fetch_add(&s->counts.purged_bytes, gone[i].size);
    }
    free(gone);
    if (result == 0 && count != 0)
        result = s->disk->sync_folder(s->disk, e);
    return result == 0 ? catalog_forget_files(s->catalog, keep_from, e) : -1;
}

int purge_run(struct store *s, const struct purge_plan *plan, struct err *e)
{
    char text[16];

    assert(!s->readonly);
    if (plan->files == 0)
        return 0;
    (void)snprintf(text, sizeof text, "%" PRIu32, plan->keep_from);
    TRY(catalog_put_value(s->catalog, intent, text, e));
    return forget(s, plan->keep_from, e);
}

int purge_finish(struct store *s, struct err *e)
{
    struct buf text;

    buf_init(&text, 64);
    int           found = catalog_get_value(s->catalog, intent, &text, e);
    unsigned long keep_from = found > 0 ? strtoul(buf_text(&text), NULL, 10) : 0;
    buf_done(&text);
    if (found < 0)
        return -1;
    if (s->file_count == 0 || keep_from <= s->files[0].ordinal)
        return 0;
    if (keep_from > s->files[s->file_count - 1].ordinal)
        return err_set(e, E_CORRUPT,
                       "the catalog tells of a purge up to relay file %lu, which is not there",
                       keep_from);
    return forget(s, (uint32_t)keep_from, e);
}
