#include "publisher/publisher_core.h"
#include "protocol/base/deadline.h"
#include "publisher/snapshot/incremental.h"
#include "publisher/kafka/kafka.h"
#include "publisher/encode/registry.h"
#include "storage/locate.h"
#include "storage/reader.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    EVENT_BYTES_MAX = (1 << 30) + (1 << 20), /* servers' own bound, and a bit */
    KEPT_BYTES = 4 << 20,                    /* larger buffers are given back */
    TELL_MS = 1000,
    RETRY_PAUSE_MS = 1000,
    RETRY_PAUSE_MAX_MS = 30000,
    FLAG_BYTES_MAX = 64,
};

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

static int  on_change(void *arg, const struct change_event *ev, struct err *e);
static int  on_fetch(void *arg, const char *database, const char *table, struct buf *json,
                     struct err *e);
static int  host_wait(void *arg, const char *problem, int64_t ms, struct err *e);
static bool host_is_interrupted(void *arg);

static int on_register(void *arg, struct slice topic, bool is_key, const struct schema *root,
                       uint32_t *id, struct err *e);

/* A row that was left out. */
static void on_warning(void *arg, const struct err *why)
{
    struct publisher *p = arg;

    if (p->say != NULL)
        p->say(p->say_arg, p->name, why->text);
}

static int make_convert(struct publisher *p, struct err *e)
{
    const struct convert_options convert = {
        .options = &p->options,
        .remember = true,
        .warn = on_warning,
        .warn_arg = p,
        .registrar = { .find = p->registry != NULL ? on_register : NULL, .arg = p },
    };

    return convert_new(&convert, p->catalog, p->fetch != NULL ? on_fetch : NULL, p, on_change, p,
                       &p->convert, e);
}

static int make_output(struct publisher *p, const struct publisher_options *o, struct err *e)
{
    char *head = NULL; /* how heartbeats' lines begin */

    p->host = (struct output_host){ .arg = p,
                                    .store = p->store,
                                    .name = p->name,
                                    .wait = host_wait,
                                    .wake = publisher_wake,
                                    .is_interrupted = host_is_interrupted };
    if (o->kafka != NULL)
        return kafka_output_new(&p->host, o->kafka, &p->output, e);
    const struct options *named = &p->options;
    bool                  has_name = *named->topic_heartbeat_name != 0;
    if (asprintf(&head, "{\"topic\":\"%s%s",
                 has_name ? named->topic_heartbeat_name : named->topic_heartbeat_prefix,
                 has_name ? "\"" : named->topic_delimiter) < 0)
        return err_set(e, E_NOMEM, "no memory for a publisher");
    int result = output_file_new(&p->host, o->path, head, &p->output, e);
    free(head);
    return result;
}

/* What was kept of it: the store holds that before its thread begins, and it stays paused. */
static int remember(struct publisher *p, struct err *e)
{
    struct catalog_checkpoint c = { .next = 0 };
    struct buf                flag;

    if (catalog_get_checkpoint(p->catalog, p->name, &c, e) < 0)
        return -1;
    p->status.next = c.next;
    p->status.events = c.events;
    buf_init(&flag, FLAG_BYTES_MAX);
    int found = catalog_get_value(p->catalog, p->paused_name, &flag, e);
    p->paused = found > 0 && strcmp(buf_text(&flag), "yes") == 0;
    buf_done(&flag);
    return found < 0 ? -1 : 0;
}

static int make(struct publisher *p, const struct publisher_options *o, struct err *e)
{
    TRY(options_copy(o->convert.options, &p->options, e));
    p->name = strdup(o->name);
    if (p->name == NULL || asprintf(&p->paused_name, "publisher.%s.paused", o->name) < 0) {
        p->paused_name = NULL;
        return err_set(e, E_NOMEM, "no memory for a publisher");
    }
    bool is_avro =
        p->options.key_converter == CONVERTER_AVRO || p->options.value_converter == CONVERTER_AVRO;
    if (is_avro && o->kafka != NULL)
        TRY(registry_new(&p->options, host_is_interrupted, p, &p->registry, e));
    if (o->adopt_topic != NULL) {
        p->adopt_topic = strdup(o->adopt_topic);
        p->adopt_connector = strdup(o->adopt_connector);
        if (p->adopt_topic == NULL || p->adopt_connector == NULL)
            return err_set(e, E_NOMEM, "no memory for a publisher");
    }
    TRY(make_convert(p, e));
    TRY(make_output(p, o, e));
    TRY(incremental_new(p, &o->source, &p->incremental, e));
    TRY(publisher_snapshot_init(p, &o->source, e));
    return remember(p, e);
}

