#include "publisher/snapshot/incremental_core.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "publisher/tables/definition_ddl.h"
#include "storage/locate.h"

enum {
    CHUNK_BYTES = 4 << 20,
    TOUCHED_BYTES = 16 << 20,
    ROWS_MIN = 16,
    ROWS_MAX = 8192, /* so that the stream waits for no more while they are written */
    TOO_LONG_MS = 500,
    RETRY_MS = 1000,
    QUICK_MS = 100,
    REFUSED_MAX = 3, /* a table that changed is seen anew by then */
    KEY_BYTES_MAX = 1 << 26,
    GTIDS_BYTES_MAX = 16 << 20,
    COLUMNS_SQL_MAX = 16 << 20,
    /* Error numbers of servers. */
    ERR_NO_DATABASE = 1049,
    ERR_NO_COLUMN = 1054,
    ERR_NO_TABLE = 1146,
};

/* ---- made ---------------------------------------------------------------------------------- */

int incremental_new(struct publisher *p, const struct publisher_source *source,
                    struct incremental **out, struct err *e)
{
    struct incremental *i = calloc(1, sizeof *i);

    if (i == NULL)
        return err_set(e, E_NOMEM, "no memory for snapshots");
    i->p = p;
    i->source = *source;
    i->plain = encoding_json_plain();
    incremental_state_init(&i->state);
    touched_init(&i->touched, TOUCHED_BYTES);
    buf_init(&i->key_text, KEY_BYTES_MAX);
    buf_init(&i->gtids, GTIDS_BYTES_MAX);
    buf_init(&i->open.columns, COLUMNS_SQL_MAX);
    buf_init(&i->open.json, COLUMNS_SQL_MAX);
    (void)pthread_mutex_init(&i->mutex, NULL);
    (void)pthread_cond_init(&i->taken, NULL);
    i->last = &i->first;
    *out = i;
    return 0;
}

void incremental_free(struct incremental *i)
{
    if (i == NULL)
        return;
    incremental_refuse(i, "the publisher has ended");
    incremental_end(i);
    incremental_state_done(&i->state);
    touched_done(&i->touched);
    buf_done(&i->key_text);
    buf_done(&i->gtids);
    buf_done(&i->open.columns);
    buf_done(&i->open.json);
    (void)pthread_cond_destroy(&i->taken);
    (void)pthread_mutex_destroy(&i->mutex);
    free(i);
}

void incremental_close_table(struct incremental *i)
{
    struct incremental_source *o = &i->open;

    snapshot_row_free(o->row);
    shape_free(o->shape);
    definition_free(o->definition);
    free(o->texts);
    o->row = NULL;
    o->shape = NULL;
    o->definition = NULL;
    o->texts = NULL;
}

/* ---- what is told -------------------------------------------------------------------------- */

void incremental_tell(struct incremental *i)
{
    const struct incremental_state *s = &i->state;
    struct snapshot_progress       *told = &i->progress;
    char                            waits[ERR_TEXT_BYTES] = "";

    if (i->reader != NULL)
        chunk_reader_waits(i->reader, waits, sizeof waits);
    (void)pthread_mutex_lock(&i->mutex);
    told->known = true;
    told->active = s->count > 0 || s->order_count > 0;
    told->paused = s->paused;
    told->tables_left = s->count;
    told->rows = s->count > 0 ? s->rows : 0;
    told->rows_guessed = s->count > 0 ? s->tables[0].guessed : 0;
    told->table[0] = 0;
    if (s->count > 0)
        (void)snprintf(told->table, sizeof told->table, "%s.%s", s->tables[0].database,
                       s->tables[0].table);
    told->chunk_rows = i->rows;
    (void)snprintf(told->waits, sizeof told->waits, "%s", s->count > 0 ? waits : "");
    (void)pthread_mutex_unlock(&i->mutex);
}

void incremental_status(struct incremental *i, struct snapshot_progress *out)
{
    (void)pthread_mutex_lock(&i->mutex);
    *out = i->progress;
    (void)pthread_mutex_unlock(&i->mutex);
}

/* ---- the stream meanwhile ------------------------------------------------------------------ */

