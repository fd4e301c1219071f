#include "publisher/publisher.h"
#include "publisher/sink.h"
#include "storage/reader.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    WRITE_BYTES = 256 * 1024,
    EVENT_BYTES_MAX = (1 << 30) + (1 << 20), /* servers' own bound, and a bit */
    KEPT_BYTES = 4 << 20,                    /* larger buffers are given back */
    CHECKPOINT_MS = 1000,
    RETRY_PAUSE_MS = 1000,
};
#define LINES_BYTES_MAX (9ull << 30) /* two texts of one row and what was gathered before */

struct publisher {
    struct store             *store;
    struct catalog           *catalog;
    char                     *name, *path;
    char                     *heartbeat_head; /* how their lines begin */
    bool                      from_newest;
    definition_fetch         *fetch;
    definition_survey        *survey;
    void                     *fetch_arg;
    struct convert           *convert;
    struct sink              *sink;
    struct buf                lines;    /* not written yet */
    struct buf                hold;     /* an event larger than the reader's block */
    uint64_t                  written;  /* bytes of the sink */
    uint64_t                  skip;     /* events whose lines are in the sink already */
    int64_t                   event_s;  /* time of the event being converted */
    struct catalog_checkpoint boundary; /* behind the last whole transaction */
    struct catalog_checkpoint put;      /* what the catalog has */
    uint64_t                  events;
    int64_t                   put_at_ms;

    pthread_mutex_t         mutex; /* of what is below */
    pthread_cond_t          woken;
    bool                    has_news, stopping;
    struct publisher_status status;
};

static int64_t now_ms(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- made, freed, watched ---- */

static void init_waiting(struct publisher *p)
{
    pthread_condattr_t attr;

    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&p->woken, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&p->mutex, NULL);
}

static int on_change(void *arg, const struct change_event *ev, struct err *e);
static int on_fetch(void *arg, const char *database, const char *table, struct buf *json,
                    struct err *e);

int publisher_new(struct store *s, const struct publisher_options *o, struct publisher **out,
                  struct err *e)
{
    struct publisher      *p = calloc(1, sizeof *p);
    struct convert_options convert = o->convert;

    if (p == NULL)
        return err_set(e, E_NOMEM, "no memory for a publisher");
    init_waiting(p);
    buf_init(&p->lines, LINES_BYTES_MAX);
    buf_init(&p->hold, EVENT_BYTES_MAX);
    p->store = s;
    p->catalog = store_catalog(s);
    p->from_newest = o->from_newest;
    p->fetch = o->fetch;
    p->survey = o->survey;
    p->fetch_arg = o->fetch_arg;
    p->name = strdup(o->name);
    p->path = o->path != NULL ? strdup(o->path) : NULL;
    if (p->name == NULL || (o->path != NULL && p->path == NULL)) {
        publisher_free(p);
        return err_set(e, E_NOMEM, "no memory for a publisher");
    }
    if (asprintf(&p->heartbeat_head, "{\"topic\":\"%s%s",
                 o->convert.options->topic_heartbeat_prefix,
                 o->convert.options->topic_delimiter) < 0) {
        p->heartbeat_head = NULL;
        publisher_free(p);
        return err_set(e, E_NOMEM, "no memory for a publisher");
    }
    (void)snprintf(p->status.name, sizeof p->status.name, "%s", o->name);
    convert.remember = true;
    if (convert_new(&convert, p->catalog, o->fetch != NULL ? on_fetch : NULL, p, on_change, p,
                    &p->convert, e) != 0) {
        publisher_free(p);
        return -1;
    }
    *out = p;
    return 0;
}

void publisher_free(struct publisher *p)
{
    if (p == NULL)
        return;
    convert_free(p->convert);
    sink_close(p->sink);
    buf_done(&p->lines);
    buf_done(&p->hold);
    (void)pthread_cond_destroy(&p->woken);
    (void)pthread_mutex_destroy(&p->mutex);
    free(p->name);
    free(p->path);
    free(p->heartbeat_head);
    free(p);
}

static void wake(void *arg)
{
    struct publisher *p = arg;
    (void)pthread_mutex_lock(&p->mutex);
    p->has_news = true;
    (void)pthread_cond_signal(&p->woken);
    (void)pthread_mutex_unlock(&p->mutex);
}

void publisher_stop(struct publisher *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    p->stopping = true;
    (void)pthread_cond_signal(&p->woken);
    (void)pthread_mutex_unlock(&p->mutex);
}

void publisher_status(struct publisher *p, struct publisher_status *out)
{
    (void)pthread_mutex_lock(&p->mutex);
    *out = p->status;
    (void)pthread_mutex_unlock(&p->mutex);
}