int publisher_new(struct store *s, const struct publisher_options *o, struct publisher **out,
                  struct err *e)
{
    struct publisher *p = calloc(1, sizeof *p);

    if (p == NULL)
        return err_set(e, E_NOMEM, "no memory for a publisher");
    init_waiting(p);
    buf_init(&p->hold, EVENT_BYTES_MAX);
    buf_init(&p->snapshot_state, OUTPUT_STATE_BYTES_MAX);
    buf_init(&p->incremental_state, OUTPUT_STATE_BYTES_MAX);
    buf_init(&p->state, OUTPUT_STATE_BYTES_MAX);
    p->store = s;
    p->catalog = store_catalog(s);
    p->from_newest = o->from_newest;
    p->fetch = o->fetch;
    p->survey = o->survey;
    p->fetch_arg = o->fetch_arg;
    p->say = o->say;
    p->say_arg = o->say_arg;
    (void)snprintf(p->status.name, sizeof p->status.name, "%s", o->name);
    if (make(p, o, e) != 0) {
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
    incremental_free(p->incremental);
    publisher_snapshot_done(p);
    convert_free(p->convert);
    if (p->output != NULL)
        p->output->kind->free(p->output);
    registry_free(p->registry);
    adopt_done(&p->adopt);
    free(p->adopt_topic);
    free(p->adopt_connector);
    gtids_done(&p->gtids);
    options_done(&p->options);
    buf_done(&p->hold);
    buf_done(&p->snapshot_state);
    buf_done(&p->incremental_state);
    buf_done(&p->state);
    (void)pthread_cond_destroy(&p->woken);
    (void)pthread_mutex_destroy(&p->mutex);
    free(p->name);
    free(p->paused_name);
    free(p);
}

void publisher_wake(void *arg)
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
    publisher_snapshot_interrupt(p);
    (void)pthread_cond_signal(&p->woken);
    (void)pthread_mutex_unlock(&p->mutex);
}

void publisher_status(struct publisher *p, struct publisher_status *out)
{
    (void)pthread_mutex_lock(&p->mutex);
    *out = p->status;
    (void)pthread_mutex_unlock(&p->mutex);
}

int publisher_signal(struct publisher *p, struct signal *s, struct err *e)
{
    struct publisher_status now;

    publisher_status(p, &now);
    if (now.state != PUBLISHER_PAUSED && now.state != PUBLISHER_FAILED &&
        now.state != PUBLISHER_ENDED)
        return incremental_signal(p->incremental, s, e);
    signal_done(s);
    return err_set(e, E_CONFIG, "publisher '%s' %s: see 'binrelay publisher %s status'", p->name,
                   now.state == PUBLISHER_PAUSED   ? "is paused"
                   : now.state == PUBLISHER_FAILED ? "has failed"
                                                   : "has ended",
                   p->name);
}

void publisher_progress(struct publisher *p, struct snapshot_progress *out)
{
    incremental_status(p->incremental, out);
}

/* ---- orders ---- */

static int check_order(const struct publisher *p, enum publisher_order order, struct err *e)
{
    enum publisher_state state = p->status.state;

    if (state == PUBLISHER_ENDED)
        return err_set(e, E_STOPPED, "publisher '%s' has ended with its relay", p->name);
    if (order == PUBLISHER_RETRY && state != PUBLISHER_FAILED && state != PUBLISHER_WAITING)
        return err_set(e, E_CONFIG, "publisher '%s' neither failed nor waits: nothing to retry",
                       p->name);
    if (order == PUBLISHER_SKIP && (state != PUBLISHER_FAILED || !p->status.can_skip))
        return err_set(e, E_CONFIG,
                       "publisher '%s' is not stopped at a record that could be left out", p->name);
    if (order == PUBLISHER_RESUME && !p->paused && state != PUBLISHER_FAILED)
        return err_set(e, E_CONFIG, "publisher '%s' is not paused", p->name);
    return 0;
}