static bool is_watching(const struct incremental *i)
{
    return i->phase == INCREMENTAL_READING || i->phase == INCREMENTAL_HOLDING;
}

static int put_key(struct incremental *i, const struct shape *s, const struct value *values,
                   const struct value *other, struct err *e)
{
    buf_clear(&i->key_text);
    TRY(shape_put_key(s, &i->plain, values, other, &i->key_text, e));
    return buf_check(&i->key_text, "a row's key", e);
}

/* Rows without a key can't be told apart: the chunk is read again. */
static int note_row(struct incremental *i, const struct shape *s, const struct value *values,
                    const struct value *other, struct err *e)
{
    if (!is_watching(i) || strcmp(s->definition->table, i->state.tables[0].table) != 0 ||
        strcmp(s->definition->database, i->state.tables[0].database) != 0)
        return 0;
    if (s->key_count == 0) {
        i->is_changed = true;
        return 0;
    }
    TRY(put_key(i, s, values, other, e));
    touched_add(&i->touched, buf_slice(&i->key_text));
    return 0;
}

/* It is kept with the place behind its transaction, until it is taken up. */
static int take_signal_row(struct incremental *i, const struct shape *s, const struct value *values,
                           struct err *e)
{
    struct slice texts[3] = { slice_empty(), slice_empty(), slice_empty() };

    if (s->definition->column_count < 3)
        return 0;
    for (int n = 0; n < 3; n++)
        if (values[n].kind == VALUE_BYTES)
            texts[n] = values[n].bytes;
    i->is_dirty = true;
    return incremental_state_order(&i->state, texts[0], texts[1], texts[2], e);
}

static int on_row(void *arg, const struct shape *s, const struct value *values,
                  const struct value *other, bool is_insert, struct err *e)
{
    struct incremental *i = arg;

    if (is_insert && *i->p->options.signal_table != 0 &&
        strcasecmp(s->collection, i->p->options.signal_table) == 0)
        TRY(take_signal_row(i, s, values, e));
    return note_row(i, s, values, other, e);
}

static bool names(struct slice text, const char *name)
{
    size_t n = strlen(name);

    for (size_t at = 0; at + n <= text.len; at++)
        if (strncasecmp((const char *)text.ptr + at, name, n) == 0)
            return true;
    return false;
}

/* What exactly a statement does need not be known: reading a chunk again costs little. */
static void on_statement(void *arg, struct slice database, struct slice text)
{
    struct incremental *i = arg;

    (void)database;
    if (is_watching(i) && (text.len == 0 || names(text, i->state.tables[0].table) ||
                           names(text, i->state.tables[0].database)))
        i->is_changed = true;
}

/* ---- kept ---------------------------------------------------------------------------------- */

static int put_state(struct incremental *i, struct err *e)
{
    struct buf *out = &i->p->incremental_state;

    i->is_dirty = false;
    buf_clear(out);
    incremental_state_put(&i->state, out);
    TRY(buf_check(out, "the state of a snapshot", e));
    return publisher_renew_state(i->p, e);
}

/* Where lines are counted after a crash, what can't come again in the same way lies between two
   checkpoints. */
static int settle(struct incremental *i, struct reader *r, struct err *e)
{
    TRY(put_state(i, e));
    TRY(publisher_pass(i->p, reader_pos(r), e));
    return i->p->output->kind->counts ? i->p->output->kind->finish(i->p->output, e) : 0;
}

int incremental_begin_writing(struct incremental *i, struct reader *r, struct err *e)
{
    i->state.is_writing = true;
    return i->p->output->kind->counts ? settle(i, r, e) : 0;
}

int incremental_keep(struct incremental *i, struct reader *r, struct err *e)
{
    i->state.is_writing = false;
    incremental_tell(i);
    return settle(i, r, e);
}

/* ---- the table ----------------------------------------------------------------------------- */

int incremental_define(struct incremental *i, const char *database, const char *table, store_pos at,
                       struct definition **out, struct err *e)
{
    const struct definition *known = NULL;
    struct buf               json;
    int found = convert_definition(i->p->convert, database, table, at, &known, e);

