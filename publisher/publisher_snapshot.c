#include "publisher/publisher_snapshot.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "publisher/convert_read.h"
#include "publisher/pattern.h"
#include "publisher/publisher_core.h"
#include "publisher/encode/registry.h"
#include "publisher/snapshot/announce.h"
#include "publisher/snapshot/crew.h"
#include "publisher/tables/definitions.h"
#include "storage/locate.h"
#include "storage/origin.h"

enum {
    HELD_KEPT_BYTES = 4 << 20,
    GTIDS_BYTES_MAX = 16 << 20,
    RECEIVE_MS = 60000, /* until the stream should have what a view has */
    TELL_MS = 1000,
};
#define HELD_BYTES_MAX (5ull << 30)

int publisher_snapshot_init(struct publisher *p, const struct publisher_source *source,
                            struct err *e)
{
    struct publisher_snapshot *s = &p->snapshot;

    s->source = *source;
    buf_init(&s->held_topic, OUTPUT_STATE_BYTES_MAX);
    buf_init(&s->held_key, HELD_BYTES_MAX);
    buf_init(&s->held_value, HELD_BYTES_MAX);
    buf_init(&s->held_last, HELD_BYTES_MAX);
    s->interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->interrupt_fd < 0)
        return err_sys(e, "make an eventfd");
    TRY(patterns_new(p->options.snapshot_include, &s->chosen, e));
    if (p->options.snapshot_mode != SNAPSHOTS_NONE && s->source.open == NULL)
        return err_set(e, E_CONFIG, "there is no source here that a snapshot could be read from");
    if (p->options.snapshot_readers < 1 || p->options.snapshot_readers > SNAPSHOT_THREADS_MAX)
        return err_set(e, E_CONFIG, "snapshot.max.threads is one of 1 to %d", SNAPSHOT_THREADS_MAX);
    return 0;
}

static void forget_again(struct publisher_snapshot *s)
{
    for (uint32_t i = 0; i < s->again_count; i++)
        free(s->again[i]);
    free(s->again);
    s->again = NULL;
    s->again_count = 0;
}

static void forget_done(struct publisher_snapshot *s)
{
    free(s->database);
    free(s->table);
    s->database = s->table = NULL;
    forget_again(s);
}

static void close_view(struct publisher_snapshot *s)
{
    snapshot_view_close(&s->view);
    snapshot_plan_done(&s->plan);
    s->is_open = false;
    s->target = 0;
}

void publisher_snapshot_end(struct publisher *p)
{
    struct publisher_snapshot *s = &p->snapshot;

    close_view(s);
    s->is_wanted = s->holds = false;
}

void publisher_snapshot_done(struct publisher *p)
{
    struct publisher_snapshot *s = &p->snapshot;

    if (p->options.topic_prefix == NULL) /* never made */
        return;
    close_view(s);
    forget_done(s);
    buf_done(&s->held_topic);
    buf_done(&s->held_key);
    buf_done(&s->held_value);
    buf_done(&s->held_last);
    patterns_free(s->chosen);
    if (s->interrupt_fd > 0)
        (void)close(s->interrupt_fd);
}

void publisher_snapshot_interrupt(struct publisher *p)
{
    if (p->snapshot.interrupt_fd > 0)
        (void)eventfd_write(p->snapshot.interrupt_fd, 1);
}

/* ---- what is kept of it --------------------------------------------------------------------
 *
 * A line: "done"; or "rows" (they are being written) or "stream" (towards the view), and behind it
 * names in pairs, each between tabs: all tables up to the first pair are done, but for the others.
 */

static void put_field(struct buf *out, const char *text)
{
    buf_put_u8(out, '\t');
    for (; *text != 0; text++) {
        const char *escaped = *text == '\t' ? "\\t" : *text == '\n' ? "\\n" : "\\\\";
        if (*text == '\t' || *text == '\n' || *text == '\\')
            buf_put_text(out, escaped);
        else
            buf_put_u8(out, (uint8_t)*text);
    }
}