int publisher_order(struct publisher *p, enum publisher_order order, struct err *e)
{
    bool pauses = order == PUBLISHER_PAUSE;

    (void)pthread_mutex_lock(&p->mutex);
    int result = check_order(p, order, e);
    (void)pthread_mutex_unlock(&p->mutex);
    TRY(result);
    if (pauses || order == PUBLISHER_RESUME)
        TRY(catalog_put_value(p->catalog, p->paused_name, pauses ? "yes" : "no", e));
    (void)pthread_mutex_lock(&p->mutex);
    if (pauses)
        publisher_snapshot_interrupt(p);
    p->paused = pauses || (p->paused && order != PUBLISHER_RESUME);
    p->ordered = true;
    p->skips |= order == PUBLISHER_SKIP;
    if (!pauses && (p->status.state == PUBLISHER_FAILED || p->status.state == PUBLISHER_PAUSED)) {
        p->status.state =
            PUBLISHER_RUNNING; /* so that the next failure is not taken for the last */
        p->status.problem[0] = 0;
        p->status.can_skip = false;
    }
    (void)pthread_cond_signal(&p->woken);
    (void)pthread_mutex_unlock(&p->mutex);
    return 0;
}

static bool is_stopping(struct publisher *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    bool stopping = p->stopping;
    (void)pthread_mutex_unlock(&p->mutex);
    return stopping;
}

bool publisher_is_interrupted(struct publisher *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    bool interrupted = p->stopping || p->paused;
    (void)pthread_mutex_unlock(&p->mutex);
    return interrupted;
}

static bool host_is_interrupted(void *arg)
{
    return publisher_is_interrupted(arg);
}

void publisher_say(struct publisher *p, const char *sentence)
{
    if (p->say != NULL)
        p->say(p->say_arg, p->name, sentence);
}

/* What waits is said once, and that it goes on. */
static void say_waiting(struct publisher *p, bool waits, const char *problem)
{
    char sentence[ERR_TEXT_BYTES + 32];

    if (waits == p->said_waiting)
        return;
    p->said_waiting = waits;
    (void)snprintf(sentence, sizeof sentence, waits ? "waits: %s" : "goes on", problem);
    publisher_say(p, sentence);
}

void publisher_tell(struct publisher *p, enum publisher_state state, const char *problem)
{
    (void)pthread_mutex_lock(&p->mutex);
    p->status.state = state;
    if (p->output->kept != 0)
        p->status.next = p->output->kept;
    if (p->at.next != 0)
        p->status.events = p->events;
    p->status.last_event_s = p->events > 0 ? p->event_s : 0;
    p->status.can_skip = p->output->is_stuck;
    (void)snprintf(p->status.problem, sizeof p->status.problem, "%s", problem);
    (void)pthread_mutex_unlock(&p->mutex);
    p->told_ms = output_now_ms();
    if (state != PUBLISHER_PAUSED)
        say_waiting(p, state == PUBLISHER_WAITING, problem);
}

/* Until there is news (only where it is waited for), an order, a stop, or the time is over; below
   zero: it never is. */
void publisher_wait(struct publisher *p, bool for_news, int64_t ms)
{
    struct timespec until = deadline_in_ms(ms);

    (void)pthread_mutex_lock(&p->mutex);
    while (!p->stopping && !p->ordered && !(for_news && p->has_news)) {
        int late = ms < 0 ? pthread_cond_wait(&p->woken, &p->mutex)
                          : pthread_cond_timedwait(&p->woken, &p->mutex, &until);
        if (late != 0)
            break;
    }
    p->ordered = false;
    if (for_news)
        p->has_news = false;
    (void)pthread_mutex_unlock(&p->mutex);
}

static int host_wait(void *arg, const char *problem, int64_t ms, struct err *e)
{
    struct publisher *p = arg;
    char              text[ERR_TEXT_BYTES];

    (void)snprintf(text, sizeof text, "%s", problem); /* it may be e's own */
    publisher_tell(p, *text != 0 ? PUBLISHER_WAITING : PUBLISHER_RUNNING, text);
    publisher_wait(p, true, ms);
    return publisher_is_interrupted(p) ? err_set(e, E_STOPPED, "stopped while it waited: %s", text)
                                       : 0;
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
        publisher_tell(p, PUBLISHER_WAITING, e->text);
        publisher_wait(p, false, RETRY_PAUSE_MS);
        if (publisher_is_interrupted(p))
            return err_set(e, E_STOPPED, "stopped while the source could not be asked");
        buf_clear(json);
    }
    return 0;
}

