#include "storage/origin.h"
#include <inttypes.h>
#include "storage/hole.h"
#include "storage/index.h"
#include "storage/name.h"
#include "storage/scan.h"

enum { COPIES_MAX = 64 };

/* Relay files that are images of one source file, oldest first. */
struct copies {
    uint32_t          ordinals[COPIES_MAX];
    size_t            count;
    struct store_file first; /* whose identity the others have */
    struct store_file other; /* one of another identity */
    bool              differ;
};

static bool is_copy(const struct store_file *f, const char *source, const char *file)
{
    return strcmp(f->source_file, file) == 0 &&
           (source[0] == '\0' || strcmp(f->source.name, source) == 0);
}

/* A reset begins the same names again: the first event's time tells such files apart. */
static bool is_same_file(const struct store_file *a, const struct store_file *b)
{
    return strcmp(a->source.uuid, b->source.uuid) == 0 &&
           a->source.server_id == b->source.server_id &&
           (a->created_s == b->created_s || a->created_s == 0 || b->created_s == 0);
}

static void find_copies(struct store *s, const char *source, const char *file, struct copies *out)
{
    out->count = 0;
    out->differ = false;
    (void)pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < s->file_count && !out->differ; i++) {
        const struct store_file *f = &s->files[i];
        if (!is_copy(f, source, file))
            continue;
        if (out->count == 0)
            out->first = *f;
        else if (!is_same_file(&out->first, f) || out->count == COPIES_MAX) {
            out->other = *f;
            out->differ = true;
            break;
        }
        out->ordinals[out->count++] = f->ordinal;
    }
    (void)pthread_mutex_unlock(&s->mutex);
}

/* ---- holes behind a place ---------------------------------------------------------------------
 */

/* What the sidecar does not tell of yet. */
static int scan_tail(struct store *s, const struct store_file *f, uint64_t from, uint64_t *last,
                     struct err *e)
{
    struct scan scan;
    bool        more = true;

    TRY(scan_open(s->disk, f->name, store_visible(s, f), false, &scan, e));
    int result = scan_seek(&scan, from, e);
    while (result == 0) {
        struct scan_event ev;
        result = scan_next(&scan, &ev, &more, e);
        if (result != 0 || !more)
            break;
        if (hole_is_left_out(&ev.event))
            *last = ev.end;
    }
    scan_close(&scan);
    return result;
}

/* *last: where the last hole of transactions ends; 0 without any. */
static int last_hole(struct store *s, const struct store_file *f, uint64_t *last, struct err *e)
{
    struct sidecar       sc;
    struct sidecar_entry entry;
    uint64_t             from = BINLOG_MAGIC_BYTES, visible = store_visible(s, f);
    bool                 more = true;
    int                  result = 0;

    *last = 0;
    TRY(index_open(s, f, &sc, e));
    while (result == 0 && more) {
        result = sidecar_next(&sc, &entry, &more, e);
        if (result != 0 || !more || entry.kind != SIDECAR_CHECKPOINT || entry.offset > visible)
            continue;
        from = entry.offset;
        if (entry.counts.transactions == 0) /* see indexer_pass_hole() */
            *last = entry.offset;
    }
    sidecar_close(&sc);
    if (result == 0 && !f->sealed && from < visible)
        result = scan_tail(s, f, from, last, e);
    return result;
}

/* Whether something behind this place of the file, in its epoch, came from another source before.
 */
static int has_hole_behind(struct store *s, const struct store_file *f, uint64_t offset, bool *has,
                           struct err *e)
{
    struct store_file next = *f;
    struct err        gone = { 0 };
    uint64_t          last = 0;

    *has = false;
    if (f->epoch == 1) /* there was none before */
        return 0;
    TRY(last_hole(s, f, &last, e));
    *has = last > offset;
    for (uint32_t o = f->ordinal + 1; !*has; o++) {
        if (store_file_by_ordinal(s, o, &next, &gone) != 0 || next.epoch != f->epoch)
            return 0;
        TRY(last_hole(s, &next, &last, e));
        *has = last != 0;
    }
    return 0;
}

/* ---- a place ----------------------------------------------------------------------------------
 */

/* The ROTATE that closes an epoch's last file is the relay's: behind it is nothing of the source.
 */
static bool is_behind_all(struct store *s, const struct store_file *f, uint64_t position)
{
    struct store_file next;
    struct err        none = { 0 };
    uint64_t          visible = store_visible(s, f);

    if (position != visible || !f->sealed)
        return position > visible;
    return store_file_by_ordinal(s, f->ordinal + 1, &next, &none) == 0 && next.epoch != f->epoch;
}

static int refuse_several(const struct copies *c, const char *file, struct err *e)
{
    const struct store_file *a = &c->first, *b = &c->other;

    if (strcmp(a->source.name, b->source.name) != 0)
        return err_set(e, E_LIMIT,
                       "several sources have a file '%.150s', '%s' and '%s': say which, as "
                       "SOURCE:FILE",
                       file, a->source.name, b->source.name);
    return err_set(e, E_LIMIT,
                   "source '%s' has had several files '%.150s', of different servers or from "
                   "before and after a reset: name the relay file, %.60s, %.60s or a later one",
                   a->source.name, file, a->name, b->name);
}

int origin_locate(struct store *s, const char *source, const char *file, uint64_t position,
                  store_pos *out, struct err *e)
{
    struct copies     c;
    struct store_file f;
    bool              hole = false;

    find_copies(s, source, file, &c);
    if (c.count == 0)
        return err_set(e, E_PURGED, "no relay file was copied from '%.255s'", file);
    if (c.differ)
        return refuse_several(&c, file, e);
    for (size_t i = 0; i < c.count; i++) {
        TRY(store_file_by_ordinal(s, c.ordinals[i], &f, e));
        bool is_last = i + 1 == c.count;
        if (!is_last && is_behind_all(s, &f, position))
            continue;
        if (is_behind_all(s, &f, position))
            return err_set(e, E_PROTOCOL,
                           "position %" PRIu64 " is behind what is held of the source's %.200s",
                           position, file);
        TRY(index_check_place(s, &f, position, e));
        TRY(has_hole_behind(s, &f, position, &hole, e));
        if (!hole) {
            *out = store_pos_at(f.ordinal, position);
            return 0;
        }
    }
    return err_set(e, E_PROTOCOL,
                   "position %" PRIu64 " of the source's %.150s has no equal here: the relay got "
                   "some of what is behind it from another server before; use GTIDs, or the "
                   "place in relay files that 'binrelay map GTID' tells",
                   position, file);
}

int origin_locate_now(struct store *s, const char *file, uint64_t position, store_pos *out,
                      struct err *e)
{
    struct store_file f;
    struct err        why = { 0 };
    uint32_t          epoch = 0;

    *out = 0;
    if (position > STORE_OFFSET_MAX)
        return err_set(e, E_PROTOCOL, "the source's binlog ends at an impossible offset");
    TRY(name_check(file, e));
    for (bool more = store_last_file(s, &f); more;
         more = store_file_by_ordinal(s, f.ordinal - 1, &f, &why) == 0) {
        epoch = epoch != 0 ? epoch : f.epoch;
        bool it_is = strcmp(f.source_file, file) == 0;
        if (f.epoch != epoch || (!it_is && name_is_before(f.source_file, file)))
            return 0; /* it is still to come */
        store_pos at = store_pos_at(f.ordinal, position);
        if (it_is && at <= store_published(s))
            *out = at;
        if (it_is)
            return 0;
    }
    return 0;
}
