#include "publisher/snapshot/chunk_reader.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "protocol/base/deadline.h"
#include "publisher/snapshot/touched.h"

enum {
    COLUMNS_MAX = DEFINITION_COLUMNS_MAX + CHUNK_KEYS_MAX,
    SQL_BYTES_MAX = 16 << 20,
    LITERAL_BYTES_MAX = CHUNK_LITERAL_BYTES_MAX + 64,
    GTIDS_SLICE_S = 2, /* a server's wait for GTIDs, between looks at whether to go on */
    RETRY_MS = 20,
    RETRY_MS_MAX = 1000,
    VIEWS_MAX = 200,
    MYSQL_UUID = 50600,      /* server_uuid, gtid_mode */
    MYSQL_GTID_WAIT = 50705, /* WAIT_FOR_EXECUTED_GTID_SET() */
    MYSQL_NEW_WORDS = 80200, /* SHOW BINARY LOG STATUS */
};
#define ROWS_BYTES_MAX (2ull << 30) /* a row of 1 GiB in addition to what was held */

struct chunk_reader {
    struct chunk_reader_options options;
    int                         interrupt_fd;
    pthread_t                   thread;
    bool                        runs;

    /* Of the thread alone. */
    struct select      *select;
    struct chunk_source source; /* who is connected to */
    bool                is_mariadb, has_gtids;
    uint32_t            version;
    struct slice       *values;
    struct buf          sql;
    int64_t             began_ms; /* with the answer, once the source was not busy */
    int64_t             next_ms;  /* not before: the limit of rows */
    struct touched      seen;     /* rows as READ UNCOMMITTED shows them */

    pthread_mutex_t mutex; /* of what is below */
    pthread_cond_t  woken;
    bool            stopping, is_ordered, is_answered;
    char            waits[ERR_TEXT_BYTES];

    struct chunk_order  order; /* the thread's between is_ordered and is_answered */
    char               *gtids;
    struct chunk_answer answer;
};