    if (found < 0)
        return -1;
    if (found > 0)
        return definition_copy(known, known->database, known->table, out, e);
    if (i->p->fetch == NULL)
        return err_set(e, E_PURGED, "nobody knows table %s.%s", database, table);
    buf_init(&json, COLUMNS_SQL_MAX);
    int result = i->p->fetch(i->p->fetch_arg, database, table, &json, e);
    if (result == 0)
        result = definition_from_json(buf_slice(&json), out, e);
    buf_done(&json);
    return result;
}

static int open_table(struct incremental *i, struct reader *r, struct err *e)
{
    const struct incremental_table *t = &i->state.tables[0];
    struct incremental_source      *o = &i->open;

    incremental_close_table(i);
    TRY(incremental_define(i, t->database, t->table, reader_pos(r), &o->definition, e));
    TRY(chunk_key_of(o->definition, t->surrogate, &o->key, e));
    TRY(convert_read_table(i->p->convert, reader_format(r)->family, o->definition, &o->shape, e));
    TRY(snapshot_row_new(o->shape, i->p->options.adjust_years, &o->row, e));
    o->texts = calloc(o->definition->column_count + 1, sizeof *o->texts);
    if (o->texts == NULL)
        return err_set(e, E_NOMEM, "no memory for a row of %u columns",
                       o->definition->column_count);
    buf_clear(&o->columns);
    buf_clear(&o->json);
    snapshot_put_columns(o->definition, &o->columns);
    definition_put_json(o->definition, &o->json);
    TRY(buf_check(&o->columns, "the columns of a table", e));
    return buf_check(&o->json, "the definition of a table", e);
}

/* Whether the stream still knows the table as it was when the chunk was asked for. */
static int check_table(struct incremental *i, struct reader *r, bool *is_same, struct err *e)
{
    const struct incremental_table *t = &i->state.tables[0];
    const struct definition        *known = NULL;
    struct buf                      json;
    int found = convert_definition(i->p->convert, t->database, t->table, reader_pos(r), &known, e);

    *is_same = !i->is_changed && !i->touched.is_over;
    if (found <= 0)
        return found; /* it came from the source, and statements are noted */
    buf_init(&json, COLUMNS_SQL_MAX);
    definition_put_json(known, &json);
    int result = buf_check(&json, "the definition of a table", e);
    *is_same = *is_same && slice_equal(buf_slice(&json), buf_slice(&i->open.json));
    buf_done(&json);
    return result;
}

/* ---- asking -------------------------------------------------------------------------------- */

static int need_reader(struct incremental *i, struct err *e)
{
    const struct options             *p = &i->p->options;
    const struct chunk_reader_options o = {
        .open = i->source.open,
        .arg = i->source.arg,
        .wake = publisher_wake,
        .wake_arg = i->p,
        .limits = { .threads_running = (uint32_t)p->snapshot_threads,
                    .rows_per_s = p->snapshot_rows_per_s },
    };
    return i->reader != NULL ? 0 : chunk_reader_new(&o, &i->reader, e);
}

static int put_gtids(struct incremental *i, store_pos at, struct err *e)
{
    struct gtids here = { 0 };

    if (!i->p->output->kind->wants_gtids && !i->p->keeps_gtids) {
        TRY(locate_gtids_at(i->p->store, at, &here, e));
        gtids_done(&i->p->gtids);
        i->p->gtids = here;
        i->p->keeps_gtids = true;
    }
    buf_clear(&i->gtids);
    gtids_put_text(&i->p->gtids, &i->gtids);
    return buf_check(&i->gtids, "GTIDs", e);
}

int incremental_ask(struct incremental *i, const struct chunk *c, bool wants_last_key,
                    struct reader *r, struct err *e)
{
    const struct store_file *here = reader_file(r);
    struct chunk_order       o = { .chunk = c,
                                   .wants_last_key = wants_last_key,
                                   .bytes_max = CHUNK_BYTES,
                                   .source = { .server_id = here->source.server_id },
                                   .offset = store_pos_offset(reader_pos(r)) };