/* A registry that is away is asked again. */
static int on_register(void *arg, struct slice topic, bool is_key, const struct schema *root,
                       uint32_t *id, struct err *e)
{
    struct publisher *p = arg;

    while (registry_find(p->registry, topic, is_key, root, id, e) != 0) {
        if (e->kind != E_IO && e->kind != E_AUTH)
            return -1;
        publisher_tell(p, PUBLISHER_WAITING, e->text);
        publisher_wait(p, false, RETRY_PAUSE_MS);
        if (publisher_is_interrupted(p))
            return err_set(e, E_STOPPED, "stopped while the schema registry was away");
    }
    return 0;
}

/* ---- reading ---- */

static int on_change(void *arg, const struct change_event *ev, struct err *e)
{
    struct publisher *p = arg;

    if (adopt_has(&p->adopt, ev))
        return 0;
    p->events += ev->is_heartbeat ? 0 : 1;
    return p->output->kind->put(p->output, ev, e);
}

static int note_gtid(struct publisher *p, const struct format *f, const struct event *ev,
                     struct err *e)
{
    struct gtid_event g;

    if (ev->type != EVENT_GTID && ev->type != EVENT_GTID_TAGGED && ev->type != EVENT_MARIADB_GTID)
        return 0;
    TRY(gtid_parse_event(f, ev, &g, e));
    p->gtid = g.gtid;
    return 0;
}

int publisher_renew_state(struct publisher *p, struct err *e)
{
    buf_clear(&p->state);
    buf_put(&p->state, buf_slice(&p->snapshot_state));
    if (p->incremental_state.len > 0) {
        buf_put_u8(&p->state, '\n');
        buf_put(&p->state, buf_slice(&p->incremental_state));
    }
    p->state_serial++;
    return buf_check(&p->state, "the state of snapshots", e);
}

/* As it was found with the place. */
static int take_state(struct publisher *p, const char *text, struct err *e)
{
    const char *whole = text != NULL ? text : "";
    size_t      line = strcspn(whole, "\n");

    buf_clear(&p->snapshot_state);
    buf_clear(&p->incremental_state);
    buf_put(&p->snapshot_state, (struct slice){ (const uint8_t *)whole, line });
    if (whole[line] != 0)
        buf_put_text(&p->incremental_state, whole + line + 1);
    TRY(publisher_renew_state(p, e));
    p->at.state = buf_text(&p->state);
    p->at.state_serial = p->state_serial;
    return 0;
}

/* All before `next` was put. */
int publisher_pass(struct publisher *p, store_pos next, struct err *e)
{
    if (p->gtid.kind != GTID_NONE)
        TRY(gtids_add(&p->gtids, &p->gtid, e));
    p->gtid.kind = GTID_NONE;
    adopt_boundary(&p->adopt);
    p->at = (struct output_place){ .next = next,
                                   .events = p->events,
                                   .gtids = &p->gtids,
                                   .state = buf_text(&p->state),
                                   .state_serial = p->state_serial };
    return p->output->kind->boundary(p->output, &p->at, e);
}

static int convert_one(struct publisher *p, struct reader *r, const struct event *ev, store_pos pos,
                       struct err *e)
{
    bool between = false;

    p->event_s = ev->timestamp_s != 0 ? ev->timestamp_s : p->event_s;
    if (p->output->kind->wants_gtids || p->keeps_gtids)
        TRY(note_gtid(p, reader_format(r), ev, e));
    adopt_event(&p->adopt, ev, pos, &p->gtid);
    TRY(convert_event(p->convert, reader_format(r), reader_file(r), pos, ev, &between, e));
    if (p->hold.size > KEPT_BYTES)
        buf_done(&p->hold);
    if (!between)
        return 0;
    TRY(incremental_boundary(p->incremental, e));
    TRY(publisher_pass(p, reader_pos(r), e));
    TRY(publisher_snapshot_step(p, e));
    return incremental_step(p->incremental, r, e);
}

/* All that is published was read: waits for more. */
/* Says that it is there while the source is silent; *due_ms: when to say so again. */
static int beat(struct publisher *p, store_pos at, int64_t *due_ms, struct err *e)
{
    int64_t every_ms = (int64_t)p->options.heartbeat_ms;
    int64_t now_ms = output_now_ms();

    *due_ms = -1;
    if (every_ms <= 0)
        return 0;
    if (p->beat_ms == 0)
        p->beat_ms = now_ms;
    if (now_ms - p->beat_ms >= every_ms) {
        p->beat_ms = now_ms;
        TRY(convert_beat(p->convert, at, e));
        TRY(publisher_pass(p, at, e));
    }
    *due_ms = p->beat_ms + every_ms - now_ms;
    return 0;
}

