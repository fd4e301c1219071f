#include "storage/indexer.h"
#include <stdlib.h>

void indexer_init(struct indexer *ix, uint32_t distance)
{
    *ix = (struct indexer){ .distance = distance != 0 ? distance : INDEXER_DISTANCE_BYTES };
    ix->checkpoint_at = BINLOG_MAGIC_BYTES;
    buf_init(&ix->before, SIDECAR_ENTRY_MAX);
    buf_init(&ix->ready, (size_t)SIDECAR_ENTRY_MAX * 4);
}

void indexer_done(struct indexer *ix)
{
    gtids_done(&ix->span_gtids);
    gtids_done(&ix->fresh);
    gtids_done(&ix->inherited);
    buf_done(&ix->before);
    buf_done(&ix->ready);
    free(ix->marks);
    *ix = (struct indexer){ 0 };
}

void indexer_reset(struct indexer *ix)
{
    assert(ix->run.kind == GTID_NONE); /* indexer_take_fresh() came before */
    gtids_done(&ix->span_gtids);
    ix->span_gtids = (struct gtids){ 0 };
    ix->checkpoint_at = BINLOG_MAGIC_BYTES;
    ix->span = (struct sidecar_counts){ 0 };
    ix->open_events = 0;
    ix->loose_events = 0;
    ix->totals = (struct sidecar_counts){ 0 };
    ix->has_before = false;
    buf_clear(&ix->before);
    buf_clear(&ix->ready);
    ix->mark_count = 0;
    ix->marks_done = 0;
    ix->ready_done = 0;
}

int indexer_inherit(struct indexer *ix, const struct gtids *held, bool begins_epoch, struct err *e)
{
    ix->begins_epoch = begins_epoch;
    return gtids_copy(&ix->inherited, held, e);
}

void indexer_resume(struct indexer *ix, const struct sidecar_entry *checkpoint)
{
    assert(checkpoint->kind == SIDECAR_CHECKPOINT);
    ix->checkpoint_at = checkpoint->offset;
    sidecar_counts_add(&ix->totals, &checkpoint->counts);
    ix->has_before = true; /* it stands before every checkpoint, if at all */
}

int gtids_unite(struct gtids *into, const struct gtids *more, struct err *e)
{
    TRY(gtid_set_unite(&into->set, &more->set, e));
    for (size_t i = 0; i < more->state.count; i++)
        TRY(gtid_state_set(&into->state, &more->state.entries[i], e));
    return 0;
}

int gtids_pass_head(struct gtids *into, const struct gtids *said, bool begins_epoch, struct err *e)
{
    bool behind = begins_epoch;

    TRY(gtid_set_unite(&into->set, &said->set, e));
    for (size_t i = 0; i < said->state.count; i++) {
        const struct gtid *theirs = &said->state.entries[i];
        const struct gtid *ours = gtid_state_get(&into->state, theirs->domain);
        if (ours == NULL || ours->number < theirs->number)
            TRY(gtid_state_set(&into->state, theirs, e));
        else
            behind = behind || theirs->number < ours->number;
    }
    if (behind || said->state.count == 0)
        return 0;
    return gtid_state_copy(&into->state, &said->state, e);
}

int gtids_unite_text(struct gtids *into, struct slice text, struct err *e)
{
    struct gtids more = { 0 };

    if (text.len == 0)
        return 0;
    int result = gtids_parse(&more, text, e);
    if (result == 0)
        result = gtids_unite(into, &more, e);
    gtids_done(&more);
    return result;
}

static int add_range(struct gtids *into, const struct gtid *first, uint64_t last, struct err *e)
{
    if (first->kind == GTID_MYSQL)
        return gtid_set_add_range(&into->set, first->uuid, first->tag, first->number, last, e);
    struct gtid newest = *first;
    newest.number = last;
    return gtid_state_set(&into->state, &newest, e);
}

static int run_end(struct indexer *ix, struct err *e)
{
    if (ix->run.kind == GTID_NONE)
        return 0;
    TRY(add_range(&ix->span_gtids, &ix->run, ix->run_last, e));
    TRY(add_range(&ix->fresh, &ix->run, ix->run_last, e));
    ix->run.kind = GTID_NONE;
    return 0;
}

static bool run_goes_on(const struct indexer *ix, const struct gtid *g)
{
    const struct gtid *run = &ix->run;
    if (run->kind != g->kind || g->kind == GTID_NONE)
        return false;
    if (g->kind == GTID_MARIADB) /* only the last one of a domain counts */
        return g->domain == run->domain && g->server_id == run->server_id;
    return g->number == ix->run_last + 1 && memcmp(g->uuid, run->uuid, UUID_BYTES) == 0 &&
           strcmp(g->tag, run->tag) == 0;
}

/* Remembers that what `ready` got up to now waits for `offset`. */
static int mark(struct indexer *ix, uint64_t offset, struct err *e)
{
    TRY(buf_check(&ix->ready, "entries of a sidecar", e));
    if (ix->mark_count == ix->mark_size) {
        size_t size = ix->mark_size != 0 ? ix->mark_size * 2 : 64;
        void  *more = reallocarray(ix->marks, size, sizeof *ix->marks);
        if (more == NULL)
            return err_set(e, E_NOMEM, "no memory for the entries of a sidecar");
        ix->marks = more;
        ix->mark_size = size;
    }
    ix->marks[ix->mark_count++] = (struct indexer_mark){ offset, ix->ready.len };
    return 0;
}