/* From behind a tab up to the next one; NULL when there is no memory. */
static char *take_field(const char **at)
{
    size_t length = strcspn(*at, "\t");
    char  *field = malloc(length + 1);
    size_t n = 0;

    for (size_t i = 0; field != NULL && i < length; i++) {
        char c = (*at)[i];
        if (c == '\\' && i + 1 < length) {
            c = (*at)[++i];
            c = c == 't' ? '\t' : c == 'n' ? '\n' : '\\';
        }
        field[n++] = c;
    }
    if (field != NULL)
        field[n] = 0;
    *at += length + ((*at)[length] == '\t' ? 1 : 0);
    return field;
}

static int add_again(struct publisher_snapshot *s, char *database, char *table, struct err *e)
{
    char **grown = NULL;

    if (database != NULL && table != NULL)
        grown = realloc(s->again, (s->again_count + 2) * sizeof *grown);
    if (grown == NULL) {
        free(database);
        free(table);
        return err_set(e, E_NOMEM, "no memory for the tables of a snapshot");
    }
    s->again = grown;
    s->again[s->again_count++] = database;
    s->again[s->again_count++] = table;
    return 0;
}

static int parse(struct publisher_snapshot *s, const char *text, struct err *e)
{
    const char *at = text;

    forget_done(s);
    free(take_field(&at)); /* the word */
    if (*at == 0)
        return 0;
    s->database = take_field(&at);
    s->table = take_field(&at);
    if (s->database == NULL || s->table == NULL)
        return err_set(e, E_NOMEM, "no memory for the tables of a snapshot");
    while (*at != 0) {
        char *database = take_field(&at);
        TRY(add_again(s, database, take_field(&at), e));
    }
    return 0;
}

static int keep(struct publisher *p, const char *word, struct err *e)
{
    struct publisher_snapshot *s = &p->snapshot;

    buf_clear(&p->snapshot_state);
    buf_put_text(&p->snapshot_state, word);
    if (s->database != NULL && strcmp(word, "done") != 0) {
        put_field(&p->snapshot_state, s->database);
        put_field(&p->snapshot_state, s->table);
        for (uint32_t i = 0; i < s->again_count; i++)
            put_field(&p->snapshot_state, s->again[i]);
    }
    TRY(publisher_renew_state(p, e));
    p->at.state = buf_text(&p->state);
    p->at.state_serial = p->state_serial;
    return 0;
}

/* The same, and safe before anything else is put. */
static int keep_now(struct publisher *p, const char *word, struct err *e)
{
    TRY(keep(p, word, e));
    TRY(publisher_pass(p, p->at.next, e));
    return p->output->kind->finish(p->output, e);
}

static bool is_done_already(const struct publisher_snapshot *s, const struct snapshot_table *t)
{
    if (s->database == NULL)
        return false;
    for (uint32_t i = 0; i < s->again_count; i += 2)
        if (strcmp(s->again[i], t->database) == 0 && strcmp(s->again[i + 1], t->name) == 0)
            return false;
    int order = strcmp(t->database, s->database);
    return order < 0 || (order == 0 && strcmp(t->name, s->table) <= 0);
}

/* How far it is now: tables that changed count as done, and come again. */
static int note_progress(struct publisher *p, bool *moved, struct err *e)
{
    struct publisher_snapshot   *s = &p->snapshot;
    const struct snapshot_table *last = NULL;

    for (uint32_t i = 0; i < s->plan.table_count; i++) {
        const struct snapshot_table *t = &s->plan.tables[i];
        if (t->is_read && !t->is_done)
            break;
        last = t->is_read ? t : last;
    }
    if (last == NULL || is_done_already(s, last))
        return 0;
    char *database = strdup(last->database), *table = strdup(last->name);
    if (database == NULL || table == NULL) {
        free(database);
        free(table);
        return err_set(e, E_NOMEM, "no memory for the tables of a snapshot");
    }
    free(s->database);
    free(s->table);
    s->database = database;
    s->table = table;
    *moved = true;
    return 0;
}