    TRY(need_reader(i, e));
    TRY(put_gtids(i, reader_pos(r), e));
    if (i->gtids.len > 0 && reader_format(r)->family == FAMILY_MYSQL)
        o.gtids = buf_text(&i->gtids);
    (void)snprintf(o.source.uuid, sizeof o.source.uuid, "%s", here->source.uuid);
    (void)snprintf(o.file, sizeof o.file, "%s", here->source_file);
    i->epoch = here->epoch;
    i->is_changed = false;
    touched_clear(&i->touched);
    return chunk_reader_ask(i->reader, &o, e);
}

/* The server that is followed now is the one to ask: before the stream has come to what was copied
   from it, its places can't be compared. */
static bool is_in_newest_epoch(const struct incremental *i, struct reader *r)
{
    struct store_file last;
    return store_last_file(i->p->store, &last) && last.epoch == reader_file(r)->epoch;
}

static uint32_t rows_allowed(const struct incremental *i)
{
    uint64_t per_s = i->p->options.snapshot_rows_per_s;
    uint32_t most = ROWS_MAX;

    if (per_s > 0 && per_s / 4 < most)
        most = per_s / 4 > 0 ? (uint32_t)(per_s / 4) : 1;
    return i->rows < most ? i->rows : most;
}

static int ask_chunk(struct incremental *i, struct reader *r, struct err *e)
{
    const struct incremental_state *s = &i->state;

    i->chunk = (struct chunk){
        .key = &i->open.key,
        .columns = buf_slice(&i->open.columns),
        .condition = s->tables[0].condition,
        .behind = s->behind[0] != NULL ? (const char *const *)s->behind : NULL,
        .upto = s->upto[0] != NULL ? (const char *const *)s->upto : NULL,
        .rows = rows_allowed(i),
    };
    TRY(incremental_ask(i, &i->chunk, s->upto[0] == NULL, r, e));
    i->phase = INCREMENTAL_READING;
    incremental_tell(i);
    return 0;
}

/* ---- tables begin and end ------------------------------------------------------------------ */

static void say_of_table(struct incremental *i, const char *what, const char *why)
{
    char sentence[ERR_TEXT_BYTES + 700];

    (void)snprintf(sentence, sizeof sentence, "%s %s.%s: %s", what, i->state.tables[0].database,
                   i->state.tables[0].table, why);
    publisher_say(i->p, sentence);
    (void)pthread_mutex_lock(&i->mutex);
    (void)snprintf(i->progress.problem, sizeof i->progress.problem, "table %s.%s: %s",
                   i->state.tables[0].database, i->state.tables[0].table, why);
    (void)pthread_mutex_unlock(&i->mutex);
}

static void next_table(struct incremental *i)
{
    incremental_close_table(i);
    incremental_state_drop(&i->state, 0);
    i->phase = INCREMENTAL_REST;
    i->refused = 0;
    i->rows = (uint32_t)i->p->options.chunk_rows;
    (void)pthread_mutex_lock(&i->mutex);
    i->progress.tables_done++;
    i->progress.begun_s = 0;
    (void)pthread_mutex_unlock(&i->mutex);
}

static int leave_out(struct incremental *i, struct reader *r, const char *why, struct err *e)
{
    say_of_table(i, "leaves the snapshot's table out:", why);
    TRY(incremental_begin_writing(i, r, e));
    next_table(i);
    return incremental_keep(i, r, e);
}

static int begin_chunk(struct incremental *i, struct reader *r, struct err *e)
{
    struct err why = { 0 };

    i->is_late = false;
    if (!is_in_newest_epoch(i, r))
        return 0;
    if (i->open.definition == NULL && open_table(i, r, &why) != 0) {
        incremental_close_table(i);
        if (why.kind == E_CONFIG || why.kind == E_PURGED || why.kind == E_LIMIT)
            return leave_out(i, r, why.text, e);
        if (why.kind == E_NOMEM) {
            *e = why;
            return -1;
        }
        i->is_late = true; /* the source can't be asked now */
        return 0;
    }
    (void)pthread_mutex_lock(&i->mutex);
    if (i->progress.begun_s == 0)
        i->progress.begun_s = (int64_t)time(NULL);
    (void)pthread_mutex_unlock(&i->mutex);
    return ask_chunk(i, r, e);
}

/* ---- answers ------------------------------------------------------------------------------- */