static int put_entry(struct indexer *ix, uint64_t offset, struct err *e)
{
    struct buf text;

    buf_init(&text, SIDECAR_ENTRY_MAX);
    gtids_put_text(&ix->span_gtids, &text);
    int result = buf_check(&text, "GTIDs of a checkpoint", e);
    if (result == 0) {
        sidecar_put_checkpoint(&ix->ready, offset, &ix->span, buf_slice(&text));
        result = mark(ix, offset, e);
    }
    buf_done(&text);
    sidecar_counts_add(&ix->totals, &ix->span);
    ix->span = (struct sidecar_counts){ 0 };
    gtids_done(&ix->span_gtids);
    ix->span_gtids = (struct gtids){ 0 };
    ix->checkpoint_at = offset;
    return result;
}

static int put_checkpoint(struct indexer *ix, struct err *e)
{
    if (ix->span.transactions == 0)
        return 0;
    TRY(run_end(ix, e));
    return put_entry(ix, ix->closed_at, e);
}

/* A checkpoint at each end, so that nobody who looks for something behind it begins before it. */
int indexer_pass_hole(struct indexer *ix, uint64_t end, struct err *e)
{
    TRY(put_checkpoint(ix, e));
    ix->span.events += ix->loose_events;
    ix->loose_events = 0;
    return put_entry(ix, end, e);
}

int indexer_close_txn(struct indexer *ix, const struct gtid *g, uint32_t commit_s, uint64_t end,
                      struct err *e)
{
    ix->span.events += ix->loose_events;
    ix->loose_events = 0;
    ix->span.transactions++;
    ix->closed_at = end;
    if (commit_s != 0 && (ix->span.first_s == 0 || commit_s < ix->span.first_s))
        ix->span.first_s = commit_s;
    if (commit_s > ix->span.last_s)
        ix->span.last_s = commit_s;
    if (run_goes_on(ix, g)) {
        ix->run_last = g->number;
    } else if (g->kind == GTID_NONE) {
        ix->span.anonymous++;
    } else {
        TRY(run_end(ix, e));
        ix->run = *g;
        ix->run_last = g->number;
    }
    if (end - ix->checkpoint_at >= ix->distance)
        return put_checkpoint(ix, e);
    return 0;
}

int indexer_take_head_event(struct indexer *ix, const struct event *ev, uint64_t end, struct err *e)
{
    /* Only at the head: later ones say the same as what was counted. */
    if (ix->has_before || ix->span.transactions != 0 || ix->totals.transactions != 0)
        return 0;
    struct gtids said = { 0 };
    int          result = gtids_take_event(&said, ev, e);
    if (result == 0)
        result = gtids_pass_head(&ix->inherited, &said, ix->begins_epoch, e);
    if (result == 0)
        result = gtids_unite(&ix->fresh, &ix->inherited, e);
    if (result == 0) {
        buf_clear(&ix->before);
        gtids_put_text(&ix->inherited, &ix->before);
        sidecar_put_before(&ix->ready, end, buf_slice(&ix->before));
        result = buf_check(&ix->before, "GTIDs of a file's head", e);
    }
    if (result == 0)
        result = mark(ix, 0, e); /* recovery does not build on it: it need not wait */
    ix->has_before = result == 0;
    gtids_done(&said);
    gtids_done(&ix->inherited);
    ix->inherited = (struct gtids){ 0 };
    return result;
}

int indexer_finish(struct indexer *ix, uint64_t size, struct slice gtids, struct err *e)
{
    ix->open_events = 0; /* what never ended is cut off */
    TRY(put_checkpoint(ix, e));
    ix->totals.events += ix->loose_events; /* STOP, ROTATE */
    sidecar_put_footer(&ix->ready, size, &ix->totals, gtids);
    return mark(ix, size, e);
}

struct slice indexer_ready(struct indexer *ix, uint64_t published)
{
    size_t end = ix->ready_done;
    for (size_t i = ix->marks_done; i < ix->mark_count && ix->marks[i].offset <= published; i++)
        end = ix->marks[i].end;
    if (end == ix->ready_done)
        return slice_empty();
    return (struct slice){ ix->ready.ptr + ix->ready_done, end - ix->ready_done };
}

/* So that memory is what waits to be published, however long the writer goes on. */
static void forget_taken(struct indexer *ix)
{
    size_t left = ix->ready.len - ix->ready_done;
    if (left != 0)
        memmove(ix->ready.ptr, ix->ready.ptr + ix->ready_done, left);
    for (size_t i = ix->marks_done; i < ix->mark_count; i++)
        ix->marks[i - ix->marks_done] =
            (struct indexer_mark){ ix->marks[i].offset, ix->marks[i].end - ix->ready_done };
    ix->mark_count -= ix->marks_done;
    ix->marks_done = 0;
    ix->ready.len = left;
    ix->ready_done = 0;
}

void indexer_taken(struct indexer *ix, size_t bytes)
{
    ix->ready_done += bytes;
    assert(ix->ready_done <= ix->ready.len);
    while (ix->marks_done < ix->mark_count && ix->marks[ix->marks_done].end <= ix->ready_done)
        ix->marks_done++;
    if (ix->ready_done * 2 >= ix->ready.len)
        forget_taken(ix);
}

int indexer_take_fresh(struct indexer *ix, struct gtids *out, struct err *e)
{
    TRY(run_end(ix, e));
    *out = ix->fresh;
    ix->fresh = (struct gtids){ 0 };
    return 0;
}