/* ---- the view ------------------------------------------------------------------------------ */

static bool is_chosen(void *arg, const char *database, const char *table)
{
    struct publisher *p = arg;
    char              name[2 * DEFINITION_NAME_BYTES];

    if (!convert_wants(p->convert, database, table))
        return false;
    (void)snprintf(name, sizeof name, "%s.%s", database, table);
    return patterns_empty(p->snapshot.chosen) || patterns_match(p->snapshot.chosen, name);
}

static bool is_told(void *arg, const char *database, const char *table)
{
    const struct publisher *p = arg;

    if (!p->options.include_schema_changes)
        return false;
    if (p->options.captured_tables_only || p->options.captured_databases_only)
        return convert_wants(p->convert, database, table);
    return true;
}

static int open_view(struct publisher *p, struct err *e)
{
    struct publisher_snapshot   *s = &p->snapshot;
    const struct snapshot_choice choice = { .is_told = is_told, .is_read = is_chosen, .arg = p };
    const struct snapshot_view_options o = {
        .connections = s->with_rows ? (uint32_t)p->options.snapshot_readers : 1,
        .lock_timeout_s = p->options.snapshot_lock_timeout_ms / 1000,
        .may_lock = p->options.snapshot_locking != LOCKING_NONE,
        .keeps_lock = p->options.snapshot_locking == LOCKING_EXTENDED,
        .interrupt_fd = s->interrupt_fd,
    };

    publisher_tell(p, PUBLISHER_RUNNING, "");
    TRY(snapshot_view_open(&s->source, &o, &s->view, e));
    s->is_open = true;
    s->opened_ms = output_now_ms();
    TRY(snapshot_plan_read(&s->view, &choice, &s->plan, e));
    snapshot_view_unlock(&s->view);
    for (uint32_t i = 0; i < s->plan.table_count; i++)
        s->plan.tables[i].is_done = is_done_already(s, &s->plan.tables[i]);
    return 0;
}

/* What a server says may pass by itself; what the account may not do needs a person. */
static int failed(struct publisher *p, struct err *e)
{
    p->output->again =
        e->kind == E_IO || e->kind == E_REFUSED || e->kind == E_AUTH || e->kind == E_PROTOCOL;
    if (e->kind == E_STOPPED && !publisher_is_interrupted(p)) {
        p->output->again = true; /* another source is followed now */
        return err_set(e, E_IO, "the source was changed while a snapshot was read");
    }
    return e->kind == E_STOPPED ? -1 : err_note(e, "snapshot");
}

/* A view without a lock is good only where nothing was under way (see view.h). */
static int check_gtids(struct publisher *p, bool *good, struct err *e)
{
    struct publisher_snapshot *s = &p->snapshot;
    struct gtids               here = { 0 }, told = { 0 };
    struct buf                 ours, theirs;

    *good = true;
    if (s->view.gtids.len == 0)
        return 0;
    buf_init(&ours, GTIDS_BYTES_MAX);
    buf_init(&theirs, GTIDS_BYTES_MAX);
    int result = locate_gtids_at(p->store, s->target, &here, e);
    if (result == 0)
        result = gtids_parse(&told, buf_slice(&s->view.gtids), e);
    if (result == 0) {
        gtids_put_text(&here, &ours);
        gtids_put_text(&told, &theirs);
        *good = slice_equal(buf_slice(&ours), buf_slice(&theirs));
    }
    gtids_done(&here);
    gtids_done(&told);
    buf_done(&ours);
    buf_done(&theirs);
    return result;
}