static void read_again(struct incremental *i)
{
    chunk_reader_done(i->reader);
    i->phase = INCREMENTAL_REST;
    incremental_close_table(i);
    i->rows = i->rows / 2 > ROWS_MIN ? i->rows / 2 : ROWS_MIN;
    (void)pthread_mutex_lock(&i->mutex);
    i->progress.chunks_again++;
    (void)pthread_mutex_unlock(&i->mutex);
}

static uint64_t number_of(const char *file)
{
    const char *dot = strrchr(file, '.');
    return dot != NULL ? strtoull(dot + 1, NULL, 10) : 0;
}

static bool has_passed(const struct chunk_answer *a, struct reader *r)
{
    uint64_t here = number_of(reader_file(r)->source_file), high = number_of(a->file);
    return here != high ? here > high : store_pos_offset(reader_pos(r)) >= a->offset;
}

static int64_t now_us(void)
{
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The event that the stream stands behind; where none came since the start, its place. */
static struct emit_place place_of(struct incremental *i, struct reader *r,
                                  struct convert_mark *mark)
{
    convert_last(i->p->convert, mark);
    bool is_here = store_pos_ordinal(mark->pos) == store_pos_ordinal(reader_pos(r));
    return (struct emit_place){
        .pos = reader_pos(r),
        .source = { .family = reader_format(r)->family,
                    .snapshot = SNAPSHOT_INCREMENTAL,
                    .time_us = now_us(),
                    .server_id =
                        mark->pos != 0 ? mark->server_id : reader_file(r)->source.server_id,
                    .gtid = mark->gtid,
                    .file = reader_file(r)->name,
                    .position = store_pos_offset(is_here ? mark->pos : reader_pos(r)),
                    .has_thread = mark->has_thread,
                    .thread_id = mark->thread_id,
                    .query = slice_empty() },
    };
}

static void take_texts(struct incremental *i, struct cursor *c, uint32_t columns)
{
    for (uint32_t n = 0; n < columns; n++) {
        uint64_t length = cursor_le(c, 8);
        i->open.texts[n] = length > 0 ? cursor_slice(c, length - 1) : (struct slice){ .ptr = NULL };
    }
}

static int write_rows(struct incremental *i, const struct chunk_answer *a, struct reader *r,
                      uint32_t *written, struct err *e)
{
    struct cursor       c = cursor_over(buf_slice(&a->rows));
    struct convert_mark mark;
    struct emit_place   at = place_of(i, r, &mark);

    for (uint32_t n = 0; n < a->row_count; n++) {
        take_texts(i, &c, a->columns);
        TRY(snapshot_row_take(i->open.row, i->open.texts, e));
        if (i->open.shape->key_count > 0) {
            TRY(put_key(i, i->open.shape, i->open.shape->before, NULL, e));
            if (touched_has(&i->touched, buf_slice(&i->key_text)))
                continue;
        }
        at.source.time_us = now_us();
        TRY(convert_read(i->p->convert, &at, i->open.shape, e));
        ++*written;
    }
    return 0;
}

static void note_chunk(struct incremental *i, const struct chunk_answer *a, uint32_t written)
{
    (void)pthread_mutex_lock(&i->mutex);
    struct snapshot_progress *p = &i->progress;
    int64_t                   ms = a->took_ms > 0 ? a->took_ms : 1;
    uint64_t                  now = (uint64_t)a->row_count * 1000 / (uint64_t)ms;
    p->rows_total += written;
    p->rows_left_out += a->row_count - written;
    p->chunks_again += a->repeats;
    p->rows_per_s = p->rows_per_s == 0 ? now : (p->rows_per_s * 7 + now) / 8;
    (void)pthread_mutex_unlock(&i->mutex);
    if (a->is_cut || a->took_ms > TOO_LONG_MS)
        i->rows = i->rows / 2 > ROWS_MIN ? i->rows / 2 : ROWS_MIN;
    else if (a->took_ms < QUICK_MS && a->row_count >= i->rows && a->rows.len < CHUNK_BYTES / 4)
        i->rows = i->rows * 2 < ROWS_MAX ? i->rows * 2 : ROWS_MAX;
}

static int write_chunk(struct incremental *i, const struct chunk_answer *a, struct reader *r,
                       struct err *e)
{
    uint32_t written = 0;
    bool     is_end = !a->is_cut && a->row_count < i->chunk.rows;

    TRY(incremental_begin_writing(i, r, e));
    if (write_rows(i, a, r, &written, e) != 0)
        return err_note(e, "snapshot of table %s.%s", i->state.tables[0].database,
                        i->state.tables[0].table);
    note_chunk(i, a, written);
    if (a->row_count > 0)
        TRY(incremental_state_set_key(i->state.behind, (const char *const *)a->last, e));
    if (a->upto[0] != NULL)
        TRY(incremental_state_set_key(i->state.upto, (const char *const *)a->upto, e));
    i->state.rows += a->row_count;
    i->refused = 0;
    chunk_reader_done(i->reader);
    i->phase = INCREMENTAL_REST;
    if (is_end)
        next_table(i);
    return incremental_keep(i, r, e);
}

/* The server refused. What a statement changed is seen once the stream has passed it. */
static int take_refusal(struct incremental *i, const struct chunk_answer *a, struct reader *r,
                        struct err *e)
{
    struct err why = a->why;
    bool       may_be_changed =
        why.sys == ERR_NO_TABLE || why.sys == ERR_NO_COLUMN || why.sys == ERR_NO_DATABASE;

    read_again(i);
    if (may_be_changed && ++i->refused < REFUSED_MAX)
        return 0;
    return leave_out(i, r, why.text, e);
}

static int take_answer(struct incremental *i, struct reader *r, struct err *e)
{
    const struct chunk_answer *a = chunk_reader_answer(i->reader);
    bool                       is_same = false;

    if (a == NULL) {
        incremental_tell(i);
        return 0;
    }
    if (i->phase == INCREMENTAL_LISTING)
        return incremental_take_list(i, r, a, e);
    if (reader_file(r)->epoch != i->epoch || a->is_elsewhere ||
        (a->result != 0 && a->why.kind != E_REFUSED && a->why.kind != E_LIMIT)) {
        read_again(i);
        return 0;
    }
    i->phase = INCREMENTAL_HOLDING;
    if (a->file[0] != 0 && !has_passed(a, r))
        return 0;
    if (a->result != 0)
        return take_refusal(i, a, r, e);
    TRY(check_table(i, r, &is_same, e));
    if (is_same)
        return write_chunk(i, a, r, e);
    read_again(i);
    return 0;
}

/* ---- steps --------------------------------------------------------------------------------- */

int incremental_begin(struct incremental *i, struct err *e)
{
    const struct convert_watch w = { .rows = { .row = on_row, .arg = i },
                                     .statement = on_statement,
                                     .arg = i };

    incremental_end(i);
    incremental_state_done(&i->state);
    incremental_state_init(&i->state);
    if (i->p->incremental_state.len > 0)
        TRY(incremental_state_read(buf_slice(&i->p->incremental_state), &i->state, e));
    i->rows = (uint32_t)i->p->options.chunk_rows;
    i->p->at.is_anew |= i->state.is_writing;
    convert_set_watch(i->p->convert, &w);
    incremental_tell(i);
    return 0;
}

void incremental_end(struct incremental *i)
{
    chunk_reader_free(i->reader);
    i->reader = NULL;
    i->phase = INCREMENTAL_REST;
    i->p->keeps_gtids = false;
    incremental_close_table(i);
}

int incremental_boundary(struct incremental *i, struct err *e)
{
    return i->is_dirty ? put_state(i, e) : 0;
}

int incremental_step(struct incremental *i, struct reader *r, struct err *e)
{
    if (i->p->output->repeats)
        return 0;
    TRY(incremental_take_orders(i, e));
    if (i->phase != INCREMENTAL_REST)
        TRY(take_answer(i, r, e));
    TRY(incremental_take_requests(i, r, e));
    /* Again for each table that is left out. */
    for (size_t left = SIZE_MAX; i->phase == INCREMENTAL_REST && !i->state.paused &&
                                 i->state.count > 0 && i->state.count < left;) {
        left = i->state.count;
        TRY(begin_chunk(i, r, e));
    }
    return 0;
}

int64_t incremental_due_ms(const struct incremental *i)
{
    return i->is_late ? RETRY_MS : -1;
}
