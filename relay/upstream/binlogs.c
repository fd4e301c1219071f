#include "relay/upstream/binlogs.h"
#include "storage/locate.h"
#include "storage/place.h"

bool binlogs_next(struct store *s, uint32_t *ordinal, struct binlogs_file *out)
{
    struct store_file f;
    struct err        e = { 0 };

    if (*ordinal == 0) {
        if (!store_first_file(s, &f))
            return false;
    } else if (store_file_by_ordinal(s, *ordinal + 1, &f, &e) != 0) {
        return false;
    }
    *ordinal = f.ordinal;
    memcpy(out->name, f.name, sizeof out->name);
    memcpy(out->source_file, f.source_file, sizeof out->source_file);
    out->size = f.size;
    return true;
}

bool binlogs_next_of(struct store *s, const char *source, uint32_t *ordinal,
                     struct binlogs_file *out)
{
    struct store_file f, same;
    struct err        e = { 0 };

    while (source[0] != '\0' && binlogs_next(s, ordinal, out)) {
        if (store_file_by_ordinal(s, *ordinal, &f, &e) != 0 || strcmp(f.source.name, source) != 0 ||
            strcmp(f.name, f.source_file) == 0 ||
            store_file_by_name(s, f.source_file, &same, &e) == 0)
            continue;
        memcpy(out->name, f.source_file, sizeof out->name);
        return true;
    }
    return false;
}

int binlogs_map(struct store *s, const char *place, struct buf *out, struct err *e)
{
    struct place      p;
    struct store_file f;
    store_pos         begin, end;

    TRY(place_parse(place, &p, e));
    TRY(place_locate(s, &p, &begin, &end, e));
    TRY(store_file_by_ordinal(s, store_pos_ordinal(begin), &f, e));
    buf_printf(out, "%s:%llu", f.name, (unsigned long long)store_pos_offset(begin));
    return buf_check(out, "a place", e);
}

bool binlogs_end(struct store *s, struct binlogs_file *out)
{
    return binlogs_end_at(s, store_published(s), out);
}

bool binlogs_end_at(struct store *s, store_pos end, struct binlogs_file *out)
{
    struct store_file f;
    struct err        e = { 0 };

    if (end == 0 || store_file_by_ordinal(s, store_pos_ordinal(end), &f, &e) != 0)
        return false;
    memcpy(out->name, f.name, sizeof out->name);
    memcpy(out->source_file, f.source_file, sizeof out->source_file);
    out->size = store_pos_offset(end);
    return true;
}

int binlogs_executed(struct store *s, struct gtids *out, struct err *e)
{
    return store_gtids_published(s, out, e);
}

int binlogs_executed_at(struct store *s, store_pos end, struct gtids *out, struct err *e)
{
    return locate_gtids_at(s, end, out, e);
}

int binlogs_purged(struct store *s, struct gtids *out, struct err *e)
{
    struct store_file first;

    if (!store_first_file(s, &first)) {
        gtids_done(out);
        *out = (struct gtids){ 0 };
        return 0;
    }
    return store_gtids_before(s, first.ordinal, out, e);
}

int binlogs_gtids_at(struct store *s, const char *file, uint64_t position, struct gtids *out,
                     struct err *e)
{
    store_pos at = 0;

    TRY(locate_position(s, file, position, &at, e));
    return locate_gtids_at(s, at, out, e);
}