static int find_target(struct publisher *p, struct err *e)
{
    struct publisher_snapshot *s = &p->snapshot;
    bool                       good = true;

    if (s->target == 0)
        TRY(origin_locate_now(p->store, s->view.file, s->view.offset, &s->target, e));
    if (s->target == 0 || s->target > store_published(p->store)) {
        if (output_now_ms() - s->opened_ms < RECEIVE_MS)
            return 0;
        return err_set(e, E_IO,
                       "the relay has not received what the source had at %s:%llu, where its "
                       "tables were to be read",
                       s->view.file, (unsigned long long)s->view.offset);
    }
    TRY(check_gtids(p, &good, e));
    if (!good)
        close_view(s); /* a moment later is as good */
    return 0;
}

static bool has_target(const struct publisher *p)
{
    const struct publisher_snapshot *s = &p->snapshot;
    return s->is_open && s->target != 0 && s->target <= store_published(p->store);
}

static int place_of(struct publisher *p, struct store_file *file, struct emit_place *out,
                    struct err *e)
{
    TRY(store_file_by_ordinal(p->store, store_pos_ordinal(p->snapshot.target), file, e));
    *out = (struct emit_place){
        .pos = p->snapshot.target,
        .source = { .family = p->snapshot.view.family,
                    .time_us = snapshot_now_us(),
                    .gtid = "",
                    .file = file->name,
                    .position = store_pos_offset(p->snapshot.target),
                    .snapshot = SNAPSHOT_TRUE },
    };
    return 0;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static int put(struct publisher *p, struct slice topic, struct slice key, struct slice value,
               struct err *e)
{
    struct change_event ev = { .topic = topic,
                               .key = key,
                               .value = value,
                               .partition = CHANGE_ANY_PARTITION,
                               .pos = p->snapshot.target,
                               .row = ++p->snapshot.rows };

