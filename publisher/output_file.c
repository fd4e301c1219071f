#include "publisher/output.h"
#include "publisher/sink.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    WRITE_BYTES = 256 * 1024,
    KEPT_BYTES = 4 << 20, /* larger buffers are given back */
    CHECKPOINT_MS = 1000,
    RETRY_PAUSE_MS = 1000,
};
#define LINES_BYTES_MAX (9ull << 30) /* two texts of one row and what was gathered before */

struct output_file {
    struct output             base;
    struct output_host        host;
    char                     *path, *uncounted;
    struct sink              *sink;
    struct buf                lines;    /* not written yet */
    uint64_t                  written;  /* bytes of the sink */
    uint64_t                  skip;     /* events whose lines are in the sink already */
    struct catalog_checkpoint boundary; /* behind the last whole transaction */
    struct catalog_checkpoint put;      /* what the catalog has */
    struct buf                state;    /* of the boundary */
    uint64_t                  serial, put_serial;
    int64_t                   put_at_ms;
};

int64_t output_now_ms(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct output_file *file_of(struct output *o)
{
    return (struct output_file *)o; /* its first member */
}

static struct catalog *catalog_of(const struct output_file *f)
{
    return store_catalog(f->host.store);
}

/* ---- the beginning ------------------------------------------------------------------------- */

static int find(struct output *o, struct output_place *at, struct err *e)
{
    struct output_file *f = file_of(o);
    int                 found = catalog_get_checkpoint(catalog_of(f), f->host.name, &f->put, e);

    buf_clear(&f->state);
    f->serial = UINT64_MAX; /* until open_at() is told */
    if (found > 0)
        found = catalog_get_checkpoint_state(catalog_of(f), f->host.name, &f->state, e);
    if (found > 0)
        *at = (struct output_place){ .next = f->put.next,
                                     .events = f->put.events,
                                     .state = buf_text(&f->state) };
    return found;
}

static int take_state(struct output_file *f, const struct output_place *at, struct err *e)
{
    if (at->state_serial == f->serial && at->state != NULL)
        return 0;
    f->serial = at->state_serial;
    buf_clear(&f->state);
    buf_put_text(&f->state, at->state != NULL ? at->state : "");
    return buf_check(&f->state, "the state of a publisher", e);
}

static int open_at(struct output *o, const struct output_place *at, bool is_found, struct err *e)
{
    struct output_file *f = file_of(o);
    struct sink_found   found = { 0 };

    if (!is_found)
        f->put = (struct catalog_checkpoint){ .next = at->next, .events = at->events };
    TRY(sink_open(f->path, is_found, f->put.sink_bytes, f->uncounted, &f->sink, &found, e));
    f->written = found.bytes;
    f->skip = at->is_anew ? 0 : found.lines;
    f->base.repeats = f->skip > 0;
    TRY(take_state(f, at, e));
    f->put_serial = f->serial;
    f->put_at_ms = output_now_ms();
    f->put.state = buf_text(&f->state);
    if (!is_found || at->is_anew || found.bytes < f->put.sink_bytes) {
        f->put.next = at->next;
        f->put.sink_bytes = found.bytes;
        TRY(catalog_put_checkpoint(catalog_of(f), f->host.name, &f->put, e));
    }
    f->boundary = f->put;
    f->base.kept = f->boundary.next;
    return 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* A full disk is waited for; what was written of a line is not written again. */
static int flush(struct output_file *f, struct err *e)
{
    struct slice rest = buf_slice(&f->lines);

    while (rest.len > 0) {
        size_t written = 0;
        int    result = sink_write(f->sink, rest, &written, e);
        rest.ptr += written;
        rest.len -= written;
        f->written += written;
        if (result == 0)
            break;
        if (e->kind != E_FULL)
            return -1;
        TRY(f->host.wait(f->host.arg, e->text, RETRY_PAUSE_MS, e));
    }
    if (f->lines.size > KEPT_BYTES)
        buf_done(&f->lines);
    buf_clear(&f->lines);
    return 0;
}

static int put(struct output *o, const struct change_event *ev, struct err *e)
{
    struct output_file *f = file_of(o);
    struct buf         *out = &f->lines;

    /* Heartbeats depend on where the reading began: they don't count. */
    if (f->skip > 0) {
        f->skip -= ev->is_heartbeat ? 0 : 1;
        f->base.repeats = f->skip > 0;
        return 0;
    }
    buf_put_text(out, "{\"topic\":\"");
    buf_put(out, ev->topic); /* a topic has no character that JSON escapes */
    buf_put_text(out, "\",\"key\":");
    buf_put(out, ev->key.len > 0 ? ev->key : slice_of_text("null"));
    buf_put_text(out, ",\"value\":");
    buf_put(out, ev->value.len > 0 ? ev->value : slice_of_text("null"));
    buf_put_text(out, "}\n");
    TRY(buf_check(out, "lines of change events", e));
    return out->len >= WRITE_BYTES ? flush(f, e) : 0;
}

/* All up to the boundary is in the sink; what is behind it there is looked at by the next start. */
static int checkpoint(struct output_file *f, struct err *e)
{
    TRY(flush(f, e));
    f->put_at_ms = output_now_ms();
    if (f->boundary.next == f->put.next && f->boundary.events == f->put.events &&
        f->serial == f->put_serial)
        return 0;
    TRY(sink_sync(f->sink, e));
    f->boundary.state = buf_text(&f->state);
    TRY(catalog_put_checkpoint(catalog_of(f), f->host.name, &f->boundary, e));
    f->put = f->boundary;
    f->put_serial = f->serial;
    return 0;
}

static int boundary(struct output *o, const struct output_place *at, struct err *e)
{
    struct output_file *f = file_of(o);

    /* Before the kept lines are passed, nobody knows where in the file this place is. */
    if (f->skip > 0)
        return 0;
    TRY(take_state(f, at, e));
    f->boundary = (struct catalog_checkpoint){
        .next = at->next,
        .sink_bytes = sink_is_file(f->sink) ? f->written + f->lines.len : 0,
        .events = at->events,
    };
    f->base.kept = at->next;
    return output_now_ms() - f->put_at_ms >= CHECKPOINT_MS ? checkpoint(f, e) : 0;
}

/* A checkpoint costs two syncs, so a trickle of transactions shares one. */
static int rest(struct output *o, bool *idle, int64_t *due_ms, struct err *e)
{
    struct output_file *f = file_of(o);

    TRY(flush(f, e));
    *idle = true;
    int64_t due = f->put_at_ms + CHECKPOINT_MS - output_now_ms();
    bool    is_put = f->boundary.next == f->put.next && f->serial == f->put_serial;
    if (!is_put && due <= 0) {
        *due_ms = 0;
        return checkpoint(f, e);
    }
    *due_ms = is_put ? -1 : due;
    return 0;
}

static int finish(struct output *o, struct err *e)
{
    return checkpoint(file_of(o), e);
}

static void shut(struct output *o)
{
    struct output_file *f = file_of(o);

    sink_close(f->sink);
    f->sink = NULL;
    buf_done(&f->lines);
    f->skip = 0;
}

static void free_it(struct output *o)
{
    struct output_file *f = file_of(o);

    if (f == NULL)
        return;
    shut(o);
    buf_done(&f->state);
    free(f->path);
    free(f->uncounted);
    free(f);
}

static const struct output_kind file_kind = {
    .counts = true,
    .find = find,
    .open = open_at,
    .put = put,
    .boundary = boundary,
    .rest = rest,
    .finish = finish,
    .shut = shut,
    .free = free_it,
};

int output_file_new(const struct output_host *host, const char *path, const char *uncounted,
                    struct output **out, struct err *e)
{
    struct output_file *f = calloc(1, sizeof *f);

    if (f == NULL)
        return err_set(e, E_NOMEM, "no memory for an output");
    f->base.kind = &file_kind;
    f->host = *host;
    buf_init(&f->lines, LINES_BYTES_MAX);
    buf_init(&f->state, OUTPUT_STATE_BYTES_MAX);
    f->path = path != NULL ? strdup(path) : NULL;
    f->uncounted = strdup(uncounted);
    if (f->uncounted == NULL || (path != NULL && f->path == NULL)) {
        free_it(&f->base);
        return err_set(e, E_NOMEM, "no memory for an output");
    }
    *out = &f->base;
    return 0;
}