static int64_t now_ms(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- waiting ------------------------------------------------------------------------------- */

static void tell(struct chunk_reader *r, const char *sentence)
{
    (void)pthread_mutex_lock(&r->mutex);
    bool changed = strcmp(r->waits, sentence) != 0;
    (void)snprintf(r->waits, sizeof r->waits, "%s", sentence);
    (void)pthread_mutex_unlock(&r->mutex);
    if (changed)
        r->options.wake(r->options.wake_arg);
}

static int pause_ms(struct chunk_reader *r, int64_t ms, struct err *e)
{
    struct timespec until = deadline_in_ms(ms);

    (void)pthread_mutex_lock(&r->mutex);
    while (!r->stopping && pthread_cond_timedwait(&r->woken, &r->mutex, &until) == 0)
        ;
    bool stopping = r->stopping;
    (void)pthread_mutex_unlock(&r->mutex);
    return stopping ? err_set(e, E_STOPPED, "stopped while a table was read") : 0;
}

/* ---- questions ----------------------------------------------------------------------------- */

/* The first row's texts, "" for NULL; without a row all are "". */
static int ask_row(struct chunk_reader *r, const char *sql, char (*into)[256], uint32_t count,
                   struct err *e)
{
    uint32_t columns = 0;
    bool     more = true, is_last = false;

    for (uint32_t i = 0; i < count; i++)
        into[i][0] = 0;
    TRY(select_begin(r->select, sql, &columns, e));
    if (columns > COLUMNS_MAX)
        return err_set(e, E_LIMIT, "an answer of %u columns", columns);
    for (bool first = true; columns > 0 && more; first = false) {
        TRY(select_next(r->select, r->values, &more, &is_last, e));
        for (uint32_t i = 0; first && more && i < count && i < columns; i++)
            if (r->values[i].ptr != NULL)
                (void)snprintf(into[i], sizeof into[i], "%.*s", (int)r->values[i].len,
                               (const char *)r->values[i].ptr);
    }
    return 0;
}

static int run(struct chunk_reader *r, const char *sql, struct err *e)
{
    return ask_row(r, sql, NULL, 0, e);
}

/* ---- the connection ------------------------------------------------------------------------ */

static uint32_t version_of(const char *text)
{
    unsigned major = 0, minor = 0, patch = 0;

    if (sscanf(text, "%u.%u.%u", &major, &minor, &patch) < 2)
        return 0;
    return major * 10000 + minor * 100 + patch;
}

static int learn(struct chunk_reader *r, struct err *e)
{
    char row[2][256];

    TRY(ask_row(r, "SELECT VERSION(), @@GLOBAL.server_id", row, 2, e));
    r->is_mariadb = strstr(row[0], "MariaDB") != NULL;
    r->version = version_of(row[0]);
    r->source = (struct chunk_source){ .server_id = (uint32_t)strtoul(row[1], NULL, 10) };
    r->has_gtids = false;
    if (!r->is_mariadb && r->version >= MYSQL_UUID) {
        TRY(ask_row(r, "SELECT @@GLOBAL.server_uuid, @@GLOBAL.gtid_mode", row, 2, e));
        (void)snprintf(r->source.uuid, sizeof r->source.uuid, "%.63s", row[0]);
        r->has_gtids = strcmp(row[1], "ON") == 0;
    }
    return run(r,
               r->is_mariadb ? "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"
                             : "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
               e);
}

static void disconnect(struct chunk_reader *r)
{
    select_free(r->select);
    r->select = NULL;
}

static bool is_same(const struct chunk_source *a, const struct chunk_source *b)
{
    if (a->uuid[0] != 0 && b->uuid[0] != 0)
        return strcmp(a->uuid, b->uuid) == 0;
    return a->server_id == b->server_id;
}

static int connect_to_source(struct chunk_reader *r, struct err *e)
{
    if (r->select != NULL && !is_same(&r->source, &r->order.source))
        disconnect(r);
    if (r->select != NULL)
        return 0;
    TRY(r->options.open(r->options.arg, r->interrupt_fd, &r->select, e));
    TRY(learn(r, e));
    r->answer.is_elsewhere = !is_same(&r->source, &r->order.source);
    return !r->answer.is_elsewhere
               ? 0
               : err_set(e, E_IO, "%s is not the server that the stream comes from",
                         select_address(r->select));
}

/* ---- the source's own needs ---------------------------------------------------------------- */

/* Leaves the source alone while it is busy, and keeps to the limit of rows. */
static int spare_source(struct chunk_reader *r, struct err *e)
{
    const struct chunk_limits *l = &r->options.limits;
    int64_t                    ms = RETRY_MS;
    char                       row[2][256], why[ERR_TEXT_BYTES];

    if (r->next_ms > now_ms())
        TRY(pause_ms(r, r->next_ms - now_ms(), e));
    for (;; ms = 2 * ms < RETRY_MS_MAX ? 2 * ms : RETRY_MS_MAX) {
        why[0] = 0;
        if (l->threads_running > 0) {
            TRY(ask_row(r, "SHOW GLOBAL STATUS LIKE 'Threads_running'", row, 2, e));
            uint64_t running = strtoull(row[1], NULL, 10);
            if (running > l->threads_running)
                (void)snprintf(why, sizeof why,
                               "the source is left alone while %llu of its threads run "
                               "(snapshot.max.threads.running = %u)",
                               (unsigned long long)running, l->threads_running);
        }
        tell(r, why);
        if (why[0] == 0)
            return 0;
        TRY(pause_ms(r, ms, e));
    }
}

static void count_rows(struct chunk_reader *r, uint32_t rows)
{
    uint64_t per_s = r->options.limits.rows_per_s;

    if (per_s > 0)
        r->next_ms = now_ms() + (int64_t)(((uint64_t)rows * 1000 + per_s - 1) / per_s);
}

/* ---- places -------------------------------------------------------------------------------- */

/* A binlog's files are numbered upwards. */
static uint64_t number_of(const char *file)
{
    const char *dot = strrchr(file, '.');
    return dot != NULL ? strtoull(dot + 1, NULL, 10) : 0;
}

static bool is_before(const char *file, uint64_t offset, const struct chunk_order *than)
{
    uint64_t a = number_of(file), b = number_of(than->file);
    return a != b ? a < b : offset < than->offset;
}

static int ask_end(struct chunk_reader *r, struct err *e)
{
    struct chunk_answer *a = &r->answer;
    char                 row[2][256];
    bool                 is_new = !r->is_mariadb && r->version >= MYSQL_NEW_WORDS;

    TRY(ask_row(r, is_new ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS", row, 2, e));
    if (row[0][0] == 0)
        return err_set(e, E_CONFIG, "%s writes no binlog", select_address(r->select));
    (void)snprintf(a->file, sizeof a->file, "%s", row[0]);
    a->offset = strtoull(row[1], NULL, 10);
    return 0;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void drop_texts(char *key[CHUNK_KEYS_MAX])
{
    for (size_t i = 0; i < CHUNK_KEYS_MAX; i++) {
        free(key[i]);
        key[i] = NULL;
    }
}

static int take_key(const struct chunk_key *k, const struct slice *values,
                    char *into[CHUNK_KEYS_MAX], struct err *e)
{
    struct buf literal;
    int        result = 0;

    drop_texts(into);
    buf_init(&literal, LITERAL_BYTES_MAX);
    for (uint32_t i = 0; result == 0 && i < k->count; i++) {
        buf_clear(&literal);
        result = values[i].ptr == NULL ? err_set(e, E_PROTOCOL, "a key of NULL")
                                       : chunk_put_literal(k->forms[i], values[i], &literal, e);
        if (result == 0 && (into[i] = strdup(buf_text(&literal))) == NULL)
            result = err_set(e, E_NOMEM, "no memory for a key");
    }
    buf_done(&literal);
    return result;
}

static void put_row(const struct slice *values, uint32_t columns, struct buf *out)
{
    for (uint32_t i = 0; i < columns; i++) {
        buf_put_le(out, values[i].ptr != NULL ? values[i].len + 1 : 0, 8);
        if (values[i].ptr != NULL)
            buf_put(out, values[i]);
    }
}

static int check_columns(uint32_t columns, uint32_t least, struct err *e)
{
    if (columns >= least && columns <= COLUMNS_MAX)
        return 0;
    return err_set(e, E_PROTOCOL, "an answer of %u columns, where at least %u were asked for",
                   columns, least);
}

/* More than is to be held is passed over: the next chunk begins with it. */
static int read_rows(struct chunk_reader *r, const char *sql, const struct chunk_key *k,
                     struct err *e)
{
    struct chunk_answer *a = &r->answer;
    uint32_t             columns = 0, keys = k != NULL ? k->count : 0;
    bool                 more = true, is_last = false;

    buf_clear(&a->rows);
    a->row_count = 0;
    a->is_cut = false;
    drop_texts(a->last);
    TRY(select_begin(r->select, sql, &columns, e));
    TRY(check_columns(columns, keys + 1, e));
    a->columns = columns - keys;
    for (;;) {
        TRY(select_next(r->select, r->values, &more, &is_last, e));
        if (!more)
            return buf_check(&a->rows, "a chunk of rows", e);
        if (a->is_cut || (a->row_count > 0 && a->rows.len >= r->order.bytes_max)) {
            a->is_cut = true;
            continue;
        }
        put_row(r->values, a->columns, &a->rows);
        a->row_count++;
        if (k != NULL)
            TRY(take_key(k, r->values + a->columns, a->last, e));
    }
}

static int read_chunk(struct chunk_reader *r, const struct chunk *c, struct err *e)
{
    buf_clear(&r->sql);
    chunk_put_select(c, &r->sql);
    TRY(buf_check(&r->sql, "the statement for a chunk", e));
    return read_rows(r, buf_text(&r->sql), c->key, e);
}

/* ---- views that have all up to S ----------------------------------------------------------- */

static int note_repeat(struct chunk_reader *r, const char *why, int64_t *ms, struct err *e)
{
    if (++r->answer.repeats % 8 == 0)
        tell(r, why);
    TRY(pause_ms(r, *ms, e));
    *ms = 2 * *ms < RETRY_MS_MAX ? 2 * *ms : RETRY_MS_MAX;
    return 0;
}

static int read_mariadb(struct chunk_reader *r, const struct chunk *c, struct err *e)
{
    struct chunk_answer *a = &r->answer;
    int64_t              ms = 1;
    char                 file[2][256], position[2][256];

    for (;;) {
        TRY(run(r, "START TRANSACTION WITH CONSISTENT SNAPSHOT", e));
        TRY(ask_row(r, "SHOW STATUS LIKE 'binlog_snapshot_file'", file, 2, e));
        TRY(ask_row(r, "SHOW STATUS LIKE 'binlog_snapshot_position'", position, 2, e));
        if (file[1][0] == 0)
            return err_set(e, E_CONFIG, "%s does not tell where in its binlog a snapshot is",
                           select_address(r->select));
        (void)snprintf(a->file, sizeof a->file, "%s", file[1]);
        a->offset = strtoull(position[1], NULL, 10);
        if (!is_before(a->file, a->offset, &r->order))
            break;
        TRY(run(r, "ROLLBACK", e));
        TRY(note_repeat(r, "the source has not yet committed what it wrote to its binlog", &ms, e));
    }
    int result = read_chunk(r, c, e);
    if (result == 0 || e->kind == E_REFUSED) {
        struct err ignored;
        if (run(r, "ROLLBACK", result == 0 ? e : &ignored) != 0)
            return -1;
    }
    return result;
}

static int wait_for_gtids(struct chunk_reader *r, struct err *e)
{
    const int64_t ms = RETRY_MS;
    char          row[1][256];

    for (;;) {
        bool waits = r->answer.repeats > 0 && r->version >= MYSQL_GTID_WAIT;
        buf_clear(&r->sql);
        if (waits)
            buf_printf(&r->sql, "SELECT 1 - WAIT_FOR_EXECUTED_GTID_SET('%s', %d)", r->gtids,
                       GTIDS_SLICE_S);
        else
            buf_printf(&r->sql, "SELECT GTID_SUBSET('%s', @@GLOBAL.gtid_executed)", r->gtids);
        TRY(buf_check(&r->sql, "a question for GTIDs", e));
        TRY(ask_row(r, buf_text(&r->sql), row, 1, e));
        if (strcmp(row[0], "1") == 0)
            return 0;
        if (!waits)
            TRY(pause_ms(r, ms, e));
        r->answer.repeats++;
        tell(r, "the source has not yet committed what it wrote to its binlog");
    }
}

/* Whether each row is also what READ UNCOMMITTED shows. */
static int verify(struct chunk_reader *r, const struct chunk *c, bool *is_same_rows, struct err *e)
{
    struct chunk_answer *a = &r->answer;
    struct chunk         again = *c;
    struct buf           row;
    uint32_t             columns = 0;
    bool                 more = true, is_last = false;

    *is_same_rows = true;
    if (a->row_count == 0)
        return 0;
    again.upto = (const char *const *)a->last;
    again.rows = UINT32_MAX;
    buf_clear(&r->sql);
    chunk_put_select(&again, &r->sql);
    TRY(buf_check(&r->sql, "the statement for a chunk", e));
    touched_clear(&r->seen);
    TRY(run(r, "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED", e));
    TRY(select_begin(r->select, buf_text(&r->sql), &columns, e));
    TRY(check_columns(columns, a->columns, e));
    buf_init(&row, ROWS_BYTES_MAX);
    int result = 0;
    while (result == 0 && more) {
        result = select_next(r->select, r->values, &more, &is_last, e);
        if (result == 0 && more) {
            buf_clear(&row);
            put_row(r->values, a->columns, &row);
            touched_add(&r->seen, buf_slice(&row));
        }
    }
    buf_done(&row);
    TRY(result);
    TRY(run(r, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", e));

    struct cursor all = cursor_over(buf_slice(&a->rows));
    for (uint32_t i = 0; i < a->row_count && *is_same_rows; i++) {
        struct slice whole = { all.at, 0 };
        for (uint32_t n = 0; n < a->columns; n++) {
            uint64_t length = cursor_le(&all, 8);
            if (length > 0)
                (void)cursor_slice(&all, length - 1);
        }
        whole.len = (size_t)(all.at - whole.ptr);
        *is_same_rows = touched_has(&r->seen, whole);
    }
    return 0;
}

static int read_mysql(struct chunk_reader *r, const struct chunk *c, struct err *e)
{
    int64_t ms = RETRY_MS;
    bool    is_sure = r->has_gtids && r->gtids != NULL;

    if (is_sure)
        TRY(wait_for_gtids(r, e));
    for (;;) {
        bool is_same_rows = true;
        TRY(read_chunk(r, c, e));
        if (!is_sure)
            TRY(verify(r, c, &is_same_rows, e));
        if (is_same_rows)
            return ask_end(r, e);
        TRY(note_repeat(r,
                        "rows of the table are being changed by a transaction that is open at "
                        "the source: they are read when it has ended",
                        &ms, e));
    }
}

/* ---- orders -------------------------------------------------------------------------------- */

static int ask_last_key(struct chunk_reader *r, const struct chunk *c, bool *is_empty,
                        struct err *e)
{
    struct chunk_answer *a = &r->answer;
    uint32_t             columns = 0;
    bool                 more = true, is_last = false;

    *is_empty = true;
    buf_clear(&r->sql);
    chunk_put_last_key(c->key, c->condition, &r->sql);
    TRY(buf_check(&r->sql, "the statement for a last key", e));
    TRY(select_begin(r->select, buf_text(&r->sql), &columns, e));
    TRY(check_columns(columns, c->key->count, e));
    while (more) {
        TRY(select_next(r->select, r->values, &more, &is_last, e));
        if (more) {
            TRY(take_key(c->key, r->values, a->upto, e));
            *is_empty = false;
        }
    }
    return 0;
}

static int list_tables(struct chunk_reader *r, struct err *e)
{
    return read_rows(r,
                     "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_ROWS FROM INFORMATION_SCHEMA.TABLES "
                     "WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN ('mysql', "
                     "'information_schema', 'performance_schema', 'sys')",
                     NULL, e);
}

static int carry_out(struct chunk_reader *r, struct err *e)
{
    r->began_ms = now_ms();
    TRY(connect_to_source(r, e));
    if (r->order.chunk == NULL)
        return list_tables(r, e);
    struct chunk c = *r->order.chunk;
    TRY(spare_source(r, e));
    r->began_ms = now_ms();
    if (r->order.wants_last_key) {
        bool is_empty = false;
        TRY(ask_last_key(r, &c, &is_empty, e));
        if (is_empty)
            return ask_end(r, e);
        c.upto = (const char *const *)r->answer.upto;
    }
    TRY(r->is_mariadb ? read_mariadb(r, &c, e) : read_mysql(r, &c, e));
    count_rows(r, r->answer.row_count);
    return 0;
}

/* A source that is away is asked again. */
static bool may_pass(enum err_kind kind)
{
    return kind == E_IO || kind == E_AUTH || kind == E_PROTOCOL || kind == E_STOPPED;
}

static void answer(struct chunk_reader *r)
{
    struct chunk_answer *a = &r->answer;
    struct err           ignored;

    a->why = (struct err){ 0 };
    a->row_count = a->columns = a->repeats = 0;
    a->is_cut = false;
    a->file[0] = 0;
    a->offset = 0;
    drop_texts(a->last);
    drop_texts(a->upto);
    buf_clear(&a->rows);
    a->is_elsewhere = false;
    a->result = carry_out(r, &a->why);
    if (a->result != 0 && may_pass(a->why.kind)) {
        disconnect(r);
        tell(r, a->why.text);
        if (pause_ms(r, RETRY_MS_MAX, &ignored) != 0)
            a->why = ignored;
    } else if (a->result != 0 && ask_end(r, &ignored) != 0) {
        a->file[0] = 0;
        disconnect(r);
    }
    a->took_ms = now_ms() - r->began_ms;
    tell(r, "");
}

static void *thread_main(void *arg)
{
    struct chunk_reader *r = arg;

    (void)pthread_mutex_lock(&r->mutex);
    for (;;) {
        while (!r->stopping && (!r->is_ordered || r->is_answered))
            (void)pthread_cond_wait(&r->woken, &r->mutex);
        if (r->stopping)
            break;
        (void)pthread_mutex_unlock(&r->mutex);
        answer(r);
        (void)pthread_mutex_lock(&r->mutex);
        r->is_answered = true;
        (void)pthread_mutex_unlock(&r->mutex);
        r->options.wake(r->options.wake_arg);
        (void)pthread_mutex_lock(&r->mutex);
    }
    (void)pthread_mutex_unlock(&r->mutex);
    return NULL;
}

/* ---- the publisher's side ------------------------------------------------------------------ */

static void init_waiting(struct chunk_reader *r)
{
    pthread_condattr_t attr;

    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&r->woken, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&r->mutex, NULL);
}

int chunk_reader_new(const struct chunk_reader_options *o, struct chunk_reader **out, struct err *e)
{
    struct chunk_reader *r = calloc(1, sizeof *r);

    if (r == NULL)
        return err_set(e, E_NOMEM, "no memory for reading tables");
    init_waiting(r);
    r->options = *o;
    buf_init(&r->sql, SQL_BYTES_MAX);
    buf_init(&r->answer.rows, ROWS_BYTES_MAX);
    touched_init(&r->seen, ROWS_BYTES_MAX);
    r->values = calloc(COLUMNS_MAX, sizeof *r->values);
    r->interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int failed = r->values == NULL || r->interrupt_fd < 0
                     ? ENOMEM
                     : pthread_create(&r->thread, NULL, thread_main, r);
    if (failed != 0) {
        chunk_reader_free(r);
        return err_set(e, E_NOMEM, "can't start a thread for reading tables: %s", strerror(failed));
    }
    r->runs = true;
    *out = r;
    return 0;
}

void chunk_reader_free(struct chunk_reader *r)
{
    if (r == NULL)
        return;
    if (r->runs) {
        uint64_t one = 1;
        (void)pthread_mutex_lock(&r->mutex);
        r->stopping = true;
        (void)pthread_cond_broadcast(&r->woken);
        (void)pthread_mutex_unlock(&r->mutex);
        (void)!write(r->interrupt_fd, &one, sizeof one);
        (void)pthread_join(r->thread, NULL);
    }
    disconnect(r);
    if (r->interrupt_fd >= 0)
        (void)close(r->interrupt_fd);
    drop_texts(r->answer.last);
    drop_texts(r->answer.upto);
    buf_done(&r->answer.rows);
    buf_done(&r->sql);
    touched_done(&r->seen);
    free(r->values);
    free(r->gtids);
    (void)pthread_cond_destroy(&r->woken);
    (void)pthread_mutex_destroy(&r->mutex);
    free(r);
}

int chunk_reader_ask(struct chunk_reader *r, const struct chunk_order *o, struct err *e)
{
    char *gtids = o->gtids != NULL ? strdup(o->gtids) : NULL;

    if (o->gtids != NULL && gtids == NULL)
        return err_set(e, E_NOMEM, "no memory for GTIDs");
    (void)pthread_mutex_lock(&r->mutex);
    assert(!r->is_ordered || r->is_answered);
    free(r->gtids);
    r->gtids = gtids;
    r->order = *o;
    r->is_ordered = true;
    r->is_answered = false;
    (void)pthread_cond_broadcast(&r->woken);
    (void)pthread_mutex_unlock(&r->mutex);
    return 0;
}

bool chunk_reader_is_busy(struct chunk_reader *r)
{
    (void)pthread_mutex_lock(&r->mutex);
    bool is_busy = r->is_ordered && !r->is_answered;
    (void)pthread_mutex_unlock(&r->mutex);
    return is_busy;
}

const struct chunk_answer *chunk_reader_answer(struct chunk_reader *r)
{
    (void)pthread_mutex_lock(&r->mutex);
    bool is_there = r->is_ordered && r->is_answered;
    (void)pthread_mutex_unlock(&r->mutex);
    return is_there ? &r->answer : NULL;
}

void chunk_reader_done(struct chunk_reader *r)
{
    (void)pthread_mutex_lock(&r->mutex);
    assert(r->is_answered);
    r->is_ordered = false;
    (void)pthread_mutex_unlock(&r->mutex);
}

void chunk_reader_waits(struct chunk_reader *r, char *into, size_t size)
{
    (void)pthread_mutex_lock(&r->mutex);
    (void)snprintf(into, size, "%s", r->waits);
    (void)pthread_mutex_unlock(&r->mutex);
}