static int rest(struct publisher *p, struct reader *r, struct err *e)
{
    bool    idle = false;
    int64_t due_ms = -1, beat_ms = -1;
    bool    waits = false;

    TRY(publisher_snapshot_rest(p, &waits, e));
    if (p->snapshot.is_over)
        return 0;
    TRY(beat(p, reader_pos(r), &beat_ms, e));
    TRY(incremental_step(p->incremental, r, e));
    TRY(p->output->kind->rest(p->output, &idle, &due_ms, e));
    if (beat_ms >= 0 && (due_ms < 0 || beat_ms < due_ms))
        due_ms = beat_ms;
    int64_t step_ms = incremental_due_ms(p->incremental);
    if (step_ms >= 0 && (due_ms < 0 || step_ms < due_ms))
        due_ms = step_ms;
    if (waits && (due_ms < 0 || due_ms > TELL_MS))
        due_ms = TELL_MS;
    if (idle) /* else it has told what it waits for */
        publisher_tell(p, PUBLISHER_IDLE, "");
    if (due_ms != 0)
        publisher_wait(p, true, due_ms);
    return 0;
}

/* snapshot.mode = initial_only: there is nothing more to do, and nothing to hold. */
static int stay(struct publisher *p, struct err *e)
{
    (void)e;
    while (!publisher_is_interrupted(p)) {
        p->output->kept = store_published(p->store);
        publisher_tell(p, PUBLISHER_IDLE, "");
        publisher_wait(p, true, -1);
    }
    return 0;
}