static bool is_stopping(struct publisher *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    bool stopping = p->stopping;
    (void)pthread_mutex_unlock(&p->mutex);
    return stopping;
}

static void tell(struct publisher *p, enum publisher_state state, const char *problem)
{
    (void)pthread_mutex_lock(&p->mutex);
    p->status.state = state;
    p->status.next = p->boundary.next;
    p->status.events = p->events;
    p->status.last_event_s = p->events > 0 ? p->event_s : 0;
    (void)snprintf(p->status.problem, sizeof p->status.problem, "%s", problem);
    (void)pthread_mutex_unlock(&p->mutex);
}

/* Until there is news (only where it is waited for), a stop, or the time is over. */
static void wait_ms(struct publisher *p, bool for_news, int64_t ms)
{
    struct timespec until = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_mutex_lock(&p->mutex);
    while (!p->stopping && !(for_news && p->has_news)) {
        int late = ms < 0 ? pthread_cond_wait(&p->woken, &p->mutex)
                          : pthread_cond_timedwait(&p->woken, &p->mutex, &until);
        if (late != 0)
            break;
    }
    if (for_news)
        p->has_news = false;
    (void)pthread_mutex_unlock(&p->mutex);
}

/* A source that can't be asked now is asked again: its absence must not end a publisher. */
static bool may_pass(enum err_kind kind)
{
    return kind == E_IO || kind == E_AUTH || kind == E_REFUSED || kind == E_PROTOCOL;
}

static int on_fetch(void *arg, const char *database, const char *table, struct buf *json,
                    struct err *e)
{
    struct publisher *p = arg;

    while (p->fetch(p->fetch_arg, database, table, json, e) != 0) {
        if (!may_pass(e->kind))
            return -1;
        tell(p, PUBLISHER_RUNNING, e->text);
        wait_ms(p, false, RETRY_PAUSE_MS);
        if (is_stopping(p))
            return err_set(e, E_STOPPED, "stopped while the source could not be asked");
        buf_clear(json);
    }
    return 0;
}

/* ---- writing ---- */

/* A full disk is waited for; what was written of a line is not written again. */
static int flush(struct publisher *p, struct err *e)
{
    struct slice rest = buf_slice(&p->lines);

    while (rest.len > 0) {
        size_t written = 0;
        int    result = sink_write(p->sink, rest, &written, e);
        rest.ptr += written;
        rest.len -= written;
        p->written += written;
        if (result == 0)
            break;
        if (e->kind != E_FULL)
            return -1;
        tell(p, PUBLISHER_RUNNING, e->text);
        wait_ms(p, false, RETRY_PAUSE_MS);
        if (is_stopping(p))
            return err_set(e, E_STOPPED, "stopped while the disk was full");
    }
    if (p->lines.size > KEPT_BYTES)
        buf_done(&p->lines);
    buf_clear(&p->lines);
    return 0;
}