    convert_headers(p->convert, p->snapshot.view.family, &ev.headers, &ev.header_count);
    p->events++;
    return p->output->kind->put(p->output, &ev, e);
}

/* All its rows were put, and that is kept with the next boundary. */
static int finish_table(struct publisher *p, uint32_t table, struct err *e)
{
    bool moved = false;

    p->snapshot.plan.tables[table].is_done = true;
    TRY(note_progress(p, &moved, e));
    if (!moved)
        return 0;
    TRY(keep(p, "rows", e));
    return publisher_pass(p, p->at.next, e);
}

static int put_held(struct publisher *p, bool as_last, struct err *e)
{
    struct publisher_snapshot *s = &p->snapshot;

    if (!s->holds)
        return 0;
    s->holds = false;
    TRY(put(p, buf_slice(&s->held_topic), buf_slice(&s->held_key),
            buf_slice(as_last ? &s->held_last : &s->held_value), e));
    return finish_table(p, s->held_table, e);
}

static void hold_into(struct buf *b, struct slice bytes)
{
    if (b->size > HELD_KEPT_BYTES)
        buf_done(b);
    buf_clear(b);
    buf_put(b, bytes);
}

/* The table's last row waits for what comes behind it. */
static int hold(struct publisher_snapshot *s, const struct crew_batch *b, struct cursor *c,
                const struct crew_record *last, struct err *e)
{
    struct slice topic = buf_slice(&b->topic);

    s->held_table = b->table;
    hold_into(&s->held_topic, topic);
    hold_into(&s->held_key, cursor_slice(c, last[0].key_bytes));
    hold_into(&s->held_value, cursor_slice(c, last[0].value_bytes));
    (void)cursor_slice(c, last[1].key_bytes);
    hold_into(&s->held_last, cursor_slice(c, last[1].value_bytes));
    s->holds = true;
    TRY(buf_check(&s->held_key, "a row", e));
    TRY(buf_check(&s->held_value, "a row", e));
    return buf_check(&s->held_last, "a row", e);
}

static int put_batch(struct publisher *p, const struct crew_batch *b, struct err *e)
{
    struct cursor c = cursor_over(buf_slice(&b->bytes));
    uint32_t      plain = b->count - (b->has_last ? 2 : 0);

    if (b->count > 0)
        TRY(put_held(p, false, e));
    for (uint32_t i = 0; i < plain; i++) {
        struct slice key = cursor_slice(&c, b->records[i].key_bytes);
        struct slice value = cursor_slice(&c, b->records[i].value_bytes);
        TRY(put(p, buf_slice(&b->topic), key, value, e));
    }
    if (b->has_last)
        TRY(hold(&p->snapshot, b, &c, b->records + plain, e));
    return 0;
}

static void say_of_table(struct publisher *p, const struct crew_batch *b)
{
    const struct snapshot_table *t = &p->snapshot.plan.tables[b->table];
    char                         sentence[2 * ERR_TEXT_BYTES];

    (void)snprintf(
        sentence, sizeof sentence,
        b->news == CREW_TABLE_GONE
            ? "snapshot: %s.%s was dropped before it was read (%s)"
            : "snapshot: %s.%s was changed by a statement before it was read; it is read "
              "again in a newer view (%s)",
        t->database, t->name, b->why);
    publisher_say(p, sentence);
}

static void count_rows(struct publisher *p, const struct crew_batch *b)
{
    const struct snapshot_table *t = &p->snapshot.plan.tables[b->table];
    struct snapshot_status      *st = &p->status.snapshot;

    (void)pthread_mutex_lock(&p->mutex);
    st->rows += b->rows;
    st->bytes += b->bytes.len;
    if (b->news != CREW_ROWS)
        st->tables_done++;
    if (b->news != CREW_ROWS)
        st->rows_ahead -= t->rows_guessed < st->rows_ahead ? t->rows_guessed : st->rows_ahead;
    (void)snprintf(st->table, sizeof st->table, "%s.%s", t->database, t->name);
    (void)pthread_mutex_unlock(&p->mutex);
}

static int take_batch(struct publisher *p, const struct crew_batch *b, struct err *e)
{
    struct publisher_snapshot   *s = &p->snapshot;
    const struct snapshot_table *t = &s->plan.tables[b->table];

    TRY(put_batch(p, b, e));
    count_rows(p, b);
    if (b->news == CREW_ROWS) /* a file needs no boundary here: what is behind one stays as it is */
        return p->output->kind->wants_gtids ? publisher_pass(p, p->at.next, e) : 0;
    if (b->news == CREW_TABLE_CHANGED)
        TRY(add_again(s, strdup(t->database), strdup(t->name), e));
    if (b->news != CREW_TABLE_DONE)
        say_of_table(p, b);
    return b->has_last ? 0 : finish_table(p, b->table, e);
}

/* A server that takes its time: what came so far arrives, and it is kept how far that is. */
static int rest(struct publisher *p, struct err *e)
{
    bool    idle = false;
    int64_t due_ms = -1;

    TRY(p->output->kind->rest(p->output, &idle, &due_ms, e));
    if (due_ms != 0)
        publisher_wait(p, true, due_ms);
    return 0;
}

static int take_batches(struct publisher *p, struct crew *crew, struct err *e)
{
    for (;;) {
        struct crew_batch *b = NULL;
        int                taken = publisher_is_interrupted(p)
                                       ? err_set(e, E_STOPPED, "stopped while tables were read")
                                       : crew_take(crew, &b, e);
        if (taken < 0)
            return -1;
        if (taken == 2)
            return put_held(p, true, e);
        if (taken == 0) {
            TRY(rest(p, e));
            continue;
        }
        int result = take_batch(p, b, e);
        crew_give_back(crew, b);
        TRY(result);
        if (output_now_ms() - p->told_ms >= TELL_MS)
            publisher_tell(p, PUBLISHER_RUNNING, "");
    }
}

static int on_register(void *arg, struct slice topic, bool is_key, const struct schema *root,
                       uint32_t *id, struct err *e)
{
    struct publisher *p = arg;
    return registry_find(p->registry, topic, is_key, root, id, e);
}

static uint32_t first_table(const struct publisher_snapshot *s)
{
    uint32_t i = 0;

    while (i < s->plan.table_count && !s->plan.tables[i].is_read)
        i++;
    return s->is_first ? i : UINT32_MAX;
}

static int read_rows(struct publisher *p, const struct emit_place *place, struct err *e)
{
    struct publisher_snapshot *s = &p->snapshot;
    struct crew               *crew = NULL;
    const struct crew_options  o = {
         .view = &s->view,
         .plan = &s->plan,
         .options = &p->options,
         .registrar = { .find = p->registry != NULL ? on_register : NULL, .arg = p },
         .place = *place,
         .first_table = first_table(s),
         .wake = publisher_wake,
         .wake_arg = p,
    };

    forget_again(s);
    TRY(crew_new(&o, &crew, e));
    int result = take_batches(p, crew, e);
    if (result != 0)
        publisher_snapshot_interrupt(p); /* for its threads, which may wait for rows */
    crew_free(crew);
    struct err ignored = { 0 };
    if (result != 0 && put_held(p, false, &ignored) == 0)
        (void)!keep_now(p, "rows", &ignored); /* else more is read again */
    s->holds = false;
    return result;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static void tell_begin(struct publisher *p)
{
    struct publisher_snapshot *s = &p->snapshot;
    struct snapshot_status     st = { .running = true, .begun_s = (int64_t)time(NULL) };

    for (uint32_t i = 0; i < s->plan.table_count; i++) {
        const struct snapshot_table *t = &s->plan.tables[i];
        st.tables += t->is_read && !t->is_done ? 1 : 0;
        st.rows_guessed += t->is_read && !t->is_done ? t->rows_guessed : 0;
    }
    st.rows_ahead = st.rows_guessed;
    (void)pthread_mutex_lock(&p->mutex);
    p->status.snapshot = st;
    (void)pthread_mutex_unlock(&p->mutex);
}

static void tell_end(struct publisher *p)
{
    char sentence[200];

    (void)pthread_mutex_lock(&p->mutex);
    struct snapshot_status *st = &p->status.snapshot;
    st->running = false;
    st->ended_s = (int64_t)time(NULL);
    (void)snprintf(sentence, sizeof sentence, "snapshot: %llu rows of %u tables in %lld s",
                   (unsigned long long)st->rows, st->tables_done,
                   (long long)(st->ended_s - st->begun_s));
    (void)pthread_mutex_unlock(&p->mutex);
    publisher_say(p, sentence);
}

static int write_all(struct publisher *p, struct err *e)
{
    struct publisher_snapshot *s = &p->snapshot;
    struct store_file          file;
    struct emit_place          place;

    TRY(place_of(p, &file, &place, e));
    tell_begin(p);
    TRY(keep_now(p, "rows", e));
    TRY(snapshot_announce(p, &place, e));
    if (s->with_rows)
        TRY(read_rows(p, &place, e));
    bool goes_on = s->again_count > 0;
    TRY(keep_now(p, goes_on ? "stream" : "done", e));
    tell_end(p);
    close_view(s);
    s->is_first = false;
    s->is_wanted = goes_on;
    s->is_over = !goes_on && p->options.snapshot_mode == SNAPSHOTS_INITIAL_ONLY;
    return 0;
}

int publisher_snapshot_step(struct publisher *p, struct err *e)
{
    struct publisher_snapshot *s = &p->snapshot;

    if (!s->is_wanted || !has_target(p) || p->at.next < s->target || p->output->repeats)
        return 0;
    if (write_all(p, e) == 0)
        return 0;
    (void)pthread_mutex_lock(&p->mutex);
    p->status.snapshot.running = false;
    (void)pthread_mutex_unlock(&p->mutex);
    return failed(p, e);
}

int publisher_snapshot_rest(struct publisher *p, bool *waits, struct err *e)
{
    struct publisher_snapshot *s = &p->snapshot;

    *waits = false;
    if (!s->is_wanted)
        return 0;
    if (!s->is_open && open_view(p, e) != 0)
        return failed(p, e);
    if (find_target(p, e) != 0)
        return failed(p, e);
    *waits = s->is_wanted && !has_target(p);
    return publisher_snapshot_step(p, e);
}

/* ---- decided ------------------------------------------------------------------------------- */

static void want(struct publisher_snapshot *s, bool with_rows, bool is_first)
{
    s->is_wanted = true;
    s->with_rows = with_rows;
    s->is_first = is_first;
}

/* Its place is where the stream begins. */
static int begin_at_view(struct publisher *p, struct err *e)
{
    struct publisher_snapshot *s = &p->snapshot;

    if (p->options.snapshot_delay_ms > 0 && !s->has_begun) {
        publisher_tell(p, PUBLISHER_WAITING, "snapshot.delay.ms is not over yet");
        publisher_wait(p, false, (int64_t)p->options.snapshot_delay_ms);
    }
    while (!publisher_is_interrupted(p)) {
        if (!s->is_open && open_view(p, e) != 0)
            return failed(p, e);
        if (find_target(p, e) != 0)
            return failed(p, e);
        if (has_target(p)) {
            p->at.next = s->target;
            return keep(p, "rows", e);
        }
        if (output_now_ms() - s->opened_ms >= TELL_MS)
            publisher_tell(p, PUBLISHER_WAITING,
                           "the relay has not received yet what the source has");
        publisher_wait(p, true, TELL_MS);
    }
    return err_set(e, E_STOPPED, "stopped before a snapshot began");
}

static bool is_lost(const struct publisher *p)
{
    struct store_file first;
    return store_first_file(p->store, &first) && store_pos_ordinal(p->at.next) < first.ordinal;
}

/* What is left of one that was begun. */
static int resume(struct publisher *p, struct err *e)
{
    const char *state = buf_text(&p->snapshot_state);
    bool        with_rows = p->options.snapshot_mode != SNAPSHOTS_NO_DATA;

    p->at.is_anew = strncmp(state, "rows", 4) == 0;
    TRY(parse(&p->snapshot, state, e));
    want(&p->snapshot, with_rows, false);
    return 0;
}

int publisher_snapshot_begin(struct publisher *p, bool is_found, struct err *e)
{
    struct publisher_snapshot *s = &p->snapshot;
    enum option_snapshots      mode = p->options.snapshot_mode;
    const char                *state = buf_text(&p->snapshot_state);
    eventfd_t                  ignored;
    bool                       is_running = *state != 0 && strcmp(state, "done") != 0;

    if (!publisher_is_interrupted(p))
        (void)eventfd_read(s->interrupt_fd, &ignored);
    bool is_start = !s->has_begun; /* of the process */
    if (mode == SNAPSHOTS_NONE)
        return is_running ? keep(p, "", e) : 0;
    bool begins = !is_found || (mode == SNAPSHOTS_WHEN_NEEDED && is_lost(p));
    if (is_running && !begins)
        return resume(p, e);
    s->is_over = is_found && mode == SNAPSHOTS_INITIAL_ONLY;
    forget_done(s);
    if (begins) {
        want(s, mode != SNAPSHOTS_NO_DATA && mode != SNAPSHOTS_RECOVERY, true);
        p->at.is_anew = is_found;
        TRY(begin_at_view(p, e));
    } else if (is_start && (mode == SNAPSHOTS_ALWAYS || mode == SNAPSHOTS_RECOVERY)) {
        want(s, mode == SNAPSHOTS_ALWAYS, true);
    }
    s->has_begun = true;
    return 0;
}