static int follow(struct publisher *p, struct reader *r, struct err *e)
{
    TRY(publisher_snapshot_step(p, e));
    while (!publisher_is_interrupted(p) && !p->snapshot.is_over) {
        enum reader_step step = READER_AT_END;
        struct event     ev;
        store_pos        pos = 0;

        TRY(reader_next_event(r, &p->hold, &ev, &pos, &step, e));
        if (step == READER_FILE_DONE)
            TRY(reader_next_file(r, &step, e));
        else if (step == READER_PIECE)
            TRY(convert_one(p, r, &ev, pos, e));
        if (step == READER_AT_END)
            TRY(rest(p, r, e));
        else if (output_now_ms() - p->told_ms >= TELL_MS)
            publisher_tell(p, PUBLISHER_RUNNING, "");
    }
    TRY(p->output->kind->finish(p->output, e));
    return p->snapshot.is_over ? stay(p, e) : 0;
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

    if (publisher_is_interrupted(p)) {
        definition_free(d);
        return err_set(e, E_STOPPED, "stopped while the source was asked for its tables");
    }
    return convert_learn(p->convert, d, p->at.next, e);
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

static store_pos start_of(const struct publisher *p)
{
    return p->from_newest && p->newest != 0 ? p->newest : store_start(p->store);
}

/* Files are held for a publisher from the first moment on, also while its output can't be opened.
 */
static void hold(struct publisher *p, store_pos from)
{
    (void)pthread_mutex_lock(&p->mutex);
    if (p->status.next == 0)
        p->status.next = from;
    (void)pthread_mutex_unlock(&p->mutex);
}

/* Where to begin without a checkpoint; waits until the store has something. */
static void find_start(struct publisher *p)
{
    while (store_published(p->store) == 0 && !publisher_is_interrupted(p))
        publisher_wait(p, true, -1);
    if (store_published(p->store) != 0)
        p->at.next = start_of(p);
}

static int find_adopted(struct publisher *p, struct err *e)
{
    struct adopt_offset o = { .file = NULL };

    if (p->adopt_topic == NULL || p->at.next == 0)
        return 0;
    TRY(p->output->kind->adopt(p->output, p->adopt_topic, p->adopt_connector, &o, e));
    int result = adopt_begin(&p->adopt, &o, p->options.include_query, p->store, &p->at.next, e);
    adopt_offset_done(&o);
    return result;
}

static int begin_gtids(struct publisher *p, struct err *e)
{
    struct gtids here = { 0 };

    p->gtid.kind = GTID_NONE;
    if (p->output->kind->wants_gtids)
        TRY(locate_gtids_at(p->store, p->at.next, &here, e));
    gtids_done(&p->gtids);
    p->gtids = here;
    p->at.gtids = &p->gtids;
    return 0;
}

static int run(struct publisher *p, struct reader **r, struct err *e)
{
    if (p->convert == NULL)
        TRY(make_convert(p, e));
    p->at = (struct output_place){ .next = 0 };
    if (!p->has_begun) /* what comes while an output can't be reached is not older than its start */
        p->newest = store_published(p->store);
    p->has_begun = true;
    if (p->newest != 0)
        hold(p, start_of(p));
    int found = p->output->kind->find(p->output, &p->at, e);
    if (found < 0)
        return -1;
    TRY(take_state(p, p->at.state, e));
    adopt_done(&p->adopt);
    if (found == 0) {
        find_start(p);
        TRY(find_adopted(p, e));
    }
    if (p->at.next == 0)
        return 0; /* stopped before the store had anything */
    hold(p, p->at.next);
    p->events = p->at.events;
    TRY(publisher_snapshot_begin(p, found > 0, e));
    if (found == 0 && !p->snapshot.is_open)
        TRY(survey(p, e));
    TRY(begin_gtids(p, e));
    TRY(incremental_begin(p->incremental, e));
    TRY(p->output->kind->open(p->output, &p->at, found > 0, e));
    TRY(reader_open(p->store, p->at.next, 0, r, e));
    publisher_tell(p, PUBLISHER_RUNNING, "");
    return follow(p, *r, e);
}

/* One life of output, converter and reader: all begin from the checkpoint. */
static int run_once(struct publisher *p, struct err *e)
{
    struct store_watch watch = { .wake = publisher_wake, .arg = p };
    struct reader     *r = NULL;

    p->output->again = p->output->at_once = p->output->is_stuck = false;
    store_watch(p->store, &watch);
    int result = run(p, &r, e);
    incremental_refuse(p->incremental,
                       result != 0 ? e->text : "the publisher was paused or stopped");
    incremental_end(p->incremental);
    store_unwatch(p->store, &watch);
    publisher_snapshot_end(p);
    reader_close(r);
    p->output->kind->shut(p->output);
    convert_free(p->convert);
    p->convert = NULL;
    return result != 0 && e->kind != E_STOPPED ? -1 : 0;
}

static bool is_paused(struct publisher *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    bool paused = p->paused && !p->stopping;
    (void)pthread_mutex_unlock(&p->mutex);
    return paused;
}

static int take_skip(struct publisher *p, struct err *e)
{
    (void)pthread_mutex_lock(&p->mutex);
    bool skips = p->skips;
    p->skips = false;
    (void)pthread_mutex_unlock(&p->mutex);
    return skips ? p->output->kind->skip(p->output, e) : 0;
}

/* 0: goes on by itself, or was interrupted. */
static int take_failure(struct publisher *p, int64_t *pause_ms, store_pos *was, const struct err *e)
{
    if (!p->output->again)
        return -1;
    if (p->output->at_once)
        return 0;
    if (p->output->kept != *was)
        *pause_ms = RETRY_PAUSE_MS;
    *was = p->output->kept;
    publisher_tell(p, PUBLISHER_WAITING, e->text);
    publisher_wait(p, false, *pause_ms);
    *pause_ms = 2 * *pause_ms < RETRY_PAUSE_MAX_MS ? 2 * *pause_ms : RETRY_PAUSE_MAX_MS;
    return 0;
}

static int run_until_stopped(struct publisher *p, struct err *e)
{
    int64_t   pause_ms = RETRY_PAUSE_MS;
    store_pos was = 0;

    TRY(take_skip(p, e));
    while (!is_stopping(p)) {
        if (is_paused(p)) {
            publisher_tell(p, PUBLISHER_PAUSED, "");
            publisher_wait(p, false, -1);
        } else if (run_once(p, e) != 0) {
            TRY(take_failure(p, &pause_ms, &was, e));
        }
    }
    return 0;
}

int publisher_run(struct publisher *p, struct err *e)
{
    int result = run_until_stopped(p, e);

    publisher_tell(p, result == 0 ? PUBLISHER_ENDED : PUBLISHER_FAILED, result == 0 ? "" : e->text);
    return result;
}

bool publisher_await(struct publisher *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    while (!p->stopping && !p->ordered)
        (void)pthread_cond_wait(&p->woken, &p->mutex);
    p->ordered = false;
    bool goes_on = !p->stopping;
    if (p->stopping)
        p->status.state = PUBLISHER_ENDED;
    (void)pthread_mutex_unlock(&p->mutex);
    return goes_on;
}