static int on_change(void *arg, const struct change_event *ev, struct err *e)
{
    struct publisher *p = arg;
    struct buf       *out = &p->lines;

    /* Heartbeats depend on where the reading began: they don't count. */
    if (ev->is_heartbeat && p->skip > 0)
        return 0;
    p->events += ev->is_heartbeat ? 0 : 1;
    if (p->skip > 0) {
        p->skip--;
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
    return out->len >= WRITE_BYTES ? flush(p, e) : 0;
}

/* All up to the boundary is in the sink; what is behind it there is looked at by the next start. */
static int checkpoint(struct publisher *p, struct err *e)
{
    TRY(flush(p, e));
    p->put_at_ms = now_ms();
    if (p->boundary.next == p->put.next && p->boundary.events == p->put.events)
        return 0;
    TRY(sink_sync(p->sink, e));
    TRY(catalog_put_checkpoint(p->catalog, p->name, &p->boundary, e));
    p->put = p->boundary;
    return 0;
}

/* ---- reading ---- */

static int convert_one(struct publisher *p, struct reader *r, const struct event *ev, store_pos pos,
                       struct err *e)
{
    bool between = false;

    p->event_s = ev->timestamp_s != 0 ? ev->timestamp_s : p->event_s;
    TRY(convert_event(p->convert, reader_format(r), reader_file(r), pos, ev, &between, e));
    if (p->hold.size > KEPT_BYTES)
        buf_done(&p->hold);
    /* Before the kept lines are passed, nobody knows where in the file this place is. */
    if (!between || p->skip > 0)
        return 0;
    p->boundary = (struct catalog_checkpoint){
        .next = reader_pos(r),
        .sink_bytes = sink_is_file(p->sink) ? p->written + p->lines.len : 0,
        .events = p->events,
    };
    return 0;
}

/* All that is published was read: writes it out, then waits for more. A checkpoint costs two syncs,
   so a trickle of transactions shares one. */
static int rest(struct publisher *p, struct err *e)
{
    TRY(flush(p, e));
    tell(p, PUBLISHER_IDLE, "");
    int64_t due_ms = p->put_at_ms + CHECKPOINT_MS - now_ms();
    bool    is_put = p->boundary.next == p->put.next;

    if (!is_put && due_ms <= 0)
        return checkpoint(p, e);
    wait_ms(p, true, is_put ? -1 : due_ms);
    return 0;
}

static int follow(struct publisher *p, struct reader *r, struct err *e)
{
    while (!is_stopping(p)) {
        enum reader_step step = READER_AT_END;
        struct event     ev;
        store_pos        pos = 0;

        TRY(reader_next_event(r, &p->hold, &ev, &pos, &step, e));
        if (step == READER_FILE_DONE)
            TRY(reader_next_file(r, &step, e));
        else if (step == READER_PIECE)
            TRY(convert_one(p, r, &ev, pos, e));
        if (step == READER_AT_END) {
            TRY(rest(p, e));
        } else if (now_ms() - p->put_at_ms >= CHECKPOINT_MS) {
            TRY(checkpoint(p, e));
            tell(p, PUBLISHER_RUNNING, "");
        }
    }
    return checkpoint(p, e);
}

/* ---- what the source has when all begins ---- */

static bool wants_table(void *arg, const char *database, const char *table)
{
    struct publisher *p = arg;
    return convert_wants(p->convert, database, table);
}

static int take_table(void *arg, struct definition *d, struct err *e)
{
    struct publisher *p = arg;

    if (is_stopping(p)) {
        definition_free(d);
        return err_set(e, E_STOPPED, "stopped while the source was asked for its tables");
    }
    return convert_learn(p->convert, d, p->boundary.next, e);
}

/* Before it is changed again: later, a table of the stream may be asked for too late. A source that
   can't answer now is asked for each table when it comes. */
static int survey(struct publisher *p, struct err *e)
{
    const struct definition_taker taker = { .wants = wants_table, .take = take_table, .arg = p };
    struct err                    why = { 0 };

    if (p->survey == NULL || p->survey(p->fetch_arg, &taker, &why) == 0 || may_pass(why.kind) ||
        why.kind == E_STOPPED)
        return 0;
    *e = why;
    return -1;
}

/* Where to begin; waits until the store has something. */
static int find_start(struct publisher *p, bool *has_checkpoint, struct err *e)
{
    int found = catalog_get_checkpoint(p->catalog, p->name, &p->boundary, e);

    *has_checkpoint = found > 0;
    if (found != 0)
        return found > 0 ? 0 : -1;
    store_pos published = store_published(p->store);
    bool      was_empty = published == 0;
    while (published == 0 && !is_stopping(p)) {
        wait_ms(p, true, -1);
        published = store_published(p->store);
    }
    p->boundary.next = p->from_newest && !was_empty ? published : store_start(p->store);
    return 0;
}

static int run(struct publisher *p, struct reader **r, struct err *e)
{
    bool              has_checkpoint = false;
    struct sink_found found = { 0 };

    TRY(find_start(p, &has_checkpoint, e));
    if (p->boundary.next == 0)
        return 0; /* stopped before the store had anything */
    p->put = p->boundary;
    if (!has_checkpoint)
        TRY(survey(p, e));
    TRY(sink_open(p->path, has_checkpoint, p->boundary.sink_bytes, p->heartbeat_head, &p->sink,
                  &found, e));
    p->written = found.bytes;
    p->skip = found.lines;
    p->events = p->boundary.events;
    p->put_at_ms = now_ms();
    if (!has_checkpoint || found.bytes < p->boundary.sink_bytes) {
        p->boundary.sink_bytes = found.bytes;
        TRY(catalog_put_checkpoint(p->catalog, p->name, &p->boundary, e));
        p->put = p->boundary;
    }
    TRY(reader_open(p->store, p->boundary.next, 0, r, e));
    tell(p, PUBLISHER_RUNNING, "");
    return follow(p, *r, e);
}

int publisher_run(struct publisher *p, struct err *e)
{
    struct store_watch watch = { .wake = wake, .arg = p };
    struct reader     *r = NULL;

    store_watch(p->store, &watch);
    int result = run(p, &r, e);
    store_unwatch(p->store, &watch);
    reader_close(r);
    if (result != 0 && e->kind == E_STOPPED)
        result = 0;
    tell(p, result == 0 ? PUBLISHER_ENDED : PUBLISHER_FAILED, result == 0 ? "" : e->text);
    return result;
}
